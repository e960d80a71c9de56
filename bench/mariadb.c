/*
 * daybook on MariaDB beside a bare libmariadb program: the same statements with their event rows, these events' positions and
 * names of batches, prepared once, as many connections, each a thread, as many operations a transaction. Both have 64 operations under
 * way; both in turns, on one server, in a database each.
 *
 *     bench-mariadb SOCKET [ROUNDS [BUILDS]] [--json]     SOCKET: of a server where root may make and drop databases
 *
 * MariaDB's protocol has no pipeline: each statement is a round trip. What the bare program does for a batch of 32
 * add_build: the transaction's beginning and end, the batch's name, a lock for each of 8 builders, and two inserts for each
 * build, whose id the second needs. A change is two statements as well, a get one within a snapshot
 * (those that wait together daybook answers by one statement). Five times a second,
 * and at the end, one of its connections gives events their positions, as daybook's writers do.
 */
#include "server_ours.h"

#include <mysql.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *socket_path;

static const char *const SQL[] = {
    "INSERT INTO builds (number, builderid, buildrequestid, workerid, masterid, started_at,"
    " locks_duration_s, state_string)"
    " SELECT coalesce((SELECT max(number) FROM builds WHERE builderid = r.id), 0) + 1,"
    " r.id, ?, ?, ?, ?, 0, ? FROM builders r WHERE r.id = ?"
    " AND EXISTS (SELECT 1 FROM buildrequests WHERE id = ?)"
    " AND EXISTS (SELECT 1 FROM masters WHERE id = ?)"
    " AND (? IS NULL OR EXISTS (SELECT 1 FROM workers WHERE id = ?))"
    " RETURNING id, number",
    "SELECT id FROM builders WHERE id = ? FOR UPDATE",
    "INSERT INTO daybook_events (at, kind, verb, builderid, buildid, stepid, name)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)",
    "INSERT INTO daybook_commits (name, at) VALUES (?, ?)",
    "UPDATE builds SET state_string = ? WHERE id = ?",
    "INSERT INTO daybook_events (at, kind, verb, builderid, buildid, stepid, name)"
    " SELECT ?, ?, ?, builderid, id, ?, ? FROM builds WHERE id = ?",
    "SELECT " COLUMNS " FROM builds t WHERE t.id = ?",
    "INSERT INTO steps (number, name, buildid, state_string, urls_json, hidden)"
    " SELECT coalesce((SELECT max(number) FROM steps WHERE buildid = b.id), -1) + 1, ?, b.id,"
    " ?, '[]', 0 FROM builds b WHERE b.id = ?"
    " AND NOT EXISTS (SELECT 1 FROM steps WHERE buildid = ? AND name = ?)"
    " RETURNING id, number",
    "SELECT id FROM builds WHERE id = ? FOR UPDATE",
    "INSERT INTO daybook_events (at, kind, verb, builderid, buildid, stepid, name)"
    " SELECT ?, 'step', ?, b.builderid, s.buildid, s.id, NULL"
    " FROM steps s LEFT JOIN builds b ON b.id = s.buildid WHERE s.id = ?",
    "UPDATE steps SET started_at = ?, locks_acquired_at = ? WHERE id = ?",
    "UPDATE steps SET complete_at = ?, results = ?, hidden = ? WHERE id = ?",
    "SELECT " COLUMNS " FROM builds t WHERE t.builderid = ?"
    " ORDER BY t.number DESC LIMIT ?",
    "SELECT value FROM daybook_marks WHERE name = 'events given' FOR UPDATE",
    "UPDATE daybook_marks m STRAIGHT_JOIN (SELECT id, row_number() OVER (ORDER BY id) AS place"
    " FROM (SELECT id FROM daybook_events WHERE position IS NULL ORDER BY id LIMIT 1000"
    " FOR UPDATE SKIP LOCKED) unplaced) n STRAIGHT_JOIN daybook_events e FORCE INDEX (PRIMARY)"
    " ON e.id = n.id SET e.position = m.value + n.place WHERE m.name = 'events given'",
    "UPDATE daybook_marks SET value = greatest(value,"
    " (SELECT coalesce(max(position), 0) FROM daybook_events)) WHERE name = 'events given'",
};

static const double GIVE_EVERY_S = 0.2;

enum { PARAMS_MAX = 10, CELLS_MAX = 11, TEXT_MAX = 256 };

struct bare {
    MYSQL *mysql;
    MYSQL_STMT *statements[STATEMENT_COUNT];
    pthread_t thread;
    enum what what;
    int from, count, index;
};

