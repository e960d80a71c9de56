/*
 * What builds hang on: builders, workers, masters, buildrequests, buildsets, changes, sourcestamps.
 */
#include "routes.h"

#define FIELD(record, name, member, kind)                                                          \
    {                                                                                              \
        name, #member, kind, offsetof(struct record, member), NULL                                 \
    }
#define INT(record, name, member) FIELD(record, name, member, RESOURCE_INT)
#define BOOL(record, member) FIELD(record, #member, member, RESOURCE_BOOL)
#define TEXT(record, member) FIELD(record, #member, member, RESOURCE_TEXT)

static void write_info(struct json_writer *json, const void *record, const struct ask *ask)
{
    const struct dbk_worker *worker = record;
    (void)ask;
    if (dbk_is_json(worker->info))
        json_value(json, worker->info);
    else
        json_none(json);
}

/* The store keeps one parent; the API has a list. */
static void write_parents(struct json_writer *json, const void *record, const struct ask *ask)
{
    const struct dbk_change *change = record;
    (void)ask;
    json_begin_array(json);
    if (change->parent_changeid != DBK_NONE)
        json_number(json, change->parent_changeid);
    json_end_array(json);
}

/* Of a patch the store reads no more than its id. */
static void write_patch(struct json_writer *json, const void *record, const struct ask *ask)
{
    const struct dbk_sourcestamp *sourcestamp = record;
    (void)ask;
    if (sourcestamp->patchid == DBK_NONE) {
        json_none(json);
        return;
    }
    json_begin_object(json);
    json_member_number(json, "patchid", sourcestamp->patchid);
    json_end_object(json);
}

/* Those of a buildset, which the store does not read; without property= they are none with Buildbot, too. */
static void write_no_properties(struct json_writer *json, const void *record, const struct ask *ask)
{
    (void)record;
    (void)ask;
    json_none(json);
}

const struct resource resource_builder = {
    .plural = "builders",
    .tie = "id",
    .fields =
        {
            INT(dbk_builder, "builderid", id),
            TEXT(dbk_builder, name),
            TEXT(dbk_builder, description),
            TEXT(dbk_builder, description_format),
            TEXT(dbk_builder, description_html),
            INT(dbk_builder, "projectid", projectid),
        },
};

const struct resource resource_worker = {
    .plural = "workers",
    .tie = "id",
    .fields =
        {
            INT(dbk_worker, "workerid", id),
            TEXT(dbk_worker, name),
            {"workerinfo", NULL, RESOURCE_OTHER, 0, write_info},
            BOOL(dbk_worker, paused),
            TEXT(dbk_worker, pause_reason),
            BOOL(dbk_worker, graceful),
        },
};

const struct resource resource_master = {
    .plural = "masters",
    .tie = "id",
    .fields =
        {
            INT(dbk_master, "masterid", id),
            TEXT(dbk_master, name),
            BOOL(dbk_master, active),
            INT(dbk_master, "last_active", last_active),
        },
};

const struct resource resource_buildrequest = {
    .plural = "buildrequests",
    .fields =
        {
            INT(dbk_buildrequest, "buildrequestid", id),
            INT(dbk_buildrequest, "buildsetid", buildsetid),
            INT(dbk_buildrequest, "builderid", builderid),
            INT(dbk_buildrequest, "priority", priority),
            {"claimed", "claimed_at", RESOURCE_IS_SET,
             offsetof(struct dbk_buildrequest, claimed_at), NULL},
            INT(dbk_buildrequest, "claimed_at", claimed_at),
            INT(dbk_buildrequest, "claimed_by_masterid", claimed_by_masterid),
            BOOL(dbk_buildrequest, complete),
            INT(dbk_buildrequest, "complete_at", complete_at),
            INT(dbk_buildrequest, "results", results),
            INT(dbk_buildrequest, "submitted_at", submitted_at),
            BOOL(dbk_buildrequest, waited_for),
            {"properties", NULL, RESOURCE_OTHER, 0, write_no_properties},
        },
};

const struct resource resource_buildset = {
    .plural = "buildsets",
    .fields =
        {
            INT(dbk_buildset, "bsid", id),
            TEXT(dbk_buildset, external_idstring),
            TEXT(dbk_buildset, reason),
            INT(dbk_buildset, "submitted_at", submitted_at),
            BOOL(dbk_buildset, complete),
            INT(dbk_buildset, "complete_at", complete_at),
            INT(dbk_buildset, "results", results),
            INT(dbk_buildset, "parent_buildid", parent_buildid),
            TEXT(dbk_buildset, parent_relationship),
            INT(dbk_buildset, "rebuilt_buildid", rebuilt_buildid),
        },
};

