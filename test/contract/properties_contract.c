/* Build properties. */
#include "fixture.h"
#include "raw.h"

static int ask_set(struct fixture *f, struct answer *a, int64_t buildid, const char *name,
                   const char *value, const char *source)
{
    return ASK(a, f->store, on_done, dbk_set_build_property, buildid, name, value, source);
}

static void get_all(struct fixture *f, struct answer *a, int64_t buildid)
{
    assert_int_equal(ASK(a, f->store, on_properties, dbk_get_build_properties, buildid, NULL),
                     DBK_OK);
}

static void expect_property(const struct dbk_property *property, int64_t buildid, const char *name,
                            const char *value, const char *source)
{
    assert_int_equal(property->buildid, buildid);
    assert_string_equal(property->name, name);
    assert_string_equal(property->value, value);
    assert_string_equal(property->source, source);
    assert_true(property->is_json);
}

static void expect_property_event(struct fixture *f, int64_t buildid, const char *name)
{
    expect_event(f, (struct dbk_event){.kind = "property",
                                       .verb = "updated",
                                       .builderid = f->seed.builderid,
                                       .buildid = buildid,
                                       .stepid = DBK_NONE,
                                       .name = name});
}

static void set_build_property__creates_and_replaces(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t buildid = add_build(f), other = add_build(f);
    skip_events(f);
    set_property(f, buildid, "branch", "\"main\"", "git");
    expect_property_event(f, buildid, "branch");
    set_property(f, other, "branch", "\"other\"", "git");
    skip_events(f);
    get_all(f, &a, buildid);
    assert_int_equal(a.page.count, 1);
    expect_property(a.properties[0], buildid, "branch", "\"main\"", "git");
    set_property(f, buildid, "branch", "\"dev\"", "Force");
    expect_property_event(f, buildid, "branch");
    get_all(f, &a, buildid);
    assert_int_equal(a.page.count, 1);
    expect_property(a.properties[0], buildid, "branch", "\"dev\"", "Force");
    get_all(f, &a, other);
    expect_property(a.properties[0], other, "branch", "\"other\"", "git");
}

static void set_build_property__value_or_source_alone_is_a_change(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t buildid = add_build(f);
    set_property(f, buildid, "a", "1", "s");
    skip_events(f);
    set_property(f, buildid, "a", "2", "s");
    expect_property_event(f, buildid, "a");
    set_property(f, buildid, "a", "2", "t");
    expect_property_event(f, buildid, "a");
    set_property(f, buildid, "a", "2 ", "t"); /* the text counts, not what it means */
    expect_property_event(f, buildid, "a");
    get_all(f, &a, buildid);
    expect_property(a.properties[0], buildid, "a", "2 ", "t");
}

static void set_build_property__unchanged_one_writes_nothing(void **state)
{
    struct fixture *f = *state;
    int64_t buildid = add_build(f);
    set_property(f, buildid, "a", "[1, 2]", "s");
    skip_events(f);
    sqlite3 *raw = f->engine->is_file ? raw_open(f->path) : NULL;
    int64_t version = raw ? raw_int_on(raw, "PRAGMA data_version") : 0;
    set_property(f, buildid, "a", "[1, 2]", "s");
    expect_no_event(f);
    if (raw) {
        assert_int_equal(raw_int_on(raw, "PRAGMA data_version"), version);
        set_property(f, buildid, "a", "[1,2]", "s");
        assert_int_not_equal(raw_int_on(raw, "PRAGMA data_version"), version);
    }
}

static void set_build_property__json_is_kept_as_given(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    const char *const values[] = {
        "null",
        "true",
        "0",
        "-0",
        "1.0",
        "1E400",
        "123456789012345678901234567890",
        "0.10000000000000000000000000000000000000000000000001",
        "\"\"",
        "\"\xF0\x9F\x98\x80 \\u00e9 \xC3\xA9\"",
        "\"\\u0000\"",
        " [ 1 , 2 ]\n",
        "{\"b\":1,\"a\":{\"\":[]},\"b\":2}",
    };
    int64_t buildid = add_build(f);
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        set_property(f, buildid, "a", values[i], "s");
        get_all(f, &a, buildid);
        expect_property(a.properties[0], buildid, "a", values[i], "s");
    }
    const char *large = test_format("\"%s\"", test_repeat("x", 3000000));
    set_property(f, buildid, "a", large, "s");
    get_all(f, &a, buildid);
    expect_property(a.properties[0], buildid, "a", large, "s");
}