/* A parameter: a text, or if that is NULL a number. */
struct param {
    const char *text;
    int64_t number;
};
#define TEXT(value) ((struct param){value, 0})
#define NUMBER(value) ((struct param){NULL, value})

/* Takes every cell of every row. Result: the first row's first number. */
static int64_t take_rows(MYSQL_STMT *stmt)
{
    MYSQL_BIND cells[CELLS_MAX] = {{0}};
    int64_t numbers[CELLS_MAX], first = DBK_NONE;
    char text[TEXT_MAX];
    unsigned long len;
    my_bool nulls[CELLS_MAX];
    int count = (int)mysql_stmt_field_count(stmt);
    if (mysql_stmt_store_result(stmt))
        die("%s", mysql_stmt_error(stmt));
    for (int i = 0; i < count; i++)
        cells[i] = i == 9 ? (MYSQL_BIND){.buffer_type = MYSQL_TYPE_STRING,
                                         .buffer = text,
                                         .buffer_length = sizeof text,
                                         .length = &len,
                                         .is_null = &nulls[i]}
                          : (MYSQL_BIND){.buffer_type = MYSQL_TYPE_LONGLONG,
                                         .buffer = &numbers[i],
                                         .is_null = &nulls[i]};
    if (mysql_stmt_bind_result(stmt, cells))
        die("%s", mysql_stmt_error(stmt));
    for (int row = 0; mysql_stmt_fetch(stmt) == 0; row++)
        first = row ? first : numbers[0];
    mysql_stmt_free_result(stmt);
    return first;
}

static int64_t run_prepared(struct bare *bare, int which, const struct param *params, int count)
{
    MYSQL_STMT *stmt = bare->statements[which];
    MYSQL_BIND binds[PARAMS_MAX] = {{0}};
    int64_t numbers[PARAMS_MAX];
    for (int i = 0; i < count; i++) {
        numbers[i] = params[i].number;
        binds[i].buffer_type = params[i].text           ? MYSQL_TYPE_STRING
                               : numbers[i] == DBK_NONE ? MYSQL_TYPE_NULL
                                                        : MYSQL_TYPE_LONGLONG;
        binds[i].buffer = params[i].text ? (void *)(uintptr_t)params[i].text : &numbers[i];
        binds[i].buffer_length = params[i].text ? (unsigned long)strlen(params[i].text) : 0;
    }
    if (mysql_stmt_bind_param(stmt, binds) || mysql_stmt_execute(stmt))
        die("%s: %s", SQL[which], mysql_stmt_error(stmt));
    return mysql_stmt_field_count(stmt) ? take_rows(stmt) : DBK_NONE;
}
#define RUN_ALONE(bare, which) run_prepared(bare, which, NULL, 0)
#define RUN(bare, which, ...)                                                                      \
    run_prepared(bare, which, (const struct param[]){__VA_ARGS__},                                 \
                 (int)(sizeof((const struct param[]){__VA_ARGS__}) / sizeof(struct param)))

static void run_plain(MYSQL *mysql, const char *sql)
{
    if (mysql_real_query(mysql, sql, strlen(sql)))
        die("%s: %s", sql, mysql_error(mysql));
}

static void begin_named(struct bare *bare)
{
    static _Atomic int named;
    char name[64];
    snprintf(name, sizeof name, "bare%lld-%d", (long long)time(NULL), named++);
    run_plain(bare->mysql, "START TRANSACTION");
    RUN(bare, NAME, TEXT(name), NUMBER(time(NULL)));
}

/* A connection has its builders and builds, as in daybook. */
static int64_t own(const struct bare *bare, int i, int count)
{
    return 1 + i % (count / CONNECTIONS) * CONNECTIONS + bare->index;
}

static void run_adds(struct bare *bare, int from)
{
    begin_named(bare);
    for (int i = 0; i < BATCH; i++) {
        int64_t builderid = own(bare, from + i, BUILDERS);
        if (i < BUILDERS / CONNECTIONS)
            RUN(bare, LOCK_BUILDER, NUMBER(builderid));
        int64_t id =
            RUN(bare, ADD, NUMBER(1), NUMBER(1), NUMBER(1), NUMBER(time(NULL)), TEXT("starting"),
                NUMBER(builderid), NUMBER(1), NUMBER(1), NUMBER(1), NUMBER(1));
        RUN(bare, EVENT, NUMBER(time(NULL)), TEXT("build"), TEXT("new"), NUMBER(builderid),
            NUMBER(id), NUMBER(DBK_NONE), NUMBER(DBK_NONE));
    }
    run_plain(bare->mysql, "COMMIT");
}

