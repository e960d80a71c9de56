/*
 * Trouble with a MariaDB server: many processes at once, restarts, connections cut at any moment and at COMMIT,
 * deadlocks, locks that are held, a server that says nothing. A caller gets one result, and nothing happens twice or
 * is lost. DAYBOOK_TEST_SCALE=N multiplies the counts.
 */
#include "mariadb.h"
#include "proxy.h"
#include "server_load.h"
#include "wait.h"

#include <mysql.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void expect_builds(const char *url, int64_t count)
{
    static const struct engine mariadb = {.look = mariadb_text};
    load_expect_builds(&mariadb, url, count);
}

/* --------------------------------------------------------------------------- many processes ---- */

static void add_build__of_8_processes_gives_every_number_once(void **state)
{
    enum { PROCESSES = 8 };
    const char *url = mariadb_place();
    int count = 100 * load_scale();
    struct server_load load;
    (void)state;
    load_make_ground(url, &load);
    int64_t began_ms = load_now_ms();
    load_run_processes(url, &load, PROCESSES, count);
    print_message("%d builds of %d processes in %lld ms\n", PROCESSES * count, PROCESSES,
                  (long long)(load_now_ms() - began_ms));
    expect_builds(url, (int64_t)PROCESSES * count);
}

/* ------------------------------------------------------------------------------------ cuts ---- */

static _Atomic bool is_over;

/* A connection past the library, to the URL's database. */
static MYSQL *connect_raw(const char *url)
{
    char *database = strdup(strchr(strstr(url, "://") + 3, '/') + 1);
    char *socket = strdup(strstr(url, "unix_socket=") + strlen("unix_socket="));
    MYSQL *mysql = mysql_init(NULL);
    database[strcspn(database, "?")] = '\0';
    if (!mysql_real_connect(mysql, "localhost", "root", NULL, database, 0, socket, 0))
        abort();
    free(database);
    free(socket);
    return mysql;
}

static void ask_raw(MYSQL *mysql, const char *sql)
{
    if (mysql_query(mysql, sql) && mysql_errno(mysql) != 1213)
        fail_msg("%s: %s", sql, mysql_error(mysql));
    mysql_free_result(mysql_store_result(mysql));
}

/* Another connection to that database, drawn by chance; 0: there is none. */
static unsigned long draw_connection(MYSQL *mysql)
{
    unsigned long id = 0;
    if (mysql_query(mysql, "SELECT id FROM information_schema.processlist WHERE db = database()"
                           " AND id <> connection_id() ORDER BY rand() LIMIT 1"))
        return 0;
    MYSQL_RES *rows = mysql_store_result(mysql);
    MYSQL_ROW row = rows ? mysql_fetch_row(rows) : NULL;
    if (row)
        id = strtoul(row[0], NULL, 10);
    mysql_free_result(rows);
    return id;
}

/* Ends a connection of the store after every so many builds, whatever it is doing then. */
static void *cut_connections(void *argument)
{
    enum { BUILDS_A_CUT = 60 };
    MYSQL *mysql = connect_raw(argument);
    for (int before = load_done_count; !is_over; before = load_done_count) {
        while (!is_over && load_done_count < before + BUILDS_A_CUT)
            usleep(500);
        char sql[48];
        snprintf(sql, sizeof sql, "KILL %lu", draw_connection(mysql));
        mysql_query(mysql, sql); /* which may be gone by itself */
    }
    mysql_close(mysql);
    return NULL;
}

static void add_build__connections_that_are_cut_lose_and_double_nothing(void **state)
{
    const char *url = mariadb_place();
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
    int len = (int)(strstr(url, "unix_socket=") - url);
    return test_format("%.*sunix_socket=%s/socket", len, url, proxy_start(mariadb_socket()));
}

static void add_build__commits_without_an_answer_lose_and_double_nothing(void **state)
{
    const char *url = mariadb_place();
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
    const char *url = mariadb_place();
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
        mariadb_int(url, "SELECT count(*) FROM daybook_commits WHERE name LIKE '%-never'"), 1);
    assert_int_equal(load.failed, 0);
    expect_builds(url, 1);
}

