/*
 * Operations that are run together. In each round every operation that may go on sends its next statements, all of
 * them in one pipeline; then all take their answers. Of one ordering key only such are on their way together
 * as cannot tell (op.h, enum dbki_together); the others wait for the round after the one before them is done.
 *
 * Rows are locked in one order, whatever the order of submission, so that batches of several writers do not wait
 * for each other in a circle: a batch is sorted by ordering key, and locks the row of a key before its first write.
 */
#include "store/worker.h"

#include <stdlib.h>

static int compare_turns(const void *left, const void *right)
{
    const struct dbki_turn *a = left, *b = right;
    enum dbki_orders x = a->op->kind->orders, y = b->op->kind->orders;
    if (x != y)
        return (x > y) - (x < y);
    if (a->op->order_id != b->op->order_id)
        return a->op->order_id < b->op->order_id ? -1 : 1;
    return (a->op->id > b->op->id) - (a->op->id < b->op->id);
}

void dbki_order_turns(struct dbki_turn *turns, int count)
{
    qsort(turns, (size_t)count, sizeof *turns, compare_turns);
}

static bool have_one_key(const struct dbki_op *a, const struct dbki_op *b)
{
    return a->kind->orders != DBKI_ORDERS_NOTHING && a->kind->orders == b->kind->orders &&
           a->order_id == b->order_id;
}

static enum dbki_together together(const struct dbki_op *op)
{
    return op->wrapper ? DBKI_ALONE : op->kind->together;
}

/* Whether `op` may begin behind one of its key that is not done. */
static bool lets_pass(const struct dbki_op *before, const struct dbki_op *op, bool is_careful)
{
    enum dbki_together first = together(before);
    if (first == DBKI_ALONE || before->is_settled)
        return first != DBKI_ALONE;
    return before->pass == 0 && together(op) >= DBKI_TWO_PASSES &&
           (first == DBKI_TWO_PASSES || (first == DBKI_TWO_PASSES_MOSTLY && !is_careful));
}

/* Whether turns[i] has to wait for one before it. */
static bool must_wait(const struct dbki_turn *turns, int i, bool is_careful)
{
    const struct dbki_op *op = turns[i].op;
    for (int j = i - 1; j >= 0 && have_one_key(turns[j].op, op); j--)
        if (!turns[j].is_done && !lets_pass(turns[j].op, op, is_careful))
            return true;
    return false;
}

/* Whether one behind turns[i] has begun that ought to have waited for what turns[i] still has to write. */
static bool was_passed_in_haste(const struct dbki_turn *turns, int count, int i)
{
    const struct dbki_turn *turn = &turns[i];
    return !turn->is_done && !turn->op->is_settled && i + 1 < count && turns[i + 1].is_begun &&
           have_one_key(turn->op, turns[i + 1].op);
}

/* Whether a turn before it, of the same key, has locked the row. */
static bool is_locked(const struct dbki_turn *turns, int i)
{
    for (int j = i - 1; j >= 0 && have_one_key(turns[j].op, turns[i].op); j--)
        if (turns[j].is_begun && turns[j].op->kind->lock == turns[i].op->kind->lock)
            return true;
    return false;
}

static int fail_memory(struct dbki_op *op)
{
    return dbki_error_set(&op->error, DBK_NO_MEMORY, "out of memory");
}

/* Binds what may begin. Those that go on were bound by their read(). */
static int bind_round(struct dbki_turn *turns, int count, bool locks, bool is_careful,
                      struct dbki_binder *binder, struct dbki_op **out_guilty)
{
    for (int i = 0; i < count; i++) {
        struct dbki_turn *turn = &turns[i];
        struct dbki_op *op = turn->op;
        const struct dbki_opkind *kind = op->wrapper ? op->wrapper : op->kind;
        turn->is_in_round = turn->is_begun && !turn->is_done;
        if (turn->is_begun || must_wait(turns, i, is_careful))
            continue;
        turn->lock = -1;
        if (locks && op->kind->lock && !is_locked(turns, i)) {
            turn->lock = binder->count;
            DBKI_BIND(binder, op->kind->lock, dbki_int(op->order_id));
        }
        turn->first = binder->count;
        kind->bind(op, binder);
        turn->count = binder->count - turn->first;
        turn->is_begun = turn->is_in_round = true;
        if (binder->is_out_of_memory) {
            *out_guilty = op;
            return fail_memory(op);
        }
    }
    return DBK_OK;
}

