/* A whole build at once. */
#include "fixture.h"
#include "raw.h"

#include <time.h>

static struct dbk_new_step new_step(const char *name, int64_t results)
{
    struct dbk_new_step step = DBK_NEW_STEP_INIT;
    step.name = name;
    step.results = results;
    step.started_at = 1000;
    step.complete_at = 1010;
    step.state_string = "done";
    return step;
}

static int record(struct fixture *f, struct answer *a, const struct dbk_new_build *build)
{
    return ASK(a, f->store, on_added_build, dbk_record_build, build);
}

static void record_build__all_of_it_is_there(void **state)
{
    struct fixture *f = *state;
    struct answer a, b;
    struct dbk_new_build build = DBK_NEW_BUILD_INIT;
    struct dbk_new_property properties[] = {{"p", "1", "s"}, {"q", "\"two\"", "s"}};
    struct dbk_url url = {"report", "http://example/1"};
    struct dbk_new_step compile = new_step("compile", DBK_SUCCESS);
    struct dbk_new_step test = new_step("test", DBK_FAILURE);
    compile.urls = &url;
    compile.url_count = 1;
    compile.hidden = true;
    const struct dbk_new_step *steps[] = {&compile, &test};
    struct dbk_new_data data = {"log/test", "a\0b", 3, "s"};
    struct dbk_sourcestamp_key stamp = DBK_SOURCESTAMP_KEY_INIT;
    stamp.repository = "git://a";
    const struct dbk_sourcestamp_key *stamps[] = {&stamp};
    build.builder = "whole";
    build.worker = "w2";
    build.state_string = "failed";
    build.started_at = 1000;
    build.complete_at = 2000;
    build.results = DBK_FAILURE;
    build.locks_duration_s = 7;
    build.properties = properties;
    build.property_count = 2;
    build.steps = steps;
    build.step_count = 2;
    build.data = &data;
    build.data_count = 1;
    build.sourcestamps = stamps;
    build.sourcestamp_count = 1;
    assert_int_equal(record(f, &a, &build), DBK_OK);
    assert_int_equal(a.number, 1);
    const struct dbk_build *got = get_build(f, a.id);
    assert_int_equal(got->started_at, 1000);
    assert_int_equal(got->complete_at, 2000);
    assert_int_equal(got->results, DBK_FAILURE);
    assert_int_equal(got->locks_duration_s, 7);
    assert_string_equal(got->state_string, "failed");
    assert_int_equal(got->builderid, seed_builder(f->store, "whole"));
    assert_int_equal(got->workerid, seed_worker(f->store, "w2"));
    assert_int_equal(ASK(&b, f->store, on_steps, dbk_get_steps, a.id, NULL), DBK_OK);
    assert_int_equal(b.page.count, 2);
    assert_string_equal(b.steps[0]->name, "compile");
    assert_int_equal(b.steps[0]->hidden, 1);
    assert_int_equal(b.steps[0]->url_count, 1);
    assert_string_equal(b.steps[0]->urls[0]->url, "http://example/1");
    assert_int_equal(b.steps[1]->number, 1);
    assert_int_equal(b.steps[1]->results, DBK_FAILURE);
    assert_int_equal(ASK(&b, f->store, on_properties, dbk_get_build_properties, a.id, NULL),
                     DBK_OK);
    assert_int_equal(b.page.count, 2);
    assert_string_equal(b.properties[1]->value, "\"two\"");
    assert_int_equal(ASK(&b, f->store, on_data, dbk_get_build_data, a.id, "log/test"), DBK_OK);
    assert_int_equal(b.data->length, 3);
    assert_memory_equal(b.data->value, "a\0b", 3);
}

static void record_build__numbers_go_on_and_parents_are_found_again(void **state)
{
    struct fixture *f = *state;
    struct answer first, second;
    struct dbk_new_build build = DBK_NEW_BUILD_INIT;
    build.builder = "again";
    assert_int_equal(record(f, &first, &build), DBK_OK);
    assert_int_equal(record(f, &second, &build), DBK_OK);
    assert_int_equal(second.number, first.number + 1);
    assert_int_equal(get_build(f, first.id)->builderid, get_build(f, second.id)->builderid);
}

static void record_build__without_results_it_stays_open_and_goes_on(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    struct dbk_new_build build = DBK_NEW_BUILD_INIT;
    build.builder = "open";
    assert_int_equal(record(f, &a, &build), DBK_OK);
    assert_int_equal(get_build(f, a.id)->started_at, CLOCK_START);
    assert_int_equal(get_build(f, a.id)->complete_at, DBK_NONE);
    add_step(f, a.id, "later");
    finish_build(f, a.id, DBK_SUCCESS);
    assert_int_equal(get_build(f, a.id)->results, DBK_SUCCESS);
}

