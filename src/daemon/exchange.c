/*
 * Requests and their answers: see exchange.h.
 *
 * Who owns the request: evhttp, but for one that lost its connection before its answer was handed over.
 * evhttp leaves that to us (exchange_lose).
 */
#include "exchange.h"

#include "access.h"
#include "connection.h"
#include "erasure.h"
#include "head.h"
#include "included.h"
#include "metrics.h"
#include "page.h"
#include "proxy.h"
#include "rate.h"
#include "routes.h"
#include "standing.h"
#include "stream.h"
#include "values.h"

#include <stdlib.h>
#include <string.h>

/* Args: http_status: what was answered; 0: nothing, for the client has gone. */
static void end(struct exchange *exchange, int http_status)
{
    metrics_count(exchange, http_status);
    if (exchange->connection) {
        connection_answered(exchange->connection);
        exchange->connection->is_over = exchange->is_closing;
    }
    stream_free(exchange->stream);
    exchange->server->exchange_count--;
    ask_fini(&exchange->ask);
    query_fini(&exchange->query);
    path_fini(&exchange->path);
    dbk_build_free(exchange->build);
    included_free(exchange->included);
    value_free(exchange->value);
    erasure_free(exchange->erasure);
    free(exchange->builders);
    free(exchange->bounds);
    standings_free(exchange->standings);
    free(exchange);
}

/* The answer's last byte is out. */
static void sent(struct evhttp_request *request, void *user)
{
    end(user, evhttp_request_get_response_code(request));
}

void exchange_lose(struct exchange *exchange, bool is_request_freed)
{
    if (!is_request_freed && !exchange->is_sent)
        evhttp_request_free(exchange->request);
    exchange->request = NULL;
    exchange->connection = NULL;
    if (!exchange->is_waiting)
        end(exchange, 0);
    else if (!exchange->erasure)
        dbk_cancel(exchange->server->store, exchange->op);
}

const struct dbk_call *exchange_call(struct exchange *exchange)
{
    struct dbk_call call = DBK_CALL_INIT;
    call.timeout_ms = SERVER_OPERATION_MS;
    call.out_op = &exchange->op;
    call.out_refusal = &exchange->refusal;
    exchange->call = call;
    return &exchange->call;
}

static void fail_with(struct exchange *exchange, const struct dbk_error *error)
{
    exchange_fail(exchange, dbk_status_http(error->status), "%s", error->message);
}

void exchange_submitted(struct exchange *exchange, int status)
{
    exchange->is_waiting = status == DBK_OK;
    timing_ask(exchange);
    if (status != DBK_OK)
        fail_with(exchange, &exchange->refusal);
}

bool exchange_is_over(struct exchange *exchange, const struct dbk_error *error)
{
    exchange->is_waiting = false;
    timing_told(exchange);
    if (!exchange->request) {
        end(exchange, 0);
        return true;
    }
    if (error)
        fail_with(exchange, error);
    return error;
}

bool exchange_is_without(struct exchange *exchange, const struct dbk_error *error,
                         const void *record, const char *noun)
{
    if (exchange_is_over(exchange, error))
        return true;
    if (!record)
        exchange_fail(exchange, 404, "there is no such %s", noun);
    return !record;
}

/* The path below the base path; probes ask without one, too. Result: NULL for one that is elsewhere. */
static const char *target_of(const struct exchange *exchange)
{
    const char *base = exchange->server->options->base_path;
    const char *path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(exchange->request));
    size_t len = strlen(base);
    if (!strncmp(path, base, len) && path[len] == '/')
        return path + len;
    return !strcmp(path, "/healthz") || !strcmp(path, "/readyz") ? path : NULL;
}

/* It asks for nothing of ours: for the base path without its slash, perhaps. */
static void refuse_target(struct exchange *exchange)
{
    const char *base = exchange->server->options->base_path;
    const char *path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(exchange->request));
    char place[SERVE_BASE_MAX + 2];
    if (strcmp(path, base) != 0) {
        exchange_fail(exchange, 404, "there is nothing but what is below %s/", base);
        return;
    }
    snprintf(place, sizeof(place), "%s/", base);
    evhttp_add_header(evhttp_request_get_output_headers(exchange->request), "Location", place);
    exchange_fail(exchange, 308, "the page is at %s", place);
}

/* Answers, or begins what will. */
static void answer(struct exchange *exchange)
{
    struct server *server = exchange->server;
    struct head_refusal refusal;
    bool is_sound = connection_check_head(exchange->connection, &refusal) &&
                    head_check(exchange->request, !access_is_guarded(server), &refusal) &&
                    proxy_look(exchange, &refusal);
    exchange->target = is_sound ? target_of(exchange) : NULL;
    if (is_sound && !rate_take(exchange)) {
        exchange_fail(exchange, 429, "more than %d requests a second", server->options->rate);
        return;
    }
    if (is_sound && !exchange->target) {
        refuse_target(exchange);
        return;
    }
    if (is_sound && page_answer(exchange))
        return;
    if (!is_sound || !access_check(exchange, &refusal)) {
        exchange->is_closing = refusal.is_closing;
        exchange_fail(exchange, refusal.http_status, "%s", refusal.why);
    } else if (exchange_understand(exchange)) {
        exchange_find(exchange);
    }
}

void exchange_begin(struct evhttp_request *request, void *user)
{
    struct server *server = user;
    struct connection *connection = connection_find(server, request);
    if (connection && connection->is_over) {
        connection_end(connection); /* evhttp itself does not after CONNECT */
        return;
    }
    struct exchange *exchange = connection ? calloc(1, sizeof(*exchange)) : NULL;
    if (!exchange) {
        evhttp_send_error(request, 503, NULL);
        return;
    }
    exchange->server = server;
    exchange->connection = connection;
    exchange->request = request;
    timing_begin(exchange);
    exchange->is_head = evhttp_request_get_command(request) == EVHTTP_REQ_HEAD;
    connection->exchange = exchange;
    server->exchange_count++;
    evhttp_request_set_on_complete_cb(request, sent, exchange);
    /* Its reads, and those of the requests that came with it, begin when all have been read. */
    dbk_gather(server->store);
    event_active(server->dispatching, EV_READ, 0);
    answer(exchange);
}
