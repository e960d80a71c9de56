/*
 * What a request's path names before its route can run: the builder, worker or master, and the build. See
 * exchange.h.
 */
#include "exchange.h"

#include "bounds.h"
#include "routes.h"

#define NO_BUILD 0 /* no build has this id */

static void take_build(void *user, const struct dbk_error *error, const struct dbk_build *build)
{
    struct exchange *exchange = user;
    bool is_missing = !error && !build && route_is_empty_without_build(exchange->route) &&
                      exchange->choice == EXCHANGE_BY_NUMBER;
    if (!is_missing && exchange_is_without(exchange, error, build, "build"))
        return;
    exchange->buildid = is_missing ? NO_BUILD : build->id;
    exchange->route->run(exchange);
}

static void take_chosen(void *user, const struct dbk_error *error,
                        const struct dbk_build *const *builds, const struct dbk_page *page)
{
    take_build(user, error, !error && page->count ? builds[0] : NULL);
}

/* Finds the builder's last build, or its last one that failed. */
static void choose_build(struct exchange *exchange)
{
    static const int64_t failed[] = {DBK_FAILURE, DBK_EXCEPTION};
    struct dbk_spec *spec = dbk_spec_new();
    if (!spec || dbk_spec_order(spec, "-number") || dbk_spec_limit(spec, 1) ||
        (exchange->choice == EXCHANGE_LAST_FAILED &&
         dbk_spec_filter_int(spec, "results", DBK_IN, failed, 2)))
        exchange_fail(exchange, 503, "out of memory");
    else
        exchange_submitted(exchange,
                           dbk_get_builds(exchange->server->store, exchange->ownerid, DBK_NONE,
                                          DBK_NONE, DBK_NONE, spec, exchange_call(exchange),
                                          take_chosen, exchange));
    dbk_spec_free(spec);
}

void exchange_run(struct exchange *exchange)
{
    if (exchange->builders && !exchange->is_within) {
        bounds_check(exchange);
        return;
    }
    if (exchange->choice != EXCHANGE_BY_NUMBER) {
        choose_build(exchange);
        return;
    }
    if (!route_needs_build(exchange->route)) {
        exchange->route->run(exchange);
        return;
    }
    exchange_submitted(exchange, dbk_get_build_by_number(exchange->server->store, exchange->ownerid,
                                                         exchange->number, exchange_call(exchange),
                                                         take_build, exchange));
}

/* A name that nothing has is like an id that nothing has. */
static void take_owner(void *user, const struct dbk_error *error, int64_t id)
{
    struct exchange *exchange = user;
    bool is_missing = error && error->status == DBK_NOT_FOUND;
    if (exchange_is_over(exchange, is_missing ? NULL : error))
        return;
    exchange->ownerid = is_missing ? 0 : id;
    exchange_run(exchange);
}

/* Finds the builder, worker or master that the path has by name. */
static void find_owner(struct exchange *exchange)
{
    struct dbk_store *store = exchange->server->store;
    const struct dbk_call *call = exchange_call(exchange);
    char first = *exchange->route->pattern;
    int status =
        first == 'b'
            ? dbk_find_builder_id(store, exchange->owner, false, call, take_owner, exchange)
        : first == 'w'
            ? dbk_find_worker_id(store, exchange->owner, false, call, take_owner, exchange)
            : dbk_find_master_id(store, exchange->owner, false, call, take_owner, exchange);
    /* What cannot be a name is nobody's. */
    if (status == DBK_INVALID || status == DBK_TOO_LARGE) {
        exchange->ownerid = 0;
        exchange_run(exchange);
    } else {
        exchange_submitted(exchange, status);
    }
}

void exchange_find(struct exchange *exchange)
{
    if (exchange->owner && !route_makes_builder(exchange->route))
        find_owner(exchange);
    else
        exchange_run(exchange);
}
