/* The contract of getting and listing parents. Finding and adding them: parents_contract.c. */
#include "parents_ask.h"

/* ----------------------------------------------------------------------------- all nouns ---- */

/* Submits a get or a list of each noun; the answers have the same head. */
#define SUBMIT(noun)                                                                               \
    static int get_##noun(int64_t id)                                                              \
    {                                                                                              \
        return dbk_get_##noun(store, id, &call, on_##noun, NULL);                                  \
    }                                                                                              \
    static int refuse_##noun(void)                                                                 \
    {                                                                                              \
        return dbk_get_##noun(store, 1, &call, NULL, NULL);                                        \
    }
#define SUBMIT_LIST(noun)                                                                          \
    SUBMIT(noun)                                                                                   \
    static int get_##noun##s(const struct dbk_spec *spec)                                          \
    {                                                                                              \
        return dbk_get_##noun##s(store, spec, &call, on_##noun##s, NULL);                          \
    }
SUBMIT_LIST(builder)
SUBMIT_LIST(worker)
SUBMIT_LIST(master)
SUBMIT(sourcestamp)
SUBMIT_LIST(buildset)
SUBMIT_LIST(buildrequest)
SUBMIT_LIST(change)

static int get_sourcestamps(const struct dbk_spec *spec)
{
    return dbk_get_sourcestamps(store, DBK_NONE, spec, &call, on_sourcestamps, NULL);
}

static const struct {
    const char *noun;
    int (*get)(int64_t id);
    int (*refuse)(void);
    int (*list)(const struct dbk_spec *spec);
    size_t item_size;
} NOUNS[] = {
#define NOUN(noun)                                                                                 \
    {                                                                                              \
#noun, get_##noun, refuse_##noun, get_##noun##s, sizeof(struct dbk_##noun)                 \
    }
    NOUN(builder),  NOUN(worker),       NOUN(master), NOUN(sourcestamp),
    NOUN(buildset), NOUN(buildrequest), NOUN(change),
};
enum { NOUN_COUNT = sizeof NOUNS / sizeof NOUNS[0], EACH_COUNT = 5 };

/* The id of the answer's item: each struct begins with it. */
static int64_t id_of(int noun, size_t index)
{
    return *(int64_t *)(void *)((char *)answer.builders + index * NOUNS[noun].item_size);
}

/* Five of each noun. */
static void make_five(void)
{
    for (int i = 0; i < EACH_COUNT; i++) {
        char name[16];
        snprintf(name, sizeof name, "n%d", i);
        int64_t builderid = builder(name), stampid = sourcestamp("main", name);
        buildrequest(buildset(name, &stampid, 1), builderid, EACH_COUNT - i);
        ASK(dbk_find_worker_id(store, name, true, &call, on_id, NULL));
        ASK(dbk_find_master_id(store, name, true, &call, on_id, NULL));
        struct dbk_new_change change = DBK_NEW_CHANGE_INIT;
        change.author = name;
        change.sourcestampid = stampid;
        ASK(dbk_add_change(store, &change, &call, on_id, NULL));
        assert_ok();
    }
}

static void get__missing_id_gives_none(void **state)
{
    (void)state;
    static const int64_t ids[] = {EACH_COUNT + 1, 0, -1, INT64_MAX, DBK_NONE};
    make_five();
    for (int i = 0; i < NOUN_COUNT; i++) {
        for (size_t j = 0; j < sizeof ids / sizeof ids[0]; j++) {
            ASK(NOUNS[i].get(ids[j]));
            assert_ok();
            assert_false(answer.is_found);
        }
        ASK(NOUNS[i].get(3));
        assert_true(answer.is_found);
        assert_int_equal(id_of(i, 0), 3);
    }
}

static void get__without_a_callback_is_refused(void **state)
{
    (void)state;
    for (int i = 0; i < NOUN_COUNT; i++) {
        ASK(NOUNS[i].refuse());
        assert_refused(DBK_INVALID, "NULL");
    }
}

static void list__of_nothing_is_empty(void **state)
{
    (void)state;
    for (int i = 0; i < NOUN_COUNT; i++) {
        ASK(NOUNS[i].list(NULL));
        assert_ok();
        assert_int_equal(answer.count, 0);
        assert_int_equal(answer.page.total, DBK_NONE);
        assert_string_equal(answer.next_cursor, "");
    }
}

static void list__goes_by_id_unless_told_otherwise(void **state)
{
    (void)state;
    make_five();
    for (int i = 0; i < NOUN_COUNT; i++) {
        ASK(NOUNS[i].list(NULL));
        assert_ok();
        assert_int_equal(answer.count, EACH_COUNT);
        for (size_t j = 0; j < EACH_COUNT; j++)
            assert_int_equal(id_of(i, j), j + 1);
        ASK_SPEC("order=-id", NOUNS[i].list(spec));
        for (size_t j = 0; j < EACH_COUNT; j++)
            assert_int_equal(id_of(i, j), EACH_COUNT - j);
    }
}

