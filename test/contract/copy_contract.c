/* Copying a store into one of any kind, and comparing the two. */
#include "fixture.h"

#include <stdlib.h>

/* What long work said. */
struct reports {
    struct answer answer; /* first: what wait.h fills */
    const char *findings; /* "problem subject id: text\n" each */
    int64_t done, total;
    int cancel_after; /* so many reports; 0: never */
    int count;
    struct dbk_store *store;
};

static void on_report(void *user, const struct dbk_report *report)
{
    struct reports *r = user;
    if (report->kind == DBK_REPORT_FINDING) {
        r->findings = test_format("%s%s %s %lld: %s\n", r->findings, report->problem,
                                  report->subject, (long long)report->id, report->text);
    } else {
        assert_true(report->done >= r->done && report->done <= report->total);
        r->done = report->done;
        r->total = report->total;
    }
    if (++r->count == r->cancel_after)
        dbk_cancel(r->store, *r->answer.call.out_op);
}

typedef int long_fn(struct dbk_store *store, const char *from_url, const struct dbk_call *call,
                    dbk_report_fn *report, dbk_done_fn *done, void *user);

static int run(struct reports *r, struct dbk_store *store, long_fn *function, const char *from_url)
{
    int cancel_after = r->cancel_after;
    *r = (struct reports){.store = store, .findings = "", .cancel_after = cancel_after};
    answer_begin(&r->answer);
    r->answer.call.out_op = test_take(sizeof(struct dbk_op));
    return answer_end(&r->answer, store,
                      function(store, from_url, &r->answer.call, on_report, on_done, r));
}

/* The fixture's, by which operation keys are kept. */
static int64_t read_clock(void *user)
{
    (void)user;
    return CLOCK_START;
}

/* dbk_copy() with the arguments of a comparison. */
static int copy_fn(struct dbk_store *store, const char *from_url, const struct dbk_call *call,
                   dbk_report_fn *report, dbk_done_fn *done, void *user)
{
    return dbk_copy(store, from_url, NULL, call, report, done, user);
}

static struct dbk_store *open_at(const char *url, bool is_exclusive)
{
    struct dbk_options options = DBK_OPTIONS_INIT;
    struct dbk_error error;
    struct dbk_store *store;
    options.clock = read_clock;
    options.is_exclusive = options.is_created = is_exclusive;
    if (dbk_open(url, &options, &store, &error))
        fail_msg("%s", error.message);
    return store;
}

/* Result: the status that it ended with. */
static int copy(struct reports *r, const char *from_url, const char *to_url)
{
    struct dbk_store *store = open_at(to_url, true);
    int status = run(r, store, copy_fn, from_url);
    assert_int_equal(dbk_close_wait(store), DBK_OK);
    return status;
}

static const char *compare(const char *from_url, const char *to_url)
{
    struct reports r = {.count = 0};
    struct dbk_store *store = open_at(to_url, false);
    if (run(&r, store, dbk_verify, from_url))
        fail_msg("%s", r.answer.error.message);
    assert_int_equal(dbk_close_wait(store), DBK_OK);
    return r.findings;
}

static void must_copy(const char *from_url, const char *to_url)
{
    struct reports r = {.count = 0};
    if (copy(&r, from_url, to_url))
        fail_msg("%s", r.answer.error.message);
    assert_true(r.done > 0);
    assert_int_equal(r.done, r.total);
}

/* Builds with all that is difficult to carry, and ids that were given and are gone. */
static void record(struct fixture *f)
{
    static const char bytes[] = "a\0b\xff\n\\N\t";
    struct answer a;
    struct dbk_call call = DBK_CALL_INIT;
    for (int i = 0; i < 12; i++) {
        int64_t buildid = add_build_to(f, i % 3 ? f->seed.builderid : f->seed.other_builderid);
        set_property(f, buildid, "mood", "\"\xF0\x9F\x98\x80 \\u0000 \\\\N\"", "t\xC3\xA4st");
        set_data(f, buildid, "", "", "test");
        ASK(&a, f->store, on_done, dbk_set_build_data, buildid, "bytes", bytes, sizeof bytes,
            "test");
        assert_int_equal(a.error.status, DBK_OK);
        start_step(f, add_step(f, buildid, "com\tpile\n"));
        if (i % 4)
            finish_build(f, buildid, i % 2);
    }
    ASK(&a, f->store, on_done, dbk_delete_build_data, 12, "bytes");
    call.key = "a key";
    ASK_WITH(&a, f->store, &call, on_added_build, dbk_add_build, f->seed.builderid,
             f->seed.buildrequestid, f->seed.workerid, f->seed.masterid, "keyed");
    assert_int_equal(a.error.status, DBK_OK);
}

