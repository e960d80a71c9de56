/*
 * The first three rules of the contract: refused or answered exactly once, never inside the submitting
 * call and always inside dispatch, arguments copied and results lent. And the clock, which is read at
 * submit.
 */
#include "support.h"

#include "base/alloc.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { MANY = 5000 };

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

/* -------------------------------------------------------------------- refused: never answered ---- */

/* Dispatches until nothing is outstanding: whatever was going to run has run then. */
static void drain(struct dbk_store *store)
{
    while (dispatch_wait(store, NO_LIMIT_MS))
        continue;
}

static void submit__invalid_argument_is_refused_and_done_never_runs(void **state)
{
    struct dbk_error refusal;
    struct dbk_op op = {.id = 77};
    struct dbk_call call = DBK_CALL_INIT;
    struct answer answer = {0};
    (void)state;
    call.out_refusal = &refusal;
    call.out_op = &op;
    assert_int_equal(dbk_set_build_state_string(fixture.store, 1, "\xff", &call, on_done, &answer),
                     DBK_INVALID);
    assert_int_equal(refusal.status, DBK_INVALID);
    assert_string_equal(refusal.message, "state_string is not valid UTF-8");
    assert_int_equal(dbk_finish_build(fixture.store, 1, 7, &call, on_done, &answer), DBK_INVALID);
    assert_int_equal(
        dbk_set_build_property(fixture.store, 1, "name", "{", "test", &call, on_done, &answer),
        DBK_INVALID);
    call.timeout_ms = -1;
    assert_int_equal(dbk_finish_build(fixture.store, 1, 0, &call, on_done, &answer), DBK_INVALID);
    call.timeout_ms = 0;
    call.size = 0;
    assert_int_equal(dbk_finish_build(fixture.store, 1, 0, &call, on_done, &answer), DBK_INVALID);
    drain(fixture.store);
    assert_int_equal(answer.count, 0);
    assert_int_equal(op.id, 77);
    assert_int_equal(file_int(fixture.path, "SELECT count(*) FROM daybook_events"), 0);
}

static void submit__missing_callback_or_store_is_refused(void **state)
{
    struct answer answer = {0};
    (void)state;
    assert_int_equal(dbk_finish_build(NULL, 1, 0, NULL, on_done, &answer), DBK_INVALID);
    assert_int_equal(dbk_finish_build(fixture.store, 1, 0, NULL, NULL, &answer), DBK_INVALID);
    assert_int_equal(dbk_get_build(fixture.store, 1, NULL, NULL, &answer), DBK_INVALID);
    assert_int_equal(answer.count, 0);
}

static void submit__full_queue_is_refused_and_takes_again_once_one_was_answered(void **state)
{
    enum { QUEUE = 4 };
    struct dbk_options options = DBK_OPTIONS_INIT;
    struct fixture small;
    struct answer answers[QUEUE] = {{0}}, refused = {0}, later = {0};
    struct dbk_error refusal;
    struct dbk_call call = DBK_CALL_INIT;
    (void)state;
    options.queue_max = QUEUE;
    call.out_refusal = &refusal;
    fixture_open(&small, &options);
    write_gate_close(&small);
    for (int i = 0; i < QUEUE; i++)
        set_state(small.store, 1, "queued", &answers[i]);
    assert_int_equal(dbk_finish_build(small.store, 1, 0, &call, on_done, &refused), DBK_BUSY);
    assert_int_equal(refusal.status, DBK_BUSY);
    assert_true(refusal.is_retryable);
    /* Reads count too. */
    assert_int_equal(dbk_get_build(small.store, 1, &call, on_build, &refused), DBK_BUSY);
    write_gate_open();
    await(small.store, answers, QUEUE);
    set_state(small.store, 1, "later", &later);
    await(small.store, &later, 1);
    assert_int_equal(refused.count, 0);
    for (int i = 0; i < QUEUE; i++)
        assert_false(answers[i].is_error);
    fixture_close(&small);
}

