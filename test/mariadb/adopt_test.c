/*
 * Adopting a Buildbot database on MariaDB, and upgrading a store there, while others are at it: a master that writes, a
 * kill at any time. A table that is made there is committed before there are rows in it.
 */
#include "adoption.h"
#include "buildbot_mariadb.h"
#include "mariadb.h"
#include "seed.h"

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
static const char MAKING[] = "SELECT count(*) FROM information_schema.processlist WHERE"
                             " db = database() AND info LIKE 'CREATE INDEX daybook_builds%'";

/* Result: the status. */
static int run_long(const char *url, long_fn *function)
{
    struct dbk_options options = DBK_OPTIONS_INIT;
    struct dbk_store *store;
    struct dbk_error error;
    struct reports reports = {.count = 0};
    options.is_exclusive = true;
    if (dbk_open(url, &options, &store, &error)) {
        fprintf(stderr, "%s\n", error.message);
        return (int)error.status;
    }
    int status = long_run(&reports, store, function, false);
    if (status)
        fprintf(stderr, "%s\n", reports.answer.error.message);
    dbk_close_wait(store);
    return status;
}

static pid_t run_in_a_child(const char *url, long_fn *function)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        _exit(run_long(url, function));
    assert_true(pid > 0);
    return pid;
}

static int end_of(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

/* Until a query of the first row gives that; for a minute. Not often: the server looks for it in all that it runs. */
static void wait_until(const char *url, const char *sql, int64_t expected)
{
    for (int tries = 0; mariadb_int(url, sql) != expected && tries < 600; tries++)
        usleep(100000);
    assert_int_equal(mariadb_int(url, sql), expected);
}

/* A master whose transaction is open: the table cannot be changed meanwhile. */
static void *begin_writing(const char *url)
{
    void *master = mariadb_log_in(url);
    mariadb_text_on(master, "START TRANSACTION");
    mariadb_text_on(master, ADD_BUILD);
    return master;
}

static void expect_adopted(const char *url)
{
    assert_int_equal(mariadb_int(url, "SELECT count(DISTINCT index_name) FROM"
                                      " information_schema.statistics WHERE table_schema ="
                                      " database() AND table_name = 'builds' AND index_name LIKE"
                                      " 'daybook%'"),
                     1);
    assert_int_equal(mariadb_int(url, "SELECT (SELECT count(*) FROM builds WHERE results = 0)"
                                      " - (SELECT count(*) FROM daybook_lineage)"),
                     0);
    assert_int_equal(mariadb_int(url, "SELECT count(*) FROM daybook_schema"), 1);
}

static int64_t count_ours(const char *url)
{
    return mariadb_int(url, "SELECT (SELECT count(*) FROM information_schema.tables WHERE"
                            " table_schema = database() AND table_name LIKE 'daybook%')"
                            " + (SELECT count(*) FROM information_schema.statistics WHERE"
                            " table_schema = database() AND index_name LIKE 'daybook%')");
}

static void adopt__keeps_a_master_waiting_for_moments_alone_while_it_makes_an_index(void **state)
{
    (void)state;
    const char *url = buildbot_mariadb_place(fixture);
    void *slow = begin_writing(url), *other = mariadb_log_in(url);
    pid_t pid = run_in_a_child(url, dbk_adopt);
    wait_until(url, MAKING, 1);
    /* The one who asks for the table now waits behind the index; it stands back. */
    mariadb_text_on(other, "SET lock_wait_timeout = 60, innodb_lock_wait_timeout = 60");
    mariadb_text_on(other, "UPDATE builds SET state_string = 'x' WHERE id = 1");
    mariadb_text_on(other, "INSERT INTO buildsets (submitted_at, complete) VALUES (1, 0)");
    assert_string_equal(mariadb_text(url, "SELECT state_string FROM builds WHERE id = 1"), "x");
    mariadb_text_on(slow, "COMMIT");
    assert_int_equal(end_of(pid), 0);
    expect_adopted(url);
    mariadb_log_out(slow);
    mariadb_log_out(other);
}

/* Each time a little later, until one comes to its end before. */
static void kill_until_it_ends(const char *url, long_fn *function, int step_us)
{
    for (int wait_us = step_us;; wait_us += step_us) {
        pid_t pid = run_in_a_child(url, function);
        usleep((useconds_t)wait_us);
        kill(pid, SIGKILL);
        if (end_of(pid) == 0)
            return;
        assert_true(wait_us < 60 * 1000 * 1000);
    }
}

static void adopt__goes_on_wherever_it_was_killed(void **state)
{
    (void)state;
    const char *url = buildbot_mariadb_place(fixture);
    kill_until_it_ends(url, dbk_adopt, 20000);
    expect_adopted(url);
    kill_until_it_ends(url, dbk_release, 20000);
    assert_int_equal(count_ours(url), 0);
}

/* Between the last table and the row in it. */
static void adopt__cut_off_before_the_version_was_written_goes_on(void **state)
{
    (void)state;
    const char *url = buildbot_mariadb_place(fixture);
    assert_int_equal(run_long(url, dbk_adopt), DBK_OK);
    mariadb_run(url, "DELETE FROM daybook_schema");
    struct dbk_store *store;
    assert_int_equal(dbk_open(url, NULL, &store, NULL), DBK_OK);
    assert_false(dbk_get_info(store)->is_adopted);
    dbk_close_wait(store);
    assert_int_equal(run_long(url, dbk_adopt), DBK_OK);
    expect_adopted(url);
}

static void adopt__two_at_once_make_each_thing_once(void **state)
{
    (void)state;
    const char *url = buildbot_mariadb_place(fixture);
    pid_t pids[] = {run_in_a_child(url, dbk_adopt), run_in_a_child(url, dbk_adopt)};
    for (size_t i = 0; i < COUNT_OF(pids); i++)
        assert_int_equal(end_of(pids[i]), 0);
    expect_adopted(url);
}

enum { MANY_BUILDS = 20000 };

/* What the server, which is the test's alone, has counted. */
static int64_t counted(const char *url, const char *what)
{
    return mariadb_int(url, test_format("SELECT sum(variable_value) FROM"
                                        " information_schema.global_status WHERE variable_name"
                                        " LIKE '%s'",
                                        what));
}

static void adopt__costs_neither_a_statement_for_each_build_nor_a_walk_for_each_page(void **state)
{
    (void)state;
    const char *url = buildbot_mariadb_place(fixture);
    mariadb_run(url, test_format("INSERT INTO builds (number, builderid, buildrequestid, masterid,"
                                 " started_at, complete_at, locks_duration_s, state_string,"
                                 " results) SELECT 1000000 + seq, 1, 5, 1, 1, seq, 0, '', 0"
                                 " FROM seq_1_to_%d",
                                 MANY_BUILDS));
    int64_t statements = counted(url, "COM\\_STMT\\_EXECUTE");
    int64_t rows = counted(url, "HANDLER\\_READ\\_%");
    assert_int_equal(run_long(url, dbk_adopt), DBK_OK);
    statements = counted(url, "COM\\_STMT\\_EXECUTE") - statements;
    rows = counted(url, "HANDLER\\_READ\\_%") - rows;
    expect_adopted(url);
    assert_true(statements < MANY_BUILDS / 5);
    assert_true(rows < 40 * MANY_BUILDS);
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
    const char *url = buildbot_mariadb_place(fixture);
    struct dbk_options options = DBK_OPTIONS_INIT;
    struct dbk_store *store;
    struct reports reports = {.count = 0};
    void *holder = mariadb_log_in(url);
    const char *id = mariadb_text_on(holder, "SELECT connection_id()");
    assert_string_equal(
        mariadb_text_on(holder, "SELECT get_lock(concat('daybook tables of ', database()), 0)"),
        "1");
    options.is_exclusive = true;
    assert_int_equal(dbk_open(url, &options, &store, NULL), DBK_OK);
    assert_int_equal(long_run(&reports, store, adopt_briefly, false), DBK_TIMEOUT);
    assert_non_null(strstr(
        reports.answer.error.message,
        test_format("another process makes or drops daybook's tables here (connection %s of root"
                    " from localhost): try again",
                    id)));
    assert_int_equal(count_ours(url), 0);
    mariadb_log_out(holder);
    assert_int_equal(long_run(&reports, store, dbk_adopt, false), DBK_OK);
    dbk_close_wait(store);
    expect_adopted(url);
}

/* ------------------------------------------------------------------------ a store of our own ---- */

enum { OWN_BUILDS = 3000 };

/* With so many successful builds, and without the table of lineages. */
static const char *place_without_lineages(struct seed *out_seed)
{
    const char *url = mariadb_place();
    struct dbk_options options = DBK_OPTIONS_INIT;
    struct dbk_store *store;
    options.is_created = true;
    assert_int_equal(dbk_open(url, &options, &store, NULL), DBK_OK);
    seed_make(store, out_seed);
    dbk_close_wait(store);
    mariadb_run(url,
                test_format("INSERT INTO builds (number, builderid, buildrequestid, masterid,"
                            " started_at, complete_at, locks_duration_s, state_string, results)"
                            " SELECT seq, %lld, %lld, %lld, seq, seq, 0, '', 0 FROM seq_1_to_%d",
                            (long long)out_seed->builderid, (long long)out_seed->buildrequestid,
                            (long long)out_seed->masterid, OWN_BUILDS));
    mariadb_run(url, "DROP TABLE daybook_lineage");
    return url;
}

static void expect_newest(const char *url, const struct seed *seed)
{
    static const struct dbk_codebase set = {"git://here", "main", ""};
    struct dbk_store *store;
    struct answer a;
    assert_int_equal(dbk_open(url, NULL, &store, NULL), DBK_OK);
    assert_int_equal(ASK(&a, store, on_build, dbk_get_prev_successful_build, seed->builderid,
                         OWN_BUILDS + 1, &set, 1),
                     DBK_OK);
    assert_non_null(a.build);
    assert_int_equal(a.build->number, OWN_BUILDS);
    dbk_close_wait(store);
}

static int64_t count_lineages(const char *url)
{
    return mariadb_int(url, "SELECT count(*) FROM daybook_lineage");
}

static int check_fn(struct dbk_store *store, bool is_dry_run, const struct dbk_call *call,
                    dbk_report_fn *report, dbk_done_fn *done, void *user)
{
    (void)is_dry_run;
    return dbk_check(store, call, report, done, user);
}

static const char *findings_of(const char *url)
{
    struct dbk_store *store;
    struct reports reports = {.count = 0};
    assert_int_equal(dbk_open(url, NULL, &store, NULL), DBK_OK);
    assert_int_equal(long_run(&reports, store, check_fn, false), DBK_OK);
    dbk_close_wait(store);
    return test_copy(reports.findings);
}

static void upgrade__killed_before_the_lineages_are_filled_fills_them_when_done_again(void **state)
{
    static const char FILLING[] =
        "SELECT count(*) FROM information_schema.processlist WHERE db = database()"
        " AND info LIKE 'SELECT p.id%' AND state LIKE 'Waiting for table metadata lock'";
    struct seed seed;
    (void)state;
    const char *url = place_without_lineages(&seed);
    expect_newest(url, &seed);
    void *holder = mariadb_log_in(url);
    mariadb_text_on(holder, "LOCK TABLES builds WRITE");
    pid_t pid = run_in_a_child(url, dbk_upgrade);
    wait_until(url, FILLING, 1);
    kill(pid, SIGKILL);
    assert_true(WIFSIGNALED(end_of(pid)));
    mariadb_log_out(holder);
    wait_until(url, FILLING, 0);
    /* The table is there, and nothing in it. */
    assert_int_equal(count_lineages(url), 0);
    expect_newest(url, &seed);
    assert_non_null(strstr(findings_of(url), "missing daybook_lineage"));
    assert_int_equal(run_long(url, dbk_upgrade), DBK_OK);
    assert_int_equal(count_lineages(url), OWN_BUILDS);
    assert_string_equal(findings_of(url), "");
    expect_newest(url, &seed);
}

static void upgrade__goes_on_wherever_it_was_killed(void **state)
{
    struct seed seed;
    (void)state;
    const char *url = place_without_lineages(&seed);
    kill_until_it_ends(url, dbk_upgrade, 20000);
    assert_int_equal(count_lineages(url), OWN_BUILDS);
    assert_string_equal(findings_of(url), "");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(
            adopt__keeps_a_master_waiting_for_moments_alone_while_it_makes_an_index, test_end_of),
        cmocka_unit_test_teardown(adopt__goes_on_wherever_it_was_killed, test_end_of),
        cmocka_unit_test_teardown(adopt__cut_off_before_the_version_was_written_goes_on,
                                  test_end_of),
        cmocka_unit_test_teardown(adopt__two_at_once_make_each_thing_once, test_end_of),
        cmocka_unit_test_teardown(
            adopt__costs_neither_a_statement_for_each_build_nor_a_walk_for_each_page, test_end_of),
        cmocka_unit_test_teardown(adopt__says_who_keeps_it_from_making_tables, test_end_of),
        cmocka_unit_test_teardown(
            upgrade__killed_before_the_lineages_are_filled_fills_them_when_done_again, test_end_of),
        cmocka_unit_test_teardown(upgrade__goes_on_wherever_it_was_killed, test_end_of),
    };
    if (argc < 2)
        return 2;
    if (!mariadb_folder())
        return 77; /* meson's word for a skip */
    fixture = argv[1];
    return cmocka_run_group_tests_name("mariadb_adopt", tests, NULL, NULL);
}