static void record_build__step_names_get_suffixes_as_in_add_step(void **state)
{
    struct fixture *f = *state;
    struct answer a, b;
    struct dbk_new_build build = DBK_NEW_BUILD_INIT;
    struct dbk_new_step step = new_step("sh", DBK_SUCCESS);
    struct dbk_new_step long_step = new_step(test_repeat("\xC3\xBC", 50), DBK_SUCCESS);
    const struct dbk_new_step *steps[] = {&step, &step, &long_step, &long_step, &step};
    build.builder = "names";
    build.steps = steps;
    build.step_count = COUNT_OF(steps);
    assert_int_equal(record(f, &a, &build), DBK_OK);
    assert_int_equal(ASK(&b, f->store, on_steps, dbk_get_steps, a.id, NULL), DBK_OK);
    assert_string_equal(b.steps[1]->name, "sh_1");
    assert_string_equal(b.steps[3]->name, test_format("%s_1", test_repeat("\xC3\xBC", 48)));
    assert_string_equal(b.steps[4]->name, "sh_2");
}

static void record_build__thousands_of_steps_of_one_name_are_no_burden(void **state)
{
    enum { COUNT = 10000, LIMIT_S = 10 };
    struct fixture *f = *state;
    struct answer a, b;
    struct dbk_new_build build = DBK_NEW_BUILD_INIT;
    struct dbk_new_step step = new_step(test_repeat("s", 50), DBK_SUCCESS);
    const struct dbk_new_step **steps = test_take(COUNT * sizeof(struct dbk_new_step *));
    for (int i = 0; i < COUNT; i++)
        steps[i] = &step;
    build.builder = "many steps";
    build.steps = steps;
    build.step_count = COUNT;
    time_t start = time(NULL);
    assert_int_equal(record(f, &a, &build), DBK_OK);
    assert_true(time(NULL) - start < LIMIT_S);
    assert_int_equal(ASK(&b, f->store, on_steps, dbk_get_steps, a.id, NULL), DBK_OK);
    assert_int_equal(b.page.count, COUNT);
    assert_string_equal(b.steps[COUNT - 1]->name, test_format("%s_9999", test_repeat("s", 45)));
}

/* Builder, worker, master and sourcestamps are made once, whoever comes first. */
static void record_build__adds_no_parent_that_is_there(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    struct dbk_new_build build = DBK_NEW_BUILD_INIT;
    struct dbk_sourcestamp_key stamp = DBK_SOURCESTAMP_KEY_INIT;
    stamp.repository = "git://p";
    stamp.revision = "r1";
    const struct dbk_sourcestamp_key *stamps[] = {&stamp, &stamp};
    int64_t builderid = seed_builder(f->store, "parent"), workerid = seed_worker(f->store, "pw");
    assert_int_equal(ASK(&a, f->store, on_id, dbk_find_sourcestamp_id, &stamp, true), DBK_OK);
    int64_t stampid = a.id;
    assert_int_equal(ASK(&a, f->store, on_id, dbk_find_master_id, "pm", true), DBK_OK);
    int64_t masterid = a.id;
    build.builder = "parent";
    build.worker = "pw";
    build.master = "pm";
    build.sourcestamps = stamps; /* the same one twice is one */
    build.sourcestamp_count = 2;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(record(f, &a, &build), DBK_OK);
        const struct dbk_build *got = get_build(f, a.id);
        assert_int_equal(got->builderid, builderid);
        assert_int_equal(got->workerid, workerid);
        assert_int_equal(got->masterid, masterid);
        if (f->engine->is_seen_by_others)
            assert_int_equal(
                fixture_look_int(f, test_format("SELECT count(*) * 1000 + max(x.sourcestampid)"
                                                " FROM buildset_sourcestamps x JOIN buildrequests q"
                                                " ON q.buildsetid = x.buildsetid WHERE q.id = %lld",
                                                (long long)got->buildrequestid)),
                1000 + stampid);
    }
}

static void record_build__times_are_its_own_or_the_clocks(void **state)
{
    struct fixture *f = *state;
    const struct {
        int64_t started_at, complete_at, results, started, complete;
    } rows[] = {{1000, 2000, DBK_SUCCESS, 1000, 2000},
                {1000, DBK_NONE, DBK_SUCCESS, 1000, CLOCK_START},
                {DBK_NONE, DBK_NONE, DBK_SUCCESS, CLOCK_START, CLOCK_START},
                {1000, DBK_NONE, DBK_NONE, 1000, DBK_NONE},
                {0, 0, DBK_SUCCESS, 0, 0}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct answer a;
        struct dbk_new_build build = DBK_NEW_BUILD_INIT;
        build.builder = "times";
        build.started_at = rows[i].started_at;
        build.complete_at = rows[i].complete_at;
        build.results = rows[i].results;
        assert_int_equal(record(f, &a, &build), DBK_OK);
        const struct dbk_build *got = get_build(f, a.id);
        assert_int_equal(got->started_at, rows[i].started);
        assert_int_equal(got->complete_at, rows[i].complete);
    }
}

