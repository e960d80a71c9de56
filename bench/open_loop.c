/*
 * An open-loop load of writers on a store: writes arrive on a clock, whether or not those before them are done, and
 * each is timed from when it was due, not from when it could be begun: so a stall shows in all that were due in it.
 *
 * usage: bench-open-loop URL --saturate SECONDS [--outstanding N] [--writers N]
 *            so many outstanding (64), each callback submits the next; prints {"rate": writes a second} and their times
 *        bench-open-loop URL --rate R [--seconds S] [--writers N]
 *            R writes a second for S seconds, or until stdin ends; prints their times in ms as JSON
 *
 * A writer records: of 8 writes one begins a build of its own builder, the others add steps, finish them, and set
 * properties and the state. Writers (1) take turns; one alone keeps to one connection of a server's, since the writes of a
 * build keep their order. Compiled against the public header alone; see prune_load.
 */
#include <daybook.h>

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    OUTSTANDING = 64,
    OUTSTANDING_MAX = 10000,
    WRITER_BITS = 6,
    BUCKET_US = 50,
    BUCKETS = 400000
}; /* up to 20 s */

enum { WRITERS_MAX = 1 << WRITER_BITS };

struct writer {
    int64_t builderid, requestid, buildid, stepid, submitted;
};

static struct {
    struct dbk_store *store;
    struct writer writers[WRITERS_MAX];
    int writer_count;
    int64_t masterid, submitted, done, refused, failed;
    int64_t end_ns;
    bool is_closed; /* the loop */
    bool is_over;
    int64_t found; /* what the last id was that was asked for */
    bool is_found;
    int64_t max_us, max_due_ns;
    uint32_t times[BUCKETS + 1];
} load;

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void fail(const char *what, const struct dbk_error *error)
{
    fprintf(stderr, "bench-open-loop: %s: %s\n", what, error ? error->message : "refused");
    exit(1);
}

/* -------------------------------------------------------------------------------- the writes ---- */

static void submit(int64_t due_ns);

/* What a write's callback has to know: when it was due, and whose it is. */
static void *user_of(int64_t due_ns, int writer)
{
    return (void *)(intptr_t)(due_ns << WRITER_BITS | writer);
}

static int64_t due_of(void *user)
{
    return (int64_t)(intptr_t)user >> WRITER_BITS;
}

static struct writer *writer_of(void *user)
{
    return &load.writers[(intptr_t)user & (WRITERS_MAX - 1)];
}

static void take_time(int64_t due_ns)
{
    int64_t us = (now_ns() - due_ns) / 1000;
    load.times[us / BUCKET_US < BUCKETS ? us / BUCKET_US : BUCKETS]++;
    if (us > load.max_us) {
        load.max_us = us;
        load.max_due_ns = due_ns;
    }
    load.done++;
    if (load.is_closed && now_ns() < load.end_ns)
        submit(now_ns());
}

static void on_done(void *user, const struct dbk_error *error)
{
    load.failed += error != NULL;
    take_time(due_of(user));
}

static void on_build(void *user, const struct dbk_error *error, int64_t buildid, int64_t number)
{
    (void)number;
    if (!error)
        writer_of(user)->buildid = buildid;
    on_done(user, error);
}

static void on_step(void *user, const struct dbk_error *error, int64_t stepid, int64_t number,
                    const char *name)
{
    (void)number;
    (void)name;
    if (!error)
        writer_of(user)->stepid = stepid;
    on_done(user, error);
}

static void submit(int64_t due_ns)
{
    int turn = (int)(load.submitted++ % load.writer_count);
    struct writer *writer = &load.writers[turn];
    void *user = user_of(due_ns, turn);
    struct dbk_store *store = load.store;
    char text[32];
    int status;
    snprintf(text, sizeof text, "%" PRId64, writer->submitted);
    switch (writer->submitted++ % 8) {
    case 0:
        status = dbk_add_build(store, writer->builderid, writer->requestid, DBK_NONE, load.masterid,
                               "starting", NULL, on_build, user);
        break;
    case 1:
    case 4:
        status = dbk_add_step(store, writer->buildid, text, "running", NULL, on_step, user);
        break;
    case 3:
    case 6:
        status = dbk_finish_step(store, writer->stepid, DBK_SUCCESS, false, NULL, on_done, user);
        break;
    case 7:
        status = dbk_set_build_state_string(store, writer->buildid, text, NULL, on_done, user);
        break;
    default:
        status = dbk_set_build_property(store, writer->buildid, "turn", text, "bench", NULL,
                                        on_done, user);
    }
    load.refused += status != DBK_OK;
}

/* --------------------------------------------------------------------------------- the loops ---- */

static void on_found(void *user, const struct dbk_error *error, int64_t id)
{
    (void)user;
    if (error)
        fail("what builds hang on", error);
    load.found = id;
    load.is_found = true;
}

