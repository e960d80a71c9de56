/*
 * The locks of an open store on its file hold, whatever else its process does with that file: otherwise
 * another program that closes the database as the last one it knows of moves the log into it and deletes
 * the log, and what the store acknowledges from then on is lost. (POSIX drops a process's locks on a file
 * when it closes any descriptor of it.)
 */
#include "trouble.h"

#include <setjmp.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct ground ground;

static int set_up(void **state)
{
    (void)state;
    ground_make(&ground, false);
    ground_seed_store(ground.path);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ground_remove(&ground);
    return 0;
}

/* Another program reads the database and closes it. */
static void let_another_program_read(void)
{
    fflush(NULL);
    pid_t pid = fork();
    GROUND_NEED(pid >= 0, "fork");
    if (pid == 0) {
        /* A new program: SQLite's memory of this one's locks must not come along. */
        char sql[] = "SELECT count(*) FROM builds";
        char *const argv[] = {(char *)"/proc/self/exe", (char *)"read", ground.path, sql, NULL};
        execv(argv[0], argv);
        _exit(98);
    }
    assert_int_equal(ground_reap(pid), 0);
}

/* What the program does when it is that other one. */
static int read_and_close(const char *path, const char *sql)
{
    ground_is_child();
    sqlite3 *db = ground_sql_open(path);
    ground_sql_int(db, sql);
    return sqlite3_close(db) == SQLITE_OK ? 0 : 1;
}

static ino_t log_inode(void)
{
    char path[GROUND_PATH_SIZE + 8];
    struct stat status;
    snprintf(path, sizeof path, "%s-wal", ground.path);
    return stat(path, &status) ? 0 : status.st_ino;
}

/* The store goes on, its log is the same file, and what it acknowledges is there for others. */
static void expect_kept(struct dbk_store *store)
{
    assert_int_equal(ground_add_build(store, 1, 0, NULL), 1);
    ino_t log = log_inode();
    assert_true(log != 0);
    let_another_program_read();
    assert_int_equal(log_inode(), log);
    assert_int_equal(ground_add_build(store, 1, 0, NULL), 2);
    dbk_close_wait(store);
    sqlite3 *db = ground_sql_open(ground.path);
    assert_int_equal(ground_sql_int(db, "SELECT count(*) FROM builds"), 2);
    sqlite3_close(db);
}

static void locks__hold_while_a_store_is_open(void **state)
{
    (void)state;
    expect_kept(ground_open(ground.path, false));
}

static void locks__hold_when_another_store_on_the_file_comes_and_goes(void **state)
{
    (void)state;
    struct dbk_store *store = ground_open(ground.path, false);
    dbk_close_wait(ground_open(ground.path, false));
    dbk_close_wait(ground_open(ground.path, true));
    expect_kept(store);
}

static void locks__hold_when_another_store_cannot_be_opened(void **state)
{
    char url[GROUND_PATH_SIZE + 64];
    (void)state;
    struct dbk_store *store = ground_open(ground.path, false);
    snprintf(url, sizeof url, "sqlite:///%s?mode=ro", ground.path);
    assert_int_equal(trouble_try(url, TRY_READ).open_status, DBK_OK);
    snprintf(url, sizeof url, "sqlite:///%s?cache=shared", ground.path);
    assert_int_equal(trouble_try(url, TRY_READ).open_status, DBK_INVALID);
    expect_kept(store);
}

/* The other program does delete the log of a store that is closed: so the tests above prove something. */
static void control__another_program_deletes_the_log_of_a_closed_store(void **state)
{
    (void)state;
    struct dbk_store *store = ground_open(ground.path, false);
    assert_int_equal(ground_add_build(store, 1, 0, NULL), 1);
    dbk_close_wait(store);
    assert_true(log_inode() != 0);
    let_another_program_read();
    assert_true(log_inode() == 0);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        CASE(locks__hold_while_a_store_is_open),
        CASE(locks__hold_when_another_store_on_the_file_comes_and_goes),
        CASE(locks__hold_when_another_store_cannot_be_opened),
        CASE(control__another_program_deletes_the_log_of_a_closed_store),
#undef CASE
    };
    if (argc == 4)
        return read_and_close(argv[2], argv[3]);
    return cmocka_run_group_tests_name("locks", tests, NULL, NULL);
}
