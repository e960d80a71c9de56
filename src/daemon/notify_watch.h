/*
 * Finished builds that a Buildbot master wrote without daybook, for the notifier: those that watch.h finds. They have no
 * order but when they ended, and one position for all that one look found; so a builder keeps which of its builds was
 * the last that counted, and what ended before that turns nothing (notifier.h).
 */
#ifndef DAEMON_NOTIFY_WATCH_H
#define DAEMON_NOTIFY_WATCH_H

#include "notify_intake.h"

struct notifier;

struct build_watch {
    int64_t *ids; /* of builds that were found and are not taken in yet */
    size_t count, room;
    size_t page_count; /* of them, those that are being read */
    char *position;    /* behind them; NULL: not known */
    char *kept;        /* what the journal has; NULL: nothing */
    bool is_reading;
    int64_t kept_ms;
};

/* Begins behind the position that the journal has, if others than daybook write the database. Result: false when out of
 * memory. */
bool build_watch_begin(struct notifier *notifier);

/* Goes on after something that could not be read, and keeps the position now and then. Called each second. */
void build_watch_tend(struct notifier *notifier);

/* Keeps the position, if all behind it is taken in. */
void build_watch_keep(struct notifier *notifier);

void build_watch_fini(struct notifier *notifier);

#endif
