/* Steps: adding, changing, their URLs, reading. Lists' own rules are in spec_contract.c. */
#include "fixture.h"
#include "raw.h"

static int ask_add(struct fixture *f, struct answer *a, int64_t buildid, const char *name)
{
    return ASK(a, f->store, on_added_step, dbk_add_step, buildid, name, "pending");
}

static void expect_step_event(struct fixture *f, const char *verb, int64_t buildid, int64_t stepid)
{
    expect_event(f, (struct dbk_event){.kind = "step",
                                       .verb = verb,
                                       .builderid = f->seed.builderid,
                                       .buildid = buildid,
                                       .stepid = stepid});
}

/* ---------------------------------------------------------------------------------- adding ---- */

static void add_step__numbers_count_from_0_within_the_build(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t one = add_build(f), two = add_build(f);
    for (int64_t number = 0; number < 4; number++) {
        assert_int_equal(ask_add(f, &a, one, test_format("step %d", (int)number)), DBK_OK);
        assert_int_equal(a.number, number);
    }
    assert_int_equal(ask_add(f, &a, two, "step"), DBK_OK);
    assert_int_equal(a.number, 0);
}

static void add_step__is_neither_started_nor_finished(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t buildid = add_build(f);
    skip_events(f);
    assert_int_equal(ask_add(f, &a, buildid, "compile"), DBK_OK);
    assert_string_equal(a.name, "compile");
    expect_step_event(f, "new", buildid, a.id);
    const struct dbk_step *step = get_step(f, a.id);
    assert_int_equal(step->number, 0);
    assert_string_equal(step->name, "compile");
    assert_int_equal(step->buildid, buildid);
    assert_int_equal(step->started_at, DBK_NONE);
    assert_int_equal(step->locks_acquired_at, DBK_NONE);
    assert_int_equal(step->complete_at, DBK_NONE);
    assert_string_equal(step->state_string, "pending");
    assert_int_equal(step->results, DBK_NONE);
    assert_int_equal(step->hidden, 0);
    assert_int_equal(step->url_count, 0);
    assert_null(step->urls_text);
}

static void add_step__taken_name_gets_the_first_free_suffix(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t buildid = add_build(f), other = add_build(f);
    const char *const added[] = {"x", "x", "x", "x_4", "x", "x_1", "x", "x"};
    const char *const names[] = {"x", "x_1", "x_2", "x_4", "x_3", "x_1_1", "x_5", "x_6"};
    for (size_t i = 0; i < COUNT_OF(added); i++) {
        skip_events(f);
        assert_int_equal(ask_add(f, &a, buildid, added[i]), DBK_OK);
        assert_string_equal(a.name, names[i]);
        assert_int_equal(a.number, i);
        assert_string_equal(get_step(f, a.id)->name, names[i]);
        expect_step_event(f, "new", buildid, a.id);
    }
    assert_int_equal(ask_add(f, &a, other, "x"), DBK_OK);
    assert_string_equal(a.name, "x");
}

static void add_step__name_is_cut_so_that_the_whole_fits_50_characters(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    /* Characters, not bytes: a letter of one, three, four bytes. */
    const char *const letters[] = {"a", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};
    for (size_t i = 0; i < COUNT_OF(letters); i++) {
        int64_t buildid = add_build(f);
        const char *name = test_repeat(letters[i], 50);
        assert_int_equal(ask_add(f, &a, buildid, name), DBK_OK);
        assert_string_equal(a.name, name);
        for (int suffix = 1; suffix <= 12; suffix++) {
            assert_int_equal(ask_add(f, &a, buildid, name), DBK_OK);
            const char *kept = test_repeat(letters[i], suffix < 10 ? 48 : 47);
            assert_string_equal(a.name, test_format("%s_%d", kept, suffix));
        }
        assert_int_equal(ask_add(f, &a, buildid, test_repeat(letters[i], 49)), DBK_OK);
        assert_string_equal(a.name, test_repeat(letters[i], 49));
        assert_int_equal(ask_add(f, &a, buildid, test_repeat(letters[i], 49)), DBK_OK);
        assert_string_equal(a.name, test_format("%s_13", test_repeat(letters[i], 47)));
    }
}

