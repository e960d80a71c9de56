/* Pruning by rules: what goes, what is kept, and what is said of it. Rules drawn by chance are in prune_random.c. */
#include "prune.h"

#include <stdlib.h>

static int64_t build(struct fixture *f, const char *branch, int64_t results, int64_t days)
{
    struct new_build new = {.builder = "linux", .branch = branch, .results = results, .days = days};
    return prune_record(f, &new);
}

static int64_t count(struct fixture *f, const char *table)
{
    return fixture_look_int(f, test_format("SELECT count(*) FROM %s", table));
}

static bool is_there(struct fixture *f, int64_t buildid)
{
    struct answer a;
    assert_int_equal(ASK(&a, f->store, on_build, dbk_get_build, buildid), DBK_OK);
    return a.build != NULL;
}

static bool has_data(struct fixture *f, int64_t buildid, const char *name)
{
    struct answer a;
    assert_int_equal(ASK(&a, f->store, on_data, dbk_get_build_data_no_value, buildid, name),
                     DBK_OK);
    return a.data != NULL;
}

static size_t step_count(struct fixture *f, int64_t buildid)
{
    struct answer a;
    assert_int_equal(ASK(&a, f->store, on_steps, dbk_get_steps, buildid, NULL), DBK_OK);
    return a.page.count;
}

/* Each with steps, properties and values, so old; the last one is young. */
static void make_builds(struct fixture *f, const int64_t *days, int64_t *ids, size_t total)
{
    for (size_t i = 0; i < total; i++) {
        struct new_build new = {.builder = "linux",
                                .branch = test_format("branch %zu", i),
                                .results = DBK_FAILURE,
                                .days = days[i],
                                .step_count = 2,
                                .has_output = true,
                                .has_other = true};
        ids[i] = prune_record(f, &new);
    }
}

static void prune__deletes_builds_that_are_older_with_all_that_is_in_them(void **state)
{
    struct fixture *f = *state;
    static const int64_t days[] = {40, 31, 29, 1};
    int64_t ids[4];
    make_builds(f, days, ids, 4);
    struct sums sums = prune(f, "builds = * older 30d");
    assert_false(is_there(f, ids[0]) || is_there(f, ids[1]));
    assert_true(is_there(f, ids[2]) && is_there(f, ids[3]));
    assert_int_equal(step_count(f, ids[0]), 0);
    assert_false(has_data(f, ids[0], "log/0"));
    assert_int_equal(step_count(f, ids[2]), 2);
    assert_true(has_data(f, ids[2], "log/0"));
    assert_string_equal(sums.text, "builds 2 0\nbuild_properties 2 0\nsteps 4 0\nbuild_data 4 18\n"
                                   "buildrequests 2 0\nbuildsets 2 0\n");
}

static void prune__takes_requests_and_buildsets_left_empty_and_leaves_sourcestamps(void **state)
{
    struct fixture *f = *state;
    static const int64_t days[] = {40, 31, 29, 2};
    int64_t ids[4];
    if (!f->engine->is_seen_by_others)
        skip();
    make_builds(f, days, ids, 4);
    int64_t requests = count(f, "buildrequests"), sets = count(f, "buildsets"),
            links = count(f, "buildset_sourcestamps"), stamps = count(f, "sourcestamps");
    prune(f, "builds = * older 30d");
    assert_int_equal(count(f, "buildrequests"), requests - 2);
    assert_int_equal(count(f, "buildsets"), sets - 2);
    assert_int_equal(count(f, "buildset_sourcestamps"), links - 2);
    assert_int_equal(count(f, "sourcestamps"), stamps);
}

