/* The grammar of a database's URL. */
#include "base/alloc.h"
#include "engine/url.h"
#include "test.h"

static void free_url(void *url)
{
    dbki_url_fini(url);
}

static void url__grammar(void **state)
{
    (void)state;
    static const struct {
        const char *text, *scheme, *authority, *path;
    } rows[] = {
        {"sqlite:///relative/path.sqlite", "sqlite", "", "relative/path.sqlite"},
        {"sqlite:////absolute/path.sqlite", "sqlite", "", "/absolute/path.sqlite"},
        {"sqlite://", "sqlite", "", ""},
        {"sqlite:///", "sqlite", "", ""},
        {"SQLite:///a", "sqlite", "", "a"},
        {"daybook.sqlite", "sqlite", "", "daybook.sqlite"},
        {"/absolute/daybook.sqlite", "sqlite", "", "/absolute/daybook.sqlite"},
        /* A plain path is taken as it is. */
        {"a%20b?mode=ro&c.sqlite", "sqlite", "", "a%20b?mode=ro&c.sqlite"},
        {"sqlite:not-a-url", "sqlite", "", "sqlite:not-a-url"},
        {"a b://c", "sqlite", "", "a b://c"},
        {"sqlite:///a%20b%3Fc%25", "sqlite", "", "a b?c%"},
        {"sqlite:///a+b", "sqlite", "", "a+b"},
        {"sqlite:///%C3%A4", "sqlite", "", "\xC3\xA4"},
        {"postgresql://user:secret@host:5432/name", "postgresql", "user:secret@host:5432", "name"},
        {"mysql+mysqldb://host/name", "mysql+mysqldb", "host", "name"},
        {"postgresql://host", "postgresql", "host", ""},
        {"postgresql://host?mode=ro", "postgresql", "host", ""},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct dbki_url *url = test_take(sizeof *url);
        struct dbk_error error;
        if (dbki_url_parse(rows[i].text, url, &error))
            fail_msg("%s: %s", rows[i].text, error.message);
        test_keep(url, free_url);
        assert_string_equal(url->scheme, rows[i].scheme);
        assert_string_equal(url->authority, rows[i].authority);
        assert_string_equal(url->path, rows[i].path);
    }
}

static void url__options_are_decoded(void **state)
{
    (void)state;
    struct dbki_url url;
    assert_int_equal(
        dbki_url_parse("sqlite:///a%3f?mode=ro&writes=existing&x%26y=1%2b2+3&e=", &url, NULL), 0);
    assert_string_equal(url.path, "a?");
    assert_int_equal(url.option_count, 4);
    assert_true(url.is_read_only);
    assert_int_equal(url.writes, DBKI_WRITES_EXISTING);
    assert_string_equal(url.options[2].name, "x&y");
    assert_string_equal(url.options[2].value, "1+2 3");
    assert_string_equal(url.options[3].value, "");
    dbki_url_fini(&url);
}

static void url__mode_and_writes_have_their_words(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_read_only;
        enum dbki_writes writes;
    } rows[] = {
        {"sqlite:///a", false, DBKI_WRITES_NONE},
        {"sqlite:///a?", false, DBKI_WRITES_NONE},
        {"sqlite:///a?mode=rw", false, DBKI_WRITES_NONE},
        {"sqlite:///a?mode=ro", true, DBKI_WRITES_NONE},
        {"sqlite:///a?writes=none", false, DBKI_WRITES_NONE},
        {"sqlite:///a?writes=existing", false, DBKI_WRITES_EXISTING},
        {"sqlite:///a?writes=master&mode=rw", false, DBKI_WRITES_MASTER},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct dbki_url url;
        assert_int_equal(dbki_url_parse(rows[i].text, &url, NULL), 0);
        assert_int_equal(url.is_read_only, rows[i].is_read_only);
        assert_int_equal(url.writes, rows[i].writes);
        dbki_url_fini(&url);
    }
}

