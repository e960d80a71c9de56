/*
 * Proxies in front: what they say of a client counts when they were named, and only then.
 */
#ifndef DAEMON_PROXY_H
#define DAEMON_PROXY_H

#include "exchange.h"
#include "head.h"

/* Looks at where a request comes from, and at what a proxy that was named says of that. Result: false and *out_refusal
 * when it says two things. */
bool proxy_look(struct exchange *exchange, struct head_refusal *out_refusal);

/* Where a connection comes from: lent as long as it is there; "": a Unix socket. */
const char *proxy_peer(struct evhttp_connection *evcon);

/* Whether that was named as a proxy. */
bool proxy_is_named(const struct serve_options *options, const char *address);

/* Whether an address is a proxy's that can be named. */
bool proxy_is_address(const char *text);

#endif
