/*
 * Tells people when a builder turns failing or fixed, or is late. Its life:
 *
 *     a build finished -> notify_intake (what must be known of its builder is read) -> notifier_take()
 *     -> a line in the journal, which says all of it: the position, the builder, the deliveries
 *     -> notify_courier tries each delivery until it is made, or given up; the journal hears of that
 *
 * A position that is not in the journal is read again after a restart, a delivery that has not ended there is tried
 * again, with the same id. So everything is told at least once. While no target is given none of it exists.
 */
#ifndef DAEMON_NOTIFIER_H
#define DAEMON_NOTIFIER_H

#include "notify_builders.h"
#include "notify_courier.h"
#include "notify_events.h"
#include "notify_intake.h"
#include "notify_journal.h"
#include "notify_late.h"
#include "notify_queue.h"
#include "notify_text.h"
#include "notify_watch.h"
#include "server.h"

struct notifier {
    struct server *server;
    const struct notify_options *options;
    struct journal journal;
    struct wards wards;
    struct queue queues[NOTIFY_TARGETS_MAX]; /* one for each target */
    char identity[DELIVERY_ID_SIZE];         /* drawn with the journal; delivery ids hang on it */
    char seen[SEEN_SIZE];                    /* the position in the event log */
    char kept[SEEN_SIZE];                    /* what the journal has of it */
    int64_t kept_ms;
    struct intake intake;
    struct event_log log;
    struct build_watch builds;
    struct late late;
    struct courier courier;
    int asking_count; /* operations of the store */
    bool is_ending;   /* answers of the store are not wanted any more */
    bool is_stuck;    /* the journal cannot be written */
};

/*
 * Makes it, if somebody is to be told. Result: DBK_OK; DBK_DENIED (the state directory, the secret), DBK_UNSUPPORTED
 * (nothing says which builds finished in this database), DBK_NO_MEMORY with a sentence. notifier_free() in any case.
 */
int notifier_new(struct server *server, char *out_message, size_t message_size);
void notifier_free(struct notifier *notifier);

/* Begins. What finishes after this is told of. Blocks until the database has said where it stands. NULL is fine, as
 * for the next ones. */
void notifier_begin(struct notifier *notifier);

/* Once a second: goes on with what could not be done before. */
void notifier_tend(struct notifier *notifier);

/* Stops to take in and to begin deliveries. */
void notifier_stop(struct notifier *notifier);

/* Whether a delivery is being tried; whether an operation of the store is under way. */
bool notifier_is_sending(const struct notifier *notifier);
bool notifier_is_asking(const struct notifier *notifier);

/* Reads the secret again. */
void notifier_reload(struct notifier *notifier);

/* ------------------------------------------------------------------------- for its own files ---- */

/* Takes in a build that ended, of a builder whose verdict is known. Result: false when it cannot be kept now. */
bool notifier_take(struct notifier *notifier, struct ward *ward, const struct finished *build);

/*
 * Keeps what became of a builder, and what is to be told of it, which is on the disk then: all or nothing. Args: after:
 * what *ward becomes; build may be NULL, and then the position stays. Result: false when it could not be kept; nothing
 * happened then.
 */
bool notifier_keep(struct notifier *notifier, struct ward *ward, const struct ward *after,
                   const enum tiding *tidings, size_t count, const struct finished *build);

/* Adds a line to the journal, and says when that fails or works again. Result: whether it is there. */
bool notifier_note(struct notifier *notifier, json_t *line, bool is_synced);

/* Moves the position without a build. */
void notifier_see(struct notifier *notifier, const char *seen);

/* A line on stderr: no more than one, and nothing in it that a terminal obeys. */
void notifier_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The options of an operation of the store, whose answer ends with asking_count--. */
struct dbk_call notifier_call(struct notifier *notifier);

#endif
