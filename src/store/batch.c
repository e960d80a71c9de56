/*
 * A batch of writes on a server: one transaction, which is run again as a whole when the server asks for that (a
 * deadlock, a serialisation failure) or the connection was lost. Each has a name, kept in the transaction: after a
 * connection that was lost at COMMIT, the store keeps the name itself on a new one, with a mark. Refused as a conflict,
 * the batch was committed, unless the mark is there: of a try before, whose answer was lost as well. Kept, the batch never
 * will be committed, and is run again. So nothing happens twice and nothing is lost.
 *
 * A batch in which a statement fails for a reason of its own is undone, and its operations run again, a
 * transaction each.
 */
#include "base/clock.h"
#include "engine/ask.h"
#include "store/worker.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

enum { BATCH_MAX = 128, TRIES_MAX = 20, NAME_SIZE = 64 };
static const int64_t BACK_OFF_NS = 2 * 1000 * 1000, BACK_OFF_MAX_NS = 500 * 1000 * 1000;
static const int64_t AFTER_NS = 200 * 1000 * 1000;      /* from writes to what is done after them */
static const int64_t CLOSING_NS = 2000 * 1000 * 1000LL; /* that a lost server is tried for then */

/* Operations that were taken, and what became of them. */
struct batch {
    struct dbki_worker *worker;
    struct dbki_op **ops;
    int count;
    int tries;
    bool is_careful;        /* of dbki_run_rounds() */
    struct dbk_error error; /* of the last attempt */
    struct dbki_op *guilty; /* whose statement failed; NULL: nobody's */
    char name[NAME_SIZE];   /* "": it has none */
};

/* ---------------------------------------------------------------------------------- deadlines ---- */

/* The earliest deadline; 0: none has one. */
static int64_t first_deadline(const struct batch *batch)
{
    int64_t first_ns = 0;
    for (int i = 0; i < batch->count; i++) {
        int64_t deadline_ns = batch->ops[i]->deadline_ns;
        if (deadline_ns && (!first_ns || deadline_ns < first_ns))
            first_ns = deadline_ns;
    }
    return first_ns;
}

/* Ends those that are late, with that outcome; the others stay. */
static void drop_late(struct batch *batch, enum dbk_outcome outcome)
{
    int64_t now_ns = dbki_clock_ns();
    struct dbk_error error;
    int kept = 0;
    dbki_error_clear(&error);
    dbki_error_set(&error, DBK_TIMEOUT, "the deadline passed before the server answered");
    error.outcome = outcome;
    for (int i = 0; i < batch->count; i++) {
        struct dbki_op *op = batch->ops[i];
        if (!op->deadline_ns || op->deadline_ns > now_ns) {
            batch->ops[kept++] = op;
            continue;
        }
        dbki_error_clear(&op->error);
        dbki_fail_ops(&op, 1, &error);
        dbki_complete(batch->worker, &op, 1);
    }
    batch->count = kept;
}

static void fail_all(struct batch *batch, enum dbk_outcome outcome)
{
    if (batch->error.status == DBK_OK)
        dbki_error_set(&batch->error, DBK_UNREACHABLE, "the connection to the server was lost");
    batch->error.outcome = outcome;
    for (int i = 0; i < batch->count; i++)
        dbki_error_clear(&batch->ops[i]->error);
    dbki_fail_ops(batch->ops, batch->count, &batch->error);
    dbki_complete_committed(batch->worker, batch->ops, batch->count);
    batch->count = 0;
}

/* -------------------------------------------------------------------------------- connections ---- */

static bool is_closing(struct dbk_store *store)
{
    pthread_mutex_lock(&store->lock);
    bool is = store->is_closing;
    pthread_mutex_unlock(&store->lock);
    return is;
}

/* Args: until_ns: past which nobody wants to wait; 0: none. */
static void back_off(int tries, int64_t until_ns)
{
    int64_t pause_ns = BACK_OFF_NS << (tries < 8 ? tries : 8);
    unsigned short dice = 0;
    if (getrandom(&dice, sizeof dice, 0) < 0)
        dice = 0x8000;
    /* Half of it by chance, so that two do not meet again. */
    pause_ns = pause_ns < BACK_OFF_MAX_NS ? pause_ns : BACK_OFF_MAX_NS;
    pause_ns = pause_ns / 2 + pause_ns / 2 * dice / 0x10000;
    int64_t left_ns = until_ns ? until_ns - dbki_clock_ns() : pause_ns;
    if (left_ns > 0)
        dbki_clock_sleep_ns(pause_ns < left_ns ? pause_ns : left_ns);
}