static void set_build_property__value_that_is_not_json_is_refused(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    const char *const values[] = {"", "main", "'a'", "01", "NaN", "[1,]", "\"a", "1 2", "\"\t\""};
    int64_t buildid = add_build(f);
    skip_events(f);
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        ask_set(f, &a, buildid, "the name", values[i], "s");
        expect_error(&a, DBK_INVALID, "'the name'", "JSON", NULL);
        assert_int_equal(a.submitted, DBK_INVALID);
    }
    ask_set(f, &a, buildid, "n", "\"\xFF\"", "s");
    expect_error(&a, DBK_INVALID, "value", "UTF-8", NULL);
    get_all(f, &a, buildid);
    assert_int_equal(a.page.count, 0);
    expect_no_event(f);
}

static void set_build_property__limits_are_in_characters(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t buildid = add_build(f);
    const char *longest = test_repeat("\xF0\x9F\x98\x80", 256),
               *longer = test_repeat("\xC3\xA4", 257);
    set_property(f, buildid, longest, "1", longest);
    get_all(f, &a, buildid);
    expect_property(a.properties[0], buildid, longest, "1", longest);
    skip_events(f);
    ask_set(f, &a, buildid, longer, "1", "s");
    expect_error(&a, DBK_INVALID, "name", "257", "256", NULL);
    ask_set(f, &a, buildid, "n", "1", longer);
    expect_error(&a, DBK_INVALID, "source", "257", "256", NULL);
    ask_set(f, &a, buildid, NULL, "1", "s");
    expect_error(&a, DBK_INVALID, "name", NULL);
    ask_set(f, &a, buildid, "n", NULL, "s");
    expect_error(&a, DBK_INVALID, "value", NULL);
    ask_set(f, &a, buildid, "n", "1", NULL);
    expect_error(&a, DBK_INVALID, "source", NULL);
    ask_set(f, &a, buildid, "\xC3", "1", "s");
    expect_error(&a, DBK_INVALID, "name", "UTF-8", NULL);
    expect_no_event(f);
}

static void set_build_property__missing_build_is_named(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    ask_set(f, &a, MISSING_ID, "n", "1", "s");
    expect_error(&a, DBK_NOT_FOUND, "build", "987654321", NULL);
    expect_no_event(f);
    if (f->engine->is_seen_by_others)
        assert_int_equal(fixture_look_int(f, "SELECT count(*) FROM build_properties"), 0);
}

static void set_build_properties__sets_all_in_one_transaction(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    struct dbk_stats before, after;
    int64_t buildid = add_build(f);
    set_property(f, buildid, "b", "2", "s");
    skip_events(f);
    int64_t position = f->position;
    const struct dbk_new_property properties[] = {
        {"c", "3", "s"}, {"a", "1", "s"}, {"b", "2", "s"}};
    dbk_get_stats(f->store, &before, sizeof before);
    assert_int_equal(ASK(&a, f->store, on_done, dbk_set_build_properties, buildid, properties, 3),
                     DBK_OK);
    dbk_get_stats(f->store, &after, sizeof after);
    assert_int_equal(after.commit_count - before.commit_count, 1);
    assert_int_equal(ASK(&a, f->store, on_events, dbk_get_events, position, NULL), DBK_OK);
    assert_int_equal(a.page.count, 2); /* b is as it was */
    assert_string_equal(a.events[0]->name, "c");
    assert_string_equal(a.events[1]->name, "a");
    get_all(f, &a, buildid);
    assert_int_equal(a.page.count, 3);
    expect_property(a.properties[0], buildid, "a", "1", "s");
    expect_property(a.properties[2], buildid, "c", "3", "s");
}

