/* Builds by where they come from: the previous successful one of a lineage, a change's, a build's own. */
#include "fixture.h"

/* A build of a request, finished with those results at that second; DBK_NONE stays open. */
static int64_t add_of(struct fixture *f, int64_t buildrequestid, int64_t results, int64_t at)
{
    struct answer a;
    assert_int_equal(ASK(&a, f->store, on_added_build, dbk_add_build, f->seed.builderid,
                         buildrequestid, DBK_NONE, f->seed.masterid, "x"),
                     DBK_OK);
    int64_t buildid = a.id;
    if (results != DBK_NONE) {
        f->now = at;
        finish_build(f, buildid, results);
    }
    return buildid;
}

static int64_t prev_of(struct fixture *f, int64_t builderid, int64_t number,
                       const struct dbk_codebase *codebases, size_t count)
{
    struct answer a;
    assert_int_equal(ASK(&a, f->store, on_build, dbk_get_prev_successful_build, builderid, number,
                         codebases, count),
                     DBK_OK);
    return a.build ? a.build->id : DBK_NONE;
}

/* One sourcestamp each: what makes a lineage of one codebase. */
static const struct dbk_codebase MAIN = {"git://a", "main", ""},
                                 OTHER_BRANCH = {"git://a", "dev", ""},
                                 NO_BRANCH = {"git://a", NULL, ""},
                                 OTHER_REPOSITORY = {"git://b", "main", ""},
                                 OTHER_CODEBASE = {"git://a", "main", "lib"};

static int64_t request_of(struct fixture *f, const struct dbk_codebase *codebases, size_t count)
{
    int64_t ids[8];
    for (size_t i = 0; i < count; i++)
        ids[i] = seed_sourcestamp(f->store, codebases[i].repository, codebases[i].branch,
                                  codebases[i].codebase);
    return seed_request(f->store, f->seed.builderid, ids, count, DBK_NONE);
}

static void get_prev_successful_build__the_one_completed_last_below_the_number(void **state)
{
    struct fixture *f = *state;
    int64_t request = request_of(f, &MAIN, 1);
    int64_t ids[] = {add_of(f, request, 0, 1000), add_of(f, request, 0, 3000),
                     add_of(f, request, 0, 2000), add_of(f, request, 2, 4000),
                     add_of(f, request, 0, 5000)};
    const int64_t expected[] = {DBK_NONE, DBK_NONE, ids[0], ids[1], ids[1], ids[1], ids[4], ids[4]};
    for (int64_t number = 0; number < (int64_t)COUNT_OF(expected); number++)
        assert_int_equal(prev_of(f, f->seed.builderid, number, &MAIN, 1), expected[number]);
}

static void get_prev_successful_build__results_0_alone_count(void **state)
{
    struct fixture *f = *state;
    int64_t request = request_of(f, &MAIN, 1);
    int64_t good = add_of(f, request, 0, 1000);
    for (int64_t results = 1; results <= 6; results++)
        add_of(f, request, results, 2000 + results);
    add_of(f, request, DBK_NONE, 0);
    assert_int_equal(prev_of(f, f->seed.builderid, 100, &MAIN, 1), good);
}

static void get_prev_successful_build__in_the_same_second_the_higher_number_wins(void **state)
{
    struct fixture *f = *state;
    int64_t request = request_of(f, &MAIN, 1);
    add_of(f, request, 0, 1000);
    int64_t second = add_of(f, request, 0, 1000), third = add_of(f, request, 0, 1000);
    assert_int_equal(prev_of(f, f->seed.builderid, 100, &MAIN, 1), third);
    assert_int_equal(prev_of(f, f->seed.builderid, 3, &MAIN, 1), second);
}

