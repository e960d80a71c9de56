/*
 * Which database a command works on, and how it is opened: --db, else DAYBOOK_DB, else
 * daybook.sqlite in the current directory. The URL of a daemon stands for the database that it has open.
 */
#ifndef STORE_OPEN_H
#define STORE_OPEN_H

#include "archive.h"
#include "command.h"

enum store_use {
    STORE_EXISTING, /* a database that is missing is an error */
    STORE_CREATED,  /* it is created, and stderr says so: for `init` and `run` */
};

/* The URL or path that --db, DAYBOOK_DB or the default give. Result: lent. */
const char *store_url(const struct arguments *arguments);

/* The same without a password, for people. Result: yours, free(). */
char *store_shown_url(const struct arguments *arguments);

/* Any URL without its password. Result: yours, free(). */
char *store_hide_password(const char *url);

/* Gives all that has a password in a URL: "user:password", and its options. */
typedef void store_secret_fn(void *user, const char *secret);
void store_each_secret(const char *url, store_secret_fn *take, void *user);

/* The path of the file that a URL or path names. Result: yours, free(); NULL: it names none. */
char *store_path(const char *url);

/*
 * Opens the store that the arguments name, or begins to ask the daemon that they name.
 * Result: 0 and *out_archive (the caller ends it with archive_close_wait()); else an exit code, after a
 * message.
 */
int store_open_for(const struct arguments *arguments, enum store_use use,
                   struct archive *out_archive);

/* The same for what works on the database itself, and not on a daemon's. The caller ends it with
 * dbk_close_wait(). options may be NULL. */
int store_open_here(const struct arguments *arguments, enum store_use use,
                    const struct dbk_options *options, struct dbk_store **out_store);

/*
 * The same as store_open_here() without a message: *out_error says it, *out_is_created (may be NULL) whether it was
 * made. options may be NULL; is_created in it does not count.
 */
int store_try_open(const struct arguments *arguments, enum store_use use,
                   const struct dbk_options *options, struct dbk_store **out_store,
                   bool *out_is_created, struct dbk_error *out_error);

/* The same as store_open_for() of a URL or path, without a message. Any thread. */
int store_try_open_archive(const char *url, enum store_use use, const struct dbk_options *options,
                           struct archive *out_archive, bool *out_is_created,
                           struct dbk_error *out_error);

/* The same of a URL or path. Any thread. */
int store_try_open_url(const char *url, enum store_use use, const struct dbk_options *options,
                       struct dbk_store **out_store, bool *out_is_created,
                       struct dbk_error *out_error);

/* Says where a database was made. */
void store_tell_created(const struct arguments *arguments);

/* Says why it could not be opened, and names it. Result: the exit code. */
int store_open_failed(const struct arguments *arguments, const struct dbk_error *error);

#endif
