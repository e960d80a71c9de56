/* The last ids that tables gave: AUTOINCREMENT keeps them in a table of SQLite's own. */
#include "engine/ask.h"
#include "engine/sqlite/conn.h"

int dbki_sqlite_last_id(struct dbki_conn *conn, const char *table, int64_t *out_last,
                        struct dbk_error *error)
{
    static const struct dbki_statement get = {
        .sql = "SELECT seq FROM sqlite_sequence WHERE name = ?", .is_one_row = true};
    struct dbki_value name = dbki_text(table);
    *out_last = DBK_NONE;
    return dbki_ask(conn, &get, &name, out_last, dbki_take_int, error);
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
    return dbki_ask_bound(conn, bound, 2, NULL, NULL, error);
}
