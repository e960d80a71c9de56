/* Connecting to MariaDB: its URLs, what is refused and how, TLS, and what a new store there is like. */
#include "mariadb.h"
#include "seed.h"

#include <dirent.h>
#include <fcntl.h>
#include <mysql.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static enum dbk_status open_at(const char *url, bool is_created, struct dbk_store **out_store,
                               struct dbk_error *error)
{
    struct dbk_options options = DBK_OPTIONS_INIT;
    options.is_created = is_created;
    return dbk_open(url, &options, out_store, error);
}

static struct dbk_store *open_or_fail(const char *url, bool is_created)
{
    struct dbk_store *store;
    struct dbk_error error;
    if (open_at(url, is_created, &store, &error))
        fail_msg("%s: %s", url, error.message);
    return store;
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
    const char *url = mariadb_utf8mb3_place();
    struct dbk_store *store = open_or_fail(url, true);
    struct seed seed;
    (void)state;
    const struct dbk_info *info = dbk_get_info(store);
    assert_string_equal(info->engine, "mariadb");
    assert_true(info->is_own && info->has_events && !info->is_read_only);
    assert_null(info->path);
    assert_null(info->warning);
    seed_make(store, &seed);
    dbk_close_wait(store);
    /* Ids are never given twice, whoever deletes; names are unique; texts are compared byte by byte. */
    assert_int_equal(mariadb_int(url, "SELECT count(*) FROM information_schema.columns WHERE"
                                      " table_schema = database() AND extra = 'auto_increment'"),
                     19);
    assert_int_equal(mariadb_int(url, "SELECT count(*) FROM information_schema.columns WHERE"
                                      " table_schema = database() AND collation_name IS NOT NULL"
                                      " AND collation_name <> 'utf8mb4_nopad_bin'"),
                     0);
    assert_int_equal(mariadb_int(url, "SELECT count(*) FROM information_schema.tables WHERE"
                                      " table_schema = database() AND engine <> 'InnoDB'"),
                     0);
    assert_int_equal(mariadb_int(url, "SELECT max(non_unique) FROM information_schema.statistics"
                                      " WHERE table_schema = database() AND index_name ="
                                      " 'builds_number'"),
                     0);
}

/* Each table is committed by itself: a server that dies between two leaves some. */
static void open__goes_on_where_the_making_of_a_store_was_cut_off(void **state)
{
    const char *url = mariadb_place();
    struct dbk_store *store;
    struct dbk_error error;
    struct seed seed;
    (void)state;
    dbk_close_wait(open_or_fail(url, true));
    mariadb_run(url, "DROP TABLE daybook_schema, daybook_lineage, steps;"
                     "DROP INDEX builds_number ON builds");
    assert_int_equal(open_at(url, false, &store, &error), DBK_SCHEMA);
    assert_non_null(strstr(error.message, "daybook init"));
    store = open_or_fail(url, true);
    seed_make(store, &seed);
    dbk_close_wait(store);
    assert_int_equal(mariadb_int(url, "SELECT count(*) FROM information_schema.statistics WHERE"
                                      " table_schema = database() AND index_name ="
                                      " 'builds_number'"),
                     2);
    assert_int_equal(mariadb_int(url, "SELECT count(*) FROM daybook_schema"), 1);
}

static void open__other_tables_are_left_alone(void **state)
{
    const char *url = mariadb_place();
    (void)state;
    mariadb_run(url, "CREATE TABLE invoices (id int)");
    expect_refusal(url, DBK_SCHEMA, "another program");
}

static void open__refusals_name_the_cause_and_no_password(void **state)
{
    const char *folder = mariadb_folder();
    (void)state;
    expect_refusal(test_format("mariadb://root@/nope?unix_socket=%s/socket", folder), DBK_NOT_FOUND,
                   "CREATE DATABASE");
    expect_refusal(test_format("mariadb://stranger:s3cret@/mysql?unix_socket=%s/socket", folder),
                   DBK_DENIED, "stranger");
    expect_refusal("mariadb://root:s3cret@127.0.0.1:1/x", DBK_UNREACHABLE, "127.0.0.1");
    expect_refusal("mariadb://root:s3cret@/x?flavour=mint", DBK_INVALID, "flavour");
    expect_refusal("mysql://root:s3cret@/x?unix_socket=/nowhere/socket", DBK_UNREACHABLE,
                   "/nowhere/socket");
}

static void open__takes_the_password_from_where_the_client_library_does(void **state)
{
    const char *url = mariadb_place(), *folder = test_folder();
    static const char text[] = "[client]\npassword=s3cret\n";
    (void)state;
    mariadb_run(url, "CREATE USER IF NOT EXISTS ci IDENTIFIED BY 's3cret';"
                     "GRANT ALL ON *.* TO ci");
    const char *without = mariadb_as(url, "ci");
    expect_refusal(without, DBK_DENIED, "ci");
    dbk_close_wait(open_or_fail(mariadb_as(url, "ci:s3cret"), true));
    setenv("MYSQL_PWD", "s3cret", 1);
    dbk_close_wait(open_or_fail(without, false));
    unsetenv("MYSQL_PWD");
    const char *file = test_format("%s/my.cnf", folder);
    const char *with_file = test_format("%s&read_default_file=%s/my.cnf", without, folder);
    int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
    close(fd);
    dbk_close_wait(open_or_fail(with_file, false));
    unlink(file);
}

static void open__read_only_writes_nothing(void **state)
{
    const char *url = mariadb_place();
    struct answer a;
    (void)state;
    dbk_close_wait(open_or_fail(url, true));
    struct dbk_store *store = open_or_fail(test_format("%s&mode=ro", url), false);
    assert_true(dbk_get_info(store)->is_read_only);
    assert_int_equal(ASK(&a, store, on_id, dbk_find_builder_id, "b", true), DBK_READ_ONLY);
    dbk_close_wait(store);
}

