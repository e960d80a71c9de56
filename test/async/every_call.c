/* See every_call.h. */
#include "every_call.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

/* Build 8 is a finished one with all that a build can have; it is also another one's child. */
void every_call_prepare(const char *path)
{
    file_exec(
        path,
        "UPDATE builds SET complete_at = 10, results = 0 WHERE id = 8;"
        "INSERT INTO steps (number, name, buildid, started_at, state_string, urls_json, hidden)"
        " VALUES (0, 'step', 8, 5, 'running', '[{\"name\": \"log\", \"url\": \"http://log\"}]', 0),"
        " (1, 'other', 8, 6, 'running', '[]', 0);"
        "INSERT INTO build_properties (buildid, name, value, source)"
        " VALUES (8, 'one', '1', 'test'), (8, 'two', '\"2\"', 'test'), (7, 'one', '[]', 'test');"
        "INSERT INTO build_data (buildid, name, value, length, source)"
        " VALUES (8, 'data', x'64617461', 4, 'test'), (7, 'data', x'64617461', 4, 'test');"
        "INSERT INTO changes (author, comments, when_timestamp, sourcestampid)"
        " VALUES ('author', 'comments', 1, 1);"
        "UPDATE buildsets SET parent_buildid = 1;"
        "INSERT INTO daybook_events (at, kind, verb, builderid, buildid)"
        " VALUES (1, 'build', 'new', 8, 8), (2, 'build', 'finished', 8, 8);");
}

/* ---------------------------------------------------------------------- what they are made with ---- */

static struct dbk_spec *page_spec, *builds_spec, *steps_spec, *events_spec;
static int data_fd = -1;
static struct dbk_watch *watch;

static struct dbk_spec *parsed(struct dbk_spec **spec, const char *text)
{
    if (!*spec)
        assert_int_equal(dbk_spec_parse(text, spec, NULL), DBK_OK);
    return *spec;
}

static int data_file(void)
{
    if (data_fd < 0) {
        data_fd = memfd_create("data", MFD_CLOEXEC);
        assert_int_equal(pwrite(data_fd, "from a file", 11, 0), 11);
    }
    return data_fd;
}

void every_call_end(void)
{
    struct dbk_spec **specs[] = {&page_spec, &builds_spec, &steps_spec, &events_spec};
    for (size_t i = 0; i < COUNT_OF(specs); i++) {
        dbk_spec_free(*specs[i]);
        *specs[i] = NULL;
    }
    dbk_watch_free(watch);
    watch = NULL;
    if (data_fd >= 0)
        close(data_fd);
    data_fd = -1;
}

#define PAGE_SPEC parsed(&page_spec, "order=-id&limit=2&total=exact")
#define BUILDS_SPEC                                                                                \
    parsed(&builds_spec, "field=number&field=properties&order=-number&limit=20&total=5"            \
                         "&number__in=1,2,3&state_string__ne=x")
#define STEPS_SPEC parsed(&steps_spec, "name__contains=e&order=-started_at&order=name&limit=1")
#define EVENTS_SPEC parsed(&events_spec, "kind=build&limit=1")

static const int64_t BUILDIDS[] = {8, 7, 1};
static const struct dbk_codebase CODEBASE = {"repository", "main", ""};
static const struct dbk_sourcestamp_key KEY = {
    .size = sizeof KEY, .branch = "branch", .repository = "new", .patchid = DBK_NONE};
static const struct dbk_sourcestamp_key *const KEYS[] = {&KEY};
static const int64_t SOURCESTAMPID = 1;
static const struct dbk_new_buildset BUILDSET = {.size = sizeof BUILDSET,
                                                 .reason = "test",
                                                 .sourcestampids = &SOURCESTAMPID,
                                                 .sourcestamp_count = 1,
                                                 .parent_buildid = 1,
                                                 .parent_relationship = "child",
                                                 .rebuilt_buildid = DBK_NONE};
