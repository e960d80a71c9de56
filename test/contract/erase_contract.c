/* Erasing what should never have been recorded: what goes, what stays, and what is said of it. */
#include "prune.h"

struct erasure {
    struct answer answer; /* first: what wait.h fills */
    const char *sums;     /* "table rows bytes\n" each */
    int left_count;       /* findings of places that may still hold it */
};

static void on_report(void *user, const struct dbk_report *report)
{
    struct erasure *erasure = user;
    if (report->kind == DBK_REPORT_SUM)
        erasure->sums = test_format("%s%s %lld %lld\n", erasure->sums, report->subject,
                                    (long long)report->rows, (long long)report->bytes);
    if (report->kind == DBK_REPORT_FINDING) {
        assert_string_equal(report->problem, "left");
        erasure->left_count++;
    }
}

static int erase(struct fixture *f, struct erasure *erasure, int64_t buildid, enum dbk_erased what,
                 const char *name)
{
    *erasure = (struct erasure){.sums = ""};
    answer_begin(&erasure->answer);
    return answer_end(&erasure->answer, f->store,
                      dbk_erase(f->store, buildid, what, name, false, &erasure->answer.call,
                                on_report, on_done, erasure));
}

static void expect_events(struct fixture *f, int64_t buildid, const char *kind, const char *verb,
                          const char *name)
{
    expect_event(f, (struct dbk_event){.kind = kind,
                                       .verb = verb,
                                       .builderid = f->seed.builderid,
                                       .buildid = buildid,
                                       .stepid = DBK_NONE,
                                       .name = name});
}

static int64_t count(struct fixture *f, const char *table, int64_t buildid)
{
    return fixture_look_int(
        f, test_format("SELECT count(*) FROM %s WHERE buildid = %lld", table, (long long)buildid));
}

/* A build with two properties, two values and two steps. */
static int64_t add_full(struct fixture *f)
{
    int64_t buildid = add_build(f);
    set_property(f, buildid, "password", "\"hunter2\"", "s");
    set_property(f, buildid, "other", "1", "s");
    set_data(f, buildid, "log/one", "hunter2", "s");
    set_data(f, buildid, "other", "12345", "s");
    add_step(f, buildid, "one");
    add_step(f, buildid, "two");
    return buildid;
}

static void erase__of_a_property_takes_that_one_alone(void **state)
{
    struct fixture *f = *state;
    struct erasure e;
    int64_t buildid = add_full(f), other = add_full(f);
    skip_events(f);
    if (erase(f, &e, buildid, DBK_ERASE_PROPERTY, "password"))
        fail_msg("%s", e.answer.error.message);
    assert_string_equal(e.sums, "build_properties 1 9\n");
    assert_true(e.left_count > 0);
    expect_events(f, buildid, "property", "deleted", "password");
    if (f->engine->is_seen_by_others) {
        assert_int_equal(count(f, "build_properties", buildid), 1);
        assert_int_equal(count(f, "build_data", buildid), 2);
        assert_int_equal(count(f, "build_properties", other), 2);
    }
}

static void erase__of_data_takes_that_value_alone(void **state)
{
    struct fixture *f = *state;
    struct erasure e;
    int64_t buildid = add_full(f);
    skip_events(f);
    if (erase(f, &e, buildid, DBK_ERASE_DATA, "log/one"))
        fail_msg("%s", e.answer.error.message);
    assert_string_equal(e.sums, "build_data 1 7\n");
    expect_events(f, buildid, "data", "deleted", "log/one");
    if (f->engine->is_seen_by_others) {
        assert_int_equal(count(f, "build_properties", buildid), 2);
        assert_int_equal(count(f, "build_data", buildid), 1);
    }
}

