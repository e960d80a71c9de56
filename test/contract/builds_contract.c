/* Builds: adding, changing, reading one. Lists' own rules are in spec_contract.c. */
#include "fixture.h"
#include "raw.h"

static int ask_add(struct fixture *f, struct answer *a, int64_t builderid, int64_t buildrequestid,
                   int64_t workerid, int64_t masterid, const char *state_string)
{
    return ASK(a, f->store, on_added_build, dbk_add_build, builderid, buildrequestid, workerid,
               masterid, state_string);
}

/* Builds of the builder with these numbers' results; complete at CLOCK_START + 10 each. */
static void add_finished(struct fixture *f, int64_t *out_ids, const int64_t *results, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        out_ids[i] = add_build(f);
        f->now += 10;
        finish_build(f, out_ids[i], results[i]);
    }
}

/* ---------------------------------------------------------------------------------- adding ---- */

static void add_build__first_number_is_1(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    assert_int_equal(ask_add(f, &a, f->seed.builderid, f->seed.buildrequestid, f->seed.workerid,
                             f->seed.masterid, "starting"),
                     DBK_OK);
    assert_int_equal(a.number, 1);
    assert_true(a.id >= 1);
}

static void add_build__number_is_the_builders_highest_plus_1(void **state)
{
    struct fixture *f = *state;
    for (int64_t number = 1; number <= 5; number++)
        assert_int_equal(get_build(f, add_build(f))->number, number);
    assert_int_equal(get_build(f, add_build_to(f, f->seed.other_builderid))->number, 1);
    assert_int_equal(get_build(f, add_build(f))->number, 6);
}

static void add_build__keeps_what_it_was_given(void **state)
{
    struct fixture *f = *state;
    f->now = 1800000000;
    const struct dbk_build *build = get_build(f, add_build(f));
    assert_int_equal(build->builderid, f->seed.builderid);
    assert_int_equal(build->buildrequestid, f->seed.buildrequestid);
    assert_int_equal(build->workerid, f->seed.workerid);
    assert_int_equal(build->masterid, f->seed.masterid);
    assert_int_equal(build->started_at, 1800000000);
    assert_int_equal(build->complete_at, DBK_NONE);
    assert_int_equal(build->locks_duration_s, 0);
    assert_string_equal(build->state_string, "starting");
    assert_int_equal(build->results, DBK_NONE);
    assert_int_equal(build->property_count, 0);
}

static void add_build__worker_may_be_none(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    assert_int_equal(
        ask_add(f, &a, f->seed.builderid, f->seed.buildrequestid, DBK_NONE, f->seed.masterid, ""),
        DBK_OK);
    const struct dbk_build *build = get_build(f, a.id);
    assert_int_equal(build->workerid, DBK_NONE);
    assert_string_equal(build->state_string, "");
}

static void add_build__missing_parent_is_named(void **state)
{
    struct fixture *f = *state;
    const struct seed *s = &f->seed;
    const struct {
        const char *noun;
        int64_t builderid, buildrequestid, workerid, masterid;
    } rows[] = {
        {"builder", MISSING_ID, s->buildrequestid, s->workerid, s->masterid},
        {"buildrequest", s->builderid, MISSING_ID, s->workerid, s->masterid},
        {"worker", s->builderid, s->buildrequestid, MISSING_ID, s->masterid},
        {"master", s->builderid, s->buildrequestid, s->workerid, MISSING_ID},
        {"worker", s->builderid, s->buildrequestid, 0, s->masterid},
        {"master", s->builderid, s->buildrequestid, s->workerid, -1},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct answer a;
        ask_add(f, &a, rows[i].builderid, rows[i].buildrequestid, rows[i].workerid,
                rows[i].masterid, "x");
        expect_error(&a, DBK_NOT_FOUND, test_format("no %s with", rows[i].noun), NULL);
        assert_int_equal(a.id, DBK_NONE);
        assert_int_equal(a.number, DBK_NONE);
    }
    expect_no_event(f);
    struct answer a;
    assert_int_equal(ask_add(f, &a, DBK_NONE, s->buildrequestid, s->workerid, s->masterid, "x"),
                     DBK_NOT_FOUND);
    assert_int_equal(ask_add(f, &a, s->builderid, DBK_NONE, s->workerid, s->masterid, "x"),
                     DBK_NOT_FOUND);
    assert_int_equal(ask_add(f, &a, s->builderid, s->buildrequestid, s->workerid, DBK_NONE, "x"),
                     DBK_NOT_FOUND);
}

