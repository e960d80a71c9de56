/* Reads in pieces, and the snapshots that they keep; see pieces.h. */
#include "store/pieces.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "store/worker.h"

enum { SNAPSHOTS_MAX = DBKI_READERS_MAX }; /* so that each reader can have one whatever is parked */
static const int64_t UNUSED_NS = 5 * 1000 * 1000 * 1000LL; /* that a snapshot may be parked */
static const int64_t KEPT_NS = 60 * 1000 * 1000 * 1000LL;  /* that one may last */
static const int64_t RETRY_NS = 500 * 1000;

/* A connection to read pieces by. In use it is a reader's; parked or idle it is in the store's list. */
struct dbki_snapshot {
    struct dbki_link link; /* first */
    struct dbki_conn *conn;
    struct dbki_op *owner; /* of a parked one: whom it is kept for; NULL: nobody any more */
    bool is_open;          /* its transaction is */
    int64_t opened_at_ns;
    int64_t due_at_ns; /* of a parked one */
};

/* ------------------------------------------------------------------------------- snapshots ---- */

int64_t dbki_snapshot_due_ns_locked(const struct dbk_store *store)
{
    const struct dbki_snapshot *first = (struct dbki_snapshot *)dbki_list_first(&store->parked);
    return first ? first->due_at_ns : 0;
}

static struct dbki_snapshot *take_parked_locked(struct dbki_snapshot *snapshot)
{
    dbki_list_remove(&snapshot->link);
    if (snapshot->owner)
        snapshot->owner->pieces->snapshot = NULL;
    snapshot->owner = NULL;
    return snapshot;
}

struct dbki_snapshot *dbki_take_due_snapshot_locked(struct dbk_store *store, int64_t now_ns)
{
    struct dbki_snapshot *first = (struct dbki_snapshot *)dbki_list_first(&store->parked);
    if (!first || (!store->is_closing && now_ns < first->due_at_ns))
        return NULL;
    return take_parked_locked(first);
}

void dbki_let_snapshot_go_locked(struct dbk_store *store, struct dbki_op *op)
{
    struct dbki_snapshot *snapshot = op->pieces->snapshot;
    if (!snapshot)
        return;
    take_parked_locked(snapshot);
    snapshot->due_at_ns = 0;
    dbki_list_prepend(&store->parked, &snapshot->link);
    pthread_cond_signal(&store->reads.wake);
}

void dbki_end_snapshot(struct dbk_store *store, struct dbki_snapshot *snapshot, bool is_kept)
{
    if (snapshot->is_open)
        store->engine->rollback(snapshot->conn);
    snapshot->is_open = false;
    pthread_mutex_lock(&store->lock);
    is_kept = is_kept && dbki_list_is_empty(&store->idle);
    if (is_kept)
        dbki_list_append(&store->idle, &snapshot->link);
    else
        store->snapshot_count--;
    pthread_mutex_unlock(&store->lock);
    if (is_kept)
        return;
    store->engine->close(snapshot->conn);
    dbki_free(snapshot);
}

void dbki_close_snapshots(struct dbk_store *store)
{
    struct dbki_link *link;
    dbki_list_move_all(&store->idle, &store->parked);
    while ((link = dbki_list_take_first(&store->idle))) {
        store->engine->close(((struct dbki_snapshot *)link)->conn);
        dbki_free(link);
    }
}

static struct dbki_snapshot *new_snapshot(struct dbk_store *store, struct dbk_error *error)
{
    struct dbki_conn_options options = {.is_slim = true};
    struct dbki_snapshot *snapshot = dbki_calloc(1, sizeof *snapshot);
    int status = DBK_OK;
    if (!snapshot)
        status = dbki_error_set(error, DBK_NO_MEMORY, "out of memory");
    else
        status = store->engine->open(&store->url, &options, &snapshot->conn, error);
    if (!status)
        return snapshot;
    dbki_free(snapshot);
    pthread_mutex_lock(&store->lock);
    store->snapshot_count--;
    pthread_mutex_unlock(&store->lock);
    return NULL;
}

