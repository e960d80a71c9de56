/*
 * The reads that are measured: see bench_calls.h.
 */
#include "bench_calls.h"

#include "message.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* ------------------------------------------------------------------------------ the answers ---- */

static void note(struct probe *probe, const struct dbk_error *error, size_t count,
                 const struct dbk_page *page)
{
    probe->ended_ns = now_ns();
    probe->is_done = true;
    probe->count = count;
    if (error)
        probe->error = *error;
    else if (page && page->next_cursor)
        probe->cursor = memory_need(strdup(page->next_cursor));
}

static void note_id(void *user, const struct dbk_error *error, int64_t id)
{
    (void)id;
    note(user, error, 1, NULL);
}

static bool note_piece(void *user, const struct dbk_build_data *piece, int64_t offset)
{
    (void)user;
    (void)piece;
    (void)offset;
    return true;
}

/* Takes one record, or none. */
#define NOTE_ONE(noun, record)                                                                     \
    static void note_##noun(void *user, const struct dbk_error *error, const struct record *found) \
    {                                                                                              \
        note(user, error, found != NULL, NULL);                                                    \
    }
/* Takes a page of them. */
#define NOTE_PAGE(noun, record)                                                                    \
    static void note_##noun(void *user, const struct dbk_error *error,                             \
                            const struct record *const *found, const struct dbk_page *page)        \
    {                                                                                              \
        (void)found;                                                                               \
        note(user, error, error ? 0 : page->count, page);                                          \
    }

NOTE_ONE(build, dbk_build)
NOTE_ONE(step, dbk_step)
NOTE_ONE(builder, dbk_builder)
NOTE_ONE(worker, dbk_worker)
NOTE_ONE(master, dbk_master)
NOTE_ONE(sourcestamp, dbk_sourcestamp)
NOTE_ONE(buildset, dbk_buildset)
NOTE_ONE(buildrequest, dbk_buildrequest)
NOTE_ONE(change, dbk_change)
NOTE_ONE(value, dbk_build_data)
NOTE_PAGE(builds, dbk_build)
NOTE_PAGE(steps, dbk_step)
NOTE_PAGE(properties, dbk_property)
NOTE_PAGE(values, dbk_build_data)
NOTE_PAGE(builders, dbk_builder)
NOTE_PAGE(workers, dbk_worker)
NOTE_PAGE(masters, dbk_master)
NOTE_PAGE(sourcestamps, dbk_sourcestamp)
NOTE_PAGE(buildsets, dbk_buildset)
NOTE_PAGE(buildrequests, dbk_buildrequest)
NOTE_PAGE(changes, dbk_change)
NOTE_PAGE(events, dbk_event)

/* -------------------------------------------------------------------------------- the calls ---- */

/* A row's own way to submit. */
#define CALL(noun, expression)                                                                     \
    static int noun(const struct subject *subject, const struct sample *sample,                    \
                    const struct dbk_spec *spec, struct probe *probe)                              \
    {                                                                                              \
        struct dbk_store *store = subject->store;                                                  \
        (void)sample;                                                                              \
        (void)spec;                                                                                \
        return expression;                                                                         \
    }

CALL(get_build, dbk_get_build(store, sample->buildid, NULL, note_build, probe))
CALL(get_build_by_number,
     dbk_get_build_by_number(store, sample->builderid, sample->number, NULL, note_build, probe))
CALL(get_prev_build,
     dbk_get_prev_build(store, sample->builderid, sample->number, NULL, note_build, probe))
CALL(get_next_build,
     dbk_get_next_build(store, sample->builderid, sample->number, NULL, note_build, probe))
CALL(get_step,
     dbk_get_step(store, sample->stepid, DBK_NONE, DBK_NONE, NULL, NULL, note_step, probe))
CALL(get_step_by_number,
     dbk_get_step(store, DBK_NONE, sample->buildid, 2, NULL, NULL, note_step, probe))
CALL(get_step_by_name,
     dbk_get_step(store, DBK_NONE, sample->buildid, DBK_NONE, "compile", NULL, note_step, probe))
CALL(get_build_data,
     dbk_get_build_data(store, sample->buildid, "compile.log", NULL, note_value, probe))
CALL(get_build_data_range, dbk_get_build_data_range(store, sample->buildid, "compile.log", 100, 100,
                                                    NULL, note_value, probe))
CALL(get_build_data_no_value,
     dbk_get_build_data_no_value(store, sample->buildid, "compile.log", NULL, note_value, probe))
CALL(read_build_data, dbk_read_build_data(store, sample->buildid, "compile.log", 0, INT64_MAX, NULL,
                                          note_piece, note_value, probe))
