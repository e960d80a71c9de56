/*
 * A copy of a database that a real Buildbot master wrote, for each test; and its rows as lines of text, so
 * that records of the library can be held against plain SQL.
 */
#ifndef BUILDBOT_H
#define BUILDBOT_H

#include "engines.h"
#include "raw.h"
#include "wait.h"

struct buildbot {
    const struct engine *engine;
    const char *folder;
    const char *path; /* a copy as a file of SQLite, which is what is opened if engine->is_file */
    const char *url;
    struct dbk_store *store;
    int64_t now; /* the store's clock */
    void *held;  /* buildbot_hold()'s connection */
};

/* Runs a suite's tests, each on a copy of the database that the program's argument names, on each engine that has
 * such. The test opens it; it is closed in the end. Result: main()'s. */
int buildbot_run(const char *name, const char *database, const struct CMUnitTest *tests,
                 size_t count);

/* Opens the copy; options are those of the URL, "?writes=existing", or "". */
void buildbot_open(struct buildbot *b, const char *options);
void buildbot_close(struct buildbot *b);
/* The copy's URL with these options. */
const char *buildbot_url(const struct buildbot *b, const char *options);

/* What a master does in the copy, past the library; and a look at it: the first column of the first row. */
void buildbot_change(struct buildbot *b, const char *sql);
int64_t buildbot_int(struct buildbot *b, const char *sql);
const char *buildbot_text(struct buildbot *b, const char *sql);
/* Which of these is SQL of the copy's kind. */
const char *in_words_of(struct buildbot *b, const char *sqlite, const char *postgres,
                        const char *mariadb);
/* A literal of those bytes; the texts of all rows with that between them. SQLite takes the order from the rows. */
const char *blob_literal(struct buildbot *b, const char *hex);
const char *joined(struct buildbot *b, const char *text, const char *between, const char *order);
/* The copy is the original again; no store has it open. */
void buildbot_renew(struct buildbot *b);
/* Keeps a connection for them until the test ends: where they come often, and nothing needs the copy alone. */
void buildbot_hold(struct buildbot *b);
void buildbot_let_go(struct buildbot *b);

/* The database is whole, as far as the engine can tell. */
void expect_whole(struct buildbot *b);
/* Of a file: its journal's mode, and that nothing was left beside it. */
void expect_journal(struct buildbot *b, const char *mode);
void expect_nothing_beside(struct buildbot *b);

/* All that is in the copy: of a file every byte, of a server the version of every row, and the schema. */
struct picture {
    const void *bytes;
    size_t size;
};
struct picture take_picture(struct buildbot *b);
void expect_picture(struct buildbot *b, const struct picture *before);

/* The schema's text of all; or of all that is not daybook's. */
const char *buildbot_schema(struct buildbot *b, bool is_whole);

/* What only a file of SQLite can be like: elsewhere the test is skipped. */
#define FILES_ONLY(b)                                                                              \
    do {                                                                                           \
        if (!(b)->engine->is_file)                                                                 \
            skip();                                                                                \
    } while (0)

/* A record's member, to be written into a line. */
struct line_field {
    size_t offset;
    bool is_text;
};
#define LINE_NUMBER(record, member)                                                                \
    {                                                                                              \
        offsetof(struct record, member), false                                                     \
    }
#define LINE_TEXT(record, member)                                                                  \
    {                                                                                              \
        offsetof(struct record, member), true                                                      \
    }

/* "17|text|-|..." with "-" for none; and for each row of a query the same. The list ends with NULL. */
const char *line_of(const void *record, const struct line_field *fields, size_t count);
char **lines_of_query(sqlite3 *db, const char *sql);
void assert_same_lines(char *const *actual, char *const *expected, const char *what);

/* The parents, as lines. on_line() of each kind takes one, on_lines() a list. */
struct lines {
    struct answer answer; /* first: what wait.h fills */
    char *line;           /* NULL: none */
    char **list;
};
#define DECLARE_LINES(kind)                                                                        \
    void on_##kind##_line(void *user, const struct dbk_error *error,                               \
                          const struct dbk_##kind *one);                                           \
    void on_##kind##_lines(void *user, const struct dbk_error *error,                              \
                           const struct dbk_##kind *const *all, const struct dbk_page *page)
DECLARE_LINES(build);
DECLARE_LINES(step);
DECLARE_LINES(builder);
DECLARE_LINES(worker);
DECLARE_LINES(master);
DECLARE_LINES(sourcestamp);
DECLARE_LINES(buildset);
DECLARE_LINES(buildrequest);
DECLARE_LINES(change);

/* ASK() for them. */
#define ASK_LINES(lines, store, on, function, ...)                                                 \
    (answer_begin(&(lines)->answer),                                                               \
     answer_end(&(lines)->answer, store,                                                           \
                function(store, __VA_ARGS__, &(lines)->answer.call, on, lines)))

/* The columns that stand for a kind's fields, in their order. */
extern const char BUILD_COLUMNS[], STEP_COLUMNS[];

#endif
