/*
 * A failing engine around the real one: the n-th begin, statement or commit fails as an engine may. The
 * store undoes and repeats batches for that; what is shown here is that no operation is then done twice,
 * lost, or answered wrongly. Each adds one to a counter, so that the sum tells.
 */
#include "support.h"

#include "base/error.h"
#include "store/store.h"

#include <stdatomic.h>

enum point { BEGIN, RUN, COMMIT, COMMIT_AFTER_ALL, POINTS };

static struct fixture fixture;
static const struct dbki_engine *real;
static struct dbki_engine failing;

/* Calls before the one that fails; negative: none does. */
static _Atomic int64_t left[POINTS];
static atomic_bool is_lasting;
static atomic_int failures;

static bool fails(enum point point)
{
    if (atomic_load(&left[point]) < 0)
        return false;
    if (atomic_fetch_sub(&left[point], 1) > 0)
        return false;
    atomic_store(&left[point], atomic_load(&is_lasting) ? 0 : -1);
    atomic_fetch_add(&failures, 1);
    return true;
}

static int begin(struct dbki_conn *conn, enum dbki_mode mode, struct dbki_wait *wait,
                 struct dbk_error *error)
{
    if (mode == DBKI_WRITE && fails(BEGIN))
        return dbki_error_set(error, DBK_UNREACHABLE, "begin failed");
    return real->begin(conn, mode, wait, error);
}

/* The statements of one operation: done, and then it fails. */
static int run(struct dbki_conn *conn, struct dbki_group *const *groups, int count, int *out_failed)
{
    int status = real->run(conn, groups, count, out_failed);
    if (status || !fails(RUN))
        return status;
    *out_failed = 0;
    return dbki_error_set(groups[0]->error, DBK_UNREACHABLE, "a statement failed");
}

static int commit(struct dbki_conn *conn, struct dbki_wait *wait, struct dbk_error *error)
{
    if (fails(COMMIT)) {
        real->rollback(conn);
        return dbki_error_set(error, DBK_UNREACHABLE, "commit failed");
    }
    int status = real->commit(conn, wait, error);
    if (!status && fails(COMMIT_AFTER_ALL)) { /* as a server that is lost before it could say so */
        dbki_error_set(error, DBK_UNREACHABLE, "nobody knows");
        error->outcome = DBK_UNKNOWN;
        return DBK_UNREACHABLE;
    }
    return status;
}

/* Early enough that the store does not yet look for what is old: no commit is the store's own. */
static int64_t early_clock(void *user)
{
    (void)user;
    return 1000;
}

static int set_up(void **state)
{
    struct dbk_options options = DBK_OPTIONS_INIT;
    (void)state;
    options.clock = early_clock;
    fixture_open(&fixture, &options);
    for (int i = 0; i < POINTS; i++)
        atomic_store(&left[i], -1);
    for (int i = 0; i < fixture.store->worker_count; i++) {
        struct dbki_worker *worker = &fixture.store->workers[i];
        if (!worker->is_writer)
            continue;
        real = worker->conn->engine;
        failing = *real;
        failing.begin = begin;
        failing.run = run;
        failing.commit = commit;
        worker->conn->engine = &failing; /* the worker sleeps */
    }
    return 0;
}

static int tear_down(void **state)
{
    for (int i = 0; i < POINTS; i++)
        atomic_store(&left[i], -1);
    fixture_close(&fixture);
    return test_end_of(state);
}

enum { OPS = 60 };

/* Submits a batch of operations that each add 1 to a build's counter. */
static void run_batch(struct answer *answers)
{
    memset(answers, 0, OPS * sizeof *answers);
    file_exec(fixture.path, "UPDATE builds SET locks_duration_s = 0; DELETE FROM daybook_events");
    write_gate_close(&fixture);
    for (int i = 0; i < OPS; i++)
        assert_int_equal(dbk_add_build_locks_duration(fixture.store, 1 + i % SEEDED, 1, NULL,
                                                      on_done, &answers[i]),
                         DBK_OK);
    write_gate_open();
    await(fixture.store, answers, OPS);
}

static void fail_at(enum point point, int64_t after, bool lasting)
{
    atomic_store(&is_lasting, lasting);
    atomic_store(&failures, 0);
    atomic_store(&left[point], after);
}