static void list__filters_by_id(void **state)
{
    (void)state;
    make_five();
    for (int i = 0; i < NOUN_COUNT; i++) {
        ASK_SPEC("id__in=2,4,99&total=exact", NOUNS[i].list(spec));
        assert_ok();
        assert_int_equal(answer.count, 2);
        assert_int_equal(answer.page.total, 2);
        assert_true(answer.page.is_total_exact);
        assert_int_equal(id_of(i, 0), 2);
        assert_int_equal(id_of(i, 1), 4);
    }
}

static void list__a_cursor_goes_on_after_the_page(void **state)
{
    (void)state;
    make_five();
    for (int i = 0; i < NOUN_COUNT; i++) {
        ASK_SPEC("limit=2", NOUNS[i].list(spec));
        assert_int_equal(answer.count, 2);
        char more[600];
        snprintf(more, sizeof more, "limit=4&total=2&cursor=%s", answer.next_cursor);
        ASK_SPEC(more, NOUNS[i].list(spec));
        assert_ok();
        assert_int_equal(answer.count, 3);
        assert_int_equal(id_of(i, 0), 3);
        assert_int_equal(answer.page.total, 2);
        assert_false(answer.page.is_total_exact);
        assert_string_equal(answer.next_cursor, "");
    }
}

static void list__an_unknown_field_is_refused_and_named(void **state)
{
    (void)state;
    for (int i = 0; i < NOUN_COUNT; i++) {
        char words[64];
        snprintf(words, sizeof words, "%ss have no field 'colour'", NOUNS[i].noun);
        ASK_SPEC("colour=red", NOUNS[i].list(spec));
        assert_refused(DBK_INVALID, words);
        ASK_SPEC("order=-colour", NOUNS[i].list(spec));
        assert_refused(DBK_INVALID, words);
        ASK_SPEC("field=colour", NOUNS[i].list(spec));
        assert_refused(DBK_INVALID, words);
    }
}

/* -------------------------------------------------------------------------- each by itself ---- */

static void get_builders__filter_by_name(void **state)
{
    (void)state;
    builder("linux");
    int64_t id = builder("ünïcode büilder");
    ASK_SPEC("name=%C3%BCn%C3%AFcode+b%C3%BCilder",
             dbk_get_builders(store, spec, &call, on_builders, NULL));
    assert_int_equal(answer.count, 1);
    assert_int_equal(answer.builders[0].id, id);
    ASK_SPEC("name__contains=i&order=name",
             dbk_get_builders(store, spec, &call, on_builders, NULL));
    assert_int_equal(answer.count, 2);
    assert_string_equal(answer.builders[0].name, "linux");
}

static void get_builders__members_that_were_not_wanted_are_none(void **state)
{
    (void)state;
    builder("linux");
    ASK_SPEC("field=description", dbk_get_builders(store, spec, &call, on_builders, NULL));
    assert_ok();
    assert_int_equal(answer.builders[0].id, 1);
    assert_null(answer.builders[0].name);
    assert_int_equal(answer.builders[0].projectid, DBK_NONE);
}

static void get_workers__filter_by_number(void **state)
{
    (void)state;
    make_five();
    ASK_SPEC("paused=0&graceful=false&name__gt=n2",
             dbk_get_workers(store, spec, &call, on_workers, NULL));
    assert_int_equal(answer.count, 2);
    assert_string_equal(answer.workers[0].name, "n3");
    ASK_SPEC("pause_reason__ne", dbk_get_workers(store, spec, &call, on_workers, NULL));
    assert_ok();
    assert_int_equal(answer.count, 0);
}

static void get_masters__order_by_last_active(void **state)
{
    (void)state;
    make_five();
    now -= 10;
    ASK(dbk_find_master_id(store, "old", true, &call, on_id, NULL));
    ASK_SPEC("order=last_active&limit=1", dbk_get_masters(store, spec, &call, on_masters, NULL));
    assert_string_equal(answer.masters[0].name, "old");
}

