/*
 * The thread that asks a daemon, and the way of its answers: see remote.h.
 *
 * Submitted jobs stand in `waiting`, the thread takes them one by one, and what is done stands in `ready` for
 * remote_dispatch(). One that is under way may hand over pieces meanwhile; they are given before its end.
 * `mutex` guards all three, and what they hold of a job.
 */
#include "remote.h"

#include "clock.h"
#include "daemon_url.h"
#include "message.h"
#include "remote_job.h"

#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* How much of an answer may wait to be taken. */
#define PIECES_MAX ((size_t)1 << 20)

/* How long to wait for a daemon's first word. */
#define OPEN_MAX_MS 30000

struct remote {
    struct http *http;
    struct dbk_info info;
    char *url;
    dbk_clock_fn *clock;
    void *clock_user;
    int fd; /* readable while there is something to dispatch */
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t change; /* for the thread: something to do, or a piece was taken */
    struct job *waiting, **waiting_end;
    struct job *ready, **ready_end;
    struct job *running;
    struct job_piece *pieces, **pieces_end; /* of the running one */
    size_t pieces_len;
    size_t pending_count; /* jobs without their callback */
    uint64_t last_id;
    bool is_closing;
    bool is_ended; /* the thread has done its last */
    dbk_done_fn *closed;
    void *closed_user;
};

/* ------------------------------------------------------------------------------------- jobs ---- */

struct job *job_new(struct remote *remote, char *target, const struct dbk_call *call)
{
    struct job *job = memory_need(calloc(1, sizeof(*job)));
    job->remote = remote;
    job->target = target;
    job->request = (struct http_request)HTTP_REQUEST_INIT;
    job->work = job_ask;
    job->limit = job->buildid = DBK_NONE;
    job->page.total = DBK_NONE;
    if (call && call->timeout_ms)
        job->request.end_ms = clock_ms() + call->timeout_ms;
    return job;
}

static void job_free(struct job *job)
{
    if (!job)
        return;
    if (job->request.fd >= 0)
        close(job->request.fd);
    json_decref(job->root);
    free(job->target);
    free(job->body);
    free(job->key);
    free(job->cursor);
    free(job->next_cursor);
    free(job->name);
    free(job);
}

int job_refuse(struct job *job, const struct dbk_call *call, const struct dbk_error *error)
{
    if (call && call->out_refusal)
        *call->out_refusal = *error;
    job_free(job);
    return (int)error->status;
}

static void append(struct job ***end, struct job *job)
{
    job->next = NULL;
    **end = job;
    *end = &job->next;
}

int job_submit(struct job *job, const struct dbk_call *call)
{
    static const struct dbk_error closed = {.status = DBK_CLOSED, .message = "it is closed"};
    struct remote *remote = job->remote;
    if (remote->is_closing)
        return job_refuse(job, call, &closed);
    pthread_mutex_lock(&remote->mutex);
    job->id = ++remote->last_id;
    if (call && call->out_op)
        call->out_op->id = job->id;
    append(&remote->waiting_end, job);
    remote->pending_count++;
    pthread_cond_signal(&remote->change);
    pthread_mutex_unlock(&remote->mutex);
    return DBK_OK;
}

/* ----------------------------------------------------------------------------- on the thread ---- */

static void tell(struct remote *remote)
{
    if (eventfd_write(remote->fd, 1)) {
        /* It is full, and so it is readable all the same. */
    }
}

static bool is_over(const struct job *job)
{
    return atomic_load(&job->is_cancelled) || job->remote->is_closing;
}

bool job_give_piece(struct job *job, const char *bytes, size_t len, int64_t length)
{
    struct remote *remote = job->remote;
    struct job_piece *piece = memory_need(malloc(sizeof(*piece) + len + 1));
    *piece = (struct job_piece){.job = job, .offset = job->offset, .length = length, .len = len};
    memcpy(piece->bytes, bytes, len);
    piece->bytes[len] = '\0';
    job->offset += (int64_t)len;
    pthread_mutex_lock(&remote->mutex);
    *remote->pieces_end = piece;
    remote->pieces_end = &piece->next;
    remote->pieces_len += len;
    tell(remote);
    while (remote->pieces_len > PIECES_MAX && !is_over(job))
        pthread_cond_wait(&remote->change, &remote->mutex);
    bool is_wanted = !is_over(job);
    pthread_mutex_unlock(&remote->mutex);
    return is_wanted;
}

