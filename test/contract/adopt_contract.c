/* Letting daybook into a Buildbot database, and out of it again. */
#include "adoption.h"

enum { FAULTLESS_SQLITE = 3051003 };

static void adopt(struct buildbot *b)
{
    struct reports r = {.count = 0};
    if (long_run_alone(b, &r, dbk_adopt))
        fail_msg("%s", r.answer.error.message);
}

static void release(struct buildbot *b)
{
    struct reports r = {.count = 0};
    if (long_run_alone(b, &r, dbk_release))
        fail_msg("%s", r.answer.error.message);
}

/* -------------------------------------------------------------------------------- adopting ---- */

static void adopt__leaves_the_schema_of_every_buildbot_table_as_it_was(void **state)
{
    struct buildbot *b = *state;
    const char *before = buildbot_schema(b, false);
    adopt(b);
    assert_string_equal(buildbot_schema(b, false), before);
    assert_int_equal(
        buildbot_int(
            b, in_words_of(b,
                           "SELECT count(*) FROM sqlite_master WHERE (name LIKE 'daybook%'"
                           " AND tbl_name NOT LIKE 'daybook%' AND (type <> 'index'"
                           " OR sql LIKE '%UNIQUE%' OR sql LIKE '%WHERE%'))"
                           " OR type IN ('trigger', 'view')",
                           "SELECT (SELECT count(*) FROM pg_index WHERE indexrelid::regclass"
                           "::text LIKE 'daybook%' AND indrelid::regclass::text NOT LIKE"
                           " 'daybook%' AND (indisunique OR indpred IS NOT NULL OR indexprs IS"
                           " NOT NULL)) + (SELECT count(*) FROM pg_trigger WHERE NOT"
                           " tgisinternal) + (SELECT count(*) FROM pg_class WHERE relkind IN"
                           " ('v', 'm') AND relnamespace = current_schema()::regnamespace)",
                           "SELECT (SELECT count(*) FROM information_schema.statistics WHERE"
                           " table_schema = database() AND index_name LIKE 'daybook%' AND"
                           " table_name NOT LIKE 'daybook%' AND non_unique = 0) + (SELECT"
                           " count(*) FROM information_schema.triggers WHERE trigger_schema ="
                           " database()) + (SELECT count(*) FROM information_schema.tables"
                           " WHERE table_schema = database() AND table_type = 'VIEW')")),
        0);
    expect_whole(b);
    expect_journal(b, "wal");
}

static void adopt__is_seen_by_stores_that_are_opened_then(void **state)
{
    struct buildbot *b = *state;
    buildbot_open(b, "");
    assert_false(dbk_get_info(b->store)->is_adopted);
    assert_false(dbk_get_info(b->store)->has_events);
    buildbot_close(b);
    adopt(b);
    buildbot_open(b, "?writes=existing");
    assert_true(dbk_get_info(b->store)->is_adopted);
    assert_false(dbk_get_info(b->store)->is_own);
    assert_true(dbk_get_info(b->store)->has_events);
    assert_null(dbk_get_info(b->store)->warning);
}

static void adopt__dry_run_names_every_statement_and_changes_no_byte(void **state)
{
    struct buildbot *b = *state;
    struct reports dry = {.count = 0}, real = {.count = 0};
    const struct picture before = take_picture(b);
    buildbot_open(b, "");
    assert_int_equal(long_run(&dry, b->store, dbk_adopt, true), DBK_OK);
    buildbot_close(b);
    expect_picture(b, &before);
    expect_nothing_beside(b);
    assert_int_equal(long_run_alone(b, &real, dbk_adopt), DBK_OK);
    char *rest = NULL;
    for (char *line = strtok_r(real.statements, "\n", &rest); line;
         line = strtok_r(NULL, "\n", &rest))
        if (!strstr(dry.statements, line))
            fail_msg("the dry run did not name: %s", line);
    /* On MariaDB Buildbot's foreign keys have indexes. */
    static const char ROWS[] = "SELECT 2 * (SELECT count(*) FROM builds)"
                               " + 2 * (SELECT count(*) FROM buildsets)"
                               " + 2 * (SELECT count(*) FROM test_result_sets)"
                               " + (SELECT count(*) FROM test_results)"
                               " + (SELECT count(*) FROM buildset_sourcestamps)";
    assert_int_equal(
        dry.rows, buildbot_int(b, in_words_of(b, ROWS, ROWS, "SELECT 2 * count(*) FROM builds")));
}

