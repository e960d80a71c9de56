/* Builds found by their properties. */
#include "fixture.h"

#define ID "order=id"

static int list(struct fixture *f, struct answer *a, const struct dbk_spec *spec)
{
    return ASK(a, f->store, on_builds, dbk_get_builds, DBK_NONE, DBK_NONE, DBK_NONE, DBK_NONE,
               spec);
}

static struct dbk_spec *spec_of(const char *text, const char *name, const char *value)
{
    struct dbk_spec *spec = parse_spec(text);
    assert_int_equal(dbk_spec_property(spec, name, &value, 1), DBK_OK);
    return spec;
}

static void expect_builds(struct fixture *f, const struct dbk_spec *spec, const int64_t *ids,
                          size_t count)
{
    struct answer a;
    assert_int_equal(list(f, &a, spec), DBK_OK);
    assert_int_equal(a.page.count, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(a.builds[i]->id, ids[i]);
}
#define EXPECT_BUILDS(f, spec, ...)                                                                \
    expect_builds(f, spec, (const int64_t[]){__VA_ARGS__},                                         \
                  sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t))

static void spec_property__keeps_builds_with_any_of_the_values(void **state)
{
    struct fixture *f = *state;
    int64_t a = add_build(f), b = add_build(f), c = add_build(f), d = add_build(f);
    set_property(f, a, "branch", "\"main\"", "git");
    set_property(f, b, "branch", "\"dev\"", "git");
    set_property(f, c, "branch", "\"Main\"", "git");
    set_property(f, d, "other", "\"main\"", "git");
    EXPECT_BUILDS(f, spec_of(ID, "branch", "\"main\""), a);
    EXPECT_BUILDS(f, spec_of("order=-id", "branch", "\"Main\""), c);
    struct dbk_spec *spec = new_spec();
    const char *const values[] = {"\"dev\"", "\"Main\"", "17"};
    assert_int_equal(dbk_spec_property(spec, "branch", values, 3), DBK_OK);
    EXPECT_BUILDS(f, spec, b, c);
    expect_builds(f, spec_of(ID, "branch", "17"), NULL, 0);
}

static void spec_property__all_filters_must_hold(void **state)
{
    struct fixture *f = *state;
    int64_t a = add_build(f), b = add_build(f), c = add_build(f);
    const char *yes = "true";
    for (int i = 0; i < 3; i++)
        set_property(f, (const int64_t[]){a, b, c}[i], "nightly", i == 2 ? "false" : "true", "x");
    set_property(f, a, "arch", "\"arm\"", "x");
    set_property(f, b, "arch", "\"x86\"", "x");
    set_property(f, c, "arch", "\"arm\"", "x");
    finish_build(f, b, DBK_FAILURE);
    struct dbk_spec *spec = spec_of(ID, "arch", "\"arm\"");
    assert_int_equal(dbk_spec_property(spec, "nightly", &yes, 1), DBK_OK);
    EXPECT_BUILDS(f, spec, a);
    EXPECT_BUILDS(f, spec_of("results=failure", "nightly", "true"), b);
    EXPECT_BUILDS(f, spec_of("complete=0", "nightly", "true"), a);
}

static void spec_property__properties_come_with_the_page_when_wanted(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t first = add_build(f), second = add_build(f);
    set_property(f, first, "n", "1", "x");
    set_property(f, second, "n", "2", "x");
    set_property(f, second, "m", "3", "x");
    assert_int_equal(list(f, &a, spec_of("field=properties", "n", "2")), DBK_OK);
    assert_int_equal(a.page.count, 1);
    assert_int_equal(a.builds[0]->property_count, 2);
    assert_string_equal(a.builds[0]->properties[0]->value, "3");
}

/* 150 builds and all pairs of them. Result: how many there are then. */
static int64_t add_many(struct fixture *f)
{
    for (int i = 0; i < 150; i++)
        add_build(f);
    fixture_change(f, "INSERT INTO builds (number, builderid, buildrequestid, workerid, masterid,"
                      " started_at, locks_duration_s, state_string)"
                      " SELECT 100000 + 1000 * a.number + b.number, a.builderid, a.buildrequestid,"
                      " a.workerid, a.masterid, a.started_at, 0, 'copied' FROM builds a, builds b");
    return fixture_look_int(f, "SELECT count(*) FROM builds");
}

