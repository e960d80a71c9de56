/*
 * Made-up histories of builds: see bench_history.h.
 */
#include "bench_history.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { PROJECTS = 4, WORKERS = 20, BRANCHES = 24, BUILDS_OF_A_REVISION = 8 };

/* Of 1,000 builds outside of a run of failure, so many begin one, or end in another way. */
enum { RUN_BEGINS = 30, EXCEPTIONS = 8, CANCELLED = 12, WARNINGS = 40 };
enum { RUN_MAX = 12 };

static const char *const STEPS[HISTORY_STEPS] = {
    "checkout", "configure",         "compile", "unit tests",         "integration tests",
    "lint",     "build the package", "sign",    "upload the package", "clean up"};
static const char *const PROJECT_NAMES[PROJECTS] = {"engine", "editor", "website", "tools"};
static const char *const PLATFORMS[] = {"linux", "macos", "windows", "arm"};
static const char *const PROPERTY_NAMES[HISTORY_PROPERTIES] = {
    "branch",     "builddir", "buildername", "codebase",   "got_revision",
    "repository", "revision", "scheduler",   "workername", "platform"};

static uint64_t next_random(struct history *history)
{
    uint64_t x = history->random += 0x9E3779B97F4A7C15;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
    return x ^ (x >> 31);
}

static int draw(struct history *history, int below)
{
    return (int)(next_random(history) % (uint64_t)below);
}

void history_init(struct history *history, uint64_t seed, int64_t count, int64_t until)
{
    int64_t gap_s = until / count < HISTORY_GAP_S ? until / count : HISTORY_GAP_S;
    *history = (struct history){
        .seed = seed, .count = count, .until = until, .gap_s = gap_s, .random = seed};
}

/* The first builder has the most builds, the second half of them, the third a third, and so on. */
static int draw_builder(struct history *history)
{
    static int bounds[HISTORY_BUILDERS];
    if (!bounds[0])
        for (int i = 0, sum = 0; i < HISTORY_BUILDERS; i++)
            bounds[i] = sum += 10000 / (i + 1);
    int drawn = draw(history, bounds[HISTORY_BUILDERS - 1]), builder = 0;
    while (drawn >= bounds[builder])
        builder++;
    return builder;
}

static int64_t draw_results(struct history *history, int builder)
{
    int drawn = draw(history, 1000);
    if (history->failing_left[builder]) {
        history->failing_left[builder]--;
        return DBK_FAILURE;
    }
    if (drawn < RUN_BEGINS) {
        history->failing_left[builder] = draw(history, RUN_MAX);
        return DBK_FAILURE;
    }
    if (drawn < RUN_BEGINS + EXCEPTIONS)
        return DBK_EXCEPTION;
    if (drawn < RUN_BEGINS + EXCEPTIONS + CANCELLED)
        return DBK_RESULT_CANCELLED;
    return drawn < RUN_BEGINS + EXCEPTIONS + CANCELLED + WARNINGS ? DBK_WARNINGS : DBK_SUCCESS;
}

/* Two of three builds are of the main branch. Several builders build one revision. */
static void draw_source(struct history *history, struct history_build *out, int builder)
{
    int project = builder % PROJECTS, branch = draw(history, 3 * BRANCHES);
    uint64_t revision = (uint64_t)(history->next / BUILDS_OF_A_REVISION * PROJECTS + project + 1) *
                        0x9E3779B97F4A7C15;
    out->stamp = (struct dbk_sourcestamp_key)DBK_SOURCESTAMP_KEY_INIT;
    if (branch < BRANCHES)
        snprintf(out->branch, sizeof out->branch, "feature/%d-%s", 100 + branch,
                 branch % 2 ? "faster-start" : "new-dialog");
    else
        strcpy(out->branch, "main");
    snprintf(out->revision, sizeof out->revision, "%016" PRIx64 "%016" PRIx64 "%08x", revision,
             revision * 31 + (uint64_t)branch, (unsigned)branch);
    snprintf(out->repository, sizeof out->repository, "https://git.example.org/%s.git",
             PROJECT_NAMES[project]);
    out->stamp.branch = out->branch;
    out->stamp.revision = out->revision;
    out->stamp.repository = out->repository;
    out->stamp.project = PROJECT_NAMES[project];
    out->stamps[0] = &out->stamp;
}

/* Which step a build that did not go well stopped at. */
static int draw_stop(struct history *history, int64_t results)
{
    int drawn = draw(history, HISTORY_STEPS - 1);
    return results == DBK_SUCCESS || results == DBK_WARNINGS ? HISTORY_STEPS : drawn;
}