/* A new place of each kind in turn; NULL where there is none. */
static const char *place_at(size_t i)
{
    return ENGINES[i].is_persistent && !ENGINES[i].is_extra ? ENGINES[i].place() : NULL;
}

static void copy__into_every_kind_and_back_has_equal_contents(void **state)
{
    struct fixture *f = *state;
    if (!f->engine->is_persistent)
        skip();
    record(f);
    for (size_t i = 0; i < ENGINE_COUNT; i++) {
        const char *there = place_at(i);
        if (!there)
            continue;
        must_copy(f->url, there);
        assert_string_equal(compare(f->url, there), "");
        assert_string_equal(compare(there, f->url), "");
        const char *back = f->engine->place();
        must_copy(there, back);
        assert_string_equal(compare(f->url, back), "");
    }
}

/* A batch ends after some MiB, wherever the rows that are asked for end. */
static void copy__large_values_between_small_ones_come_whole(void **state)
{
    enum { LARGE = 12 << 20, SMALL_COUNT = 90 };
    struct fixture *f = *state;
    struct answer a;
    if (!f->engine->is_persistent)
        skip();
    char *large = test_take(LARGE);
    memset(large, 0xfe, LARGE);
    int64_t buildid = add_build_to(f, f->seed.builderid);
    for (int i = 0; i < SMALL_COUNT + 3; i++) {
        bool is_large = i >= SMALL_COUNT - 10 && i % 4 == 0;
        ASK(&a, f->store, on_done, dbk_set_build_data, buildid, test_format("%d", i), large,
            is_large ? (size_t)LARGE - (size_t)i : 1, "test");
        assert_int_equal(a.error.status, DBK_OK);
    }
    for (size_t i = 0; i < ENGINE_COUNT; i++) {
        const char *there = place_at(i);
        if (!there)
            continue;
        must_copy(f->url, there);
        assert_string_equal(compare(f->url, there), "");
    }
}

static void copy__names_the_value_that_the_target_cannot_hold(void **state)
{
    struct fixture *f = *state;
    struct reports r = {.count = 0};
    struct answer a;
    for (size_t i = 0; i < ENGINE_COUNT; i++) {
        size_t size = (size_t)ENGINES[i].value_max + 1;
        if (!f->engine->is_file || size > 100000000 || !place_at(i))
            continue;
        void *large = calloc(1, size);
        int64_t buildid = add_build_to(f, f->seed.builderid);
        ASK(&a, f->store, on_done, dbk_set_build_data, buildid, "large", large, size, "test");
        free(large);
        assert_int_equal(a.error.status, DBK_OK);
        assert_int_equal(copy(&r, f->url, ENGINES[i].place()), DBK_TOO_LARGE);
        assert_non_null(strstr(r.answer.error.message, "build_data 1: its value has "));
    }
}

static int64_t newest_event(struct dbk_store *store)
{
    struct answer a;
    assert_int_equal(
        (answer_begin(&a), answer_end(&a, store, dbk_get_newest_event(store, &a.call, on_id, &a))),
        DBK_OK);
    return a.id;
}

