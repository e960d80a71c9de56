/* What a check finds in a Buildbot database: dirt, what is missing, what is not safe. */
#include "adoption.h"

enum { FAULTLESS_SQLITE = 3051003 };

/* dbk_check() with the arguments of the other long work. */
static int check_fn(struct dbk_store *store, bool is_dry_run, const struct dbk_call *call,
                    dbk_report_fn *report, dbk_done_fn *done, void *user)
{
    (void)is_dry_run;
    return dbk_check(store, call, report, done, user);
}

static void check(struct buildbot *b, struct reports *r)
{
    buildbot_open(b, "");
    if (long_run(r, b->store, check_fn, false))
        fail_msg("%s", r->answer.error.message);
    buildbot_close(b);
}

static void expect_found(struct buildbot *b, const char *expected)
{
    struct reports r = {.count = 0};
    check(b, &r);
    assert_string_equal(r.findings, expected);
}

static void adopt(struct buildbot *b)
{
    struct reports r = {.count = 0};
    if (long_run_alone(b, &r, dbk_adopt))
        fail_msg("%s", r.answer.error.message);
}

static void check__a_clean_database_has_nothing_adopted_or_not(void **state)
{
    struct buildbot *b = *state;
    const struct picture before = take_picture(b);
    expect_found(b, "");
    expect_picture(b, &before);
    adopt(b);
    expect_found(b, "");
}

static void check__each_kind_of_dirt_is_found_by_its_id(void **state)
{
    static const struct {
        const char *sql, *found;
        bool is_of_files; /* there a value can be of another type than its column */
    } dirt[] = {
        {"UPDATE builds SET builderid = 999 WHERE id = 3", "orphan builds 3\n", false},
        {"UPDATE builds SET buildrequestid = 999999 WHERE id = 3", "orphan builds 3\n", false},
        {"UPDATE builds SET masterid = 9 WHERE id = 3", "orphan builds 3\n", false},
        {"UPDATE builds SET workerid = 999 WHERE id = 3", "orphan builds 3\n", false},
        {"UPDATE builds SET workerid = NULL WHERE id = 3", "", false},
        {"UPDATE steps SET buildid = 999999 WHERE id = 7", "orphan steps 7\n", false},
        {"UPDATE steps SET urls_json = '[{\"name\": 1}]' WHERE id = 7", "urls steps 7\n", false},
        {"UPDATE steps SET urls_json = 'oops' WHERE id = 7", "urls steps 7\n", false},
        {"INSERT INTO build_properties VALUES (999999, 'a', '1', 's')",
         "orphan build_properties 999999\n", false},
        {"INSERT INTO build_properties VALUES (5, 'a', '1', 's'), (5, 'a', '2', 's')",
         "duplicate build_properties 5\n", false},
        {"INSERT INTO build_properties VALUES (5, 'a', 'None', 's')", "json build_properties 5\n",
         false},
        {"INSERT INTO build_properties VALUES (5, 'a', x'31', 's')", "json build_properties 5\n",
         true},
        {"UPDATE build_data SET length = length + 1 WHERE id = 1", "length build_data 1\n", false},
        {"UPDATE build_data SET value = 'text', length = 4 WHERE id = 1", "", true},
        {"UPDATE build_data SET value = 't\xC3\xA4xt', length = 4 WHERE id = 1",
         "length build_data 1\n", true},
        {"UPDATE build_data SET buildid = 999999 WHERE id = 1", "orphan build_data 1\n", false},
        {"UPDATE buildrequests SET buildsetid = 999999 WHERE id = 2", "orphan buildrequests 2\n",
         false},
        {"UPDATE buildrequests SET builderid = 999999 WHERE id = 2", "orphan buildrequests 2\n",
         false},
        {"UPDATE buildset_sourcestamps SET sourcestampid = 99999 WHERE buildsetid = 2",
         "orphan buildset_sourcestamps 2\n", false},
        {"UPDATE changes SET sourcestampid = 99999 WHERE changeid = 1", "orphan changes 1\n",
         false},
    };
    struct buildbot *b = *state;
    for (size_t i = 0; i < COUNT_OF(dirt); i++) {
        struct reports r = {.count = 0};
        if (dirt[i].is_of_files && !b->engine->is_file)
            continue;
        buildbot_change(b, dirt[i].sql);
        check(b, &r);
        if (strcmp(r.findings, dirt[i].found) != 0)
            fail_msg("%s: found '%s' (%s)", dirt[i].sql, r.findings, r.texts);
        buildbot_renew(b);
    }
}

