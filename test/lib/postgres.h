/*
 * A PostgreSQL server of the test's own: made in a new folder, reached through a socket there, run by an
 * unprivileged user, and gone with the test program, however that ends.
 */
#ifndef POSTGRES_H
#define POSTGRES_H

#include "test.h"

#include <sys/types.h>

/* Starts the server when it is first needed. Result: NULL, when there is no PostgreSQL on this machine; then
 * whoever needs it skips (in CI the test program ends with a failure instead). */
const char *postgres_folder(void);

/* The path of its socket. */
const char *postgres_socket(void);

/* The URL of a new, empty place: a schema of its own in one database. NULL: as above. */
const char *postgres_place(void);

/* The same in a database whose texts are compared as German does, by ICU. */
const char *postgres_icu_place(void);

/* The URL of a database of its own, made with these options of CREATE DATABASE. */
const char *postgres_database(const char *options);

/* The same by a name. */
const char *postgres_database_named(const char *name, const char *options);

/* The same place at a standby that streams from the server; it is made at the first call. */
const char *postgres_at_standby(const char *url);
/* Makes the standby a server that is written. */
void postgres_promote_standby(void);
/* Kills the server as its machine's end would: nothing is stopped or said. */
void postgres_kill(void);
/* The same place for another role. */
const char *postgres_as(const char *url, const char *role);

/* A store there, which is made where there is none; the test fails when it cannot be opened. */
struct dbk_store *postgres_open(const char *url, bool is_created);

/* Runs SQL at a URL, past the library; the first column of the first row. NULL is DBK_NONE, and NULL. */
void postgres_run(const char *url, const char *sql);
int64_t postgres_int(const char *url, const char *sql);

/* What sessions read is counted when they end. These wait until all of the database have: to begin to count anew, for what was
 * counted then, and for the rows of a table that were. */
void postgres_forget_counts(const char *url);
void postgres_settle_counts(const char *url);
int64_t postgres_rows_read(const char *url, const char *table);
const char *postgres_text(const char *url, const char *sql);

/* A connection that is kept, and what comes of a statement on it: the first column of the first row. */
void *postgres_connect(const char *url);
const char *postgres_text_on(void *connection, const char *sql);
void postgres_disconnect(void *connection);

/* Stops the server, mode being "fast" or "immediate", and starts it again. */
void postgres_stop(const char *mode);
void postgres_start(void);

#endif