static void add_build__without_names_of_batches_a_lost_commit_is_unknown(void **state)
{
    const char *url = mariadb_place();
    struct server_load load;
    (void)state;
    load_make_ground(url, &load);
    mariadb_run(url, "DROP TABLE daybook_commits");
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
    const char *url = mariadb_place();
    struct server_load load;
    struct answer a;
    (void)state;
    load_make_ground(url, &load);
    load.store = load_open(url, false);
    for (int i = 0; i < 2; i++) {
        load_run(&load, 200);
        mariadb_stop(i == 0); /* killed, then in good order */
        load.left = 200;
        for (int j = 0; j < LOAD_OUTSTANDING; j++)
            load_submit_next(&load);
        dbk_wait(load.store, 50);
        assert_int_equal(load.outstanding, LOAD_OUTSTANDING);
        mariadb_start();
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

static void operations__end_at_their_deadline_when_the_server_says_nothing(void **state)
{
    enum { TIMEOUT_MS = 300 };
    const char *url = mariadb_place();
    struct server_load load;
    struct answer a;
    (void)state;
    load_make_ground(url, &load);
    load.store = load_open(through_proxy(url), false);
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

/* ---------------------------------------------------------------------------------- deadlocks ---- */

/* Another program locks rows in another order. Whether both of our writes were in one batch is chance. */
static void cross(const char *url, struct server_load *load)
{
    struct answer answers[2];
    MYSQL *mysql = connect_raw(url);
    ask_raw(mysql, "START TRANSACTION");
    /* What has changed more rows is not the one that the server ends. */
    ask_raw(mysql, "UPDATE masters SET last_active = last_active + 1");
    ask_raw(mysql, "UPDATE builders SET description = 'theirs' WHERE name LIKE 'b%'");
    ask_raw(mysql, "UPDATE builds SET state_string = 'theirs' WHERE id = 3");
    for (int i = 0; i < 2; i++) { /* both ids are one connection's */
        answer_begin(&answers[i]);
        assert_int_equal(
            dbk_set_build_state_string(load->store, i ? 3 : 1, "ours", NULL, on_done, &answers[i]),
            DBK_OK);
    }
    /* Who asks more often than every 100 ms is shown the same again. */
    while (mariadb_int(url, "SELECT count(*) FROM information_schema.innodb_lock_waits") < 1)
        usleep(150 * 1000);
    ask_raw(mysql, "UPDATE builds SET state_string = 'theirs' WHERE id = 1");
    ask_raw(mysql, "COMMIT");
    mysql_close(mysql);
    for (int i = 0; i < 2; i++) {
        answer_wait(&answers[i], load->store);
        assert_int_equal(answers[i].error.status, DBK_OK);
    }
}

static void writes__in_a_deadlock_are_run_again(void **state)
{
    const char *url = mariadb_place();
    struct dbk_stats stats = {.retry_count = 0};
    struct server_load load;
    (void)state;
    load_make_ground(url, &load);
    load.store = load_open(url, false);
    load_run(&load, 4);
    int64_t before = 0; /* what was begun again for other reasons does not count */
    for (int tries = 0; tries < 50 && stats.retry_count == before; tries++) {
        dbk_get_stats(load.store, &stats, sizeof stats);
        before = stats.retry_count;
        cross(url, &load);
        dbk_get_stats(load.store, &stats, sizeof stats);
    }
    dbk_close_wait(load.store);
    assert_true(stats.retry_count > before);
    assert_int_equal(mariadb_int(url, "SELECT count(*) FROM builds WHERE state_string = 'ours'"),
                     2);
}

/* ------------------------------------------------------------------------------------ events ---- */

static void events__of_a_transaction_that_commits_late_are_not_missed(void **state)
{
    const char *url = mariadb_place();
    struct server_load load;
    struct answer a;
    (void)state;
    load_make_ground(url, &load);
    load.store = load_open(url, false);
    assert_int_equal(ASK(&a, load.store, on_events, dbk_get_events, 0, NULL), DBK_OK);
    int64_t position = a.events[a.page.count - 1]->id;
    MYSQL *mysql = connect_raw(url);
    ask_raw(mysql, "START TRANSACTION");
    ask_raw(mysql, "INSERT INTO daybook_events (at, kind, verb, buildid)"
                   " VALUES (1, 'build', 'updated', 4711)");
    load_run(&load, 2); /* their ids are higher, and they are visible before */
    assert_int_equal(ASK(&a, load.store, on_events, dbk_get_events, position, NULL), DBK_OK);
    assert_int_equal(a.page.count, 2);
    position = a.events[1]->id;
    ask_raw(mysql, "COMMIT");
    mysql_close(mysql);
    load_run(&load, 1);
    assert_int_equal(ASK(&a, load.store, on_events, dbk_get_events, position, NULL), DBK_OK);
    assert_int_equal(a.page.count, 2);
    assert_int_equal(a.events[0]->buildid, 4711);
    dbk_close_wait(load.store);
}

static void events__are_placed_by_the_writer_for_those_who_only_read(void **state)
{
    const char *url = mariadb_place();
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
        cmocka_unit_test(writes__in_a_deadlock_are_run_again),
        cmocka_unit_test(events__of_a_transaction_that_commits_late_are_not_missed),
        cmocka_unit_test(events__are_placed_by_the_writer_for_those_who_only_read),
    };
    if (!mariadb_folder())
        return 77; /* meson's word for a skip */
    return test_run("trouble with MariaDB", tests, COUNT_OF(tests));
}
