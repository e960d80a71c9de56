/* Which texts are JSON: a table of the edges, and the verdict of jansson on all short documents. */
#include "base/json.h"
#include "daybook.h"
#include "test.h"

#include <jansson.h>

static bool is_json(const char *text)
{
    assert_int_equal(dbk_is_json(text), dbki_json_is_valid(text, strlen(text)));
    return dbk_is_json(text);
}

static void json__edges(void **state)
{
    (void)state;
    static const struct {
        bool is_json;
        const char *text;
    } rows[] = {
        {true, "null"},
        {true, "true"},
        {true, "false"},
        {true, "0"},
        {true, "-0"},
        {true, "-12.5e-3"},
        {true, "1E+400"},
        {true, "0.0000000000000000000000000000000000000000000000001"},
        {true, "123456789012345678901234567890123456789012345678901234567890"},
        {true, " \t\r\n1 \t\r\n"},
        {true, "\"\""},
        {true, "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D\\uDE00\""},
        {true, "\"\xF0\x9F\x98\x80 \x7F\""},
        {true, "\"\\u0000\""},
        {true, "[]"},
        {true, "[ ]"},
        {true, "{}"},
        {true, "{ }"},
        {true, "[1,[2,[3]],{\"a\":[]}]"},
        {true, "{\"a\":1,\"a\":2}"},
        {true, " { \"a\" : [ 1 , 2 ] , \"\" : null } "},
        {false, ""},
        {false, " "},
        {false, "nul"},
        {false, "nulls"},
        {false, "True"},
        {false, "None"},
        {false, "NaN"},
        {false, "Infinity"},
        {false, "'a'"},
        {false, "abc"},
        {false, "01"},
        {false, "-"},
        {false, "-a"},
        {false, "+1"},
        {false, ".5"},
        {false, "5."},
        {false, "5.e1"},
        {false, "1e"},
        {false, "1e+"},
        {false, "0x10"},
        {false, "1 2"},
        {false, "1,"},
        {false, "\""},
        {false, "\"a"},
        {false, "\"a\"b"},
        {false, "\"\\"},
        {false, "\"\\x41\""},
        {false, "\"\\u12\""},
        {false, "\"\\u12g4\""},
        {false, "\"a\nb\""},
        {false, "\"a\tb\""},
        {false, "\"\x01\""},
        {false, "\"\x1F\""},
        {false, "\"\xFF\""},
        {false, "\"\xC3\""},
        {false, "\"\xED\xA0\x80\""},
        {false, "\xEF\xBB\xBFnull"},
        {false, "\xC2\xA0null"},
        {false, "\fnull"},
        {false, "["},
        {false, "]"},
        {false, "[1"},
        {false, "[1,"},
        {false, "[1,]"},
        {false, "[,1]"},
        {false, "[1 2]"},
        {false, "[1}"},
        {false, "{1}"},
        {false, "{\"a\"}"},
        {false, "{\"a\":}"},
        {false, "{\"a\":1,}"},
        {false, "{a:1}"},
        {false, "{\"a\":1 \"b\":2}"},
        {false, "{\"a\":1]"},
        {false, "{,}"},
        {false, "[] []"},
        {false, "// no\n1"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (is_json(rows[i].text) != rows[i].is_json)
            fail_msg("row %zu: %s", i, rows[i].text);
}

static void json__null_is_none(void **state)
{
    (void)state;
    assert_false(dbk_is_json(NULL));
}

static void json__zero_byte_within_is_none(void **state)
{
    (void)state;
    assert_false(dbki_json_is_valid("1\0", 2));
    assert_false(dbki_json_is_valid("\"a\0b\"", 5));
    assert_false(dbki_json_is_valid("[1]\0", 4));
}

static void json__depth_has_a_limit(void **state)
{
    (void)state;
    const char *const brackets[][2] = {{"[", "]"}, {"{\"a\":[", "]}"}};
    for (size_t i = 0; i < COUNT_OF(brackets); i++) {
        size_t most = i ? DBKI_JSON_DEPTH_MAX / 2 : DBKI_JSON_DEPTH_MAX;
        for (size_t depth = most - 1; depth <= most + 1; depth++) {
            const char *text = test_format("%s%s", test_repeat(brackets[i][0], depth),
                                           test_repeat(brackets[i][1], depth));
            assert_int_equal(is_json(text), depth <= most);
        }
    }
    assert_false(is_json(test_repeat("[", 1000000)));
}

static void json__wide_documents_have_no_limit(void **state)
{
    (void)state;
    assert_true(is_json(test_format("[%s0]", test_repeat("[],", 100000))));
    assert_true(is_json(test_format("\"%s\"", test_repeat("\xE2\x82\xAC", 100000))));
    assert_true(is_json(test_repeat("9", 100000)));
}

/* All words over an alphabet up to a length, against jansson. Numbers that its types cannot hold it
 * calls wrong, so the alphabet makes none of them. */
static size_t compare_all(const char *const *pieces, size_t piece_count, int length)
{
    size_t valid = 0, total = 1;
    for (int i = 0; i < length; i++)
        total *= piece_count;
    for (size_t word = 0; word < total; word++) {
        char text[64] = "";
        size_t rest = word;
        for (int i = 0; i < length; i++, rest /= piece_count)
            strcat(text, pieces[rest % piece_count]);
        json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
        bool expected = value != NULL;
        json_decref(value);
        if (is_json(text) != expected)
            fail_msg("'%s' is %sJSON", text, expected ? "" : "not ");
        valid += expected;
    }
    return valid;
}

static void json__agrees_with_jansson_on_all_short_documents(void **state)
{
    (void)state;
    const char *const structure[] = {"[", "]", "{", "}", ",", ":", "\"a\"", "1", " "};
    const char *const numbers[] = {"0", "1", "-", "+", ".", "e", "E", " "};
    const char *const strings[] = {"\"", "\\", "u",  "00e9",     "n",
                                   "/",  "x",  "\t", "\xC3\xA9", "\xC3"};
    const char *const words[] = {"null", "true", "false", "n", "l", "T", "[", "]", ","};
    for (int length = 1; length <= 5; length++) {
        assert_true(compare_all(structure, COUNT_OF(structure), length) > 0);
        assert_true(compare_all(numbers, COUNT_OF(numbers), length) > 0);
        compare_all(strings, COUNT_OF(strings), length);
        compare_all(words, COUNT_OF(words), length);
    }
    assert_true(compare_all(structure, COUNT_OF(structure), 6) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json__edges),
        cmocka_unit_test(json__null_is_none),
        cmocka_unit_test(json__zero_byte_within_is_none),
        cmocka_unit_test(json__depth_has_a_limit),
        cmocka_unit_test(json__wide_documents_have_no_limit),
        cmocka_unit_test(json__agrees_with_jansson_on_all_short_documents),
    };
    return test_run("json", tests, COUNT_OF(tests));
}
