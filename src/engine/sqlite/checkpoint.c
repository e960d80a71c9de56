/*
 * Moves the write-ahead log into the database.
 *
 * SQLite before 3.51.3 can damage the file when a checkpoint that finds the log fully written back races
 * a commit that begins it anew. So no connection of ours ever checkpoints by itself (neither
 * automatically nor when it closes). A checkpoint runs here, on a second connection, while this
 * process holds SQLite's write lock by BEGIN IMMEDIATE: nobody, Buildbot included, commits meanwhile.
 * It is PASSIVE: any other kind would want the write lock for itself.
 */
#include "engine/sqlite/conn.h"

#include "base/clock.h"

enum {
    PAGES_WANTED = 1000, /* in the log, before it is worth a checkpoint; SQLite's own default */
    PAGES_LARGE =
        4 * 1000, /* readers keep the log from beginning anew: hold the lock until they left */
    HOLD_NS = 2 * 1000 * 1000, /* longer than a batch of reads mostly takes */
};

static int count_pages(void *user, sqlite3 *db, const char *name, int pages)
{
    struct conn *conn = user;
    (void)db;
    (void)name;
    conn->wal_pages = pages;
    return SQLITE_OK;
}

void dbki_checkpoint_watch(struct conn *conn)
{
    sqlite3_wal_hook(conn->db, count_pages, conn);
}

static bool open_checkpointer(struct conn *conn)
{
    struct dbk_error error;
    if (conn->checkpointer)
        return true;
    return dbki_sqlite_connect(conn->head.path, SQLITE_OPEN_READWRITE, &conn->checkpointer,
                               &error) == DBK_OK;
}

static void checkpoint_under_lock(struct conn *conn)
{
    int log_pages = 0, moved_pages = 0;
    int code = sqlite3_wal_checkpoint_v2(conn->checkpointer->db, NULL, SQLITE_CHECKPOINT_PASSIVE,
                                         &log_pages, &moved_pages);
    if (code != SQLITE_OK)
        return;
    /* The log can begin anew at the next commit if no reader stands in it any more. Those that come
     * now read the database itself; wait for those that came before. */
    if (log_pages == moved_pages && conn->wal_pages > PAGES_LARGE)
        dbki_clock_sleep_ns(HOLD_NS);
    if (log_pages == moved_pages)
        conn->wal_pages = 0;
    else
        conn->wal_pages = log_pages - moved_pages;
}

static bool give_up_soon(struct dbki_wait *wait)
{
    return wait->waited_ns > 200 * 1000 * 1000;
}

bool dbki_checkpoint(struct conn *conn)
{
    struct dbki_wait wait = {.gives_up = give_up_soon};
    struct dbk_error error;
    if (!open_checkpointer(conn))
        return false;
    if (conn->head.engine->begin(&conn->head, DBKI_WRITE, &wait, &error))
        return false;
    checkpoint_under_lock(conn);
    conn->head.engine->rollback(&conn->head);
    return true;
}

bool dbki_sqlite_tidy(struct dbki_conn *head, bool is_last)
{
    struct conn *conn = (struct conn *)head;
    if (conn->head.is_short)
        return dbki_sqlite_make_room(conn);
    return conn->wal_pages >= (is_last ? 1 : PAGES_WANTED) && dbki_checkpoint(conn);
}
