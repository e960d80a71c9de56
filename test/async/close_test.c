/*
 * Closing: what was not begun is cancelled, what was begun is finished, each callback runs once, that of
 * the closing last; and from then on nothing of the store is left (the address sanitizer looks).
 */
#include "support.h"

#include <pthread.h>

static struct fixture fixture;

static int set_up(void **state)
{
    (void)state;
    fixture_open(&fixture, NULL);
    return 0;
}

static int tear_down(void **state)
{
    fixture_close(&fixture);
    return test_end_of(state);
}

/* Dispatches until the closing is answered. The store is gone then. */
static void await_close(const struct answer *answer)
{
    while (!answer->count)
        dispatch_wait(fixture.store, NO_LIMIT_MS);
    fixture.store = NULL;
}

static void close__with_thousands_outstanding_answers_each_once_and_itself_last(void **state)
{
    enum { OPS = 6000 };
    struct answer *answers = test_take(OPS * sizeof *answers), closed = {0};
    int64_t written = 0;
    (void)state;
    for (int i = 0; i < OPS; i++)
        if (i % 2)
            add_build(fixture.store, 1, &answers[i]);
        else
            get_state(fixture.store, 1, &answers[i]);
    assert_int_equal(dbk_close(fixture.store, on_done, &closed), DBK_OK);
    await_close(&closed);
    assert_int_equal(closed.count, 1);
    assert_false(closed.is_error);
    for (int i = 0; i < OPS; i++) {
        assert_int_equal(answers[i].count, 1);
        assert_true(answers[i].turn < closed.turn);
        assert_false(answers[i].is_outside);
        if (answers[i].is_error) {
            assert_int_equal(answers[i].error.status, DBK_CANCELLED);
            assert_int_equal(answers[i].error.outcome, DBK_NOT_DONE);
        } else {
            written += i % 2;
        }
    }
    assert_int_equal(file_int(fixture.path, "SELECT count(*) FROM builds"), SEEDED + written);
}

static void close__cancels_what_waits_and_finishes_what_runs(void **state)
{
    struct answer running = {0}, waiting[3] = {{0}}, closed = {0};
    (void)state;
    file_exec(fixture.path, "CREATE TRIGGER gate BEFORE UPDATE ON builds"
                            " WHEN new.state_string = 'gated' BEGIN SELECT test_gate(1); END");
    inner_gate_close();
    set_state(fixture.store, 1, "gated", &running);
    inner_gate_await();
    for (int i = 0; i < 3; i++)
        set_state(fixture.store, 2 + i, "new", &waiting[i]);
    assert_int_equal(dbk_close(fixture.store, on_done, &closed), DBK_OK);
    await(fixture.store, waiting, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(waiting[i].error.status, DBK_CANCELLED);
        assert_int_equal(waiting[i].error.outcome, DBK_NOT_DONE);
        assert_string_equal(waiting[i].error.action, "setting a build's state string");
    }
    assert_int_equal(running.count + closed.count, 0);
    inner_gate_open();
    await_close(&closed);
    assert_int_equal(running.count, 1);
    assert_false(running.is_error);
    assert_true(running.turn < closed.turn);
    assert_int_equal(file_int(fixture.path, "SELECT group_concat(id, '') = '1' FROM builds"
                                            " WHERE state_string <> 'seeded'"),
                     1);
}

static void close__does_not_wait_for_another_programs_lock(void **state)
{
    enum { OPS = 20 };
    struct answer answers[OPS] = {{0}};
    (void)state;
    write_gate_close(&fixture);
    for (int i = 0; i < OPS; i++)
        set_state(fixture.store, 1, "new", &answers[i]);
    assert_int_equal(dbk_close_wait(fixture.store), DBK_OK); /* the gate is closed all the time */
    fixture.store = NULL;
    write_gate_open();
    for (int i = 0; i < OPS; i++)
        assert_int_equal(answers[i].error.status, DBK_CANCELLED);
    assert_int_equal(file_int(fixture.path, "SELECT count(*) FROM daybook_events"), 0);
}

