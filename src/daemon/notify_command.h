/*
 * Deliveries to commands: a program is run with the facts in its environment and, as JSON, on its stdin. It has a
 * process group of its own and a time limit; what it prints goes to stderr, line by line and not without end. No
 * shell sees any of it.
 */
#ifndef DAEMON_NOTIFY_COMMAND_H
#define DAEMON_NOTIFY_COMMAND_H

#include "notify_queue.h"

struct notifier;
struct event;

/* Those that run. */
struct commands {
    struct command *list;
    struct event *ended; /* SIGCHLD */
};

/* Result: false when out of memory. */
bool commands_init(struct notifier *notifier);
void commands_fini(struct notifier *notifier);

/* Runs a delivery's command; courier_ended() tells of its end. Result: NULL, or why it was not begun; lent. */
const char *commands_begin(struct notifier *notifier, struct delivery *delivery);

#endif
