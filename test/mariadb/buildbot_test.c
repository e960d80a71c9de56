/*
 * Databases that a Buildbot master made on MariaDB, where they are unlike those on other engines: texts of three bytes a
 * character that are compared without regard to case, columns that hold 65,535 bytes, tables that are kept in no
 * transactions, users who may not do everything. The first argument is the document whose GRANTs are tried.
 */
#include "adoption.h"
#include "mariadb.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *document;

static struct dbk_spec *spec_of(const char *text)
{
    struct dbk_spec *spec;
    assert_int_equal(dbk_spec_parse(text, &spec, NULL), DBK_OK);
    return test_keep(spec, (void (*)(void *))dbk_spec_free);
}

static void expect_words(const struct answer *a, const char *one, const char *other)
{
    if (!strstr(a->error.message, one) || !strstr(a->error.message, other))
        fail_msg("no '%s' and '%s': %s", one, other, a->error.message);
}

/* ------------------------------------------------------------------------------------ names ---- */

static void add_step__a_name_that_differs_by_case_alone_is_taken(void **state)
{
    struct buildbot *b = *state;
    struct answer a;
    buildbot_open(b, "?writes=master");
    assert_int_equal(ASK(&a, b->store, on_added_step, dbk_add_step, 1, "Linking", "x"), DBK_OK);
    assert_string_equal(a.name, "Linking");
    assert_int_equal(ASK(&a, b->store, on_added_step, dbk_add_step, 1, "linking", "x"), DBK_OK);
    assert_string_equal(a.name, "linking_1");
    assert_int_equal(ASK(&a, b->store, on_step, dbk_get_step, DBK_NONE, 1, DBK_NONE, "linking"),
                     DBK_OK);
    assert_null(a.step);
    assert_int_equal(ASK(&a, b->store, on_step, dbk_get_step, DBK_NONE, 1, DBK_NONE, "Linking"),
                     DBK_OK);
    assert_non_null(a.step);
}

static int new_file(struct buildbot *b, const char *text)
{
    int fd = open(test_format("%s/value", b->folder), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    return fd;
}

static void set_build_data__over_a_name_that_differs_by_case_is_a_conflict_of_both(void **state)
{
    struct buildbot *b = *state;
    struct answer a;
    int fd = new_file(b, "other");
    buildbot_open(b, "?writes=existing");
    assert_int_equal(ASK(&a, b->store, on_done, dbk_set_build_data, 1, "Key", "first", 5, "s"),
                     DBK_OK);
    assert_int_equal(ASK(&a, b->store, on_done, dbk_set_build_data, 1, "key", "other", 5, "s"),
                     DBK_CONFLICT);
    expect_words(&a, "'Key'", "'key'");
    assert_int_equal(
        ASK(&a, b->store, on_done, dbk_set_build_data_from_fd, 1, "key", fd, 0, 5, "s"),
        DBK_CONFLICT);
    expect_words(&a, "'Key'", "'key'");
    close(fd);
    assert_int_equal(ASK(&a, b->store, on_done, dbk_delete_build_data, 1, "key"), DBK_NOT_FOUND);
    assert_int_equal(ASK(&a, b->store, on_data, dbk_get_build_data, 1, "key"), DBK_OK);
    assert_null(a.data);
    assert_int_equal(ASK(&a, b->store, on_done, dbk_set_build_data, 1, "Key", "second", 6, "s"),
                     DBK_OK);
    assert_int_equal(ASK(&a, b->store, on_data, dbk_get_build_data, 1, "Key"), DBK_OK);
    assert_int_equal(a.data->value_len, 6);
    assert_memory_equal(a.data->value, "second", 6);
}

static void properties__are_known_by_every_byte_of_their_names(void **state)
{
    struct buildbot *b = *state;
    struct answer a;
    static const char *const names[] = {"Key", "key", "key "};
    buildbot_change(b, "DELETE FROM build_properties WHERE buildid = 1");
    buildbot_open(b, "?writes=existing");
    for (size_t i = 0; i < COUNT_OF(names); i++)
        assert_int_equal(ASK(&a, b->store, on_done, dbk_set_build_property, 1, names[i],
                             test_format("%d", (int)i), "s"),
                         DBK_OK);
    /* Only its case is new: that is another value. */
    assert_int_equal(ASK(&a, b->store, on_done, dbk_set_build_property, 1, "key", "\"a\"", "s"),
                     DBK_OK);
    assert_int_equal(ASK(&a, b->store, on_done, dbk_set_build_property, 1, "key", "\"A\"", "s"),
                     DBK_OK);
    assert_int_equal(ASK(&a, b->store, on_properties, dbk_get_build_properties, 1, NULL), DBK_OK);
    assert_int_equal(a.page.count, 3);
    for (size_t i = 0; i < COUNT_OF(names); i++)
        assert_string_equal(a.properties[i]->name, names[i]);
    assert_string_equal(a.properties[1]->value, "\"A\"");
    const char *values[] = {"\"A\"", "\"a\""};
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        struct dbk_spec *spec = spec_of("");
        assert_int_equal(dbk_spec_property(spec, "key", &values[i], 1), DBK_OK);
        assert_int_equal(ASK(&a, b->store, on_builds, dbk_get_builds, DBK_NONE, DBK_NONE, DBK_NONE,
                             DBK_NONE, spec),
                         DBK_OK);
        assert_int_equal(a.page.count, i == 0);
    }
}

