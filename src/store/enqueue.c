/* Taking operations in: what is refused, which queue they wait in, and who is woken for them. */
#include "store/worker.h"

#include "base/clock.h"

#include <pthread.h>

enum { GATHERED_READS = 16 };

static int check_access(const struct dbk_store *store, const struct dbki_op *op,
                        const struct dbk_call *call)
{
    enum dbki_access access = op->kind->access;
    if (store->schema.is_older && !store->is_exclusive && !op->kind->reads_older)
        return dbki_refuse(
            call, DBK_UNSUPPORTED,
            "daybook's tables are of an older version: `daybook upgrade` brings them up");
    if (access == DBKI_ACCESS_READ)
        return DBK_OK;
    if (store->url.is_read_only)
        return dbki_refuse(call, DBK_READ_ONLY, "the database was opened with mode=ro");
    if (access == DBKI_ACCESS_TABLES && store->is_exclusive && store->schema.untransacted[0])
        return dbki_refuse(call, DBK_UNSUPPORTED, "%s", store->no_writes);
    if (access == DBKI_ACCESS_TABLES)
        return store->is_exclusive
                   ? DBK_OK
                   : dbki_refuse(call, DBK_UNSUPPORTED,
                                 "%s needs a store that was opened with is_exclusive",
                                 op->kind->action);
    if (store->schema.is_older)
        return dbki_refuse(
            call, DBK_UNSUPPORTED,
            "daybook's tables are of an older version: `daybook upgrade` brings them up");
    if (store->schema.moved_to[0])
        return dbki_refuse(call, DBK_READ_ONLY, DBKI_MOVED_WORDS, store->schema.moved_to);
    if (store->schema.is_own)
        return DBK_OK;
    if (access == DBKI_ACCESS_OWN)
        return dbki_refuse(call, DBK_UNSUPPORTED,
                           "%s is not possible in a Buildbot database, whose master would act on "
                           "it: use a store of your own (`daybook init`)",
                           op->kind->action);
    enum dbki_writes needed =
        access == DBKI_ACCESS_EXISTING ? DBKI_WRITES_EXISTING : DBKI_WRITES_MASTER;
    if (store->url.writes < needed)
        return dbki_refuse(call, DBK_READ_ONLY,
                           "a Buildbot database is only read unless its URL says ?writes=%s",
                           needed == DBKI_WRITES_EXISTING ? "existing" : "master");
    if (store->no_writes[0])
        return dbki_refuse(call, DBK_UNSUPPORTED, "%s", store->no_writes);
    return DBK_OK;
}

static int check_call(struct dbk_store *store, const struct dbki_op *op,
                      const struct dbk_call *call)
{
    if (store->fork_generation != dbki_fork_generation())
        return dbki_refuse(call, DBK_CLOSED, "the store was opened before a fork: open it anew");
    if (op->is_out_of_memory)
        return dbki_refuse(call, DBK_NO_MEMORY, "out of memory");
    if (call && call->size < sizeof *call)
        return dbki_refuse(NULL, DBK_INVALID, "the call does not begin with DBK_CALL_INIT");
    if (call && call->timeout_ms < 0)
        return dbki_refuse(call, DBK_INVALID, "timeout_ms must not be negative");
    return check_access(store, op, call);
}

bool dbki_wants_worker_locked(const struct dbki_queue *queue)
{
    return queue->sleeper_count && queue->count > queue->seeker_count;
}

/* Whether this thread's answers cannot be given before it has done something else first. */
static bool gathers_locked(const struct dbk_store *store)
{
    pthread_t self = pthread_self();
    return (store->is_dispatching && pthread_equal(store->dispatcher, self)) ||
           (store->is_dispatch_due && pthread_equal(store->gatherer, self));
}

/*
 * Whether a submit wakes a worker. Reads that callbacks submit are left to gather: their answers cannot be
 * given before the callbacks have returned, and a batch costs less than so many single ones.
 */
static bool wakes_worker_locked(const struct dbk_store *store, const struct dbki_queue *queue)
{
    if (!dbki_wants_worker_locked(queue))
        return false;
    if (queue == &store->reads && gathers_locked(store))
        return queue->count == GATHERED_READS;
    return true;
}

struct dbki_queue *dbki_read_queue(struct dbk_store *store)
{
    bool is_single = store->workers[0].is_writer && store->workers[0].is_reader;
    return is_single ? &store->writes[0] : &store->reads;
}

struct dbki_queue *dbki_queue_of(struct dbk_store *store, const struct dbki_op *op)
{
    if (op->kind->access == DBKI_ACCESS_READ)
        return dbki_read_queue(store);
    /* A store that nobody may write has no writers, but queues. */
    uint64_t count = store->writer_count ? (uint64_t)store->writer_count : 1;
    return &store->writes[((uint64_t)op->order_id + op->kind->orders) % count];
}

int dbki_enqueue(struct dbk_store *store, struct dbki_op *op, const struct dbk_call *call)
{
    int status = check_call(store, op, call);
    if (status) {
        dbki_op_free(op);
        return status;
    }
    bool is_read = op->kind->access == DBKI_ACCESS_READ;
    struct dbki_queue *queue = dbki_queue_of(store, op);
    op->store = store;
    op->arguments_end = dbki_arena_mark(&op->arena);
    op->now = is_read ? 0 : store->clock(store->clock_user);
    if (call && call->timeout_ms) {
        int64_t now_ns = dbki_clock_ns();
        op->deadline_ns = call->timeout_ms < (INT64_MAX - now_ns) / 1000000
                              ? now_ns + call->timeout_ms * 1000000
                              : 0;
    }
    pthread_mutex_lock(&store->lock);
    if (store->is_closing || store->outstanding >= store->queue_max) {
        bool is_closing = store->is_closing;
        pthread_mutex_unlock(&store->lock);
        dbki_op_free(op);
        return is_closing ? dbki_refuse(call, DBK_CLOSED, "the store is closed")
                          : dbki_refuse(call, DBK_BUSY,
                                        "%lld operations are outstanding, the most there may be",
                                        (long long)store->queue_max);
    }
    store->outstanding++;
    op->id = ++store->last_op_id;
    op->state = DBKI_OP_WAITING;
    dbki_list_append(&queue->waiting, &op->link);
    queue->count++;
    if (op->kind->is_follower || op->pieces) {
        op->next_follower = store->followers;
        store->followers = op;
        dbki_listener_wake_locked(store);
    }
    if (op->deadline_ns)
        dbki_timer_at_most_locked(store, op->deadline_ns);
    bool wakes = wakes_worker_locked(store, queue);
    if (wakes) /* the operation may be answered, and the store closed, before the signal is sent */
        atomic_fetch_add(&store->waker_count, 1);
    if (call && call->out_op)
        *call->out_op = (struct dbk_op){op->id};
    pthread_mutex_unlock(&store->lock);
    if (wakes) {
        pthread_cond_signal(&queue->wake);
        atomic_fetch_sub(&store->waker_count, 1);
    }
    return DBK_OK;
}