static void add_step__name_has_50_characters_at_most(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t buildid = add_build(f);
    skip_events(f);
    ask_add(f, &a, buildid, test_repeat("\xC3\xA4", 51));
    expect_error(&a, DBK_INVALID, "name", "51", "50", NULL);
    ask_add(f, &a, buildid, NULL);
    expect_error(&a, DBK_INVALID, "name", NULL);
    ask_add(f, &a, buildid, "\xC3");
    expect_error(&a, DBK_INVALID, "name", "UTF-8", NULL);
    ASK(&a, f->store, on_added_step, dbk_add_step, buildid, "x", NULL);
    expect_error(&a, DBK_INVALID, "state_string", NULL);
    expect_no_event(f);
}

static void add_step__names_differ_by_case_and_code_point(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t buildid = add_build(f);
    if (!f->engine->has_code_point_order)
        return;
    const char *const names[] = {"Key", "key", "KEY", "\xC3\xA9", "e\xCC\x81", "e", "", " ", "  "};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        assert_int_equal(ask_add(f, &a, buildid, names[i]), DBK_OK);
        assert_string_equal(a.name, names[i]);
    }
}

static void add_step__missing_build_is_named(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    ask_add(f, &a, MISSING_ID, "x");
    expect_error(&a, DBK_NOT_FOUND, "build", "987654321", NULL);
    assert_int_equal(a.id, DBK_NONE);
    assert_int_equal(a.number, DBK_NONE);
    assert_null(a.name);
    expect_no_event(f);
}

static void add_step__outstanding_ones_get_numbers_in_order_of_submission(void **state)
{
    struct fixture *f = *state;
    enum { ADDED = 200 };
    int64_t buildid = add_build(f);
    struct answer *answers = test_take(ADDED * sizeof *answers);
    for (int i = 0; i < ADDED; i++) {
        answer_begin(&answers[i]);
        assert_int_equal(
            dbk_add_step(f->store, buildid, "same", "x", NULL, on_added_step, &answers[i]), DBK_OK);
    }
    for (int i = 0; i < ADDED; i++) {
        answer_wait(&answers[i], f->store);
        assert_int_equal(answers[i].number, i);
        assert_string_equal(answers[i].name, i ? test_format("same_%d", i) : "same");
    }
}

static void expect_told(const struct dbk_event *event, const char *kind, const char *verb,
                        const char *name)
{
    assert_string_equal(event->kind, kind);
    assert_string_equal(event->verb, verb);
    assert_same_text(event->name, name);
}

/* Steps, a property, a state and a value of build data in turns; of some steps the name is taken by then. */
static void writes__outstanding_ones_of_a_build_are_done_and_told_as_submitted(void **state)
{
    enum { TURNS = 60, KINDS = 4, WRITES = TURNS * KINDS };
    struct fixture *f = *state;
    int64_t buildid = add_build(f);
    struct answer *answers = test_take(WRITES * sizeof *answers), *next = answers, a;
    struct dbk_spec *spec;
    skip_events(f);
    for (int i = 0; i < TURNS; i++, next += KINDS) {
        const char *value = test_format("%d", i);
        for (int j = 0; j < KINDS; j++)
            answer_begin(&next[j]);
        dbk_add_step(f->store, buildid, i % 10 < 7 ? value : "same", "", NULL, on_added_step,
                     &next[0]);
        dbk_set_build_property(f->store, buildid, i % 10 < 5 ? value : "last", value, "test", NULL,
                               on_done, &next[1]);
        dbk_set_build_state_string(f->store, buildid, value, NULL, on_done, &next[2]);
        dbk_set_build_data(f->store, buildid, value, value, 1, "test", NULL, on_done, &next[3]);
    }
    for (int i = 0; i < WRITES; i++)
        answer_wait(&answers[i], f->store);
    int same_count = 0;
    for (int i = 0; i < TURNS; i++) {
        const char *same = same_count ? test_format("same_%d", same_count) : "same";
        bool is_same = i % 10 >= 7;
        assert_int_equal(answers[i * KINDS].number, i);
        assert_string_equal(answers[i * KINDS].name, is_same ? same : test_format("%d", i));
        same_count += is_same;
    }
    assert_string_equal(get_build(f, buildid)->state_string, test_format("%d", TURNS - 1));
    assert_int_equal(dbk_spec_parse(test_format("limit=%d", WRITES + 1), &spec, NULL), DBK_OK);
    assert_int_equal(ASK(&a, f->store, on_events, dbk_get_events, f->position, spec), DBK_OK);
    dbk_spec_free(spec);
    assert_int_equal(a.page.count, WRITES);
    struct dbk_event **event = a.events;
    for (int i = 0; i < TURNS; i++, event += KINDS) {
        const char *value = test_format("%d", i);
        expect_told(event[0], "step", "new", NULL);
        assert_int_equal(event[0]->stepid, answers[i * KINDS].id);
        expect_told(event[1], "property", "updated", i % 10 < 5 ? value : "last");
        expect_told(event[2], "build", "updated", NULL);
        expect_told(event[3], "data", "updated", value);
    }
}