static void add_build__refused_one_takes_no_number(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    add_build(f);
    ask_add(f, &a, f->seed.builderid, f->seed.buildrequestid, MISSING_ID, f->seed.masterid, "x");
    assert_int_equal(a.error.status, DBK_NOT_FOUND);
    assert_int_equal(get_build(f, add_build(f))->number, 2);
}

static void add_build__outstanding_ones_get_numbers_in_order_of_submission(void **state)
{
    struct fixture *f = *state;
    enum { ADDED = 500 };
    struct answer *answers = test_take(ADDED * sizeof *answers);
    for (int i = 0; i < ADDED; i++) {
        answer_begin(&answers[i]);
        assert_int_equal(dbk_add_build(f->store,
                                       i % 3 ? f->seed.builderid : f->seed.other_builderid,
                                       f->seed.buildrequestid, DBK_NONE, f->seed.masterid, "x",
                                       NULL, on_added_build, &answers[i]),
                         DBK_OK);
    }
    int64_t numbers[2] = {0, 0};
    for (int i = 0; i < ADDED; i++) {
        answer_wait(&answers[i], f->store);
        assert_int_equal(answers[i].error.status, DBK_OK);
        assert_int_equal(answers[i].number, ++numbers[i % 3 != 0]);
    }
}

static void add_build__state_string_is_checked(void **state)
{
    struct fixture *f = *state;
    const struct seed *s = &f->seed;
    struct answer a;
    ask_add(f, &a, s->builderid, s->buildrequestid, s->workerid, s->masterid, NULL);
    expect_error(&a, DBK_INVALID, "state_string", "NULL", NULL);
    ask_add(f, &a, s->builderid, s->buildrequestid, s->workerid, s->masterid, "a\xFF");
    expect_error(&a, DBK_INVALID, "state_string", "UTF-8", NULL);
    ask_add(f, &a, s->builderid, s->buildrequestid, s->workerid, s->masterid,
            test_repeat("x", 16000001));
    expect_error(&a, DBK_INVALID, "state_string", "16000001", "16000000", NULL);
    expect_no_event(f);
}

static void add_build__text_is_kept_byte_by_byte(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    const char *const texts[] = {"",
                                 " a ",
                                 "a\nb\t\x01\x7F",
                                 "\xF0\x9F\x98\x80 \xC3\xA4 e\xCC\x81",
                                 "'; DROP TABLE builds; --",
                                 "%s%n%%",
                                 "\xEF\xBF\xBD\xEF\xBB\xBF"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        assert_int_equal(ask_add(f, &a, f->seed.builderid, f->seed.buildrequestid, f->seed.workerid,
                                 f->seed.masterid, texts[i]),
                         DBK_OK);
        assert_string_equal(get_build(f, a.id)->state_string, texts[i]);
    }
    const char *longest = test_repeat("x", 16000000);
    assert_int_equal(ask_add(f, &a, f->seed.builderid, f->seed.buildrequestid, f->seed.workerid,
                             f->seed.masterid, longest),
                     DBK_OK);
    assert_string_equal(get_build(f, a.id)->state_string, longest);
}

static void add_build__leaves_an_event(void **state)
{
    struct fixture *f = *state;
    f->now += 5;
    int64_t buildid = add_build(f);
    expect_event(f, (struct dbk_event){.kind = "build",
                                       .verb = "new",
                                       .builderid = f->seed.builderid,
                                       .buildid = buildid,
                                       .stepid = DBK_NONE});
}

/* -------------------------------------------------------------------------------- changing ---- */

static void expect_build_event(struct fixture *f, const char *verb, int64_t buildid)
{
    expect_event(f, (struct dbk_event){.kind = "build",
                                       .verb = verb,
                                       .builderid = f->seed.builderid,
                                       .buildid = buildid,
                                       .stepid = DBK_NONE});
}

