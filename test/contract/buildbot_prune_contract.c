/* Pruning a copy of a master's database: a build takes along all that hangs on it there. */
#include "adoption.h"

enum { DAY = 24 * 60 * 60, KEPT = 3 };

static const char RULES[] = "builds = * keep 3";

static void adopt(struct buildbot *b)
{
    struct reports r = {.count = 0};
    if (long_run_alone(b, &r, dbk_adopt))
        fail_msg("%s", r.answer.error.message);
}

/* What a master with logs and test results has; one log has more chunks than a turn takes. */
static void add_logs_and_tests(struct buildbot *b)
{
    const char *content = blob_literal(b, "414243");
    buildbot_change(b, "INSERT INTO logs (name, slug, stepid, complete, num_lines, type)"
                       " SELECT 'stdio', 'stdio', id, 1, 10, 's' FROM steps WHERE number < 2");
    for (int i = 0; i < 2; i++)
        buildbot_change(b, test_format("INSERT INTO logchunks (logid, first_line, last_line,"
                                       " content, compressed) SELECT id, %d, %d, %s, 0 FROM logs",
                                       5 * i, 5 * i + 4, content));
    buildbot_change(b,
                    test_format("INSERT INTO logchunks (logid, first_line, last_line, content,"
                                " compressed) SELECT (SELECT min(id) FROM logs), id + 10, id + 10,"
                                " %s, 0 FROM steps",
                                content));
    buildbot_change(b, "INSERT INTO test_result_sets (builderid, buildid, stepid, category,"
                       " value_unit, complete) SELECT b.builderid, b.id, s.id, 'c', 'u', 1"
                       " FROM builds b JOIN steps s ON s.buildid = b.id WHERE s.number < 2");
    buildbot_change(b, "INSERT INTO test_results (builderid, test_result_setid, value)"
                       " SELECT t.builderid, t.id, 'ok' FROM test_result_sets t, masters m");
}

static void take_sum(void *user, const struct dbk_report *report)
{
    struct reports *r = user;
    if (report->kind == DBK_REPORT_SUM)
        r->texts = test_format("%s%s %lld\n", r->texts, report->subject, (long long)report->rows);
}

static int prune(struct buildbot *b, struct reports *r, bool is_dry_run)
{
    struct dbk_retention *retention;
    struct dbk_prune_options options = DBK_PRUNE_OPTIONS_INIT;
    *r = (struct reports){.texts = test_copy("")};
    options.is_dry_run = is_dry_run;
    assert_int_equal(dbk_retention_parse(RULES, &retention, NULL), DBK_OK);
    answer_begin(&r->answer);
    int status =
        answer_end(&r->answer, b->store,
                   dbk_prune(b->store, retention, &options, &r->answer.call, take_sum, on_done, r));
    dbk_retention_free(retention);
    return status;
}

/* Rows that hang on nothing, by the foreign keys that Buildbot's tables have. */
static void expect_no_orphans(struct buildbot *b)
{
    static const char *const links[][3] = {
        {"steps", "buildid", "builds"},
        {"build_properties", "buildid", "builds"},
        {"build_data", "buildid", "builds"},
        {"logs", "stepid", "steps"},
        {"logchunks", "logid", "logs"},
        {"test_result_sets", "buildid", "builds"},
        {"test_result_sets", "stepid", "steps"},
        {"test_results", "test_result_setid", "test_result_sets"},
        {"builds", "buildrequestid", "buildrequests"},
        {"buildrequest_claims", "brid", "buildrequests"},
        {"buildrequests", "buildsetid", "buildsets"},
        {"buildset_properties", "buildsetid", "buildsets"},
        {"buildset_sourcestamps", "buildsetid", "buildsets"},
        {"buildsets", "parent_buildid", "builds"},
        {"buildsets", "rebuilt_buildid", "builds"},
        {"daybook_lineage", "buildid", "builds"},
    };
    for (size_t i = 0; i < COUNT_OF(links); i++)
        if (buildbot_int(b, test_format("SELECT count(*) FROM %s WHERE %s IS NOT NULL AND %s NOT IN"
                                        " (SELECT id FROM %s)",
                                        links[i][0], links[i][1], links[i][1], links[i][2])))
            fail_msg("%s.%s names what is gone", links[i][0], links[i][1]);
    expect_whole(b);
}

static const char EMPTY_REQUESTS[] = "SELECT count(*) FROM buildrequests WHERE complete = 1 AND id"
                                     " NOT IN (SELECT buildrequestid FROM builds)";
static const char EMPTY_SETS[] = "SELECT count(*) FROM buildsets WHERE complete = 1 AND id"
                                 " NOT IN (SELECT buildsetid FROM buildrequests)";

