/*
 * Roles and servers that may not do everything. The first argument is the document whose GRANTs are the ones that
 * are tried; the second a database that a Buildbot master made.
 */
#include "adoption.h"
#include "buildbot_postgres.h"
#include "postgres.h"
#include "seed.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *document, *fixture;

/* Runs the document's statements for a role, as they stand there. Result: how many. */
static int grant(const char *url, const char *role)
{
    char line[512];
    int count = 0;
    FILE *file = fopen(document, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        bool is_one = !strncmp(line, "    GRANT ", 10) || !strncmp(line, "    ALTER DEFAULT ", 18);
        if (is_one && strstr(line, test_format(" TO %s;", role))) {
            postgres_run(url, line);
            count++;
        }
    }
    fclose(file);
    return count;
}

/* The URL of a store of our own with a build in it. */
static const char *make_store(struct seed *out_seed, int64_t *out_buildid)
{
    const char *url = postgres_database("");
    struct dbk_store *store = postgres_open(url, true);
    struct answer a;
    seed_make(store, out_seed);
    assert_int_equal(ASK(&a, store, on_added_build, dbk_add_build, out_seed->builderid,
                         out_seed->buildrequestid, out_seed->workerid, out_seed->masterid, "x"),
                     DBK_OK);
    *out_buildid = a.id;
    int64_t buildid = a.id;
    assert_int_equal(ASK(&a, store, on_added_step, dbk_add_step, buildid, "step", "x"), DBK_OK);
    assert_int_equal(ASK(&a, store, on_done, dbk_set_build_property, buildid, "p", "1", "s"),
                     DBK_OK);
    assert_int_equal(ASK(&a, store, on_done, dbk_set_build_data, buildid, "d", "x", 1, "s"),
                     DBK_OK);
    assert_int_equal(ASK(&a, store, on_done, dbk_finish_build, buildid, 0), DBK_OK);
    dbk_close_wait(store);
    return url;
}

static int check_fn(struct dbk_store *store, bool is_dry_run, const struct dbk_call *call,
                    dbk_report_fn *report, dbk_done_fn *done, void *user)
{
    (void)is_dry_run;
    return dbk_check(store, call, report, done, user);
}

