/*
 * A worker: a thread with one connection that takes operations from the queues and runs them.
 *
 * WRITES are committed in groups. The writer first gets the right to write, and only then takes what is
 * queued, and goes on taking for BATCH_NS at most; so all that comes while it waits shares one commit,
 * and nothing is begun that could still be cancelled. Then the whole batch is completed.
 *
 * A batch whose statement failed is undone. What stood before the guilty operation is run again and
 * committed, the guilty one runs alone, then the rest: the order stays, and one bad operation costs its
 * neighbours a commit or two, not their success.
 *
 * READS of a batch share one snapshot, which begins after they were taken; so each sees what was
 * committed before it was submitted.
 */
#include "base/clock.h"
#include "store/store.h"

#include <string.h>

enum { WRITE_BATCH_MAX = 1024, READ_BATCH_MAX = 32 };

static const int64_t BATCH_NS = 10 * 1000 * 1000;
static const int64_t GATHER_NS = 300 * 1000; /* patience while callbacks go on submitting */
static const int64_t CLOSE_WAIT_NS =
    5000 * 1000 * 1000LL; /* for a lock, once the store is closing */
static const int64_t BUSY_NS = 1000 * 1000 * 1000;
static const int64_t ROOM_NS = 110 * 1000 * 1000;
static const int64_t READ_RETRY_NS = 500 * 1000;
static const int64_t HOUSEKEEPING_S = 3600;

/* ------------------------------------------------------------------------------ operations ---- */

static int take_row(void *owner, int index, const struct dbki_value *cells, int cell_count)
{
    struct dbki_op *op = owner;
    const struct dbki_opkind *kind = op->wrapper ? op->wrapper : op->kind;
    return kind->row ? kind->row(op, index, cells, cell_count) : DBK_OK;
}

/* Runs one operation with all its passes. Result: 0 (also when it was refused), or a status: something
 * failed, and the transaction must be undone. */
static int run_op(struct dbki_worker *worker, struct dbki_op *op)
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
                                   .row = take_row,
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

static struct dbki_op *take_locked(struct dbk_store *store, struct dbki_queue *queue)
{
    struct dbki_op *op = next_locked(store, queue);
    if (op)
        begin_locked(store, queue, op);
    return op;
}

/* Of a follower whose look found nothing: it is not delivered. */
static bool has_nothing_new(const struct dbki_op *op)
{
    return op->kind->is_follower && op->found == DBKI_FOUND_NOTHING && op->error.status == DBK_OK;
}