bool dbki_reconnect(struct dbki_worker *worker, int64_t until_ns)
{
    struct dbk_store *store = worker->store;
    struct dbki_conn_options options = dbki_worker_options(store, worker);
    struct dbki_conn *conn;
    struct dbk_error ignored;
    int64_t closing_since_ns = 0;
    /* Those who were late have been dropped: it holds for connecting, too. */
    worker->late_at_ns = until_ns;
    for (int tries = 0;; tries++) {
        dbki_error_clear(&ignored);
        if (store->engine->open(&store->url, &options, &conn, &ignored) == DBK_OK)
            break;
        back_off(tries + 3, until_ns);
        int64_t now_ns = dbki_clock_ns();
        if (is_closing(store) && !closing_since_ns)
            closing_since_ns = now_ns;
        if ((until_ns && now_ns >= until_ns) ||
            (closing_since_ns && now_ns > closing_since_ns + CLOSING_NS))
            return false;
    }
    store->engine->close(worker->conn);
    worker->conn = conn;
    return true;
}

/* --------------------------------------------------------------------------------------- names ---- */

static const struct dbki_batch_names *batch_words(const struct batch *batch)
{
    return atomic_load_explicit(&batch->worker->store->batch_words, memory_order_relaxed);
}

static void make_name(struct batch *batch)
{
    struct dbk_store *store = batch->worker->store;
    batch->name[0] = '\0';
    if (!batch_words(batch))
        return;
    snprintf(batch->name, sizeof batch->name, "%016llx%016llx-%llu",
             (unsigned long long)store->batch_names[0], (unsigned long long)store->batch_names[1],
             (unsigned long long)atomic_fetch_add(&store->batch_count, 1));
}

/* The statement that keeps a batch's name, and the one that wakes who waits for its events. */
struct naming {
    struct dbki_value params[2];
    struct dbki_bound bound[2];
    struct dbki_group group;
};

static struct dbki_value time_of(const struct batch *batch)
{
    return dbki_int(batch->count ? batch->ops[batch->count - 1]->now : batch->worker->now);
}

/* Binds it; one without a name has no statement. */
static void bind_name(const struct batch *batch, struct naming *naming, struct dbk_error *error)
{
    naming->params[0] = dbki_text(batch->name);
    naming->params[1] = time_of(batch);
    naming->bound[1] = (struct dbki_bound){.statement = batch->worker->store->engine->notify};
    naming->bound[0] =
        (struct dbki_bound){.statement = batch->name[0] ? &batch_words(batch)->keep : NULL,
                            .params = naming->params,
                            .param_count = 2};
    naming->group = (struct dbki_group){
        .bound = naming->bound, .bound_count = batch->name[0] ? 1 : 0, .error = error};
}

static int take_mark(void *owner, int index, const struct dbki_value *cells, int cell_count)
{
    (void)index;
    (void)cells;
    (void)cell_count;
    *(bool *)owner = true;
    return DBK_OK;
}

/* Keeps the name by itself, with the mark. Result: 0: it is known whether the batch was committed. */
static int refuse(const struct batch *batch, enum dbk_outcome *out_outcome, struct dbk_error *error)
{
    struct dbki_conn *conn = batch->worker->conn;
    char text[NAME_SIZE + 8];
    snprintf(text, sizeof text, "%s-never", batch->name);
    struct dbki_value mark = dbki_text(text);
    struct dbki_value params[] = {dbki_text(batch->name), time_of(batch), mark, time_of(batch)};
    struct dbki_bound bound = {
        .statement = &batch_words(batch)->refuse, .params = params, .param_count = 4};
    bool is_marked = false;
    *out_outcome = DBK_NOT_DONE;
    int status = dbki_ask_bound(conn, &bound, 1, NULL, NULL, error);
    if (status != DBK_CONFLICT)
        return status;
    dbki_error_clear(error);
    status = dbki_ask(conn, &batch_words(batch)->is_refused, &mark, &is_marked, take_mark, error);
    *out_outcome = is_marked ? DBK_NOT_DONE : DBK_DONE;
    return status;
}

/* Whether a batch whose COMMIT was not answered was committed. */
static enum dbk_outcome find_outcome(struct batch *batch)
{
    struct dbki_worker *worker = batch->worker;
    while (batch->count && batch->name[0]) {
        struct dbk_error error;
        dbki_error_clear(&error);
        worker->late_at_ns = first_deadline(batch);
        bool is_open = dbki_reconnect(worker, worker->late_at_ns);
        enum dbk_outcome outcome;
        int status = is_open ? refuse(batch, &outcome, &error) : DBK_UNREACHABLE;
        if (!status)
            return outcome;
        drop_late(batch, DBK_UNKNOWN);
        if (!is_open && is_closing(worker->store))
            return DBK_UNKNOWN;
        if (status != DBK_UNREACHABLE && status != DBK_TIMEOUT && !error.is_retryable)
            return DBK_UNKNOWN;
    }
    return DBK_UNKNOWN;
}

/* ------------------------------------------------------------------------------------ attempts ---- */

