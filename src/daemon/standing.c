/*
 * How builders stand: see standing.h. One builder is read after the other, each by one or two reads that an index
 * answers; an exchange waits for one at a time.
 */
#include "standing.h"

#include "connection.h"

#include <stdlib.h>
#include <string.h>

void standings_free(struct standings *standings)
{
    if (!standings)
        return;
    for (size_t i = 0; i < standings->max; i++)
        free(standings->items[i].name);
    free(standings->items);
    dbk_spec_free(standings->newest);
    free(standings);
}

static void finish(struct exchange *exchange)
{
    exchange->standings->count = exchange->standings->index;
    exchange->standings->done(exchange);
}

static void give_up(struct exchange *exchange, const struct dbk_error *error)
{
    exchange->standings->error = *error;
    finish(exchange);
}

/* Takes what submitting gave. */
static void submitted(struct exchange *exchange, int status)
{
    if (status == DBK_OK)
        exchange_submitted(exchange, status);
    else
        give_up(exchange, &exchange->refusal);
}

/* Whatever was answered: true when the client has gone, or when it could not be read. */
static bool is_over(struct exchange *exchange, const struct dbk_error *error)
{
    if (exchange_is_over(exchange, NULL))
        return true;
    if (error)
        give_up(exchange, error);
    return error;
}

static const struct dbk_call *call_of(struct exchange *exchange)
{
    int64_t left_ms = exchange->standings->deadline_ms - connection_now_ms();
    exchange_call(exchange);
    exchange->call.timeout_ms = left_ms > 1 ? left_ms : 1;
    return &exchange->call;
}

static void read_next(struct exchange *exchange);

static void take_success(void *user, const struct dbk_error *error,
                         const struct dbk_build *const *builds, const struct dbk_page *page)
{
    struct exchange *exchange = user;
    if (is_over(exchange, error))
        return;
    if (page->count)
        exchange->standings->items[exchange->standings->index].success_at = builds[0]->complete_at;
    exchange->standings->index++;
    read_next(exchange);
}

/* Looks for its last success behind the newest ones, by number: an index bounds what is read. */
static void read_success(struct exchange *exchange, int64_t below)
{
    const struct standing *standing = &exchange->standings->items[exchange->standings->index];
    const int64_t success = DBK_SUCCESS, from = below - STANDING_SUCCESS;
    struct dbk_spec *spec = dbk_spec_new();
    int status = !spec || dbk_spec_order(spec, "-number") || dbk_spec_limit(spec, 1) ||
                         dbk_spec_filter_int(spec, "number", DBK_LT, &below, 1) ||
                         dbk_spec_filter_int(spec, "number", DBK_GE, &from, 1) ||
                         dbk_spec_filter_int(spec, "results", DBK_EQ, &success, 1)
                     ? DBK_NO_MEMORY
                     : DBK_OK;
    exchange->refusal = (struct dbk_error){.status = status, .message = "out of memory"};
    if (!status)
        status = dbk_get_builds(exchange->server->store, standing->builderid, DBK_NONE, DBK_NONE, 1,
                                spec, call_of(exchange), take_success, exchange);
    dbk_spec_free(spec);
    submitted(exchange, status);
}

/* The build that ended last is not always the one with the highest number. */
static void note(struct standing *standing, const struct dbk_build *build)
{
    if (build->complete_at == DBK_NONE)
        return;
    if (standing->complete_at == DBK_NONE || build->complete_at > standing->complete_at) {
        standing->number = build->number;
        standing->results = build->results;
        standing->complete_at = build->complete_at;
    }
    if (build->results == DBK_SUCCESS && build->complete_at > standing->success_at)
        standing->success_at = build->complete_at;
}

static void take_newest(void *user, const struct dbk_error *error,
                        const struct dbk_build *const *builds, const struct dbk_page *page)
{
    struct exchange *exchange = user;
    struct standings *standings = exchange->standings;
    if (is_over(exchange, error))
        return;
    struct standing *standing = &standings->items[standings->index];
    for (size_t i = 0; i < page->count; i++)
        note(standing, builds[i]);
    standing->is_building = page->count && builds[0]->complete_at == DBK_NONE;
    if (standing->success_at == DBK_NONE && page->count == STANDING_NEWEST) {
        read_success(exchange, builds[page->count - 1]->number);
        return;
    }
    standings->index++;
    read_next(exchange);
}

static void read_next(struct exchange *exchange)
{
    struct standings *standings = exchange->standings;
    if (standings->index == standings->max)
        finish(exchange);
    else
        submitted(exchange, dbk_get_builds(exchange->server->store,
                                           standings->items[standings->index].builderid, DBK_NONE,
                                           DBK_NONE, DBK_NONE, standings->newest, call_of(exchange),
                                           take_newest, exchange));
}

static void take_builders(void *user, const struct dbk_error *error,
                          const struct dbk_builder *const *builders, const struct dbk_page *page)
{
    static const struct dbk_error no_memory = {.status = DBK_NO_MEMORY, .message = "out of memory"};
    struct exchange *exchange = user;
    struct standings *standings = exchange->standings;
    if (is_over(exchange, error))
        return;
    standings->total = page->total;
    standings->items = calloc(page->count + 1, sizeof(*standings->items));
    for (size_t i = 0; standings->items && i < page->count; i++) {
        struct standing *standing = &standings->items[standings->max];
        *standing = (struct standing){.builderid = builders[i]->id,
                                      .name = strdup(builders[i]->name ? builders[i]->name : ""),
                                      .number = DBK_NONE,
                                      .results = DBK_NONE,
                                      .complete_at = DBK_NONE,
                                      .success_at = DBK_NONE};
        if (!standing->name)
            break;
        standings->max++;
    }
    if (standings->max < page->count)
        give_up(exchange, &no_memory);
    else
        read_next(exchange);
}

static bool is_specified(struct dbk_spec *builders, struct dbk_spec *newest, int64_t builderid)
{
    return builders && newest && !dbk_spec_order(newest, "-number") &&
           !dbk_spec_limit(newest, STANDING_NEWEST) &&
           !dbk_spec_limit(builders, STANDING_BUILDERS_MAX) &&
           !dbk_spec_total(builders, DBK_TOTAL_EXACT, 0) &&
           (builderid == DBK_NONE || !dbk_spec_filter_int(builders, "id", DBK_EQ, &builderid, 1));
}

void standings_read(struct exchange *exchange, int64_t builderid,
                    void (*done)(struct exchange *exchange))
{
    struct standings *standings = exchange->standings = calloc(1, sizeof(*standings));
    struct dbk_spec *builders = dbk_spec_new();
    if (standings) {
        standings->done = done;
        standings->deadline_ms = connection_now_ms() + STANDING_MS;
        standings->newest = dbk_spec_new();
    }
    if (!standings || !is_specified(builders, standings->newest, builderid))
        exchange_fail(exchange, 503, "out of memory");
    else
        submitted(exchange, dbk_get_builders(exchange->server->store, builders, call_of(exchange),
                                             take_builders, exchange));
    dbk_spec_free(builders);
}
