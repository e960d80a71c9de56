/*
 * How many requests a second one client may make: a bucket a client, which fills again with time.
 */
#ifndef DAEMON_RATE_H
#define DAEMON_RATE_H

#include "exchange.h"

#define RATE_BURST 5 /* seconds' worth that a client may save up */

/* Makes and ends the buckets. Result: false when out of memory. */
bool rate_init(struct server *server);
void rate_fini(struct server *server);

/* Whether the client at an address is limited: by default not who is on this machine. */
bool rate_counts(const struct serve_options *options, const char *address);

/* Takes a request out of its client's bucket. Result: false when that is empty, for at most a second. */
bool rate_take(struct exchange *exchange);

#endif