static void set_build_state_string__changes_that_build_alone(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t buildid = add_build(f), other = add_build(f);
    skip_events(f);
    assert_int_equal(ASK(&a, f->store, on_done, dbk_set_build_state_string, buildid, "compiling"),
                     DBK_OK);
    assert_string_equal(get_build(f, buildid)->state_string, "compiling");
    assert_string_equal(get_build(f, other)->state_string, "starting");
    expect_build_event(f, "updated", buildid);
}

static void set_build_state_string__missing_build_is_named(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    ASK(&a, f->store, on_done, dbk_set_build_state_string, MISSING_ID, "x");
    expect_error(&a, DBK_NOT_FOUND, "build", "987654321", NULL);
    ASK(&a, f->store, on_done, dbk_set_build_state_string, DBK_NONE, "x");
    assert_int_equal(a.error.status, DBK_NOT_FOUND);
    expect_no_event(f);
}

static void set_build_state_string__text_is_checked(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t buildid = add_build(f);
    ASK(&a, f->store, on_done, dbk_set_build_state_string, buildid, NULL);
    expect_error(&a, DBK_INVALID, "state_string", NULL);
    ASK(&a, f->store, on_done, dbk_set_build_state_string, buildid, "\xED\xA0\x80");
    expect_error(&a, DBK_INVALID, "state_string", "UTF-8", NULL);
    assert_string_equal(get_build(f, buildid)->state_string, "starting");
}

static void add_build_locks_duration__adds(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t buildid = add_build(f);
    skip_events(f);
    assert_int_equal(ASK(&a, f->store, on_done, dbk_add_build_locks_duration, buildid, 12), DBK_OK);
    assert_int_equal(get_build(f, buildid)->locks_duration_s, 12);
    expect_build_event(f, "updated", buildid);
    assert_int_equal(ASK(&a, f->store, on_done, dbk_add_build_locks_duration, buildid, 30), DBK_OK);
    assert_int_equal(get_build(f, buildid)->locks_duration_s, 42);
    assert_int_equal(ASK(&a, f->store, on_done, dbk_add_build_locks_duration, buildid, 0), DBK_OK);
    assert_int_equal(get_build(f, buildid)->locks_duration_s, 42);
}

static void add_build_locks_duration__missing_build_and_absurd_numbers_are_refused(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t buildid = add_build(f);
    skip_events(f);
    ASK(&a, f->store, on_done, dbk_add_build_locks_duration, MISSING_ID, 1);
    expect_error(&a, DBK_NOT_FOUND, "build", "987654321", NULL);
    ASK(&a, f->store, on_done, dbk_add_build_locks_duration, buildid, DBK_NONE);
    expect_error(&a, DBK_INVALID, "duration_s", NULL);
    ASK(&a, f->store, on_done, dbk_add_build_locks_duration, buildid, INT64_MAX);
    expect_error(&a, DBK_INVALID, "duration_s", NULL);
    assert_int_equal(get_build(f, buildid)->locks_duration_s, 0);
    expect_no_event(f);
}

static void finish_build__sets_results_and_now(void **state)
{
    struct fixture *f = *state;
    for (int64_t results = 0; results <= 6; results++) {
        int64_t buildid = add_build(f);
        skip_events(f);
        f->now += 7;
        finish_build(f, buildid, results);
        assert_int_equal(get_build(f, buildid)->complete_at, f->now);
        assert_int_equal(get_build(f, buildid)->results, results);
        expect_build_event(f, "finished", buildid);
    }
}

static void finish_build__finished_one_is_finished_again(void **state)
{
    struct fixture *f = *state;
    int64_t buildid = add_build(f);
    finish_build(f, buildid, DBK_SUCCESS);
    skip_events(f);
    f->now += 100;
    finish_build(f, buildid, DBK_RETRY);
    assert_int_equal(get_build(f, buildid)->complete_at, f->now);
    assert_int_equal(get_build(f, buildid)->results, DBK_RETRY);
    expect_build_event(f, "finished", buildid);
}

static void finish_build__missing_build_and_wrong_results_are_refused(void **state)
{
    struct fixture *f = *state;
    const int64_t wrong[] = {-1, 7, DBK_NONE, INT64_MAX, 256};
    struct answer a;
    int64_t buildid = add_build(f);
    skip_events(f);
    ASK(&a, f->store, on_done, dbk_finish_build, MISSING_ID, 0);
    expect_error(&a, DBK_NOT_FOUND, "build", "987654321", NULL);
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        ASK(&a, f->store, on_done, dbk_finish_build, buildid, wrong[i]);
        expect_error(&a, DBK_INVALID, "results", NULL);
        assert_int_not_equal(a.submitted, DBK_OK);
    }
    assert_int_equal(get_build(f, buildid)->complete_at, DBK_NONE);
    expect_no_event(f);
}

