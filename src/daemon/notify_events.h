/*
 * Finished builds from the event log, for the notifier. Its position is "event N".
 */
#ifndef DAEMON_NOTIFY_EVENTS_H
#define DAEMON_NOTIFY_EVENTS_H

#include "notify_intake.h"

struct notifier;

struct event_log {
    int64_t position; /* DBK_NONE: not known yet */
    int64_t newest;   /* of the log, before it was read last */
    struct dbk_op op; /* the follower */
    bool is_following, is_reading, is_more;
    bool is_full; /* what was read last was a whole page */
    int64_t looked_ms;
    int64_t ids[INTAKE_MAX], positions[INTAKE_MAX]; /* of what was read */
    size_t count;
};

/* Begins behind the position that the journal has; without one, or with one of another log, behind the newest. */
void event_log_begin(struct notifier *notifier);

/* Whether it has begun. */
bool event_log_is_begun(const struct notifier *notifier);

/* Goes on after an error, and follows. Called each second. */
void event_log_tend(struct notifier *notifier);

/* Stops to follow. */
void event_log_end(struct notifier *notifier);

#endif