static void run_changes(struct bare *bare, int from)
{
    begin_named(bare);
    for (int i = 0; i < BATCH; i++) {
        int64_t buildid = own(bare, (from + i) * 7, BUILDS);
        RUN(bare, STATE, TEXT("compiling"), NUMBER(buildid));
        RUN(bare, EVENT_OF_BUILD, NUMBER(time(NULL)), TEXT("build"), TEXT("updated"),
            NUMBER(DBK_NONE), NUMBER(DBK_NONE), NUMBER(buildid));
    }
    run_plain(bare->mysql, "COMMIT");
}

/* Three transactions, as of callers who start what was added and finish what was started. */
static void run_steps(struct bare *bare, int from)
{
    int64_t ids[BATCH], now = time(NULL);
    char name[32];
    begin_named(bare);
    for (int i = 0; i < BATCH; i++) {
        int64_t buildid = own(bare, from + i, BUILDS);
        snprintf(name, sizeof name, "step %d-%d-%d", run_number, bare->index, from + i);
        RUN(bare, LOCK_BUILD, NUMBER(buildid));
        ids[i] = RUN(bare, ADD_STEP_ROW, TEXT(name), TEXT("starting"), NUMBER(buildid),
                     NUMBER(buildid), TEXT(name));
        RUN(bare, EVENT_OF_STEP, NUMBER(now), TEXT("new"), NUMBER(ids[i]));
    }
    run_plain(bare->mysql, "COMMIT");
    for (int turn = 0; turn < 2; turn++) {
        begin_named(bare);
        for (int i = 0; i < BATCH; i++) {
            if (turn)
                RUN(bare, FINISH, NUMBER(now), NUMBER(0), NUMBER(0), NUMBER(ids[i]));
            else
                RUN(bare, START, NUMBER(now), NUMBER(now), NUMBER(ids[i]));
            RUN(bare, EVENT_OF_STEP, NUMBER(now), TEXT(turn ? "finished" : "started"),
                NUMBER(ids[i]));
        }
        run_plain(bare->mysql, "COMMIT");
    }
}

static void run_reads(struct bare *bare, int from)
{
    run_plain(bare->mysql, "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY");
    for (int i = 0; i < BATCH; i++)
        if (bare->what == GET_BUILD)
            RUN(bare, GET, NUMBER(1 + (from + i) * 7 % BUILDS));
        else
            RUN(bare, GET_PAGE_ROWS, NUMBER(1 + (from + i) % BUILDERS), NUMBER(PAGE));
    run_plain(bare->mysql, "COMMIT");
}

/* Gives positions to all events that are committed and have none, 1,000 in a transaction. */
static void give_positions(struct bare *bare)
{
    enum { STEP = 1000 };
    my_ulonglong given = STEP;
    while (given == STEP) {
        run_plain(bare->mysql, "START TRANSACTION");
        RUN_ALONE(bare, GIVE_LOCK);
        RUN_ALONE(bare, GIVE);
        given = mysql_stmt_affected_rows(bare->statements[GIVE]);
        RUN_ALONE(bare, GIVE_MOVE);
        run_plain(bare->mysql, "COMMIT");
    }
}

static void *run_thread(void *argument)
{
    static void (*const runs[])(struct bare *, int) = {run_adds, run_changes, run_steps, run_reads,
                                                       run_reads};
    struct bare *bare = argument;
    mysql_thread_init();
    run_plain(bare->mysql, bare->what == GET_BUILD || bare->what == GET_PAGE
                               ? "SET tx_isolation = 'REPEATABLE-READ'"
                               : "SET tx_isolation = 'READ-COMMITTED'");
    double given = now_s();
    bool gives = bare->index == 0 && bare->what < GET_BUILD;
    for (int i = 0; i < bare->count; i += BATCH) {
        runs[bare->what](bare, bare->from + i);
        if (gives && (i + BATCH >= bare->count || now_s() - given >= GIVE_EVERY_S)) {
            give_positions(bare);
            given = now_s();
        }
    }
    mysql_thread_end();
    return NULL;
}

