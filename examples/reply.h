/*
 * An answer of the store that somebody waits for, and the callbacks that take it; how one waits is what
 * the examples differ in. An error ends the program, and its exit status says which.
 */
#ifndef REPLY_H
#define REPLY_H

#include <daybook.h>
#include <err.h>

struct reply {
    bool has_come;
    int64_t id; /* of what was found or added */
};

static inline void check(const struct dbk_error *error)
{
    if (error)
        errx(dbk_status_exit_code(error->status), "%s: %s", error->action, error->message);
}

/* Opens the store that the program was given, or makes it. */
static inline struct dbk_store *open_store(int argc, char **argv)
{
    struct dbk_options options = DBK_OPTIONS_INIT;
    struct dbk_store *store = NULL;
    struct dbk_error error;
    options.is_created = true;
    if (dbk_open(argc > 1 ? argv[1] : "sqlite:///daybook.sqlite", &options, &store, &error))
        check(&error);
    return store;
}

/* Of a call that submits: refused, it would never be answered. */
static inline void check_submitted(int status)
{
    if (status)
        errx(dbk_status_exit_code(status), "refused: %s", dbk_status_text(status));
}

/* Callbacks; user is the answer. */

static inline void got_id(void *user, const struct dbk_error *error, int64_t id)
{
    check(error);
    *(struct reply *)user = (struct reply){true, id};
}

static inline void done(void *user, const struct dbk_error *error)
{
    got_id(user, error, DBK_NONE);
}

static inline void added_build(void *user, const struct dbk_error *error, int64_t id,
                               int64_t number)
{
    (void)number;
    got_id(user, error, id);
}

static inline void added_step(void *user, const struct dbk_error *error, int64_t id, int64_t number,
                              const char *name)
{
    (void)number, (void)name;
    got_id(user, error, id);
}

/* Of a write that nobody waits for, and that may be cancelled. */
static inline void done_or_cancelled(void *user, const struct dbk_error *error)
{
    (void)user;
    if (error && error->status != DBK_CANCELLED)
        check(error);
}

#endif
