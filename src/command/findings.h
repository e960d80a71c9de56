/*
 * What long work finds (check, a comparison of stores), printed as it comes: the first ten of a kind in a row, or
 * all, or as JSON; with a line of progress. Not for other reports.
 */
#ifndef FINDINGS_H
#define FINDINGS_H

#include "../share/json_writer.h"
#include "long_work.h"
#include "options.h"

struct findings {
    struct waiting waiting;            /* first: its address is what waiting_done() takes */
    const struct arguments *arguments; /* the caller fills this, and prints_all */
    struct json_writer json;
    int64_t count;
    bool prints_all;
    char kind[96];      /* of the last finding */
    int64_t kind_count; /* in a row */
};

/* Begins; the caller submits the work with &findings->waiting.call, findings_take, waiting_done and findings. */
void findings_begin(struct findings *findings, struct dbk_store *store);
dbk_report_fn findings_take;
/* Tells how many were not printed of the last kind; what the others' end does by itself. */
void findings_end_kind(struct findings *findings);
/* Waits for the end, and prints how many there were. Result: EXIT_NO when there were some, 0, or another exit code
 * after a message. */
int findings_finish(struct findings *findings);

#endif
