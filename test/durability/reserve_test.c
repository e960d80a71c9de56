/*
 * The way out of a full disk: a reserve beside the store is given back by the first "full"; reads go on,
 * writes are told the way out, `daybook prune` works with no byte left, and the very same writers go on.
 */
#include "small_disk.h"
#include "trouble.h"

#include <fcntl.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { RESERVE = 16 << 20, VALUES = 80, VALUE_SIZE = 500000, TRIES = 200, PATH_SIZE = 192 };

static struct ground ground;
static const char *program; /* daybook */

static int set_up(void **state)
{
    (void)state;
    ground_make(&ground, false);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    umount2(ground.folder, MNT_DETACH);
    ground_remove(&ground);
    return 0;
}

/* ---------------------------------------------------------------------------------- looking ---- */

static void reserve_path(char out[PATH_SIZE])
{
    snprintf(out, PATH_SIZE, "%s-daybook-reserve", ground.path);
}

/* -1: there is none. The blocks are counted, not the length: a hole reserves nothing. */
static int64_t reserved(void)
{
    char path[PATH_SIZE];
    struct stat status;
    reserve_path(path);
    return stat(path, &status) ? -1 : (int64_t)status.st_blocks * 512;
}

static int64_t log_size(void)
{
    char path[PATH_SIZE];
    struct stat status;
    snprintf(path, sizeof path, "%s-wal", ground.path);
    return stat(path, &status) ? 0 : (int64_t)status.st_size;
}

static int64_t ask(const char *sql)
{
    sqlite3 *db = ground_sql_open(ground.path);
    int64_t answer = ground_sql_int(db, sql);
    sqlite3_close(db);
    return answer;
}

/* ---------------------------------------------------------------------------------- writing ---- */

struct outcome_of_one {
    bool is_done;
    struct dbk_error error;
};

static void take_done(void *user, const struct dbk_error *error)
{
    struct outcome_of_one *outcome = user;
    outcome->is_done = true;
    if (error)
        outcome->error = *error;
}

static struct dbk_error set_data(struct dbk_store *store, int64_t buildid, const char *name,
                                 const void *value, size_t len)
{
    struct outcome_of_one outcome = {0};
    GROUND_NEED(
        !dbk_set_build_data(store, buildid, name, value, len, "test", NULL, take_done, &outcome),
        "set_build_data refused");
    while (!outcome.is_done)
        dbk_wait(store, -1);
    return outcome.error;
}

static void take_builds(void *user, const struct dbk_error *error,
                        const struct dbk_build *const *builds, const struct dbk_page *page)
{
    int64_t *count = user;
    (void)builds;
    GROUND_NEED(!error, "get_builds: %s", error->message);
    *count = (int64_t)page->count;
}

static int64_t count_builds(struct dbk_store *store)
{
    int64_t count = -1;
    GROUND_NEED(!dbk_get_builds(store, DBK_NONE, DBK_NONE, DBK_NONE, DBK_NONE, NULL, NULL,
                                take_builds, &count),
                "get_builds refused");
    while (count < 0)
        dbk_wait(store, -1);
    return count;
}

/* A store with a build that was complete long ago, and 40 MB of its data. */
static void make_store(void)
{
    char name[16];
    char *value = calloc(1, VALUE_SIZE);
    GROUND_NEED(value, "calloc");
    ground_seed_store(ground.path);
    struct dbk_store *store = ground_open(ground.path, false);
    GROUND_NEED(ground_add_build(store, 1, 0, NULL) == 1, "add_build");
    for (int i = 0; i < VALUES; i++) {
        snprintf(name, sizeof name, "%d", i);
        GROUND_NEED(set_data(store, 1, name, value, VALUE_SIZE).status == DBK_OK, "set_build_data");
    }
    free(value);
    dbk_close_wait(store);
    ground_sql_file(ground.path, "UPDATE builds SET complete_at = 1000, results = 0 WHERE id = 1");
}

/* Adds builds until there is no room. Result: how many were added. */
static int fill_store(struct dbk_store *store, struct dbk_error *out_error)
{
    int count = 0;
    while (count < 100000 && ground_add_build(store, 1, 0, out_error) > 0)
        count++;
    return count;
}

