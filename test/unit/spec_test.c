/* The text form of a spec, and what building one refuses. Not: what it selects. */
#include "base/alloc.h"
#include "connector/spec.h"
#include "test.h"

static void free_spec(void *spec)
{
    dbk_spec_free(spec);
}

static struct dbk_spec *parse(const char *text)
{
    struct dbk_spec *spec = NULL;
    struct dbk_error error;
    if (dbk_spec_parse(text, &spec, &error))
        fail_msg("%s: %s", text, error.message);
    return test_keep(spec, free_spec);
}

static void assert_text_filter(const struct dbki_filter *filter, const char *field,
                               enum dbk_compare compare, const char *const *values, size_t count)
{
    assert_string_equal(filter->field, field);
    assert_int_equal(filter->compare, compare);
    assert_int_equal(filter->count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(filter->values[i].type, values[i] ? DBKI_TEXT : DBKI_NULL);
        if (values[i])
            assert_string_equal(filter->values[i].text, values[i]);
    }
}

static void spec_parse__empty_text_is_an_empty_spec(void **state)
{
    (void)state;
    const char *const texts[] = {"", "&", "&&&"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        const struct dbk_spec *spec = parse(texts[i]);
        assert_int_equal(spec->filter_count + spec->order_count + spec->chosen_count, 0);
        assert_int_equal(spec->limit, DBK_NONE);
        assert_int_equal(spec->offset, 0);
        assert_int_equal(spec->total, DBK_TOTAL_NONE);
        assert_null(spec->cursor);
    }
}

static void spec_parse__each_operator_has_its_suffix(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum dbk_compare compare;
    } rows[] = {{"f", DBK_EQ},          {"f__eq", DBK_EQ}, {"f__ne", DBK_NE},
                {"f__lt", DBK_LT},      {"f__le", DBK_LE}, {"f__gt", DBK_GT},
                {"f__ge", DBK_GE},      {"f__in", DBK_IN}, {"f__contains", DBK_CONTAINS},
                {"f__notin", DBK_NOTIN}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct dbk_spec *spec = parse(test_format("%s=x", rows[i].name));
        const char *const values[] = {"x"};
        assert_int_equal(spec->filter_count, 1);
        assert_text_filter(&spec->filters[0], "f", rows[i].compare, values, 1);
    }
}

static void spec_parse__commas_separate_for_in_and_notin_alone(void **state)
{
    (void)state;
    const struct dbk_spec *spec = parse("a__in=x,y,,z&b__notin=1,2&c=x,y&d__contains=x,y");
    const char *const a[] = {"x", "y", "", "z"}, *const b[] = {"1", "2"}, *const c[] = {"x,y"};
    assert_int_equal(spec->filter_count, 4);
    assert_text_filter(&spec->filters[0], "a", DBK_IN, a, 4);
    assert_text_filter(&spec->filters[1], "b", DBK_NOTIN, b, 2);
    assert_text_filter(&spec->filters[2], "c", DBK_EQ, c, 1);
    assert_text_filter(&spec->filters[3], "d", DBK_CONTAINS, c, 1);
}

static void spec_parse__same_name_again_adds_a_value(void **state)
{
    (void)state;
    const struct dbk_spec *spec = parse("a=1&b=x&a__eq=2&a__ne=3&a=3");
    const char *const a[] = {"1", "2", "3"}, *const b[] = {"x"}, *const not_a[] = {"3"};
    assert_int_equal(spec->filter_count, 3);
    assert_text_filter(&spec->filters[0], "a", DBK_EQ, a, 3);
    assert_text_filter(&spec->filters[1], "b", DBK_EQ, b, 1);
    assert_text_filter(&spec->filters[2], "a", DBK_NE, not_a, 1);
}

static void spec_parse__name_without_a_value_is_none(void **state)
{
    (void)state;
    const struct dbk_spec *spec = parse("workerid__eq&results__ne&results__ne=&name");
    const char *const none[] = {NULL}, *const none_and_empty[] = {NULL, ""};
    assert_int_equal(spec->filter_count, 3);
    assert_text_filter(&spec->filters[0], "workerid", DBK_EQ, none, 1);
    assert_text_filter(&spec->filters[1], "results", DBK_NE, none_and_empty, 2);
    assert_text_filter(&spec->filters[2], "name", DBK_EQ, none, 1);
}

static void spec_parse__percent_and_plus_are_decoded(void **state)
{
    (void)state;
    const struct dbk_spec *spec = parse("a%5f_contains=1%3D2%26+%2B%25%C3%A4=");
    const char *const values[] = {"1=2& +%\xC3\xA4="};
    assert_text_filter(&spec->filters[0], "a", DBK_CONTAINS, values, 1);
}

static void spec_parse__last_double_underscore_ends_the_field(void **state)
{
    (void)state;
    const struct dbk_spec *spec = parse("a__b__gt=1");
    const char *const values[] = {"1"};
    assert_text_filter(&spec->filters[0], "a__b", DBK_GT, values, 1);
}