CALL(get_builder, dbk_get_builder(store, sample->builderid, NULL, note_builder, probe))
CALL(get_worker, dbk_get_worker(store, sample->workerid, NULL, note_worker, probe))
CALL(get_master, dbk_get_master(store, sample->masterid, NULL, note_master, probe))
CALL(get_sourcestamp, dbk_get_sourcestamp(store, sample->stampid, NULL, note_sourcestamp, probe))
CALL(get_buildset, dbk_get_buildset(store, sample->buildsetid, NULL, note_buildset, probe))
CALL(get_buildrequest,
     dbk_get_buildrequest(store, sample->requestid, NULL, note_buildrequest, probe))
CALL(get_change, dbk_get_change(store, sample->stampid, NULL, note_change, probe))
CALL(find_builder_id, dbk_find_builder_id(store, sample->builder, false, NULL, note_id, probe))
CALL(find_worker_id, dbk_find_worker_id(store, sample->worker, false, NULL, note_id, probe))
CALL(find_master_id, dbk_find_master_id(store, "daybook", false, NULL, note_id, probe))
CALL(get_newest_event, dbk_get_newest_event(store, NULL, note_id, probe))
CALL(get_builds,
     dbk_get_builds(store, DBK_NONE, DBK_NONE, DBK_NONE, DBK_NONE, spec, NULL, note_builds, probe))
CALL(get_running_builds,
     dbk_get_builds(store, DBK_NONE, DBK_NONE, DBK_NONE, 0, spec, NULL, note_builds, probe))
CALL(get_builds_of_builder, dbk_get_builds(store, sample->builderid, DBK_NONE, DBK_NONE, DBK_NONE,
                                           spec, NULL, note_builds, probe))
CALL(get_running_of_builder, dbk_get_builds(store, sample->builderid, DBK_NONE, DBK_NONE, 0, spec,
                                            NULL, note_builds, probe))
CALL(get_builds_of_worker, dbk_get_builds(store, DBK_NONE, DBK_NONE, sample->workerid, DBK_NONE,
                                          spec, NULL, note_builds, probe))
CALL(get_builds_of_request, dbk_get_builds(store, DBK_NONE, sample->requestid, DBK_NONE, DBK_NONE,
                                           spec, NULL, note_builds, probe))
CALL(get_builds_for_change,
     dbk_get_builds_for_change(store, sample->buildid, spec, NULL, note_builds, probe))
CALL(get_triggered_builds,
     dbk_get_triggered_builds(store, sample->buildid, spec, NULL, note_builds, probe))
CALL(get_build_properties,
     dbk_get_build_properties(store, sample->buildid, spec, NULL, note_properties, probe))
CALL(get_properties_of,
     dbk_get_properties_of(store, sample->many, SUBJECT_MANY, NULL, note_properties, probe))
CALL(get_steps, dbk_get_steps(store, sample->buildid, spec, NULL, note_steps, probe))
CALL(get_steps_of, dbk_get_steps_of(store, sample->many, SUBJECT_MANY, NULL, note_steps, probe))
CALL(get_all_build_data_no_values,
     dbk_get_all_build_data_no_values(store, sample->buildid, NULL, spec, NULL, note_values, probe))
CALL(get_sourcestamps_of_set,
     dbk_get_sourcestamps(store, sample->buildsetid, spec, NULL, note_sourcestamps, probe))
CALL(get_sourcestamps, dbk_get_sourcestamps(store, DBK_NONE, spec, NULL, note_sourcestamps, probe))
CALL(get_builders, dbk_get_builders(store, spec, NULL, note_builders, probe))
CALL(get_workers, dbk_get_workers(store, spec, NULL, note_workers, probe))
CALL(get_masters, dbk_get_masters(store, spec, NULL, note_masters, probe))
CALL(get_buildsets, dbk_get_buildsets(store, spec, NULL, note_buildsets, probe))
CALL(get_buildrequests, dbk_get_buildrequests(store, spec, NULL, note_buildrequests, probe))
CALL(get_changes, dbk_get_changes(store, spec, NULL, note_changes, probe))
CALL(get_events,
     dbk_get_events(store, subject->newest_event > 100 ? subject->newest_event - 100 : 0, spec,
                    NULL, note_events, probe))

static int get_prev_successful_build(const struct subject *subject, const struct sample *sample,
                                     const struct dbk_spec *spec, struct probe *probe)
{
    const struct dbk_codebase codebase = {sample->repository, sample->branch, ""};
    (void)spec;
    return dbk_get_prev_successful_build(subject->store, sample->builderid, sample->number,
                                         &codebase, 1, NULL, note_build, probe);
}

static int find_sourcestamp_id(const struct subject *subject, const struct sample *sample,
                               const struct dbk_spec *spec, struct probe *probe)
{
    struct dbk_sourcestamp_key key = DBK_SOURCESTAMP_KEY_INIT;
    (void)spec;
    key.branch = sample->branch;
    key.revision = sample->revision;
    key.repository = sample->repository;
    key.project = sample->project;
    return dbk_find_sourcestamp_id(subject->store, &key, false, NULL, note_id, probe);
}