static void get_sourcestamps__of_a_buildset_are_its_own(void **state)
{
    (void)state;
    make_five();
    const int64_t two[] = {sourcestamp("main", "n4"), sourcestamp("main", "n1")};
    int64_t setid = buildset("two", two, 2);
    ASK(dbk_get_sourcestamps(store, setid, NULL, &call, on_sourcestamps, NULL));
    assert_int_equal(answer.count, 2);
    assert_string_equal(answer.sourcestamps[0].revision, "n1");
    assert_string_equal(answer.sourcestamps[1].revision, "n4");
    ASK_SPEC("revision=n4", dbk_get_sourcestamps(store, setid, spec, &call, on_sourcestamps, NULL));
    assert_int_equal(answer.count, 1);
    ASK_SPEC("revision=n3", dbk_get_sourcestamps(store, setid, spec, &call, on_sourcestamps, NULL));
    assert_int_equal(answer.count, 0);
    ASK(dbk_get_sourcestamps(store, 4711, NULL, &call, on_sourcestamps, NULL));
    assert_ok();
    assert_int_equal(answer.count, 0);
    ASK(dbk_get_sourcestamps(store, DBK_NONE, NULL, &call, on_sourcestamps, NULL));
    assert_int_equal(answer.count, EACH_COUNT);
}

static void get_sourcestamps__none_sorts_below_every_value(void **state)
{
    (void)state;
    sourcestamp("b", NULL);
    sourcestamp(NULL, "r");
    sourcestamp("", NULL);
    ASK_SPEC("order=branch", get_sourcestamps(spec));
    assert_null(answer.sourcestamps[0].branch);
    assert_string_equal(answer.sourcestamps[1].branch, "");
    assert_string_equal(answer.sourcestamps[2].branch, "b");
    ASK_SPEC("order=-branch", get_sourcestamps(spec));
    assert_string_equal(answer.sourcestamps[0].branch, "b");
    assert_null(answer.sourcestamps[2].branch);
    ASK_SPEC("branch", get_sourcestamps(spec)); /* equals none */
    assert_int_equal(answer.count, 1);
    assert_string_equal(answer.sourcestamps[0].revision, "r");
}

static void get_sourcestamps__what_is_none_differs_from_every_value(void **state)
{
    (void)state;
    sourcestamp("b", NULL);
    sourcestamp(NULL, "r");
    sourcestamp("a", "s");
    ASK_SPEC("branch__ne=b", get_sourcestamps(spec));
    assert_int_equal(answer.count, 2);
    assert_null(answer.sourcestamps[0].branch);
    ASK_SPEC("branch__notin=a&branch__notin=b", get_sourcestamps(spec));
    assert_int_equal(answer.count, 1);
    ASK_SPEC("branch__ne", get_sourcestamps(spec)); /* is not none */
    assert_int_equal(answer.count, 2);
    ASK_SPEC("external_idstring__ne=x", get_buildsets(spec)); /* filtered in SQL by Buildbot */
    assert_ok();
    assert_int_equal(answer.count, 0);
}

static void get_sourcestamps__a_cursor_passes_over_none(void **state)
{
    (void)state;
    static const char *const branches[] = {"b", NULL, "a", NULL, NULL, "c"};
    static const char *const orders[] = {"branch", "-branch"};
    for (int i = 0; i < 6; i++) {
        char revision[16];
        snprintf(revision, sizeof revision, "%d", i);
        sourcestamp(branches[i], revision);
    }
    for (int i = 0; i < 2; i++) {
        int64_t whole[6];
        char text[600];
        snprintf(text, sizeof text, "order=%s", orders[i]);
        ASK_SPEC(text, get_sourcestamps(spec));
        for (int j = 0; j < 6; j++)
            whole[j] = answer.sourcestamps[j].id;
        snprintf(text, sizeof text, "order=%s&limit=1", orders[i]);
        for (int j = 0; j < 6; j++) {
            ASK_SPEC(text, get_sourcestamps(spec));
            assert_int_equal(answer.count, 1);
            assert_int_equal(answer.sourcestamps[0].id, whole[j]);
            snprintf(text, sizeof text, "order=%s&limit=1&cursor=%s", orders[i],
                     answer.next_cursor);
        }
        ASK_SPEC(text, get_sourcestamps(spec));
        assert_int_equal(answer.count, 0);
    }
}

static void get_buildsets__filter_by_what_is_complete(void **state)
{
    (void)state;
    make_five();
    ASK_SPEC("complete=false&results=-1", get_buildsets(spec));
    assert_int_equal(answer.count, EACH_COUNT);
    ASK_SPEC("complete=true", get_buildsets(spec));
    assert_int_equal(answer.count, 0);
    ASK_SPEC("results=success", get_buildsets(spec));
    assert_ok();
    assert_int_equal(answer.count, 0);
    ASK_SPEC("reason=n3&field=reason", get_buildsets(spec));
    assert_int_equal(answer.count, 1);
    assert_int_equal(answer.buildsets[0].submitted_at, DBK_NONE);
}