static void spec_property__looks_at_10000_builds_and_goes_on_from_there(void **state)
{
    struct fixture *f = *state;
    if (!f->engine->is_seen_by_others)
        return; /* nobody can add so many past the store */
    int64_t count = add_many(f), found = 0, previous = 0, pages = 0;
    assert_in_range(count, 20001, 29999);
    const int64_t expected[] = {1, 1, 2};
    const char *cursor = NULL;
    for (int i = 0; i < 4; i++) {
        int64_t id = fixture_look_int(
            f, test_format("SELECT id FROM builds ORDER BY number LIMIT 1 OFFSET %d",
                           (const int[]){9999, 10000, 20500, (int)count - 1}[i]));
        set_property(f, id, "rare", "1", "x");
    }
    do {
        struct answer a;
        assert_in_range(pages, 0, 2);
        struct dbk_spec *spec = spec_of("order=number&limit=3", "rare", "1");
        if (cursor)
            assert_int_equal(dbk_spec_cursor(spec, cursor), DBK_OK);
        assert_int_equal(list(f, &a, spec), DBK_OK);
        for (size_t i = 0; i < a.page.count; i++) {
            assert_true(a.builds[i]->number > previous);
            previous = a.builds[i]->number;
        }
        assert_int_equal(a.page.count, expected[pages]);
        assert_int_equal(a.page.next_cursor != NULL, pages < 2);
        found += (int64_t)a.page.count;
        cursor = a.page.next_cursor ? test_format("%s", a.page.next_cursor) : NULL;
        pages++;
    } while (cursor);
    assert_int_equal(found, 4);
    assert_int_equal(pages, 3);
}

static void spec_property__a_full_page_ends_with_its_own_cursor(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t ids[5];
    for (int i = 0; i < 5; i++) {
        ids[i] = add_build(f);
        set_property(f, ids[i], "odd", i % 2 ? "true" : "false", "x");
    }
    struct dbk_spec *spec = spec_of("order=-id&limit=2", "odd", "false");
    assert_int_equal(list(f, &a, spec), DBK_OK);
    assert_int_equal(a.page.count, 2);
    assert_non_null(a.page.next_cursor);
    assert_int_equal(dbk_spec_cursor(spec, a.page.next_cursor), DBK_OK);
    EXPECT_BUILDS(f, spec, ids[0]);
    struct dbk_spec *other = spec_of("order=-id&limit=2", "odd", "true");
    assert_int_equal(dbk_spec_cursor(other, a.page.next_cursor), DBK_OK);
    assert_int_equal(list(f, &a, other), DBK_INVALID);
}

static void spec_property__what_it_does_not_go_with_is_refused(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    const char *one = "1";
    assert_int_equal(list(f, &a, spec_of("offset=1", "n", one)), DBK_INVALID);
    assert_int_equal(list(f, &a, spec_of("total=exact", "n", one)), DBK_INVALID);
    assert_int_equal(ASK(&a, f->store, on_steps, dbk_get_steps, 1, spec_of("limit=1", "n", one)),
                     DBK_INVALID);
    struct dbk_spec *spec = new_spec();
    for (int i = 0; i < 8; i++)
        assert_int_equal(dbk_spec_property(spec, "n", &one, 1), DBK_OK);
    assert_int_equal(dbk_spec_property(spec, "n", &one, 1), DBK_INVALID);
    const char *const bad[] = {"main", "", "\xff", NULL};
    for (int i = 0; i < 4; i++) {
        spec = new_spec();
        assert_int_equal(dbk_spec_property(spec, "n", &bad[i], 1), DBK_INVALID);
        assert_int_equal(list(f, &a, spec), DBK_INVALID);
    }
    assert_int_equal(dbk_spec_property(new_spec(), "n", &one, 0), DBK_INVALID);
    assert_int_equal(dbk_spec_property(new_spec(), NULL, &one, 1), DBK_INVALID);
    assert_int_equal(dbk_spec_property(NULL, "n", &one, 1), DBK_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spec_property__keeps_builds_with_any_of_the_values),
        cmocka_unit_test(spec_property__all_filters_must_hold),
        cmocka_unit_test(spec_property__properties_come_with_the_page_when_wanted),
        cmocka_unit_test(spec_property__looks_at_10000_builds_and_goes_on_from_there),
        cmocka_unit_test(spec_property__a_full_page_ends_with_its_own_cursor),
        cmocka_unit_test(spec_property__what_it_does_not_go_with_is_refused),
    };
    return fixture_run("by_property", tests, COUNT_OF(tests));
}