static void spec__filters_and_orders_by_code_point(void **state)
{
    struct buildbot *b = *state;
    struct answer a;
    static const struct {
        const char *spec;
        size_t count;
    } rows[] = {
        {"name=Beta", 1},          {"name=BETA", 0},        {"name__in=beta&name__in=alpha", 1},
        {"name__contains=Bet", 1}, {"name__contains=B", 1}, {"name__gt=a", 1},
        {"name__ne=beta", 3},      {"name__lt=a", 2}};
    buildbot_change(b, "DELETE FROM steps WHERE buildid = 1;"
                       "INSERT INTO steps (number, name, buildid, state_string, urls_json) VALUES"
                       " (0, 'alpha', 1, '', '[]'), (1, 'Beta', 1, '', '[]'),"
                       " (2, 'A', 1, '', '[]')");
    buildbot_open(b, "");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_int_equal(ASK(&a, b->store, on_steps, dbk_get_steps, 1, spec_of(rows[i].spec)),
                         DBK_OK);
        if (a.page.count != rows[i].count)
            fail_msg("%s: %zu", rows[i].spec, a.page.count);
    }
    assert_int_equal(ASK(&a, b->store, on_steps, dbk_get_steps, 1, spec_of("order=name")), DBK_OK);
    assert_string_equal(a.steps[0]->name, "A");
    assert_string_equal(a.steps[1]->name, "Beta");
    assert_string_equal(a.steps[2]->name, "alpha");
    /* A page after the other, by the same order. */
    assert_int_equal(ASK(&a, b->store, on_steps, dbk_get_steps, 1, spec_of("order=name&limit=2")),
                     DBK_OK);
    const char *next = test_format("order=name&limit=2&cursor=%s", a.page.next_cursor);
    assert_int_equal(ASK(&a, b->store, on_steps, dbk_get_steps, 1, spec_of(next)), DBK_OK);
    assert_int_equal(a.page.count, 1);
    assert_string_equal(a.steps[0]->name, "alpha");
}

/* ----------------------------------------------------------------------------------- limits ---- */

#define GRIN "\xF0\x9F\x98\x80"

static void texts__that_the_character_set_cannot_hold_are_found_nowhere_and_refused(void **state)
{
    struct buildbot *b = *state;
    struct answer a;
    buildbot_open(b, "?writes=master");
    assert_int_equal(ASK(&a, b->store, on_step, dbk_get_step, DBK_NONE, 1, DBK_NONE, GRIN), DBK_OK);
    assert_null(a.step);
    assert_int_equal(ASK(&a, b->store, on_data, dbk_get_build_data, 1, GRIN), DBK_OK);
    assert_null(a.data);
    assert_int_equal(ASK(&a, b->store, on_done, dbk_delete_build_data, 1, GRIN), DBK_NOT_FOUND);
    assert_int_equal(ASK(&a, b->store, on_steps, dbk_get_steps, 1, spec_of("name=" GRIN)), DBK_OK);
    assert_int_equal(a.page.count, 0);
    const int refused[] = {
        ASK(&a, b->store, on_added_step, dbk_add_step, 1, GRIN, ""),
        ASK(&a, b->store, on_done, dbk_set_build_property, 1, "p", "\"" GRIN "\"", "s"),
        ASK(&a, b->store, on_done, dbk_set_build_data, 1, "d" GRIN, "x", 1, "s"),
        ASK(&a, b->store, on_done, dbk_set_build_state_string, 1, GRIN)};
    for (size_t i = 0; i < COUNT_OF(refused); i++)
        assert_int_equal(refused[i], DBK_INVALID);
    assert_int_equal(a.submitted, DBK_INVALID);
    expect_words(&a, "state_string", "character set");
    /* The value of build data is bytes. */
    assert_int_equal(ASK(&a, b->store, on_done, dbk_set_build_data, 1, "d", GRIN, 4, "s"), DBK_OK);
}

