/*
 * The files that are measured on: the library makes the tables, SQL fills them. All builds have their
 * parents; four of five finished ones were successful.
 */
#include "bench.h"

#include <daybook.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>
#include <unistd.h>

#define SERIES "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?)"

/* Statement and how many rows it makes; 0: as many as there are builds. */
static const struct {
    const char *sql;
    int64_t count;
} FILLS[] = {
    {SERIES " INSERT INTO masters (name, name_hash, active, last_active)"
            " SELECT 'master-' || i, 'm' || i, 1, 1700000000 FROM n",
     1},
    {SERIES " INSERT INTO builders (name, name_hash) SELECT 'builder-' || i, 'b' || i FROM n",
     BENCH_BUILDERS},
    {SERIES " INSERT INTO workers (name, info) SELECT 'worker-' || i, '{}' FROM n", BENCH_WORKERS},
    {SERIES " INSERT INTO buildsets (reason, submitted_at) SELECT 'bench', 1700000000 FROM n", 1},
    {SERIES " INSERT INTO buildrequests (buildsetid, builderid, submitted_at)"
            " SELECT 1, i % 16 + 1, 1700000000 FROM n",
     BENCH_REQUESTS},
    {SERIES
     " INSERT INTO builds (number, builderid, buildrequestid, workerid, masterid,"
     " started_at, complete_at, locks_duration_s, state_string, results)"
     " SELECT i / 16 + 1, i % 16 + 1, i % 1000 + 1, i % 16 + 1, 1, 1700000000 + i * 10,"
     " 1700000000 + i * 10 + 60 + i % 7, 0, 'build successful', iif(i / 16 % 5, 0, 2) FROM n",
     0},
};

static const char STEPS[] =
    SERIES " INSERT INTO steps (number, name, buildid, started_at, locks_acquired_at, complete_at,"
           " state_string, results, urls_json, hidden)"
           " SELECT i % 2, iif(i % 2, 'compile', 'checkout'), i / 2 + 1, 1700000000 + i,"
           " 1700000000 + i, 1700000030 + i, 'finished', 0, '[]', 0 FROM n";

static void fill(sqlite3 *db, const char *sql, int64_t count)
{
    sqlite3_stmt *stmt;
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) || sqlite3_bind_int64(stmt, 1, count) ||
        sqlite3_step(stmt) != SQLITE_DONE)
        bench_fail("filling the file: %s", sqlite3_errmsg(db));
    sqlite3_finalize(stmt);
}

static void execute(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL))
        bench_fail("%s: %s", sql, sqlite3_errmsg(db));
}

static sqlite3 *open_file(const char *path)
{
    sqlite3 *db;
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL))
        bench_fail("%s: %s", path, sqlite3_errmsg(db));
    return db;
}

void seed_remove(const char *path)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-daybook", "-daybook-reserve"};
    char name[4096];
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        unlink(name);
    }
}

void seed_make(const char *path, int64_t build_count)
{
    struct dbk_options options = DBK_OPTIONS_INIT;
    struct dbk_store *store;
    struct dbk_error error;
    options.is_created = true;
    seed_remove(path);
    if (dbk_open(path, &options, &store, &error))
        bench_fail("%s", error.message);
    dbk_close_wait(store);
    sqlite3 *db = open_file(path);
    execute(db, "PRAGMA synchronous=OFF; PRAGMA cache_size=-262144; BEGIN");
    for (size_t i = 0; i < sizeof FILLS / sizeof FILLS[0]; i++)
        fill(db, FILLS[i].sql, FILLS[i].count ? FILLS[i].count : build_count);
    if (build_count == BENCH_BUILDS)
        fill(db, STEPS, build_count * BENCH_STEPS_OF_A_BUILD);
    execute(db, "COMMIT; PRAGMA wal_checkpoint(TRUNCATE)");
    if (sqlite3_close(db))
        bench_fail("%s could not be closed", path);
}

void seed_copy(const char *from, const char *to)
{
    seed_remove(to);
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    ssize_t copied;
    if (in < 0 || out < 0)
        bench_fail("copying %s to %s: %s", from, to, strerror(errno));
    while ((copied = copy_file_range(in, NULL, out, NULL, 1 << 26, 0)) > 0)
        continue;
    if (copied < 0 || fsync(out))
        bench_fail("copying %s to %s: %s", from, to, strerror(errno));
    close(in);
    close(out);
}

static int64_t count_rows(const char *path, const char *table)
{
    char sql[100];
    sqlite3 *db = open_file(path);
    sqlite3_stmt *stmt;
    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", table);
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) || sqlite3_step(stmt) != SQLITE_ROW)
        bench_fail("%s: %s", path, sqlite3_errmsg(db));
    int64_t count = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return count;
}

void seed_compare(const char *bare_path, const char *ours_path)
{
    static const char *const tables[] = {"builds", "steps", "build_data", "daybook_events"};
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        int64_t bare_count = count_rows(bare_path, tables[i]);
        int64_t ours_count = count_rows(ours_path, tables[i]);
        if (bare_count != ours_count)
            bench_fail("%s has %lld rows on the bare side and %lld on the other", tables[i],
                       (long long)bare_count, (long long)ours_count);
    }
}
