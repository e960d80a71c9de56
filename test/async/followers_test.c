/*
 * Following events: each once and in order, one's own at once, those of others soon; and the end, by
 * cancelling, by a deadline, by closing, which is told once in whatever state the follower is.
 */
#include "support.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

static struct fixture fixture;

/* What a follower was given. */
struct follower {
    struct answer answer;
    int64_t count, last_id, last_seen_ms;
    bool is_disordered, is_late; /* late: an event after the end */
    struct dbk_op op;
    int64_t cancel_at; /* cancels itself at that event; 0: never */
    int cancel_status;
};

static int set_up(void **state)
{
    struct dbk_options options = DBK_OPTIONS_INIT;
    (void)state;
    options.queue_max = 100000;
    fixture_open(&fixture, &options);
    return 0;
}

static int tear_down(void **state)
{
    fixture_close(&fixture);
    return test_end_of(state);
}

static void on_event(void *user, const struct dbk_event *event)
{
    struct follower *follower = user;
    follower->is_disordered = follower->is_disordered || event->id <= follower->last_id;
    follower->is_late = follower->is_late || follower->answer.count;
    follower->last_id = event->id;
    follower->last_seen_ms = now_ms();
    if (++follower->count == follower->cancel_at)
        follower->cancel_status = dbk_cancel(fixture.store, follower->op);
}

static void on_end(void *user, const struct dbk_error *error)
{
    struct follower *follower = user;
    on_any(&follower->answer, error);
}

static void follow(struct follower *follower, const struct dbk_spec *filters, int64_t timeout_ms)
{
    struct dbk_call call = DBK_CALL_INIT;
    call.out_op = &follower->op;
    call.timeout_ms = timeout_ms;
    assert_int_equal(
        dbk_follow_events(fixture.store, 0, filters, &call, on_event, on_end, follower), DBK_OK);
}

static void await_events(const struct follower *follower, int64_t count)
{
    while (follower->count < count && !follower->answer.count)
        dispatch_wait(fixture.store, NO_LIMIT_MS);
    if (follower->answer.count)
        fail_msg("it ended: %s", follower->answer.error.message);
    assert_int_equal(follower->count, count);
    assert_false(follower->is_disordered || follower->is_late);
}

static void await_end(struct follower *follower, enum dbk_status status)
{
    while (!follower->answer.count)
        dispatch_wait(fixture.store, NO_LIMIT_MS);
    assert_int_equal(follower->answer.count, 1);
    assert_int_equal(follower->answer.error.status, status);
    assert_string_equal(follower->answer.error.action, "following events");
    assert_false(follower->is_late);
}

static void cancel(struct follower *follower)
{
    assert_int_equal(dbk_cancel(fixture.store, follower->op), DBK_OK);
    await_end(follower, DBK_CANCELLED);
    assert_int_equal(dbk_cancel(fixture.store, follower->op), DBK_NOT_FOUND);
}

/* ---------------------------------------------------------------------------- what it is given ---- */

static void follow__gives_what_was_there_and_what_comes_once_and_in_order(void **state)
{
    enum { BEFORE = 1500, AFTER = 1500 };
    struct answer *answers = test_take((BEFORE + AFTER) * sizeof *answers);
    struct follower followers[3] = {{.count = 0}};
    (void)state;
    for (int i = 0; i < BEFORE; i++)
        set_state(fixture.store, 1 + i % SEEDED, "new", &answers[i]);
    await(fixture.store, answers, BEFORE);
    for (int i = 0; i < 3; i++)
        follow(&followers[i], NULL, 0);
    for (int i = BEFORE; i < BEFORE + AFTER; i++)
        set_state(fixture.store, 1 + i % SEEDED, "new", &answers[i]);
    for (int i = 0; i < 3; i++)
        await_events(&followers[i], BEFORE + AFTER);
    for (int i = 0; i < 3; i++)
        cancel(&followers[i]);
    for (int i = 0; i < 3; i++)
        assert_int_equal(followers[i].count, BEFORE + AFTER);
}

