/*
 * Large values, in pieces.
 *
 * Out of files: a row is written with a value of zeroes of the right length, which takes no memory while the
 * value stands last in its row, and is then filled.
 *
 * A part of one: daybook_range(id, offset, length) reads it out of build_data's row of that id; substr()
 * would read all of the value first.
 */
#include "base/alloc.h"
#include "base/error.h"
#include "engine/sqlite/conn.h"

#include <errno.h>
#include <unistd.h>

enum { PIECE_SIZE = 256 * 1024 };

static const struct dbki_value *find_source(const struct dbki_bound *bound)
{
    for (int i = 0; i < bound->param_count; i++)
        if (bound->params[i].type == DBKI_SOURCE)
            return &bound->params[i];
    return NULL;
}

/* Reads a whole piece. Result: 0, or a status when the file ends or fails before. */
static int read_piece(const struct dbki_source *source, int64_t done, char *piece, size_t size,
                      struct dbk_error *error)
{
    size_t got = 0;
    while (got < size) {
        ssize_t len =
            pread(source->fd, piece + got, size - got, source->offset + done + (int64_t)got);
        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0)
            return dbki_error_set(error, DBK_INVALID, "the value's file cannot be read: %s",
                                  strerror(errno));
        if (len == 0)
            return dbki_error_set(error, DBK_INVALID,
                                  "the value's file ended after %lld bytes, before the length that "
                                  "was given",
                                  (long long)(done + (int64_t)got));
        got += (size_t)len;
    }
    return DBK_OK;
}

int dbki_sqlite_fill(struct conn *conn, const struct dbki_bound *bound, struct dbk_error *error)
{
    const struct dbki_value *value = find_source(bound);
    sqlite3_blob *blob = NULL;
    if (!value || !value->len)
        return DBK_OK;
    char *piece = dbki_malloc(PIECE_SIZE);
    if (!piece)
        return dbki_error_set(error, DBK_NO_MEMORY, "out of memory");
    int64_t rowid =
        value->source->row != DBK_NONE ? value->source->row : sqlite3_last_insert_rowid(conn->db);
    int status = DBK_OK;
    int code = sqlite3_blob_open(conn->db, "main", bound->statement->source_table,
                                 bound->statement->source_column, rowid, 1, &blob);
    for (size_t done = 0; code == SQLITE_OK && !status && done < value->len;) {
        size_t left = value->len - done, size = left < PIECE_SIZE ? left : PIECE_SIZE;
        status = read_piece(value->source, (int64_t)done, piece, size, error);
        if (!status)
            code = sqlite3_blob_write(blob, piece, (int)size, (int)done);
        done += size;
    }
    if (code != SQLITE_OK)
        status = dbki_sqlite_error(conn->db, code, error);
    sqlite3_blob_close(blob);
    dbki_free(piece);
    return status;
}

/* The part of an open blob as the function's result. */
static void give_part(sqlite3_context *context, sqlite3_blob *blob, int64_t offset, int64_t length)
{
    int64_t size = sqlite3_blob_bytes(blob);
    int64_t start = offset < size ? offset : size;
    int64_t len = length < size - start ? length : size - start;
    char *part = sqlite3_malloc64((sqlite3_uint64)len + 1);
    int code = !part ? SQLITE_NOMEM
               : len ? sqlite3_blob_read(blob, part, (int)len, (int)start)
                     : SQLITE_OK;
    if (code == SQLITE_OK) {
        sqlite3_result_blob64(context, part, (sqlite3_uint64)len, sqlite3_free);
        return;
    }
    sqlite3_free(part);
    sqlite3_result_error_code(context, code);
}

/*
 * Opens a row's value. Within a transaction it stays open for the next call: what is read through one handle from
 * front to back is found at once, while a new one has to pass over all that lies before.
 */
static int open_part(struct conn *conn, int64_t id)
{
    if (conn->part && conn->part_id == id)
        return SQLITE_OK;
    dbki_sqlite_end_range(conn);
    conn->part_id = id;
    return sqlite3_blob_open(conn->db, "main", "build_data", "value", id, 0, &conn->part);
}

static void range(sqlite3_context *context, int count, sqlite3_value **arguments)
{
    struct conn *conn = sqlite3_user_data(context);
    (void)count;
    int code = open_part(conn, sqlite3_value_int64(arguments[0]));
    if (code == SQLITE_OK)
        give_part(context, conn->part, sqlite3_value_int64(arguments[1]),
                  sqlite3_value_int64(arguments[2]));
    else if (code == SQLITE_NOMEM)
        sqlite3_result_error_nomem(context);
    else if (code == SQLITE_ERROR) /* a number or NULL, in a damaged database: no bytes */
        sqlite3_result_zeroblob(context, 0);
    else
        sqlite3_result_error_code(context, code);
    if (code != SQLITE_OK || sqlite3_get_autocommit(conn->db))
        dbki_sqlite_end_range(conn);
}

int dbki_sqlite_add_range(struct conn *conn)
{
    return sqlite3_create_function_v2(conn->db, "daybook_range", 3, SQLITE_UTF8 | SQLITE_DIRECTONLY,
                                      conn, range, NULL, NULL, NULL);
}

void dbki_sqlite_end_range(struct conn *conn)
{
    sqlite3_blob_close(conn->part);
    conn->part = NULL;
}
