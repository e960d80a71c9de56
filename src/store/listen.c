/*
 * The listener: a thread with a connection of its own on which the engine is told of commits, those of other
 * processes above all; then followers look at once, and not only when it is time to. While nobody follows it
 * sleeps, without a connection. What it misses while it has none is found by the looks (follow.c).
 */
#include "base/clock.h"
#include "store/store.h"

#include <sys/eventfd.h>

/* Before another try, after one that failed for now, or for a reason that stays (a standby, a right). */
static const int64_t PAUSE_NS = 1000 * 1000 * 1000, LONG_PAUSE_NS = 30000 * 1000 * 1000LL;

static bool is_followed_locked(const struct dbk_store *store)
{
    for (const struct dbki_op *op = store->followers; op; op = op->next_follower)
        if (op->kind->is_follower && !op->kind->is_long)
            return true;
    return false;
}

void dbki_listener_wake_locked(struct dbk_store *store)
{
    if (!store->engine->listen)
        return;
    if (store->is_closing || !is_followed_locked(store))
        eventfd_write(store->listener.stop_fd, 1);
    pthread_cond_signal(&store->listener.wake);
}

static bool is_stopped(void *user)
{
    struct dbk_store *store = user;
    pthread_mutex_lock(&store->lock);
    bool is = store->is_closing;
    pthread_mutex_unlock(&store->lock);
    return is;
}

static void let_followers_look(struct dbk_store *store)
{
    pthread_mutex_lock(&store->lock);
    store->write_turns++; /* also those whose look has begun */
    bool wakes = dbki_wake_followers_locked(store);
    pthread_mutex_unlock(&store->lock);
    if (wakes)
        pthread_cond_signal(&dbki_read_queue(store)->wake);
}

/* Until somebody follows. Result: false: the store is being closed. */
static bool wait_for_followers(struct dbk_store *store, struct dbki_conn **conn)
{
    eventfd_t ignored;
    pthread_mutex_lock(&store->lock);
    while (!store->is_closing && !is_followed_locked(store)) {
        struct dbki_conn *unused = *conn;
        if (!unused) {
            pthread_cond_wait(&store->listener.wake, &store->lock);
            continue;
        }
        *conn = NULL;
        pthread_mutex_unlock(&store->lock);
        store->engine->close(unused);
        pthread_mutex_lock(&store->lock);
    }
    eventfd_read(store->listener.stop_fd, &ignored); /* if it was written */
    bool goes_on = !store->is_closing;
    pthread_mutex_unlock(&store->lock);
    return goes_on;
}

static void pause_until(struct dbk_store *store, int64_t until_ns)
{
    struct timespec until = {until_ns / 1000000000, until_ns % 1000000000};
    pthread_mutex_lock(&store->lock);
    while (!store->is_closing && dbki_clock_ns() < until_ns)
        pthread_cond_timedwait(&store->listener.wake, &store->lock, &until);
    pthread_mutex_unlock(&store->lock);
}

static void *run(void *argument)
{
    struct dbk_store *store = argument;
    struct dbki_conn_options options = {.is_slim = true, .is_stopped = is_stopped, .user = store};
    struct dbki_conn *conn = NULL;
    while (wait_for_followers(store, &conn)) {
        struct dbk_error error;
        dbki_error_clear(&error);
        int status = DBK_OK;
        bool is_new = !conn;
        if (is_new)
            status = store->engine->open(&store->url, &options, &conn, &error);
        if (!status)
            status = store->engine->listen(conn, store->listener.stop_fd, &error);
        if (!status) {
            let_followers_look(store);
            continue;
        }
        store->engine->close(conn);
        conn = NULL;
        if (is_new)
            pause_until(store, dbki_clock_ns() + (error.is_retryable ? PAUSE_NS : LONG_PAUSE_NS));
    }
    store->engine->close(conn);
    dbki_thread_ends(store);
    return NULL;
}

int dbki_listener_start_locked(struct dbk_store *store)
{
    int failed = pthread_create(&store->listener.thread, NULL, run, store);
    if (failed)
        return failed;
    pthread_setname_np(store->listener.thread, "daybook-listen");
    store->listener.is_started = true;
    store->live_workers++;
    return 0;
}