static void follow__takes_filters(void **state)
{
    struct answer answers[40] = {{0}};
    struct follower follower = {.count = 0};
    struct dbk_spec *spec;
    (void)state;
    assert_int_equal(dbk_spec_parse("buildid=3", &spec, NULL), DBK_OK);
    follow(&follower, spec, 0);
    dbk_spec_free(spec);
    for (int i = 0; i < 40; i++)
        set_state(fixture.store, 1 + i % 4, "new", &answers[i]);
    await(fixture.store, answers, 40);
    await_events(&follower, 10);
    cancel(&follower);
}

/*
 * A commit may fall between a look and the sleep after it. If that lost a wake-up, the event would come
 * with the next look, half a second later: each round would take that long.
 */
static void follow__gives_own_events_at_once_also_those_committed_during_a_look(void **state)
{
    enum { ROUNDS = 1000, LIMIT_MS = 400, LATE_MAX = 10 }; /* a machine may be slow now and then */
    struct follower follower = {.count = 0};
    int late = 0;
    (void)state;
    follow(&follower, NULL, 0);
    for (int i = 0; i < ROUNDS && late <= LATE_MAX; i++) {
        struct answer answers[3] = {{0}};
        set_state(fixture.store, 1, "new", &answers[0]);
        set_state(fixture.store, 2, "new", &answers[1]);
        await(fixture.store, &answers[0], 1);
        int64_t start_ms = now_ms();
        set_state(fixture.store, 3, "new", &answers[2]);
        await(fixture.store, answers, 3);
        await_events(&follower, 3 * (i + 1));
        late += follower.last_seen_ms - start_ms > LIMIT_MS;
    }
    cancel(&follower);
    assert_true(late <= LATE_MAX);
}

static void follow__gives_other_programs_events_within_half_a_second(void **state)
{
    struct follower follower = {.count = 0};
    struct answer answer = {0};
    (void)state;
    follow(&follower, NULL, 0);
    set_state(fixture.store, 1, "new", &answer); /* it has looked once, and sleeps */
    await_events(&follower, 1);
    file_exec(fixture.path, "INSERT INTO daybook_events (at, kind, verb)"
                            " VALUES (strftime('%s'), 'build', 'new')");
    int64_t start_ms = now_ms();
    await_events(&follower, 2);
    assert_true(now_ms() - start_ms < 2000);
    cancel(&follower);
}

static void follow__in_memory(void **state)
{
    struct follower follower = {.count = 0};
    struct dbk_store *kept = fixture.store;
    struct answer answers[20] = {{0}};
    (void)state;
    assert_int_equal(dbk_open("sqlite://", NULL, &fixture.store, NULL), DBK_OK);
    follow(&follower, NULL, 0);
    for (int i = 0; i < 20; i++)
        assert_int_equal(dbk_find_builder_id(fixture.store, test_format("builder %d", i), true,
                                             NULL, on_id, &answers[i]),
                         DBK_OK);
    await(fixture.store, answers, 20);
    await_events(&follower, 20);
    cancel(&follower);
    assert_int_equal(dbk_close_wait(fixture.store), DBK_OK);
    fixture.store = kept;
}

/* ----------------------------------------------------------------------------------- its end ---- */

static void follow__cancelled_within_its_own_callback_gives_no_more_events(void **state)
{
    struct answer answers[50] = {{0}};
    struct follower follower = {.cancel_at = 7, .cancel_status = -1};
    (void)state;
    for (int i = 0; i < 50; i++)
        set_state(fixture.store, 1, "new", &answers[i]);
    await(fixture.store, answers, 50);
    follow(&follower, NULL, 0);
    await_end(&follower, DBK_CANCELLED);
    assert_int_equal(follower.cancel_status, DBK_OK);
    assert_int_equal(follower.count, 7);
    assert_int_equal(dbk_cancel(fixture.store, follower.op), DBK_NOT_FOUND);
}

