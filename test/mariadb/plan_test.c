/* How much of a table the server reads for an answer. */
#include "mariadb.h"
#include "server_load.h"
#include "wait.h"

enum { BUILDS = 4000, PAGE = 50, READ_MAX = 10 * PAGE };

/* Rows and index entries that were read since the server started. */
static int64_t count_read(const char *url)
{
    return mariadb_int(url, "SELECT sum(variable_value) FROM information_schema.global_status WHERE"
                            " variable_name IN ('HANDLER_READ_NEXT', 'HANDLER_READ_PREV',"
                            " 'HANDLER_READ_RND', 'INNODB_ROWS_READ')");
}

static void get_builds__by_number_within_a_builder_reads_its_page_alone(void **state)
{
    const char *url = mariadb_place();
    struct server_load load;
    struct dbk_spec *spec;
    struct answer a;
    (void)state;
    load_make_ground(url, &load);
    mariadb_run(url,
                test_format("INSERT INTO builds (number, builderid, buildrequestid, masterid,"
                            " started_at, locks_duration_s, state_string) SELECT seq DIV 2 + 1,"
                            " %d + seq %% 2, 1, 1, 0, 0, 'x' FROM seq_0_to_%d;"
                            " ANALYZE TABLE builds",
                            (int)load.builderids[0], BUILDS - 1));
    load.store = load_open(url, false);
    assert_int_equal(dbk_spec_parse("order=-number&limit=50", &spec, NULL), DBK_OK);
    for (int i = 0; i < 2; i++) { /* the first one also reads what is known of the tables */
        int64_t before = count_read(url);
        assert_int_equal(ASK(&a, load.store, on_builds, dbk_get_builds, load.builderids[0],
                             DBK_NONE, DBK_NONE, DBK_NONE, spec),
                         DBK_OK);
        assert_int_equal(a.page.count, PAGE);
        assert_int_equal(a.builds[0]->number, BUILDS / 2);
        assert_int_equal(a.builds[PAGE - 1]->number, BUILDS / 2 - PAGE + 1);
        if (i)
            assert_in_range(count_read(url) - before, 1, READ_MAX);
    }
    dbk_spec_free(spec);
    dbk_close_wait(load.store);
}

/* Asks twice, since the first one also reads what is known of the tables. Args: spec: of the builder, or of the worker. */
static void expect_page(const char *url, struct dbk_store *store, int64_t builderid,
                        int64_t workerid, const char *text, int64_t first)
{
    struct dbk_spec *spec;
    struct answer a;
    int64_t before = 0;
    assert_int_equal(dbk_spec_parse(text, &spec, NULL), DBK_OK);
    for (int i = 0; i < 2; i++) {
        before = count_read(url);
        assert_int_equal(ASK(&a, store, on_builds, dbk_get_builds, builderid, DBK_NONE, workerid,
                             DBK_NONE, spec),
                         DBK_OK);
    }
    int64_t read = count_read(url) - before;
    assert_int_equal(a.page.count, PAGE);
    assert_int_equal(builderid == DBK_NONE ? a.builds[0]->id : a.builds[0]->number, first);
    if (read < 1 || read > READ_MAX)
        fail_msg("%s: %d rows were read", text, (int)read);
    dbk_spec_free(spec);
}

typedef int neighbour_fn(struct dbk_store *store, int64_t builderid, int64_t number,
                         const struct dbk_call *call, dbk_build_fn *done, void *user);

static void expect_neighbour(const char *url, struct server_load *load, neighbour_fn *ask,
                             int64_t number, int64_t expected)
{
    struct answer a;
    int64_t before = 0;
    for (int i = 0; i < 2; i++) {
        before = count_read(url);
        assert_int_equal(ASK(&a, load->store, on_build, ask, load->builderids[0], number), DBK_OK);
    }
    assert_int_equal(a.build->number, expected);
    assert_in_range(count_read(url) - before, 0, READ_MAX); /* the first one is found by its key */
}

/* Most builds are one builder's, and one worker's: so an equality alone is a large part of the table. */
static void pages__from_the_middle_read_no_more_than_from_the_end(void **state)
{
    enum { MANY = 60000, MIDDLE = MANY / 4 };
    const char *url = mariadb_place();
    struct server_load load;
    (void)state;
    load_make_ground(url, &load);
    mariadb_run(
        url,
        test_format("INSERT INTO workers (name, info) VALUES ('w', '{}');"
                    "INSERT INTO builds (number, builderid, buildrequestid, workerid, masterid,"
                    " started_at, complete_at, locks_duration_s, state_string, results)"
                    " SELECT seq DIV 2 + 1, %d + seq %% 2, 1, (SELECT min(id) FROM workers), 1,"
                    " 0, 1000 + seq, 0, 'x', seq DIV 2 %% 3 FROM seq_0_to_%d;"
                    " ANALYZE TABLE builds",
                    (int)load.builderids[0], MANY - 1));
    int64_t firstid = mariadb_int(url, "SELECT min(id) FROM builds");
    int64_t workerid = mariadb_int(url, "SELECT min(id) FROM workers");
    load.store = load_open(url, false);
    expect_page(url, load.store, load.builderids[0], DBK_NONE,
                test_format("number__lt=%d&order=-number&limit=50", MIDDLE), MIDDLE - 1);
    expect_page(url, load.store, load.builderids[0], DBK_NONE,
                test_format("number__gt=%d&order=number&limit=50", MIDDLE), MIDDLE + 1);
    expect_page(url, load.store, load.builderids[0], DBK_NONE,
                test_format("results=0&number__lt=%d&order=-number&limit=50", MIDDLE), MIDDLE - 2);
    expect_page(url, load.store, DBK_NONE, workerid,
                test_format("id__lt=%d&order=-id&limit=50", (int)firstid + 2 * MIDDLE),
                firstid + 2 * MIDDLE - 1);
    expect_page(url, load.store, DBK_NONE, DBK_NONE, "order=-complete_at&limit=50",
                firstid + MANY - 1);
    expect_neighbour(url, &load, dbk_get_prev_build, MIDDLE, MIDDLE - 1);
    expect_neighbour(url, &load, dbk_get_next_build, MIDDLE, MIDDLE + 1);
    dbk_close_wait(load.store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(get_builds__by_number_within_a_builder_reads_its_page_alone),
        cmocka_unit_test(pages__from_the_middle_read_no_more_than_from_the_end),
    };
    if (!mariadb_folder())
        return 77; /* meson's word for a skip */
    return test_run("what MariaDB reads", tests, COUNT_OF(tests));
}
