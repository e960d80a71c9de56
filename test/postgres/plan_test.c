/* How much of its tables PostgreSQL reads for an answer. */
#include "adoption.h"
#include "buildbot_postgres.h"
#include "postgres.h"

#include <time.h>

enum { BUILDS = 2000, PROPERTIES = 14, PAGE = 50, FEW = 100, DEADLINE_S = 60 };

static const char *fixture;

/* A copy of the fixture, with many builds of one builder, all of one buildset with one sourcestamp and successful. */
static const char *make_place(int64_t *out_first_id)
{
    const char *url = buildbot_postgres_place(fixture);
    postgres_run(
        url, test_format("INSERT INTO builders (id, name, name_hash) VALUES (1000, 'p', 'p');"
                         "INSERT INTO sourcestamps (id, ss_hash, repository, codebase, project,"
                         " created_at) VALUES (1000, 'p', 'r', '', '', 0);"
                         "INSERT INTO buildsets (id, reason, submitted_at, complete)"
                         " VALUES (1000, '', 0, 0);"
                         "INSERT INTO buildset_sourcestamps (id, buildsetid, sourcestampid)"
                         " VALUES (1000, 1000, 1000);"
                         "INSERT INTO buildrequests (id, buildsetid, builderid, priority,"
                         " complete, submitted_at, waited_for) VALUES (1000, 1000, 1000, 0, 0, 0,"
                         " 0);"
                         "INSERT INTO builds (id, number, builderid, buildrequestid, masterid,"
                         " started_at, complete_at, locks_duration_s, state_string, results)"
                         " SELECT 1000 + i, i, 1000, 1000, (SELECT min(id) FROM masters), i,"
                         " 10 + i, 0, '', 0 FROM generate_series(1, %d) i;"
                         "INSERT INTO build_properties (buildid, name, value, source)"
                         " SELECT 1000 + i, 'name ' || j, '1', 'test'"
                         " FROM generate_series(1, %d) i, generate_series(1, %d) j;"
                         "ANALYZE",
                         BUILDS, BUILDS, PROPERTIES));
    *out_first_id = 1001;
    return url;
}

static void adopt(const char *url)
{
    struct dbk_options options = DBK_OPTIONS_INIT;
    struct reports reports = {.count = 0};
    struct dbk_store *store;
    options.is_exclusive = true;
    assert_int_equal(dbk_open(url, &options, &store, NULL), DBK_OK);
    assert_int_equal(long_run(&reports, store, dbk_adopt, false), DBK_OK);
    dbk_close_wait(store);
}

/* A connection's counts are there when it has ended. */
static struct dbk_store *open_to_count(const char *url)
{
    struct dbk_store *store;
    postgres_forget_counts(url);
    assert_int_equal(dbk_open(url, NULL, &store, NULL), DBK_OK);
    return store;
}

static void get_properties_of__goes_through_no_whole_table(void **state)
{
    int64_t first, ids[PAGE];
    const char *url = make_place(&first);
    struct dbk_store *store = open_to_count(url);
    struct answer a;
    (void)state;
    for (int i = 0; i < PAGE; i++)
        ids[i] = first + BUILDS / 2 + i;
    assert_int_equal(ASK(&a, store, on_properties, dbk_get_properties_of, ids, PAGE), DBK_OK);
    assert_int_equal(a.page.count, PAGE * PROPERTIES);
    dbk_close_wait(store);
    postgres_settle_counts(url);
    assert_int_equal(postgres_int(url, "SELECT seq_tup_read FROM pg_stat_user_tables"
                                       " WHERE relname = 'build_properties'"
                                       " AND schemaname = current_schema()"),
                     0);
    assert_int_not_equal(postgres_int(url, "SELECT idx_tup_fetch FROM pg_stat_user_tables"
                                           " WHERE relname = 'build_properties'"
                                           " AND schemaname = current_schema()"),
                         0);
}

/* Asks for the builds of a lineage, all of whose are in the table. Result: the number found, or 0. */
static int64_t ask_previous(const char *url, const char *repository)
{
    const struct dbk_codebase codebase = {repository, NULL, ""};
    struct dbk_store *store = open_to_count(url);
    struct answer a;
    assert_int_equal(
        ASK(&a, store, on_build, dbk_get_prev_successful_build, 1000, BUILDS, &codebase, 1),
        DBK_OK);
    dbk_close_wait(store);
    postgres_settle_counts(url);
    return a.build ? a.build->number : 0;
}

static void get_prev_successful_build__of_a_new_lineage_reads_no_set_of_its_table(void **state)
{
    int64_t first;
    const char *url = make_place(&first);
    (void)state;
    adopt(url);
    postgres_run(url, "ANALYZE");
    assert_int_equal(ask_previous(url, "other"), 0);
    assert_in_range(postgres_rows_read(url, "sourcestamps"), 0, FEW);
}

/* Whether its tables were analysed or not: what was adopted a moment ago is not. */
static void get_prev_successful_build__reads_the_first_candidate_of_its_table(void **state)
{
    static const char *const tables[] = {"builds", "sourcestamps", "daybook_lineage"};
    int64_t first;
    const char *url = make_place(&first);
    (void)state;
    adopt(url);
    for (int is_analysed = 0; is_analysed < 2; is_analysed++) {
        assert_int_equal(ask_previous(url, "r"), BUILDS - 1);
        for (size_t i = 0; i < COUNT_OF(tables); i++)
            assert_in_range(postgres_rows_read(url, tables[i]), 0, FEW);
        postgres_run(url, "ANALYZE");
    }
}