#define EXPECT_LINES(lines, store, kind, function)                                                 \
    do {                                                                                           \
        assert_int_equal(ASK_LINES(lines, store, on_##kind##_lines, function, NULL), DBK_OK);      \
        assert_non_null((lines)->list[0]);                                                         \
    } while (0)

/* Every kind of read. */
static void read_all(struct dbk_store *store, int64_t buildid)
{
    struct answer a;
    struct lines lines;
    struct reports reports = {.count = 0};
    assert_int_equal(ASK(&a, store, on_build, dbk_get_build, buildid), DBK_OK);
    assert_non_null(a.build);
    int64_t builderid = a.build->builderid, number = a.build->number;
    assert_int_equal(ASK(&a, store, on_build, dbk_get_build_by_number, builderid, number), DBK_OK);
    assert_int_equal(
        ASK(&a, store, on_builds, dbk_get_builds, DBK_NONE, DBK_NONE, DBK_NONE, DBK_NONE, NULL),
        DBK_OK);
    assert_true(a.page.count > 0);
    assert_int_equal(
        ASK(&a, store, on_build, dbk_get_prev_successful_build, builderid, number, NULL, 0),
        DBK_OK);
    assert_int_equal(ASK(&a, store, on_steps, dbk_get_steps, buildid, NULL), DBK_OK);
    assert_true(a.page.count > 0);
    assert_int_equal(ASK(&a, store, on_properties, dbk_get_build_properties, buildid, NULL),
                     DBK_OK);
    assert_true(a.page.count > 0);
    assert_int_equal(
        ASK(&a, store, on_data_list, dbk_get_all_build_data_no_values, buildid, NULL, NULL),
        DBK_OK);
    assert_true(a.page.count > 0);
    const char *name = test_copy(a.datas[0]->name);
    assert_int_equal(ASK(&a, store, on_data, dbk_get_build_data, buildid, name), DBK_OK);
    EXPECT_LINES(&lines, store, builder, dbk_get_builders);
    EXPECT_LINES(&lines, store, worker, dbk_get_workers);
    assert_int_equal(
        ASK_LINES(&lines, store, on_sourcestamp_lines, dbk_get_sourcestamps, DBK_NONE, NULL),
        DBK_OK);
    EXPECT_LINES(&lines, store, master, dbk_get_masters);
    EXPECT_LINES(&lines, store, buildset, dbk_get_buildsets);
    EXPECT_LINES(&lines, store, buildrequest, dbk_get_buildrequests);
    if (dbk_get_info(store)->has_events) {
        assert_int_equal(ASK(&a, store, on_events, dbk_get_events, 0, NULL), DBK_OK);
        assert_true(a.page.count > 0 || !dbk_get_info(store)->is_own);
    }
    assert_int_equal(long_run(&reports, store, check_fn, false), DBK_OK);
}

static void reader__reads_all_and_writes_nothing(void **state)
{
    struct seed seed;
    struct answer a;
    int64_t buildid;
    (void)state;
    const char *url = make_store(&seed, &buildid);
    assert_true(grant(url, "reader") >= 3);
    const char *const options[] = {"&mode=ro", ""};
    for (size_t i = 0; i < COUNT_OF(options); i++) {
        struct dbk_store *store =
            postgres_open(test_format("%s%s", postgres_as(url, "reader"), options[i]), false);
        read_all(store, buildid);
        assert_int_equal(ASK(&a, store, on_done, dbk_set_build_state_string, buildid, "changed"),
                         i ? DBK_DENIED : DBK_READ_ONLY);
        dbk_close_wait(store);
    }
    assert_string_equal(postgres_text(url, "SELECT state_string FROM builds"), "x");
}

static void reader__reads_a_buildbot_database_adopted_or_not(void **state)
{
    (void)state;
    const char *url = buildbot_postgres_place(fixture);
    grant(url, "reader");
    for (int i = 0; i < 2; i++) {
        struct dbk_store *store = postgres_open(postgres_as(url, "reader"), false);
        assert_int_equal(dbk_get_info(store)->is_adopted, i == 1);
        read_all(store, 1);
        dbk_close_wait(store);
        struct dbk_options options = DBK_OPTIONS_INIT;
        struct reports reports = {.count = 0};
        options.is_exclusive = true;
        assert_int_equal(dbk_open(url, &options, &store, NULL), DBK_OK);
        assert_int_equal(long_run(&reports, store, dbk_adopt, false), DBK_OK);
        dbk_close_wait(store);
    }
}

static void on_look(void *user, const struct dbk_error *error,
                    const struct dbk_event *const *events, const struct dbk_look *look)
{
    struct answer *answer = user;
    (void)events;
    answer->count = error ? -1 : (int64_t)look->count;
    answer_take(answer, error, NULL);
}

/* "watcher: LOG:  execute NAME: SELECT ..." is a statement that it ran: gives that; else NULL. */
static const char *logged_statement(const char *line)
{
    const char *prefix = "watcher: LOG:  ";
    if (strncmp(line, prefix, strlen(prefix)) != 0)
        return NULL;
    const char *text = strstr(line + strlen(prefix), ": ");
    bool is_run = !strncmp(line + strlen(prefix), "statement", 9) ||
                  !strncmp(line + strlen(prefix), "execute", 7);
    return is_run && text ? text + 2 : NULL;
}

/* Each statement that the role ran is one that reads, by the server's own log. */
static void watcher__looks_with_nothing_but_select_and_so_says_the_servers_log(void **state)
{
    static const char *const reading[] = {"SELECT", "BEGIN", "COMMIT", "ROLLBACK", "SET ", "SHOW"};
    struct dbk_watch *watch = NULL;
    struct answer a;
    char line[8192];
    int looks = 0;
    (void)state;
    const char *url = buildbot_postgres_place(fixture);
    grant(url, "reader");
    postgres_run(url, "CREATE ROLE watcher LOGIN IN ROLE reader;"
                      " ALTER ROLE watcher SET log_statement = 'all'");
    postgres_run(url, "ALTER SYSTEM SET log_line_prefix = '%u: '");
    postgres_run(url, "SELECT pg_reload_conf()");
    struct dbk_store *store = postgres_open(postgres_as(url, "watcher"), false);
    assert_int_equal(dbk_watch_new(NULL, &watch), DBK_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ASK(&a, store, on_look, dbk_watch_look, watch), DBK_OK);
        assert_int_equal(a.count, i == 1 ? 2 : 0);
        postgres_run(url, i ? "SELECT 1"
                            : "INSERT INTO builds (id, number, builderid, buildrequestid, masterid,"
                              " started_at, complete_at, locks_duration_s, state_string, results)"
                              " VALUES (9001, 9001, 1, 5, 1, 1000, 1001, 0, 'x', 0)");
    }
    dbk_watch_free(watch);
    dbk_close_wait(store);
    FILE *log = fopen(test_format("%s/log", postgres_folder()), "r");
    assert_non_null(log);
    while (fgets(line, sizeof line, log)) {
        const char *statement = logged_statement(line);
        size_t i = 0;
        if (!statement)
            continue;
        while (i < COUNT_OF(reading) && strncmp(statement, reading[i], strlen(reading[i])) != 0)
            i++;
        if (i == COUNT_OF(reading))
            fail_msg("it ran: %s", statement);
        looks += strstr(statement, "FROM builds WHERE id >= ") != NULL;
    }
    fclose(log);
    assert_int_equal(looks, 2); /* the first one only finds out what there is */
}

static void writer__writes_every_kind_of_record(void **state)
{
    struct seed seed;
    struct answer a;
    int64_t buildid;
    (void)state;
    const char *url = make_store(&seed, &buildid);
    assert_true(grant(url, "writer") >= 4);
    struct dbk_store *store = postgres_open(postgres_as(url, "writer"), false);
    struct dbk_new_build build = DBK_NEW_BUILD_INIT;
    build.builder = "new";
    read_all(store, buildid);
    seed_request(store, seed_builder(store, "b"), NULL, 0, DBK_NONE);
    seed_worker(store, "w");
    seed_sourcestamp(store, "git://there", "main", "");
    assert_int_equal(ASK(&a, store, on_added_build, dbk_record_build, &build), DBK_OK);
    assert_int_equal(ASK(&a, store, on_added_step, dbk_add_step, buildid, "step", "x"), DBK_OK);
    int64_t stepid = a.id;
    assert_int_equal(ASK(&a, store, on_done, dbk_add_url, stepid, "n", "u"), DBK_OK);
    assert_int_equal(ASK(&a, store, on_done, dbk_finish_build, buildid, 2), DBK_OK);
    assert_int_equal(ASK(&a, store, on_done, dbk_delete_build_data, buildid, "d"), DBK_OK);
    assert_int_equal(ASK(&a, store, on_events, dbk_get_events, 0, NULL), DBK_OK);
    assert_string_equal(a.events[a.page.count - 1]->verb, "deleted");
    dbk_close_wait(store);
    /* What is not allowed is said with what to do. */
    postgres_run(url, "REVOKE UPDATE ON builds FROM writer");
    store = postgres_open(postgres_as(url, "writer"), false);
    assert_int_equal(ASK(&a, store, on_done, dbk_finish_build, buildid, 2), DBK_DENIED);
    assert_non_null(strstr(a.error.message, "GRANT"));
    dbk_close_wait(store);
}

static void writer__of_a_buildbot_database_needs_no_more(void **state)
{
    struct answer a;
    (void)state;
    const char *url = buildbot_postgres_place(fixture);
    grant(url, "writer");
    struct dbk_store *store =
        postgres_open(test_format("%s&writes=master", postgres_as(url, "writer")), false);
    assert_int_equal(ASK(&a, store, on_added_build, dbk_add_build, 1, 5, 1, 1, "x"), DBK_OK);
    int64_t buildid = a.id;
    assert_int_equal(ASK(&a, store, on_added_step, dbk_add_step, buildid, "step", "x"), DBK_OK);
    assert_int_equal(ASK(&a, store, on_done, dbk_finish_build, buildid, 0), DBK_OK);
    dbk_close_wait(store);
}

static void open__a_schema_that_the_role_may_not_use_is_no_empty_store(void **state)
{
    struct dbk_store *store;
    struct dbk_error error;
    (void)state;
    const char *url = postgres_place();
    dbk_close_wait(postgres_open(url, true));
    assert_int_equal(dbk_open(postgres_as(url, "reader"), NULL, &store, &error), DBK_SCHEMA);
    assert_non_null(strstr(error.message, "may use"));
}

static void expect_read_only(const char *url, int64_t buildid)
{
    struct answer a;
    struct dbk_store *store = postgres_open(url, false);
    assert_true(dbk_get_info(store)->is_read_only);
    read_all(store, buildid);
    assert_int_equal(ASK(&a, store, on_done, dbk_set_build_state_string, buildid, "changed"),
                     DBK_READ_ONLY);
    assert_non_null(strstr(a.error.message, "read only"));
    assert_int_equal(a.error.outcome, DBK_NOT_DONE);
    dbk_close_wait(store);
}

static void writes__where_transactions_are_read_only_say_so(void **state)
{
    struct seed seed;
    int64_t buildid;
    (void)state;
    const char *url = make_store(&seed, &buildid);
    expect_read_only(test_format("%s&options=-cdefault_transaction_read_only%%3Don", url), buildid);
    assert_string_equal(postgres_text(url, "SELECT state_string FROM builds"), "x");
}

static void writes__at_a_standby_say_so(void **state)
{
    struct seed seed;
    int64_t buildid;
    (void)state;
    const char *url = make_store(&seed, &buildid);
    const char *standby = postgres_at_standby(url);
    /* The same data: what the primary wrote has to come over. */
    const char *lsn = postgres_text(url, "SELECT pg_current_wal_insert_lsn()");
    const char *caught_up = test_format("SELECT (pg_last_wal_replay_lsn() >= '%s')::int", lsn);
    for (int tries = 0; postgres_int(standby, caught_up) != 1 && tries < 1000; tries++)
        usleep(10000);
    expect_read_only(standby, buildid);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reader__reads_all_and_writes_nothing),
        cmocka_unit_test(reader__reads_a_buildbot_database_adopted_or_not),
        cmocka_unit_test(watcher__looks_with_nothing_but_select_and_so_says_the_servers_log),
        cmocka_unit_test(writer__writes_every_kind_of_record),
        cmocka_unit_test(writer__of_a_buildbot_database_needs_no_more),
        cmocka_unit_test(open__a_schema_that_the_role_may_not_use_is_no_empty_store),
        cmocka_unit_test(writes__where_transactions_are_read_only_say_so),
        cmocka_unit_test(writes__at_a_standby_say_so),
    };
    if (argc < 3)
        return 2;
    document = argv[1];
    fixture = argv[2];
    if (!postgres_folder())
        return 77; /* meson's word for a skip */
    postgres_run(postgres_database(""), "CREATE ROLE reader LOGIN; CREATE ROLE writer LOGIN");
    test_end();
    return cmocka_run_group_tests_name("postgres_rights", tests, NULL, NULL);
}
