/*
 * The yardstick: a bare SQLite program, one thread.
 *
 * The file settings, the statements (their texts are those of src/connector, event rows included) and
 * the checkpoints' threshold are the store's. Statements are prepared once; every column is read and
 * every text copied; as many operations share a transaction as are outstanding on the other side.
 */
#include "bench.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BUILD_COLUMNS                                                                              \
    "t.id, t.number, t.builderid, t.buildrequestid, t.workerid, t.masterid, t.started_at, "        \
    "t.complete_at, t.locks_duration_s, t.state_string, t.results"
#define STEP_COLUMNS                                                                               \
    "t.id, t.number, t.name, t.buildid, t.started_at, t.locks_acquired_at, t.complete_at, "        \
    "t.state_string, t.results, t.hidden, t.urls_json"

enum {
    BEGIN_READ,
    BEGIN_WRITE,
    COMMIT,
    EVENT,
    EVENT_OF_BUILD,
    EVENT_OF_STEP,
    ADD_BUILD,
    SET_STATE_STRING,
    ADD_STEP,
    START_STEP,
    FINISH_STEP,
    SET_DATA,
    GET_BUILD,
    GET_BUILD_BY_NUMBER,
    GET_STEP,
    GET_BUILDS,
    STATEMENT_COUNT,
};

static const char *const TEXTS[STATEMENT_COUNT] = {
    [BEGIN_READ] = "BEGIN",
    [BEGIN_WRITE] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [EVENT] = "INSERT INTO daybook_events (at, kind, verb, builderid, buildid, stepid, name)"
              " VALUES (?, ?, ?, ?, ?, ?, ?)",
    [EVENT_OF_BUILD] =
        "INSERT INTO daybook_events (at, kind, verb, builderid, buildid, stepid, name)"
        " SELECT ?, ?, ?, builderid, id, ?, ? FROM builds WHERE id = ?",
    [EVENT_OF_STEP] =
        "INSERT INTO daybook_events (at, kind, verb, builderid, buildid, stepid, name)"
        " SELECT ?, 'step', ?, b.builderid, s.buildid, s.id, NULL"
        " FROM steps s LEFT JOIN builds b ON b.id = s.buildid WHERE s.id = ?",
    [ADD_BUILD] =
        "INSERT INTO builds (number, builderid, buildrequestid, workerid, masterid, started_at,"
        " locks_duration_s, state_string)"
        " SELECT coalesce((SELECT max(number) FROM builds WHERE builderid = r.id), 0) + 1,"
        " r.id, ?, ?, ?, ?, 0, ? FROM builders r WHERE r.id = ?"
        " AND EXISTS (SELECT 1 FROM buildrequests WHERE id = ?)"
        " AND EXISTS (SELECT 1 FROM masters WHERE id = ?)"
        " AND (? IS NULL OR EXISTS (SELECT 1 FROM workers WHERE id = ?))"
        " RETURNING id, number",
    [SET_STATE_STRING] = "UPDATE builds SET state_string = ? WHERE id = ?",
    [ADD_STEP] =
        "INSERT INTO steps (number, name, buildid, state_string, urls_json, hidden)"
        " SELECT coalesce((SELECT max(number) FROM steps WHERE buildid = b.id), -1) + 1, ?, b.id,"
        " ?, '[]', 0 FROM builds b WHERE b.id = ?"
        " AND NOT EXISTS (SELECT 1 FROM steps WHERE buildid = ? AND name = ?)"
        " RETURNING id, number",
    [START_STEP] = "UPDATE steps SET started_at = ?, locks_acquired_at = ? WHERE id = ?",
    [FINISH_STEP] = "UPDATE steps SET complete_at = ?, results = ?, hidden = ? WHERE id = ?",
    [SET_DATA] = "INSERT INTO build_data (buildid, name, value, length, source)"
                 " SELECT id, ?, ?, ?, ? FROM builds WHERE id = ?"
                 " ON CONFLICT (buildid, name) DO UPDATE SET value = excluded.value,"
                 " length = excluded.length, source = excluded.source",
    [GET_BUILD] = "SELECT " BUILD_COLUMNS " FROM builds t WHERE t.id = ?",
    [GET_BUILD_BY_NUMBER] =
        "SELECT " BUILD_COLUMNS " FROM builds t WHERE t.builderid = ? AND t.number = ?",
    [GET_STEP] = "SELECT " STEP_COLUMNS " FROM steps t WHERE t.id = ?",
    [GET_BUILDS] =
        "SELECT " BUILD_COLUMNS " FROM builds t WHERE t.builderid = ? AND (t.results = ?)"
        " ORDER BY t.number DESC LIMIT ?",
};