static void prune__a_request_with_another_build_stays(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t stampid = f->seed.sourcestampid;
    int64_t request = seed_request(f->store, f->seed.builderid, &stampid, 1, DBK_NONE);
    int64_t ids[3];
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ASK(&a, f->store, on_added_build, dbk_add_build, f->seed.builderid,
                             request, DBK_NONE, f->seed.masterid, ""),
                         DBK_OK);
        ids[i] = a.id;
        finish_build(f, ids[i], DBK_RETRY);
        f->now += 20 * DAY;
    }
    struct sums sums = prune(f, "builds = * older 50d");
    assert_string_equal(sums.text, "builds 1 0\n");
    sums = prune(f, "builds = * keep 1");
    assert_string_equal(sums.text, "builds 1 0\n");
    assert_true(is_there(f, ids[2]));
    if (f->engine->is_seen_by_others)
        assert_int_equal(fixture_look_int(f, test_format("SELECT count(*) FROM buildrequests"
                                                         " WHERE id = %lld",
                                                         (long long)request)),
                         1);
}

static void prune__keeps_as_many_of_the_newest_as_a_rule_says(void **state)
{
    struct fixture *f = *state;
    static const int64_t days[] = {70, 60, 50, 40, 35};
    int64_t ids[5];
    make_builds(f, days, ids, 5);
    prune(f, "builds = * older 30d keep 3");
    for (int i = 0; i < 5; i++)
        assert_int_equal(is_there(f, ids[i]), i >= 2);
    assert_string_equal(prune(f, "builds = * keep 3").text, "");
    prune(f, "builds = * keep 2");
    for (int i = 0; i < 5; i++)
        assert_int_equal(is_there(f, ids[i]), i >= 3);
}

static void prune__keeps_failures_longer(void **state)
{
    struct fixture *f = *state;
    static const int64_t results[] = {DBK_FAILURE, DBK_EXCEPTION, DBK_WARNINGS,
                                      DBK_SKIPPED, DBK_RETRY,     DBK_RESULT_CANCELLED};
    int64_t ids[7];
    for (int i = 0; i < 6; i++)
        ids[i] = build(f, "b", results[i], 40);
    ids[6] = build(f, "b", DBK_FAILURE, 1);
    prune(f, "builds = * older 30d failures 60d");
    for (int i = 0; i < 7; i++)
        assert_int_equal(is_there(f, ids[i]), i < 2 || i == 6);
    f->now += 21 * DAY;
    prune(f, "builds = * older 30d failures 60d");
    assert_false(is_there(f, ids[0]) || is_there(f, ids[1]));
}

static void prune__the_first_rule_whose_pattern_fits_counts(void **state)
{
    struct fixture *f = *state;
    static const char *const builders[] = {"release-1", "nightly", "linux"};
    int64_t ids[3];
    for (int i = 0; i < 3; i++) {
        struct new_build old = {.builder = builders[i], .results = DBK_FAILURE, .days = 40};
        ids[i] = prune_record(f, &old);
        old.days = 2;
        prune_record(f, &old);
    }
    prune(f, "# of releases nothing goes for long\n\nbuilds = release-* older 10y\n"
             "  builds=[mn]*  older 30d \r\nbuilds = linux older 50d\nbuilds = * older 1d\n");
    assert_true(is_there(f, ids[0]) && !is_there(f, ids[1]) && is_there(f, ids[2]));
}

static void prune__keeps_open_builds_and_those_with_a_keep_property(void **state)
{
    struct fixture *f = *state;
    static const char *const values[] = {"true", "1", "\"because\"", "false", "null"};
    int64_t ids[5], open, newest;
    for (int i = 0; i < 5; i++) {
        ids[i] = build(f, "b", DBK_FAILURE, 40);
        set_property(f, ids[i], "keep", values[i], "a person");
    }
    open = build(f, "b", DBK_NONE, 40);
    newest = build(f, "b", DBK_FAILURE, 1);
    prune(f, "builds = * older 30d\noutputs = * older 1d\ndata = * older 1d");
    for (int i = 0; i < 5; i++)
        assert_int_equal(is_there(f, ids[i]), i < 3);
    assert_true(is_there(f, open) && is_there(f, newest));
}

