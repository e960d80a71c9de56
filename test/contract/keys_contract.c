/* Operation keys: a write that is sent again happens once. */
#include "fixture.h"
#include "raw.h"

/* What the writes go to. */
struct ground {
    int64_t buildid, other_buildid, stepid, other_stepid;
};

static struct ground make_ground(struct fixture *f)
{
    struct ground g = {.buildid = add_build(f), .other_buildid = add_build(f)};
    g.stepid = add_step(f, g.buildid, "step");
    g.other_stepid = add_step(f, g.buildid, "other step");
    set_data(f, g.buildid, "kept", "1", "s");
    set_data(f, g.buildid, "kept too", "1", "s");
    set_data(f, g.other_buildid, "kept", "1", "s");
    return g;
}

typedef int write_fn(struct fixture *f, const struct ground *g, int variant,
                     const struct dbk_call *call, struct answer *a);

/* Each write in variants: 0, and others of which each differs from 0 in one argument. */
enum { NO_VARIANT = -1 }; /* there are no more */
#define WRITE(name, count, on, function, ...)                                                      \
    static int name(struct fixture *f, const struct ground *g, int v, const struct dbk_call *call, \
                    struct answer *a)                                                              \
    {                                                                                              \
        (void)g;                                                                                   \
        if (v > (count))                                                                           \
            return NO_VARIANT;                                                                     \
        return function(f->store, __VA_ARGS__, call, on, a);                                       \
    }

WRITE(write_add_build, 5, on_added_build, dbk_add_build,
      v == 1 ? f->seed.other_builderid : f->seed.builderid,
      v == 2 ? f->seed.buildrequestid + 1000 : f->seed.buildrequestid,
      v == 3 ? DBK_NONE : f->seed.workerid, v == 4 ? f->seed.masterid + 1000 : f->seed.masterid,
      v == 5 ? "y" : "x")
WRITE(write_state, 2, on_done, dbk_set_build_state_string, v == 1 ? g->other_buildid : g->buildid,
      v == 2 ? "y" : "x")
WRITE(write_locks, 2, on_done, dbk_add_build_locks_duration, v == 1 ? g->other_buildid : g->buildid,
      v == 2 ? 4 : 5)
WRITE(write_finish, 2, on_done, dbk_finish_build, v == 1 ? g->other_buildid : g->buildid,
      v == 2 ? 1 : 0)
WRITE(write_property, 4, on_done, dbk_set_build_property, v == 1 ? g->other_buildid : g->buildid,
      v == 2 ? "b" : "a", v == 3 ? "2" : "1", v == 4 ? "t" : "s")
WRITE(write_add_step, 3, on_added_step, dbk_add_step, v == 1 ? g->other_buildid : g->buildid,
      v == 2 ? "y" : "step", v == 3 ? "t" : "s")
WRITE(write_start, 3, on_done, dbk_start_step, v == 1 ? g->other_stepid : g->stepid, v == 2 ? 6 : 5,
      v == 3)
WRITE(write_step_locks, 2, on_done, dbk_set_step_locks_acquired_at,
      v == 1 ? g->other_stepid : g->stepid, v == 2 ? 6 : 5)
WRITE(write_step_state, 2, on_done, dbk_set_step_state_string, v == 1 ? g->other_stepid : g->stepid,
      v == 2 ? "y" : "x")
WRITE(write_finish_step, 3, on_done, dbk_finish_step, v == 1 ? g->other_stepid : g->stepid,
      v == 2 ? 1 : 0, v == 3)
WRITE(write_url, 3, on_done, dbk_add_url, v == 1 ? g->other_stepid : g->stepid, v == 2 ? "m" : "n",
      v == 3 ? "v" : "u")
WRITE(write_data, 4, on_done, dbk_set_build_data, v == 1 ? g->other_buildid : g->buildid,
      v == 2 ? "m" : "n", v == 3 ? "w" : "v", 1, v == 4 ? "t" : "s")
WRITE(write_delete, 2, on_done, dbk_delete_build_data, v == 1 ? g->other_buildid : g->buildid,
      v == 2 ? "kept too" : "kept")
