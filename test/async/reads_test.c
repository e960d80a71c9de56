/*
 * Rule 6 of the contract: a read sees the writes whose callback ran, and answers from one snapshot. And
 * several threads at once: many that submit, one that dispatches, readers beside each other.
 */
#include "support.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static struct fixture fixture;

static int set_up(void **state)
{
    struct dbk_options options = DBK_OPTIONS_INIT;
    (void)state;
    options.reader_count = 4;
    fixture_open(&fixture, &options);
    return 0;
}

static int tear_down(void **state)
{
    fixture_close(&fixture);
    return test_end_of(state);
}

/* ------------------------------------------------------------------------- what a read sees ---- */

enum { ROUNDS = 300 };

struct echo {
    struct answer write, reads[3];
    char text[16];
};

/* The write is done: three reads, which several readers take. */
static void read_back(void *user, const struct dbk_error *error)
{
    struct echo *echo = user;
    on_any(&echo->write, error);
    for (int i = 0; i < 3; i++)
        dbk_get_build(fixture.store, 1, NULL, on_build, &echo->reads[i]);
}

static void read__sees_the_write_whose_callback_ran(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        struct echo echo = {0};
        snprintf(echo.text, sizeof echo.text, "%d", i);
        assert_int_equal(
            dbk_set_build_state_string(fixture.store, 1, echo.text, NULL, read_back, &echo),
            DBK_OK);
        await(fixture.store, &echo.write, 1);
        await(fixture.store, echo.reads, 3);
        for (int j = 0; j < 3; j++)
            assert_string_equal(echo.reads[j].text, echo.text);
    }
}

/* An answer that another thread waits for. */
struct handover {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int done_count;
    char text[sizeof(((struct dbk_error *)0)->message)];
};

static void hand_done(void *user, const struct dbk_error *error)
{
    struct handover *handover = user;
    pthread_mutex_lock(&handover->lock);
    snprintf(handover->text, sizeof handover->text, "%s", error ? error->message : "");
    handover->done_count++;
    pthread_cond_signal(&handover->changed);
    pthread_mutex_unlock(&handover->lock);
}

static void hand_build(void *user, const struct dbk_error *error, const struct dbk_build *build)
{
    struct handover *handover = user;
    pthread_mutex_lock(&handover->lock);
    snprintf(handover->text, sizeof handover->text, "%s",
             error ? error->message : build->state_string);
    handover->done_count++;
    pthread_cond_signal(&handover->changed);
    pthread_mutex_unlock(&handover->lock);
}

static void take_over(struct handover *handover, int done_count)
{
    pthread_mutex_lock(&handover->lock);
    while (handover->done_count < done_count)
        pthread_cond_wait(&handover->changed, &handover->lock);
    pthread_mutex_unlock(&handover->lock);
}

static atomic_bool is_over;

/* A thread that dispatches and nothing else. */
static void *dispatch_until_over(void *user)
{
    (void)user;
    while (!atomic_load(&is_over))
        if (await_readable(fixture.store, 20))
            dispatch(fixture.store);
    return NULL;
}

static pthread_t start_dispatcher(void)
{
    pthread_t thread;
    atomic_store(&is_over, false);
    assert_int_equal(pthread_create(&thread, NULL, dispatch_until_over, NULL), 0);
    return thread;
}

static void stop_dispatcher(pthread_t thread)
{
    atomic_store(&is_over, true);
    pthread_join(thread, NULL);
}

static void read__sees_the_write_whose_callback_ran_on_another_thread(void **state)
{
    struct handover handover = {.lock = PTHREAD_MUTEX_INITIALIZER,
                                .changed = PTHREAD_COND_INITIALIZER};
    (void)state;
    pthread_t dispatcher = start_dispatcher();
    bool is_right = true;
    for (int i = 0; i < ROUNDS && is_right; i++) {
        char text[16];
        snprintf(text, sizeof text, "%d", i);
        is_right =
            dbk_set_build_state_string(fixture.store, 1, text, NULL, hand_done, &handover) == 0;
        take_over(&handover, 2 * i + 1);
        is_right = is_right && !handover.text[0] &&
                   dbk_get_build(fixture.store, 1, NULL, hand_build, &handover) == 0;
        if (is_right)
            take_over(&handover, 2 * i + 2);
        is_right = is_right && !strcmp(handover.text, text);
    }
    stop_dispatcher(dispatcher);
    assert_true(is_right);
}

