/*
 * Whether a database has a write-ahead log, and giving it one or taking it away. A store of ours is made with
 * one; a Buildbot database gets it when it is adopted, and loses it when it is released.
 */
#include "engine/sqlite/conn.h"

#include "base/error.h"

#include <string.h>

enum { MODE_WAIT_MS = 5000 };

/* Runs a PRAGMA that answers with the mode that holds now. Result: SQLite's code. */
static int ask_mode(struct conn *conn, const char *sql, bool *out_has_log)
{
    sqlite3_stmt *stmt = NULL;
    int code = sqlite3_prepare_v2(conn->db, sql, -1, &stmt, NULL);
    if (code == SQLITE_OK && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
        const char *mode = (const char *)sqlite3_column_text(stmt, 0);
        *out_has_log = mode && !strcmp(mode, "wal");
        code = SQLITE_OK;
    }
    sqlite3_finalize(stmt);
    return code;
}

bool dbki_sqlite_has_log(struct dbki_conn *head)
{
    bool has_log = false;
    ask_mode((struct conn *)head, "PRAGMA journal_mode", &has_log);
    return has_log;
}

/* SQLite moves the log into the database and deletes it under a lock that shuts everybody else out, so that the
 * fault of checkpoint.c cannot come of it. */
int dbki_sqlite_set_log(struct dbki_conn *head, bool is_kept, struct dbk_error *error)
{
    struct conn *conn = (struct conn *)head;
    bool has_log = !is_kept;
    dbki_sqlite_close(conn->checkpointer ? &conn->checkpointer->head : NULL);
    conn->checkpointer = NULL;
    dbki_sqlite_forget_statements(conn);
    sqlite3_busy_timeout(conn->db, MODE_WAIT_MS);
    int code = ask_mode(conn, is_kept ? "PRAGMA journal_mode=WAL" : "PRAGMA journal_mode=DELETE",
                        &has_log);
    sqlite3_busy_timeout(conn->db, 0);
    conn->wal_pages = 0;
    conn->log_inode = 0;
    if (code != SQLITE_OK && code != SQLITE_BUSY)
        return dbki_sqlite_error(conn->db, code, error);
    if (code == SQLITE_BUSY || has_log != is_kept)
        return dbki_error_set(error, DBK_BUSY,
                              "another program has the database open: stop it (a Buildbot master, "
                              "another daybook, an sqlite3 shell), and try again");
    return DBK_OK;
}