WRITE(write_delete_old, 1, on_count, dbk_delete_old_build_data, v == 1 ? 2 : 1)
WRITE(write_builder, 1, on_id, dbk_find_builder_id, v == 1 ? "new 2" : "new", true)
WRITE(write_worker, 1, on_id, dbk_find_worker_id, v == 1 ? "new 2" : "new", true)
WRITE(write_master, 1, on_id, dbk_find_master_id, v == 1 ? "new 2" : "new", true)
WRITE(write_request, 4, on_id, dbk_add_buildrequest,
      v == 1 ? f->seed.buildsetid + 1000 : f->seed.buildsetid,
      v == 2 ? f->seed.other_builderid : f->seed.builderid, v == 3 ? 1 : 0, v == 4)

static int write_properties(struct fixture *f, const struct ground *g, int v,
                            const struct dbk_call *call, struct answer *a)
{
    const struct dbk_new_property properties[] = {{"a", "1", "s"}, {"b", v == 1 ? "3" : "2", "s"}};
    return v > 2 ? NO_VARIANT
                 : dbk_set_build_properties(f->store, g->buildid, properties, v == 2 ? 1 : 2, call,
                                            on_done, a);
}

static int write_buildset(struct fixture *f, const struct ground *g, int v,
                          const struct dbk_call *call, struct answer *a)
{
    struct dbk_new_buildset buildset = DBK_NEW_BUILDSET_INIT;
    buildset.reason = v == 1 ? "b" : "a";
    buildset.sourcestampids = &f->seed.sourcestampid;
    buildset.sourcestamp_count = v == 2 ? 0 : 1;
    buildset.parent_buildid = v == 3 ? g->buildid : DBK_NONE;
    buildset.external_idstring = v == 4 ? "x" : NULL;
    return v > 4 ? NO_VARIANT : dbk_add_buildset(f->store, &buildset, call, on_id, a);
}

static int write_change(struct fixture *f, const struct ground *g, int v,
                        const struct dbk_call *call, struct answer *a)
{
    struct dbk_new_change change = DBK_NEW_CHANGE_INIT;
    (void)g;
    change.author = v == 1 ? "b" : "a";
    change.comments = v == 2 ? "c" : NULL;
    change.sourcestampid = f->seed.sourcestampid + (v == 3 ? 1000 : 0);
    return v > 3 ? NO_VARIANT : dbk_add_change(f->store, &change, call, on_id, a);
}

static int write_sourcestamp(struct fixture *f, const struct ground *g, int v,
                             const struct dbk_call *call, struct answer *a)
{
    struct dbk_sourcestamp_key key = DBK_SOURCESTAMP_KEY_INIT;
    (void)g;
    key.branch = v == 1 ? NULL : "b";
    key.codebase = v == 2 ? "c" : NULL;
    return v > 2 ? NO_VARIANT : dbk_find_sourcestamp_id(f->store, &key, true, call, on_id, a);
}

static int write_record(struct fixture *f, const struct ground *g, int v,
                        const struct dbk_call *call, struct answer *a)
{
    struct dbk_new_build build = DBK_NEW_BUILD_INIT;
    struct dbk_new_step step = DBK_NEW_STEP_INIT;
    const struct dbk_new_step *const steps[] = {&step};
    const struct dbk_url url = {"n", v == 11 ? "v" : "u"};
    const struct dbk_new_property property = {"a", v == 7 ? "2" : "1", "s"};
    const struct dbk_new_data data = {"d", v == 8 ? "y" : "x", 1, "s"};
    struct dbk_sourcestamp_key key = DBK_SOURCESTAMP_KEY_INIT;
    const struct dbk_sourcestamp_key *const keys[] = {&key};
    (void)g;
    step.name = v == 9 ? "other" : "step";
    step.urls = &url;
    step.url_count = v == 10 ? 0 : 1;
    key.branch = v == 6 ? "dev" : "main";
    build.builder = v == 1 ? "other builder" : "builder";
    build.worker = v == 2 ? NULL : "worker";
    build.reason = v == 3 ? "r" : NULL;
    build.results = v == 4 ? 1 : 0;
    build.started_at = v == 5 ? 6 : 5;
    build.sourcestamps = keys;
    build.sourcestamp_count = 1;
    build.properties = &property;
    build.property_count = 1;
    build.data = &data;
    build.data_count = 1;
    build.steps = steps;
    build.step_count = v == 12 ? 0 : 1;
    return v > 12 ? NO_VARIANT : dbk_record_build(f->store, &build, call, on_added_build, a);
}