static void get_prev_successful_build__one_that_is_finished_again_counts_as_it_is_now(void **state)
{
    struct fixture *f = *state;
    int64_t request = request_of(f, &MAIN, 1);
    int64_t one = add_of(f, request, 0, 1000), two = add_of(f, request, 0, 2000);
    int64_t three = add_of(f, request, 2, 3000);
    assert_int_equal(prev_of(f, f->seed.builderid, 100, &MAIN, 1), two);
    finish_build(f, two, DBK_FAILURE);
    assert_int_equal(prev_of(f, f->seed.builderid, 100, &MAIN, 1), one);
    finish_build(f, three, DBK_SUCCESS);
    assert_int_equal(prev_of(f, f->seed.builderid, 100, &MAIN, 1), three);
    f->now = 4000;
    finish_build(f, one, DBK_SUCCESS);
    assert_int_equal(prev_of(f, f->seed.builderid, 100, &MAIN, 1), one);
    f->now = 500; /* a clock that was set back */
    finish_build(f, one, DBK_SUCCESS);
    assert_int_equal(prev_of(f, f->seed.builderid, 100, &MAIN, 1), three);
    finish_build(f, one, DBK_SKIPPED);
    finish_build(f, three, DBK_SKIPPED);
    assert_int_equal(prev_of(f, f->seed.builderid, 100, &MAIN, 1), DBK_NONE);
}

static void get_prev_successful_build__set_must_be_equal(void **state)
{
    struct fixture *f = *state;
    const struct dbk_codebase both[] = {MAIN, OTHER_CODEBASE}, reversed[] = {OTHER_CODEBASE, MAIN},
                              three[] = {MAIN, OTHER_CODEBASE, OTHER_REPOSITORY};
    const struct {
        const struct dbk_codebase *codebases;
        size_t count;
    } sets[] = {{&MAIN, 1},           {&OTHER_BRANCH, 1}, {&NO_BRANCH, 1}, {&OTHER_REPOSITORY, 1},
                {&OTHER_CODEBASE, 1}, {both, 2},          {three, 3},      {NULL, 0}};
    int64_t ids[COUNT_OF(sets)];
    for (size_t i = 0; i < COUNT_OF(sets); i++)
        ids[i] = add_of(f, request_of(f, sets[i].codebases, sets[i].count), 0, 5000 - (int64_t)i);
    for (size_t i = 0; i < COUNT_OF(sets); i++)
        assert_int_equal(prev_of(f, f->seed.builderid, 100, sets[i].codebases, sets[i].count),
                         ids[i]);
    assert_int_equal(prev_of(f, f->seed.builderid, 100, reversed, 2), ids[5]);
    const struct dbk_codebase nowhere = {"git://nowhere", "main", ""};
    assert_int_equal(prev_of(f, f->seed.builderid, 100, &nowhere, 1), DBK_NONE);
}

static void get_prev_successful_build__null_branch_equals_only_null(void **state)
{
    struct fixture *f = *state;
    const struct dbk_codebase empty = {"git://a", "", ""};
    int64_t none = add_of(f, request_of(f, &NO_BRANCH, 1), 0, 1000);
    assert_int_equal(prev_of(f, f->seed.builderid, 100, &empty, 1), DBK_NONE);
    int64_t other = add_of(f, request_of(f, &empty, 1), 0, 2000);
    assert_int_equal(prev_of(f, f->seed.builderid, 100, &empty, 1), other);
    assert_int_equal(prev_of(f, f->seed.builderid, 100, &NO_BRANCH, 1), none);
}

static void get_prev_successful_build__repeated_codebases_count_once(void **state)
{
    struct fixture *f = *state;
    const struct dbk_codebase twice[] = {MAIN, MAIN, OTHER_CODEBASE, MAIN};
    int64_t one = add_of(f, request_of(f, &MAIN, 1), 0, 1000);
    int64_t two = add_of(f, request_of(f, twice + 1, 2), 0, 2000);
    assert_int_equal(prev_of(f, f->seed.builderid, 100, twice, 2), one);
    assert_int_equal(prev_of(f, f->seed.builderid, 100, twice, 4), two);
}

