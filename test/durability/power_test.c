/*
 * Power failures: everything that SQLite writes under a load of the library is recorded, and at a random
 * position everything that was not yet synced is forgotten or torn. What is left is opened: everything
 * that was acknowledged by then is there, nothing is half there, the file is sound, and writing goes on.
 *
 * That this would be noticed otherwise is shown twice: with the library made to run at synchronous=OFF,
 * and with a disk that only pretends to sync.
 */
#include "disk.h"
#include "load.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { POINTS = 200, CONTROL_POINTS = 40, CREATION_POINTS = 60, WRITES = 5000, OUTSTANDING = 64 };

static struct ground ground, remains;
static struct ledger ledger;

/* ------------------------------------------------------------------------- synchronous=OFF ---- */

static bool is_synchronous_off;

int __wrap_sqlite3_exec(sqlite3 *db, const char *sql, sqlite3_callback row, void *user,
                        char **words);
int __real_sqlite3_exec(sqlite3 *db, const char *sql, sqlite3_callback row, void *user,
                        char **words);

/* Stands between the library and SQLite (the linker's --wrap), to turn its settings off. */
int __wrap_sqlite3_exec(sqlite3 *db, const char *sql, sqlite3_callback row, void *user,
                        char **words)
{
    int code = __real_sqlite3_exec(db, sql, row, user, words);
    if (code == SQLITE_OK && is_synchronous_off && strstr(sql, "synchronous=FULL"))
        code = __real_sqlite3_exec(db, "PRAGMA synchronous=OFF", NULL, NULL, NULL);
    return code;
}

/* ------------------------------------------------------------------------------- the record ---- */

static int set_up(void **state)
{
    (void)state;
    ground_make(&ground, true);
    ground_make(&remains, true);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    is_synchronous_off = false;
    disk_forget();
    ledger_free(&ledger);
    ground_remove(&ground);
    ground_remove(&remains);
    return 0;
}

static void keep(void *user, const struct acked *acked)
{
    struct acked entry = *acked;
    (void)user;
    entry.position = disk_position();
    ledger_add(&ledger, &entry);
}

static void seen(void *user, const struct dbk_error *error, const struct dbk_build *build)
{
    (void)build;
    GROUND_NEED(!error, "get_build: %s", error->message);
    --*(int *)user;
}

/* Records a load, with readers beside it. Result: how many checkpoints there were. */
static int64_t record_load(uint64_t seed)
{
    struct load load = {
        .outstanding_max = OUTSTANDING, .data_len_max = 6000, .random = seed, .acknowledged = keep};
    struct dbk_stats stats;
    int reads = 0;
    ground_seed_store(ground.path);
    disk_record_begin(ground.folder);
    load.store = ground_open(ground.path, false);
    while (load.submitted < WRITES) {
        load_submit(&load);
        if (reads < 2 && !dbk_get_build(load.store, 1 + load.submitted % 50, NULL, seen, &reads))
            reads++;
        dbk_wait(load.store, -1);
    }
    load_drain(&load);
    while (reads)
        dbk_wait(load.store, -1);
    dbk_get_stats(load.store, &stats, sizeof stats);
    dbk_close_wait(load.store);
    disk_record_end();
    return stats.checkpoint_count;
}

/* ------------------------------------------------------------------------------ the failures ---- */

