#include "server_ours.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { OPS = 6400, PAGES = 1600, ROUNDS_MAX = 25 };

static const char *const NAMES[] = {"add_build", "set_build_state_string",
                                    "add_step + start + finish", "get_build", "page of 50 builds"};

int run_number;

static struct {
    struct dbk_store *store;
    struct dbk_spec *page;
    enum what what;
    int left, outstanding;
} load;

void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void next(void);

static void end_one(const struct dbk_error *error)
{
    if (error)
        die("%s", error->message);
    load.outstanding--;
    next();
}

static void on_done(void *user, const struct dbk_error *error)
{
    (void)user;
    end_one(error);
}

static void on_build(void *user, const struct dbk_error *error, const struct dbk_build *build)
{
    (void)user;
    if (!error && !build)
        die("a build is missing");
    end_one(error);
}

static void on_builds(void *user, const struct dbk_error *error,
                      const struct dbk_build *const *builds, const struct dbk_page *page)
{
    (void)user;
    (void)builds;
    if (!error && page->count != PAGE)
        die("a page has %zu builds", page->count);
    end_one(error);
}

static void on_added(void *user, const struct dbk_error *error, int64_t id, int64_t number)
{
    (void)user;
    (void)id;
    (void)number;
    end_one(error);
}

static void on_started(void *user, const struct dbk_error *error)
{
    int64_t stepid = (int64_t)(intptr_t)user;
    if (error || dbk_finish_step(load.store, stepid, 0, false, NULL, on_done, NULL))
        die("a step was not started");
}

static void on_step(void *user, const struct dbk_error *error, int64_t id, int64_t number,
                    const char *name)
{
    (void)user;
    (void)number;
    (void)name;
    if (error ||
        dbk_start_step(load.store, id, DBK_NONE, true, NULL, on_started, (void *)(intptr_t)id))
        die("a step was not added");
}

static int submit(int i)
{
    char name[32];
    switch (load.what) {
    case ADD_BUILD:
        return dbk_add_build(load.store, 1 + i % BUILDERS, 1, 1, 1, "starting", NULL, on_added,
                             NULL);
    case SET_STATE:
        return dbk_set_build_state_string(load.store, 1 + (i * 7) % BUILDS, "compiling", NULL,
                                          on_done, NULL);
    case STEPS:
        snprintf(name, sizeof name, "step %d-%d", run_number, i);
        return dbk_add_step(load.store, 1 + i % BUILDS, name, "starting", NULL, on_step, NULL);
    case GET_BUILD:
        return dbk_get_build(load.store, 1 + (i * 7) % BUILDS, NULL, on_build, NULL);
    default:
        return dbk_get_builds(load.store, 1 + i % BUILDERS, DBK_NONE, DBK_NONE, DBK_NONE, load.page,
                              NULL, on_builds, NULL);
    }
}

static void next(void)
{
    if (!load.left)
        return;
    load.outstanding++;
    int status = submit(load.left--);
    if (status)
        die("not submitted: %s", dbk_status_text((enum dbk_status)status));
}

static void on_newest(void *user, const struct dbk_error *error, int64_t id)
{
    (void)id;
    if (error)
        die("%s", error->message);
    *(bool *)user = true;
}

/* Events get positions now and then; whoever reads them sees to the rest. */
static void give_positions(void)
{
    bool is_done = false;
    if (dbk_get_newest_event(load.store, NULL, on_newest, &is_done))
        die("the newest event is not to be had");
    while (!is_done)
        dbk_wait(load.store, 1000);
}

static void run_ours(enum what what, int count)
{
    load.what = what;
    load.left = count;
    for (int i = 0; i < OUTSTANDING; i++)
        next();
    while (load.outstanding)
        dbk_wait(load.store, 1000);
    if (what < GET_BUILD)
        give_positions();
}

static bool is_json;

void server_take_json(int *argc, char **argv)
{
    is_json = *argc > 1 && !strcmp(argv[*argc - 1], "--json");
    *argc -= is_json;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void server_measure(struct dbk_store *store, void (*bare)(void *user, enum what what, int count),
                    void *user, int scale, int rounds)
{
    struct dbk_error error;
    struct dbk_stats stats;
    if (rounds < 1 || rounds > ROUNDS_MAX)
        die("1 to %d rounds", ROUNDS_MAX);
    load.store = store;
    if (dbk_spec_parse("order=-number&limit=50", &load.page, &error))
        die("%s", error.message);
    for (int what = 0; what < WHAT_COUNT; what++) {
        double ours[ROUNDS_MAX], theirs[ROUNDS_MAX], ratios[ROUNDS_MAX];
        int count = scale * (what == GET_PAGE ? PAGES : OPS);
        for (int i = 0; i < rounds; i++) {
            run_number++;
            double began = now_s();
            bare(user, (enum what)what, count);
            double turned = now_s();
            run_number++;
            run_ours((enum what)what, count);
            theirs[i] = count / (turned - began);
            ours[i] = count / (now_s() - turned);
            ratios[i] = ours[i] / theirs[i];
        }
        qsort(ours, (size_t)rounds, sizeof *ours, compare);
        qsort(theirs, (size_t)rounds, sizeof *theirs, compare);
        qsort(ratios, (size_t)rounds, sizeof *ratios, compare);
        printf(is_json ? "{\"name\": \"%s\", \"daybook\": %.0f, \"bare\": %.0f, \"ratio\": %.3f,"
                         " \"min\": %.3f, \"max\": %.3f}\n"
                       : "%-26s daybook %7.0f/s  bare %7.0f/s  ratio %.2f (%.2f to %.2f)\n",
               NAMES[what], ours[rounds / 2], theirs[rounds / 2], ratios[rounds / 2], ratios[0],
               ratios[rounds - 1]);
        fflush(stdout);
    }
    dbk_get_stats(store, &stats, sizeof stats);
    if (!is_json)
        printf("daybook: %.1f writes a transaction, %lld begun again\n",
               (double)stats.write_count / (double)stats.commit_count,
               (long long)stats.retry_count);
    dbk_spec_free(load.page);
}
