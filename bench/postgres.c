/*
 * daybook on PostgreSQL beside a bare libpq program: the same statements with their event rows, names of batches
 * and positions of events, prepared once, as many connections, each a thread, the same pipelines. Both have 64
 * operations under way; both in turns, on one server, in a schema each.
 *
 *     bench-postgres URL [ROUNDS [BUILDS]] [--json]      URL: of an empty database that may be filled
 *
 * What the bare program does for a batch of 32 add_build: one round trip with BEGIN, the batch's name, the
 * builders' locks and the inserts, whose ids it needs; one with the events; one with COMMIT, which it may only
 * send once it knows that nothing failed. A change has its event in the first, a get needs one round trip alone.
 * Gets that wait together daybook answers by one statement, the bare program by one each.
 * Steps are three such batches, of callers who start what was added and finish what was started.
 *
 * Five times a second, and at the end, one of its connections gives events their positions, as daybook's writers do.
 * Less would not do: who follows events would miss those of a transaction that has lower ids and commits later.
 */
#include "server_ours.h"

#include <endian.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ------------------------------------------------------------------------------------- bare ---- */

enum { PARAMS_MAX = 10 };

/* The types of the parameters: n: a number, t: a text. */
static const struct {
    const char *types, *sql;
} SQL[] = {
    {"nnnntnnnnn",
     "INSERT INTO builds (number, builderid, buildrequestid, workerid, masterid, started_at,"
     " locks_duration_s, state_string)"
     " SELECT coalesce((SELECT max(number) FROM builds WHERE builderid = r.id), 0) + 1,"
     " r.id, $1, $2, $3, $4, 0, $5 FROM builders r WHERE r.id = $6"
     " AND EXISTS (SELECT 1 FROM buildrequests WHERE id = $7)"
     " AND EXISTS (SELECT 1 FROM masters WHERE id = $8)"
     " AND ($9::bigint IS NULL OR EXISTS (SELECT 1 FROM workers WHERE id = $10))"
     " RETURNING id, number"},
    {"n", "SELECT id FROM builders WHERE id = $1 FOR NO KEY UPDATE"},
    {"nttnnnt", "INSERT INTO daybook_events (at, kind, verb, builderid, buildid, stepid, name)"
                " VALUES ($1, $2, $3, $4, $5, $6, $7)"},
    {"tn", "INSERT INTO daybook_commits (name, at) VALUES ($1, $2)"},
    {"tn", "UPDATE builds SET state_string = $1 WHERE id = $2"},
    {"nttntn", "INSERT INTO daybook_events (at, kind, verb, builderid, buildid, stepid, name)"
               " SELECT $1, $2, $3, builderid, id, $4, $5 FROM builds WHERE id = $6"},
    {"n", "SELECT " COLUMNS " FROM builds t WHERE t.id = $1"},
    {"ttnnt", "INSERT INTO steps (number, name, buildid, state_string, urls_json, hidden)"
              " SELECT coalesce((SELECT max(number) FROM steps WHERE buildid = b.id), -1) + 1, $1,"
              " b.id, $2, '[]', 0 FROM builds b WHERE b.id = $3"
              " AND NOT EXISTS (SELECT 1 FROM steps WHERE buildid = $4 AND name = $5)"
              " RETURNING id, number"},
    {"n", "SELECT id FROM builds WHERE id = $1 FOR NO KEY UPDATE"},
    {"ntn", "INSERT INTO daybook_events (at, kind, verb, builderid, buildid, stepid, name)"
            " SELECT $1, 'step', $2, b.builderid, s.buildid, s.id, NULL"
            " FROM steps s LEFT JOIN builds b ON b.id = s.buildid WHERE s.id = $3"},
    {"nnn", "UPDATE steps SET started_at = $1, locks_acquired_at = $2 WHERE id = $3"},
    {"nnnn", "UPDATE steps SET complete_at = $1, results = $2, hidden = $3 WHERE id = $4"},
    {"nn", "SELECT " COLUMNS " FROM builds t WHERE t.builderid = $1"
           " ORDER BY t.number DESC LIMIT $2"},
    {"", "SELECT value FROM daybook_marks WHERE name = 'events given' FOR UPDATE"},
    {"", "UPDATE daybook_events SET position = m.value + n.place FROM daybook_marks m,"
         " (SELECT id, row_number() OVER (ORDER BY id) AS place FROM daybook_events"
         " WHERE position IS NULL ORDER BY id LIMIT 1000) n"
         " WHERE m.name = 'events given' AND n.id = daybook_events.id"},
    {"", "UPDATE daybook_marks SET value = greatest(value,"
         " (SELECT coalesce(max(position), 0) FROM daybook_events)) WHERE name = 'events given'"},
};

