/* The kinds of records that more than one file lists. */
#ifndef DBKI_RECORDS_H
#define DBKI_RECORDS_H

#include "connector/record.h"

extern const struct dbki_record dbki_build_record;
extern const struct dbki_record dbki_property_record;
extern const struct dbki_record dbki_step_record;
extern const struct dbki_record dbki_build_data_record;

/* properties.c: checks a property that is to be set. */
void dbki_property_check(struct dbki_check *check, const struct dbk_new_property *property);

/* properties.c: what one gets that is added now. 0 while a call's arguments are hashed, which is with the clock at 0. */
struct dbki_value dbki_property_position(const struct dbki_op *op);

/* A write that has no result but that it was done: read() that refuses when the first statement changed
 * nothing, naming the field and id; deliver() for a dbk_done_fn. */
struct dbki_write_op {
    struct dbki_op op;
    int64_t id; /* of what is written to */
    struct dbki_value args[3];
};
/* Submits one with one argument, whose text is copied; more are for the caller to make by hand. */
int dbki_write_submit(struct dbk_store *store, const struct dbki_opkind *kind, int64_t id,
                      struct dbki_value arg, const struct dbk_call *call, dbk_done_fn *done,
                      void *user);
void dbki_write_deliver(struct dbki_op *op, const struct dbk_error *error);
/* read() for writes to a build, to a step. */
void dbki_write_read_build(struct dbki_op *op, const struct dbki_bound *bound,
                           struct dbki_binder *more);
void dbki_write_read_step(struct dbki_op *op, const struct dbki_bound *bound,
                          struct dbki_binder *more);

#endif
