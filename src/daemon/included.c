/*
 * Builds with their steps: see included.h. The builds are kept while the steps are read: a statement for each kind,
 * however many builds there are.
 */
#include "included.h"

#include <stdlib.h>
#include <string.h>

struct included {
    struct dbk_build **builds;
    size_t count;
    bool is_list;
    struct dbk_page page;
    char *cursor; /* the page's */
};

void included_free(struct included *included)
{
    if (!included)
        return;
    for (size_t i = 0; i < included->count; i++)
        dbk_build_free(included->builds[i]);
    free(included->builds);
    free(included->cursor);
    free(included);
}

/* The first of the steps that belong to a build or to a later one: they come by build. */
static size_t find_first(const struct ask *ask, int64_t buildid)
{
    size_t low = 0, high = ask->step_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ask->steps[middle]->buildid < buildid)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void included_write(struct json_writer *json, const void *record, const struct ask *ask)
{
    static const struct ask whole = {.query = NULL};
    const struct dbk_build *build = record;
    if (!ask->has_steps)
        return;
    json_name(json, resource_step.plural);
    json_begin_array(json);
    for (size_t i = find_first(ask, build->id);
         i < ask->step_count && ask->steps[i]->buildid == build->id; i++)
        resource_write(&resource_step, ask->steps[i], &whole, json);
    json_end_array(json);
}

static void give(struct exchange *exchange, const void *const *builds, const struct dbk_page *page)
{
    if (page)
        exchange_give_list(exchange, builds, page);
    else
        exchange_give_record(exchange, builds[0]);
}

static void take_steps(void *user, const struct dbk_error *error,
                       const struct dbk_step *const *steps, const struct dbk_page *page)
{
    struct exchange *exchange = user;
    const struct included *included = exchange->included;
    if (exchange_is_over(exchange, error))
        return;
    exchange->ask.steps = steps;
    exchange->ask.step_count = page->count;
    give(exchange, (const void *const *)included->builds,
         included->is_list ? &included->page : NULL);
}

/* Result: false when out of memory. */
static bool keep(struct exchange *exchange, const struct dbk_build *const *builds,
                 const struct dbk_page *page)
{
    size_t count = page ? page->count : 1;
    struct included *included = exchange->included = calloc(1, sizeof(*included));
    if (!included || !(included->builds = calloc(count, sizeof(*included->builds))))
        return false;
    for (; included->count < count; included->count++)
        if (!(included->builds[included->count] = dbk_build_dup(builds[included->count])))
            return false;
    included->is_list = page;
    if (!page)
        return true;
    included->page = *page;
    if (page->next_cursor && !(included->cursor = strdup(page->next_cursor)))
        return false;
    included->page.next_cursor = included->cursor;
    return true;
}

void included_give(struct exchange *exchange, const struct dbk_build *const *builds,
                   const struct dbk_page *page)
{
    int64_t ids[SERVER_INCLUDE_MAX];
    size_t count = page ? page->count : builds[0] != NULL;
    if (!exchange->ask.has_steps || !count || count > SERVER_INCLUDE_MAX) {
        give(exchange, (const void *const *)builds, page);
        return;
    }
    for (size_t i = 0; i < count; i++)
        ids[i] = builds[i]->id;
    if (!keep(exchange, builds, page))
        exchange_fail(exchange, 503, "out of memory");
    else
        exchange_submitted(exchange,
                           dbk_get_steps_of(exchange->server->store, ids, count,
                                            exchange_call(exchange), take_steps, exchange));
}
