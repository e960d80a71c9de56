/*
 * Numbers under attack: many processes add builds to the same builders of one file at once. Each builder's
 * numbers are 1 to n without a gap or a repeat, nobody is told of a lock, and nobody waits much longer
 * than the others: that is what the queue of our processes is for. In a second round a program writes
 * beside them that knows nothing of that queue, in the way that Buildbot's SQLAlchemy does.
 */
#include "ground.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { PROCESSES = 8, BUILDS = 2000, OUTSTANDING = 16, RATIO_MAX = 10 };

static struct ground ground;

static int set_up(void **state)
{
    (void)state;
    ground_make(&ground, false);
    ground_seed_store(ground.path);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ground_remove(&ground);
    return 0;
}

/* What a process reports. Times in microseconds. */
struct report {
    int64_t total_us, mean_us, longest_us;
    int64_t error_count;
    int64_t lock_wait_ms;
    int64_t transaction_count; /* of the foreigner */
    char first_error[400];
};

struct child {
    pid_t pid;
    int fd;
};

/* --------------------------------------------------------------------------- one that adds ---- */

struct adder {
    struct dbk_store *store;
    int submitted, finished, wanted;
    int64_t waited_us;
    uint64_t seen_max[GROUND_BUILDERS + 1];
    struct report report;
};

struct addition {
    struct adder *adder;
    int builderid;
    int64_t submitted_us;
};

static void note_error(struct report *report, const char *words)
{
    if (!report->error_count++)
        snprintf(report->first_error, sizeof report->first_error, "%s", words);
}

static void added(void *user, const struct dbk_error *error, int64_t buildid, int64_t number)
{
    struct addition *addition = user;
    struct adder *adder = addition->adder;
    int64_t waited_us = ground_now_us() - addition->submitted_us;
    (void)buildid;
    adder->waited_us += waited_us;
    if (waited_us > adder->report.longest_us)
        adder->report.longest_us = waited_us;
    if (error)
        note_error(&adder->report, error->message);
    /* One submitter's additions to one builder get their numbers in order. */
    else if ((uint64_t)number <= adder->seen_max[addition->builderid])
        note_error(&adder->report, "a number that is not above the one before");
    else
        adder->seen_max[addition->builderid] = (uint64_t)number;
    adder->finished++;
    free(addition);
}

static void submit_some(struct adder *adder)
{
    while (adder->submitted < adder->wanted && adder->submitted - adder->finished < OUTSTANDING) {
        struct addition *addition = malloc(sizeof *addition);
        GROUND_NEED(addition, "malloc");
        *addition =
            (struct addition){adder, 1 + adder->submitted % GROUND_BUILDERS, ground_now_us()};
        int status = dbk_add_build(adder->store, addition->builderid, 1, 1, 1, "starting", NULL,
                                   added, addition);
        GROUND_NEED(!status, "add_build refused: %s", dbk_status_name((enum dbk_status)status));
        adder->submitted++;
    }
}

static _Noreturn void run_adder(int start_fd, int report_fd, int wanted)
{
    struct adder adder = {.wanted = wanted};
    struct dbk_stats stats;
    char go;
    adder.store = ground_open(ground.path, false);
    GROUND_NEED(!ground_read_all(start_fd, &go, 1),
                "the gate"); /* its end is closed: all start now */
    int64_t start_us = ground_now_us();
    while (adder.finished < wanted) {
        submit_some(&adder);
        dbk_wait(adder.store, -1);
    }
    adder.report.total_us = ground_now_us() - start_us;
    adder.report.mean_us = adder.waited_us / wanted;
    dbk_get_stats(adder.store, &stats, sizeof stats);
    adder.report.lock_wait_ms = stats.lock_wait_ms;
    dbk_close_wait(adder.store);
    ground_write_all(report_fd, &adder.report, sizeof adder.report);
    _exit(0);
}

/* ------------------------------------------------------------------------- one that is foreign ---- */

static bool try_sql(sqlite3 *db, const char *sql, struct report *report)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK)
        return true;
    note_error(report, sqlite3_errmsg(db));
    if (!sqlite3_get_autocommit(db))
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return false;
}

/* As Buildbot's: a plain BEGIN before the first change, 5 seconds of SQLite's own patience, some work of the
 * program's own between one transaction and the next. Runs until the gate of the end is shut. */
static _Noreturn void run_foreigner(int start_fd, int report_fd, int stop_fd)
{
    struct report report = {0};
    char go;
    sqlite3 *db = ground_sql_open(ground.path);
    sqlite3_busy_timeout(db, 5000);
    sqlite3_wal_autocheckpoint(db, 0);
    GROUND_NEED(!ground_read_all(start_fd, &go, 1), "the gate");
    int64_t start_us = ground_now_us();
    while (read(stop_fd, &go, 1) < 0 && errno == EAGAIN) {
        int64_t before_us = ground_now_us();
        if (try_sql(db, "BEGIN", &report) &&
            try_sql(db, "UPDATE masters SET last_active = last_active + 1 WHERE id = 1", &report) &&
            try_sql(db,
                    "INSERT INTO build_data (buildid, name, value, length, source)"
                    " SELECT 1, 'foreign' || count(*), x'00', 1, 'f' FROM build_data",
                    &report) &&
            try_sql(db, "COMMIT", &report))
            report.transaction_count++;
        int64_t waited_us = ground_now_us() - before_us;
        if (waited_us > report.longest_us)
            report.longest_us = waited_us;
        usleep(2000);
    }
    report.total_us = ground_now_us() - start_us;
    sqlite3_close(db);
    ground_write_all(report_fd, &report, sizeof report);
    _exit(0);
}

