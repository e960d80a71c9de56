/*
 * A store of its own for each test of a contract suite: seeded, with a clock that the test sets; and
 * the calls that such tests make all the time, which must succeed.
 */
#ifndef FIXTURE_H
#define FIXTURE_H

#include "engines.h"
#include "seed.h"

enum { CLOCK_START = 1700000000 };

struct fixture {
    const struct engine *engine;
    const char *url, *path; /* path: of files only */
    struct dbk_store *store;
    int64_t now; /* what the store's clock says */
    struct seed seed;
    int64_t position; /* of the last event that was looked at */
};

/* Runs a suite's tests once on each engine; *state is the struct fixture. Result: main()'s. */
int fixture_run(const char *name, const struct CMUnitTest *tests, size_t count);

/* Closes the store and opens it again. Only for persistent engines. */
void fixture_reopen(struct fixture *f);

int64_t add_build(struct fixture *f);
int64_t add_build_to(struct fixture *f, int64_t builderid);
void finish_build(struct fixture *f, int64_t buildid, int64_t results);
int64_t add_step(struct fixture *f, int64_t buildid, const char *name);
void start_step(struct fixture *f, int64_t stepid);
void finish_step(struct fixture *f, int64_t stepid, int64_t results);
void set_property(struct fixture *f, int64_t buildid, const char *name, const char *value,
                  const char *source);
void set_data(struct fixture *f, int64_t buildid, const char *name, const char *value,
              const char *source);
struct dbk_build *get_build(struct fixture *f, int64_t buildid);
struct dbk_step *get_step(struct fixture *f, int64_t stepid);

/* The names of a build's properties in the order in which they were added, "a b ". */
const char *names_by_position(struct fixture *f, int64_t buildid);

/* A spec that is freed when the test ends; one from its text form. */
struct dbk_spec *new_spec(void);
struct dbk_spec *parse_spec(const char *text);

/* A look at the database past the store, and a change of it (is_seen_by_others): the first column of the first
 * row. NULL is DBK_NONE, and NULL. */
int64_t fixture_look_int(struct fixture *f, const char *sql);
const char *fixture_look_text(struct fixture *f, const char *sql);
void fixture_change(struct fixture *f, const char *sql);

/* Leaves aside the events until now. */
void skip_events(struct fixture *f);
/* The events since, and nothing else, are exactly this one; none. The event's id and at are not compared;
 * at must be the clock's. */
void expect_event(struct fixture *f, struct dbk_event expected);
void expect_no_event(struct fixture *f);

/* The error has that status and its message has all these words (the last NULL). */
void expect_error(const struct answer *answer, enum dbk_status status, ...)
    __attribute__((sentinel));

/* A writer that is never without a write from its begin to its end. */
struct busy_writer {
    struct fixture *f;
    int64_t buildid;
    int writes;
    bool stops, has_stopped;
};
void busy_writer_begin(struct busy_writer *writer, struct fixture *f, int64_t buildid);
/* Waits until no write is under way any more. */
void busy_writer_end(struct busy_writer *writer);

#endif
