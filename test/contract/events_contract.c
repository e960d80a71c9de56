/* The contract of listing events. That each write leaves its own is tested with the write. */
#include "parents_ask.h"

#define EVENTS(position, spec) ASK(dbk_get_events(store, position, spec, &call, on_events, NULL))
#define EVENTS_SPEC(position, text)                                                                \
    ASK_SPEC(text, dbk_get_events(store, position, spec, &call, on_events, NULL))

/* Four events, a second apart: builder, sourcestamp, buildset, buildrequest. */
static void make_four(void)
{
    int64_t builderid = builder("linux");
    now++;
    int64_t stampid = sourcestamp("main", "1");
    now++;
    int64_t setid = buildset("why", &stampid, 1);
    now++;
    buildrequest(setid, builderid, 0);
}

static void get_events__of_nothing_are_none(void **state)
{
    (void)state;
    assert_int_equal(events_after(0), 0);
}

static void get_events__come_in_the_order_of_the_writes(void **state)
{
    (void)state;
    static const char *const kinds[] = {"builder", "sourcestamp", "buildset", "buildrequest"};
    int64_t began = now;
    make_four();
    assert_int_equal(events_after(0), 4);
    for (int i = 0; i < 4; i++) {
        assert_string_equal(answer.events[i].kind, kinds[i]);
        assert_string_equal(answer.events[i].verb, "new");
        assert_int_equal(answer.events[i].at, began + i);
        assert_true(answer.events[i].id > (i ? answer.events[i - 1].id : 0));
        assert_int_equal(answer.events[i].builderid, i == 0 || i == 3 ? 1 : DBK_NONE);
    }
}

static void get_events__begin_after_the_position(void **state)
{
    (void)state;
    make_four();
    events_after(0);
    int64_t second = answer.events[1].id, last = answer.events[3].id;
    assert_int_equal(events_after(second), 2);
    assert_string_equal(answer.events[0].kind, "buildset");
    assert_int_equal(events_after(last), 0);
    assert_int_equal(events_after(INT64_MAX), 0);
    builder("other");
    assert_int_equal(events_after(last), 1);
    assert_true(answer.events[0].id > last);
}

static void get_events__take_a_limit_and_its_cursor(void **state)
{
    (void)state;
    make_four();
    EVENTS_SPEC(0, "limit=3&total=exact");
    assert_int_equal(answer.count, 3);
    assert_int_equal(answer.page.total, 4);
    char text[600];
    snprintf(text, sizeof text, "limit=3&cursor=%s", answer.next_cursor);
    EVENTS_SPEC(0, text);
    assert_ok();
    assert_int_equal(answer.count, 1);
    assert_string_equal(answer.events[0].kind, "buildrequest");
    EVENTS_SPEC(0, "limit=0");
    assert_ok();
    assert_int_equal(answer.count, 0);
}

static void get_events__take_filters(void **state)
{
    (void)state;
    make_four();
    EVENTS_SPEC(0, "kind__in=buildset,sourcestamp");
    assert_int_equal(answer.count, 2);
    EVENTS_SPEC(0, "builderid=1&verb=new");
    assert_int_equal(answer.count, 2);
    EVENTS_SPEC(0, "builderid&stepid&name");
    assert_int_equal(answer.count, 2);
    EVENTS_SPEC(0, "colour=red");
    assert_refused(DBK_INVALID, "events have no field 'colour'");
}

static void get_events__refuse_an_order_and_an_offset(void **state)
{
    (void)state;
    EVENTS_SPEC(0, "order=-id");
    assert_refused(DBK_INVALID, "order");
    EVENTS_SPEC(0, "order=id");
    assert_refused(DBK_INVALID, "order");
    EVENTS_SPEC(0, "offset=1&limit=1");
    assert_refused(DBK_INVALID, "offset");
}

static void get_events__wrong_arguments_are_refused(void **state)
{
    (void)state;
    EVENTS(-1, NULL);
    assert_refused(DBK_INVALID, "position");
    EVENTS(DBK_NONE, NULL);
    assert_refused(DBK_INVALID, "position");
    ASK(dbk_get_events(NULL, 0, NULL, &call, on_events, NULL));
    assert_refused(DBK_INVALID, "NULL");
    ASK(dbk_get_events(store, 0, NULL, &call, NULL, NULL));
    assert_refused(DBK_INVALID, "NULL");
}

static void get_newest_event__is_where_later_ones_come_after(void **state)
{
    (void)state;
    ASK(dbk_get_newest_event(store, &call, on_id, NULL));
    assert_ok();
    assert_int_equal(answer.id, 0);
    make_four();
    ASK(dbk_get_newest_event(store, &call, on_id, NULL));
    assert_ok();
    int64_t newest = answer.id;
    assert_int_equal(events_after(newest), 0);
    builder("other");
    assert_int_equal(events_after(newest), 1);
    ASK(dbk_get_newest_event(store, &call, NULL, NULL));
    assert_refused(DBK_INVALID, "NULL");
}

static void get_events__show_another_stores_writes(void **state)
{
    (void)state;
    struct dbk_store *mine = store, *other = open_store(path);
    builder("mine");
    store = other;
    builder("other's");
    assert_int_equal(events_after(0), 2);
    store = mine;
    assert_int_equal(events_after(0), 2);
    dbk_close_wait(other);
}

static void get_events__without_a_log_are_unsupported(void **state)
{
    (void)state;
    builder("linux");
    reopen(AS_BUILDBOT, "");
    assert_false(dbk_get_info(store)->has_events);
    EVENTS(0, NULL);
    assert_refused(DBK_UNSUPPORTED, "no event log");
    ASK(dbk_get_newest_event(store, &call, on_id, NULL));
    assert_refused(DBK_UNSUPPORTED, "no event log");
}

static const struct CMUnitTest BOTH[] = {
    TEST(get_events__of_nothing_are_none),
    TEST(get_events__come_in_the_order_of_the_writes),
    TEST(get_events__begin_after_the_position),
    TEST(get_events__take_a_limit_and_its_cursor),
    TEST(get_events__take_filters),
    TEST(get_events__refuse_an_order_and_an_offset),
    TEST(get_events__wrong_arguments_are_refused),
    TEST(get_newest_event__is_where_later_ones_come_after),
};

static const struct CMUnitTest ON_FILE[] = {
    TEST(get_events__show_another_stores_writes),
    TEST(get_events__without_a_log_are_unsupported),
};

RUN_TESTS("events", BOTH, ON_FILE)
