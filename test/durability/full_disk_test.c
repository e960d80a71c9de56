/*
 * A disk that fills up, a small one of its own: writes are refused with DBK_FULL, reads go on, nothing that
 * was acknowledged is lost, and the very same store writes again once there is room. The edge is met at
 * every possible place: the disk is filled to within a different number of pages in each round.
 */
#include "load.h"
#include "small_disk.h"
#include "trouble.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cmocka.h>

enum { DISKS = 6, ROUNDS = 8, OUTSTANDING = 16, FILLING_MAX = 5000 };

static struct ground ground;
static struct ledger ledger;

static int set_up(void **state)
{
    (void)state;
    ground_make(&ground, false);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    umount2(ground.folder, MNT_DETACH);
    ground_remove(&ground);
    ledger_free(&ledger);
    return 0;
}

/* ---------------------------------------------------------------------------------- filling ---- */

struct filler {
    struct dbk_store *store;
    int outstanding, full_count, done_count;
    struct dbk_error first_error;
    char value[3000];
};

struct filling {
    struct filler *filler;
    struct acked acked;
};

static void filled(void *user, const struct dbk_error *error, int64_t buildid, int64_t number)
{
    struct filling *filling = user;
    struct filler *filler = filling->filler;
    filler->outstanding--;
    if (!error) {
        filling->acked.id = buildid;
        filling->acked.number = number;
        ledger_add(&ledger, &filling->acked);
        filler->done_count++;
    } else if (!filler->full_count++) {
        filler->first_error = *error;
    } else {
        GROUND_NEED(error->status == DBK_FULL && error->outcome == DBK_NOT_DONE, "%s: %s",
                    dbk_status_name(error->status), error->message);
    }
    free(filling);
}

static void submit_one(struct filler *filler)
{
    struct filling *filling = malloc(sizeof *filling);
    int builder = 1 + (int)(ledger.count % GROUND_BUILDERS);
    GROUND_NEED(filling, "malloc");
    *filling = (struct filling){filler, {.kind = ACKED_BUILD, .token = builder}};
    int status =
        dbk_add_build(filler->store, builder, 1, 1, 1, filler->value, NULL, filled, filling);
    GROUND_NEED(!status, "refused: %s", dbk_status_name((enum dbk_status)status));
    filler->outstanding++;
}

/* Adds builds until there is no room. */
static void fill_store(struct filler *filler)
{
    memset(filler->value, 'x', sizeof filler->value - 1);
    filler->full_count = filler->done_count = 0;
    for (int i = 0; i < FILLING_MAX && !filler->full_count; i++) {
        while (filler->outstanding < OUTSTANDING)
            submit_one(filler);
        dbk_wait(filler->store, -1);
    }
    while (filler->outstanding)
        dbk_wait(filler->store, -1);
}

static void expect_all_there(void)
{
    struct findings findings = ledger_check(&ledger, INT64_MAX, ground.path);
    if (findings.first[0])
        print_message("    %s\n", findings.first);
    assert_string_equal(findings.first, "");
}

struct counted {
    bool is_done;
    int64_t count;
};

static void counted(void *user, const struct dbk_error *error,
                    const struct dbk_build *const *builds, const struct dbk_page *page)
{
    struct counted *result = user;
    (void)builds;
    GROUND_NEED(!error, "get_builds: %s", error->message);
    result->is_done = true;
    result->count = (int64_t)page->count;
}

static int64_t count_builds(struct dbk_store *store)
{
    struct counted result = {0};
    GROUND_NEED(!dbk_get_builds(store, DBK_NONE, DBK_NONE, DBK_NONE, DBK_NONE, NULL, NULL, counted,
                                &result),
                "get_builds refused");
    while (!result.is_done)
        dbk_wait(store, -1);
    return result.count;
}

/* ------------------------------------------------------------------------------------ tests ---- */

static void fill_and_go_on(struct filler *filler, int blocks_free)
{
    static const char *const words[] = {ground.path, "free some space", NULL};
    small_disk_fill(&ground, blocks_free);
    fill_store(filler);
    assert_true(filler->full_count > 0);
    if (blocks_free == 0)
        trouble_expect(&filler->first_error, DBK_FULL, words);
    assert_int_equal(filler->first_error.status, DBK_FULL);
    assert_int_equal(filler->first_error.outcome, DBK_NOT_DONE);
    assert_true(filler->first_error.is_retryable);
    /* Reading goes on, and gives just what was acknowledged. */
    assert_int_equal(count_builds(filler->store), (int64_t)ledger.count);
    small_disk_free(&ground);
    size_t before = ledger.count;
    submit_one(filler);
    while (filler->outstanding)
        dbk_wait(filler->store, -1);
    assert_int_equal(ledger.count, before + 1);
    assert_int_equal(count_builds(filler->store), (int64_t)ledger.count);
}

