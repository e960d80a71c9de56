/* Ending builds that were left open. */
#include "fixture.h"

enum { DAY = 24 * 60 * 60 };

struct findings {
    struct answer answer; /* first: what wait.h fills */
    const char *ids;      /* " 1 2" */
};

static void on_report(void *user, const struct dbk_report *report)
{
    struct findings *findings = user;
    if (report->kind == DBK_REPORT_FINDING && !strcmp(report->problem, "open"))
        findings->ids = test_format("%s %lld", findings->ids, (long long)report->id);
}

static int abandon(struct fixture *f, struct findings *findings, const char *master, int64_t before,
                   int64_t results, bool is_dry_run)
{
    *findings = (struct findings){.ids = ""};
    answer_begin(&findings->answer);
    return answer_end(&findings->answer, f->store,
                      dbk_abandon(f->store, master, before, results, is_dry_run,
                                  &findings->answer.call, on_report, on_done, findings));
}

static const char *ids(const int64_t *list, size_t count)
{
    const char *text = "";
    for (size_t i = 0; i < count; i++)
        text = test_format("%s %lld", text, (long long)list[i]);
    return text;
}

static void abandon__ends_open_builds_of_that_master_with_their_steps(void **state)
{
    struct fixture *f = *state;
    struct findings found;
    struct answer a;
    int64_t open[2], done = add_build(f), step, done_step, other, masterid;
    finish_build(f, done, DBK_FAILURE);
    open[0] = add_build(f);
    open[1] = add_build_to(f, f->seed.other_builderid);
    step = add_step(f, open[0], "running");
    start_step(f, step);
    done_step = add_step(f, open[0], "done");
    finish_step(f, done_step, DBK_SUCCESS);
    assert_int_equal(ASK(&a, f->store, on_id, dbk_find_master_id, "another", true), DBK_OK);
    masterid = a.id;
    assert_int_equal(ASK(&a, f->store, on_added_build, dbk_add_build, f->seed.builderid,
                         f->seed.buildrequestid, DBK_NONE, masterid, ""),
                     DBK_OK);
    other = a.id;
    f->now += 100;
    assert_int_equal(abandon(f, &found, "master", f->now, DBK_EXCEPTION, true), DBK_OK);
    assert_string_equal(found.ids, ids(open, 2));
    assert_int_equal(get_build(f, open[0])->results, DBK_NONE);
    assert_int_equal(abandon(f, &found, "master", f->now, DBK_EXCEPTION, false), DBK_OK);
    assert_string_equal(found.ids, ids(open, 2));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(get_build(f, open[i])->results, DBK_EXCEPTION);
        assert_int_equal(get_build(f, open[i])->complete_at, f->now);
    }
    assert_int_equal(get_step(f, step)->results, DBK_EXCEPTION);
    assert_int_equal(get_step(f, step)->complete_at, f->now);
    assert_int_equal(get_step(f, done_step)->results, DBK_SUCCESS);
    assert_int_equal(get_build(f, done)->complete_at, f->now - 100);
    assert_int_equal(get_build(f, other)->results, DBK_NONE);
    assert_int_equal(abandon(f, &found, "master", f->now, DBK_EXCEPTION, false), DBK_OK);
    assert_string_equal(found.ids, "");
}

static void abandon__each_build_leaves_an_event(void **state)
{
    struct fixture *f = *state;
    struct findings found;
    int64_t build = add_build(f);
    f->now += 10;
    skip_events(f);
    assert_int_equal(abandon(f, &found, "master", f->now, DBK_RETRY, false), DBK_OK);
    expect_event(f, (struct dbk_event){.kind = "build",
                                       .verb = "finished",
                                       .builderid = f->seed.builderid,
                                       .buildid = build,
                                       .stepid = DBK_NONE});
    assert_int_equal(get_build(f, build)->results, DBK_RETRY);
}

static void abandon__leaves_builds_that_began_later(void **state)
{
    struct fixture *f = *state;
    struct findings found;
    int64_t old = add_build(f);
    f->now += DAY;
    int64_t young = add_build(f);
    assert_int_equal(abandon(f, &found, "master", f->now - 10, DBK_EXCEPTION, false), DBK_OK);
    assert_string_equal(found.ids, ids(&old, 1));
    assert_int_equal(get_build(f, young)->results, DBK_NONE);
}

static void abandon__a_missing_master_is_not_found_and_wrong_arguments_are_refused(void **state)
{
    struct fixture *f = *state;
    struct findings found;
    assert_int_equal(abandon(f, &found, "nobody", f->now, DBK_EXCEPTION, false), DBK_NOT_FOUND);
    expect_error(&found.answer, DBK_NOT_FOUND, "nobody", NULL);
    assert_int_equal(abandon(f, &found, NULL, f->now, DBK_EXCEPTION, false), DBK_INVALID);
    assert_int_equal(abandon(f, &found, "master", DBK_NONE, DBK_EXCEPTION, false), DBK_INVALID);
    assert_int_equal(abandon(f, &found, "master", f->now, DBK_SUCCESS, false), DBK_INVALID);
    assert_int_equal(abandon(f, &found, "master", f->now, 7, false), DBK_INVALID);
}

static void abandon__a_master_that_runs_is_left_alone(void **state)
{
    struct fixture *f = *state;
    struct findings found;
    if (!f->engine->is_seen_by_others)
        skip();
    int64_t build = add_build(f);
    fixture_change(f, test_format("UPDATE masters SET active = 1, last_active = %lld",
                                  (long long)f->now - 500));
    assert_int_equal(abandon(f, &found, "master", f->now + 1, DBK_EXCEPTION, false), DBK_CONFLICT);
    assert_int_equal(get_build(f, build)->results, DBK_NONE);
    f->now += 200;
    assert_int_equal(abandon(f, &found, "master", f->now, DBK_EXCEPTION, false), DBK_OK);
    assert_int_equal(get_build(f, build)->results, DBK_EXCEPTION);
}

static void check__finds_builds_that_were_left_open(void **state)
{
    struct fixture *f = *state;
    struct findings found = {.ids = ""};
    int64_t old = add_build(f);
    f->now += DAY + 1;
    add_build(f);
    answer_begin(&found.answer);
    assert_int_equal(
        answer_end(&found.answer, f->store,
                   dbk_check(f->store, &found.answer.call, on_report, on_done, &found)),
        DBK_OK);
    assert_string_equal(found.ids, ids(&old, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(abandon__ends_open_builds_of_that_master_with_their_steps),
        cmocka_unit_test(abandon__each_build_leaves_an_event),
        cmocka_unit_test(abandon__leaves_builds_that_began_later),
        cmocka_unit_test(abandon__a_missing_master_is_not_found_and_wrong_arguments_are_refused),
        cmocka_unit_test(abandon__a_master_that_runs_is_left_alone),
        cmocka_unit_test(check__finds_builds_that_were_left_open),
    };
    return fixture_run("abandon", tests, COUNT_OF(tests));
}
