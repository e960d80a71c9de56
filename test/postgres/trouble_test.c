/*
 * Trouble with a server: many processes at once, restarts, connections cut at any moment and at COMMIT, deadlocks,
 * a server that says nothing. A caller gets one result, and nothing happens twice or is lost.
 * DAYBOOK_TEST_SCALE=N multiplies the counts.
 */
#include "postgres.h"
#include "proxy.h"
#include "seed.h"

#include <errno.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { BUILDERS = 4, OUTSTANDING = 64 };

static _Atomic int done_count; /* of the load that runs */

static int scale(void)
{
    const char *text = getenv("DAYBOOK_TEST_SCALE");
    return text && atoi(text) > 0 ? atoi(text) : 1;
}

static struct dbk_store *open_at(const char *url, bool is_created)
{
    struct dbk_options options = DBK_OPTIONS_INIT;
    struct dbk_store *store;
    struct dbk_error error;
    options.is_created = is_created;
    if (dbk_open(url, &options, &store, &error)) {
        fprintf(stderr, "%s: %s\n", url, error.message);
        return NULL;
    }
    return store;
}

/* -------------------------------------------------------------------------------------- load ---- */

/* add_build on some builders in turns, OUTSTANDING at once. */
struct load {
    struct dbk_store *store;
    int64_t builderids[BUILDERS], requestid, masterid;
    int left, outstanding, done, failed;
    struct dbk_error error; /* the first one */
};

static void submit_next(struct load *load);

static void on_load_added(void *user, const struct dbk_error *error, int64_t id, int64_t number)
{
    struct load *load = user;
    (void)id;
    (void)number;
    load->outstanding--;
    if (error && !load->failed++)
        load->error = *error;
    load->done += !error;
    done_count = load->done;
    submit_next(load);
}

static void submit_next(struct load *load)
{
    if (!load->left)
        return;
    load->left--;
    load->outstanding++;
    if (dbk_add_build(load->store, load->builderids[load->left % BUILDERS], load->requestid,
                      DBK_NONE, load->masterid, "x", NULL, on_load_added, load) != DBK_OK)
        abort();
}

static void run_load(struct load *load, int count)
{
    load->left = count;
    for (int i = 0; i < OUTSTANDING; i++)
        submit_next(load);
    while (load->outstanding)
        dbk_wait(load->store, 1000);
}

/* A store with what builds hang on; the store is closed again. */
static void make_ground(const char *url, struct load *out_load)
{
    struct seed seed;
    *out_load = (struct load){.store = open_at(url, true)};
    assert_non_null(out_load->store);
    seed_make(out_load->store, &seed);
    for (int i = 0; i < BUILDERS; i++)
        out_load->builderids[i] = seed_builder(out_load->store, test_format("b%d", i));
    out_load->requestid = seed.buildrequestid;
    out_load->masterid = seed.masterid;
    dbk_close_wait(out_load->store);
    out_load->store = NULL;
}

/* The builds are there, numbered from 1 on without a gap, each with one event. */
static void expect_builds(const char *url, int64_t count)
{
    assert_int_equal(postgres_int(url, "SELECT count(*) FROM builds"), count);
    assert_int_equal(postgres_int(url, "SELECT count(*) FROM (SELECT builderid FROM builds GROUP BY"
                                       " builderid HAVING max(number) <> count(*)"
                                       " OR min(number) <> 1) wrong"),
                     0);
    assert_int_equal(postgres_int(url, "SELECT count(*) FROM daybook_events WHERE kind = 'build'"),
                     count);
    assert_int_equal(postgres_int(url, "SELECT count(*) FROM daybook_events WHERE kind = 'build'"
                                       " AND NOT EXISTS (SELECT 1 FROM builds WHERE id = buildid)"),
                     0);
}

/* --------------------------------------------------------------------------- many processes ---- */

static int run_child(const char *url, struct load load, int count)
{
    struct dbk_stats stats;
    load.store = open_at(url, false);
    if (!load.store)
        return 2;
    run_load(&load, count);
    dbk_get_stats(load.store, &stats, sizeof stats);
    if (load.failed)
        fprintf(stderr, "%d failed: %s\n", load.failed, load.error.message);
    fprintf(stderr, "%d builds in %lld transactions, %lld of them begun again\n", load.done,
            (long long)stats.commit_count, (long long)stats.retry_count);
    dbk_close_wait(load.store);
    return load.failed ? 1 : 0;
}

