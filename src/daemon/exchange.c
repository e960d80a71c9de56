/*
 * Requests and their answers: see exchange.h.
 *
 * Who owns the request: evhttp, but for one that lost its connection before its answer was handed over.
 * evhttp leaves that to us (exchange_lose).
 */
#include "exchange.h"

#include "access.h"
#include "bounds.h"
#include "connection.h"
#include "head.h"
#include "included.h"
#include "metrics.h"
#include "page.h"
#include "proxy.h"
#include "rate.h"
#include "reply.h"
#include "routes.h"
#include "standing.h"
#include "stream.h"
#include "values.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define KEY_MAX 128

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
    if (exchange->is_waiting)
        dbk_cancel(exchange->server->store, exchange->op);
    else
        end(exchange, 0);
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

static void add_allow(struct exchange *exchange, struct evkeyvalq *headers)
{
    static const struct {
        enum evhttp_cmd_type method;
        const char *name;
    } names[] = {{EVHTTP_REQ_GET, ", GET, HEAD"},
                 {EVHTTP_REQ_POST, ", POST"},
                 {EVHTTP_REQ_PUT, ", PUT"},
                 {EVHTTP_REQ_PATCH, ", PATCH"},
                 {EVHTTP_REQ_DELETE, ", DELETE"}};
    char text[64] = "";
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (exchange->methods & names[i].method)
            strcat(text, names[i].name);
    evhttp_add_header(headers, "Allow", text + strspn(text, ", "));
}

void exchange_fail(struct exchange *exchange, int http_status, const char *format, ...)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(exchange->request);
    struct json_writer json;
    char text[512];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof(text), format, values);
    va_end(values);
    reply_begin(exchange, &json);
    json_begin_object(&json);
    json_member_text(&json, "error", text);
    json_end_object(&json);
    json_finish(&json);
    if (http_status == 405)
        add_allow(exchange, headers);
    if (http_status == 401)
        evhttp_add_header(headers, "WWW-Authenticate", "Bearer realm=\"daybook\"");
    if (http_status == 503 || http_status == 429)
        evhttp_add_header(headers, "Retry-After", "1");
    if (!reply_send(exchange, http_status)) {
        exchange->is_sent = true;
        evhttp_send_error(exchange->request, 503, NULL);
    }
}

void exchange_finish(struct exchange *exchange, int http_status, struct json_writer *json)
{
    json_end_object(json);
    json_finish(json);
    if (reply_send(exchange, http_status))
        return;
    if (exchange->server->reply.is_failed)
        exchange_fail(exchange, 503, "out of memory");
    else
        exchange_fail(exchange, 413,
                      "the answer would be longer than %d bytes: ask for fewer with limit, and for "
                      "the next ones with cursor",
                      SERVER_BYTES_MAX);
}

void exchange_give_record(struct exchange *exchange, const void *record)
{
    const struct resource *resource = exchange->route->resource;
    struct json_writer json;
    if (!record) {
        exchange_fail(exchange, 404, "there is no such record");
        return;
    }
    reply_begin(exchange, &json);
    json_begin_object(&json);
    json_name(&json, resource->plural);
    json_begin_array(&json);
    resource_write(resource, record, &exchange->ask, &json);
    json_end_array(&json);
    json_name(&json, "meta");
    json_begin_object(&json);
    json_end_object(&json);
    exchange_finish(exchange, 200, &json);
}

static void write_meta(struct exchange *exchange, const struct dbk_page *page,
                       struct json_writer *json)
{
    json_name(json, "meta");
    json_begin_object(json);
    if (page->total != DBK_NONE)
        json_member_number(json, "total", page->total);
    if (exchange->ask.has_cursor)
        json_member_text(json, "next_cursor", page->next_cursor);
    if (exchange->ask.has_property_filter)
        json_member_bool(json, "stopped",
                         page->next_cursor && (int64_t)page->count < exchange->ask.limit);
    json_end_object(json);
}