static void get_buildrequests__order_by_priority(void **state)
{
    (void)state;
    make_five();
    ASK_SPEC("order=-priority&builderid__ge=2&limit=2", get_buildrequests(spec));
    assert_int_equal(answer.count, 2);
    assert_int_equal(answer.buildrequests[0].id, 2);
    assert_int_equal(answer.buildrequests[1].id, 3);
    ASK_SPEC("claimed_at", get_buildrequests(spec));
    assert_int_equal(answer.count, EACH_COUNT);
    ASK_SPEC("claimed_by_masterid=1", get_buildrequests(spec));
    assert_ok();
    assert_int_equal(answer.count, 0);
}

static void get_changes__filter_by_sourcestamp(void **state)
{
    (void)state;
    make_five();
    ASK_SPEC("sourcestampid=3&parent_changeid", get_changes(spec));
    assert_int_equal(answer.count, 1);
    assert_string_equal(answer.changes[0].author, "n2");
    ASK_SPEC("order=-author&offset=1&limit=1", get_changes(spec));
    assert_string_equal(answer.changes[0].author, "n3");
}

/* -------------------------------------------------------------------------- beside others ---- */

static void get_buildrequests__show_who_claimed_them(void **state)
{
    (void)state;
    make_five();
    run_sql("INSERT INTO buildrequest_claims (brid, masterid, claimed_at) VALUES (2, 1, 77);"
            "UPDATE buildrequests SET complete = NULL, waited_for = NULL WHERE id = 3");
    ASK(get_buildrequest(2));
    assert_int_equal(answer.buildrequests[0].claimed_at, 77);
    assert_int_equal(answer.buildrequests[0].claimed_by_masterid, 1);
    ASK(get_buildrequest(3));
    assert_int_equal(answer.buildrequests[0].claimed_at, DBK_NONE);
    assert_int_equal(answer.buildrequests[0].complete, DBK_NONE);
    assert_int_equal(answer.buildrequests[0].waited_for, DBK_NONE);
    ASK_SPEC("claimed_by_masterid=1&total=exact", get_buildrequests(spec));
    assert_int_equal(answer.count, 1);
    assert_int_equal(answer.page.total, 1);
    ASK_SPEC("order=-claimed_at", get_buildrequests(spec));
    assert_int_equal(answer.count, EACH_COUNT);
    assert_int_equal(answer.buildrequests[0].id, 2);
}

static void get__gives_all_that_other_programs_wrote(void **state)
{
    (void)state;
    make_five();
    run_sql("UPDATE builders SET description = 'd', description_format = 'f', projectid = 9;"
            "UPDATE workers SET info = '{\"a\": 1}', paused = 1, pause_reason = 'p', graceful = 1;"
            "UPDATE masters SET active = 1;"
            "UPDATE buildsets SET complete = 1, complete_at = 5, results = 2");
    ASK(get_builder(1));
    assert_string_equal(answer.builders[0].description, "d");
    assert_int_equal(answer.builders[0].projectid, 9);
    ASK(get_worker(1));
    assert_string_equal(answer.workers[0].info, "{\"a\": 1}");
    assert_int_equal(answer.workers[0].paused, 1);
    assert_string_equal(answer.workers[0].pause_reason, "p");
    assert_int_equal(answer.workers[0].graceful, 1);
    ASK(get_master(1));
    assert_int_equal(answer.masters[0].active, 1);
    ASK_SPEC("results=failure&complete=1", get_buildsets(spec));
    assert_int_equal(answer.count, EACH_COUNT);
    assert_int_equal(answer.buildsets[0].complete_at, 5);
}

static const struct CMUnitTest BOTH[] = {
    TEST(get__missing_id_gives_none),
    TEST(get__without_a_callback_is_refused),
    TEST(list__of_nothing_is_empty),
    TEST(list__goes_by_id_unless_told_otherwise),
    TEST(list__filters_by_id),
    TEST(list__a_cursor_goes_on_after_the_page),
    TEST(list__an_unknown_field_is_refused_and_named),
    TEST(get_builders__filter_by_name),
    TEST(get_builders__members_that_were_not_wanted_are_none),
    TEST(get_workers__filter_by_number),
    TEST(get_masters__order_by_last_active),
    TEST(get_sourcestamps__of_a_buildset_are_its_own),
    TEST(get_sourcestamps__none_sorts_below_every_value),
    TEST(get_sourcestamps__what_is_none_differs_from_every_value),
    TEST(get_sourcestamps__a_cursor_passes_over_none),
    TEST(get_buildsets__filter_by_what_is_complete),
    TEST(get_buildrequests__order_by_priority),
    TEST(get_changes__filter_by_sourcestamp),
};

static const struct CMUnitTest ON_FILE[] = {
    TEST(get_buildrequests__show_who_claimed_them),
    TEST(get__gives_all_that_other_programs_wrote),
};

RUN_TESTS("getting and listing parents", BOTH, ON_FILE)
