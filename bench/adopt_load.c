/*
 * The clock and the connections; see adopt_load.h. Whichever connection is free takes the next insert and waits until it
 * is due, so that one that is held up holds up no other until all of them are.
 */
#include "adopt_load.h"

#include <libpq-fe.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef DAYBOOK_HAS_MARIADB
#include <mysql.h>

#include "mariadb.h"
#endif

enum { INSERTS_MAX = 8 * 1000 * 1000, KINDS = 3, DEADLOCK = 1213 };

struct worker {
    pthread_t thread;
    void *connection;
    int builderid;
    int64_t buildid; /* that it made last */
    int64_t step_number;
    bool is_ended; /* by the server: what follows in the transaction is left out */
};

static struct {
    const struct load_dialect *dialect;
    double rate, began;
    atomic_llong next, ended_count;
    atomic_bool is_over;
    float *took_s; /* of each insert */
    struct worker workers[LOAD_CONNECTIONS];
} load;

void load_die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(2);
}

double load_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void wait_until(double at)
{
    struct timespec until = {.tv_sec = (time_t)at};
    until.tv_nsec = (long)((at - (double)until.tv_sec) * 1e9);
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL))
        continue;
}

void load_wait(int seconds)
{
    wait_until(load_now() + seconds);
}

/* --------------------------------------------------------------------------------- connections ---- */

void *load_postgres_connect(const char *url)
{
    PGconn *pg = PQconnectdb(url);
    if (PQstatus(pg) != CONNECTION_OK)
        load_die("%s", PQerrorMessage(pg));
    return pg;
}

int64_t load_postgres_run(void *connection, const char *sql, bool *out_is_ended)
{
    PGresult *result = PQexec(connection, sql);
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    *out_is_ended = state && !strcmp(state, "40P01");
    if (*out_is_ended)
        PQclear(PQexec(connection, "ROLLBACK"));
    else if (PQresultStatus(result) != PGRES_COMMAND_OK &&
             PQresultStatus(result) != PGRES_TUPLES_OK)
        load_die("%s: %s", sql, PQerrorMessage(connection));
    int64_t number = PQntuples(result) ? atoll(PQgetvalue(result, 0, 0)) : DBK_NONE;
    PQclear(result);
    return number;
}

void load_postgres_close(void *connection)
{
    PQfinish(connection);
}

#ifdef DAYBOOK_HAS_MARIADB
void *load_mariadb_connect(const char *url)
{
    return mariadb_log_in(url);
}

int64_t load_mariadb_run(void *connection, const char *sql, bool *out_is_ended)
{
    int64_t number = DBK_NONE;
    *out_is_ended = mysql_query(connection, sql) && mysql_errno(connection) == DEADLOCK;
    if (*out_is_ended)
        mysql_query(connection, "ROLLBACK");
    else if (mysql_errno(connection))
        load_die("%s: %s", sql, mysql_error(connection));
    MYSQL_RES *result = mysql_store_result(connection);
    MYSQL_ROW row = result ? mysql_fetch_row(result) : NULL;
    if (row && row[0])
        number = atoll(row[0]);
    mysql_free_result(result);
    return number;
}

void load_mariadb_close(void *connection)
{
    mariadb_log_out(connection);
}
#endif

/* ------------------------------------------------------------------------------------- inserts ---- */

static int64_t run(struct worker *worker, const char *sql)
{
    return worker->is_ended ? DBK_NONE
                            : load.dialect->run(worker->connection, sql, &worker->is_ended);
}

static void insert_build(struct worker *worker)
{
    char sql[320];
    snprintf(sql, sizeof sql, "SELECT max(number) FROM builds WHERE builderid = %d",
             worker->builderid);
    int64_t number = run(worker, sql) + 1;
    snprintf(
        sql, sizeof sql,
        "INSERT INTO builds (number, builderid, buildrequestid, workerid, masterid, started_at,"
        " locks_duration_s, state_string)"
        " VALUES (%lld, %d, 1000001, 1, 1, 1800000000, 0, 'created')",
        (long long)number, worker->builderid);
    run(worker, sql);
    snprintf(sql, sizeof sql, "SELECT %s", load.dialect->last_build);
    int64_t buildid = run(worker, sql);
    if (buildid != DBK_NONE)
        worker->buildid = buildid;
}