static void prune__keeps_the_newest_success_of_each_lineage(void **state)
{
    struct fixture *f = *state;
    int64_t old_main = build(f, "main", DBK_SUCCESS, 90), main_ = build(f, "main", DBK_SUCCESS, 80),
            side = build(f, "side", DBK_SUCCESS, 70), failed = build(f, "main", DBK_FAILURE, 60);
    struct answer a;
    build(f, "main", DBK_FAILURE, 2);
    prune(f, "builds = * older 30d\noutputs = * older 1d\ndata = * older 1d");
    assert_false(is_there(f, old_main) || is_there(f, failed));
    assert_true(is_there(f, main_) && is_there(f, side));
    const struct dbk_codebase codebase = {"git://here", "main", ""};
    int64_t builderid = get_build(f, main_)->builderid;
    assert_int_equal(
        ASK(&a, f->store, on_build, dbk_get_prev_successful_build, builderid, 1000, &codebase, 1),
        DBK_OK);
    assert_int_equal(a.build->id, main_);
}

static void prune__empties_a_builders_newest_build_and_its_number_is_not_given_again(void **state)
{
    struct fixture *f = *state;
    static const int64_t days[] = {40};
    int64_t id;
    struct answer a;
    make_builds(f, days, &id, 1);
    skip_events(f);
    assert_string_equal(prune(f, "builds = * older 30d").text,
                        "build_properties 1 0\nsteps 2 0\nbuild_data 2 9\n");
    assert_true(is_there(f, id));
    assert_int_equal(step_count(f, id), 0);
    expect_event(f, (struct dbk_event){.kind = "build",
                                       .verb = "updated",
                                       .builderid = get_build(f, id)->builderid,
                                       .buildid = id,
                                       .stepid = DBK_NONE});
    assert_string_equal(prune(f, "builds = * older 30d").text, "");
    expect_no_event(f);
    assert_int_equal(ASK(&a, f->store, on_build, dbk_get_build, build(f, "b", DBK_FAILURE, 1)),
                     DBK_OK);
    assert_int_equal(a.build->number, 2);
}

static void prune__outputs_and_other_data_have_rules_of_their_own(void **state)
{
    struct fixture *f = *state;
    static const int64_t days[] = {40, 20, 5};
    int64_t ids[3];
    make_builds(f, days, ids, 3);
    skip_events(f);
    assert_string_equal(prune(f, "outputs = * older 10d\ndata = * older 30d").text,
                        "build_data 3 14\n");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(has_data(f, ids[i], "log/0"), i == 2);
        assert_int_equal(has_data(f, ids[i], "other"), i > 0);
        assert_int_equal(step_count(f, ids[i]), 2);
    }
    assert_string_equal(prune(f, "outputs = * keep 1\ndata = * keep 2").text, "");
    assert_string_equal(prune(f, "data = * keep 1").text, "build_data 1 4\n");
}

static void prune__each_build_and_each_value_that_goes_leaves_an_event(void **state)
{
    struct fixture *f = *state;
    static const int64_t days[] = {40, 20, 5};
    int64_t ids[3];
    make_builds(f, days, ids, 3);
    int64_t builderid = get_build(f, ids[0])->builderid;
    skip_events(f);
    prune(f, "builds = * older 30d");
    expect_event(f, (struct dbk_event){.kind = "build",
                                       .verb = "deleted",
                                       .builderid = builderid,
                                       .buildid = ids[0],
                                       .stepid = DBK_NONE});
    prune(f, "outputs = * older 10d");
    expect_event(f, (struct dbk_event){.kind = "data",
                                       .verb = "deleted",
                                       .builderid = builderid,
                                       .buildid = ids[1],
                                       .stepid = DBK_NONE,
                                       .name = "log/0"});
}

static void prune__a_build_goes_a_day_after_its_request_at_the_earliest(void **state)
{
    struct fixture *f = *state;
    int64_t first = build(f, "b", DBK_FAILURE, 0);
    build(f, "b", DBK_FAILURE, 0);
    f->now += DAY;
    assert_string_equal(prune(f, "builds = * keep 1").text, "");
    f->now++;
    prune(f, "builds = * keep 1");
    assert_false(is_there(f, first));
}

