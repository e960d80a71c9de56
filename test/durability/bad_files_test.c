/*
 * Files that are no good: each is refused with the right status and a sentence that names the file or says
 * what to do; not a byte of it is changed by that; and once the cause is gone everything is there again.
 */
#include "trouble.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <cmocka.h>

enum { BUILDS = 40 };

static struct ground ground;

/* A store of BUILDS builds, all in the main file. */
static int set_up(void **state)
{
    (void)state;
    ground_make(&ground, false);
    ground_seed_store(ground.path);
    struct dbk_store *store = ground_open(ground.path, false);
    for (int i = 0; i < BUILDS; i++)
        GROUND_NEED(ground_add_build(store, 1 + i % GROUND_BUILDERS, 0, NULL) > 0, "add_build");
    dbk_close_wait(store);
    ground_sql_file(ground.path, "PRAGMA wal_checkpoint(TRUNCATE)");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ground_remove(&ground);
    return 0;
}

static void path_with(char *out, const char *suffix)
{
    snprintf(out, GROUND_PATH_SIZE + 16, "%s%s", ground.path, suffix);
}

/* The sum over the file and its log. */
static uint64_t sum_of_files(void)
{
    char log[GROUND_PATH_SIZE + 16];
    path_with(log, "-wal");
    return ground_file_sum(ground.path) * 31 + ground_file_sum(log);
}

/* Everything is there, and it can be written. */
static void expect_usable(int64_t build_count)
{
    struct outcome outcome = trouble_try(ground.path, TRY_READ | TRY_WRITE);
    if (outcome.open_status || outcome.read_status || outcome.write_status)
        print_message("    not usable: %s%s%s\n", outcome.open_error.message,
                      outcome.read_error.message, outcome.write_error.message);
    assert_int_equal(outcome.open_status, DBK_OK);
    assert_int_equal(outcome.read_status, DBK_OK);
    assert_int_equal(outcome.write_status, DBK_OK);
    assert_int_equal(outcome.build_count, build_count);
}

/* The file, replaced by something else and put back. */
static void expect_refused(const void *bytes, size_t len, enum dbk_status status,
                           const char *const *words)
{
    size_t good_len;
    void *good = ground_file_read(ground.path, &good_len);
    ground_file_write(ground.path, bytes, len);
    uint64_t sum = ground_file_sum(ground.path);
    struct outcome outcome = trouble_try(ground.path, TRY_READ);
    trouble_expect(&outcome.open_error, status, words);
    assert_int_equal(ground_file_sum(ground.path), sum);
    ground_file_write(ground.path, good, good_len);
    free(good);
}

/* ----------------------------------------------------------------------------- what is in it ---- */

static void open__refuses_a_file_that_is_no_database(void **state)
{
    static const char *const words[] = {"not an SQLite database", ground.path, NULL};
    char text[6000];
    uint64_t random = 1;
    (void)state;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = "all: daybook\n"[i % 13];
    expect_refused(text, sizeof text, DBK_SCHEMA, words);
    expect_refused(text, 13, DBK_SCHEMA, words);
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)ground_random(&random);
    expect_refused(text, sizeof text, DBK_SCHEMA, words);
    expect_usable(BUILDS);
}

static void open__refuses_an_empty_file_unless_a_store_is_wanted(void **state)
{
    static const char *const words[] = {"empty", "daybook init", NULL};
    (void)state;
    expect_refused("", 0, DBK_SCHEMA, words);
    expect_usable(BUILDS);
    /* Deleted without its log, and made anew. */
    assert_int_equal(unlink(ground.path), 0);
    struct outcome outcome = trouble_try(ground.path, TRY_CREATE | TRY_READ);
    assert_int_equal(outcome.open_status, DBK_OK);
    assert_int_equal(outcome.build_count, 0);
    /* Empty, and without a log. */
    ground_sql_file(ground.path, "PRAGMA wal_checkpoint(TRUNCATE)");
    ground_file_write(ground.path, "", 0);
    outcome = trouble_try(ground.path, TRY_CREATE | TRY_READ);
    assert_int_equal(outcome.open_status, DBK_OK);
    assert_int_equal(outcome.build_count, 0);
}