static int count_open_on_exec(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int count = 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        int fd = (int)strtol(entry->d_name, NULL, 10);
        struct stat about;
        if (fd > 2 && fstat(fd, &about) == 0 && S_ISSOCK(about.st_mode))
            count += !(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    }
    closedir(folder);
    return count;
}

static void open__connections_are_closed_on_exec(void **state)
{
    int before = count_open_on_exec();
    struct dbk_store *store = open_or_fail(mariadb_place(), true);
    (void)state;
    assert_int_equal(count_open_on_exec(), before);
    dbk_close_wait(store);
}

/* ---------------------------------------------------------------------------------- deadlines ---- */

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* A session that has locked the only builder's row. */
static MYSQL *lock_builder(const char *url)
{
    char *database = test_copy(strchr(strstr(url, "://") + 3, '/') + 1);
    database[strcspn(database, "?")] = '\0';
    MYSQL *mysql = mysql_init(NULL);
    assert_non_null(mysql_real_connect(mysql, "localhost", "root", NULL, database, 0,
                                       test_format("%s/socket", mariadb_folder()), 0));
    assert_int_equal(mysql_query(mysql, "START TRANSACTION"), 0);
    assert_int_equal(mysql_query(mysql, "UPDATE builders SET description = 'held'"), 0);
    return mysql;
}

static void operations__end_at_their_deadline_and_the_server_stops_too(void **state)
{
    const char *url = mariadb_place();
    struct dbk_store *store = open_or_fail(url, true);
    struct seed seed;
    struct answer a;
    struct dbk_call call = DBK_CALL_INIT;
    (void)state;
    seed_make(store, &seed);
    MYSQL *holder = lock_builder(url);
    call.timeout_ms = 300;
    double begin_s = now_s();
    assert_int_equal(ASK_WITH(&a, store, &call, on_added_build, dbk_add_build, seed.builderid,
                              seed.buildrequestid, seed.workerid, seed.masterid, "late"),
                     DBK_TIMEOUT);
    assert_int_equal(a.error.outcome, DBK_NOT_DONE);
    assert_true(now_s() - begin_s < 3);
    /* Who waits for the lock at the server is gone, though the lock is still held. */
    for (int tries = 0; tries < 20; tries++) {
        if (!mariadb_int(url, "SELECT count(*) FROM information_schema.innodb_lock_waits"))
            break;
        usleep(150 * 1000); /* asked more often it shows the same again */
    }
    assert_int_equal(mariadb_int(url, "SELECT count(*) FROM information_schema.innodb_lock_waits"),
                     0);
    mysql_close(holder);
    assert_int_equal(ASK(&a, store, on_added_build, dbk_add_build, seed.builderid,
                         seed.buildrequestid, seed.workerid, seed.masterid, "again"),
                     DBK_OK);
    assert_int_equal(a.number, 1);
    dbk_close_wait(store);
}

/* ---------------------------------------------------------------------------------------- TLS ---- */

static void tls__a_server_whose_name_is_not_proven_is_refused(void **state)
{
    const char *url = mariadb_place();
    const char *name = strrchr(url, '/') ? strchr(strstr(url, "://") + 3, '/') + 1 : NULL;
    int len = (int)strcspn(name, "?");
    struct mariadb_tls tls;
    struct answer a;
    (void)state;
    mariadb_start_tls(&tls);
    mariadb_run(url, "CREATE USER IF NOT EXISTS far IDENTIFIED BY 's3cret' REQUIRE SSL;"
                     "GRANT ALL ON *.* TO far");
    /* Through the loopback by a name that does not say so. */
    const char *far = test_format("mariadb://far:s3cret@0.0.0.0:%d/%.*s", tls.port, len, name);
    expect_refusal(far, DBK_DENIED, "ssl_ca");
    expect_refusal(test_format("%s?ssl_ca=%s", far, tls.other_ca), DBK_DENIED, "ssl_ca");
    expect_refusal(test_format("mariadb://far:s3cret@127.0.0.2:%d/%.*s?ssl_mode=VERIFY_IDENTITY"
                               "&ssl_ca=%s",
                               tls.port, len, name, tls.ca),
                   DBK_DENIED, "ssl_ca");
    struct dbk_store *store = open_or_fail(test_format("%s?ssl_ca=%s", far, tls.ca), true);
    assert_int_equal(ASK(&a, store, on_id, dbk_find_builder_id, "b", true), DBK_OK);
    assert_int_equal(mariadb_int(url, "SELECT count(*) FROM builders"), 1);
    dbk_close_wait(store);
    store = open_or_fail(test_format("%s?ssl_mode=REQUIRED", far), false);
    dbk_close_wait(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(open__makes_a_whole_store_in_an_empty_place),
        cmocka_unit_test(open__goes_on_where_the_making_of_a_store_was_cut_off),
        cmocka_unit_test(open__other_tables_are_left_alone),
        cmocka_unit_test(open__refusals_name_the_cause_and_no_password),
        cmocka_unit_test(open__takes_the_password_from_where_the_client_library_does),
        cmocka_unit_test(open__read_only_writes_nothing),
        cmocka_unit_test(open__connections_are_closed_on_exec),
        cmocka_unit_test(operations__end_at_their_deadline_and_the_server_stops_too),
        cmocka_unit_test(tls__a_server_whose_name_is_not_proven_is_refused),
    };
    if (!mariadb_folder())
        return 77; /* meson's word for a skip */
    return test_run("connecting to MariaDB", tests, COUNT_OF(tests));
}
