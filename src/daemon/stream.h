/*
 * Streams of events (Server-Sent Events): each client at its own pace. What it has not taken is not kept for it,
 * but read again: from the feed, or from the log itself.
 */
#ifndef DAEMON_STREAM_H
#define DAEMON_STREAM_H

#include "exchange.h"

struct stream;

/* Begins one: the route's run. */
void stream_begin(struct exchange *exchange);

/* The exchange has ended. NULL is fine. */
void stream_free(struct stream *stream);

/* There is something new for all. */
void stream_pump_all(struct server *server);

/* Called each second: heartbeats, and what the feed needs. */
void stream_tend_all(struct server *server);

/* Ends those of whoever signed in with the session of a hash. */
void stream_end_session(struct server *server, const unsigned char hash[TOKENS_HASH_SIZE]);

/* Ends all, so that the daemon can. */
void stream_end_all(struct server *server);

#endif
