/*
 * The rows of a statement, as values. All of them are fetched before the first is given on, so that nothing of them
 * is left on the way when whoever takes them wants no more; of a statement that is streamed there is one at a time, and
 * what is left is read and dropped.
 */
#include "engine/mariadb/conn.h"

#include "base/error.h"

#include <stdio.h>

enum { CHARSET_BINARY = 63 };

/* Where the client library puts a row. */
struct cells {
    MYSQL_BIND binds[CELLS_MAX];
    unsigned long lengths[CELLS_MAX];
    my_bool nulls[CELLS_MAX];
    int64_t numbers[CELLS_MAX];
    enum dbki_type types[CELLS_MAX];
    int count;
};

static enum dbki_type type_of(const MYSQL_FIELD *field)
{
    switch (field->type) {
    case MYSQL_TYPE_NULL:
        return DBKI_NULL;
    case MYSQL_TYPE_TINY:
    case MYSQL_TYPE_SHORT:
    case MYSQL_TYPE_INT24:
    case MYSQL_TYPE_LONG:
    case MYSQL_TYPE_LONGLONG:
    case MYSQL_TYPE_YEAR:
    case MYSQL_TYPE_DECIMAL: /* what sum() gives: digits */
    case MYSQL_TYPE_NEWDECIMAL:
        return DBKI_INT;
    case MYSQL_TYPE_VARCHAR:
    case MYSQL_TYPE_VAR_STRING:
    case MYSQL_TYPE_STRING:
    case MYSQL_TYPE_TINY_BLOB:
    case MYSQL_TYPE_MEDIUM_BLOB:
    case MYSQL_TYPE_LONG_BLOB:
    case MYSQL_TYPE_BLOB:
        return field->charsetnr == CHARSET_BINARY ? DBKI_BLOB : DBKI_TEXT;
    default:
        return DBKI_SOURCE; /* none that a column has */
    }
}

static bool has_bytes(const struct cells *cells, int i)
{
    return cells->types[i] == DBKI_TEXT || cells->types[i] == DBKI_BLOB;
}

/* Takes the columns' types, and makes room for the longest of each. Of rows that are streamed that is not known. */
static int prepare_cells(struct conn *conn, const MYSQL_FIELD *fields, bool is_streamed,
                         struct cells *cells, struct dbk_error *error)
{
    size_t size = 0;
    for (int i = 0; i < cells->count; i++) {
        cells->types[i] = type_of(&fields[i]);
        if (cells->types[i] == DBKI_SOURCE)
            return dbki_error_set(error, DBK_SCHEMA,
                                  "the column %.60s is of a type that is not known (%d)",
                                  fields[i].name, (int)fields[i].type);
        if (has_bytes(cells, i) && !is_streamed)
            size += fields[i].max_length + 1;
    }
    char *next = dbki_mariadb_room(&conn->texts, size);
    if (!next)
        return dbki_error_set(error, DBK_NO_MEMORY, "out of memory");
    for (int i = 0; i < cells->count; i++) {
        cells->binds[i] = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_LONGLONG,
                                       .buffer = &cells->numbers[i],
                                       .length = &cells->lengths[i],
                                       .is_null = &cells->nulls[i]};
        if (!has_bytes(cells, i))
            continue;
        cells->binds[i].buffer_type = MYSQL_TYPE_LONG_BLOB; /* bytes as they are */
        if (is_streamed)
            continue;
        cells->binds[i].buffer = next;
        cells->binds[i].buffer_length = fields[i].max_length + 1;
        next += fields[i].max_length + 1;
    }
    return DBK_OK;
}

/* Makes room for the texts of the row that has come, and takes them. */
static int take_texts(struct conn *conn, MYSQL_STMT *stmt, struct cells *cells,
                      struct dbk_error *error)
{
    size_t size = 0;
    for (int i = 0; i < cells->count; i++)
        if (has_bytes(cells, i) && !cells->nulls[i])
            size += cells->lengths[i] + 1;
    char *next = dbki_mariadb_room(&conn->texts, size);
    if (!next)
        return dbki_error_set(error, DBK_NO_MEMORY, "out of memory");
    for (int i = 0; i < cells->count; i++) {
        if (!has_bytes(cells, i) || cells->nulls[i])
            continue;
        unsigned long len = 0;
        MYSQL_BIND bind = {.buffer_type = MYSQL_TYPE_LONG_BLOB,
                           .buffer = next,
                           .buffer_length = cells->lengths[i] + 1,
                           .length = &len};
        if (mysql_stmt_fetch_column(stmt, &bind, (unsigned)i, 0))
            return dbki_error_set(error, DBK_INTERNAL, "a column of a row could not be read");
        cells->binds[i].buffer = next;
        next += cells->lengths[i] + 1;
    }
    return DBK_OK;
}

