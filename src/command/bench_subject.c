/*
 * A store that is measured: see bench_subject.h.
 */
#include "bench_subject.h"

#include "clock.h"
#include "message.h"
#include "store_open.h"
#include "waiting.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { START_MS = 60000, LINE_SIZE = 4096, NEWEST = 10 };

/* ------------------------------------------------------------------------------- the daemon ---- */

static _Noreturn void become_daemon(const char *url, int output)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    dup2(output, STDOUT_FILENO);
    execl("/proc/self/exe", "daybook", "serve", "--db", url, "--listen", "127.0.0.1:0",
          "--read-only", (char *)NULL);
    _exit(127);
}

/* Reads the line in which it says where it listens. Result: whether it came. */
static bool read_line(int fd, char *line)
{
    size_t len = 0;
    int64_t until_ms = clock_ms() + START_MS;
    while (len + 1 < LINE_SIZE && !memchr(line, '\n', len)) {
        struct pollfd waited = {fd, POLLIN, 0};
        int64_t left_ms = until_ms - clock_ms();
        int ready = poll(&waited, 1, left_ms > 0 ? (int)left_ms : 0);
        if (ready < 0 && errno == EINTR)
            continue;
        ssize_t count = ready > 0 ? read(fd, line + len, LINE_SIZE - 1 - len) : 0;
        if (count <= 0)
            return false;
        len += (size_t)count;
    }
    line[len] = '\0';
    return true;
}

int subject_start_daemon(struct subject *subject)
{
    char line[LINE_SIZE] = "";
    struct dbk_error error;
    int ends[2];
    if (pipe(ends)) {
        message_print("no pipe: %s", strerror(errno));
        return dbk_status_exit_code(DBK_INTERNAL);
    }
    subject->daemon_pid = fork();
    if (subject->daemon_pid == 0)
        become_daemon(subject->url, ends[1]);
    close(ends[1]);
    char *at = NULL;
    if (subject->daemon_pid > 0 && read_line(ends[0], line))
        at = strstr(line, " at http://");
    close(ends[0]);
    if (!at) {
        message_print("no daemon could be started on %s", message_word(subject->url));
        return dbk_status_exit_code(DBK_UNREACHABLE);
    }
    char *base = at + strlen(" at ");
    char *end = strstr(base, "/api/v2/");
    if (end)
        *end = '\0';
    subject->http = http_new(base, &error);
    return subject->http ? 0 : message_error(&error);
}

/* ------------------------------------------------------------------------------ its builds ---- */

/* What is learnt of a build. */
struct learning {
    struct waiting waiting; /* first: its address is what callbacks take */
    struct subject *subject;
    struct sample *sample;
    bool is_found;
};

static void note_newest(void *user, const struct dbk_error *error,
                        const struct dbk_build *const *builds, const struct dbk_page *page)
{
    struct learning *learning = user;
    if (!error)
        learning->subject->builds = page->count ? builds[0]->id : 0;
    waiting_note(&learning->waiting, error);
}

static void note_event(void *user, const struct dbk_error *error, int64_t position)
{
    struct learning *learning = user;
    learning->subject->newest_event = error ? 0 : position;
    waiting_note(&learning->waiting, NULL); /* a database without events can be measured too */
}

static void note_build(void *user, const struct dbk_error *error, const struct dbk_build *build)
{
    struct learning *learning = user;
    struct sample *sample = learning->sample;
    learning->is_found = !error && build;
    if (learning->is_found) {
        sample->builderid = build->builderid;
        sample->number = build->number;
        sample->requestid = build->buildrequestid;
        sample->workerid = build->workerid;
        sample->masterid = build->masterid;
    }
    waiting_note(&learning->waiting, error);
}

static void note_step(void *user, const struct dbk_error *error, const struct dbk_step *step)
{
    struct learning *learning = user;
    learning->sample->stepid = !error && step ? step->id : 0;
    waiting_note(&learning->waiting, error);
}

static void note_request(void *user, const struct dbk_error *error,
                         const struct dbk_buildrequest *request)
{
    struct learning *learning = user;
    learning->sample->buildsetid = !error && request ? request->buildsetid : 0;
    waiting_note(&learning->waiting, error);
}

static void note_stamps(void *user, const struct dbk_error *error,
                        const struct dbk_sourcestamp *const *stamps, const struct dbk_page *page)
{
    struct learning *learning = user;
    struct sample *sample = learning->sample;
    if (!error && page->count) {
        const struct dbk_sourcestamp *stamp = stamps[0];
        sample->stampid = stamp->id;
        snprintf(sample->branch, sizeof sample->branch, "%s", stamp->branch ? stamp->branch : "");
        snprintf(sample->revision, sizeof sample->revision, "%s",
                 stamp->revision ? stamp->revision : "");
        snprintf(sample->repository, sizeof sample->repository, "%s", stamp->repository);
        snprintf(sample->project, sizeof sample->project, "%s", stamp->project);
    }
    waiting_note(&learning->waiting, error);
}