/* The statements that a plan gave, run as an operator would. */
static void run_statements(struct buildbot *b, const char *statements)
{
    for (const char *line = statements; *line; line = strchr(line, '\n') + 1)
        buildbot_change(b, test_format("%.*s", (int)strcspn(line, "\n"), line));
}

static void repair__of_a_masters_database_gives_the_sql_and_changes_nothing(void **state)
{
    static const char *const dirt[] = {
        "UPDATE builds SET workerid = 999 WHERE id = 3",
        "UPDATE steps SET buildid = 999999 WHERE id = 7",
        "INSERT INTO build_properties VALUES (999999, 'a', '1', 's')",
        "INSERT INTO build_properties VALUES (5, 'a', '1', 's'), (5, 'a', '2', 's')",
        "UPDATE build_data SET length = length + 1 WHERE id = 1",
        "UPDATE build_data SET buildid = 999999 WHERE id = 1",
        "UPDATE buildset_sourcestamps SET sourcestampid = 99999 WHERE buildsetid = 2",
    };
    struct buildbot *b = *state;
    for (size_t i = 0; i < COUNT_OF(dirt); i++) {
        struct reports r = {.count = 0};
        buildbot_change(b, dirt[i]);
        const struct picture before = take_picture(b);
        buildbot_open(b, "");
        assert_int_equal(long_run(&r, b->store, dbk_repair, false), DBK_UNSUPPORTED);
        assert_int_equal(long_run(&r, b->store, dbk_repair, true), DBK_OK);
        buildbot_close(b);
        expect_picture(b, &before);
        assert_true(strlen(r.findings) > 0);
        run_statements(b, r.statements);
        expect_found(b, "");
        buildbot_renew(b);
    }
}

static void repair__of_duplicate_properties_keeps_the_one_that_counts(void **state)
{
    static const char ALL[] = "SELECT count(*) FROM build_properties";
    struct buildbot *b = *state;
    struct reports r = {.count = 0};
    int64_t before = buildbot_int(b, ALL);
    buildbot_change(b, "INSERT INTO build_properties VALUES (5, 'a', '1', 's'), (5, 'A', '0', 's'),"
                       " (6, 'a', '4', 's'), (5, 'a', '3', 's');"
                       "INSERT INTO build_properties VALUES (5, 'a', '2', 's')");
    buildbot_open(b, "");
    assert_int_equal(long_run(&r, b->store, dbk_repair, true), DBK_OK);
    buildbot_close(b);
    assert_string_equal(r.findings, "duplicate build_properties 5\n");
    run_statements(b, r.statements);
    assert_string_equal(
        buildbot_text(b, "SELECT min(value) FROM build_properties WHERE buildid = 5 AND name = 'a'"
                         " AND value <> '0'"),
        "2");
    assert_int_equal(buildbot_int(b, ALL), before + 3);
    expect_found(b, "");
}

static void check__a_finding_names_what_is_wrong(void **state)
{
    struct buildbot *b = *state;
    struct reports r = {.count = 0};
    buildbot_change(b, "UPDATE builds SET builderid = 999 WHERE id = 3;"
                       "INSERT INTO build_properties VALUES (5, 'mood', 'None', 's')");
    check(b, &r);
    assert_non_null(strstr(r.texts, "builder 999 is not there"));
    assert_non_null(strstr(r.texts, "'mood' is no JSON"));
}

static void check__goes_through_every_row_by_ranges(void **state)
{
    struct buildbot *b = *state;
    struct reports clean = {.count = 0}, dirty = {.count = 0};
    check(b, &clean);
    buildbot_change(
        b, "INSERT INTO steps (id, number, name, buildid, state_string, urls_json)"
           " WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9000)"
           " SELECT 100000 + 3 * i, i, 'step ' || i, 4000000, 'x', '[]' FROM n");
    check(b, &dirty);
    assert_int_equal(dirty.count - dirty.turns, 9000);
    assert_true(dirty.turns >= clean.turns + 4);
}

static void check__cancelled_ends_and_says_so(void **state)
{
    struct buildbot *b = *state;
    struct reports r = {.cancel_after = 1};
    buildbot_open(b, "");
    assert_int_equal(long_run(&r, b->store, check_fn, false), DBK_CANCELLED);
    assert_int_equal(r.answer.error.outcome, DBK_NOT_DONE);
    assert_int_equal(r.answer.done_count, 1);
    assert_int_equal(r.count, 1);
}

