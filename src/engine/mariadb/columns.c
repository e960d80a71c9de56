/* How MariaDB is asked for the columns of tables. */
#include "engine/mariadb/conn.h"

#define IS_NEEDED                                                                                  \
    "is_nullable = 'NO' AND column_default IS NULL AND extra NOT LIKE '%auto_increment%'"

static const struct dbki_columns_sql SQL = {
    .all = {.sql = "SELECT table_name, column_name, " IS_NEEDED " FROM information_schema.columns"
                   " WHERE table_schema = database() ORDER BY table_name, ordinal_position"},
    .of_one = {.sql =
                   "SELECT column_name, " IS_NEEDED " FROM information_schema.columns"
                   " WHERE table_schema = database() AND table_name = ? ORDER BY ordinal_position"},
};

int dbki_mariadb_columns(struct dbki_conn *head, const char *table,
                         int (*column)(void *user, const char *name, bool is_needed), void *user,
                         struct dbk_error *error)
{
    struct conn *conn = (struct conn *)head;
    return dbki_columns_give(&conn->columns, head, &SQL, conn->is_snapshot, table, column, user,
                             error);
}