static void url__wrong_ones_are_refused_with_a_sentence(void **state)
{
    (void)state;
    static const struct {
        const char *text, *word;
    } rows[] = {
        {NULL, "no database"},
        {"", "no database"},
        {"sqlite:///\xFF", "UTF-8"},
        {"sqlite:///a?x=\xC3", "UTF-8"},
        {"sqlite:///a?mode=ro&mode=rw", "twice"},
        {"sqlite:///a?x=1&writes=none&x=1", "'x' twice"},
        {"sqlite:///%", "escape"},
        {"sqlite:///%2", "escape"},
        {"sqlite:///%zz", "escape"},
        {"sqlite:///%00", "escape"},
        {"sqlite:///a?mode=%zz", "escape"},
        {"sqlite:///a?%0=1", "escape"},
        {"sqlite:///a?mode", "'mode'"},
        {"sqlite:///a?mode=RO", "RO"},
        {"sqlite:///a?mode=", "ro or rw"},
        {"sqlite:///a?writes=all", "none, existing or master"},
        {"sqlite:///a?a=1&b=2&c=3&d=4&e=5&f=6&g=7&h=8&i=9&j=10&k=11&l=12&m=13&n=14&o=15&p=16&q=17",
         "16"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct dbki_url url;
        struct dbk_error error;
        assert_int_equal(dbki_url_parse(rows[i].text, &url, &error), DBK_INVALID);
        if (!strstr(error.message, rows[i].word))
            fail_msg("no '%s' in: %s", rows[i].word, error.message);
    }
}

static void url__plain_path_holds_any_bytes_and_is_shown_as_text(void **state)
{
    (void)state;
    struct dbki_url url;
    assert_int_equal(dbki_url_parse("caf\xE9/\xF0\x9F.sqlite", &url, NULL), 0);
    assert_string_equal(url.path, "caf\xE9/\xF0\x9F.sqlite");
    assert_string_equal(url.shown, "caf?/??.sqlite");
    dbki_url_fini(&url);
}

static void url__password_is_not_shown(void **state)
{
    (void)state;
    static const struct {
        const char *text, *shown;
    } rows[] = {
        {"sqlite:///a.sqlite", "sqlite:///a.sqlite"},
        {"a.sqlite", "a.sqlite"},
        {"postgresql://user:secret@host/db", "postgresql://user@host/db"},
        {"postgresql://user:sec%40ret@host/db", "postgresql://user@host/db"},
        {"postgresql://user:se@cr:et@host:5432/db", "postgresql://user@host:5432/db"},
        {"postgresql://user:se/cret@host/db", "postgresql://user@host/db"},
        {"postgresql://user@host:5432/db", "postgresql://user@host:5432/db"},
        {"postgresql://host/db?password=secret", "postgresql://host/db?password="},
        {"postgresql://host/db?password=secret&mode=ro", "postgresql://host/db?password=&mode=ro"},
        {"postgresql://host/db?a=1&sslpassword=secret&password=x",
         "postgresql://host/db?a=1&sslpassword=&password="},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct dbki_url url;
        assert_int_equal(dbki_url_parse(rows[i].text, &url, NULL), 0);
        const char *shown = test_copy(url.shown);
        dbki_url_fini(&url);
        assert_string_equal(shown, rows[i].shown);
    }
}

static void url__unknown_scheme_names_those_there_are(void **state)
{
    (void)state;
    struct dbk_store *store = NULL;
    struct dbk_error error;
    assert_int_equal(dbk_open("oracle://host/name", NULL, &store, &error), DBK_INVALID);
    assert_null(store);
    assert_non_null(strstr(error.message, "oracle"));
    assert_non_null(strstr(error.message, "sqlite"));
}

static void url__out_of_memory_is_said_at_each_allocation(void **state)
{
    (void)state;
    int status = DBK_NO_MEMORY;
    for (int i = 0; status == DBK_NO_MEMORY; i++) {
        struct dbki_url url;
        struct dbk_error error;
        assert_true(i < 100);
        dbki_alloc_fail_after(i, 0);
        status = dbki_url_parse("sqlite:///a?mode=ro&writes=none", &url, &error);
        dbki_alloc_fail_after(-1, 0);
        if (status == DBK_OK) {
            assert_true(i > 5);
            dbki_url_fini(&url);
        }
    }
    assert_int_equal(status, DBK_OK);
}

static void url_decode__in_place(void **state)
{
    (void)state;
    static const struct {
        const char *text, *path, *query; /* NULL: refused */
    } rows[] = {
        {"", "", ""},
        {"a+b", "a+b", "a b"},
        {"%41%62%2B", "Ab+", "Ab+"},
        {"%e2%82%ac", "\xE2\x82\xAC", "\xE2\x82\xAC"},
        {"%25%32%35", "%25", "%25"},
        {"%", NULL, NULL},
        {"%4", NULL, NULL},
        {"%4g", NULL, NULL},
        {"%g4", NULL, NULL},
        {"a%00b", NULL, NULL},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        for (int is_query = 0; is_query < 2; is_query++) {
            const char *expected = is_query ? rows[i].query : rows[i].path;
            char *text = test_copy(rows[i].text);
            assert_int_equal(dbki_url_decode(text, is_query), expected != NULL);
            if (expected)
                assert_string_equal(text, expected);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(url__grammar),
        cmocka_unit_test(url__options_are_decoded),
        cmocka_unit_test(url__mode_and_writes_have_their_words),
        cmocka_unit_test(url__wrong_ones_are_refused_with_a_sentence),
        cmocka_unit_test(url__plain_path_holds_any_bytes_and_is_shown_as_text),
        cmocka_unit_test(url__password_is_not_shown),
        cmocka_unit_test(url__unknown_scheme_names_those_there_are),
        cmocka_unit_test(url__out_of_memory_is_said_at_each_allocation),
        cmocka_unit_test(url_decode__in_place),
    };
    return test_run("url", tests, COUNT_OF(tests));
}