static void check__others_have_their_turn_meanwhile(void **state)
{
    struct buildbot *b = *state;
    struct answer a, checked;
    struct dbk_options options = DBK_OPTIONS_INIT;
    struct reports r = {
        .statements = test_copy(""), .findings = test_copy(""), .texts = test_copy("")};
    options.reader_count = 1;
    assert_int_equal(dbk_open(buildbot_url(b, ""), &options, &b->store, NULL), DBK_OK);
    answer_begin(&checked);
    answer_begin(&r.answer);
    assert_int_equal(dbk_check(b->store, &r.answer.call, on_report, on_done, &r), DBK_OK);
    assert_int_equal(ASK(&a, b->store, on_build, dbk_get_build, 1), DBK_OK);
    assert_int_equal(r.answer.done_count, 0);
    answer_wait(&r.answer, b->store);
    assert_int_equal(r.answer.error.status, DBK_OK);
}

/* As Buildbot's migrations do on SQLite: a new table is filled from the old one and takes its name. Elsewhere they
 * change it where it is, and a person may have dropped what he did not know. */
static void migrate(struct buildbot *b, const char *table)
{
    if (!b->engine->is_file) {
        buildbot_change(b, in_words_of(b, "", "DROP INDEX IF EXISTS daybook_builds_complete",
                                       "DROP INDEX IF EXISTS daybook_builds_complete ON builds"));
        return;
    }
    char *create = test_copy(buildbot_text(
        b,
        test_format("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = '%s'", table)));
    char *body = strchr(create, '(');
    char *indexes = test_copy(buildbot_text(
        b, test_format("SELECT coalesce(group_concat(sql, '; '), '') FROM sqlite_master WHERE"
                       " type = 'index' AND tbl_name = '%s' AND sql NOT NULL"
                       " AND name NOT LIKE 'daybook%%'",
                       table)));
    buildbot_change(b, test_format("BEGIN; CREATE TABLE _alembic_tmp_%s %s;"
                                   " INSERT INTO _alembic_tmp_%s SELECT * FROM %s; DROP TABLE %s;"
                                   " ALTER TABLE _alembic_tmp_%s RENAME TO %s; %s; COMMIT",
                                   table, body, table, table, table, table, table, indexes));
}

static void check__what_a_migration_dropped_is_named_with_the_command(void **state)
{
    struct buildbot *b = *state;
    struct answer a;
    struct reports r = {.count = 0};
    adopt(b);
    const char *names = in_words_of(
        b, "SELECT group_concat(name) FROM (SELECT name FROM sqlite_master ORDER BY name)",
        "SELECT string_agg(relname, ',' ORDER BY relname) FROM pg_class WHERE"
        " relnamespace = current_schema()::regnamespace",
        "SELECT group_concat(DISTINCT name ORDER BY name) FROM (SELECT table_name || '.' ||"
        " index_name AS name FROM information_schema.statistics WHERE table_schema ="
        " database() UNION SELECT table_name FROM information_schema.tables WHERE"
        " table_schema = database()) names");
    const char *before = buildbot_text(b, names);
    buildbot_open(b, "?writes=master");
    assert_int_equal(ASK(&a, b->store, on_added_build, dbk_add_build, 1, 5, 1, 1, "x"), DBK_OK);
    int64_t buildid = a.id;
    assert_int_equal(ASK(&a, b->store, on_done, dbk_finish_build, buildid, 0), DBK_OK);
    buildbot_close(b);
    int64_t lineages = buildbot_int(b, "SELECT count(*) FROM daybook_lineage");
    migrate(b, "builds");
    migrate(b, "steps");
    expect_whole(b);
    check(b, &r);
    assert_string_equal(r.findings, "missing daybook_builds_complete -9223372036854775808\n");
    assert_non_null(strstr(r.texts, "`daybook adopt`"));
    /* Without the index all goes on. */
    buildbot_open(b, "?writes=master");
    assert_int_equal(ASK(&a, b->store, on_done, dbk_finish_build, buildid, 2), DBK_OK);
    assert_int_equal(ASK(&a, b->store, on_done, dbk_finish_build, buildid, 0), DBK_OK);
    buildbot_close(b);
    adopt(b);
    expect_found(b, "");
    assert_int_equal(buildbot_int(b, "SELECT count(*) FROM daybook_lineage"), lineages);
    assert_string_equal(buildbot_text(b, names), before);
    /* Released, the schema is the migration's. */
    const char *migrated = buildbot_schema(b, false);
    assert_int_equal(long_run_alone(b, &r, dbk_release), DBK_OK);
    assert_string_equal(buildbot_schema(b, true), migrated);
    expect_whole(b);
}

/* What is in the lineages, or should be. */
static const char *lineages_of(struct buildbot *b, const char *id, const char *from)
{
    const char *line = test_format("%s || ' ' || complete_at || ' ' || number", id);
    return buildbot_text(b, test_format("SELECT %s FROM (SELECT * FROM %s ORDER BY %s) t",
                                        joined(b, line, ";", id), from, id));
}

