/*
 * Records from a daemon: see remote_records.h.
 */
#include "remote_records.h"

#include "message.h"

#include <stdlib.h>
#include <string.h>

#define MEMBER(record, name, member, kind)                                                         \
    {                                                                                              \
        name, #member, kind, offsetof(struct record, member)                                       \
    }
#define INT(record, member) MEMBER(record, #member, member, REMOTE_INT)
#define ID(record, name) MEMBER(record, name, id, REMOTE_INT)
#define RESULTS(record) MEMBER(record, "results", results, REMOTE_RESULTS)
#define BOOL(record, member) MEMBER(record, #member, member, REMOTE_BOOL)
#define TEXT(record, member) MEMBER(record, #member, member, REMOTE_TEXT)
#define COMPLETE                                                                                   \
    {                                                                                              \
        "complete", "complete", REMOTE_FILTER, 0                                                   \
    }

const struct remote_kind remote_build = {
    .plural = "builds",
    .noun = "builds",
    .size = sizeof(struct dbk_build),
    .members = {ID(dbk_build, "buildid"), INT(dbk_build, number), INT(dbk_build, builderid),
                INT(dbk_build, buildrequestid), INT(dbk_build, workerid), INT(dbk_build, masterid),
                INT(dbk_build, started_at), INT(dbk_build, complete_at),
                INT(dbk_build, locks_duration_s), TEXT(dbk_build, state_string), RESULTS(dbk_build),
                COMPLETE},
};

/* A step's URLs: an array of pointers, and what they point to behind it. */
static void fill_step(void *record, const json_t *object, void **memory)
{
    struct dbk_step *step = record;
    const json_t *list = json_object_get(object, "urls");
    size_t count = json_array_size(list);
    step->urls_text = json_string_value(json_object_get(object, "urls_text"));
    if (!count)
        return;
    const struct dbk_url **pointers =
        memory_need(calloc(count, sizeof(*pointers) + sizeof(struct dbk_url)));
    struct dbk_url *urls = (struct dbk_url *)(pointers + count);
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(list, i);
        urls[i].name = json_string_value(json_object_get(item, "name"));
        urls[i].url = json_string_value(json_object_get(item, "url"));
        pointers[i] = &urls[i];
    }
    step->urls = pointers;
    step->url_count = count;
    *memory = pointers;
}

const struct remote_kind remote_step = {
    .plural = "steps",
    .noun = "steps",
    .size = sizeof(struct dbk_step),
    .members = {ID(dbk_step, "stepid"), INT(dbk_step, number), TEXT(dbk_step, name),
                INT(dbk_step, buildid), INT(dbk_step, started_at), INT(dbk_step, locks_acquired_at),
                INT(dbk_step, complete_at), TEXT(dbk_step, state_string), RESULTS(dbk_step),
                BOOL(dbk_step, hidden), COMPLETE},
    .fill = fill_step,
    .fini = free,
};

/* What is no JSON in an old database stands beside the value. */
static void fill_property(void *record, const json_t *object, void **memory)
{
    struct dbk_property *property = record;
    (void)memory;
    property->is_json = property->value;
    if (!property->value)
        property->value = json_string_value(json_object_get(object, "raw"));
}

const struct remote_kind remote_property = {
    .plural = "_properties",
    .noun = "properties",
    .size = sizeof(struct dbk_property),
    .order = "name",
    .members = {TEXT(dbk_property, name),
                TEXT(dbk_property, source),
                {"value", NULL, REMOTE_TEXT, offsetof(struct dbk_property, value)}},
    .fill = fill_property,
};

const struct remote_kind remote_build_data = {
    .plural = "build_data",
    .noun = "build data",
    .size = sizeof(struct dbk_build_data),
    .order = "dataid",
    .fields = "field=dataid&field=buildid&field=name&field=length&field=source",
    .members = {ID(dbk_build_data, "dataid"), INT(dbk_build_data, buildid),
                TEXT(dbk_build_data, name), INT(dbk_build_data, length),
                TEXT(dbk_build_data, source)},
};

const struct remote_kind remote_builder = {
    .plural = "builders",
    .noun = "builders",
    .size = sizeof(struct dbk_builder),
    .members = {ID(dbk_builder, "builderid"), TEXT(dbk_builder, name),
                TEXT(dbk_builder, description), TEXT(dbk_builder, description_format),
                TEXT(dbk_builder, description_html), INT(dbk_builder, projectid)},
};