static void record_build__what_cannot_be_kept_is_refused(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    struct dbk_new_build build = DBK_NEW_BUILD_INIT;
    const struct dbk_sourcestamp_key *no_stamps[] = {NULL};
    const struct dbk_new_step *no_steps[] = {NULL};
    skip_events(f);
    build.builder = "refused";
    build.locks_duration_s = -1;
    record(f, &a, &build);
    expect_error(&a, DBK_INVALID, "locks_duration_s", NULL);
    build.locks_duration_s = DBK_NONE;
    record(f, &a, &build);
    expect_error(&a, DBK_INVALID, "locks_duration_s", NULL);
    build.locks_duration_s = 0;
    build.complete_at = 5;
    record(f, &a, &build);
    expect_error(&a, DBK_INVALID, "complete_at", NULL);
    build.results = DBK_SUCCESS;
    build.complete_at = CLOCK_START + 86401;
    record(f, &a, &build);
    expect_error(&a, DBK_INVALID, "ahead of the clock", NULL);
    build.results = build.complete_at = DBK_NONE;
    build.started_at = CLOCK_START + 86401;
    record(f, &a, &build);
    expect_error(&a, DBK_INVALID, "ahead of the clock", NULL);
    build.started_at = DBK_NONE;
    build.sourcestamps = no_stamps;
    build.sourcestamp_count = 1;
    record(f, &a, &build);
    expect_error(&a, DBK_INVALID, "sourcestamp", NULL);
    build.sourcestamp_count = 0;
    build.steps = no_steps;
    build.step_count = 1;
    record(f, &a, &build);
    expect_error(&a, DBK_INVALID, "step", NULL);
    expect_no_event(f);
}

static void record_build__many_at_once_get_their_numbers_without_a_gap(void **state)
{
    enum { COUNT = 200 };
    struct fixture *f = *state;
    struct answer *answers = test_take(COUNT * sizeof *answers);
    struct dbk_new_build build = DBK_NEW_BUILD_INIT;
    build.builder = "at once";
    for (int i = 0; i < COUNT; i++) {
        answer_begin(&answers[i]);
        assert_int_equal(
            dbk_record_build(f->store, &build, &answers[i].call, on_added_build, &answers[i]),
            DBK_OK);
    }
    for (int i = 0; i < COUNT; i++) {
        answer_wait(&answers[i], f->store);
        assert_int_equal(answers[i].error.status, DBK_OK);
        assert_int_equal(answers[i].number, i + 1);
    }
}

static void record_build__all_or_nothing(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    struct dbk_new_build build = DBK_NEW_BUILD_INIT;
    struct dbk_new_property bad = {"p", "not json", "s"};
    build.builder = "nothing";
    build.properties = &bad;
    build.property_count = 1;
    skip_events(f);
    assert_int_equal(record(f, &a, &build), DBK_INVALID);
    expect_error(&a, DBK_INVALID, "'p'", "JSON", NULL);
    expect_no_event(f);
    assert_int_equal(ASK(&a, f->store, on_id, dbk_find_builder_id, "nothing", false),
                     DBK_NOT_FOUND);
}

static void record_build__events_are_new_and_finished(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    struct dbk_new_build build = DBK_NEW_BUILD_INIT;
    build.builder = "events";
    build.results = DBK_SUCCESS;
    skip_events(f);
    int64_t position = f->position;
    assert_int_equal(record(f, &a, &build), DBK_OK);
    int64_t buildid = a.id;
    assert_int_equal(
        ASK(&a, f->store, on_events, dbk_get_events, position, parse_spec("kind=build")), DBK_OK);
    assert_int_equal(a.page.count, 2);
    assert_string_equal(a.events[0]->verb, "new");
    assert_string_equal(a.events[1]->verb, "finished");
    assert_int_equal(a.events[1]->buildid, buildid);
}

static void record_build__tells_of_a_builder_that_it_adds_once(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    struct dbk_new_build build = DBK_NEW_BUILD_INIT;
    build.builder = "told of";
    skip_events(f);
    int64_t position = f->position;
    assert_int_equal(record(f, &a, &build), DBK_OK);
    assert_int_equal(record(f, &a, &build), DBK_OK);
    assert_int_equal(ASK(&a, f->store, on_id, dbk_find_builder_id, "told of", false), DBK_OK);
    int64_t builderid = a.id;
    assert_int_equal(ASK(&a, f->store, on_events, dbk_get_events, position, NULL), DBK_OK);
    assert_int_equal(a.page.count, 3);
    assert_string_equal(a.events[0]->kind, "builder");
    assert_string_equal(a.events[0]->verb, "new");
    assert_int_equal(a.events[0]->builderid, builderid);
    assert_int_equal(a.events[0]->buildid, DBK_NONE);
    assert_string_equal(a.events[1]->kind, "build");
    assert_string_equal(a.events[2]->kind, "build");
}

