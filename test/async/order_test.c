/*
 * Rule 5 of the contract: writes of one build, of one step, and the numbers of one builder's builds come
 * in the order of submission. And the groups in which they are committed: few commits, and one that
 * fails costs its neighbours nothing.
 */
#include "support.h"

#include <pthread.h>
#include <stdio.h>

static struct fixture fixture;

/* A time at which the store does not yet look for what is old: every commit is an operation's. */
static int64_t early_clock(void *user)
{
    (void)user;
    return 1000;
}

static int set_up(void **state)
{
    struct dbk_options options = DBK_OPTIONS_INIT;
    (void)state;
    options.clock = early_clock;
    fixture_open(&fixture, &options);
    return 0;
}

static int tear_down(void **state)
{
    fixture_close(&fixture);
    return test_end_of(state);
}

static void assert_all_done(const struct answer *answers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(answers[i].count, 1);
        if (answers[i].is_error)
            fail_msg("operation %zu: %s", i, answers[i].error.message);
    }
}

static struct dbk_stats stats_of(struct dbk_store *store)
{
    struct dbk_stats stats;
    dbk_get_stats(store, &stats, sizeof stats);
    return stats;
}

/* Events whose name is not above that of the event before, of the same build. */
static const char OUT_OF_ORDER[] =
    "SELECT count(*) FROM (SELECT name, lag(name) OVER (PARTITION BY buildid ORDER BY position)"
    " AS before FROM daybook_events WHERE name IS NOT NULL) WHERE name <= before";

/* ------------------------------------------------------------------------------------ order ---- */

static void order__writes_of_one_build_are_done_as_submitted(void **state)
{
    enum { ROUNDS = 800, KINDS = 5, OPS = ROUNDS * KINDS };
    struct answer *answers = test_take(OPS * sizeof *answers), *next = answers;
    struct dbk_store *store = fixture.store;
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        char name[16], value[16];
        int64_t buildid = 1 + i % 2;
        snprintf(value, sizeof value, "%d", i);
        snprintf(name, sizeof name, "%05d-a", i);
        set_state(store, buildid, value, next++);
        assert_int_equal(
            dbk_set_build_property(store, buildid, name, value, "test", NULL, on_done, next++),
            DBK_OK);
        name[6] = 'b';
        assert_int_equal(
            dbk_set_build_data(store, buildid, name, value, 1, "test", NULL, on_done, next++),
            DBK_OK);
        assert_int_equal(
            dbk_set_build_property(store, buildid, "same", value, "test", NULL, on_done, next++),
            DBK_OK);
        assert_int_equal(dbk_add_step(store, buildid, value, "state", NULL, on_added_step, next++),
                         DBK_OK);
    }
    await(store, answers, OPS);
    assert_all_done(answers, OPS);
    for (int i = 0; i < ROUNDS; i++) /* a step's number tells when it was added */
        assert_int_equal(answers[i * KINDS + KINDS - 1].number, i / 2);
    file_exec(fixture.path, "DELETE FROM daybook_events WHERE name = 'same'");
    assert_int_equal(file_int(fixture.path, OUT_OF_ORDER), 0);
    assert_int_equal(file_int(fixture.path, "SELECT count(*) FROM daybook_events"), OPS - ROUNDS);
    assert_int_equal(
        file_int(fixture.path, "SELECT sum(state_string) FROM builds WHERE id IN (1, 2)"),
        ROUNDS - 1 + ROUNDS - 2);
    assert_int_equal(file_int(fixture.path, "SELECT sum(value) FROM build_properties"
                                            " WHERE name = 'same'"),
                     ROUNDS - 1 + ROUNDS - 2);
}

