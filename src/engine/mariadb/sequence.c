/* The last ids that tables gave: InnoDB keeps the next one with the table, also when the server ends. */
#include "base/error.h"
#include "engine/mariadb/conn.h"

int dbki_mariadb_last_id(struct dbki_conn *conn, const char *table, int64_t *out_last,
                         struct dbk_error *error)
{
    static const struct dbki_statement get = {
        .sql = "SELECT CAST(auto_increment AS SIGNED) - 1 FROM information_schema.tables"
               " WHERE table_schema = database() AND table_name = ?",
        .is_one_row = true};
    struct dbki_value name = dbki_text(table);
    *out_last = DBK_NONE;
    int status = dbki_ask(conn, &get, &name, out_last, dbki_take_int, error);
    if (*out_last == 0)
        *out_last = DBK_NONE;
    return status;
}

/* A statement that changes a table, and so ends the transaction that it stands in. It makes the number no lower than
 * what the rows say. */
int dbki_mariadb_set_last_id(struct dbki_conn *head, const char *table, int64_t last,
                             struct dbk_error *error)
{
    struct conn *conn = (struct conn *)head;
    struct dbki_buf sql = {0};
    if (last < 1 || last == INT64_MAX)
        return DBK_OK;
    dbki_buf_addf(&sql, "ALTER TABLE %s AUTO_INCREMENT = %lld", table, (long long)last + 1);
    int status = sql.is_out_of_memory ? dbki_error_set(error, DBK_NO_MEMORY, "out of memory")
                                      : dbki_mariadb_send_begin(conn, error);
    if (!status)
        status = dbki_mariadb_command(conn, sql.text, NULL, error);
    dbki_buf_fini(&sql);
    return status;
}
