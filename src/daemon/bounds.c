/*
 * Limited tokens: see bounds.h.
 */
#include "bounds.h"

#include "routes.h"

#include <stdlib.h>
#include <string.h>

#define BUILDERS_MAX 10000 /* that are looked at for a list */
#define FILTER_MAX 1000    /* that a list may be of */

static void refuse(struct exchange *exchange)
{
    exchange_fail(exchange, 403, "this token is limited to some builders, and this is not theirs");
}

static void go_on(struct exchange *exchange)
{
    exchange->is_within = true;
    exchange_run(exchange);
}

static void take_builder(void *user, const struct dbk_error *error,
                         const struct dbk_builder *builder)
{
    struct exchange *exchange = user;
    if (exchange_is_over(exchange, error))
        return;
    if (builder && tokens_has_builder(exchange->builders, builder->name))
        go_on(exchange);
    else
        refuse(exchange);
}

static void check_builder(struct exchange *exchange, int64_t id)
{
    exchange_submitted(exchange, dbk_get_builder(exchange->server->store, id,
                                                 exchange_call(exchange), take_builder, exchange));
}

static void take_build(void *user, const struct dbk_error *error, const struct dbk_build *build)
{
    struct exchange *exchange = user;
    if (!exchange_is_without(exchange, error, build, "build"))
        check_builder(exchange, build->builderid);
}

static void check_build(struct exchange *exchange, int64_t id)
{
    exchange_submitted(exchange, dbk_get_build(exchange->server->store, id, exchange_call(exchange),
                                               take_build, exchange));
}

static void take_step(void *user, const struct dbk_error *error, const struct dbk_step *step)
{
    struct exchange *exchange = user;
    if (!exchange_is_without(exchange, error, step, "step"))
        check_build(exchange, step->buildid);
}

static void check_step(struct exchange *exchange)
{
    exchange_submitted(exchange,
                       dbk_get_step(exchange->server->store, exchange->id, DBK_NONE, DBK_NONE, NULL,
                                    exchange_call(exchange), take_step, exchange));
}

/* Which of all builders are theirs. Result: NULL when out of memory. */
static struct bounds *choose(const char *patterns, const struct dbk_builder *const *builders,
                             size_t count)
{
    struct bounds *bounds = calloc(1, sizeof(*bounds) + count * sizeof(*bounds->ids));
    for (size_t i = 0; bounds && i < count; i++) {
        if (tokens_has_builder(patterns, builders[i]->name))
            bounds->ids[bounds->count++] = builders[i]->id;
        if (builders[i]->id > bounds->newest_id)
            bounds->newest_id = builders[i]->id;
    }
    return bounds;
}

/* Lets a list hold no more than what is within. Result: DBK_OK, or a status. */
static int filter(struct exchange *exchange)
{
    static const int64_t nothing = 0;
    const struct bounds *bounds = exchange->bounds;
    const char *field = exchange->route->resource == &resource_builder ? "id" : "builderid";
    if (!exchange->route->resource)
        return DBK_OK;
    return dbk_spec_filter_int(exchange->ask.spec, field, DBK_IN,
                               bounds->count ? bounds->ids : &nothing,
                               bounds->count ? bounds->count : 1);
}

static void take_builders(void *user, const struct dbk_error *error,
                          const struct dbk_builder *const *builders, const struct dbk_page *page)
{
    struct exchange *exchange = user;
    if (exchange_is_over(exchange, error))
        return;
    exchange->bounds = choose(exchange->builders, builders, page->count);
    if (!exchange->bounds)
        exchange_fail(exchange, 503, "out of memory");
    else if (page->count == BUILDERS_MAX || exchange->bounds->count > FILTER_MAX)
        exchange_fail(exchange, 413,
                      "too many builders to look through: ask for each one's builds");
    else if (filter(exchange))
        exchange_fail(exchange, 503, "out of memory");
    else
        go_on(exchange);
}

static void find_builders(struct exchange *exchange)
{
    struct dbk_spec *spec = dbk_spec_new();
    if (!spec || dbk_spec_limit(spec, BUILDERS_MAX))
        exchange_fail(exchange, 503, "out of memory");
    else
        exchange_submitted(exchange,
                           dbk_get_builders(exchange->server->store, spec, exchange_call(exchange),
                                            take_builders, exchange));
    dbk_spec_free(spec);
}

/* Routes of builders, builds, steps, properties, data and events; what leads to others' is not for them. */
static bool is_route(const struct route *route)
{
    static const char *const kinds[] = {"builders", "builds",     "steps",
                                        "events",   "event_list", "session"};
    size_t len = strcspn(route->pattern, "/");
    bool is_kind = false;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        is_kind = is_kind || (len == strlen(kinds[i]) && !memcmp(route->pattern, kinds[i], len));
    bool adds_builder = route->method != EVHTTP_REQ_GET && !strcmp(route->pattern, "builders");
    return is_kind && !adds_builder && !strstr(route->pattern, "triggered_builds") &&
           !strstr(route->pattern, "buildrequests");
}

void bounds_check(struct exchange *exchange)
{
    const struct route *route = exchange->route;
    if (!is_route(route))
        refuse(exchange);
    else if (*route->pattern == '/' || !strcmp(route->pattern, "session"))
        go_on(exchange);
    else if (exchange->owner && !tokens_has_builder(exchange->builders, exchange->owner))
        refuse(exchange);
    else if (exchange->owner)
        go_on(exchange);
    else if (exchange->ownerid != DBK_NONE)
        check_builder(exchange, exchange->ownerid);
    else if (exchange->buildid != DBK_NONE)
        check_build(exchange, exchange->buildid);
    else if (exchange->id != DBK_NONE)
        check_step(exchange);
    else
        find_builders(exchange);
}

bool bounds_have(const struct bounds *bounds, int64_t builderid)
{
    bool is_found = !bounds;
    for (size_t i = 0; bounds && i < bounds->count && !is_found; i++)
        is_found = bounds->ids[i] == builderid;
    return is_found;
}
