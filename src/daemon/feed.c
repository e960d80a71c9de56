/*
 * The feed: see feed.h. The follower only says that there is something; the events and their records are read
 * page by page, so that no burst of writes fills the memory.
 */
#include "feed.h"

#include "stream.h"
#include "watch.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Events that the watch may be ahead of what is told. */
#define SEEN_MAX 50000

static struct notice *at(struct feed *feed, size_t index)
{
    return &feed->ring[(feed->first + index) % FEED_RING_SIZE];
}

static void drop_oldest(struct feed *feed)
{
    struct notice *oldest = at(feed, 0);
    feed->base = oldest->position;
    feed->size -= strlen(oldest->message);
    notice_fini(oldest);
    feed->first = (feed->first + 1) % FEED_RING_SIZE;
    feed->count--;
}

/* Keeps it; older ones go, of which streams that are behind read again. */
static void push(struct feed *feed, struct notice *notice)
{
    if (feed->is_counted) {
        feed->position = notice->position = ++feed->count_position;
        past_keep(&feed->past, notice);
    }
    feed->size += strlen(notice->message);
    while (feed->count == FEED_RING_SIZE || (feed->count && feed->size > FEED_BYTES_MAX))
        drop_oldest(feed);
    *at(feed, feed->count++) = *notice;
    *notice = (struct notice){.kind = NOTICE_NONE};
}

static void drop_all(struct feed *feed)
{
    while (feed->count)
        notice_fini(at(feed, --feed->count));
    feed->size = 0;
    feed->seen_count = 0;
    feed->position = feed->base = DBK_NONE;
    past_clear(&feed->past, DBK_NONE);
}

/* Begins with nothing at a position that nobody had before: whoever was told something earlier has to reload. */
static void begin_counted(struct feed *feed)
{
    drop_all(feed);
    feed->is_counted = true;
    feed->position = feed->base = ++feed->count_position;
    past_clear(&feed->past, feed->base);
}

const struct notice *feed_after(const struct feed *feed, int64_t position)
{
    size_t low = 0, high = feed->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (feed->ring[(feed->first + middle) % FEED_RING_SIZE].position > position)
            high = middle;
        else
            low = middle + 1;
    }
    return low < feed->count ? &feed->ring[(feed->first + low) % FEED_RING_SIZE] : NULL;
}

static void take_batch(void *user, struct batch *batch);

static void take_seen(void *user, struct batch *batch);

static void read_seen(struct server *server)
{
    struct feed *feed = server->feed;
    size_t count = feed->seen_count < NOTICE_BATCH_MAX ? feed->seen_count : NOTICE_BATCH_MAX;
    feed->batch = batch_of(server, feed->seen, count, take_seen, server);
}

static void read_on(struct server *server)
{
    struct feed *feed = server->feed;
    struct dbk_error error;
    if (feed->batch || feed->position == DBK_NONE)
        return;
    if (feed->seen_count) {
        read_seen(server);
        return;
    }
    if (!feed->has_more || !dbk_get_info(server->store)->has_events)
        return;
    feed->has_more = false;
    feed->batch = batch_read(server, feed->log_position, take_batch, server, &error);
    feed->has_more = !feed->batch; /* refused: the next second tries again */
    feed->begun_looks += feed->batch != NULL;
}

int64_t feed_look(struct server *server)
{
    struct feed *feed = server->feed;
    int64_t next = feed->begun_looks + 1;
    feed->has_more = true;
    read_on(server);
    return next;
}

static void take_seen(void *user, struct batch *batch)
{
    struct server *server = user;
    struct feed *feed = server->feed;
    bool is_whole = !batch->error.status;
    feed->batch = NULL;
    if (is_whole) {
        for (size_t i = 0; i < batch->count; i++)
            push(feed, &batch->notices[i]);
        feed->seen_count -= batch->count;
        memmove(feed->seen, feed->seen + batch->count, feed->seen_count * sizeof(*feed->seen));
    }
    batch_free(batch);
    if (is_whole) { /* else the next second tries again */
        read_on(server);
        stream_pump_all(server);
    }
}

static void take_batch(void *user, struct batch *batch)
{
    struct server *server = user;
    struct feed *feed = server->feed;
    feed->batch = NULL;
    if (batch->error.status) {
        /* Trimmed past us, or the database did not answer: what was kept tells no whole story. */
        if (batch->error.status == DBK_GONE) {
            dbk_cancel(server->store, feed->op);
            drop_all(feed);
        }
        feed->has_more = true;
    } else {
        for (size_t i = 0; i < batch->count; i++)
            push(feed, &batch->notices[i]);
        feed->log_position = batch->position;
        if (!feed->is_counted)
            feed->position = batch->position;
        feed->has_more = feed->has_more || batch->is_full;
        if (!batch->is_full)
            feed->ended_looks = feed->begun_looks;
    }
    bool is_whole = !batch->error.status;
    batch_free(batch);
    if (is_whole) {
        read_on(server);
        stream_pump_all(server);
    }
}

