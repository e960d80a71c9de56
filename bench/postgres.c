/*
 * daybook on PostgreSQL beside a bare libpq program: the same statements with their event rows and names of
 * batches, prepared once, as many connections, each a thread, the same pipelines. Both have 64 operations under
 * way; both in turns, on one server, in a schema each.
 *
 *     bench-postgres URL [ROUNDS]      URL: of an empty database that may be filled
 *
 * What the bare program does for a batch of 32 add_build: one round trip with BEGIN, the batch's name, the
 * builders' locks and the inserts, whose ids it needs; one with the events; one with COMMIT, which it may only
 * send once it knows that nothing failed. A change has its event in the first, a get needs one round trip alone.
 */
#include "daybook.h"

#include <endian.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { OUTSTANDING = 64, CONNECTIONS = 2, BATCH = OUTSTANDING / CONNECTIONS };
enum { BUILDERS = 16, BUILDS = 2000, OPS = 20000, ROUNDS_MAX = 25 };
enum what { ADD_BUILD, SET_STATE, GET_BUILD, WHAT_COUNT };

static const char *const NAMES[] = {"add_build", "set_build_state_string", "get_build"};

static _Noreturn void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---------------------------------------------------------------------------------- daybook ---- */

static struct {
    struct dbk_store *store;
    enum what what;
    int left, outstanding;
    int64_t ids[4];
} load;

static void next(void);

static void check(const struct dbk_error *error)
{
    if (error)
        die("%s", error->message);
    load.outstanding--;
    next();
}

static void on_done(void *user, const struct dbk_error *error)
{
    (void)user;
    check(error);
}

static void on_build(void *user, const struct dbk_error *error, const struct dbk_build *build)
{
    (void)user;
    if (!error && !build)
        die("a build is missing");
    check(error);
}

static void on_added(void *user, const struct dbk_error *error, int64_t id, int64_t number)
{
    (void)user;
    (void)id;
    (void)number;
    check(error);
}

static void next(void)
{
    int status = DBK_OK;
    if (!load.left)
        return;
    int i = load.left--;
    load.outstanding++;
    switch (load.what) {
    case ADD_BUILD:
        status =
            dbk_add_build(load.store, 1 + i % BUILDERS, 1, 1, 1, "starting", NULL, on_added, NULL);
        break;
    case SET_STATE:
        status = dbk_set_build_state_string(load.store, 1 + (i * 7) % BUILDS, "compiling", NULL,
                                            on_done, NULL);
        break;
    default:
        status = dbk_get_build(load.store, 1 + (i * 7) % BUILDS, NULL, on_build, NULL);
    }
    if (status)
        die("not submitted: %s", dbk_status_text((enum dbk_status)status));
}

static double run_daybook(enum what what, int count)
{
    double began = now_s();
    load.what = what;
    load.left = count;
    for (int i = 0; i < OUTSTANDING; i++)
        next();
    while (load.outstanding)
        dbk_wait(load.store, 1000);
    return count / (now_s() - began);
}

/* ------------------------------------------------------------------------------------- bare ---- */

static const char *const SQL[][2] = {
    {"add", "INSERT INTO builds (number, builderid, buildrequestid, workerid, masterid, started_at,"
            " locks_duration_s, state_string)"
            " SELECT coalesce((SELECT max(number) FROM builds WHERE builderid = r.id), 0) + 1,"
            " r.id, $1, $2, $3, $4, 0, $5 FROM builders r WHERE r.id = $6"
            " AND EXISTS (SELECT 1 FROM buildrequests WHERE id = $7)"
            " AND EXISTS (SELECT 1 FROM masters WHERE id = $8)"
            " AND ($9::bigint IS NULL OR EXISTS (SELECT 1 FROM workers WHERE id = $10))"
            " RETURNING id, number"},
    {"lock", "SELECT id FROM builders WHERE id = $1 FOR NO KEY UPDATE"},
    {"event", "INSERT INTO daybook_events (at, kind, verb, builderid, buildid, stepid, name)"
              " VALUES ($1, $2, $3, $4, $5, $6, $7)"},
    {"name", "INSERT INTO daybook_commits (name, at) VALUES ($1, $2)"},
    {"state", "UPDATE builds SET state_string = $1 WHERE id = $2"},
    {"event_of", "INSERT INTO daybook_events (at, kind, verb, builderid, buildid, stepid, name)"
                 " SELECT $1, $2, $3, builderid, id, $4, $5 FROM builds WHERE id = $6"},
    {"get", "SELECT t.id, t.number, t.builderid, t.buildrequestid, t.workerid, t.masterid,"
            " t.started_at, t.complete_at, t.locks_duration_s, t.state_string, t.results"
            " FROM builds t WHERE t.id = $1"},
};

enum { PARAMS_MAX = 10 };

/* A parameter: a text, or if that is NULL a number. */
struct param {
    const char *text;
    int64_t number;
};
#define TEXT(value) ((struct param){value, 0})
#define NUMBER(value) ((struct param){NULL, value})