static void prune__takes_along_all_that_hangs_on_a_build(void **state)
{
    struct buildbot *b = *state;
    struct reports dry, wet;
    add_logs_and_tests(b);
    adopt(b);
    int64_t builds = buildbot_int(b, "SELECT count(*) FROM builds");
    int64_t requests = buildbot_int(b, EMPTY_REQUESTS), sets = buildbot_int(b, EMPTY_SETS);
    int64_t stamps = buildbot_int(b, "SELECT count(*) FROM sourcestamps");
    b->now += 3 * DAY;
    buildbot_open(b, "?writes=existing");
    assert_int_equal(prune(b, &dry, true), DBK_OK);
    if (prune(b, &wet, false))
        fail_msg("%s", wet.answer.error.message);
    buildbot_close(b);
    for (const char *const *word =
             (const char *const[]){"builds ", "steps ", "build_properties ", "build_data ", "logs ",
                                   "logchunks ", "test_result_sets ", "test_results ",
                                   "buildrequests ", "buildsets ", NULL};
         *word; word++)
        assert_non_null(strstr(wet.texts, *word));
    /* Of buildsets that several builds share the dry run says how many at most. */
    assert_int_equal(
        strncmp(dry.texts, wet.texts, (size_t)(strstr(wet.texts, "buildsets ") - wet.texts)), 0);
    assert_true(buildbot_int(b, "SELECT count(*) FROM builds") < builds / 2);
    assert_int_equal(buildbot_int(b, test_format("SELECT count(*) FROM builders r WHERE (SELECT"
                                                 " count(*) FROM builds b WHERE b.builderid ="
                                                 " r.id) BETWEEN 1 AND %d",
                                                 KEPT - 1)),
                     0);
    assert_int_equal(buildbot_int(b, EMPTY_REQUESTS), requests);
    assert_int_equal(buildbot_int(b, EMPTY_SETS), sets);
    assert_int_equal(buildbot_int(b, "SELECT count(*) FROM sourcestamps"), stamps);
    expect_no_orphans(b);
}

static void prune__leaves_requests_that_are_not_complete(void **state)
{
    struct buildbot *b = *state;
    struct reports r;
    adopt(b);
    buildbot_change(b, "UPDATE buildrequests SET complete = 0, complete_at = NULL");
    int64_t requests = buildbot_int(b, "SELECT count(*) FROM buildrequests");
    b->now += 3 * DAY;
    buildbot_open(b, "?writes=existing");
    assert_int_equal(prune(b, &r, false), DBK_OK);
    assert_non_null(strstr(r.texts, "builds "));
    buildbot_close(b);
    assert_int_equal(buildbot_int(b, "SELECT count(*) FROM buildrequests"), requests);
    expect_no_orphans(b);
}

static void prune__needs_an_adopted_database_and_leave_to_write(void **state)
{
    struct buildbot *b = *state;
    struct reports r;
    b->now += 3 * DAY;
    buildbot_open(b, "?writes=existing");
    assert_int_equal(prune(b, &r, false), DBK_UNSUPPORTED);
    assert_non_null(strstr(r.answer.error.message, "daybook adopt"));
    buildbot_close(b);
    adopt(b);
    buildbot_open(b, "");
    assert_int_equal(prune(b, &r, false), DBK_READ_ONLY);
    assert_non_null(strstr(r.answer.error.message, "?writes=existing"));
}

static void prune__without_an_index_that_it_needs_names_it(void **state)
{
    struct buildbot *b = *state;
    struct reports r;
    if (b->engine->words == IN_MARIADB)
        skip(); /* its foreign keys have their indexes from the server */
    adopt(b);
    buildbot_change(b, "DROP INDEX daybook_test_results_set");
    b->now += 3 * DAY;
    buildbot_open(b, "?writes=existing");
    int64_t builds = buildbot_int(b, "SELECT count(*) FROM builds");
    assert_int_equal(prune(b, &r, false), DBK_UNSUPPORTED);
    assert_non_null(strstr(r.answer.error.message, "daybook_test_results_set"));
    assert_int_equal(buildbot_int(b, "SELECT count(*) FROM builds"), builds);
}

static void take_nothing(void *user, const struct dbk_report *report)
{
    (void)user;
    (void)report;
}

static void erase__of_contents_takes_logs_and_test_results_along(void **state)
{
    struct buildbot *b = *state;
    struct answer a;
    add_logs_and_tests(b);
    adopt(b);
    int64_t buildid = buildbot_int(b, "SELECT max(buildid) FROM steps");
    int64_t builds = buildbot_int(b, "SELECT count(*) FROM builds");
    buildbot_open(b, "?writes=existing");
    answer_begin(&a);
    if (answer_end(&a, b->store,
                   dbk_erase(b->store, buildid, DBK_ERASE_CONTENTS, NULL, false, &a.call,
                             take_nothing, on_done, &a)))
        fail_msg("%s", a.error.message);
    buildbot_close(b);
    assert_int_equal(buildbot_int(b, "SELECT count(*) FROM builds"), builds);
    for (const char *const *table = (const char *const[]){"steps", "build_properties", "build_data",
                                                          "test_result_sets", NULL};
         *table; table++)
        assert_int_equal(buildbot_int(b, test_format("SELECT count(*) FROM %s WHERE buildid = %lld",
                                                     *table, (long long)buildid)),
                         0);
    expect_no_orphans(b);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prune__takes_along_all_that_hangs_on_a_build),
        cmocka_unit_test(prune__leaves_requests_that_are_not_complete),
        cmocka_unit_test(prune__needs_an_adopted_database_and_leave_to_write),
        cmocka_unit_test(prune__without_an_index_that_it_needs_names_it),
        cmocka_unit_test(erase__of_contents_takes_logs_and_test_results_along),
    };
    return argc < 2 ? 1 : buildbot_run("buildbot prune", argv[1], tests, COUNT_OF(tests));
}
