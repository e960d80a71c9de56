/*
 * Streams: see stream.h.
 *
 * A client is at a position. It is given what comes behind that, until HELD_MAX bytes wait to be sent; when they
 * are gone it goes on. So a slow one holds up nobody and needs no memory: it falls back, from the feed's events
 * to the log's or to what the feed's past names, and when that was trimmed past it, it is told to reload.
 */
#include "stream.h"

#include "bounds.h"
#include "connection.h"
#include "feed.h"
#include "reply.h"
#include "watch.h"

#include <event2/bufferevent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define HELD_MAX 65536
#define HEARTBEAT_MS 15000
#define TOPICS_MAX 64

struct stream {
    struct stream *next;
    struct exchange *exchange;
    int64_t
        position; /* of the last event that it was given or that is not for it; DBK_NONE: not known yet */
    struct batch *batch; /* from the log or the past, being read for it */
    int64_t known;       /* the feed's base when it was read for */
    int64_t awaits_look; /* of the feed, since it was ahead of that; 0: it is not */
    struct evbuffer *out;
    int64_t sent_ms; /* when it was sent something */
    bool has_begun;  /* what happens from now on is told */
    bool is_ending;
    bool must_end; /* as soon as what was given is on its way */
};

static void pump(struct stream *stream);

/* ------------------------------------------------------------------------------------ giving ---- */

static void drained(struct evhttp_connection *evcon, void *user)
{
    (void)evcon;
    pump(user);
}

static bool is_held_up(const struct stream *stream)
{
    struct bufferevent *bufferevent = stream->exchange->connection->bufferevent;
    return evbuffer_get_length(bufferevent_get_output(bufferevent)) +
               evbuffer_get_length(stream->out) >=
           HELD_MAX;
}

static void flush(struct stream *stream)
{
    if (!evbuffer_get_length(stream->out))
        return;
    stream->sent_ms = connection_now_ms();
    evhttp_send_reply_chunk_with_cb(stream->exchange->request, stream->out, drained, stream);
}

/* Whether one of the topics that were asked for has the event; without any all have. The key goes to file. */
static bool is_wanted(const struct stream *stream, const struct notice *notice, FILE *file)
{
    const struct query *query = &stream->exchange->query;
    if (!bounds_have(stream->exchange->bounds, notice->builderid))
        return false;
    if (!query->count)
        return notice_matches(notice, "*/*/*", file) || notice_matches(notice, "*/*/*/*/*", file);
    for (size_t i = 0; i < query->count; i++)
        if (notice_matches(notice, query->items[i].value, file))
            return true;
    return false;
}

/* Whether a limited token may be for a builder that was not there when the stream began. Its client comes again,
 * behind the last event that it was given, and is looked at anew. */
static bool is_to_look_again(const struct stream *stream, const struct notice *notice)
{
    const struct bounds *bounds = stream->exchange->bounds;
    return bounds && notice->kind != NOTICE_NONE && notice->builderid > bounds->newest_id;
}

static void give(struct stream *stream, const struct notice *notice)
{
    char *key = NULL;
    size_t size;
    stream->must_end = is_to_look_again(stream, notice);
    if (stream->must_end)
        return;
    stream->position = notice->position;
    if (notice->kind == NOTICE_NONE)
        return;
    FILE *file = open_memstream(&key, &size);
    bool is_given = file && is_wanted(stream, notice, file);
    if (file)
        fclose(file);
    if (is_given && key)
        evbuffer_add_printf(
            stream->out, "id: %" PRId64 "\nevent: event\ndata: {\"key\": %s, \"message\": %s}\n\n",
            notice->position, key, notice->message);
    free(key);
}

/* What lies before it is not kept any more. It goes on from now. */
static void tell_reload(struct stream *stream)
{
    stream->position = stream->exchange->server->feed->position;
    evbuffer_add_printf(stream->out, "id: %" PRId64 "\nevent: reload\ndata: {}\n\n",
                        stream->position);
}

