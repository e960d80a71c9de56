/*
 * URLs of a running `daybook serve`: which texts are such, and what may be asked where. Not for those of
 * databases (store_open.h, db_name.h).
 */
#ifndef DAEMON_URL_H
#define DAEMON_URL_H

#include <daybook.h>
#include <stdbool.h>
#include <stddef.h>

/* What the URL of a daemon that listens at a Unix socket begins with. */
#define DAEMON_URL_SOCKET "unix:"

/* Whether a URL names a daemon: it begins with http://, https:// or unix:. */
bool daemon_url_is(const char *url);

/* The length of the socket's path, behind DAEMON_URL_SOCKET. What is below the daemon's address follows ":". */
size_t daemon_url_socket_length(const char *url);

/*
 * Checks a daemon's URL: a host, perhaps a port and a path, and nothing else; http:// only on this machine,
 * since all that goes there, a token among it, can be read on the way. Or "unix:/SOCKET", or "unix:/SOCKET:/PATH".
 * Result: what stands before "/api/v2/", yours, free(); NULL and *out_error when it is refused.
 */
char *daemon_url_read(const char *url, struct dbk_error *out_error);

/* Cuts off what says nothing of which daemon it is: "/api/v2" at the end, and slashes. */
void daemon_url_trim(char *url);

#endif
