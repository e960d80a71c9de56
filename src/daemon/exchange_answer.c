/*
 * Answers: an error, a record or a list, in the one form that every resource has. See exchange.h.
 */
#include "exchange.h"

#include "reply.h"
#include "resource.h"
#include "routes.h"

#include <stdarg.h>
#include <string.h>

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
    /* A walk by cursor, which Buildbot has not, goes forwards. */
    bool is_backwards = resource->is_backwards && !exchange->ask.has_cursor;
    for (size_t i = 0; i < page->count; i++)
        resource_write(resource, records[is_backwards ? page->count - 1 - i : i], &exchange->ask,
                       &json);
    json_end_array(&json);
    write_meta(exchange, page, &json);
    exchange_finish(exchange, 200, &json);
}