/* Result: how many said that they failed. */
static int check_batch(const struct answer *answers, enum dbk_outcome outcome)
{
    int failed = 0;
    for (int i = 0; i < OPS; i++) {
        assert_int_equal(answers[i].count, 1);
        if (!answers[i].is_error)
            continue;
        failed++;
        assert_int_equal(answers[i].error.status, DBK_UNREACHABLE);
        assert_int_equal(answers[i].error.outcome, outcome);
        assert_string_equal(answers[i].error.action, "adding to a build's locks duration");
    }
    int64_t sum = file_int(fixture.path, "SELECT sum(locks_duration_s) FROM builds");
    int64_t events = file_int(fixture.path, "SELECT count(*) FROM daybook_events");
    assert_int_equal(sum, events);
    if (outcome == DBK_NOT_DONE)
        assert_int_equal(sum, OPS - failed);
    else
        assert_in_range(sum, OPS - failed, OPS);
    return failed;
}

static void engine__statement_that_fails_once_is_repeated_and_nothing_is_done_twice(void **state)
{
    struct answer answers[OPS];
    (void)state;
    for (int64_t n = 0; n < OPS; n++) {
        fail_at(RUN, n, false);
        run_batch(answers);
        assert_int_equal(atomic_load(&failures), 1);
        assert_int_equal(check_batch(answers, DBK_NOT_DONE), 0);
    }
}

static void engine__statements_that_all_fail_change_nothing(void **state)
{
    struct answer answers[OPS];
    (void)state;
    fail_at(RUN, OPS / 2, true);
    run_batch(answers);
    /* The first half had run; it was undone with the rest, and could not be repeated. */
    assert_int_equal(check_batch(answers, DBK_NOT_DONE), OPS);
    fail_at(RUN, -1, false);
    run_batch(answers);
    assert_int_equal(check_batch(answers, DBK_NOT_DONE), 0);
}

static void engine__commit_that_fails_changes_nothing_and_says_so(void **state)
{
    struct answer answers[OPS];
    (void)state;
    fail_at(COMMIT, 0, false);
    run_batch(answers);
    assert_int_equal(check_batch(answers, DBK_NOT_DONE), OPS);
    run_batch(answers);
    assert_int_equal(check_batch(answers, DBK_NOT_DONE), 0);
}

/* Of a batch that is repeated in parts: n is the part whose commit fails. */
static void engine__commit_that_fails_while_a_batch_is_repeated_fails_its_part_alone(void **state)
{
    struct answer answers[OPS];
    (void)state;
    for (int64_t n = 0; n < 3; n++) {
        int64_t parts_failed[3] = {OPS / 2, 1, OPS - OPS / 2 - 1};
        fail_at(COMMIT, n, false);
        atomic_store(&left[RUN], OPS / 2);
        run_batch(answers);
        assert_int_equal(check_batch(answers, DBK_NOT_DONE), parts_failed[n]);
    }
}

static void
engine__commit_whose_answer_is_lost_has_an_unknown_outcome_and_is_not_repeated(void **state)
{
    struct answer answers[OPS];
    (void)state;
    fail_at(COMMIT_AFTER_ALL, 0, false);
    run_batch(answers);
    assert_int_equal(check_batch(answers, DBK_UNKNOWN), OPS);
    assert_int_equal(file_int(fixture.path, "SELECT sum(locks_duration_s) FROM builds"), OPS);
}

static void engine__begin_that_fails_fails_what_waits_and_nothing_later(void **state)
{
    struct answer answers[OPS];
    (void)state;
    fail_at(BEGIN, 0, false);
    run_batch(answers);
    /* The first one was alone when begin failed, or had company. */
    assert_in_range(check_batch(answers, DBK_NOT_DONE), 1, OPS);
    run_batch(answers);
    assert_int_equal(check_batch(answers, DBK_NOT_DONE), 0);
}

static void engine__begin_that_fails_while_a_batch_is_repeated_fails_its_part_alone(void **state)
{
    struct answer answers[OPS];
    int64_t parts_failed[3] = {OPS / 2, 1, OPS - OPS / 2 - 1};
    (void)state;
    for (int64_t n = 0; n < 3; n++) {
        fail_at(BEGIN, n + 1, false); /* the first begin is the batch's own */
        atomic_store(&left[RUN], OPS / 2);
        run_batch(answers);
        assert_int_equal(check_batch(answers, DBK_NOT_DONE), parts_failed[n]);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(engine__statement_that_fails_once_is_repeated_and_nothing_is_done_twice),
        TEST(engine__statements_that_all_fail_change_nothing),
        TEST(engine__commit_that_fails_changes_nothing_and_says_so),
        TEST(engine__commit_that_fails_while_a_batch_is_repeated_fails_its_part_alone),
        TEST(engine__commit_whose_answer_is_lost_has_an_unknown_outcome_and_is_not_repeated),
        TEST(engine__begin_that_fails_fails_what_waits_and_nothing_later),
        TEST(engine__begin_that_fails_while_a_batch_is_repeated_fails_its_part_alone),
    };
    return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
