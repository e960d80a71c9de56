/*
 * Sending: see reply.h. There is one file for all answers, since each is printed whole before another
 * begins; its own buffer is all that is copied.
 */
#include "reply.h"

#include <inttypes.h>
#include <string.h>

static ssize_t take(void *cookie, const char *bytes, size_t len)
{
    struct server *server = cookie;
    if (evbuffer_get_length(server->reply.bytes) + len > SERVER_BYTES_MAX)
        server->reply.is_over = true;
    else if (evbuffer_add(server->reply.bytes, bytes, len))
        server->reply.is_failed = true;
    /* Taken or dropped: a file in error would keep what it could not write. */
    return (ssize_t)len;
}

bool reply_init(struct server *server)
{
    const cookie_io_functions_t functions = {.write = take};
    server->reply.bytes = evbuffer_new();
    server->reply.file = fopencookie(server, "w", functions);
    return server->reply.bytes && server->reply.file &&
           !setvbuf(server->reply.file, NULL, _IOFBF, 16384);
}

void reply_fini(struct server *server)
{
    if (server->reply.file)
        fclose(server->reply.file);
    if (server->reply.bytes)
        evbuffer_free(server->reply.bytes);
}

void reply_begin(struct exchange *exchange, struct json_writer *json)
{
    struct server *server = exchange->server;
    evbuffer_drain(server->reply.bytes, evbuffer_get_length(server->reply.bytes));
    server->reply.is_over = false;
    server->reply.is_failed = false;
    json_init(json, server->reply.file);
}

void reply_headers(struct exchange *exchange, const char *content_type)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(exchange->request);
    evhttp_add_header(headers, "Content-Type", content_type);
    evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
    evhttp_add_header(headers, "Content-Security-Policy", "default-src 'none'");
    evhttp_add_header(headers, "Cache-Control", "no-store");
    timing_answer(exchange);
    if (exchange->is_closing || exchange->server->is_stopping)
        evhttp_add_header(headers, "Connection", "close");
}

static void add_length(struct exchange *exchange, int64_t length)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRId64, length);
    evhttp_add_header(evhttp_request_get_output_headers(exchange->request), "Content-Length", text);
}

void reply_done(struct exchange *exchange, int http_status, struct evbuffer *body)
{
    exchange->is_sent = true;
    add_length(exchange, (int64_t)evbuffer_get_length(body));
    /* evhttp would send a body after HEAD too. */
    if (exchange->is_head)
        evbuffer_drain(body, evbuffer_get_length(body));
    evhttp_send_reply(exchange->request, http_status, NULL, body);
}

static bool send_printed(struct exchange *exchange, int http_status, const char *content_type)
{
    struct server *server = exchange->server;
    fflush(server->reply.file);
    if (server->reply.is_over || server->reply.is_failed)
        return false;
    reply_headers(exchange, content_type);
    reply_done(exchange, http_status, server->reply.bytes);
    return true;
}

bool reply_send(struct exchange *exchange, int http_status)
{
    return send_printed(exchange, http_status, "application/json; charset=utf-8");
}

bool reply_send_text(struct exchange *exchange, const char *content_type)
{
    return send_printed(exchange, 200, content_type);
}

void reply_send_bytes(struct exchange *exchange, struct evbuffer *bytes)
{
    struct evbuffer *none = exchange->server->reply.bytes;
    evbuffer_drain(none, evbuffer_get_length(none));
    reply_done(exchange, 200, bytes ? bytes : none);
}

void reply_send_head(struct exchange *exchange, int64_t length)
{
    exchange->is_sent = true;
    if (length >= 0)
        add_length(exchange, length);
    evhttp_send_reply(exchange->request, 200, NULL, NULL);
}
