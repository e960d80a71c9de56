/* The last ids that tables gave: each such column has a sequence that belongs to it. */
#include "engine/postgres/conn.h"

#define OF_TABLE                                                                                   \
    " FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'"                     \
    " WHERE d.classid = 'pg_class'::regclass AND d.deptype IN ('i', 'a')"                          \
    " AND d.refobjid = to_regclass(?)"

int dbki_postgres_last_id(struct dbki_conn *conn, const char *table, int64_t *out_last,
                          struct dbk_error *error)
{
    static const struct dbki_statement get = {
        .sql = "SELECT pg_sequence_last_value(d.objid)" OF_TABLE, .is_one_row = true};
    struct dbki_value name = dbki_text(table);
    *out_last = DBK_NONE;
    return dbki_ask(conn, &get, &name, out_last, dbki_take_int, error);
}

int dbki_postgres_set_last_id(struct dbki_conn *conn, const char *table, int64_t last,
                              struct dbk_error *error)
{
    static const struct dbki_statement set = {
        .sql = "SELECT setval(d.objid::regclass, ?::bigint)" OF_TABLE, .is_one_row = true};
    struct dbki_value values[] = {dbki_int(last), dbki_text(table)};
    struct dbki_bound bound = {.statement = &set, .params = values, .param_count = 2};
    return last < 1 ? DBK_OK : dbki_ask_bound(conn, &bound, 1, NULL, NULL, error);
}