/* The client comes again by itself, and goes on behind the last id that it saw. */
static void end(struct stream *stream)
{
    stream->is_ending = true;
    stream->exchange->is_sent = true;
    evhttp_send_reply_end(stream->exchange->request);
}

/* What there is no room for is dropped, and read again when there is. */
static void give_batch(struct stream *stream, const struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        if (is_held_up(stream) || stream->must_end)
            return;
        give(stream, &batch->notices[i]);
    }
    if (stream->must_end)
        return;
    stream->position = batch->position;
    /* What the feed had when this was read for is in the log, or nowhere. */
    if (!batch->is_full && stream->position < stream->known)
        stream->position = stream->known;
}

static void take_batch(void *user, struct batch *batch)
{
    struct stream *stream = user;
    stream->batch = NULL;
    if (batch->error.status == DBK_GONE) {
        tell_reload(stream);
    } else if (batch->error.status) {
        batch_free(batch);
        end(stream);
        return;
    } else {
        give_batch(stream, batch);
    }
    batch_free(batch);
    pump(stream);
}

/*
 * Whether it is ahead of the feed, as who reads in the log may be for a moment. Who is still ahead when the feed has
 * looked since comes from another database, or from this one before it was restored.
 */
static bool is_ahead(struct stream *stream)
{
    struct server *server = stream->exchange->server;
    bool is_beyond = stream->position > server->feed->position;
    if (is_beyond && server->feed->is_counted) {
        tell_reload(stream); /* who is told here is never ahead */
        return false;
    }
    if (is_beyond && !stream->awaits_look)
        stream->awaits_look = feed_look(server);
    if (is_beyond && server->feed->ended_looks < stream->awaits_look)
        return true;
    stream->awaits_look = 0;
    if (is_beyond)
        tell_reload(stream);
    return false;
}

/* Reads what the feed has let go since. */
static void read_again(struct stream *stream)
{
    struct server *server = stream->exchange->server;
    const struct feed *feed = server->feed;
    struct dbk_error error;
    if (feed->is_counted && stream->position < feed->past.base) {
        tell_reload(stream); /* it is kept nowhere else */
        flush(stream);
        return;
    }
    stream->known = feed->base;
    stream->batch = feed->is_counted
                        ? past_read(server, &feed->past, stream->position, take_batch, stream)
                        : batch_read(server, stream->position, take_batch, stream, &error);
    if (!stream->batch)
        end(stream);
}

static void pump(struct stream *stream)
{
    struct feed *feed = stream->exchange->server->feed;
    const struct notice *notice;
    if (stream->batch || stream->is_ending || feed->position == DBK_NONE)
        return;
    if (!stream->has_begun && watch_is_needed(stream->exchange->server))
        evbuffer_add_printf(stream->out, "event: looks\ndata: {}\n\n");
    stream->has_begun = true;
    if (stream->position == DBK_NONE)
        stream->position = feed->position;
    else if (is_ahead(stream) && !stream->must_end)
        return;
    while (!is_held_up(stream) && !stream->must_end && stream->position >= feed->base &&
           (notice = feed_after(feed, stream->position)))
        give(stream, notice);
    if (stream->must_end) {
        flush(stream);
        end(stream);
        return;
    }
    bool is_behind = stream->position < feed->base;
    if (!is_held_up(stream) && !is_behind)
        stream->position = feed->position;
    flush(stream);
    if (is_behind && !is_held_up(stream))
        read_again(stream);
}

/* ----------------------------------------------------------------------------- begin and end ---- */

void stream_pump_all(struct server *server)
{
    struct stream *next;
    for (struct stream *stream = server->streams; stream; stream = next) {
        next = stream->next;
        pump(stream);
    }
}

/* The session by which somebody listens is over: he has to sign in again. */
static bool is_over(const struct stream *stream)
{
    int64_t ends_ms = stream->exchange->session_ends_ms;
    return ends_ms && ends_ms <= connection_now_ms();
}

