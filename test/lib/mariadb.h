/*
 * A MariaDB server of the test's own: made in a new folder, reached through a socket there, run by an unprivileged
 * user, and gone with the test program, however that ends.
 */
#ifndef MARIADB_H
#define MARIADB_H

#include "test.h"

/* Bytes of the largest packet that the server takes. */
enum { MARIADB_PACKET_MAX = 64 * 1024 * 1024 };

/* Starts the server when it is first needed. Result: NULL, when there is no MariaDB on this machine; then
 * whoever needs it skips (in CI the test program ends with a failure instead). */
const char *mariadb_folder(void);

/* The path of its socket. */
const char *mariadb_socket(void);

/* The URL of a new, empty database. NULL: as above. */
const char *mariadb_place(void);
/* The same in a database whose texts are, unless told otherwise, those of an old server: three bytes a character, and
 * compared without regard to case. */
const char *mariadb_utf8mb3_place(void);
/* The same with these options of CREATE DATABASE. */
const char *mariadb_database(const char *options);

/* The same place for another user, named or with a password: what stands before the "@" of a URL. */
const char *mariadb_as(const char *url, const char *user);

/* Runs SQL at a URL, past the library, statement by statement; the first column of the first row. NULL is DBK_NONE,
 * and NULL. */
void mariadb_run(const char *url, const char *sql);
int64_t mariadb_int(const char *url, const char *sql);
const char *mariadb_text(const char *url, const char *sql);

/* A connection that is kept, and what comes of a statement on it: the first column of the first row. */
void *mariadb_log_in(const char *url);
const char *mariadb_text_on(void *connection, const char *sql);
void mariadb_log_out(void *connection);

/* Has the server listen on the loopback with TLS as well. Its certificate names 0.0.0.0 and is signed by `ca`, a file;
 * another one signed nothing of it. Needs openssl. */
struct mariadb_tls {
    int port;
    const char *ca, *other_ca;
};
void mariadb_start_tls(struct mariadb_tls *out_tls);

/* Ends the server, at once (as by a power cut) or in good order, and starts it again. */
void mariadb_stop(bool is_at_once);
void mariadb_start(void);

#endif
