/*
 * Writes of builds: their state, their locks, their end. A whole build is in writes_whole.c.
 */
#include "routes.h"

#include "writing.h"

void write_build_state(struct exchange *exchange)
{
    struct body body;
    const char *state;
    if (writing_read(exchange, &body, &form_state, &state))
        exchange_submitted(
            exchange, dbk_set_build_state_string(exchange->server->store, exchange->buildid, state,
                                                 writing_call(exchange), writing_done, exchange));
    body_fini(&body);
}

void write_build_locks(struct exchange *exchange)
{
    struct body body;
    int64_t duration_s;
    if (writing_read(exchange, &body, &form_locks_duration, &duration_s))
        exchange_submitted(exchange, dbk_add_build_locks_duration(
                                         exchange->server->store, exchange->buildid, duration_s,
                                         writing_call(exchange), writing_done, exchange));
    body_fini(&body);
}

void write_build_finish(struct exchange *exchange)
{
    struct finish_form finish = {DBK_NONE, DBK_NONE, false};
    struct body body;
    if (writing_read(exchange, &body, &form_build_finish, &finish)) {
        writing_set_time(finish.complete_at);
        exchange_submitted(exchange, dbk_finish_build(exchange->server->store, exchange->buildid,
                                                      finish.results, writing_call(exchange),
                                                      writing_done, exchange));
        writing_set_time(DBK_NONE);
    }
    body_fini(&body);
}
