/* Connecting to PostgreSQL: its URLs, what is refused and how, and what a new store there is like. */
#include "postgres.h"
#include "proxy.h"
#include "seed.h"

#include <stdio.h>
#include <stdlib.h>

static enum dbk_status open_at(const char *url, bool is_created, struct dbk_store **out_store,
                               struct dbk_error *error)
{
    struct dbk_options options = DBK_OPTIONS_INIT;
    options.is_created = is_created;
    return dbk_open(url, &options, out_store, error);
}

static void expect_refusal(const char *url, enum dbk_status status, const char *word)
{
    struct dbk_store *store;
    struct dbk_error error;
    if (open_at(url, true, &store, &error) != status)
        fail_msg("%s: %s: %s", url, dbk_status_name(error.status), error.message);
    if (!strstr(error.message, word))
        fail_msg("no '%s' in: %s", word, error.message);
    assert_null(strstr(error.message, "s3cret"));
}

static void open__makes_a_whole_store_in_an_empty_place(void **state)
{
    const char *url = postgres_place();
    struct dbk_store *store = postgres_open(url, true);
    struct seed seed;
    (void)state;
    const struct dbk_info *info = dbk_get_info(store);
    assert_string_equal(info->engine, "postgresql");
    assert_true(info->is_own && info->has_events && !info->is_read_only);
    assert_null(info->path);
    assert_null(info->warning);
    seed_make(store, &seed);
    dbk_close_wait(store);
    /* Ids are never given twice, whoever deletes; names are unique; texts are ordered by code point. */
    assert_int_equal(postgres_int(url, "SELECT count(*) FROM information_schema.columns WHERE"
                                       " table_schema = current_schema() AND is_identity = 'YES'"
                                       " AND column_name IN ('id', 'changeid', 'position')"),
                     19);
    assert_int_equal(postgres_int(url, "SELECT count(*) FROM pg_attribute a JOIN pg_class c ON"
                                       " c.oid = a.attrelid JOIN pg_collation o ON o.oid ="
                                       " a.attcollation WHERE c.relnamespace = current_schema()"
                                       "::regnamespace AND c.relkind = 'r' AND a.attnum > 0"
                                       " AND o.collname <> 'C'"),
                     0);
    assert_int_equal(postgres_int(url, "SELECT indisunique::int FROM pg_index WHERE indexrelid ="
                                       " to_regclass('builds_number')"),
                     1);
}

static void open__finds_the_store_again(void **state)
{
    const char *url = postgres_place();
    struct dbk_store *store = postgres_open(url, true);
    struct seed seed;
    struct answer a;
    (void)state;
    seed_make(store, &seed);
    dbk_close_wait(store);
    store = postgres_open(url, false);
    assert_int_equal(ASK(&a, store, on_id, dbk_find_builder_id, "runtests", false), DBK_NOT_FOUND);
    assert_int_equal(ASK(&a, store, on_added_build, dbk_add_build, seed.builderid,
                         seed.buildrequestid, seed.workerid, seed.masterid, ""),
                     DBK_OK);
    assert_int_equal(a.number, 1);
    dbk_close_wait(store);
}

static const char *url_through_proxy(const char *url)
{
    return test_format("postgresql://postgres@/postgres?host=%s&%s", proxy_start(postgres_socket()),
                       strstr(url, "options="));
}

static void open__asks_a_server_that_is_far_away_few_questions(void **state)
{
    enum { CONNECTIONS = 4 };
    const char *url = postgres_place();
    (void)state;
    dbk_close_wait(postgres_open(url, true));
    const char *through = url_through_proxy(url);
    int before = proxy_message_count();
    struct dbk_store *store = postgres_open(through, false);
    int count = proxy_message_count() - before;
    print_message("%d messages to open\n", count);
    assert_in_range(count, CONNECTIONS, 8 * CONNECTIONS);
    dbk_close_wait(store);
}

static void writes__of_one_build_share_their_ways_to_a_server_that_is_far_away(void **state)
{
    enum { TURNS = 40, KINDS = 3, WRITES = TURNS * KINDS };
    const char *url = postgres_place();
    struct dbk_store *store = postgres_open(url, true);
    struct answer *answers = test_take(WRITES * sizeof *answers), a;
    struct seed seed;
    (void)state;
    seed_make(store, &seed);
    dbk_close_wait(store);
    store = postgres_open(url_through_proxy(url), false);
    assert_int_equal(ASK(&a, store, on_added_build, dbk_add_build, seed.builderid,
                         seed.buildrequestid, seed.workerid, seed.masterid, ""),
                     DBK_OK);
    int before = proxy_message_count();
    for (int i = 0; i < WRITES; i++)
        answer_begin(&answers[i]);
    for (int i = 0; i < WRITES; i += KINDS) {
        const char *value = test_format("%d", i);
        dbk_add_step(store, a.id, value, "", NULL, on_added_step, &answers[i]);
        dbk_set_build_property(store, a.id, value, value, "test", NULL, on_done, &answers[i + 1]);
        dbk_set_build_state_string(store, a.id, value, NULL, on_done, &answers[i + 2]);
    }
    for (int i = 0; i < WRITES; i++)
        answer_wait(&answers[i], store);
    int count = proxy_message_count() - before;
    print_message("%d messages for %d writes\n", count, WRITES);
    assert_true(count < WRITES);
    dbk_close_wait(store);
}

