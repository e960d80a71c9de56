/* The kinds of databases that the contract suites run on: a row each, and how they differ. */
#ifndef ENGINES_H
#define ENGINES_H

#include "test.h"

enum engine_words { IN_SQLITE, IN_POSTGRES, IN_MARIADB };

struct engine {
    const char *name;
    bool is_persistent;        /* what was written is there when it is opened again */
    bool has_code_point_order; /* texts are ordered by code point */
    bool is_file;              /* SQLite's: a test may look into it with raw.h, path is its place */
    bool
        is_seen_by_others; /* there are several connections: fixture_look_int() and its like work */
    bool is_extra;     /* only where DAYBOOK_TEST_ENGINE names it: it differs little from another */
    int64_t value_max; /* bytes of a value of build data */
    /* The URL of a new, empty place; NULL: not on this machine. */
    const char *(*place)(void);
    /* The same of a copy of a database that a Buildbot master made, given as a file of SQLite; NULL: there are none
     * of this kind. */
    const char *(*buildbot_place)(const char *file);
    enum engine_words words; /* the SQL of its kind */
    /* A connection past the library that is kept, and what comes of a statement on it: the first column of the first
     * row. NULL: a file, see raw.h. */
    void *(*connect)(const char *url);
    const char *(*text_on)(void *connection, const char *sql);
    void (*disconnect)(void *connection);
    /* A look at a place past the library, at the first column of the first row, NULL for NULL; and a change of it. */
    const char *(*look)(const char *url, const char *sql);
    void (*change)(const char *url, const char *sql);
};

extern const struct engine ENGINES[];
extern const size_t ENGINE_COUNT;

#endif
