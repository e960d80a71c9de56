/*
 * The columns of a server's tables. Whoever opens a store asks for those of twenty tables, and a server is far away:
 * within one snapshot all are fetched with the first question, and the others are answered from memory.
 */
#ifndef DBKI_ENGINE_COLUMNS_H
#define DBKI_ENGINE_COLUMNS_H

#include "base/buf.h"
#include "engine/engine.h"

/* What is kept of them. Begin with zeros. */
struct dbki_columns {
    bool has_all;
    struct dbki_buf kept;
};

/* How an engine asks: rows of a table's name, a column's, and whether an insert has to give it a value; and rows of
 * the last two for the table that is the parameter. */
struct dbki_columns_sql {
    struct dbki_statement all, of_one;
};

/* As dbki_engine's columns(), with is_snapshot saying whether the connection sees one state of all tables. */
int dbki_columns_give(struct dbki_columns *columns, struct dbki_conn *conn,
                      const struct dbki_columns_sql *sql, bool is_snapshot, const char *table,
                      int (*column)(void *user, const char *name, bool is_needed), void *user,
                      struct dbk_error *error);

void dbki_columns_forget(struct dbki_columns *columns);

#endif
