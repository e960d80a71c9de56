/*
 * Events of a daemon: see remote.h.
 *
 * They are read as a list, by their positions, and none of them can be missed so. To follow them, the daemon's
 * stream is listened to meanwhile: whatever comes there says that it is time to read on. When it ends, or
 * cannot be heard, they are read on from the same position once the daemon answers again.
 */
#include "remote.h"

#include "message.h"
#include "remote_job.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Between two tries to reach a daemon. */
#define RETRY_MS 1000

/* The events of one piece of a following. */
#define BATCH_MAX 1000

/* After news: what comes together is read together. */
#define GATHER_MS 50

typedef void plain_fn(void);

static const struct remote_kind remote_event = {
    .plural = "events",
    .noun = "events",
    .size = sizeof(struct dbk_event),
    .members = {{"id", "id", REMOTE_INT, offsetof(struct dbk_event, id)},
                {"at", "at", REMOTE_INT, offsetof(struct dbk_event, at)},
                {"kind", "kind", REMOTE_TEXT, offsetof(struct dbk_event, kind)},
                {"verb", "verb", REMOTE_TEXT, offsetof(struct dbk_event, verb)},
                {"builderid", "builderid", REMOTE_INT, offsetof(struct dbk_event, builderid)},
                {"buildid", "buildid", REMOTE_INT, offsetof(struct dbk_event, buildid)},
                {"stepid", "stepid", REMOTE_INT, offsetof(struct dbk_event, stepid)},
                {"name", "name", REMOTE_TEXT, offsetof(struct dbk_event, name)}},
};

static const struct dbk_error no_events = {
    .status = DBK_UNREACHABLE,
    .message = "no `daybook serve` of this version answers there: it has no list of events"};

/* ----------------------------------------------------------------------------------- listing ---- */

static char *add_text(char *target, const char *text)
{
    char *longer = NULL;
    if (asprintf(&longer, "%s%s", target, text) < 0)
        memory_need(NULL);
    free(target);
    return longer;
}

/* The target of a list, without its position: "event_list?FILTERS&". NULL and *out_error. */
static char *list_target(const struct selection *selection, struct dbk_error *out_error)
{
    return remote_query_add(memory_need(strdup("event_list?")), &remote_event, selection,
                            out_error);
}

/* One answer has them all: a cursor would be no position. Pages are by position. */
static void ask_events(struct job *job, struct http *http);

static void deliver_events(struct job *job)
{
    struct remote_records records = {.kind = &remote_event};
    const struct dbk_error *error = job->error.status ? &job->error : NULL;
    if (!error && !remote_records_read(&records, &remote_event, job->root))
        error = &no_events;
    job->page.count = records.count;
    job->page.next_cursor = job->next_cursor;
    ((dbk_events_fn *)job->callback)(job->user, error,
                                     (const struct dbk_event *const *)records.records,
                                     error ? NULL : &job->page);
    remote_records_fini(&records);
}

int remote_get_events(struct remote *remote, int64_t position, const struct selection *selection,
                      const struct dbk_call *call, dbk_events_fn *done, void *user)
{
    struct dbk_error error;
    char *target = list_target(selection, &error);
    struct job *job = job_new(remote, target, call);
    if (!target)
        return job_refuse(job, call, &error);
    job->offset = position;
    job->limit = selection ? selection->limit : DBK_NONE;
    job->work = ask_events;
    job->deliver = deliver_events;
    job->callback = (plain_fn *)done;
    job->user = user;
    return job_submit(job, call);
}

/* Reads the list behind a position. Result: an array, yours; NULL and job->error. */
static json_t *read_list(struct job *job, struct http *http, int64_t position, int64_t limit)
{
    struct http_answer answer;
    json_t *root = NULL;
    char tail[40];
    snprintf(tail, sizeof(tail), "total=none&limit=%" PRId64, limit);
    char *target = add_text(memory_need(strdup(job->target)), tail);
    struct http_request request = HTTP_REQUEST_INIT;
    request.target = target;
    request.last_event = position;
    request.end_ms = job->request.end_ms;
    job->error = (struct dbk_error){.status = DBK_OK};
    if (!http_perform(http, &request, &answer, &job->error))
        job_judge(job, &answer, &root);
    http_answer_fini(&answer);
    free(target);
    json_t *list = json_incref(json_object_get(root, "events"));
    if (!job->error.status && !json_is_array(list))
        job->error = no_events;
    json_decref(root);
    if (!job->error.status)
        return list;
    json_decref(list);
    return NULL;
}

/* The position of the last event of a list that is not empty. */
static int64_t last_position(const json_t *list)
{
    const json_t *last = json_array_get(list, json_array_size(list) - 1);
    return json_integer_value(json_object_get(last, "id"));
}

static void ask_events(struct job *job, struct http *http)
{
    int64_t left = job->limit, position = job->offset;
    job->root = memory_need(json_array());
    for (;;) {
        int64_t limit = left == DBK_NONE || left > BATCH_MAX ? BATCH_MAX : left;
        json_t *list = read_list(job, http, position, limit);
        if (!list)
            return;
        int64_t count = (int64_t)json_array_size(list);
        if (json_array_extend(job->root, list))
            memory_need(NULL);
        if (count)
            position = last_position(list);
        json_decref(list);
        if (left != DBK_NONE)
            left -= count;
        if (count < limit || left == 0)
            break;
    }
    /* It was full, and so there may be more. */
    if (left == 0 && job->limit > 0 && asprintf(&job->next_cursor, "%" PRId64, position) < 0)
        memory_need(NULL);
}

