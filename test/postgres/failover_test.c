/*
 * A pair of servers, the second one a synchronous standby: the first one is killed while operations are outstanding,
 * the second one is promoted. docs/postgresql-standby.md says the same in commands.
 */
#include "postgres.h"
#include "server_load.h"
#include "server_ops.h"

#include <unistd.h>

enum { BEFORE = 2000, AFTER = 500 };
enum { SHORT_MS = 1500, LONG_MS = 120000, OVERSHOOT_MAX_MS = 1000 };

static const char LIST[] =
    "SELECT string_agg(substr(state_string, 4) || '=' || n, ' ' ORDER BY 1) FROM (SELECT"
    " state_string, count(*) AS n FROM builds GROUP BY state_string) counted";

/* Commits are acknowledged when the standby has them on its disk. */
static void make_synchronous(const char *url)
{
    postgres_run(url, "ALTER SYSTEM SET synchronous_standby_names = '*'");
    postgres_run(url, "SELECT pg_reload_conf()");
    while (postgres_int(url, "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") <
           1)
        usleep(10000);
}

static void store__goes_on_at_a_promoted_standby_and_loses_nothing(void **state)
{
    static const struct engine postgres = {.look = postgres_text};
    struct server_ops ops;
    const char *url = postgres_place();
    (void)state;
    server_ops_make(&ops, url);
    const char *standby = postgres_at_standby(url);
    make_synchronous(url);
    ops.store =
        postgres_open(test_format("postgresql://postgres@/postgres?host=%s,%s/standby&"
                                  "target_session_attrs=read-write&%s",
                                  postgres_folder(), postgres_folder(), strstr(url, "options=")),
                      false);
    ops.timeout_ms = SHORT_MS;
    server_ops_run_until(&ops, BEFORE);

    postgres_kill();
    int64_t killed_ms = load_now_ms();
    server_ops_run_out(&ops);
    print_message("killed: all %d had ended after %lld ms; the latest one %lld ms after its "
                  "deadline of %d ms\n",
                  SERVER_OPS_OUTSTANDING, (long long)(load_now_ms() - killed_ms),
                  (long long)ops.overshoot_ms, SHORT_MS);
    assert_true(ops.overshoot_ms <= OVERSHOOT_MAX_MS);

    ops.timeout_ms = LONG_MS;
    server_ops_fill(&ops);
    dbk_wait(ops.store, 200);
    int64_t promoted_ms = load_now_ms();
    postgres_promote_standby();
    int before = ops.acknowledged;
    server_ops_run_until(&ops, before + 1);
    print_message("the first write ended %lld ms after the promotion began\n",
                  (long long)(load_now_ms() - promoted_ms));
    server_ops_run_until(&ops, before + AFTER);
    server_ops_run_out(&ops);
    server_ops_expect_done(&ops, AFTER);
    server_ops_expect_truth(&ops, &postgres, standby, LIST);
    dbk_close_wait(ops.store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(store__goes_on_at_a_promoted_standby_and_loses_nothing),
    };
    if (!postgres_folder())
        return 77; /* meson's word for a skip */
    return test_run("failover of PostgreSQL", tests, COUNT_OF(tests));
}
