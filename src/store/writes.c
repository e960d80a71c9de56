/*
 * Writes are committed in groups. The writer first gets the right to write, and only then takes what is
 * queued, and goes on taking for BATCH_NS at most; so all that comes while it waits shares one commit,
 * and nothing is begun that could still be cancelled. Then the whole batch is completed.
 *
 * A batch whose statement failed is undone. What stood before the guilty operation is run again and
 * committed, the guilty one runs alone, then the rest: the order stays, and one bad operation costs its
 * neighbours a commit or two, not their success.
 */
#include "base/clock.h"
#include "store/worker.h"

#include <string.h>

enum { WRITE_BATCH_MAX = 1024 };

static const int64_t BATCH_NS = 10 * 1000 * 1000;
static const int64_t GATHER_NS = 300 * 1000; /* patience while callbacks go on submitting */
static const int64_t HOUSEKEEPING_S = 3600;

/* Waiting for the right to write, or for a commit to get through. */
struct write_wait {
    struct dbki_wait wait; /* first */
    struct dbk_store *store;
    const struct dbki_queue *queue;
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
    bool is_empty = self->queue->count == 0, is_closing = store->is_closing;
    pthread_mutex_unlock(&store->lock);
    if (!self->is_committing)
        return is_empty;
    if (is_closing && !self->closing_since_ns)
        self->closing_since_ns = now_ns;
    return (self->deadline_ns && now_ns > self->deadline_ns) ||
           (is_closing && now_ns > self->closing_since_ns + DBKI_LOCK_WAIT_NS);
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
                              .queue = worker->queue,
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
                              .queue = worker->queue,
                              .is_committing = true,
                              .deadline_ns = latest_deadline(ops, count)};
    int status = worker->conn->engine->commit(worker->conn, &wait.wait, error);
    atomic_fetch_add_explicit(&worker->store->lock_wait_ns, wait.wait.waited_ns,
                              memory_order_relaxed);
    if (!status)
        atomic_fetch_add_explicit(&worker->store->commit_count, 1, memory_order_relaxed);
    return status;
}

void dbki_complete_committed(struct dbki_worker *worker, struct dbki_op **ops, int count)
{
    struct dbk_store *store = worker->store;
    int finished_count = 0;
    for (int i = 0; i < count; i++) {
        struct dbki_op *op = ops[i];
        if (op->error.status == DBK_OK) {
            memcpy(op->progress_committed, op->progress, sizeof op->progress);
            if (op->kind->after)
                op->kind->after(op, worker->conn);
        }
        if (op->kind->is_long && op->is_turn_over)
            op->is_partly_done = true;
        if (!op->is_turn_over || op->error.status != DBK_OK || op->kind->is_long) {
            if (op->is_partly_done && op->error.status != DBK_OK)
                op->error.outcome = DBK_DONE;
            ops[finished_count++] = op;
            continue;
        }
        op->is_partly_done = true;
        pthread_mutex_lock(&store->lock);
        store->running_count--;
        bool wakes = dbki_wait_for_turn_locked(store, op);
        pthread_mutex_unlock(&store->lock);
        if (wakes)
            pthread_cond_signal(&store->reads.wake);
    }
    dbki_complete(worker, ops, finished_count);
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
        status = dbki_run_op(worker, ops[i]);
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
            dbki_fail_ops(ops + start, end - start, &error);
        }
        dbki_complete_committed(worker, ops + start, end - start);
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

int dbki_take_writes(struct dbki_worker *worker, struct dbki_op **ops, int count, int max)
{
    struct dbk_store *store = worker->store;
    struct dbki_op *op;
    int before = count;
    pthread_mutex_lock(&store->lock);
    if (!before)
        gather_locked(store);
    while (count < max && (op = dbki_take_locked(store, worker->queue)))
        ops[count++] = op;
    store->running_count += count - before;
    pthread_mutex_unlock(&store->lock);
    return count - before;
}

/* Takes what is queued into the batch. Result: how many. */
static int take_writes(struct dbki_worker *worker, struct batch *batch)
{
    int taken = dbki_take_writes(worker, batch->ops, batch->count, WRITE_BATCH_MAX);
    batch->count += taken;
    return taken;
}

/* Fails what waits now: the right to write could not be had, and not because somebody else has it. */
static void fail_waiting(struct dbki_worker *worker, const struct dbk_error *error)
{
    struct batch batch = {.count = 0};
    if (take_writes(worker, &batch)) {
        dbki_fail_ops(batch.ops, batch.count, error);
        dbki_complete(worker, batch.ops, batch.count);
    }
}

static void do_chore(struct dbki_worker *worker, const struct dbki_opkind *const *kinds)
{
    struct dbk_store *store = worker->store;
    struct dbki_op *op = dbki_op_new(kinds[store->chore], sizeof *op, 0, NULL, NULL);
    struct dbk_error error;
    int guilty;
    if (!op)
        return;
    op->store = store;
    op->now = worker->now;
    op->arguments_end = dbki_arena_mark(&op->arena);
    if (attempt(worker, &op, 1, &guilty, &error) || !op->is_turn_over)
        store->chore++;
    if (!kinds[store->chore]) {
        store->chore = 0;
        store->kept_house_at = worker->now;
    }
    dbki_op_free(op);
}

/*
 * Housekeeping, a turn after each batch until it is done, then not for a while. It is nobody's operation: if
 * it fails, it is tried again later.
 */
void dbki_keep_house(struct dbki_worker *worker)
{
    struct dbk_store *store = worker->store;
    struct dbki_worker *nobody = NULL;
    const struct dbki_opkind *const *kinds =
        atomic_load_explicit(&store->housekeeping, memory_order_relaxed);
    if (!kinds || (atomic_load(&store->housekeeper) != worker &&
                   !atomic_compare_exchange_strong(&store->housekeeper, &nobody, worker)))
        return;
    if (store->chore || worker->now >= store->kept_house_at + HOUSEKEEPING_S)
        do_chore(worker, kinds);
    if (!store->chore)
        atomic_store(&store->housekeeper, NULL);
}

void dbki_write_batch(struct dbki_worker *worker)
{
    struct batch batch;
    batch.count = 0;
    struct dbk_error error;
    if (worker->conn->engine->is_server) {
        dbki_write_on_server(worker);
        return;
    }
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
            if (dbki_run_op(worker, batch.ops[ran])) {
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
        dbki_fail_ops(batch.ops, batch.count, &error);
    dbki_complete_committed(worker, batch.ops, batch.count);
    if (!status)
        dbki_keep_house(worker);
}
