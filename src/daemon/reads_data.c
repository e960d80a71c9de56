/*
 * Build data: what is known of the values, and their bytes, which go out in pieces: the next one is read
 * when the last one has left, so that no value needs more memory than a piece.
 */
#include "routes.h"

#include "connection.h"
#include "reply.h"

#include <string.h>

#define PIECE_SIZE (1 << 20)

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

static void submit_piece(struct exchange *exchange, dbk_build_data_fn *done)
{
    exchange_submitted(exchange,
                       dbk_get_build_data_range(exchange->server->store, exchange->buildid,
                                                exchange->name, exchange->value.offset, PIECE_SIZE,
                                                exchange_call(exchange), done, exchange));
}

static void give_next_piece(void *user, const struct dbk_error *error,
                            const struct dbk_build_data *data);

static void piece_sent(struct evhttp_connection *evcon, void *user)
{
    struct exchange *exchange = user;
    (void)evcon;
    if (exchange->value.offset < exchange->value.length) {
        if (dbk_get_build_data_range(exchange->server->store, exchange->buildid, exchange->name,
                                     exchange->value.offset, PIECE_SIZE, exchange_call(exchange),
                                     give_next_piece, exchange))
            break_off(exchange);
        else
            exchange->is_waiting = true;
        return;
    }
    exchange->is_sent = true;
    evhttp_send_reply_end(exchange->request);
}

static void send_piece(struct exchange *exchange, const struct dbk_build_data *data)
{
    struct evbuffer *piece = exchange->server->reply.bytes;
    evbuffer_drain(piece, evbuffer_get_length(piece));
    if (!data->value_len || evbuffer_add(piece, data->value, data->value_len)) {
        break_off(exchange);
        return;
    }
    exchange->value.offset += (int64_t)data->value_len;
    evhttp_send_reply_chunk_with_cb(exchange->request, piece, piece_sent, exchange);
}

/* A value that was replaced meanwhile is another one: what is left of it does not belong to what went
 * out. One of the same length and id cannot be told. */
static void give_next_piece(void *user, const struct dbk_error *error,
                            const struct dbk_build_data *data)
{
    struct exchange *exchange = user;
    if (exchange_is_over(exchange, NULL))
        return;
    if (error || !data || data->id != exchange->value.id || data->length != exchange->value.length)
        break_off(exchange);
    else
        send_piece(exchange, data);
}

static void give_first_piece(void *user, const struct dbk_error *error,
                             const struct dbk_build_data *data)
{
    struct exchange *exchange = user;
    char length[24];
    if (exchange_is_over(exchange, error))
        return;
    if (!data) {
        exchange_fail(exchange, 404, "there is no such value");
        return;
    }
    value_headers(exchange);
    /* The bytes that are there; their number beside them may be wrong in an old database. */
    if (data->value_len < PIECE_SIZE) {
        reply_send_bytes(exchange, data->value, data->value_len);
        return;
    }
    exchange->value.id = data->id;
    exchange->value.length = data->length;
    snprintf(length, sizeof(length), "%lld", (long long)data->length);
    evhttp_add_header(evhttp_request_get_output_headers(exchange->request), "Content-Length",
                      length);
    evhttp_send_reply_start(exchange->request, 200, NULL);
    send_piece(exchange, data);
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

void read_data_value(struct exchange *exchange)
{
    if (exchange->is_head)
        exchange_submitted(exchange, dbk_get_build_data_no_value(
                                         exchange->server->store, exchange->buildid, exchange->name,
                                         exchange_call(exchange), give_value_head, exchange));
    else
        submit_piece(exchange, give_first_piece);
}
