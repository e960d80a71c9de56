/*
 * Writes: see writing.h.
 */
#include "writing.h"

#include "reply.h"
#include "serve.h"

#include <time.h>

/* When what is submitted now happened; DBK_NONE: now. The store asks for it while it is submitted. */
static int64_t happened_at = DBK_NONE;

void writing_set_time(int64_t at)
{
    happened_at = at;
}

int64_t serve_clock(void *user)
{
    (void)user;
    return happened_at != DBK_NONE ? happened_at : (int64_t)time(NULL);
}

const struct dbk_call *writing_call(struct exchange *exchange)
{
    exchange_call(exchange);
    exchange->call.scope = exchange->scope;
    exchange->call.key = exchange->key;
    return &exchange->call;
}

void writing_refuse(struct exchange *exchange, const struct body *body)
{
    exchange_fail(exchange, body->http_status, "%s", body->message);
}

bool writing_read(struct exchange *exchange, struct body *body, const struct form *form, void *out)
{
    bool is_good = body_parse(body, evhttp_request_get_input_buffer(exchange->request)) &&
                   body_read(body, body->root, form, out);
    if (!is_good)
        writing_refuse(exchange, body);
    return is_good;
}

void writing_done(void *user, const struct dbk_error *error)
{
    if (!exchange_is_over(user, error))
        writing_give(user, NULL, 0, NULL, NULL);
}

void writing_give(struct exchange *exchange, const struct writing_id *ids, size_t count,
                  const char *name, const char *place)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(exchange->request);
    struct json_writer json;
    reply_begin(exchange, &json);
    json_begin_object(&json);
    for (size_t i = 0; i < count; i++)
        json_member_number(&json, ids[i].name, ids[i].number);
    if (name)
        json_member_text(&json, "name", name);
    if (place)
        evhttp_add_header(headers, "Location", place);
    exchange_finish(exchange, place ? 201 : 200, &json);
}