static const double GIVE_EVERY_S = 0.2;

struct bare {
    PGconn *pg;
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

static const char *prepared_name(int which, char name[16])
{
    snprintf(name, 16, "bare%d", which);
    return name;
}

static void send_prepared(struct bare *bare, enum statement which, const struct param *params)
{
    const char *values[PARAMS_MAX];
    uint64_t numbers[PARAMS_MAX];
    int lengths[PARAMS_MAX], formats[PARAMS_MAX], count = (int)strlen(SQL[which].types);
    char name[16];
    for (int i = 0; i < count; i++) {
        bool is_none = !params[i].text && params[i].number == DBK_NONE;
        numbers[i] = htobe64((uint64_t)params[i].number);
        values[i] = is_none ? NULL : params[i].text ? params[i].text : (const char *)&numbers[i];
        lengths[i] = params[i].text ? (int)strlen(params[i].text) : 8;
        formats[i] = 1;
    }
    if (!PQsendQueryPrepared(bare->pg, prepared_name(which, name), count, values, lengths, formats,
                             1))
        die("%s", PQerrorMessage(bare->pg));
}
#define SEND(bare, which, ...) send_prepared(bare, which, (const struct param[]){__VA_ARGS__})
#define SEND_ALONE(bare, which) send_prepared(bare, which, NULL)

static void send_plain(struct bare *bare, const char *sql)
{
    if (!PQsendQueryParams(bare->pg, sql, 0, NULL, NULL, NULL, NULL, 1))
        die("%s", PQerrorMessage(bare->pg));
}

static int64_t number_of(PGresult *result, int row, int column)
{
    uint64_t number;
    memcpy(&number, PQgetvalue(result, row, column), sizeof number);
    return (int64_t)be64toh(number);
}

/* Reads every cell of an answer; of one with an id and a number, the id goes to ids. Result: how many did. */
static int take_rows(PGresult *result, int64_t *ids)
{
    enum { INT8 = 20 };
    volatile int64_t sum = 0; /* cells are read, not only fetched */
    for (int row = 0; row < PQntuples(result); row++)
        for (int i = 0; i < PQnfields(result); i++)
            if (!PQgetisnull(result, row, i))
                sum += PQftype(result, i) == INT8 ? number_of(result, row, i)
                                                  : PQgetlength(result, row, i);
    (void)sum;
    if (!ids || PQnfields(result) != 2 || !PQntuples(result))
        return 0;
    *ids = number_of(result, 0, 0);
    return 1;
}

/* Takes all answers up to the pipeline's end. Result: how many rows the last UPDATE changed. */
static int take_all(struct bare *bare, int64_t *ids)
{
    int changed = 0;
    if (!PQpipelineSync(bare->pg))
        die("%s", PQerrorMessage(bare->pg));
    for (bool is_over = false; !is_over;) {
        PGresult *result = PQgetResult(bare->pg);
        if (!result)
            continue;
        switch (PQresultStatus(result)) {
        case PGRES_PIPELINE_SYNC:
            is_over = true;
            break;
        case PGRES_TUPLES_OK:
            ids += take_rows(result, ids);
            break;
        case PGRES_COMMAND_OK:
            if (!strncmp(PQcmdStatus(result), "UPDATE", 6) && !changed)
                changed = atoi(PQcmdTuples(result));
            break;
        default:
            die("%s", PQresultErrorMessage(result));
        }
        PQclear(result);
    }
    return changed;
}

static void commit(struct bare *bare)
{
    send_plain(bare, "COMMIT");
    take_all(bare, NULL);
}

static void begin_named(struct bare *bare)
{
    static _Atomic int named;
    char name[64];
    snprintf(name, sizeof name, "bare%d-%d", (int)time(NULL), named++);
    send_plain(bare, "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE");
    SEND(bare, NAME, TEXT(name), NUMBER(time(NULL)));
}

/* A connection has its builders and builds, as in daybook. */
static int64_t own(const struct bare *bare, int i, int count)
{
    return 1 + i % (count / CONNECTIONS) * CONNECTIONS + bare->index;
}

static void run_adds(struct bare *bare, int from)
{
    int64_t ids[BATCH];
    begin_named(bare);
    for (int i = 0; i < BATCH; i++) {
        int64_t builderid = own(bare, from + i, BUILDERS);
        if (i < BUILDERS / CONNECTIONS)
            SEND(bare, LOCK_BUILDER, NUMBER(builderid));
        SEND(bare, ADD, NUMBER(1), NUMBER(1), NUMBER(1), NUMBER(time(NULL)), TEXT("starting"),
             NUMBER(builderid), NUMBER(1), NUMBER(1), NUMBER(1), NUMBER(1));
    }
    take_all(bare, ids);
    for (int i = 0; i < BATCH; i++)
        SEND(bare, EVENT, NUMBER(time(NULL)), TEXT("build"), TEXT("new"),
             NUMBER(own(bare, from + i, BUILDERS)), NUMBER(ids[i]), NUMBER(DBK_NONE),
             NUMBER(DBK_NONE));
    take_all(bare, NULL);
    commit(bare);
}

static void run_changes(struct bare *bare, int from)
{
    begin_named(bare);
    for (int i = 0; i < BATCH; i++) {
        int64_t buildid = own(bare, (from + i) * 7, BUILDS);
        SEND(bare, STATE, TEXT("compiling"), NUMBER(buildid));
        SEND(bare, EVENT_OF_BUILD, NUMBER(time(NULL)), TEXT("build"), TEXT("updated"),
             NUMBER(DBK_NONE), NUMBER(DBK_NONE), NUMBER(buildid));
    }
    take_all(bare, NULL);
    commit(bare);
}

static void run_steps(struct bare *bare, int from)
{
    int64_t ids[BATCH], now = time(NULL);
    char name[32];
    begin_named(bare);
    for (int i = 0; i < BATCH; i++) {
        int64_t buildid = own(bare, from + i, BUILDS);
        snprintf(name, sizeof name, "step %d-%d-%d", run_number, bare->index, from + i);
        SEND(bare, LOCK_BUILD, NUMBER(buildid));
        SEND(bare, ADD_STEP_ROW, TEXT(name), TEXT("starting"), NUMBER(buildid), NUMBER(buildid),
             TEXT(name));
    }
    take_all(bare, ids);
    for (int i = 0; i < BATCH; i++)
        SEND(bare, EVENT_OF_STEP, NUMBER(now), TEXT("new"), NUMBER(ids[i]));
    take_all(bare, NULL);
    commit(bare);
    for (int turn = 0; turn < 2; turn++) {
        begin_named(bare);
        for (int i = 0; i < BATCH; i++) {
            if (turn)
                SEND(bare, FINISH, NUMBER(now), NUMBER(0), NUMBER(0), NUMBER(ids[i]));
            else
                SEND(bare, START, NUMBER(now), NUMBER(now), NUMBER(ids[i]));
            SEND(bare, EVENT_OF_STEP, NUMBER(now), TEXT(turn ? "finished" : "started"),
                 NUMBER(ids[i]));
        }
        take_all(bare, NULL);
        commit(bare);
    }
}

static void run_reads(struct bare *bare, int from)
{
    send_plain(bare, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    for (int i = 0; i < BATCH; i++)
        if (bare->what == GET_BUILD)
            SEND(bare, GET, NUMBER(1 + (from + i) * 7 % BUILDS));
        else
            SEND(bare, GET_PAGE_ROWS, NUMBER(1 + (from + i) % BUILDERS), NUMBER(PAGE));
    send_plain(bare, "COMMIT");
    take_all(bare, NULL);
}

/* Gives positions to all events that are committed and have none, 1,000 in a transaction. */
static void give_positions(struct bare *bare)
{
    enum { STEP = 1000 };
    int given = STEP;
    while (given == STEP) {
        send_plain(bare, "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE");
        SEND_ALONE(bare, GIVE_LOCK);
        SEND_ALONE(bare, GIVE);
        SEND_ALONE(bare, GIVE_MOVE);
        given = take_all(bare, NULL);
        commit(bare);
    }
}

static void *run_thread(void *argument)
{
    static void (*const runs[])(struct bare *, int) = {run_adds, run_changes, run_steps, run_reads,
                                                       run_reads};
    struct bare *bare = argument;
    double given = now_s();
    bool gives = bare->index == 0 && bare->what < GET_BUILD;
    for (int i = 0; i < bare->count; i += BATCH) {
        runs[bare->what](bare, bare->from + i);
        if (gives && (i + BATCH >= bare->count || now_s() - given >= GIVE_EVERY_S)) {
            give_positions(bare);
            given = now_s();
        }
    }
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

static void must_run(PGconn *pg, const char *sql)
{
    PGresult *result = PQexec(pg, sql);
    if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
        die("%s: %s", sql, PQerrorMessage(pg));
    PQclear(result);
}

static PGconn *log_in(const char *url)
{
    PGconn *pg = PQconnectdb(url);
    if (PQstatus(pg) != CONNECTION_OK)
        die("%s", PQerrorMessage(pg));
    must_run(pg, "SET client_min_messages = error");
    return pg;
}

static PGconn *connect_bare(const char *url)
{
    enum { INT8 = 20, TEXT_TYPE = 25 };
    PGconn *pg = log_in(url);
    must_run(pg, "SET search_path = bare");
    must_run(pg, "SET jit = off");
    for (int i = 0; i < STATEMENT_COUNT; i++) {
        Oid types[PARAMS_MAX];
        char name[16];
        int count = (int)strlen(SQL[i].types);
        for (int j = 0; j < count; j++)
            types[j] = SQL[i].types[j] == 'n' ? INT8 : TEXT_TYPE;
        PGresult *result = PQprepare(pg, prepared_name(i, name), SQL[i].sql, count, types);
        if (PQresultStatus(result) != PGRES_COMMAND_OK)
            die("%s", PQerrorMessage(pg));
        PQclear(result);
    }
    if (!PQenterPipelineMode(pg))
        die("%s", PQerrorMessage(pg));
    return pg;
}

/* A schema with the tables and what builds hang on. */
static struct dbk_store *make_schema(const char *url, const char *schema, int builds)
{
    char sql[1024], place[1024];
    struct dbk_options options = DBK_OPTIONS_INIT;
    struct dbk_store *store;
    struct dbk_error error;
    PGconn *pg = log_in(url);
    snprintf(sql, sizeof sql, "DROP SCHEMA IF EXISTS %s CASCADE; CREATE SCHEMA %s", schema, schema);
    must_run(pg, sql);
    snprintf(place, sizeof place, "%s%coptions=-csearch_path%%3D%s", url,
             strchr(url, '?') ? '&' : '?', schema);
    options.is_created = true;
    if (dbk_open(place, &options, &store, &error))
        die("%s", error.message);
    snprintf(
        sql, sizeof sql,
        "SET search_path = %s; INSERT INTO masters (name, name_hash, active, last_active) VALUES"
        " ('m', 'm', 0, 0); INSERT INTO workers (name, info) VALUES ('w', '{}');"
        "INSERT INTO builders (name, name_hash) SELECT 'b' || i, 'b' || i FROM"
        " generate_series(1, %d) i; INSERT INTO buildsets (submitted_at) VALUES (0);"
        "INSERT INTO buildrequests (buildsetid, builderid, submitted_at) VALUES (1, 1, 0);"
        "INSERT INTO daybook_marks (name, value) VALUES ('events given', 0);"
        "INSERT INTO builds (number, builderid, buildrequestid, workerid, masterid,"
        " started_at, locks_duration_s, state_string) SELECT i / %d + 1, 1 + i %% %d, 1, 1, 1,"
        " 0, 0, 'x' FROM generate_series(0, %d) i",
        schema, BUILDERS, BUILDERS, BUILDERS, builds - 1);
    must_run(pg, sql);
    must_run(pg, "VACUUM ANALYZE");
    PQfinish(pg);
    return store;
}

int main(int argc, char **argv)
{
    enum { QUICKER = 3 }; /* than a server without a pipeline */
    struct bare bare[CONNECTIONS];
    server_take_json(&argc, argv);
    int rounds = argc > 2 ? atoi(argv[2]) : 7, builds = argc > 3 ? atoi(argv[3]) : 1000000;
    if (argc < 2 || builds < BUILDS)
        die("usage: bench-postgres URL [ROUNDS [BUILDS]] [--json]");
    struct dbk_store *store = make_schema(argv[1], "ours", builds);
    dbk_close_wait(make_schema(argv[1], "bare", builds));
    for (int i = 0; i < CONNECTIONS; i++)
        bare[i].pg = connect_bare(argv[1]);
    server_measure(store, run_bare, bare, QUICKER, rounds);
    for (int i = 0; i < CONNECTIONS; i++)
        PQfinish(bare[i].pg);
    dbk_close_wait(store);
    PGconn *pg = log_in(argv[1]);
    must_run(pg, "DROP SCHEMA ours CASCADE; DROP SCHEMA bare CASCADE");
    PQfinish(pg);
    return 0;
}
