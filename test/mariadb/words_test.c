/* The connectors' SQL in MariaDB's words, its error numbers as our statuses, and what a URL says. */
#include "test.h"

#include "engine/mariadb/conn.h"

#include <signal.h>
#include <stdio.h>

static void expect_words(void (*translate)(const char *, struct dbki_buf *), const char *ours,
                         const char *theirs)
{
    struct dbki_buf text = {0};
    translate(ours, &text);
    assert_string_equal(text.text, theirs);
    dbki_buf_fini(&text);
}

static void words__what_is_quoted_stays(void **state)
{
    (void)state;
    expect_words(dbki_mariadb_words, "SELECT 'the key' || ?, \"key\", ' it''s key' WHERE key = ?",
                 "SELECT 'the key' || ?, \"key\", ' it''s key' WHERE `key` = ?");
}

static void words__a_word_is_whole(void **state)
{
    (void)state;
    expect_words(dbki_mariadb_words, "keys, a_key, key, beforehand, before",
                 "keys, a_key, `key`, beforehand, `before`");
    expect_words(dbki_mariadb_words, "a IS ? AND b IS NULL", "a <=> ? AND b IS NULL");
}

static void words__an_upsert_names_the_new_values(void **state)
{
    (void)state;
    expect_words(dbki_mariadb_words,
                 "INSERT INTO t (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET"
                 " value = excluded.value",
                 "INSERT INTO t (name, value) VALUES (?, ?) ON DUPLICATE KEY UPDATE"
                 " value = VALUES(value)");
}

static void words__an_insert_that_may_do_nothing_leaves_its_first_column(void **state)
{
    (void)state;
    expect_words(dbki_mariadb_words,
                 "INSERT INTO builders (name_hash, name) SELECT ?, ? ON CONFLICT DO NOTHING",
                 "INSERT INTO builders (name_hash, name) SELECT ?, ? ON DUPLICATE KEY UPDATE"
                 " builders.name_hash = builders.name_hash");
}

static void words__a_page_of_one_records_rows_goes_by_the_whole_index(void **state)
{
    (void)state;
    expect_words(
        dbki_mariadb_words,
        "SELECT t.id FROM builds t WHERE t.builderid = ? AND t.number < ? ORDER BY t.number DESC"
        " LIMIT 1",
        "SELECT t.id FROM builds t WHERE t.builderid IN (?, -1) AND t.number < ?"
        " ORDER BY t.builderid DESC, t.number DESC LIMIT 1");
    expect_words(
        dbki_mariadb_words,
        "SELECT number FROM builds WHERE builderid = ? AND number > ? ORDER BY number LIMIT ?",
        "SELECT number FROM builds WHERE builderid IN (?, -1) AND number > ?"
        " ORDER BY builderid, number LIMIT ?");
    const char *stays[] = {
        "SELECT t.id FROM builds t WHERE t.builderid = ? ORDER BY t.number DESC",
        "SELECT t.id FROM builds t WHERE t.builderid = ? AND t.number < ? ORDER BY t.complete_at",
        "SELECT t.id FROM builds t WHERE t.builderid = ? AND t.id < ? ORDER BY t.id"};
    for (size_t i = 0; i < COUNT_OF(stays); i++)
        expect_words(dbki_mariadb_words, stays[i], stays[i]);
}

static void words__a_table_of_parameters_is_a_select_for_each_row(void **state)
{
    (void)state;
    expect_words(dbki_mariadb_words,
                 "WITH k (a, b) AS (VALUES (?, ?), (?, ?),(?, ?)) SELECT a FROM k",
                 "WITH k (a, b) AS (SELECT ?, ? UNION ALL SELECT ?, ? UNION ALL SELECT ?, ?)"
                 " SELECT a FROM k");
}

/* In tables that others made; `repeats` are the parameters that are once more the one before, from 0. */
static void expect_foreign(const char *ours, const char *theirs, const char *repeats)
{
    struct dbki_buf text = {0};
    struct dbki_repeats found;
    char line[64] = "";
    assert_true(dbki_mariadb_foreign_words(ours, "utf8mb3", &text, &found));
    assert_string_equal(text.text, theirs);
    for (int i = 0; i < found.count; i++)
        snprintf(line + strlen(line), sizeof line - strlen(line), "%d ", found.at[i]);
    assert_string_equal(line, repeats);
    dbki_buf_fini(&text);
}

