/*
 * The description of the API that programs read, OpenAPI 3.1. It is made from the routes and the resources that
 * requests go by, so that it cannot tell of others.
 */
#ifndef DAEMON_OPENAPI_H
#define DAEMON_OPENAPI_H

#include "exchange.h"

/* The route that gives it. */
void read_openapi(struct exchange *exchange);

#endif
