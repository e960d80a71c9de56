/* Submitting an operation, with what the call carries: an operation key needs SQL, so it is met here. */
#ifndef DBKI_SUBMIT_H
#define DBKI_SUBMIT_H

#include "store/op.h"

/* Submits the operation, or frees it and says why not, also where call->out_refusal points. */
int dbki_submit(struct dbk_store *store, struct dbki_op *op, const struct dbk_call *call);

/* The week that operation keys of that time are kept under; they go when it is not the last one any more. */
int64_t dbki_key_week(int64_t now);

/* locks.c: lock the row of that id, or name hash. */
extern const struct dbki_statement dbki_lock_builder, dbki_lock_builder_name, dbki_lock_build,
    dbki_lock_step;

/* positions.c: gives positions to events that have none; keeps the names of batches. */
extern const struct dbki_opkind dbki_place_events;
extern const struct dbki_batch_names dbki_batch_names;

/* trim.c: what the writer does now and then by itself. */
extern const struct dbki_opkind dbki_trim;

#endif
