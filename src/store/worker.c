/*
 * A worker: a thread with one connection that takes operations from the queues and runs them.
 * What it does with a batch is in writes.c and reads.c.
 */
#include "store/worker.h"

#include "base/clock.h"

static const int64_t BUSY_NS = 1000 * 1000 * 1000;
static const int64_t ROOM_NS = 110 * 1000 * 1000;
static const int64_t AFTER_LATE_NS = 200 * 1000 * 1000; /* that readers may be late with it */
static const int64_t AFTER_RECONNECT_NS = 1000 * 1000 * 1000;

/* ------------------------------------------------------------------------------ operations ---- */

int dbki_take_row(void *owner, int index, const struct dbki_value *cells, int cell_count)
{
    struct dbki_op *op = owner;
    const struct dbki_opkind *kind = op->wrapper ? op->wrapper : op->kind;
    return kind->row ? kind->row(op, index, cells, cell_count) : DBK_OK;
}

/* On a full disk what is left is for those that free some. Result: whether the operation was refused. */
static bool refuse_when_short(const struct dbki_conn *conn, struct dbki_op *op)
{
    if (!conn->is_short || op->kind->frees_space || op->kind->access == DBKI_ACCESS_READ)
        return false;
    dbki_error_set(
        &op->error, DBK_FULL,
        "%.160s: there is too little space left on its disk: free some space there, or delete "
        "old build data (`daybook prune --older-than 30d`); nothing was lost, and "
        "writing goes on then",
        conn->path ? conn->path : "");
    return true;
}

static int run_passes(struct dbki_worker *worker, struct dbki_op *op)
{
    struct dbki_binder *binder = &worker->binders[0], *next = &worker->binders[1];
    const struct dbki_opkind *kind = op->wrapper ? op->wrapper : op->kind;
    dbki_binder_clear(binder);
    kind->bind(op, binder);
    for (;; op->pass++) {
        if (binder->is_out_of_memory)
            return dbki_error_set(&op->error, DBK_NO_MEMORY, "out of memory");
        struct dbki_group group = {.bound = binder->bound,
                                   .bound_count = binder->count,
                                   .owner = op,
                                   .row = dbki_take_row,
                                   .error = &op->error};
        struct dbki_group *groups[] = {&group};
        int failed;
        int status = worker->conn->engine->run(worker->conn, groups, 1, &failed);
        if (status)
            return status;
        if (!kind->read)
            return DBK_OK;
        dbki_binder_clear(next);
        kind->read(op, binder->bound, next);
        if (next->is_out_of_memory)
            return dbki_error_set(&op->error, DBK_NO_MEMORY, "out of memory");
        if (!next->count)
            return DBK_OK;
        struct dbki_binder *done = binder;
        binder = next;
        next = done;
    }
}

int dbki_run_op(struct dbki_worker *worker, struct dbki_op *op)
{
    const struct dbki_opkind *kind = op->wrapper ? op->wrapper : op->kind;
    struct dbki_conn *conn = worker->conn;
    if (refuse_when_short(conn, op))
        return DBK_OK;
    if (kind->work)
        return kind->work(op, conn);
    if (!kind->overwrites || !conn->engine->overwrite)
        return run_passes(worker, op);
    conn->engine->overwrite(conn, true);
    int status = run_passes(worker, op);
    conn->engine->overwrite(conn, false);
    return status;
}

/* The operation that is to be begun next; those that are late by now are ended instead, whether or not
 * anybody dispatched in the meantime. */
static struct dbki_op *next_locked(struct dbk_store *store, struct dbki_queue *queue)
{
    struct dbki_op *op;
    while ((op = (struct dbki_op *)dbki_list_first(&queue->waiting))) {
        if (!op->deadline_ns || op->deadline_ns > dbki_clock_ns())
            break;
        dbki_end_late_locked(store, queue, op);
    }
    return op;
}

static void begin_locked(struct dbk_store *store, struct dbki_queue *queue, struct dbki_op *op)
{
    dbki_list_remove(&op->link);
    queue->count--;
    op->state = DBKI_OP_RUNNING;
    op->looked_at_turn = store->write_turns;
}