static void write__one_transaction_for_record_and_event(void **state)
{
    struct fixture *f = *state;
    struct dbk_stats before, after;
    struct answer a;
    int64_t buildid = add_build(f);
    skip_events(f);
    dbk_get_stats(f->store, &before, sizeof before);
    assert_int_equal(ASK(&a, f->store, on_done, dbk_set_build_state_string, buildid, "x"), DBK_OK);
    dbk_get_stats(f->store, &after, sizeof after);
    expect_build_event(f, "updated", buildid);
    assert_int_equal(after.commit_count - before.commit_count, 1);
    assert_int_equal(after.write_count - before.write_count, 1);
}

static void add_build__past_the_highest_number_is_refused_and_harms_no_other(void **state)
{
    struct fixture *f = *state;
    struct answer over, other;
    if (!f->engine->is_seen_by_others)
        return;
    add_build(f);
    fixture_change(f, "UPDATE builds SET number = 9223372036854775807");
    int64_t count = fixture_look_int(f, "SELECT count(*) FROM builds");
    answer_begin(&over);
    answer_begin(&other);
    for (int i = 0; i < 2; i++)
        assert_int_equal(dbk_add_build(f->store, i ? f->seed.other_builderid : f->seed.builderid,
                                       f->seed.buildrequestid, DBK_NONE, f->seed.masterid, "", NULL,
                                       on_added_build, i ? &other : &over),
                         DBK_OK);
    answer_wait(&over, f->store);
    answer_wait(&other, f->store);
    assert_int_equal(over.error.status, DBK_DAMAGED);
    assert_int_equal(over.error.outcome, DBK_NOT_DONE);
    assert_int_equal(other.error.status, DBK_OK);
    assert_int_equal(other.number, 1);
    assert_int_equal(fixture_look_int(f, "SELECT count(*) FROM builds"), count + 1);
}

/* --------------------------------------------------------------------------------- reading ---- */

static void get_build__many_outstanding_get_each_their_own(void **state)
{
    struct fixture *f = *state;
    enum { ADDED = 30, ASKED = 400 };
    int64_t first = 0;
    for (int i = 0; i < ADDED; i++) {
        int64_t buildid = add_build(f);
        first = first ? first : buildid;
    }
    struct answer *answers = test_take(2 * ASKED * sizeof *answers);
    for (int i = 0; i < 2 * ASKED; i++)
        answer_begin(&answers[i]);
    /* Every third one is missing; each is asked for several times. */
    for (int i = 0; i < ASKED; i++) {
        int64_t nth = i % (ADDED + ADDED / 2);
        assert_int_equal(dbk_get_build(f->store, first + nth, NULL, on_build, &answers[2 * i]),
                         DBK_OK);
        assert_int_equal(dbk_get_build_by_number(f->store, f->seed.builderid, 1 + nth, NULL,
                                                 on_build, &answers[2 * i + 1]),
                         DBK_OK);
    }
    for (int i = 0; i < 2 * ASKED; i++) {
        int64_t nth = i / 2 % (ADDED + ADDED / 2);
        answer_wait(&answers[i], f->store);
        assert_int_equal(answers[i].error.status, DBK_OK);
        assert_int_equal(answers[i].build != NULL, nth < ADDED);
        if (answers[i].build) {
            assert_int_equal(answers[i].build->id, first + nth);
            assert_int_equal(answers[i].build->number, 1 + nth);
        }
    }
}

static void get_build__missing_id_gives_none(void **state)
{
    struct fixture *f = *state;
    const int64_t missing[] = {MISSING_ID, 0, -1, DBK_NONE, INT64_MAX};
    for (size_t i = 0; i < COUNT_OF(missing); i++) {
        struct answer a;
        assert_int_equal(ASK(&a, f->store, on_build, dbk_get_build, missing[i]), DBK_OK);
        assert_null(a.build);
    }
}

