/*
 * Databases that this user may not read or write, and databases that others keep locked: each time a clear
 * error, nothing lost, and everything goes on once the cause is gone. As root may do everything, the
 * library runs as the user nobody in a child.
 */
#include "trouble.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { BUILDS = 10 };

static struct ground ground;
static char log_path[GROUND_PATH_SIZE + 8], shm_path[GROUND_PATH_SIZE + 8],
    turn_path[GROUND_PATH_SIZE + 16];

/* A store of this user's that everybody may read, in a folder that everybody may enter. */
static int set_up(void **state)
{
    (void)state;
    umask(022);
    ground_make(&ground, false);
    snprintf(log_path, sizeof log_path, "%s-wal", ground.path);
    snprintf(shm_path, sizeof shm_path, "%s-shm", ground.path);
    snprintf(turn_path, sizeof turn_path, "%s-daybook", ground.path);
    ground_seed_store(ground.path);
    struct dbk_store *store = ground_open(ground.path, false);
    for (int i = 0; i < BUILDS; i++)
        GROUND_NEED(ground_add_build(store, 1, 0, NULL) > 0, "add_build");
    dbk_close_wait(store);
    GROUND_NEED(chmod(ground.folder, 0755) == 0, "chmod");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    chmod(ground.folder, 0755);
    ground_remove(&ground);
    return 0;
}

static void set_modes(mode_t folder, mode_t database, mode_t log, mode_t shm)
{
    GROUND_NEED(chmod(ground.path, database) == 0, "chmod");
    GROUND_NEED(access(log_path, F_OK) || chmod(log_path, log) == 0, "chmod");
    GROUND_NEED(access(shm_path, F_OK) || chmod(shm_path, shm) == 0, "chmod");
    GROUND_NEED(access(turn_path, F_OK) || chmod(turn_path, database) == 0, "chmod");
    GROUND_NEED(chmod(ground.folder, folder) == 0, "chmod");
}

static void expect_usable(int64_t build_count)
{
    set_modes(0777, 0666, 0666, 0666);
    struct outcome outcome = trouble_try_as_nobody(ground.path, TRY_READ | TRY_WRITE);
    if (outcome.open_status || outcome.read_status || outcome.write_status)
        print_message("    not usable: %s%s%s\n", outcome.open_error.message,
                      outcome.read_error.message, outcome.write_error.message);
    assert_int_equal(outcome.open_status, DBK_OK);
    assert_int_equal(outcome.read_status, DBK_OK);
    assert_int_equal(outcome.build_count, build_count);
    assert_int_equal(outcome.write_status, DBK_OK);
}

/* -------------------------------------------------------------------------------- permissions ---- */

static void open__refuses_a_file_that_may_not_be_read(void **state)
{
    static const char *const words[] = {ground.path, "Permission denied", NULL};
    (void)state;
    set_modes(0755, 0, 0, 0);
    struct outcome outcome = trouble_try_as_nobody(ground.path, TRY_READ);
    trouble_expect(&outcome.open_error, DBK_DENIED, words);
    set_modes(0, 0666, 0666, 0666);
    outcome = trouble_try_as_nobody(ground.path, TRY_READ);
    trouble_expect(&outcome.open_error, DBK_DENIED, words);
    expect_usable(BUILDS);
}

static void open__does_not_make_a_store_where_it_may_not(void **state)
{
    char path[GROUND_PATH_SIZE + 8];
    const char *const words[] = {path, "Permission denied", NULL};
    (void)state;
    snprintf(path, sizeof path, "%s.new", ground.path);
    set_modes(0555, 0444, 0444, 0444);
    struct outcome outcome = trouble_try_as_nobody(path, TRY_CREATE);
    trouble_expect(&outcome.open_error, DBK_DENIED, words);
    assert_int_equal(access(path, F_OK), -1);
    GROUND_NEED(chmod(ground.folder, 0777) == 0, "chmod");
    outcome = trouble_try_as_nobody(path, TRY_CREATE | TRY_READ);
    assert_int_equal(outcome.open_status, DBK_OK);
}