static void order__writes_of_one_step_are_done_as_submitted(void **state)
{
    enum { ROUNDS = 1000, KINDS = 3, OPS = ROUNDS * KINDS };
    struct answer *answers = test_take(OPS * sizeof *answers), step = {0};
    (void)state;
    assert_int_equal(dbk_add_step(fixture.store, 1, "step", "state", NULL, on_added_step, &step),
                     DBK_OK);
    await(fixture.store, &step, 1);
    for (int i = 0; i < ROUNDS; i++) {
        char value[16];
        struct answer *answer = &answers[i * KINDS];
        snprintf(value, sizeof value, "%d", i);
        assert_int_equal(
            dbk_set_step_state_string(fixture.store, step.id, value, NULL, on_done, &answer[0]),
            DBK_OK);
        assert_int_equal(
            dbk_start_step(fixture.store, step.id, i, i % 2, NULL, on_done, &answer[1]), DBK_OK);
        assert_int_equal(
            dbk_add_url(fixture.store, step.id, value, value, NULL, on_done, &answer[2]), DBK_OK);
    }
    await(fixture.store, answers, OPS);
    assert_all_done(answers, OPS);
    assert_int_equal(file_int(fixture.path, "SELECT state_string FROM steps"), ROUNDS - 1);
    assert_int_equal(file_int(fixture.path, "SELECT started_at FROM steps"), ROUNDS - 1);
    assert_int_equal(file_int(fixture.path, "SELECT count(*) FROM steps, json_each(urls_json)"
                                            " WHERE value ->> 'name' = CAST(key AS TEXT)"),
                     ROUNDS);
    /* One event each, "started" and "updated" in turns of three. */
    assert_int_equal(file_int(fixture.path,
                              "SELECT count(*) FROM (SELECT verb,"
                              " (row_number() OVER (ORDER BY position) - 1) % 3 AS turn"
                              " FROM daybook_events WHERE kind = 'step' AND verb <> 'new')"
                              " WHERE (verb = 'started') <> (turn = 1)"),
                     0);
}

static void order__builds_of_one_builder_are_numbered_as_submitted(void **state)
{
    enum { OPS = 4000, BUILDERS = 4 };
    struct answer *answers = test_take(OPS * sizeof *answers);
    (void)state;
    for (int i = 0; i < OPS; i++)
        add_build(fixture.store, 1 + i % BUILDERS, &answers[i]);
    await(fixture.store, answers, OPS);
    assert_all_done(answers, OPS);
    for (int i = 0; i < OPS; i++)
        assert_int_equal(answers[i].number, 2 + i / BUILDERS);
}

struct submitter {
    pthread_t thread;
    int64_t builderid;
    int count;
    struct answer *answers;
};

static void *submit_builds(void *user)
{
    struct submitter *submitter = user;
    for (int i = 0; i < submitter->count; i++)
        if (dbk_add_build(fixture.store, submitter->builderid, 1, 1, 1, "starting", NULL,
                          on_added_build, &submitter->answers[i]))
            return submitter;
    return NULL;
}

static void run_submitters(struct submitter *submitters, int count)
{
    for (int i = 0; i < count; i++)
        assert_int_equal(pthread_create(&submitters[i].thread, NULL, submit_builds, &submitters[i]),
                         0);
    for (int i = 0; i < count; i++) {
        void *refused;
        pthread_join(submitters[i].thread, &refused);
        assert_null(refused);
    }
    for (int i = 0; i < count; i++) {
        await(fixture.store, submitters[i].answers, (size_t)submitters[i].count);
        assert_all_done(submitters[i].answers, (size_t)submitters[i].count);
    }
}

static void order__is_kept_for_each_of_many_submitting_threads(void **state)
{
    enum { THREADS = 6, OPS = 800 };
    struct submitter submitters[THREADS];
    (void)state;
    for (int i = 0; i < THREADS; i++)
        submitters[i] = (struct submitter){
            .builderid = 1 + i, .count = OPS, .answers = test_take(OPS * sizeof(struct answer))};
    run_submitters(submitters, THREADS);
    for (int i = 0; i < THREADS; i++)
        for (int j = 0; j < OPS; j++)
            assert_int_equal(submitters[i].answers[j].number, 2 + j);
}