static void foreign_words__texts_are_compared_by_their_bytes(void **state)
{
    (void)state;
    expect_foreign("SELECT t.id FROM t WHERE t.buildid = ? AND t.name = ? AND t.number = ?",
                   "SELECT t.id FROM t WHERE t.buildid = ? AND (t.name = CONVERT(? USING utf8mb3)"
                   " AND BINARY t.name = ?) AND t.number = ?",
                   "2 ");
    expect_foreign("WHERE name <> ? OR t.source IN (?, ?) OR instr(t.name, ?) > 0 OR t.name >= ?",
                   "WHERE BINARY name <> ? OR BINARY t.source IN (?, ?) OR"
                   " instr(BINARY t.name, ?) > 0 OR BINARY t.name >= ?",
                   "");
    expect_foreign("SELECT t.name FROM t WHERE id = ? ORDER BY t.name DESC, t.id LIMIT ?",
                   "SELECT t.name FROM t WHERE id = ? ORDER BY BINARY t.name DESC, t.id LIMIT ?",
                   "");
    expect_foreign("DELETE FROM t WHERE name = ? AND value = ?",
                   "DELETE FROM t WHERE (name = CONVERT(? USING utf8mb3) AND BINARY name = ?)"
                   " AND (value = CONVERT(? USING utf8mb3) AND BINARY value = ?)",
                   "1 3 ");
}

static void foreign_words__what_a_column_becomes_is_no_comparison(void **state)
{
    (void)state;
    expect_foreign("UPDATE t SET name = ?, source = ? WHERE id = ?",
                   "UPDATE t SET name = ?, source = ? WHERE id = ?", "");
    expect_foreign("INSERT INTO t (name, value) VALUES (?, ?)",
                   "INSERT INTO t (name, value) VALUES (?, ?)", "");
    expect_foreign("SELECT 't.name = ?' WHERE name_hash = ? AND other.renamed = ?",
                   "SELECT 't.name = ?' WHERE name_hash = ? AND other.renamed = ?", "");
}

static void foreign_words__whether_a_name_is_taken_is_for_the_tables_index_to_say(void **state)
{
    (void)state;
    expect_foreign("SELECT 1 FROM steps WHERE buildid = ? AND name = ?",
                   "SELECT 1 FROM steps WHERE buildid = ? AND name = CONVERT(? USING utf8mb3)", "");
}

static void ddl_words__keys_count_up_and_texts_are_compared_to_the_last_space(void **state)
{
    (void)state;
    expect_words(dbki_mariadb_ddl_words,
                 "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a VARCHAR(50) NOT NULL,"
                 " b TEXT, c BLOB, PRIMARY KEY (a)) WITHOUT ROWID",
                 "CREATE TABLE IF NOT EXISTS t (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,"
                 " a VARCHAR(50) NOT NULL, b LONGTEXT, c LONGBLOB, PRIMARY KEY (a)) ENGINE=InnoDB"
                 " ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin"
                 " COMMENT='daybook'");
}

