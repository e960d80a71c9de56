/*
 * Fills an empty store with a made-up history: see bench_fill.h.
 *
 * Builds are recorded whole, as `POST builders/NAME/builds` does, with so many outstanding that the store's
 * batches are full. The store's clock is the history's: so the event log holds what it would hold
 * after those years, the events of the last week.
 */
#include "bench_fill.h"

#include "bench_history.h"
#include "clock.h"
#include "long_work.h"
#include "message.h"
#include "options.h"
#include "store_open.h"
#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#define BUILDS_MAX INT64_C(1000000000000)

enum { OUTSTANDING = 400, BUILDS = 10000, DAY_S = 86400 };

/* On disk, with all indexes, of a build with what belongs to it: measured on SQLite, and a third more. And what the
 * write-ahead log and the files beside it take. A server takes up to twice that. It is to say no before the disk is full. */
enum { BYTES_A_BUILD = 4200, BYTES_BESIDE = 96 << 20, SERVER_PART = 2 };

struct fill {
    struct waiting waiting; /* first: its address is what callbacks take */
    struct history history;
    struct dbk_report progress;
    int64_t recorded;
    int64_t begun_at_ms;
};

/* The history's time. Runs on the thread that submits, which is ours. */
static int64_t clock_of_history(void *user)
{
    const struct history *history = user;
    return history->until - (history->count - 1 - history->next) * history->gap_s + DAY_S / 24;
}

static void note_recorded(void *user, const struct dbk_error *error, int64_t buildid,
                          int64_t number)
{
    struct fill *fill = user;
    (void)buildid;
    (void)number;
    if (!error)
        fill->progress.done = ++fill->recorded;
    progress_show(&fill->progress);
    waiting_note(&fill->waiting, error);
}

/* Says what disk is needed, and whether it is there. Result: 0, or an exit code after a message. */
static int check_room(const struct dbk_info *info, int64_t count)
{
    char needed[TEXT_SHORT_SIZE], there[TEXT_SHORT_SIZE];
    int64_t bytes = count * BYTES_A_BUILD + BYTES_BESIDE;
    struct statvfs room;
    if (!info->path || statvfs(info->path, &room)) {
        printf("needs about %s of disk where the database is\n",
               text_size(SERVER_PART * bytes, needed));
        return 0;
    }
    text_size(bytes, needed);
    int64_t free_bytes = (int64_t)room.f_bavail * (int64_t)room.f_frsize;
    text_size(free_bytes, there);
    printf("needs about %s of disk, %s are free\n", needed, there);
    fflush(stdout);
    if (bytes <= free_bytes)
        return 0;
    message_print("there is not enough room for %" PRId64 " builds: nothing was written", count);
    return dbk_status_exit_code(DBK_FULL);
}

static void note_builders(void *user, const struct dbk_error *error,
                          const struct dbk_builder *const *builders, const struct dbk_page *page)
{
    struct fill *fill = user;
    (void)builders;
    fill->recorded = (int64_t)page->count;
    waiting_note(&fill->waiting, error);
}

/* Made-up builds are not to be mixed with somebody's. Result: 0, or an exit code after a message. */
static int check_empty(struct dbk_store *store, struct fill *fill)
{
    waiting_add(&fill->waiting,
                dbk_get_builders(store, NULL, &fill->waiting.call, note_builders, fill));
    int exit_code = waiting_finish(&fill->waiting);
    if (exit_code || !fill->recorded)
        return exit_code;
    message_print("there are builders already: made-up builds go into an empty store alone");
    return dbk_status_exit_code(DBK_CONFLICT);
}

static int record_all(struct dbk_store *store, struct fill *fill)
{
    struct history_build *build = memory_need(malloc(sizeof *build));
    struct waiting *waiting = &fill->waiting;
    while (waiting->error.status == DBK_OK && history_next(&fill->history, build)) {
        waiting_add(waiting,
                    dbk_record_build(store, &build->build, &waiting->call, note_recorded, fill));
        while (waiting->pending_count >= OUTSTANDING)
            dbk_wait(store, -1);
    }
    free(build);
    return long_work_finish(waiting);
}

static void tell(const struct fill *fill)
{
    char took[TEXT_SHORT_SIZE];
    int64_t took_ms = clock_ms() - fill->begun_at_ms + 1;
    printf("%" PRId64 " builds with %d steps, %d properties and %d values each in %s: %" PRId64
           " builds a second\n",
           fill->recorded, HISTORY_STEPS, HISTORY_PROPERTIES, HISTORY_DATA,
           text_took(took_ms / 1000, took), fill->recorded * 1000 / took_ms);
}

/* Reads what the options say. Result: 0, or EXIT_USAGE after a message. */
static int read_history(const struct arguments *arguments, struct history *out_history)
{
    int64_t count, seed, until;
    if (arguments_number(arguments, "builds", BUILDS, 1, BUILDS_MAX, &count) ||
        arguments_number(arguments, "seed", 1, 0, INT64_MAX, &seed) ||
        arguments_number(arguments, "until", text_now() / DAY_S * DAY_S, 0, text_now(), &until))
        return EXIT_USAGE;
    history_init(out_history, (uint64_t)seed, count, until);
    return 0;
}

int bench_fill(const struct arguments *arguments)
{
    struct fill fill = {.progress = {.subject = "builds"}};
    struct arguments target = *arguments;
    struct dbk_options options = DBK_OPTIONS_INIT;
    struct dbk_store *store;
    target.db = arguments->operands[1];
    int exit_code = read_history(arguments, &fill.history);
    if (exit_code)
        return exit_code;
    options.clock = clock_of_history;
    options.clock_user = &fill.history;
    exit_code = store_open_here(&target, STORE_CREATED, &options, &store);
    if (exit_code)
        return exit_code;
    long_work_init(&fill.waiting, store);
    exit_code = check_empty(store, &fill);
    if (!exit_code)
        exit_code = check_room(dbk_get_info(store), fill.history.count);
    if (!exit_code) {
        fill.progress.total = fill.history.count;
        fill.begun_at_ms = clock_ms();
        exit_code = record_all(store, &fill);
    }
    if (!exit_code)
        tell(&fill);
    dbk_close_wait(store);
    return exit_code ? exit_code : output_finish();
}
