/* MariaDB's programs, run by an unprivileged user in a folder of a test's: data/, socket, pid and log are in it. */
#ifndef MARIADB_PROGRAM_H
#define MARIADB_PROGRAM_H

#include "test.h"

#include <mysql.h>

/* The server's path. NULL: it is not installed, which was said; in CI the test program ended with a failure. */
const char *mariadb_program_find(void);

/* Runs a program to its end; args are its path and all of its arguments, and NULL. Result: whether it exits with 0. */
bool mariadb_program_run(const char *folder, const char *const *args);
/* Fills data/. Result: whether it could. */
bool mariadb_program_install(const char *folder);

/* Starts the server; args are all of its arguments, from its path on, and NULL. Result: whether it takes connections.
 * --tmpdir is among them: a server that starts removes the temporary tables that it finds there, also another one's. */
bool mariadb_program_up(const char *folder, const char *const *args);
/* Ends it with a signal, and waits until it is gone. */
void mariadb_program_stop(const char *folder, int signal_number);

/* A connection as root. database may be NULL. Result: NULL: it takes none. */
MYSQL *mariadb_program_log_in(const char *folder, const char *database);
/* The same in a URL's database, with settings like a store's; and what comes of statements on it, as below. */
MYSQL *mariadb_program_connect(const char *folder, const char *url);
const char *mariadb_program_text_on(MYSQL *mysql, const char *sql);
/* Runs SQL in a URL's database, statement by statement. Result: the first column of the first row of the last one that
 * gives any, until the test ends; NULL for NULL and without a row. */
const char *mariadb_program_text(const char *folder, const char *url, const char *sql);

/* A port of the loopback that nobody listened on a moment ago. */
int mariadb_program_free_port(void);

#endif