static void insert_step(struct worker *worker)
{
    char sql[256];
    int64_t number = worker->step_number++;
    snprintf(sql, sizeof sql,
             "INSERT INTO steps (number, name, buildid, state_string, urls_json, hidden)"
             " VALUES (%lld, 'step %lld', %lld, 'pending', '[]', 0)",
             (long long)number, (long long)number, (long long)worker->buildid);
    run(worker, sql);
}

static void insert_buildset(struct worker *worker)
{
    char sql[256];
    run(worker, "INSERT INTO buildsets (reason, submitted_at, complete)"
                " VALUES ('The scheduler triggered this build', 1800000000, 0)");
    snprintf(sql, sizeof sql,
             "INSERT INTO buildset_sourcestamps (buildsetid, sourcestampid) VALUES (%s, 1)",
             load.dialect->last_buildset);
    run(worker, sql);
}

/* Result: whether it was committed. */
static bool insert(struct worker *worker, int64_t kind)
{
    worker->is_ended = false;
    run(worker, "BEGIN");
    if (kind == 0 || worker->buildid == DBK_NONE)
        insert_build(worker);
    else if (kind == 1)
        insert_step(worker);
    else
        insert_buildset(worker);
    run(worker, "COMMIT");
    return !worker->is_ended;
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    while (!load.is_over) {
        int64_t i = atomic_fetch_add(&load.next, 1);
        double due = load.rate > 0 ? load.began + (double)i / load.rate : load_now();
        if (i >= INSERTS_MAX)
            load_die("that takes too long");
        wait_until(due);
        if (load.is_over)
            break;
        while (!insert(worker, i % KINDS))
            load.ended_count++;
        load.took_s[i] = (float)(load_now() - due);
    }
    return NULL;
}

/* --------------------------------------------------------------------------------------- times ---- */

void load_begin(const struct load_dialect *dialect, const char *url, double rate)
{
    load.dialect = dialect;
    load.rate = rate;
    load.next = load.ended_count = 0;
    load.is_over = false;
    load.took_s = calloc(INSERTS_MAX, sizeof *load.took_s);
    if (!load.took_s)
        load_die("out of memory");
    for (int i = 0; i < LOAD_CONNECTIONS; i++)
        load.workers[i] = (struct worker){
            .connection = dialect->connect(url), .builderid = 1001 + i, .buildid = DBK_NONE};
    load.began = load_now();
    for (int i = 0; i < LOAD_CONNECTIONS; i++)
        if (pthread_create(&load.workers[i].thread, NULL, work, &load.workers[i]))
            load_die("no thread");
}

static int compare(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

void load_end(struct load_times *out_times, double from_s)
{
    load.is_over = true;
    for (int i = 0; i < LOAD_CONNECTIONS; i++) {
        pthread_join(load.workers[i].thread, NULL);
        load.dialect->close(load.workers[i].connection);
    }
    int64_t count = 0;
    *out_times = (struct load_times){.ended_count = load.ended_count};
    for (int64_t i = load.rate > 0 ? (int64_t)(from_s * load.rate) : 0; i < load.next; i++) {
        if (load.took_s[i] <= 0) /* it was not due any more */
            continue;
        if (load.took_s[i] * 1e3 > out_times->longest_ms) {
            out_times->longest_ms = load.took_s[i] * 1e3;
            out_times->longest_due_s = load.rate > 0 ? (double)i / load.rate - from_s : 0;
        }
        load.took_s[count++] = load.took_s[i];
    }
    if (!count)
        load_die("no insert was due");
    qsort(load.took_s, (size_t)count, sizeof *load.took_s, compare);
    out_times->count = count;
    out_times->median_ms = load.took_s[count / 2] * 1e3;
    out_times->p99_ms = load.took_s[count * 99 / 100] * 1e3;
    free(load.took_s);
}
