/*
 * The columns of tables. Whoever opens a store asks for those of twenty tables, and a server is far away: within
 * one snapshot all are fetched with the first question, and the others are answered from memory.
 */
#include "engine/mariadb/conn.h"

#include <string.h>

#define IS_NEEDED                                                                                  \
    "is_nullable = 'NO' AND column_default IS NULL AND extra NOT LIKE '%auto_increment%'"

struct taker {
    int (*column)(void *user, const char *name, bool is_needed);
    void *user;
};

static int take_column(void *owner, int index, const struct dbki_value *cells, int cell_count)
{
    const struct taker *taker = owner;
    (void)index;
    (void)cell_count;
    return taker->column(taker->user, cells[0].text, cells[1].number != 0);
}

/* A table's name, a column's, and whether that is needed: the first two with their zero bytes. */
static int keep_column(void *owner, int index, const struct dbki_value *cells, int cell_count)
{
    struct dbki_buf *kept = owner;
    (void)index;
    (void)cell_count;
    dbki_buf_add_n(kept, cells[0].text, cells[0].len + 1);
    dbki_buf_add_n(kept, cells[1].text, cells[1].len + 1);
    dbki_buf_add_n(kept, cells[2].number ? "1" : "0", 1);
    return kept->is_out_of_memory ? DBK_NO_MEMORY : DBK_OK;
}

void dbki_mariadb_forget_columns(struct conn *conn)
{
    dbki_buf_fini(&conn->columns);
    conn->has_columns = false;
}

static int keep_all(struct conn *conn, struct dbk_error *error)
{
    static const struct dbki_statement all = {
        .sql = "SELECT table_name, column_name, " IS_NEEDED " FROM information_schema.columns"
               " WHERE table_schema = database() ORDER BY table_name, ordinal_position"};
    int status = dbki_mariadb_ask(conn, &all, NULL, &conn->columns, keep_column, error);
    conn->has_columns = !status;
    if (status)
        dbki_mariadb_forget_columns(conn);
    return status;
}

static int give_kept(const struct conn *conn, const char *table, const struct taker *taker)
{
    int status = DBK_OK;
    for (size_t at = 0; at < conn->columns.len && !status;) {
        const char *of = conn->columns.text + at, *name = of + strlen(of) + 1;
        const char *is_needed = name + strlen(name) + 1;
        if (!strcmp(of, table))
            status = taker->column(taker->user, name, *is_needed == '1');
        at = (size_t)(is_needed + 1 - conn->columns.text);
    }
    return status;
}

int dbki_mariadb_columns(struct dbki_conn *head, const char *table,
                         int (*column)(void *user, const char *name, bool is_needed), void *user,
                         struct dbk_error *error)
{
    static const struct dbki_statement of_one = {
        .sql = "SELECT column_name, " IS_NEEDED " FROM information_schema.columns"
               " WHERE table_schema = database() AND table_name = ? ORDER BY ordinal_position"};
    struct conn *conn = (struct conn *)head;
    struct taker taker = {column, user};
    struct dbki_value name = dbki_text(table);
    if (!conn->is_snapshot)
        return dbki_mariadb_ask(conn, &of_one, &name, &taker, take_column, error);
    int status = conn->has_columns ? DBK_OK : keep_all(conn, error);
    return status ? status : give_kept(conn, table, &taker);
}