/* Its own one, an idle one, a new one, or the one that was parked for longest. NULL: op->error says why. */
static struct dbki_snapshot *take_snapshot(struct dbk_store *store, struct dbki_op *op)
{
    pthread_mutex_lock(&store->lock);
    struct dbki_snapshot *snapshot = op->pieces->snapshot;
    bool is_own = snapshot != NULL;
    if (is_own)
        take_parked_locked(snapshot);
    else
        snapshot = (struct dbki_snapshot *)dbki_list_take_first(&store->idle);
    if (!snapshot && store->snapshot_count >= SNAPSHOTS_MAX)
        snapshot = take_parked_locked((struct dbki_snapshot *)dbki_list_first(&store->parked));
    store->snapshot_count += !snapshot;
    pthread_mutex_unlock(&store->lock);
    if (is_own)
        return snapshot;
    op->pieces->conn = NULL; /* its address may be another one's by now */
    if (snapshot && snapshot->is_open)
        store->engine->rollback(snapshot->conn);
    if (snapshot)
        snapshot->is_open = false;
    return snapshot ? snapshot : new_snapshot(store, &op->error);
}

/* Begins a transaction, and finds out whether somebody committed since the last piece. */
static int open_snapshot(struct dbki_worker *worker, struct dbki_op *op, bool *out_is_in_the_way)
{
    const struct dbki_engine *engine = worker->conn->engine;
    struct dbki_pieces *pieces = op->pieces;
    int64_t version = 0;
    int status;
    for (int64_t waited_ns = 0;; waited_ns += RETRY_NS) {
        dbki_error_clear(&op->error);
        status = engine->begin(worker->conn, DBKI_READ, NULL, &op->error);
        if (!status)
            status = engine->look(worker->conn, &version, out_is_in_the_way, &op->error);
        if (status != DBK_BUSY || waited_ns > DBKI_LOCK_WAIT_NS)
            break;
        engine->rollback(worker->conn);
        dbki_clock_sleep_ns(RETRY_NS);
    }
    if (status)
        engine->rollback(worker->conn);
    if (status == DBK_BUSY)
        status =
            dbki_error_set(&op->error, DBK_TIMEOUT, "another program kept the database locked");
    pieces->is_other = pieces->conn != worker->conn || pieces->version != version;
    pieces->conn = worker->conn;
    pieces->version = version;
    return status;
}

/* Keeps a snapshot for the next piece. */
static void park(struct dbk_store *store, struct dbki_snapshot *snapshot, struct dbki_op *op)
{
    pthread_mutex_lock(&store->lock);
    snapshot->owner = op;
    snapshot->due_at_ns = dbki_clock_ns() + UNUSED_NS;
    dbki_list_append(&store->parked, &snapshot->link);
    op->pieces->snapshot = snapshot;
    pthread_mutex_unlock(&store->lock);
}

/* --------------------------------------------------------------------------------- reading ---- */

/* Reads a piece by the snapshot that is the operation's. */
static void run_by_snapshot(struct dbki_worker *worker, struct dbki_op *op,
                            struct dbki_snapshot *snapshot)
{
    struct dbki_conn *own = worker->conn;
    bool is_in_the_way = false;
    worker->conn = snapshot->conn;
    op->pieces->is_other = false;
    if (!snapshot->is_open) {
        snapshot->is_open = open_snapshot(worker, op, &is_in_the_way) == DBK_OK;
        snapshot->opened_at_ns = dbki_clock_ns();
    }
    if (snapshot->is_open)
        dbki_run_read(worker, op, true);
    worker->conn = own;
    bool has_failed = op->error.status != DBK_OK;
    if (is_in_the_way && snapshot->is_open) {
        snapshot->is_open = false;
        snapshot->conn->engine->rollback(snapshot->conn);
    }
    if (has_failed || op->pieces->is_last || dbki_clock_ns() > snapshot->opened_at_ns + KEPT_NS)
        dbki_end_snapshot(worker->store, snapshot, !has_failed);
    else
        park(worker->store, snapshot, op);
}

/* The only connection there is: writers use it too, so nothing is kept open. */
static void run_by_own(struct dbki_worker *worker, struct dbki_op *op)
{
    bool is_in_the_way;
    if (open_snapshot(worker, op, &is_in_the_way))
        return;
    dbki_run_read(worker, op, true);
    worker->conn->engine->rollback(worker->conn);
}