enum { CELLS_MAX = 11, COPIES_SIZE = 1 << 20, CHECKPOINT_PAGES = 1000 };

struct bare {
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENT_COUNT];
    char *copies; /* of the texts that were read in a transaction */
    size_t copies_len;
    uint64_t sum;
};

/* A row as a program would keep it. */
struct row {
    int64_t numbers[CELLS_MAX];
    const char *texts[CELLS_MAX];
    size_t lens[CELLS_MAX];
};

static void fail(const struct bare *bare, const char *what)
{
    bench_fail("bare: %s: %s", what, sqlite3_errmsg(bare->db));
}

struct bare *bare_open(const char *path)
{
    struct bare *bare = calloc(1, sizeof *bare);
    if (!bare || !(bare->copies = malloc(COPIES_SIZE)))
        bench_fail("out of memory");
    if (sqlite3_open_v2(path, &bare->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL))
        fail(bare, path);
    sqlite3_db_config(bare->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(bare->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_wal_autocheckpoint(bare->db, CHECKPOINT_PAGES);
    if (sqlite3_exec(bare->db,
                     "PRAGMA synchronous=FULL; PRAGMA mmap_size=0; PRAGMA cache_size=-16384;"
                     "PRAGMA temp_store=MEMORY; PRAGMA secure_delete=FAST;"
                     "PRAGMA journal_size_limit=16777216; PRAGMA foreign_keys=OFF",
                     NULL, NULL, NULL))
        fail(bare, "settings");
    for (int i = 0; i < STATEMENT_COUNT; i++)
        if (sqlite3_prepare_v3(bare->db, TEXTS[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &bare->statements[i], NULL))
            fail(bare, TEXTS[i]);
    return bare;
}

void bare_close(struct bare *bare)
{
    if (!bare)
        return;
    for (int i = 0; i < STATEMENT_COUNT; i++)
        sqlite3_finalize(bare->statements[i]);
    sqlite3_close(bare->db);
    free(bare->copies);
    free(bare);
}

/* -------------------------------------------------------------------------------- statements ---- */

static void run(struct bare *bare, int which)
{
    sqlite3_stmt *stmt = bare->statements[which];
    if (sqlite3_step(stmt) != SQLITE_DONE)
        fail(bare, TEXTS[which]);
    sqlite3_reset(stmt);
}

/* Runs a write that must change one row. */
static void change(struct bare *bare, int which)
{
    run(bare, which);
    if (sqlite3_changes64(bare->db) != 1)
        fail(bare, "nothing was changed");
}

static void bind_text(sqlite3_stmt *stmt, int index, const char *text)
{
    sqlite3_bind_text64(stmt, index, text, strlen(text), SQLITE_STATIC, SQLITE_UTF8);
}

/* Runs an INSERT ... RETURNING id, number. Result: the id. */
static int64_t insert(struct bare *bare, int which)
{
    sqlite3_stmt *stmt = bare->statements[which];
    if (sqlite3_step(stmt) != SQLITE_ROW)
        fail(bare, TEXTS[which]);
    int64_t id = sqlite3_column_int64(stmt, 0);
    int64_t number = sqlite3_column_int64(stmt, 1);
    if (sqlite3_step(stmt) != SQLITE_DONE)
        fail(bare, TEXTS[which]);
    sqlite3_reset(stmt);
    bare->sum += bench_sum(id, number, NULL, 0);
    return id;
}

static void event_of_build(struct bare *bare, const char *kind, const char *verb, const char *name,
                           int64_t buildid)
{
    sqlite3_stmt *stmt = bare->statements[EVENT_OF_BUILD];
    sqlite3_bind_int64(stmt, 1, time(NULL));
    bind_text(stmt, 2, kind);
    bind_text(stmt, 3, verb);
    sqlite3_bind_null(stmt, 4);
    if (name)
        bind_text(stmt, 5, name);
    else
        sqlite3_bind_null(stmt, 5);
    sqlite3_bind_int64(stmt, 6, buildid);
    run(bare, EVENT_OF_BUILD);
}

static void event_of_step(struct bare *bare, const char *verb, int64_t stepid)
{
    sqlite3_stmt *stmt = bare->statements[EVENT_OF_STEP];
    sqlite3_bind_int64(stmt, 1, time(NULL));
    bind_text(stmt, 2, verb);
    sqlite3_bind_int64(stmt, 3, stepid);
    run(bare, EVENT_OF_STEP);
}

/* ------------------------------------------------------------------------------------ writes ---- */

static void add_build(struct bare *bare, const struct bench_draw *draw)
{
    sqlite3_stmt *stmt = bare->statements[ADD_BUILD];
    sqlite3_bind_int64(stmt, 1, draw->requestid);
    sqlite3_bind_int64(stmt, 2, draw->workerid);
    sqlite3_bind_int64(stmt, 3, 1);
    sqlite3_bind_int64(stmt, 4, time(NULL));
    bind_text(stmt, 5, draw->text);
    sqlite3_bind_int64(stmt, 6, draw->builderid);
    sqlite3_bind_int64(stmt, 7, draw->requestid);
    sqlite3_bind_int64(stmt, 8, 1);
    sqlite3_bind_int64(stmt, 9, draw->workerid);
    sqlite3_bind_int64(stmt, 10, draw->workerid);
    int64_t id = insert(bare, ADD_BUILD);
    stmt = bare->statements[EVENT];
    sqlite3_bind_int64(stmt, 1, time(NULL));
    bind_text(stmt, 2, "build");
    bind_text(stmt, 3, "new");
    sqlite3_bind_int64(stmt, 4, draw->builderid);
    sqlite3_bind_int64(stmt, 5, id);
    sqlite3_bind_null(stmt, 6);
    sqlite3_bind_null(stmt, 7);
    run(bare, EVENT);
}

static void set_state_string(struct bare *bare, const struct bench_draw *draw)
{
    sqlite3_stmt *stmt = bare->statements[SET_STATE_STRING];
    bind_text(stmt, 1, draw->text);
    sqlite3_bind_int64(stmt, 2, draw->buildid);
    change(bare, SET_STATE_STRING);
    event_of_build(bare, "build", "updated", NULL, draw->buildid);
}

static int64_t add_step(struct bare *bare, const struct bench_draw *draw, int number)
{
    sqlite3_stmt *stmt = bare->statements[ADD_STEP];
    char name[BENCH_NAME_SIZE];
    snprintf(name, sizeof name, "step-%d", number);
    bind_text(stmt, 1, name);
    bind_text(stmt, 2, draw->text);
    sqlite3_bind_int64(stmt, 3, draw->buildid);
    sqlite3_bind_int64(stmt, 4, draw->buildid);
    bind_text(stmt, 5, name);
    int64_t id = insert(bare, ADD_STEP);
    event_of_step(bare, "new", id);
    return id;
}

static void start_step(struct bare *bare, int64_t stepid)
{
    sqlite3_stmt *stmt = bare->statements[START_STEP];
    int64_t now = time(NULL);
    sqlite3_bind_int64(stmt, 1, now);
    sqlite3_bind_int64(stmt, 2, now);
    sqlite3_bind_int64(stmt, 3, stepid);
    change(bare, START_STEP);
    event_of_step(bare, "started", stepid);
}

static void finish_step(struct bare *bare, int64_t stepid)
{
    sqlite3_stmt *stmt = bare->statements[FINISH_STEP];
    sqlite3_bind_int64(stmt, 1, time(NULL));
    sqlite3_bind_int64(stmt, 2, 0);
    sqlite3_bind_int64(stmt, 3, 0);
    sqlite3_bind_int64(stmt, 4, stepid);
    change(bare, FINISH_STEP);
    event_of_step(bare, "finished", stepid);
}

static void set_data(struct bare *bare, const struct bench_draw *draw, int number)
{
    sqlite3_stmt *stmt = bare->statements[SET_DATA];
    char name[BENCH_NAME_SIZE];
    snprintf(name, sizeof name, "data-%d", number);
    bind_text(stmt, 1, name);
    sqlite3_bind_blob64(stmt, 2, bench_value(), BENCH_VALUE_LEN, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 3, BENCH_VALUE_LEN);
    bind_text(stmt, 4, "bench");
    sqlite3_bind_int64(stmt, 5, draw->buildid);
    change(bare, SET_DATA);
    event_of_build(bare, "data", "updated", name, draw->buildid);
}

/* ------------------------------------------------------------------------------------- reads ---- */

static void read_row(struct bare *bare, sqlite3_stmt *stmt, struct row *row)
{
    for (int i = 0; i < CELLS_MAX; i++) {
        row->texts[i] = NULL;
        row->lens[i] = 0;
        switch (sqlite3_column_type(stmt, i)) {
        case SQLITE_INTEGER:
            row->numbers[i] = sqlite3_column_int64(stmt, i);
            break;
        case SQLITE_NULL:
            row->numbers[i] = INT64_MIN;
            break;
        default: {
            const unsigned char *text = sqlite3_column_text(stmt, i);
            size_t len = (size_t)sqlite3_column_bytes(stmt, i);
            if (!text || bare->copies_len + len + 1 > COPIES_SIZE)
                fail(bare, "too much text");
            row->texts[i] = memcpy(bare->copies + bare->copies_len, text, len + 1);
            row->lens[i] = len;
            bare->copies_len += len + 1;
        }
        }
    }
}

/* Runs a read; text_column is the one that counts for the sum. */
static int read_rows(struct bare *bare, int which, int text_column)
{
    sqlite3_stmt *stmt = bare->statements[which];
    struct row row;
    int code, count = 0;
    while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
        read_row(bare, stmt, &row);
        bare->sum += bench_sum(row.numbers[0], row.numbers[1], row.texts[text_column],
                               row.lens[text_column]);
        count++;
        if (which != GET_BUILDS) {
            code = SQLITE_DONE;
            break;
        }
    }
    if (code != SQLITE_DONE)
        fail(bare, TEXTS[which]);
    sqlite3_reset(stmt);
    return count;
}

static void do_read(struct bare *bare, enum bench_op op, const struct bench_draw *draw)
{
    int which = GET_BUILD, wanted = 1, text_column = 9;
    switch (op) {
    case BENCH_GET_BUILD:
        sqlite3_bind_int64(bare->statements[which], 1, draw->buildid);
        break;
    case BENCH_GET_BUILD_BY_NUMBER:
        which = GET_BUILD_BY_NUMBER;
        sqlite3_bind_int64(bare->statements[which], 1, draw->builderid);
        sqlite3_bind_int64(bare->statements[which], 2, draw->number);
        break;
    case BENCH_GET_STEP:
        which = GET_STEP;
        text_column = 2;
        sqlite3_bind_int64(bare->statements[which], 1, draw->stepid);
        break;
    default:
        which = GET_BUILDS;
        wanted = BENCH_PAGE;
        sqlite3_bind_int64(bare->statements[which], 1, draw->builderid);
        sqlite3_bind_int64(bare->statements[which], 2, 0);
        sqlite3_bind_int64(bare->statements[which], 3, BENCH_PAGE);
    }
    if (read_rows(bare, which, text_column) != wanted)
        fail(bare, "rows are missing");
}

/* ------------------------------------------------------------------------------ transactions ---- */

/* What of a piece of work is in hand. */
struct progress {
    struct bench_random random;
    int done;       /* operations; of steps: chains */
    int64_t stepid; /* of a chain that was begun; 0: none */
    int stage;
};

/* One operation of a chain. */
static void do_step(struct bare *bare, const struct bench_work *work, struct progress *progress)
{
    if (progress->stage == 0) {
        struct bench_draw draw = bench_draw(&progress->random, work);
        progress->stepid = add_step(bare, &draw, work->first + progress->done);
    } else if (progress->stage == 1) {
        start_step(bare, progress->stepid);
    } else {
        finish_step(bare, progress->stepid);
        progress->done++;
    }
    progress->stage = (progress->stage + 1) % 3;
}

static void do_one(struct bare *bare, const struct bench_work *work, struct progress *progress)
{
    if (work->op == BENCH_RUN_STEP) {
        do_step(bare, work, progress);
        return;
    }
    struct bench_draw draw = bench_draw(&progress->random, work);
    switch (work->op) {
    case BENCH_ADD_BUILD:
        add_build(bare, &draw);
        break;
    case BENCH_SET_STATE_STRING:
        set_state_string(bare, &draw);
        break;
    case BENCH_SET_DATA:
        set_data(bare, &draw, work->first + progress->done);
        break;
    default:
        do_read(bare, work->op, &draw);
    }
    progress->done++;
}

void bare_run(struct bare *bare, const struct bench_work *work, struct bench_sample *out_sample)
{
    bool is_write = bench_op_writes(work->op);
    /* A read alone is a transaction by itself. */
    bool has_transaction = is_write || work->outstanding > 1;
    struct progress progress = {.done = 0};
    struct bench_meter meter;
    *out_sample = (struct bench_sample){.commits = 0};
    bench_random_init(&progress.random, work->seed);
    bare->sum = 0;
    bench_meter_begin(&meter);
    while (progress.done < work->count) {
        bare->copies_len = 0;
        if (has_transaction)
            run(bare, is_write ? BEGIN_WRITE : BEGIN_READ);
        for (int i = 0; i < work->outstanding && progress.done < work->count; i++) {
            do_one(bare, work, &progress);
            out_sample->operations++;
        }
        if (has_transaction)
            run(bare, COMMIT);
        out_sample->commits += is_write;
    }
    bench_meter_end(&meter, out_sample);
    out_sample->sum = bare->sum;
}
