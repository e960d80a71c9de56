/*
 * Events with their records: see notice.h. The reads of a batch's records all run at once; each event keeps its
 * place.
 */
#include "notice.h"

#include "ask.h"
#include "resource.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A read of a record, for its place in a batch. */
struct place {
    struct batch *batch;
    struct notice *notice;
};

void notice_fini(struct notice *notice)
{
    free(notice->name);
    free(notice->message);
    *notice = (struct notice){.kind = NOTICE_NONE};
}

void batch_free(struct batch *batch)
{
    if (!batch)
        return;
    for (size_t i = 0; i < batch->count; i++)
        notice_fini(&batch->notices[i]);
    free(batch);
}

void batch_drop(struct batch *batch)
{
    if (batch)
        batch->done = NULL;
}

/* ------------------------------------------------------------------------------------ topics ---- */

#define KEY_PARTS_MAX 5

struct key {
    const char *parts[KEY_PARTS_MAX];
    size_t count;
    char builder[24], build[24], step[24];
};

static void push(struct key *key, const char *part)
{
    key->parts[key->count++] = part;
}

/* The ways in which an event is named: index 0 is the shortest. Result: false when there are no more. */
static bool make_key(const struct notice *notice, int index, struct key *key)
{
    static const char *const last[] = {NULL, NULL, "steps", "properties", "data", NULL};
    snprintf(key->builder, sizeof(key->builder), "%" PRId64, notice->builderid);
    snprintf(key->build, sizeof(key->build), "%" PRId64, notice->buildid);
    snprintf(key->step, sizeof(key->step), "%" PRId64, notice->stepid);
    key->count = 0;
    bool is_below_builder = index == 1 && notice->kind == NOTICE_BUILD;
    if (index > 1 || (index == 1 && !is_below_builder && notice->kind != NOTICE_STEP))
        return false;
    if (notice->kind == NOTICE_BUILDER || is_below_builder) {
        push(key, "builders");
        push(key, key->builder);
    }
    if (notice->kind == NOTICE_STEP && index == 0) {
        push(key, "steps");
        push(key, key->step);
    } else if (notice->kind != NOTICE_BUILDER) {
        push(key, "builds");
        push(key, key->build);
        if (last[notice->kind]) {
            push(key, last[notice->kind]);
            push(key, notice->kind == NOTICE_STEP ? key->step : notice->name);
        }
    }
    push(key, notice->verb);
    return true;
}

static bool is_under(const struct key *key, const char *topic)
{
    size_t i = 0;
    for (; i < key->count && *topic; i++) {
        size_t len = strcspn(topic, "/");
        bool is_any = len == 1 && *topic == '*';
        if (!is_any && (strlen(key->parts[i]) != len || memcmp(key->parts[i], topic, len) != 0))
            return false;
        topic += len;
        topic += *topic == '/';
    }
    return !*topic && i + 1 >= key->count;
}

static void print_key(const struct key *key, FILE *file)
{
    struct json_writer json;
    json_init(&json, file);
    json_begin_array(&json);
    for (size_t i = 0; i < key->count; i++)
        json_text(&json, key->parts[i]);
    json_end_array(&json);
}

bool notice_matches(const struct notice *notice, const char *topic, FILE *file)
{
    struct key key;
    for (int index = 0; make_key(notice, index, &key); index++)
        if (is_under(&key, topic)) {
            if (file)
                print_key(&key, file);
            return true;
        }
    return false;
}

/* ----------------------------------------------------------------------------------- records ---- */

static void note_error(struct batch *batch, const struct dbk_error *error)
{
    if (error && !batch->error.status)
        batch->error = *error;
}

static void note_no_memory(struct batch *batch)
{
    static const struct dbk_error error = {.status = DBK_NO_MEMORY, .message = "out of memory"};
    note_error(batch, &error);
}

static void end_if_whole(struct batch *batch)
{
    if (batch->waiting_count)
        return;
    batch->server->batch_count--;
    if (batch->done)
        batch->done(batch->user, batch);
    else
        batch_free(batch);
}

/* Takes a record for its place. record may be NULL: it is gone. */
static void take(struct place *place, const struct dbk_error *error,
                 const struct resource *resource, const void *record)
{
    struct batch *batch = place->batch;
    const struct ask all = {.fields = 0};
    char *text = NULL;
    size_t size;
    note_error(batch, error);
    FILE *file = !error && record && batch->done ? open_memstream(&text, &size) : NULL;
    if (file) {
        struct json_writer json;
        json_init(&json, file);
        resource_write(resource, record, &all, &json);
        if (fclose(file))
            note_no_memory(batch);
    }
    place->notice->message = text ? text : strdup("null");
    if (!place->notice->message)
        note_no_memory(batch);
    free(place);
    batch->waiting_count--;
    end_if_whole(batch);
}

static void take_build(void *user, const struct dbk_error *error, const struct dbk_build *build)
{
    take(user, error, &resource_build, build);
}

static void take_step(void *user, const struct dbk_error *error, const struct dbk_step *step)
{
    take(user, error, &resource_step, step);
}

static void take_builder(void *user, const struct dbk_error *error,
                         const struct dbk_builder *builder)
{
    take(user, error, &resource_builder, builder);
}

static void take_data(void *user, const struct dbk_error *error, const struct dbk_build_data *data)
{
    take(user, error, &resource_build_data, data);
}

static void take_property(void *user, const struct dbk_error *error,
                          const struct dbk_property *const *properties, const struct dbk_page *page)
{
    take(user, error, &resource_property, !error && page->count ? properties[0] : NULL);
}