static void order__threads_on_one_builder_get_every_number_once(void **state)
{
    enum { THREADS = 4, OPS = 800 };
    struct submitter submitters[THREADS];
    (void)state;
    for (int i = 0; i < THREADS; i++)
        submitters[i] = (struct submitter){
            .builderid = 1, .count = OPS, .answers = test_take(OPS * sizeof(struct answer))};
    run_submitters(submitters, THREADS);
    for (int i = 0; i < THREADS; i++)
        for (int j = 1; j < OPS; j++)
            assert_true(submitters[i].answers[j].number > submitters[i].answers[j - 1].number);
    assert_int_equal(file_int(fixture.path, "SELECT count(DISTINCT number) = count(*)"
                                            " AND max(number) = count(*) AND min(number) = 1"
                                            " FROM builds WHERE builderid = 1"),
                     1);
    assert_int_equal(file_int(fixture.path, "SELECT max(number) FROM builds WHERE builderid = 1"),
                     1 + THREADS * OPS);
}

/* ----------------------------------------------------------------------------------- groups ---- */

static void group__a_thousand_outstanding_writes_share_few_commits(void **state)
{
    enum { OPS = 1000, COMMITS_MAX = 4 };
    struct answer *answers = test_take(OPS * sizeof *answers);
    (void)state;
    int64_t before = stats_of(fixture.store).commit_count;
    write_gate_close(&fixture);
    for (int i = 0; i < OPS; i++)
        add_build(fixture.store, 1, &answers[i]);
    assert_int_equal(stats_of(fixture.store).waiting_count, OPS);
    write_gate_open();
    await(fixture.store, answers, OPS);
    assert_all_done(answers, OPS);
    struct dbk_stats after = stats_of(fixture.store);
    assert_in_range(after.commit_count - before, 1, COMMITS_MAX);
    assert_int_equal(after.write_count, OPS);
    assert_int_equal(after.waiting_count + after.running_count + after.ready_count, 0);
}

/* Updates to this state fail within SQLite, in the way that is given. */
static void make_updates_fail(const char *how)
{
    file_exec(fixture.path,
              test_format("CREATE TRIGGER bad BEFORE UPDATE ON builds WHEN new.state_string = 'bad'"
                          " BEGIN SELECT RAISE(%s, 'refused by the test'); END",
                          how));
}

/* Submits writes of one build as one batch; those whose place is in `bad` fail. */
static void run_batch(const char *bad, int count, struct answer *answers)
{
    write_gate_close(&fixture);
    for (int i = 0; i < count; i++) {
        char value[16];
        snprintf(value, sizeof value, "%d", i);
        set_state(fixture.store, 1, bad[i] == 'x' ? "bad" : value, &answers[i]);
    }
    write_gate_open();
    await(fixture.store, answers, (size_t)count);
}

static void check_batch(const char *bad)
{
    int count = (int)strlen(bad), last_good = -1, good = 0;
    struct answer *answers = test_take((size_t)count * sizeof *answers);
    file_exec(fixture.path,
              "DELETE FROM daybook_events; UPDATE builds SET state_string = 'before'");
    run_batch(bad, count, answers);
    for (int i = 0; i < count; i++) {
        assert_int_equal(answers[i].count, 1);
        assert_int_equal(answers[i].is_error, bad[i] == 'x');
        if (bad[i] != 'x') {
            last_good = i;
            good++;
            continue;
        }
        assert_int_equal(answers[i].error.status, DBK_CONFLICT);
        assert_int_equal(answers[i].error.outcome, DBK_NOT_DONE);
        assert_int_equal(answers[i].error.engine_code, SQLITE_CONSTRAINT_TRIGGER);
        assert_string_equal(answers[i].error.action, "setting a build's state string");
        assert_non_null(strstr(answers[i].error.message, "refused by the test"));
    }
    assert_int_equal(file_int(fixture.path, "SELECT CASE state_string WHEN 'before' THEN -1"
                                            " ELSE CAST(state_string AS INTEGER) END"
                                            " FROM builds WHERE id = 1"),
                     last_good);
    assert_int_equal(file_int(fixture.path, "SELECT count(*) FROM daybook_events"), good);
}

static const char *const BATCHES[] = {"....x....", "x........", "........x", "xxx...xxx",
                                      ".x.x.x.x.", "xxxxxxxxx", "x"};

static void group__one_that_fails_does_not_fail_its_neighbours(void **state)
{
    (void)state;
    make_updates_fail("ABORT");
    for (size_t i = 0; i < COUNT_OF(BATCHES); i++)
        check_batch(BATCHES[i]);
}