static int give_row(struct cells *cells, struct dbki_group *group, int index)
{
    struct dbki_value values[CELLS_MAX];
    for (int i = 0; i < cells->count; i++) {
        char *bytes = cells->binds[i].buffer;
        if (cells->nulls[i] || cells->types[i] == DBKI_NULL) {
            values[i] = dbki_text(NULL);
        } else if (cells->types[i] == DBKI_INT) {
            values[i] = dbki_int(cells->numbers[i]);
        } else {
            bytes[cells->lengths[i]] = '\0';
            values[i] = cells->types[i] == DBKI_TEXT ? dbki_text_n(bytes, cells->lengths[i])
                                                     : dbki_blob(bytes, cells->lengths[i]);
        }
    }
    int status = group->row(group->owner, index, values, cells->count);
    if (status && group->error && group->error->status == DBK_OK)
        dbki_error_set(group->error, (enum dbk_status)status, "%s",
                       dbk_status_text((enum dbk_status)status));
    return status;
}

/* Binds what the rows are put into. */
static int begin_rows(struct conn *conn, MYSQL_STMT *stmt, bool is_streamed, struct cells *cells,
                      struct dbk_error *error)
{
    MYSQL_RES *about = mysql_stmt_result_metadata(stmt);
    if (!about)
        return dbki_error_set(error, DBK_NO_MEMORY, "out of memory");
    cells->count = (int)mysql_stmt_field_count(stmt);
    int status = cells->count > CELLS_MAX
                     ? dbki_error_set(error, DBK_INTERNAL, "a row has too many columns")
                     : prepare_cells(conn, mysql_fetch_fields(about), is_streamed, cells, error);
    mysql_free_result(about);
    if (!status && mysql_stmt_bind_result(stmt, cells->binds))
        status = dbki_error_set(error, DBK_NO_MEMORY, "out of memory");
    return status;
}

static int give_rows(struct conn *conn, MYSQL_STMT *stmt, struct dbki_group *group, int index)
{
    struct cells cells;
    int status = begin_rows(conn, stmt, false, &cells, group->error);
    bool is_one = group->bound[index].statement->is_one_row;
    for (int rows = 0; !status && !(is_one && rows == 1); rows++) {
        if (mysql_stmt_fetch(stmt) == MYSQL_NO_DATA) /* they are all here: nothing can fail */
            break;
        if (group->row)
            status = give_row(&cells, group, index);
    }
    return status;
}

static int fail_stmt(struct conn *conn, MYSQL_STMT *stmt, struct dbk_error *error)
{
    return conn->is_given_up
               ? dbki_mariadb_lost(conn, error)
               : dbki_mariadb_error(conn, mysql_stmt_errno(stmt), mysql_stmt_sqlstate(stmt),
                                    mysql_stmt_error(stmt), error);
}

/* Each row as it comes. */
static int stream_rows(struct conn *conn, MYSQL_STMT *stmt, struct dbki_group *group, int index)
{
    struct cells cells;
    int status = begin_rows(conn, stmt, true, &cells, group->error), fetched = 0;
    while (!status) {
        DBKI_MARIADB_CALL(conn, NULL, fetched, mysql_stmt_fetch, stmt);
        if (fetched == MYSQL_NO_DATA)
            break;
        if (conn->is_given_up || (fetched && fetched != MYSQL_DATA_TRUNCATED))
            return fail_stmt(conn, stmt, group->error);
        status = take_texts(conn, stmt, &cells, group->error);
        if (!status && group->row)
            status = give_row(&cells, group, index);
    }
    return status;
}

int dbki_mariadb_rows(struct conn *conn, struct prepared *place, struct dbki_group *group,
                      int index)
{
    MYSQL_STMT *stmt = place->stmt;
    bool is_streamed = group->bound[index].statement->is_streamed;
    my_bool ignored = 0;
    int failed = 0, status;
    if (!is_streamed)
        DBKI_MARIADB_CALL(conn, NULL, failed, mysql_stmt_store_result, stmt);
    if (conn->is_given_up || failed)
        return fail_stmt(conn, stmt, group->error);
    status =
        is_streamed ? stream_rows(conn, stmt, group, index) : give_rows(conn, stmt, group, index);
    if (!conn->is_lost)
        DBKI_MARIADB_CALL(conn, NULL, ignored, mysql_stmt_free_result, stmt);
    return status;
}
