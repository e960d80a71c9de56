/*
 * The notifier's lines: see notify_restore.h.
 */
#include "notify_restore.h"

#include "notifier.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

bool notifier_hash(const char *text, char out[DELIVERY_ID_SIZE])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    if (!EVP_Digest(text, strlen(text), digest, NULL, EVP_sha256(), NULL))
        return false;
    for (int i = 0; i < DELIVERY_ID_SIZE / 2; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
    return true;
}

/* ---------------------------------------------------------------------------------------- writing ---- */

/* Sets a member unless it is none. */
static int set_number(json_t *object, const char *name, int64_t number)
{
    return number == DBK_NONE ? 0 : json_object_set_new(object, name, json_integer(number));
}

static json_t *ward_line(const struct ward *ward)
{
    json_t *object =
        json_pack("{s:I, s:s, s:s}", "id", (json_int_t)ward->builderid, "name", ward->name,
                  "verdict", verdict_word(ward->is_told ? ward->verdict : VERDICT_UNKNOWN));
    if (object && !set_number(object, "since", ward->since) &&
        !set_number(object, "late_at", ward->late_at) &&
        (ward->counted_at == DBK_NONE || !ward->is_told ||
         !json_object_set_new(
             object, "counted",
             json_pack("[I, I]", (json_int_t)ward->counted_at, (json_int_t)ward->counted))))
        return object;
    json_decref(object);
    return NULL;
}

/* The body as it is goes into the line as text: what is sent again is the same, byte by byte. */
static json_t *delivery_line(const struct delivery *delivery)
{
    return json_pack("{s:s, s:s, s:s, s:I, s:I, s:i, s:s}", "id", delivery->id, "to",
                     delivery->queue->key, "event", delivery->event, "builder",
                     (json_int_t)delivery->builderid, "at", (json_int_t)delivery->queued_at,
                     "failures", delivery->failures, "body", delivery->body);
}

json_t *notifier_line(const char *seen, const struct ward *ward, struct delivery *const *deliveries,
                      size_t count)
{
    json_t *line = json_pack("{s:s}", "seen", seen), *list = json_array();
    int failed = !line || !list || json_object_set_new(line, "builder", ward_line(ward));
    for (size_t i = 0; !failed && i < count; i++)
        failed = json_array_append_new(list, delivery_line(deliveries[i]));
    if (!failed && count)
        failed = json_object_set(line, "deliveries", list);
    json_decref(list);
    if (!failed)
        return line;
    json_decref(line);
    return NULL;
}

#define DATABASE_SIZE 512

/* The name of the database that positions are of. */
static const char *database_of(const struct notifier *notifier, char out[DATABASE_SIZE])
{
    const struct dbk_info *info = dbk_get_info(notifier->server->store);
    snprintf(out, DATABASE_SIZE, "%s", info->path ? info->path : info->url);
    text_mend(out);
    return out;
}

json_t *notifier_snapshot(const struct notifier *notifier)
{
    char database[DATABASE_SIZE];
    json_t *lines = json_array();
    int failed = !lines || json_array_append_new(lines, json_pack("{s:s, s:s}", "state",
                                                                  notifier->identity, "database",
                                                                  database_of(notifier, database)));
    if (!failed && notifier->builds.kept)
        failed = json_array_append_new(lines, json_pack("{s:s}", "watched", notifier->builds.kept));
    if (!failed && *notifier->seen)
        failed = json_array_append_new(lines, json_pack("{s:s}", "seen", notifier->seen));
    for (size_t i = 0; !failed && i < notifier->wards.count; i++) {
        const struct ward *ward = &notifier->wards.list[i];
        if (ward->is_verdict_known || ward->since != DBK_NONE || ward->late_at != DBK_NONE)
            failed = json_array_append_new(lines, json_pack("{s:o}", "builder", ward_line(ward)));
    }
    for (size_t i = 0; i < notifier->options->target_count; i++)
        for (const struct delivery *d = notifier->queues[i].first; !failed && d; d = d->next)
            failed =
                json_array_append_new(lines, json_pack("{s:[o]}", "deliveries", delivery_line(d)));
    if (!failed)
        return lines;
    json_decref(lines);
    return NULL;
}

