/*
 * Writes to a daemon: their bodies, and what is answered; see remote.h.
 *
 * What may be sent twice is sent again when a connection was lost on the way. Additions get a key for that, so
 * that they happen once; all others but deletions leave the same when they happen again.
 */
#include "remote.h"

#include "../share/json_writer.h"
#include "message.h"
#include "remote_job.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define KEY_BYTES 16

typedef void plain_fn(void);

/* A body while it is written. */
struct body {
    struct json_writer json;
    FILE *file;
    char *text;
    size_t len;
};

static struct json_writer *body_begin(struct body *body)
{
    body->file = memory_need(open_memstream(&body->text, &body->len));
    json_init(&body->json, body->file);
    json_begin_object(&body->json);
    return &body->json;
}

/* Ends the body, and makes it the job's. */
static void body_end(struct body *body, struct job *job)
{
    json_end_object(&body->json);
    if (fclose(body->file))
        memory_need(NULL);
    job->body = body->text;
    job->request.body = body->text;
    job->request.body_len = body->len;
    job->request.content_type = "application/json";
}

static void deliver_done(struct job *job)
{
    ((dbk_done_fn *)job->callback)(job->user, job->error.status ? &job->error : NULL);
}

static int64_t number_of(const struct job *job, const char *name)
{
    const json_t *value = json_object_get(job->root, name);
    return json_is_integer(value) ? json_integer_value(value) : DBK_NONE;
}

/* Without its id what was added is no use. */
static void check_id(struct job *job, int64_t id)
{
    if (!job->error.status && id == DBK_NONE)
        job->error =
            (struct dbk_error){.status = DBK_UNREACHABLE,
                               .outcome = DBK_UNKNOWN,
                               .message = "no `daybook serve` answers there: an id is missing"};
}

static void deliver_build(struct job *job)
{
    int64_t id = number_of(job, "buildid");
    check_id(job, id);
    ((dbk_added_build_fn *)job->callback)(job->user, job->error.status ? &job->error : NULL, id,
                                          number_of(job, "number"));
}

static void deliver_step(struct job *job)
{
    int64_t id = number_of(job, "stepid");
    const char *name = json_string_value(json_object_get(job->root, "name"));
    check_id(job, name ? id : DBK_NONE);
    ((dbk_added_step_fn *)job->callback)(job->user, job->error.status ? &job->error : NULL, id,
                                         number_of(job, "number"), name);
}

/* A name that no other write has. */
static char *make_key(void)
{
    unsigned char bytes[KEY_BYTES];
    char *key = memory_need(malloc(2 * KEY_BYTES + 1));
    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes)) {
        free(key);
        return NULL;
    }
    for (size_t i = 0; i < sizeof(bytes); i++)
        sprintf(key + 2 * i, "%02x", bytes[i]);
    return key;
}

static int send_job(struct job *job, const char *method, void (*deliver)(struct job *job),
                    const struct dbk_call *call, plain_fn *done, void *user)
{
    if (call && call->key)
        job->key = memory_need(strdup(call->key));
    job->request.key = job->key;
    job->request.method = method;
    job->deliver = deliver;
    job->callback = done;
    job->user = user;
    return job_submit(job, call);
}

/* A write that leaves the same when it happens again. */
static int change(struct job *job, const char *method, struct body *body,
                  const struct dbk_call *call, dbk_done_fn *done, void *user)
{
    body_end(body, job);
    job->is_repeatable = true;
    return send_job(job, method, deliver_done, call, (plain_fn *)done, user);
}

/* When what ends now ended, where the caller knows better than the daemon. */
static void put_end(struct json_writer *json, const struct remote *remote)
{
    int64_t at = remote_clock(remote);
    if (at != DBK_NONE)
        json_member_number(json, "complete_at", at);
}

/* ----------------------------------------------------------------------------------- builds ---- */

static void put_sourcestamps(struct json_writer *json, const struct dbk_new_build *build)
{
    json_name(json, "sourcestamps");
    json_begin_array(json);
    for (size_t i = 0; i < build->sourcestamp_count; i++) {
        const struct dbk_sourcestamp_key *key = build->sourcestamps[i];
        json_begin_object(json);
        json_member_text(json, "repository", key->repository);
        json_member_text(json, "branch", key->branch);
        json_member_text(json, "revision", key->revision);
        json_member_text(json, "codebase", key->codebase);
        json_member_text(json, "project", key->project);
        json_end_object(json);
    }
    json_end_array(json);
}

/* Of a name that is given twice the last counts, and a daemon takes it once. */
static bool is_last(const struct dbk_new_build *build, size_t index)
{
    for (size_t i = index + 1; i < build->property_count; i++)
        if (!strcmp(build->properties[i].name, build->properties[index].name))
            return false;
    return true;
}