static void get_prev_successful_build__sourcestamps_that_differ_elsewhere_are_the_same(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    struct dbk_sourcestamp_key key = DBK_SOURCESTAMP_KEY_INIT;
    int64_t ids[2];
    for (int i = 0; i < 2; i++) {
        key.repository = "git://a";
        key.branch = "main";
        key.revision = i ? "r1" : "r2";
        key.project = i ? "p" : NULL;
        assert_int_equal(ASK(&a, f->store, on_id, dbk_find_sourcestamp_id, &key, true), DBK_OK);
        ids[i] = a.id;
    }
    int64_t request = seed_request(f->store, f->seed.builderid, ids, 2, DBK_NONE);
    int64_t buildid = add_of(f, request, 0, 1000);
    assert_int_equal(prev_of(f, f->seed.builderid, 100, &MAIN, 1), buildid);
}

static void get_prev_successful_build__another_builders_do_not_count(void **state)
{
    struct fixture *f = *state;
    add_of(f, request_of(f, &MAIN, 1), 0, 1000);
    assert_int_equal(prev_of(f, f->seed.other_builderid, 100, &MAIN, 1), DBK_NONE);
    assert_int_equal(prev_of(f, MISSING_ID, 100, &MAIN, 1), DBK_NONE);
}

static void get_prev_successful_build__takes_a_thousand_codebases_and_checks_them(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    struct dbk_codebase *many = test_take(1001 * sizeof *many);
    for (int i = 0; i < 1001; i++)
        many[i] = (struct dbk_codebase){"git://a", test_format("branch %d", i), ""};
    assert_int_equal(prev_of(f, f->seed.builderid, 100, many, 1000), DBK_NONE);
    ASK(&a, f->store, on_build, dbk_get_prev_successful_build, f->seed.builderid, 100, many, 1001);
    expect_error(&a, DBK_INVALID, "1,000", NULL);
    many[0].repository = NULL;
    ASK(&a, f->store, on_build, dbk_get_prev_successful_build, f->seed.builderid, 100, many, 2);
    expect_error(&a, DBK_INVALID, "repository", NULL);
    many[0] = (struct dbk_codebase){"a", "\xFF", ""};
    ASK(&a, f->store, on_build, dbk_get_prev_successful_build, f->seed.builderid, 100, many, 2);
    expect_error(&a, DBK_INVALID, "branch", "UTF-8", NULL);
    ASK(&a, f->store, on_build, dbk_get_prev_successful_build, f->seed.builderid, 100, NULL, 1);
    expect_error(&a, DBK_INVALID, "codebases", NULL);
}

/* ------------------------------------------------------------------------ random histories ---- */

enum { HISTORIES = 200, STEPS = 12, SET_COUNT = 6 };

/* A generator of the test's own, so that each run has the same histories. */
static int64_t draw(uint64_t *seed, int64_t below)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (int64_t)((*seed >> 33) % (uint64_t)below);
}

/* What the test itself knows of a builder: its build with the number i + 1 is builds[i]. */
struct history {
    int64_t builderid, requests[SET_COUNT];
    struct {
        int64_t id, set, results, complete_at;
    } builds[STEPS];
    int64_t count;
};

/* By the words of the header: every build is looked at. */
static int64_t walk(const struct history *h, int64_t number, int64_t set)
{
    int64_t best = -1;
    for (int64_t i = 0; i < h->count && i + 1 < number; i++)
        if (h->builds[i].results == 0 && h->builds[i].set == set &&
            (best < 0 || h->builds[i].complete_at >= h->builds[best].complete_at))
            best = i;
    return best < 0 ? DBK_NONE : h->builds[best].id;
}