void exchange_give_list(struct exchange *exchange, const void *const *records,
                        const struct dbk_page *page)
{
    const struct resource *resource = exchange->route->resource;
    struct json_writer json;
    if (page->count > (size_t)exchange->ask.rows_max) {
        exchange_fail(exchange, 413,
                      "more than %d records: ask for fewer with limit, and for the next ones with "
                      "cursor",
                      (int)exchange->ask.rows_max);
        return;
    }
    reply_begin(exchange, &json);
    json_begin_object(&json);
    json_name(&json, resource->plural);
    json_begin_array(&json);
    for (size_t i = 0; i < page->count; i++)
        resource_write(resource, records[i], &exchange->ask, &json);
    json_end_array(&json);
    write_meta(exchange, page, &json);
    exchange_finish(exchange, 200, &json);
}

static void take_build(void *user, const struct dbk_error *error, const struct dbk_build *build)
{
    struct exchange *exchange = user;
    if (exchange_is_without(exchange, error, build, "build"))
        return;
    exchange->buildid = build->id;
    exchange->route->run(exchange);
}

static void take_chosen(void *user, const struct dbk_error *error,
                        const struct dbk_build *const *builds, const struct dbk_page *page)
{
    take_build(user, error, !error && page->count ? builds[0] : NULL);
}

/* Finds the builder's last build, or its last one that failed. */
static void choose_build(struct exchange *exchange)
{
    static const int64_t failed[] = {DBK_FAILURE, DBK_EXCEPTION};
    struct dbk_spec *spec = dbk_spec_new();
    if (!spec || dbk_spec_order(spec, "-number") || dbk_spec_limit(spec, 1) ||
        (exchange->choice == EXCHANGE_LAST_FAILED &&
         dbk_spec_filter_int(spec, "results", DBK_IN, failed, 2)))
        exchange_fail(exchange, 503, "out of memory");
    else
        exchange_submitted(exchange,
                           dbk_get_builds(exchange->server->store, exchange->ownerid, DBK_NONE,
                                          DBK_NONE, DBK_NONE, spec, exchange_call(exchange),
                                          take_chosen, exchange));
    dbk_spec_free(spec);
}

void exchange_run(struct exchange *exchange)
{
    if (exchange->builders && !exchange->is_within) {
        bounds_check(exchange);
        return;
    }
    if (exchange->choice != EXCHANGE_BY_NUMBER) {
        choose_build(exchange);
        return;
    }
    if (!route_needs_build(exchange->route)) {
        exchange->route->run(exchange);
        return;
    }
    exchange_submitted(exchange, dbk_get_build_by_number(exchange->server->store, exchange->ownerid,
                                                         exchange->number, exchange_call(exchange),
                                                         take_build, exchange));
}

/* A name that nothing has is like an id that nothing has. */
static void take_owner(void *user, const struct dbk_error *error, int64_t id)
{
    struct exchange *exchange = user;
    bool is_missing = error && error->status == DBK_NOT_FOUND;
    if (exchange_is_over(exchange, is_missing ? NULL : error))
        return;
    exchange->ownerid = is_missing ? 0 : id;
    exchange_run(exchange);
}

static void find_owner(struct exchange *exchange)
{
    struct dbk_store *store = exchange->server->store;
    const struct dbk_call *call = exchange_call(exchange);
    char first = *exchange->route->pattern;
    int status =
        first == 'b'
            ? dbk_find_builder_id(store, exchange->owner, false, call, take_owner, exchange)
        : first == 'w'
            ? dbk_find_worker_id(store, exchange->owner, false, call, take_owner, exchange)
            : dbk_find_master_id(store, exchange->owner, false, call, take_owner, exchange);
    /* What cannot be a name is nobody's. */
    if (status == DBK_INVALID || status == DBK_TOO_LARGE) {
        exchange->ownerid = 0;
        exchange_run(exchange);
    } else {
        exchange_submitted(exchange, status);
    }
}

