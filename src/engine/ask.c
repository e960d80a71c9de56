/* One statement by itself: see ask.h. */
#include "engine/ask.h"

int dbki_ask(struct dbki_conn *conn, const struct dbki_statement *statement,
             const struct dbki_value *param, void *owner,
             int (*row)(void *, int, const struct dbki_value *, int), struct dbk_error *error)
{
    struct dbki_bound bound = {
        .statement = statement, .params = param, .param_count = param ? 1 : 0};
    struct dbki_group group = {
        .bound = &bound, .bound_count = 1, .owner = owner, .row = row, .error = error};
    struct dbki_group *groups[] = {&group};
    int failed;
    return conn->engine->run(conn, groups, 1, &failed);
}