static void adopt__a_second_time_does_nothing(void **state)
{
    struct buildbot *b = *state;
    struct reports again = {.count = 0};
    adopt(b);
    const char *schema = buildbot_schema(b, true);
    assert_int_equal(long_run_alone(b, &again, dbk_adopt), DBK_OK);
    assert_string_equal(again.statements, "");
    assert_string_equal(buildbot_schema(b, true), schema);
    assert_int_equal(buildbot_int(b, "SELECT count(*) FROM daybook_schema"), 1);
}

static void adopt__cancelled_after_any_turn_goes_on_when_it_is_done_again(void **state)
{
    struct buildbot *b = *state;
    adopt(b);
    const char *expected = buildbot_schema(b, true);
    int64_t lineages = buildbot_int(b, "SELECT count(*) FROM daybook_lineage");
    assert_true(lineages > 0);
    int cancelled = 0;
    for (int after = 1;; after++) {
        struct reports r = {.cancel_after = after};
        release(b);
        int status = long_run_alone(b, &r, dbk_adopt);
        if (r.count < after)
            break;
        assert_int_equal(status, r.cancelled == DBK_OK ? DBK_CANCELLED : DBK_OK);
        if (status) {
            cancelled++;
            assert_int_equal(r.answer.error.outcome, DBK_DONE);
        }
        buildbot_open(b, "?writes=existing");
        assert_int_equal(dbk_get_info(b->store)->is_adopted, status == DBK_OK);
        buildbot_close(b);
        adopt(b);
        assert_string_equal(buildbot_schema(b, true), expected);
        assert_int_equal(buildbot_int(b, "SELECT count(*) FROM daybook_lineage"), lineages);
    }
    assert_true(cancelled >= 10);
}

static void adopt__makes_again_what_a_migration_dropped(void **state)
{
    struct buildbot *b = *state;
    struct reports again = {.count = 0};
    adopt(b);
    const char *expected = buildbot_schema(b, true);
    static const char DROP[] = "DROP INDEX daybook_builds_complete; DROP TABLE daybook_lineage";
    buildbot_change(b, in_words_of(b, DROP, DROP,
                                   "DROP INDEX daybook_builds_complete ON builds;"
                                   " DROP TABLE daybook_lineage"));
    assert_int_equal(long_run_alone(b, &again, dbk_adopt), DBK_OK);
    assert_string_equal(buildbot_schema(b, true), expected);
}

static void expect_refusal(struct reports *r, int status, enum dbk_status expected,
                           const char *words)
{
    assert_int_equal(status, expected);
    if (!strstr(r->answer.error.message, words))
        fail_msg("%s: no '%s'", r->answer.error.message, words);
}

static void adopt__needs_a_store_that_is_exclusive_and_may_be_written(void **state)
{
    struct buildbot *b = *state;
    struct reports r = {.count = 0};
    long_fn *functions[] = {dbk_adopt, dbk_release};
    for (size_t i = 0; i < COUNT_OF(functions); i++) {
        buildbot_open(b, "?writes=master");
        expect_refusal(&r, long_run(&r, b->store, functions[i], false), DBK_UNSUPPORTED,
                       "is_exclusive");
        buildbot_close(b);
        buildbot_open(b, "?mode=ro");
        expect_refusal(&r, long_run(&r, b->store, functions[i], false), DBK_READ_ONLY, "mode=ro");
        buildbot_close(b);
        buildbot_open_exclusive(b, "?mode=ro", false);
        expect_refusal(&r, long_run(&r, b->store, functions[i], false), DBK_READ_ONLY, "mode=ro");
        buildbot_close(b);
    }
    buildbot_open_exclusive(b, "", false);
    expect_refusal(&r, long_run(&r, b->store, dbk_upgrade, false), DBK_UNSUPPORTED,
                   "daybook adopt");
}

static void is_exclusive__does_not_let_records_be_written(void **state)
{
    struct buildbot *b = *state;
    struct answer a;
    buildbot_open_exclusive(b, "", false);
    assert_int_equal(ASK(&a, b->store, on_done, dbk_set_build_state_string, 1, "x"), DBK_READ_ONLY);
    assert_int_equal(ASK(&a, b->store, on_build, dbk_get_build, 1), DBK_OK);
    assert_non_null(a.build);
}