static void texts__of_65535_bytes_are_the_longest(void **state)
{
    struct buildbot *b = *state;
    struct answer a;
    char *longest = test_repeat("x", 65535), *longer = test_repeat("x", 65536);
    buildbot_open(b, "?writes=existing");
    assert_int_equal(ASK(&a, b->store, on_done, dbk_set_build_state_string, 1, longest), DBK_OK);
    assert_int_equal(ASK(&a, b->store, on_done, dbk_set_build_state_string, 1, longer),
                     DBK_INVALID);
    assert_int_equal(a.submitted, DBK_INVALID);
    expect_words(&a, "state_string", "65535");
    assert_int_equal(ASK(&a, b->store, on_done, dbk_set_build_property, 1, "p",
                         test_format("\"%s\"", longest), "s"),
                     DBK_INVALID);
    expect_words(&a, "value", "65535");
    /* How long the list of URLs will be shows when it is made. */
    assert_int_equal(ASK(&a, b->store, on_done, dbk_add_url, 1, "n", longest), DBK_TOO_LARGE);
    assert_int_equal(a.error.outcome, DBK_NOT_DONE);
    assert_int_equal(ASK(&a, b->store, on_done, dbk_add_url, 1, "n", "u"), DBK_OK);
}

/* ----------------------------------------------------------------------------- transactions ---- */

static int check_fn(struct dbk_store *store, bool is_dry_run, const struct dbk_call *call,
                    dbk_report_fn *report, dbk_done_fn *done, void *user)
{
    (void)is_dry_run;
    return dbk_check(store, call, report, done, user);
}

static void open__a_table_in_no_transactions_makes_it_read_only(void **state)
{
    static const char ALTER[] = "ALTER TABLE change_files ENGINE=InnoDB";
    struct buildbot *b = *state;
    struct answer a;
    struct reports r = {.count = 0};
    buildbot_change(b, "ALTER TABLE change_files DROP FOREIGN KEY change_files_ibfk_1;"
                       "ALTER TABLE change_files ENGINE=MyISAM");
    buildbot_open(b, "?writes=master");
    assert_true(dbk_get_info(b->store)->is_read_only);
    assert_int_equal(ASK(&a, b->store, on_build, dbk_get_build, 1), DBK_OK);
    assert_non_null(a.build);
    assert_int_equal(ASK(&a, b->store, on_done, dbk_set_build_state_string, 1, "x"),
                     DBK_UNSUPPORTED);
    expect_words(&a, ALTER, "InnoDB");
    assert_int_equal(long_run(&r, b->store, check_fn, false), DBK_OK);
    assert_string_equal(r.findings, "unsafe change_files -9223372036854775808\n");
    buildbot_close(b);
    assert_int_equal(long_run_alone(b, &r, dbk_adopt), DBK_UNSUPPORTED);
    assert_non_null(strstr(r.answer.error.message, ALTER));
    buildbot_change(b, ALTER);
    assert_int_equal(long_run_alone(b, &r, dbk_adopt), DBK_OK);
}

/* As a master without daybook does it: the highest number and one more, and the next one where that is taken. */
static const char ADD_AS_A_MASTER[] =
    "BEGIN NOT ATOMIC"
    " DECLARE n, done INT DEFAULT 0;"
    " DECLARE CONTINUE HANDLER FOR 1062 SET done = 0, n = n + 1;"
    " FOR i IN 1..150 DO"
    "  SELECT max(number) + 1 INTO n FROM builds WHERE builderid = 1;"
    "  SET done = 0;"
    "  WHILE done = 0 DO"
    "   SET done = 1;"
    "   INSERT INTO builds (number, builderid, buildrequestid, masterid, started_at,"
    "    locks_duration_s, state_string) VALUES (n, 1, 5, 1, 1, 0, '');"
    "  END WHILE;"
    " END FOR;"
    "END";