/* -------------------------------------------------------------------------------- changing ---- */

static void start_step__started_at_is_kept_as_given(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t buildid = add_build(f), stepid = add_step(f, buildid, "x");
    skip_events(f);
    assert_int_equal(ASK(&a, f->store, on_done, dbk_start_step, stepid, 12345, false), DBK_OK);
    assert_int_equal(get_step(f, stepid)->started_at, 12345);
    assert_int_equal(get_step(f, stepid)->locks_acquired_at, DBK_NONE);
    expect_step_event(f, "started", buildid, stepid);
}

static void start_step__with_locks_acquired_sets_both_times(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t buildid = add_build(f), stepid = add_step(f, buildid, "x");
    skip_events(f);
    assert_int_equal(ASK(&a, f->store, on_done, dbk_start_step, stepid, 777, true), DBK_OK);
    assert_int_equal(get_step(f, stepid)->started_at, 777);
    assert_int_equal(get_step(f, stepid)->locks_acquired_at, 777);
    expect_step_event(f, "started", buildid, stepid);
}

static void start_step__none_is_now(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t buildid = add_build(f);
    int64_t ids[2] = {add_step(f, buildid, "x"), add_step(f, buildid, "y")};
    f->now += 17;
    for (int i = 0; i < 2; i++)
        assert_int_equal(ASK(&a, f->store, on_done, dbk_start_step, ids[i], DBK_NONE, i), DBK_OK);
    assert_int_equal(get_step(f, ids[0])->started_at, f->now);
    assert_int_equal(get_step(f, ids[0])->locks_acquired_at, DBK_NONE);
    assert_int_equal(get_step(f, ids[1])->started_at, f->now);
    assert_int_equal(get_step(f, ids[1])->locks_acquired_at, f->now);
    f->now += 17;
    assert_int_equal(ASK(&a, f->store, on_done, dbk_set_step_locks_acquired_at, ids[0], DBK_NONE),
                     DBK_OK);
    assert_int_equal(get_step(f, ids[0])->locks_acquired_at, f->now);
}

static void set_step_locks_acquired_at__sets_that_time_alone(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t buildid = add_build(f), stepid = add_step(f, buildid, "x");
    start_step(f, stepid);
    skip_events(f);
    assert_int_equal(ASK(&a, f->store, on_done, dbk_set_step_locks_acquired_at, stepid, 99),
                     DBK_OK);
    assert_int_equal(get_step(f, stepid)->locks_acquired_at, 99);
    assert_int_equal(get_step(f, stepid)->started_at, f->now);
    expect_step_event(f, "updated", buildid, stepid);
}

static void set_step_state_string__changes_that_step_alone(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t buildid = add_build(f), stepid = add_step(f, buildid, "x"),
            other = add_step(f, buildid, "y");
    skip_events(f);
    assert_int_equal(ASK(&a, f->store, on_done, dbk_set_step_state_string, stepid, "50 %"), DBK_OK);
    assert_string_equal(get_step(f, stepid)->state_string, "50 %");
    assert_string_equal(get_step(f, other)->state_string, "pending");
    expect_step_event(f, "updated", buildid, stepid);
}