/* Adds a build, or finishes one, perhaps again, by a clock that also goes back and stands still. */
static void take_step(struct fixture *f, struct history *h, uint64_t *seed)
{
    struct answer a;
    f->now += draw(seed, 5) - 2;
    if (!h->count || draw(seed, 3)) {
        int64_t set = draw(seed, SET_COUNT);
        assert_int_equal(ASK(&a, f->store, on_added_build, dbk_add_build, h->builderid,
                             h->requests[set], DBK_NONE, f->seed.masterid, "x"),
                         DBK_OK);
        h->builds[h->count].id = a.id;
        h->builds[h->count].set = set;
        h->builds[h->count++].results = DBK_NONE;
    }
    int64_t i = h->count - 1 - draw(seed, h->count < 3 ? h->count : 3);
    h->builds[i].results = draw(seed, 4) ? 0 : DBK_FAILURE;
    h->builds[i].complete_at = f->now;
    finish_build(f, h->builds[i].id, h->builds[i].results);
}

static void get_prev_successful_build__over_random_histories_is_what_a_walk_finds(void **state)
{
    struct fixture *f = *state;
    static const struct dbk_codebase sets[SET_COUNT][2] = {
        {{"git://a", "main", ""}},
        {{"git://a", NULL, ""}},
        {{"git://a", "main", ""}, {"git://b", "main", "b"}},
        {{"git://b", "main", "b"}},
        {{"git://a", "main", ""}, {"git://b", NULL, "b"}},
    };
    static const size_t counts[SET_COUNT] = {1, 1, 2, 1, 2, 0};
    uint64_t seed = 20260102;
    int64_t found = 0;
    for (int i = 0; i < HISTORIES; i++) {
        struct history h = {.builderid = seed_builder(f->store, test_format("random %d", i))};
        for (int set = 0; set < SET_COUNT; set++) {
            int64_t ids[2];
            for (size_t j = 0; j < counts[set]; j++)
                ids[j] = seed_sourcestamp(f->store, sets[set][j].repository, sets[set][j].branch,
                                          sets[set][j].codebase);
            h.requests[set] = seed_request(f->store, h.builderid, ids, counts[set], DBK_NONE);
        }
        for (int step = 0; step < STEPS; step++) {
            take_step(f, &h, &seed);
            int64_t number = draw(&seed, 2) ? 1000 : draw(&seed, STEPS);
            int64_t set = draw(&seed, SET_COUNT);
            int64_t expected = walk(&h, number, set);
            assert_int_equal(prev_of(f, h.builderid, number, sets[set], counts[set]), expected);
            found += expected != DBK_NONE;
        }
    }
    assert_true(found > HISTORIES * STEPS / 8);
}

/* ------------------------------------------------------------- changes and triggered builds ---- */

static int64_t add_change(struct fixture *f, int64_t sourcestampid)
{
    struct dbk_new_change change = DBK_NEW_CHANGE_INIT;
    struct answer a;
    change.author = "somebody";
    change.sourcestampid = sourcestampid;
    assert_int_equal(ASK(&a, f->store, on_id, dbk_add_change, &change), DBK_OK);
    return a.id;
}

