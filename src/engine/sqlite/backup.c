/*
 * A copy of the database in a file of its own, page by page, by SQLite's own backup.
 *
 * With a write-ahead log all of it is one snapshot: its reader keeps nobody from writing, and the log, which
 * cannot begin anew before it left, grows by what others write meanwhile. The fault of checkpoint.c needs a
 * checkpoint beside a commit; a backup is neither. Without a log a reader keeps others from committing, so
 * its transaction is given up between two parts, and SQLite begins anew when somebody wrote.
 *
 * The copy has no journal, no log, no locks: nobody knows of it until it is whole.
 */
#include "engine/sqlite/conn.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"

#include <string.h>

enum { STEP_PAGES = 64 }; /* some 256 KiB between two looks at the clock */
enum { CHECK_STEPS = 20000 };

struct dbki_backup {
    struct conn *from;
    sqlite3 *to;
    sqlite3_backup *pages;
    struct conn *copy; /* reads the finished copy */
    char *path;
    int64_t page_size;
    int64_t done; /* pages, by the last step */
    int begun_anew;
};

void dbki_sqlite_backup_close(struct dbki_backup *backup)
{
    if (!backup)
        return;
    if (backup->copy)
        dbki_sqlite_close(&backup->copy->head);
    sqlite3_backup_finish(backup->pages);
    sqlite3_close(backup->to);
    dbki_free(backup->path);
    dbki_free(backup);
}

static int64_t ask_page_size(sqlite3 *db)
{
    sqlite3_stmt *stmt = NULL;
    int64_t size = 0;
    if (sqlite3_prepare_v2(db, "PRAGMA page_size", -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW)
        size = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return size;
}

/* Locks of the file system would be of no use here, and some cannot give any. */
static int open_target(struct dbki_backup *backup, struct dbk_error *error)
{
    int code = sqlite3_open_v2(backup->path, &backup->to,
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
                               "unix-none");
    if (code == SQLITE_OK)
        code = sqlite3_exec(backup->to,
                            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;"
                            "PRAGMA locking_mode=EXCLUSIVE; PRAGMA cache_size=-4096",
                            NULL, NULL, NULL);
    if (code == SQLITE_OK)
        backup->pages = sqlite3_backup_init(backup->to, "main", backup->from->db, "main");
    if (code == SQLITE_OK && !backup->pages)
        code = sqlite3_extended_errcode(backup->to);
    return code == SQLITE_OK ? DBK_OK : dbki_sqlite_error(backup->to, code, error);
}

int dbki_sqlite_backup_open(struct dbki_conn *from, const char *path, struct dbki_backup **out,
                            struct dbk_error *error)
{
    struct dbki_backup *backup = dbki_calloc(1, sizeof *backup);
    size_t size = strlen(path) + 1;
    if (!backup || !(backup->path = dbki_malloc(size))) {
        dbki_free(backup);
        return dbki_error_set(error, DBK_NO_MEMORY, "out of memory");
    }
    memcpy(backup->path, path, size);
    backup->from = (struct conn *)from;
    int status = open_target(backup, error);
    if (status) {
        dbki_sqlite_backup_close(backup);
        return status;
    }
    *out = backup;
    return DBK_OK;
}

int dbki_sqlite_backup_pages(struct dbki_backup *backup, int64_t until_ns,
                             struct dbki_backup_state *out, struct dbk_error *error)
{
    int code;
    do {
        code = sqlite3_backup_step(backup->pages, STEP_PAGES);
        int64_t total = sqlite3_backup_pagecount(backup->pages);
        int64_t done = total - sqlite3_backup_remaining(backup->pages);
        if (!backup->page_size)
            backup->page_size = ask_page_size(backup->from->db);
        backup->begun_anew += done < backup->done;
        backup->done = done;
        *out = (struct dbki_backup_state){.done = done * backup->page_size,
                                          .total = total * backup->page_size,
                                          .begun_anew = backup->begun_anew,
                                          .is_over = code == SQLITE_DONE};
    } while (code == SQLITE_OK && dbki_clock_ns() < until_ns);
    return code == SQLITE_OK || code == SQLITE_DONE ? DBK_OK : dbki_sqlite_error(NULL, code, error);
}

/* ------------------------------------------------------------------------------------ check ---- */

static int look_at_wait(void *user)
{
    struct dbki_wait *wait = user;
    return wait->gives_up(wait);
}

/* The path as a URI, which alone can say that nobody else opens the file. Result: dbki_free(). */
static char *make_uri(const char *path)
{
    static const char digits[] = "0123456789ABCDEF", begin[] = "file:", end[] = "?immutable=1";
    char *uri = dbki_malloc(sizeof begin + 3 * strlen(path) + sizeof end);
    if (!uri)
        return NULL;
    memcpy(uri, begin, sizeof begin - 1);
    char *to = uri + sizeof begin - 1;
    for (; *path; path++) {
        if (strchr("%?#", *path)) {
            *to++ = '%';
            *to++ = digits[(unsigned char)*path >> 4];
            *to++ = digits[*path & 15];
        } else {
            *to++ = *path;
        }
    }
    memcpy(to, end, sizeof end);
    return uri;
}

static int open_copy(struct dbki_backup *backup, struct dbk_error *error)
{
    char *uri = make_uri(backup->path);
    if (!uri)
        return dbki_error_set(error, DBK_NO_MEMORY, "out of memory");
    int status =
        dbki_sqlite_connect(uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, &backup->copy, error);
    dbki_free(uri);
    return status;
}

/* What is wrong comes a line each, of which the first is told. */
static int check_integrity(struct conn *copy, struct dbk_error *error)
{
    sqlite3_stmt *stmt = NULL;
    int status = DBK_OK;
    int code = sqlite3_prepare_v2(copy->db, "PRAGMA integrity_check(1)", -1, &stmt, NULL);
    if (code == SQLITE_OK && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
        const char *said = (const char *)sqlite3_column_text(stmt, 0);
        if (said && strcmp(said, "ok") != 0)
            status =
                dbki_error_set(error, DBK_DAMAGED,
                               "what was copied is damaged, and so is the database: %.240s", said);
        code = said ? SQLITE_OK : SQLITE_NOMEM;
    }
    if (code != SQLITE_OK)
        status = dbki_sqlite_error(copy->db, code, error);
    sqlite3_finalize(stmt);
    return status;
}

int dbki_sqlite_backup_check(struct dbki_backup *backup, struct dbki_wait *wait,
                             struct dbki_conn **out_copy, struct dbk_error *error)
{
    int code = sqlite3_backup_finish(backup->pages);
    backup->pages = NULL;
    if (code == SQLITE_OK)
        code = sqlite3_close(backup->to);
    if (code != SQLITE_OK)
        return dbki_sqlite_error(NULL, code, error);
    backup->to = NULL;
    int status = open_copy(backup, error);
    if (status)
        return status;
    sqlite3_progress_handler(backup->copy->db, CHECK_STEPS, look_at_wait, wait);
    status = check_integrity(backup->copy, error);
    sqlite3_progress_handler(backup->copy->db, 0, NULL, NULL);
    *out_copy = &backup->copy->head;
    return status;
}