bool job_sleep(struct job *job, int ms)
{
    struct remote *remote = job->remote;
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += ms / 1000;
    end.tv_nsec += ms % 1000 * 1000000L;
    end.tv_sec += end.tv_nsec / 1000000000;
    end.tv_nsec %= 1000000000;
    pthread_mutex_lock(&remote->mutex);
    while (!is_over(job) && !pthread_cond_timedwait(&remote->change, &remote->mutex, &end)) {
        /* Something else changed. */
    }
    bool is_going_on = !is_over(job);
    pthread_mutex_unlock(&remote->mutex);
    return is_going_on;
}

static void refuse_unbegun(struct job *job)
{
    bool is_late = job->request.end_ms && clock_ms() >= job->request.end_ms;
    if (is_over(job))
        job->error = (struct dbk_error){.status = DBK_CANCELLED, .message = "cancelled"};
    else if (is_late)
        job->error = (struct dbk_error){.status = DBK_TIMEOUT,
                                        .is_retryable = true,
                                        .message = "the deadline passed before it was begun"};
}

/* Takes the next job; waits for one. Result: NULL: there will be none. */
static struct job *take_job(struct remote *remote)
{
    pthread_mutex_lock(&remote->mutex);
    while (!remote->waiting && !remote->is_closing)
        pthread_cond_wait(&remote->change, &remote->mutex);
    struct job *job = remote->waiting;
    if (job) {
        remote->waiting = job->next;
        if (!remote->waiting)
            remote->waiting_end = &remote->waiting;
        remote->running = job;
        refuse_unbegun(job);
        if (!job->error.status)
            http_go_on(remote->http);
    }
    pthread_mutex_unlock(&remote->mutex);
    return job;
}

static void *run(void *user)
{
    struct remote *remote = user;
    struct job *job;
    while ((job = take_job(remote))) {
        if (!job->error.status)
            job->work(job, remote->http);
        pthread_mutex_lock(&remote->mutex);
        remote->running = NULL;
        append(&remote->ready_end, job);
        tell(remote);
        pthread_mutex_unlock(&remote->mutex);
    }
    pthread_mutex_lock(&remote->mutex);
    remote->is_ended = true;
    tell(remote);
    pthread_mutex_unlock(&remote->mutex);
    return NULL;
}

/* ----------------------------------------------------------------------- on the caller's side ---- */

static int give_pieces(struct remote *remote)
{
    int count = 0;
    pthread_mutex_lock(&remote->mutex);
    struct job_piece *piece = remote->pieces;
    remote->pieces = NULL;
    remote->pieces_end = &remote->pieces;
    remote->pieces_len = 0;
    pthread_cond_signal(&remote->change);
    pthread_mutex_unlock(&remote->mutex);
    for (struct job_piece *next; piece; piece = next) {
        next = piece->next;
        if (!atomic_load(&piece->job->is_cancelled)) {
            piece->job->take_piece(piece->job, piece);
            count++;
        }
        free(piece);
    }
    return count;
}

static struct job *take_ready(struct remote *remote)
{
    pthread_mutex_lock(&remote->mutex);
    /* What it handed over comes first. */
    struct job *ready = remote->pieces ? NULL : remote->ready;
    if (ready) {
        remote->ready = NULL;
        remote->ready_end = &remote->ready;
    }
    pthread_mutex_unlock(&remote->mutex);
    return ready;
}

static void fini(struct remote *remote)
{
    pthread_join(remote->thread, NULL);
    dbk_done_fn *closed = remote->closed;
    void *user = remote->closed_user;
    http_free(remote->http);
    pthread_mutex_destroy(&remote->mutex);
    pthread_cond_destroy(&remote->change);
    close(remote->fd);
    free(remote->url);
    free(remote);
    if (closed)
        closed(user, NULL);
}

int remote_dispatch(struct remote *remote)
{
    eventfd_t count;
    int run_count = 0;
    if (eventfd_read(remote->fd, &count))
        count = 0; /* the lists say it all */
    run_count += give_pieces(remote);
    for (struct job *job = take_ready(remote), *next; job; job = next) {
        next = job->next;
        job->deliver(job);
        run_count++;
        remote->pending_count--;
        job_free(job);
    }
    pthread_mutex_lock(&remote->mutex);
    bool has_more = remote->ready || remote->pieces;
    bool is_ended = remote->is_ended && !has_more;
    if (has_more)
        tell(remote);
    pthread_mutex_unlock(&remote->mutex);
    if (is_ended && remote->is_closing)
        fini(remote);
    return run_count;
}

