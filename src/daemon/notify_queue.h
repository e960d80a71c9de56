/*
 * Deliveries that are not made yet, a queue for each target. Not for making them (notify_courier.h).
 */
#ifndef DAEMON_NOTIFY_QUEUE_H
#define DAEMON_NOTIFY_QUEUE_H

#include "serve.h"

#define DELIVERY_ID_SIZE 33  /* 32 hexadecimal digits with their end */
#define TARGET_NAME_SIZE 100 /* for people: a URL without its path, which may be a secret */

enum {
    QUEUE_MAX = 500,      /* deliveries of a target that wait */
    QUEUE_RUNNING_MAX = 4 /* of a target that are being tried */
};

struct delivery {
    char id[DELIVERY_ID_SIZE];
    char event[16];
    int64_t builderid;
    char *body;
    int64_t queued_at; /* by the wall's clock: it outlives the daemon */
    int failures;
    int64_t next_ms; /* by the clock that only goes forward: not before */
    bool is_running;
    struct queue *queue;
    struct delivery *next;
};

struct queue {
    const struct notify_target *target;
    char key[DELIVERY_ID_SIZE]; /* of the target, for the journal */
    char name[TARGET_NAME_SIZE];
    struct delivery *first;
    size_t count;
    int running_count;
};

/* Result: NULL when out of memory. */
struct delivery *delivery_new(struct queue *queue, const char *id, const char *event,
                              int64_t builderid, const char *body, int64_t queued_at);
void delivery_free(struct delivery *delivery);

/* Puts it at the end of its queue; takes it out and frees it. */
void queue_add(struct delivery *delivery);
void queue_remove(struct delivery *delivery);

/* The delivery that is to be tried now: those of a builder go one after the other. Result: NULL: none. */
struct delivery *queue_next(const struct queue *queue, int64_t now_ms);

/* The one that has waited longest and is not being tried. Result: NULL: none. */
struct delivery *queue_oldest(const struct queue *queue);

struct delivery *queue_find(const struct queue *queue, const char *id);

void queue_fini(struct queue *queue);

#endif
