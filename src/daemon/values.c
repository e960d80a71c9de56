/*
 * Values: see values.h.
 *
 *     known --> (hashed) --> decided --> sent in pieces, or at once
 *
 * They go out in pieces: the next one is read when the last one has left, so that no value needs more memory than a
 * few pieces. A tag is a hash of the bytes, for nothing else in the tables changes whenever they do. So a value that
 * gets one (SERVER_TAG_MAX) is read before it is given, and hashed again while it is: its last piece is held
 * back until it is known that all of them were of the value that the tag is of.
 */
#include "values.h"

#include "connection.h"
#include "range.h"
#include "reply.h"
#include "routes.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

enum { TAG_BYTES = 16, TAG_SIZE = 2 * TAG_BYTES + 3 };

struct value {
    int64_t length;        /* as the database says; once it was hashed, as it is */
    char tag[TAG_SIZE];    /* in its quotes; "": none */
    EVP_MD_CTX *hash;      /* of what was read */
    int64_t seen;          /* bytes that were hashed */
    struct evbuffer *held; /* what was read and has not gone out */
    struct range range;    /* that is given */
    int64_t given;         /* bytes of it, those that are held too */
    bool is_failed;        /* no memory for a piece */
};

void value_free(struct value *value)
{
    if (!value)
        return;
    EVP_MD_CTX_free(value->hash);
    if (value->held)
        evbuffer_free(value->held);
    free(value);
}

static bool begin_hash(struct value *value)
{
    value->seen = 0;
    return EVP_DigestInit_ex(value->hash, EVP_sha256(), NULL) == 1;
}

static void add_hash(struct value *value, const struct dbk_build_data *piece)
{
    value->seen += (int64_t)piece->value_len;
    if (EVP_DigestUpdate(value->hash, piece->value, piece->value_len) != 1)
        value->is_failed = true;
}

static void end_hash(struct value *value, char out_tag[TAG_SIZE])
{
    unsigned char bytes[EVP_MAX_MD_SIZE] = {0};
    char *out = out_tag;
    if (EVP_DigestFinal_ex(value->hash, bytes, NULL) != 1)
        value->is_failed = true;
    *out++ = '"';
    for (int i = 0; i < TAG_BYTES; i++)
        out += sprintf(out, "%02x", bytes[i]);
    strcpy(out, "\"");
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

/* A browser may keep what has a tag, and asks each time whether it is still the same. */
static void add_tag(struct exchange *exchange)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(exchange->request);
    if (!*exchange->value->tag)
        return;
    evhttp_add_header(headers, "ETag", exchange->value->tag);
    evhttp_remove_header(headers, "Cache-Control");
    evhttp_add_header(headers, "Cache-Control", "private, no-cache");
}

static void add_headers(struct exchange *exchange)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(exchange->request);
    const struct value *value = exchange->value;
    char text[80];
    reply_headers(exchange, "application/octet-stream");
    add_disposition(exchange);
    add_tag(exchange);
    evhttp_add_header(headers, "Accept-Ranges", "bytes");
    if (value->range.kind != RANGE_PART)
        return;
    snprintf(text, sizeof(text), "bytes %" PRId64 "-%" PRId64 "/%" PRId64, value->range.begin,
             value->range.end - 1, value->length);
    evhttp_add_header(headers, "Content-Range", text);
}

/* Nothing was sent yet, though headers were added. */
static void fail(struct exchange *exchange)
{
    evhttp_clear_headers(evhttp_request_get_output_headers(exchange->request));
    exchange_fail(exchange, 503, "out of memory");
}

/* The answer was begun and cannot be ended: the client sees a connection that ends too early. */
static void break_off(struct exchange *exchange)
{
    connection_end(exchange->connection);
}

/* ---------------------------------------------------------------------------- sent in pieces ---- */