static void adopt__a_store_of_daybooks_own_is_refused(void **state)
{
    struct buildbot *b = *state;
    struct reports r = {.count = 0};
    struct dbk_options options = DBK_OPTIONS_INIT;
    options.is_created = options.is_exclusive = true;
    assert_int_equal(dbk_open(b->engine->place(), &options, &b->store, NULL), DBK_OK);
    expect_refusal(&r, long_run(&r, b->store, dbk_adopt, false), DBK_UNSUPPORTED, "own");
    expect_refusal(&r, long_run(&r, b->store, dbk_release, false), DBK_UNSUPPORTED, "own");
    assert_int_equal(long_run(&r, b->store, dbk_upgrade, false), DBK_OK);
    assert_string_equal(r.statements, "");
}

/* ------------------------------------------------------------------------- writing to one ---- */

static void adopted__writes_leave_events_keys_and_lineages(void **state)
{
    struct buildbot *b = *state;
    struct answer a, again;
    adopt(b);
    const char *schema = buildbot_schema(b, true);
    buildbot_open(b, "?writes=master");
    answer_begin(&a);
    a.call.key = "k";
    assert_int_equal(
        answer_end(&a, b->store,
                   dbk_add_build(b->store, 1, 5, 1, 1, "x", &a.call, on_added_build, &a)),
        DBK_OK);
    answer_begin(&again);
    again.call.key = "k";
    assert_int_equal(
        answer_end(&again, b->store,
                   dbk_add_build(b->store, 1, 5, 1, 1, "x", &again.call, on_added_build, &again)),
        DBK_OK);
    assert_int_equal(again.id, a.id);
    assert_int_equal(ASK(&again, b->store, on_done, dbk_finish_build, a.id, 0), DBK_OK);
    assert_int_equal(buildbot_int(b, test_format("SELECT count(*) FROM daybook_lineage WHERE"
                                                 " buildid = %lld AND complete_at = %lld",
                                                 (long long)a.id, (long long)b->now)),
                     1);
    assert_int_equal(ASK(&again, b->store, on_events, dbk_get_events, 0, NULL), DBK_OK);
    assert_int_equal(again.page.count, 2);
    assert_string_equal(again.events[0]->verb, "new");
    assert_string_equal(again.events[1]->verb, "finished");
    assert_int_equal(again.events[1]->buildid, a.id);
    buildbot_close(b);
    expect_whole(b);
    assert_string_equal(buildbot_schema(b, true), schema);
}

static void adopted__a_position_is_not_given_twice_when_all_events_are_old(void **state)
{
    struct buildbot *b = *state;
    struct answer a;
    adopt(b);
    int64_t last = 0;
    for (int week = 0; week < 4; week++) {
        buildbot_open(b, "?writes=existing");
        for (int i = 0; i < 3; i++)
            assert_int_equal(ASK(&a, b->store, on_done, dbk_set_build_state_string, 1, "x"),
                             DBK_OK);
        buildbot_close(b);
        assert_true(buildbot_int(b, "SELECT min(position) FROM daybook_events") > last - 3);
        int64_t newest = buildbot_int(b, "SELECT max(position) FROM daybook_events");
        assert_int_equal(newest, last + 3);
        last = newest;
        b->now += 30 * 24 * 60 * 60;
    }
    assert_true(buildbot_int(b, "SELECT count(*) FROM daybook_events") < 12);
}

/* ------------------------------------------------------------------------------- releasing ---- */

static void release__schema_and_journal_are_what_they_were_and_records_stay(void **state)
{
    struct buildbot *b = *state;
    struct answer a;
    const char *before = buildbot_schema(b, true);
    adopt(b);
    buildbot_open(b, "?writes=existing");
    assert_int_equal(ASK(&a, b->store, on_done, dbk_set_build_state_string, 1, "changed"), DBK_OK);
    buildbot_close(b);
    release(b);
    assert_string_equal(buildbot_schema(b, true), before);
    expect_journal(b, "delete");
    expect_whole(b);
    assert_string_equal(buildbot_text(b, "SELECT state_string FROM builds WHERE id = 1"),
                        "changed");
    buildbot_open(b, "");
    assert_false(dbk_get_info(b->store)->is_adopted);
}

