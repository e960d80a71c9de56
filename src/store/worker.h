/* What worker.c, writes.c and reads.c know of each other. */
#ifndef DBKI_WORKER_H
#define DBKI_WORKER_H

#include "store/store.h"

enum { DBKI_READ_BATCH_MAX = DBKI_JOINED_MAX };
/* How long a lock is waited for once the store is closing, and by a read. */
static const int64_t DBKI_LOCK_WAIT_NS = 5000 * 1000 * 1000LL;

/* Runs one operation with all its passes. Result: 0 (also when it was refused), or a status: something
 * failed, and the transaction must be undone. */
int dbki_run_op(struct dbki_worker *worker, struct dbki_op *op);
/* An engine's group gives its rows to its operation. */
int dbki_take_row(void *owner, int index, const struct dbki_value *cells, int cell_count);
/* Takes the operation that is to be begun next; NULL: none waits. The caller has the lock. */
struct dbki_op *dbki_take_locked(struct dbk_store *store, struct dbki_queue *queue);
/* Fails those that did not fail by themselves. */
void dbki_fail_ops(struct dbki_op **ops, int count, const struct dbk_error *error);
/* Hands operations over to whoever dispatches. */
void dbki_complete(struct dbki_worker *worker, struct dbki_op **ops, int count);

/* Takes what waits to be written, runs it and completes it. */
void dbki_write_batch(struct dbki_worker *worker);
/* Runs reads in one snapshot, and completes them. One in pieces comes alone. */
void dbki_run_reads(struct dbki_worker *worker, struct dbki_op **ops, int count);
/* Runs one read, without completing it. */
void dbki_run_read(struct dbki_worker *worker, struct dbki_op *op, bool has_transaction);

/* writes.c: completes what was committed; what has more turns to come goes back to the end of its queue. */
void dbki_complete_committed(struct dbki_worker *worker, struct dbki_op **ops, int count);
/* writes.c: takes what is queued, `max` operations in all at most. Result: how many. */
int dbki_take_writes(struct dbki_worker *worker, struct dbki_op **ops, int count, int max);
/* writes.c: housekeeping, a turn. */
void dbki_keep_house(struct dbki_worker *worker);

/* rounds.c: operations that are run together, in a pipeline where the engine has one. */
struct dbki_turn {
    struct dbki_op *op;
    int first, count; /* its statements in the binder */
    int lock;         /* the one that locks its row; -1: none */
    bool is_begun, is_done, is_in_round;
};
/* Orders turns by their ordering keys; those of one key stay in their order. */
void dbki_order_turns(struct dbki_turn *turns, int count);
/* Runs all operations with all their passes, of `count` up to the engine's pipeline_max. Of writes `name` is what
 * goes before all else, without operations' locks if it is NULL, and has no statement where there is none. Unless
 * *is_careful, none waits for the second pass of one of DBKI_TWO_PASSES_MOSTLY; where it had to, it is set. Result: 0, or
 * the status of a statement that failed, and *out_guilty, whose it is (NULL: the name's), or DBK_CONFLICT where
 * *is_careful was set: the transaction must be undone. */
int dbki_run_rounds(struct dbki_worker *worker, struct dbki_turn *turns, int count,
                    struct dbki_group *name, bool *is_careful, struct dbki_op **out_guilty);

/* batch.c: takes what waits to be written on a server, runs it in one transaction and completes it. */
void dbki_write_on_server(struct dbki_worker *worker);
/* batch.c: does work that is nobody's operation. Result: 0 or a status. */
int dbki_work_on_server(struct dbki_worker *worker, const struct dbki_opkind *kind);
/* batch.c: opens a worker's connection anew, trying until then (0: until the store is closed). Result: whether
 * it is open. */
bool dbki_reconnect(struct dbki_worker *worker, int64_t until_ns);
/* store.c: what a worker's connection is opened with. */
struct dbki_conn_options dbki_worker_options(const struct dbk_store *store,
                                             struct dbki_worker *worker);

/* pieces.c: reads the next piece, and completes the operation. */
void dbki_run_piece(struct dbki_worker *worker, struct dbki_op *op);
/* Until when a reader may sleep for the sake of snapshots; 0: for ever. The caller has the lock. */
int64_t dbki_snapshot_due_ns_locked(const struct dbk_store *store);
/* Takes one that was kept for long enough, to be ended; NULL: there is none. The caller has the lock. */
struct dbki_snapshot *dbki_take_due_snapshot_locked(struct dbk_store *store, int64_t now_ns);
/* Ends a snapshot; its connection is kept for the next one, or closed. */
void dbki_end_snapshot(struct dbk_store *store, struct dbki_snapshot *snapshot, bool is_kept);

#endif