static void follow__cancelled_with_events_ready_ends_once(void **state)
{
    struct follower follower = {.count = 0};
    struct answer answer = {0};
    (void)state;
    set_state(fixture.store, 1, "new", &answer);
    await(fixture.store, &answer, 1);
    follow(&follower, NULL, 0);
    assert_true(await_readable(fixture.store, NO_LIMIT_MS)); /* found, not delivered */
    assert_int_equal(dbk_cancel(fixture.store, follower.op), DBK_OK);
    assert_int_equal(dbk_cancel(fixture.store, follower.op), DBK_NOT_FOUND);
    await_end(&follower, DBK_CANCELLED);
    assert_int_equal(follower.count, 0);
}

static void follow__ends_at_its_deadline(void **state)
{
    enum { TIMEOUT_MS = 200 };
    struct follower follower = {.count = 0};
    struct answer answers[2] = {{0}};
    (void)state;
    int64_t start_ms = now_ms();
    follow(&follower, NULL, TIMEOUT_MS);
    for (int i = 0; i < 2; i++) {
        set_state(fixture.store, 1, "new", &answers[i]);
        await_events(&follower, i + 1);
    }
    await_end(&follower, DBK_TIMEOUT);
    assert_in_range(now_ms() - start_ms, TIMEOUT_MS - 1, TIMEOUT_MS + 250);
    assert_int_equal(follower.count, 2);
    assert_int_equal(dbk_cancel(fixture.store, follower.op), DBK_NOT_FOUND);
}

/* Another one's deadline passes while its events are ready: its own must not be forgotten for that. */
static void follow__keeps_its_deadline_when_another_one_passes(void **state)
{
    enum { TIMEOUT_MS = 200, OTHER_MS = 30 };
    struct follower follower = {.count = 0};
    struct answer answer = {0}, other = {0};
    struct dbk_stats stats = {0};
    struct dbk_call call = DBK_CALL_INIT;
    (void)state;
    set_state(fixture.store, 1, "new", &answer);
    await(fixture.store, &answer, 1);
    write_gate_close(&fixture);
    int64_t start_ms = now_ms();
    follow(&follower, NULL, TIMEOUT_MS);
    while (!stats.ready_count)
        dbk_get_stats(fixture.store, &stats, sizeof stats);
    call.timeout_ms = OTHER_MS;
    assert_int_equal(dbk_finish_build(fixture.store, 1, 0, &call, on_done, &other), DBK_OK);
    while (now_ms() - start_ms < 2 * OTHER_MS)
        poll(NULL, 0, 5);
    dispatch(fixture.store);
    assert_int_equal(follower.count, 1);
    assert_int_equal(other.error.status, DBK_TIMEOUT);
    await_end(&follower, DBK_TIMEOUT);
    assert_in_range(now_ms() - start_ms, TIMEOUT_MS - 1, TIMEOUT_MS + 250);
    write_gate_open();
}

static void follow__sleeping_one_counts_as_waiting(void **state)
{
    struct follower follower = {.count = 0};
    struct answer answer = {0};
    struct dbk_stats stats = {0};
    (void)state;
    follow(&follower, NULL, 0);
    set_state(fixture.store, 1, "new", &answer);
    await_events(&follower, 1);
    while (stats.waiting_count != 1 || stats.ready_count || stats.running_count) {
        dispatch(fixture.store);
        dbk_get_stats(fixture.store, &stats, sizeof stats);
    }
    cancel(&follower);
}