/* A store of its own, with a build, and MANY more of its builder and lineage behind it. */
static const char *make_own_place(int many, const struct dbk_codebase *codebase,
                                  int64_t *out_builderid)
{
    const char *url = postgres_place();
    struct dbk_options options = DBK_OPTIONS_INIT;
    struct dbk_sourcestamp_key stamp = DBK_SOURCESTAMP_KEY_INIT;
    const struct dbk_sourcestamp_key *stamps[] = {&stamp};
    struct dbk_new_build build = DBK_NEW_BUILD_INIT;
    struct dbk_store *store;
    struct answer a;
    options.is_created = true;
    assert_int_equal(dbk_open(url, &options, &store, NULL), DBK_OK);
    stamp.repository = codebase->repository;
    stamp.codebase = codebase->codebase;
    build.builder = "b";
    build.results = DBK_SUCCESS;
    build.sourcestamps = stamps;
    build.sourcestamp_count = 1;
    assert_int_equal(ASK(&a, store, on_added_build, dbk_record_build, &build), DBK_OK);
    dbk_close_wait(store);
    *out_builderid = postgres_int(url, "SELECT min(builderid) FROM builds");
    postgres_run(
        url,
        test_format("INSERT INTO builds (number, builderid, buildrequestid, masterid, started_at,"
                    " complete_at, locks_duration_s, state_string, results) SELECT 1 + i,"
                    " builderid, buildrequestid, masterid, started_at, complete_at + i, 0, '', 0"
                    " FROM builds, generate_series(1, %d) i;"
                    "INSERT INTO daybook_lineage (builderid, lineage_hash, complete_at, number,"
                    " buildid) SELECT b.builderid, l.lineage_hash, b.complete_at, b.number, b.id"
                    " FROM builds b, daybook_lineage l WHERE b.number > 1; ANALYZE",
                    many));
    return url;
}

static void get_prev_successful_build__of_a_long_lineage_reads_its_first(void **state)
{
    enum { MANY = 50000 };
    static const char *const tables[] = {"builds", "daybook_lineage"};
    const struct dbk_codebase codebase = {"r", NULL, ""};
    int64_t builderid;
    const char *url = make_own_place(MANY, &codebase, &builderid);
    struct dbk_store *store = open_to_count(url);
    struct answer a;
    (void)state;
    assert_int_equal(
        ASK(&a, store, on_build, dbk_get_prev_successful_build, builderid, MANY, &codebase, 1),
        DBK_OK);
    dbk_close_wait(store);
    postgres_settle_counts(url);
    assert_int_equal(a.build->number, MANY - 1);
    for (size_t i = 0; i < COUNT_OF(tables); i++)
        assert_in_range(postgres_rows_read(url, tables[i]), 0, FEW);
}

static void pass_over(void *user, const struct dbk_report *report)
{
    (void)user;
    (void)report;
}

/* A turn has room for a build or a few, and looks for no more. */
static void prune__reads_about_what_it_deletes(void **state)
{
    enum { MANY = 1000, ROWS_OF_A_BUILD = 60 };
    const struct dbk_codebase codebase = {"r", NULL, ""};
    struct dbk_prune_options options = DBK_PRUNE_OPTIONS_INIT;
    struct dbk_retention *retention;
    int64_t builderid;
    const char *url = make_own_place(MANY, &codebase, &builderid);
    struct dbk_store *store;
    struct answer a;
    (void)state;
    postgres_run(url, "UPDATE builds SET started_at = 0, complete_at = number;"
                      "UPDATE daybook_lineage SET complete_at = number;"
                      "UPDATE buildrequests SET submitted_at = 0, complete_at = 1;"
                      "UPDATE buildsets SET submitted_at = 0, complete_at = 1");
    store = open_to_count(url);
    options.batch_ms = 1;
    assert_int_equal(dbk_retention_parse("builds = * keep 1", &retention, NULL), DBK_OK);
    answer_begin(&a);
    assert_int_equal(
        answer_end(&a, store,
                   dbk_prune(store, retention, &options, &a.call, pass_over, on_done, &a)),
        DBK_OK);
    dbk_retention_free(retention);
    dbk_close_wait(store);
    postgres_settle_counts(url);
    assert_int_equal(postgres_int(url, "SELECT count(*) FROM builds"), 1);
    assert_in_range(postgres_rows_read(url, "builds"), MANY, ROWS_OF_A_BUILD * MANY);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(get_properties_of__goes_through_no_whole_table),
        cmocka_unit_test(get_prev_successful_build__of_a_new_lineage_reads_no_set_of_its_table),
        cmocka_unit_test(get_prev_successful_build__reads_the_first_candidate_of_its_table),
        cmocka_unit_test(get_prev_successful_build__of_a_long_lineage_reads_its_first),
        cmocka_unit_test(prune__reads_about_what_it_deletes),
    };
    fixture = argc > 1 ? argv[1] : NULL;
    if (!postgres_folder())
        return 77; /* meson's word for a skip */
    return test_run("what PostgreSQL reads", tests, COUNT_OF(tests));
}