static void put_properties(struct json_writer *json, const struct dbk_new_build *build)
{
    json_name(json, "properties");
    json_begin_object(json);
    for (size_t i = 0; i < build->property_count; i++) {
        const struct dbk_new_property *property = &build->properties[i];
        if (!is_last(build, i))
            continue;
        json_name(json, property->name);
        json_begin_array(json);
        json_value(json, property->value);
        json_text(json, property->source);
        json_end_array(json);
    }
    json_end_object(json);
}

/* Whether a path would take it for an id. */
static bool looks_like_id(const char *name)
{
    return *name && !name[strspn(name, "0123456789")];
}

/* Finds or adds the builder by its name first, and then asks by its id. */
static void ask_of_builder(struct job *job, struct http *http)
{
    const struct http_request build = job->request;
    char *build_body = job->body;
    bool is_repeatable = job->is_repeatable;
    struct body body;
    json_member_text(body_begin(&body), "name", job->name);
    body_end(&body, job);
    free(job->target);
    job->target = job_target("builders");
    job->request.key = NULL;
    job->is_repeatable = true;
    job_ask(job, http);
    free(job->body);
    job->body = build_body;
    job->request = build;
    job->is_repeatable = is_repeatable;
    if (!job->error.status) {
        free(job->target);
        job->target = job_target("builders/%" PRId64 "/builds", number_of(job, "builderid"));
        json_decref(job->root);
        job->root = NULL;
        job_ask(job, http);
    }
}

/* The start of a build: what `daybook run` sends. Its steps and data are sent as they come. */
int remote_record_build(struct remote *remote, const struct dbk_new_build *build,
                        const struct dbk_call *call, dbk_added_build_fn *done, void *user)
{
    struct body body;
    struct job *job = job_new(remote, job_target("builders/%s/builds", build->builder), call);
    struct json_writer *json = body_begin(&body);
    json_member_text(json, "worker", build->worker);
    json_member_text(json, "master", build->master);
    json_member_text(json, "reason", build->reason);
    json_member_text(json, "state_string", build->state_string);
    json_member_number(json, "started_at", build->started_at);
    put_sourcestamps(json, build);
    put_properties(json, build);
    body_end(&body, job);
    job->is_repeatable = call && call->key;
    if (looks_like_id(build->builder)) {
        job->name = memory_need(strdup(build->builder));
        job->work = ask_of_builder;
    }
    return send_job(job, "POST", deliver_build, call, (plain_fn *)done, user);
}

int remote_set_build_state_string(struct remote *remote, int64_t buildid, const char *state_string,
                                  const struct dbk_call *call, dbk_done_fn *done, void *user)
{
    struct body body;
    json_member_text(body_begin(&body), "state_string", state_string);
    return change(job_new(remote, job_target("builds/%" PRId64, buildid), call), "PATCH", &body,
                  call, done, user);
}

int remote_finish_build(struct remote *remote, int64_t buildid, int64_t results,
                        const struct dbk_call *call, dbk_done_fn *done, void *user)
{
    struct body body;
    struct json_writer *json = body_begin(&body);
    json_member_number(json, "results", results);
    put_end(json, remote);
    return change(job_new(remote, job_target("builds/%" PRId64 "/finish", buildid), call), "POST",
                  &body, call, done, user);
}

int remote_set_build_property(struct remote *remote, int64_t buildid, const char *name,
                              const char *value, const char *source, const struct dbk_call *call,
                              dbk_done_fn *done, void *user)
{
    struct body body;
    char *target = job_target("builds/%" PRId64 "/properties/%s", buildid, name);
    struct json_writer *json = body_begin(&body);
    json_name(json, "value");
    json_value(json, value);
    json_member_text(json, "source", source);
    return change(job_new(remote, target, call), "PUT", &body, call, done, user);
}

/* ------------------------------------------------------------------------------------ steps ---- */

int remote_add_step(struct remote *remote, int64_t buildid, const char *name,
                    const char *state_string, const struct dbk_call *call, dbk_added_step_fn *done,
                    void *user)
{
    struct body body;
    struct job *job = job_new(remote, job_target("builds/%" PRId64 "/steps", buildid), call);
    struct json_writer *json = body_begin(&body);
    json_member_text(json, "name", name);
    json_member_text(json, "state_string", state_string);
    body_end(&body, job);
    job->key = make_key();
    job->is_repeatable = job->key;
    return send_job(job, "POST", deliver_step, call, (plain_fn *)done, user);
}

int remote_start_step(struct remote *remote, int64_t stepid, int64_t started_at,
                      bool locks_acquired, const struct dbk_call *call, dbk_done_fn *done,
                      void *user)
{
    struct body body;
    struct json_writer *json = body_begin(&body);
    json_member_number(json, "started_at", started_at);
    json_member_bool(json, "locks_acquired", locks_acquired);
    return change(job_new(remote, job_target("steps/%" PRId64 "/start", stepid), call), "POST",
                  &body, call, done, user);
}

int remote_set_step_state_string(struct remote *remote, int64_t stepid, const char *state_string,
                                 const struct dbk_call *call, dbk_done_fn *done, void *user)
{
    struct body body;
    json_member_text(body_begin(&body), "state_string", state_string);
    return change(job_new(remote, job_target("steps/%" PRId64, stepid), call), "PATCH", &body, call,
                  done, user);
}