static void beat(struct stream *stream)
{
    if (stream->is_ending || stream->batch || stream->position == DBK_NONE || is_held_up(stream) ||
        connection_now_ms() - stream->sent_ms < HEARTBEAT_MS)
        return;
    /* An event without data is none: it only moves the id on, past what was not for this client. */
    evbuffer_add_printf(stream->out, "id: %" PRId64 "\n\n", stream->position);
    flush(stream);
}

void stream_tend_all(struct server *server)
{
    struct stream *next;
    feed_tend(server);
    for (struct stream *stream = server->streams; stream; stream = next) {
        next = stream->next;
        if (is_over(stream) && !stream->is_ending)
            end(stream);
        else
            beat(stream);
    }
}

void stream_end_all(struct server *server)
{
    struct stream *next;
    for (struct stream *stream = server->streams; stream; stream = next) {
        next = stream->next;
        if (!stream->is_ending)
            end(stream);
    }
}

void stream_end_session(struct server *server, const unsigned char hash[TOKENS_HASH_SIZE])
{
    struct stream *next;
    for (struct stream *stream = server->streams; stream; stream = next) {
        next = stream->next;
        if (!stream->is_ending && stream->exchange->session_ends_ms &&
            !memcmp(stream->exchange->session_hash, hash, TOKENS_HASH_SIZE))
            end(stream);
    }
}

void stream_free(struct stream *stream)
{
    if (!stream)
        return;
    struct server *server = stream->exchange->server;
    struct stream **link = &server->streams;
    while (*link != stream)
        link = &(*link)->next;
    *link = stream->next;
    batch_drop(stream->batch);
    evbuffer_free(stream->out);
    free(stream);
    if (!--server->stream_count)
        feed_end(server);
}

/* Reads what is asked. Result: false when it answered already. */
static bool understand(struct exchange *exchange, int64_t *out_position)
{
    const struct query *query = &exchange->query;
    const char *last =
        evhttp_find_header(evhttp_request_get_input_headers(exchange->request), "Last-Event-ID");
    *out_position = DBK_NONE;
    if (last && *last && !path_number(last, false, out_position))
        return exchange_fail(exchange, 400, "Last-Event-ID is an id that a stream gave"), false;
    if (query->count > TOPICS_MAX)
        return exchange_fail(exchange, 400, "more than %d topics", TOPICS_MAX), false;
    for (size_t i = 0; i < query->count; i++)
        if (strcmp(query->items[i].name, "topic") != 0 || !*query->items[i].value)
            return exchange_fail(exchange, 400,
                                 "topic=TOPIC, as in builds/*, is all that a stream takes"),
                   false;
    if (exchange->server->stream_count >= SERVER_STREAMS_MAX)
        return exchange_fail(exchange, 503, "too many streams"), false;
    return true;
}

static struct stream *make(struct exchange *exchange, int64_t position)
{
    struct server *server = exchange->server;
    struct stream *stream = calloc(1, sizeof(*stream));
    struct evbuffer *out = stream ? evbuffer_new() : NULL;
    if (!out) {
        free(stream);
        exchange_fail(exchange, 503, "out of memory");
        return NULL;
    }
    *stream = (struct stream){
        .next = server->streams, .exchange = exchange, .position = position, .out = out};
    server->streams = stream;
    server->stream_count++;
    exchange->stream = stream;
    return stream;
}

void stream_begin(struct exchange *exchange)
{
    struct dbk_error error;
    int64_t position;
    if (!understand(exchange, &position))
        return;
    struct stream *stream = make(exchange, position);
    if (!stream)
        return;
    stream->is_ending = true; /* until it has begun */
    if (feed_begin(exchange->server, &error)) {
        exchange_fail(exchange, dbk_status_http(error.status), "%s", error.message);
        return;
    }
    exchange->is_closing = true;
    reply_headers(exchange, "text/event-stream");
    if (exchange->is_head) {
        reply_send_head(exchange, -1);
        return;
    }
    stream->is_ending = false;
    evhttp_send_reply_start(exchange->request, 200, NULL);
    /* Something goes out at once, so that the client knows that it is heard; and how soon to come again. */
    evbuffer_add_printf(stream->out, "retry: 2000\n\n");
    flush(stream);
    pump(stream);
}
