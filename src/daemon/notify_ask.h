/*
 * What the notifier reads of a builder: which build said something of it last. Not for events (notify_events.h).
 */
#ifndef DAEMON_NOTIFY_ASK_H
#define DAEMON_NOTIFY_ASK_H

#include "notify_text.h"

struct notifier;

enum {
    ASK_NEWEST =
        20 /* builds of a builder, by number, among which the last one that counts is looked for */
};

/* Args: error: it could not be read; last: the build; NULL: none of those counts. */
typedef void ask_last_fn(struct notifier *notifier, const struct dbk_error *error,
                         const struct finished *last);

/*
 * Looks for the build of a builder that ended last with a result that counts. Args: before: the build as of which to
 * look, whose number is above those looked at; NULL: as of now. Result: false when it was refused; done does not run.
 */
bool ask_last(struct notifier *notifier, int64_t builderid, const struct finished *before,
              ask_last_fn *done);

#endif