/* SQLite takes the log of an empty file for a left-over and deletes it: with it all that was not yet moved. */
static void open__does_not_drop_the_log_of_a_file_that_became_empty(void **state)
{
    static const char *const words[] = {"empty", "-wal", NULL};
    char log[GROUND_PATH_SIZE + 16];
    size_t len;
    (void)state;
    struct dbk_store *store = ground_open(ground.path, false);
    assert_true(ground_add_build(store, 1, 0, NULL) > 0);
    /* A copy of the log as a program that ends without closing leaves it. */
    path_with(log, "-wal");
    void *log_bytes = ground_file_read(log, &len);
    dbk_close_wait(store);
    assert_true(len > 0);
    ground_file_write(log, log_bytes, len);
    uint64_t sum = ground_file_sum(log);
    expect_refused("", 0, DBK_DAMAGED, words);
    assert_int_equal(ground_file_sum(log), sum);
    for (int what = TRY_OPEN; what <= TRY_CREATE; what += TRY_CREATE) {
        size_t good_len;
        void *good = ground_file_read(ground.path, &good_len);
        ground_file_write(ground.path, "", 0);
        assert_int_equal(trouble_try(ground.path, what).open_status, DBK_DAMAGED);
        assert_int_equal(ground_file_sum(log), sum);
        ground_file_write(ground.path, good, good_len);
        free(good);
    }
    free(log_bytes);
    expect_usable(BUILDS + 1);
}

static void open__refuses_a_truncated_file(void **state)
{
    static const char *const no_database[] = {"not an SQLite database", ground.path, NULL};
    static const char *const damaged[] = {"backup", ground.path, NULL};
    size_t len;
    (void)state;
    char *bytes = ground_file_read(ground.path, &len);
    const size_t headless[] = {2, 15}; /* SQLite takes a file of one byte for an empty one */
    const size_t cut[] = {99,         100,       512, 1024, 4095, 4096, 8192, len / 8192 * 4096,
                          len - 8192, len - 4096};
    for (size_t i = 0; i < sizeof headless / sizeof headless[0]; i++)
        expect_refused(bytes, headless[i], DBK_SCHEMA, no_database);
    for (size_t i = 0; i < sizeof cut / sizeof cut[0]; i++)
        expect_refused(bytes, cut[i], DBK_DAMAGED, damaged);
    free(bytes);
    expect_usable(BUILDS);
}

/* Pages overwritten in the middle: whoever reads them is told, the rest goes on. */
static void reading__tells_of_damaged_pages(void **state)
{
    static const char *const words[] = {"backup", NULL};
    size_t len;
    (void)state;
    unsigned char *bytes = ground_file_read(ground.path, &len);
    unsigned char *good = ground_file_read(ground.path, &len);
    sqlite3 *db = ground_sql_open(ground.path);
    int64_t page = ground_sql_int(db, "SELECT rootpage FROM sqlite_master WHERE name = 'builds'");
    sqlite3_close(db);
    memset(bytes + (page - 1) * 4096, 0xA5, 4096);
    ground_file_write(ground.path, bytes, len);
    struct outcome outcome = trouble_try(ground.path, TRY_READ | TRY_WRITE);
    assert_int_equal(outcome.open_status, DBK_OK);
    trouble_expect(&outcome.read_error, DBK_DAMAGED, words);
    trouble_expect(&outcome.write_error, DBK_DAMAGED, words);
    ground_file_write(ground.path, good, len);
    free(bytes);
    free(good);
    expect_usable(BUILDS);
}

/* ----------------------------------------------------------------------- whose tables they are ---- */