static void note_builder(void *user, const struct dbk_error *error,
                         const struct dbk_builder *builder)
{
    struct learning *learning = user;
    if (!error && builder)
        snprintf(learning->sample->builder, sizeof learning->sample->builder, "%s", builder->name);
    waiting_note(&learning->waiting, error);
}

static void note_worker(void *user, const struct dbk_error *error, const struct dbk_worker *worker)
{
    struct learning *learning = user;
    if (!error && worker)
        snprintf(learning->sample->worker, sizeof learning->sample->worker, "%s", worker->name);
    waiting_note(&learning->waiting, error);
}

/* Learns what hangs on the sample's build. Result: whether all could be read. */
static bool learn(struct learning *learning, struct sample *sample)
{
    struct dbk_store *store = learning->subject->store;
    struct waiting *waiting = &learning->waiting;
    const struct dbk_call *call = &waiting->call;
    learning->sample = sample;
    waiting_add(waiting, dbk_get_build(store, sample->buildid, call, note_build, learning));
    if (waiting_wait(waiting) || !learning->is_found)
        return false;
    waiting_add(waiting,
                dbk_get_step(store, DBK_NONE, sample->buildid, 0, NULL, call, note_step, learning));
    waiting_add(waiting,
                dbk_get_buildrequest(store, sample->requestid, call, note_request, learning));
    waiting_add(waiting, dbk_get_builder(store, sample->builderid, call, note_builder, learning));
    waiting_add(waiting, dbk_get_worker(store, sample->workerid, call, note_worker, learning));
    if (waiting_wait(waiting))
        return false;
    waiting_add(waiting,
                dbk_get_sourcestamps(store, sample->buildsetid, NULL, call, note_stamps, learning));
    return waiting_wait(waiting) == DBK_OK;
}

static int open_store(struct subject *subject)
{
    struct arguments arguments = {.db = subject->url};
    return store_open_here(&arguments, STORE_EXISTING, NULL, &subject->store);
}

/* The same shares of the whole in every store, spread evenly, and not on round numbers; but the last one is one of
 * the newest in a store of any size. */
static int64_t place_of(const struct subject *subject, int index)
{
    if (index == SUBJECT_SAMPLES - 1 && subject->builds > NEWEST)
        return subject->builds - NEWEST;
    return 1 + (subject->builds - 1) * (2 * index + 1) / (2 * SUBJECT_SAMPLES);
}

static int choose(struct learning *learning)
{
    struct subject *subject = learning->subject;
    for (int i = 0; i < SUBJECT_SAMPLES; i++) {
        struct sample *sample = &subject->samples[i];
        sample->buildid = place_of(subject, i);
        for (int j = 0; j < SUBJECT_MANY; j++)
            sample->many[j] = 1 + (sample->buildid + j) % subject->builds;
        if (learn(learning, sample))
            continue;
        if (learning->waiting.error.status)
            return message_error(&learning->waiting.error);
        message_print("%s has no build %lld: what is measured is filled by `daybook bench fill`",
                      message_word(subject->url), (long long)sample->buildid);
        return dbk_status_exit_code(DBK_NOT_FOUND);
    }
    return 0;
}

int subject_open(struct subject *subject)
{
    struct learning learning = {.subject = subject};
    struct dbk_spec *newest;
    int exit_code = open_store(subject);
    if (exit_code)
        return exit_code;
    waiting_init(&learning.waiting, &(struct archive){.store = subject->store});
    if (dbk_spec_parse("order=-id&limit=1", &newest, NULL))
        newest = memory_need(NULL);
    waiting_add(&learning.waiting,
                dbk_get_builds(subject->store, DBK_NONE, DBK_NONE, DBK_NONE, DBK_NONE, newest,
                               &learning.waiting.call, note_newest, &learning));
    waiting_add(&learning.waiting, dbk_get_newest_event(subject->store, &learning.waiting.call,
                                                        note_event, &learning));
    dbk_spec_free(newest);
    exit_code = waiting_finish(&learning.waiting);
    if (!exit_code && !subject->builds) {
        message_print("%s holds no builds", message_word(subject->url));
        exit_code = dbk_status_exit_code(DBK_NOT_FOUND);
    }
    return exit_code ? exit_code : choose(&learning);
}

void subject_close(struct subject *subject)
{
    http_free(subject->http);
    dbk_close_wait(subject->store);
    if (subject->daemon_pid <= 0)
        return;
    kill(subject->daemon_pid, SIGTERM);
    while (waitpid(subject->daemon_pid, NULL, 0) < 0 && errno == EINTR)
        continue;
}
