/*
 * Large values out of files: a row is written with a value of zeroes of the right length, which takes no
 * memory while the value stands last in its row, and is then filled in pieces.
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

int dbki_sqlite_fill(struct conn *conn, const struct dbki_bound *bound, int64_t rowid,
                     struct dbk_error *error)
{
    const struct dbki_value *value = find_source(bound);
    sqlite3_blob *blob = NULL;
    if (!value || !value->len)
        return DBK_OK;
    char *piece = dbki_malloc(PIECE_SIZE);
    if (!piece)
        return dbki_error_set(error, DBK_NO_MEMORY, "out of memory");
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