static int read_property(struct dbk_store *store, const struct notice *notice,
                         const struct dbk_call *call, struct place *place)
{
    struct dbk_spec *spec = dbk_spec_new();
    int status = DBK_NO_MEMORY;
    if (spec && !dbk_spec_filter_text(spec, "name", DBK_EQ, (const char *[]){notice->name}, 1))
        status = dbk_get_build_properties(store, notice->buildid, spec, call, take_property, place);
    dbk_spec_free(spec);
    return status;
}

static int submit(struct dbk_store *store, const struct notice *notice, const struct dbk_call *call,
                  struct place *place)
{
    switch (notice->kind) {
    case NOTICE_BUILD:
        return dbk_get_build(store, notice->buildid, call, take_build, place);
    case NOTICE_STEP:
        return dbk_get_step(store, notice->stepid, DBK_NONE, DBK_NONE, NULL, call, take_step,
                            place);
    case NOTICE_PROPERTY:
        return read_property(store, notice, call, place);
    case NOTICE_DATA:
        return dbk_get_build_data_no_value(store, notice->buildid, notice->name, call, take_data,
                                           place);
    case NOTICE_BUILDER:
        return dbk_get_builder(store, notice->builderid, call, take_builder, place);
    case NOTICE_NONE:
        break;
    }
    return DBK_INVALID;
}

static void read_record(struct batch *batch, struct notice *notice)
{
    struct dbk_call call = DBK_CALL_INIT;
    struct dbk_error error;
    struct place *place = malloc(sizeof(*place));
    if (!place) {
        note_no_memory(batch);
        return;
    }
    *place = (struct place){batch, notice};
    call.timeout_ms = SERVER_OPERATION_MS;
    call.out_refusal = &error;
    batch->waiting_count++;
    if (submit(batch->server->store, notice, &call, place)) {
        batch->waiting_count--;
        note_error(batch, &error);
        free(place);
    }
}

/* ------------------------------------------------------------------------------------ events ---- */

static enum notice_kind kind_of(const struct dbk_event *event)
{
    static const struct {
        const char *word;
        enum notice_kind kind;
    } kinds[] = {{"build", NOTICE_BUILD},
                 {"step", NOTICE_STEP},
                 {"property", NOTICE_PROPERTY},
                 {"data", NOTICE_DATA},
                 {"builder", NOTICE_BUILDER}};
    for (size_t i = 0; event->kind && event->verb && i < sizeof(kinds) / sizeof(*kinds); i++)
        if (!strcmp(event->kind, kinds[i].word)) {
            bool is_named = kinds[i].kind == NOTICE_PROPERTY || kinds[i].kind == NOTICE_DATA;
            return is_named && !event->name ? NOTICE_NONE : kinds[i].kind;
        }
    return NOTICE_NONE;
}

bool notice_begin(struct notice *notice, const struct dbk_event *event)
{
    enum notice_kind kind = kind_of(event);
    *notice = (struct notice){
        event->id, kind, event->builderid, event->buildid, event->stepid, NULL, "", NULL};
    if (kind == NOTICE_NONE)
        return false;
    bool is_update = kind == NOTICE_BUILD && !strcmp(event->verb, "updated");
    snprintf(notice->verb, sizeof(notice->verb), "%s", is_update ? "update" : event->verb);
    return true;
}

static void add_event(struct batch *batch, const struct dbk_event *event)
{
    struct notice *notice = &batch->notices[batch->count];
    batch->position = event->id;
    if (!notice_begin(notice, event))
        return;
    batch->count++;
    if (event->name && !(notice->name = strdup(event->name)))
        note_no_memory(batch);
    else
        read_record(batch, notice);
}

static void take_events(void *user, const struct dbk_error *error,
                        const struct dbk_event *const *events, const struct dbk_page *page)
{
    struct batch *batch = user;
    note_error(batch, error);
    for (size_t i = 0; !error && i < page->count && batch->done; i++)
        add_event(batch, events[i]);
    batch->is_full = !error && page->next_cursor;
    batch->waiting_count--;
    end_if_whole(batch);
}

struct batch *batch_read(struct server *server, int64_t position,
                         void (*done)(void *user, struct batch *batch), void *user,
                         struct dbk_error *out_error)
{
    struct batch *batch = calloc(1, sizeof(*batch));
    struct dbk_spec *spec = dbk_spec_new();
    struct dbk_call call = DBK_CALL_INIT;
    *out_error = (struct dbk_error){.status = DBK_NO_MEMORY, .message = "out of memory"};
    call.timeout_ms = SERVER_OPERATION_MS;
    call.out_refusal = out_error;
    if (batch)
        *batch = (struct batch){
            .server = server, .position = position, .waiting_count = 1, .done = done, .user = user};
    if (!batch || !spec || dbk_spec_limit(spec, NOTICE_BATCH_MAX) ||
        dbk_get_events(server->store, position, spec, &call, take_events, batch)) {
        free(batch);
        batch = NULL;
    } else {
        server->batch_count++;
    }
    dbk_spec_free(spec);
    return batch;
}

struct batch *batch_of(struct server *server, const struct notice *notices, size_t count,
                       void (*done)(void *user, struct batch *batch), void *user)
{
    struct batch *batch = calloc(1, sizeof(*batch));
    if (!batch) {
        for (size_t i = 0; i < count; i++)
            free(notices[i].name);
        return NULL;
    }
    batch->server = server;
    batch->done = done;
    batch->user = user;
    batch->count = count;
    server->batch_count++;
    for (size_t i = 0; i < count; i++) {
        batch->notices[i] = notices[i];
        read_record(batch, &batch->notices[i]);
    }
    if (batch->waiting_count)
        return batch;
    server->batch_count--;
    batch_free(batch);
    return NULL;
}