/* SQLite undoes the whole transaction by itself then. */
static void group__one_that_rolls_back_does_not_fail_its_neighbours(void **state)
{
    (void)state;
    make_updates_fail("ROLLBACK");
    for (size_t i = 0; i < COUNT_OF(BATCHES); i++)
        check_batch(BATCHES[i]);
}

static void group__one_that_fails_does_not_disturb_the_order_of_numbers(void **state)
{
    enum { OPS = 300 };
    struct answer *answers = test_take(OPS * sizeof *answers);
    (void)state;
    file_exec(fixture.path,
              "CREATE TRIGGER bad BEFORE INSERT ON builds WHEN new.state_string = 'bad'"
              " BEGIN SELECT RAISE(ABORT, 'refused by the test'); END");
    write_gate_close(&fixture);
    for (int i = 0; i < OPS; i++)
        assert_int_equal(dbk_add_build(fixture.store, 1, 1, 1, 1, i % 10 == 7 ? "bad" : "good",
                                       NULL, on_added_build, &answers[i]),
                         DBK_OK);
    write_gate_open();
    await(fixture.store, answers, OPS);
    int64_t number = 1;
    for (int i = 0; i < OPS; i++) {
        assert_int_equal(answers[i].is_error, i % 10 == 7);
        if (!answers[i].is_error)
            assert_int_equal(answers[i].number, ++number);
        else
            assert_int_equal(answers[i].number, DBK_NONE);
    }
}

static void group__what_was_refused_costs_no_second_transaction(void **state)
{
    enum { OPS = 100 };
    struct answer answers[OPS] = {{0}};
    (void)state;
    struct dbk_stats before = stats_of(fixture.store);
    write_gate_close(&fixture);
    for (int i = 0; i < OPS; i++)
        set_state(fixture.store, i % 2 ? 1 : 4711, "new", &answers[i]);
    write_gate_open();
    await(fixture.store, answers, OPS);
    struct dbk_stats after = stats_of(fixture.store);
    assert_int_equal(after.retry_count, before.retry_count);
    assert_int_equal(after.commit_count, before.commit_count + 1);
    assert_int_equal(after.failed_count, before.failed_count);
    assert_int_equal(file_int(fixture.path, "SELECT count(*) FROM daybook_events"), OPS / 2);
}

static void group__properties_are_set_all_or_none(void **state)
{
    const struct dbk_new_property properties[] = {
        {"one", "1", "test"}, {"bad", "2", "test"}, {"three", "3", "test"}};
    struct answer answers[2] = {{0}};
    (void)state;
    file_exec(fixture.path, "CREATE TRIGGER bad BEFORE INSERT ON build_properties"
                            " WHEN new.name = 'bad' BEGIN SELECT RAISE(ABORT, 'refused'); END");
    assert_int_equal(
        dbk_set_build_properties(fixture.store, 1, properties, 3, NULL, on_done, &answers[0]),
        DBK_OK);
    set_state(fixture.store, 1, "beside", &answers[1]);
    await(fixture.store, answers, 2);
    assert_int_equal(answers[0].error.status, DBK_CONFLICT);
    assert_false(answers[1].is_error);
    assert_int_equal(file_int(fixture.path, "SELECT count(*) FROM build_properties"), 0);
    assert_int_equal(file_int(fixture.path, "SELECT count(*) FROM daybook_events"), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(order__writes_of_one_build_are_done_as_submitted),
        TEST(order__writes_of_one_step_are_done_as_submitted),
        TEST(order__builds_of_one_builder_are_numbered_as_submitted),
        TEST(order__is_kept_for_each_of_many_submitting_threads),
        TEST(order__threads_on_one_builder_get_every_number_once),
        TEST(group__a_thousand_outstanding_writes_share_few_commits),
        TEST(group__one_that_fails_does_not_fail_its_neighbours),
        TEST(group__one_that_rolls_back_does_not_fail_its_neighbours),
        TEST(group__one_that_fails_does_not_disturb_the_order_of_numbers),
        TEST(group__what_was_refused_costs_no_second_transaction),
        TEST(group__properties_are_set_all_or_none),
    };
    return cmocka_run_group_tests_name("order", tests, NULL, NULL);
}