static void open__an_empty_place_is_made_only_when_that_is_wanted(void **state)
{
    struct dbk_store *store;
    struct dbk_error error;
    (void)state;
    assert_int_equal(open_at(postgres_place(), false, &store, &error), DBK_SCHEMA);
    assert_non_null(strstr(error.message, "daybook init"));
}

static void open__other_tables_are_left_alone(void **state)
{
    const char *url = postgres_place();
    (void)state;
    postgres_run(url, "CREATE TABLE invoices (id int)");
    expect_refusal(url, DBK_SCHEMA, "another program");
}

static void open__what_extensions_brought_is_no_table_of_another_program(void **state)
{
    const char *url = postgres_place();
    struct dbk_store *store;
    struct dbk_error error;
    (void)state;
    postgres_run(url, "CREATE EXTENSION pg_stat_statements");
    int status = open_at(url, true, &store, &error);
    postgres_run(url, "DROP EXTENSION pg_stat_statements");
    if (status)
        fail_msg("%s", error.message);
    dbk_close_wait(store);
}

static void open__refusals_name_the_cause_and_no_password(void **state)
{
    const char *folder = postgres_folder();
    (void)state;
    expect_refusal(test_format("postgresql://postgres:s3cret@/nope?host=%s", folder), DBK_NOT_FOUND,
                   "createdb");
    expect_refusal(test_format("postgresql://nobody:s3cret@/postgres?host=%s", folder), DBK_DENIED,
                   "nobody");
    expect_refusal("postgresql://postgres:s3cret@127.0.0.1:1/x", DBK_UNREACHABLE, "refused");
    expect_refusal("postgresql://postgres:s3cret@[::1/x", DBK_INVALID, "libpq");
    expect_refusal("postgresql://postgres@/x?password=s3cret&flavour=mint", DBK_INVALID, "flavour");
    expect_refusal("postgresql://postgres:s3cret@/x?prepare=maybe", DBK_INVALID, "prepare");
}

static void open__names_itself_to_the_server(void **state)
{
    const char *url = postgres_place();
    struct dbk_store *store = postgres_open(url, true);
    (void)state;
    assert_true(postgres_int(url, "SELECT count(*) FROM pg_stat_activity WHERE"
                                  " application_name = 'daybook'") >= 2);
    dbk_close_wait(store);
    store = postgres_open(test_format("%s&application_name=nightly", url), false);
    assert_true(postgres_int(url, "SELECT count(*) FROM pg_stat_activity WHERE"
                                  " application_name = 'nightly'") >= 2);
    dbk_close_wait(store);
}

static void open__takes_hosts_in_turn_and_the_environment(void **state)
{
    const char *url = postgres_place(), *options = strstr(url, "options=");
    (void)state;
    struct dbk_store *store = postgres_open(
        test_format("postgresql://postgres@/postgres?host=/nowhere,%s&target_session_attrs="
                    "read-write&%s",
                    postgres_folder(), options),
        true);
    dbk_close_wait(store);
    setenv("PGHOST", postgres_folder(), 1);
    setenv("PGUSER", "postgres", 1);
    store = postgres_open(test_format("postgresql:///postgres?%s", options), false);
    dbk_close_wait(store);
    unsetenv("PGHOST");
    unsetenv("PGUSER");
}

static void open__without_prepared_statements_works_too(void **state)
{
    const char *url = test_format("%s&prepare=no", postgres_place());
    struct dbk_store *store = postgres_open(url, true);
    struct seed seed;
    struct answer a;
    (void)state;
    seed_make(store, &seed);
    assert_int_equal(
        ASK(&a, store, on_builds, dbk_get_builds, DBK_NONE, DBK_NONE, DBK_NONE, DBK_NONE, NULL),
        DBK_OK);
    dbk_close_wait(store);
}

static void open__read_only_writes_nothing(void **state)
{
    const char *url = postgres_place();
    struct answer a;
    (void)state;
    dbk_close_wait(postgres_open(url, true));
    struct dbk_store *store = postgres_open(test_format("%s&mode=ro", url), false);
    assert_true(dbk_get_info(store)->is_read_only);
    assert_int_equal(ASK(&a, store, on_id, dbk_find_builder_id, "b", true), DBK_READ_ONLY);
    dbk_close_wait(store);
}

static void open__another_encoding_is_refused(void **state)
{
    (void)state;
    expect_refusal(postgres_database("ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0"),
                   DBK_UNSUPPORTED, "UTF8");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(open__makes_a_whole_store_in_an_empty_place),
        cmocka_unit_test(open__finds_the_store_again),
        cmocka_unit_test(open__asks_a_server_that_is_far_away_few_questions),
        cmocka_unit_test(writes__of_one_build_share_their_ways_to_a_server_that_is_far_away),
        cmocka_unit_test(open__an_empty_place_is_made_only_when_that_is_wanted),
        cmocka_unit_test(open__other_tables_are_left_alone),
        cmocka_unit_test(open__what_extensions_brought_is_no_table_of_another_program),
        cmocka_unit_test(open__refusals_name_the_cause_and_no_password),
        cmocka_unit_test(open__names_itself_to_the_server),
        cmocka_unit_test(open__takes_hosts_in_turn_and_the_environment),
        cmocka_unit_test(open__without_prepared_statements_works_too),
        cmocka_unit_test(open__read_only_writes_nothing),
        cmocka_unit_test(open__another_encoding_is_refused),
    };
    if (!postgres_folder())
        return 77; /* meson's word for a skip */
    return test_run("connecting to PostgreSQL", tests, COUNT_OF(tests));
}
