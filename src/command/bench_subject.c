/*
 * A store that is measured: see bench_subject.h.
 */
#include "bench_subject.h"

#include "message.h"
#include "store_open.h"
#include "waiting.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NEWEST = 10 };

int subject_start_daemon(struct subject *subject)
{
    struct dbk_error error;
    char *base = NULL;
    int exit_code = own_daemon_start(&subject->daemon, subject->url, &base);
    if (exit_code)
        return exit_code;
    subject->http = http_new(base, &error);
    free(base);
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
    if (!error && page->count) {
        learning->subject->builds = page->total;
        learning->subject->last_buildid = builds[0]->id;
    }
    waiting_note(&learning->waiting, error);
}

static void note_near(void *user, const struct dbk_error *error,
                      const struct dbk_build *const *builds, const struct dbk_page *page)
{
    struct learning *learning = user;
    struct sample *sample = learning->sample;
    int64_t last = learning->subject->last_buildid;
    size_t count = error ? 0 : page->count;
    if (count)
        sample->buildid = builds[0]->id;
    for (size_t i = 0; i < SUBJECT_MANY; i++)
        sample->many[i] = i < count ? builds[i]->id : 1 + (sample->buildid + (int64_t)i) % last;
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

/* Takes the first build with that id or a higher one, and those behind it. */
static int choose_near(struct learning *learning, int64_t buildid)
{
    char text[64];
    struct dbk_spec *spec;
    snprintf(text, sizeof text, "id__ge=%lld&order=id&limit=%d", (long long)buildid, SUBJECT_MANY);
    if (dbk_spec_parse(text, &spec, NULL))
        spec = memory_need(NULL);
    learning->sample->buildid = buildid;
    waiting_add(&learning->waiting,
                dbk_get_builds(learning->subject->store, DBK_NONE, DBK_NONE, DBK_NONE, DBK_NONE,
                               spec, &learning->waiting.call, note_near, learning));
    dbk_spec_free(spec);
    return waiting_wait(&learning->waiting);
}

/* Learns what hangs on the build at that place. Result: whether all could be read. */
static bool learn(struct learning *learning, struct sample *sample, int64_t buildid)
{
    struct dbk_store *store = learning->subject->store;
    struct waiting *waiting = &learning->waiting;
    const struct dbk_call *call = &waiting->call;
    learning->sample = sample;
    if (choose_near(learning, buildid))
        return false;
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
    if (index == SUBJECT_SAMPLES - 1 && subject->last_buildid > NEWEST)
        return subject->last_buildid - NEWEST;
    return 1 + (subject->last_buildid - 1) * (2 * index + 1) / (2 * SUBJECT_SAMPLES);
}

static int choose(struct learning *learning)
{
    struct subject *subject = learning->subject;
    for (int i = 0; i < SUBJECT_SAMPLES; i++) {
        struct sample *sample = &subject->samples[i];
        if (learn(learning, sample, place_of(subject, i)))
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
    if (dbk_spec_parse("order=-id&limit=1&total=exact", &newest, NULL))
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
    own_daemon_end(&subject->daemon);
}
