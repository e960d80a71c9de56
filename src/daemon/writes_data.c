/*
 * Writes of build data: the bytes of a request's body, as they are.
 */
#include "routes.h"

#include "writing.h"

void write_data(struct exchange *exchange)
{
    struct evbuffer *bytes = evhttp_request_get_input_buffer(exchange->request);
    const char *source = query_value(&exchange->query, "source");
    size_t len = evbuffer_get_length(bytes);
    const void *value = len ? evbuffer_pullup(bytes, -1) : NULL;
    if (len && !value) {
        exchange_fail(exchange, 503, "out of memory");
        return;
    }
    exchange_submitted(
        exchange, dbk_set_build_data(exchange->server->store, exchange->buildid, exchange->name,
                                     value, len, source ? source : WRITING_SOURCE,
                                     writing_call(exchange), writing_done, exchange));
    /* The store has a copy. */
    if (exchange->request)
        evbuffer_drain(bytes, evbuffer_get_length(bytes));
}

void delete_data(struct exchange *exchange)
{
    exchange_submitted(exchange, dbk_delete_build_data(exchange->server->store, exchange->buildid,
                                                       exchange->name, writing_call(exchange),
                                                       writing_done, exchange));
}
