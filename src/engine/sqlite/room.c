/*
 * Making room on a full disk: what deleting left unused within the database goes back to the file system
 * step by step, and so does the write-ahead log. While the connection is short (reserve.c), the writer
 * does this after each batch.
 */
#include "engine/sqlite/conn.h"

#include <stdio.h>
#include <sys/stat.h>

enum { LOG_WORTH_CUTTING = 256 * 1024 }; /* bytes */

static bool give_up_soon(struct dbki_wait *wait)
{
    return wait->waited_ns > 200 * 1000 * 1000;
}

static bool begin(struct conn *conn)
{
    struct dbki_wait wait = {.gives_up = give_up_soon};
    struct dbk_error error;
    return conn->head.engine->begin(&conn->head, DBKI_WRITE, &wait, &error) == DBK_OK;
}

static bool commit(struct conn *conn)
{
    struct dbki_wait wait = {.gives_up = give_up_soon};
    struct dbk_error error;
    return conn->head.engine->commit(&conn->head, &wait, &error) == DBK_OK;
}

/* The first number that a statement gives; 0 for none. */
static int64_t ask(struct conn *conn, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    int64_t number = 0;
    if (sqlite3_prepare_v2(conn->db, sql, -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW)
        number = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return number;
}

static int64_t log_size(const struct conn *conn)
{
    struct stat log;
    return conn->log_path && stat(conn->log_path, &log) == 0 ? (int64_t)log.st_size : 0;
}

/*
 * Gives the log's blocks back. All of it was moved, so the next commit begins it anew, and SQLite then cuts
 * it to the limit. The commit writes the user's version of the database once more as it is: one page.
 */
bool dbki_sqlite_cut_log(struct conn *conn)
{
    char sql[64];
    bool is_committed = false;
    if (!begin(conn))
        return false;
    snprintf(sql, sizeof sql, "PRAGMA user_version=%lld",
             (long long)ask(conn, "PRAGMA user_version"));
    sqlite3_exec(conn->db, "PRAGMA journal_size_limit=0", NULL, NULL, NULL);
    if (sqlite3_exec(conn->db, sql, NULL, NULL, NULL) == SQLITE_OK)
        is_committed = commit(conn);
    else
        conn->head.engine->rollback(&conn->head);
    sqlite3_exec(conn->db, DBKI_LOG_LIMIT_SQL, NULL, NULL, NULL);
    return is_committed && conn->wal_pages == 1;
}

static void give_unused_back(struct conn *conn)
{
    if (!begin(conn))
        return;
    sqlite3_exec(conn->db, "PRAGMA incremental_vacuum(256)", NULL, NULL, NULL);
    commit(conn);
}

bool dbki_sqlite_make_room(struct conn *conn)
{
    int64_t unused = ask(conn, "PRAGMA freelist_count");
    if (!unused && log_size(conn) < LOG_WORTH_CUTTING)
        return false;
    if (unused)
        give_unused_back(conn);
    /* A write that did not fit may have made the log as large as the disk allowed. */
    if (dbki_checkpoint(conn) && !conn->wal_pages && log_size(conn) >= LOG_WORTH_CUTTING)
        dbki_sqlite_cut_log(conn);
    return true;
}