struct dbki_op *dbki_take_locked(struct dbk_store *store, struct dbki_queue *queue)
{
    struct dbki_op *op = next_locked(store, queue);
    /* What has transactions of its own does not share one. */
    if (op && op->kind->access == DBKI_ACCESS_TABLES)
        return NULL;
    if (op)
        begin_locked(store, queue, op);
    return op;
}

/* Of a follower whose look found nothing: it is not delivered. */
static bool has_nothing_new(const struct dbki_op *op)
{
    return op->kind->is_follower && !op->kind->is_long && op->found == DBKI_FOUND_NOTHING &&
           op->error.status == DBK_OK;
}

void dbki_complete(struct dbki_worker *worker, struct dbki_op **ops, int count)
{
    struct dbk_store *store = worker->store;
    bool has_written = false, has_finished = false, wakes = false;
    pthread_mutex_lock(&store->lock);
    for (int i = 0; i < count; i++) {
        has_written |= ops[i]->kind->access != DBKI_ACCESS_READ;
        if (has_nothing_new(ops[i])) {
            wakes |= dbki_follow_locked(store, ops[i]);
        } else {
            dbki_append_ready_locked(store, ops[i]);
            has_finished = true;
        }
    }
    store->running_count -= count;
    if (!worker->is_writer) {
        worker->is_seeker = true;
        store->reads.seeker_count++;
    }
    if (has_written) {
        store->write_turns++;
        wakes |= dbki_wake_followers_locked(store);
    }
    bool wants_signal = has_finished && dbki_wants_signal_locked(store);
    pthread_mutex_unlock(&store->lock);
    if (wants_signal)
        dbki_signal(store);
    if (wakes)
        pthread_cond_signal(&store->reads.wake);
}

void dbki_fail_ops(struct dbki_op **ops, int count, const struct dbk_error *error)
{
    for (int i = 0; i < count; i++)
        if (ops[i]->error.status == DBK_OK) {
            ops[i]->error = *error;
            if (ops[i]->is_partly_done) /* in an earlier turn */
                ops[i]->error.outcome = DBK_DONE;
        }
}

/* --------------------------------------------------------------------------------- threads ---- */

static int take_reads_locked(struct dbk_store *store, struct dbki_op **out_ops)
{
    /* Leave their share to the readers that sleep. */
    int share = store->reads.count / (1 + store->reads.sleeper_count + store->reads.seeker_count);
    int max = share < 1 ? 1 : share > DBKI_READ_BATCH_MAX ? DBKI_READ_BATCH_MAX : share;
    int count = 0;
    struct dbki_op *op;
    while (count < max && (op = next_locked(store, &store->reads)) && !(count && op->pieces)) {
        begin_locked(store, &store->reads, op);
        out_ops[count++] = op;
        if (op->pieces)
            break;
    }
    store->running_count += count;
    return count;
}

/* A turn of an operation that has transactions of its own. */
static void run_alone(struct dbki_worker *worker, struct dbki_op *op)
{
    dbki_op_begin_anew(op);
    if (op->kind->work(op, worker->conn) == DBK_OK)
        op->is_partly_done = true;
    else
        op->error.outcome = op->is_partly_done ? DBK_DONE : op->error.outcome;
    dbki_complete(worker, &op, 1);
}

static void sleep_locked(struct dbk_store *store, struct dbki_queue *queue)
{
    queue->sleeper_count++;
    pthread_cond_wait(&queue->wake, &store->lock);
    queue->sleeper_count--;
}

/* The same, but not past a time; 0: none. */
static void sleep_until_locked(struct dbk_store *store, struct dbki_queue *queue, int64_t until_ns)
{
    struct timespec until = {until_ns / 1000000000, until_ns % 1000000000};
    if (!until_ns) {
        sleep_locked(store, queue);
        return;
    }
    queue->sleeper_count++;
    pthread_cond_timedwait(&queue->wake, &store->lock, &until);
    queue->sleeper_count--;
}