/* ----------------------------------------------------------------------------------- rows ---- */

#define ONE(noun)                                                                                  \
    {                                                                                              \
        .name = #noun, .kind = CALL_ONE, .submit = noun                                            \
    }
#define PAGE(words, noun, text)                                                                    \
    {                                                                                              \
        .name = words, .kind = CALL_PAGE, .submit = noun, .spec = text, .counts = true             \
    }
#define MANY(noun)                                                                                 \
    {                                                                                              \
        .name = #noun, .kind = CALL_PAGE, .submit = noun                                           \
    }
#define DEEP(words, noun, text)                                                                    \
    {                                                                                              \
        .name = words, .kind = CALL_DEEP, .submit = noun, .spec = text                             \
    }
#define FREE(words, noun, text)                                                                    \
    {                                                                                              \
        .name = words, .kind = CALL_FREE, .submit = noun, .spec = text                             \
    }
#define HTTP(at)                                                                                   \
    {                                                                                              \
        .name = "GET " at, .kind = CALL_PAGE, .target = at "&cursor=&total=none"                   \
    }
#define HTTP_ONE(at)                                                                               \
    {                                                                                              \
        .name = "GET " at, .kind = CALL_ONE, .target = at                                          \
    }

/* The requests are those of web/: its views of all builders, of a builder, of a build. */
const struct call_row call_rows[] = {
    ONE(get_build),
    ONE(get_build_by_number),
    ONE(get_prev_build),
    ONE(get_next_build),
    ONE(get_step),
    ONE(get_step_by_number),
    ONE(get_step_by_name),
    ONE(get_build_data),
    ONE(get_build_data_range),
    ONE(get_build_data_no_value),
    ONE(read_build_data),
    ONE(get_builder),
    ONE(get_worker),
    ONE(get_master),
    ONE(get_sourcestamp),
    ONE(get_buildset),
    ONE(get_buildrequest),
    ONE(get_change),
    ONE(find_builder_id),
    ONE(find_worker_id),
    ONE(find_master_id),
    ONE(get_newest_event),
    {.name = "get_prev_successful_build, of a new build",
     .kind = CALL_ONE,
     .submit = get_prev_successful_build,
     .is_newest = true},
    {.name = "get_prev_successful_build, of any build",
     .kind = CALL_FREE,
     .submit = get_prev_successful_build},
    ONE(find_sourcestamp_id),
    MANY(get_properties_of),
    MANY(get_steps_of),
    PAGE("get_builds, the newest", get_builds, "order=-id&limit=50"),
    PAGE("get_builds, the oldest", get_builds, "limit=50"),
    PAGE("get_builds, failed ones", get_builds, "results=2&order=-id&limit=50"),
    PAGE("get_builds with properties", get_builds,
         "order=-id&limit=50&field=id&field=number&field=properties"),
    PAGE("get_builds, those that run", get_running_builds, "order=-id&limit=50"),
    PAGE("get_builds of a builder", get_builds_of_builder, "order=-number&limit=50"),
    PAGE("get_builds of a builder, failed ones", get_builds_of_builder,
         "results=2&order=-number&limit=10"),
    PAGE("get_builds of a builder, a result that none has", get_builds_of_builder,
         "results=5&order=-number&limit=50"),
    PAGE("get_builds of a builder, those that run", get_running_of_builder,
         "order=-number&limit=50"),
    PAGE("get_builds of a worker", get_builds_of_worker, "order=-id&limit=50"),
    PAGE("get_builds of a request", get_builds_of_request, ""),
    PAGE("get_builds_for_change", get_builds_for_change, "limit=50"),
    PAGE("get_triggered_builds", get_triggered_builds, "limit=50"),
    PAGE("get_build_properties", get_build_properties, ""),
    PAGE("get_steps", get_steps, ""),
    PAGE("get_all_build_data_no_values", get_all_build_data_no_values, ""),
    PAGE("get_sourcestamps of a buildset", get_sourcestamps_of_set, ""),
    PAGE("get_sourcestamps", get_sourcestamps, "order=-id&limit=50"),
    PAGE("get_builders", get_builders, "order=name&limit=200"),
    PAGE("get_workers", get_workers, "order=name&limit=200"),
    PAGE("get_masters", get_masters, ""),
    PAGE("get_buildsets", get_buildsets, "order=-id&limit=50"),
    PAGE("get_buildrequests", get_buildrequests, "order=-id&limit=50"),
    PAGE("get_changes", get_changes, "order=-id&limit=50"),
    {.name = "get_events", .kind = CALL_PAGE, .submit = get_events, .spec = "limit=50"},
    DEEP("get_builds, from the middle", get_builds, "order=-id&limit=50"),
    DEEP("get_builds of a builder, from the middle", get_builds_of_builder,
         "order=-number&limit=50"),
    DEEP("get_builds of a worker, from the middle", get_builds_of_worker, "order=-id&limit=50"),
    DEEP("get_buildrequests, from the middle", get_buildrequests, "order=-id&limit=50"),
    HTTP_ONE("builds/{buildid}"),
    HTTP_ONE("builders/{builderid}"),
    HTTP_ONE("builders/{builderid}/builds/{number}"),
    HTTP_ONE("workers/{workerid}"),
    HTTP("builders?order=name&limit=200"),
    HTTP("builders?order=name&limit=200&name__contains=linux"),
    HTTP("workers?order=name&limit=200"),
    HTTP("builds?order=-buildid&limit=500"),
    HTTP("builds?complete=false&limit=50"),
    HTTP("builders/{builderid}/builds?order=-number&limit=10"),
    HTTP("builders/{builderid}/builds?order=-number&limit=50"),
    HTTP("builders/{builderid}/builds?order=-number&limit=50&results=2"),
    HTTP("builders/{builderid}/builds?order=-number&limit=50&workerid={workerid}"),
    HTTP("builders/{builderid}/builds?order=-number&limit=50&state_string__contains=success"),
    HTTP("builders/{builderid}/builds?order=-number&limit=1&number__lt={number}"),
    HTTP("builders/{builderid}/builds?order=-number&limit=1&number__lt={number}&results=0"),
    HTTP("builders/{builderid}/builds?order=number&limit=1&number__gt={number}"),
    HTTP("builds/{buildid}/steps?limit=500"),
    HTTP("builds/{buildid}/property_list?limit=500"),
    HTTP("builds/{buildid}/data?limit=500"),
    HTTP("builds/{buildid}/triggered_builds?limit=500"),
    FREE("get_builds, a text that none has", get_builds,
         "state_string__contains=nowhere&order=-id&limit=50"),
    FREE("get_builds, started last", get_builds, "order=-started_at&limit=50"),
    FREE("get_builds, finished last", get_builds, "order=-complete_at&limit=50"),
    {.name = NULL},
};

