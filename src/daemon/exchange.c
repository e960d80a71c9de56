/*
 * Requests and their answers: see exchange.h.
 *
 * Who owns the request: evhttp, but for one that lost its connection before its answer was handed over.
 * evhttp leaves that to us (exchange_lose).
 */
#include "exchange.h"

#include "connection.h"
#include "head.h"
#include "reply.h"
#include "routes.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "/api/v2/"

static void end(struct exchange *exchange)
{
    if (exchange->connection) {
        exchange->connection->exchange = NULL;
        exchange->connection->waits_since_ms = connection_now_ms();
        exchange->connection->is_over = exchange->is_closing;
    }
    exchange->server->exchange_count--;
    ask_fini(&exchange->ask);
    query_fini(&exchange->query);
    path_fini(&exchange->path);
    dbk_build_free(exchange->build);
    if (exchange->value.held)
        evbuffer_free(exchange->value.held);
    free(exchange);
}

/* The answer's last byte is out. */
static void sent(struct evhttp_request *request, void *user)
{
    (void)request;
    end(user);
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
        end(exchange);
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
    if (status != DBK_OK)
        fail_with(exchange, &exchange->refusal);
}

bool exchange_is_over(struct exchange *exchange, const struct dbk_error *error)
{
    exchange->is_waiting = false;
    if (!exchange->request) {
        end(exchange);
        return true;
    }
    if (error)
        fail_with(exchange, error);
    return error;
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
        evhttp_add_header(headers, "Allow", "GET, HEAD");
    if (http_status == 503)
        evhttp_add_header(headers, "Retry-After", "1");
    if (!reply_send(exchange, http_status)) {
        exchange->is_sent = true;
        evhttp_send_error(exchange->request, 503, NULL);
    }
}

void exchange_finish(struct exchange *exchange, struct json_writer *json)
{
    json_end_object(json);
    json_finish(json);
    if (reply_send(exchange, 200))
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
    exchange_finish(exchange, &json);
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
    json_end_object(json);
}

void exchange_give_list(struct exchange *exchange, const void *const *records,
                        const struct dbk_page *page)
{
    const struct resource *resource = exchange->route->resource;
    struct json_writer json;
    if (exchange->ask.is_capped && page->count > SERVER_ROWS_MAX) {
        exchange_fail(exchange, 413,
                      "more than %d records: ask for fewer with limit, and for the next ones with "
                      "cursor",
                      SERVER_ROWS_MAX);
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
    exchange_finish(exchange, &json);
}

static void take_build(void *user, const struct dbk_error *error, const struct dbk_build *build)
{
    struct exchange *exchange = user;
    if (exchange_is_over(exchange, error))
        return;
    if (!build) {
        exchange_fail(exchange, 404, "there is no such build");
        return;
    }
    exchange->buildid = build->id;
    exchange->route->read(exchange);
}

void exchange_read(struct exchange *exchange)
{
    if (!route_needs_build(exchange->route)) {
        exchange->route->read(exchange);
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
    exchange_read(exchange);
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
        exchange_read(exchange);
    } else {
        exchange_submitted(exchange, status);
    }
}

/* Reads path and query. Result: false when it answered already. */
static bool understand(struct exchange *exchange)
{
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(exchange->request);
    const char *path = evhttp_uri_get_path(uri);
    char message[ASK_MESSAGE_SIZE];
    if (strncmp(path, PREFIX, strlen(PREFIX)) != 0)
        return exchange_fail(exchange, 404, "the records are below " PREFIX), false;
    enum path_outcome outcome = path_split(path + strlen(PREFIX), &exchange->path);
    if (outcome == PATH_NO_MEMORY)
        return exchange_fail(exchange, 503, "out of memory"), false;
    if (outcome == PATH_BAD)
        return exchange_fail(exchange, 400, "the path is no text"), false;
    exchange->route = outcome == PATH_OK ? route_find(exchange) : NULL;
    if (!exchange->route)
        return exchange_fail(exchange, 404, "there is no such resource"), false;
    enum query_outcome query = query_parse(evhttp_uri_get_query(uri), &exchange->query);
    if (query == QUERY_BAD)
        return exchange_fail(exchange, 400, "the query is no text, or too long"), false;
    enum ask_outcome ask = query == QUERY_OK
                               ? ask_parse(exchange->route->resource, &exchange->query,
                                           exchange->route->is_list, &exchange->ask, message)
                               : ASK_NO_MEMORY;
    if (ask == ASK_NO_MEMORY)
        return exchange_fail(exchange, 503, "out of memory"), false;
    if (ask == ASK_BAD)
        return exchange_fail(exchange, 400, "%s", message), false;
    return true;
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
    struct head_refusal refusal;
    if (!exchange) {
        evhttp_send_error(request, 503, NULL);
        return;
    }
    exchange->server = server;
    exchange->connection = connection;
    exchange->request = request;
    exchange->is_head = evhttp_request_get_command(request) == EVHTTP_REQ_HEAD;
    connection->exchange = exchange;
    server->exchange_count++;
    evhttp_request_set_on_complete_cb(request, sent, exchange);
    if (!head_check(request, &refusal)) {
        exchange->is_closing = refusal.is_closing;
        exchange_fail(exchange, refusal.http_status, "%s", refusal.why);
    } else if (understand(exchange)) {
        if (exchange->owner)
            find_owner(exchange);
        else
            exchange_read(exchange);
    }
}