/* When this worker does what is to be done after writes; 0: it need not. Readers do it, one at a time, so that no write
 * waits for it; and a writer where they have all been busy for long, or when the store is closed. */
static int64_t after_due_ns_locked(const struct dbki_worker *worker)
{
    const struct dbk_store *store = worker->store;
    if (!store->after_due_ns)
        return 0;
    if (store->is_closing)
        return worker->is_writer;
    if (store->is_after_running || (store->is_after_writers && !worker->is_writer))
        return 0;
    return store->after_due_ns +
           (worker->is_writer && !store->is_after_writers ? AFTER_LATE_NS : 0);
}

static bool takes_after_writes_locked(struct dbki_worker *worker)
{
    struct dbk_store *store = worker->store;
    int64_t due_ns = after_due_ns_locked(worker);
    if (!due_ns || dbki_clock_ns() < due_ns)
        return false;
    store->after_due_ns = 0;
    store->is_after_running |= !worker->is_writer;
    return true;
}

static bool is_unreachable(int status)
{
    return status == DBK_UNREACHABLE || status == DBK_TIMEOUT;
}

/* Writers' connections are opened anew by this as by writes, readers' by reads alone. */
static void do_after_writes(struct dbki_worker *worker)
{
    struct dbk_store *store = worker->store;
    const struct dbki_opkind *kind =
        atomic_load_explicit(&store->after_writes, memory_order_relaxed);
    int status = dbki_work_on_server(worker, kind);
    if (is_unreachable(status) && worker->is_writer) {
        if (dbki_reconnect(worker, dbki_clock_ns() + AFTER_RECONNECT_NS))
            status = dbki_work_on_server(worker, kind);
        worker->late_at_ns = 0;
    }
    bool is_left = is_unreachable(status);
    int64_t pause_ns = worker->is_writer ? AFTER_LATE_NS : 0;
    pthread_mutex_lock(&store->lock);
    store->is_after_writers = is_left || (store->is_after_writers && !worker->is_writer);
    if (!worker->is_writer)
        store->is_after_running = false;
    if (is_left && !store->after_due_ns && !(store->is_closing && worker->is_writer))
        store->after_due_ns = dbki_clock_ns() + pause_ns;
    bool is_more =
        store->after_due_ns || store->is_closing; /* writers slept while a reader was at it */
    for (int i = 0; i < store->writer_count && is_more; i++)
        pthread_cond_signal(&store->writes[i].wake);
    pthread_mutex_unlock(&store->lock);
}

/*
 * A Buildbot master that writes the same database polls SQLite's lock, at last every 100 ms, and gives up
 * after some seconds: beside a busy writer of ours it would hardly ever find it free.
 */
static void make_room(struct dbki_worker *worker)
{
    int64_t now_ns = dbki_clock_ns();
    if (worker->store->schema.is_own || worker->conn->engine->is_server)
        return;
    if (!worker->busy_since_ns)
        worker->busy_since_ns = now_ns;
    if (now_ns - worker->busy_since_ns < BUSY_NS)
        return;
    dbki_clock_sleep_ns(ROOM_NS);
    worker->busy_since_ns = 0;
}

static void run_writer(struct dbki_worker *worker)
{
    struct dbk_store *store = worker->store;
    for (;;) {
        bool is_due;
        pthread_mutex_lock(&store->lock);
        while (!(is_due = takes_after_writes_locked(worker)) && !worker->queue->count &&
               (!store->is_closing || store->is_after_running)) {
            worker->busy_since_ns = 0;
            sleep_until_locked(store, worker->queue, after_due_ns_locked(worker));
        }
        bool has_work = worker->queue->count > 0;
        pthread_mutex_unlock(&store->lock);
        if (is_due)
            do_after_writes(worker);
        if (!has_work && !is_due)
            return;
        if (!has_work)
            continue;
        dbki_write_batch(worker);
        make_room(worker);
        const struct dbki_engine *engine = worker->conn->engine;
        if (engine->tidy && engine->tidy(worker->conn, false))
            atomic_fetch_add_explicit(&store->checkpoint_count, 1, memory_order_relaxed);
    }
}

