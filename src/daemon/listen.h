/*
 * Where the daemon listens. Without tokens there is no door but loopback's.
 */
#ifndef DAEMON_LISTEN_H
#define DAEMON_LISTEN_H

#include "server.h"

#define LISTEN_TEXT_SIZE 128

/*
 * Binds the address, or the first free port from 8011 on when it is NULL; "unix:PATH" is a socket's file.
 * Result: DBK_OK, server->bound and "http://ADDRESS:PORT", "https://..." or "unix:PATH" in out_text; else a status and a
 * sentence in out_message.
 */
int listen_begin(struct server *server, const char *address, char out_text[LISTEN_TEXT_SIZE],
                 char *out_message, size_t message_size);

/* Lets nobody new in. */
void listen_end(struct server *server);

#endif