static void complete(struct dbk_store *store, struct dbki_op **ops, int count)
{
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

/* ---------------------------------------------------------------------------------- writes ---- */

/* Waiting for the right to write, or for a commit to get through. */
struct write_wait {
    struct dbki_wait wait; /* first */
    struct dbk_store *store;
    int64_t closing_since_ns;
    int64_t deadline_ns; /* of what was taken; 0: none */
    bool is_committing;
};

static bool gives_up(struct dbki_wait *wait)
{
    struct write_wait *self = (struct write_wait *)wait;
    struct dbk_store *store = self->store;
    int64_t now_ns = dbki_clock_ns();
    pthread_mutex_lock(&store->lock);
    bool is_empty = store->writes.count == 0, is_closing = store->is_closing;
    pthread_mutex_unlock(&store->lock);
    if (!self->is_committing)
        return is_empty;
    if (is_closing && !self->closing_since_ns)
        self->closing_since_ns = now_ns;
    return (self->deadline_ns && now_ns > self->deadline_ns) ||
           (is_closing && now_ns > self->closing_since_ns + CLOSE_WAIT_NS);
}

/* A batch: what the writer has taken and not completed. */
struct batch {
    struct dbki_op *ops[WRITE_BATCH_MAX];
    int count;
};

/* The latest deadline of a batch of which every operation has one; 0 otherwise. */
static int64_t latest_deadline(struct dbki_op *const *ops, int count)
{
    int64_t latest_ns = 0;
    for (int i = 0; i < count; i++) {
        if (!ops[i]->deadline_ns)
            return 0;
        if (ops[i]->deadline_ns > latest_ns)
            latest_ns = ops[i]->deadline_ns;
    }
    return latest_ns;
}

/* For operations that were taken and must begin again; count 0: for what still waits. */
static int begin_write(struct dbki_worker *worker, struct dbki_op *const *ops, int count,
                       struct dbk_error *error)
{
    struct write_wait wait = {.wait.gives_up = gives_up,
                              .store = worker->store,
                              .is_committing = count > 0,
                              .deadline_ns = latest_deadline(ops, count)};
    int status = worker->conn->engine->begin(worker->conn, DBKI_WRITE, &wait.wait, error);
    atomic_fetch_add_explicit(&worker->store->lock_wait_ns, wait.wait.waited_ns,
                              memory_order_relaxed);
    return status;
}

static int commit(struct dbki_worker *worker, struct dbki_op *const *ops, int count,
                  struct dbk_error *error)
{
    struct write_wait wait = {.wait.gives_up = gives_up,
                              .store = worker->store,
                              .is_committing = true,
                              .deadline_ns = latest_deadline(ops, count)};
    int status = worker->conn->engine->commit(worker->conn, &wait.wait, error);
    atomic_fetch_add_explicit(&worker->store->lock_wait_ns, wait.wait.waited_ns,
                              memory_order_relaxed);
    if (!status)
        atomic_fetch_add_explicit(&worker->store->commit_count, 1, memory_order_relaxed);
    return status;
}

static void fail_all(struct dbki_op **ops, int count, const struct dbk_error *error)
{
    for (int i = 0; i < count; i++)
        if (ops[i]->error.status == DBK_OK) {
            ops[i]->error = *error;
            if (ops[i]->is_partly_done) /* in an earlier turn */
                ops[i]->error.outcome = DBK_DONE;
        }
}

/* Completes what was committed; what has more turns to come goes back to the end of its queue. */
static void complete_committed(struct dbk_store *store, struct dbki_op **ops, int count)
{
    int finished_count = 0;
    for (int i = 0; i < count; i++) {
        struct dbki_op *op = ops[i];
        if (op->error.status == DBK_OK)
            memcpy(op->progress_committed, op->progress, sizeof op->progress);
        if (!op->is_turn_over || op->error.status != DBK_OK) {
            if (op->is_partly_done && op->error.status != DBK_OK)
                op->error.outcome = DBK_DONE;
            ops[finished_count++] = op;
            continue;
        }
        op->is_partly_done = true;
        pthread_mutex_lock(&store->lock);
        op->state = DBKI_OP_WAITING;
        dbki_list_append(&store->writes.waiting, &op->link);
        store->writes.count++;
        store->running_count--;
        if (store->is_closing)
            dbki_end_waiting_locked(store, &store->writes, op, DBK_CANCELLED,
                                    "the store was closed before the operation had ended");
        pthread_mutex_unlock(&store->lock);
    }
    complete(store, ops, finished_count);
}

/* Runs ops in one transaction of their own. Result: 0: all are committed. Else nothing is, and *error and
 * *out_guilty, the index of the one that failed or -1, say more. */
static int attempt(struct dbki_worker *worker, struct dbki_op **ops, int count, int *out_guilty,
                   struct dbk_error *error)
{
    *out_guilty = -1;
    int status = begin_write(worker, ops, count, error);
    if (status)
        return status;
    for (int i = 0; i < count; i++) {
        dbki_op_begin_anew(ops[i]);
        status = run_op(worker, ops[i]);
        if (status) {
            *error = ops[i]->error;
            *out_guilty = i;
            worker->conn->engine->rollback(worker->conn);
            return status;
        }
    }
    return commit(worker, ops, count, error);
}

/* A batch in which ops[guilty] failed and that was undone: runs it again in parts, in order. */
static void run_in_parts(struct dbki_worker *worker, struct dbki_op **ops, int count, int guilty)
{
    int start = 0;
    while (start < count) {
        int end = guilty < 0 ? count : guilty > start ? guilty : start + 1;
        struct dbk_error error;
        int found;
        dbki_error_clear(&error);
        atomic_fetch_add_explicit(&worker->store->retry_count, 1, memory_order_relaxed);
        int status = attempt(worker, ops + start, end - start, &found, &error);
        if (status && found >= 0 && end - start > 1) {
            guilty = start + found;
            continue;
        }
        if (status) {
            for (int i = start; i < end; i++)
                ops[i]->error.status = DBK_OK;
            fail_all(ops + start, end - start, &error);
        }
        complete_committed(worker->store, ops + start, end - start);
        start = end;
        if (guilty < start)
            guilty = -1;
    }
}

/* Waits a little for callbacks that are still submitting, so that their writes share one commit. */
static void gather_locked(struct dbk_store *store)
{
    if (!store->is_dispatching || store->is_closing)
        return;
    int64_t until_ns = dbki_clock_ns() + GATHER_NS;
    struct timespec until = {until_ns / 1000000000, until_ns % 1000000000};
    store->is_gathering = true;
    while (store->is_dispatching && !store->is_closing)
        if (pthread_cond_timedwait(&store->dispatched, &store->lock, &until))
            break;
    store->is_gathering = false;
}

/* Takes what is queued into the batch. Result: how many. */
static int take_writes(struct dbki_worker *worker, struct batch *batch)
{
    struct dbk_store *store = worker->store;
    struct dbki_op *op;
    int before = batch->count;
    pthread_mutex_lock(&store->lock);
    if (!before)
        gather_locked(store);
    while (batch->count < WRITE_BATCH_MAX && (op = take_locked(store, &store->writes)))
        batch->ops[batch->count++] = op;
    store->running_count += batch->count - before;
    pthread_mutex_unlock(&store->lock);
    return batch->count - before;
}

/* Fails what waits now: the right to write could not be had, and not because somebody else has it. */
static void fail_waiting(struct dbki_worker *worker, const struct dbk_error *error)
{
    struct batch batch = {.count = 0};
    if (take_writes(worker, &batch)) {
        fail_all(batch.ops, batch.count, error);
        complete(worker->store, batch.ops, batch.count);
    }
}

/*
 * Housekeeping, a turn after each batch until it is done, then not for a while. It is nobody's operation: if
 * it fails, it is tried again later.
 */
static void keep_house(struct dbki_worker *worker)
{
    const struct dbki_opkind *kind =
        atomic_load_explicit(&worker->store->housekeeping, memory_order_relaxed);
    if (!kind || worker->now < worker->kept_house_at + HOUSEKEEPING_S)
        return;
    struct dbki_op *op = dbki_op_new(kind, sizeof *op, 0, NULL, NULL);
    struct dbk_error error;
    int guilty;
    if (!op)
        return;
    op->store = worker->store;
    op->now = worker->now;
    op->arguments_end = dbki_arena_mark(&op->arena);
    if (attempt(worker, &op, 1, &guilty, &error) || !op->is_turn_over)
        worker->kept_house_at = worker->now;
    dbki_op_free(op);
}

static void write_batch(struct dbki_worker *worker)
{
    struct batch batch;
    batch.count = 0;
    struct dbk_error error;
    dbki_error_clear(&error);
    int status = begin_write(worker, NULL, 0, &error);
    if (status) {
        if (status != DBK_TIMEOUT)
            fail_waiting(worker, &error);
        return;
    }
    int64_t end_ns = dbki_clock_ns() + BATCH_NS;
    int ran = 0;
    while (dbki_clock_ns() < end_ns && take_writes(worker, &batch))
        for (; ran < batch.count; ran++) {
            dbki_op_begin_anew(batch.ops[ran]);
            if (run_op(worker, batch.ops[ran])) {
                worker->conn->engine->rollback(worker->conn);
                run_in_parts(worker, batch.ops, batch.count, ran);
                return;
            }
        }
    if (!batch.count) {
        worker->conn->engine->rollback(worker->conn);
        return;
    }
    worker->now = batch.ops[batch.count - 1]->now;
    status = commit(worker, batch.ops, batch.count, &error);
    if (status)
        fail_all(batch.ops, batch.count, &error);
    complete_committed(worker->store, batch.ops, batch.count);
    if (!status)
        keep_house(worker);
}

/* ----------------------------------------------------------------------------------- reads ---- */

/* Runs one read. A database without a write-ahead log may be locked for a moment by somebody's commit:
 * then the read begins again. */
static void run_read(struct dbki_worker *worker, struct dbki_op *op, bool has_transaction)
{
    const struct dbki_engine *engine = worker->conn->engine;
    int64_t waited_ns = 0;
    int status;
    worker->current = op;
    for (;;) {
        dbki_op_begin_anew(op);
        status = run_op(worker, op);
        if (status != DBK_BUSY || waited_ns > CLOSE_WAIT_NS ||
            (op->deadline_ns && dbki_clock_ns() > op->deadline_ns))
            break;
        engine->rollback(worker->conn);
        dbki_clock_sleep_ns(READ_RETRY_NS);
        waited_ns += READ_RETRY_NS;
        if (has_transaction &&
            (status = engine->begin(worker->conn, DBKI_READ, NULL, &op->error)) != DBK_OK)
            break;
    }
    worker->current = NULL;
    if (status == DBK_BUSY)
        dbki_error_set(&op->error, DBK_TIMEOUT, "another program kept the database locked");
    else if (status == DBK_TIMEOUT)
        dbki_error_set(&op->error, DBK_TIMEOUT, "the deadline passed within the query");
}

/* Runs reads in one snapshot, and completes them. */
static void run_reads(struct dbki_worker *worker, struct dbki_op **ops, int count)
{
    const struct dbki_engine *engine = worker->conn->engine;
    struct dbk_error error;
    /* A statement alone is a snapshot by itself. */
    bool has_transaction = count > 1 || ops[0]->kind->is_several;
    int status = DBK_OK;
    dbki_error_clear(&error);
    if (has_transaction)
        status = engine->begin(worker->conn, DBKI_READ, NULL, &error);
    if (status)
        fail_all(ops, count, &error);
    for (int i = 0; i < count && !status; i++)
        run_read(worker, ops[i], has_transaction);
    if (has_transaction && !status)
        engine->commit(worker->conn, NULL, &error);
    complete(worker->store, ops, count);
}

static int take_reads_locked(struct dbk_store *store, struct dbki_op **out_ops)
{
    /* Leave their share to the readers that sleep. */
    int share = store->reads.count / (1 + store->reads.sleeper_count);
    int max = share < 1 ? 1 : share > READ_BATCH_MAX ? READ_BATCH_MAX : share;
    int count = 0;
    while (count < max && (out_ops[count] = take_locked(store, &store->reads)))
        count++;
    store->running_count += count;
    return count;
}

/* --------------------------------------------------------------------------------- threads ---- */

static void sleep_locked(struct dbk_store *store, struct dbki_queue *queue)
{
    queue->sleeper_count++;
    pthread_cond_wait(&queue->wake, &store->lock);
    queue->sleeper_count--;
}

/*
 * A Buildbot master that writes the same database polls SQLite's lock, at last every 100 ms, and gives up
 * after some seconds: beside a busy writer of ours it would hardly ever find it free.
 */
static void make_room(struct dbki_worker *worker)
{
    int64_t now_ns = dbki_clock_ns();
    if (worker->store->schema.is_own)
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
        pthread_mutex_lock(&store->lock);
        while (!store->writes.count && !store->is_closing) {
            worker->busy_since_ns = 0;
            sleep_locked(store, &store->writes);
        }
        bool has_work = store->writes.count > 0;
        pthread_mutex_unlock(&store->lock);
        if (!has_work)
            return;
        write_batch(worker);
        make_room(worker);
        const struct dbki_engine *engine = worker->conn->engine;
        if (engine->tidy && engine->tidy(worker->conn, false))
            atomic_fetch_add_explicit(&store->checkpoint_count, 1, memory_order_relaxed);
    }
}