static void finish_step__sets_results_hidden_and_now(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t buildid = add_build(f);
    for (int64_t results = 0; results <= 6; results++)
        for (int hidden = 0; hidden < 2; hidden++) {
            int64_t stepid = add_step(f, buildid, "x");
            skip_events(f);
            f->now += 3;
            assert_int_equal(ASK(&a, f->store, on_done, dbk_finish_step, stepid, results, hidden),
                             DBK_OK);
            assert_int_equal(get_step(f, stepid)->complete_at, f->now);
            assert_int_equal(get_step(f, stepid)->results, results);
            assert_int_equal(get_step(f, stepid)->hidden, hidden);
            expect_step_event(f, "finished", buildid, stepid);
        }
}

static void finish_step__finished_one_is_finished_again(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t stepid = add_step(f, add_build(f), "x");
    assert_int_equal(ASK(&a, f->store, on_done, dbk_finish_step, stepid, 2, true), DBK_OK);
    f->now += 60;
    assert_int_equal(ASK(&a, f->store, on_done, dbk_finish_step, stepid, 0, false), DBK_OK);
    assert_int_equal(get_step(f, stepid)->complete_at, f->now);
    assert_int_equal(get_step(f, stepid)->results, 0);
    assert_int_equal(get_step(f, stepid)->hidden, 0);
}

static void step_writes__missing_step_is_named(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    for (int i = 0; i < 6; i++) {
        if (i == 0)
            ASK(&a, f->store, on_done, dbk_start_step, MISSING_ID, 1, false);
        else if (i == 1)
            ASK(&a, f->store, on_done, dbk_start_step, MISSING_ID, 1, true);
        else if (i == 2)
            ASK(&a, f->store, on_done, dbk_set_step_locks_acquired_at, MISSING_ID, 1);
        else if (i == 3)
            ASK(&a, f->store, on_done, dbk_set_step_state_string, MISSING_ID, "x");
        else if (i == 4)
            ASK(&a, f->store, on_done, dbk_finish_step, MISSING_ID, 0, false);
        else
            ASK(&a, f->store, on_done, dbk_add_url, MISSING_ID, "n", "u");
        expect_error(&a, DBK_NOT_FOUND, "step", "987654321", NULL);
    }
    expect_no_event(f);
}

static void step_writes__arguments_are_checked(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t stepid = add_step(f, add_build(f), "x");
    skip_events(f);
    ASK(&a, f->store, on_done, dbk_set_step_state_string, stepid, NULL);
    expect_error(&a, DBK_INVALID, "state_string", NULL);
    ASK(&a, f->store, on_done, dbk_finish_step, stepid, 7, false);
    expect_error(&a, DBK_INVALID, "results", NULL);
    ASK(&a, f->store, on_done, dbk_finish_step, stepid, DBK_NONE, true);
    expect_error(&a, DBK_INVALID, "results", NULL);
    ASK(&a, f->store, on_done, dbk_add_url, stepid, NULL, "u");
    expect_error(&a, DBK_INVALID, "name", NULL);
    ASK(&a, f->store, on_done, dbk_add_url, stepid, "n", "\xFF");
    expect_error(&a, DBK_INVALID, "url", "UTF-8", NULL);
    assert_int_equal(get_step(f, stepid)->complete_at, DBK_NONE);
    expect_no_event(f);
}

/* -------------------------------------------------------------------------------- its URLs ---- */

static void add_url(struct fixture *f, int64_t stepid, const char *name, const char *url)
{
    struct answer a;
    assert_int_equal(ASK(&a, f->store, on_done, dbk_add_url, stepid, name, url), DBK_OK);
}

static void add_url__appends_in_order(void **state)
{
    struct fixture *f = *state;
    int64_t buildid = add_build(f), stepid = add_step(f, buildid, "x");
    const struct dbk_url urls[] = {
        {"docs", "http://a/"},
        {"docs", "http://b/"},
        {"\xF0\x9F\x98\x80 \"quoted\" \\ \n", "http://a/?x=%20&\xC3\xA4"},
        {"", ""}};
    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        skip_events(f);
        add_url(f, stepid, urls[i].name, urls[i].url);
        expect_step_event(f, "updated", buildid, stepid);
        const struct dbk_step *step = get_step(f, stepid);
        assert_int_equal(step->url_count, i + 1);
        for (size_t j = 0; j <= i; j++) {
            assert_string_equal(step->urls[j]->name, urls[j].name);
            assert_string_equal(step->urls[j]->url, urls[j].url);
        }
    }
}

