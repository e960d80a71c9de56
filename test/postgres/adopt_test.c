/* Adopting a Buildbot database on a server while others are at it: a master that writes, a kill at the worst time. */
#include "adoption.h"
#include "buildbot_postgres.h"
#include "postgres.h"

#include <libpq-fe.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *fixture;

static const char ADD_BUILD[] =
    "INSERT INTO builds (number, builderid, buildrequestid, masterid, started_at,"
    " locks_duration_s, state_string) SELECT max(number) + 1, 1, 5, 1, 1, 0, '' FROM builds"
    " WHERE builderid = 1";

static void close_pg(void *pg)
{
    PQfinish(pg);
}

static void run_on(PGconn *pg, const char *sql)
{
    PGresult *result = PQexec(pg, sql);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(pg));
    PQclear(result);
}

static PGconn *connect_pg(const char *url)
{
    PGconn *pg = test_keep(PQconnectdb(url), close_pg);
    if (PQstatus(pg) != CONNECTION_OK)
        fail_msg("%s: %s", url, PQerrorMessage(pg));
    return pg;
}

/* Result: adopt()'s status. */
static int adopt(const char *url)
{
    struct dbk_options options = DBK_OPTIONS_INIT;
    struct dbk_store *store;
    struct dbk_error error;
    struct reports reports = {.count = 0};
    options.is_exclusive = true;
    if (dbk_open(url, &options, &store, &error))
        return (int)error.status;
    int status = long_run(&reports, store, dbk_adopt, false);
    if (status)
        fprintf(stderr, "%s\n", reports.answer.error.message);
    dbk_close_wait(store);
    return status;
}

static pid_t adopt_in_a_child(const char *url)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        _exit(adopt(url));
    assert_true(pid > 0);
    return pid;
}