static void run_reader(struct dbki_worker *worker)
{
    struct dbk_store *store = worker->store;
    struct dbki_op *ops[READ_BATCH_MAX];
    for (;;) {
        pthread_mutex_lock(&store->lock);
        while (!store->reads.count && !store->is_closing)
            sleep_locked(store, &store->reads);
        int count = take_reads_locked(store, ops);
        bool is_over = !count && store->is_closing;
        /* One wake-up may stand for several reads: pass it on. */
        bool wakes_next = store->reads.count && store->reads.sleeper_count;
        pthread_mutex_unlock(&store->lock);
        if (is_over)
            return;
        if (wakes_next)
            pthread_cond_signal(&store->reads.wake);
        if (count)
            run_reads(worker, ops, count);
    }
}

/* One connection for reads and writes: what was submitted first goes first, a kind at a time. Reads use
 * the queue of writes (dbki_submit puts them there), so that one sleep serves both. */
static void run_single(struct dbki_worker *worker)
{
    struct dbk_store *store = worker->store;
    for (;;) {
        struct dbki_op *ops[READ_BATCH_MAX];
        int count = 0;
        pthread_mutex_lock(&store->lock);
        while (!store->writes.count && !store->is_closing)
            sleep_locked(store, &store->writes);
        struct dbki_op *first = next_locked(store, &store->writes);
        bool is_over = !first && store->is_closing;
        while (count < READ_BATCH_MAX && first && first->kind->access == DBKI_ACCESS_READ) {
            begin_locked(store, &store->writes, first);
            ops[count++] = first;
            first = next_locked(store, &store->writes);
        }
        store->running_count += count;
        pthread_mutex_unlock(&store->lock);
        if (count)
            run_reads(worker, ops, count);
        else if (first)
            write_batch(worker);
        else if (is_over)
            return;
    }
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
    pthread_mutex_lock(&store->lock);
    if (--store->live_workers == 0) {
        store->is_finished = true;
        dbki_signal_locked(store);
    }
    pthread_mutex_unlock(&store->lock);
    return NULL;
}
