/* Rule 4 of the contract: cancelling and deadlines, in each state that an operation can be in. */
#include "support.h"

#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <unistd.h>

static struct fixture fixture;

static int set_up(void **state)
{
    struct dbk_options options = DBK_OPTIONS_INIT;
    (void)state;
    options.reader_count = 1;
    fixture_open(&fixture, &options);
    return 0;
}

static int tear_down(void **state)
{
    fixture_close(&fixture);
    return test_end_of(state);
}

/* Sets a state string by a call with a deadline; 0: none. */
static struct dbk_op submit_state(int64_t buildid, const char *text, int64_t timeout_ms,
                                  struct answer *answer)
{
    struct dbk_op op = {0};
    struct dbk_call call = DBK_CALL_INIT;
    call.out_op = &op;
    call.timeout_ms = timeout_ms;
    assert_int_equal(
        dbk_set_build_state_string(fixture.store, buildid, text, &call, on_done, answer), DBK_OK);
    assert_int_not_equal(op.id, 0);
    return op;
}

static struct dbk_op submit_read(int64_t timeout_ms, struct answer *answer)
{
    struct dbk_op op = {0};
    struct dbk_call call = DBK_CALL_INIT;
    call.out_op = &op;
    call.timeout_ms = timeout_ms;
    assert_int_equal(dbk_get_build(fixture.store, 1, &call, on_build, answer), DBK_OK);
    return op;
}

static void assert_ended(const struct answer *answer, enum dbk_status status, const char *action)
{
    assert_int_equal(answer->count, 1);
    assert_true(answer->is_error);
    assert_int_equal(answer->error.status, status);
    assert_int_equal(answer->error.outcome, DBK_NOT_DONE);
    assert_true(answer->error.is_retryable);
    assert_string_equal(answer->error.action, action);
    assert_true(answer->error.message[0]);
}

/* An update to this state stands still within its statement. */
static void gate_updates(void)
{
    file_exec(fixture.path, "CREATE TRIGGER gate BEFORE UPDATE ON builds"
                            " WHEN new.state_string = 'gated' BEGIN SELECT test_gate(1); END");
}

/* ------------------------------------------------------------------------------- cancelling ---- */

static void cancel__waiting_write_has_no_effect_and_is_answered_at_once(void **state)
{
    struct answer answers[3] = {{0}};
    struct dbk_op ops[3];
    (void)state;
    write_gate_close(&fixture);
    for (int i = 0; i < 3; i++)
        ops[i] = submit_state(1 + i, "new", 0, &answers[i]);
    assert_int_equal(dbk_cancel(fixture.store, ops[1]), DBK_OK);
    assert_int_equal(answers[1].count, 0);
    await(fixture.store, &answers[1], 1); /* the gate is still closed */
    assert_ended(&answers[1], DBK_CANCELLED, "setting a build's state string");
    assert_int_equal(dbk_cancel(fixture.store, ops[1]), DBK_NOT_FOUND);
    write_gate_open();
    await(fixture.store, answers, 3);
    assert_false(answers[0].is_error || answers[2].is_error);
    assert_int_equal(file_int(fixture.path, "SELECT group_concat(id, '') = '13' FROM builds"
                                            " WHERE state_string = 'new'"),
                     1);
    assert_int_equal(file_int(fixture.path, "SELECT count(*) FROM daybook_events"), 2);
}

static void cancel__running_write_ends_with_its_true_result(void **state)
{
    struct answer answer = {0};
    (void)state;
    gate_updates();
    inner_gate_close();
    struct dbk_op op = submit_state(1, "gated", 0, &answer);
    inner_gate_await();
    assert_int_equal(dbk_cancel(fixture.store, op), DBK_NOT_FOUND);
    inner_gate_open();
    await(fixture.store, &answer, 1);
    assert_false(answer.is_error);
    assert_int_equal(
        file_int(fixture.path, "SELECT state_string = 'gated' FROM builds WHERE id = 1"), 1);
}

static void cancel__waiting_read_ends_and_the_running_one_gives_its_result(void **state)
{
    struct answer running = {0}, waiting = {0};
    (void)state;
    gate_builds(&fixture);
    inner_gate_close();
    struct dbk_op running_op = submit_read(0, &running);
    inner_gate_await();
    struct dbk_op waiting_op = submit_read(0, &waiting);
    assert_int_equal(dbk_cancel(fixture.store, running_op), DBK_NOT_FOUND);
    assert_int_equal(dbk_cancel(fixture.store, waiting_op), DBK_OK);
    await(fixture.store, &waiting, 1);
    assert_ended(&waiting, DBK_CANCELLED, "getting a build");
    assert_int_equal(running.count, 0);
    inner_gate_open();
    await(fixture.store, &running, 1);
    assert_false(running.is_error);
    assert_string_equal(running.text, "seeded");
}

