/* The bare program's way to record whole builds: the statements of record_build (their texts are those of
 * src/connector; the bench compares them), prepared once, so many builds in a transaction. */
#include "more.h"

#include <sqlite3.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum {
    BEGIN,
    COMMIT,
    BUILDSET,
    BUILDER,
    WORKER,
    MASTER,
    SOURCESTAMP,
    LINK,
    REQUEST,
    BUILD,
    PROPERTY,
    STEP,
    LINEAGE,
    BUILDER_EVENT,
    EVENT,
    COUNT
};

static const char *const TEXTS[COUNT] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [BUILDSET] = "INSERT INTO buildsets (reason, submitted_at, complete, complete_at, results)"
                 " VALUES (?, ?, ?, ?, ?) RETURNING id",
    [BUILDER] =
        "INSERT INTO builders (name, name_hash) SELECT ?, ?"
        " WHERE NOT EXISTS (SELECT 1 FROM builders WHERE name_hash = ?) ON CONFLICT DO NOTHING",
    [WORKER] = "INSERT INTO workers (name, info) SELECT ?, '{}'"
               " WHERE NOT EXISTS (SELECT 1 FROM workers WHERE name = ?) ON CONFLICT DO NOTHING",
    [MASTER] =
        "INSERT INTO masters (name, name_hash, active, last_active) SELECT ?, ?, 0, ?"
        " WHERE NOT EXISTS (SELECT 1 FROM masters WHERE name_hash = ?) ON CONFLICT DO NOTHING",
    [SOURCESTAMP] =
        "INSERT INTO sourcestamps (ss_hash, branch, revision, repository, codebase, project,"
        " patchid, created_at) SELECT ?, ?, ?, ?, ?, ?, ?, ?"
        " WHERE NOT EXISTS (SELECT 1 FROM sourcestamps WHERE ss_hash = ?) ON CONFLICT DO NOTHING",
    [LINK] = "INSERT INTO buildset_sourcestamps (buildsetid, sourcestampid)"
             " SELECT ?, id FROM sourcestamps WHERE ss_hash = ? ON CONFLICT DO NOTHING",
    [REQUEST] = "INSERT INTO buildrequests (buildsetid, builderid, priority, complete, results,"
                " submitted_at, complete_at, waited_for)"
                " SELECT ?, id, 0, ?, ?, ?, ?, 0 FROM builders WHERE name_hash = ? RETURNING id",
    [BUILD] =
        "INSERT INTO builds (number, builderid, buildrequestid, workerid, masterid, started_at,"
        " complete_at, locks_duration_s, state_string, results)"
        " SELECT coalesce((SELECT max(number) FROM builds WHERE builderid = r.id), 0) + 1, r.id,"
        " ?, (SELECT id FROM workers WHERE name = ?), m.id, ?, ?, ?, ?, ?"
        " FROM builders r, masters m WHERE r.name_hash = ? AND m.name_hash = ?"
        " RETURNING id, number",
    [PROPERTY] = "INSERT INTO build_properties (buildid, name, value, source, position)"
                 " VALUES (?, ?, ?, ?, ?)"
                 " ON CONFLICT (buildid, name) DO UPDATE SET value = excluded.value,"
                 " source = excluded.source",
    [STEP] = "INSERT INTO steps (number, name, buildid, started_at, locks_acquired_at, complete_at,"
             " state_string, results, urls_json, hidden) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [LINEAGE] =
        "INSERT INTO daybook_lineage (builderid, lineage_hash, complete_at, number, buildid)"
        " SELECT builderid, ?, complete_at, number, id FROM builds WHERE id = ?"
        " ON CONFLICT (builderid, lineage_hash, complete_at, number)"
        " DO UPDATE SET buildid = excluded.buildid",
    [BUILDER_EVENT] = "INSERT INTO daybook_events (at, kind, verb, builderid)"
                      " SELECT ?, 'builder', 'new', builderid FROM builds WHERE id = ?",
    [EVENT] = "INSERT INTO daybook_events (at, kind, verb, builderid, buildid, stepid, name)"
              " SELECT ?, ?, ?, builderid, id, ?, ? FROM builds WHERE id = ?",
};

struct record_bare {
    sqlite3 *db;
    sqlite3_stmt *statements[COUNT];
};

