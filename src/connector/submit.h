/* Submitting an operation, with what the call carries: an operation key needs SQL, so it is met here. */
#ifndef DBKI_SUBMIT_H
#define DBKI_SUBMIT_H

#include "store/op.h"

/* Submits the operation, or frees it and says why not, also where call->out_refusal points. */
int dbki_submit(struct dbk_store *store, struct dbki_op *op, const struct dbk_call *call);

/* trim.c: what the writer does now and then by itself. */
extern const struct dbki_opkind dbki_trim;

#endif
