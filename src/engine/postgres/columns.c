/* How PostgreSQL is asked for the columns of tables. */
#include "engine/postgres/conn.h"

#define IS_NEEDED "attnotnull AND NOT atthasdef AND attidentity = ''"

static const struct dbki_columns_sql SQL = {
    .all = {.sql =
                "SELECT relname, attname, " IS_NEEDED " FROM pg_class c"
                " JOIN pg_attribute a ON a.attrelid = c.oid"
                " WHERE c.relnamespace IN (SELECT to_regnamespace(quote_ident(s))::oid"
                " FROM unnest(current_schemas(false)) s) AND relkind IN ('r', 'p', 'v', 'm', 'f')"
                " AND pg_table_is_visible(c.oid) AND attnum > 0 AND NOT attisdropped"
                " ORDER BY c.oid, attnum"},
    .of_one = {.sql =
                   "SELECT attname, " IS_NEEDED " FROM pg_attribute WHERE attrelid = to_regclass(?)"
                   " AND attnum > 0 AND NOT attisdropped ORDER BY attnum"},
};

int dbki_postgres_columns(struct dbki_conn *head, const char *table,
                          int (*column)(void *user, const char *name, bool is_needed), void *user,
                          struct dbk_error *error)
{
    struct conn *conn = (struct conn *)head;
    return dbki_columns_give(&conn->columns, head, &SQL, conn->is_snapshot, table, column, user,
                             error);
}
