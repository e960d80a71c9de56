/*
 * From finished to delivered: the ready list, its descriptor, deadlines of what waits, cancelling.
 *
 * Deadlines are kept here and not by the workers, since a worker may hang in the disk: a timer makes the
 * store's descriptor readable, and whoever dispatches ends what is late.
 */
#include "base/clock.h"
#include "store/store.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

bool dbki_wants_signal_locked(struct dbk_store *store)
{
    bool wants = !store->is_signalled;
    store->is_signalled = true;
    store->owed_signals += wants;
    return wants;
}

void dbki_signal(struct dbk_store *store)
{
    eventfd_write(store->event_fd, 1);
}

void dbki_signal_locked(struct dbk_store *store)
{
    if (dbki_wants_signal_locked(store))
        dbki_signal(store);
}

void dbki_append_ready_locked(struct dbk_store *store, struct dbki_op *op)
{
    bool is_write = op->kind->access != DBKI_ACCESS_READ;
    *(is_write ? &store->write_count : &store->read_count) += 1;
    store->failed_count += op->error.status != DBK_OK && op->error.status != DBK_NOT_FOUND;
    op->state = DBKI_OP_READY;
    dbki_list_append(&store->ready, &op->link);
    store->ready_count++;
}

void dbki_end_waiting_locked(struct dbk_store *store, struct dbki_queue *queue, struct dbki_op *op,
                             enum dbk_status status, const char *sentence)
{
    dbki_list_remove(&op->link);
    queue->count--;
    dbki_error_set(&op->error, status, "%s", sentence);
    if (op->pieces)
        dbki_let_snapshot_go_locked(store, op);
    if (op->is_partly_done) /* it had turns before, and what they did stays done */
        op->error.outcome = DBK_DONE;
    dbki_append_ready_locked(store, op);
    dbki_signal_locked(store);
}

void dbki_end_late_locked(struct dbk_store *store, struct dbki_queue *queue, struct dbki_op *op)
{
    dbki_end_waiting_locked(store, queue, op, DBK_TIMEOUT,
                            "the deadline passed before the database was free");
}