static void submit__out_of_memory_is_refused_and_done_never_runs(void **state)
{
    struct answer answer = {0};
    struct dbk_error refusal;
    struct dbk_call call = DBK_CALL_INIT;
    (void)state;
    call.out_refusal = &refusal;
    dbki_alloc_fail_after(0, 1);
    int write_status =
        dbk_set_build_state_string(fixture.store, 1, "no memory", &call, on_done, &answer);
    int read_status = dbk_get_builds(fixture.store, DBK_NONE, DBK_NONE, DBK_NONE, DBK_NONE, NULL,
                                     &call, on_builds, &answer);
    dbki_alloc_fail_after(-1, 0);
    assert_int_equal(write_status, DBK_NO_MEMORY);
    assert_int_equal(read_status, DBK_NO_MEMORY);
    assert_int_equal(refusal.status, DBK_NO_MEMORY);
    drain(fixture.store);
    assert_int_equal(answer.count, 0);
    assert_int_equal(file_int(fixture.path, "SELECT count(*) FROM builds"
                                            " WHERE state_string = 'no memory'"),
                     0);
}

static void submit__read_only_store_refuses_writes(void **state)
{
    struct dbk_store *reading;
    struct dbk_error error, refusal;
    struct dbk_call call = DBK_CALL_INIT;
    struct answer refused = {0}, read = {0};
    char url[160];
    (void)state;
    call.out_refusal = &refusal;
    snprintf(url, sizeof url, "sqlite:///%s?mode=ro", fixture.path);
    assert_int_equal(dbk_open(url, NULL, &reading, &error), DBK_OK);
    assert_int_equal(dbk_finish_build(reading, 1, 0, &call, on_done, &refused), DBK_READ_ONLY);
    assert_int_equal(refusal.status, DBK_READ_ONLY);
    get_state(reading, 1, &read);
    await(reading, &read, 1);
    assert_string_equal(read.text, "seeded");
    assert_int_equal(dbk_close_wait(reading), DBK_OK);
    assert_int_equal(refused.count, 0);
}

/* ------------------------------------------------------------------ accepted: answered once ---- */

static void submit__each_of_thousands_is_answered_exactly_once(void **state)
{
    struct answer *answers = calloc(MANY, sizeof *answers);
    (void)state;
    for (int i = 0; i < MANY; i++)
        switch (i % 4) {
        case 0:
            add_build(fixture.store, 1 + i % SEEDED, &answers[i]);
            break;
        case 1:
            get_state(fixture.store, 1 + i % SEEDED, &answers[i]);
            break;
        case 2:
            set_state(fixture.store, 1 + i % SEEDED, "state", &answers[i]);
            break;
        default: /* one that ends with an error is answered once, too */
            set_state(fixture.store, 1000000, "state", &answers[i]);
        }
    await(fixture.store, answers, MANY);
    drain(fixture.store);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(answers[i].count, 1);
        assert_int_equal(answers[i].is_error ? answers[i].error.status : DBK_OK,
                         i % 4 == 3 ? DBK_NOT_FOUND : DBK_OK);
    }
    free(answers);
}

static void done__never_runs_inside_submit_nor_outside_dispatch(void **state)
{
    enum { ROUNDS = 200 };
    struct answer answers[ROUNDS] = {{0}};
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        if (i % 2)
            get_state(fixture.store, 1, &answers[i]);
        else
            set_state(fixture.store, 1, "state", &answers[i]);
        assert_int_equal(answers[i].count, 0);
        /* It is finished now, and still nothing runs before the dispatch. */
        assert_true(await_readable(fixture.store, NO_LIMIT_MS));
        assert_int_equal(answers[i].count, 0);
        while (!answers[i].count)
            dispatch(fixture.store);
        assert_int_equal(answers[i].count, 1);
        assert_false(answers[i].is_outside);
    }
}

/* --------------------------------------------------------------------- what a callback may do ---- */

struct busy_callback {
    struct answer own, write, read, victim;
    struct dbk_op victim_op;
    int inner_dispatched, inner_waited, cancel_status, submit_status;
    struct dbk_stats stats;
};

