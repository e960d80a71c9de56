/* The list of statuses, errors as values, the words of results. */
#include "base/error.h"
#include "test.h"

#include <ctype.h>

static const struct {
    enum dbk_status status;
    int value, exit_code, http;
    const char *name, *exception, *words;
} ROWS[] = {
#define ROW(name, value, exit_code, http, exception, words)                                        \
    {name, value, exit_code, http, #name, exception, words},
    DBK_STATUSES(ROW)
#undef ROW
};

static void status__table_says_what_the_headers_list_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ROWS); i++) {
        assert_int_equal(ROWS[i].value, i);
        assert_string_equal(dbk_status_name(ROWS[i].status), ROWS[i].name);
        assert_string_equal(dbk_status_text(ROWS[i].status), ROWS[i].words);
        assert_int_equal(dbk_status_exit_code(ROWS[i].status), ROWS[i].exit_code);
        assert_int_equal(dbk_status_http(ROWS[i].status), ROWS[i].http);
    }
}

static void status__names_exit_codes_words_and_exceptions_are_unique(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ROWS); i++)
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(ROWS[i].name, ROWS[j].name);
            assert_string_not_equal(ROWS[i].words, ROWS[j].words);
            assert_string_not_equal(ROWS[i].exception, ROWS[j].exception);
            assert_int_not_equal(ROWS[i].exit_code, ROWS[j].exit_code);
        }
}

static void status__exit_codes_leave_1_to_the_command(void **state)
{
    (void)state;
    assert_int_equal(dbk_status_exit_code(DBK_OK), 0);
    for (size_t i = 1; i < COUNT_OF(ROWS); i++) {
        assert_int_not_equal(ROWS[i].exit_code, 0);
        assert_int_not_equal(ROWS[i].exit_code, 1);
        assert_true(ROWS[i].exit_code < 64);
        assert_true(ROWS[i].http >= 400 && ROWS[i].http < 600);
    }
}

static void status__unknown_value_is_named_so(void **state)
{
    (void)state;
    const int values[] = {-1, (int)COUNT_OF(ROWS), 1000000};
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        enum dbk_status status = (enum dbk_status)values[i];
        assert_string_equal(dbk_status_name(status), "DBK_?");
        assert_string_equal(dbk_status_text(status), "an unknown status");
        assert_int_equal(dbk_status_exit_code(status), dbk_status_exit_code(DBK_INTERNAL));
        assert_int_equal(dbk_status_http(status), 500);
    }
}

static void error__set_fills_the_sentence_and_gives_the_status(void **state)
{
    (void)state;
    struct dbk_error error;
    dbki_error_clear(&error);
    assert_int_equal(error.status, DBK_OK);
    assert_int_equal(dbki_error_set(&error, DBK_NOT_FOUND, "there is no %s %d", "build", 7),
                     DBK_NOT_FOUND);
    assert_int_equal(error.status, DBK_NOT_FOUND);
    assert_int_equal(error.outcome, DBK_NOT_DONE);
    assert_string_equal(error.message, "there is no build 7");
    assert_int_equal(dbki_error_set(NULL, DBK_FULL, "nowhere to put it"), DBK_FULL);
    dbki_error_clear(NULL);
}

static void error__retryable_is_what_may_pass_by_itself(void **state)
{
    (void)state;
    const enum dbk_status retryable[] = {DBK_BUSY,      DBK_TIMEOUT,     DBK_CANCELLED,
                                         DBK_NO_MEMORY, DBK_UNREACHABLE, DBK_FULL};
    for (size_t i = 1; i < COUNT_OF(ROWS); i++) {
        struct dbk_error error;
        bool expected = false;
        for (size_t j = 0; j < COUNT_OF(retryable); j++)
            expected = expected || retryable[j] == ROWS[i].status;
        dbki_error_set(&error, ROWS[i].status, "x");
        assert_int_equal(error.is_retryable, expected);
    }
}

static void error__long_sentence_is_cut_between_characters(void **state)
{
    (void)state;
    struct dbk_error error;
    for (int shift = 0; shift < 4; shift++) {
        const char *text =
            test_format("%.*s%s", shift, "abc", test_repeat("\xF0\x9F\x98\x80", 200));
        dbki_error_set(&error, DBK_INVALID, "%s", text);
        size_t len = strlen(error.message);
        assert_true(len < sizeof error.message && len > sizeof error.message - 5);
        assert_memory_equal(error.message, text, len);
        assert_int_equal((len - (size_t)shift) % 4, 0);
    }
}

static void error__first_action_stays(void **state)
{
    (void)state;
    struct dbk_error error;
    dbki_error_clear(&error);
    dbki_error_action(&error, "adding a build");
    dbki_error_action(&error, "something else");
    assert_string_equal(error.action, "adding a build");
    dbki_error_clear(&error);
    dbki_error_action(&error, test_repeat("long", 100));
    assert_int_equal(strlen(error.action), sizeof error.action - 1);
}

static void results__words_are_read_and_written(void **state)
{
    (void)state;
    static const char *const words[] = {"success",   "warnings", "failure",  "skipped",
                                        "exception", "retry",    "cancelled"};
    for (int i = 0; i < (int)COUNT_OF(words); i++) {
        assert_string_equal(dbk_results_name(i), words[i]);
        assert_int_equal(dbk_results_parse(words[i]), i);
        assert_int_equal(dbk_results_parse(test_format("%d", i)), i);
    }
    assert_int_equal(DBK_SUCCESS, 0);
    assert_int_equal(DBK_RESULT_CANCELLED, 6);
}

static void results__anything_else_is_none(void **state)
{
    (void)state;
    const char *const texts[] = {"",   "7",  "-1",      "00",        "1 ", " 1",
                                 "0x", "ok", "failed!", "success\n", "01", "18446744073709551616"};
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        assert_int_equal(dbk_results_parse(texts[i]), DBK_NONE);
    assert_int_equal(dbk_results_parse(NULL), DBK_NONE);
    assert_null(dbk_results_name(7));
    assert_null(dbk_results_name(-1));
    assert_null(dbk_results_name(DBK_NONE));
    assert_null(dbk_results_name(INT64_MAX));
}

static void version__is_the_headers(void **state)
{
    (void)state;
    int dots = 0;
    assert_string_equal(dbk_version(), DBK_VERSION);
    for (const char *c = DBK_VERSION; *c; c++) {
        assert_true(isdigit((unsigned char)*c) || *c == '.');
        dots += *c == '.';
    }
    assert_int_equal(dots, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status__table_says_what_the_headers_list_says),
        cmocka_unit_test(status__names_exit_codes_words_and_exceptions_are_unique),
        cmocka_unit_test(status__exit_codes_leave_1_to_the_command),
        cmocka_unit_test(status__unknown_value_is_named_so),
        cmocka_unit_test(error__set_fills_the_sentence_and_gives_the_status),
        cmocka_unit_test(error__retryable_is_what_may_pass_by_itself),
        cmocka_unit_test(error__long_sentence_is_cut_between_characters),
        cmocka_unit_test(error__first_action_stays),
        cmocka_unit_test(results__words_are_read_and_written),
        cmocka_unit_test(results__anything_else_is_none),
        cmocka_unit_test(version__is_the_headers),
    };
    return test_run("error", tests, COUNT_OF(tests));
}