#define FIND(place, call, ...)                                                                     \
    do {                                                                                           \
        load.is_found = false;                                                                     \
        if (call(load.store, __VA_ARGS__, NULL, on_found, NULL))                                   \
            fail(#call, NULL);                                                                     \
        while (!load.is_found)                                                                     \
            dbk_wait(load.store, -1);                                                              \
        place = load.found;                                                                        \
    } while (0)

/* What the builds hang on, and a first one with a step for each writer. */
static void prepare(void)
{
    struct dbk_new_buildset set = DBK_NEW_BUILDSET_INIT;
    int64_t setid;
    set.reason = "bench";
    FIND(load.masterid, dbk_find_master_id, "open loop", true);
    FIND(setid, dbk_add_buildset, &set);
    for (int i = 0; i < load.writer_count; i++) {
        struct writer *writer = &load.writers[i];
        char name[32];
        snprintf(name, sizeof name, i ? "open loop %d" : "open loop", i);
        FIND(writer->builderid, dbk_find_builder_id, name, true);
        FIND(writer->requestid, dbk_add_buildrequest, setid, writer->builderid, 0, false);
    }
    for (int i = 0; i < 2 * load.writer_count; i++) {
        submit(now_ns());
        while (load.done <= i)
            dbk_wait(load.store, -1);
    }
    load.done = load.max_us = 0;
    memset(load.times, 0, sizeof load.times);
}

static double percentile(double part)
{
    int64_t rank = (int64_t)((double)load.done * part), seen = 0;
    for (int i = 0; i <= BUCKETS; i++)
        if ((seen += load.times[i]) > rank)
            return (double)(i + 1) * BUCKET_US / 1000;
    return (double)load.max_us / 1000;
}

static void saturate(double seconds, int outstanding)
{
    int64_t begun_ns = now_ns();
    load.is_closed = true;
    load.end_ns = begun_ns + (int64_t)(seconds * 1e9);
    for (int i = 0; i < outstanding; i++)
        submit(begun_ns);
    while (now_ns() < load.end_ns)
        dbk_wait(load.store, 100);
    printf("{\"rate\": %.0f, \"outstanding\": %d, \"writers\": %d, \"p50_ms\": %.2f, "
           "\"p99_ms\": %.2f, \"failed\": %" PRId64 "}\n",
           (double)load.done / ((double)(now_ns() - begun_ns) / 1e9), outstanding,
           load.writer_count, percentile(0.5), percentile(0.99), load.failed);
}

/* Submits what is due, and sleeps until something is finished or the next is due. */
static void run_open(double rate, double seconds)
{
    struct pollfd fds[] = {{dbk_fd(load.store), POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
    int64_t begun_ns = now_ns(), arrived = 0;
    double gap_ns = 1e9 / rate;
    int64_t end_ns = seconds > 0 ? begun_ns + (int64_t)(seconds * 1e9) : INT64_MAX;
    bool is_over = false;
    while (!is_over || load.done + load.refused < arrived) {
        int64_t due_ns = begun_ns + (int64_t)((double)arrived * gap_ns), now = now_ns();
        is_over |= now >= end_ns;
        if (!is_over && now >= due_ns) {
            submit(due_ns);
            arrived++;
            continue;
        }
        struct timespec wait = {is_over, is_over ? 0 : due_ns - now};
        if (ppoll(fds, seconds > 0 || is_over ? 1 : 2, &wait, NULL) < 0 && errno != EINTR)
            exit(1);
        is_over |= seconds <= 0 && (fds[1].revents & (POLLIN | POLLHUP)) != 0;
        dbk_dispatch(load.store);
    }
    printf("{\"count\": %" PRId64 ", \"seconds\": %.1f, \"p50_ms\": %.2f, \"p99_ms\": %.2f, "
           "\"p999_ms\": %.2f, \"max_ms\": %.1f, \"max_due_at_s\": %.2f, \"refused\": %" PRId64
           ", \"failed\": %" PRId64 "}\n",
           load.done, (double)(now_ns() - begun_ns) / 1e9, percentile(0.5), percentile(0.99),
           percentile(0.999), (double)load.max_us / 1000,
           (double)(load.max_due_ns - begun_ns) / 1e9, load.refused, load.failed);
}

int main(int argc, char **argv)
{
    double rate = 0, seconds = 0, saturated_s = 0;
    int outstanding = OUTSTANDING;
    struct dbk_options options = DBK_OPTIONS_INIT;
    struct dbk_error error;
    load.writer_count = 1;
    for (int i = 2; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--rate"))
            rate = strtod(argv[i + 1], NULL);
        else if (!strcmp(argv[i], "--seconds"))
            seconds = strtod(argv[i + 1], NULL);
        else if (!strcmp(argv[i], "--saturate"))
            saturated_s = strtod(argv[i + 1], NULL);
        else if (!strcmp(argv[i], "--outstanding"))
            outstanding = atoi(argv[i + 1]);
        else if (!strcmp(argv[i], "--writers"))
            load.writer_count = atoi(argv[i + 1]);
    }
    if (argc < 4 || (rate <= 0) == (saturated_s <= 0) || outstanding < 1 ||
        outstanding > OUTSTANDING_MAX || load.writer_count < 1 || load.writer_count > WRITERS_MAX) {
        fprintf(stderr, "usage: bench-open-loop URL --saturate SECONDS [--outstanding N]"
                        " | --rate R [--seconds S]  [--writers N]\n");
        return 2;
    }
    options.queue_max = 1000000;
    if (dbk_open(argv[1], &options, &load.store, &error))
        fail(argv[1], &error);
    prepare();
    if (saturated_s > 0)
        saturate(saturated_s, outstanding);
    else
        run_open(rate, seconds);
    return dbk_close_wait(load.store) != DBK_OK;
}