static const struct dbk_new_change CHANGE = {.size = sizeof CHANGE,
                                             .author = "author",
                                             .when_timestamp = DBK_NONE,
                                             .sourcestampid = 1,
                                             .parent_changeid = DBK_NONE};
static const struct dbk_new_property PROPERTIES[] = {{"one", "\"new\"", "test"},
                                                     {"three", "[1, 2]", "test"}};

/* ----------------------------------------------------------------------------------- callbacks ---- */

#define ON_ONE(name, type)                                                                         \
    static void name(void *user, const struct dbk_error *error, const struct type *record)         \
    {                                                                                              \
        on_any(user, error)->id = record ? record->id : DBK_NONE;                                  \
    }
#define ON_LIST(name, type, member)                                                                \
    static void name(void *user, const struct dbk_error *error, const struct type *const *records, \
                     const struct dbk_page *page)                                                  \
    {                                                                                              \
        struct answer *answer = on_any(user, error);                                               \
        answer->size = page ? (int64_t)page->count : DBK_NONE;                                     \
        answer->number = page ? page->total : DBK_NONE;                                            \
        answer->id = 0;                                                                            \
        for (size_t i = 0; page && i < page->count; i++)                                           \
            answer->id = 31 * answer->id + records[i]->member;                                     \
        snprintf(answer->text, sizeof answer->text, "%s",                                          \
                 page && page->next_cursor ? page->next_cursor : "");                              \
    }

ON_ONE(on_builder, dbk_builder)
ON_ONE(on_worker, dbk_worker)
ON_ONE(on_master, dbk_master)
ON_ONE(on_sourcestamp, dbk_sourcestamp)
ON_ONE(on_buildset, dbk_buildset)
ON_ONE(on_buildrequest, dbk_buildrequest)
ON_ONE(on_change, dbk_change)
ON_LIST(on_steps, dbk_step, id)
ON_LIST(on_data_list, dbk_build_data, id)
ON_LIST(on_builders, dbk_builder, id)
ON_LIST(on_workers, dbk_worker, id)
ON_LIST(on_masters, dbk_master, id)
ON_LIST(on_sourcestamps, dbk_sourcestamp, id)
ON_LIST(on_buildsets, dbk_buildset, id)
ON_LIST(on_buildrequests, dbk_buildrequest, id)
ON_LIST(on_changes, dbk_change, id)
ON_LIST(on_events, dbk_event, id)

static void on_step(void *user, const struct dbk_error *error, const struct dbk_step *step)
{
    struct answer *answer = on_any(user, error);
    answer->id = step ? step->id : DBK_NONE;
    answer->size = step ? (int64_t)step->url_count : DBK_NONE;
    snprintf(answer->text, sizeof answer->text, "%s",
             step && step->url_count ? step->urls[0]->url : "");
}

bool is_same_answer(const struct answer *a, const struct answer *b)
{
    return a->count == b->count && a->is_error == b->is_error && a->id == b->id &&
           a->number == b->number && a->size == b->size && !strcmp(a->text, b->text);
}

/* --------------------------------------------------------------------------------------- calls ---- */

/* A build with one of everything. */
static int record_build(struct dbk_store *store, const struct dbk_call *call, struct answer *answer)
{
    static const struct dbk_url url = {"log", "http://log"};
    struct dbk_new_step step = DBK_NEW_STEP_INIT;
    const struct dbk_new_step *const steps[] = {&step, &step};
    const struct dbk_new_data data = {
        .name = "data", .value = "data", .value_len = 4, .source = "test"};
    struct dbk_new_build build = DBK_NEW_BUILD_INIT;
    step.name = "step";
    step.urls = &url;
    step.url_count = 1;
    build.builder = "recorded";
    build.worker = "recorder";
    build.results = 0;
    build.sourcestamps = KEYS;
    build.sourcestamp_count = 1;
    build.properties = PROPERTIES;
    build.property_count = COUNT_OF(PROPERTIES);
    build.steps = steps;
    build.step_count = COUNT_OF(steps);
    build.data = &data;
    build.data_count = 1;
    return dbk_record_build(store, &build, call, on_added_build, answer);
}

