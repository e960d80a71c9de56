/* Prepares, keeps, binds and runs statements. */
#include "engine/sqlite/conn.h"

#include "base/error.h"
#include "base/hash.h"

#include <limits.h>

/* The place of a connector's own statement, by address. The table is larger than their number. */
static struct prepared *own_place(struct conn *conn, const struct dbki_statement *statement)
{
    uintptr_t address = (uintptr_t)statement;
    for (size_t i = address / sizeof *statement;; i++) {
        struct prepared *place = &conn->own[i % OWN_MAX];
        if (place->statement == statement || !place->statement)
            return place;
    }
}

/* The place of a made one: where its text is, or the one that was not used for longest. */
static struct prepared *made_place(struct conn *conn, const char *sql)
{
    uint64_t hash = dbki_hash_bytes(0, sql, strlen(sql));
    struct prepared *oldest = &conn->made[0];
    for (int i = 0; i < MADE_MAX; i++) {
        struct prepared *place = &conn->made[i];
        if (place->stmt && place->hash == hash && !strcmp(sqlite3_sql(place->stmt), sql))
            return place;
        if (place->used_at < oldest->used_at)
            oldest = place;
    }
    sqlite3_finalize(oldest->stmt);
    *oldest = (struct prepared){.hash = hash};
    return oldest;
}

static int prepare(struct conn *conn, const struct dbki_statement *statement,
                   struct prepared **out_prepared, struct dbk_error *error)
{
    struct prepared *place =
        statement->is_made ? made_place(conn, statement->sql) : own_place(conn, statement);
    place->used_at = ++conn->uses;
    *out_prepared = place;
    if (place->stmt)
        return DBK_OK;
    int code = sqlite3_prepare_v3(conn->db, statement->sql, -1, SQLITE_PREPARE_PERSISTENT,
                                  &place->stmt, NULL);
    if (code != SQLITE_OK)
        return dbki_sqlite_error(conn->db, code, error);
    place->statement = statement;
    return DBK_OK;
}

void dbki_sqlite_forget_statements(struct conn *conn)
{
    for (int i = 0; i < OWN_MAX; i++)
        sqlite3_finalize(conn->own[i].stmt);
    for (int i = 0; i < MADE_MAX; i++)
        sqlite3_finalize(conn->made[i].stmt);
    memset(conn->own, 0, sizeof conn->own);
    memset(conn->made, 0, sizeof conn->made);
}

/* Parameters outlive the step, so nothing is copied. */
static int bind(sqlite3_stmt *stmt, const struct dbki_bound *bound)
{
    int code = SQLITE_OK;
    for (int i = 0; i < bound->param_count && code == SQLITE_OK; i++) {
        const struct dbki_value *value = &bound->params[i];
        switch (value->type) {
        case DBKI_NULL:
            code = sqlite3_bind_null(stmt, i + 1);
            break;
        case DBKI_INT:
            code = sqlite3_bind_int64(stmt, i + 1, value->number);
            break;
        case DBKI_TEXT:
            code = sqlite3_bind_text64(stmt, i + 1, value->text, value->len, SQLITE_STATIC,
                                       SQLITE_UTF8);
            break;
        case DBKI_BLOB:
            code = value->len
                       ? sqlite3_bind_blob64(stmt, i + 1, value->blob, value->len, SQLITE_STATIC)
                       : sqlite3_bind_zeroblob(stmt, i + 1, 0);
            break;
        case DBKI_SOURCE:
            code = sqlite3_bind_zeroblob64(stmt, i + 1, value->len);
            break;
        }
    }
    return code;
}

/* A value, and not each time the column: that would look for it again and take the connection's lock,
 * of which there is none, twice. Only this thread uses the connection. */
static void read_cell(sqlite3_stmt *stmt, int index, struct dbki_value *cell)
{
    sqlite3_value *value = sqlite3_column_value(stmt, index);
    switch (sqlite3_value_type(value)) {
    case SQLITE_NULL:
        cell->type = DBKI_NULL;
        cell->len = 0;
        cell->text = NULL;
        break;
    case SQLITE_INTEGER:
    case SQLITE_FLOAT:
        cell->type = DBKI_INT;
        cell->number = sqlite3_value_int64(value);
        break;
    case SQLITE_BLOB:
        cell->type = DBKI_BLOB;
        cell->blob = sqlite3_value_blob(value);
        cell->len = (size_t)sqlite3_value_bytes(value);
        break;
    default:
        cell->type = DBKI_TEXT;
        cell->text = (const char *)sqlite3_value_text(value);
        cell->len = (size_t)sqlite3_value_bytes(value);
    }
}

static int take_row(struct dbki_group *group, int index, sqlite3_stmt *stmt)
{
    struct dbki_value cells[CELLS_MAX];
    int count = sqlite3_column_count(stmt);
    for (int i = 0; i < count && i < CELLS_MAX; i++) {
        read_cell(stmt, i, &cells[i]);
        if ((cells[i].type == DBKI_TEXT || (cells[i].type == DBKI_BLOB && cells[i].len)) &&
            !cells[i].text)
            return dbki_error_set(group->error, DBK_NO_MEMORY, "out of memory");
    }
    int status = group->row(group->owner, index, cells, count);
    if (status && group->error && group->error->status == DBK_OK)
        dbki_error_set(group->error, (enum dbk_status)status, "%s",
                       dbk_status_text((enum dbk_status)status));
    return status;
}

static int run_bound(struct conn *conn, struct dbki_group *group, int index)
{
    struct dbki_bound *bound = &group->bound[index];
    struct prepared *prepared;
    int status = prepare(conn, bound->statement, &prepared, group->error);
    if (status)
        return status;
    sqlite3_stmt *stmt = prepared->stmt;
    int code = bind(stmt, bound);
    if (code != SQLITE_OK) {
        status = dbki_sqlite_error(conn->db, code, group->error);
        sqlite3_clear_bindings(stmt);
        return status;
    }
    while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
        status = take_row(group, index, stmt);
        if (status || bound->statement->is_one_row)
            break;
    }
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        status = dbki_sqlite_error(conn->db, code, group->error);
    else if (code == SQLITE_DONE && conn->is_writer)
        bound->changed = sqlite3_changes64(conn->db);
    sqlite3_reset(stmt);
    if (!status && bound->statement->source_table && bound->changed)
        status = dbki_sqlite_fill(conn, bound, group->error);
    return status;
}

int dbki_sqlite_run(struct dbki_conn *head, struct dbki_group *const *groups, int count,
                    int *out_failed)
{
    struct conn *conn = (struct conn *)head;
    for (int i = 0; i < count; i++)
        for (int j = 0; j < groups[i]->bound_count; j++) {
            int status = run_bound(conn, groups[i], j);
            if (status) {
                dbki_reserve_note(conn, (enum dbk_status)status);
                *out_failed = i;
                return status;
            }
        }
    return DBK_OK;
}