struct record_bare *record_bare_open(const char *path)
{
    struct record_bare *bare = calloc(1, sizeof *bare);
    if (!bare ||
        sqlite3_open_v2(path, &bare->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL))
        bench_fail("bare: %s cannot be opened", path);
    sqlite3_wal_autocheckpoint(bare->db, 1000);
    if (sqlite3_exec(bare->db,
                     "PRAGMA synchronous=FULL; PRAGMA mmap_size=0; PRAGMA cache_size=-16384;"
                     "PRAGMA temp_store=MEMORY; PRAGMA secure_delete=FAST;"
                     "PRAGMA journal_size_limit=16777216; PRAGMA foreign_keys=OFF",
                     NULL, NULL, NULL))
        bench_fail("bare: %s", sqlite3_errmsg(bare->db));
    for (int i = 0; i < COUNT; i++)
        if (sqlite3_prepare_v3(bare->db, TEXTS[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &bare->statements[i], NULL))
            bench_fail("bare: %s: %s", TEXTS[i], sqlite3_errmsg(bare->db));
    return bare;
}

void record_bare_close(struct record_bare *bare)
{
    for (int i = 0; i < COUNT; i++)
        sqlite3_finalize(bare->statements[i]);
    sqlite3_close(bare->db);
    free(bare);
}

/* Runs a statement with parameters by letters: i an int64_t, t a text, n NULL. Result: the id, if it returns one. */
static int64_t run(struct record_bare *bare, int which, const char *letters, ...)
{
    sqlite3_stmt *stmt = bare->statements[which];
    int64_t id = 0;
    va_list args;
    va_start(args, letters);
    for (int i = 0; letters[i]; i++)
        if (letters[i] == 'i')
            sqlite3_bind_int64(stmt, i + 1, va_arg(args, int64_t));
        else if (letters[i] == 't')
            sqlite3_bind_text(stmt, i + 1, va_arg(args, const char *), -1, SQLITE_STATIC);
        else
            sqlite3_bind_null(stmt, i + 1);
    va_end(args);
    int code = sqlite3_step(stmt);
    if (code == SQLITE_ROW) {
        id = sqlite3_column_int64(stmt, 0);
        code = sqlite3_step(stmt);
    }
    if (code != SQLITE_DONE)
        bench_fail("bare: %s: %s", TEXTS[which], sqlite3_errmsg(bare->db));
    sqlite3_reset(stmt);
    return id;
}

static int64_t add_build(struct record_bare *bare, int number, bool *out_is_builder_added)
{
    static const char builder_hash[] = "1111111111111111111111111111111111111111",
                      master_hash[] = "2222222222222222222222222222222222222222";
    const int64_t now = 1700000000, success = 0, yes = 1, none = 0;
    char revision[41];
    snprintf(revision, sizeof revision, "%040d", number);
    int64_t buildsetid = run(bare, BUILDSET, "tiiii", "bench", now, yes, now, success);
    run(bare, BUILDER, "ttt", "recorded", builder_hash, builder_hash);
    *out_is_builder_added = sqlite3_changes(bare->db) > 0;
    run(bare, WORKER, "tt", "worker", "worker");
    run(bare, MASTER, "ttit", "daybook", master_hash, now, master_hash);
    run(bare, SOURCESTAMP, "ttttttnit", revision, "main", revision, "git://bench", "", "", now,
        revision);
    run(bare, LINK, "it", buildsetid, revision);
    int64_t requestid =
        run(bare, REQUEST, "iiiiit", buildsetid, yes, success, now, now, builder_hash);
    return run(bare, BUILD, "itiiititt", requestid, "worker", now, now, none, "build successful",
               success, builder_hash, master_hash);
}

static void record(struct record_bare *bare, int number)
{
    const int64_t now = 1700000000, success = 0, none = 0;
    bool is_builder_added;
    int64_t buildid = add_build(bare, number, &is_builder_added);
    char name[BENCH_NAME_SIZE], lineage[41];
    for (int i = 0; i < RECORD_PROPERTIES; i++) {
        snprintf(name, sizeof name, "property-%d", i);
        run(bare, PROPERTY, "ittti", buildid, name, "\"a value of some length\"", "bench",
            now * 1000000 + i);
    }
    for (int64_t i = 0; i < RECORD_STEPS; i++) {
        snprintf(name, sizeof name, "step-%d", (int)i);
        run(bare, STEP, "itiiiititi", i, name, buildid, now, now, now, "finished", success, "[]",
            none);
    }
    snprintf(lineage, sizeof lineage, "%040d", 3);
    run(bare, LINEAGE, "ti", lineage, buildid);
    if (is_builder_added)
        run(bare, BUILDER_EVENT, "ii", now, buildid);
    run(bare, EVENT, "ittnni", now, "build", "new", buildid);
    run(bare, EVENT, "ittnni", now, "build", "finished", buildid);
}

void record_bare_run(struct record_bare *bare, int first, int count, int in_transaction)
{
    for (int i = 0; i < count; i++) {
        if (i % in_transaction == 0)
            run(bare, BEGIN, "");
        record(bare, first + i);
        if (i % in_transaction == in_transaction - 1 || i == count - 1)
            run(bare, COMMIT, "");
    }
}