/* ---------------------------------------------------------------------------------------- reading ---- */

struct restoring {
    struct notifier *notifier;
    char database[DATABASE_SIZE]; /* that the journal is of */
    bool is_out_of_memory;
    int unwanted_count; /* deliveries to targets that there are no more */
    bool
        is_outdated; /* it holds what other settings left, and is not to be believed by later ones */
};

static int64_t number_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return json_is_integer(value) ? json_integer_value(value) : DBK_NONE;
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static void take_ward(struct restoring *restoring, const json_t *object)
{
    struct notifier *notifier = restoring->notifier;
    int64_t id = number_of(object, "id");
    struct ward *ward =
        id < 1 ? NULL : wards_add(&notifier->wards, id, text_of(object, "name"), notifier->options);
    if (!ward) {
        restoring->is_out_of_memory = restoring->is_out_of_memory || id >= 1;
        return;
    }
    enum verdict verdict = verdict_parse(text_of(object, "verdict"));
    int64_t since = number_of(object, "since"), late_at = number_of(object, "late_at");
    ward->is_verdict_known = ward->is_told && verdict != VERDICT_UNKNOWN;
    ward->verdict = ward->is_verdict_known ? verdict : VERDICT_UNKNOWN;
    ward->counted_at = DBK_NONE;
    json_int_t counted_at, counted;
    if (ward->is_verdict_known &&
        !json_unpack((json_t *)object, "{s:[I, I]}", "counted", &counted_at, &counted)) {
        ward->counted_at = counted_at;
        ward->counted = counted;
    }
    ward->since = ward->every_s ? since : DBK_NONE;
    ward->late_at = ward->every_s ? late_at : DBK_NONE;
    if (ward->verdict != verdict || ward->since != since || ward->late_at != late_at)
        restoring->is_outdated = true;
}

static void take_delivery(struct restoring *restoring, const json_t *object)
{
    struct notifier *notifier = restoring->notifier;
    struct queue *queue = NULL;
    for (size_t i = 0; i < notifier->options->target_count; i++)
        if (!strcmp(notifier->queues[i].key, text_of(object, "to")))
            queue = &notifier->queues[i];
    if (!queue) {
        restoring->unwanted_count++;
        return;
    }
    struct delivery *delivery = delivery_new(queue, text_of(object, "id"), text_of(object, "event"),
                                             number_of(object, "builder"), text_of(object, "body"),
                                             number_of(object, "at"));
    if (!delivery) {
        restoring->is_out_of_memory = true;
        return;
    }
    int64_t failures = number_of(object, "failures");
    delivery->failures = failures > 0 && failures < INT32_MAX ? (int)failures : 0;
    queue_add(delivery);
}

static void take_watched(struct restoring *restoring, const char *position)
{
    struct build_watch *builds = &restoring->notifier->builds;
    free(builds->kept);
    builds->kept = strdup(position);
    restoring->is_out_of_memory = restoring->is_out_of_memory || !builds->kept;
}

/* The delivery that a line is about. */
static struct delivery *find_delivery(struct notifier *notifier, const char *id)
{
    struct delivery *found = NULL;
    for (size_t i = 0; *id && !found && i < notifier->options->target_count; i++)
        found = queue_find(&notifier->queues[i], id);
    return found;
}

static void take_line(void *user, const json_t *line)
{
    struct restoring *restoring = user;
    struct notifier *notifier = restoring->notifier;
    const json_t *deliveries = json_object_get(line, "deliveries");
    struct delivery *failed = find_delivery(notifier, text_of(line, "failed"));
    struct delivery *ended = find_delivery(notifier, text_of(line, "ended"));
    if (strlen(text_of(line, "state")) == DELIVERY_ID_SIZE - 1) {
        snprintf(notifier->identity, DELIVERY_ID_SIZE, "%s", text_of(line, "state"));
        snprintf(restoring->database, sizeof(restoring->database), "%s", text_of(line, "database"));
    }
    if (*text_of(line, "seen"))
        notifier_see(notifier, text_of(line, "seen"));
    if (*text_of(line, "watched"))
        take_watched(restoring, text_of(line, "watched"));
    if (json_is_object(json_object_get(line, "builder")))
        take_ward(restoring, json_object_get(line, "builder"));
    for (size_t i = 0; i < json_array_size(deliveries); i++)
        take_delivery(restoring, json_array_get(deliveries, i));
    if (failed)
        failed->failures++;
    if (ended)
        queue_remove(ended);
    else if (*text_of(line, "ended") && restoring->unwanted_count)
        restoring->unwanted_count--;
}

