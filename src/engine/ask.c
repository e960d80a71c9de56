/* Statements by themselves: see ask.h. */
#include "engine/ask.h"

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
