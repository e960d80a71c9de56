/*
 * The notifier's one entrance for finished builds, whoever finds them: the event log (notify_events.h), or somebody
 * who looks at the tables of a database that has none. Whoever it is gives the builds of each builder in the order in
 * which they ended, and with each a position in words of his own: what stands in the journal after it, and is handed
 * back to him after a restart.
 */
#ifndef DAEMON_NOTIFY_INTAKE_H
#define DAEMON_NOTIFY_INTAKE_H

#include "notify_text.h"

struct notifier;

enum { INTAKE_MAX = 100 };

struct intake {
    struct finished builds[INTAKE_MAX];
    size_t count, index;
    bool is_waiting; /* for the database */
    bool is_going;   /* what is taken in may end a delivery, which asks to go on */
    void (*done)(struct notifier *notifier);
};

/*
 * Takes in finished builds; done runs when all of them are, perhaps before this returns. Not while intake_is_busy().
 * Args: count: up to INTAKE_MAX.
 */
void intake_take(struct notifier *notifier, const struct finished *builds, size_t count,
                 void (*done)(struct notifier *notifier));

bool intake_is_busy(const struct notifier *notifier);

/* Goes on after something that could not be read or kept. Called each second. */
void intake_tend(struct notifier *notifier);

#endif