static void add_build__of_8_processes_gives_every_number_once(void **state)
{
    enum { PROCESSES = 8 };
    const char *url = postgres_place();
    int count = 100 * scale();
    struct load load;
    pid_t children[PROCESSES];
    (void)state;
    make_ground(url, &load);
    for (int i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        if (children[i] == 0)
            _exit(run_child(url, load, count));
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    expect_builds(url, (int64_t)PROCESSES * count);
}

/* ------------------------------------------------------------------------------------ cuts ---- */

static _Atomic bool is_over;

/* Ends a connection of the store after every so many builds, whatever it is doing then. */
static void *cut_connections(void *argument)
{
    enum { BUILDS_A_CUT = 60 };
    const char *url = argument;
    PGconn *pg = PQconnectdb(url);
    for (int before = done_count; !is_over; before = done_count) {
        while (!is_over && done_count < before + BUILDS_A_CUT)
            usleep(500);
        PQclear(PQexec(pg, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                           " WHERE application_name = 'daybook' ORDER BY random() LIMIT 1"));
    }
    PQfinish(pg);
    return NULL;
}

static void add_build__connections_that_are_cut_lose_and_double_nothing(void **state)
{
    const char *url = postgres_place();
    int count = 4000 * scale();
    struct dbk_stats stats;
    struct load load;
    pthread_t thread;
    (void)state;
    make_ground(url, &load);
    load.store = open_at(url, false);
    is_over = false;
    assert_int_equal(pthread_create(&thread, NULL, cut_connections, (void *)(uintptr_t)url), 0);
    run_load(&load, count);
    is_over = true;
    pthread_join(thread, NULL);
    dbk_get_stats(load.store, &stats, sizeof stats);
    dbk_close_wait(load.store);
    assert_string_equal(load.failed ? load.error.message : "", "");
    assert_true(stats.retry_count > 0);
    expect_builds(url, count);
}

static const char *through_proxy(const char *url)
{
    return test_format("postgresql://postgres@/postgres?host=%s&%s", proxy_start(postgres_folder()),
                       strstr(url, "options="));
}

static void add_build__commits_without_an_answer_lose_and_double_nothing(void **state)
{
    const char *url = postgres_place();
    int count = 3000 * scale(), cuts = proxy_cut_count();
    struct load load;
    (void)state;
    make_ground(url, &load);
    load.store = open_at(through_proxy(url), false);
    assert_non_null(load.store);
    proxy_set_cut(PROXY_CUT_EITHER_AT_TIMES);
    run_load(&load, count);
    proxy_set_cut(PROXY_CUT_NOTHING);
    dbk_close_wait(load.store);
    assert_string_equal(load.failed ? load.error.message : "", "");
    assert_true(proxy_cut_count() - cuts > 5);
    expect_builds(url, count);
}

static void add_build__without_names_of_batches_a_lost_commit_is_unknown(void **state)
{
    const char *url = postgres_place();
    struct load load;
    (void)state;
    make_ground(url, &load);
    postgres_run(url, "DROP TABLE daybook_commits");
    for (int i = 0; i < 2; i++) {
        load.store = open_at(through_proxy(url), false);
        load.failed = load.done = 0;
        proxy_set_cut(i ? PROXY_CUT_AFTER_COMMIT : PROXY_CUT_BEFORE_COMMIT);
        run_load(&load, 1);
        dbk_close_wait(load.store);
        assert_int_equal(load.failed, 1);
        assert_int_equal(load.error.outcome, DBK_UNKNOWN);
        expect_builds(url, i);
    }
}

static void add_build__goes_on_after_the_server_restarted(void **state)
{
    static const char *const modes[] = {"immediate", "fast"};
    const char *url = postgres_place();
    struct load load;
    struct answer a;
    (void)state;
    make_ground(url, &load);
    load.store = open_at(url, false);
    for (int i = 0; i < 2; i++) {
        run_load(&load, 200);
        postgres_stop(modes[i]);
        load.left = 200;
        for (int j = 0; j < OUTSTANDING; j++)
            submit_next(&load);
        dbk_wait(load.store, 50);
        assert_int_equal(load.outstanding, OUTSTANDING);
        postgres_start();
        while (load.outstanding)
            dbk_wait(load.store, 1000);
        assert_int_equal(ASK(&a, load.store, on_build, dbk_get_build, 1), DBK_OK);
        assert_non_null(a.build);
    }
    dbk_close_wait(load.store);
    assert_string_equal(load.failed ? load.error.message : "", "");
    expect_builds(url, 800);
}

/* ------------------------------------------------------------------------------- a silent server ---- */

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void expect_deadlines_when_silent(const char *url, const char *through)
{
    enum { TIMEOUT_MS = 300 };
    struct load load;
    struct answer a;
    make_ground(url, &load);
    load.store = open_at(through, false);
    struct dbk_call call = DBK_CALL_INIT;
    call.timeout_ms = TIMEOUT_MS;
    proxy_set_silent(true);
    for (int i = 0; i < 4; i++) { /* the later ones find no connection, and none can be made */
        int64_t began_ms = now_ms();
        if (i % 2)
            assert_int_equal(ASK_WITH(&a, load.store, &call, on_build, dbk_get_build, 1),
                             DBK_TIMEOUT);
        else
            assert_int_equal(ASK_WITH(&a, load.store, &call, on_done, dbk_finish_build, 1, 0),
                             DBK_TIMEOUT);
        assert_in_range(now_ms() - began_ms, TIMEOUT_MS, TIMEOUT_MS + 2000);
    }
    proxy_set_silent(false);
    assert_int_equal(ASK(&a, load.store, on_build, dbk_get_build, 1), DBK_OK);
    run_load(&load, 10);
    assert_int_equal(load.failed, 0);
    dbk_close_wait(load.store);
    expect_builds(url, 10);
}

static void operations__end_at_their_deadline_when_the_server_says_nothing(void **state)
{
    const char *url = postgres_place();
    (void)state;
    expect_deadlines_when_silent(url, through_proxy(url));
}

static void operations__end_at_their_deadline_when_several_hosts_say_nothing(void **state)
{
    const char *url = postgres_place(), *folder = proxy_start(postgres_folder());
    (void)state;
    expect_deadlines_when_silent(url, test_format("postgresql://postgres@/postgres?host=%s,%s&%s",
                                                  folder, folder, strstr(url, "options=")));
}

static int compare_times(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Half of them in time: a busy machine may be late with some. */
static void operations__end_at_their_deadline_while_there_is_no_server(void **state)
{
    enum { TIMEOUT_MS = 700, TIMES = 9, LATE_MAX_MS = 200 };
    const char *url = postgres_place();
    struct dbk_call call = DBK_CALL_INIT;
    int64_t took_ms[TIMES];
    struct load load;
    struct answer a;
    (void)state;
    make_ground(url, &load);
    load.store = open_at(url, false);
    call.timeout_ms = TIMEOUT_MS;
    postgres_stop("immediate");
    for (int i = 0; i < TIMES; i++) {
        int64_t began_ms = now_ms();
        assert_int_equal(ASK_WITH(&a, load.store, &call, on_done, dbk_finish_build, 1, 0),
                         DBK_TIMEOUT);
        took_ms[i] = now_ms() - began_ms;
    }
    postgres_start();
    qsort(took_ms, TIMES, sizeof took_ms[0], compare_times);
    assert_in_range(took_ms[TIMES / 2], TIMEOUT_MS, TIMEOUT_MS + LATE_MAX_MS);
    dbk_close_wait(load.store);
}

/* ---------------------------------------------------------------------------------- deadlocks ---- */

static void ask_raw(PGconn *pg, const char *sql)
{
    PGresult *result = PQexec(pg, sql);
    if (PQresultStatus(result) == PGRES_FATAL_ERROR &&
        strcmp(PQresultErrorField(result, PG_DIAG_SQLSTATE), "40P01") != 0)
        fail_msg("%s: %s", sql, PQerrorMessage(pg));
    PQclear(result);
}

/* Another program locks rows in another order. Whether both of our writes were in one batch is chance. */
static void cross(const char *url, struct load *load)
{
    struct answer answers[2];
    PGconn *pg = PQconnectdb(url);
    ask_raw(pg, "SET deadlock_timeout = '10s'"); /* so that ours is the one that looks */
    ask_raw(pg, "BEGIN");
    ask_raw(pg, "UPDATE builds SET state_string = 'theirs' WHERE id = 3");
    for (int i = 0; i < 2; i++) { /* both ids are one connection's */
        answer_begin(&answers[i]);
        assert_int_equal(
            dbk_set_build_state_string(load->store, i ? 3 : 1, "ours", NULL, on_done, &answers[i]),
            DBK_OK);
    }
    while (postgres_int(url, "SELECT count(*) FROM pg_stat_activity WHERE application_name ="
                             " 'daybook' AND wait_event_type = 'Lock'") < 1)
        usleep(1000);
    ask_raw(pg, "UPDATE builds SET state_string = 'theirs' WHERE id = 1");
    ask_raw(pg, "COMMIT");
    PQfinish(pg);
    for (int i = 0; i < 2; i++) {
        answer_wait(&answers[i], load->store);
        assert_int_equal(answers[i].error.status, DBK_OK);
    }
}

static void writes__in_a_deadlock_are_run_again(void **state)
{
    const char *url = postgres_place();
    struct dbk_stats stats = {.retry_count = 0};
    struct load load;
    (void)state;
    make_ground(url, &load);
    load.store = open_at(url, false);
    run_load(&load, 4);
    for (int tries = 0; tries < 50 && !stats.retry_count; tries++) {
        cross(url, &load);
        dbk_get_stats(load.store, &stats, sizeof stats);
    }
    dbk_close_wait(load.store);
    assert_true(stats.retry_count > 0);
    assert_int_equal(postgres_int(url, "SELECT count(*) FROM builds WHERE state_string = 'ours'"),
                     2);
}

/* ------------------------------------------------------------------------------------ events ---- */

static void events__of_a_transaction_that_commits_late_are_not_missed(void **state)
{
    const char *url = postgres_place();
    struct load load;
    struct answer a;
    (void)state;
    make_ground(url, &load);
    load.store = open_at(url, false);
    assert_int_equal(ASK(&a, load.store, on_events, dbk_get_events, 0, NULL), DBK_OK);
    int64_t position = a.events[a.page.count - 1]->id;
    PGconn *pg = PQconnectdb(url);
    ask_raw(pg, "BEGIN");
    ask_raw(pg, "INSERT INTO daybook_events (at, kind, verb, buildid)"
                " VALUES (1, 'build', 'updated', 4711)");
    run_load(&load, 2); /* their ids are higher, and they are visible before */
    assert_int_equal(ASK(&a, load.store, on_events, dbk_get_events, position, NULL), DBK_OK);
    assert_int_equal(a.page.count, 2);
    position = a.events[1]->id;
    ask_raw(pg, "COMMIT");
    PQfinish(pg);
    run_load(&load, 1);
    assert_int_equal(ASK(&a, load.store, on_events, dbk_get_events, position, NULL), DBK_OK);
    assert_int_equal(a.page.count, 2);
    assert_int_equal(a.events[0]->buildid, 4711);
    dbk_close_wait(load.store);
}

static void events__are_placed_by_the_writer_for_those_who_only_read(void **state)
{
    const char *url = postgres_place();
    struct load load;
    struct answer a;
    (void)state;
    make_ground(url, &load);
    struct dbk_store *reader = open_at(test_format("%s&mode=ro", url), false);
    load.store = open_at(url, false);
    run_load(&load, 5);
    for (int tries = 0; tries < 200; tries++) {
        assert_int_equal(ASK(&a, reader, on_events, dbk_get_events, 0, NULL), DBK_OK);
        if (a.page.count && !strcmp(a.events[a.page.count - 1]->kind, "build"))
            break;
        usleep(10000);
    }
    assert_string_equal(a.events[a.page.count - 1]->kind, "build");
    run_load(&load, 1);
    size_t count = a.page.count;
    dbk_close_wait(load.store); /* at the latest then */
    assert_int_equal(ASK(&a, reader, on_events, dbk_get_events, 0, NULL), DBK_OK);
    assert_int_equal(a.page.count, count + 1);
    dbk_close_wait(reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(add_build__of_8_processes_gives_every_number_once),
        cmocka_unit_test(add_build__connections_that_are_cut_lose_and_double_nothing),
        cmocka_unit_test(add_build__commits_without_an_answer_lose_and_double_nothing),
        cmocka_unit_test(add_build__without_names_of_batches_a_lost_commit_is_unknown),
        cmocka_unit_test(add_build__goes_on_after_the_server_restarted),
        cmocka_unit_test(operations__end_at_their_deadline_when_the_server_says_nothing),
        cmocka_unit_test(operations__end_at_their_deadline_when_several_hosts_say_nothing),
        cmocka_unit_test(operations__end_at_their_deadline_while_there_is_no_server),
        cmocka_unit_test(writes__in_a_deadlock_are_run_again),
        cmocka_unit_test(events__of_a_transaction_that_commits_late_are_not_missed),
        cmocka_unit_test(events__are_placed_by_the_writer_for_those_who_only_read),
    };
    if (!postgres_folder())
        return 77; /* meson's word for a skip */
    return test_run("trouble with PostgreSQL", tests, COUNT_OF(tests));
}