void dbki_run_piece(struct dbki_worker *worker, struct dbki_op *op)
{
    struct dbki_snapshot *snapshot;
    bool is_first = !op->pieces->is_begun;
    op->pieces->is_begun = true;
    if (worker->is_writer)
        run_by_own(worker, op);
    else if (is_first)
        dbki_run_read(worker, op, false);
    else if ((snapshot = take_snapshot(worker->store, op)))
        run_by_snapshot(worker, op, snapshot);
    dbki_complete(worker, &op, 1);
}

bool dbki_pieces_end_early(struct dbki_op *op)
{
    struct dbk_store *store = op->store;
    pthread_mutex_lock(&store->lock);
    bool is_closing = store->is_closing;
    pthread_mutex_unlock(&store->lock);
    if (op->is_cancelled)
        dbki_error_set(&op->error, DBK_CANCELLED, "the operation was cancelled");
    else if (is_closing)
        dbki_error_set(&op->error, DBK_CANCELLED, "the store was closed");
    else if (op->deadline_ns && dbki_clock_ns() > op->deadline_ns)
        dbki_error_set(&op->error, DBK_TIMEOUT, "the deadline passed within the value");
    return op->error.status != DBK_OK;
}

/* ------------------------------------------------------------------------------ delivering ---- */

static void append_locked(struct dbki_queue *queue, struct dbki_op *op)
{
    op->state = DBKI_OP_WAITING;
    dbki_list_append(&queue->waiting, &op->link);
    queue->count++;
}

/* After a piece that was not the last. Result: whether a reader has to be woken. */
static bool go_on_locked(struct dbk_store *store, struct dbki_op *op)
{
    struct dbki_queue *queue = dbki_queue_of(store, op);
    if (op->is_cancelled || store->is_closing) {
        append_locked(queue, op);
        dbki_end_waiting_locked(store, queue, op, DBK_CANCELLED,
                                op->is_cancelled ? "the operation was cancelled"
                                                 : "the store was closed");
        return false;
    }
    op->pieces->is_asleep = op->pieces->is_paused && !op->pieces->is_resumed;
    append_locked(op->pieces->is_asleep ? &store->paused : queue, op);
    if (op->deadline_ns)
        dbki_timer_at_most_locked(store, op->deadline_ns);
    return !op->pieces->is_asleep;
}

bool dbki_deliver_piece(struct dbk_store *store, struct dbki_op *op)
{
    struct dbki_pieces *pieces = op->pieces;
    pthread_mutex_lock(&store->lock);
    pieces->is_resumed = false;
    pthread_mutex_unlock(&store->lock);
    op->kind->deliver(op, NULL);
    if (!pieces->is_last) {
        pthread_mutex_lock(&store->lock);
        store->outstanding++;
        bool wakes = go_on_locked(store, op);
        pthread_mutex_unlock(&store->lock);
        if (wakes)
            pthread_cond_signal(&dbki_queue_of(store, op)->wake);
        return true;
    }
    dbki_forget_follower(store, op); /* from here on it cannot be cancelled */
    pieces->is_over = true;
    if (op->is_cancelled)
        dbki_error_set(&op->error, DBK_CANCELLED, "the operation was cancelled");
    return false;
}

int dbk_resume(struct dbk_store *store, struct dbk_op handle)
{
    if (!store)
        return DBK_INVALID;
    if (store->fork_generation != dbki_fork_generation())
        return DBK_CLOSED;
    pthread_mutex_lock(&store->lock);
    struct dbki_op *op = store->followers;
    while (op && op->id != handle.id)
        op = op->next_follower;
    bool is_found = op && op->pieces && !op->is_cancelled &&
                    !(op->state == DBKI_OP_READY && op->error.status != DBK_OK);
    bool is_paused = is_found && op->pieces->is_asleep;
    if (is_found)
        op->pieces->is_resumed = true;
    struct dbki_queue *queue = is_paused ? dbki_queue_of(store, op) : NULL;
    if (is_paused) {
        op->pieces->is_asleep = false;
        dbki_list_remove(&op->link);
        store->paused.count--;
        append_locked(queue, op);
        pthread_cond_signal(&queue->wake);
    }
    pthread_mutex_unlock(&store->lock);
    return is_found ? DBK_OK : DBK_NOT_FOUND;
}
