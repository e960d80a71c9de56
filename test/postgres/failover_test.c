/*
 * A pair of servers, the second one a synchronous standby: the first one is killed while operations are outstanding,
 * the second one is promoted. docs/postgresql-standby.md says the same in commands.
 */
#include "postgres.h"
#include "seed.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { OUTSTANDING = 64, BEFORE = 2000, AFTER = 500, OPS_MAX = 100000 };
enum { SHORT_MS = 1500, LONG_MS = 120000, OVERSHOOT_MAX_MS = 1000 };

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* An operation: add_build, whose build says in its state string which one it was. */
struct op {
    struct load *load;
    int64_t late_at_ms;
    bool is_done;
    struct dbk_error error;
};

struct load {
    struct dbk_store *store;
    struct seed seed;
    struct op *ops;
    int count, outstanding, acknowledged;
    int wanted; /* that are to be outstanding: others are submitted for those that end */
    int timeout_ms;
    int64_t overshoot_ms; /* of the one that ended last after its deadline */
};

static void submit_next(struct load *load);

static void on_added(void *user, const struct dbk_error *error, int64_t id, int64_t number)
{
    struct op *op = user;
    struct load *load = op->load;
    int64_t over_ms = now_ms() - op->late_at_ms;
    (void)id;
    (void)number;
    op->is_done = true;
    if (error)
        op->error = *error;
    load->acknowledged += !error;
    load->overshoot_ms = over_ms > load->overshoot_ms ? over_ms : load->overshoot_ms;
    load->outstanding--;
    if (load->outstanding < load->wanted)
        submit_next(load);
}

static void submit_next(struct load *load)
{
    char name[32];
    struct dbk_call call = DBK_CALL_INIT;
    assert_true(load->count < OPS_MAX);
    struct op *op = &load->ops[load->count];
    snprintf(name, sizeof name, "op %d", load->count++);
    *op = (struct op){.load = load, .late_at_ms = now_ms() + load->timeout_ms};
    call.timeout_ms = load->timeout_ms;
    load->outstanding++;
    assert_int_equal(dbk_add_build(load->store, load->seed.builderid, load->seed.buildrequestid,
                                   DBK_NONE, load->seed.masterid, name, &call, on_added, op),
                     DBK_OK);
}

/* So many operations more end, OUTSTANDING at once, and as many stay outstanding. */
static void run_until(struct load *load, int acknowledged)
{
    load->wanted = OUTSTANDING;
    while (load->outstanding < load->wanted)
        submit_next(load);
    while (load->acknowledged < acknowledged)
        dbk_wait(load->store, 1000);
}

/* All end, and none is submitted for them. */
static void run_out(struct load *load)
{
    load->wanted = 0;
    while (load->outstanding)
        dbk_wait(load->store, 1000);
}

static void expect_what_was_said(const struct load *load, const char *url)
{
    int unknown = 0;
    const char *list = postgres_text(
        url, "SELECT string_agg(substr(state_string, 4) || '=' || n, ' ' ORDER BY 1) FROM (SELECT"
             " state_string, count(*) AS n FROM builds GROUP BY state_string) counted");
    int *found = calloc((size_t)load->count, sizeof *found);
    assert_non_null(found);
    for (const char *at = list; at && *at; at += strcspn(at, " "), at += *at == ' ') {
        int op, count;
        assert_int_equal(sscanf(at, "%d=%d", &op, &count), 2);
        assert_in_range(op, 0, load->count - 1);
        found[op] = count;
    }
    for (int i = 0; i < load->count; i++) {
        const struct op *op = &load->ops[i];
        assert_true(op->is_done);
        if (op->error.status == DBK_OK)
            assert_int_equal(found[i], 1);
        else if (op->error.outcome == DBK_NOT_DONE)
            assert_int_equal(found[i], 0);
        else
            assert_in_range(found[i], 0, 1);
        unknown += op->error.status != DBK_OK && op->error.outcome == DBK_UNKNOWN;
    }
    free(found);
    print_message("%d acknowledged and there, %d ended otherwise, %d of these not known\n",
                  load->acknowledged, load->count - load->acknowledged, unknown);
    assert_int_equal(postgres_int(url, "SELECT count(*) FROM (SELECT builderid FROM builds GROUP BY"
                                       " builderid HAVING max(number) <> count(*)) wrong"),
                     0);
}

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
    struct load load = {.ops = calloc(OPS_MAX, sizeof *load.ops), .overshoot_ms = INT64_MIN};
    const char *url = postgres_place();
    (void)state;
    assert_non_null(load.ops);
    struct dbk_store *store = postgres_open(url, true);
    seed_make(store, &load.seed);
    dbk_close_wait(store);
    const char *standby = postgres_at_standby(url);
    make_synchronous(url);
    load.store =
        postgres_open(test_format("postgresql://postgres@/postgres?host=%s,%s/standby&"
                                  "target_session_attrs=read-write&%s",
                                  postgres_folder(), postgres_folder(), strstr(url, "options=")),
                      false);
    load.timeout_ms = SHORT_MS;
    run_until(&load, BEFORE);

    postgres_kill();
    int64_t killed_ms = now_ms();
    run_out(&load);
    print_message("killed: all %d had ended after %lld ms; the latest one %lld ms after its "
                  "deadline of %d ms\n",
                  OUTSTANDING, (long long)(now_ms() - killed_ms), (long long)load.overshoot_ms,
                  SHORT_MS);
    assert_true(load.overshoot_ms <= OVERSHOOT_MAX_MS);

    load.timeout_ms = LONG_MS;
    load.wanted = OUTSTANDING;
    while (load.outstanding < load.wanted)
        submit_next(&load);
    dbk_wait(load.store, 200);
    int64_t promoted_ms = now_ms();
    postgres_promote_standby();
    int before = load.acknowledged;
    run_until(&load, before + 1);
    print_message("the first write ended %lld ms after the promotion began\n",
                  (long long)(now_ms() - promoted_ms));
    run_until(&load, before + AFTER);
    run_out(&load);
    for (int i = load.count - AFTER; i < load.count; i++)
        assert_int_equal(load.ops[i].error.status, DBK_OK);
    expect_what_was_said(&load, standby);
    dbk_close_wait(load.store);
    free(load.ops);
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