static void send_prepared(PGconn *pg, const char *name, const struct param *params, int count)
{
    const char *values[PARAMS_MAX];
    uint64_t numbers[PARAMS_MAX];
    int lengths[PARAMS_MAX], formats[PARAMS_MAX];
    for (int i = 0; i < count; i++) {
        bool is_none = !params[i].text && params[i].number == DBK_NONE;
        numbers[i] = htobe64((uint64_t)params[i].number);
        values[i] = is_none ? NULL : params[i].text ? params[i].text : (const char *)&numbers[i];
        lengths[i] = params[i].text ? (int)strlen(params[i].text) : 8;
        formats[i] = 1;
    }
    if (!PQsendQueryPrepared(pg, name, count, values, lengths, formats, 1))
        die("%s", PQerrorMessage(pg));
}
#define SEND(pg, name, ...)                                                                        \
    send_prepared(pg, name, (const struct param[]){__VA_ARGS__},                                   \
                  (int)(sizeof((const struct param[]){__VA_ARGS__}) / sizeof(struct param)))

static void send_plain(PGconn *pg, const char *sql)
{
    if (!PQsendQueryParams(pg, sql, 0, NULL, NULL, NULL, NULL, 1))
        die("%s", PQerrorMessage(pg));
}

/* Takes all answers up to the pipeline's end; the first columns of those with two go to ids. */
static void take_all(PGconn *pg, int64_t *ids)
{
    int count = 0;
    if (!PQpipelineSync(pg))
        die("%s", PQerrorMessage(pg));
    for (bool is_over = false; !is_over;) {
        PGresult *result = PQgetResult(pg);
        if (!result)
            continue;
        switch (PQresultStatus(result)) {
        case PGRES_PIPELINE_SYNC:
            is_over = true;
            break;
        case PGRES_TUPLES_OK:
            for (int i = 0; i < PQnfields(result) && PQntuples(result);
                 i++) /* every column is read */
                if (PQftype(result, i) == 20 && PQnfields(result) == 2 && i == 0) {
                    uint64_t id;
                    memcpy(&id, PQgetvalue(result, 0, i), sizeof id);
                    ids[count++] = (int64_t)be64toh(id);
                }
            break;
        case PGRES_COMMAND_OK:
            break;
        default:
            die("%s", PQresultErrorMessage(result));
        }
        PQclear(result);
    }
}

struct bare {
    PGconn *pg;
    pthread_t thread;
    enum what what;
    int from, count, index;
};

static void run_adds(struct bare *bare, int from)
{
    static _Atomic int named;
    char name[64];
    int64_t ids[BATCH];
    PGconn *pg = bare->pg;
    snprintf(name, sizeof name, "bare%d-%d", (int)time(NULL), named++);
    send_plain(pg, "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE");
    SEND(pg, "name", TEXT(name), NUMBER(time(NULL)));
    for (int i = 0; i < BATCH; i++) {
        /* A connection has its builders, as in daybook. */
        int64_t builderid = 1 + (from + i) % (BUILDERS / CONNECTIONS) * CONNECTIONS + bare->index;
        if (i < BUILDERS / CONNECTIONS)
            SEND(pg, "lock", NUMBER(builderid));
        SEND(pg, "add", NUMBER(1), NUMBER(1), NUMBER(1), NUMBER(time(NULL)), TEXT("starting"),
             NUMBER(builderid), NUMBER(1), NUMBER(1), NUMBER(1), NUMBER(1));
    }
    take_all(pg, ids);
    for (int i = 0; i < BATCH; i++)
        SEND(pg, "event", NUMBER(time(NULL)), TEXT("build"), TEXT("new"), NUMBER(1), NUMBER(ids[i]),
             NUMBER(DBK_NONE), NUMBER(DBK_NONE));
    take_all(pg, ids);
    send_plain(pg, "COMMIT");
    take_all(pg, ids);
}

static void run_changes(struct bare *bare, int from)
{
    static _Atomic int named;
    char name[64];
    PGconn *pg = bare->pg;
    snprintf(name, sizeof name, "barec%d-%d", (int)time(NULL), named++);
    send_plain(pg, "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE");
    SEND(pg, "name", TEXT(name), NUMBER(time(NULL)));
    for (int i = 0; i < BATCH; i++) {
        int64_t buildid = 1 + ((from + i) * 7 * CONNECTIONS + bare->index) % BUILDS;
        SEND(pg, "state", TEXT("compiling"), NUMBER(buildid));
        SEND(pg, "event_of", NUMBER(time(NULL)), TEXT("build"), TEXT("updated"), NUMBER(DBK_NONE),
             NUMBER(DBK_NONE), NUMBER(buildid));
    }
    take_all(pg, NULL);
    send_plain(pg, "COMMIT");
    take_all(pg, NULL);
}

