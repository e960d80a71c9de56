/*
 * What the notifier's lines in the journal say, written and read back. The first one:
 *
 *     {"state": ID, "database": PATH}
 *
 * then any of these, members being there or not:
 *
 *     {"seen": POSITION, "builder": {...}, "deliveries": [{"id", "to", "event", "builder", "at", "body"}, ...]}
 *     {"watched": POSITION}, in the tables of a database that others write
 *     {"failed": ID, "failures": N, ...}
 *     {"ended": ID, "outcome": "delivered", "given up" or "not wanted", ...}
 */
#ifndef DAEMON_NOTIFY_RESTORE_H
#define DAEMON_NOTIFY_RESTORE_H

#include "notify_journal.h"
#include "notify_queue.h"
#include "notify_text.h"

struct notifier;

/* The first half of a text's SHA-256 in hexadecimal digits. Result: false when out of memory. */
bool notifier_hash(const char *text, char out[DELIVERY_ID_SIZE]);

/* Makes the line of what became of a builder. Result: NULL when out of memory. */
json_t *notifier_line(const char *seen, const struct ward *ward, struct delivery *const *deliveries,
                      size_t count);

/* Makes a list of the lines that say all that still counts. Result: as notifier_line(). */
json_t *notifier_snapshot(const struct notifier *notifier);

/* Names the queues, and fills the notifier from the journal. Result: false with a sentence. */
bool notifier_restore(struct notifier *notifier, char out_message[JOURNAL_MESSAGE_SIZE]);

#endif
