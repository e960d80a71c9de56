/*
 * Events as a list, in their order: all of a kind that the log has, without the records that they are of. Those
 * who listen get them from stream.c.
 */
#include "routes.h"

#include "path.h"

#define FIELD(member, kind)                                                                        \
    {                                                                                              \
#member, #member, kind, offsetof(struct dbk_event, member), NULL                           \
    }

const struct resource resource_event = {
    .plural = "events",
    .is_log = true,
    .fields =
        {
            FIELD(id, RESOURCE_INT),
            FIELD(at, RESOURCE_INT),
            FIELD(kind, RESOURCE_TEXT),
            FIELD(verb, RESOURCE_TEXT),
            FIELD(builderid, RESOURCE_INT),
            FIELD(buildid, RESOURCE_INT),
            FIELD(stepid, RESOURCE_INT),
            FIELD(name, RESOURCE_TEXT),
        },
};

static void give_events(void *user, const struct dbk_error *error,
                        const struct dbk_event *const *events, const struct dbk_page *page)
{
    if (!exchange_is_over(user, error))
        exchange_give_list(user, (const void *const *)events, page);
}

/* As with the stream, Last-Event-ID says behind which one to begin. */
void read_events(struct exchange *exchange)
{
    const char *last =
        evhttp_find_header(evhttp_request_get_input_headers(exchange->request), "Last-Event-ID");
    int64_t position = 0;
    if (last && *last && !path_number(last, false, &position)) {
        exchange_fail(exchange, 400, "Last-Event-ID is an id that an event has");
        return;
    }
    exchange_submitted(exchange,
                       dbk_get_events(exchange->server->store, position, exchange->ask.spec,
                                      exchange_call(exchange), give_events, exchange));
}