static const struct {
    const char *name;
    write_fn *write;
} WRITES[] = {
    {"add_build", write_add_build},
    {"set_build_state_string", write_state},
    {"add_build_locks_duration", write_locks},
    {"finish_build", write_finish},
    {"set_build_property", write_property},
    {"set_build_properties", write_properties},
    {"add_step", write_add_step},
    {"start_step", write_start},
    {"set_step_locks_acquired_at", write_step_locks},
    {"set_step_state_string", write_step_state},
    {"finish_step", write_finish_step},
    {"add_url", write_url},
    {"set_build_data", write_data},
    {"delete_build_data", write_delete},
    {"delete_old_build_data", write_delete_old},
    {"find_builder_id", write_builder},
    {"find_worker_id", write_worker},
    {"find_master_id", write_master},
    {"find_sourcestamp_id", write_sourcestamp},
    {"add_buildset", write_buildset},
    {"add_buildrequest", write_request},
    {"add_change", write_change},
    {"record_build", write_record},
};

/* Submits with a key and waits. Result: the status with which it was refused or ended. */
static int ask(struct fixture *f, const struct ground *g, write_fn *write, int variant,
               const char *scope, const char *key, struct answer *a)
{
    answer_begin(a);
    a->call.scope = scope;
    a->call.key = key;
    int submitted = write(f, g, variant, &a->call, a);
    return submitted == NO_VARIANT ? NO_VARIANT : answer_end(a, f->store, submitted);
}

static void key__same_call_and_arguments_give_the_first_result_and_happen_once(void **state)
{
    struct fixture *f = *state;
    struct ground g = make_ground(f);
    for (size_t i = 0; i < COUNT_OF(WRITES); i++) {
        struct answer first, again;
        const char *key = WRITES[i].name;
        int status = ask(f, &g, WRITES[i].write, 0, "scope", key, &first);
        if (status)
            fail_msg("%s: %s", key, first.error.message);
        skip_events(f);
        f->now += 100;
        status = ask(f, &g, WRITES[i].write, 0, "scope", key, &again);
        if (status)
            fail_msg("%s again: %s", key, again.error.message);
        assert_int_equal(again.id, first.id);
        assert_int_equal(again.number, first.number);
        assert_int_equal(again.count, first.count);
        assert_same_text(again.name, first.name);
        expect_no_event(f);
    }
}

static void key__other_arguments_are_a_conflict_and_change_nothing(void **state)
{
    struct fixture *f = *state;
    struct ground g = make_ground(f);
    for (size_t i = 0; i < COUNT_OF(WRITES); i++) {
        struct answer a;
        const char *key = WRITES[i].name;
        assert_int_equal(ask(f, &g, WRITES[i].write, 0, NULL, key, &a), DBK_OK);
        skip_events(f);
        int variant = 1, status;
        while ((status = ask(f, &g, WRITES[i].write, variant, NULL, key, &a)) != NO_VARIANT) {
            if (status != DBK_CONFLICT)
                fail_msg("%s, variant %d: %s", key, variant,
                         dbk_status_name((enum dbk_status)status));
            expect_error(&a, DBK_CONFLICT, key, NULL);
            variant++;
        }
        assert_true(variant > 1);
        expect_no_event(f);
    }
}

static void key__another_call_is_a_conflict(void **state)
{
    struct fixture *f = *state;
    struct ground g = make_ground(f);
    struct answer a;
    assert_int_equal(ask(f, &g, write_state, 0, NULL, "once", &a), DBK_OK);
    skip_events(f);
    for (size_t i = 0; i < COUNT_OF(WRITES); i++)
        if (WRITES[i].write != write_state) {
            ask(f, &g, WRITES[i].write, 0, NULL, "once", &a);
            expect_error(&a, DBK_CONFLICT, "once", NULL);
        }
    expect_no_event(f);
}