/* ------------------------------------------------------------------------------- the attack ---- */

/* role: -1 for the foreigner, who stops when its gate is shut. gates: pipes whose write ends are ours. */
static struct child start(int role, const int *start_gate, const int *stop_gate)
{
    struct child child;
    int fds[2];
    GROUND_NEED(pipe(fds) == 0, "pipe");
    fflush(NULL);
    child.pid = fork();
    GROUND_NEED(child.pid >= 0, "fork");
    if (child.pid == 0) {
        ground_is_child();
        close(fds[0]);
        close(start_gate[1]);
        close(stop_gate[1]);
        if (role < 0)
            run_foreigner(start_gate[0], fds[1], stop_gate[0]);
        run_adder(start_gate[0], fds[1], ground_scale(BUILDS));
    }
    close(fds[1]);
    child.fd = fds[0];
    return child;
}

static bool finish(struct child child, struct report *out_report)
{
    bool is_read = ground_read_all(child.fd, out_report, sizeof *out_report);
    close(child.fd);
    return ground_reap(child.pid) == 0 && is_read;
}

static void check_numbers(int64_t expected_count)
{
    sqlite3 *db = ground_sql_open(ground.path);
    assert_int_equal(ground_sql_int(db, "SELECT count(*) FROM builds"), expected_count);
    /* As the unique index could be wrong itself, the tables are read without it. */
    assert_int_equal(
        ground_sql_int(db, "SELECT count(*) FROM (SELECT builderid FROM builds NOT INDEXED"
                           " GROUP BY builderid HAVING min(number) <> 1 OR max(number) <> count(*)"
                           " OR count(DISTINCT number) <> count(*))"),
        0);
    assert_int_equal(ground_sql_int(db, "SELECT count(DISTINCT builderid) FROM builds"),
                     GROUND_BUILDERS);
    assert_int_equal(ground_sql_int(db, "SELECT count(*) FROM daybook_events"
                                        " WHERE kind = 'build' AND verb = 'new'"),
                     expected_count);
    sqlite3_close(db);
}

static void attack(bool has_foreigner)
{
    struct child children[PROCESSES], foreigner = {0};
    struct report reports[PROCESSES], foreign = {0};
    int start_gate[2], stop_gate[2];
    int64_t mean_min = INT64_MAX, mean_max = 0, total_max = 0, total_min = INT64_MAX, longest = 0;
    bool is_good = true;
    GROUND_NEED(pipe(start_gate) == 0 && pipe2(stop_gate, O_NONBLOCK) == 0, "pipe");
    for (int i = 0; i < PROCESSES; i++)
        children[i] = start(i, start_gate, stop_gate);
    if (has_foreigner)
        foreigner = start(-1, start_gate, stop_gate);
    close(start_gate[0]);
    close(start_gate[1]);
    for (int i = 0; i < PROCESSES; i++)
        is_good &= finish(children[i], &reports[i]);
    close(stop_gate[0]);
    close(stop_gate[1]);
    if (has_foreigner)
        is_good &= finish(foreigner, &foreign);
    assert_true(is_good);
    for (int i = 0; i < PROCESSES; i++) {
        const struct report *report = &reports[i];
        print_message(
            "process %d: total %lld ms, mean wait %.2f ms, longest %.1f ms, at locks %lld ms,"
            " %lld errors%s%s\n",
            i, (long long)report->total_us / 1000, (double)report->mean_us / 1000,
            (double)report->longest_us / 1000, (long long)report->lock_wait_ms,
            (long long)report->error_count, report->error_count ? ": " : "",
            report->error_count ? report->first_error : "");
        mean_min = report->mean_us < mean_min ? report->mean_us : mean_min;
        mean_max = report->mean_us > mean_max ? report->mean_us : mean_max;
        total_min = report->total_us < total_min ? report->total_us : total_min;
        total_max = report->total_us > total_max ? report->total_us : total_max;
        longest = report->longest_us > longest ? report->longest_us : longest;
    }
    print_message(
        "mean waits differ by a factor of %.2f, total times by %.2f; longest wait %.1f ms; "
        "%.0f builds a second\n",
        (double)mean_max / (double)mean_min, (double)total_max / (double)total_min,
        (double)longest / 1000, 1e6 * PROCESSES * ground_scale(BUILDS) / (double)total_max);
    for (int i = 0; i < PROCESSES; i++)
        assert_int_equal(reports[i].error_count, 0);
    check_numbers((int64_t)PROCESSES * ground_scale(BUILDS));
    assert_true(mean_max <= RATIO_MAX * mean_min);
    assert_true(total_max <= RATIO_MAX * total_min);
    if (has_foreigner) {
        print_message("foreign writer: %lld transactions, longest wait %.1f ms, %lld refused%s%s\n",
                      (long long)foreign.transaction_count, (double)foreign.longest_us / 1000,
                      (long long)foreign.error_count, foreign.error_count ? ": " : "",
                      foreign.error_count ? foreign.first_error : "");
        /* SQLite's lock is unfair to it, and its patience its own; but it gets through. */
        assert_true(foreign.transaction_count > 2 * foreign.error_count);
    }
}

static void add_build__numbers_have_no_gap_and_no_repeat_under_attack(void **state)
{
    (void)state;
    attack(false);
}

static void add_build__numbers_hold_beside_a_foreign_writer(void **state)
{
    (void)state;
    attack(true);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(add_build__numbers_have_no_gap_and_no_repeat_under_attack,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(add_build__numbers_hold_beside_a_foreign_writer, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests_name("numbers", tests, NULL, NULL);
}