/* All that a callback may do, and what it may not but must come out of. */
static void do_much(void *user, const struct dbk_error *error)
{
    struct busy_callback *busy = user;
    struct dbk_store *store = fixture.store;
    struct dbk_call call = DBK_CALL_INIT;
    on_any(&busy->own, error);
    call.out_op = &busy->victim_op;
    busy->submit_status =
        dbk_set_build_state_string(store, 2, "from a callback", NULL, on_done, &busy->write) |
        dbk_get_build(store, 1, NULL, on_build, &busy->read) |
        dbk_set_build_state_string(store, 3, "cancelled", &call, on_done, &busy->victim);
    busy->cancel_status = dbk_cancel(store, busy->victim_op);
    dbk_get_stats(store, &busy->stats, sizeof busy->stats);
    busy->inner_dispatched = dbk_dispatch(store);
    busy->inner_waited = dbk_wait(store, NO_LIMIT_MS);
}

static void callback__holds_no_lock_and_may_submit_and_cancel(void **state)
{
    struct busy_callback busy = {.inner_dispatched = -1, .inner_waited = -1};
    (void)state;
    assert_int_equal(dbk_finish_build(fixture.store, 1, 0, NULL, do_much, &busy), DBK_OK);
    await(fixture.store, &busy.own, 1);
    await(fixture.store, &busy.victim, 1);
    await(fixture.store, &busy.write, 1);
    await(fixture.store, &busy.read, 1);
    assert_int_equal(busy.submit_status, DBK_OK);
    assert_int_equal(busy.own.count, 1);
    assert_false(busy.write.is_error);
    /* The writer may have been quicker than the cancelling. */
    assert_int_equal(busy.victim.is_error, busy.cancel_status == DBK_OK);
}

static void dispatch__inside_a_callback_returns_0_and_the_rest_comes_later(void **state)
{
    struct busy_callback busy = {.inner_dispatched = -1, .inner_waited = -1};
    struct answer other = {0};
    (void)state;
    assert_int_equal(dbk_finish_build(fixture.store, 1, 0, NULL, do_much, &busy), DBK_OK);
    set_state(fixture.store, 4, "beside", &other);
    await(fixture.store, &busy.own, 1);
    assert_int_equal(busy.inner_dispatched, 0);
    assert_int_equal(busy.inner_waited, 0);
    await(fixture.store, &busy.read, 1);
    await(fixture.store, &busy.write, 1);
    await(fixture.store, &other, 1);
    drain(fixture.store);
    assert_int_equal(busy.own.count + busy.read.count + busy.write.count + other.count, 4);
}

struct chain {
    struct answer own;
    int left;
};

static void submit_next(void *user, const struct dbk_error *error)
{
    struct chain *chain = user;
    on_any(&chain->own, error);
    if (chain->left-- > 0)
        dbk_set_build_state_string(fixture.store, 1, "chained", NULL, submit_next, chain);
}

static void dispatch__what_callbacks_submit_waits_for_the_next_turn(void **state)
{
    enum { LINKS = 50 };
    struct chain chain = {.left = LINKS};
    int turns = 0;
    (void)state;
    submit_next(&chain, NULL);
    while (chain.own.count <= LINKS) {
        assert_int_equal(dispatch_wait(fixture.store, NO_LIMIT_MS), 1);
        turns++;
    }
    assert_int_equal(turns, LINKS);
}

static void wait__returns_0_at_once_when_nothing_is_outstanding(void **state)
{
    (void)state;
    assert_int_equal(dbk_wait(fixture.store, NO_LIMIT_MS), 0);
    assert_int_equal(dbk_dispatch(fixture.store), 0);
}

static void wait__returns_0_when_the_time_is_over(void **state)
{
    struct answer answer = {0};
    (void)state;
    write_gate_close(&fixture);
    set_state(fixture.store, 1, "late", &answer);
    int64_t start_ms = now_ms();
    assert_int_equal(dbk_wait(fixture.store, 30), 0);
    assert_true(now_ms() - start_ms >= 29);
    assert_int_equal(answer.count, 0);
    write_gate_open();
    await(fixture.store, &answer, 1);
}

/* --------------------------------------------------------------------- copied, lent, and kept ---- */