static void key__belongs_to_its_scope_and_none_is_the_empty_one(void **state)
{
    struct fixture *f = *state;
    struct ground g = make_ground(f);
    struct answer a;
    const char *const scopes[] = {NULL, "a", "b", "A", "a "};
    for (int64_t i = 0; i < (int64_t)COUNT_OF(scopes); i++) {
        assert_int_equal(ask(f, &g, write_locks, 0, scopes[i], "k", &a), DBK_OK);
        assert_int_equal(get_build(f, g.buildid)->locks_duration_s, 5 * (i + 1));
    }
    assert_int_equal(ask(f, &g, write_locks, 0, "", "k", &a), DBK_OK);
    assert_int_equal(ask(f, &g, write_locks, 0, NULL, "K", &a), DBK_OK);
    assert_int_equal(get_build(f, g.buildid)->locks_duration_s, 5 * 6);
}

static void key__of_an_outstanding_write_gives_its_result(void **state)
{
    struct fixture *f = *state;
    struct ground g = make_ground(f);
    struct answer answers[20];
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        answer_begin(&answers[i]);
        answers[i].call.key = "once";
        assert_int_equal(write_add_build(f, &g, 0, &answers[i].call, &answers[i]), DBK_OK);
    }
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        if (!answers[i].done_count)
            answer_wait(&answers[i], f->store);
        assert_int_equal(answers[i].error.status, DBK_OK);
        assert_int_equal(answers[i].id, answers[0].id);
        assert_int_equal(answers[i].number, answers[0].number);
    }
    assert_int_equal(get_build(f, add_build(f))->number, answers[0].number + 1);
}

static void key__write_that_failed_leaves_none(void **state)
{
    struct fixture *f = *state;
    struct ground g = make_ground(f);
    struct answer a;
    assert_int_equal(ask(f, &g, write_add_build, 2, NULL, "k", &a), DBK_NOT_FOUND);
    assert_int_equal(ask(f, &g, write_add_build, 2, NULL, "k", &a), DBK_NOT_FOUND);
    assert_int_equal(ask(f, &g, write_add_build, 0, NULL, "k", &a), DBK_OK);
    if (f->engine->is_seen_by_others)
        assert_int_equal(fixture_look_int(f, "SELECT count(*) FROM daybook_operations"), 1);
}

static void key__is_there_when_the_store_is_opened_again(void **state)
{
    struct fixture *f = *state;
    struct ground g = make_ground(f);
    struct answer first, again;
    if (!f->engine->is_persistent)
        return;
    assert_int_equal(ask(f, &g, write_add_step, 0, "s", "k", &first), DBK_OK);
    assert_string_equal(first.name, "step_1");
    fixture_reopen(f);
    assert_int_equal(ask(f, &g, write_add_step, 0, "s", "k", &again), DBK_OK);
    assert_int_equal(again.id, first.id);
    assert_string_equal(again.name, "step_1");
}

static void key__is_checked(void **state)
{
    struct fixture *f = *state;
    struct ground g = make_ground(f);
    struct answer a;
    const struct {
        const char *scope, *key;
    } rows[] = {{NULL, ""},
                {NULL, test_repeat("k", 129)},
                {test_repeat("s", 129), "k"},
                {NULL, "\xFF"},
                {"\xFF", "k"}};
    skip_events(f);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        ask(f, &g, write_state, 0, rows[i].scope, rows[i].key, &a);
        expect_error(&a, DBK_INVALID, "key", NULL);
        assert_int_equal(a.submitted, DBK_INVALID);
    }
    expect_no_event(f);
    assert_int_equal(ask(f, &g, write_state, 0, test_repeat("s", 128), test_repeat("k", 128), &a),
                     DBK_OK);
    answer_begin(&a);
    a.call.key = "k";
    assert_int_equal(answer_end(&a, f->store, dbk_get_build(f->store, 1, &a.call, on_build, &a)),
                     DBK_INVALID);
    expect_error(&a, DBK_INVALID, "key", "read", NULL);
}

static void key__text_is_copied_before_submitting_returns(void **state)
{
    struct fixture *f = *state;
    struct ground g = make_ground(f);
    struct answer first, again;
    char key[] = "the key", scope[] = "the scope";
    answer_begin(&first);
    first.call.key = key;
    first.call.scope = scope;
    assert_int_equal(write_add_build(f, &g, 0, &first.call, &first), DBK_OK);
    memset(key, 'x', sizeof key - 1);
    memset(scope, 'x', sizeof scope - 1);
    answer_wait(&first, f->store);
    assert_int_equal(ask(f, &g, write_add_build, 0, "the scope", "the key", &again), DBK_OK);
    assert_int_equal(again.id, first.id);
}