static void set_build_properties__all_or_none(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t buildid = add_build(f);
    skip_events(f);
    const struct dbk_new_property properties[] = {{"a", "1", "s"}, {"b", "wrong", "s"}};
    ASK(&a, f->store, on_done, dbk_set_build_properties, buildid, properties, 2);
    expect_error(&a, DBK_INVALID, "'b'", NULL);
    get_all(f, &a, buildid);
    assert_int_equal(a.page.count, 0);
    ASK(&a, f->store, on_done, dbk_set_build_properties, MISSING_ID, properties, 1);
    expect_error(&a, DBK_NOT_FOUND, "build", NULL);
    expect_no_event(f);
}

static void set_build_properties__of_a_name_given_twice_the_last_counts(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t buildid = add_build(f);
    const struct dbk_new_property properties[] = {
        {"a", "1", "s"}, {"b", "2", "s"}, {"a", "3", "t"}};
    assert_int_equal(ASK(&a, f->store, on_done, dbk_set_build_properties, buildid, properties, 3),
                     DBK_OK);
    get_all(f, &a, buildid);
    assert_int_equal(a.page.count, 2);
    expect_property(a.properties[0], buildid, "a", "3", "t");
}

static void set_build_properties__takes_0_to_10000(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t buildid = add_build(f);
    struct dbk_new_property *many = test_take(10001 * sizeof *many);
    for (int i = 0; i < 10001; i++)
        many[i] = (struct dbk_new_property){test_format("p%05d", i), "1", "s"};
    skip_events(f);
    assert_int_equal(ASK(&a, f->store, on_done, dbk_set_build_properties, buildid, NULL, 0),
                     DBK_OK);
    ASK(&a, f->store, on_done, dbk_set_build_properties, buildid, many, 10001);
    expect_error(&a, DBK_INVALID, "10,000", NULL);
    expect_no_event(f);
    assert_int_equal(ASK(&a, f->store, on_done, dbk_set_build_properties, buildid, many, 10000),
                     DBK_OK);
    get_all(f, &a, buildid);
    assert_int_equal(a.page.count, 10000);
    ASK(&a, f->store, on_done, dbk_set_build_properties, MISSING_ID, NULL, 0);
    expect_error(&a, DBK_NOT_FOUND, "build", NULL);
    ASK(&a, f->store, on_done, dbk_set_build_properties, buildid, NULL, 1);
    expect_error(&a, DBK_INVALID, "properties", NULL);
}

static void set_build_property__names_differ_by_case_and_code_point(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t buildid = add_build(f);
    if (!f->engine->has_code_point_order)
        return;
    const char *const names[] = {"KEY",       "Key",          "e",
                                 "e\xCC\x81", "key",          "key ",
                                 "\xC3\xA9",  "\xEF\xBF\xBD", "\xF0\x9F\x98\x80"};
    for (size_t i = COUNT_OF(names); i-- > 0;)
        set_property(f, buildid, names[i], test_format("%d", (int)i), "s");
    get_all(f, &a, buildid);
    assert_int_equal(a.page.count, COUNT_OF(names));
    for (size_t i = 0; i < COUNT_OF(names); i++)
        expect_property(a.properties[i], buildid, names[i], test_format("%d", (int)i), "s");
}

static void get_build_properties__missing_build_gives_none(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    get_all(f, &a, MISSING_ID);
    assert_int_equal(a.page.count, 0);
    get_all(f, &a, DBK_NONE);
    assert_int_equal(a.page.count, 0);
}

static void get_properties_of__gives_all_by_build_and_name(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t ids[3] = {add_build(f), add_build(f), add_build(f)};
    for (int i = 0; i < 3; i++) {
        set_property(f, ids[i], "b", test_format("%d", i), "s");
        set_property(f, ids[i], "a", test_format("%d", i), "s");
    }
    const int64_t asked[] = {ids[2], ids[0], MISSING_ID, ids[0], ids[2]};
    assert_int_equal(
        ASK(&a, f->store, on_properties, dbk_get_properties_of, asked, COUNT_OF(asked)), DBK_OK);
    assert_int_equal(a.page.count, 4);
    expect_property(a.properties[0], ids[0], "a", "0", "s");
    expect_property(a.properties[1], ids[0], "b", "0", "s");
    expect_property(a.properties[2], ids[2], "a", "2", "s");
    expect_property(a.properties[3], ids[2], "b", "2", "s");
    ASK(&a, f->store, on_properties, dbk_get_properties_of, asked, 0);
    expect_error(&a, DBK_INVALID, "1", NULL);
    ASK(&a, f->store, on_properties, dbk_get_properties_of, asked, 10001);
    expect_error(&a, DBK_INVALID, "10000", NULL);
    ASK(&a, f->store, on_properties, dbk_get_properties_of, NULL, 1);
    expect_error(&a, DBK_INVALID, "buildids", NULL);
}

