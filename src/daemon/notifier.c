/*
 * The notifier: see notifier.h.
 */
#include "notifier.h"

#include "connection.h"
#include "lateness.h"
#include "notify_restore.h"
#include "watch.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define KEEP_POSITION_MS 10000

void notifier_say(const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    int len = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (len < 0)
        return;
    text_mend(text);
    fprintf(stderr, "daybook: notify: %s\n", text);
    free(text);
}

struct dbk_call notifier_call(struct notifier *notifier)
{
    struct dbk_call call = DBK_CALL_INIT;
    (void)notifier;
    call.timeout_ms = SERVER_OPERATION_MS;
    return call;
}

/* ------------------------------------------------------------------------------------ the journal ---- */

bool notifier_note(struct notifier *notifier, json_t *line, bool is_synced)
{
    int error = line ? journal_add(&notifier->journal, line, is_synced) : ENOMEM;
    json_decref(line);
    if (error && !notifier->is_stuck)
        notifier_say("%s: %s; nothing new is told until it can be written",
                     notifier->journal.folder, strerror(error));
    else if (!error && notifier->is_stuck)
        notifier_say("%s: it can be written again", notifier->journal.folder);
    notifier->is_stuck = error;
    return !error;
}

/* Not while a line is added: what it says is in nobody's memory yet. */
static void shorten_journal(struct notifier *notifier)
{
    json_t *lines = journal_is_grown(&notifier->journal) ? notifier_snapshot(notifier) : NULL;
    if (lines)
        journal_replace(&notifier->journal, lines); /* else the next second tries again */
    json_decref(lines);
}

void notifier_see(struct notifier *notifier, const char *seen)
{
    snprintf(notifier->seen, sizeof(notifier->seen), "%s", seen);
}

/* A position alone is written now and then: what happened before it without a line changes nothing when it is read
 * again. */
static void keep_position(struct notifier *notifier, bool is_now)
{
    int64_t now = connection_now_ms();
    if (!strcmp(notifier->seen, notifier->kept) ||
        (!is_now && *notifier->kept && now - notifier->kept_ms < KEEP_POSITION_MS))
        return;
    notifier->kept_ms = now;
    if (notifier_note(notifier, json_pack("{s:s}", "seen", notifier->seen), false))
        memcpy(notifier->kept, notifier->seen, SEEN_SIZE);
}

/* ---------------------------------------------------------------------------------- what is told ---- */

/* The same for the same event, whoever makes it and however often. Result: false when out of memory. */
static bool make_id(const struct notifier *notifier, const struct queue *queue, enum tiding tiding,
                    const struct ward *ward, const struct finished *build,
                    char out[DELIVERY_ID_SIZE])
{
    char *text;
    int64_t of = build ? build->buildid : ward->late_at;
    if (asprintf(&text, "%s %s %s %" PRId64 " %" PRId64, notifier->identity, queue->key,
                 tiding_word(tiding), ward->builderid, of) < 0)
        return false;
    bool is_made = notifier_hash(text, out);
    free(text);
    return is_made;
}

static struct delivery *make_delivery(struct notifier *notifier, struct queue *queue,
                                      enum tiding tiding, const struct ward *ward,
                                      const struct finished *build)
{
    char id[DELIVERY_ID_SIZE];
    int64_t now = time(NULL);
    json_t *body = NULL;
    if (make_id(notifier, queue, tiding, ward, build, id))
        body = tiding_body(tiding, queue->target->kind, id, ward, build,
                           notifier->options->public_url, now);
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    struct delivery *delivery =
        text ? delivery_new(queue, id, tiding_word(tiding), ward->builderid, text, now) : NULL;
    free(text);
    json_decref(body);
    return delivery;
}

/* Adds them to a list. Result: false when out of memory. */
static bool make_deliveries(struct notifier *notifier, const enum tiding *tidings, size_t count,
                            const struct ward *ward, const struct finished *build,
                            struct delivery **list, size_t *out_count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < notifier->options->target_count; k++) {
            struct delivery *delivery =
                make_delivery(notifier, &notifier->queues[k], tidings[i], ward, build);
            if (!delivery)
                return false;
            list[(*out_count)++] = delivery;
        }
    return true;
}

bool notifier_keep(struct notifier *notifier, struct ward *ward, const struct ward *after,
                   const enum tiding *tidings, size_t count, const struct finished *build)
{
    struct delivery *list[NOTIFY_TARGETS_MAX * 2] = {NULL};
    size_t made = 0;
    if (count && !courier_has_room(notifier))
        return false;
    bool is_kept = make_deliveries(notifier, tidings, count, after, build, list, &made);
    const char *seen = build && *build->seen ? build->seen : notifier->seen;
    if (is_kept)
        is_kept = notifier_note(notifier, notifier_line(seen, after, list, made), made > 0);
    if (!is_kept) {
        while (made)
            delivery_free(list[--made]);
        return false;
    }
    *ward = *after;
    notifier_see(notifier, seen);
    memcpy(notifier->kept, notifier->seen, SEEN_SIZE);
    for (size_t i = 0; i < made; i++)
        queue_add(list[i]);
    courier_pump(notifier);
    return true;
}