/* It changes no record. */
static int give_space_back(struct dbk_store *store, const struct dbk_call *call,
                           struct answer *answer)
{
    return dbk_give_space_back(store, call, on_count, answer);
}

/* Which position it is depends on what was written before. */
static void on_newest(void *user, const struct dbk_error *error, int64_t position)
{
    (void)position;
    on_any(user, error);
}

static int get_newest_event(struct dbk_store *store, const struct dbk_call *call,
                            struct answer *answer)
{
    return dbk_get_newest_event(store, call, on_newest, answer);
}

static bool take_piece(void *user, const struct dbk_build_data *piece, int64_t offset)
{
    struct answer *answer = user;
    answer->number = offset + (int64_t)piece->value_len;
    return true;
}

static int read_build_data(struct dbk_store *store, const struct dbk_call *call,
                           struct answer *answer)
{
    return dbk_read_build_data(store, 8, "data", 1, INT64_MAX, call, take_piece, on_data, answer);
}

static void on_look(void *user, const struct dbk_error *error,
                    const struct dbk_event *const *events, const struct dbk_look *look)
{
    struct answer *answer = user;
    (void)events;
    answer->number = error ? 0 : (int64_t)look->count;
    on_any(user, error);
}

/* From a position, so that there is something to tell. */
static int look(struct dbk_store *store, const struct dbk_call *call, struct answer *answer)
{
    dbk_watch_free(watch);
    watch = NULL;
    int status = dbk_watch_new("1 1 0 ?1", &watch);
    if (status && call && call->out_refusal)
        *call->out_refusal = (struct dbk_error){.status = DBK_NO_MEMORY, .is_retryable = true};
    return status ? status : dbk_watch_look(store, watch, call, on_look, answer);
}