static void arguments__are_copied_before_submit_returns(void **state)
{
    struct answer answers[4] = {{0}};
    int64_t ids[] = {1, 2, 3};
    struct dbk_spec *spec = dbk_spec_new();
    char *name = strdup("name"), *value = strdup("\"value\""), *source = strdup("source");
    char *text = strdup("a state string");
    struct dbk_new_property *property = malloc(sizeof *property);
    struct dbk_call *call = malloc(sizeof *call);
    (void)state;
    *property = (struct dbk_new_property){name, value, source};
    *call = (struct dbk_call)DBK_CALL_INIT;
    call->timeout_ms = 1000000;
    assert_int_equal(dbk_spec_filter_text(spec, "name", DBK_EQ, (const char *[]){"name"}, 1),
                     DBK_OK);
    write_gate_close(&fixture);
    assert_int_equal(
        dbk_set_build_properties(fixture.store, 1, property, 1, call, on_done, &answers[0]),
        DBK_OK);
    assert_int_equal(dbk_set_build_state_string(fixture.store, 2, text, call, on_done, &answers[1]),
                     DBK_OK);
    assert_int_equal(
        dbk_set_build_data(fixture.store, 3, name, value, 7, source, call, on_done, &answers[2]),
        DBK_OK);
    memset(name, '#', 4);
    memset(value, '#', 7);
    memset(source, '#', 6);
    memset(text, '#', 14);
    memset(call, '#', sizeof *call);
    free(name);
    free(value);
    free(source);
    free(text);
    free(property);
    free(call);
    write_gate_open();
    await(fixture.store, answers, 3);
    for (int i = 0; i < 3; i++)
        assert_false(answers[i].is_error);

    struct answer read[4] = {{0}};
    assert_int_equal(
        dbk_get_build_properties(fixture.store, 1, spec, NULL, on_properties, &read[0]), DBK_OK);
    dbk_spec_free(spec);
    assert_int_equal(dbk_get_properties_of(fixture.store, ids, 3, NULL, on_properties, &read[1]),
                     DBK_OK);
    ids[0] = ids[1] = ids[2] = 99;
    get_state(fixture.store, 2, &read[2]);
    assert_int_equal(dbk_get_build_data(fixture.store, 3, "name", NULL, on_data, &read[3]), DBK_OK);
    await(fixture.store, read, 4);
    assert_string_equal(read[0].text, "\"value\"");
    assert_string_equal(read[1].text, "\"value\"");
    assert_string_equal(read[2].text, "a state string");
    assert_string_equal(read[3].text, "\"value\"");
}

struct keeper {
    struct answer answer;
    struct dbk_build *build;
    struct dbk_build_data *data;
};

static void keep_build(void *user, const struct dbk_error *error, const struct dbk_build *build)
{
    struct keeper *keeper = user;
    on_any(&keeper->answer, error);
    keeper->build = dbk_build_dup(build);
}

static void keep_data(void *user, const struct dbk_error *error, const struct dbk_build_data *data)
{
    struct keeper *keeper = user;
    on_any(&keeper->answer, error);
    keeper->data = dbk_build_data_dup(data);
}

/* The lent ones are gone by the time the copies are read, also for the address sanitizer. */
static void results__are_lent_and_dup_keeps_them(void **state)
{
    struct answer written = {0};
    struct keeper build = {0}, data = {0};
    (void)state;
    assert_int_equal(
        dbk_set_build_data(fixture.store, 1, "data", "bytes", 5, "test", NULL, on_done, &written),
        DBK_OK);
    await(fixture.store, &written, 1);
    assert_int_equal(dbk_get_build(fixture.store, 1, NULL, keep_build, &build), DBK_OK);
    assert_int_equal(dbk_get_build_data(fixture.store, 1, "data", NULL, keep_data, &data), DBK_OK);
    await(fixture.store, &build.answer, 1);
    await(fixture.store, &data.answer, 1);
    assert_int_equal(dbk_close_wait(fixture.store), DBK_OK);
    fixture.store = NULL;
    assert_string_equal(build.build->state_string, "seeded");
    assert_string_equal(data.data->name, "data");
    assert_int_equal(data.data->value_len, 5);
    assert_memory_equal(data.data->value, "bytes", 5);
    dbk_build_free(build.build);
    dbk_build_data_free(data.data);
}

/* ------------------------------------------------------------------------------- errors, clock ---- */

