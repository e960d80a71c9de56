/*
 * Steps: those of a build, and one.
 */
#include "routes.h"

static void write_urls(struct json_writer *json, const void *record, const struct ask *ask)
{
    const struct dbk_step *step = record;
    (void)ask;
    json_begin_array(json);
    for (size_t i = 0; i < step->url_count; i++) {
        json_begin_object(json);
        json_member_text(json, "name", step->urls[i]->name);
        json_member_text(json, "url", step->urls[i]->url);
        json_end_object(json);
    }
    json_end_array(json);
}

#define FIELD(name, member, kind)                                                                  \
    {                                                                                              \
        name, #member, kind, offsetof(struct dbk_step, member), NULL                               \
    }

const struct resource resource_step = {
    .plural = "steps",
    .tie = "number",
    .fields =
        {
            FIELD("stepid", id, RESOURCE_INT),
            FIELD("number", number, RESOURCE_INT),
            FIELD("name", name, RESOURCE_TEXT),
            FIELD("buildid", buildid, RESOURCE_INT),
            FIELD("started_at", started_at, RESOURCE_INT),
            FIELD("locks_acquired_at", locks_acquired_at, RESOURCE_INT),
            {"complete", "complete", RESOURCE_IS_SET, offsetof(struct dbk_step, complete_at), NULL},
            FIELD("complete_at", complete_at, RESOURCE_INT),
            FIELD("state_string", state_string, RESOURCE_TEXT),
            FIELD("results", results, RESOURCE_INT),
            FIELD("hidden", hidden, RESOURCE_BOOL),
            {"urls", NULL, RESOURCE_OTHER, 0, write_urls},
        },
};

static void give_steps(void *user, const struct dbk_error *error,
                       const struct dbk_step *const *steps, const struct dbk_page *page)
{
    if (!exchange_is_over(user, error))
        exchange_give_list(user, (const void *const *)steps, page);
}

static void give_step(void *user, const struct dbk_error *error, const struct dbk_step *step)
{
    if (!exchange_is_over(user, error))
        exchange_give_record(user, step);
}

void read_steps(struct exchange *exchange)
{
    exchange_submitted(exchange,
                       dbk_get_steps(exchange->server->store, exchange->buildid, exchange->ask.spec,
                                     exchange_call(exchange), give_steps, exchange));
}

void read_step(struct exchange *exchange)
{
    exchange_submitted(exchange,
                       dbk_get_step(exchange->server->store, exchange->id, exchange->buildid,
                                    exchange->step_number, exchange->step, exchange_call(exchange),
                                    give_step, exchange));
}