static void copy__ids_positions_and_keys_go_on_where_they_were(void **state)
{
    struct fixture *f = *state;
    struct dbk_call call = DBK_CALL_INIT;
    struct answer here, there;
    if (!f->engine->is_persistent)
        skip();
    record(f);
    for (size_t i = 0; i < ENGINE_COUNT; i++) {
        const char *url = place_at(i);
        if (!url)
            continue;
        must_copy(f->url, url);
        struct dbk_store *store = open_at(url, false);
        assert_int_equal(newest_event(store), newest_event(f->store));
        call.key = "a key";
        ASK_WITH(&here, f->store, &call, on_added_build, dbk_add_build, f->seed.builderid,
                 f->seed.buildrequestid, f->seed.workerid, f->seed.masterid, "keyed");
        ASK_WITH(&there, store, &call, on_added_build, dbk_add_build, f->seed.builderid,
                 f->seed.buildrequestid, f->seed.workerid, f->seed.masterid, "keyed");
        assert_int_equal(there.error.status, DBK_OK);
        assert_int_equal(there.id, here.id);
        for (int n = 0; n < 2; n++)
            ASK(&there, store, on_added_build, dbk_add_build, f->seed.builderid,
                f->seed.buildrequestid, f->seed.workerid, f->seed.masterid, "next");
        assert_int_equal(there.id, here.id + 2);
        assert_int_equal(there.number, here.number + 2);
        assert_int_equal(newest_event(store), newest_event(f->store) + 2);
        assert_int_equal(dbk_close_wait(store), DBK_OK);
    }
}

static void copy__cancelled_at_any_turn_goes_on_and_ends_equal(void **state)
{
    struct fixture *f = *state;
    if (!f->engine->is_persistent)
        skip();
    record(f);
    const char *url = f->engine->place();
    int cancelled = 0, status = DBK_CANCELLED;
    for (int after = 1; status != DBK_OK; after++) {
        struct reports r = {.cancel_after = after % 7 + 1};
        status = copy(&r, f->url, url);
        if (status)
            assert_int_equal(status, DBK_CANCELLED);
        cancelled += status != DBK_OK;
        assert_true(after < 200);
    }
    assert_true(cancelled > 3);
    assert_string_equal(compare(f->url, url), "");
}

static void copy__refuses_a_target_with_records_and_one_that_is_open_to_others(void **state)
{
    struct fixture *f = *state;
    struct reports r = {.count = 0};
    if (!f->engine->is_persistent)
        skip();
    assert_int_equal(run(&r, f->store, copy_fn, f->url), DBK_UNSUPPORTED);
    assert_int_equal(copy(&r, f->url, f->url), DBK_CONFLICT);
    assert_int_equal(run(&r, f->store, copy_fn, NULL), DBK_INVALID);
    const char *missing = test_format("sqlite:///%s/missing.sqlite", test_folder());
    const char *there = test_format("sqlite:///%s/there.sqlite", test_folder());
    assert_int_equal(copy(&r, missing, there), DBK_NOT_FOUND);
}

static void verify__names_what_is_missing_surplus_and_different(void **state)
{
    struct fixture *f = *state;
    if (!f->engine->is_persistent)
        skip();
    record(f);
    for (size_t i = 0; i < ENGINE_COUNT; i++) {
        const char *url = place_at(i);
        if (!url || ENGINES[i].is_file)
            continue;
        must_copy(f->url, url);
        struct dbk_store *store = open_at(url, false);
        struct answer a;
        ASK(&a, store, on_done, dbk_set_build_state_string, 3, "else");
        ASK(&a, store, on_done, dbk_set_build_property, 4, "new", "1", "test");
        ASK(&a, store, on_done, dbk_delete_build_data, 5, "bytes");
        assert_int_equal(a.error.status, DBK_OK);
        assert_int_equal(dbk_close_wait(store), DBK_OK);
        const char *found = compare(f->url, url);
        assert_non_null(strstr(found, "different builds 3: not the same: state_string\n"));
        assert_non_null(strstr(found, "surplus build_properties 4: 'new': it is here, and not"));
        assert_non_null(strstr(found, "missing build_data "));
        assert_non_null(strstr(found, "surplus daybook_events "));
        assert_null(strstr(found, " steps "));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copy__into_every_kind_and_back_has_equal_contents),
        cmocka_unit_test(copy__large_values_between_small_ones_come_whole),
        cmocka_unit_test(copy__names_the_value_that_the_target_cannot_hold),
        cmocka_unit_test(copy__ids_positions_and_keys_go_on_where_they_were),
        cmocka_unit_test(copy__cancelled_at_any_turn_goes_on_and_ends_equal),
        cmocka_unit_test(copy__refuses_a_target_with_records_and_one_that_is_open_to_others),
        cmocka_unit_test(verify__names_what_is_missing_surplus_and_different),
    };
    return fixture_run("copy", tests, COUNT_OF(tests));
}