static void check__a_dropped_table_is_off_until_it_is_made_again(void **state)
{
    struct buildbot *b = *state;
    struct answer a;
    buildbot_change(b, "UPDATE builds SET complete_at = complete_at - 86400 * (200 - id % 200)");
    adopt(b);
    const char *lineages = lineages_of(b, "buildid", "daybook_lineage");
    buildbot_change(b, "DROP TABLE daybook_events; DROP TABLE daybook_operations;"
                       "DROP TABLE daybook_lineage");
    const char *more = in_words_of(b, "",
                                   "missing daybook_events_position -9223372036854775808\n"
                                   "missing daybook_events_unplaced -9223372036854775808\n",
                                   "missing daybook_events_position -9223372036854775808\n");
    expect_found(b, test_format("missing daybook_events -9223372036854775808\n%s"
                                "missing daybook_operations -9223372036854775808\n"
                                "missing daybook_lineage -9223372036854775808\n"
                                "missing daybook_lineage_buildid -9223372036854775808\n",
                                more));
    buildbot_open(b, "?writes=existing");
    assert_int_equal(ASK(&a, b->store, on_done, dbk_finish_build, 1, 0), DBK_OK);
    assert_int_equal(ASK(&a, b->store, on_events, dbk_get_events, 0, NULL), DBK_UNSUPPORTED);
    answer_begin(&a);
    a.call.key = "k";
    assert_int_equal(
        answer_end(&a, b->store, dbk_finish_build(b->store, 1, 0, &a.call, on_done, &a)),
        DBK_UNSUPPORTED);
    buildbot_close(b);
    adopt(b);
    expect_found(b, "");
    /* The one that was finished meanwhile is in its lineage too. */
    assert_string_not_equal(lineages_of(b, "buildid", "daybook_lineage"), lineages);
    assert_string_equal(lineages_of(b, "buildid", "daybook_lineage"),
                        lineages_of(b, "id", "builds WHERE results = 0"));
}

static void check__a_column_that_keeps_daybook_from_writing_is_named(void **state)
{
    struct buildbot *b = *state;
    struct reports r = {.count = 0};
    adopt(b);
    buildbot_change(b, NEEDED_COLUMN(b));
    check(b, &r);
    assert_string_equal(r.findings, "unsafe steps.mood -9223372036854775808\n");
    assert_non_null(strstr(r.texts, "steps.mood must have a value"));
}

static void check__what_is_unsafe_is_said(void **state)
{
    struct buildbot *b = *state;
    struct reports r = {.count = 0};
    buildbot_change(b, "UPDATE alembic_version SET version_num = '099'");
    check(b, &r);
    assert_string_equal(r.findings, "unsafe database -9223372036854775808\n");
    assert_non_null(strstr(r.texts, "099"));
    adopt(b);
    FILES_ONLY(b);
    buildbot_change(b,
                    "UPDATE alembic_version SET version_num = '067'; PRAGMA journal_mode=DELETE");
    check(b, &r);
    assert_string_equal(r.findings, "missing journal -9223372036854775808\n");
    if (sqlite3_libversion_number() >= FAULTLESS_SQLITE)
        skip();
    buildbot_change(b, test_format("PRAGMA journal_mode=WAL;"
                                   "UPDATE masters SET active = 1, last_active = %lld",
                                   (long long)b->now - 60));
    check(b, &r);
    assert_string_equal(r.findings, "unsafe masters -9223372036854775808\n");
    assert_non_null(strstr(r.texts, "3.51.3"));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check__a_clean_database_has_nothing_adopted_or_not),
        cmocka_unit_test(check__each_kind_of_dirt_is_found_by_its_id),
        cmocka_unit_test(repair__of_a_masters_database_gives_the_sql_and_changes_nothing),
        cmocka_unit_test(repair__of_duplicate_properties_keeps_the_one_that_counts),
        cmocka_unit_test(check__a_finding_names_what_is_wrong),
        cmocka_unit_test(check__goes_through_every_row_by_ranges),
        cmocka_unit_test(check__cancelled_ends_and_says_so),
        cmocka_unit_test(check__others_have_their_turn_meanwhile),
        cmocka_unit_test(check__what_a_migration_dropped_is_named_with_the_command),
        cmocka_unit_test(check__a_dropped_table_is_off_until_it_is_made_again),
        cmocka_unit_test(check__a_column_that_keeps_daybook_from_writing_is_named),
        cmocka_unit_test(check__what_is_unsafe_is_said),
    };
    return buildbot_run("check", argc > 1 ? argv[1] : NULL, tests, COUNT_OF(tests));
}