/* The log is moved and gone, so that reading needs no more than a folder for the -shm file. */
static void writing__is_refused_on_a_read_only_file(void **state)
{
    static const char *const words[] = {ground.path, "does not let this user write", NULL};
    (void)state;
    ground_sql_file(ground.path, "PRAGMA wal_checkpoint(TRUNCATE)");
    uint64_t sum = ground_file_sum(ground.path);
    set_modes(0777, 0444, 0444, 0444);
    struct outcome outcome = trouble_try_as_nobody(ground.path, TRY_READ | TRY_WRITE);
    assert_int_equal(outcome.open_status, DBK_OK);
    assert_int_equal(outcome.read_status, DBK_OK);
    assert_int_equal(outcome.build_count, BUILDS);
    trouble_expect(&outcome.write_error, DBK_READ_ONLY, words);
    assert_true(outcome.is_read_only);
    assert_int_equal(ground_file_sum(ground.path), sum);
    unlink(log_path);
    unlink(shm_path);
    expect_usable(BUILDS);
}

static void open__tells_of_a_missing_shm_in_a_read_only_folder(void **state)
{
    static const char *const words[] = {ground.path, "-shm", "copy", NULL};
    (void)state;
    assert_int_equal(unlink(shm_path), 0);
    set_modes(0555, 0444, 0444, 0444);
    struct outcome outcome = trouble_try_as_nobody(ground.path, TRY_READ);
    trouble_expect(&outcome.open_error, DBK_DENIED, words);
    expect_usable(BUILDS);
}

/* Another user's store, while it is in use and afterwards: what is beside the file is his alone. */
static void open__tells_of_another_users_log(void **state)
{
    static const char *const words[] = {ground.path, "-wal", "this user", NULL};
    (void)state;
    assert_int_equal(access(log_path, F_OK), 0);
    set_modes(0755, 0666, 0600, 0600);
    struct outcome outcome = trouble_try_as_nobody(ground.path, TRY_READ);
    trouble_expect(&outcome.open_error, DBK_DENIED, words);
    struct holder holder = trouble_hold(ground.path);
    outcome = trouble_try_as_nobody(ground.path, TRY_READ);
    trouble_expect(&outcome.open_error, DBK_DENIED, words);
    trouble_let_go(holder);
    expect_usable(BUILDS + 1);
}

/* Who may read file, log and -shm of a store that its user has open, reads it. */
static void reading__works_beside_the_user_who_writes(void **state)
{
    (void)state;
    struct holder holder = trouble_hold(ground.path);
    set_modes(0555, 0644, 0644, 0644);
    struct outcome outcome = trouble_try_as_nobody(ground.path, TRY_READ | TRY_WRITE);
    trouble_let_go(holder);
    if (outcome.open_status || outcome.read_status)
        print_message("    %s%s\n", outcome.open_error.message, outcome.read_error.message);
    assert_int_equal(outcome.open_status, DBK_OK);
    assert_int_equal(outcome.read_status, DBK_OK);
    assert_int_equal(outcome.build_count, BUILDS + 1);
    assert_int_equal(outcome.write_status, DBK_READ_ONLY);
    assert_true(outcome.is_read_only);
    expect_usable(BUILDS + 1);
}

/* -------------------------------------------------------------------------------------- locks ---- */

static void writing__keeps_its_deadline_beside_a_foreign_lock(void **state)
{
    static const char *const words[] = {"deadline", NULL};
    struct dbk_error error;
    (void)state;
    struct dbk_store *store = ground_open(ground.path, false);
    sqlite3 *db = ground_sql_open(ground.path);
    ground_sql(db, "BEGIN IMMEDIATE; UPDATE masters SET active = 2 WHERE id = 1");
    int64_t start_us = ground_now_us();
    assert_int_equal(ground_add_build(store, 1, 300, &error), -DBK_TIMEOUT);
    int64_t waited_us = ground_now_us() - start_us;
    trouble_expect(&error, DBK_TIMEOUT, words);
    assert_true(error.is_retryable);
    assert_true(waited_us >= 290000 && waited_us < 5000000);
    ground_sql(db, "ROLLBACK");
    assert_int_equal(ground_add_build(store, 1, 10000, &error), BUILDS + 1);
    sqlite3_close(db);
    dbk_close_wait(store);
}