/* Another program: each transaction adds or deletes a build, and gives all builds a new generation. */
static void *change_builds(void *user)
{
    sqlite3 *db = user;
    bool is_right = true;
    for (int i = 1; !atomic_load(&is_over) && is_right; i++)
        is_right =
            sqlite3_exec(
                db,
                i % 2 ? "BEGIN IMMEDIATE;"
                        "INSERT INTO builds (number, builderid, buildrequestid, masterid,"
                        " started_at, locks_duration_s, state_string)"
                        " SELECT max(number) + 1, 1, 1, 1, 1, 0, '' FROM builds;"
                        "INSERT INTO build_properties SELECT max(id), 'generation', '0', '', 0"
                        " FROM builds"
                      : "BEGIN IMMEDIATE;"
                        "DELETE FROM builds WHERE id = (SELECT max(id) FROM builds)",
                NULL, NULL, NULL) == SQLITE_OK &&
            sqlite3_exec(db,
                         "UPDATE build_properties SET value = (SELECT max(value + 0) + 1 FROM"
                         " build_properties); COMMIT",
                         NULL, NULL, NULL) == SQLITE_OK;
    atomic_store(&is_over, true);
    return is_right ? NULL : db;
}

struct snapshot {
    struct answer answer;
    bool is_mixed; /* of two generations, or without its properties */
    int64_t total, generation;
};

static void take_snapshot(void *user, const struct dbk_error *error,
                          const struct dbk_build *const *builds, const struct dbk_page *page)
{
    struct snapshot *snapshot = user;
    on_any(&snapshot->answer, error);
    if (error)
        return;
    snapshot->total = page->total;
    snapshot->is_mixed = page->total != (int64_t)page->count || !page->is_total_exact;
    for (size_t i = 0; i < page->count; i++) {
        if (builds[i]->property_count != 1) {
            snapshot->is_mixed = true;
            continue;
        }
        int64_t generation = strtoll(builds[i]->properties[0]->value, NULL, 10);
        if (i == 0)
            snapshot->generation = generation;
        snapshot->is_mixed = snapshot->is_mixed || generation != snapshot->generation;
    }
}

/* Reads until the other program's changes were seen often enough. */
static void read__is_one_snapshot_with_its_total_and_properties(void **state)
{
    enum { CHANGES = 50, AT_ONCE = 8 };
    struct dbk_spec *spec;
    pthread_t writer;
    void *failed;
    int64_t last_generation = 0, last_total = 0;
    int generations = 0, totals = 0, mixed = 0, errors = 0;
    (void)state;
    assert_int_equal(dbk_spec_parse("total=exact&field=number&field=properties", &spec, NULL),
                     DBK_OK);
    file_exec(fixture.path,
              "INSERT INTO build_properties SELECT id, 'generation', '0', '', 0 FROM builds");
    sqlite3 *db = raw_open(fixture.path);
    raw_exec(db, "PRAGMA synchronous = OFF");
    atomic_store(&is_over, false);
    assert_int_equal(pthread_create(&writer, NULL, change_builds, db), 0);
    while ((generations < CHANGES || totals < CHANGES) && !mixed && !errors &&
           !atomic_load(&is_over)) {
        struct snapshot snapshots[AT_ONCE] = {{.is_mixed = false}};
        for (int i = 0; i < AT_ONCE; i++)
            assert_int_equal(dbk_get_builds(fixture.store, DBK_NONE, DBK_NONE, DBK_NONE, DBK_NONE,
                                            spec, NULL, take_snapshot, &snapshots[i]),
                             DBK_OK);
        for (int i = 0; i < AT_ONCE; i++) {
            await(fixture.store, &snapshots[i].answer, 1);
            mixed += snapshots[i].is_mixed;
            errors += snapshots[i].answer.is_error;
            generations += snapshots[i].generation != last_generation;
            totals += snapshots[i].total != last_total;
            last_generation = snapshots[i].generation;
            last_total = snapshots[i].total;
        }
    }
    atomic_store(&is_over, true);
    pthread_join(writer, &failed);
    sqlite3_close(db);
    dbk_spec_free(spec);
    assert_null(failed);
    assert_int_equal(mixed, 0);
    assert_int_equal(errors, 0);
}

