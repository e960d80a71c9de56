/*
 * Followers: reads that look again and again, and deliver each time they find something, until they are
 * cancelled, late, or the store is closed.
 *
 *     submit --> waiting --> running --+--> ready --> delivered --+--> waiting (there is more)
 *                   ^                  |                          |
 *                   |                  +------> asleep <----------+
 *                   +---- a commit of ours, or LOOK_NS later ----+
 *
 * While nobody follows, none of this runs: there is no timer and no wake-up.
 */
#include "base/clock.h"
#include "store/store.h"

/* Between two looks at what other processes wrote; our own commits are looked at at once. */
static const int64_t LOOK_NS = 500 * 1000 * 1000;

static void append_locked(struct dbki_queue *queue, struct dbki_op *op)
{
    op->state = DBKI_OP_WAITING;
    dbki_list_append(&queue->waiting, &op->link);
    queue->count++;
}

static void rest_locked(struct dbk_store *store, struct dbki_op *op)
{
    append_locked(&store->resting, op);
    dbki_timer_at_most_locked(store, op->rest_until_ns);
    if (op->deadline_ns)
        dbki_timer_at_most_locked(store, op->deadline_ns);
}

bool dbki_follow_locked(struct dbk_store *store, struct dbki_op *op)
{
    struct dbki_queue *queue = dbki_queue_of(store, op);
    if (op->is_cancelled || store->is_closing) {
        append_locked(queue, op);
        dbki_end_waiting_locked(store, queue, op, DBK_CANCELLED,
                                op->is_cancelled ? "the operation was cancelled"
                                                 : "the store was closed");
        return false;
    }
    if (op->deadline_ns)
        dbki_timer_at_most_locked(store, op->deadline_ns);
    if (op->kind->is_long && op->rest_until_ns) {
        rest_locked(store, op);
        return false;
    }
    /* What was committed since its look began woke nobody: it was not asleep. */
    if (op->kind->is_long || op->found == DBKI_FOUND_MORE ||
        op->looked_at_turn != store->write_turns) {
        append_locked(queue, op);
        return true;
    }
    append_locked(&store->asleep, op);
    if (!store->look_at_ns)
        store->look_at_ns = dbki_clock_ns() + LOOK_NS;
    dbki_timer_at_most_locked(store, store->look_at_ns);
    return false;
}

bool dbki_wake_followers_locked(struct dbk_store *store)
{
    struct dbki_link *link;
    bool wakes = false;
    while ((link = dbki_list_take_first(&store->asleep.waiting))) {
        struct dbki_op *op = (struct dbki_op *)link;
        store->asleep.count--;
        append_locked(dbki_queue_of(store, op), op);
        wakes = true;
    }
    store->look_at_ns = 0;
    return wakes;
}

bool dbki_wait_for_turn_locked(struct dbk_store *store, struct dbki_op *op)
{
    struct dbki_queue *queue = dbki_queue_of(store, op);
    if (op->rest_until_ns && !store->is_closing)
        rest_locked(store, op);
    else
        append_locked(queue, op);
    if (store->is_closing)
        dbki_end_waiting_locked(store, queue, op, DBK_CANCELLED,
                                "the store was closed before the operation had ended");
    store->write_turns++;
    return dbki_wake_followers_locked(store);
}

int64_t dbki_end_rests_locked(struct dbk_store *store, int64_t now_ns)
{
    int64_t next_ns = 0;
    struct dbki_link *next;
    for (struct dbki_link *link = store->resting.waiting.ends.next;
         link != &store->resting.waiting.ends; link = next) {
        struct dbki_op *op = (struct dbki_op *)link;
        struct dbki_queue *queue = dbki_queue_of(store, op);
        next = link->next;
        if (op->rest_until_ns > now_ns) {
            next_ns = next_ns && next_ns < op->rest_until_ns ? next_ns : op->rest_until_ns;
            continue;
        }
        dbki_list_remove(link);
        store->resting.count--;
        op->rest_until_ns = 0;
        append_locked(queue, op);
        pthread_cond_signal(&queue->wake);
    }
    return next_ns;
}

bool dbki_look_locked(struct dbk_store *store, int64_t now_ns)
{
    if (!store->look_at_ns)
        return false;
    if (now_ns >= store->look_at_ns)
        return dbki_wake_followers_locked(store);
    dbki_timer_at_most_locked(store, store->look_at_ns);
    return false;
}

bool dbki_cancel_follower_locked(struct dbk_store *store, uint64_t id)
{
    struct dbki_op *op = store->followers;
    while (op && op->id != id)
        op = op->next_follower;
    /* One that is ready with an error, or with long work's end, only waits to be told so. */
    if (!op || op->is_cancelled ||
        (op->state == DBKI_OP_READY &&
         (op->error.status != DBK_OK || (op->kind->is_long && !op->is_turn_over))))
        return false;
    op->is_cancelled = true;
    return true;
}

void dbki_forget_follower(struct dbk_store *store, struct dbki_op *op)
{
    pthread_mutex_lock(&store->lock);
    struct dbki_op **place = &store->followers;
    while (*place && *place != op)
        place = &(*place)->next_follower;
    if (*place)
        *place = op->next_follower;
    dbki_listener_wake_locked(store);
    pthread_mutex_unlock(&store->lock);
}