/* What was handed over has left. */
static void piece_sent(struct evhttp_connection *evcon, void *user)
{
    struct exchange *exchange = user;
    (void)evcon;
    if (exchange->is_waiting)
        dbk_resume(exchange->server->store, exchange->op);
}

/* Hands over the part of a piece that is in the range; the one before it leaves, this one is held. */
static bool take_piece(void *user, const struct dbk_build_data *piece, int64_t offset)
{
    struct exchange *exchange = user;
    struct value *value = exchange->value;
    int64_t begin = offset, end = offset + (int64_t)piece->value_len;
    if (!exchange->request)
        return true;
    if (*value->tag)
        add_hash(value, piece);
    if (begin < value->range.begin)
        begin = value->range.begin;
    if (end > value->range.end)
        end = value->range.end;
    if (begin >= end)
        return true;
    bool is_first = !evbuffer_get_length(value->held);
    if (!is_first)
        evhttp_send_reply_chunk_with_cb(exchange->request, value->held, piece_sent, exchange);
    if (evbuffer_add(value->held, (const char *)piece->value + (begin - offset),
                     (size_t)(end - begin)))
        value->is_failed = true;
    value->given += end - begin;
    return is_first;
}

static bool is_the_same(struct value *value)
{
    char tag[TAG_SIZE];
    if (!*value->tag)
        return true;
    end_hash(value, tag);
    return !strcmp(tag, value->tag);
}

static void all_taken(void *user, const struct dbk_error *error, const struct dbk_build_data *data)
{
    struct exchange *exchange = user;
    struct value *value = exchange->value;
    if (exchange_is_over(exchange, NULL))
        return;
    if (error || !data || value->is_failed ||
        value->given != value->range.end - value->range.begin || !is_the_same(value)) {
        break_off(exchange);
        return;
    }
    evhttp_send_reply_chunk(exchange->request, value->held);
    exchange->is_sent = true;
    evhttp_send_reply_end(exchange->request);
}

/* The time is for all of it, the client's part too. One that takes nothing is ended by its connection. */
static int read_value(struct exchange *exchange, int64_t begin, int64_t length, dbk_piece_fn *piece,
                      dbk_build_data_fn *done)
{
    struct dbk_call call = *exchange_call(exchange);
    call.timeout_ms = SERVER_VALUE_MS;
    return dbk_read_build_data(exchange->server->store, exchange->buildid, exchange->name, begin,
                               length, &call, piece, done, exchange);
}

static void send_pieces(struct exchange *exchange, int http_status)
{
    struct value *value = exchange->value;
    int64_t length = value->range.end - value->range.begin;
    char text[24];
    snprintf(text, sizeof(text), "%" PRId64, length);
    evhttp_add_header(evhttp_request_get_output_headers(exchange->request), "Content-Length", text);
    evbuffer_drain(value->held, evbuffer_get_length(value->held));
    bool is_whole = *value->tag; /* to see that it is still the same */
    if (is_whole && !begin_hash(value)) {
        fail(exchange);
        return;
    }
    int status = read_value(exchange, is_whole ? 0 : value->range.begin,
                            is_whole ? INT64_MAX : length, take_piece, all_taken);
    if (status == DBK_OK)
        evhttp_send_reply_start(exchange->request, http_status, NULL);
    else
        evhttp_clear_headers(evhttp_request_get_output_headers(exchange->request));
    exchange_submitted(exchange, status);
}

/* ----------------------------------------------------------------------------------- decided ---- */

/* All of it is held already. */
static void send_held(struct exchange *exchange, int http_status)
{
    struct value *value = exchange->value;
    struct evbuffer *part = evbuffer_new();
    evbuffer_drain(value->held, (size_t)value->range.begin);
    if (!part || evbuffer_remove_buffer(value->held, part,
                                        (size_t)(value->range.end - value->range.begin)) < 0)
        fail(exchange);
    else
        reply_done(exchange, http_status, part);
    if (part)
        evbuffer_free(part);
}