const struct remote_kind remote_worker = {
    .plural = "workers",
    .noun = "workers",
    .size = sizeof(struct dbk_worker),
    .is_hidden_to_some = true,
    .members = {ID(dbk_worker, "workerid"), TEXT(dbk_worker, name), BOOL(dbk_worker, paused),
                TEXT(dbk_worker, pause_reason), BOOL(dbk_worker, graceful)},
};

const struct remote_kind remote_buildrequest = {
    .plural = "buildrequests",
    .noun = "buildrequests",
    .size = sizeof(struct dbk_buildrequest),
    .is_hidden_to_some = true,
    .members = {ID(dbk_buildrequest, "buildrequestid"), INT(dbk_buildrequest, buildsetid),
                INT(dbk_buildrequest, builderid), INT(dbk_buildrequest, priority),
                BOOL(dbk_buildrequest, complete), RESULTS(dbk_buildrequest),
                INT(dbk_buildrequest, submitted_at), INT(dbk_buildrequest, complete_at),
                BOOL(dbk_buildrequest, waited_for), INT(dbk_buildrequest, claimed_at),
                INT(dbk_buildrequest, claimed_by_masterid)},
};

const struct remote_kind remote_buildset = {
    .plural = "buildsets",
    .noun = "buildsets",
    .size = sizeof(struct dbk_buildset),
    .is_hidden_to_some = true,
    .members = {ID(dbk_buildset, "bsid"), TEXT(dbk_buildset, external_idstring),
                TEXT(dbk_buildset, reason), INT(dbk_buildset, submitted_at),
                BOOL(dbk_buildset, complete), INT(dbk_buildset, complete_at), RESULTS(dbk_buildset),
                INT(dbk_buildset, parent_buildid), TEXT(dbk_buildset, parent_relationship),
                INT(dbk_buildset, rebuilt_buildid)},
};

static void fill_sourcestamp(void *record, const json_t *object, void **memory)
{
    struct dbk_sourcestamp *sourcestamp = record;
    const json_t *patchid = json_object_get(json_object_get(object, "patch"), "patchid");
    (void)memory;
    if (json_is_integer(patchid))
        sourcestamp->patchid = json_integer_value(patchid);
}

const struct remote_kind remote_sourcestamp = {
    .plural = "sourcestamps",
    .noun = "sourcestamps",
    .size = sizeof(struct dbk_sourcestamp),
    .members = {ID(dbk_sourcestamp, "ssid"), TEXT(dbk_sourcestamp, branch),
                TEXT(dbk_sourcestamp, revision), INT(dbk_sourcestamp, patchid),
                TEXT(dbk_sourcestamp, repository), TEXT(dbk_sourcestamp, codebase),
                TEXT(dbk_sourcestamp, project), INT(dbk_sourcestamp, created_at)},
    .fill = fill_sourcestamp,
};

/* ---------------------------------------------------------------------------------- reading ---- */

static void read_member(char *record, const struct remote_member *member, const json_t *object)
{
    const json_t *value = json_object_get(object, member->name);
    void *place = record + member->offset;
    switch (member->kind) {
    case REMOTE_INT:
    case REMOTE_RESULTS:
        *(int64_t *)place = json_is_integer(value) ? json_integer_value(value) : DBK_NONE;
        break;
    case REMOTE_BOOL:
        *(int64_t *)place = json_is_true(value);
        break;
    case REMOTE_TEXT:
        *(const char **)place = json_string_value(value);
        break;
    case REMOTE_FILTER:
        break;
    }
}

bool remote_records_read(struct remote_records *records, const struct remote_kind *kind,
                         const json_t *array)
{
    size_t count = json_array_size(array);
    *records = (struct remote_records){.kind = kind};
    if (!json_is_array(array))
        return false;
    records->bytes = memory_need(calloc(count + 1, kind->size));
    records->records = memory_need(calloc(count + 1, sizeof(*records->records)));
    records->memories = memory_need(calloc(count + 1, sizeof(*records->memories)));
    for (size_t i = 0; i < count; i++) {
        const json_t *object = json_array_get(array, i);
        char *record = records->bytes + i * kind->size;
        if (!json_is_object(object))
            return false;
        for (const struct remote_member *member = kind->members; member->name; member++)
            read_member(record, member, object);
        records->records[records->count++] = record;
        if (kind->fill)
            kind->fill(record, object, &records->memories[i]);
    }
    return true;
}

void remote_records_fini(struct remote_records *records)
{
    for (size_t i = 0; records->kind->fini && i < records->count; i++)
        records->kind->fini(records->memories[i]);
    free(records->memories);
    free(records->records);
    free(records->bytes);
}
