/*
 * Looks after builders that must end a build every so often. Before one is called late its builds are read: what the
 * database says counts, not what was heard of it.
 */
#ifndef DAEMON_NOTIFY_LATE_H
#define DAEMON_NOTIFY_LATE_H

#include "notify_ask.h"

struct late {
    size_t index;       /* of the builder to look at next, within this second's turn */
    int64_t asked_id;   /* the builder that is being read */
    bool is_asking;     /* one is */
    bool is_scanning;   /* builders are being listed */
    int64_t scanned_ms; /* when that began last */
    char *cursor;       /* where it goes on; NULL: at the beginning */
};

/* Called each second. */
void late_tend(struct notifier *notifier);

/* Reads every known builder's last build, for turns that were missed. */
void late_look_at_all(struct notifier *notifier);

void late_fini(struct notifier *notifier);

#endif
