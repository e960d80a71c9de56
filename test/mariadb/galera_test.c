/*
 * Two nodes of a Galera cluster. Each takes writes; what conflicts is found out at COMMIT. docs/mariadb-galera.md says
 * what follows. DAYBOOK_TEST_SCALE=N multiplies the counts.
 */
#include "galera.h"
#include "proxy.h"
#include "server_load.h"
#include "wait.h"

#include <stdio.h>

enum { NODES = 2 };

/* Each look is at another node. */
static const char *look(const char *url, const char *sql)
{
    static int count;
    return galera_text(count++ % NODES, url, sql);
}

static const struct engine GALERA = {.look = look};

/* Through a proxy that leads every second connection to the second node. */
static const char *spread_over_nodes(const char *url)
{
    proxy_spread(galera_socket(1));
    return test_format("mariadb://root@/%s?unix_socket=%s/socket", strrchr(url, '/') + 1,
                       proxy_start(galera_socket(0)));
}

static void add_build__of_writers_on_two_nodes_gives_every_number_once(void **state)
{
    enum { PROCESSES = 4 };
    const char *url = galera_place(), *urls[] = {galera_at(url, 0), galera_at(url, 1)};
    int count = 600 * load_scale();
    struct server_load load;
    (void)state;
    load_make_ground(url, &load);
    int64_t began_ms = load_now_ms();
    load_run_processes_at(urls, NODES, &load, PROCESSES, count);
    print_message("%d builds of %d processes on %d nodes in %lld ms\n", PROCESSES * count,
                  PROCESSES, NODES, (long long)(load_now_ms() - began_ms));
    for (int i = 0; i < NODES; i++)
        load_expect_builds(&GALERA, url, (int64_t)PROCESSES * count);
}

static void get_build__at_another_node_gives_what_was_acknowledged(void **state)
{
    enum { ROUNDS = 100 };
    const char *url = galera_place();
    struct server_load load;
    struct answer a;
    (void)state;
    load_make_ground(url, &load);
    load.store = load_open(galera_at(url, 0), false);
    struct dbk_store *other = load_open(galera_at(url, 1), false);
    for (int i = 0; i < ROUNDS; i++) {
        assert_int_equal(ASK(&a, load.store, on_added_build, dbk_add_build, load.builderids[0],
                             load.requestid, DBK_NONE, load.masterid, "x"),
                         DBK_OK);
        int64_t buildid = a.id;
        assert_int_equal(ASK(&a, other, on_build, dbk_get_build, buildid), DBK_OK);
        assert_non_null(a.build);
        assert_int_equal(ASK(&a, load.store, on_done, dbk_set_build_state_string, buildid, "y"),
                         DBK_OK);
        assert_int_equal(ASK(&a, other, on_done, dbk_finish_build, buildid, 0), DBK_OK);
        assert_int_equal(ASK(&a, load.store, on_build, dbk_get_build, buildid), DBK_OK);
        assert_int_equal(a.build->results, 0);
    }
    dbk_close_wait(load.store);
    dbk_close_wait(other);
}

static void add_build__commits_without_an_answer_are_asked_for_at_the_other_node(void **state)
{
    const char *url = galera_place();
    int count = 3000 * load_scale(), cuts = proxy_cut_count();
    struct server_load load;
    (void)state;
    load_make_ground(url, &load);
    load.store = load_open(spread_over_nodes(url), false);
    assert_non_null(load.store);
    proxy_set_cut(PROXY_CUT_EITHER_AT_TIMES);
    load_run(&load, count);
    proxy_set_cut(PROXY_CUT_NOTHING);
    dbk_close_wait(load.store);
    assert_string_equal(load.failed ? load.error.message : "", "");
    print_message("%d connections cut at COMMIT\n", proxy_cut_count() - cuts);
    assert_true(proxy_cut_count() - cuts > 5);
    load_expect_builds(&GALERA, url, count);
}

/* All events past a position, in their order. */
static int64_t count_events(struct dbk_store *store, int64_t position, int64_t *ids, int64_t max)
{
    struct answer a;
    int64_t count = 0;
    do {
        assert_int_equal(ASK(&a, store, on_events, dbk_get_events, position, NULL), DBK_OK);
        for (size_t i = 0; i < a.page.count; i++) {
            assert_true(a.events[i]->id > position && count < max);
            ids[count++] = position = a.events[i]->id;
        }
    } while (a.page.count);
    return count;
}

static void events__of_two_nodes_stand_in_one_order_on_both(void **state)
{
    enum { EVENTS_MAX = 10000 };
    const char *url = galera_place(), *urls[] = {galera_at(url, 0), galera_at(url, 1)};
    struct server_load load;
    struct dbk_store *stores[NODES];
    int64_t *ids[NODES], counts[NODES];
    (void)state;
    load_make_ground(url, &load);
    load_run_processes_at(urls, NODES, &load, 2 * NODES, 100 * load_scale());
    for (int i = 0; i < NODES; i++) {
        stores[i] = load_open(urls[i], false);
        ids[i] = test_take(EVENTS_MAX * sizeof **ids);
        counts[i] = count_events(stores[i], 0, ids[i], EVENTS_MAX);
    }
    assert_int_equal(counts[0], counts[1]);
    assert_memory_equal(ids[0], ids[1], (size_t)counts[0] * sizeof **ids);
    assert_int_equal(counts[0], galera_int(0, url, "SELECT count(*) FROM daybook_events"));
    for (int i = 0; i < NODES; i++)
        dbk_close_wait(stores[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* First those that fork: the others leave threads behind. */
        cmocka_unit_test(add_build__of_writers_on_two_nodes_gives_every_number_once),
        cmocka_unit_test(events__of_two_nodes_stand_in_one_order_on_both),
        cmocka_unit_test(get_build__at_another_node_gives_what_was_acknowledged),
        cmocka_unit_test(add_build__commits_without_an_answer_are_asked_for_at_the_other_node),
    };
    if (!galera_start(NODES))
        return 77; /* meson's word for a skip */
    return test_run("two nodes of a Galera cluster", tests, COUNT_OF(tests));
}