static void add_url__identical_pair_is_kept_once(void **state)
{
    struct fixture *f = *state;
    int64_t stepid = add_step(f, add_build(f), "x");
    add_url(f, stepid, "a", "u");
    add_url(f, stepid, "b", "u");
    skip_events(f);
    add_url(f, stepid, "a", "u");
    add_url(f, stepid, "b", "u");
    assert_int_equal(get_step(f, stepid)->url_count, 2);
    expect_no_event(f);
}

static void add_url__outstanding_ones_lose_nothing(void **state)
{
    struct fixture *f = *state;
    enum { ADDED = 100 };
    int64_t stepid = add_step(f, add_build(f), "x");
    struct answer *answers = test_take(ADDED * sizeof *answers);
    for (int i = 0; i < ADDED; i++) {
        answer_begin(&answers[i]);
        assert_int_equal(
            dbk_add_url(f->store, stepid, test_format("%d", i), "u", NULL, on_done, &answers[i]),
            DBK_OK);
    }
    for (int i = 0; i < ADDED; i++)
        answer_wait(&answers[i], f->store);
    const struct dbk_step *step = get_step(f, stepid);
    assert_int_equal(step->url_count, ADDED);
    for (int i = 0; i < ADDED; i++)
        assert_string_equal(step->urls[i]->name, test_format("%d", i));
}

static void add_url__is_stored_as_buildbot_does(void **state)
{
    struct fixture *f = *state;
    if (!f->engine->is_seen_by_others)
        return;
    int64_t stepid = add_step(f, add_build(f), "x");
    assert_string_equal(fixture_look_text(f, "SELECT urls_json FROM steps"), "[]");
    add_url(f, stepid, "caf\xC3\xA9", "http://a/b");
    assert_string_equal(fixture_look_text(f, "SELECT urls_json FROM steps"),
                        "[{\"name\": \"caf\\u00E9\", \"url\": \"http://a/b\"}]");
}

static void add_url__list_that_does_not_parse_is_an_error_and_stays(void **state)
{
    struct fixture *f = *state;
    if (!f->engine->is_seen_by_others)
        return;
    const char *const broken[] = {"",
                                  "{}",
                                  "[1]",
                                  "[{\"name\": 1, \"url\": \"u\"}]",
                                  "not json",
                                  "[{\"name\": \"a\"}]",
                                  "[{\"name\": \"a\", \"url\": \"b\"}"};
    int64_t buildid = add_build(f), stepid = add_step(f, buildid, "x");
    skip_events(f);
    for (size_t i = 0; i < COUNT_OF(broken); i++) {
        struct answer a;
        fixture_change(f, test_format("UPDATE steps SET urls_json = '%s'", broken[i]));
        ASK(&a, f->store, on_done, dbk_add_url, stepid, "n", "u");
        expect_error(&a, DBK_DAMAGED, "urls_json", NULL);
        assert_string_equal(fixture_look_text(f, "SELECT urls_json FROM steps"), broken[i]);
        const struct dbk_step *step = get_step(f, stepid);
        assert_int_equal(step->url_count, 0);
        assert_string_equal(step->urls_text, broken[i]);
    }
    expect_no_event(f);
}

/* --------------------------------------------------------------------------------- reading ---- */

static void get_step__by_id_or_build_and_number_or_build_and_name(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    const int64_t none = DBK_NONE;
    int64_t one = add_build(f), two = add_build(f);
    int64_t ids[] = {add_step(f, one, "x"), add_step(f, one, "y"), add_step(f, two, "y")};
    const struct {
        int64_t stepid, buildid, number;
        const char *name;
        int64_t expected;
    } rows[] = {
        {ids[0], none, none, NULL, ids[0]},
        {none, one, 0, NULL, ids[0]},
        {none, one, 1, NULL, ids[1]},
        {none, two, 0, NULL, ids[2]},
        {none, one, none, "x", ids[0]},
        {none, one, none, "y", ids[1]},
        {none, two, none, "y", ids[2]},
        {none, two, none, "x", none},
        {none, two, none, "Y", none},
        {none, two, 1, NULL, none},
        {none, MISSING_ID, 0, NULL, none},
        {MISSING_ID, none, none, NULL, none},
        /* The id goes before number, and number before name. */
        {ids[0], two, 0, "y", ids[0]},
        {none, one, 0, "y", ids[0]},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_int_equal(ASK(&a, f->store, on_step, dbk_get_step, rows[i].stepid, rows[i].buildid,
                             rows[i].number, rows[i].name),
                         DBK_OK);
        assert_int_equal(a.step ? a.step->id : none, rows[i].expected);
    }
}

