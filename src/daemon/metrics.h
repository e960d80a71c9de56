/*
 * What operators ask: is it alive, is it ready, what does it do. Outside the API's paths.
 */
#ifndef DAEMON_METRICS_H
#define DAEMON_METRICS_H

#include "routes.h"

enum { METRICS_BUCKET_COUNT = 6, METRICS_ERROR_MIN = 400, METRICS_ERROR_COUNT = 200 };

/* What is counted of a route. */
struct meter {
    uint64_t by_class[6]; /* answers by the first digit of their status; 0: nobody took it */
    uint64_t buckets
        [METRICS_BUCKET_COUNT]; /* by how long they took; those that took longer are in none */
    double seconds;
};

/* Makes and ends the counters. Result: false when out of memory. */
bool metrics_init(struct server *server);
void metrics_fini(struct server *server);

/* Counts an exchange that ends. Args: http_status: 0 when its client has gone. */
void metrics_count(struct exchange *exchange, int http_status);

/* The routes outside the API. */
void read_health(struct exchange *exchange);
void read_readiness(struct exchange *exchange);
void read_metrics(struct exchange *exchange);

#endif