static void get_build_by_number__gives_that_builders_build(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t one = add_build(f), two = add_build(f);
    int64_t other = add_build_to(f, f->seed.other_builderid);
    const struct {
        int64_t builderid, number, id;
    } rows[] = {{f->seed.builderid, 1, one},
                {f->seed.builderid, 2, two},
                {f->seed.other_builderid, 1, other},
                {f->seed.other_builderid, 2, DBK_NONE},
                {f->seed.builderid, 0, DBK_NONE},
                {f->seed.builderid, DBK_NONE, DBK_NONE},
                {MISSING_ID, 1, DBK_NONE}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_int_equal(
            ASK(&a, f->store, on_build, dbk_get_build_by_number, rows[i].builderid, rows[i].number),
            DBK_OK);
        assert_int_equal(a.build ? a.build->id : DBK_NONE, rows[i].id);
    }
}

static void get_prev_and_next_build__are_the_neighbours_by_number(void **state)
{
    struct fixture *f = *state;
    int64_t ids[4];
    for (int i = 0; i < 4; i++) {
        ids[i] = add_build(f);
        add_build_to(f, f->seed.other_builderid);
    }
    const struct {
        int64_t number, prev, next;
    } rows[] = {{1, DBK_NONE, ids[1]},   {2, ids[0], ids[2]},          {3, ids[1], ids[3]},
                {4, ids[2], DBK_NONE},   {0, DBK_NONE, ids[0]},        {-5, DBK_NONE, ids[0]},
                {100, ids[3], DBK_NONE}, {INT64_MAX, ids[3], DBK_NONE}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct answer a;
        assert_int_equal(
            ASK(&a, f->store, on_build, dbk_get_prev_build, f->seed.builderid, rows[i].number),
            DBK_OK);
        assert_int_equal(a.build ? a.build->id : DBK_NONE, rows[i].prev);
        assert_int_equal(
            ASK(&a, f->store, on_build, dbk_get_next_build, f->seed.builderid, rows[i].number),
            DBK_OK);
        assert_int_equal(a.build ? a.build->id : DBK_NONE, rows[i].next);
    }
}

static void get_builds__each_argument_narrows_and_none_stands_for_any(void **state)
{
    struct fixture *f = *state;
    struct seed *s = &f->seed;
    struct answer a;
    int64_t request = seed_request(f->store, s->builderid, NULL, 0, DBK_NONE);
    int64_t worker = seed_worker(f->store, "other worker"), ids[4];
    const int64_t none = DBK_NONE;
    const struct {
        int64_t builderid, buildrequestid, workerid;
    } builds[] = {{s->builderid, s->buildrequestid, s->workerid},
                  {s->builderid, request, none},
                  {s->other_builderid, request, worker},
                  {s->other_builderid, s->buildrequestid, worker}};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(ask_add(f, &a, builds[i].builderid, builds[i].buildrequestid,
                                 builds[i].workerid, s->masterid, "x"),
                         DBK_OK);
        ids[i] = a.id;
    }
    finish_build(f, ids[1], DBK_SUCCESS);
    finish_build(f, ids[2], DBK_FAILURE);
    const struct {
        int64_t builderid, buildrequestid, workerid, complete;
        unsigned expected; /* a bit a build */
    } rows[] = {
        {none, none, none, none, 0xF},
        {s->builderid, none, none, none, 0x3},
        {none, request, none, none, 0x6},
        {none, none, worker, none, 0xC},
        {none, none, s->workerid, none, 0x1},
        {none, none, none, 1, 0x6},
        {none, none, none, 0, 0x9},
        {s->other_builderid, s->buildrequestid, worker, 0, 0x8},
        {s->other_builderid, s->buildrequestid, worker, 1, 0},
        {MISSING_ID, none, none, none, 0},
        {none, MISSING_ID, none, none, 0},
        {none, none, MISSING_ID, none, 0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        unsigned found = 0;
        assert_int_equal(ASK(&a, f->store, on_builds, dbk_get_builds, rows[i].builderid,
                             rows[i].buildrequestid, rows[i].workerid, rows[i].complete, NULL),
                         DBK_OK);
        for (size_t j = 0; j < a.page.count; j++)
            for (int k = 0; k < 4; k++)
                found |= (a.builds[j]->id == ids[k]) << k;
        assert_int_equal(found, rows[i].expected);
        assert_int_equal(a.page.count, __builtin_popcount(rows[i].expected));
    }
}