static void refuse_range(struct exchange *exchange)
{
    char text[40];
    snprintf(text, sizeof(text), "bytes */%" PRId64, exchange->value->length);
    evhttp_add_header(evhttp_request_get_output_headers(exchange->request), "Content-Range", text);
    exchange_fail(exchange, 416, "the value has %" PRId64 " bytes", exchange->value->length);
}

/* Which part is asked for. A condition that is not met, also for want of a tag, makes it the whole. */
static struct range choose_range(struct exchange *exchange)
{
    const struct evkeyvalq *asked = evhttp_request_get_input_headers(exchange->request);
    const struct value *value = exchange->value;
    const char *condition = evhttp_find_header(asked, "If-Range");
    bool is_met = !condition || (*value->tag && !strcmp(condition, value->tag));
    return range_read(is_met && !exchange->is_head ? evhttp_find_header(asked, "Range") : NULL,
                      value->length);
}

static void send_unchanged(struct exchange *exchange)
{
    add_headers(exchange);
    exchange->is_sent = true;
    evhttp_send_reply(exchange->request, 304, NULL, NULL);
}

static void decide(struct exchange *exchange)
{
    const struct evkeyvalq *asked = evhttp_request_get_input_headers(exchange->request);
    struct value *value = exchange->value;
    const char *known = evhttp_find_header(asked, "If-None-Match");
    if (known && *value->tag && range_list_has(known, value->tag)) {
        send_unchanged(exchange);
        return;
    }
    value->range = choose_range(exchange);
    if (value->range.kind == RANGE_NOWHERE) {
        refuse_range(exchange);
        return;
    }
    if (value->range.kind == RANGE_WHOLE)
        value->range.end = value->length;
    int http_status = value->range.kind == RANGE_PART ? 206 : 200;
    add_headers(exchange);
    if (exchange->is_head)
        reply_send_head(exchange, value->length);
    else if (value->length == (int64_t)evbuffer_get_length(value->held))
        send_held(exchange, http_status);
    else
        send_pieces(exchange, http_status);
}

/* ------------------------------------------------------------------------------------ hashed ---- */

/* The first piece is kept: most values have no more. */
static bool hash_piece(void *user, const struct dbk_build_data *piece, int64_t offset)
{
    struct exchange *exchange = user;
    struct value *value = exchange->value;
    add_hash(value, piece);
    if (offset)
        evbuffer_drain(value->held, evbuffer_get_length(value->held));
    else if (evbuffer_add(value->held, piece->value, piece->value_len))
        value->is_failed = true;
    return true;
}

static void hashed(void *user, const struct dbk_error *error, const struct dbk_build_data *data)
{
    struct exchange *exchange = user;
    struct value *value = exchange->value;
    if (exchange_is_without(exchange, error, data, "value"))
        return;
    end_hash(value, value->tag);
    value->length = value->seen;
    if (value->is_failed)
        exchange_fail(exchange, 503, "out of memory");
    else
        decide(exchange);
}

static void known(void *user, const struct dbk_error *error, const struct dbk_build_data *data)
{
    struct exchange *exchange = user;
    struct value *value = exchange->value;
    if (exchange_is_without(exchange, error, data, "value"))
        return;
    value->length = data->length;
    if (value->length > SERVER_TAG_MAX)
        decide(exchange);
    else
        exchange_submitted(exchange, read_value(exchange, 0, INT64_MAX, hash_piece, hashed));
}

void read_data_value(struct exchange *exchange)
{
    struct value *value = exchange->value = calloc(1, sizeof(*value));
    if (value) {
        value->held = evbuffer_new();
        value->hash = EVP_MD_CTX_new();
    }
    if (!value || !value->held || !value->hash || !begin_hash(value))
        exchange_fail(exchange, 503, "out of memory");
    else
        exchange_submitted(exchange, dbk_get_build_data_no_value(
                                         exchange->server->store, exchange->buildid, exchange->name,
                                         exchange_call(exchange), known, exchange));
}
