/*
 * Tokens that are limited to builders: which routes they have, and whether a request stays within. What a request names
 * is looked up first; a list gets a filter, so that it holds no more.
 */
#ifndef DAEMON_BOUNDS_H
#define DAEMON_BOUNDS_H

#include "exchange.h"

/* The builders that a stream of events tells of. */
struct bounds {
    size_t count;
    int64_t newest_id; /* of all builders; one that comes later is not looked at yet */
    int64_t ids[];
};

/* Finds out whether the exchange, which has exchange->builders, stays within them. Answers with 403 or another error if
 * it does not, else goes on with exchange_run(). */
void bounds_check(struct exchange *exchange);

/* Whether a builder is among those of a stream. bounds: NULL: all are. */
bool bounds_have(const struct bounds *bounds, int64_t builderid);

#endif