static void
add_build__beside_a_master_that_adds_too_no_number_is_given_twice_or_skipped(void **state)
{
    enum { OURS = 150, THEIRS = 150 };
    struct buildbot *b = *state;
    struct answer a;
    int64_t before = buildbot_int(b, "SELECT max(number) FROM builds WHERE builderid = 1");
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        mariadb_run(b->url, ADD_AS_A_MASTER);
        _exit(0);
    }
    assert_true(pid > 0);
    buildbot_open(b, "?writes=master");
    for (int i = 0; i < OURS; i++)
        if (ASK(&a, b->store, on_added_build, dbk_add_build, 1, 5, 1, 1, "x"))
            fail_msg("%s", a.error.message);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(
        buildbot_int(b, test_format("SELECT count(DISTINCT number) FROM builds WHERE builderid = 1"
                                    " AND number > %lld",
                                    (long long)before)),
        OURS + THEIRS);
    assert_int_equal(buildbot_int(b, "SELECT max(number) FROM builds WHERE builderid = 1"),
                     before + OURS + THEIRS);
}

/* As of tables that were made in MyISAM: then a master's insert waits for nobody who holds the builder's row. */
static void
add_build__whose_number_a_master_without_foreign_keys_takes_gets_the_next_one(void **state)
{
    static const char WAITING[] = "SELECT count(*) FROM information_schema.innodb_lock_waits";
    struct buildbot *b = *state;
    struct answer a;
    buildbot_change(
        b, buildbot_text(b, "SELECT concat('ALTER TABLE builds ', group_concat(concat('DROP FOREIGN"
                            " KEY ', constraint_name))) FROM information_schema.table_constraints"
                            " WHERE table_schema = database() AND table_name = 'builds'"
                            " AND constraint_type = 'FOREIGN KEY'"));
    assert_int_equal(buildbot_int(b, "SELECT count(*) FROM information_schema.table_constraints"
                                     " WHERE table_schema = database() AND table_name = 'builds'"
                                     " AND constraint_type = 'FOREIGN KEY'"),
                     0);
    int64_t before = buildbot_int(b, "SELECT max(number) FROM builds WHERE builderid = 1");
    void *master = mariadb_log_in(b->url);
    mariadb_text_on(master, "START TRANSACTION");
    mariadb_text_on(master, test_format("INSERT INTO builds (number, builderid, buildrequestid,"
                                        " masterid, started_at, locks_duration_s, state_string)"
                                        " VALUES (%lld, 1, 5, 1, 1, 0, '')",
                                        (long long)before + 1));
    buildbot_open(b, "?writes=master");
    answer_begin(&a);
    assert_int_equal(dbk_add_build(b->store, 1, 5, 1, 1, "x", &a.call, on_added_build, &a), DBK_OK);
    for (int tries = 0; tries < 600 && !mariadb_int(b->url, WAITING); tries++)
        usleep(100000);
    assert_true(mariadb_int(b->url, WAITING) > 0);
    mariadb_text_on(master, "COMMIT");
    mariadb_log_out(master);
    if (answer_end(&a, b->store, DBK_OK))
        fail_msg("%s", a.error.message);
    assert_int_equal(a.number, before + 2);
}

/* So that what looks for a build's rows finds them by an index, as in tables that have foreign keys. */
static void tables__made_in_myisam_keep_the_indexes_of_their_foreign_keys(void **state)
{
    struct buildbot *b = *state;
    buildbot_change(b,
                    "CREATE TABLE made (id INT PRIMARY KEY, buildid INT, CONSTRAINT made_of FOREIGN"
                    " KEY (buildid) REFERENCES builds (id)) ENGINE=MyISAM;"
                    "ALTER TABLE made ENGINE=InnoDB");
    assert_int_equal(buildbot_int(b, "SELECT count(*) FROM information_schema.statistics WHERE"
                                     " table_schema = database() AND table_name = 'made'"
                                     " AND column_name = 'buildid'"),
                     1);
}

/* ----------------------------------------------------------------------------------- rights ---- */

/* Runs the document's GRANTs for a user, for that database. Result: the URL as that user. */
static const char *grant(const char *url, const char *user)
{
    char line[512];
    int count = 0;
    const char *database = test_copy(strchr(strstr(url, "://") + 3, '/') + 1);
    database = test_format("%.*s", (int)strcspn(database, "?"), database);
    FILE *file = fopen(document, "r");
    assert_non_null(file);
    mariadb_run(url, test_format("CREATE USER IF NOT EXISTS %s@localhost", user));
    while (fgets(line, sizeof line, file)) {
        char *on = strstr(line, " ON buildbot.* TO ");
        if (strncmp(line, "    GRANT ", 10) != 0 || !on ||
            !strstr(on, test_format(" TO '%s'@", user)))
            continue;
        mariadb_run(url, test_format("%.*s ON %s.* TO %s@localhost", (int)(on - line), line,
                                     database, user));
        count++;
    }
    fclose(file);
    assert_int_equal(count, 1);
    return mariadb_as(url, user);
}

