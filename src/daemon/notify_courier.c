/*
 * The courier: see notify_courier.h.
 */
#include "notify_courier.h"

#include "connection.h"
#include "notifier.h"
#include "retry.h"

#include <inttypes.h>
#include <time.h>

bool courier_init(struct notifier *notifier)
{
    return commands_init(notifier) && webhooks_init(notifier);
}

void courier_fini(struct notifier *notifier)
{
    commands_fini(notifier);
    webhooks_fini(notifier);
}

/* Says in the journal how a delivery ended, and forgets it. Without that line it is made once more after a restart. */
static void forget(struct notifier *notifier, struct delivery *delivery, const char *outcome,
                   const char *why)
{
    json_t *line = json_pack("{s:s, s:s, s:s, s:I, s:i}", "ended", delivery->id, "outcome", outcome,
                             "to", delivery->queue->name, "at", (json_int_t)time(NULL), "failures",
                             delivery->failures);
    if (line && why)
        json_object_set_new(line, "why", json_string(why));
    notifier_note(notifier, line, false);
    queue_remove(delivery);
}

static void give_up(struct notifier *notifier, struct delivery *delivery, const char *why)
{
    notifier->courier.given_up_count++;
    notifier_say("%s %s to %s is given up after %d failures: %s", delivery->event, delivery->id,
                 delivery->queue->name, delivery->failures, why);
    forget(notifier, delivery, "given up", why);
}

bool courier_has_room(struct notifier *notifier)
{
    for (size_t i = 0; i < notifier->options->target_count; i++) {
        struct queue *queue = &notifier->queues[i];
        if (queue->count < QUEUE_MAX)
            continue;
        struct delivery *oldest = queue_oldest(queue);
        if (!oldest || !oldest->failures)
            return false;
        give_up(notifier, oldest, "too many are waiting");
    }
    return true;
}

static void note_failure(struct notifier *notifier, struct delivery *delivery, const char *why)
{
    int64_t pause_ms = retry_pause_ms(delivery->failures);
    delivery->next_ms = connection_now_ms() + pause_ms;
    notifier_say("%s %s to %s failed: %s; again in %" PRId64 " s", delivery->event, delivery->id,
                 delivery->queue->name, why, pause_ms / 1000);
    notifier_note(notifier,
                  json_pack("{s:s, s:s, s:I, s:i, s:s}", "failed", delivery->id, "to",
                            delivery->queue->name, "at", (json_int_t)time(NULL), "failures",
                            delivery->failures, "why", why),
                  false);
}

void courier_ended(struct notifier *notifier, struct delivery *delivery, const char *why)
{
    struct courier *courier = &notifier->courier;
    struct server *server = notifier->server;
    courier->running_count--;
    delivery->queue->running_count--;
    delivery->is_running = false;
    if (!why) {
        courier->made_count++;
        forget(notifier, delivery, "delivered", NULL);
    } else {
        courier->failed_count++;
        delivery->failures++;
        if (time(NULL) - delivery->queued_at >= notifier->options->give_up_s)
            give_up(notifier, delivery, why);
        else
            note_failure(notifier, delivery, why);
    }
    if (!server->is_stopping) {
        courier_pump(notifier);
        intake_tend(notifier); /* it may have waited for room */
    } else if (!server->connection_count && !courier->running_count) {
        event_base_loopexit(server->base, NULL);
    }
}

static void begin(struct notifier *notifier, struct delivery *delivery)
{
    const char *why = NULL;
    delivery->is_running = true;
    delivery->queue->running_count++;
    notifier->courier.running_count++;
    if (delivery->queue->target->kind == NOTIFY_COMMAND)
        why = commands_begin(notifier, delivery);
    else
        why = webhooks_begin(notifier, delivery);
    if (why)
        courier_ended(notifier, delivery, why);
}

void courier_pump(struct notifier *notifier)
{
    struct delivery *delivery;
    if (notifier->server->is_stopping || notifier->courier.is_pumping)
        return;
    notifier->courier.is_pumping = true; /* one that cannot even begin ends within this loop */
    for (size_t i = 0; i < notifier->options->target_count; i++)
        while ((delivery = queue_next(&notifier->queues[i], connection_now_ms())))
            begin(notifier, delivery);
    notifier->courier.is_pumping = false;
}