static void close__twice_is_refused_and_only_the_first_is_answered(void **state)
{
    struct answer first = {0}, second = {0};
    (void)state;
    assert_int_equal(dbk_close(fixture.store, on_done, &first), DBK_OK);
    assert_int_equal(dbk_close(fixture.store, on_done, &second), DBK_CLOSED);
    await_close(&first);
    assert_int_equal(first.count, 1);
    assert_int_equal(second.count, 0);
}

static void close_wait__after_close_waits_for_its_end(void **state)
{
    struct answer answer = {0}, closed = {0};
    (void)state;
    set_state(fixture.store, 1, "new", &answer);
    assert_int_equal(dbk_close(fixture.store, on_done, &closed), DBK_OK);
    assert_int_equal(dbk_close_wait(fixture.store), DBK_OK);
    fixture.store = NULL;
    assert_int_equal(answer.count, 1);
    assert_int_equal(closed.count, 1);
}

static void close_wait__of_null_is_fine(void **state)
{
    (void)state;
    assert_int_equal(dbk_close_wait(NULL), DBK_OK);
    assert_int_equal(dbk_close(NULL, NULL, NULL), DBK_INVALID);
    assert_int_equal(dbk_dispatch(NULL), 0);
    assert_int_equal(dbk_wait(NULL, NO_LIMIT_MS), 0);
    assert_int_equal(dbk_fd(NULL), -1);
}

static void close__refuses_what_is_submitted_afterwards(void **state)
{
    struct answer write = {0}, read = {0}, closed = {0};
    struct dbk_error refusal;
    struct dbk_call call = DBK_CALL_INIT;
    (void)state;
    call.out_refusal = &refusal;
    assert_int_equal(dbk_close(fixture.store, on_done, &closed), DBK_OK);
    assert_int_equal(dbk_finish_build(fixture.store, 1, 0, &call, on_done, &write), DBK_CLOSED);
    assert_int_equal(refusal.status, DBK_CLOSED);
    assert_int_equal(dbk_get_build(fixture.store, 1, &call, on_build, &read), DBK_CLOSED);
    assert_int_equal(dbk_cancel(fixture.store, (struct dbk_op){1}), DBK_NOT_FOUND);
    await_close(&closed);
    assert_int_equal(write.count + read.count, 0);
}

struct closing {
    struct answer own, closed;
    int close_status, submit_status, dispatched, waited;
};

/* The last callback: whatever it tries, the store goes when it returns. */
static void try_much(void *user, const struct dbk_error *error)
{
    struct closing *closing = user;
    on_any(&closing->closed, error);
    closing->submit_status = dbk_finish_build(fixture.store, 1, 0, NULL, on_done, &closing->own);
    closing->dispatched = dbk_dispatch(fixture.store);
    closing->waited = dbk_wait(fixture.store, NO_LIMIT_MS);
    closing->close_status = dbk_close(fixture.store, on_done, &closing->own);
}

static void close__from_its_own_callback_on_nothing_can_be_done(void **state)
{
    struct closing closing = {.dispatched = -1, .waited = -1};
    (void)state;
    assert_int_equal(dbk_close(fixture.store, try_much, &closing), DBK_OK);
    await_close(&closing.closed);
    assert_int_equal(closing.closed.count, 1);
    assert_int_equal(closing.own.count, 0);
    assert_int_equal(closing.submit_status, DBK_CLOSED);
    assert_int_equal(closing.close_status, DBK_CLOSED);
    assert_int_equal(closing.dispatched, 0);
    assert_int_equal(closing.waited, 0);
}

static void close_here(void *user, const struct dbk_error *error)
{
    struct closing *closing = user;
    on_any(&closing->own, error);
    closing->close_status = dbk_close(fixture.store, on_done, &closing->closed);
}

static void close__may_be_called_from_a_callback(void **state)
{
    enum { OPS = 500 };
    struct answer *answers = test_take(OPS * sizeof *answers);
    struct closing closing = {.close_status = -1};
    (void)state;
    for (int i = 0; i < OPS; i++) {
        if (i == OPS / 2)
            assert_int_equal(
                dbk_set_build_state_string(fixture.store, 1, "new", NULL, close_here, &closing),
                DBK_OK);
        set_state(fixture.store, 1, "new", &answers[i]);
    }
    await_close(&closing.closed);
    assert_int_equal(closing.close_status, DBK_OK);
    assert_int_equal(closing.own.count, 1);
    for (int i = 0; i < OPS; i++)
        assert_int_equal(answers[i].count, 1);
}