static void writing__is_refused_on_a_full_disk_and_goes_on_when_there_is_room(void **state)
{
    size_t acknowledged = 0;
    (void)state;
    for (int disk = 0; disk < DISKS; disk++) {
        struct filler filler = {0};
        small_disk_mount(&ground, "2m");
        ground_seed_store(ground.path);
        filler.store = ground_open(ground.path, false);
        for (int round = 0; round < ROUNDS; round++)
            fill_and_go_on(&filler, disk + DISKS * round);
        dbk_close_wait(filler.store);
        expect_all_there();
        acknowledged += ledger.count;
        ledger.count = 0;
        small_disk_unmount(&ground);
    }
    print_message("    the disk was full %d times; %zu acknowledged, none lost\n", DISKS * ROUNDS,
                  acknowledged);
}

/* Room for more than a log that is due: the disk fills up while pages are moved, or because of that. */
static void checkpoints__on_a_full_disk_lose_nothing(void **state)
{
    struct filler filler = {0};
    struct dbk_stats stats;
    (void)state;
    small_disk_mount(&ground, "12m");
    ground_seed_store(ground.path);
    filler.store = ground_open(ground.path, false);
    small_disk_fill(&ground, 2500);
    fill_store(&filler);
    assert_int_equal(filler.first_error.status, DBK_FULL);
    dbk_get_stats(filler.store, &stats, sizeof stats);
    assert_true(stats.checkpoint_count > 0);
    assert_int_equal(count_builds(filler.store), (int64_t)ledger.count);
    small_disk_free(&ground);
    size_t before = ledger.count;
    filler.full_count = 0;
    submit_one(&filler);
    while (filler.outstanding)
        dbk_wait(filler.store, -1);
    assert_int_equal(ledger.count, before + 1);
    dbk_close_wait(filler.store);
    expect_all_there();
    print_message("    %zu acknowledged, %lld checkpoints, none lost\n", ledger.count,
                  (long long)stats.checkpoint_count);
}

/* The store is closed while the disk is full: what is in the log stays there, and is there afterwards. */
static void closing__on_a_full_disk_loses_nothing(void **state)
{
    struct filler filler = {0};
    (void)state;
    small_disk_mount(&ground, "2m");
    ground_seed_store(ground.path);
    for (int round = 0; round < 4; round++) {
        filler.store = ground_open(ground.path, false);
        small_disk_fill(&ground, round * 7);
        fill_store(&filler);
        assert_int_equal(filler.first_error.status, DBK_FULL);
        dbk_close_wait(filler.store);
        small_disk_free(&ground);
        struct outcome outcome = trouble_try(ground.path, TRY_READ);
        assert_int_equal(outcome.open_status, DBK_OK);
        assert_int_equal(outcome.build_count, (int64_t)ledger.count);
    }
    expect_all_there();
}

static void open__tells_of_a_full_disk(void **state)
{
    static const char *const words[] = {ground.path, NULL};
    char new_path[GROUND_PATH_SIZE + 16];
    int full_count = 0;
    (void)state;
    small_disk_mount(&ground, "2m");
    ground_seed_store(ground.path);
    ground_sql_file(ground.path, "PRAGMA wal_checkpoint(TRUNCATE)");
    snprintf(new_path, sizeof new_path, "%s.new", ground.path);
    /* One that is there, and one that is to be made, with room for a part of what they need. */
    for (int blocks = 0; blocks < 90; blocks += blocks < 12 ? 1 : 13) {
        small_disk_fill(&ground, blocks);
        struct outcome outcome = trouble_try(ground.path, TRY_READ | TRY_WRITE);
        if (outcome.open_status)
            trouble_expect(&outcome.open_error, DBK_FULL, words);
        else if (outcome.write_status)
            trouble_expect(&outcome.write_error, DBK_FULL, words);
        full_count += outcome.open_status || outcome.write_status;
        outcome = trouble_try(new_path, TRY_CREATE);
        if (outcome.open_status)
            trouble_expect(&outcome.open_error, DBK_FULL, words);
        full_count += outcome.open_status != DBK_OK;
        small_disk_free(&ground);
        outcome = trouble_try(new_path, TRY_CREATE | TRY_READ);
        if (outcome.open_status)
            print_message("    not made: %s\n", outcome.open_error.message);
        assert_int_equal(outcome.open_status, DBK_OK);
        assert_int_equal(outcome.build_count, 0);
        assert_int_equal(trouble_try(ground.path, TRY_READ | TRY_WRITE).write_status, DBK_OK);
        expect_all_there();
        static const char *const suffixes[] = {"", "-wal", "-shm", "-daybook", "-journal"};
        for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
            char path[GROUND_PATH_SIZE + 32];
            snprintf(path, sizeof path, "%s%s", new_path, suffixes[i]);
            unlink(path);
        }
        if (blocks % 2) /* the next one has to make -wal and -shm */
            ground_sql_file(ground.path, "PRAGMA wal_checkpoint(TRUNCATE)");
    }
    assert_true(full_count > 10);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        CASE(writing__is_refused_on_a_full_disk_and_goes_on_when_there_is_room),
        CASE(checkpoints__on_a_full_disk_lose_nothing),
        CASE(closing__on_a_full_disk_loses_nothing),
        CASE(open__tells_of_a_full_disk),
#undef CASE
    };
    return cmocka_run_group_tests_name("full_disk", tests, NULL, NULL);
}