static void take_event(void *user, const struct dbk_event *event)
{
    struct server *server = user;
    if (event->id > server->feed->log_position)
        server->feed->has_more = true;
    read_on(server);
}

static void follower_ended(void *user, const struct dbk_error *error)
{
    struct server *server = user;
    (void)error; /* feed_tend() begins again */
    server->feed->is_following = false;
}

static int follow(struct server *server, struct dbk_error *out_error)
{
    struct feed *feed = server->feed;
    struct dbk_call call = DBK_CALL_INIT;
    call.out_op = &feed->op;
    call.out_refusal = out_error;
    int status = dbk_follow_events(server->store, feed->log_position, NULL, &call, take_event,
                                   follower_ended, server);
    feed->is_following = !status;
    return status;
}

static void take_newest(void *user, const struct dbk_error *error, int64_t position)
{
    struct server *server = user;
    struct feed *feed = server->feed;
    struct dbk_error refusal;
    feed->is_beginning = false;
    if (error || !server->stream_count)
        return;
    feed->log_position = position;
    if (feed->is_counted)
        begin_counted(feed);
    else
        feed->position = feed->base = position;
    follow(server, &refusal);
    if (watch_is_needed(server))
        watch_begin(server);
    stream_pump_all(server);
}

/* Makes room for events that were seen. */
static bool reserve_seen(struct feed *feed, size_t count)
{
    if (feed->seen_count + count <= feed->seen_max)
        return true;
    size_t max = feed->seen_count + count + 256;
    struct notice *grown = max <= SEEN_MAX ? realloc(feed->seen, max * sizeof(*grown)) : NULL;
    if (!grown)
        return false;
    feed->seen = grown;
    feed->seen_max = max;
    return true;
}

void feed_take(struct server *server, const struct dbk_event *const *events, size_t count,
               bool is_lost)
{
    struct feed *feed = server->feed;
    bool is_first = feed->is_awaiting;
    feed->is_awaiting = false;
    if (is_first || (feed->position != DBK_NONE && (is_lost || !reserve_seen(feed, count)))) {
        batch_drop(feed->batch);
        feed->batch = NULL;
        begin_counted(feed);
        feed->has_more = true;
        stream_pump_all(server);
    }
    if (feed->position == DBK_NONE || !count || !reserve_seen(feed, count))
        return;
    if (!feed->is_counted) {
        feed->is_counted = true;
        feed->position = ++feed->count_position;
        past_clear(&feed->past, feed->position);
    }
    for (size_t i = 0; i < count; i++)
        feed->seen_count += notice_begin(&feed->seen[feed->seen_count], events[i]);
    read_on(server);
}

/* Counted positions begin above those of daemons that ran before, which counted less than a million a second. */
bool feed_init(struct server *server)
{
    struct feed *feed = server->feed = calloc(1, sizeof(*server->feed));
    if (!feed)
        return false;
    feed->base = feed->position = DBK_NONE;
    feed->count_position = (int64_t)time(NULL) * 1000000;
    return true;
}

void feed_fini(struct server *server)
{
    if (server->feed) {
        past_clear(&server->feed->past, DBK_NONE);
        free(server->feed->seen);
    }
    free(server->feed);
}

int feed_begin(struct server *server, struct dbk_error *out_error)
{
    struct feed *feed = server->feed;
    struct dbk_call call = DBK_CALL_INIT;
    if (feed->is_beginning || feed->is_following || feed->is_awaiting || feed->position != DBK_NONE)
        return DBK_OK;
    feed->first = feed->count = 0;
    feed->position = feed->base = DBK_NONE;
    if (!dbk_get_info(server->store)->has_events && watch_is_needed(server)) {
        feed->is_awaiting = true;
        watch_begin(server);
        return DBK_OK;
    }
    call.timeout_ms = SERVER_OPERATION_MS;
    call.out_refusal = out_error;
    int status = dbk_get_newest_event(server->store, &call, take_newest, server);
    feed->is_beginning = !status;
    return status;
}

void feed_end(struct server *server)
{
    struct feed *feed = server->feed;
    if (feed->is_following)
        dbk_cancel(server->store, feed->op);
    batch_drop(feed->batch);
    feed->batch = NULL;
    feed->has_more = feed->is_awaiting = false;
    drop_all(feed);
    watch_end(server);
}

bool feed_is_busy(const struct server *server)
{
    return server->feed->is_following || server->feed->is_beginning;
}

void feed_tend(struct server *server)
{
    struct feed *feed = server->feed;
    struct dbk_error error;
    if (!server->stream_count || feed->is_beginning)
        return;
    if (feed->position == DBK_NONE)
        feed_begin(server, &error);
    else if (!feed->is_following && dbk_get_info(server->store)->has_events)
        follow(server, &error);
    read_on(server);
}
