/*
 * What was seen of builds that others write, and what a look that found something else makes of it: see watch.h.
 *
 * New builds are those with higher ids than the newest. Open ones are watched until they are complete, and so are
 * ids that were passed over: on a server a build that began earlier may become visible later. Of the steps of an
 * open build those from the first one on that is not finished are looked at.
 *
 * Where there is an event log, its events came with the same snapshot, and stand in it since the transaction that
 * they tell of. So what they say is taken first, and only what is then still new is nobody's but the master's.
 */
#include "connector/watch.h"

#include "base/alloc.h"
#include "connector/list.h"
#include "store/store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

enum {
    GAP_MAX = 64, /* ids that were passed over at once and are watched */
    GAP_LOOKS =
        120, /* looks until one is given up: no transaction that adds a build lasts so long */
    POSITION_VERSION = 1, /* what its text begins with */
};

/* --------------------------------------------------------------------------------- what was seen ---- */

size_t dbki_watch_find(const struct dbk_watch *watch, int64_t id)
{
    size_t low = 0, high = watch->build_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (watch->builds[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct dbki_watched *find(struct dbk_watch *watch, int64_t id)
{
    size_t index = dbki_watch_find(watch, id);
    return index < watch->build_count && watch->builds[index].id == id ? &watch->builds[index]
                                                                       : NULL;
}

static void drop(struct dbk_watch *watch, size_t index)
{
    dbki_free(watch->builds[index].steps);
    watch->build_count--;
    memmove(&watch->builds[index], &watch->builds[index + 1],
            (watch->build_count - index) * sizeof *watch->builds);
}

static void forget(struct dbk_watch *watch)
{
    while (watch->build_count)
        drop(watch, watch->build_count - 1);
    watch->newest = DBK_NONE;
    watch->log_position = watch->next_id = watch->next_step_id = 0;
}

/* Watches a build. Result: NULL when out of memory. */
static struct dbki_watched *add(struct dbk_watch *watch, int64_t id, int64_t builderid)
{
    if (watch->build_count == DBKI_WATCH_BUILDS_MAX)
        drop(watch, 0);
    if (watch->build_count == watch->build_max) {
        size_t max = watch->build_max ? 2 * watch->build_max : 16;
        void *grown = dbki_realloc(watch->builds, max * sizeof *watch->builds);
        if (!grown)
            return NULL;
        watch->builds = grown;
        watch->build_max = max;
    }
    size_t index = dbki_watch_find(watch, id);
    struct dbki_watched *build = &watch->builds[index];
    memmove(build + 1, build, (watch->build_count - index) * sizeof *build);
    watch->build_count++;
    *build = (struct dbki_watched){.id = id, .builderid = builderid, .is_told = true};
    return build;
}

/* ----------------------------------------------------------------------------------- what is told ---- */

/* Result: false when out of memory; and so with all below. */
static bool tell(struct dbki_look *look, bool is_step, const char *verb, int64_t at,
                 const struct dbki_watched *build, int64_t stepid)
{
    struct dbk_event *event = dbki_op_take(&look->op, sizeof *event);
    if (!event)
        return false;
    *event = (struct dbk_event){.at = at == DBK_NONE ? look->op.now : at,
                                .kind = is_step ? "step" : "build",
                                .verb = verb,
                                .builderid = build->builderid,
                                .buildid = build->id,
                                .stepid = stepid};
    return dbki_list_push(&look->op, &look->events.items, &look->events.count, &look->events.max,
                          event);
}

static bool tell_build(struct dbki_look *look, const char *verb, int64_t at,
                       const struct dbki_watched *build)
{
    return tell(look, false, verb, at, build, DBK_NONE);
}

/* ----------------------------------------------------------------------------------------- steps ---- */

static struct dbki_watched_step *find_step(const struct dbki_watched *build, int64_t id)
{
    for (size_t i = 0; i < build->step_count; i++)
        if (build->steps[i].id == id)
            return &build->steps[i];
    return NULL;
}

static struct dbki_watched_step *add_step(struct dbki_watched *build, int64_t id, int64_t number)
{
    if (build->step_count == build->step_max) {
        size_t max = build->step_max ? 2 * build->step_max : 8;
        void *grown = dbki_realloc(build->steps, max * sizeof *build->steps);
        if (!grown)
            return NULL;
        build->steps = grown;
        build->step_max = max;
    }
    struct dbki_watched_step *step = &build->steps[build->step_count++];
    *step = (struct dbki_watched_step){.id = id, .number = number};
    return step;
}

static enum dbki_stage stage_of(const struct dbki_seen_step *row)
{
    return row->complete_at != DBK_NONE  ? DBKI_STAGE_FINISHED
           : row->started_at != DBK_NONE ? DBKI_STAGE_STARTED
                                         : DBKI_STAGE_NEW;
}

static bool tell_step(struct dbki_look *look, const struct dbki_watched *build,
                      const struct dbki_watched_step *step, const struct dbki_seen_step *row)
{
    enum dbki_stage stage = stage_of(row);
    bool is_changed = step->text && step->text != row->text;
    if (stage <= step->stage)
        return !is_changed || tell(look, true, "updated", DBK_NONE, build, row->id);
    return (step->stage >= DBKI_STAGE_NEW ||
            tell(look, true, "new", row->started_at, build, row->id)) &&
           (step->stage >= DBKI_STAGE_STARTED || row->started_at == DBK_NONE ||
            tell(look, true, "started", row->started_at, build, row->id)) &&
           (stage < DBKI_STAGE_FINISHED ||
            tell(look, true, "finished", row->complete_at, build, row->id));
}

static bool take_step(struct dbki_look *look, struct dbki_watched *build,
                      const struct dbki_seen_step *row)
{
    struct dbki_watched_step *step = find_step(build, row->id);
    if (!step && !(step = add_step(build, row->id, row->number)))
        return false;
    if (build->are_steps_known && !tell_step(look, build, step, row))
        return false;
    step->number = row->number;
    step->stage = stage_of(row);
    step->text = row->text;
    return true;
}

/* Lets go the steps that need not be looked at again, and those that only the log knew and that are not there. */
static void settle_steps(struct dbki_watched *build)
{
    bool is_moved = true;
    while (is_moved) {
        is_moved = false;
        for (size_t i = 0; i < build->step_count; i++)
            if (build->steps[i].number == build->step_from &&
                build->steps[i].stage == DBKI_STAGE_FINISHED) {
                build->step_from++;
                is_moved = true;
            }
    }
    size_t kept = 0;
    for (size_t i = 0; i < build->step_count; i++)
        if (build->steps[i].number != DBK_NONE && build->steps[i].number >= build->step_from)
            build->steps[kept++] = build->steps[i];
    build->step_count = kept;
    build->are_steps_known = build->are_steps_known || build->step_rows < DBKI_WATCH_STEPS_MAX;
}

static int compare_steps(const void *a, const void *b)
{
    const struct dbki_seen_step *x = *(const struct dbki_seen_step *const *)a;
    const struct dbki_seen_step *y = *(const struct dbki_seen_step *const *)b;
    int order = (x->buildid > y->buildid) - (x->buildid < y->buildid);
    return order ? order : (x->number > y->number) - (x->number < y->number);
}

static bool take_steps(struct dbki_look *look)
{
    struct dbki_seen *steps = &look->steps;
    if (steps->count)
        qsort(steps->items, steps->count, sizeof *steps->items, compare_steps);
    for (size_t i = 0; i < steps->count; i++) {
        const struct dbki_seen_step *row = steps->items[i];
        struct dbki_watched *build = find(look->watch, row->buildid);
        if (!build)
            continue;
        build->step_rows++;
        if (!take_step(look, build, row))
            return false;
    }
    for (size_t i = 0; i < look->watch->build_count; i++)
        if (look->watch->builds[i].are_steps_asked)
            settle_steps(&look->watch->builds[i]);
    return true;
}

/* ---------------------------------------------------------------------------------------- builds ---- */

/* What the log tells of is told. Only then are the rows looked at. */
static bool take_logged(struct dbk_watch *watch, const struct dbki_seen_event *event)
{
    struct dbki_watched *build = find(watch, event->buildid);
    bool is_finished = !strcmp(event->verb, "finished");
    if (event->position != DBK_NONE)
        watch->log_position = event->position;
    if (!*event->verb || event->buildid == DBK_NONE)
        return true;
    if (!build && event->buildid <= watch->newest)
        return true;
    if (!build && !(build = add(watch, event->buildid, event->builderid)))
        return false;
    build->is_told = true;
    if (!event->is_step) {
        build->text = 0;
        build->is_finish_told |= is_finished;
        return true;
    }
    struct dbki_watched_step *step = find_step(build, event->stepid);
    if (!step && !(step = add_step(build, event->stepid, DBK_NONE)))
        return false;
    enum dbki_stage stage = is_finished                       ? DBKI_STAGE_FINISHED
                            : !strcmp(event->verb, "started") ? DBKI_STAGE_STARTED
                                                              : DBKI_STAGE_NEW;
    step->text = 0;
    step->stage = stage > step->stage ? stage : step->stage;
    return true;
}

/* A build that is watched was found. One that is complete is let go afterwards. */
static bool take_row(struct dbki_look *look, struct dbki_watched *build,
                     const struct dbki_seen_build *row)
{
    bool is_changed = build->text && build->text != row->text;
    bool is_complete = row->complete_at != DBK_NONE, was_told = build->is_told;
    build->builderid = row->builderid;
    build->text = row->text;
    build->looks_left = 0;
    build->is_told = true;
    build->is_over = is_complete;
    if (!was_told && !tell_build(look, "new", row->started_at, build))
        return false;
    if (is_complete)
        return build->is_finish_told || tell_build(look, "finished", row->complete_at, build);
    return !is_changed || tell_build(look, "updated", DBK_NONE, build);
}

/* Those that others may be about to add. On SQLite only one adds at a time. */
static bool watch_gap(struct dbki_look *look, int64_t id)
{
    struct dbk_watch *watch = look->watch;
    int64_t first = watch->newest + 1;
    if (!look->op.store->schema.is_server || !watch->newest)
        return true;
    for (int64_t missing = first < id - GAP_MAX ? id - GAP_MAX : first; missing < id; missing++) {
        if (find(watch, missing))
            continue;
        struct dbki_watched *build = add(watch, missing, DBK_NONE);
        if (!build)
            return false;
        build->is_told = false;
        build->looks_left = GAP_LOOKS;
    }
    return true;
}

static bool take_found(struct dbki_look *look, const struct dbki_seen_build *row)
{
    struct dbk_watch *watch = look->watch;
    if (row->id <= watch->newest)
        return true;
    if (!watch_gap(look, row->id))
        return false;
    struct dbki_watched *build = find(watch, row->id);
    if (!build && (build = add(watch, row->id, row->builderid))) {
        build->is_told = false;
        build->are_steps_known = true; /* all of them are new */
    }
    watch->newest = row->id;
    return build && take_row(look, build, row);
}

/* Lets go those that are over, those that went, and ids that nobody took. */
static void settle_builds(struct dbk_watch *watch)
{
    size_t kept = 0;
    for (size_t i = 0; i < watch->build_count; i++) {
        struct dbki_watched *build = &watch->builds[i];
        bool has_gone = build->is_asked && !build->is_found && --build->looks_left <= 0;
        if (build->is_over || has_gone) {
            dbki_free(build->steps);
            continue;
        }
        build->is_asked = build->is_found = build->are_steps_asked = false;
        build->step_rows = 0;
        watch->builds[kept++] = *build;
    }
    watch->build_count = kept;
}

/* ---------------------------------------------------------------------------------------- a look ---- */

static bool take_first(struct dbki_look *look)
{
    struct dbk_watch *watch = look->watch;
    forget(watch);
    for (size_t i = 0; i < look->watched.count; i++) {
        const struct dbki_seen_build *row = look->watched.items[i];
        struct dbki_watched *build = add(watch, row->id, row->builderid);
        if (!build)
            return false;
        build->text = row->text;
    }
    watch->newest = look->newest;
    watch->log_position = look->op.store->schema.has_events ? look->log_newest : 0;
    return true;
}

/* Marks what was asked for, as it was bound, and moves on to what is next. */
static void mark_asked(struct dbk_watch *watch)
{
    size_t count = watch->build_count;
    size_t first = dbki_watch_find(watch, watch->next_id);
    size_t first_step = dbki_watch_find(watch, watch->next_step_id);
    for (size_t i = 0; i < count && i < DBKI_WATCH_LOOKED_AT_MAX; i++)
        watch->builds[(first + i) % count].is_asked = true;
    for (size_t i = 0; i < count && i < DBKI_WATCH_STEPS_LOOKED_AT_MAX; i++)
        watch->builds[(first_step + i) % count].are_steps_asked = true;
    if (count > DBKI_WATCH_LOOKED_AT_MAX)
        watch->next_id = watch->builds[(first + DBKI_WATCH_LOOKED_AT_MAX) % count].id;
    if (count > DBKI_WATCH_STEPS_LOOKED_AT_MAX)
        watch->next_step_id =
            watch->builds[(first_step + DBKI_WATCH_STEPS_LOOKED_AT_MAX) % count].id;
}

static bool take_rows(struct dbki_look *look)
{
    struct dbk_watch *watch = look->watch;
    if (!look->is_log_full)
        mark_asked(watch);
    for (size_t i = 0; i < look->logged.count; i++)
        if (!take_logged(watch, look->logged.items[i]))
            return false;
    /* While there is more of the log, what the rows say may be in it. */
    if (look->is_log_full)
        return true;
    if (!take_steps(look))
        return false;
    for (size_t i = 0; i < look->watched.count; i++) {
        const struct dbki_seen_build *row = look->watched.items[i];
        struct dbki_watched *build = find(watch, row->id);
        if (build && build->is_asked && !take_row(look, build, row))
            return false;
        if (build)
            build->is_found = true;
    }
    for (size_t i = 0; i < look->found.count; i++)
        if (!take_found(look, look->found.items[i]))
            return false;
    settle_builds(watch);
    return true;
}

bool dbki_watch_take(struct dbki_look *look, struct dbk_look *out_look)
{
    struct dbk_watch *watch = look->watch;
    bool was_known = watch->newest != DBK_NONE;
    if (!(look->is_first ? take_first(look) : take_rows(look))) {
        watch->is_lost = watch->is_lost || was_known;
        forget(watch);
        return false;
    }
    *out_look =
        (struct dbk_look){.count = look->events.count,
                          .is_lost = watch->is_lost || (look->is_first && was_known),
                          .has_more = look->is_log_full || look->found.count > DBKI_WATCH_ROWS_MAX};
    watch->is_lost = false;
    return true;
}

/* ------------------------------------------------------------------------------------ the watch ---- */

/* "1 NEWEST LOG" and then " ID" of each open build, " ?ID" of one that may become visible. */
const char *dbk_watch_position(struct dbk_watch *watch)
{
    struct dbki_buf *text = &watch->position;
    text->len = 0;
    if (watch->newest == DBK_NONE)
        return "";
    dbki_buf_addf(text, "%d %" PRId64 " %" PRId64, POSITION_VERSION, watch->newest,
                  watch->log_position);
    for (size_t i = 0; i < watch->build_count; i++) {
        const struct dbki_watched *build = &watch->builds[i];
        if (build->id <= watch->newest && !build->is_finish_told)
            dbki_buf_addf(text, build->is_told ? " %" PRId64 : " ?%" PRId64, build->id);
    }
    if (text->is_out_of_memory) {
        dbki_buf_fini(text);
        *text = (struct dbki_buf){.text = NULL};
        return NULL;
    }
    return text->text;
}

static bool read_number(const char **text, int64_t *out_number)
{
    char *end;
    if (**text < '0' || **text > '9')
        return false;
    errno = 0;
    *out_number = strtoll(*text, &end, 10);
    *text = end;
    return !errno;
}

static int read_position(struct dbk_watch *watch, const char *text)
{
    int64_t version, id;
    if (!read_number(&text, &version) || version != POSITION_VERSION || *text++ != ' ' ||
        !read_number(&text, &watch->newest) || *text++ != ' ' ||
        !read_number(&text, &watch->log_position))
        return DBK_INVALID;
    while (*text == ' ') {
        bool is_missing = *++text == '?';
        text += is_missing;
        if (!read_number(&text, &id) || id > watch->newest || find(watch, id))
            return DBK_INVALID;
        struct dbki_watched *build = add(watch, id, DBK_NONE);
        if (!build)
            return DBK_NO_MEMORY;
        build->is_told = !is_missing;
        build->looks_left = is_missing ? GAP_LOOKS : 0;
    }
    return *text ? DBK_INVALID : DBK_OK;
}

int dbk_watch_new(const char *position, struct dbk_watch **out_watch)
{
    struct dbk_watch *watch = dbki_malloc(sizeof *watch);
    if (!watch)
        return DBK_NO_MEMORY;
    *watch = (struct dbk_watch){.newest = DBK_NONE};
    int status = position && *position ? read_position(watch, position) : DBK_OK;
    if (status) {
        dbk_watch_free(watch);
        return status;
    }
    *out_watch = watch;
    return DBK_OK;
}

void dbk_watch_free(struct dbk_watch *watch)
{
    if (!watch)
        return;
    forget(watch);
    dbki_free(watch->builds);
    dbki_buf_fini(&watch->position);
    dbki_free(watch);
}