static void get_builds_for_change__are_those_of_its_sourcestamp(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t stamps[2] = {seed_sourcestamp(f->store, "git://a", "main", ""),
                         seed_sourcestamp(f->store, "git://b", "main", "b")};
    int64_t both = seed_request(f->store, f->seed.builderid, stamps, 2, DBK_NONE);
    int64_t first = seed_request(f->store, f->seed.builderid, stamps, 1, DBK_NONE);
    int64_t second = seed_request(f->store, f->seed.builderid, stamps + 1, 1, DBK_NONE);
    int64_t ids[] = {add_of(f, both, 0, 1), add_of(f, second, 0, 2), add_of(f, first, 0, 3),
                     add_of(f, first, DBK_NONE, 0)};
    int64_t change = add_change(f, stamps[0]), other_change = add_change(f, stamps[1]);
    assert_int_equal(ASK(&a, f->store, on_builds, dbk_get_builds_for_change, change, NULL), DBK_OK);
    assert_int_equal(a.page.count, 3);
    assert_int_equal(a.builds[0]->id, ids[0]);
    assert_int_equal(a.builds[1]->id, ids[2]);
    assert_int_equal(a.builds[2]->id, ids[3]);
    assert_int_equal(ASK(&a, f->store, on_builds, dbk_get_builds_for_change, other_change, NULL),
                     DBK_OK);
    assert_int_equal(a.page.count, 2);
    assert_int_equal(ASK(&a, f->store, on_builds, dbk_get_builds_for_change, change,
                         parse_spec("complete=1&order=-id&limit=1&total=exact")),
                     DBK_OK);
    assert_int_equal(a.page.count, 1);
    assert_int_equal(a.page.total, 2);
    assert_int_equal(a.builds[0]->id, ids[2]);
    assert_int_equal(ASK(&a, f->store, on_builds, dbk_get_builds_for_change, MISSING_ID, NULL),
                     DBK_OK);
    assert_int_equal(a.page.count, 0);
}

static void get_triggered_builds__are_those_of_buildsets_below_the_build(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t parent = add_build(f), other = add_build(f);
    int64_t one = seed_request(f->store, f->seed.builderid, NULL, 0, parent);
    int64_t two = seed_request(f->store, f->seed.builderid, NULL, 0, parent);
    int64_t three = seed_request(f->store, f->seed.builderid, NULL, 0, other);
    int64_t ids[] = {add_of(f, one, 0, 1), add_of(f, two, 2, 2), add_of(f, three, 0, 3),
                     add_of(f, one, 0, 4)};
    assert_int_equal(ASK(&a, f->store, on_builds, dbk_get_triggered_builds, parent, NULL), DBK_OK);
    assert_int_equal(a.page.count, 3);
    assert_int_equal(a.builds[0]->id, ids[0]);
    assert_int_equal(a.builds[1]->id, ids[1]);
    assert_int_equal(a.builds[2]->id, ids[3]);
    assert_int_equal(ASK(&a, f->store, on_builds, dbk_get_triggered_builds, parent,
                         parse_spec("results=failure")),
                     DBK_OK);
    assert_int_equal(a.page.count, 1);
    assert_int_equal(a.builds[0]->id, ids[1]);
    assert_int_equal(ASK(&a, f->store, on_builds, dbk_get_triggered_builds, ids[0], NULL), DBK_OK);
    assert_int_equal(a.page.count, 0);
    assert_int_equal(ASK(&a, f->store, on_builds, dbk_get_triggered_builds, MISSING_ID, NULL),
                     DBK_OK);
    assert_int_equal(a.page.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(get_prev_successful_build__the_one_completed_last_below_the_number),
        cmocka_unit_test(get_prev_successful_build__results_0_alone_count),
        cmocka_unit_test(get_prev_successful_build__in_the_same_second_the_higher_number_wins),
        cmocka_unit_test(get_prev_successful_build__one_that_is_finished_again_counts_as_it_is_now),
        cmocka_unit_test(get_prev_successful_build__set_must_be_equal),
        cmocka_unit_test(get_prev_successful_build__null_branch_equals_only_null),
        cmocka_unit_test(get_prev_successful_build__repeated_codebases_count_once),
        cmocka_unit_test(
            get_prev_successful_build__sourcestamps_that_differ_elsewhere_are_the_same),
        cmocka_unit_test(get_prev_successful_build__another_builders_do_not_count),
        cmocka_unit_test(get_prev_successful_build__takes_a_thousand_codebases_and_checks_them),
        cmocka_unit_test(get_prev_successful_build__over_random_histories_is_what_a_walk_finds),
        cmocka_unit_test(get_builds_for_change__are_those_of_its_sourcestamp),
        cmocka_unit_test(get_triggered_builds__are_those_of_buildsets_below_the_build),
    };
    return fixture_run("lineage", tests, COUNT_OF(tests));
}