static void get_step__many_outstanding_get_each_their_own(void **state)
{
    struct fixture *f = *state;
    enum { ADDED = 30, ASKED = 600 };
    int64_t buildid = add_build(f), first = 0;
    for (int i = 0; i < ADDED; i++) {
        int64_t stepid = add_step(f, buildid, test_format("step %d", i));
        first = first ? first : stepid;
    }
    struct answer *answers = test_take(ASKED * sizeof *answers);
    /* Every third one is missing; each is asked for several times, in three ways. */
    for (int i = 0; i < ASKED; i++) {
        int64_t nth = i / 3 % (ADDED + ADDED / 2);
        bool by_id = i % 3 == 0, by_number = i % 3 == 1;
        answer_begin(&answers[i]);
        assert_int_equal(dbk_get_step(f->store, by_id ? first + nth : DBK_NONE, buildid,
                                      by_number ? nth : DBK_NONE, test_format("step %d", (int)nth),
                                      NULL, on_step, &answers[i]),
                         DBK_OK);
    }
    for (int i = 0; i < ASKED; i++) {
        int64_t nth = i / 3 % (ADDED + ADDED / 2);
        answer_wait(&answers[i], f->store);
        assert_int_equal(answers[i].error.status, DBK_OK);
        assert_int_equal(answers[i].step != NULL, nth < ADDED);
        if (answers[i].step) {
            assert_int_equal(answers[i].step->id, first + nth);
            assert_int_equal(answers[i].step->number, nth);
            assert_int_equal(answers[i].step->url_count, 0);
        }
    }
}

static void get_step__naming_none_is_invalid(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    const int64_t none = DBK_NONE;
    ASK(&a, f->store, on_step, dbk_get_step, none, 1, none, NULL);
    expect_error(&a, DBK_INVALID, "number", "name", NULL);
    assert_int_equal(a.submitted, DBK_INVALID);
    ASK(&a, f->store, on_step, dbk_get_step, none, none, none, NULL);
    expect_error(&a, DBK_INVALID, "step", NULL);
    ASK(&a, f->store, on_step, dbk_get_step, none, none, 0, "x");
    expect_error(&a, DBK_INVALID, "step", NULL);
    ASK(&a, f->store, on_step, dbk_get_step, none, 1, none, "\xFF");
    expect_error(&a, DBK_INVALID, "UTF-8", NULL);
}

static void get_steps__by_number_and_of_that_build_alone(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t one = add_build(f), two = add_build(f);
    for (int i = 0; i < 12; i++)
        add_step(f, i % 2 ? one : two, test_format("%d", 100 - i));
    assert_int_equal(ASK(&a, f->store, on_steps, dbk_get_steps, one, NULL), DBK_OK);
    assert_int_equal(a.page.count, 6);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(a.steps[i]->number, i);
        assert_int_equal(a.steps[i]->buildid, one);
    }
    assert_int_equal(a.page.total, DBK_NONE);
    assert_null(a.page.next_cursor);
    assert_int_equal(ASK(&a, f->store, on_steps, dbk_get_steps, MISSING_ID, NULL), DBK_OK);
    assert_int_equal(a.page.count, 0);
}

static void get_steps_of__gives_all_by_build_and_number(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t ids[3] = {add_build(f), add_build(f), add_build(f)};
    for (int i = 0; i < 9; i++)
        add_step(f, ids[i % 3], test_format("%d", i));
    const int64_t asked[] = {ids[2], MISSING_ID, ids[0], ids[2]};
    assert_int_equal(ASK(&a, f->store, on_steps, dbk_get_steps_of, asked, COUNT_OF(asked)), DBK_OK);
    assert_int_equal(a.page.count, 6);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(a.steps[i]->buildid, i < 3 ? ids[0] : ids[2]);
        assert_int_equal(a.steps[i]->number, i % 3);
    }
}