/* Runs the command on the store, beside those that are open here. Result: its exit status. */
static int run_daybook(const char *const *words)
{
    enum { WORDS_MAX = 12 };
    pid_t pid;
    const char *argv[WORDS_MAX + 4] = {program, words[0], "--db", ground.path};
    char *const environment[] = {NULL};
    posix_spawn_file_actions_t actions;
    for (int i = 1; words[i]; i++)
        argv[i + 3] = words[i];
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    GROUND_NEED(posix_spawn(&pid, program, &actions, NULL, (char *const *)argv, environment) == 0,
                "%s", program);
    posix_spawn_file_actions_destroy(&actions);
    return ground_reap(pid);
}
#define RUN_DAYBOOK(...) run_daybook((const char *const[]){__VA_ARGS__, NULL})

/* ------------------------------------------------------------------------------------ tests ---- */

static void reserve__takes_real_blocks_where_there_is_room_and_none_elsewhere(void **state)
{
    (void)state;
    small_disk_mount(&ground, "200m");
    ground_seed_store(ground.path);
    assert_int_equal(reserved(), RESERVE);
    small_disk_unmount(&ground);
    small_disk_mount(&ground, "150m");
    ground_seed_store(ground.path);
    assert_int_equal(reserved(), -1);
}

static void
reserve__that_was_removed_is_no_longer_held_and_made_anew_by_the_next_store(void **state)
{
    char path[PATH_SIZE];
    (void)state;
    small_disk_mount(&ground, "200m");
    ground_seed_store(ground.path);
    struct dbk_store *store = ground_open(ground.path, false);
    int64_t before = small_disk_blocks_free(&ground);
    reserve_path(path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(ground_add_build(store, 1, 0, NULL), 1);
    assert_true(small_disk_blocks_free(&ground) > before + RESERVE / 4096 - 256);
    dbk_close_wait(store);
    dbk_close_wait(ground_open(ground.path, false));
    assert_int_equal(reserved(), RESERVE);
}

static void reserve__is_not_made_where_the_process_may_not_write_so_much(void **state)
{
    struct rlimit before, small = {1 << 20, 1 << 20};
    (void)state;
    small_disk_mount(&ground, "200m");
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    ground_seed_store(ground.path);
    assert_int_equal(reserved(), -1);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    dbk_close_wait(ground_open(ground.path, false));
    assert_int_equal(reserved(), RESERVE);
}

static void full_disk__prune_lets_the_same_writers_go_on(void **state)
{
    static const char *const words[] = {ground.path, "free some space",
                                        "daybook prune --older-than 30d", NULL};
    struct dbk_error error;
    (void)state;
    small_disk_mount(&ground, "240m");
    make_store();
    assert_int_equal(reserved(), RESERVE);
    struct dbk_store *store = ground_open(ground.path, false);
    struct dbk_store *other = ground_open(ground.path, false);
    small_disk_fill(&ground, 300);
    int added = fill_store(store, &error);
    assert_true(added > 10);
    trouble_expect(&error, DBK_FULL, words);
    assert_int_equal(error.outcome, DBK_NOT_DONE);
    assert_true(error.is_retryable);
    assert_int_equal(reserved(), 0);
    /* Nobody takes what deleting needs, and reading goes on, here and elsewhere. */
    for (int i = 0; i < TRIES; i++) {
        assert_int_equal(ground_add_build(i % 2 ? store : other, 1, 0, &error), -DBK_FULL);
        assert_non_null(strstr(error.message, words[2]));
    }
    trouble_expect(&error, DBK_FULL, words);
    assert_int_equal(RUN_DAYBOOK("properties", "set", "1", "x", "1"),
                     dbk_status_exit_code(DBK_FULL));
    assert_true(small_disk_blocks_free(&ground) > RESERVE / 4096 / 2);
    assert_int_equal(count_builds(store), added + 1);
    assert_int_equal(RUN_DAYBOOK("builds", "--limit", "1"), 0);
    assert_int_equal(RUN_DAYBOOK("status"), dbk_status_exit_code(DBK_FULL));
    assert_int_equal(RUN_DAYBOOK("prune", "--older-than", "30d"), 0);
    assert_int_equal(RUN_DAYBOOK("status"), 0);
    assert_int_equal(RUN_DAYBOOK("properties", "set", "1", "x", "1"), 0);
    assert_int_equal(ground_add_build(store, 1, 0, &error), added + 2);
    assert_int_equal(ground_add_build(other, 1, 0, &error), added + 3);
    assert_int_equal(reserved(), RESERVE);
    assert_int_equal(count_builds(store), added + 3);
    dbk_close_wait(other);
    dbk_close_wait(store);
    assert_int_equal(ask("SELECT count(*) FROM build_data"), 0);
    assert_int_equal(
        ask("SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"), 1);
    print_message("    %d builds until the disk was full; after prune %lld MiB free\n", added,
                  (long long)small_disk_blocks_free(&ground) / 256);
}

/* Nobody had the store open when the disk filled up: what readers share cannot be made either. */
static void full_disk__a_store_can_be_opened_and_pruned_with_no_byte_left(void **state)
{
    struct dbk_error error;
    (void)state;
    small_disk_mount(&ground, "240m");
    make_store();
    ground_sql_file(ground.path, "PRAGMA wal_checkpoint(TRUNCATE)");
    small_disk_fill(&ground, 0);
    assert_int_equal(trouble_try(ground.path, TRY_READ).build_count, 1);
    assert_int_equal(reserved(), 0);
    assert_int_equal(RUN_DAYBOOK("prune", "--older-than", "30d"), 0);
    struct dbk_store *store = ground_open(ground.path, false);
    assert_int_equal(ground_add_build(store, 1, 0, &error), 2);
    assert_int_equal(reserved(), RESERVE);
    dbk_close_wait(store);
}

/* Deleting one value by hand is a way out as well. */
static void full_disk__deleting_values_lets_writers_go_on(void **state)
{
    struct dbk_error error;
    char name[16];
    int64_t number;
    int deleted = 0;
    (void)state;
    small_disk_mount(&ground, "240m");
    make_store();
    struct dbk_store *store = ground_open(ground.path, false);
    small_disk_fill(&ground, 0);
    fill_store(store, &error);
    assert_int_equal(error.status, DBK_FULL);
    do {
        struct outcome_of_one outcome = {0};
        snprintf(name, sizeof name, "%d", deleted++);
        GROUND_NEED(!dbk_delete_build_data(store, 1, name, NULL, take_done, &outcome), "refused");
        while (!outcome.is_done)
            dbk_wait(store, -1);
        assert_int_equal(outcome.error.status, DBK_OK);
        number = ground_add_build(store, 1, 0, &error);
    } while (number < 0 && deleted < VALUES);
    assert_true(number > 0);
    assert_int_equal(reserved(), RESERVE);
    dbk_close_wait(store);
    print_message("    %d values of %d KB deleted\n", deleted, VALUE_SIZE / 1000);
}

/* What was written of it before it failed is in the log, which has taken all there was. */
static void full_disk__by_a_value_that_does_not_fit_is_left_without_help(void **state)
{
    enum { HUGE = 150 << 20 };
    struct dbk_error error;
    (void)state;
    small_disk_mount(&ground, "240m");
    ground_seed_store(ground.path);
    struct dbk_store *store = ground_open(ground.path, false);
    assert_int_equal(ground_add_build(store, 1, 0, NULL), 1);
    small_disk_fill(&ground, (100 << 20) / 4096);
    char *value = calloc(1, HUGE);
    GROUND_NEED(value, "calloc");
    error = set_data(store, 1, "huge", value, HUGE);
    free(value);
    assert_int_equal(error.status, DBK_FULL);
    int64_t number = -1;
    for (int i = 0; i < TRIES && number < 0; i++)
        number = ground_add_build(store, 1, 0, &error);
    assert_int_equal(number, 2);
    assert_true(log_size() < 1 << 20);
    assert_int_equal(reserved(), RESERVE);
    dbk_close_wait(store);
}

static void full_disk__that_gets_room_from_outside_lets_writers_go_on(void **state)
{
    struct dbk_error error;
    (void)state;
    small_disk_mount(&ground, "200m");
    ground_seed_store(ground.path);
    struct dbk_store *store = ground_open(ground.path, false);
    small_disk_fill(&ground, 0);
    int added = fill_store(store, &error);
    assert_int_equal(reserved(), 0);
    small_disk_free(&ground);
    assert_int_equal(ground_add_build(store, 1, 0, &error), added + 1);
    assert_int_equal(reserved(), RESERVE);
    dbk_close_wait(store);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        CASE(reserve__takes_real_blocks_where_there_is_room_and_none_elsewhere),
        CASE(reserve__that_was_removed_is_no_longer_held_and_made_anew_by_the_next_store),
        CASE(reserve__is_not_made_where_the_process_may_not_write_so_much),
        CASE(full_disk__prune_lets_the_same_writers_go_on),
        CASE(full_disk__a_store_can_be_opened_and_pruned_with_no_byte_left),
        CASE(full_disk__deleting_values_lets_writers_go_on),
        CASE(full_disk__by_a_value_that_does_not_fit_is_left_without_help),
        CASE(full_disk__that_gets_room_from_outside_lets_writers_go_on),
#undef CASE
    };
    if (argc != 2)
        return 2;
    program = argv[1];
    return cmocka_run_group_tests_name("reserve", tests, NULL, NULL);
}
