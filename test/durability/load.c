/* See load.h. */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PROPERTIES = 5, TOKEN_LEN = 8, RECENT = 256 };

/* A write that is outstanding. */
struct write {
    struct load *load;
    struct acked acked;
};

static void note_acked(struct write *write, const struct dbk_error *error)
{
    struct load *load = write->load;
    GROUND_NEED(!error, "a write failed: %s", error->message);
    load->outstanding--;
    load->acknowledged(load->user, &write->acked);
    free(write);
}

static void on_done(void *user, const struct dbk_error *error)
{
    note_acked(user, error);
}

static void on_added_build(void *user, const struct dbk_error *error, int64_t buildid,
                           int64_t number)
{
    struct write *write = user;
    write->acked.id = buildid;
    write->acked.number = number;
    if (!error)
        write->load->builds[write->load->build_count++ % RECENT] = buildid;
    note_acked(write, error);
}

static void on_added_step(void *user, const struct dbk_error *error, int64_t stepid, int64_t number,
                          const char *name)
{
    struct write *write = user;
    (void)name;
    write->acked.id = stepid;
    write->acked.number = number;
    note_acked(write, error);
}

/* ------------------------------------------------------------------------------- submitting ---- */

static struct write *write_new(struct load *load, enum acked_kind kind, int64_t id, int32_t token)
{
    struct write *write = malloc(sizeof *write);
    GROUND_NEED(write, "malloc");
    *write = (struct write){load, {.kind = (int32_t)kind, .id = id, .buildid = id, .token = token}};
    return write;
}

static int set_properties(struct load *load, int64_t buildid, struct write *write)
{
    static const char *const names[PROPERTIES] = {"p0", "p1", "p2", "p3", "p4"};
    struct dbk_new_property properties[PROPERTIES];
    char value[16];
    snprintf(value, sizeof value, "%d", write->acked.token);
    for (int i = 0; i < PROPERTIES; i++)
        properties[i] = (struct dbk_new_property){names[i], value, "load"};
    return dbk_set_build_properties(load->store, buildid, properties, PROPERTIES, NULL, on_done,
                                    write);
}

static size_t data_len(int32_t token, int len_max)
{
    return (size_t)TOKEN_LEN *
           (size_t)(1 + (uint32_t)token * 2654435761u % (uint32_t)(len_max / TOKEN_LEN));
}

static int set_data(struct load *load, int64_t buildid, struct write *write)
{
    char text[TOKEN_LEN + 1];
    size_t len = data_len(write->acked.token, load->data_len_max);
    char *value = malloc(len);
    GROUND_NEED(value, "malloc");
    snprintf(text, sizeof text, "%08u", (unsigned)write->acked.token % 100000000);
    for (size_t i = 0; i < len; i += TOKEN_LEN)
        memcpy(value + i, text, TOKEN_LEN);
    int status =
        dbk_set_build_data(load->store, buildid, "log", value, len, "load", NULL, on_done, write);
    free(value);
    return status;
}

static int submit_one(struct load *load)
{
    int64_t known = load->build_count < RECENT ? load->build_count : RECENT;
    int chance = known ? ground_below(&load->random, 100) : 0;
    int64_t id = known ? load->builds[ground_below(&load->random, (int)known)] : 0;
    int32_t token = ++load->last_token;
    if (chance < 35) {
        int builder = 1 + ground_below(&load->random, GROUND_BUILDERS);
        struct write *write = write_new(load, ACKED_BUILD, 0, builder);
        return dbk_add_build(load->store, builder, 1, 1, 1, "starting", NULL, on_added_build,
                             write);
    }
    if (chance < 45)
        return dbk_finish_build(load->store, id, token % 3, NULL, on_done,
                                write_new(load, ACKED_FINISHED, id, token % 3));
    if (chance < 60)
        return dbk_add_step(load->store, id, "compile", "pending", NULL, on_added_step,
                            write_new(load, ACKED_STEP, id, 0));
    if (chance < 80)
        return set_properties(load, id, write_new(load, ACKED_PROPERTIES, id, token));
    return set_data(load, id, write_new(load, ACKED_DATA, id, token));
}

void load_submit(struct load *load)
{
    while (load->outstanding < load->outstanding_max) {
        int status = submit_one(load);
        GROUND_NEED(!status, "a write was refused: %s", dbk_status_name((enum dbk_status)status));
        load->outstanding++;
        load->submitted++;
    }
}

void load_drain(struct load *load)
{
    while (load->outstanding)
        dbk_wait(load->store, -1);
}