static void prune__a_build_that_is_larger_than_a_turn_goes_in_several(void **state)
{
    struct fixture *f = *state;
    struct new_build large = {.builder = "linux",
                              .results = DBK_FAILURE,
                              .days = 40,
                              .step_count = 700,
                              .has_output = true};
    int64_t id = prune_record(f, &large);
    char *value = test_repeat("x", 300000);
    for (int i = 0; i < 40; i++)
        set_data(f, id, test_format("value %d", i), value, "s");
    build(f, "b", DBK_FAILURE, 1);
    struct sums sums = prune(f, "builds = * older 30d");
    assert_false(is_there(f, id));
    assert_string_equal(sums.text, "builds 1 0\nsteps 700 0\nbuild_data 41 12000005\n"
                                   "buildrequests 1 0\nbuildsets 1 0\n");
    assert_true(sums.turns > 3);
}

static void prune__old_events_and_keys_go_by_their_age(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    struct dbk_call call = DBK_CALL_INIT;
    call.key = "a key";
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ASK_WITH(&a, f->store, &call, on_done, dbk_set_build_state_string,
                                  build(f, "b", DBK_FAILURE, 0), "x"),
                         i ? DBK_CONFLICT : DBK_OK);
        f->now += DAY;
    }
    skip_events(f); /* on servers they have their positions then */
    prune(f, "events = 36h\nkeys = 7d");
    assert_int_equal(ASK(&a, f->store, on_events, dbk_get_events, 1, NULL), DBK_GONE);
    f->now += 5 * DAY + 1; /* the library itself would keep it a week more */
    assert_non_null(strstr(prune(f, "keys = 1d").text, "daybook_operations 1 0\n"));
}

static void prune__cancelled_it_can_be_gone_on_with(void **state)
{
    struct fixture *f = *state;
    int64_t days[40], ids[40];
    for (int i = 0; i < 40; i++)
        days[i] = 80 - i;
    make_builds(f, days, ids, 40);
    struct sums sums = {.cancel_after = 1};
    assert_int_equal(prune_run(f, &sums, "builds = * older 30d", NULL), DBK_CANCELLED);
    assert_int_equal(sums.answer.error.outcome, DBK_DONE);
    assert_true(is_there(f, ids[39]));
    prune(f, "builds = * older 30d");
    for (int i = 0; i < 39; i++)
        assert_false(is_there(f, ids[i]));
    assert_true(is_there(f, ids[39]));
}

/* A pruning beside a writer, which stops when that ends. */
struct busy {
    struct busy_writer writer;
    int turns, ended;
    int status; /* of the pruning */
    struct dbk_op op;
};

static void on_busy_turn(void *user, const struct dbk_report *report)
{
    struct busy *busy = user;
    if (report->kind != DBK_REPORT_SUM)
        busy->turns++;
}

static void on_busy_end(void *user, const struct dbk_error *error)
{
    struct busy *busy = user;
    busy->status = error ? (int)error->status : DBK_OK;
    busy->ended++;
    busy->writer.stops = true;
}

/* Begins to prune old builds, of which the last number stays, beside the writer. */
static void begin_busy(struct busy *busy, struct fixture *f, int count)
{
    int64_t days[200], ids[200];
    struct dbk_call call = DBK_CALL_INIT;
    struct dbk_prune_options options = DBK_PRUNE_OPTIONS_INIT;
    struct dbk_retention *retention;
    struct dbk_error error;
    for (int i = 0; i < count; i++)
        days[i] = 500 - i;
    make_builds(f, days, ids, count);
    *busy = (struct busy){.ended = 0};
    assert_int_equal(dbk_retention_parse("builds = * older 30d", &retention, &error), DBK_OK);
    call.out_op = &busy->op;
    options.batch_ms = 1;
    busy_writer_begin(&busy->writer, f, ids[count - 1]);
    assert_int_equal(
        dbk_prune(f->store, retention, &options, &call, on_busy_turn, on_busy_end, busy), DBK_OK);
    dbk_retention_free(retention);
}

static void end_busy(struct busy *busy)
{
    while (!busy->ended)
        dbk_wait(busy->writer.f->store, 1000);
    busy_writer_end(&busy->writer);
}