enum { GROUPS_MAX = 512 };

/* Sends a round, behind `first` if that is not NULL, and takes its rows. */
static int run_round(struct dbki_worker *worker, struct dbki_turn *turns, int count,
                     const struct dbki_binder *binder, struct dbki_group *first,
                     struct dbki_op **out_guilty)
{
    struct dbki_group groups[GROUPS_MAX], *all[GROUPS_MAX];
    struct dbki_op *owners[GROUPS_MAX];
    int group_count = 0, failed = 0;
    if (first) {
        owners[group_count] = NULL;
        groups[group_count++] = *first;
    }
    for (int i = 0; i < count; i++) {
        struct dbki_turn *turn = &turns[i];
        if (!turn->is_in_round)
            continue;
        if (turn->lock >= 0) {
            owners[group_count] = turn->op;
            groups[group_count++] = (struct dbki_group){
                .bound = &binder->bound[turn->lock], .bound_count = 1, .error = &turn->op->error};
        }
        turn->lock = -1;
        owners[group_count] = turn->op;
        groups[group_count++] = (struct dbki_group){.bound = &binder->bound[turn->first],
                                                    .bound_count = turn->count,
                                                    .owner = turn->op,
                                                    .row = dbki_take_row,
                                                    .error = &turn->op->error};
    }
    for (int i = 0; i < group_count; i++)
        all[i] = &groups[i];
    int status = worker->conn->engine->run(worker->conn, all, group_count, &failed);
    if (status)
        *out_guilty = owners[failed];
    return status;
}

/* Lets each look at what came, and bind what it wants next. Result: as above; *out_is_over: all are done; is_careful is
 * set for one that was passed in haste. */
static int read_round(struct dbki_turn *turns, int count, const struct dbki_binder *binder,
                      struct dbki_binder *next, bool *out_is_over, bool *is_careful,
                      struct dbki_op **out_guilty)
{
    bool was_careful = *is_careful;
    *out_is_over = true;
    for (int i = 0; i < count; i++) {
        struct dbki_turn *turn = &turns[i];
        struct dbki_op *op = turn->op;
        const struct dbki_opkind *kind = op->wrapper ? op->wrapper : op->kind;
        if (turn->is_in_round) {
            int first = next->count;
            if (kind->read)
                kind->read(op, &binder->bound[turn->first], next);
            turn->first = first;
            turn->count = next->count - first;
            turn->is_done = !turn->count;
            op->pass += !turn->is_done;
            *is_careful |= !was_careful && was_passed_in_haste(turns, count, i);
        }
        *out_is_over &= turn->is_done;
        if (next->is_out_of_memory) {
            *out_guilty = op;
            return fail_memory(op);
        }
    }
    return *is_careful == was_careful ? DBK_OK : DBK_CONFLICT;
}

int dbki_run_rounds(struct dbki_worker *worker, struct dbki_turn *turns, int count,
                    struct dbki_group *name, bool *is_careful, struct dbki_op **out_guilty)
{
    struct dbki_group *first = name;
    struct dbki_binder *binder = &worker->binders[0], *next = &worker->binders[1];
    bool is_over = !count;
    int status = DBK_OK;
    dbki_binder_clear(binder);
    while (!is_over && !status) {
        dbki_binder_clear(next);
        status = bind_round(turns, count, name != NULL, *is_careful, binder, out_guilty);
        if (!status)
            status = run_round(worker, turns, count, binder, first, out_guilty);
        first = NULL;
        if (!status)
            status = read_round(turns, count, binder, next, &is_over, is_careful, out_guilty);
        struct dbki_binder *done = binder;
        binder = next;
        next = done;
    }
    return status;
}
