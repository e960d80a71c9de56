/*
 * A copy of a database that a real Buildbot master wrote, for each test; and its rows as lines of text, so
 * that records of the library can be held against plain SQL.
 */
#ifndef BUILDBOT_H
#define BUILDBOT_H

#include "raw.h"
#include "wait.h"

struct buildbot {
    const char *folder, *path;
    struct dbk_store *store;
    int64_t now; /* the store's clock */
};

/* Runs a suite's tests, each on a copy of the database that the program's argument names. The test opens
 * it; it is closed in the end. Result: main()'s. */
int buildbot_run(const char *name, const char *database, const struct CMUnitTest *tests,
                 size_t count);

/* Opens the copy; options are those of the URL, "?writes=existing", or "". */
void buildbot_open(struct buildbot *b, const char *options);
void buildbot_close(struct buildbot *b);

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