static void prune__rests_between_its_turns_while_others_write(void **state)
{
    struct fixture *f = *state;
    struct busy busy;
    begin_busy(&busy, f, 200);
    end_busy(&busy);
    assert_int_equal(busy.status, DBK_OK);
    assert_true(busy.turns > 4);
    if (busy.writer.writes < 3 * busy.turns)
        fail_msg("%d writes beside %d turns", busy.writer.writes, busy.turns);
}

static void prune__cancelled_while_it_rests_it_ends(void **state)
{
    struct fixture *f = *state;
    struct busy busy;
    begin_busy(&busy, f, 200);
    while (busy.turns < 3)
        dbk_wait(f->store, 1000);
    int before = busy.writer.writes;
    while (busy.writer.writes < before + 2) /* now it rests, or has its turn */
        dbk_wait(f->store, 1000);
    if (!busy.ended)
        dbk_cancel(f->store, busy.op);
    end_busy(&busy);
    assert_int_equal(busy.status, DBK_CANCELLED);
    assert_int_equal(busy.ended, 1);
}

static void retention__what_is_no_rule_is_refused_with_its_line(void **state)
{
    static const struct {
        const char *text, *words;
    } wrong[] = {
        {"builds = older 30d", "a rule is as in"},
        {"\n\nbuilds = *", "line 3"},
        {"builds = * older 30", "a number with a unit"},
        {"builds = * older 30s", "a number with a unit"},
        {"builds = * older -1d", "a number with a unit"},
        {"builds = * older", "a rule is as in"},
        {"builds = * older 0d", "a number with a unit"},
        {"builds = * keep 0", "1 to 100000"},
        {"builds = * keep 1d", "1 to 100000"},
        {"builds = * keep 100001", "1 to 100000"},
        {"builds = * failures 30d", "older or keep"},
        {"builds = * older 30d older 40d", "twice"},
        {"builds = * older 30d because 40d", "no word 'because'"},
        {"build = * older 30d", "no rules for 'build'"},
        {"* older 30d", "no line as in"},
        {"events = 8d", "to 7d"},
        {"events = 10m", "from 1h"},
        {"keys = 5h", "from 1d"},
        {"events = 1d\nevents = 2d", "line 2: events are said twice"},
        {"data = \xFF older 30d", "UTF-8"},
    };
    struct dbk_retention *retention = NULL;
    struct dbk_error error;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        assert_int_equal(dbk_retention_parse(wrong[i].text, &retention, &error), DBK_INVALID);
        if (!strstr(error.message, wrong[i].words))
            fail_msg("'%s': %s", wrong[i].text, error.message);
        assert_null(retention);
    }
}

static struct dbk_retention *parsed(const char *text)
{
    struct dbk_retention *retention = NULL;
    assert_int_equal(dbk_retention_parse(text, &retention, NULL), DBK_OK);
    return retention;
}

static void retention__rules_of_another_count_behind_its_own(void **state)
{
    struct fixture *f = *state;
    struct sums sums = {0};
    int64_t days[] = {90, 80, 70, 60, 50}, ids[COUNT_OF(days)];
    struct dbk_error error;
    struct dbk_retention *own = parsed("builds = * older 65d\nevents = 2d");
    struct dbk_retention *more = parsed("builds = * older 30d\nevents = 3d");
    make_builds(f, days, ids, COUNT_OF(days));
    assert_int_equal(dbk_retention_add_all(own, more, &error), DBK_OK);
    assert_int_equal(dbk_retention_add(own, "events", "1d", &error), DBK_INVALID);
    dbk_retention_free(own);
    own = parsed("builds = * older 65d");
    assert_int_equal(dbk_retention_add_all(own, more, &error), DBK_OK);
    dbk_retention_free(more);
    assert_int_equal(prune_with(f, &sums, own, NULL), DBK_OK);
    assert_true(is_there(f, ids[3]));
    assert_false(is_there(f, ids[0]));
    assert_int_equal(dbk_retention_add_all(own, own, &error), DBK_INVALID);
    assert_int_equal(dbk_retention_add_all(own, NULL, &error), DBK_INVALID);
    for (int i = 0; i < 99; i++)
        assert_int_equal(dbk_retention_add(own, "data", "* older 30d", &error), DBK_OK);
    more = parsed("data = * older 30d\ndata = * older 30d");
    assert_int_equal(dbk_retention_add_all(own, more, &error), DBK_INVALID);
    assert_non_null(strstr(error.message, "100 rules"));
    assert_int_equal(prune_with(f, &sums, own, NULL), DBK_INVALID);
    dbk_retention_free(own);
    dbk_retention_free(more);
}

