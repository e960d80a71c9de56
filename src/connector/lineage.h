/*
 * Lineages: a builder and a set of (repository, branch, codebase). daybook_lineage has a row for each
 * successful finished build, under a hash of its set, so that the previous one is found by an index.
 */
#ifndef DBKI_LINEAGE_H
#define DBKI_LINEAGE_H

#include "connector/submit.h"

/* The set of a build that is being finished, as its rows come. Zeroed to begin. */
struct dbki_lineage_set {
    struct dbk_codebase *codebases;
    size_t count, max;
};

/* Whether the operation's store keeps lineages. */
bool dbki_has_lineage(const struct dbki_op *op);

/* When a build is finished: takes it out of its lineage, and asks for its set. */
void dbki_lineage_bind(struct dbki_op *op, struct dbki_binder *binder, int64_t buildid);
/* Takes a row of that question. Result: 0 or DBK_NO_MEMORY. */
int dbki_lineage_row(struct dbki_op *op, struct dbki_lineage_set *set,
                     const struct dbki_value *cells);
/* Puts the build, which is successful, into the lineage of that set. */
void dbki_lineage_bind_insert(struct dbki_op *op, struct dbki_binder *binder,
                              struct dbki_lineage_set *set, int64_t buildid);

#endif
