/*
 * TLS: the certificate, and connections that speak it. Not for who may ask (access.h).
 */
#ifndef DAEMON_TLS_H
#define DAEMON_TLS_H

#include "server.h"

#include <event2/bufferevent.h>

#define TLS_MESSAGE_SIZE 256

/* Reads the certificate and its key, again too: then the ones before stay when that fails, and connections that are
 * open keep theirs. Result: false with a sentence in out_message. */
bool tls_load(struct server *server, char out_message[TLS_MESSAGE_SIZE]);
void tls_fini(struct server *server);

/* A bufferevent for a connection that is yet to come. Result: NULL when out of memory. */
struct bufferevent *tls_bufferevent(struct server *server, struct event_base *base);

/* Tells the peer that all has been said, before its connection ends. Nothing for one without TLS. */
void tls_say_end(struct bufferevent *bufferevent);

#endif
