/*
 * What a request says: its path, its query, and what belongs to a write. See exchange.h.
 */
#include "exchange.h"

#include "head.h"
#include "routes.h"

#include <string.h>

#define KEY_MAX 128

/* No route has it. Result: false. */
static bool refuse_path(struct exchange *exchange)
{
    if (!exchange->methods) {
        exchange_fail(exchange, 404,
                      "there is no such resource; the records are below " EXCHANGE_PREFIX);
        return false;
    }
    exchange->is_closing = true;
    if (exchange->methods & ROUTE_METHOD_OFF)
        exchange_fail(exchange, 403,
                      "this daemon was started with --read-only: it takes no writes");
    else
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

bool exchange_understand(struct exchange *exchange)
{
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(exchange->request);
    return understand_path(exchange) && understand_query(exchange, evhttp_uri_get_query(uri)) &&
           (exchange->route->method == EVHTTP_REQ_GET || understand_write(exchange));
}