#define CALLS(X)                                                                                   \
    X(dbk_get_build, false, on_build, 8)                                                           \
    X(dbk_get_build_by_number, false, on_build, 8, 1)                                              \
    X(dbk_get_prev_build, false, on_build, 8, 2)                                                   \
    X(dbk_get_next_build, false, on_build, 8, 0)                                                   \
    X(dbk_get_prev_successful_build, false, on_build, 8, 2, &CODEBASE, 1)                          \
    X(dbk_get_builds, false, on_builds, DBK_NONE, DBK_NONE, DBK_NONE, DBK_NONE, BUILDS_SPEC)       \
    X(dbk_get_builds_for_change, false, on_builds, 1, BUILDS_SPEC)                                 \
    X(dbk_get_triggered_builds, false, on_builds, 1, NULL)                                         \
    X(dbk_add_build, true, on_added_build, 1, 1, 1, 1, "starting")                                 \
    X(dbk_set_build_state_string, true, on_done, 1, "new")                                         \
    X(dbk_add_build_locks_duration, true, on_done, 1, 5)                                           \
    X(dbk_finish_build, true, on_done, 1, 0)                                                       \
    X(dbk_get_build_properties, false, on_properties, 8, NULL)                                     \
    X(dbk_get_properties_of, false, on_properties, BUILDIDS, COUNT_OF(BUILDIDS))                   \
    X(dbk_set_build_property, true, on_done, 1, "one", "true", "test")                             \
    X(dbk_set_build_properties, true, on_done, 8, PROPERTIES, COUNT_OF(PROPERTIES))                \
    X(dbk_get_step, false, on_step, 1, DBK_NONE, DBK_NONE, NULL)                                   \
    X(dbk_get_steps, false, on_steps, 8, STEPS_SPEC)                                               \
    X(dbk_get_steps_of, false, on_steps, BUILDIDS, COUNT_OF(BUILDIDS))                             \
    X(dbk_add_step, true, on_added_step, 8, "step", "starting")                                    \
    X(dbk_start_step, true, on_done, 1, 100, true)                                                 \
    X(dbk_set_step_locks_acquired_at, true, on_done, 1, 101)                                       \
    X(dbk_set_step_state_string, true, on_done, 1, "new")                                          \
    X(dbk_finish_step, true, on_done, 1, 2, true)                                                  \
    X(dbk_add_url, true, on_done, 1, "new", "http://new")                                          \
    X(dbk_set_build_data, true, on_done, 8, "data", "new", 3, "test")                              \
    X(dbk_set_build_data_from_fd, true, on_done, 8, "file", data_file(), 5, 6, "test")             \
    X(dbk_get_build_data, false, on_data, 8, "data")                                               \
    X(dbk_get_build_data_range, false, on_data, 8, "data", 1, 2)                                   \
    X(dbk_get_build_data_no_value, false, on_data, 8, "data")                                      \
    X(dbk_get_all_build_data_no_values, false, on_data_list, 8, "data", PAGE_SPEC)                 \
    X(dbk_delete_build_data, true, on_done, 7, "data")                                             \
    X(dbk_delete_old_build_data, true, on_count, 1000)                                             \
    X(dbk_count_old_build_data, false, on_size, 1000)                                              \
    X(dbk_find_builder_id, true, on_id, "new builder", true)                                       \
    X(dbk_find_worker_id, true, on_id, "new worker", true)                                         \
    X(dbk_find_master_id, true, on_id, "new master", true)                                         \
    X(dbk_find_sourcestamp_id, true, on_id, &KEY, true)                                            \
    X(dbk_add_buildset, true, on_id, &BUILDSET)                                                    \
    X(dbk_add_buildrequest, true, on_id, 1, 1, 0, false)                                           \
    X(dbk_add_change, true, on_id, &CHANGE)                                                        \
    X(dbk_get_builder, false, on_builder, 1)                                                       \
    X(dbk_get_worker, false, on_worker, 1)                                                         \
    X(dbk_get_master, false, on_master, 1)                                                         \
    X(dbk_get_sourcestamp, false, on_sourcestamp, 1)                                               \
    X(dbk_get_buildset, false, on_buildset, 1)                                                     \
    X(dbk_get_buildrequest, false, on_buildrequest, 1)                                             \
    X(dbk_get_change, false, on_change, 1)                                                         \
    X(dbk_get_builders, false, on_builders, PAGE_SPEC)                                             \
    X(dbk_get_workers, false, on_workers, PAGE_SPEC)                                               \
    X(dbk_get_masters, false, on_masters, PAGE_SPEC)                                               \
    X(dbk_get_sourcestamps, false, on_sourcestamps, 1, PAGE_SPEC)                                  \
    X(dbk_get_buildsets, false, on_buildsets, PAGE_SPEC)                                           \
    X(dbk_get_buildrequests, false, on_buildrequests, PAGE_SPEC)                                   \
    X(dbk_get_changes, false, on_changes, PAGE_SPEC)                                               \
    X(dbk_get_events, false, on_events, 0, EVENTS_SPEC)

#define DEFINE(function, is_write, on, ...)                                                        \
    static int submit_##function(struct dbk_store *store, const struct dbk_call *call,             \
                                 struct answer *answer)                                            \
    {                                                                                              \
        return function(store, __VA_ARGS__, call, on, answer);                                     \
    }
CALLS(DEFINE)

#define ROW(function, is_write, on, ...) {#function, is_write, submit_##function},
const struct every_call EVERY_CALL[] = {CALLS(ROW){"dbk_record_build", true, record_build},
                                        {"dbk_give_space_back", false, give_space_back},
                                        {"dbk_get_newest_event", false, get_newest_event},
                                        {"dbk_watch_look", false, look},
                                        {"dbk_read_build_data", false, read_build_data}};
const size_t EVERY_CALL_COUNT = COUNT_OF(EVERY_CALL);
