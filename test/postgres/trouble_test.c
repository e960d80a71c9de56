/*
 * Trouble with a server: many processes at once, restarts, connections cut at any moment and at COMMIT, deadlocks,
 * a server that says nothing. A caller gets one result, and nothing happens twice or is lost.
 * DAYBOOK_TEST_SCALE=N multiplies the counts.
 */
#include "postgres.h"
#include "proxy.h"
#include "server_load.h"
#include "wait.h"

#include <libpq-fe.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void expect_builds(const char *url, int64_t count)
{
    static const struct engine postgres = {.look = postgres_text};
    load_expect_builds(&postgres, url, count);
}

/* --------------------------------------------------------------------------- many processes ---- */

static void add_build__of_8_processes_gives_every_number_once(void **state)
{
    enum { PROCESSES = 8 };
    const char *url = postgres_place();
    int count = 100 * load_scale();
    struct server_load load;
    (void)state;
    load_make_ground(url, &load);
    load_run_processes(url, &load, PROCESSES, count);
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
    for (int before = load_done_count; !is_over; before = load_done_count) {
        while (!is_over && load_done_count < before + BUILDS_A_CUT)
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
    int count = 4000 * load_scale();
    struct dbk_stats stats;
    struct server_load load;
    pthread_t thread;
    (void)state;
    load_make_ground(url, &load);
    load.store = load_open(url, false);
    is_over = false;
    assert_int_equal(pthread_create(&thread, NULL, cut_connections, (void *)(uintptr_t)url), 0);
    load_run(&load, count);
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
    return test_format("postgresql://postgres@/postgres?host=%s&%s", proxy_start(postgres_socket()),
                       strstr(url, "options="));
}

static void add_build__commits_without_an_answer_lose_and_double_nothing(void **state)
{
    const char *url = postgres_place();
    int count = 3000 * load_scale(), cuts = proxy_cut_count();
    struct server_load load;
    (void)state;
    load_make_ground(url, &load);
    load.store = load_open(through_proxy(url), false);
    assert_non_null(load.store);
    proxy_set_cut(PROXY_CUT_EITHER_AT_TIMES);
    load_run(&load, count);
    proxy_set_cut(PROXY_CUT_NOTHING);
    dbk_close_wait(load.store);
    assert_string_equal(load.failed ? load.error.message : "", "");
    assert_true(proxy_cut_count() - cuts > 5);
    expect_builds(url, count);
}

/* The batch's name is there then, but it was not the batch who kept it. */
static void add_build__is_done_though_the_answer_to_its_refusal_is_lost_as_well(void **state)
{
    const char *url = postgres_place();
    struct server_load load;
    (void)state;
    load_make_ground(url, &load);
    load.store = load_open(through_proxy(url), false);
    int cuts = proxy_cut_count();
    proxy_set_cut(PROXY_CUT_COMMIT_AND_REFUSAL);
    load_run(&load, 1);
    proxy_set_cut(PROXY_CUT_NOTHING);
    dbk_close_wait(load.store);
    assert_int_equal(proxy_cut_count() - cuts, 2);
    assert_int_equal(
        postgres_int(url, "SELECT count(*) FROM daybook_commits WHERE name LIKE '%-never'"), 1);
    assert_int_equal(load.failed, 0);
    expect_builds(url, 1);
}

static void add_build__without_names_of_batches_a_lost_commit_is_unknown(void **state)
{
    const char *url = postgres_place();
    struct server_load load;
    (void)state;
    load_make_ground(url, &load);
    postgres_run(url, "DROP TABLE daybook_commits");
    for (int i = 0; i < 2; i++) {
        load.store = load_open(through_proxy(url), false);
        load.failed = load.done = 0;
        proxy_set_cut(i ? PROXY_CUT_AFTER_COMMIT : PROXY_CUT_BEFORE_COMMIT);
        load_run(&load, 1);
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
    struct server_load load;
    struct answer a;
    (void)state;
    load_make_ground(url, &load);
    load.store = load_open(url, false);
    for (int i = 0; i < 2; i++) {
        load_run(&load, 200);
        postgres_stop(modes[i]);
        load.left = 200;
        for (int j = 0; j < LOAD_OUTSTANDING; j++)
            load_submit_next(&load);
        dbk_wait(load.store, 50);
        assert_int_equal(load.outstanding, LOAD_OUTSTANDING);
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

static void expect_deadlines_when_silent(const char *url, const char *through)
{
    enum { TIMEOUT_MS = 300 };
    struct server_load load;
    struct answer a;
    load_make_ground(url, &load);
    load.store = load_open(through, false);
    struct dbk_call call = DBK_CALL_INIT;
    call.timeout_ms = TIMEOUT_MS;
    proxy_set_silent(true);
    for (int i = 0; i < 4; i++) { /* the later ones find no connection, and none can be made */
        int64_t began_ms = load_now_ms();
        if (i % 2)
            assert_int_equal(ASK_WITH(&a, load.store, &call, on_build, dbk_get_build, 1),
                             DBK_TIMEOUT);
        else
            assert_int_equal(ASK_WITH(&a, load.store, &call, on_done, dbk_finish_build, 1, 0),
                             DBK_TIMEOUT);
        assert_in_range(load_now_ms() - began_ms, TIMEOUT_MS, TIMEOUT_MS + 2000);
    }
    proxy_set_silent(false);
    assert_int_equal(ASK(&a, load.store, on_build, dbk_get_build, 1), DBK_OK);
    load_run(&load, 10);
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
    const char *url = postgres_place(), *folder = proxy_start(postgres_socket());
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
    struct server_load load;
    struct answer a;
    (void)state;
    load_make_ground(url, &load);
    load.store = load_open(url, false);
    call.timeout_ms = TIMEOUT_MS;
    postgres_stop("immediate");
    for (int i = 0; i < TIMES; i++) {
        int64_t began_ms = load_now_ms();
        assert_int_equal(ASK_WITH(&a, load.store, &call, on_done, dbk_finish_build, 1, 0),
                         DBK_TIMEOUT);
        took_ms[i] = load_now_ms() - began_ms;
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
static void cross(const char *url, struct server_load *load)
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
    struct server_load load;
    (void)state;
    load_make_ground(url, &load);
    load.store = load_open(url, false);
    load_run(&load, 4);
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
    struct server_load load;
    struct answer a;
    (void)state;
    load_make_ground(url, &load);
    load.store = load_open(url, false);
    assert_int_equal(ASK(&a, load.store, on_events, dbk_get_events, 0, NULL), DBK_OK);
    int64_t position = a.events[a.page.count - 1]->id;
    PGconn *pg = PQconnectdb(url);
    ask_raw(pg, "BEGIN");
    ask_raw(pg, "INSERT INTO daybook_events (at, kind, verb, buildid)"
                " VALUES (1, 'build', 'updated', 4711)");
    load_run(&load, 2); /* their ids are higher, and they are visible before */
    assert_int_equal(ASK(&a, load.store, on_events, dbk_get_events, position, NULL), DBK_OK);
    assert_int_equal(a.page.count, 2);
    position = a.events[1]->id;
    ask_raw(pg, "COMMIT");
    PQfinish(pg);
    load_run(&load, 1);
    assert_int_equal(ASK(&a, load.store, on_events, dbk_get_events, position, NULL), DBK_OK);
    assert_int_equal(a.page.count, 2);
    assert_int_equal(a.events[0]->buildid, 4711);
    dbk_close_wait(load.store);
}

#define UNPLACED "SELECT count(*) FROM daybook_events WHERE position IS NULL"

/* A store with four builds whose events have their positions; it is open. */
static void load_until_placed(const char *url, struct server_load *out_load)
{
    load_make_ground(url, out_load);
    out_load->store = load_open(url, false);
    load_run(out_load, 4);
    while (postgres_int(url, UNPLACED))
        usleep(10000);
}

static void end_connections(const char *url)
{
    postgres_int(url, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                      " WHERE application_name = 'daybook'");
}

/* Another program holds what positions are given under. */
static void writes__do_not_wait_until_events_are_placed(void **state)
{
    enum { WRITES = 40 };
    const char *url = postgres_place();
    struct dbk_call call = DBK_CALL_INIT;
    struct server_load load;
    struct answer a;
    (void)state;
    load_until_placed(url, &load);
    PGconn *pg = PQconnectdb(url);
    ask_raw(pg, "BEGIN");
    ask_raw(pg, "UPDATE daybook_marks SET value = value WHERE name = 'events given'");
    load_run(&load, 1);
    while (
        !postgres_int(url, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))
        usleep(1000);
    call.timeout_ms = 30000;
    for (int i = 0; i < WRITES; i++) { /* of builds of both writers */
        assert_int_equal(
            ASK_WITH(&a, load.store, &call, on_done, dbk_set_build_state_string, 1 + i % 4, "on"),
            DBK_OK);
        usleep(20000); /* all in all longer than any of them waits with placing */
    }
    assert_true(postgres_int(url, UNPLACED) >= WRITES);
    ask_raw(pg, "COMMIT");
    PQfinish(pg);
    dbk_close_wait(load.store);
    assert_int_equal(postgres_int(url, UNPLACED), 0);
}

/* Of all connections none was used since but the writer's, which finds out by its writes. */
static void events__are_placed_after_all_connections_were_lost(void **state)
{
    const char *url = postgres_place();
    struct server_load load;
    (void)state;
    load_until_placed(url, &load);
    end_connections(url);
    load_run(&load, 4);
    for (int tries = 0; tries < 1000 && postgres_int(url, UNPLACED); tries++)
        usleep(10000);
    assert_int_equal(postgres_int(url, UNPLACED), 0);
    end_connections(url);
    load_run(&load, 1);
    dbk_close_wait(load.store);
    assert_int_equal(postgres_int(url, UNPLACED), 0);
}

static void events__are_placed_by_those_who_write_for_those_who_only_read(void **state)
{
    const char *url = postgres_place();
    struct server_load load;
    struct answer a;
    (void)state;
    load_make_ground(url, &load);
    struct dbk_store *reader = load_open(test_format("%s&mode=ro", url), false);
    load.store = load_open(url, false);
    load_run(&load, 5);
    for (int tries = 0; tries < 200; tries++) {
        assert_int_equal(ASK(&a, reader, on_events, dbk_get_events, 0, NULL), DBK_OK);
        if (a.page.count && !strcmp(a.events[a.page.count - 1]->kind, "build"))
            break;
        usleep(10000);
    }
    assert_string_equal(a.events[a.page.count - 1]->kind, "build");
    load_run(&load, 1);
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
        cmocka_unit_test(add_build__is_done_though_the_answer_to_its_refusal_is_lost_as_well),
        cmocka_unit_test(add_build__without_names_of_batches_a_lost_commit_is_unknown),
        cmocka_unit_test(add_build__goes_on_after_the_server_restarted),
        cmocka_unit_test(operations__end_at_their_deadline_when_the_server_says_nothing),
        cmocka_unit_test(operations__end_at_their_deadline_when_several_hosts_say_nothing),
        cmocka_unit_test(operations__end_at_their_deadline_while_there_is_no_server),
        cmocka_unit_test(writes__in_a_deadlock_are_run_again),
        cmocka_unit_test(events__of_a_transaction_that_commits_late_are_not_missed),
        cmocka_unit_test(writes__do_not_wait_until_events_are_placed),
        cmocka_unit_test(events__are_placed_after_all_connections_were_lost),
        cmocka_unit_test(events__are_placed_by_those_who_write_for_those_who_only_read),
    };
    if (!postgres_folder())
        return 77; /* meson's word for a skip */
    return test_run("trouble with PostgreSQL", tests, COUNT_OF(tests));
}
