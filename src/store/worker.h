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

/* pieces.c: reads the next piece, and completes the operation. */
void dbki_run_piece(struct dbki_worker *worker, struct dbki_op *op);
/* Until when a reader may sleep for the sake of snapshots; 0: for ever. The caller has the lock. */
int64_t dbki_snapshot_due_ns_locked(const struct dbk_store *store);
/* Takes one that was kept for long enough, to be ended; NULL: there is none. The caller has the lock. */
struct dbki_snapshot *dbki_take_due_snapshot_locked(struct dbk_store *store, int64_t now_ns);
/* Ends a snapshot; its connection is kept for the next one, or closed. */
void dbki_end_snapshot(struct dbk_store *store, struct dbki_snapshot *snapshot, bool is_kept);

#endif