/* Lets that much time pass, and the writer keep house: after the first write that sees it, and so before
 * the second one ends. */
static void let_pass(struct fixture *f, const struct ground *g, int64_t seconds)
{
    struct answer a;
    f->now += seconds;
    for (int i = 0; i < 2; i++)
        assert_int_equal(
            ASK(&a, f->store, on_done, dbk_set_build_state_string, g->other_buildid, "x"), DBK_OK);
}

enum { KEPT_S = 7 * 24 * 60 * 60 };

static void key__is_kept_for_7_days_and_14_at_most(void **state)
{
    struct fixture *f = *state;
    struct ground g = make_ground(f);
    struct answer a;
    assert_int_equal(ask(f, &g, write_locks, 0, NULL, "k", &a), DBK_OK);
    let_pass(f, &g, KEPT_S - 10);
    assert_int_equal(ask(f, &g, write_locks, 0, NULL, "k", &a), DBK_OK);
    assert_int_equal(get_build(f, g.buildid)->locks_duration_s, 5);
    let_pass(f, &g, KEPT_S + 10);
    assert_int_equal(ask(f, &g, write_locks, 0, NULL, "k", &a), DBK_OK);
    assert_int_equal(get_build(f, g.buildid)->locks_duration_s, 10);
    if (f->engine->is_seen_by_others)
        assert_int_equal(fixture_look_int(f, "SELECT count(*) FROM daybook_operations"), 1);
}

static void key__is_found_when_the_clock_was_set_back(void **state)
{
    struct fixture *f = *state;
    struct ground g = make_ground(f);
    struct answer a;
    assert_int_equal(ask(f, &g, write_locks, 0, NULL, "k", &a), DBK_OK);
    f->now -= KEPT_S;
    assert_int_equal(ask(f, &g, write_locks, 0, NULL, "k", &a), DBK_OK);
    assert_int_equal(get_build(f, g.buildid)->locks_duration_s, 5);
}

static void get_events__those_older_than_7_days_are_gone_and_a_late_reader_is_told(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t early = f->position;
    struct ground g = make_ground(f);
    skip_events(f);
    int64_t middle = f->position;
    let_pass(f, &g, KEPT_S - 10);
    assert_int_equal(ASK(&a, f->store, on_events, dbk_get_events, early, NULL), DBK_OK);
    int64_t last = a.events[a.page.count - 1]->id;
    let_pass(f, &g, 2 * 60 * 60); /* it keeps house once an hour */
    ASK(&a, f->store, on_events, dbk_get_events, early, NULL);
    expect_error(&a, DBK_GONE, NULL);
    assert_int_equal(ASK(&a, f->store, on_events, dbk_get_events, middle, NULL), DBK_OK);
    assert_int_equal(a.page.count, 4);
    assert_int_equal(ASK(&a, f->store, on_events, dbk_get_events, 0, NULL), DBK_OK);
    assert_int_equal(a.page.count, 4);
    assert_true(a.events[0]->id > middle && a.events[0]->id <= last);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(key__same_call_and_arguments_give_the_first_result_and_happen_once),
        cmocka_unit_test(key__other_arguments_are_a_conflict_and_change_nothing),
        cmocka_unit_test(key__another_call_is_a_conflict),
        cmocka_unit_test(key__belongs_to_its_scope_and_none_is_the_empty_one),
        cmocka_unit_test(key__of_an_outstanding_write_gives_its_result),
        cmocka_unit_test(key__write_that_failed_leaves_none),
        cmocka_unit_test(key__is_there_when_the_store_is_opened_again),
        cmocka_unit_test(key__is_checked),
        cmocka_unit_test(key__text_is_copied_before_submitting_returns),
        cmocka_unit_test(key__is_kept_for_7_days_and_14_at_most),
        cmocka_unit_test(key__is_found_when_the_clock_was_set_back),
        cmocka_unit_test(get_events__those_older_than_7_days_are_gone_and_a_late_reader_is_told),
    };
    return fixture_run("operation keys", tests, COUNT_OF(tests));
}
