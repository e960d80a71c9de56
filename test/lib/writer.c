/*
 * A writer for tests that are not in C: writes to the store at a URL, of all that can be written, so many times a
 * second, until it is refused; a line each:
 *
 *   build ID, step ID, property ID NAME, data ID NAME   what was acknowledged
 *   moved MESSAGE                                       it was refused, since the store was moved; it ends with 0
 *   failed STATUS OUTCOME MESSAGE                       any other error; it ends with 1
 *
 * Its arguments: the URL, a name that its builds, keys and data have in theirs, and how often a second.
 */
#include "daybook.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct writer {
    struct dbk_store *store;
    const char *name;
    int count; /* of writes */
    int64_t buildid;
    int64_t id; /* the last answer's */
    bool is_done;
    struct dbk_error error, refusal;
    struct dbk_call call;
};

static void note(struct writer *w, const struct dbk_error *error)
{
    if (error)
        w->error = *error;
    w->is_done = true;
}

static void on_done(void *user, const struct dbk_error *error)
{
    note(user, error);
}

static void on_build(void *user, const struct dbk_error *error, int64_t buildid, int64_t number)
{
    struct writer *w = user;
    (void)number;
    if (!error)
        w->id = w->buildid = buildid;
    note(w, error);
}

static void on_step(void *user, const struct dbk_error *error, int64_t stepid, int64_t number,
                    const char *name)
{
    struct writer *w = user;
    (void)number;
    (void)name;
    w->id = stepid;
    note(w, error);
}

/* Waits for what was submitted with that result. */
static bool wait(struct writer *w, int status)
{
    w->error = (struct dbk_error){.status = DBK_OK};
    if (status) {
        w->error = w->refusal;
        return false;
    }
    for (w->is_done = false; !w->is_done;)
        dbk_wait(w->store, -1);
    return w->error.status == DBK_OK;
}

static bool record_build(struct writer *w)
{
    char key[64], branch[64];
    struct dbk_new_build build = DBK_NEW_BUILD_INIT;
    struct dbk_sourcestamp_key stamp = DBK_SOURCESTAMP_KEY_INIT;
    const struct dbk_sourcestamp_key *const stamps[] = {&stamp};
    const struct dbk_new_property property = {
        .name = "mood", .value = "\"good\"", .source = "test"};
    const struct dbk_new_data data = {
        .name = "log", .value = "a\0b", .value_len = 3, .source = "t"};
    snprintf(key, sizeof key, "%s-%d", w->name, w->count);
    snprintf(branch, sizeof branch, "%s-%d", w->name, w->count % 20);
    stamp.branch = branch;
    stamp.repository = stamp.codebase = stamp.project = "";
    build.builder = w->count % 3 ? "shared" : w->name;
    build.worker = "worker";
    build.sourcestamps = stamps;
    build.sourcestamp_count = 1;
    build.properties = &property;
    build.property_count = 1;
    build.data = &data;
    build.data_count = 1;
    if (w->count % 5)
        build.results = 0;
    w->call.key = key;
    bool is_written = wait(w, dbk_record_build(w->store, &build, &w->call, on_build, w));
    w->call.key = NULL;
    if (is_written)
        printf("build %" PRId64 "\n", w->id);
    return is_written;
}

static bool write_step(struct writer *w)
{
    if (!wait(w, dbk_add_step(w->store, w->buildid, "step", "waits", &w->call, on_step, w)))
        return false;
    printf("step %" PRId64 "\n", w->id);
    return wait(w, dbk_finish_step(w->store, w->id, 0, false, &w->call, on_done, w));
}

static bool write_property(struct writer *w)
{
    char name[64];
    snprintf(name, sizeof name, "%s-%d", w->name, w->count);
    if (!wait(w,
              dbk_set_build_property(w->store, w->buildid, name, "1", "t", &w->call, on_done, w)))
        return false;
    printf("property %" PRId64 " %s\n", w->buildid, name);
    return true;
}

static bool write_data(struct writer *w)
{
    char name[64];
    snprintf(name, sizeof name, "%s-%d", w->name, w->count);
    if (!wait(w, dbk_set_build_data(w->store, w->buildid, name, "value", 5, "t", &w->call, on_done,
                                    w)))
        return false;
    printf("data %" PRId64 " %s\n", w->buildid, name);
    /* The value that came with the build: rows that go. */
    return wait(w, dbk_delete_build_data(w->store, w->buildid, "log", &w->call, on_done, w)) ||
           w->error.status == DBK_NOT_FOUND;
}

static bool write_once(struct writer *w)
{
    static bool (*const writes[])(struct writer *) = {record_build, write_step, write_property,
                                                      write_data};
    return writes[w->count % 4](w);
}

/* Result: the exit code. */
static int tell(const struct writer *w)
{
    const char *message = w->error.message;
    if (w->error.status == DBK_READ_ONLY && w->error.outcome == DBK_NOT_DONE &&
        strstr(message, "was moved to ")) {
        printf("moved %s\n", message);
        return 0;
    }
    printf("failed %s %d %s\n", dbk_status_name(w->error.status), w->error.outcome, message);
    return 1;
}

int main(int argc, char **argv)
{
    struct writer w = {.name = argc > 2 ? argv[2] : "", .call = DBK_CALL_INIT};
    struct dbk_error error;
    struct timespec pause = {0, 1000000000L / (argc > 3 ? atoi(argv[3]) : 50)};
    setvbuf(stdout, NULL, _IOLBF, 0);
    w.call.out_refusal = &w.refusal;
    if (argc < 4 || dbk_open(argv[1], NULL, &w.store, &error))
        return printf("failed %s\n", argc < 4 ? "usage" : error.message), 2;
    while (write_once(&w)) {
        nanosleep(&pause, NULL);
        w.count++;
    }
    int exit_code = tell(&w);
    dbk_close_wait(w.store);
    return exit_code;
}
