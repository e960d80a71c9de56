/*
 * The same work through the library: a fixed number of operations outstanding, each callback submits the
 * next one, dbk_wait() drives. One at a time: submit, wait, repeat.
 */
#include "bench.h"

#include <daybook.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct ours {
    struct dbk_store *store;
    struct dbk_spec *newest; /* of get_builds */
};

struct runner;

/* One of the operations outstanding; a chain of steps knows how far it is. */
struct lane {
    struct runner *runner;
    int64_t stepid;
};

struct runner {
    struct ours *ours;
    const struct bench_work *work;
    struct bench_random random;
    int submitted, done; /* of steps: chains */
    uint64_t sum;
};

struct ours *ours_open(const char *path)
{
    struct ours *ours = calloc(1, sizeof *ours);
    struct dbk_error error;
    if (!ours)
        bench_fail("out of memory");
    if (dbk_open(path, NULL, &ours->store, &error))
        bench_fail("%s", error.message);
    if (dbk_spec_parse("results=0&order=-number&limit=50", &ours->newest, &error))
        bench_fail("%s", error.message);
    return ours;
}

void ours_close(struct ours *ours)
{
    if (!ours)
        return;
    dbk_spec_free(ours->newest);
    dbk_close_wait(ours->store);
    free(ours);
}

/* --------------------------------------------------------------------------------- callbacks ---- */

static void submit_next(struct lane *lane);

static void check(const struct dbk_error *error)
{
    if (error)
        bench_fail("%s: %s", error->action, error->message);
}

static void finished(struct lane *lane, uint64_t sum)
{
    struct runner *runner = lane->runner;
    runner->done++;
    runner->sum += sum;
    if (!runner->work->is_waited)
        submit_next(lane);
}

static void on_done(void *user, const struct dbk_error *error)
{
    check(error);
    finished(user, 0);
}

static void on_added_build(void *user, const struct dbk_error *error, int64_t buildid,
                           int64_t number)
{
    check(error);
    finished(user, bench_sum(buildid, number, NULL, 0));
}

static void on_started_step(void *user, const struct dbk_error *error)
{
    struct lane *lane = user;
    check(error);
    if (dbk_finish_step(lane->runner->ours->store, lane->stepid, DBK_SUCCESS, false, NULL, on_done,
                        lane))
        bench_fail("finish_step was refused");
}

static void on_added_step(void *user, const struct dbk_error *error, int64_t stepid, int64_t number,
                          const char *name)
{
    struct lane *lane = user;
    (void)name;
    check(error);
    lane->stepid = stepid;
    lane->runner->sum += bench_sum(stepid, number, NULL, 0);
    if (dbk_start_step(lane->runner->ours->store, stepid, time(NULL), true, NULL, on_started_step,
                       lane))
        bench_fail("start_step was refused");
}

static uint64_t sum_of_build(const struct dbk_build *build)
{
    return bench_sum(build->id, build->number, build->state_string, strlen(build->state_string));
}

static void on_build(void *user, const struct dbk_error *error, const struct dbk_build *build)
{
    check(error);
    if (!build)
        bench_fail("a build is missing");
    finished(user, sum_of_build(build));
}

static void on_builds(void *user, const struct dbk_error *error,
                      const struct dbk_build *const *builds, const struct dbk_page *page)
{
    uint64_t sum = 0;
    check(error);
    if (page->count != BENCH_PAGE)
        bench_fail("builds are missing");
    for (size_t i = 0; i < page->count; i++)
        sum += sum_of_build(builds[i]);
    finished(user, sum);
}

static void on_step(void *user, const struct dbk_error *error, const struct dbk_step *step)
{
    check(error);
    if (!step)
        bench_fail("a step is missing");
    finished(user, bench_sum(step->id, step->number, step->name, strlen(step->name)));
}

/* -------------------------------------------------------------------------------- submitting ---- */

static int submit_named(struct lane *lane, const struct bench_draw *draw, int number)
{
    struct dbk_store *store = lane->runner->ours->store;
    char name[BENCH_NAME_SIZE];
    if (lane->runner->work->op == BENCH_RUN_STEP) {
        snprintf(name, sizeof name, "step-%d", number);
        return dbk_add_step(store, draw->buildid, name, draw->text, NULL, on_added_step, lane);
    }
    snprintf(name, sizeof name, "data-%d", number);
    return dbk_set_build_data(store, draw->buildid, name, bench_value(), BENCH_VALUE_LEN, "bench",
                              NULL, on_done, lane);
}

static int submit(struct lane *lane, const struct bench_draw *draw, int number)
{
    struct ours *ours = lane->runner->ours;
    struct dbk_store *store = ours->store;
    switch (lane->runner->work->op) {
    case BENCH_ADD_BUILD:
        return dbk_add_build(store, draw->builderid, draw->requestid, draw->workerid, 1, draw->text,
                             NULL, on_added_build, lane);
    case BENCH_SET_STATE_STRING:
        return dbk_set_build_state_string(store, draw->buildid, draw->text, NULL, on_done, lane);
    case BENCH_GET_BUILD:
        return dbk_get_build(store, draw->buildid, NULL, on_build, lane);
    case BENCH_GET_BUILD_BY_NUMBER:
        return dbk_get_build_by_number(store, draw->builderid, draw->number, NULL, on_build, lane);
    case BENCH_GET_STEP:
        return dbk_get_step(store, draw->stepid, DBK_NONE, DBK_NONE, NULL, NULL, on_step, lane);
    case BENCH_GET_BUILDS:
        return dbk_get_builds(store, draw->builderid, DBK_NONE, DBK_NONE, DBK_NONE, ours->newest,
                              NULL, on_builds, lane);
    default:
        return submit_named(lane, draw, number);
    }
}

static void submit_next(struct lane *lane)
{
    struct runner *runner = lane->runner;
    if (runner->submitted == runner->work->count)
        return;
    struct bench_draw draw = bench_draw(&runner->random, runner->work);
    int status = submit(lane, &draw, runner->work->first + runner->submitted++);
    if (status)
        bench_fail("%s was refused: %s", bench_op_name(runner->work->op),
                   dbk_status_text((enum dbk_status)status));
}

static int64_t count_commits(const struct ours *ours)
{
    struct dbk_stats stats;
    dbk_get_stats(ours->store, &stats, sizeof stats);
    return stats.commit_count;
}

void ours_run(struct ours *ours, const struct bench_work *work, struct bench_sample *out_sample)
{
    struct runner runner = {.ours = ours, .work = work};
    struct lane *lanes = calloc((size_t)work->outstanding, sizeof *lanes);
    struct bench_meter meter;
    if (!lanes)
        bench_fail("out of memory");
    for (int i = 0; i < work->outstanding; i++)
        lanes[i].runner = &runner;
    bench_random_init(&runner.random, work->seed);
    *out_sample = (struct bench_sample){.commits = -count_commits(ours)};
    bench_meter_begin(&meter);
    if (!work->is_waited)
        for (int i = 0; i < work->outstanding; i++)
            submit_next(&lanes[i]);
    while (runner.done < work->count) {
        if (work->is_waited)
            submit_next(&lanes[0]);
        dbk_wait(ours->store, -1);
    }
    bench_meter_end(&meter, out_sample);
    out_sample->operations = (int64_t)work->count * (work->op == BENCH_RUN_STEP ? 3 : 1);
    out_sample->commits += count_commits(ours);
    out_sample->sum = runner.sum;
    free(lanes);
}
