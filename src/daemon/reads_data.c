/*
 * Build data: what is known of the values, and their bytes, which go out in pieces: the next one is read
 * when the last one has left, so that no value needs more memory than two pieces.
 */
#include "routes.h"

#include "connection.h"
#include "reply.h"

#include <string.h>

static void write_no_value(struct json_writer *json, const void *record, const struct ask *ask)
{
    (void)record;
    (void)ask;
    json_none(json);
}

#define FIELD(member, kind)                                                                        \
    {                                                                                              \
#member, #member, kind, offsetof(struct dbk_build_data, member), NULL                      \
    }

const struct resource resource_build_data = {
    .plural = "build_data",
    .order = "name",
    .fields =
        {
            FIELD(buildid, RESOURCE_INT),
            FIELD(name, RESOURCE_TEXT),
            FIELD(length, RESOURCE_INT),
            FIELD(source, RESOURCE_TEXT),
            {"value", NULL, RESOURCE_OTHER, 0, write_no_value},
        },
};

static void give_list(void *user, const struct dbk_error *error,
                      const struct dbk_build_data *const *data, const struct dbk_page *page)
{
    if (!exchange_is_over(user, error))
        exchange_give_list(user, (const void *const *)data, page);
}

static void give_one(void *user, const struct dbk_error *error, const struct dbk_build_data *data)
{
    if (!exchange_is_over(user, error))
        exchange_give_record(user, data);
}

void read_data_list(struct exchange *exchange)
{
    exchange_submitted(
        exchange, dbk_get_all_build_data_no_values(exchange->server->store, exchange->buildid, NULL,
                                                   exchange->ask.spec, exchange_call(exchange),
                                                   give_list, exchange));
}

void read_data(struct exchange *exchange)
{
    exchange_submitted(exchange, dbk_get_build_data_no_value(
                                     exchange->server->store, exchange->buildid, exchange->name,
                                     exchange_call(exchange), give_one, exchange));
}

/* The name that a browser is to save it under. One that is no token is given as RFC 8187 says. */
static void add_disposition(struct exchange *exchange)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
    struct evkeyvalq *headers = evhttp_request_get_output_headers(exchange->request);
    /* A name has at most 256 characters of 4 bytes, of which each becomes 3. */
    char text[64 + 256 * 12];
    const char *name = exchange->name;
    if (!name[strspn(name, plain)]) {
        snprintf(text, sizeof(text), "attachment; filename=%s", name);
    } else {
        char *out = text + sprintf(text, "attachment; filename*=UTF-8''");
        for (; *name && out < text + sizeof(text) - 4; name++)
            out += strchr(plain, *name) ? sprintf(out, "%c", *name)
                                        : sprintf(out, "%%%02X", (unsigned char)*name);
    }
    evhttp_add_header(headers, "Content-Disposition", text);
}

static void value_headers(struct exchange *exchange)
{
    reply_headers(exchange, "application/octet-stream");
    add_disposition(exchange);
}

/* The answer was begun and cannot be ended: the client sees a connection that ends too early. */
static void break_off(struct exchange *exchange)
{
    connection_end(exchange->connection);
}

/* What was handed over has left. */
static void piece_sent(struct evhttp_connection *evcon, void *user)
{
    struct exchange *exchange = user;
    (void)evcon;
    if (exchange->is_waiting) {
        dbk_resume(exchange->server->store, exchange->op);
        return;
    }
    exchange->is_sent = true;
    evhttp_send_reply_end(exchange->request);
}

static void start_value(struct exchange *exchange, int64_t length)
{
    char text[24];
    exchange->value.length = length;
    value_headers(exchange);
    snprintf(text, sizeof(text), "%lld", (long long)length);
    evhttp_add_header(evhttp_request_get_output_headers(exchange->request), "Content-Length", text);
    evhttp_send_reply_start(exchange->request, 200, NULL);
}

/*
 * Takes a piece. The first one is held until it is known whether there is a second: a value of one piece is
 * answered with the length that it has, whatever an old database says beside it. Of longer ones the length is
 * believed, and the answer broken off when it was wrong.
 */
static bool take_piece(void *user, const struct dbk_build_data *piece, int64_t offset)
{
    struct exchange *exchange = user;
    struct evbuffer *held = exchange->value.held;
    if (!exchange->request)
        return true;
    if (!held && (held = exchange->value.held = evbuffer_new()) == NULL)
        return true; /* told at the end */
    if (evbuffer_add(held, piece->value, piece->value_len))
        exchange->value.is_failed = true;
    if (!offset)
        return true;
    if (!exchange->value.length)
        start_value(exchange, piece->length);
    exchange->value.given += (int64_t)evbuffer_get_length(held);
    if (exchange->value.is_failed || exchange->value.given > exchange->value.length) {
        break_off(exchange);
        return true;
    }
    evhttp_send_reply_chunk_with_cb(exchange->request, held, piece_sent, exchange);
    return false;
}

static void end_value(struct exchange *exchange, const struct dbk_build_data *data)
{
    struct evbuffer *held = exchange->value.held;
    if (!data)
        exchange_fail(exchange, 404, "there is no such value");
    else if (exchange->value.is_failed || (!held && data->length))
        exchange_fail(exchange, 503, "out of memory");
    else {
        value_headers(exchange);
        reply_send_bytes(exchange, held);
    }
}

static void value_is_read(void *user, const struct dbk_error *error,
                          const struct dbk_build_data *data)
{
    struct exchange *exchange = user;
    bool is_started = exchange->value.length;
    if (exchange_is_over(exchange, is_started ? NULL : error))
        return;
    if (!is_started)
        end_value(exchange, data);
    else if (error || exchange->value.given < exchange->value.length)
        break_off(exchange);
    else
        piece_sent(NULL, exchange);
}

/* HEAD: the headers without a byte read. */
static void give_value_head(void *user, const struct dbk_error *error,
                            const struct dbk_build_data *data)
{
    struct exchange *exchange = user;
    if (exchange_is_over(exchange, error))
        return;
    if (!data) {
        exchange_fail(exchange, 404, "there is no such value");
        return;
    }
    value_headers(exchange);
    reply_send_head(exchange, data->length);
}

/* The time is for all of it, the client's part too. One that takes nothing is ended by its connection. */
static void read_value(struct exchange *exchange)
{
    struct dbk_call call = *exchange_call(exchange);
    call.timeout_ms = SERVER_VALUE_MS;
    exchange_submitted(exchange, dbk_read_build_data(exchange->server->store, exchange->buildid,
                                                     exchange->name, 0, INT64_MAX, &call,
                                                     take_piece, value_is_read, exchange));
}

void read_data_value(struct exchange *exchange)
{
    if (exchange->is_head)
        exchange_submitted(exchange, dbk_get_build_data_no_value(
                                         exchange->server->store, exchange->buildid, exchange->name,
                                         exchange_call(exchange), give_value_head, exchange));
    else
        read_value(exchange);
}
