/*
 * A writer that is killed at random moments, with 64 operations outstanding: everything that was
 * acknowledged is there, nothing is half there, the file is sound, and the next one opens it and goes on.
 *
 * The child tells each acknowledgement through a pipe from within the callback; what it could tell before
 * it was killed, the parent holds it to.
 */
#include "load.h"

#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

enum { KILLS = 60, OUTSTANDING = 64, MOMENT_MAX_US = 40000 };

static struct ground ground;

static int set_up(void **state)
{
    (void)state;
    ground_make(&ground, false);
    ground_seed_store(ground.path);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ground_remove(&ground);
    return 0;
}

static void tell(void *user, const struct acked *acked)
{
    ground_write_all(*(int *)user, acked, sizeof *acked);
}

static _Noreturn void run_writer(int fd, uint64_t seed, int32_t first_token)
{
    struct load load = {.outstanding_max = OUTSTANDING,
                        .data_len_max = 6000,
                        .random = seed,
                        .last_token = first_token,
                        .acknowledged = tell,
                        .user = &fd};
    load.store = ground_open(ground.path, false);
    for (;;) {
        load_submit(&load);
        dbk_wait(load.store, -1);
    }
}

static void kill_after(pid_t pid, int moment_us)
{
    usleep((useconds_t)moment_us);
    kill(pid, SIGKILL);
}

/* One life: from opening to the kill. Result: how many acknowledgements came. */
static size_t live_once(struct ledger *ledger, uint64_t *random, int round)
{
    struct acked acked;
    int fds[2];
    size_t before = ledger->count;
    GROUND_NEED(pipe(fds) == 0, "pipe");
    uint64_t seed = ground_random(random);
    /* Some are killed while they open or recover, before they told anything. */
    int moment_us = ground_below(random, MOMENT_MAX_US);
    bool is_early = ground_below(random, 8) == 0;
    fflush(NULL);
    pid_t pid = fork();
    GROUND_NEED(pid >= 0, "fork");
    if (pid == 0) {
        ground_is_child();
        close(fds[0]);
        run_writer(fds[1], seed, round * 100000);
    }
    close(fds[1]);
    if (!is_early && ground_read_all(fds[0], &acked, sizeof acked)) {
        acked.position = round;
        ledger_add(ledger, &acked);
    }
    /* The killer must not wait for us to read, nor the writer: the pipe is emptied meanwhile. */
    pid_t killer = fork();
    GROUND_NEED(killer >= 0, "fork");
    if (killer == 0) {
        kill_after(pid, is_early ? moment_us / 8 : moment_us);
        _exit(0);
    }
    while (ground_read_all(fds[0], &acked, sizeof acked)) {
        acked.position = round;
        ledger_add(ledger, &acked);
    }
    close(fds[0]);
    /* The killer first: until then the writer's id must not become another process's. */
    assert_int_equal(ground_reap(killer), 0);
    assert_int_equal(ground_reap(pid), 1000 + SIGKILL);
    return ledger->count - before;
}

static void assert_sound(const struct ledger *ledger, int round)
{
    struct findings findings = ledger_check(ledger, INT64_MAX, ground.path);
    if (findings.first[0])
        print_message("after kill %d: %s\n", round, findings.first);
    assert_int_equal(findings.lost, 0);
    assert_int_equal(findings.half, 0);
    assert_int_equal(findings.damaged, 0);
}

static void writes__survive_a_kill_of_their_process(void **state)
{
    struct ledger ledger = {0};
    uint64_t random = ground_seed("kill");
    int kills = ground_scale(KILLS), with_acks = 0;
    (void)state;
    for (int round = 0; round < kills; round++) {
        with_acks += live_once(&ledger, &random, round) > 0;
        /* Whoever comes next: by turns another writer, plain SQLite, or the library in this process. */
        if (round % 3 == 1)
            assert_sound(&ledger, round);
        if (round % 3 == 2) {
            struct dbk_store *store = ground_open(ground.path, false);
            assert_true(ground_add_build(store, 1, 10000, NULL) > 0);
            dbk_close_wait(store);
            assert_sound(&ledger, round);
        }
    }
    assert_sound(&ledger, kills);
    print_message("%d kills, %d of them after acknowledgements; %zu acknowledged, none lost\n",
                  kills, with_acks, ledger.count);
    assert_true(with_acks >= kills / 2);
    ledger_free(&ledger);
}

/* The check must be able to find what it looks for. */
static void check__sees_what_is_lost_and_half_there(void **state)
{
    static const struct {
        const char *harm;
        bool is_loss, is_half;
    } HARMS[] = {
        {"DELETE FROM builds WHERE id = 2", true, true},
        {"DELETE FROM daybook_events WHERE kind = 'build' AND buildid = 3", false, true},
        {"UPDATE build_properties SET value = value + 1 WHERE name = 'p3' AND buildid ="
         " (SELECT min(buildid) FROM build_properties)",
         false, true},
        {"DELETE FROM build_properties", true, true},
        {"UPDATE build_data SET value = x'3030303030303031' WHERE length > 8", true, true},
        {"UPDATE builds SET complete_at = NULL, results = NULL", true, true},
        {"DELETE FROM steps WHERE id = 1", true, true},
    };
    struct ledger ledger = {0};
    uint64_t random = ground_seed("kill");
    (void)state;
    live_once(&ledger, &random, 1);
    while (ledger.count < 500)
        live_once(&ledger, &random, 1 + (int)ledger.count);
    assert_sound(&ledger, 1);
    for (size_t i = 0; i < sizeof HARMS / sizeof HARMS[0]; i++) {
        sqlite3 *db = ground_sql_open(ground.path);
        ground_sql(db,
                   "ATTACH ':memory:' AS kept; CREATE TABLE kept.builds AS SELECT * FROM builds;"
                   "CREATE TABLE kept.daybook_events AS SELECT * FROM daybook_events;"
                   "CREATE TABLE kept.build_properties AS SELECT * FROM build_properties;"
                   "CREATE TABLE kept.build_data AS SELECT * FROM build_data;"
                   "CREATE TABLE kept.steps AS SELECT * FROM steps");
        ground_sql(db, HARMS[i].harm);
        struct findings findings = ledger_check(&ledger, INT64_MAX, ground.path);
        assert_int_equal(findings.lost > 0, HARMS[i].is_loss);
        assert_int_equal(findings.half > 0, HARMS[i].is_half);
        ground_sql(db, "DELETE FROM main.builds; INSERT INTO main.builds SELECT * FROM kept.builds;"
                       "DELETE FROM main.daybook_events;"
                       "INSERT INTO main.daybook_events SELECT * FROM kept.daybook_events;"
                       "DELETE FROM main.build_properties;"
                       "INSERT INTO main.build_properties SELECT * FROM kept.build_properties;"
                       "DELETE FROM main.build_data;"
                       "INSERT INTO main.build_data SELECT * FROM kept.build_data;"
                       "DELETE FROM main.steps; INSERT INTO main.steps SELECT * FROM kept.steps");
        sqlite3_close(db);
        assert_sound(&ledger, 1);
    }
    ledger_free(&ledger);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(writes__survive_a_kill_of_their_process, set_up, tear_down),
        cmocka_unit_test_setup_teardown(check__sees_what_is_lost_and_half_there, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("kill", tests, NULL, NULL);
}