/* ------------------------------------------------------------------------------------------- begin ---- */

/* A URL's path may be a secret, and so may a command's arguments: they are in no line that people see. */
static bool name_queue(struct queue *queue, const struct notify_target *target)
{
    static const char *const kinds[] = {"command", "webhook", "chat"};
    const char *place = target->place, *scheme = strstr(place, "://");
    size_t len = target->kind == NOTIFY_COMMAND ? strcspn(place, " \t")
                 : scheme ? (size_t)(scheme + 3 - place) + strcspn(scheme + 3, "/?#")
                          : 0;
    char *text;
    queue->target = target;
    snprintf(queue->name, sizeof(queue->name), "%s %.*s", kinds[target->kind], (int)len, place);
    text_mend(queue->name);
    if (asprintf(&text, "%s %s", kinds[target->kind], place) < 0)
        return false;
    bool is_named = notifier_hash(text, queue->key);
    free(text);
    return is_named;
}

static bool draw_identity(struct notifier *notifier)
{
    unsigned char bytes[DELIVERY_ID_SIZE / 2];
    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
        return false;
    for (size_t i = 0; i < sizeof(bytes); i++)
        snprintf(notifier->identity + 2 * i, 3, "%02x", bytes[i]);
    return true;
}

/* Writes what counts as the whole journal. */
static bool begin_journal(struct notifier *notifier, char *out_message)
{
    json_t *lines =
        *notifier->identity || draw_identity(notifier) ? notifier_snapshot(notifier) : NULL;
    int error = lines ? journal_replace(&notifier->journal, lines) : ENOMEM;
    json_decref(lines);
    if (error)
        snprintf(out_message, JOURNAL_MESSAGE_SIZE, "the state directory %.150s: %s",
                 notifier->journal.folder, strerror(error));
    return !error;
}

bool notifier_restore(struct notifier *notifier, char out_message[JOURNAL_MESSAGE_SIZE])
{
    struct restoring restoring = {.notifier = notifier};
    char database[DATABASE_SIZE];
    int bad_count = 0;
    snprintf(out_message, JOURNAL_MESSAGE_SIZE, "out of memory");
    for (size_t i = 0; i < notifier->options->target_count; i++)
        if (!name_queue(&notifier->queues[i], &notifier->options->targets[i]))
            return false;
    int error = journal_read(&notifier->journal, take_line, &restoring, &bad_count);
    if (error)
        snprintf(out_message, JOURNAL_MESSAGE_SIZE, "the state directory %.150s: %s",
                 notifier->journal.folder, strerror(error));
    if (error || restoring.is_out_of_memory)
        return false;
    if (bad_count)
        notifier_say("%s: %d lines make no sense and are left out", notifier->journal.folder,
                     bad_count);
    if (restoring.unwanted_count)
        notifier_say("%d deliveries are dropped: their targets are not named any more",
                     restoring.unwanted_count);
    if (*notifier->identity && strcmp(restoring.database, database_of(notifier, database)) != 0) {
        /* What waits there is the other database's to tell, or this one's under a former name. */
        snprintf(
            out_message, JOURNAL_MESSAGE_SIZE,
            "%.150s is of the database %.150s: give each its own --state-directory, or remove this "
            "one to forget what it was to tell",
            notifier->journal.folder, restoring.database);
        return false;
    }
    memcpy(notifier->kept, notifier->seen, SEEN_SIZE);
    bool is_good = *notifier->identity && !restoring.unwanted_count && !restoring.is_outdated;
    return is_good || begin_journal(notifier, out_message);
}