static void errors__stand_for_our_statuses(void **state)
{
    static const struct {
        unsigned code;
        enum dbk_status status;
    } rows[] = {
        {1213, DBK_BUSY},        {1205, DBK_BUSY},        {1020, DBK_BUSY},
        {1412, DBK_BUSY},        {1047, DBK_UNREACHABLE}, {2006, DBK_UNREACHABLE},
        {2013, DBK_UNREACHABLE}, {2002, DBK_UNREACHABLE}, {1927, DBK_UNREACHABLE},
        {1053, DBK_UNREACHABLE}, {1040, DBK_UNREACHABLE}, {1045, DBK_DENIED},
        {1142, DBK_DENIED},      {1049, DBK_NOT_FOUND},   {1062, DBK_CONFLICT},
        {1452, DBK_CONFLICT},    {1146, DBK_SCHEMA},      {1054, DBK_SCHEMA},
        {1114, DBK_FULL},        {1021, DBK_FULL},        {1153, DBK_TOO_LARGE},
        {1406, DBK_TOO_LARGE},   {1264, DBK_INVALID},     {1366, DBK_INVALID},
        {1290, DBK_READ_ONLY},   {1792, DBK_READ_ONLY},   {1836, DBK_READ_ONLY},
        {1317, DBK_TIMEOUT},     {1969, DBK_TIMEOUT},     {1194, DBK_DAMAGED},
        {2026, DBK_DENIED},      {1064, DBK_INTERNAL},    {65000, DBK_INTERNAL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (dbki_mariadb_status(rows[i].code) != rows[i].status)
            fail_msg("%u", rows[i].code);
}

/* --------------------------------------------------------------------------------------- URLs ---- */

static enum dbk_status read_login(const char *text, struct login *out_login)
{
    struct dbki_url url;
    struct dbk_error error;
    assert_int_equal(dbki_url_parse(text, &url, &error), DBK_OK);
    int status = dbki_mariadb_login(&url, out_login, &error);
    dbki_url_fini(&url);
    return status;
}

static void login__is_what_the_url_says(void **state)
{
    struct login login;
    (void)state;
    assert_int_equal(read_login("mariadb://ci:s%40cret@db.example:3307/day%20book", &login),
                     DBK_OK);
    assert_string_equal(login.user, "ci");
    assert_string_equal(login.password, "s@cret");
    assert_int_equal(login.address_count, 1);
    assert_string_equal(login.addresses[0].host, "db.example");
    assert_int_equal(login.addresses[0].port, 3307);
    assert_string_equal(login.database, "day book");
    dbki_mariadb_login_fini(&login);
    assert_int_equal(
        read_login("mysql://[::1]:1/d?connect_timeout=3&charset=utf8mb4&max_idle=300", &login),
        DBK_OK);
    assert_string_equal(login.addresses[0].host, "::1");
    assert_int_equal(login.timeout_s, 3);
    assert_null(login.user);
    assert_null(login.password);
    dbki_mariadb_login_fini(&login);
}

static void login__several_hosts_each_have_a_port(void **state)
{
    struct login login;
    (void)state;
    assert_int_equal(read_login("mariadb://ci@one,[::2]:4567,three:3307/d", &login), DBK_OK);
    assert_int_equal(login.address_count, 3);
    assert_string_equal(login.addresses[0].host, "one");
    assert_int_equal(login.addresses[0].port, 3306);
    assert_string_equal(login.addresses[1].host, "::2");
    assert_int_equal(login.addresses[1].port, 4567);
    assert_string_equal(login.addresses[2].host, "three");
    assert_int_equal(login.addresses[2].port, 3307);
    dbki_mariadb_login_fini(&login);
}

static void login__another_machine_has_to_prove_its_name(void **state)
{
    static const struct {
        const char *url;
        bool is_encrypted, is_verified;
    } rows[] = {
        {"mariadb://db.example/d", true, true},
        {"mariadb://one.example,two.example:3307/d", true, true},
        {"mariadb://0.0.0.0/d", true, true},
        {"mariadb://db.example/d?ssl_mode=required", true, false},
        {"mariadb://db.example/d?ssl_mode=DISABLED", false, false},
        {"mariadb:///d", false, false},
        {"mariadb://localhost/d", false, false},
        {"mariadb://localhost,127.0.0.1:3307/d", false, false},
        {"mariadb://localhost,db.example/d", true, true},
        {"mariadb://127.0.0.1/d", false, false},
        {"mariadb://[::1]/d", false, false},
        {"mariadb://db.example/d?unix_socket=/run/s", false, false},
        {"mariadb://127.0.0.1/d?ssl_mode=VERIFY_IDENTITY", true, true},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct login login;
        assert_int_equal(read_login(rows[i].url, &login), DBK_OK);
        if (login.is_encrypted != rows[i].is_encrypted || login.is_verified != rows[i].is_verified)
            fail_msg("%s", rows[i].url);
        dbki_mariadb_login_fini(&login);
    }
}

static void login__what_it_does_not_know_is_refused(void **state)
{
    static const char *const urls[] = {
        "mariadb://host/",
        "mariadb://host:0/d",
        "mariadb://host:70000/d",
        "mariadb://host:x/d",
        "mariadb://host:1x,other/d",
        "mariadb://host,/d",
        "mariadb://,host/d",
        "mariadb://[::1/d",
        "mariadb://host/d?flavour=mint",
        "mariadb://host/d?ssl_mode=perhaps",
        "mariadb://u%2:p@host/d",
        "mariadb://host/d?connect_timeout=0",
        "mariadb://host/d?charset=latin1",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        struct login login;
        if (read_login(urls[i], &login) != DBK_INVALID)
            fail_msg("%s", urls[i]);
        dbki_mariadb_login_fini(&login);
    }
}

/* Here, where nothing but the library has used the client library. */
static void open__leaves_the_program_s_signals_alone(void **state)
{
    struct dbk_store *store;
    struct dbk_error error;
    struct sigaction action;
    (void)state;
    assert_int_equal(
        dbk_open("mariadb://root@/d?unix_socket=/nowhere/socket", NULL, &store, &error),
        DBK_UNREACHABLE);
    assert_int_equal(sigaction(SIGPIPE, NULL, &action), 0);
    assert_true(action.sa_handler == SIG_DFL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words__what_is_quoted_stays),
        cmocka_unit_test(words__a_word_is_whole),
        cmocka_unit_test(words__an_upsert_names_the_new_values),
        cmocka_unit_test(words__an_insert_that_may_do_nothing_leaves_its_first_column),
        cmocka_unit_test(words__a_page_of_one_records_rows_goes_by_the_whole_index),
        cmocka_unit_test(words__a_table_of_parameters_is_a_select_for_each_row),
        cmocka_unit_test(foreign_words__texts_are_compared_by_their_bytes),
        cmocka_unit_test(foreign_words__what_a_column_becomes_is_no_comparison),
        cmocka_unit_test(foreign_words__whether_a_name_is_taken_is_for_the_tables_index_to_say),
        cmocka_unit_test(ddl_words__keys_count_up_and_texts_are_compared_to_the_last_space),
        cmocka_unit_test(errors__stand_for_our_statuses),
        cmocka_unit_test(open__leaves_the_program_s_signals_alone),
        cmocka_unit_test(login__is_what_the_url_says),
        cmocka_unit_test(login__several_hosts_each_have_a_port),
        cmocka_unit_test(login__another_machine_has_to_prove_its_name),
        cmocka_unit_test(login__what_it_does_not_know_is_refused),
    };
    return test_run("MariaDB's words", tests, COUNT_OF(tests));
}