int remote_finish_step(struct remote *remote, int64_t stepid, int64_t results, bool hidden,
                       const struct dbk_call *call, dbk_done_fn *done, void *user)
{
    struct body body;
    struct json_writer *json = body_begin(&body);
    json_member_number(json, "results", results);
    json_member_bool(json, "hidden", hidden);
    put_end(json, remote);
    return change(job_new(remote, job_target("steps/%" PRId64 "/finish", stepid), call), "POST",
                  &body, call, done, user);
}

int remote_add_url(struct remote *remote, int64_t stepid, const char *name, const char *url,
                   const struct dbk_call *call, dbk_done_fn *done, void *user)
{
    struct body body;
    struct json_writer *json = body_begin(&body);
    json_member_text(json, "name", name);
    json_member_text(json, "url", url);
    return change(job_new(remote, job_target("steps/%" PRId64 "/urls", stepid), call), "POST",
                  &body, call, done, user);
}

/* ------------------------------------------------------------------------------------- data ---- */

static struct job *new_value(struct remote *remote, int64_t buildid, const char *name,
                             const char *source, const struct dbk_call *call)
{
    char *target = job_target("builds/%" PRId64 "/data/%s/value?source=%s", buildid, name, source);
    struct job *job = job_new(remote, target, call);
    job->request.content_type = "application/octet-stream";
    job->is_repeatable = true;
    return job;
}

int remote_set_build_data(struct remote *remote, int64_t buildid, const char *name,
                          const void *value, size_t value_len, const char *source,
                          const struct dbk_call *call, dbk_done_fn *done, void *user)
{
    struct job *job = new_value(remote, buildid, name, source, call);
    job->body = memory_need(malloc(value_len + 1));
    if (value_len)
        memcpy(job->body, value, value_len);
    job->request.body = job->body;
    job->request.body_len = value_len;
    return send_job(job, "PUT", deliver_done, call, (plain_fn *)done, user);
}

int remote_set_build_data_from_fd(struct remote *remote, int64_t buildid, const char *name, int fd,
                                  int64_t offset, int64_t length, const char *source,
                                  const struct dbk_call *call, dbk_done_fn *done, void *user)
{
    struct job *job = new_value(remote, buildid, name, source, call);
    job->request.fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    job->request.fd_offset = offset;
    job->request.fd_len = length;
    if (job->request.fd < 0) {
        struct dbk_error error = {.status = DBK_NO_MEMORY};
        snprintf(error.message, sizeof(error.message), "the file cannot be kept open: %s",
                 strerror(errno));
        return job_refuse(job, call, &error);
    }
    return send_job(job, "PUT", deliver_done, call, (plain_fn *)done, user);
}

/* What an answer to an erasure says, as the store reports it. */
static void deliver_erasure(struct job *job)
{
    dbk_report_fn *report = (dbk_report_fn *)job->piece_callback;
    struct dbk_report sum = {.kind = DBK_REPORT_SUM}, left = {.kind = DBK_REPORT_FINDING};
    json_t *numbers, *text;
    const char *table;
    size_t i;
    json_object_foreach(json_object_get(job->root, "tables"), table, numbers)
    {
        sum.subject = table;
        sum.rows = json_integer_value(json_object_get(numbers, "rows"));
        sum.bytes = json_integer_value(json_object_get(numbers, "bytes"));
        report(job->user, &sum);
    }
    json_array_foreach(json_object_get(job->root, "left"), i, text)
    {
        left.problem = "left";
        left.text = json_string_value(text);
        if (left.text)
            report(job->user, &left);
    }
    deliver_done(job);
}

/* Not sent again by itself, as a deletion. */
int remote_erase(struct remote *remote, int64_t buildid, enum dbk_erased what, const char *name,
                 const struct dbk_call *call, dbk_report_fn *report, dbk_done_fn *done, void *user)
{
    struct body body;
    struct job *job = job_new(remote, job_target("builds/%" PRId64 "/erase", buildid), call);
    struct json_writer *json = body_begin(&body);
    if (what == DBK_ERASE_CONTENTS)
        json_member_bool(json, "contents", true);
    else
        json_member_text(json, what == DBK_ERASE_PROPERTY ? "property" : "data", name);
    body_end(&body, job);
    job->piece_callback = (plain_fn *)report;
    return send_job(job, "POST", deliver_erasure, call, (plain_fn *)done, user);
}

/* A second one would say that there is none. */
int remote_delete_build_data(struct remote *remote, int64_t buildid, const char *name,
                             const struct dbk_call *call, dbk_done_fn *done, void *user)
{
    char *target = job_target("builds/%" PRId64 "/data/%s/value", buildid, name);
    return send_job(job_new(remote, target, call), "DELETE", deliver_done, call, (plain_fn *)done,
                    user);
}