static void spec_parse__reads_order_limit_offset_field_total_cursor(void **state)
{
    (void)state;
    const struct dbk_spec *spec = parse(
        "order=-number&order=id&limit=50&offset=10&field=id&field=name&cursor=1.ab&total=exact");
    assert_int_equal(spec->filter_count, 0);
    assert_int_equal(spec->order_count, 2);
    assert_string_equal(spec->order[0], "-number");
    assert_string_equal(spec->order[1], "id");
    assert_int_equal(spec->limit, 50);
    assert_int_equal(spec->offset, 10);
    assert_int_equal(spec->chosen_count, 2);
    assert_string_equal(spec->chosen[1], "name");
    assert_string_equal(spec->cursor, "1.ab");
    assert_int_equal(spec->total, DBK_TOTAL_EXACT);
    assert_int_equal(parse("total=none")->total, DBK_TOTAL_NONE);
    assert_int_equal(parse("total=1000")->total, DBK_TOTAL_UP_TO);
    assert_int_equal(parse("total=1000")->total_up_to, 1000);
}

static void spec_parse__wrong_text_is_refused_with_a_sentence(void **state)
{
    (void)state;
    static const struct {
        const char *text, *word;
    } rows[] = {
        {"limit=-1", "limit"},
        {"limit=x", "limit"},
        {"limit=", "limit"},
        {"limit", "limit"},
        {"limit=9223372036854775808", "limit"},
        {"offset=-1", "offset"},
        {"offset=1.5", "offset"},
        {"total=0", "total"},
        {"total=-1", "total"},
        {"total=all", "total"},
        {"total", "total"},
        {"order=", "order"},
        {"order", "order"},
        {"field", "field"},
        {"cursor", "cursor"},
        {"a__like=1", "a__like"},
        {"a__=1", "a__"},
        {"a__EQ=1", "a__EQ"},
        {"a__lt=1&a__lt=2", "a__lt"},
        {"a__lt", "a__lt"},
        {"a__in", "a__in"},
        {"a__contains", "a__contains"},
        {"=1", "name"},
        {"a=%", "escape"},
        {"a=%zz", "escape"},
        {"a=%00", "escape"},
        {"%=1", "escape"},
        {"a=%FF", "UTF-8"},
        {"%FF=a", "UTF-8"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct dbk_spec *spec = NULL;
        struct dbk_error error = {.status = DBK_OK};
        if (dbk_spec_parse(rows[i].text, &spec, &error) != DBK_INVALID)
            fail_msg("'%s' was taken", rows[i].text);
        assert_null(spec);
        assert_int_equal(error.status, DBK_INVALID);
        if (!strstr(error.message, rows[i].word))
            fail_msg("no '%s' in: %s", rows[i].word, error.message);
        assert_int_equal(dbk_spec_parse(rows[i].text, &spec, NULL), DBK_INVALID);
    }
}

static void spec_add__refused_item_leaves_the_spec_as_it_was(void **state)
{
    (void)state;
    struct dbk_spec *spec = parse("a__lt=1&b=2&limit=3");
    const char *const one[] = {"1"};
    assert_int_equal(dbk_spec_add(spec, "a__lt", "2", NULL), DBK_INVALID);
    assert_int_equal(dbk_spec_add(spec, "c__gt", NULL, NULL), DBK_INVALID);
    assert_int_equal(dbk_spec_add(spec, "limit", "-3", NULL), DBK_INVALID);
    assert_int_equal(spec->filter_count, 2);
    assert_text_filter(&spec->filters[0], "a", DBK_LT, one, 1);
    assert_int_equal(spec->limit, 3);
}

static void spec_filter__arguments_are_checked(void **state)
{
    (void)state;
    struct dbk_spec *spec = test_keep(dbk_spec_new(), free_spec);
    const int64_t numbers[1001] = {0}, none[] = {DBK_NONE};
    const char *const wrong[] = {"\xFF"}, *const missing[] = {NULL};
    const enum dbk_compare one_value[] = {DBK_LT, DBK_LE, DBK_GT, DBK_GE};
    assert_int_equal(dbk_spec_filter_int(NULL, "a", DBK_EQ, numbers, 1), DBK_INVALID);
    assert_int_equal(dbk_spec_filter_int(spec, NULL, DBK_EQ, numbers, 1), DBK_INVALID);
    assert_int_equal(dbk_spec_filter_int(spec, "\xFF", DBK_EQ, numbers, 1), DBK_INVALID);
    assert_int_equal(dbk_spec_filter_int(spec, "a", DBK_EQ, NULL, 1), DBK_INVALID);
    assert_int_equal(dbk_spec_filter_int(spec, "a", DBK_EQ, numbers, 0), DBK_INVALID);
    assert_int_equal(dbk_spec_filter_int(spec, "a", DBK_IN, numbers, 1001), DBK_INVALID);
    assert_int_equal(dbk_spec_filter_int(spec, "a", (enum dbk_compare)9, numbers, 1), DBK_INVALID);
    assert_int_equal(dbk_spec_filter_int(spec, "a", (enum dbk_compare)(-1), numbers, 1),
                     DBK_INVALID);
    assert_int_equal(dbk_spec_filter_int(spec, "a", DBK_IN, none, 1), DBK_INVALID);
    assert_int_equal(dbk_spec_filter_text(spec, "a", DBK_EQ, wrong, 1), DBK_INVALID);
    assert_int_equal(dbk_spec_filter_text(spec, "a", DBK_CONTAINS, missing, 1), DBK_INVALID);
    for (size_t i = 0; i < COUNT_OF(one_value); i++) {
        assert_int_equal(dbk_spec_filter_int(spec, "a", one_value[i], numbers, 2), DBK_INVALID);
        assert_int_equal(dbk_spec_filter_int(spec, "a", one_value[i], none, 1), DBK_INVALID);
    }
    assert_int_equal(spec->filter_count, 0);
    assert_int_equal(dbk_spec_filter_int(spec, "a", DBK_IN, numbers, 1000), DBK_OK);
    assert_int_equal(dbk_spec_filter_int(spec, "a", DBK_NE, none, 1), DBK_OK);
    assert_int_equal(dbk_spec_filter_text(spec, "a", DBK_EQ, missing, 1), DBK_OK);
    assert_int_equal(spec->filter_count, 3);
}

static void spec__limit_offset_total_are_checked(void **state)
{
    (void)state;
    struct dbk_spec *spec = test_keep(dbk_spec_new(), free_spec);
    assert_int_equal(dbk_spec_limit(spec, -1), DBK_INVALID);
    assert_int_equal(dbk_spec_limit(spec, DBK_NONE), DBK_INVALID);
    assert_int_equal(dbk_spec_limit(NULL, 1), DBK_INVALID);
    assert_int_equal(dbk_spec_limit(spec, 0), DBK_OK);
    assert_int_equal(dbk_spec_limit(spec, INT64_MAX), DBK_OK);
    assert_int_equal(dbk_spec_offset(spec, -1), DBK_INVALID);
    assert_int_equal(dbk_spec_offset(NULL, 1), DBK_INVALID);
    assert_int_equal(dbk_spec_offset(spec, INT64_MAX), DBK_OK);
    assert_int_equal(dbk_spec_total(spec, (enum dbk_total)3, 1), DBK_INVALID);
    assert_int_equal(dbk_spec_total(spec, DBK_TOTAL_UP_TO, 0), DBK_INVALID);
    assert_int_equal(dbk_spec_total(NULL, DBK_TOTAL_EXACT, 0), DBK_INVALID);
    assert_int_equal(dbk_spec_total(spec, DBK_TOTAL_EXACT, -5), DBK_OK);
    assert_int_equal(dbk_spec_order(spec, ""), DBK_INVALID);
    assert_int_equal(dbk_spec_order(spec, NULL), DBK_INVALID);
    assert_int_equal(dbk_spec_field(spec, "\xFF"), DBK_INVALID);
    assert_int_equal(dbk_spec_cursor(spec, NULL), DBK_INVALID);
}

static void spec__free_takes_null(void **state)
{
    (void)state;
    dbk_spec_free(NULL);
}

static void spec_parse__out_of_memory_is_said_at_each_allocation(void **state)
{
    (void)state;
    int status = DBK_NO_MEMORY;
    for (int i = 0; status == DBK_NO_MEMORY; i++) {
        struct dbk_spec *spec = NULL;
        struct dbk_error error;
        assert_true(i < 200);
        dbki_alloc_fail_after(i, 0);
        status = dbk_spec_parse("a__in=x,y,z&b=1&b=2&order=-a&field=c&cursor=d", &spec, &error);
        dbki_alloc_fail_after(-1, 0);
        if (status == DBK_OK)
            assert_true(i > 10);
        else
            assert_int_equal(error.status, DBK_NO_MEMORY);
        dbk_spec_free(spec);
    }
    assert_int_equal(status, DBK_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spec_parse__empty_text_is_an_empty_spec),
        cmocka_unit_test(spec_parse__each_operator_has_its_suffix),
        cmocka_unit_test(spec_parse__commas_separate_for_in_and_notin_alone),
        cmocka_unit_test(spec_parse__same_name_again_adds_a_value),
        cmocka_unit_test(spec_parse__name_without_a_value_is_none),
        cmocka_unit_test(spec_parse__percent_and_plus_are_decoded),
        cmocka_unit_test(spec_parse__last_double_underscore_ends_the_field),
        cmocka_unit_test(spec_parse__reads_order_limit_offset_field_total_cursor),
        cmocka_unit_test(spec_parse__wrong_text_is_refused_with_a_sentence),
        cmocka_unit_test(spec_add__refused_item_leaves_the_spec_as_it_was),
        cmocka_unit_test(spec_filter__arguments_are_checked),
        cmocka_unit_test(spec__limit_offset_total_are_checked),
        cmocka_unit_test(spec__free_takes_null),
        cmocka_unit_test(spec_parse__out_of_memory_is_said_at_each_allocation),
    };
    return test_run("spec", tests, COUNT_OF(tests));
}
