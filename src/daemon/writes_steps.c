/*
 * Writes of steps: a new one, its start, locks, state, URLs and end.
 */
#include "routes.h"

#include "writing.h"

#include <inttypes.h>

static void step_added(void *user, const struct dbk_error *error, int64_t stepid, int64_t number,
                       const char *name)
{
    struct exchange *exchange = user;
    char place[64 + SERVE_BASE_MAX];
    if (exchange_is_over(exchange, error))
        return;
    snprintf(place, sizeof(place), "%s" EXCHANGE_PREFIX "steps/%" PRId64,
             exchange->server->options->base_path, stepid);
    writing_give(exchange, (struct writing_id[]){{"stepid", stepid}, {"number", number}}, 2, name,
                 place);
}

void write_step(struct exchange *exchange)
{
    struct new_step {
        const char *name, *state_string;
    } step = {NULL, ""};
    static const struct body_field fields[] = {
        {"name", BODY_TEXT, true, offsetof(struct new_step, name)},
        {"state_string", BODY_TEXT, false, offsetof(struct new_step, state_string)},
        {.name = NULL}};
    struct body body;
    if (writing_read(exchange, &body, fields, &step))
        exchange_submitted(exchange, dbk_add_step(exchange->server->store, exchange->buildid,
                                                  step.name, step.state_string,
                                                  writing_call(exchange), step_added, exchange));
    body_fini(&body);
}

void write_step_state(struct exchange *exchange)
{
    static const struct body_field fields[] = {{"state_string", BODY_TEXT, true, 0},
                                               {.name = NULL}};
    struct body body;
    const char *state;
    if (writing_read(exchange, &body, fields, &state))
        exchange_submitted(
            exchange, dbk_set_step_state_string(exchange->server->store, exchange->id, state,
                                                writing_call(exchange), writing_done, exchange));
    body_fini(&body);
}

void write_step_start(struct exchange *exchange)
{
    struct start {
        int64_t started_at;
        bool locks_acquired;
    } start = {DBK_NONE, false};
    static const struct body_field fields[] = {
        {"started_at", BODY_NUMBER, false, offsetof(struct start, started_at)},
        {"locks_acquired", BODY_BOOL, false, offsetof(struct start, locks_acquired)},
        {.name = NULL}};
    struct body body;
    if (writing_read(exchange, &body, fields, &start))
        exchange_submitted(exchange,
                           dbk_start_step(exchange->server->store, exchange->id, start.started_at,
                                          start.locks_acquired, writing_call(exchange),
                                          writing_done, exchange));
    body_fini(&body);
}

void write_step_locks(struct exchange *exchange)
{
    static const struct body_field fields[] = {{"locks_acquired_at", BODY_NUMBER, false, 0},
                                               {.name = NULL}};
    struct body body;
    int64_t acquired_at = DBK_NONE;
    if (writing_read(exchange, &body, fields, &acquired_at))
        exchange_submitted(exchange, dbk_set_step_locks_acquired_at(
                                         exchange->server->store, exchange->id, acquired_at,
                                         writing_call(exchange), writing_done, exchange));
    body_fini(&body);
}

void write_step_finish(struct exchange *exchange)
{
    struct finish {
        int64_t results, complete_at;
        bool hidden;
    } finish = {DBK_NONE, DBK_NONE, false};
    static const struct body_field fields[] = {
        {"results", BODY_RESULTS, true, offsetof(struct finish, results)},
        {"hidden", BODY_BOOL, false, offsetof(struct finish, hidden)},
        {"complete_at", BODY_NUMBER, false, offsetof(struct finish, complete_at)},
        {.name = NULL}};
    struct body body;
    if (writing_read(exchange, &body, fields, &finish)) {
        writing_set_time(finish.complete_at);
        exchange_submitted(exchange,
                           dbk_finish_step(exchange->server->store, exchange->id, finish.results,
                                           finish.hidden, writing_call(exchange), writing_done,
                                           exchange));
        writing_set_time(DBK_NONE);
    }
    body_fini(&body);
}

void write_step_url(struct exchange *exchange)
{
    struct dbk_url url = {NULL, NULL};
    static const struct body_field fields[] = {
        {"name", BODY_TEXT, true, offsetof(struct dbk_url, name)},
        {"url", BODY_TEXT, true, offsetof(struct dbk_url, url)},
        {.name = NULL}};
    struct body body;
    if (writing_read(exchange, &body, fields, &url))
        exchange_submitted(exchange,
                           dbk_add_url(exchange->server->store, exchange->id, url.name, url.url,
                                       writing_call(exchange), writing_done, exchange));
    body_fini(&body);
}