static void release__leaves_a_log_that_was_there_before(void **state)
{
    struct buildbot *b = *state;
    FILES_ONLY(b);
    buildbot_change(b, "PRAGMA journal_mode=WAL");
    adopt(b);
    release(b);
    expect_journal(b, "wal");
}

static void release__dry_run_names_every_statement_and_changes_nothing(void **state)
{
    struct buildbot *b = *state;
    struct reports dry = {.count = 0}, real = {.count = 0};
    adopt(b);
    const char *schema = buildbot_schema(b, true);
    buildbot_open(b, "");
    assert_int_equal(long_run(&dry, b->store, dbk_release, true), DBK_OK);
    buildbot_close(b);
    assert_string_equal(buildbot_schema(b, true), schema);
    assert_int_equal(long_run_alone(b, &real, dbk_release), DBK_OK);
    assert_string_equal(dry.statements, real.statements);
    assert_non_null(strstr(real.statements, "DROP TABLE daybook_events"));
}

static void release__with_another_program_at_the_database_changes_nothing(void **state)
{
    struct buildbot *b = *state;
    struct reports r = {.count = 0};
    FILES_ONLY(b);
    adopt(b);
    const char *schema = buildbot_schema(b, true);
    sqlite3 *other = raw_open(b->path);
    raw_int_on(other, "SELECT count(*) FROM builds");
    buildbot_open_exclusive(b, "", false);
    expect_refusal(&r, long_run(&r, b->store, dbk_release, false), DBK_BUSY, "another program");
    assert_string_equal(buildbot_schema(b, true), schema);
    expect_journal(b, "wal");
}

/* --------------------------------------------------------------------- beside a master ---- */

static void run_master(struct buildbot *b)
{
    buildbot_change(
        b, test_format("PRAGMA journal_mode=WAL; UPDATE masters SET active = 1, last_active = %lld",
                       (long long)b->now - 60));
}

static void adopt__beside_a_running_master_is_refused_unless_forced(void **state)
{
    struct buildbot *b = *state;
    struct reports r = {.count = 0};
    FILES_ONLY(b);
    if (sqlite3_libversion_number() >= FAULTLESS_SQLITE)
        skip();
    run_master(b);
    const char *schema = buildbot_schema(b, true);
    expect_refusal(&r, long_run_alone(b, &r, dbk_adopt), DBK_UNSUPPORTED, "stop the master");
    assert_string_equal(buildbot_schema(b, true), schema);
    for (int way = 0; way < 2; way++) {
        buildbot_open_exclusive(b, way ? "?master=stopped" : "", !way);
        assert_int_equal(long_run(&r, b->store, dbk_adopt, false), DBK_OK);
        buildbot_close(b);
        expect_refusal(&r, long_run_alone(b, &r, dbk_release), DBK_UNSUPPORTED, "stop the master");
        buildbot_open_exclusive(b, way ? "?master=stopped" : "", !way);
        assert_int_equal(long_run(&r, b->store, dbk_release, false), DBK_OK);
        buildbot_close(b);
    }
    b->now += 3600; /* it has not been heard of for long */
    adopt(b);
}

static void
writes_existing__beside_a_running_master_are_refused_unless_it_is_said_to_be_stopped(void **state)
{
    struct buildbot *b = *state;
    struct answer a;
    FILES_ONLY(b);
    if (sqlite3_libversion_number() >= FAULTLESS_SQLITE)
        skip();
    run_master(b);
    buildbot_open(b, "?writes=existing");
    assert_true(dbk_get_info(b->store)->is_read_only);
    assert_int_equal(ASK(&a, b->store, on_done, dbk_set_build_state_string, 1, "x"),
                     DBK_UNSUPPORTED);
    assert_non_null(strstr(a.error.message, "master=stopped"));
    assert_int_equal(ASK(&a, b->store, on_build, dbk_get_build, 1), DBK_OK);
    buildbot_close(b);
    const char *allowed[] = {"?writes=existing&master=stopped", "?writes=master"};
    for (size_t i = 0; i < COUNT_OF(allowed); i++) {
        buildbot_open(b, allowed[i]);
        assert_int_equal(ASK(&a, b->store, on_done, dbk_set_build_state_string, 1, "x"), DBK_OK);
        buildbot_close(b);
    }
    struct dbk_error error;
    assert_int_equal(dbk_open("sqlite:///x?master=gone", NULL, &b->store, &error), DBK_INVALID);
    assert_non_null(strstr(error.message, "stopped"));
}