/* --------------------------------------------------------------------------------- asking ---- */

/* A place's value in words. Result: false: there is no such place. */
static bool place_value(const char *name, size_t len, const struct sample *sample, int64_t *out)
{
    const struct {
        const char *name;
        int64_t value;
    } places[] = {{"buildid", sample->buildid},
                  {"builderid", sample->builderid},
                  {"number", sample->number},
                  {"workerid", sample->workerid}};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        if (strlen(places[i].name) == len && !memcmp(places[i].name, name, len)) {
            *out = places[i].value;
            return true;
        }
    return false;
}

char *call_target(const char *target, const struct sample *sample)
{
    char *text;
    size_t size;
    FILE *file = memory_need(open_memstream(&text, &size));
    while (*target) {
        int64_t value;
        size_t len = *target == '{' ? strcspn(target + 1, "}") : 0;
        if (len && place_value(target + 1, len, sample, &value)) {
            fprintf(file, "%" PRId64, value);
            target += len + 2;
        } else {
            fputc(*target++, file);
        }
    }
    fclose(file);
    return memory_need(text);
}

static int64_t ask_daemon(struct http *http, const char *target, struct probe *probe)
{
    struct http_request request = HTTP_REQUEST_INIT;
    struct http_answer answer = {0};
    request.target = target;
    int64_t begun_ns = now_ns();
    int status = http_perform(http, &request, &answer, &probe->error);
    probe->ended_ns = now_ns();
    if (!status && answer.http_status != 200) {
        probe->error.status = DBK_INTERNAL;
        snprintf(probe->error.message, sizeof probe->error.message, "%ld: %.200s",
                 answer.http_status, answer.body ? answer.body : "");
    }
    http_answer_fini(&answer);
    return probe->error.status ? -1 : probe->ended_ns - begun_ns;
}

int64_t call_ask(const struct call_row *row, struct subject *subject, const struct sample *sample,
                 const struct dbk_spec *spec, const char *target, struct probe *probe)
{
    *probe = (struct probe){.error.status = DBK_OK};
    if (!row->submit)
        return ask_daemon(subject->http, target, probe);
    int64_t begun_ns = now_ns();
    int status = row->submit(subject, sample, spec, probe);
    if (status) {
        probe->error.status = (enum dbk_status)status;
        snprintf(probe->error.message, sizeof probe->error.message, "%s is refused", row->name);
        return -1;
    }
    while (!probe->is_done)
        dbk_wait(subject->store, -1);
    return probe->error.status && probe->error.status != DBK_NOT_FOUND ? -1
                                                                       : probe->ended_ns - begun_ns;
}