static struct dbk_store *open_as(const char *url, bool is_exclusive)
{
    struct dbk_options options = DBK_OPTIONS_INIT;
    struct dbk_store *store;
    struct dbk_error error;
    options.is_exclusive = is_exclusive;
    if (dbk_open(url, &options, &store, &error))
        fail_msg("%s", error.message);
    return store;
}

static void read_some_of_all(struct dbk_store *store)
{
    struct answer a;
    struct reports r = {.count = 0};
    assert_int_equal(ASK(&a, store, on_build, dbk_get_build, 1), DBK_OK);
    assert_int_equal(ASK(&a, store, on_steps, dbk_get_steps, 1, NULL), DBK_OK);
    assert_true(a.page.count > 0);
    assert_int_equal(ASK(&a, store, on_properties, dbk_get_build_properties, 1, NULL), DBK_OK);
    assert_true(a.page.count > 0);
    assert_int_equal(ASK(&a, store, on_data, dbk_get_build_data, 1, "size-report"), DBK_OK);
    assert_non_null(a.data);
    assert_int_equal(ASK(&a, store, on_build, dbk_get_prev_successful_build, 1, 100, NULL, 0),
                     DBK_OK);
    assert_int_equal(long_run(&r, store, check_fn, false), DBK_OK);
    assert_string_equal(r.findings, "");
}

static void rights__each_use_needs_no_more_than_its_grants(void **state)
{
    struct buildbot *b = *state;
    struct answer a;
    struct reports r = {.count = 0};
    const char *reader = grant(b->url, "reader"), *writer = grant(b->url, "writer"),
               *owner = grant(b->url, "adopter");
    for (int is_adopted = 0; is_adopted < 2; is_adopted++) {
        struct dbk_store *store = open_as(reader, false);
        assert_int_equal(dbk_get_info(store)->is_adopted, is_adopted);
        read_some_of_all(store);
        dbk_close_wait(store);
        store = open_as(test_format("%s&writes=master", writer), false);
        assert_int_equal(ASK(&a, store, on_added_build, dbk_add_build, 1, 5, 1, 1, "x"), DBK_OK);
        int64_t buildid = a.id;
        assert_int_equal(ASK(&a, store, on_done, dbk_finish_build, buildid, 0), DBK_OK);
        dbk_close_wait(store);
        store = open_as(test_format("%s&writes=master", reader), false);
        assert_int_equal(ASK(&a, store, on_done, dbk_finish_build, buildid, 0), DBK_DENIED);
        assert_non_null(strstr(a.error.message, "GRANT"));
        dbk_close_wait(store);
        store = open_as(owner, true);
        if (long_run(&r, store, is_adopted ? dbk_release : dbk_adopt, false))
            fail_msg("%s", r.answer.error.message);
        dbk_close_wait(store);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(add_step__a_name_that_differs_by_case_alone_is_taken),
        cmocka_unit_test(set_build_data__over_a_name_that_differs_by_case_is_a_conflict_of_both),
        cmocka_unit_test(properties__are_known_by_every_byte_of_their_names),
        cmocka_unit_test(spec__filters_and_orders_by_code_point),
        cmocka_unit_test(texts__that_the_character_set_cannot_hold_are_found_nowhere_and_refused),
        cmocka_unit_test(texts__of_65535_bytes_are_the_longest),
        cmocka_unit_test(open__a_table_in_no_transactions_makes_it_read_only),
        cmocka_unit_test(
            add_build__beside_a_master_that_adds_too_no_number_is_given_twice_or_skipped),
        cmocka_unit_test(
            add_build__whose_number_a_master_without_foreign_keys_takes_gets_the_next_one),
        cmocka_unit_test(tables__made_in_myisam_keep_the_indexes_of_their_foreign_keys),
        cmocka_unit_test(rights__each_use_needs_no_more_than_its_grants),
    };
    if (argc < 3)
        return 2;
    document = argv[1];
    if (!mariadb_folder())
        return 77; /* meson's word for a skip */
    setenv("DAYBOOK_TEST_ENGINE", "mariadb", 1);
    return buildbot_run("a Buildbot database on MariaDB", argv[2], tests, COUNT_OF(tests));
}
