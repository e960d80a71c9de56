/*
 * Reads of a batch share one snapshot, which begins after they were taken; so each sees what was committed
 * before it was submitted.
 */
#include "base/clock.h"
#include "store/worker.h"

#include <string.h>

enum { JOINED_MIN = 8 }; /* below that, the places left empty cost more than the statements saved */
static const int64_t READ_RETRY_NS = 500 * 1000;
/* Of reads whose connection was lost though it could be opened anew: perhaps they are what the server dies of. */
enum { TRIES_MAX = 10, RETRY_PAUSE_NS = 20 * 1000 * 1000 };

static void say_late(struct dbki_op *op, const char *when)
{
    const char *advice = op->kind->advice;
    dbki_error_set(&op->error, DBK_TIMEOUT, "the deadline passed %s%s%s", when, advice ? ": " : "",
                   advice ? advice : "");
}

/* Runs one read. A database without a write-ahead log may be locked for a moment by somebody's commit:
 * then the read begins again. */
void dbki_run_read(struct dbki_worker *worker, struct dbki_op *op, bool has_transaction)
{
    const struct dbki_engine *engine = worker->conn->engine;
    int64_t waited_ns = 0;
    int status;
    worker->current = op;
    for (;;) {
        dbki_op_begin_anew(op);
        status = dbki_run_op(worker, op);
        if (status != DBK_BUSY || waited_ns > DBKI_LOCK_WAIT_NS ||
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
        say_late(op, "within the query");
}

/* Reads of one kind that share a statement. */
struct joined {
    struct dbki_op *ops[DBKI_JOINED_MAX];
    int count;
};

static int take_joined_row(void *owner, int index, const struct dbki_value *cells, int cell_count)
{
    const struct joined *joined = owner;
    int64_t which = dbki_value_int(&cells[0]);
    if (which < 0 || which >= joined->count)
        return DBK_OK;
    struct dbki_op *op = joined->ops[which];
    return op->kind->row(op, index, cells + 1, cell_count - 1);
}

/* Result: false: it did not work, each is to be run by itself. */
static bool run_joined(struct dbki_worker *worker, struct joined *joined)
{
    struct dbki_binder *binder = &worker->binders[0];
    dbki_binder_clear(binder);
    for (int i = 0; i < joined->count; i++)
        dbki_op_begin_anew(joined->ops[i]);
    joined->ops[0]->kind->bind_joined(joined->ops, joined->count, binder);
    struct dbk_error error;
    struct dbki_group group = {.bound = binder->bound,
                               .bound_count = binder->count,
                               .owner = joined,
                               .row = take_joined_row,
                               .error = &error};
    struct dbki_group *groups[] = {&group};
    int failed;
    dbki_error_clear(&error);
    return !binder->is_out_of_memory &&
           worker->conn->engine->run(worker->conn, groups, 1, &failed) == DBK_OK;
}

/* Runs those from ops[0] on that share its kind in one statement, if they are enough, and sets them to
 * NULL. */
static bool join(struct dbki_worker *worker, struct dbki_op **ops, int count)
{
    struct joined joined = {.count = 0};
    int places[DBKI_JOINED_MAX];
    if (!ops[0]->kind->bind_joined)
        return false;
    for (int i = 0; i < count && joined.count < DBKI_JOINED_MAX; i++)
        if (ops[i] && ops[i]->kind == ops[0]->kind) {
            places[joined.count] = i;
            joined.ops[joined.count++] = ops[i];
        }
    if (joined.count < JOINED_MIN || !run_joined(worker, &joined))
        return false;
    for (int i = 0; i < joined.count; i++)
        ops[places[i]] = NULL;
    return true;
}

/* All of them in one statement, if it can be: it is a snapshot by itself, and on a server one round trip. */
static bool join_all(struct dbki_worker *worker, struct dbki_op *const *ops, int count)
{
    struct dbki_op *left[DBKI_READ_BATCH_MAX];
    for (int i = 1; i < count; i++)
        if (ops[i]->kind != ops[0]->kind)
            return false;
    memcpy(left, ops, (size_t)count * sizeof *ops);
    return join(worker, left, count);
}

/* In an order in which they stand: on a server all of them in one pipeline. Result: false: it did not work. */
static bool run_in_pipeline(struct dbki_worker *worker, struct dbki_op **ops, int count)
{
    struct dbki_turn turns[DBKI_READ_BATCH_MAX];
    struct dbki_op *guilty;
    bool is_careful = true;
    for (int i = 0; i < count; i++) {
        if (ops[i]->kind->work)
            return false;
        dbki_op_begin_anew(ops[i]);
        turns[i] = (struct dbki_turn){.op = ops[i], .lock = -1};
    }
    return !dbki_run_rounds(worker, turns, count, NULL, &is_careful, &guilty);
}

/* What is done before some reads, each once. */
static void run_before(struct dbki_worker *worker, struct dbki_op **ops, int count)
{
    const struct dbki_opkind *last = NULL;
    for (int i = 0; i < count; i++) {
        const struct dbki_opkind *before = ops[i]->kind->before;
        if (before && before != last && worker->store->writer_count)
            dbki_work_on_server(worker, before);
        last = before ? before : last;
    }
}

/* Runs reads in one snapshot. Result: whether the connection is lost, and they are to be run again. */
static bool run_batch(struct dbki_worker *worker, struct dbki_op **ops, int count)
{
    const struct dbki_engine *engine = worker->conn->engine;
    struct dbk_error error;
    if (join_all(worker, ops, count))
        return false;
    /* A statement alone is a snapshot by itself. */
    bool has_transaction = count > 1 || ops[0]->kind->is_several;
    int status = DBK_OK;
    dbki_error_clear(&error);
    if (has_transaction)
        status = engine->begin(worker->conn, DBKI_READ, NULL, &error);
    if (status) {
        for (int i = 0; i < count; i++)
            dbki_error_clear(&ops[i]->error);
        dbki_fail_ops(ops, count, &error);
    }
    struct dbki_op *left[DBKI_READ_BATCH_MAX];
    memcpy(left, ops, (size_t)count * sizeof *ops);
    if (!status && engine->pipeline_max > 1 && has_transaction) {
        if (run_in_pipeline(worker, ops, count)) {
            engine->commit(worker->conn, NULL, &error);
            return false;
        }
        engine->rollback(worker->conn);
        status = engine->begin(worker->conn, DBKI_READ, NULL, &error);
        if (status)
            dbki_fail_ops(ops, count, &error);
    }
    for (int i = 0; i < count && !status; i++)
        if (left[i] && !join(worker, left + i, count - i)) {
            dbki_run_read(worker, left[i], has_transaction);
            if (engine->is_server && left[i]->error.status != DBK_OK && has_transaction) {
                /* After an error a server's transaction is good for nothing. */
                engine->rollback(worker->conn);
                engine->begin(worker->conn, DBKI_READ, NULL, &error);
            }
        }
    if (has_transaction && !status)
        engine->commit(worker->conn, NULL, &error);
    for (int i = 0; i < count && engine->is_server; i++)
        if (ops[i]->error.status == DBK_UNREACHABLE)
            return true;
    return false;
}

/* The earliest deadline; 0: none has one. */
static int64_t first_deadline(struct dbki_op *const *ops, int count)
{
    int64_t first_ns = 0;
    for (int i = 0; i < count; i++)
        if (ops[i]->deadline_ns && (!first_ns || ops[i]->deadline_ns < first_ns))
            first_ns = ops[i]->deadline_ns;
    return first_ns;
}

/* Args: until_ns: past which nobody wants to wait; 0: none. */
static void pause_within(int64_t until_ns, int64_t pause_ns)
{
    int64_t left_ns = until_ns ? until_ns - dbki_clock_ns() : pause_ns;
    if (left_ns > 0)
        dbki_clock_sleep_ns(pause_ns < left_ns ? pause_ns : left_ns);
}

/* Ends those that are late. Result: how many are left. */
static int end_late(struct dbki_worker *worker, struct dbki_op **ops, int count)
{
    int64_t now_ns = dbki_clock_ns();
    int kept = 0;
    for (int i = 0; i < count; i++) {
        if (!ops[i]->deadline_ns || ops[i]->deadline_ns > now_ns) {
            ops[kept++] = ops[i];
            continue;
        }
        say_late(ops[i], "before the server answered");
        dbki_complete(worker, &ops[i], 1);
    }
    return kept;
}

static bool was_given_up(const struct dbki_worker *worker, struct dbki_op *const *ops, int count)
{
    bool is_late = worker->late_at_ns && dbki_clock_ns() > worker->late_at_ns;
    for (int i = 0; i < count && is_late; i++)
        if (ops[i]->error.status == DBK_TIMEOUT)
            return true;
    return false;
}

/* Runs reads, on a new connection if theirs was lost, and completes them. */
void dbki_run_reads(struct dbki_worker *worker, struct dbki_op **ops, int count)
{
    if (ops[0]->pieces) {
        dbki_run_piece(worker, ops[0]);
        return;
    }
    bool is_server = worker->conn->engine->is_server;
    for (int tries = 0; count && tries < TRIES_MAX; tries++) {
        worker->late_at_ns = is_server ? first_deadline(ops, count) : 0;
        if (is_server)
            run_before(worker, ops, count);
        bool is_lost = run_batch(worker, ops, count);
        if (!is_lost && !(is_server && was_given_up(worker, ops, count)))
            break;
        count = end_late(worker, ops, count);
        if (count && !dbki_reconnect(worker, worker->late_at_ns) && !worker->late_at_ns)
            break; /* the store is being closed */
        count = end_late(worker, ops, count);
        pause_within(first_deadline(ops, count), tries * RETRY_PAUSE_NS);
    }
    worker->late_at_ns = 0;
    if (count)
        dbki_complete(worker, ops, count);
}