const struct resource resource_change = {
    .plural = "changes",
    .is_backwards = true,
    .fields =
        {
            INT(dbk_change, "changeid", id),
            TEXT(dbk_change, author),
            TEXT(dbk_change, committer),
            TEXT(dbk_change, comments),
            TEXT(dbk_change, branch),
            TEXT(dbk_change, revision),
            TEXT(dbk_change, revlink),
            INT(dbk_change, "when_timestamp", when_timestamp),
            TEXT(dbk_change, category),
            TEXT(dbk_change, repository),
            TEXT(dbk_change, codebase),
            TEXT(dbk_change, project),
            INT(dbk_change, "sourcestampid", sourcestampid),
            {"parent_changeids", NULL, RESOURCE_OTHER, 0, write_parents},
        },
};

const struct resource resource_sourcestamp = {
    .plural = "sourcestamps",
    .tie = "id",
    .fields =
        {
            INT(dbk_sourcestamp, "ssid", id),
            TEXT(dbk_sourcestamp, branch),
            TEXT(dbk_sourcestamp, revision),
            FIELD(dbk_sourcestamp, "patchid", patchid, RESOURCE_INT_ASKED),
            {"patch", NULL, RESOURCE_OTHER, 0, write_patch},
            TEXT(dbk_sourcestamp, repository),
            TEXT(dbk_sourcestamp, codebase),
            TEXT(dbk_sourcestamp, project),
            INT(dbk_sourcestamp, "created_at", created_at),
        },
};

/* A kind's callbacks, its list and its get; they differ by nothing but their types. */
#define GIVE(kind)                                                                                 \
    static void give_##kind##s(void *user, const struct dbk_error *error,                          \
                               const struct dbk_##kind *const *records,                            \
                               const struct dbk_page *page)                                        \
    {                                                                                              \
        if (!exchange_is_over(user, error))                                                        \
            exchange_give_list(user, (const void *const *)records, page);                          \
    }                                                                                              \
    static void give_##kind(void *user, const struct dbk_error *error,                             \
                            const struct dbk_##kind *record)                                       \
    {                                                                                              \
        if (!exchange_is_over(user, error))                                                        \
            exchange_give_record(user, record);                                                    \
    }
#define READ_ONE(kind, id_member)                                                                  \
    void read_##kind(struct exchange *exchange)                                                    \
    {                                                                                              \
        exchange_submitted(exchange,                                                               \
                           dbk_get_##kind(exchange->server->store, exchange->id_member,            \
                                          exchange_call(exchange), give_##kind, exchange));        \
    }
#define READ_LIST(kind)                                                                            \
    void read_##kind##s(struct exchange *exchange)                                                 \
    {                                                                                              \
        exchange_submitted(exchange,                                                               \
                           dbk_get_##kind##s(exchange->server->store, exchange->ask.spec,          \
                                             exchange_call(exchange), give_##kind##s, exchange));  \
    }

GIVE(builder)
READ_LIST(builder)
READ_ONE(builder, ownerid)
GIVE(worker)
READ_LIST(worker)
READ_ONE(worker, ownerid)
GIVE(master)
READ_LIST(master)
READ_ONE(master, ownerid)
GIVE(buildrequest)
READ_ONE(buildrequest, id)
GIVE(buildset)
READ_LIST(buildset)
READ_ONE(buildset, id)
GIVE(change)
READ_ONE(change, id)
GIVE(sourcestamp)
READ_ONE(sourcestamp, id)

/* Narrows the list by an id of the path's, when there is one. Result: false when it answered already. */
static bool narrow(struct exchange *exchange, const char *field, int64_t id)
{
    if (id == DBK_NONE || !dbk_spec_filter_int(exchange->ask.spec, field, DBK_EQ, &id, 1))
        return true;
    exchange_fail(exchange, 400, "too many filters");
    return false;
}

void read_buildrequests(struct exchange *exchange)
{
    if (narrow(exchange, "builderid", exchange->ownerid))
        exchange_submitted(
            exchange, dbk_get_buildrequests(exchange->server->store, exchange->ask.spec,
                                            exchange_call(exchange), give_buildrequests, exchange));
}

void read_changes(struct exchange *exchange)
{
    if (narrow(exchange, "sourcestampid", exchange->id))
        exchange_submitted(exchange,
                           dbk_get_changes(exchange->server->store, exchange->ask.spec,
                                           exchange_call(exchange), give_changes, exchange));
}

void read_sourcestamps_of_buildset(struct exchange *exchange)
{
    exchange_submitted(exchange, dbk_get_sourcestamps(exchange->server->store, exchange->id,
                                                      exchange->ask.spec, exchange_call(exchange),
                                                      give_sourcestamps, exchange));
}

void read_sourcestamps(struct exchange *exchange)
{
    /* No path names a buildset: DBK_NONE, for all. */
    read_sourcestamps_of_buildset(exchange);
}
