/*
 * Long work: an operation that takes many turns, reports after each, and ends by itself (header, "long work").
 * A kind of it is_follower and is_long; a turn that is not the last one sets is_turn_over.
 */
#ifndef DBKI_LONG_WORK_H
#define DBKI_LONG_WORK_H

#include "connector/submit.h"

struct dbki_long_op {
    struct dbki_op op;
    dbk_report_fn *report;
    struct dbki_news *first, *last; /* of this turn */
    bool is_dry_run;
};

/* Forgets what the last turn had to say; every turn begins with it. */
void dbki_long_begin(struct dbki_op *op);
/* Adds a report to this turn's, with its texts copied. Result: 0 or DBK_NO_MEMORY. */
int dbki_long_report(struct dbki_op *op, const struct dbk_report *report);
/* Adds one of progress. */
int dbki_long_progress(struct dbki_op *op, const char *subject, int64_t done, int64_t total);
/* The kind's deliver. */
void dbki_long_deliver(struct dbki_op *op, const struct dbk_error *error);

/* Makes one that is still to be submitted, by dbki_submit(), or freed. Result: 0 and *out_op, or why it is refused. */
int dbki_long_new(struct dbk_store *store, const struct dbki_opkind *kind, size_t size,
                  const struct dbk_call *call, dbk_report_fn *report, dbk_done_fn *done, void *user,
                  struct dbki_op **out_op);
/* Makes and submits one; `size` is that of a struct that begins with a struct dbki_long_op. */
int dbki_long_submit(struct dbk_store *store, const struct dbki_opkind *kind, size_t size,
                     bool is_dry_run, const struct dbk_call *call, dbk_report_fn *report,
                     dbk_done_fn *done, void *user);

#endif
