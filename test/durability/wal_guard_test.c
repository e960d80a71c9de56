/*
 * The guard against the WAL-reset fault of SQLite: no checkpoint of ours runs while another process, or another
 * store of this one, could commit. Beside the library stand two that break the rule: the library without
 * its guard, and a plain connection. The watch has to see them, or it would prove nothing.
 *
 * usage: wal_guard WAL_LOAD WAL_LOAD_UNGUARDED
 */
#include "ground.h"
#include "guard_watch.h"

#include <fcntl.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { PROCESSES = 2, ROUNDS = 3, WRITES = 300 };

extern char **environ;

static const char *guarded_program, *unguarded_program;
static struct ground ground;

static int set_up(void **state)
{
    (void)state;
    ground_make(&ground, true);
    ground_seed_store(ground.path);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ground_remove(&ground);
    return 0;
}

struct run {
    pid_t pid;
    FILE *output;
};

static struct run start(const char *program, int round_count)
{
    struct run run;
    char rounds[16], writes[16];
    int fds[2];
    posix_spawn_file_actions_t actions;
    snprintf(rounds, sizeof rounds, "%d", round_count);
    snprintf(writes, sizeof writes, "%d", WRITES);
    const char *const argv[] = {program, ground.path, rounds, writes, NULL};
    GROUND_NEED(pipe2(fds, O_CLOEXEC) == 0, "pipe");
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
    int failed = posix_spawn(&run.pid, program, &actions, NULL, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(fds[1]);
    GROUND_NEED(!failed, "%s: %s", program, strerror(failed));
    run.output = fdopen(fds[0], "r");
    return run;
}

static struct guard_counts finish(struct run run)
{
    struct guard_counts counts = {0};
    char line[512] = "";
    int taken = 0;
    if (fgets(line, sizeof line, run.output))
        taken = sscanf(line, "%ld %ld %ld %ld %ld %159[^\n]", &counts.commits, &counts.checkpoints,
                       &counts.recoveries, &counts.moved_pages, &counts.violations, counts.first);
    fclose(run.output);
    int status = ground_reap(run.pid);
    GROUND_NEED(status == 0 && taken >= 5, "the load ended with status %d: %s", status, line);
    print_message("%ld commits, %ld checkpoints of %ld pages, %ld recoveries, %ld violations%s%s\n",
                  counts.commits, counts.checkpoints, counts.moved_pages, counts.recoveries,
                  counts.violations, counts.first[0] ? ": " : "", counts.first);
    return counts;
}

static void checkpoints__run_while_nobody_else_can_commit(void **state)
{
    struct run runs[PROCESSES];
    (void)state;
    for (int i = 0; i < PROCESSES; i++)
        runs[i] = start(guarded_program, ground_scale(ROUNDS));
    long checkpoints = 0, moved_pages = 0;
    for (int i = 0; i < PROCESSES; i++) {
        struct guard_counts counts = finish(runs[i]);
        checkpoints += counts.checkpoints;
        moved_pages += counts.moved_pages;
        assert_string_equal(counts.first, "");
        assert_int_equal(counts.violations, 0);
        assert_true(counts.checkpoints >= ROUNDS);
    }
    /* So the load was large enough: thresholds were passed, and pages moved. */
    assert_true(checkpoints >= 4 * ROUNDS);
    assert_true(moved_pages > 1000);
    sqlite3 *db = ground_sql_open(ground.path);
    sqlite3_stmt *stmt;
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(stmt, 0), "ok");
    sqlite3_finalize(stmt);
    sqlite3_close(db);
}

static void write_pages(sqlite3 *db)
{
    for (int i = 0; i < 20; i++)
        ground_sql(db, "INSERT INTO build_data (buildid, name, value, length, source)"
                       " VALUES (1, hex(randomblob(8)), randomblob(400000), 400000, 't')");
}

/* A full log that somebody else left; who only reads does not move it, not even as the last one to close. */
static void closing__moves_nothing_by_itself(void **state)
{
    (void)state;
    sqlite3 *db = ground_sql_open(ground.path);
    sqlite3_wal_autocheckpoint(db, 0);
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    write_pages(db);
    sqlite3_close(db);
    struct guard_counts counts = finish(start(guarded_program, 0));
    assert_int_equal(counts.checkpoints, 0);
    assert_int_equal(counts.moved_pages, 0);
    assert_int_equal(counts.violations, 0);
}

static void watch__flags_the_library_without_its_guard(void **state)
{
    (void)state;
    struct guard_counts counts = finish(start(unguarded_program, ROUNDS));
    assert_true(counts.checkpoints > 0);
    assert_true(counts.violations >= counts.checkpoints);
}

static void watch__flags_automatic_checkpoints(void **state)
{
    (void)state;
    guard_watch_begin();
    sqlite3 *db = ground_sql_open(ground.path);
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    write_pages(db);
    sqlite3_close(db);
    struct guard_counts counts = guard_watch_end();
    assert_true(counts.checkpoints > 0);
    assert_true(counts.violations >= counts.checkpoints);
    assert_string_equal(counts.first, "a checkpoint while others may commit (the database)");
}

static void watch__flags_the_checkpoint_of_the_last_close(void **state)
{
    (void)state;
    guard_watch_begin();
    sqlite3 *db = ground_sql_open(ground.path);
    sqlite3_wal_autocheckpoint(db, 0);
    write_pages(db);
    sqlite3_close(db);
    struct guard_counts counts = guard_watch_end();
    assert_int_equal(counts.checkpoints, 0);
    assert_true(counts.violations > 0);
    assert_string_equal(counts.first,
                        "a write to the database outside of a checkpoint (the database)");
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(checkpoints__run_while_nobody_else_can_commit, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(closing__moves_nothing_by_itself, set_up, tear_down),
        cmocka_unit_test_setup_teardown(watch__flags_the_library_without_its_guard, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(watch__flags_automatic_checkpoints, set_up, tear_down),
        cmocka_unit_test_setup_teardown(watch__flags_the_checkpoint_of_the_last_close, set_up,
                                        tear_down),
    };
    if (argc != 3) {
        fprintf(stderr, "usage: wal_guard WAL_LOAD WAL_LOAD_UNGUARDED\n");
        return 2;
    }
    guarded_program = argv[1];
    unguarded_program = argv[2];
    return cmocka_run_group_tests_name("wal_guard", tests, NULL, NULL);
}
