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
/* More than a life can submit; and the tokens of all lives have eight digits, as load.c writes them. */
enum { TOKENS_A_LIFE = 20000 };

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
        run_writer(fds[1], seed, round * TOKENS_A_LIFE);
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

static void keep(void *user, const struct acked *acked)
{
    ledger_add(user, acked);
}

static int64_t first_of(const struct ledger *ledger, enum acked_kind kind)
{
    for (size_t i = 0; i < ledger->count; i++)
        if (ledger->entries[i].kind == (int32_t)kind)
            return ledger->entries[i].id;
    ground_fail(__FILE__, __LINE__, "nothing of the kind %d was acknowledged", (int)kind);
}

#define KEPT_TABLES(X) X(builds) X(daybook_events) X(build_properties) X(build_data) X(steps)
#define KEEP(table) "CREATE TABLE kept." #table " AS SELECT * FROM main." #table ";"
#define PUT_BACK(table)                                                                            \
    "DELETE FROM main." #table "; INSERT INTO main." #table " SELECT * FROM kept." #table ";"

/* The check must be able to find what it looks for. */
static void check__sees_what_is_lost_and_half_there(void **state)
{
    /* The id is of something of that kind that was acknowledged. */
    static const struct {
        enum acked_kind kind;
        const char *harm;
        bool is_loss, is_half;
    } HARMS[] = {
        {ACKED_BUILD, "DELETE FROM builds WHERE id = %lld", true, true},
        {ACKED_BUILD, "DELETE FROM daybook_events WHERE kind = 'build' AND buildid = %lld", false,
         true},
        {ACKED_BUILD, "UPDATE builds SET number = number + 100000 WHERE id = %lld", true, true},
        {ACKED_PROPERTIES,
         "UPDATE build_properties SET value = value + 1 WHERE name = 'p3' AND buildid = %lld",
         false, true},
        {ACKED_PROPERTIES, "DELETE FROM build_properties WHERE buildid = %lld", true, true},
        {ACKED_PROPERTIES, "UPDATE build_properties SET value = 0 WHERE buildid = %lld", true,
         false},
        {ACKED_DATA, "UPDATE build_data SET value = zeroblob(8) WHERE buildid = %lld", true, true},
        {ACKED_FINISHED, "UPDATE builds SET complete_at = NULL, results = NULL WHERE id = %lld",
         true, true},
        {ACKED_STEP, "DELETE FROM steps WHERE id = %lld", true, true},
    };
    struct ledger ledger = {0};
    struct load load = {.outstanding_max = OUTSTANDING,
                        .data_len_max = 6000,
                        .random = ground_seed("kill"),
                        .acknowledged = keep,
                        .user = &ledger};
    (void)state;
    load.store = ground_open(ground.path, false);
    while (load.submitted < 500) {
        load_submit(&load);
        dbk_wait(load.store, -1);
    }
    load_drain(&load);
    dbk_close_wait(load.store);
    assert_sound(&ledger, 0);
    for (size_t i = 0; i < sizeof HARMS / sizeof HARMS[0]; i++) {
        sqlite3 *db = ground_sql_open(ground.path);
        char *harm = sqlite3_mprintf(HARMS[i].harm, first_of(&ledger, HARMS[i].kind));
        ground_sql(db, "ATTACH ':memory:' AS kept;" KEPT_TABLES(KEEP));
        ground_sql(db, harm);
        struct findings findings = ledger_check(&ledger, INT64_MAX, ground.path);
        if ((findings.lost > 0) != HARMS[i].is_loss || (findings.half > 0) != HARMS[i].is_half)
            print_message("not found out: %s\n", harm);
        assert_int_equal(findings.lost > 0, HARMS[i].is_loss);
        assert_int_equal(findings.half > 0, HARMS[i].is_half);
        ground_sql(db, KEPT_TABLES(PUT_BACK));
        sqlite3_close(db);
        sqlite3_free(harm);
        assert_sound(&ledger, 0);
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