static void cancel__finished_one_gives_its_result(void **state)
{
    struct answer answer = {0};
    (void)state;
    struct dbk_op op = submit_state(1, "new", 0, &answer);
    assert_true(await_readable(fixture.store, NO_LIMIT_MS)); /* finished, and not dispatched */
    assert_int_equal(dbk_cancel(fixture.store, op), DBK_NOT_FOUND);
    await(fixture.store, &answer, 1);
    assert_false(answer.is_error);
    assert_int_equal(dbk_cancel(fixture.store, op), DBK_NOT_FOUND);
    assert_int_equal(dispatch(fixture.store), 0);
    assert_int_equal(answer.count, 1);
}

static void cancel__unknown_operation_is_not_found(void **state)
{
    (void)state;
    assert_int_equal(dbk_cancel(fixture.store, (struct dbk_op){0}), DBK_NOT_FOUND);
    assert_int_equal(dbk_cancel(fixture.store, (struct dbk_op){UINT64_MAX}), DBK_NOT_FOUND);
}

struct cancelling {
    const struct dbk_op *ops;
    int count, cancelled;
};

static void *cancel_all(void *user)
{
    struct cancelling *cancelling = user;
    for (int i = 0; i < cancelling->count; i++)
        cancelling->cancelled += dbk_cancel(fixture.store, cancelling->ops[i]) == DBK_OK;
    return NULL;
}

static void cancel__from_other_threads_hits_each_operation_once(void **state)
{
    enum { OPS = 500, THREADS = 4 };
    struct answer *answers = test_take(OPS * sizeof *answers);
    struct dbk_op *ops = test_take(OPS * sizeof *ops);
    struct cancelling cancellings[THREADS];
    pthread_t threads[THREADS];
    int cancelled = 0, errors = 0;
    (void)state;
    for (int i = 0; i < OPS; i++)
        ops[i] = submit_state(1, "new", 0, &answers[i]);
    for (int i = 0; i < THREADS; i++) {
        cancellings[i] = (struct cancelling){ops, OPS, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, cancel_all, &cancellings[i]), 0);
    }
    await(fixture.store, answers, OPS);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        cancelled += cancellings[i].cancelled;
    }
    for (int i = 0; i < OPS; i++) {
        assert_int_equal(answers[i].count, 1);
        errors += answers[i].is_error;
    }
    assert_int_equal(errors, cancelled);
    assert_int_equal(file_int(fixture.path, "SELECT count(*) FROM daybook_events"),
                     OPS - cancelled);
}

/*
 * Work in turns: what a turn did stays done. A batch takes 1,024 operations; the deletion is in the first
 * one, waits behind a second one for its next turn, and that one stands still.
 */
static void cancel__between_turns_says_that_something_was_done(void **state)
{
    enum { BATCH = 1024, OPS = 2 * BATCH - 1, ROWS_A_TURN = 64 };
    struct answer *answers = test_take(OPS * sizeof *answers), deletion = {0};
    struct dbk_op op;
    struct dbk_call call = DBK_CALL_INIT;
    (void)state;
    call.out_op = &op;
    gate_updates();
    file_exec(fixture.path,
              "UPDATE builds SET complete_at = 1;"
              "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)"
              " INSERT INTO build_data (buildid, name, value, length, source)"
              " SELECT 1, 'data' || i, x'00', 1, 'test' FROM n");
    inner_gate_close();
    write_gate_close(&fixture);
    assert_int_equal(dbk_delete_old_build_data(fixture.store, 1000, &call, on_count, &deletion),
                     DBK_OK);
    for (int i = 0; i < OPS; i++)
        submit_state(1, i == BATCH - 1 ? "gated" : "new", 0, &answers[i]);
    write_gate_open();
    inner_gate_await();
    assert_int_equal(dbk_cancel(fixture.store, op), DBK_OK);
    inner_gate_open();
    await(fixture.store, answers, OPS);
    await(fixture.store, &deletion, 1);
    assert_true(deletion.is_error);
    assert_int_equal(deletion.error.status, DBK_CANCELLED);
    assert_int_equal(deletion.error.outcome, DBK_DONE);
    assert_int_equal(deletion.size, ROWS_A_TURN);
    assert_int_equal(file_int(fixture.path, "SELECT count(*) FROM build_data"), 1000 - ROWS_A_TURN);
}