static void run_bare(void *user, enum what what, int count)
{
    struct bare *all = user;
    for (int i = 0; i < CONNECTIONS; i++) {
        all[i].what = what;
        all[i].index = i;
        all[i].from = i * count;
        all[i].count = count / CONNECTIONS;
        if (pthread_create(&all[i].thread, NULL, run_thread, &all[i]))
            die("no thread");
    }
    for (int i = 0; i < CONNECTIONS; i++)
        pthread_join(all[i].thread, NULL);
}

/* ----------------------------------------------------------------------------------- ground ---- */

static MYSQL *log_in(const char *database)
{
    MYSQL *mysql = mysql_init(NULL);
    mysql_options(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    if (!mysql_real_connect(mysql, "localhost", "root", NULL, database, 0, socket_path, 0))
        die("%s", mysql_error(mysql));
    run_plain(mysql, "SET NAMES utf8mb4 COLLATE utf8mb4_nopad_bin");
    return mysql;
}

static void connect_bare(struct bare *bare)
{
    bare->mysql = log_in("daybook_bench_bare");
    for (int i = 0; i < STATEMENT_COUNT; i++) {
        bare->statements[i] = mysql_stmt_init(bare->mysql);
        if (mysql_stmt_prepare(bare->statements[i], SQL[i], strlen(SQL[i])))
            die("%s: %s", SQL[i], mysql_stmt_error(bare->statements[i]));
    }
}

/* A database with the tables and what builds hang on. */
static struct dbk_store *make_database(const char *name, int builds)
{
    static const char *const parents[] = {
        "INSERT INTO masters (name, name_hash, active, last_active) VALUES ('m', 'm', 0, 0)",
        "INSERT INTO workers (name, info) VALUES ('w', '{}')",
        "INSERT INTO builders (name, name_hash) SELECT i.seq, i.seq FROM seq_1_to_16 i",
        "INSERT INTO buildsets (submitted_at) VALUES (0)",
        "INSERT INTO buildrequests (buildsetid, builderid, submitted_at) VALUES (1, 1, 0)",
        "INSERT INTO daybook_marks (name, value) VALUES ('events given', 0)"};
    char sql[512], url[512];
    struct dbk_options options = DBK_OPTIONS_INIT;
    struct dbk_store *store;
    struct dbk_error error;
    MYSQL *mysql = log_in(NULL);
    snprintf(sql, sizeof sql, "CREATE OR REPLACE DATABASE %s", name);
    run_plain(mysql, sql);
    mysql_close(mysql);
    snprintf(url, sizeof url, "mariadb://root@/%s?unix_socket=%s", name, socket_path);
    options.is_created = true;
    if (dbk_open(url, &options, &store, &error))
        die("%s", error.message);
    mysql = log_in(name);
    for (size_t i = 0; i < sizeof parents / sizeof parents[0]; i++)
        run_plain(mysql, parents[i]);
    snprintf(sql, sizeof sql,
             "INSERT INTO builds (number, builderid, buildrequestid, workerid, masterid,"
             " started_at, locks_duration_s, state_string) SELECT seq DIV %d + 1, 1 + seq %% %d, 1,"
             " 1, 1, 0, 0, 'x' FROM seq_0_to_%d",
             BUILDERS, BUILDERS, builds - 1);
    run_plain(mysql, sql);
    run_plain(mysql, "ANALYZE TABLE builds");
    mysql_free_result(mysql_store_result(mysql));
    mysql_close(mysql);
    return store;
}

int main(int argc, char **argv)
{
    struct bare bare[CONNECTIONS];
    server_take_json(&argc, argv);
    int rounds = argc > 2 ? atoi(argv[2]) : 7, builds = argc > 3 ? atoi(argv[3]) : 1000000;
    if (argc < 2 || builds < BUILDS)
        die("usage: bench-mariadb SOCKET [ROUNDS [BUILDS]] [--json]");
    socket_path = argv[1];
    struct dbk_store *store = make_database("daybook_bench_ours", builds);
    dbk_close_wait(make_database("daybook_bench_bare", builds));
    for (int i = 0; i < CONNECTIONS; i++)
        connect_bare(&bare[i]);
    server_measure(store, run_bare, bare, 1, rounds);
    for (int i = 0; i < CONNECTIONS; i++)
        mysql_close(bare[i].mysql);
    dbk_close_wait(store);
    run_plain(bare[0].mysql = log_in(NULL), "DROP DATABASE daybook_bench_ours");
    run_plain(bare[0].mysql, "DROP DATABASE daybook_bench_bare");
    mysql_close(bare[0].mysql);
    return 0;
}