static void prune__a_retention_that_refused_a_rule_deletes_nothing(void **state)
{
    struct fixture *f = *state;
    struct sums sums = {0};
    struct dbk_error error;
    struct dbk_retention *retention = dbk_retention_new();
    assert_true(dbk_retention_is_empty(retention));
    assert_int_equal(dbk_retention_add(retention, "builds", "* older 1d", &error), DBK_OK);
    assert_false(dbk_retention_is_empty(retention));
    assert_int_equal(dbk_retention_add(retention, "builds", "x older", &error), DBK_INVALID);
    assert_int_equal(prune_with(f, &sums, retention, NULL), DBK_INVALID);
    dbk_retention_free(retention);
    assert_int_equal(prune_with(f, &sums, NULL, NULL), DBK_INVALID);
}

static void prune__wrong_options_are_refused(void **state)
{
    struct fixture *f = *state;
    struct sums sums = {0};
    struct dbk_prune_options options = DBK_PRUNE_OPTIONS_INIT;
    options.batch_ms = -1;
    assert_int_equal(prune_run(f, &sums, "builds = * older 1d", &options), DBK_INVALID);
    options.batch_ms = 10001;
    assert_int_equal(prune_run(f, &sums, "builds = * older 1d", &options), DBK_INVALID);
    options = (struct dbk_prune_options){.size = 1};
    assert_int_equal(prune_run(f, &sums, "builds = * older 1d", &options), DBK_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prune__deletes_builds_that_are_older_with_all_that_is_in_them),
        cmocka_unit_test(prune__takes_requests_and_buildsets_left_empty_and_leaves_sourcestamps),
        cmocka_unit_test(prune__a_request_with_another_build_stays),
        cmocka_unit_test(prune__keeps_as_many_of_the_newest_as_a_rule_says),
        cmocka_unit_test(prune__keeps_failures_longer),
        cmocka_unit_test(prune__the_first_rule_whose_pattern_fits_counts),
        cmocka_unit_test(prune__keeps_open_builds_and_those_with_a_keep_property),
        cmocka_unit_test(prune__keeps_the_newest_success_of_each_lineage),
        cmocka_unit_test(prune__empties_a_builders_newest_build_and_its_number_is_not_given_again),
        cmocka_unit_test(prune__outputs_and_other_data_have_rules_of_their_own),
        cmocka_unit_test(prune__each_build_and_each_value_that_goes_leaves_an_event),
        cmocka_unit_test(prune__a_build_goes_a_day_after_its_request_at_the_earliest),
        cmocka_unit_test(prune__a_build_that_is_larger_than_a_turn_goes_in_several),
        cmocka_unit_test(prune__old_events_and_keys_go_by_their_age),
        cmocka_unit_test(prune__cancelled_it_can_be_gone_on_with),
        cmocka_unit_test(retention__rules_of_another_count_behind_its_own),
        cmocka_unit_test(prune__rests_between_its_turns_while_others_write),
        cmocka_unit_test(prune__cancelled_while_it_rests_it_ends),
        cmocka_unit_test(prune__a_retention_that_refused_a_rule_deletes_nothing),
        cmocka_unit_test(prune__wrong_options_are_refused),
        cmocka_unit_test(prune__drawn_rules_do_what_a_model_says),
        cmocka_unit_test(retention__what_is_no_rule_is_refused_with_its_line),
    };
    return fixture_run("prune", tests, COUNT_OF(tests));
}
