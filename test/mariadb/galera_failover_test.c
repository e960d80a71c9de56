/*
 * Three nodes of a Galera cluster under a load of builds: one is killed and comes back, one is cut off from the others while
 * clients still reach it. The rest goes on, and callers were told the truth. docs/mariadb-galera.md says what follows.
 */
#include "galera.h"
#include "server_load.h"
#include "server_ops.h"

enum { NODES = 3, BEFORE = 2000, AFTER = 1000, TIMEOUT_MS = 120000, ALONE_MS = 1500 };
enum { OVERSHOOT_MAX_MS = 1500 };

static const char LIST[] =
    "SELECT group_concat(substr(state_string, 4), '=', n SEPARATOR ' ') FROM (SELECT"
    " state_string, count(*) AS n FROM builds GROUP BY state_string) counted";

static int looks_at; /* the node */

static const char *look(const char *url, const char *sql)
{
    return galera_text(looks_at, url, sql);
}

static void expect_truth_at(int node, const struct server_ops *ops, const char *url)
{
    static const struct engine galera = {.look = look};
    looks_at = node;
    server_ops_expect_truth(ops, &galera, url, LIST);
}

static struct dbk_store *open_at(const char *url)
{
    struct dbk_store *store = load_open(url, false);
    assert_non_null(store);
    return store;
}

/* Goes on after something befell the node that the store is connected to. */
static void go_on(struct server_ops *ops, const char *what)
{
    int64_t began_ms = load_now_ms();
    int before = ops->acknowledged;
    server_ops_run_until(ops, before + 1);
    print_message("the first write ended %lld ms after %s\n", (long long)(load_now_ms() - began_ms),
                  what);
    server_ops_run_until(ops, before + AFTER);
}

static void add_build__goes_on_at_the_rest_when_a_node_is_killed(void **state)
{
    const char *url = galera_place();
    struct server_ops ops;
    (void)state;
    server_ops_make(&ops, url);
    ops.timeout_ms = TIMEOUT_MS;
    ops.store = open_at(url);
    server_ops_run_until(&ops, BEFORE);
    galera_kill(0);
    go_on(&ops, "its node was killed");
    galera_start_again(0);
    galera_wait(0, NODES);
    server_ops_run_until(&ops, ops.acknowledged + AFTER);
    server_ops_run_out(&ops);
    server_ops_expect_done(&ops, ops.count);
    for (int i = 0; i < NODES; i++)
        expect_truth_at(i, &ops, url);
    dbk_close_wait(ops.store);
}

static void add_build__goes_on_at_the_rest_when_a_node_is_cut_off(void **state)
{
    const char *url = galera_place();
    struct server_ops ops;
    (void)state;
    server_ops_make(&ops, url);
    ops.timeout_ms = TIMEOUT_MS;
    ops.store = open_at(url);
    server_ops_run_until(&ops, BEFORE);
    galera_set_option(0, "gmcast.isolate=1");
    go_on(&ops, "its node was cut off");

    /* It can be reached, and is passed over; by itself it takes nothing. */
    dbk_close_wait(open_at(url));
    assert_null(load_open(galera_at(url, 0), false));
    galera_set_option(0, "gmcast.isolate=0");
    galera_wait(0, NODES);
    server_ops_run_out(&ops);
    server_ops_expect_done(&ops, ops.count);
    for (int i = 0; i < NODES; i++)
        expect_truth_at(i, &ops, url);
    dbk_close_wait(ops.store);
}

static void add_build__of_a_node_without_a_quorum_ends_at_its_deadline(void **state)
{
    const char *url = galera_place();
    struct server_ops ops;
    (void)state;
    server_ops_make(&ops, url);
    ops.timeout_ms = ALONE_MS;
    ops.store = open_at(url);
    server_ops_run_until(&ops, BEFORE);
    galera_kill(1);
    galera_kill(2);
    server_ops_run_out(&ops);
    print_message(
        "two of three killed: the latest write ended %lld ms after its deadline of %d ms\n",
        (long long)ops.overshoot_ms, ALONE_MS);
    assert_true(ops.overshoot_ms <= OVERSHOOT_MAX_MS);

    ops.timeout_ms = TIMEOUT_MS;
    server_ops_fill(&ops);
    galera_wait_alone(0);
    galera_set_option(0, "pc.bootstrap=1");
    go_on(&ops, "the one that was left was told to go on");
    server_ops_run_out(&ops);
    server_ops_expect_done(&ops, AFTER);
    expect_truth_at(0, &ops, url);
    dbk_close_wait(ops.store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(add_build__goes_on_at_the_rest_when_a_node_is_killed),
        cmocka_unit_test(add_build__goes_on_at_the_rest_when_a_node_is_cut_off),
        cmocka_unit_test(add_build__of_a_node_without_a_quorum_ends_at_its_deadline),
    };
    if (!galera_start(NODES))
        return 77; /* meson's word for a skip */
    return test_run("failover of a Galera cluster", tests, COUNT_OF(tests));
}