/* Without a write-ahead log, as Buildbot's databases may be, a writer keeps readers out too. */
static void make_rollback_journal(void)
{
    ground_sql_file(ground.path, "PRAGMA journal_mode=DELETE; DROP TABLE daybook_schema;"
                                 "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL);"
                                 "INSERT INTO alembic_version VALUES ('0123456789ab')");
}

struct seen {
    bool is_done;
    struct dbk_error error;
};

static void seen(void *user, const struct dbk_error *error, const struct dbk_build *build)
{
    struct seen *result = user;
    (void)build;
    result->is_done = true;
    if (error)
        result->error = *error;
}

static enum dbk_status get_build(struct dbk_store *store, int timeout_ms,
                                 struct dbk_error *out_error)
{
    struct dbk_call call = DBK_CALL_INIT;
    struct seen result = {0};
    call.timeout_ms = timeout_ms;
    GROUND_NEED(!dbk_get_build(store, 1, &call, seen, &result), "get_build refused");
    while (!result.is_done)
        dbk_wait(store, -1);
    *out_error = result.error;
    return result.error.status;
}

static void reading__keeps_its_deadline_beside_a_foreign_lock(void **state)
{
    static const char *const words[] = {"lock", NULL};
    struct dbk_error error;
    (void)state;
    make_rollback_journal();
    struct dbk_store *store = ground_open(ground.path, false);
    sqlite3 *db = ground_sql_open(ground.path);
    ground_sql(db, "BEGIN EXCLUSIVE");
    int64_t start_us = ground_now_us();
    assert_int_equal(get_build(store, 300, &error), DBK_TIMEOUT);
    int64_t waited_us = ground_now_us() - start_us;
    trouble_expect(&error, DBK_TIMEOUT, words);
    assert_true(waited_us >= 290000 && waited_us < 5000000);
    ground_sql(db, "ROLLBACK");
    assert_int_equal(get_build(store, 10000, &error), DBK_OK);
    sqlite3_close(db);
    dbk_close_wait(store);
}

static void open__waits_for_a_foreign_lock_but_not_for_ever(void **state)
{
    static const char *const words[] = {ground.path, "locked", NULL};
    (void)state;
    make_rollback_journal();
    sqlite3 *db = ground_sql_open(ground.path);
    ground_sql(db, "BEGIN EXCLUSIVE");
    int64_t start_us = ground_now_us();
    struct outcome outcome = trouble_try(ground.path, TRY_READ);
    int64_t waited_us = ground_now_us() - start_us;
    print_message("    after %.1f s:\n", (double)waited_us / 1e6);
    trouble_expect(&outcome.open_error, DBK_TIMEOUT, words);
    assert_true(outcome.open_error.is_retryable);
    assert_true(waited_us > 1000000 && waited_us < 30000000);
    ground_sql(db, "ROLLBACK");
    sqlite3_close(db);
    outcome = trouble_try(ground.path, TRY_READ);
    assert_int_equal(outcome.open_status, DBK_OK);
    assert_int_equal(outcome.build_count, BUILDS);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        CASE(open__refuses_a_file_that_may_not_be_read),
        CASE(open__does_not_make_a_store_where_it_may_not),
        CASE(writing__is_refused_on_a_read_only_file),
        CASE(open__tells_of_a_missing_shm_in_a_read_only_folder),
        CASE(open__tells_of_another_users_log),
        CASE(reading__works_beside_the_user_who_writes),
        CASE(writing__keeps_its_deadline_beside_a_foreign_lock),
        CASE(reading__keeps_its_deadline_beside_a_foreign_lock),
        CASE(open__waits_for_a_foreign_lock_but_not_for_ever),
#undef CASE
    };
    return cmocka_run_group_tests_name("denied", tests, NULL, NULL);
}