static void erase__of_contents_leaves_the_build_and_its_number(void **state)
{
    struct fixture *f = *state;
    struct erasure e;
    int64_t buildid = add_full(f), other = add_full(f);
    set_property(f, buildid, "keep", "true", "s");
    struct dbk_build *before = get_build(f, buildid);
    skip_events(f);
    if (erase(f, &e, buildid, DBK_ERASE_CONTENTS, NULL))
        fail_msg("%s", e.answer.error.message);
    assert_string_equal(e.sums, "build_properties 3 0\nsteps 2 0\nbuild_data 2 12\n");
    expect_events(f, buildid, "build", "updated", NULL);
    struct dbk_build *after = get_build(f, buildid);
    assert_int_equal(after->number, before->number);
    assert_string_equal(after->state_string, "");
    if (f->engine->is_seen_by_others) {
        assert_int_equal(count(f, "build_properties", buildid), 0);
        assert_int_equal(count(f, "steps", buildid), 0);
        assert_int_equal(count(f, "build_data", buildid), 0);
        assert_int_equal(count(f, "steps", other), 2);
    }
}

static void erase__of_what_is_not_there_is_not_found_and_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct erasure e;
    int64_t buildid = add_full(f);
    skip_events(f);
    erase(f, &e, buildid, DBK_ERASE_PROPERTY, "missing");
    expect_error(&e.answer, DBK_NOT_FOUND, "no property 'missing'", NULL);
    erase(f, &e, buildid, DBK_ERASE_DATA, "missing");
    expect_error(&e.answer, DBK_NOT_FOUND, "no data 'missing'", NULL);
    erase(f, &e, buildid + 1000, DBK_ERASE_CONTENTS, NULL);
    expect_error(&e.answer, DBK_NOT_FOUND, "no build", NULL);
    expect_no_event(f);
}

static void erase__wants_a_name_of_a_value_and_none_of_contents(void **state)
{
    struct fixture *f = *state;
    struct erasure e;
    int64_t buildid = add_build(f);
    erase(f, &e, buildid, DBK_ERASE_PROPERTY, NULL);
    expect_error(&e.answer, DBK_INVALID, "name", NULL);
    erase(f, &e, buildid, DBK_ERASE_CONTENTS, "a");
    expect_error(&e.answer, DBK_INVALID, "name", NULL);
}

static void erase__leaves_no_value_in_events_and_operation_keys(void **state)
{
    struct fixture *f = *state;
    struct erasure e;
    struct answer a;
    struct dbk_call call = DBK_CALL_INIT;
    if (!f->engine->is_seen_by_others)
        skip();
    int64_t buildid = add_build(f);
    call.key = "key";
    answer_begin(&a);
    assert_int_equal(answer_end(&a, f->store,
                                dbk_set_build_property(f->store, buildid, "password", "\"hunter2\"",
                                                       "s", &call, on_done, &a)),
                     DBK_OK);
    if (erase(f, &e, buildid, DBK_ERASE_PROPERTY, "password"))
        fail_msg("%s", e.answer.error.message);
    assert_int_equal(fixture_look_int(f, "SELECT count(*) FROM daybook_operations"), 1);
    assert_int_equal(fixture_look_int(f, "SELECT count(*) FROM daybook_operations WHERE"
                                         " result_text LIKE '%hunter2%'"),
                     0);
    assert_int_equal(
        fixture_look_int(f, "SELECT count(*) FROM daybook_events WHERE name LIKE '%hunter2%'"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(erase__of_a_property_takes_that_one_alone),
        cmocka_unit_test(erase__of_data_takes_that_value_alone),
        cmocka_unit_test(erase__of_contents_leaves_the_build_and_its_number),
        cmocka_unit_test(erase__of_what_is_not_there_is_not_found_and_changes_nothing),
        cmocka_unit_test(erase__wants_a_name_of_a_value_and_none_of_contents),
        cmocka_unit_test(erase__leaves_no_value_in_events_and_operation_keys),
    };
    return fixture_run("erase", tests, COUNT_OF(tests));
}
