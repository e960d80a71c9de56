/*
 * Times of requests: see timing.h. What a client takes to read its answer does not count: who reads slowly makes no
 * request slow.
 */
#include "timing.h"

#include "routes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    SLOW_US = 500000,
    SLOW_LINES_MAX = 10 /* in a second: when all are slow, some tell enough */
};

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* A proxy may have named the request: then its name is kept, if it is a plain one. */
static void take_id(struct exchange *exchange)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
    char *id = exchange->timing.id;
    const char *given =
        evhttp_find_header(evhttp_request_get_input_headers(exchange->request), "X-Request-Id");
    size_t len = given ? strlen(given) : 0;
    exchange->server->request_count++;
    if (len && len < TIMING_ID_SIZE && strspn(given, plain) == len)
        memcpy(id, given, len + 1);
    else
        snprintf(id, TIMING_ID_SIZE, "%d-%" PRId64, (int)getpid(), exchange->server->request_count);
}

void timing_begin(struct exchange *exchange)
{
    exchange->timing = (struct timing){.begun_us = now_us()};
    take_id(exchange);
}

void timing_ask(struct exchange *exchange)
{
    exchange->timing.asked_us = now_us();
}

void timing_told(struct exchange *exchange)
{
    struct timing *timing = &exchange->timing;
    if (timing->asked_us && !timing->answered_us)
        timing->store_us += now_us() - timing->asked_us;
    timing->asked_us = 0;
}

void timing_answer(struct exchange *exchange)
{
    struct timing *timing = &exchange->timing;
    struct evkeyvalq *headers = evhttp_request_get_output_headers(exchange->request);
    char text[80];
    timing->answered_us = now_us();
    int64_t total_us = timing->answered_us - timing->begun_us;
    snprintf(text, sizeof(text),
             "db;dur=%" PRId64 ".%03" PRId64 ", total;dur=%" PRId64 ".%03" PRId64,
             timing->store_us / 1000, timing->store_us % 1000, total_us / 1000, total_us % 1000);
    evhttp_add_header(headers, "Server-Timing", text);
    evhttp_add_header(headers, "X-Request-Id", timing->id);
}

/* Whether another line may be written now. */
static bool may_tell(struct server *server, int64_t now)
{
    if (now / 1000000 != server->slow.second) {
        if (server->slow.count > SLOW_LINES_MAX)
            fprintf(stderr, "daybook: slow: and %d more within that second\n",
                    server->slow.count - SLOW_LINES_MAX);
        server->slow.second = now / 1000000;
        server->slow.count = 0;
    }
    return ++server->slow.count <= SLOW_LINES_MAX;
}

static const char *method_of(const struct exchange *exchange)
{
    return exchange->is_head ? "HEAD" : route_method(exchange->route);
}

double timing_end(struct exchange *exchange, int http_status)
{
    const struct timing *timing = &exchange->timing;
    int64_t now = now_us();
    int64_t took_us = (timing->answered_us ? timing->answered_us : now) - timing->begun_us;
    if (took_us > SLOW_US && exchange->route && may_tell(exchange->server, now))
        fprintf(stderr,
                "daybook: slow: %s %s took %" PRId64 " ms, the database %" PRId64
                " ms of it; answered %d; request %s\n",
                method_of(exchange), exchange->route->pattern, took_us / 1000,
                timing->store_us / 1000, http_status, timing->id);
    return (double)(now - timing->begun_us) / 1000000;
}