static void expect_refused_after(const char *sql, const char *cure, enum dbk_status status,
                                 const char *const *words)
{
    ground_sql_file(ground.path, sql);
    uint64_t sum = sum_of_files();
    struct outcome outcome = trouble_try(ground.path, TRY_READ);
    trouble_expect(&outcome.open_error, status, words);
    assert_int_equal(sum_of_files(), sum);
    if (!cure)
        return;
    ground_sql_file(ground.path, cure);
    expect_usable(BUILDS);
}

static void open__refuses_a_newer_version_of_our_tables(void **state)
{
    static const char *const words[] = {"version 99", "newer", NULL};
    (void)state;
    expect_refused_after("UPDATE daybook_schema SET version = 99",
                         "UPDATE daybook_schema SET version = 2", DBK_SCHEMA, words);
}

static void open__refuses_a_store_without_a_version(void **state)
{
    static const char *const words[] = {"daybook_schema", NULL};
    (void)state;
    expect_refused_after(
        "CREATE TABLE kept AS SELECT * FROM daybook_schema; DELETE FROM daybook_schema",
        "INSERT INTO daybook_schema SELECT * FROM kept; DROP TABLE kept", DBK_SCHEMA, words);
}

static void open__refuses_a_store_that_lacks_a_column(void **state)
{
    static const char *const words[] = {"steps.hidden", NULL};
    (void)state;
    expect_refused_after("ALTER TABLE steps RENAME COLUMN hidden TO gone",
                         "ALTER TABLE steps RENAME COLUMN gone TO hidden", DBK_SCHEMA, words);
}

static void open__refuses_another_programs_database(void **state)
{
    static const char *const words[] = {"another program", NULL};
    char path[GROUND_PATH_SIZE + 16];
    (void)state;
    path_with(path, ".other");
    ground_sql_file(path, "CREATE TABLE bookmarks (id INTEGER PRIMARY KEY, url TEXT);"
                          "INSERT INTO bookmarks (url) VALUES ('x')");
    uint64_t sum = ground_file_sum(path);
    struct outcome outcome = trouble_try(path, TRY_READ);
    trouble_expect(&outcome.open_error, DBK_SCHEMA, words);
    outcome = trouble_try(path, TRY_CREATE);
    trouble_expect(&outcome.open_error, DBK_SCHEMA, words);
    assert_int_equal(ground_file_sum(path), sum);
}

/* What makes a store look like Buildbot's. */
#define AS_BUILDBOT                                                                                \
    "PRAGMA journal_mode=DELETE; DROP TABLE daybook_events; DROP TABLE daybook_operations;"        \
    "DROP TABLE daybook_lineage; DROP TABLE daybook_schema;"                                       \
    "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL);"                             \
    "INSERT INTO alembic_version VALUES ('0123456789ab');"

static void open__refuses_a_buildbot_that_lacks_a_column(void **state)
{
    static const char *const words[] = {"builds.locks_duration_s", "4.0", "upgrade-master", NULL};
    (void)state;
    expect_refused_after(AS_BUILDBOT "ALTER TABLE builds DROP COLUMN locks_duration_s", NULL,
                         DBK_SCHEMA, words);
}

static void open__takes_an_unknown_buildbot_that_has_the_columns(void **state)
{
    (void)state;
    ground_sql_file(ground.path, AS_BUILDBOT);
    uint64_t sum = sum_of_files();
    struct outcome outcome = trouble_try(ground.path, TRY_READ | TRY_WRITE);
    assert_int_equal(outcome.open_status, DBK_OK);
    assert_int_equal(outcome.build_count, BUILDS);
    assert_int_equal(outcome.write_status, DBK_READ_ONLY);
    assert_true(outcome.is_read_only);
    assert_int_equal(sum_of_files(), sum);
}

/* ---------------------------------------------------------------------------- where it stands ---- */

