/*
 * Builds of others: see notify_watch.h.
 */
#include "notify_watch.h"

#include "connection.h"
#include "notifier.h"
#include "watch.h"

#include <stdlib.h>
#include <string.h>

#define KEEP_MS 10000

static void read_on(struct notifier *notifier);

/* ---------------------------------------------------------------------------------- what is found ---- */

static bool make_room(struct build_watch *builds, size_t count)
{
    size_t room = builds->count + count;
    if (room <= builds->room)
        return true;
    int64_t *ids = reallocarray(builds->ids, room, sizeof(*ids));
    if (!ids)
        return false;
    builds->ids = ids;
    builds->room = room;
    return true;
}

static void take_position(struct notifier *notifier)
{
    struct build_watch *builds = &notifier->builds;
    const char *position = watch_position(notifier->server);
    free(builds->position);
    builds->position = position && *position ? strdup(position) : NULL;
}

static void take_found(void *user, const struct dbk_event *const *events, size_t count,
                       bool is_lost)
{
    struct notifier *notifier = user;
    struct build_watch *builds = &notifier->builds;
    if (notifier->is_ending)
        return;
    if (is_lost || !make_room(builds, count)) {
        notifier_say("what finished meanwhile was not seen: builders that turned more than once "
                     "are told of once");
        late_look_at_all(notifier);
    }
    for (size_t i = 0; i < count && builds->count < builds->room; i++)
        builds->ids[builds->count++] = events[i]->buildid;
    take_position(notifier);
    read_on(notifier);
}

/* ------------------------------------------------------------------------------------- taking it in ---- */

static void page_done(struct notifier *notifier)
{
    struct build_watch *builds = &notifier->builds;
    builds->count -= builds->page_count;
    memmove(builds->ids, builds->ids + builds->page_count, builds->count * sizeof(*builds->ids));
    builds->page_count = 0;
    read_on(notifier);
}

/* By when they ended. */
static int compare(const void *left, const void *right)
{
    const struct finished *a = left, *b = right;
    if (a->complete_at != b->complete_at)
        return a->complete_at < b->complete_at ? -1 : 1;
    return a->number < b->number ? -1 : a->number > b->number;
}

static void take_builds(void *user, const struct dbk_error *error,
                        const struct dbk_build *const *builds, const struct dbk_page *page)
{
    struct notifier *notifier = user;
    struct finished list[INTAKE_MAX];
    size_t count = 0;
    notifier->asking_count--;
    notifier->builds.is_reading = false;
    if (notifier->is_ending || error || intake_is_busy(notifier))
        return; /* the next second reads the page again */
    for (size_t i = 0; i < page->count; i++)
        if (builds[i]->complete_at != DBK_NONE)
            list[count++] = (struct finished){.builderid = builds[i]->builderid,
                                              .buildid = builds[i]->id,
                                              .number = builds[i]->number,
                                              .results = builds[i]->results,
                                              .started_at = builds[i]->started_at,
                                              .complete_at = builds[i]->complete_at,
                                              .is_unordered = true};
    qsort(list, count, sizeof(*list), compare);
    intake_take(notifier, list, count, page_done);
}

static void read_on(struct notifier *notifier)
{
    struct build_watch *builds = &notifier->builds;
    if (!builds->count || builds->is_reading || builds->page_count || intake_is_busy(notifier))
        return;
    struct dbk_spec *spec = dbk_spec_new();
    struct dbk_call call = notifier_call(notifier);
    size_t count = builds->count < INTAKE_MAX ? builds->count : INTAKE_MAX;
    if (spec && !dbk_spec_filter_int(spec, "id", DBK_EQ, builds->ids, count) &&
        !dbk_spec_limit(spec, INTAKE_MAX) &&
        !dbk_get_builds(notifier->server->store, DBK_NONE, DBK_NONE, DBK_NONE, 1, spec, &call,
                        take_builds, notifier)) {
        builds->is_reading = true;
        builds->page_count = count;
        notifier->asking_count++;
    }
    dbk_spec_free(spec);
}

/* ------------------------------------------------------------------------------------ begin and end ---- */

void build_watch_keep(struct notifier *notifier)
{
    struct build_watch *builds = &notifier->builds;
    if (builds->count)
        return;
    take_position(notifier); /* it moves with builds that begin, too */
    if (!builds->position || (builds->kept && !strcmp(builds->position, builds->kept)))
        return;
    if (!notifier_note(notifier, json_pack("{s:s}", "watched", builds->position), false))
        return;
    free(builds->kept);
    builds->kept = strdup(builds->position);
}

bool build_watch_begin(struct notifier *notifier)
{
    struct server *server = notifier->server;
    const char *kept = notifier->builds.kept;
    if (!watch_is_needed(server))
        return true;
    int status = watch_finished(server, kept, take_found, notifier);
    if (status == DBK_INVALID) {
        notifier_say("the position in the database makes no sense: builds are told from now on");
        status = watch_finished(server, NULL, take_found, notifier);
    }
    while (watch_is_busy(server))
        dbk_wait(server->store, -1);
    build_watch_keep(notifier);
    notifier->builds.kept_ms = connection_now_ms();
    return !status;
}

void build_watch_tend(struct notifier *notifier)
{
    struct build_watch *builds = &notifier->builds;
    int64_t now = connection_now_ms();
    if (!watch_is_needed(notifier->server))
        return;
    if (!builds->is_reading && !intake_is_busy(notifier))
        builds->page_count = 0; /* what was refused is read again */
    read_on(notifier);
    if (now - builds->kept_ms < KEEP_MS)
        return;
    builds->kept_ms = now;
    build_watch_keep(notifier);
}

void build_watch_fini(struct notifier *notifier)
{
    free(notifier->builds.ids);
    free(notifier->builds.position);
    free(notifier->builds.kept);
    notifier->builds = (struct build_watch){.ids = NULL};
}
