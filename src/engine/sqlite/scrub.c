/*
 * Taking what was deleted out of the files: the database's pages are overwritten as it goes (secure_delete, with
 * which SQLite also fills pages with zeroes that it gives up as a whole), and the write-ahead log, where they are as
 * they were, is moved into the database and begun anew at the length of one page.
 *
 * A reader that stands in the log keeps it from that: SQLite says nothing of it, but the log's length after the
 * commit that should have begun it anew does.
 */
#include "base/error.h"
#include "engine/sqlite/conn.h"

const char *const dbki_sqlite_remains[] = {
    "copies of the database file (backups, snapshots of the disk) hold it until they are deleted",
    "blocks that the file system gave up, and those that a flash disk keeps aside, are not "
    "overwritten: an encrypted disk helps",
    NULL};

const char dbki_sqlite_unwritten[] =
    "unused parts of the database's pages may hold copies that SQLite made when it moved rows: "
    "`daybook erase --vacuum` writes the file anew";

/* It holds from when it is said, and not when a statement runs that was prepared before: so it is none. */
void dbki_sqlite_overwrite(struct dbki_conn *head, bool is_on)
{
    struct conn *conn = (struct conn *)head;
    sqlite3_exec(conn->db, is_on ? "PRAGMA secure_delete=ON" : "PRAGMA secure_delete=FAST", NULL,
                 NULL, NULL);
}

int dbki_sqlite_scrub(struct dbki_conn *head, bool *out_is_over, struct dbk_error *error)
{
    struct conn *conn = (struct conn *)head;
    (void)error;
    *out_is_over = head->is_single || !dbki_sqlite_has_log(head) ||
                   (dbki_checkpoint(conn) && !conn->wal_pages && dbki_sqlite_cut_log(conn));
    return DBK_OK;
}

enum { REWRITE_WAIT_NS = 1000 * 1000 * 1000 };

static bool give_up_later(struct dbki_wait *wait)
{
    return wait->waited_ns > 10 * (int64_t)REWRITE_WAIT_NS;
}

/* VACUUM copies the database into a temporary one, which must not be in memory, and back in one transaction. */
int dbki_sqlite_rewrite(struct dbki_conn *head, struct dbk_error *error)
{
    struct conn *conn = (struct conn *)head;
    struct dbki_wait wait = {.gives_up = give_up_later};
    int code, tries = 0;
    if (!dbki_turn_take(&conn->turn, &wait))
        return dbki_error_set(error, DBK_BUSY, "other processes kept writing to the database");
    sqlite3_exec(conn->db, "PRAGMA temp_store=FILE", NULL, NULL, NULL);
    do
        code = sqlite3_exec(conn->db, "VACUUM", NULL, NULL, NULL);
    while ((code & 0xFF) == SQLITE_BUSY && dbki_turn_pause(&wait, &tries));
    int status = code == SQLITE_OK ? DBK_OK : dbki_sqlite_error(conn->db, code, error);
    sqlite3_exec(conn->db, "PRAGMA temp_store=MEMORY", NULL, NULL, NULL);
    dbki_turn_leave(&conn->turn);
    return status;
}