/* --------------------------------------------------------------------------------- following ---- */

/* Each piece is a list of events as JSON text. */
static void take_events(struct job *job, const struct job_piece *piece)
{
    json_t *list = json_loadb(piece->bytes, piece->len, 0, NULL);
    struct remote_records records;
    if (remote_records_read(&records, &remote_event, list))
        for (size_t i = 0; i < records.count && !atomic_load(&job->is_cancelled); i++)
            ((dbk_event_fn *)job->piece_callback)(job->user, records.records[i]);
    remote_records_fini(&records);
    json_decref(list);
}

/* Reads what lies behind the position, and hands it over. Result: false when that went wrong. */
static bool read_on(struct job *job, struct http *http, int64_t *position)
{
    for (size_t count = BATCH_MAX; count == BATCH_MAX;) {
        json_t *list = read_list(job, http, *position, BATCH_MAX);
        if (!list)
            return false;
        count = json_array_size(list);
        if (count) {
            char *text = memory_need(json_dumps(list, JSON_COMPACT));
            *position = last_position(list);
            job_give_piece(job, text, strlen(text), DBK_NONE);
            free(text);
        }
        json_decref(list);
    }
    return true;
}

/* A stream while it is heard: what it began with. */
struct listening {
    struct job *job;
    char text[200];
    size_t len;
};

/* Where news begin: an event, or that there is no going on from the position; before it positions may have been told. NULL:
 * there are none yet. */
static const char *news_of(const struct listening *listening)
{
    const char *news = strstr(listening->text, "id: "),
               *event = news ? strstr(news, "\nevent: ") : NULL;
    for (const char *next = news; event && next && next < event; next = strstr(next + 1, "id: "))
        news = next;
    return news;
}

/* Listens until news are there, as much of them as is looked at. */
static bool hear(void *user, const char *bytes, size_t len, int64_t length)
{
    struct listening *listening = user;
    size_t room = sizeof listening->text - 1 - listening->len;
    (void)length;
    memcpy(listening->text + listening->len, bytes, len < room ? len : room);
    listening->len += len < room ? len : room;
    const char *news = news_of(listening);
    bool is_whole = len >= room || (news && strstr(news, "\ndata: "));
    return !is_whole && !atomic_load(&listening->job->is_cancelled);
}

/* A daemon that has not come as far as the position says so, with its own. */
static void judge_news(struct job *job, const char *news, int64_t position)
{
    int64_t last = strtoll(news + strlen("id: "), NULL, 10);
    const char *end = strchr(news, '\n');
    if (last >= position || !end || strncmp(end, "\nevent: reload", 14) != 0)
        return;
    job->error = (struct dbk_error){.status = DBK_GONE};
    snprintf(job->error.message, sizeof job->error.message,
             "there is no event %" PRId64 ", the last one is %" PRId64
             ": the position is another database's, or this one was put back to an earlier state",
             position, last);
}

/* Waits until the daemon has news of events behind the position. Result: false when it cannot be heard; job->error
 * when there is no going on. */
static bool listen(struct job *job, struct http *http, int64_t position)
{
    struct listening listening = {.job = job};
    struct http_request request = HTTP_REQUEST_INIT;
    struct http_answer answer;
    request.target = "events";
    request.last_event = position;
    request.take = hear;
    request.user = &listening;
    struct dbk_error error = {.status = DBK_OK};
    int status = http_perform(http, &request, &answer, &error);
    if (!status && answer.http_status != 200)
        job_judge(job, &answer, NULL);
    http_answer_fini(&answer);
    const char *news = news_of(&listening);
    if (news)
        judge_news(job, news, position);
    return news != NULL;
}

/* Whether it is of no use to try again. */
static bool is_final(const struct dbk_error *error)
{
    return error->status == DBK_GONE || error->status == DBK_INVALID ||
           error->status == DBK_UNSUPPORTED || error->status == DBK_DENIED;
}

static void follow(struct job *job, struct http *http)
{
    int64_t position = job->offset;
    bool was_reached = false;
    job->offset = 0;
    for (;;) {
        bool is_good = read_on(job, http, &position);
        was_reached |= is_good;
        if (!is_good && (is_final(&job->error) || !was_reached))
            break;
        bool is_heard = is_good && listen(job, http, position);
        if (is_good && job->error.status && is_final(&job->error))
            break;
        if (!job_sleep(job, is_heard ? GATHER_MS : RETRY_MS))
            break;
    }
    if (atomic_load(&job->is_cancelled))
        job->error = (struct dbk_error){.status = DBK_CANCELLED, .message = "cancelled"};
}

static void deliver_end(struct job *job)
{
    ((dbk_done_fn *)job->callback)(job->user, job->error.status ? &job->error : NULL);
}

int remote_follow_events(struct remote *remote, int64_t position, const struct selection *filters,
                         const struct dbk_call *call, dbk_event_fn *event, dbk_done_fn *done,
                         void *user)
{
    struct dbk_error error;
    char *target = list_target(filters, &error);
    struct job *job = job_new(remote, target, call);
    if (!target)
        return job_refuse(job, call, &error);
    job->offset = position;
    job->work = follow;
    job->take_piece = take_events;
    job->piece_callback = (plain_fn *)event;
    job->deliver = deliver_end;
    job->callback = (plain_fn *)done;
    job->user = user;
    return job_submit(job, call);
}