/* Sleeps as the others do, but not past the time at which a snapshot has been kept for long enough, or at which this is
 * to be done that is done after writes. */
static void sleep_as_reader_locked(struct dbki_worker *worker)
{
    int64_t until_ns = dbki_snapshot_due_ns_locked(worker->store);
    int64_t after_ns = after_due_ns_locked(worker);
    if (after_ns && (!until_ns || after_ns < until_ns))
        until_ns = after_ns;
    sleep_until_locked(worker->store, &worker->store->reads, until_ns);
}

static void run_reader(struct dbki_worker *worker)
{
    struct dbk_store *store = worker->store;
    struct dbki_op *ops[DBKI_READ_BATCH_MAX];
    struct dbki_snapshot *due;
    for (;;) {
        pthread_mutex_lock(&store->lock);
        store->reads.seeker_count -= worker->is_seeker;
        worker->is_seeker = false;
        bool is_after = false;
        while (!(due = dbki_take_due_snapshot_locked(store, dbki_clock_ns())) &&
               !store->reads.count && !store->is_closing &&
               !(is_after = takes_after_writes_locked(worker)))
            sleep_as_reader_locked(worker);
        int count = take_reads_locked(store, ops);
        bool is_over = !count && !due && !is_after && store->is_closing;
        /* One wake-up may stand for several reads: pass it on. */
        bool wakes_next = dbki_wants_worker_locked(&store->reads);
        pthread_mutex_unlock(&store->lock);
        if (is_over)
            return;
        if (wakes_next)
            pthread_cond_signal(&store->reads.wake);
        if (due)
            dbki_end_snapshot(store, due, true);
        if (count)
            dbki_run_reads(worker, ops, count);
        if (is_after)
            do_after_writes(worker);
    }
}

/* One connection for reads and writes: what was submitted first goes first, a kind at a time. Reads use
 * the queue of writes (dbki_submit puts them there), so that one sleep serves both. */
static void run_single(struct dbki_worker *worker)
{
    struct dbk_store *store = worker->store;
    for (;;) {
        struct dbki_op *ops[DBKI_READ_BATCH_MAX];
        int count = 0;
        pthread_mutex_lock(&store->lock);
        while (!worker->queue->count && !store->is_closing)
            sleep_locked(store, worker->queue);
        struct dbki_op *first = next_locked(store, worker->queue);
        bool is_over = !first && store->is_closing;
        while (count < DBKI_READ_BATCH_MAX && first && first->kind->access == DBKI_ACCESS_READ &&
               !(count && (first->pieces || ops[0]->pieces))) {
            begin_locked(store, worker->queue, first);
            ops[count++] = first;
            first = next_locked(store, worker->queue);
        }
        bool is_alone = !count && first && first->kind->access == DBKI_ACCESS_TABLES;
        if (is_alone)
            begin_locked(store, worker->queue, first);
        store->running_count += count + is_alone;
        pthread_mutex_unlock(&store->lock);
        if (count)
            dbki_run_reads(worker, ops, count);
        else if (is_alone)
            run_alone(worker, first);
        else if (first)
            dbki_write_batch(worker);
        else if (is_over)
            return;
    }
}

void dbki_thread_ends(struct dbk_store *store)
{
    pthread_mutex_lock(&store->lock);
    if (--store->live_workers == 0) {
        store->is_finished = true;
        dbki_signal_locked(store);
    }
    pthread_mutex_unlock(&store->lock);
}

void *dbki_worker_run(void *argument)
{
    struct dbki_worker *worker = argument;
    struct dbk_store *store = worker->store;
    if (worker->is_writer && worker->is_reader)
        run_single(worker);
    else if (worker->is_writer)
        run_writer(worker);
    else
        run_reader(worker);
    if (worker->is_writer && worker->conn->engine->tidy &&
        worker->conn->engine->tidy(worker->conn, true))
        atomic_fetch_add_explicit(&store->checkpoint_count, 1, memory_order_relaxed);
    worker->conn->engine->close(worker->conn);
    worker->conn = NULL;
    dbki_thread_ends(store);
    return NULL;
}