/* ---------------------------------------------------------------------- newer databases ---- */

static void open__an_unknown_revision_is_read_with_one_warning(void **state)
{
    struct buildbot *b = *state;
    struct answer a;
    buildbot_change(b, "UPDATE alembic_version SET version_num = '099'");
    buildbot_open(b, "?writes=existing");
    assert_non_null(strstr(dbk_get_info(b->store)->warning, "099"));
    assert_int_equal(ASK(&a, b->store, on_build, dbk_get_build, 1), DBK_OK);
    assert_non_null(a.build);
    assert_int_equal(ASK(&a, b->store, on_done, dbk_set_build_state_string, 1, "x"), DBK_OK);
}

static void writes__are_refused_by_the_name_of_a_new_column_that_must_have_a_value(void **state)
{
    struct buildbot *b = *state;
    struct answer a;
    buildbot_change(b, NEEDED_COLUMN(b));
    buildbot_open(b, "?writes=master");
    assert_true(dbk_get_info(b->store)->is_read_only);
    assert_int_equal(ASK(&a, b->store, on_added_step, dbk_add_step, 1, "x", "x"), DBK_UNSUPPORTED);
    assert_non_null(strstr(a.error.message, "steps.mood"));
    assert_int_equal(ASK(&a, b->store, on_build, dbk_get_build, 1), DBK_OK);
    buildbot_close(b);
}

static void writes__a_new_column_with_a_default_or_none_needed_is_nothing(void **state)
{
    struct buildbot *b = *state;
    struct answer a;
    buildbot_change(b, "ALTER TABLE steps ADD COLUMN mood TEXT NOT NULL DEFAULT 'fine';"
                       "ALTER TABLE builds ADD COLUMN mood TEXT");
    buildbot_open(b, "?writes=master");
    assert_int_equal(ASK(&a, b->store, on_added_step, dbk_add_step, 1, "x", "x"), DBK_OK);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adopt__leaves_the_schema_of_every_buildbot_table_as_it_was),
        cmocka_unit_test(adopt__is_seen_by_stores_that_are_opened_then),
        cmocka_unit_test(adopt__dry_run_names_every_statement_and_changes_no_byte),
        cmocka_unit_test(adopt__a_second_time_does_nothing),
        cmocka_unit_test(adopt__cancelled_after_any_turn_goes_on_when_it_is_done_again),
        cmocka_unit_test(adopt__makes_again_what_a_migration_dropped),
        cmocka_unit_test(adopt__needs_a_store_that_is_exclusive_and_may_be_written),
        cmocka_unit_test(is_exclusive__does_not_let_records_be_written),
        cmocka_unit_test(adopt__a_store_of_daybooks_own_is_refused),
        cmocka_unit_test(adopted__writes_leave_events_keys_and_lineages),
        cmocka_unit_test(adopted__a_position_is_not_given_twice_when_all_events_are_old),
        cmocka_unit_test(release__schema_and_journal_are_what_they_were_and_records_stay),
        cmocka_unit_test(release__leaves_a_log_that_was_there_before),
        cmocka_unit_test(release__dry_run_names_every_statement_and_changes_nothing),
        cmocka_unit_test(release__with_another_program_at_the_database_changes_nothing),
        cmocka_unit_test(adopt__beside_a_running_master_is_refused_unless_forced),
        cmocka_unit_test(
            writes_existing__beside_a_running_master_are_refused_unless_it_is_said_to_be_stopped),
        cmocka_unit_test(open__an_unknown_revision_is_read_with_one_warning),
        cmocka_unit_test(writes__are_refused_by_the_name_of_a_new_column_that_must_have_a_value),
        cmocka_unit_test(writes__a_new_column_with_a_default_or_none_needed_is_nothing),
    };
    return buildbot_run("adopt", argc > 1 ? argv[1] : NULL, tests, COUNT_OF(tests));
}