/* -------------------------------------------------------------------- readers beside each other ---- */

struct pair {
    struct answer own, slow, quick;
};

static void read_slow_and_quick(void *user, const struct dbk_error *error)
{
    struct pair *pair = user;
    on_any(&pair->own, error);
    dbk_get_build(fixture.store, 1, NULL, on_build, &pair->slow);
    dbk_get_build_properties(fixture.store, 1, NULL, NULL, on_properties, &pair->quick);
}

static void read__that_takes_long_does_not_hold_up_those_beside_it(void **state)
{
    struct pair pair = {0};
    (void)state;
    gate_builds(&fixture);
    inner_gate_close();
    assert_int_equal(
        dbk_get_build_properties(fixture.store, 1, NULL, NULL, on_properties, &pair.own), DBK_OK);
    await(fixture.store, &pair.own, 1);
    read_slow_and_quick(&pair, NULL); /* outside of any callback */
    inner_gate_await();
    await(fixture.store, &pair.quick, 1);
    assert_int_equal(pair.slow.count, 0);
    inner_gate_open();
    await(fixture.store, &pair.slow, 1);
}

static void begin_pair(void *user, const struct dbk_error *error,
                       const struct dbk_property *const *properties, const struct dbk_page *page)
{
    (void)properties;
    (void)page;
    read_slow_and_quick(user, error);
}

static void read__that_takes_long_does_not_hold_up_those_of_the_same_callback(void **state)
{
    struct pair pair = {0};
    (void)state;
    gate_builds(&fixture);
    inner_gate_close();
    assert_int_equal(dbk_get_build_properties(fixture.store, 1, NULL, NULL, begin_pair, &pair),
                     DBK_OK);
    await(fixture.store, &pair.quick, 1);
    assert_int_equal(pair.slow.count, 0);
    inner_gate_open();
    await(fixture.store, &pair.slow, 1);
}

/* --------------------------------------------------------------------------------- many threads ---- */

enum { THREADS = 6, OPS_EACH = 1000 };

struct submitter {
    pthread_t thread;
    struct answer *answers;
};

static void *submit_mixed(void *user)
{
    struct submitter *submitter = user;
    for (int i = 0; i < OPS_EACH; i++) {
        struct answer *answer = &submitter->answers[i];
        int status = i % 3 == 0   ? dbk_get_build(fixture.store, 1, NULL, on_build, answer)
                     : i % 3 == 1 ? dbk_set_build_state_string(fixture.store, 1 + i % SEEDED, "new",
                                                               NULL, on_done, answer)
                                  : dbk_get_build_properties(fixture.store, 1, NULL, NULL,
                                                             on_properties, answer);
        if (status)
            return submitter;
    }
    return NULL;
}

static void threads__many_submit_and_one_dispatches(void **state)
{
    struct submitter submitters[THREADS];
    struct dbk_stats stats;
    (void)state;
    for (int i = 0; i < THREADS; i++) {
        submitters[i].answers = test_take(OPS_EACH * sizeof(struct answer));
        assert_int_equal(pthread_create(&submitters[i].thread, NULL, submit_mixed, &submitters[i]),
                         0);
    }
    /* This thread dispatches while they submit. dbk_wait() would return whenever it is ahead of them. */
    for (int dispatched = 0; dispatched < THREADS * OPS_EACH; dispatched += dispatch(fixture.store))
        await_readable(fixture.store, NO_LIMIT_MS);
    for (int i = 0; i < THREADS; i++) {
        void *refused;
        pthread_join(submitters[i].thread, &refused);
        assert_null(refused);
        for (int j = 0; j < OPS_EACH; j++) {
            assert_int_equal(submitters[i].answers[j].count, 1);
            assert_false(submitters[i].answers[j].is_error);
            assert_false(submitters[i].answers[j].is_outside);
        }
    }
    dbk_get_stats(fixture.store, &stats, sizeof stats);
    assert_int_equal(stats.read_count + stats.write_count, THREADS * OPS_EACH);
    assert_int_equal(stats.failed_count, 0);
    assert_int_equal(stats.ready_count, 0);
}

