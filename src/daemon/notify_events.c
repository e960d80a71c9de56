/*
 * Finished builds from the event log: see notify_events.h. The follower only says that there is something; it is read
 * page by page, and the next page when all of the one before is kept. So the position never runs ahead, and a burst of
 * builds waits in the log.
 */
#include "notify_events.h"

#include "connection.h"
#include "notifier.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEEN_FORMAT "event %" PRId64
#define LOOK_MS 600000 /* at least so often the position moves past what is no end of a build */

static void read_on(struct notifier *notifier);

/* Filters: builds that ended. Result: NULL when out of memory. */
static struct dbk_spec *spec_new(void)
{
    struct dbk_spec *spec = dbk_spec_new();
    if (spec && !dbk_spec_filter_text(spec, "kind", DBK_EQ, (const char *[]){"build"}, 1) &&
        !dbk_spec_filter_text(spec, "verb", DBK_EQ, (const char *[]){"finished"}, 1))
        return spec;
    dbk_spec_free(spec);
    return NULL;
}

static void move_to(struct notifier *notifier, int64_t position)
{
    char seen[SEEN_SIZE];
    notifier->log.position = position;
    snprintf(seen, sizeof(seen), SEEN_FORMAT, position);
    notifier_see(notifier, seen);
}

static bool is_wanted(struct notifier *notifier, const struct dbk_error *error)
{
    notifier->asking_count--;
    notifier->log.is_reading = false;
    return !notifier->is_ending && !error;
}

/* Counts an operation that was submitted. */
static void submitted(struct notifier *notifier, int status)
{
    notifier->log.is_reading = !status;
    notifier->asking_count += !status;
}

/* -------------------------------------------------------------------------------------- reading ---- */

static void page_done(struct notifier *notifier)
{
    struct event_log *log = &notifier->log;
    int64_t position = log->count ? log->positions[log->count - 1] : log->position;
    /* Behind the last page nothing was left out but what is no end of a build. */
    move_to(notifier, !log->is_full && log->newest > position ? log->newest : position);
    log->is_more = log->is_more || log->is_full;
    read_on(notifier);
}

static const struct dbk_build *find(const struct dbk_build *const *builds, size_t count, int64_t id)
{
    for (size_t i = 0; i < count; i++)
        if (builds[i]->id == id)
            return builds[i];
    return NULL;
}

static void take_builds(void *user, const struct dbk_error *error,
                        const struct dbk_build *const *builds, const struct dbk_page *page)
{
    struct notifier *notifier = user;
    struct event_log *log = &notifier->log;
    struct finished list[INTAKE_MAX];
    size_t count = 0;
    if (!is_wanted(notifier, error) || intake_is_busy(notifier)) {
        log->is_more = true; /* the next second reads the page again */
        return;
    }
    for (size_t i = 0; i < log->count; i++) {
        const struct dbk_build *build = find(builds, page->count, log->ids[i]);
        if (!build)
            continue; /* it is gone */
        struct finished *finished = &list[count++];
        *finished = (struct finished){.builderid = build->builderid,
                                      .buildid = build->id,
                                      .number = build->number,
                                      .results = build->results,
                                      .started_at = build->started_at,
                                      .complete_at = build->complete_at};
        snprintf(finished->seen, SEEN_SIZE, SEEN_FORMAT, log->positions[i]);
    }
    intake_take(notifier, list, count, page_done);
}

static void ask_builds(struct notifier *notifier)
{
    struct event_log *log = &notifier->log;
    struct dbk_spec *spec = dbk_spec_new();
    struct dbk_call call = notifier_call(notifier);
    int status = DBK_NO_MEMORY;
    if (spec && !dbk_spec_filter_int(spec, "id", DBK_EQ, log->ids, log->count) &&
        !dbk_spec_limit(spec, INTAKE_MAX))
        status = dbk_get_builds(notifier->server->store, DBK_NONE, DBK_NONE, DBK_NONE, 1, spec,
                                &call, take_builds, notifier);
    dbk_spec_free(spec);
    log->is_more = log->is_more || status;
    submitted(notifier, status);
}

/* The log was trimmed past us: then each builder tells by its last build what became of it. */
static void begin_anew(struct notifier *notifier)
{
    notifier_say("events were removed before they were read: builders that turned more than once "
                 "meanwhile are told of once");
    if (notifier->log.is_following)
        dbk_cancel(notifier->server->store, notifier->log.op);
    move_to(notifier, notifier->log.newest);
    late_look_at_all(notifier);
}