void dbki_timer_at_most_locked(struct dbk_store *store, int64_t at_ns)
{
    if (store->timer_at_ns && store->timer_at_ns <= at_ns)
        return;
    store->timer_at_ns = at_ns;
    struct itimerspec when = {.it_value = {at_ns / 1000000000, at_ns % 1000000000}};
    timerfd_settime(store->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

/* Ends what is late in a queue. Result: the earliest deadline that is left, 0 for none. */
static int64_t end_late(struct dbk_store *store, struct dbki_queue *queue, int64_t now_ns)
{
    int64_t next_ns = 0;
    struct dbki_link *next;
    for (struct dbki_link *link = queue->waiting.ends.next; link != &queue->waiting.ends;
         link = next) {
        struct dbki_op *op = (struct dbki_op *)link;
        next = link->next;
        if (!op->deadline_ns)
            continue;
        if (op->deadline_ns <= now_ns)
            dbki_end_late_locked(store, queue, op);
        else if (!next_ns || op->deadline_ns < next_ns)
            next_ns = op->deadline_ns;
    }
    return next_ns;
}

/* Result: whether a reader has to be woken, since followers are to look. */
static bool check_deadlines_locked(struct dbk_store *store)
{
    int64_t now_ns;
    uint64_t ticks;
    if (!store->timer_at_ns || (now_ns = dbki_clock_ns()) < store->timer_at_ns)
        return false;
    if (read(store->timer_fd, &ticks, sizeof ticks) < 0) {
        /* It has not gone off yet by its own count: it will, once more, for nothing. */
    }
    store->timer_at_ns = 0;
    int64_t asleep_ns = end_late(store, &store->asleep, now_ns);
    if (asleep_ns)
        dbki_timer_at_most_locked(store, asleep_ns);
    bool wakes = dbki_look_locked(store, now_ns);
    int64_t resting_ns = end_late(store, &store->resting, now_ns);
    if (resting_ns)
        dbki_timer_at_most_locked(store, resting_ns);
    resting_ns = dbki_end_rests_locked(store, now_ns);
    if (resting_ns)
        dbki_timer_at_most_locked(store, resting_ns);
    int64_t paused_ns = end_late(store, &store->paused, now_ns);
    if (paused_ns)
        dbki_timer_at_most_locked(store, paused_ns);
    int64_t reads_ns = end_late(store, &store->reads, now_ns);
    if (reads_ns)
        dbki_timer_at_most_locked(store, reads_ns);
    for (int i = 0; i < store->writer_count; i++) {
        int64_t writes_ns = end_late(store, &store->writes[i], now_ns);
        if (writes_ns)
            dbki_timer_at_most_locked(store, writes_ns);
    }
    return wakes;
}

static bool is_forked(const struct dbk_store *store)
{
    return store->fork_generation != dbki_fork_generation();
}

/* The last act: its callback runs with the store still there, and nothing of it is used afterwards. */
static void finish_closing(struct dbk_store *store)
{
    if (store->close_done)
        store->close_done(store->close_user, NULL);
    dbki_store_free(store);
}

/* What a follower found, or what long work has to say of a turn; then it goes on. */
static void deliver_followed(struct dbk_store *store, struct dbki_op *op)
{
    op->kind->deliver(op, NULL);
    if (op->kind->is_long)
        memcpy(op->progress_committed, op->progress, sizeof op->progress);
    pthread_mutex_lock(&store->lock);
    store->outstanding++;
    bool wakes = dbki_follow_locked(store, op);
    pthread_mutex_unlock(&store->lock);
    if (wakes)
        pthread_cond_signal(&dbki_queue_of(store, op)->wake);
}

static void deliver(struct dbk_store *store, struct dbki_op *op)
{
    bool goes_on = op->kind->is_follower && (!op->kind->is_long || op->is_turn_over);
    if (goes_on && op->error.status == DBK_OK) {
        deliver_followed(store, op);
        return;
    }
    if (op->pieces && op->error.status == DBK_OK && dbki_deliver_piece(store, op))
        return;
    if (op->kind->is_follower || op->pieces)
        dbki_forget_follower(store, op);
    struct dbk_error *error = op->error.status == DBK_OK ? NULL : &op->error;
    if (error)
        dbki_error_action(error, op->kind->action);
    op->kind->deliver(op, error);
    dbki_op_free(op);
}

void dbk_gather(struct dbk_store *store)
{
    if (!store || is_forked(store))
        return;
    pthread_mutex_lock(&store->lock);
    store->is_dispatch_due = true;
    store->gatherer = pthread_self();
    pthread_mutex_unlock(&store->lock);
}

/* Result: whether a reader has to be woken for what gathered. */
static bool end_gathering_locked(struct dbk_store *store)
{
    bool wakes = store->is_dispatch_due && dbki_wants_worker_locked(&store->reads);
    store->is_dispatch_due = false;
    return wakes;
}

/* Result: how many callbacks ran; *out_is_freed says that the store is gone. */
static int dispatch(struct dbk_store *store, bool *out_is_freed)
{
    struct dbki_list finished;
    uint64_t count;
    int delivered = 0;
    dbki_list_init(&finished);
    *out_is_freed = false;
    pthread_mutex_lock(&store->lock);
    if (store->is_dispatching) { /* a callback that dispatches: it has to return first */
        pthread_mutex_unlock(&store->lock);
        return 0;
    }
    bool wakes_reader = check_deadlines_locked(store);
    wakes_reader |= end_gathering_locked(store);
    dbki_list_move_all(&finished, &store->ready);
    store->outstanding -= store->ready_count;
    store->ready_count = 0;
    bool is_last = store->is_finished;
    store->is_signalled = false;
    /* What was promised may be written only after this: then it is read by the next one. */
    if (store->owed_signals && eventfd_read(store->event_fd, &count) == 0)
        store->owed_signals -= count;
    store->is_dispatching = is_last || !dbki_list_is_empty(&finished);
    store->dispatcher = pthread_self();
    pthread_mutex_unlock(&store->lock);
    if (wakes_reader)
        pthread_cond_signal(&dbki_read_queue(store)->wake);

    for (struct dbki_link *link; (link = dbki_list_take_first(&finished)); delivered++)
        deliver(store, (struct dbki_op *)link);

    if (delivered) {
        pthread_mutex_lock(&store->lock);
        /* A follower whose last events were just delivered has yet to be told that it ended. */
        is_last = is_last && dbki_list_is_empty(&store->ready);
        store->is_dispatching = is_last;
        bool wakes_writer = store->is_gathering;
        wakes_reader = dbki_wants_worker_locked(&store->reads);
        pthread_mutex_unlock(&store->lock);
        if (wakes_writer)
            pthread_cond_signal(&store->dispatched);
        if (wakes_reader)
            pthread_cond_signal(&store->reads.wake);
    }
    if (is_last) {
        finish_closing(store);
        *out_is_freed = true;
        delivered++;
    }
    return delivered;
}

int dbk_dispatch(struct dbk_store *store)
{
    bool is_freed;
    if (!store || is_forked(store))
        return 0;
    return dispatch(store, &is_freed);
}

/* Sleeps until there may be something to dispatch. */
static void sleep_for(struct dbk_store *store, int64_t timeout_ns)
{
    struct pollfd fds[] = {{.fd = store->event_fd, .events = POLLIN},
                           {.fd = store->timer_fd, .events = POLLIN}};
    struct timespec time = {timeout_ns / 1000000000, timeout_ns % 1000000000};
    ppoll(fds, 2, timeout_ns < 0 ? NULL : &time, NULL);
}

int dbk_wait(struct dbk_store *store, int timeout_ms)
{
    if (!store || is_forked(store))
        return 0;
    int64_t end_ns = timeout_ms < 0 ? -1 : dbki_clock_ns() + (int64_t)timeout_ms * 1000000;
    for (;;) {
        bool is_freed;
        int delivered = dispatch(store, &is_freed);
        if (delivered)
            return delivered;
        pthread_mutex_lock(&store->lock);
        /* A callback that waits would wait for itself. */
        bool is_idle = store->is_dispatching || (!store->is_closing && store->outstanding == 0);
        pthread_mutex_unlock(&store->lock);
        int64_t left_ns = end_ns < 0 ? -1 : end_ns - dbki_clock_ns();
        if (is_idle || (end_ns >= 0 && left_ns <= 0))
            return 0;
        sleep_for(store, left_ns);
    }
}

int dbk_fd(struct dbk_store *store)
{
    return store && !is_forked(store) ? store->poll_fd : -1;
}

static struct dbki_op *find_waiting(const struct dbki_queue *queue, uint64_t id)
{
    for (struct dbki_link *link = queue->waiting.ends.next; link != &queue->waiting.ends;
         link = link->next)
        if (((struct dbki_op *)link)->id == id)
            return (struct dbki_op *)link;
    return NULL;
}

int dbk_cancel(struct dbk_store *store, struct dbk_op handle)
{
    if (!store)
        return DBK_INVALID;
    if (is_forked(store))
        return DBK_CLOSED;
    struct dbki_queue *queues[4 + DBKI_WRITERS_MAX] = {&store->reads, &store->asleep,
                                                       &store->resting, &store->paused};
    int status = DBK_NOT_FOUND, count = 4;
    for (int i = 0; i < store->writer_count; i++)
        queues[count++] = &store->writes[i];
    pthread_mutex_lock(&store->lock);
    for (int i = 0; i < count && status; i++) {
        struct dbki_op *op = find_waiting(queues[i], handle.id);
        if (!op)
            continue;
        dbki_end_waiting_locked(store, queues[i], op, DBK_CANCELLED, "the operation was cancelled");
        status = DBK_OK;
    }
    if (status && dbki_cancel_follower_locked(store, handle.id))
        status = DBK_OK;
    pthread_mutex_unlock(&store->lock);
    return status;
}

static void cancel_all(struct dbk_store *store, struct dbki_queue *queue)
{
    struct dbki_link *link;
    while ((link = dbki_list_first(&queue->waiting)))
        dbki_end_waiting_locked(store, queue, (struct dbki_op *)link, DBK_CANCELLED,
                                "the store was closed before the operation was begun");
}

int dbk_close(struct dbk_store *store, dbk_done_fn *done, void *user)
{
    if (!store)
        return DBK_INVALID;
    if (is_forked(store))
        return DBK_CLOSED;
    pthread_mutex_lock(&store->lock);
    int status = store->is_closing ? DBK_CLOSED : DBK_OK;
    if (!status) {
        store->is_closing = true;
        store->close_done = done;
        store->close_user = user;
        cancel_all(store, &store->reads);
        for (int i = 0; i < store->writer_count; i++)
            cancel_all(store, &store->writes[i]);
        cancel_all(store, &store->asleep);
        cancel_all(store, &store->resting);
        cancel_all(store, &store->paused);
        pthread_cond_broadcast(&store->reads.wake);
        for (int i = 0; i < store->writer_count; i++)
            pthread_cond_broadcast(&store->writes[i].wake);
        pthread_cond_broadcast(&store->dispatched);
        dbki_listener_wake_locked(store);
    }
    pthread_mutex_unlock(&store->lock);
    return status;
}

int dbk_close_wait(struct dbk_store *store)
{
    if (!store)
        return DBK_OK;
    if (is_forked(store))
        return DBK_CLOSED;
    dbk_close(store, NULL, NULL); /* or it is closing already */
    for (bool is_freed = false; !is_freed;)
        if (!dispatch(store, &is_freed))
            sleep_for(store, -1);
    return DBK_OK;
}