static void get_steps_of__takes_1_to_10000_builds(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t buildid = add_build(f), stepid = add_step(f, buildid, "x");
    int64_t *asked = test_take(10001 * sizeof *asked);
    for (int i = 0; i < 10001; i++)
        asked[i] = MISSING_ID + i;
    asked[9999] = buildid;
    assert_int_equal(ASK(&a, f->store, on_steps, dbk_get_steps_of, asked, 10000), DBK_OK);
    assert_int_equal(a.page.count, 1);
    assert_int_equal(a.steps[0]->id, stepid);
    ASK(&a, f->store, on_steps, dbk_get_steps_of, asked, 10001);
    expect_error(&a, DBK_INVALID, "10000", NULL);
    ASK(&a, f->store, on_steps, dbk_get_steps_of, asked, 0);
    expect_error(&a, DBK_INVALID, "1", NULL);
    ASK(&a, f->store, on_steps, dbk_get_steps_of, NULL, 1);
    expect_error(&a, DBK_INVALID, "buildids", NULL);
}

static void step_dup__keeps_everything_and_free_takes_null(void **state)
{
    struct fixture *f = *state;
    int64_t stepid = add_step(f, add_build(f), "x");
    add_url(f, stepid, "n", "u");
    const struct dbk_step *step = get_step(f, stepid);
    struct dbk_step *copy = dbk_step_dup(step);
    assert_non_null(copy);
    assert_string_equal(copy->name, "x");
    assert_ptr_not_equal(copy->name, step->name);
    assert_int_equal(copy->url_count, 1);
    assert_string_equal(copy->urls[0]->url, "u");
    assert_ptr_not_equal(copy->urls[0]->url, step->urls[0]->url);
    dbk_step_free(copy);
    dbk_step_free(NULL);
    assert_null(dbk_step_dup(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(add_step__numbers_count_from_0_within_the_build),
        cmocka_unit_test(add_step__is_neither_started_nor_finished),
        cmocka_unit_test(add_step__taken_name_gets_the_first_free_suffix),
        cmocka_unit_test(add_step__name_is_cut_so_that_the_whole_fits_50_characters),
        cmocka_unit_test(add_step__name_has_50_characters_at_most),
        cmocka_unit_test(add_step__names_differ_by_case_and_code_point),
        cmocka_unit_test(add_step__missing_build_is_named),
        cmocka_unit_test(add_step__outstanding_ones_get_numbers_in_order_of_submission),
        cmocka_unit_test(writes__outstanding_ones_of_a_build_are_done_and_told_as_submitted),
        cmocka_unit_test(start_step__started_at_is_kept_as_given),
        cmocka_unit_test(start_step__with_locks_acquired_sets_both_times),
        cmocka_unit_test(start_step__none_is_now),
        cmocka_unit_test(set_step_locks_acquired_at__sets_that_time_alone),
        cmocka_unit_test(set_step_state_string__changes_that_step_alone),
        cmocka_unit_test(finish_step__sets_results_hidden_and_now),
        cmocka_unit_test(finish_step__finished_one_is_finished_again),
        cmocka_unit_test(step_writes__missing_step_is_named),
        cmocka_unit_test(step_writes__arguments_are_checked),
        cmocka_unit_test(add_url__appends_in_order),
        cmocka_unit_test(add_url__identical_pair_is_kept_once),
        cmocka_unit_test(add_url__outstanding_ones_lose_nothing),
        cmocka_unit_test(add_url__is_stored_as_buildbot_does),
        cmocka_unit_test(add_url__list_that_does_not_parse_is_an_error_and_stays),
        cmocka_unit_test(get_step__by_id_or_build_and_number_or_build_and_name),
        cmocka_unit_test(get_step__many_outstanding_get_each_their_own),
        cmocka_unit_test(get_step__naming_none_is_invalid),
        cmocka_unit_test(get_steps__by_number_and_of_that_build_alone),
        cmocka_unit_test(get_steps_of__gives_all_by_build_and_number),
        cmocka_unit_test(get_steps_of__takes_1_to_10000_builds),
        cmocka_unit_test(step_dup__keeps_everything_and_free_takes_null),
    };
    return fixture_run("steps", tests, COUNT_OF(tests));
}