static void take_events(void *user, const struct dbk_error *error,
                        const struct dbk_event *const *events, const struct dbk_page *page)
{
    struct notifier *notifier = user;
    struct event_log *log = &notifier->log;
    if (!is_wanted(notifier, error)) {
        log->is_more = true;
        if (error && error->status == DBK_GONE && !notifier->is_ending)
            begin_anew(notifier);
        return;
    }
    log->count = 0;
    log->is_full = page->next_cursor;
    for (size_t i = 0; i < page->count; i++) {
        log->ids[i] = events[i]->buildid;
        log->positions[i] = events[i]->id;
    }
    log->count = page->count;
    if (log->count)
        ask_builds(notifier);
    else
        page_done(notifier);
}

static void take_newest(void *user, const struct dbk_error *error, int64_t position)
{
    struct notifier *notifier = user;
    struct event_log *log = &notifier->log;
    struct dbk_call call = notifier_call(notifier);
    struct dbk_spec *spec = NULL;
    int status = DBK_NO_MEMORY;
    if (is_wanted(notifier, error) && (spec = spec_new()) && !dbk_spec_limit(spec, INTAKE_MAX)) {
        log->newest = position;
        status = dbk_get_events(notifier->server->store, log->position, spec, &call, take_events,
                                notifier);
        submitted(notifier, status);
    }
    dbk_spec_free(spec);
    log->is_more = log->is_more || status;
}

/* Reads the next page, unless something is under way or there is nothing. */
static void read_on(struct notifier *notifier)
{
    struct event_log *log = &notifier->log;
    struct dbk_call call = notifier_call(notifier);
    if (log->is_reading || !log->is_more || log->position == DBK_NONE || intake_is_busy(notifier) ||
        notifier->server->is_stopping)
        return;
    log->is_more = false;
    log->looked_ms = connection_now_ms();
    int status = dbk_get_newest_event(notifier->server->store, &call, take_newest, notifier);
    submitted(notifier, status);
    log->is_more = status;
}

/* ------------------------------------------------------------------------------------ following ---- */

static void take_event(void *user, const struct dbk_event *event)
{
    struct notifier *notifier = user;
    if (notifier->is_ending || event->id <= notifier->log.position)
        return;
    notifier->log.is_more = true;
    read_on(notifier);
}

static void follower_ended(void *user, const struct dbk_error *error)
{
    struct notifier *notifier = user;
    (void)error; /* event_log_tend() begins again */
    notifier->asking_count--;
    notifier->log.is_following = false;
}

static void follow(struct notifier *notifier)
{
    struct event_log *log = &notifier->log;
    struct dbk_call call = DBK_CALL_INIT;
    struct dbk_spec *spec = spec_new();
    call.out_op = &log->op;
    if (spec && !dbk_follow_events(notifier->server->store, log->position, spec, &call, take_event,
                                   follower_ended, notifier)) {
        log->is_following = true;
        notifier->asking_count++;
    }
    dbk_spec_free(spec);
}

/* -------------------------------------------------------------------------------- begin and end ---- */

static void take_beginning(void *user, const struct dbk_error *error, int64_t newest)
{
    struct notifier *notifier = user;
    struct event_log *log = &notifier->log;
    int64_t kept;
    if (!is_wanted(notifier, error))
        return;
    bool is_kept = sscanf(notifier->seen, SEEN_FORMAT, &kept) == 1;
    if (is_kept && kept > newest)
        notifier_say("the database is not the one from before: what finished in it is not told");
    if (is_kept && kept <= newest)
        log->position = kept;
    else
        move_to(notifier, newest);
    log->is_more = true;
    follow(notifier);
    read_on(notifier);
}

void event_log_begin(struct notifier *notifier)
{
    struct dbk_call call = notifier_call(notifier);
    notifier->log.position = DBK_NONE;
    if (!dbk_get_info(notifier->server->store)->has_events)
        return;
    submitted(notifier,
              dbk_get_newest_event(notifier->server->store, &call, take_beginning, notifier));
}

bool event_log_is_begun(const struct notifier *notifier)
{
    return notifier->log.position != DBK_NONE;
}

void event_log_tend(struct notifier *notifier)
{
    struct event_log *log = &notifier->log;
    if (log->position == DBK_NONE) {
        if (!log->is_reading)
            event_log_begin(notifier);
        return;
    }
    if (!log->is_following)
        follow(notifier);
    if (connection_now_ms() - log->looked_ms > LOOK_MS)
        log->is_more = true;
    read_on(notifier);
}

void event_log_end(struct notifier *notifier)
{
    if (notifier->log.is_following)
        dbk_cancel(notifier->server->store, notifier->log.op);
}
