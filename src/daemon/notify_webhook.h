/*
 * Deliveries to URLs: a POST with a body that is JSON, signed if there is a secret. The peer is verified, no redirect
 * is followed, and little of the answer is read.
 */
#ifndef DAEMON_NOTIFY_WEBHOOK_H
#define DAEMON_NOTIFY_WEBHOOK_H

#include "notify_queue.h"

#define SECRET_MAX 1024 /* bytes */

struct notifier;
struct event;

/* Those that are under way. */
struct webhooks {
    void *multi; /* libcurl's */
    struct event *timer;
    struct transfer *list;
    char secret[SECRET_MAX + 1]; /* empty: nothing is signed */
};

/* Result: false when out of memory. */
bool webhooks_init(struct notifier *notifier);
void webhooks_fini(struct notifier *notifier);

/* Reads the secret: the first line of a file that is its owner's alone. Result: 0 or an errno with a sentence; then
 * the secret stays what it was. */
int webhooks_load(struct webhooks *webhooks, const char *path, char *out_message,
                  size_t message_size);

/* Posts a delivery; courier_ended() tells of its end. Result: NULL, or why it was not begun; lent. */
const char *webhooks_begin(struct notifier *notifier, struct delivery *delivery);

/* Prints the headers that go with a body, "NAME: VALUE". Result: false when it could not be signed. */
bool webhook_signature(const char *secret, const char *body, char out[80]);

#endif
