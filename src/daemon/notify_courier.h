/*
 * Tries deliveries: runs commands, posts to URLs, counts what came of it. Not for when something is told.
 */
#ifndef DAEMON_NOTIFY_COURIER_H
#define DAEMON_NOTIFY_COURIER_H

#include "notify_command.h"
#include "notify_queue.h"
#include "notify_webhook.h"

struct notifier;

struct courier {
    struct commands commands;
    struct webhooks webhooks;
    int running_count;
    bool is_pumping;
    int64_t made_count, failed_count, given_up_count; /* deliveries; attempts; deliveries */
};

/* Result: false when out of memory. */
bool courier_init(struct notifier *notifier);

/* What is being tried is ended: it will be tried again after a restart. */
void courier_fini(struct notifier *notifier);

/* Tries what may be tried now. */
void courier_pump(struct notifier *notifier);

/* An attempt ended. Args: why: a few words, or NULL: it was delivered. */
void courier_ended(struct notifier *notifier, struct delivery *delivery, const char *why);

/*
 * Whether there is room for what a build has to tell. A queue that is full of what did not come through loses its
 * oldest; one that is full of what was not tried yet must be waited for.
 */
bool courier_has_room(struct notifier *notifier);

#endif