static int compare_positions(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Positions in rising order. Result: yours. */
static int64_t *choose_points(int count, uint64_t *random)
{
    int64_t *points = malloc((size_t)count * sizeof *points);
    GROUND_NEED(points, "malloc");
    for (int i = 0; i < count; i++)
        points[i] = (int64_t)(ground_random(random) % (uint64_t)(disk_position() + 1));
    qsort(points, (size_t)count, sizeof *points, compare_positions);
    return points;
}

/* Opens what is left with the library, writes, closes, and checks. */
static struct findings inspect(int64_t position)
{
    struct findings findings = {0};
    struct dbk_store *store;
    struct dbk_error error;
    if (dbk_open(remains.path, NULL, &store, &error)) {
        findings.damaged = 1;
        snprintf(findings.first, sizeof findings.first, "open: %.200s", error.message);
        return findings;
    }
    int64_t number = ground_add_build(store, 1, 10000, &error);
    dbk_close_wait(store);
    findings = ledger_check(&ledger, position, remains.path);
    if (number <= 0) {
        findings.damaged++;
        snprintf(findings.first, sizeof findings.first, "add_build: %.200s", error.message);
    }
    return findings;
}

struct sum {
    int bad_points, lost, half, damaged;
};

static struct sum fail_at(int count, bool is_honest, uint64_t *random)
{
    struct sum sum = {0};
    int64_t *points = choose_points(count, random);
    for (int i = 0; i < count; i++) {
        enum disk_loss loss = (enum disk_loss)(i % DISK_LOSSES);
        disk_crash(points[i], loss, is_honest, random, remains.folder);
        struct findings findings = inspect(points[i]);
        sum.lost += findings.lost;
        sum.half += findings.half;
        sum.damaged += findings.damaged;
        if (findings.first[0] && sum.bad_points++ < 3)
            print_message("at %lld of %lld, loss %d: %s\n", (long long)points[i],
                          (long long)disk_position(), loss, findings.first);
    }
    free(points);
    print_message(
        "%d power failures over %lld writes and %lld syncs: %d with findings (%d lost, %d half, "
        "%d damaged) of %zu acknowledged\n",
        count, (long long)(disk_position() - disk_sync_count(disk_position())),
        (long long)disk_sync_count(disk_position()), sum.bad_points, sum.lost, sum.half,
        sum.damaged, ledger.count);
    return sum;
}

static void writes__survive_a_power_failure_at_any_moment(void **state)
{
    uint64_t random = ground_seed("power");
    (void)state;
    int64_t checkpoints = record_load(ground_random(&random));
    assert_true(checkpoints >= 3); /* so pages were moved, and the log began anew */
    assert_true(ledger.count >= WRITES);
    struct sum sum = fail_at(ground_scale(POINTS), true, &random);
    assert_int_equal(sum.bad_points, 0);
}

static void power__synchronous_off_is_found_out(void **state)
{
    uint64_t random = ground_seed("power");
    (void)state;
    is_synchronous_off = true;
    record_load(ground_random(&random));
    is_synchronous_off = false;
    struct sum sum = fail_at(CONTROL_POINTS, true, &random);
    assert_true(sum.lost > 0 || sum.damaged > 0);
    assert_true(sum.bad_points > CONTROL_POINTS / 2);
}

static void power__a_disk_that_pretends_is_found_out(void **state)
{
    uint64_t random = ground_seed("power");
    (void)state;
    record_load(ground_random(&random));
    struct sum sum = fail_at(CONTROL_POINTS, false, &random);
    assert_true(sum.lost > 0);
    assert_true(sum.bad_points > CONTROL_POINTS / 2);
}

/* The power fails while a store is made: whoever asks for it again gets one. */
static void open__makes_a_store_after_a_power_failure_while_it_was_made(void **state)
{
    uint64_t random = ground_seed("power");
    (void)state;
    disk_record_begin(ground.folder);
    dbk_close_wait(ground_open(ground.path, true));
    disk_record_end();
    int count = ground_scale(CREATION_POINTS);
    int64_t *points = choose_points(count, &random);
    for (int i = 0; i < count; i++) {
        enum disk_loss loss = (enum disk_loss)(i % DISK_LOSSES);
        disk_crash(points[i], loss, true, &random, remains.folder);
        if (!ground_file_sum(remains.path) && ground_below(&random, 2))
            ground_file_write(remains.path, "",
                              0); /* the library made the file, and SQLite wrote nothing */
        struct dbk_store *store = ground_open(remains.path, true);
        dbk_close_wait(store);
        struct findings findings = ledger_check(&ledger, 0, remains.path);
        if (findings.first[0])
            print_message("at %lld, loss %d: %s\n", (long long)points[i], loss, findings.first);
        assert_string_equal(findings.first, "");
    }
    free(points);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(writes__survive_a_power_failure_at_any_moment, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(power__synchronous_off_is_found_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(power__a_disk_that_pretends_is_found_out, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(open__makes_a_store_after_a_power_failure_while_it_was_made,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests_name("power", tests, NULL, NULL);
}