/* No route has it. Result: false. */
static bool refuse_path(struct exchange *exchange)
{
    if (!exchange->methods) {
        exchange_fail(exchange, 404,
                      "there is no such resource; the records are below " EXCHANGE_PREFIX);
        return false;
    }
    exchange->is_closing = true;
    exchange_fail(exchange, 405, "this method is not for this path");
    return false;
}

static bool understand_path(struct exchange *exchange)
{
    const char *path = exchange->target;
    size_t prefix = strlen(EXCHANGE_PREFIX);
    if (strncmp(path, EXCHANGE_PREFIX, prefix) != 0) {
        exchange->route = route_find_outside(exchange, path, &exchange->methods);
        return exchange->route || refuse_path(exchange);
    }
    enum path_outcome outcome = path_split(path + prefix, &exchange->path);
    if (outcome == PATH_NO_MEMORY)
        return exchange_fail(exchange, 503, "out of memory"), false;
    if (outcome == PATH_BAD)
        return exchange_fail(exchange, 400, "the path is no text"), false;
    exchange->route = outcome == PATH_OK ? route_find(exchange, &exchange->methods) : NULL;
    return exchange->route || refuse_path(exchange);
}

static bool understand_query(struct exchange *exchange, const char *text)
{
    const struct route *route = exchange->route;
    char message[ASK_MESSAGE_SIZE];
    enum query_outcome query = query_parse(text, &exchange->query);
    if (query == QUERY_BAD)
        return exchange_fail(exchange, 400, "the query is no text, or too long"), false;
    enum ask_outcome ask = query == QUERY_OK ? ASK_OK : ASK_NO_MEMORY;
    if (ask == ASK_OK && route->resource)
        ask = ask_parse(route->resource, &exchange->query, route->is_list, &exchange->ask, message);
    if (ask == ASK_NO_MEMORY)
        return exchange_fail(exchange, 503, "out of memory"), false;
    if (ask == ASK_BAD)
        return exchange_fail(exchange, 400, "%s", message), false;
    return true;
}

/* What belongs to a write: what it brings along, and its key. */
static bool understand_write(struct exchange *exchange)
{
    const struct evkeyvalq *headers = evhttp_request_get_input_headers(exchange->request);
    enum route_body body = exchange->route->body;
    const struct query *query = &exchange->query;
    exchange->key = evhttp_find_header(headers, "Idempotency-Key");
    if (exchange->key && (!*exchange->key || strlen(exchange->key) > KEY_MAX))
        return exchange_fail(exchange, 400, "an Idempotency-Key has 1 to %d bytes", KEY_MAX), false;
    if (query->count > (body == ROUTE_BYTES && query_value(query, "source")))
        return exchange_fail(exchange, 400, "the query has no place here"), false;
    if (body == ROUTE_NOTHING)
        return true;
    if (!evhttp_find_header(headers, "Content-Length"))
        return exchange_fail(exchange, 411, "a Content-Length is needed"), false;
    const char *type = body == ROUTE_JSON ? "application/json" : "application/octet-stream";
    if (!head_has_type(exchange->request, type))
        return exchange_fail(exchange, 415, "the Content-Type must be %s", type), false;
    return true;
}

/* Reads the head. Result: false when it answered already. */
static bool understand(struct exchange *exchange)
{
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(exchange->request);
    return understand_path(exchange) && understand_query(exchange, evhttp_uri_get_query(uri)) &&
           (exchange->route->method == EVHTTP_REQ_GET || understand_write(exchange));
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
    bool is_sound = head_check(exchange->request, !access_is_guarded(server), &refusal) &&
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
    } else if (understand(exchange)) {
        if (exchange->owner && !route_makes_builder(exchange->route))
            find_owner(exchange);
        else
            exchange_run(exchange);
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
    answer(exchange);
}
