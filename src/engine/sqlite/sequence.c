/* The last ids that tables gave: AUTOINCREMENT keeps them in a table of SQLite's own. */
#include "engine/sqlite/conn.h"

static int take_number(void *owner, int index, const struct dbki_value *cells, int cell_count)
{
    (void)index;
    (void)cell_count;
    *(int64_t *)owner = dbki_value_int(&cells[0]);
    return DBK_OK;
}

static int run(struct dbki_conn *conn, struct dbki_bound *bound, int count, int64_t *out,
               struct dbk_error *error)
{
    struct dbki_group group = {
        .bound = bound, .bound_count = count, .owner = out, .row = take_number, .error = error};
    struct dbki_group *groups[] = {&group};
    int failed;
    return dbki_sqlite_run(conn, groups, 1, &failed);
}

int dbki_sqlite_last_id(struct dbki_conn *conn, const char *table, int64_t *out_last,
                        struct dbk_error *error)
{
    static const struct dbki_statement get = {
        .sql = "SELECT seq FROM sqlite_sequence WHERE name = ?", .is_one_row = true};
    struct dbki_value name = dbki_text(table);
    struct dbki_bound bound = {.statement = &get, .params = &name, .param_count = 1};
    *out_last = DBK_NONE;
    return run(conn, &bound, 1, out_last, error);
}

int dbki_sqlite_set_last_id(struct dbki_conn *conn, const char *table, int64_t last,
                            struct dbk_error *error)
{
    static const struct dbki_statement forget = {.sql =
                                                     "DELETE FROM sqlite_sequence WHERE name = ?"};
    static const struct dbki_statement set = {
        .sql = "INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)"};
    struct dbki_value values[] = {dbki_text(table), dbki_int(last)};
    struct dbki_bound bound[] = {{.statement = &forget, .params = values, .param_count = 1},
                                 {.statement = &set, .params = values, .param_count = 2}};
    return run(conn, bound, 2, NULL, error);
}
