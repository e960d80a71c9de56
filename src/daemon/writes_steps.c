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
    struct step_form step = {NULL, ""};
    struct body body;
    if (writing_read(exchange, &body, &form_step, &step))
        exchange_submitted(exchange, dbk_add_step(exchange->server->store, exchange->buildid,
                                                  step.name, step.state_string,
                                                  writing_call(exchange), step_added, exchange));
    body_fini(&body);
}

void write_step_state(struct exchange *exchange)
{
    struct body body;
    const char *state;
    if (writing_read(exchange, &body, &form_state, &state))
        exchange_submitted(
            exchange, dbk_set_step_state_string(exchange->server->store, exchange->id, state,
                                                writing_call(exchange), writing_done, exchange));
    body_fini(&body);
}

void write_step_start(struct exchange *exchange)
{
    struct start_form start = {DBK_NONE, false};
    struct body body;
    if (writing_read(exchange, &body, &form_step_start, &start))
        exchange_submitted(exchange,
                           dbk_start_step(exchange->server->store, exchange->id, start.started_at,
                                          start.locks_acquired, writing_call(exchange),
                                          writing_done, exchange));
    body_fini(&body);
}

void write_step_locks(struct exchange *exchange)
{
    struct body body;
    int64_t acquired_at = DBK_NONE;
    if (writing_read(exchange, &body, &form_locks_acquired, &acquired_at))
        exchange_submitted(exchange, dbk_set_step_locks_acquired_at(
                                         exchange->server->store, exchange->id, acquired_at,
                                         writing_call(exchange), writing_done, exchange));
    body_fini(&body);
}

void write_step_finish(struct exchange *exchange)
{
    struct finish_form finish = {DBK_NONE, DBK_NONE, false};
    struct body body;
    if (writing_read(exchange, &body, &form_step_finish, &finish)) {
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
    struct body body;
    if (writing_read(exchange, &body, &form_url, &url))
        exchange_submitted(exchange,
                           dbk_add_url(exchange->server->store, exchange->id, url.name, url.url,
                                       writing_call(exchange), writing_done, exchange));
    body_fini(&body);
}