static int end_of(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

/* Until a query of the first row gives that. */
static void wait_until(const char *url, const char *sql, int64_t expected)
{
    for (int tries = 0; postgres_int(url, sql) != expected && tries < 3000; tries++)
        usleep(10000);
    assert_int_equal(postgres_int(url, sql), expected);
}

static const char INVALID[] = "SELECT count(*) FROM pg_index WHERE NOT indisvalid",
                  MAKING[] = "SELECT count(*) FROM pg_stat_activity WHERE datname ="
                             " current_database() AND state = 'active'"
                             " AND query LIKE 'CREATE INDEX CONCURRENTLY%'";

/* A master whose transaction is open: the making of an index waits for it. */
static PGconn *begin_writing(const char *url)
{
    PGconn *master = connect_pg(url);
    run_on(master, "BEGIN");
    run_on(master, ADD_BUILD);
    return master;
}

static void expect_adopted(const char *url)
{
    assert_int_equal(postgres_int(url, INVALID), 0);
    assert_int_equal(postgres_int(url, "SELECT count(*) FROM pg_indexes WHERE indexname IN"
                                       " ('daybook_builds_complete', 'daybook_buildsets_parent',"
                                       " 'daybook_buildset_sourcestamps_stamp')"),
                     3);
    assert_int_equal(postgres_int(url, "SELECT (SELECT count(*) FROM builds WHERE results = 0)"
                                       " - (SELECT count(*) FROM daybook_lineage)"),
                     0);
}

static void adopt__keeps_no_master_waiting_while_it_makes_an_index(void **state)
{
    (void)state;
    const char *url = buildbot_postgres_place(fixture);
    PGconn *slow = begin_writing(url), *other = connect_pg(url);
    pid_t pid = adopt_in_a_child(url);
    wait_until(url, MAKING, 1);
    run_on(other, "SET lock_timeout = '5s'");
    run_on(other, "UPDATE builds SET state_string = 'x' WHERE id = 1");
    run_on(other, "INSERT INTO buildsets (submitted_at) VALUES (1)");
    assert_int_equal(postgres_int(url, MAKING), 1);
    run_on(slow, "COMMIT");
    assert_int_equal(end_of(pid), 0);
    expect_adopted(url);
}

static void adopt__goes_on_where_it_was_killed_and_makes_a_broken_index_again(void **state)
{
    (void)state;
    const char *url = buildbot_postgres_place(fixture);
    PGconn *slow = begin_writing(url);
    pid_t pid = adopt_in_a_child(url);
    wait_until(url, INVALID, 1);
    wait_until(url, MAKING, 1);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(WTERMSIG(end_of(pid)), SIGKILL);
    /* The server notices that nobody is there any more. */
    wait_until(url, MAKING, 0);
    run_on(slow, "COMMIT");
    assert_int_equal(postgres_int(url, INVALID), 1);
    assert_int_equal(adopt(url), DBK_OK);
    expect_adopted(url);
}

static void adopt__two_at_once_make_each_thing_once(void **state)
{
    (void)state;
    const char *url = buildbot_postgres_place(fixture);
    pid_t pids[] = {adopt_in_a_child(url), adopt_in_a_child(url)};
    for (size_t i = 0; i < COUNT_OF(pids); i++)
        assert_int_equal(end_of(pids[i]), 0);
    expect_adopted(url);
    assert_int_equal(postgres_int(url, "SELECT count(*) FROM daybook_schema"), 1);
}

static int adopt_briefly(struct dbk_store *store, bool is_dry_run, const struct dbk_call *call,
                         dbk_report_fn *report, dbk_done_fn *done, void *user)
{
    struct dbk_call brief = *call;
    brief.timeout_ms = 300;
    return dbk_adopt(store, is_dry_run, &brief, report, done, user);
}

static void adopt__says_who_keeps_it_from_making_tables(void **state)
{
    (void)state;
    const char *url = buildbot_postgres_place(fixture);
    struct dbk_options options = DBK_OPTIONS_INIT;
    struct dbk_store *store;
    struct reports reports = {.count = 0};
    PGconn *holder = connect_pg(url);
    run_on(holder, "DO $$BEGIN PERFORM pg_advisory_lock(1145848434); END$$");
    options.is_exclusive = true;
    assert_int_equal(dbk_open(url, &options, &store, NULL), DBK_OK);
    assert_int_equal(long_run(&reports, store, adopt_briefly, false), DBK_TIMEOUT);
    assert_non_null(
        strstr(reports.answer.error.message,
               test_format("another process makes or drops daybook's tables here (process %d of ",
                           PQbackendPID(holder))));
    run_on(holder, "DO $$BEGIN PERFORM pg_advisory_unlock(1145848434); END$$");
    assert_int_equal(long_run(&reports, store, dbk_adopt, false), DBK_OK);
    dbk_close_wait(store);
}

static void adopt__reads_a_builder_once_and_not_for_each_page(void **state)
{
    enum { MANY = 20000 };
    (void)state;
    const char *url = buildbot_postgres_place(fixture);
    postgres_run(url, test_format("INSERT INTO builds (number, builderid, buildrequestid, masterid,"
                                  " started_at, complete_at, locks_duration_s, state_string,"
                                  " results) SELECT 1000000 + i, 1, 5, 1, 1, i, 0, '', 0"
                                  " FROM generate_series(1, %d) i",
                                  MANY));
    postgres_run(url, "ANALYZE");
    postgres_forget_counts(url);
    assert_int_equal(adopt(url), DBK_OK);
    expect_adopted(url);
    assert_in_range(postgres_rows_read(url, "builds"), MANY, 10 * MANY);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adopt__keeps_no_master_waiting_while_it_makes_an_index),
        cmocka_unit_test(adopt__goes_on_where_it_was_killed_and_makes_a_broken_index_again),
        cmocka_unit_test(adopt__two_at_once_make_each_thing_once),
        cmocka_unit_test(adopt__says_who_keeps_it_from_making_tables),
        cmocka_unit_test_teardown(adopt__reads_a_builder_once_and_not_for_each_page, test_end_of),
    };
    if (argc < 2)
        return 2;
    if (!postgres_folder())
        return 77; /* meson's word for a skip */
    fixture = argv[1];
    return cmocka_run_group_tests_name("postgres_adopt", tests, NULL, NULL);
}