/* Result: when the last step ended. */
static int64_t fill_steps(struct history *history, struct history_build *out, int64_t started_at,
                          int stop)
{
    int64_t at = started_at;
    for (int i = 0; i < HISTORY_STEPS; i++) {
        struct dbk_new_step *step = &out->steps[i];
        int64_t took_s = i > stop ? 0 : 1 + draw(history, i == 2 || i == 3 ? 400 : 40);
        *step = (struct dbk_new_step)DBK_NEW_STEP_INIT;
        step->name = STEPS[i];
        step->started_at = step->locks_acquired_at = at;
        step->complete_at = at += took_s;
        step->results = i < stop ? DBK_SUCCESS : i == stop ? out->build.results : DBK_SKIPPED;
        step->state_string = i < stop ? "finished" : i == stop ? out->state : "skipped";
        step->hidden = i == HISTORY_STEPS - 1;
        out->step_pointers[i] = step;
    }
    snprintf(out->address, sizeof out->address, "https://files.example.org/%s/%" PRId64,
             out->builder, history->next);
    out->url = (struct dbk_url){"package", out->address};
    out->steps[8].urls = &out->url;
    out->steps[8].url_count = 1;
    return at;
}

static void fill_properties(struct history_build *out, int builder)
{
    const char *const texts[HISTORY_PROPERTIES] = {
        out->branch,   "/home/ci/build",      out->builder,  "",
        out->revision, out->repository,       out->revision, builder % 3 ? "commits" : "nightly",
        out->worker,   PLATFORMS[builder % 4]};
    for (int i = 0; i < HISTORY_PROPERTIES; i++) {
        snprintf(out->values[i], sizeof out->values[i], "\"%s\"", texts[i]);
        out->properties[i] = (struct dbk_new_property){PROPERTY_NAMES[i], out->values[i],
                                                       i == 9 ? "Builder" : "Build"};
    }
}

/* The end of a log, 256 to 1,023 bytes, and some numbers. */
static void fill_data(struct history *history, struct history_build *out)
{
    size_t len = 256 + (size_t)draw(history, HISTORY_LOG_SIZE - 256), at = 0;
    while (at < len) {
        int wrote = snprintf(out->log + at, sizeof out->log - at,
                             "[%4d/4096] cc -O2 -c src/module_%03d.c\n", draw(history, 4096),
                             draw(history, 1000));
        at += (size_t)wrote;
        if (at >= sizeof out->log)
            break;
    }
    snprintf(out->numbers, sizeof out->numbers, "{\"tests\": %d, \"coverage\": %d.%d}",
             draw(history, 9000), draw(history, 100), draw(history, 10));
    out->data[0] = (struct dbk_new_data){"compile.log", out->log, len, "compile"};
    out->data[1] =
        (struct dbk_new_data){"numbers.json", out->numbers, strlen(out->numbers), "unit tests"};
}

static void name_build(struct history *history, struct history_build *out, int builder)
{
    static const char *const words[] = {
        "build successful", "build successful (warnings)",    "failed: unit tests",
        "skipped",          "exception: the worker was lost", "retry",
        "cancelled"};
    snprintf(out->builder, sizeof out->builder, "%s-%s-%02d", PROJECT_NAMES[builder % PROJECTS],
             PLATFORMS[builder / PROJECTS % 4], builder);
    snprintf(out->worker, sizeof out->worker, "worker-%02d",
             (builder + draw(history, 4)) % WORKERS);
    snprintf(out->state, sizeof out->state, "%s", words[out->build.results]);
}

/* A build that still runs: its last steps are not there yet. */
static void leave_open(struct history_build *out)
{
    struct dbk_new_step *last = &out->steps[2];
    out->build.results = out->build.complete_at = DBK_NONE;
    out->build.state_string = "building";
    out->build.step_count = 3;
    last->results = last->complete_at = DBK_NONE;
    last->state_string = "compiling";
}

bool history_next(struct history *history, struct history_build *out)
{
    if (history->next == history->count)
        return false;
    int builder = draw_builder(history);
    int64_t started_at = history->until - (history->count - 1 - history->next) * history->gap_s;
    *out = (struct history_build){.build = DBK_NEW_BUILD_INIT};
    out->build.results = draw_results(history, builder);
    name_build(history, out, builder);
    draw_source(history, out, builder);
    fill_properties(out, builder);
    fill_data(history, out);
    out->build.builder = out->builder;
    out->build.worker = out->worker;
    out->build.reason = "a commit";
    out->build.sourcestamps = out->stamps;
    out->build.sourcestamp_count = 1;
    out->build.state_string = out->state;
    out->build.started_at = started_at;
    out->build.complete_at =
        fill_steps(history, out, started_at, draw_stop(history, out->build.results));
    out->build.properties = out->properties;
    out->build.property_count = HISTORY_PROPERTIES;
    out->build.steps = out->step_pointers;
    out->build.step_count = HISTORY_STEPS;
    out->build.data = out->data;
    out->build.data_count = HISTORY_DATA;
    if (history->next >= history->count - HISTORY_OPEN)
        leave_open(out);
    history->next++;
    return true;
}