static void run_gets(struct bare *bare, int from)
{
    send_plain(bare->pg, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    for (int i = 0; i < BATCH; i++)
        SEND(bare->pg, "get", NUMBER(1 + (from + i) * 7 % BUILDS));
    send_plain(bare->pg, "COMMIT");
    take_all(bare->pg, NULL);
}

static void *run_thread(void *argument)
{
    static void (*const runs[])(struct bare *, int) = {run_adds, run_changes, run_gets};
    struct bare *bare = argument;
    for (int i = 0; i < bare->count; i += BATCH)
        runs[bare->what](bare, bare->from + i);
    return NULL;
}

static double run_bare(struct bare *all, enum what what, int count)
{
    double began = now_s();
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
    return count / (now_s() - began);
}

/* ----------------------------------------------------------------------------------- ground ---- */

static PGconn *connect_bare(const char *url)
{
    static const Oid types[][PARAMS_MAX] = {{20, 20, 20, 20, 25, 20, 20, 20, 20, 20},
                                            {20},
                                            {20, 25, 25, 20, 20, 20, 25},
                                            {25, 20},
                                            {25, 20},
                                            {20, 25, 25, 20, 25, 20},
                                            {20}};
    static const int counts[] = {10, 1, 7, 2, 2, 6, 1};
    PGconn *pg = PQconnectdb(url);
    if (PQstatus(pg) != CONNECTION_OK)
        die("%s", PQerrorMessage(pg));
    PQclear(PQexec(pg, "SET search_path = bare"));
    for (size_t i = 0; i < sizeof SQL / sizeof SQL[0]; i++) {
        PGresult *result = PQprepare(pg, SQL[i][0], SQL[i][1], counts[i], types[i]);
        if (PQresultStatus(result) != PGRES_COMMAND_OK)
            die("%s", PQerrorMessage(pg));
        PQclear(result);
    }
    if (!PQenterPipelineMode(pg))
        die("%s", PQerrorMessage(pg));
    return pg;
}

/* A schema with the tables and what builds hang on. */
static void make_schema(const char *url, const char *schema)
{
    char sql[1024], place[1024];
    struct dbk_options options = DBK_OPTIONS_INIT;
    struct dbk_store *store;
    struct dbk_error error;
    PGconn *pg = PQconnectdb(url);
    snprintf(sql, sizeof sql, "DROP SCHEMA IF EXISTS %s CASCADE; CREATE SCHEMA %s", schema, schema);
    if (PQstatus(pg) != CONNECTION_OK)
        die("%s", PQerrorMessage(pg));
    PQclear(PQexec(pg, "SET client_min_messages = error"));
    PQclear(PQexec(pg, sql));
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
        "INSERT INTO builds (number, builderid, buildrequestid, workerid, masterid,"
        " started_at, locks_duration_s, state_string) SELECT i / %d + 1, 1 + i %% %d, 1, 1, 1,"
        " 0, 0, 'x' FROM generate_series(0, %d) i; ANALYZE",
        schema, BUILDERS, BUILDERS, BUILDERS, BUILDS - 1);
    PGresult *result = PQexec(pg, sql);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        die("%s", PQerrorMessage(pg));
    PQclear(result);
    PQfinish(pg);
    if (!strcmp(schema, "ours"))
        load.store = store;
    else
        dbk_close_wait(store);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    struct bare bare[CONNECTIONS];
    int rounds = argc > 2 ? atoi(argv[2]) : 7;
    if (argc < 2 || rounds < 1 || rounds > ROUNDS_MAX)
        die("usage: bench-postgres URL [ROUNDS]");
    make_schema(argv[1], "ours");
    make_schema(argv[1], "bare");
    for (int i = 0; i < CONNECTIONS; i++)
        bare[i].pg = connect_bare(argv[1]);
    for (int what = 0; what < WHAT_COUNT; what++) {
        double ours[ROUNDS_MAX], theirs[ROUNDS_MAX], ratios[ROUNDS_MAX];
        for (int i = 0; i < rounds; i++) {
            theirs[i] = run_bare(bare, (enum what)what, OPS);
            ours[i] = run_daybook((enum what)what, OPS);
            ratios[i] = ours[i] / theirs[i];
        }
        qsort(ours, (size_t)rounds, sizeof *ours, compare);
        qsort(theirs, (size_t)rounds, sizeof *theirs, compare);
        qsort(ratios, (size_t)rounds, sizeof *ratios, compare);
        printf("%-24s daybook %7.0f/s  bare %7.0f/s  ratio %.2f (%.2f to %.2f)\n", NAMES[what],
               ours[rounds / 2], theirs[rounds / 2], ratios[rounds / 2], ratios[0],
               ratios[rounds - 1]);
    }
    struct dbk_stats stats;
    dbk_get_stats(load.store, &stats, sizeof stats);
    printf("daybook: %.1f writes a transaction, %lld begun again\n",
           (double)stats.write_count / (double)stats.commit_count, (long long)stats.retry_count);
    for (int i = 0; i < CONNECTIONS; i++)
        PQfinish(bare[i].pg);
    return dbk_close_wait(load.store);
}
