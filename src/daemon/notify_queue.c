/*
 * Queues of deliveries: see notify_queue.h.
 */
#include "notify_queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct delivery *delivery_new(struct queue *queue, const char *id, const char *event,
                              int64_t builderid, const char *body, int64_t queued_at)
{
    struct delivery *delivery = calloc(1, sizeof(*delivery));
    if (!delivery || !(delivery->body = strdup(body))) {
        free(delivery);
        return NULL;
    }
    snprintf(delivery->id, sizeof(delivery->id), "%s", id);
    snprintf(delivery->event, sizeof(delivery->event), "%s", event);
    delivery->builderid = builderid;
    delivery->queued_at = queued_at;
    delivery->queue = queue;
    return delivery;
}

void delivery_free(struct delivery *delivery)
{
    if (delivery)
        free(delivery->body);
    free(delivery);
}

void queue_add(struct delivery *delivery)
{
    struct delivery **link = &delivery->queue->first;
    while (*link)
        link = &(*link)->next;
    delivery->next = NULL;
    *link = delivery;
    delivery->queue->count++;
}

void queue_remove(struct delivery *delivery)
{
    struct delivery **link = &delivery->queue->first;
    while (*link != delivery)
        link = &(*link)->next;
    *link = delivery->next;
    delivery->queue->count--;
    delivery_free(delivery);
}

static bool is_behind_another(const struct queue *queue, const struct delivery *delivery)
{
    for (const struct delivery *d = queue->first; d != delivery; d = d->next)
        if (d->builderid == delivery->builderid)
            return true;
    return false;
}

struct delivery *queue_next(const struct queue *queue, int64_t now_ms)
{
    if (queue->running_count >= QUEUE_RUNNING_MAX)
        return NULL;
    for (struct delivery *d = queue->first; d; d = d->next)
        if (!d->is_running && d->next_ms <= now_ms && !is_behind_another(queue, d))
            return d;
    return NULL;
}

struct delivery *queue_oldest(const struct queue *queue)
{
    struct delivery *delivery = queue->first;
    while (delivery && delivery->is_running)
        delivery = delivery->next;
    return delivery;
}

struct delivery *queue_find(const struct queue *queue, const char *id)
{
    struct delivery *delivery = queue->first;
    while (delivery && strcmp(delivery->id, id) != 0)
        delivery = delivery->next;
    return delivery;
}

void queue_fini(struct queue *queue)
{
    while (queue->first)
        queue_remove(queue->first);
}
