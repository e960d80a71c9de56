/*
 * Properties of a build: as one map, and as a list.
 */
#include "routes.h"

#include "reply.h"

/* Their value is JSON text in the list. What an old database holds that is none is null there, with the
 * text under `raw`; `raw` is not a field, as Buildbot has none. */
static void write_value(struct json_writer *json, const void *record, const struct ask *ask)
{
    const struct dbk_property *property = record;
    (void)ask;
    if (property->is_json) {
        json_text(json, property->value);
        return;
    }
    json_none(json);
    if (property->value)
        json_member_text(json, "raw", property->value);
}

void property_write_member(struct json_writer *json, const struct dbk_property *property)
{
    json_name(json, property->name);
    json_begin_array(json);
    if (property->is_json)
        json_value(json, property->value);
    else
        json_none(json);
    json_text(json, property->source);
    json_end_array(json);
}

const struct resource resource_property = {
    .plural = "_properties",
    .order = "position",
    .tie = "position",
    .fields =
        {
            {"name", "name", RESOURCE_TEXT, offsetof(struct dbk_property, name), NULL},
            {"source", "source", RESOURCE_TEXT, offsetof(struct dbk_property, source), NULL},
            {"value", NULL, RESOURCE_OTHER, 0, write_value},
        },
};

const struct resource resource_properties = {.plural = "properties", .fields = {{.name = NULL}}};

static void give_map(void *user, const struct dbk_error *error,
                     const struct dbk_property *const *properties, const struct dbk_page *page)
{
    struct exchange *exchange = user;
    struct json_writer json;
    if (exchange_is_over(exchange, error))
        return;
    reply_begin(exchange, &json);
    json_begin_object(&json);
    json_name(&json, "properties");
    json_begin_array(&json);
    json_begin_object(&json);
    for (size_t i = 0; i < page->count; i++)
        property_write_member(&json, properties[i]);
    json_end_object(&json);
    json_end_array(&json);
    json_name(&json, "meta");
    json_begin_object(&json);
    json_end_object(&json);
    exchange_finish(exchange, 200, &json);
}

static void give_list(void *user, const struct dbk_error *error,
                      const struct dbk_property *const *properties, const struct dbk_page *page)
{
    if (!exchange_is_over(user, error))
        exchange_give_list(user, (const void *const *)properties, page);
}

void read_properties(struct exchange *exchange)
{
    exchange_submitted(exchange,
                       dbk_get_build_properties(exchange->server->store, exchange->buildid, NULL,
                                                exchange_call(exchange), give_map, exchange));
}

void read_property_list(struct exchange *exchange)
{
    exchange_submitted(exchange, dbk_get_build_properties(
                                     exchange->server->store, exchange->buildid, exchange->ask.spec,
                                     exchange_call(exchange), give_list, exchange));
}