static void record_build__belongs_to_its_lineage(void **state)
{
    struct fixture *f = *state;
    struct answer a, b;
    struct dbk_new_build build = DBK_NEW_BUILD_INIT;
    struct dbk_sourcestamp_key stamp = DBK_SOURCESTAMP_KEY_INIT;
    stamp.repository = "git://l";
    stamp.branch = "main";
    stamp.revision = "r1";
    const struct dbk_sourcestamp_key *stamps[] = {&stamp};
    const struct dbk_codebase codebase = {"git://l", "main", ""};
    build.builder = "lineage";
    build.results = DBK_SUCCESS;
    build.sourcestamps = stamps;
    build.sourcestamp_count = 1;
    assert_int_equal(record(f, &a, &build), DBK_OK);
    assert_int_equal(ASK(&b, f->store, on_build, dbk_get_prev_successful_build,
                         get_build(f, a.id)->builderid, 100, &codebase, 1),
                     DBK_OK);
    assert_int_equal(b.build->id, a.id);
}

/* The first one's answer was never seen: it is still outstanding, or the program that sent it is gone. */
static void record_build__with_a_key_is_recorded_once_also_while_outstanding_and_later(void **state)
{
    struct fixture *f = *state;
    struct answer answers[3];
    struct dbk_new_build build = DBK_NEW_BUILD_INIT;
    struct dbk_call call = DBK_CALL_INIT;
    call.key = "spooled-18";
    build.builder = "once more"; /* without times: the clock's do not make it another call */
    build.results = DBK_SUCCESS;
    for (int i = 0; i < 2; i++) {
        answer_begin(&answers[i]);
        assert_int_equal(dbk_record_build(f->store, &build, &call, on_added_build, &answers[i]),
                         DBK_OK);
        f->now += 10;
    }
    answer_wait(&answers[0], f->store);
    answer_wait(&answers[1], f->store);
    if (f->engine->is_persistent)
        fixture_reopen(f);
    assert_int_equal(
        ASK_WITH(&answers[2], f->store, &call, on_added_build, dbk_record_build, &build), DBK_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(answers[i].error.status, DBK_OK);
        assert_int_equal(answers[i].id, answers[0].id);
        assert_int_equal(answers[i].number, 1);
    }
    assert_int_equal(get_build(f, answers[0].id)->complete_at, CLOCK_START);
}

static void record_build__with_a_key_is_recorded_once(void **state)
{
    struct fixture *f = *state;
    struct answer first, second, third;
    struct dbk_new_build build = DBK_NEW_BUILD_INIT;
    struct dbk_new_data data = {"log", "one", 3, "s"};
    struct dbk_call call = DBK_CALL_INIT;
    call.key = "spooled-17";
    build.builder = "once";
    build.results = DBK_SUCCESS;
    build.data = &data;
    build.data_count = 1;
    assert_int_equal(ASK_WITH(&first, f->store, &call, on_added_build, dbk_record_build, &build),
                     DBK_OK);
    assert_int_equal(ASK_WITH(&second, f->store, &call, on_added_build, dbk_record_build, &build),
                     DBK_OK);
    assert_int_equal(second.id, first.id);
    data.value = "two";
    assert_int_equal(ASK_WITH(&third, f->store, &call, on_added_build, dbk_record_build, &build),
                     DBK_CONFLICT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(record_build__all_of_it_is_there),
        cmocka_unit_test(record_build__numbers_go_on_and_parents_are_found_again),
        cmocka_unit_test(record_build__without_results_it_stays_open_and_goes_on),
        cmocka_unit_test(record_build__step_names_get_suffixes_as_in_add_step),
        cmocka_unit_test(record_build__thousands_of_steps_of_one_name_are_no_burden),
        cmocka_unit_test(record_build__adds_no_parent_that_is_there),
        cmocka_unit_test(record_build__times_are_its_own_or_the_clocks),
        cmocka_unit_test(record_build__what_cannot_be_kept_is_refused),
        cmocka_unit_test(record_build__many_at_once_get_their_numbers_without_a_gap),
        cmocka_unit_test(record_build__all_or_nothing),
        cmocka_unit_test(record_build__events_are_new_and_finished),
        cmocka_unit_test(record_build__tells_of_a_builder_that_it_adds_once),
        cmocka_unit_test(record_build__belongs_to_its_lineage),
        cmocka_unit_test(record_build__with_a_key_is_recorded_once),
        cmocka_unit_test(
            record_build__with_a_key_is_recorded_once_also_while_outstanding_and_later),
    };
    return fixture_run("record_build", tests, COUNT_OF(tests));
}