int remote_wait(struct remote *remote, int timeout_ms)
{
    struct pollfd news = {remote->fd, POLLIN, 0};
    if (!remote->pending_count && !remote->is_closing)
        return 0;
    poll(&news, 1, timeout_ms);
    return news.revents ? remote_dispatch(remote) : 0;
}

int remote_fd(const struct remote *remote)
{
    return remote->fd;
}

const struct dbk_info *remote_info(const struct remote *remote)
{
    return &remote->info;
}

int64_t remote_clock(const struct remote *remote)
{
    return remote->clock ? remote->clock(remote->clock_user) : DBK_NONE;
}

int remote_cancel(struct remote *remote, struct dbk_op op)
{
    int status = DBK_NOT_FOUND;
    pthread_mutex_lock(&remote->mutex);
    for (struct job *job = remote->waiting; job; job = job->next)
        if (job->id == op.id) {
            atomic_store(&job->is_cancelled, true);
            status = DBK_OK;
        }
    if (remote->running && remote->running->id == op.id) {
        atomic_store(&remote->running->is_cancelled, true);
        http_interrupt(remote->http);
        pthread_cond_signal(&remote->change);
    }
    pthread_mutex_unlock(&remote->mutex);
    return status;
}

int remote_close(struct remote *remote, dbk_done_fn *done, void *user)
{
    if (remote->is_closing)
        return DBK_CLOSED;
    pthread_mutex_lock(&remote->mutex);
    remote->closed = done;
    remote->closed_user = user;
    remote->is_closing = true;
    http_interrupt(remote->http);
    pthread_cond_signal(&remote->change);
    pthread_mutex_unlock(&remote->mutex);
    return DBK_OK;
}

/* ---------------------------------------------------------------------------------- opening ---- */

/* Asks for nothing: whether it is a daemon, and whether we may ask. */
static int greet(struct remote *remote, struct dbk_error *out_error)
{
    struct http_answer answer;
    struct job job = {.remote = remote};
    struct http_request request = HTTP_REQUEST_INIT;
    request.target = "builders?limit=0&total=none";
    request.end_ms = clock_ms() + OPEN_MAX_MS;
    int status = http_perform(remote->http, &request, &answer, out_error);
    if (!status) {
        job_judge(&job, &answer, &job.root);
        status = job.error.status;
        if (status)
            *out_error = job.error;
        if (job.is_missing) {
            *out_error =
                (struct dbk_error){.status = DBK_UNREACHABLE,
                                   .message = "no `daybook serve` answers there: /api/v2/builders "
                                              "is not found"};
            status = DBK_UNREACHABLE;
        }
        json_decref(job.root);
    }
    http_answer_fini(&answer);
    return status;
}

static bool start(struct remote *remote)
{
    sigset_t all, before;
    remote->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (remote->fd < 0)
        return false;
    pthread_mutex_init(&remote->mutex, NULL);
    pthread_cond_init(&remote->change, NULL);
    /* Signals are for the caller's threads. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool is_started = !pthread_create(&remote->thread, NULL, run, remote);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!is_started)
        close(remote->fd);
    return is_started;
}

int remote_open(const char *url, const struct dbk_options *options, struct remote **out_remote,
                struct dbk_error *out_error)
{
    char *base = daemon_url_read(url, out_error);
    if (!base)
        return (int)out_error->status;
    struct remote *remote = memory_need(calloc(1, sizeof(*remote)));
    remote->http = http_new(base, out_error);
    free(base);
    remote->url = memory_need(strdup(url));
    remote->waiting_end = &remote->waiting;
    remote->ready_end = &remote->ready;
    remote->pieces_end = &remote->pieces;
    remote->info = (struct dbk_info){
        .engine = "http", .url = remote->url, .engine_version = "", .is_own = true};
    if (options) {
        remote->clock = options->clock;
        remote->clock_user = options->clock_user;
    }
    int status = remote->http ? greet(remote, out_error) : (int)out_error->status;
    if (!status && !start(remote)) {
        *out_error = (struct dbk_error){.status = DBK_NO_MEMORY,
                                        .message = "there is no thread to ask the daemon with"};
        status = DBK_NO_MEMORY;
    }
    if (status) {
        http_free(remote->http);
        free(remote->url);
        free(remote);
        return status;
    }
    *out_remote = remote;
    return DBK_OK;
}
