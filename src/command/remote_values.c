/*
 * Values of build data from a daemon: their bytes in pieces, as they come; see remote.h.
 */
#include "remote.h"

#include "message.h"
#include "remote_job.h"

#include <inttypes.h>
#include <string.h>

typedef void plain_fn(void);

static bool take_bytes(void *user, const char *bytes, size_t len, int64_t length)
{
    struct job *job = user;
    job->length = length;
    return job_give_piece(job, bytes, len, length);
}

static struct dbk_build_data value_of(const struct job *job, int64_t length)
{
    return (struct dbk_build_data){
        .id = DBK_NONE, .buildid = job->buildid, .name = job->name, .length = length};
}

static void take_value_piece(struct job *job, const struct job_piece *piece)
{
    struct dbk_build_data data = value_of(job, piece->length);
    data.value = piece->bytes;
    data.value_len = piece->len;
    ((dbk_piece_fn *)(plain_fn *)job->piece_callback)(job->user, &data, piece->offset);
}

static void deliver_value(struct job *job)
{
    struct dbk_build_data data = value_of(job, job->offset);
    bool is_missing = job->is_missing && job->error.status == DBK_NOT_FOUND;
    const struct dbk_error *error = job->error.status && !is_missing ? &job->error : NULL;
    ((dbk_build_data_fn *)job->callback)(job->user, error, error || is_missing ? NULL : &data);
}

/* Asks for the bytes; what is no value is an error in JSON. One that is broken off has come in part. */
static void ask_value(struct job *job, struct http *http)
{
    struct http_answer answer;
    job->request.target = job->target;
    if (!http_perform(http, &job->request, &answer, &job->error))
        job_judge(job, &answer, NULL);
    else if (job->error.outcome == DBK_UNKNOWN)
        job->error.outcome = DBK_NOT_DONE; /* nothing was to be done */
    http_answer_fini(&answer);
}

int remote_read_build_data(struct remote *remote, int64_t buildid, const char *name,
                           const struct dbk_call *call, dbk_piece_fn *piece,
                           dbk_build_data_fn *done, void *user)
{
    char *target = job_target("builds/%" PRId64 "/data/%s/value", buildid, name);
    struct job *job = job_new(remote, target, call);
    job->buildid = buildid;
    job->name = memory_need(strdup(name));
    job->work = ask_value;
    job->request.take = take_bytes;
    job->request.user = job;
    job->take_piece = take_value_piece;
    job->piece_callback = (plain_fn *)piece;
    job->deliver = deliver_value;
    job->callback = (plain_fn *)done;
    job->user = user;
    return job_submit(job, call);
}