/* Whether it ended before the one by which its builder stands as it does, or is that one. */
static bool is_old(const struct ward *ward, const struct finished *build)
{
    return build->is_unordered && ward->is_verdict_known && ward->counted_at != DBK_NONE &&
           (build->complete_at < ward->counted_at ||
            (build->complete_at == ward->counted_at && build->number <= ward->counted));
}

bool notifier_take(struct notifier *notifier, struct ward *ward, const struct finished *build)
{
    enum verdict verdict = verdict_of(build->results);
    enum tiding tidings[2];
    size_t count = 0;
    struct ward after = *ward;
    if (is_old(ward, build))
        return true;
    if (verdict != VERDICT_UNKNOWN && (ward->is_told || ward->every_s)) {
        enum turn turn = ward->is_told ? turn_of(ward->verdict, build->results) : TURN_NONE;
        after.verdict = verdict;
        after.is_verdict_known = true;
        after.counted_at = build->complete_at;
        after.counted = build->number;
        if (ward->last_at == DBK_NONE || build->complete_at > ward->last_at)
            after.last_at = build->complete_at;
        if (ward->every_s && ward->late_at != DBK_NONE &&
            lateness_of(ward->every_s, after.last_at, ward->late_at, time(NULL)) ==
                LATENESS_ON_TIME) {
            after.late_at = DBK_NONE;
            tidings[count++] = TIDING_ON_TIME;
        }
        if (turn != TURN_NONE)
            tidings[count++] = turn == TURN_FAILING ? TIDING_FAILING : TIDING_FIXED;
    }
    /* A verdict that came without a turn is kept too, once: later turns are measured by it. */
    bool is_news = after.verdict != ward->verdict ||
                   (after.counted_at != DBK_NONE && ward->counted_at == DBK_NONE);
    if (count || (ward->is_told && is_news))
        return notifier_keep(notifier, ward, &after, tidings, count, build);
    *ward = after;
    if (*build->seen)
        notifier_see(notifier, build->seen);
    return true;
}

/* ----------------------------------------------------------------------------------- begin and end ---- */

int notifier_new(struct server *server, char *out_message, size_t message_size)
{
    const struct notify_options *options = server->options->notify;
    if (!options || !options->target_count)
        return DBK_OK;
    if (!dbk_get_info(server->store)->has_events && !watch_is_needed(server)) {
        snprintf(out_message, message_size,
                 "the store's event log is missing, so nobody can be told: `daybook upgrade` "
                 "makes it again");
        return DBK_UNSUPPORTED;
    }
    struct notifier *notifier = server->notifier = calloc(1, sizeof(*notifier));
    if (!notifier)
        return DBK_NO_MEMORY;
    notifier->server = server;
    notifier->options = options;
    notifier->log.position = DBK_NONE;
    char message[JOURNAL_MESSAGE_SIZE];
    if (!courier_init(notifier))
        return DBK_NO_MEMORY;
    if ((options->secret &&
         webhooks_load(&notifier->courier.webhooks, options->secret, message, sizeof(message))) ||
        journal_open(&notifier->journal, options->state_directory, message) ||
        !notifier_restore(notifier, message)) {
        snprintf(out_message, message_size, "%s", message);
        return DBK_DENIED;
    }
    return DBK_OK;
}

void notifier_free(struct notifier *notifier)
{
    if (!notifier)
        return;
    courier_fini(notifier);
    keep_position(notifier, true);
    for (size_t i = 0; i < notifier->options->target_count; i++)
        queue_fini(&notifier->queues[i]);
    journal_close(&notifier->journal);
    wards_fini(&notifier->wards);
    late_fini(notifier);
    build_watch_fini(notifier);
    free(notifier);
}

void notifier_begin(struct notifier *notifier)
{
    if (!notifier)
        return;
    event_log_begin(notifier);
    while (!event_log_is_begun(notifier) && notifier->asking_count)
        dbk_wait(notifier->server->store, -1);
    if (!build_watch_begin(notifier))
        notifier_say("out of memory: what a master writes is not told");
    keep_position(notifier, true);
    courier_pump(notifier);
}

void notifier_tend(struct notifier *notifier)
{
    if (!notifier || notifier->server->is_stopping)
        return;
    intake_tend(notifier);
    event_log_tend(notifier);
    build_watch_tend(notifier);
    late_tend(notifier);
    keep_position(notifier, false);
    shorten_journal(notifier);
    courier_pump(notifier);
}

void notifier_stop(struct notifier *notifier)
{
    if (!notifier || notifier->is_ending)
        return;
    build_watch_keep(notifier);
    notifier->is_ending = true;
    event_log_end(notifier);
}

bool notifier_is_sending(const struct notifier *notifier)
{
    return notifier && notifier->courier.running_count;
}

bool notifier_is_asking(const struct notifier *notifier)
{
    return notifier && notifier->asking_count;
}

void notifier_reload(struct notifier *notifier)
{
    char message[JOURNAL_MESSAGE_SIZE];
    if (notifier && notifier->options->secret &&
        webhooks_load(&notifier->courier.webhooks, notifier->options->secret, message,
                      sizeof(message)))
        notifier_say("%s; the secret from before stays", message);
}
