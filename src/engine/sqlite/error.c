/* SQLite's result codes as our statuses: the only place that knows them. */
#include "engine/sqlite/conn.h"

#include "base/error.h"

#include <errno.h>
#include <string.h>

/* A row with an extended code comes before its primary one. */
static const struct {
    int code;
    enum dbk_status status;
    const char *hint; /* what to do; NULL: nothing better than the words of SQLite */
} CODES[] = {
    {SQLITE_BUSY, DBK_BUSY, "another program holds the database's lock"},
    {SQLITE_LOCKED, DBK_BUSY, "another connection holds a lock on the table"},
    {SQLITE_FULL, DBK_FULL,
     "free some space on the disk that holds the database, or delete old build data (`daybook "
     "prune "
     "--older-than 30d`); nothing was lost, and writing goes on then"},
    {SQLITE_NOMEM, DBK_NO_MEMORY, NULL},
    {SQLITE_IOERR_NOMEM, DBK_NO_MEMORY, NULL},
    {SQLITE_IOERR_CORRUPTFS, DBK_DAMAGED, "the file system is damaged"},
    {SQLITE_IOERR, DBK_UNREACHABLE, "the disk or the file system failed; its log says more"},
    {SQLITE_CORRUPT, DBK_DAMAGED,
     "keep a copy of the file with its -wal file, and go back to a backup"},
    {SQLITE_NOTADB, DBK_SCHEMA, "the file is not an SQLite database"},
    {SQLITE_READONLY_ROLLBACK, DBK_DENIED,
     "a write was cut off and has to be undone before anybody can read: start the master once, or "
     "open the file once as a user who may write it"},
    {SQLITE_READONLY_RECOVERY, DBK_DENIED,
     "its write-ahead log has to be recovered by a user who may write the file, before others "
     "read"},
    {SQLITE_READONLY_CANTINIT, DBK_DENIED,
     "a database with a write-ahead log can only be read where its -shm file is or can be made: "
     "read "
     "it as the user who writes it, or read a copy made together with its -wal file"},
    {SQLITE_READONLY_CANTLOCK, DBK_DENIED,
     "this user may not lock the -shm file beside it, which reading needs"},
    {SQLITE_READONLY, DBK_READ_ONLY,
     "the file, its folder or the file system does not let this user write"},
    {SQLITE_PERM, DBK_DENIED, NULL},
    {SQLITE_AUTH, DBK_DENIED, NULL},
    {SQLITE_CANTOPEN, DBK_DENIED,
     "this user may not open the file, or not open or make its -wal and -shm files in that folder: "
     "read "
     "it as the user who writes it, or a copy made together with its -wal file"},
    {SQLITE_TOOBIG, DBK_TOO_LARGE, NULL},
    {SQLITE_CONSTRAINT, DBK_CONFLICT, NULL},
    {SQLITE_INTERRUPT, DBK_TIMEOUT, NULL},
    {SQLITE_SCHEMA, DBK_SCHEMA, NULL},
    {SQLITE_NOLFS, DBK_UNSUPPORTED, "the file system cannot hold files of this size"},
};
enum { CODE_COUNT = sizeof CODES / sizeof CODES[0] };

static int find(int code)
{
    for (int i = 0; i < CODE_COUNT; i++)
        if (CODES[i].code == code)
            return i;
    return code == (code & 0xFF) ? -1 : find(code & 0xFF);
}

enum dbk_status dbki_sqlite_status(int code)
{
    int row = find(code);
    return row < 0 ? DBK_INTERNAL : CODES[row].status;
}

/* Whether it helps to name the file. */
static bool is_about_file(int code)
{
    switch (code & 0xFF) {
    case SQLITE_CANTOPEN:
    case SQLITE_CORRUPT:
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_NOTADB:
    case SQLITE_PERM:
    case SQLITE_READONLY:
        return true;
    default:
        return false;
    }
}

int dbki_sqlite_error(sqlite3 *db, int code, struct dbk_error *error)
{
    int row = find(code);
    enum dbk_status status = row < 0 ? DBK_INTERNAL : CODES[row].status;
    const char *words = db ? sqlite3_errmsg(db) : sqlite3_errstr(code);
    /* Others' triggers may refuse something too. */
    if (code == SQLITE_CONSTRAINT_TRIGGER &&
        !strncmp(words, DBKI_MOVED_BEGIN, strlen(DBKI_MOVED_BEGIN)))
        status = DBK_READ_ONLY;
    int system = db ? sqlite3_system_errno(db) : 0;
    if (system && (code & 0xFF) != SQLITE_IOERR && (code & 0xFF) != SQLITE_CANTOPEN)
        system = 0;
    /* SQLite says "full" of writes alone, not of making its -shm file. */
    if (system == ENOSPC || system == EDQUOT) {
        row = find(SQLITE_FULL);
        status = DBK_FULL;
    }
    const char *path = db && is_about_file(code) ? sqlite3_db_filename(db, "main") : NULL;
    if (path && !path[0])
        path = NULL;
    dbki_error_set(error, status, "%.160s%s%s%s%s%s%s%s", path ? path : "", path ? ": " : "", words,
                   system ? " (" : "", system ? strerror(system) : "", system ? ")" : "",
                   row >= 0 && CODES[row].hint ? ": " : "",
                   row >= 0 && CODES[row].hint ? CODES[row].hint : "");
    if (error)
        error->engine_code = code;
    return status;
}
