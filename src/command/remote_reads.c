/*
 * Reads from a daemon: which address stands for which call, and the way of the answer into its callback; see
 * remote.h.
 */
#include "remote.h"

#include "message.h"
#include "remote_job.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef void plain_fn(void);

/* --------------------------------------------------------------------------------- delivering ---- */

static const struct dbk_error no_records = {
    .status = DBK_UNREACHABLE,
    .message = "no `daybook serve` answers there: what came are not its records"};

/* Reads the records of an answer, or what is wrong with it. Result: the error for the callback; NULL: none. */
static const struct dbk_error *read_records(struct job *job, bool is_list,
                                            struct remote_records *records)
{
    const json_t *array = is_list ? job->root : json_object_get(job->root, job->kind->plural);
    *records = (struct remote_records){.kind = job->kind};
    bool is_none = job->is_missing || (job->is_hidden && job->kind->is_hidden_to_some);
    if (is_none && job->error.status && !is_list)
        return NULL;
    if (job->error.status)
        return &job->error;
    if (!remote_records_read(records, job->kind, array))
        return &no_records;
    if (is_list) {
        job->page.count = records->count;
        job->page.next_cursor = job->next_cursor;
    }
    return NULL;
}

/* The way of one record, and of a list, into the callback of its type. */
#define DELIVER_ONE(kind)                                                                          \
    static void deliver_##kind(struct job *job)                                                    \
    {                                                                                              \
        struct remote_records records;                                                             \
        const struct dbk_error *error = read_records(job, false, &records);                        \
        ((dbk_##kind##_fn *)job->callback)(job->user, error,                                       \
                                           !error && records.count ? records.records[0] : NULL);   \
        remote_records_fini(&records);                                                             \
    }
#define DELIVER_LIST(kind, type)                                                                   \
    static void deliver_list_of_##kind(struct job *job)                                            \
    {                                                                                              \
        struct remote_records records;                                                             \
        const struct dbk_error *error = read_records(job, true, &records);                         \
        ((type *)job->callback)(job->user, error,                                                  \
                                (const struct dbk_##kind *const *)records.records,                 \
                                error ? NULL : &job->page);                                        \
        remote_records_fini(&records);                                                             \
    }

DELIVER_ONE(build)
DELIVER_ONE(builder)
DELIVER_ONE(worker)
DELIVER_ONE(buildrequest)
DELIVER_ONE(buildset)
DELIVER_LIST(build, dbk_builds_fn)
DELIVER_LIST(step, dbk_steps_fn)
DELIVER_LIST(build_data, dbk_build_data_list_fn)
DELIVER_LIST(builder, dbk_builders_fn)
DELIVER_LIST(sourcestamp, dbk_sourcestamps_fn)

static void deliver_properties(struct job *job)
{
    struct remote_records records;
    const struct dbk_error *error = read_records(job, true, &records);
    for (size_t i = 0; !error && i < records.count; i++)
        ((struct dbk_property *)records.records[i])->buildid = job->buildid;
    ((dbk_properties_fn *)job->callback)(job->user, error,
                                         (const struct dbk_property *const *)records.records,
                                         error ? NULL : &job->page);
    remote_records_fini(&records);
}

/* A step that was asked for by an id or number, or a list of those of a name. */
static void deliver_step(struct job *job)
{
    struct remote_records records;
    const struct dbk_error *error = read_records(job, json_is_array(job->root), &records);
    ((dbk_step_fn *)job->callback)(job->user, error,
                                   !error && records.count ? records.records[0] : NULL);
    remote_records_fini(&records);
}

/* The id of a builder of a name. */
static void deliver_builder_id(struct job *job)
{
    struct remote_records records;
    const struct dbk_error *error = read_records(job, true, &records);
    struct dbk_error missing = {.status = DBK_NOT_FOUND};
    const struct dbk_builder *builder = !error && records.count ? records.records[0] : NULL;
    if (!error && !builder) {
        snprintf(missing.message, sizeof(missing.message), "there is no builder '%.80s'",
                 job->name);
        error = &missing;
    }
    ((dbk_id_fn *)job->callback)(job->user, error, builder ? builder->id : DBK_NONE);
    remote_records_fini(&records);
}

/* ------------------------------------------------------------------------------------- asking ---- */

static int ask(struct job *job, const struct remote_kind *kind, void (*deliver)(struct job *job),
               const struct dbk_call *call, plain_fn *done, void *user)
{
    job->kind = kind;
    job->deliver = deliver;
    job->callback = done;
    job->user = user;
    return job_submit(job, call);
}

/* Asks for a list. Takes job, whose target has no query yet, or one that ends in "&". */
static int ask_list(struct job *job, const struct remote_kind *kind,
                    const struct selection *selection, void (*deliver)(struct job *job),
                    const struct dbk_call *call, plain_fn *done, void *user)
{
    struct dbk_error error;
    char *begun = NULL;
    const char *fields = kind->fields ? kind->fields : "";
    if (asprintf(&begun, "%s%s%s%s%s", job->target, strchr(job->target, '?') ? "" : "?", fields,
                 *fields ? "&" : "", selection && selection->has_total ? "" : "total=none&") < 0)
        memory_need(NULL);
    free(job->target);
    job->target = remote_query_add(begun, kind, selection, &error);
    if (!job->target)
        return job_refuse(job, call, &error);
    if (selection) {
        job->limit = selection->limit;
        job->skipped = selection->offset;
        job->cursor = selection->cursor ? memory_need(strdup(selection->cursor)) : NULL;
    }
    job->work = job_ask_list;
    return ask(job, kind, deliver, call, done, user);
}

int remote_get_build(struct remote *remote, int64_t buildid, const struct dbk_call *call,
                     dbk_build_fn *done, void *user)
{
    return ask(job_new(remote, job_target("builds/%" PRId64, buildid), call), &remote_build,
               deliver_build, call, (plain_fn *)done, user);
}

int remote_get_build_by_number(struct remote *remote, int64_t builderid, int64_t number,
                               const struct dbk_call *call, dbk_build_fn *done, void *user)
{
    char *target = job_target("builders/%" PRId64 "/builds/%" PRId64, builderid, number);
    return ask(job_new(remote, target, call), &remote_build, deliver_build, call, (plain_fn *)done,
               user);
}

int remote_get_builds(struct remote *remote, int64_t builderid, int64_t complete,
                      const struct selection *selection, const struct dbk_call *call,
                      dbk_builds_fn *done, void *user)
{
    char *path = builderid == DBK_NONE ? memory_need(strdup("builds"))
                                       : job_target("builders/%" PRId64 "/builds", builderid);
    char *target = NULL;
    const char *filter = complete == DBK_NONE ? ""
                         : complete           ? "complete=true&"
                                              : "complete=false&";
    if (asprintf(&target, "%s?%s", path, filter) < 0)
        memory_need(NULL);
    free(path);
    return ask_list(job_new(remote, target, call), &remote_build, selection, deliver_list_of_build,
                    call, (plain_fn *)done, user);
}

int remote_get_build_properties(struct remote *remote, int64_t buildid,
                                const struct selection *selection, const struct dbk_call *call,
                                dbk_properties_fn *done, void *user)
{
    struct job *job =
        job_new(remote, job_target("builds/%" PRId64 "/property_list", buildid), call);
    job->buildid = buildid;
    return ask_list(job, &remote_property, selection, deliver_properties, call, (plain_fn *)done,
                    user);
}

int remote_get_step(struct remote *remote, int64_t stepid, int64_t buildid, int64_t number,
                    const char *name, const struct dbk_call *call, dbk_step_fn *done, void *user)
{
    if (stepid == DBK_NONE && number == DBK_NONE) {
        char *target = job_target("builds/%" PRId64 "/steps?name=%s&", buildid, name);
        return ask_list(job_new(remote, target, call), &remote_step, NULL, deliver_step, call,
                        (plain_fn *)done, user);
    }
    char *target = stepid != DBK_NONE
                       ? job_target("steps/%" PRId64, stepid)
                       : job_target("builds/%" PRId64 "/steps/%" PRId64, buildid, number);
    return ask(job_new(remote, target, call), &remote_step, deliver_step, call, (plain_fn *)done,
               user);
}

int remote_get_steps(struct remote *remote, int64_t buildid, const struct selection *selection,
                     const struct dbk_call *call, dbk_steps_fn *done, void *user)
{
    return ask_list(job_new(remote, job_target("builds/%" PRId64 "/steps", buildid), call),
                    &remote_step, selection, deliver_list_of_step, call, (plain_fn *)done, user);
}

int remote_get_all_build_data_no_values(struct remote *remote, int64_t buildid,
                                        const struct selection *selection,
                                        const struct dbk_call *call, dbk_build_data_list_fn *done,
                                        void *user)
{
    return ask_list(job_new(remote, job_target("builds/%" PRId64 "/data", buildid), call),
                    &remote_build_data, selection, deliver_list_of_build_data, call,
                    (plain_fn *)done, user);
}

int remote_find_builder_id(struct remote *remote, const char *name, const struct dbk_call *call,
                           dbk_id_fn *done, void *user)
{
    struct job *job = job_new(remote, job_target("builders?name=%s&", name), call);
    job->name = memory_need(strdup(name));
    return ask_list(job, &remote_builder, NULL, deliver_builder_id, call, (plain_fn *)done, user);
}

int remote_get_builder(struct remote *remote, int64_t builderid, const struct dbk_call *call,
                       dbk_builder_fn *done, void *user)
{
    return ask(job_new(remote, job_target("builders/%" PRId64, builderid), call), &remote_builder,
               deliver_builder, call, (plain_fn *)done, user);
}

int remote_get_builders(struct remote *remote, const struct selection *selection,
                        const struct dbk_call *call, dbk_builders_fn *done, void *user)
{
    return ask_list(job_new(remote, memory_need(strdup("builders")), call), &remote_builder,
                    selection, deliver_list_of_builder, call, (plain_fn *)done, user);
}

int remote_get_worker(struct remote *remote, int64_t workerid, const struct dbk_call *call,
                      dbk_worker_fn *done, void *user)
{
    return ask(job_new(remote, job_target("workers/%" PRId64, workerid), call), &remote_worker,
               deliver_worker, call, (plain_fn *)done, user);
}

int remote_get_buildrequest(struct remote *remote, int64_t buildrequestid,
                            const struct dbk_call *call, dbk_buildrequest_fn *done, void *user)
{
    return ask(job_new(remote, job_target("buildrequests/%" PRId64, buildrequestid), call),
               &remote_buildrequest, deliver_buildrequest, call, (plain_fn *)done, user);
}

int remote_get_buildset(struct remote *remote, int64_t buildsetid, const struct dbk_call *call,
                        dbk_buildset_fn *done, void *user)
{
    return ask(job_new(remote, job_target("buildsets/%" PRId64, buildsetid), call),
               &remote_buildset, deliver_buildset, call, (plain_fn *)done, user);
}

int remote_get_sourcestamps(struct remote *remote, int64_t buildsetid, const struct dbk_call *call,
                            dbk_sourcestamps_fn *done, void *user)
{
    char *target = job_target("buildsets/%" PRId64 "/sourcestamps", buildsetid);
    return ask_list(job_new(remote, target, call), &remote_sourcestamp, NULL,
                    deliver_list_of_sourcestamp, call, (plain_fn *)done, user);
}
