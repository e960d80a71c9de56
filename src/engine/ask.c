/* Statements by themselves: see ask.h. */
#include "engine/ask.h"

#include "base/clock.h"
#include "base/error.h"

#include <stdio.h>

enum { HOLDER_SIZE = 200 };
static const int64_t PAUSE_NS = 20 * 1000 * 1000;

int dbki_ask_bound(struct dbki_conn *conn, struct dbki_bound *bound, int count, void *owner,
                   int (*row)(void *, int, const struct dbki_value *, int), struct dbk_error *error)
{
    struct dbki_group group = {
        .bound = bound, .bound_count = count, .owner = owner, .row = row, .error = error};
    struct dbki_group *groups[] = {&group};
    int failed;
    return conn->engine->run(conn, groups, 1, &failed);
}

int dbki_take_int(void *owner, int index, const struct dbki_value *cells, int cell_count)
{
    (void)index;
    (void)cell_count;
    *(int64_t *)owner = dbki_value_int(&cells[0]);
    return DBK_OK;
}

int dbki_ask(struct dbki_conn *conn, const struct dbki_statement *statement,
             const struct dbki_value *param, void *owner,
             int (*row)(void *, int, const struct dbki_value *, int), struct dbk_error *error)
{
    struct dbki_bound bound = {
        .statement = statement, .params = param, .param_count = param ? 1 : 0};
    return dbki_ask_bound(conn, &bound, 1, owner, row, error);
}

static int take_holder(void *owner, int index, const struct dbki_value *cells, int cell_count)
{
    (void)index;
    (void)cell_count;
    if (cells[0].type == DBKI_TEXT)
        snprintf(owner, HOLDER_SIZE, " (%.*s)", (int)cells[0].len, cells[0].text);
    return DBK_OK;
}

int dbki_ask_for_tables(struct dbki_conn *conn, const struct dbki_statement *try,
                        const struct dbki_statement *holder, struct dbki_wait *wait,
                        struct dbk_error *error)
{
    for (;;) {
        char who[HOLDER_SIZE] = "";
        int64_t is_mine = 0;
        int status = dbki_ask(conn, try, NULL, &is_mine, dbki_take_int, error);
        if (status || is_mine == 1)
            return status;
        if (wait->gives_up(wait)) {
            status = dbki_ask(conn, holder, NULL, who, take_holder, error);
            return status ? status
                          : dbki_error_set(error, DBK_TIMEOUT,
                                           "another process makes or drops daybook's tables "
                                           "here%s: try again when it has ended",
                                           who);
        }
        dbki_clock_sleep_ns(PAUSE_NS);
        wait->waited_ns += PAUSE_NS;
    }
}
