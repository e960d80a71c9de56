/*
 * Builds: the lists, and one.
 */
#include "routes.h"

#include "included.h"

static void put_properties(struct json_writer *json, const void *record, const struct ask *ask)
{
    const struct dbk_build *build = record;
    json_begin_object(json);
    for (size_t i = 0; i < build->property_count; i++) {
        const struct dbk_property *property = build->properties[i];
        if (ask_wants_property(ask, property->name))
            property_write_member(json, property);
    }
    json_end_object(json);
}

#define INT(name, member)                                                                          \
    {                                                                                              \
        name, #member, RESOURCE_INT, offsetof(struct dbk_build, member), NULL                      \
    }

const struct resource resource_build = {
    .plural = "builds",
    .write_included = included_write,
    .fields =
        {
            INT("buildid", id),
            INT("number", number),
            INT("builderid", builderid),
            INT("buildrequestid", buildrequestid),
            INT("workerid", workerid),
            INT("masterid", masterid),
            INT("started_at", started_at),
            {"complete", "complete", RESOURCE_IS_SET, offsetof(struct dbk_build, complete_at),
             NULL},
            INT("complete_at", complete_at),
            INT("locks_duration_s", locks_duration_s),
            {"state_string", "state_string", RESOURCE_TEXT,
             offsetof(struct dbk_build, state_string), NULL},
            INT("results", results),
            {"properties", NULL, RESOURCE_OTHER, 0, put_properties},
        },
};

static void give_builds(void *user, const struct dbk_error *error,
                        const struct dbk_build *const *builds, const struct dbk_page *page)
{
    if (!exchange_is_over(user, error))
        included_give(user, builds, page);
}

static void list(struct exchange *exchange, int64_t builderid, int64_t requestid, int64_t workerid)
{
    exchange_submitted(exchange, dbk_get_builds(exchange->server->store, builderid, requestid,
                                                workerid, DBK_NONE, exchange->ask.spec,
                                                exchange_call(exchange), give_builds, exchange));
}

void read_builds(struct exchange *exchange)
{
    list(exchange, exchange->ownerid, DBK_NONE, DBK_NONE);
}

void read_builds_of_request(struct exchange *exchange)
{
    list(exchange, DBK_NONE, exchange->id, DBK_NONE);
}

void read_builds_of_worker(struct exchange *exchange)
{
    list(exchange, DBK_NONE, DBK_NONE, exchange->ownerid);
}

void read_builds_of_change(struct exchange *exchange)
{
    exchange_submitted(exchange, dbk_get_builds_for_change(
                                     exchange->server->store, exchange->id, exchange->ask.spec,
                                     exchange_call(exchange), give_builds, exchange));
}

void read_builds_triggered(struct exchange *exchange)
{
    exchange_submitted(exchange, dbk_get_triggered_builds(
                                     exchange->server->store, exchange->buildid, exchange->ask.spec,
                                     exchange_call(exchange), give_builds, exchange));
}

static void give_build_with_properties(void *user, const struct dbk_error *error,
                                       const struct dbk_property *const *properties,
                                       const struct dbk_page *page)
{
    struct exchange *exchange = user;
    if (exchange_is_over(exchange, error))
        return;
    struct dbk_build build = *exchange->build;
    build.properties = properties;
    build.property_count = page->count;
    included_give(exchange, (const struct dbk_build *const[]){&build}, NULL);
}

static void give_build(void *user, const struct dbk_error *error, const struct dbk_build *build)
{
    struct exchange *exchange = user;
    if (exchange_is_over(exchange, error))
        return;
    if (!build || !exchange->ask.has_properties) {
        included_give(exchange, &build, NULL);
        return;
    }
    exchange->build = dbk_build_dup(build);
    if (!exchange->build)
        exchange_fail(exchange, 503, "out of memory");
    else
        exchange_submitted(exchange,
                           dbk_get_build_properties(exchange->server->store, build->id, NULL,
                                                    exchange_call(exchange),
                                                    give_build_with_properties, exchange));
}

void read_build(struct exchange *exchange)
{
    exchange_submitted(exchange, dbk_get_build(exchange->server->store, exchange->buildid,
                                               exchange_call(exchange), give_build, exchange));
}

void read_build_by_number(struct exchange *exchange)
{
    if (exchange->buildid != DBK_NONE) { /* a "last" one, that was found */
        read_build(exchange);
        return;
    }
    exchange_submitted(exchange, dbk_get_build_by_number(exchange->server->store, exchange->ownerid,
                                                         exchange->number, exchange_call(exchange),
                                                         give_build, exchange));
}
