/* The columns of a server's tables: see columns.h. */
#include "engine/columns.h"

#include "engine/ask.h"

#include <string.h>

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

void dbki_columns_forget(struct dbki_columns *columns)
{
    dbki_buf_fini(&columns->kept);
    columns->has_all = false;
}

static int keep_all(struct dbki_columns *columns, struct dbki_conn *conn,
                    const struct dbki_statement *all, struct dbk_error *error)
{
    int status = dbki_ask(conn, all, NULL, &columns->kept, keep_column, error);
    columns->has_all = !status;
    if (status)
        dbki_columns_forget(columns);
    return status;
}

static int give_kept(const struct dbki_columns *columns, const char *table,
                     const struct taker *taker)
{
    int status = DBK_OK;
    for (size_t at = 0; at < columns->kept.len && !status;) {
        const char *of = columns->kept.text + at, *name = of + strlen(of) + 1;
        const char *is_needed = name + strlen(name) + 1;
        if (!strcmp(of, table))
            status = taker->column(taker->user, name, *is_needed == '1');
        at = (size_t)(is_needed + 1 - columns->kept.text);
    }
    return status;
}

int dbki_columns_give(struct dbki_columns *columns, struct dbki_conn *conn,
                      const struct dbki_columns_sql *sql, bool is_snapshot, const char *table,
                      int (*column)(void *user, const char *name, bool is_needed), void *user,
                      struct dbk_error *error)
{
    struct taker taker = {column, user};
    struct dbki_value name = dbki_text(table);
    if (!is_snapshot)
        return dbki_ask(conn, &sql->of_one, &name, &taker, take_column, error);
    int status = columns->has_all ? DBK_OK : keep_all(columns, conn, &sql->all, error);
    return status ? status : give_kept(columns, table, &taker);
}
