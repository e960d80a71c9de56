/* Following the event log. */
#include "fixture.h"

enum { SEEN_MAX = 4096 };

struct follower {
    struct dbk_op op;
    struct dbk_call call;
    int64_t ids[SEEN_MAX], buildids[SEEN_MAX];
    char verbs[SEEN_MAX][16];
    int count, done_count;
    struct dbk_error error;
    struct dbk_store *store;
    int cancel_at; /* after so many; 0: never */
};

static void on_event(void *user, const struct dbk_event *event)
{
    struct follower *follower = user;
    assert_true(follower->count < SEEN_MAX);
    follower->ids[follower->count] = event->id;
    follower->buildids[follower->count] = event->buildid;
    strncpy(follower->verbs[follower->count], event->verb, sizeof follower->verbs[0] - 1);
    follower->count++;
    if (follower->count == follower->cancel_at)
        assert_int_equal(dbk_cancel(follower->store, follower->op), DBK_OK);
}

static void on_end(void *user, const struct dbk_error *error)
{
    struct follower *follower = user;
    follower->done_count++;
    if (error)
        follower->error = *error;
}

static struct follower *follow(struct dbk_store *store, int64_t position, const char *filters)
{
    struct follower *follower = test_take(sizeof *follower);
    memset(follower, 0, sizeof *follower);
    follower->store = store;
    follower->call = (struct dbk_call)DBK_CALL_INIT;
    follower->call.out_op = &follower->op;
    assert_int_equal(dbk_follow_events(store, position, filters ? parse_spec(filters) : NULL,
                                       &follower->call, on_event, on_end, follower),
                     DBK_OK);
    return follower;
}

static void wait_for(struct follower *follower, int count)
{
    for (int tries = 0; follower->count < count && !follower->done_count && tries < 200; tries++)
        dbk_wait(follower->store, 100);
    assert_int_equal(follower->count, count);
}

static void wait_for_end(struct follower *follower, enum dbk_status status)
{
    for (int tries = 0; !follower->done_count && tries < 200; tries++)
        dbk_wait(follower->store, 100);
    assert_int_equal(follower->done_count, 1);
    assert_int_equal(follower->error.status, status);
}

static void cancel(struct follower *follower)
{
    assert_int_equal(dbk_cancel(follower->store, follower->op), DBK_OK);
    wait_for_end(follower, DBK_CANCELLED);
}

static void follow_events__begins_after_the_position_and_goes_on(void **state)
{
    struct fixture *f = *state;
    add_build(f);
    skip_events(f);
    int64_t first = add_build(f);
    struct follower *follower = follow(f->store, f->position, NULL);
    wait_for(follower, 1);
    assert_int_equal(follower->buildids[0], first);
    int64_t second = add_build(f);
    finish_build(f, second, DBK_SUCCESS);
    wait_for(follower, 3);
    assert_int_equal(follower->buildids[1], second);
    assert_string_equal(follower->verbs[2], "finished");
    cancel(follower);
    add_build(f);
    assert_int_equal(dbk_wait(f->store, 0), 0);
    assert_int_equal(follower->count, 3);
}

static void follow_events__many_come_in_order_each_once(void **state)
{
    struct fixture *f = *state;
    skip_events(f);
    for (int i = 0; i < 300; i++)
        add_build(f);
    struct follower *follower = follow(f->store, f->position, NULL);
    for (int i = 0; i < 700; i++)
        add_build(f);
    wait_for(follower, 1000);
    for (int i = 1; i < follower->count; i++)
        assert_int_equal(follower->ids[i], follower->ids[i - 1] + 1);
    cancel(follower);
}

static void follow_events__filters_hold(void **state)
{
    struct fixture *f = *state;
    skip_events(f);
    struct follower *follower = follow(f->store, f->position, "kind=build&verb=finished");
    int64_t buildid = add_build(f);
    add_step(f, buildid, "x");
    finish_build(f, buildid, DBK_FAILURE);
    wait_for(follower, 1);
    assert_int_equal(follower->buildids[0], buildid);
    cancel(follower);
}

static void follow_events__may_be_cancelled_by_its_own_callback(void **state)
{
    struct fixture *f = *state;
    skip_events(f);
    for (int i = 0; i < 10; i++)
        add_build(f);
    struct follower *follower = follow(f->store, f->position, NULL);
    follower->cancel_at = 4;
    wait_for_end(follower, DBK_CANCELLED);
    assert_int_equal(follower->count, 4);
}

static void follow_events__ends_at_its_deadline(void **state)
{
    struct fixture *f = *state;
    struct follower *follower = test_take(sizeof *follower);
    memset(follower, 0, sizeof *follower);
    follower->store = f->store;
    follower->call = (struct dbk_call)DBK_CALL_INIT;
    follower->call.timeout_ms = 50;
    skip_events(f);
    assert_int_equal(
        dbk_follow_events(f->store, f->position, NULL, &follower->call, on_event, on_end, follower),
        DBK_OK);
    wait_for_end(follower, DBK_TIMEOUT);
}

static void follow_events__ends_when_the_store_is_closed(void **state)
{
    struct fixture *f = *state;
    struct follower *follower = follow(f->store, 0, NULL);
    assert_int_equal(dbk_close_wait(f->store), DBK_OK);
    f->store = NULL;
    assert_int_equal(follower->done_count, 1);
    assert_int_equal(follower->error.status, DBK_CANCELLED);
}

static void follow_events__sees_what_another_store_writes(void **state)
{
    struct fixture *f = *state;
    struct dbk_store *other;
    struct dbk_error error;
    if (!f->engine->is_persistent)
        return;
    skip_events(f);
    assert_int_equal(dbk_open(f->url, NULL, &other, &error), DBK_OK);
    struct follower *follower = follow(other, f->position, NULL);
    assert_int_equal(dbk_wait(other, 0), 0);
    int64_t buildid = add_build(f);
    wait_for(follower, 1);
    assert_int_equal(follower->buildids[0], buildid);
    cancel(follower);
    dbk_close_wait(other);
}

static void follow_events__takes_only_filters(void **state)
{
    struct fixture *f = *state;
    struct follower follower = {.call = DBK_CALL_INIT};
    const char *const specs[] = {"limit=1", "order=id", "offset=1", "total=exact", "field=id"};
    for (size_t i = 0; i < COUNT_OF(specs); i++)
        assert_int_equal(dbk_follow_events(f->store, 0, parse_spec(specs[i]), &follower.call,
                                           on_event, on_end, &follower),
                         DBK_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follow_events__begins_after_the_position_and_goes_on),
        cmocka_unit_test(follow_events__many_come_in_order_each_once),
        cmocka_unit_test(follow_events__filters_hold),
        cmocka_unit_test(follow_events__may_be_cancelled_by_its_own_callback),
        cmocka_unit_test(follow_events__ends_at_its_deadline),
        cmocka_unit_test(follow_events__ends_when_the_store_is_closed),
        cmocka_unit_test(follow_events__sees_what_another_store_writes),
        cmocka_unit_test(follow_events__takes_only_filters),
    };
    return fixture_run("follow", tests, COUNT_OF(tests));
}