static void get_builds__properties_come_with_the_page_when_wanted(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t ids[4];
    for (int i = 0; i < 4; i++) {
        ids[i] = add_build(f);
        for (int j = 0; j < i; j++)
            set_property(f, ids[i], test_format("p%d", j), test_format("%d", i), "s");
    }
    assert_int_equal(ASK(&a, f->store, on_builds, dbk_get_builds, DBK_NONE, DBK_NONE, DBK_NONE,
                         DBK_NONE,
                         parse_spec("order=-number&limit=3&field=number&field=properties")),
                     DBK_OK);
    assert_int_equal(a.page.count, 3);
    for (int i = 0; i < 3; i++) {
        const struct dbk_build *build = a.builds[i];
        assert_int_equal(build->id, ids[3 - i]);
        assert_int_equal(build->number, 4 - i);
        assert_null(build->state_string);
        assert_int_equal(build->property_count, 3 - i);
        for (int j = 0; j < 3 - i; j++)
            expect_property(build->properties[j], build->id, test_format("p%d", j),
                            test_format("%d", 3 - i), "s");
    }
    assert_int_equal(
        ASK(&a, f->store, on_builds, dbk_get_builds, DBK_NONE, DBK_NONE, DBK_NONE, DBK_NONE, NULL),
        DBK_OK);
    for (int i = 0; i < 4; i++)
        assert_int_equal(a.builds[i]->property_count, 0);
}

static void order__by_position_is_that_in_which_properties_were_added(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t buildid = add_build(f);
    const struct dbk_new_property properties[] = {
        {"z", "1", "s"}, {"b", "2", "s"}, {"m", "3", "s"}, {"z", "4", "s"}};
    assert_int_equal(ASK(&a, f->store, on_done, dbk_set_build_properties, buildid, properties, 4),
                     DBK_OK);
    set_property(f, buildid, "a", "5", "s");
    set_property(f, buildid, "b", "6", "t");
    assert_string_equal(names_by_position(f, buildid), "z b m a ");
    struct dbk_new_build build = DBK_NEW_BUILD_INIT;
    build.builder = "recorded";
    build.properties = properties;
    build.property_count = 4;
    assert_int_equal(ASK(&a, f->store, on_added_build, dbk_record_build, &build), DBK_OK);
    assert_string_equal(names_by_position(f, a.id), "z b m ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_build_property__creates_and_replaces),
        cmocka_unit_test(set_build_property__value_or_source_alone_is_a_change),
        cmocka_unit_test(set_build_property__unchanged_one_writes_nothing),
        cmocka_unit_test(set_build_property__json_is_kept_as_given),
        cmocka_unit_test(set_build_property__value_that_is_not_json_is_refused),
        cmocka_unit_test(set_build_property__limits_are_in_characters),
        cmocka_unit_test(set_build_property__missing_build_is_named),
        cmocka_unit_test(set_build_properties__sets_all_in_one_transaction),
        cmocka_unit_test(set_build_properties__all_or_none),
        cmocka_unit_test(set_build_properties__of_a_name_given_twice_the_last_counts),
        cmocka_unit_test(set_build_properties__takes_0_to_10000),
        cmocka_unit_test(set_build_property__names_differ_by_case_and_code_point),
        cmocka_unit_test(get_build_properties__missing_build_gives_none),
        cmocka_unit_test(order__by_position_is_that_in_which_properties_were_added),
        cmocka_unit_test(get_properties_of__gives_all_by_build_and_name),
        cmocka_unit_test(get_builds__properties_come_with_the_page_when_wanted),
    };
    return fixture_run("properties", tests, COUNT_OF(tests));
}