static void open__refuses_what_is_no_file(void **state)
{
    static const char *const folder_words[] = {ground.folder, "folder", NULL};
    static const char *const device_words[] = {"/dev/null", NULL};
    static const char *const pipe_words[] = {".pipe", NULL};
    char path[GROUND_PATH_SIZE + 16];
    (void)state;
    for (int what = TRY_OPEN; what <= TRY_CREATE; what += TRY_CREATE) {
        struct outcome outcome = trouble_try(ground.folder, what);
        trouble_expect(&outcome.open_error, DBK_INVALID, folder_words);
        outcome = trouble_try("/dev/null", what);
        trouble_expect(&outcome.open_error, DBK_INVALID, device_words);
    }
    path_with(path, ".pipe");
    assert_int_equal(mkfifo(path, 0666), 0);
    struct outcome outcome = trouble_try(path, TRY_CREATE);
    trouble_expect(&outcome.open_error, DBK_INVALID, pipe_words);
}

static void open__names_a_path_that_is_not_there(void **state)
{
    char path[GROUND_PATH_SIZE + 16];
    const char *const words[] = {path, NULL};
    (void)state;
    path_with(path, ".none");
    struct outcome outcome = trouble_try(path, TRY_OPEN);
    trouble_expect(&outcome.open_error, DBK_NOT_FOUND, words);
    assert_int_equal(access(path, F_OK), -1);
    snprintf(path, sizeof path, "%s/none/store.sqlite", ground.folder);
    outcome = trouble_try(path, TRY_CREATE);
    trouble_expect(&outcome.open_error, DBK_NOT_FOUND, words);
    path_with(path, "/store.sqlite");
    outcome = trouble_try(path, TRY_CREATE);
    trouble_expect(&outcome.open_error, DBK_NOT_FOUND, words);
}

static long file_system_type;

int __wrap_statfs64(const char *path, struct statfs *out_status);
int __real_statfs64(const char *path, struct statfs *out_status);

/* Stands between the library and the system (the linker's --wrap; statfs is statfs64 by _FILE_OFFSET_BITS), to pretend. */
int __wrap_statfs64(const char *path, struct statfs *out_status)
{
    int result = __real_statfs64(path, out_status);
    if (result == 0 && file_system_type)
        out_status->f_type = file_system_type;
    return result;
}

static void open__refuses_a_network_file_system(void **state)
{
    static const long types[] = {0x6969, 0xFF534D42, 0x517B, 0x01021997};
    static const char *const words[] = {ground.path, "network file system", "local disk", NULL};
    char path[GROUND_PATH_SIZE + 16];
    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        file_system_type = types[i];
        struct outcome outcome = trouble_try(ground.path, TRY_READ);
        file_system_type = 0;
        trouble_expect(&outcome.open_error, DBK_UNSUPPORTED, words);
    }
    /* Nothing is left there of a store that was to be made. */
    path_with(path, ".new");
    file_system_type = types[0];
    struct outcome outcome = trouble_try(path, TRY_CREATE);
    file_system_type = 0;
    assert_int_equal(outcome.open_status, DBK_UNSUPPORTED);
    assert_int_equal(access(path, F_OK), -1);
    expect_usable(BUILDS);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        CASE(open__refuses_a_file_that_is_no_database),
        CASE(open__refuses_an_empty_file_unless_a_store_is_wanted),
        CASE(open__does_not_drop_the_log_of_a_file_that_became_empty),
        CASE(open__refuses_a_truncated_file),
        CASE(reading__tells_of_damaged_pages),
        CASE(open__refuses_a_newer_version_of_our_tables),
        CASE(open__refuses_a_store_without_a_version),
        CASE(open__refuses_a_store_that_lacks_a_column),
        CASE(open__refuses_another_programs_database),
        CASE(open__refuses_a_buildbot_that_lacks_a_column),
        CASE(open__takes_an_unknown_buildbot_that_has_the_columns),
        CASE(open__refuses_what_is_no_file),
        CASE(open__names_a_path_that_is_not_there),
        CASE(open__refuses_a_network_file_system),
#undef CASE
    };
    return cmocka_run_group_tests_name("bad_files", tests, NULL, NULL);
}