/* -------------------------------------------------------------------------------- deadlines ---- */

static void deadline__of_2_s_while_another_program_writes_is_kept(void **state)
{
    struct answer late = {0}, patient[2] = {{0}};
    (void)state;
    write_gate_close(&fixture);
    int64_t start_ms = now_ms();
    set_state(fixture.store, 2, "patient", &patient[0]);
    submit_state(1, "late", 2000, &late);
    set_state(fixture.store, 3, "patient", &patient[1]);
    await(fixture.store, &late, 1);
    int64_t took_ms = now_ms() - start_ms;
    assert_true(took_ms >= 1999);
    assert_true(took_ms < 4000);
    assert_ended(&late, DBK_TIMEOUT, "setting a build's state string");
    assert_int_equal(patient[0].count + patient[1].count, 0);
    write_gate_open();
    await(fixture.store, patient, 2);
    assert_false(patient[0].is_error || patient[1].is_error);
    assert_int_equal(file_int(fixture.path, "SELECT group_concat(id, '') = '23' FROM builds"
                                            " WHERE state_string <> 'seeded'"),
                     1);
    assert_int_equal(file_int(fixture.path, "SELECT count(*) FROM daybook_events"), 2);
}

static void deadline__is_seen_through_the_descriptor_alone(void **state)
{
    struct answer answers[2] = {{0}};
    struct epoll_event event = {.events = EPOLLIN};
    (void)state;
    write_gate_close(&fixture);
    submit_state(1, "late", 50, &answers[0]);
    while (!answers[0].count) {
        struct pollfd fd = {.fd = dbk_fd(fixture.store), .events = POLLIN};
        assert_int_equal(poll(&fd, 1, -1), 1);
        dispatch(fixture.store);
    }
    submit_state(1, "late", 50, &answers[1]);
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    assert_int_equal(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, dbk_fd(fixture.store), &event), 0);
    while (!answers[1].count) {
        assert_int_equal(epoll_wait(epoll_fd, &event, 1, -1), 1);
        dispatch(fixture.store);
    }
    close(epoll_fd);
    for (int i = 0; i < 2; i++)
        assert_ended(&answers[i], DBK_TIMEOUT, "setting a build's state string");
    /* Nothing is left that would wake the loop. */
    assert_false(await_readable(fixture.store, 0));
    write_gate_open();
}

static void deadline__that_passed_while_nobody_dispatched_leaves_no_effect(void **state)
{
    struct answer late = {0}, next = {0};
    struct dbk_stats stats = {0};
    (void)state;
    write_gate_close(&fixture);
    submit_state(1, "late", 30, &late);
    set_state(fixture.store, 2, "next", &next);
    assert_true(await_readable(fixture.store, NO_LIMIT_MS)); /* the deadline's timer */
    write_gate_open();
    while (stats.write_count < 2) /* the writer has been through both */
        dbk_get_stats(fixture.store, &stats, sizeof stats);
    await(fixture.store, &next, 1);
    await(fixture.store, &late, 1);
    assert_false(next.is_error);
    assert_ended(&late, DBK_TIMEOUT, "setting a build's state string");
    assert_int_equal(
        file_int(fixture.path, "SELECT state_string = 'seeded' FROM builds WHERE id = 1"), 1);
}

static void deadline__of_a_running_write_gives_its_true_result(void **state)
{
    struct answer answer = {0};
    (void)state;
    gate_updates();
    inner_gate_close();
    submit_state(1, "gated", 50, &answer);
    inner_gate_await();
    assert_true(await_readable(fixture.store, NO_LIMIT_MS)); /* the deadline has passed */
    assert_int_equal(dispatch(fixture.store), 0);
    inner_gate_open();
    await(fixture.store, &answer, 1);
    assert_false(answer.is_error);
    assert_int_equal(
        file_int(fixture.path, "SELECT state_string = 'gated' FROM builds WHERE id = 1"), 1);
}

