/*
 * Build data: what is known of the values. Their bytes are given by values.c.
 */
#include "routes.h"

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
    .tie = "name",
    .fields =
        {
            FIELD(buildid, RESOURCE_INT),
            FIELD(name, RESOURCE_TEXT),
            FIELD(length, RESOURCE_INT),
            FIELD(source, RESOURCE_TEXT),
            {"value", NULL, RESOURCE_OTHER, 0, write_no_value},
            {"dataid", "id", RESOURCE_INT_ASKED, offsetof(struct dbk_build_data, id), NULL},
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