static void close__without_a_callback_is_fine(void **state)
{
    struct answer answer = {0};
    (void)state;
    set_state(fixture.store, 1, "new", &answer);
    assert_int_equal(dbk_close(fixture.store, NULL, NULL), DBK_OK);
    assert_int_equal(dbk_close_wait(fixture.store), DBK_OK);
    fixture.store = NULL;
    assert_int_equal(answer.count, 1);
}

static void close__leaves_all_in_the_database_file(void **state)
{
    struct answer answer = {0};
    struct dbk_store *store;
    (void)state;
    add_build(fixture.store, 1, &answer);
    await(fixture.store, &answer, 1);
    assert_int_equal(dbk_close_wait(fixture.store), DBK_OK);
    assert_int_equal(dbk_open(fixture.path, NULL, &store, NULL), DBK_OK);
    fixture.store = store;
    struct answer read = {0};
    get_state(store, answer.id, &read);
    await(store, &read, 1);
    assert_int_equal(read.number, answer.number);
}

/* ---------------------------------------------------------------------- threads, and in memory ---- */

/* A store in memory has one thread for all. */
static struct dbk_store *open_in_memory(void)
{
    struct dbk_store *store;
    struct dbk_error error;
    if (dbk_open("sqlite://", NULL, &store, &error))
        fail_msg("%s", error.message);
    return store;
}

static void close__of_a_store_in_memory_answers_each_once(void **state)
{
    enum { OPS = 3000 };
    struct answer *answers = test_take(OPS * sizeof *answers), closed = {0};
    (void)state;
    struct dbk_store *store = open_in_memory();
    for (int i = 0; i < OPS; i++)
        if (i % 3)
            get_state(store, 1, &answers[i]);
        else
            set_state(store, 1, "nobody", &answers[i]);
    assert_int_equal(dbk_close(store, on_done, &closed), DBK_OK);
    while (!closed.count)
        dispatch_wait(store, NO_LIMIT_MS);
    for (int i = 0; i < OPS; i++) {
        assert_int_equal(answers[i].count, 1);
        assert_true(answers[i].turn < closed.turn);
    }
}

struct last_submit {
    struct dbk_store *store;
    struct closing closing;
    int status;
};

static void close_store(void *user, const struct dbk_error *error)
{
    struct last_submit *last = user;
    on_any(&last->closing.own, error);
    last->closing.close_status = dbk_close(last->store, on_done, &last->closing.closed);
}

static void *submit_last(void *user)
{
    struct last_submit *last = user;
    last->status = dbk_set_build_state_string(last->store, 1, "nobody", NULL, close_store, last);
    return NULL;
}

/* The callback may come, and the store go, before the submitting call has returned. */
static void close__in_the_callback_of_another_threads_last_submit(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        struct last_submit last = {.store = open_in_memory(), .status = -1};
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, submit_last, &last), 0);
        while (!last.closing.closed.count) {
            await_readable(last.store, NO_LIMIT_MS);
            dispatch(last.store);
        }
        pthread_join(thread, NULL);
        assert_int_equal(last.status, DBK_OK);
        assert_int_equal(last.closing.own.count, 1);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(close__with_thousands_outstanding_answers_each_once_and_itself_last),
        TEST(close__cancels_what_waits_and_finishes_what_runs),
        TEST(close__does_not_wait_for_another_programs_lock),
        TEST(close__twice_is_refused_and_only_the_first_is_answered),
        TEST(close_wait__after_close_waits_for_its_end),
        TEST(close_wait__of_null_is_fine),
        TEST(close__refuses_what_is_submitted_afterwards),
        TEST(close__from_its_own_callback_on_nothing_can_be_done),
        TEST(close__may_be_called_from_a_callback),
        TEST(close__without_a_callback_is_fine),
        TEST(close__leaves_all_in_the_database_file),
        TEST(close__of_a_store_in_memory_answers_each_once),
        TEST(close__in_the_callback_of_another_threads_last_submit),
    };
    inner_gate_install();
    return cmocka_run_group_tests_name("close", tests, NULL, NULL);
}