/* ------------------------------------------------------------------------------- the ledger ---- */

void ledger_add(struct ledger *ledger, const struct acked *acked)
{
    if (ledger->count == ledger->size) {
        ledger->size = ledger->size ? 2 * ledger->size : 1024;
        ledger->entries = realloc(ledger->entries, ledger->size * sizeof *ledger->entries);
        GROUND_NEED(ledger->entries, "realloc");
    }
    ledger->entries[ledger->count++] = *acked;
}

void ledger_free(struct ledger *ledger)
{
    free(ledger->entries);
    *ledger = (struct ledger){0};
}

static void find(struct findings *findings, int *counter, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void find(struct findings *findings, int *counter, const char *format, ...)
{
    va_list args;
    ++*counter;
    if (findings->first[0])
        return;
    va_start(args, format);
    vsnprintf(findings->first, sizeof findings->first, format, args);
    va_end(args);
}

/* What must hold for each kind of acknowledged write: one row, by these parameters. */
static const char *const IS_THERE[] = {
    [ACKED_BUILD] = "SELECT 1 FROM builds WHERE id = ?1 AND number = ?2 AND builderid = ?3",
    /* Finishing again is allowed: some later one may stand there. */
    [ACKED_FINISHED] = "SELECT 1 FROM builds WHERE id = ?1 AND complete_at IS NOT NULL"
                       " AND results IS NOT NULL AND ?2 + ?3 + ?4 IS NOT NULL",
    [ACKED_STEP] = "SELECT 1 FROM steps WHERE id = ?1 AND number = ?2 AND buildid = ?4 AND ?3 = 0",
    [ACKED_PROPERTIES] = "SELECT 1 FROM build_properties WHERE buildid = ?1 AND name = 'p0'"
                         " AND CAST(value AS INTEGER) >= ?3 AND ?2 + ?4 IS NOT NULL",
    [ACKED_DATA] = "SELECT 1 FROM build_data WHERE buildid = ?1 AND name = 'log'"
                   " AND CAST(substr(value, 1, 8) AS INTEGER) >= ?3 AND ?2 + ?4 IS NOT NULL",
};
enum { KINDS = sizeof IS_THERE / sizeof IS_THERE[0] };

/* Each query counts what is half there. */
static const char *const HALVES[] = {
    "SELECT count(*) FROM builds b WHERE (SELECT count(*) FROM daybook_events e"
    " WHERE e.kind = 'build' AND e.verb = 'new' AND e.buildid = b.id) <> 1",
    "SELECT count(*) FROM daybook_events WHERE kind = 'build'"
    " AND buildid NOT IN (SELECT id FROM builds)",
    "SELECT count(*) FROM builds b WHERE (b.complete_at IS NULL) <> (b.results IS NULL)"
    " OR (b.complete_at IS NULL) <> NOT EXISTS (SELECT 1 FROM daybook_events e"
    " WHERE e.kind = 'build' AND e.verb = 'finished' AND e.buildid = b.id)",
    "SELECT count(*) FROM (SELECT builderid FROM builds GROUP BY builderid"
    " HAVING min(number) <> 1 OR max(number) <> count(*))",
    "SELECT count(*) FROM steps s WHERE (SELECT count(*) FROM daybook_events e"
    " WHERE e.kind = 'step' AND e.verb = 'new' AND e.stepid = s.id) <> 1",
    "SELECT count(*) FROM daybook_events WHERE kind = 'step'"
    " AND stepid NOT IN (SELECT id FROM steps)",
    "SELECT count(*) FROM (SELECT buildid FROM build_properties GROUP BY buildid"
    " HAVING count(*) <> 5 OR min(value) <> max(value))",
    "SELECT count(*) FROM (SELECT buildid FROM daybook_events WHERE kind = 'property'"
    " GROUP BY buildid HAVING count(*) % 5 <> 0)",
    "SELECT count(*) FROM (SELECT DISTINCT buildid FROM build_properties EXCEPT"
    " SELECT buildid FROM daybook_events WHERE kind = 'property')",
    "SELECT count(*) FROM (SELECT buildid FROM daybook_events WHERE kind = 'property' EXCEPT"
    " SELECT buildid FROM build_properties)",
    "SELECT count(*) FROM (SELECT DISTINCT buildid FROM build_data EXCEPT"
    " SELECT buildid FROM daybook_events WHERE kind = 'data')",
    "SELECT count(*) FROM (SELECT buildid FROM daybook_events WHERE kind = 'data' EXCEPT"
    " SELECT buildid FROM build_data)",
    "SELECT count(*) FROM build_data WHERE length <> length(value)",
    "SELECT count(*) FROM build_properties WHERE buildid NOT IN (SELECT id FROM builds)",
};

/* Result: the first column of the first row; what cannot be read counts as damage, and gives -1. */
static int64_t ask(struct findings *findings, sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    int64_t number = -1;
    int code = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(stmt);
    if (code == SQLITE_ROW)
        number = sqlite3_column_int64(stmt, 0);
    else
        find(findings, &findings->damaged, "%.60s: %s", sql, sqlite3_errmsg(db));
    sqlite3_finalize(stmt);
    return number;
}

static void check_integrity(struct findings *findings, sqlite3 *db)
{
    sqlite3_stmt *stmt = NULL;
    const char *words = NULL;
    if (sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW)
        words = (const char *)sqlite3_column_text(stmt, 0);
    if (!words || strcmp(words, "ok"))
        find(findings, &findings->damaged, "integrity_check: %s",
             words ? words : sqlite3_errmsg(db));
    sqlite3_finalize(stmt);
}

static void check_acked(struct findings *findings, const struct ledger *ledger, int64_t position,
                        sqlite3 *db)
{
    sqlite3_stmt *stmts[KINDS] = {0};
    for (int i = 0; i < KINDS; i++)
        if (sqlite3_prepare_v2(db, IS_THERE[i], -1, &stmts[i], NULL) != SQLITE_OK)
            find(findings, &findings->damaged, "%.60s: %s", IS_THERE[i], sqlite3_errmsg(db));
    for (size_t i = 0; i < ledger->count && ledger->entries[i].position <= position; i++) {
        const struct acked *acked = &ledger->entries[i];
        sqlite3_stmt *stmt = stmts[acked->kind];
        sqlite3_bind_int64(stmt, 1, acked->id);
        sqlite3_bind_int64(stmt, 2, acked->number);
        sqlite3_bind_int64(stmt, 3, acked->token);
        sqlite3_bind_int64(stmt, 4, acked->buildid);
        if (sqlite3_step(stmt) != SQLITE_ROW)
            find(findings, &findings->lost, "acknowledged and lost: kind %d, id %lld, token %d",
                 acked->kind, (long long)acked->id, acked->token);
        sqlite3_reset(stmt);
    }
    for (int i = 0; i < KINDS; i++)
        sqlite3_finalize(stmts[i]);
}

/* A value is its first token all along. */
static void check_values(struct findings *findings, sqlite3 *db)
{
    sqlite3_stmt *stmt = NULL;
    int code = sqlite3_prepare_v2(db, "SELECT value, buildid FROM build_data", -1, &stmt, NULL);
    while (code == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW) {
        const char *value = sqlite3_column_blob(stmt, 0);
        int len = sqlite3_column_bytes(stmt, 0);
        bool is_whole = len >= TOKEN_LEN && len % TOKEN_LEN == 0 &&
                        !memcmp(value, value + TOKEN_LEN, (size_t)(len - TOKEN_LEN));
        if (!is_whole)
            find(findings, &findings->half, "the value of build %lld is torn",
                 (long long)sqlite3_column_int64(stmt, 1));
    }
    if (sqlite3_finalize(stmt) != SQLITE_OK)
        find(findings, &findings->damaged, "reading values: %s", sqlite3_errmsg(db));
}

struct findings ledger_check(const struct ledger *ledger, int64_t position, const char *path)
{
    struct findings findings = {0};
    sqlite3 *db;
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK) {
        find(&findings, &findings.damaged, "open: %s", sqlite3_errmsg(db));
        sqlite3_close(db);
        return findings;
    }
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    check_integrity(&findings, db);
    if (!findings.damaged) {
        /* For the checks alone; they are quick then. */
        sqlite3_exec(db,
                     "BEGIN; CREATE INDEX check_events ON daybook_events (kind, buildid, verb);"
                     "CREATE INDEX check_steps ON daybook_events (kind, stepid, verb)",
                     NULL, NULL, NULL);
        check_acked(&findings, ledger, position, db);
        for (size_t i = 0; i < sizeof HALVES / sizeof HALVES[0]; i++) {
            int64_t count = ask(&findings, db, HALVES[i]);
            if (count > 0)
                find(&findings, &findings.half, "%lld of: %.200s", (long long)count, HALVES[i]);
        }
        check_values(&findings, db);
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    }
    sqlite3_close(db);
    return findings;
}