/* Runs the batch in one transaction. Result: 0: it is committed. */
static int attempt(struct batch *batch)
{
    struct dbki_worker *worker = batch->worker;
    const struct dbki_engine *engine = worker->conn->engine;
    struct dbki_turn turns[BATCH_MAX];
    struct naming naming;
    batch->guilty = NULL;
    dbki_error_clear(&batch->error);
    worker->late_at_ns = first_deadline(batch);
    int status = engine->begin(worker->conn, DBKI_WRITE, NULL, &batch->error);
    if (status)
        return status;
    for (int i = 0; i < batch->count; i++) {
        dbki_op_begin_anew(batch->ops[i]);
        turns[i] = (struct dbki_turn){.op = batch->ops[i], .lock = -1};
    }
    dbki_order_turns(turns, batch->count);
    bind_name(batch, &naming, &batch->error);
    naming.group.bound_count += batch->name[0] && engine->notify;
    status = dbki_run_rounds(worker, turns, batch->count, &naming.group, &batch->is_careful,
                             &batch->guilty);
    if (status) {
        if (batch->guilty)
            batch->error = batch->guilty->error;
        engine->rollback(worker->conn);
        return status;
    }
    status = engine->commit(worker->conn, NULL, &batch->error);
    if (!status)
        atomic_fetch_add_explicit(&worker->store->commit_count, 1, memory_order_relaxed);
    return status;
}

static void run_batch(struct batch *batch);

/* Each by itself, in their order. */
static void run_one_by_one(struct batch *batch)
{
    for (int i = 0; i < batch->count; i++) {
        struct batch one = {.worker = batch->worker, .ops = batch->ops + i, .count = 1};
        run_batch(&one);
    }
    batch->count = 0;
}

/* After the connection was lost. What was committed is completed, else the batch is to be run again. */
static void recover(struct batch *batch)
{
    struct dbki_worker *worker = batch->worker;
    enum dbk_outcome outcome = batch->error.outcome;
    if (outcome == DBK_UNKNOWN) {
        outcome = find_outcome(batch);
        if (outcome == DBK_DONE)
            dbki_complete_committed(worker, batch->ops, batch->count);
        else if (outcome == DBK_UNKNOWN)
            fail_all(batch, DBK_UNKNOWN);
        if (outcome != DBK_NOT_DONE)
            batch->count = 0;
        return;
    }
    drop_late(batch, DBK_NOT_DONE);
    if (batch->tries++) /* again, on a connection that could be opened */
        back_off(batch->tries, first_deadline(batch));
    while (batch->count && !dbki_reconnect(worker, first_deadline(batch))) {
        drop_late(batch, DBK_NOT_DONE);
        if (is_closing(worker->store))
            fail_all(batch, DBK_NOT_DONE);
    }
}

/* A timeout may also be the server's own, for a statement. */
static bool is_lost(const struct batch *batch)
{
    int64_t late_at_ns = batch->worker->late_at_ns;
    return batch->error.status == DBK_UNREACHABLE ||
           (batch->error.status == DBK_TIMEOUT && late_at_ns && dbki_clock_ns() > late_at_ns);
}

static void run_batch(struct batch *batch)
{
    struct dbki_worker *worker = batch->worker;
    while (batch->count) {
        bool was_careful = batch->is_careful;
        make_name(batch);
        if (!attempt(batch)) {
            worker->now = batch->ops[batch->count - 1]->now;
            dbki_complete_committed(worker, batch->ops, batch->count);
            return;
        }
        atomic_fetch_add_explicit(&worker->store->retry_count, 1, memory_order_relaxed);
        if (batch->is_careful != was_careful)
            continue;
        if (is_lost(batch))
            recover(batch);
        else if (batch->error.is_retryable && ++batch->tries < TRIES_MAX)
            back_off(batch->tries, first_deadline(batch));
        else if (batch->count > 1)
            run_one_by_one(batch);
        else
            fail_all(batch, DBK_NOT_DONE);
    }
}

int dbki_work_on_server(struct dbki_worker *worker, const struct dbki_opkind *kind)
{
    struct dbki_op *op = kind ? dbki_op_new(kind, sizeof *op, 0, NULL, NULL) : NULL;
    if (!op)
        return DBK_OK;
    op->store = worker->store;
    op->now = worker->now;
    op->arguments_end = dbki_arena_mark(&op->arena);
    dbki_op_begin_anew(op);
    int status = kind->work(op, worker->conn);
    dbki_op_free(op);
    return status;
}

/* Something was written: what is done after writes becomes due. */
static void note_writes(struct dbk_store *store)
{
    if (!atomic_load_explicit(&store->after_writes, memory_order_relaxed))
        return;
    pthread_mutex_lock(&store->lock);
    bool is_first = !store->after_due_ns;
    if (is_first)
        store->after_due_ns = dbki_clock_ns() + AFTER_NS;
    pthread_mutex_unlock(&store->lock);
    if (is_first) /* a reader sleeps until then */
        pthread_cond_signal(&store->reads.wake);
}

void dbki_write_on_server(struct dbki_worker *worker)
{
    struct dbki_op *ops[BATCH_MAX];
    int count = dbki_take_writes(worker, ops, 0, BATCH_MAX);
    if (!count)
        return;
    struct batch batch = {.worker = worker, .ops = ops, .count = count};
    run_batch(&batch);
    worker->late_at_ns = 0;
    note_writes(worker->store);
    dbki_keep_house(worker);
}
