/* UTF-8. */
#include "base/text.h"
#include "test.h"

static void text_is_valid__follows_unicodes_table(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int chars; /* -1: not valid */
    } rows[] = {
        {"", 0},
        {"abc", 3},
        {"\x01\x7F", 2},
        {"\xC2\x80", 1},
        {"\xDF\xBF", 1},
        {"\xE0\xA0\x80", 1},
        {"\xED\x9F\xBF\xEE\x80\x80", 2},
        {"\xEF\xBF\xBF", 1},
        {"\xF0\x90\x80\x80", 1},
        {"\xF4\x8F\xBF\xBF", 1},
        {"a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80z", 5},
        {"e\xCC\x81", 2}, /* a combining mark is a character of its own */
        /* a continuation alone, cut off, overlong, surrogates, too large */
        {"\x80", -1},
        {"a\xBF", -1},
        {"\xC3", -1},
        {"\xC3z", -1},
        {"\xE2\x82", -1},
        {"\xE2\x82z", -1},
        {"\xF0\x9F\x98", -1},
        {"\xC0\x80", -1},
        {"\xC1\xBF", -1},
        {"\xE0\x9F\xBF", -1},
        {"\xF0\x8F\xBF\xBF", -1},
        {"\xED\xA0\x80", -1},
        {"\xED\xBF\xBF", -1},
        {"\xF4\x90\x80\x80", -1},
        {"\xF5\x80\x80\x80", -1},
        {"\xFE", -1},
        {"\xFF", -1},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        size_t chars = 1234;
        bool is_valid = dbki_text_is_valid(rows[i].text, strlen(rows[i].text), &chars);
        if (is_valid != (rows[i].chars >= 0))
            fail_msg("row %zu", i);
        assert_int_equal(chars, is_valid ? rows[i].chars : 1234);
        assert_int_equal(dbki_text_is_valid(rows[i].text, strlen(rows[i].text), NULL), is_valid);
    }
}

static void text_is_valid__zero_byte_is_none(void **state)
{
    (void)state;
    assert_false(dbki_text_is_valid("a\0b", 3, NULL));
    assert_false(dbki_text_is_valid("", 1, NULL));
}

static void text_is_valid__looks_at_no_byte_past_the_end(void **state)
{
    (void)state;
    /* The whole character stands there, but the text ends within it. */
    for (size_t len = 1; len < 4; len++)
        assert_false(dbki_text_is_valid("\xF0\x9F\x98\x80", len, NULL));
    assert_true(dbki_text_is_valid("\xF0\x9F\x98\x80", 4, NULL));
}

static void text_prefix__counts_characters(void **state)
{
    (void)state;
    const char *text = "a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80z";
    const size_t sizes[] = {0, 1, 3, 6, 10, 11, 11, 11};
    for (size_t chars = 0; chars < COUNT_OF(sizes); chars++)
        assert_int_equal(dbki_text_prefix(text, strlen(text), chars), sizes[chars]);
    assert_int_equal(dbki_text_prefix("", 0, 5), 0);
}

static void text_cut__keeps_whole_characters(void **state)
{
    (void)state;
    const char *text = "a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80z";
    const size_t kept[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11, 11};
    for (size_t max = 0; max < COUNT_OF(kept); max++) {
        char *copy = test_copy(text);
        dbki_text_cut(copy, max);
        assert_int_equal(strlen(copy), kept[max]);
        assert_memory_equal(copy, text, kept[max]);
    }
}

static void text_cut__ends_text_that_was_cut_within_a_character(void **state)
{
    (void)state;
    /* As vsnprintf() leaves it. */
    char text[] = "ab\xF0\x9F\x98";
    dbki_text_cut(text, 5);
    assert_string_equal(text, "ab");
}

static void text_repair__puts_a_question_mark_for_each_wrong_byte(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"", ""},
        {"a\xC3\xA4\xF0\x9F\x98\x80", "a\xC3\xA4\xF0\x9F\x98\x80"},
        {"\xFF", "?"},
        {"a\xE9z", "a?z"},
        {"\xF0\x9F\x98", "???"},
        {"\xED\xA0\x80\xC3", "????"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char *text = test_copy(rows[i][0]);
        dbki_text_repair(text);
        assert_string_equal(text, rows[i][1]);
    }
}

static void text_int__reads_decimal_numbers_alone(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_number;
        long long value;
    } rows[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"17", true, 17},
        {"-17", true, -17},
        {"007", true, 7},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"", false, 0},
        {"-", false, 0},
        {"--1", false, 0},
        {"+1", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"1.0", false, 0},
        {"1e3", false, 0},
        {"0x10", false, 0},
        {"one", false, 0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        long long value = 4711;
        if (dbki_text_int(rows[i].text, &value) != rows[i].is_number)
            fail_msg("'%s'", rows[i].text);
        assert_true(value == (rows[i].is_number ? rows[i].value : 4711));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_valid__follows_unicodes_table),
        cmocka_unit_test(text_is_valid__zero_byte_is_none),
        cmocka_unit_test(text_is_valid__looks_at_no_byte_past_the_end),
        cmocka_unit_test(text_prefix__counts_characters),
        cmocka_unit_test(text_cut__keeps_whole_characters),
        cmocka_unit_test(text_cut__ends_text_that_was_cut_within_a_character),
        cmocka_unit_test(text_repair__puts_a_question_mark_for_each_wrong_byte),
        cmocka_unit_test(text_int__reads_decimal_numbers_alone),
    };
    return test_run("text", tests, COUNT_OF(tests));
}