static void error__says_what_was_done_and_what_is_missing(void **state)
{
    struct answer answer = {0};
    (void)state;
    set_state(fixture.store, 4711, "nobody", &answer);
    await(fixture.store, &answer, 1);
    assert_true(answer.is_error);
    assert_int_equal(answer.error.status, DBK_NOT_FOUND);
    assert_int_equal(answer.error.outcome, DBK_NOT_DONE);
    assert_int_equal(answer.error.engine_code, 0);
    assert_false(answer.error.is_retryable);
    assert_string_equal(answer.error.action, "setting a build's state string");
    assert_string_equal(answer.error.message, "there is no build with the id 4711");
}

struct test_clock {
    int64_t now;
    int reads;
    bool is_elsewhere; /* it was read on another thread than the submitting one */
    pthread_t thread;
};

static int64_t read_clock(void *user)
{
    struct test_clock *clock = user;
    clock->reads++;
    clock->is_elsewhere = clock->is_elsewhere || !pthread_equal(clock->thread, pthread_self());
    return clock->now;
}

static void clock__is_read_at_submit_on_the_submitting_thread(void **state)
{
    struct test_clock clock = {.now = 1000, .thread = pthread_self()};
    struct dbk_options options = DBK_OPTIONS_INIT;
    struct fixture clocked;
    struct answer answers[3] = {{0}};
    (void)state;
    options.clock = read_clock;
    options.clock_user = &clock;
    fixture_open(&clocked, &options);
    clock.reads = 0;
    write_gate_close(&clocked);
    add_build(clocked.store, 1, &answers[0]);
    assert_int_equal(clock.reads, 1);
    clock.now = 2000;
    assert_int_equal(dbk_finish_build(clocked.store, 1, 0, NULL, on_done, &answers[1]), DBK_OK);
    assert_int_equal(clock.reads, 2);
    clock.now = 3000; /* what was submitted before keeps its time */
    write_gate_open();
    await(clocked.store, answers, 2);
    assert_false(clock.is_elsewhere);
    assert_int_equal(clock.reads, 2);
    assert_int_equal(file_int(clocked.path, "SELECT started_at FROM builds WHERE number = 2"),
                     1000);
    assert_int_equal(file_int(clocked.path, "SELECT complete_at FROM builds WHERE id = 1"), 2000);
    assert_int_equal(file_int(clocked.path, "SELECT group_concat(at, '') = '10002000'"
                                            " FROM daybook_events"),
                     1);
    fixture_close(&clocked);
}

static void open__options_that_do_not_begin_with_their_size_are_refused(void **state)
{
    (void)state;
    for (size_t size = 0; size <= sizeof(size_t); size += sizeof(size_t)) {
        struct dbk_options options = {.size = size, .is_created = true};
        struct dbk_store *opened = NULL;
        struct dbk_error error;
        assert_int_equal(dbk_open("sqlite://", &options, &opened, &error), DBK_INVALID);
        assert_null(opened);
        assert_non_null(strstr(error.message, "DBK_OPTIONS_INIT"));
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(submit__invalid_argument_is_refused_and_done_never_runs),
        TEST(submit__missing_callback_or_store_is_refused),
        TEST(submit__full_queue_is_refused_and_takes_again_once_one_was_answered),
        TEST(submit__out_of_memory_is_refused_and_done_never_runs),
        TEST(submit__read_only_store_refuses_writes),
        TEST(submit__each_of_thousands_is_answered_exactly_once),
        TEST(done__never_runs_inside_submit_nor_outside_dispatch),
        TEST(callback__holds_no_lock_and_may_submit_and_cancel),
        TEST(dispatch__inside_a_callback_returns_0_and_the_rest_comes_later),
        TEST(dispatch__what_callbacks_submit_waits_for_the_next_turn),
        TEST(wait__returns_0_at_once_when_nothing_is_outstanding),
        TEST(wait__returns_0_when_the_time_is_over),
        TEST(arguments__are_copied_before_submit_returns),
        TEST(results__are_lent_and_dup_keeps_them),
        TEST(open__options_that_do_not_begin_with_their_size_are_refused),
        TEST(error__says_what_was_done_and_what_is_missing),
        TEST(clock__is_read_at_submit_on_the_submitting_thread),
    };
    return cmocka_run_group_tests_name("submit", tests, NULL, NULL);
}