static void deadline__of_a_finished_write_gives_its_true_result(void **state)
{
    enum { TIMEOUT_MS = 100 };
    struct answer answer = {0};
    struct dbk_stats stats = {0};
    (void)state;
    int64_t start_ms = now_ms();
    submit_state(1, "in time", TIMEOUT_MS, &answer);
    while (!stats.ready_count)
        dbk_get_stats(fixture.store, &stats, sizeof stats);
    bool was_in_time = now_ms() - start_ms < TIMEOUT_MS;
    while (now_ms() - start_ms <= TIMEOUT_MS)
        poll(NULL, 0, 10);
    await(fixture.store, &answer, 1);
    if (was_in_time) /* else a slow machine made it late, rightly */
        assert_false(answer.is_error);
}

static void deadline__of_a_waiting_read_leaves_the_running_one_alone(void **state)
{
    struct answer running = {0}, waiting = {0};
    (void)state;
    gate_builds(&fixture);
    inner_gate_close();
    submit_read(0, &running);
    inner_gate_await();
    submit_read(50, &waiting);
    await(fixture.store, &waiting, 1);
    assert_ended(&waiting, DBK_TIMEOUT, "getting a build");
    inner_gate_open();
    await(fixture.store, &running, 1);
    assert_false(running.is_error);
}

static void deadline__ends_a_long_read_that_runs_and_says_how_to_ask_for_less(void **state)
{
    struct answer endless = {0}, next = {0};
    (void)state;
    file_exec(fixture.path,
              "PRAGMA legacy_alter_table = ON; ALTER TABLE buildsets RENAME TO real_buildsets;"
              "CREATE VIEW buildsets AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1"
              " FROM n) SELECT i AS id, 1 AS parent_buildid FROM n WHERE i < 0");
    struct dbk_call call = DBK_CALL_INIT;
    call.timeout_ms = 200;
    int64_t start_ms = now_ms();
    assert_int_equal(dbk_get_triggered_builds(fixture.store, 1, NULL, &call, on_builds, &endless),
                     DBK_OK);
    await(fixture.store, &endless, 1);
    assert_true(now_ms() - start_ms >= 199);
    assert_ended(&endless, DBK_TIMEOUT, "listing triggered builds");
    assert_non_null(strstr(endless.error.message, "narrow it by a builder"));
    get_state(fixture.store, 1, &next); /* by the same reader */
    await(fixture.store, &next, 1);
    assert_string_equal(next.text, "seeded");
}

static void deadline__the_earlier_one_ends_first(void **state)
{
    enum { OPS = 5 };
    struct answer answers[OPS] = {{0}};
    (void)state;
    write_gate_close(&fixture);
    for (int i = 0; i < OPS; i++)
        submit_state(1, "late", 2000 - 400 * i,
                     &answers[i]); /* further apart than a busy machine naps */
    await(fixture.store, answers, OPS);
    for (int i = 1; i < OPS; i++)
        assert_true(answers[i].turn < answers[i - 1].turn);
    write_gate_open();
}

static void deadline__far_away_is_as_none(void **state)
{
    struct answer answers[2] = {{0}};
    (void)state;
    submit_state(1, "new", INT64_MAX, &answers[0]);
    submit_read(INT64_MAX / 1000000, &answers[1]);
    await(fixture.store, answers, 2);
    assert_false(answers[0].is_error || answers[1].is_error);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(cancel__waiting_write_has_no_effect_and_is_answered_at_once),
        TEST(cancel__running_write_ends_with_its_true_result),
        TEST(cancel__waiting_read_ends_and_the_running_one_gives_its_result),
        TEST(cancel__finished_one_gives_its_result),
        TEST(cancel__unknown_operation_is_not_found),
        TEST(cancel__from_other_threads_hits_each_operation_once),
        TEST(cancel__between_turns_says_that_something_was_done),
        TEST(deadline__of_2_s_while_another_program_writes_is_kept),
        TEST(deadline__is_seen_through_the_descriptor_alone),
        TEST(deadline__that_passed_while_nobody_dispatched_leaves_no_effect),
        TEST(deadline__of_a_running_write_gives_its_true_result),
        TEST(deadline__of_a_finished_write_gives_its_true_result),
        TEST(deadline__of_a_waiting_read_leaves_the_running_one_alone),
        TEST(deadline__ends_a_long_read_that_runs_and_says_how_to_ask_for_less),
        TEST(deadline__the_earlier_one_ends_first),
        TEST(deadline__far_away_is_as_none),
    };
    inner_gate_install();
    return cmocka_run_group_tests_name("cancel", tests, NULL, NULL);
}
