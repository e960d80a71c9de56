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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(get_builds__by_number_within_a_builder_reads_its_page_alone),
    };
    if (!mariadb_folder())
        return 77; /* meson's word for a skip */
    return test_run("what MariaDB reads", tests, COUNT_OF(tests));
}