static void close__ends_followers_in_every_state(void **state)
{
    enum { FOLLOWERS = 20 };
    struct follower *followers = test_take(FOLLOWERS * sizeof *followers);
    struct answer answers[FOLLOWERS] = {{0}}, closed = {0};
    (void)state;
    for (int i = 0; i < FOLLOWERS; i++) { /* asleep, waiting, running, ready: as it comes */
        follow(&followers[i], NULL, 0);
        set_state(fixture.store, 1, "new", &answers[i]);
        if (i % 5 == 0)
            dispatch_wait(fixture.store, NO_LIMIT_MS);
    }
    assert_int_equal(dbk_close(fixture.store, on_done, &closed), DBK_OK);
    while (!closed.count)
        dispatch_wait(fixture.store, NO_LIMIT_MS);
    fixture.store = NULL;
    for (int i = 0; i < FOLLOWERS; i++) {
        assert_int_equal(followers[i].answer.count, 1);
        assert_int_equal(followers[i].answer.error.status, DBK_CANCELLED);
        assert_true(followers[i].answer.turn < closed.turn);
        assert_false(followers[i].is_late || followers[i].is_disordered);
    }
}

/* All threads have ended when the events that are ready are dispatched. */
static void close__ends_a_follower_whose_events_were_not_dispatched(void **state)
{
    struct follower follower = {.count = 0};
    struct answer answer = {0}, closed = {0};
    (void)state;
    set_state(fixture.store, 1, "new", &answer);
    await(fixture.store, &answer, 1);
    follow(&follower, NULL, 0);
    assert_true(await_readable(fixture.store, NO_LIMIT_MS));
    assert_int_equal(dbk_close(fixture.store, on_done, &closed), DBK_OK);
    while (for_each_thread(NULL, NULL))
        sched_yield();
    while (!closed.count)
        dispatch_wait(fixture.store, NO_LIMIT_MS);
    fixture.store = NULL;
    assert_int_equal(follower.answer.count, 1);
    assert_int_equal(follower.answer.error.status, DBK_CANCELLED);
    assert_true(follower.answer.turn < closed.turn);
}

static atomic_bool is_over;

static void *cancel_often(void *user)
{
    struct follower *followers = user;
    for (int i = 0; !atomic_load(&is_over); i++)
        dbk_cancel(fixture.store, followers[i % 8].op);
    return NULL;
}

static void cancel__from_another_thread_ends_each_follower_once(void **state)
{
    enum { FOLLOWERS = 8, ROUNDS = 50 };
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        struct follower *followers = test_take(FOLLOWERS * sizeof *followers);
        struct answer answers[FOLLOWERS] = {{0}};
        pthread_t thread;
        for (int i = 0; i < FOLLOWERS; i++) {
            follow(&followers[i], NULL, 0);
            set_state(fixture.store, 1, "new", &answers[i]);
        }
        atomic_store(&is_over, false);
        assert_int_equal(pthread_create(&thread, NULL, cancel_often, followers), 0);
        for (int i = 0; i < FOLLOWERS; i++)
            while (!followers[i].answer.count)
                dispatch_wait(fixture.store, NO_LIMIT_MS);
        atomic_store(&is_over, true);
        pthread_join(thread, NULL);
        await(fixture.store, answers, FOLLOWERS);
        for (int i = 0; i < FOLLOWERS; i++) {
            assert_int_equal(followers[i].answer.count, 1);
            assert_int_equal(followers[i].answer.error.status, DBK_CANCELLED);
            assert_false(followers[i].is_late || followers[i].is_disordered);
        }
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(follow__gives_what_was_there_and_what_comes_once_and_in_order),
        TEST(follow__takes_filters),
        TEST(follow__gives_own_events_at_once_also_those_committed_during_a_look),
        TEST(follow__gives_other_programs_events_within_half_a_second),
        TEST(follow__in_memory),
        TEST(follow__cancelled_within_its_own_callback_gives_no_more_events),
        TEST(follow__cancelled_with_events_ready_ends_once),
        TEST(follow__ends_at_its_deadline),
        TEST(follow__keeps_its_deadline_when_another_one_passes),
        TEST(follow__sleeping_one_counts_as_waiting),
        TEST(close__ends_followers_in_every_state),
        TEST(close__ends_a_follower_whose_events_were_not_dispatched),
        TEST(cancel__from_another_thread_ends_each_follower_once),
    };
    return cmocka_run_group_tests_name("followers", tests, NULL, NULL);
}