static void get_builds__arguments_and_the_specs_filters_both_hold(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t ids[4];
    const int64_t results[] = {0, 2, 0, 2};
    add_finished(f, ids, results, 4);
    assert_int_equal(ASK(&a, f->store, on_builds, dbk_get_builds, f->seed.builderid, DBK_NONE,
                         DBK_NONE, 1, parse_spec("results=0&number__gt=1")),
                     DBK_OK);
    assert_int_equal(a.page.count, 1);
    assert_int_equal(a.builds[0]->id, ids[2]);
}

static void build_dup__keeps_everything_and_free_takes_null(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t buildid = add_build(f);
    set_property(f, buildid, "a", "1", "s");
    set_property(f, buildid, "b", "\"x\"", "t");
    assert_int_equal(ASK(&a, f->store, on_builds, dbk_get_builds, DBK_NONE, DBK_NONE, DBK_NONE,
                         DBK_NONE, parse_spec("field=state_string&field=properties")),
                     DBK_OK);
    struct dbk_build *copy = dbk_build_dup(a.builds[0]);
    assert_non_null(copy);
    assert_string_equal(copy->state_string, "starting");
    assert_int_equal(copy->property_count, 2);
    assert_string_equal(copy->properties[1]->name, "b");
    assert_string_equal(copy->properties[1]->value, "\"x\"");
    assert_ptr_not_equal(copy->properties[1]->value, a.builds[0]->properties[1]->value);
    dbk_build_free(copy);
    dbk_build_free(NULL);
    assert_null(dbk_build_dup(NULL));
}

static void build__is_there_when_the_store_is_opened_again(void **state)
{
    struct fixture *f = *state;
    if (!f->engine->is_persistent)
        return;
    int64_t buildid = add_build(f);
    finish_build(f, buildid, DBK_WARNINGS);
    fixture_reopen(f);
    assert_int_equal(get_build(f, buildid)->results, DBK_WARNINGS);
    assert_int_equal(get_build(f, add_build(f))->number, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(add_build__first_number_is_1),
        cmocka_unit_test(add_build__number_is_the_builders_highest_plus_1),
        cmocka_unit_test(add_build__keeps_what_it_was_given),
        cmocka_unit_test(add_build__worker_may_be_none),
        cmocka_unit_test(add_build__missing_parent_is_named),
        cmocka_unit_test(add_build__refused_one_takes_no_number),
        cmocka_unit_test(add_build__outstanding_ones_get_numbers_in_order_of_submission),
        cmocka_unit_test(add_build__state_string_is_checked),
        cmocka_unit_test(add_build__text_is_kept_byte_by_byte),
        cmocka_unit_test(add_build__leaves_an_event),
        cmocka_unit_test(set_build_state_string__changes_that_build_alone),
        cmocka_unit_test(set_build_state_string__missing_build_is_named),
        cmocka_unit_test(set_build_state_string__text_is_checked),
        cmocka_unit_test(add_build_locks_duration__adds),
        cmocka_unit_test(add_build_locks_duration__missing_build_and_absurd_numbers_are_refused),
        cmocka_unit_test(finish_build__sets_results_and_now),
        cmocka_unit_test(finish_build__finished_one_is_finished_again),
        cmocka_unit_test(finish_build__missing_build_and_wrong_results_are_refused),
        cmocka_unit_test(write__one_transaction_for_record_and_event),
        cmocka_unit_test(add_build__past_the_highest_number_is_refused_and_harms_no_other),
        cmocka_unit_test(get_build__many_outstanding_get_each_their_own),
        cmocka_unit_test(get_build__missing_id_gives_none),
        cmocka_unit_test(get_build_by_number__gives_that_builders_build),
        cmocka_unit_test(get_prev_and_next_build__are_the_neighbours_by_number),
        cmocka_unit_test(get_builds__each_argument_narrows_and_none_stands_for_any),
        cmocka_unit_test(get_builds__arguments_and_the_specs_filters_both_hold),
        cmocka_unit_test(build_dup__keeps_everything_and_free_takes_null),
        cmocka_unit_test(build__is_there_when_the_store_is_opened_again),
    };
    return fixture_run("builds", tests, COUNT_OF(tests));
}