/* A worker may write to the descriptor after its work was dispatched: once too often, not for ever. */
static void descriptor__is_not_readable_for_long_when_nothing_is_left(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) {
        struct answer answers[3] = {{0}};
        int in_vain = 0;
        for (int j = 0; j < 3; j++)
            get_state(fixture.store, 1 + j, &answers[j]);
        for (int dispatched = 0; dispatched < 3;)
            dispatched += dispatch(fixture.store);
        while (await_readable(fixture.store, 0)) {
            assert_int_equal(dispatch(fixture.store), 0);
            assert_true(++in_vain <= 3);
        }
    }
}

/* --------------------------------------------------------------------------------- gathered ---- */

enum { GATHERED = 16, A_MOMENT_MS = 20, WAIT_MS = 10000, TRIES = 50 };

static bool is_readable(int timeout_ms)
{
    struct pollfd fd = {.fd = dbk_fd(fixture.store), .events = POLLIN};
    return poll(&fd, 1, timeout_ms) == 1;
}

static void get_builds(struct answer *answers, int count)
{
    dbk_gather(fixture.store);
    for (int i = 0; i < count; i++)
        assert_int_equal(dbk_get_build(fixture.store, 1, NULL, on_build, &answers[i]), DBK_OK);
}

/* A reader that has not gone to sleep yet takes what there is: so it is looked for more than once. */
static void gather__few_reads_wait_for_a_dispatch(void **state)
{
    bool has_waited = false;
    (void)state;
    for (int i = 0; i < TRIES && !has_waited; i++) {
        struct answer answers[2] = {{0}};
        get_builds(answers, 2);
        has_waited = !is_readable(A_MOMENT_MS);
        await(fixture.store, answers, 2);
    }
    assert_true(has_waited);
}

static void gather__a_dispatch_begins_what_gathered(void **state)
{
    struct answer answers[3] = {{0}};
    (void)state;
    get_builds(answers, 3);
    dbk_dispatch(fixture.store);
    while (answers[0].count + answers[1].count + answers[2].count < 3) {
        assert_true(is_readable(WAIT_MS));
        dbk_dispatch(fixture.store);
    }
}

static void gather__many_reads_begin_by_themselves(void **state)
{
    struct answer answers[GATHERED] = {{0}};
    (void)state;
    get_builds(answers, GATHERED);
    assert_true(is_readable(WAIT_MS));
    await(fixture.store, answers, GATHERED);
}

static void *submit_one(void *answer)
{
    dbk_get_build(fixture.store, 1, NULL, on_build, answer);
    return NULL;
}

static void gather__is_for_the_thread_that_says_it(void **state)
{
    struct answer answer = {0};
    pthread_t thread;
    (void)state;
    dbk_gather(fixture.store);
    assert_int_equal(pthread_create(&thread, NULL, submit_one, &answer), 0);
    pthread_join(thread, NULL);
    assert_true(is_readable(WAIT_MS));
    await(fixture.store, &answer, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(read__sees_the_write_whose_callback_ran),
        TEST(read__sees_the_write_whose_callback_ran_on_another_thread),
        TEST(read__is_one_snapshot_with_its_total_and_properties),
        TEST(read__that_takes_long_does_not_hold_up_those_beside_it),
        TEST(read__that_takes_long_does_not_hold_up_those_of_the_same_callback),
        TEST(threads__many_submit_and_one_dispatches),
        TEST(descriptor__is_not_readable_for_long_when_nothing_is_left),
        TEST(gather__few_reads_wait_for_a_dispatch),
        TEST(gather__a_dispatch_begins_what_gathered),
        TEST(gather__many_reads_begin_by_themselves),
        TEST(gather__is_for_the_thread_that_says_it),
    };
    inner_gate_install();
    return cmocka_run_group_tests_name("reads", tests, NULL, NULL);
}
