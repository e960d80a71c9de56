/*
 * Reads in pieces: the snapshot of one that is not asked to go on is given back, whether or not anybody dispatches; and
 * resuming and cancelling from other threads at any time ends each read once.
 */
#include "support.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

enum { LENGTH = 2000 * 1000 };

static struct fixture fixture;
static char value[LENGTH];

struct reading {
    struct answer answer;
    struct dbk_op op;
    int64_t len;
    bool is_wrong, pauses;
};

static int set_up(void **state)
{
    struct answer answer = {0};
    (void)state;
    fixture_open(&fixture, NULL);
    for (int i = 0; i < LENGTH; i++)
        value[i] = (char)(i * 31 + i / 1000);
    assert_int_equal(
        dbk_set_build_data(fixture.store, 1, "v", value, LENGTH, "s", NULL, on_done, &answer),
        DBK_OK);
    await(fixture.store, &answer, 1);
    return 0;
}

static int tear_down(void **state)
{
    fixture_close(&fixture);
    return test_end_of(state);
}

static bool on_piece(void *user, const struct dbk_build_data *piece, int64_t offset)
{
    struct reading *r = user;
    r->is_wrong = r->is_wrong || r->answer.count || offset != r->len ||
                  memcmp(value + offset, piece->value, piece->value_len) != 0;
    r->len += (int64_t)piece->value_len;
    return !r->pauses;
}

static void begin(struct reading *r, bool pauses)
{
    struct dbk_call call = DBK_CALL_INIT;
    *r = (struct reading){.pauses = pauses};
    call.out_op = &r->op;
    assert_int_equal(
        dbk_read_build_data(fixture.store, 1, "v", 0, INT64_MAX, &call, on_piece, on_data, r),
        DBK_OK);
}

/* Reads two pieces, so that there is a snapshot, and pauses. */
static void begin_and_pause(struct reading *r)
{
    begin(r, true);
    while (!r->len)
        dispatch_wait(fixture.store, NO_LIMIT_MS);
    int64_t first = r->len;
    assert_int_equal(dbk_resume(fixture.store, r->op), DBK_OK);
    while (r->len == first)
        dispatch_wait(fixture.store, NO_LIMIT_MS);
}

/* Whether a reader keeps the log from beginning anew. */
static bool is_log_held(void)
{
    sqlite3 *db = raw_open(fixture.path);
    bool is_held = raw_int(db, "PRAGMA wal_checkpoint(RESTART)") != 0;
    sqlite3_close(db);
    return is_held;
}

static void paused__gives_its_snapshot_back_without_a_dispatch(void **state)
{
    enum { KEPT_MS = 5000, LIMIT_MS = 30000, LOOK_MS = 200 };
    struct reading r;
    struct answer answer = {0};
    (void)state;
    begin_and_pause(&r);
    int64_t paused_ms = now_ms();
    set_state(fixture.store, 2, "new", &answer);
    await(fixture.store, &answer, 1);
    bool was_held = is_log_held();
    while (is_log_held() && now_ms() < paused_ms + LIMIT_MS)
        poll(NULL, 0, LOOK_MS);
    assert_true(was_held || now_ms() > paused_ms + KEPT_MS); /* a slow machine may be past it */
    assert_false(is_log_held());
    /* And it goes on all the same. */
    r.pauses = false;
    assert_int_equal(dbk_resume(fixture.store, r.op), DBK_OK);
    await(fixture.store, &r.answer, 1);
    assert_false(r.answer.is_error || r.is_wrong);
    assert_int_equal(r.len, LENGTH);
}

static void cancelled__gives_its_snapshot_back_at_once(void **state)
{
    enum { LIMIT_MS = 4000 };
    struct reading r;
    struct answer answer = {0};
    (void)state;
    begin_and_pause(&r);
    set_state(fixture.store, 2, "new", &answer);
    await(fixture.store, &answer, 1);
    int64_t start_ms = now_ms();
    assert_int_equal(dbk_cancel(fixture.store, r.op), DBK_OK);
    while (is_log_held() && now_ms() < start_ms + LIMIT_MS)
        poll(NULL, 0, 1);
    assert_false(is_log_held());
    await(fixture.store, &r.answer, 1);
    assert_int_equal(r.answer.error.status, DBK_CANCELLED);
}

enum { READINGS = 24 };
static atomic_bool is_over;

static void *resume_often(void *user)
{
    struct reading *readings = user;
    for (int i = 0; !atomic_load(&is_over); i++)
        dbk_resume(fixture.store, readings[i % READINGS].op);
    return NULL;
}

static void *cancel_now_and_then(void *user)
{
    struct reading *readings = user;
    for (int i = 0; !atomic_load(&is_over); i = (i + 2) % READINGS) {
        poll(NULL, 0, 1);
        dbk_cancel(fixture.store, readings[i].op);
    }
    return NULL;
}

/* Every second one is cancelled sooner or later, the others come to their end. */
static void many__resumed_and_cancelled_by_other_threads_end_once(void **state)
{
    enum { ROUNDS = 10 };
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        struct reading *readings = test_take(READINGS * sizeof *readings);
        struct answer answers[8] = {{0}};
        pthread_t threads[2];
        for (int i = 0; i < READINGS; i++)
            begin(&readings[i], true);
        atomic_store(&is_over, false);
        assert_int_equal(pthread_create(&threads[0], NULL, resume_often, readings), 0);
        assert_int_equal(pthread_create(&threads[1], NULL, cancel_now_and_then, readings), 0);
        for (int i = 0; i < 8; i++)
            set_state(fixture.store, 1 + i, "new", &answers[i]);
        for (int i = 0; i < READINGS; i++)
            while (!readings[i].answer.count)
                dispatch_wait(fixture.store, NO_LIMIT_MS);
        atomic_store(&is_over, true);
        pthread_join(threads[0], NULL);
        pthread_join(threads[1], NULL);
        await(fixture.store, answers, 8);
        for (int i = 0; i < READINGS; i++) {
            const struct reading *r = &readings[i];
            assert_int_equal(r->answer.count, 1);
            assert_false(r->is_wrong);
            if (r->answer.is_error)
                assert_int_equal(r->answer.error.status, DBK_CANCELLED);
            else
                assert_int_equal(r->len, LENGTH);
            assert_true(i % 2 == 0 || !r->answer.is_error);
        }
    }
}

/* Some are paused, some run, the pieces of some wait to be dispatched. */
static void close__ends_reads_in_every_state(void **state)
{
    struct reading readings[READINGS];
    struct answer closed = {0};
    (void)state;
    begin_and_pause(&readings[0]);
    for (int i = 1; i < READINGS; i++)
        begin(&readings[i], i % 2);
    dispatch_wait(fixture.store, NO_LIMIT_MS);
    assert_int_equal(dbk_close(fixture.store, on_done, &closed), DBK_OK);
    while (!closed.count)
        dispatch_wait(fixture.store, NO_LIMIT_MS);
    fixture.store = NULL;
    for (int i = 0; i < READINGS; i++) {
        assert_int_equal(readings[i].answer.count, 1);
        assert_int_equal(readings[i].answer.error.status, DBK_CANCELLED);
        assert_true(readings[i].answer.turn < closed.turn);
        assert_false(readings[i].is_wrong);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(paused__gives_its_snapshot_back_without_a_dispatch),
        TEST(cancelled__gives_its_snapshot_back_at_once),
        TEST(many__resumed_and_cancelled_by_other_threads_end_once),
        TEST(close__ends_reads_in_every_state),
    };
    return cmocka_run_group_tests_name("pieces", tests, NULL, NULL);
}
