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
/* Takes the build out of the lineage that it is in. */
void dbki_lineage_bind_take_out(struct dbki_binder *binder, int64_t buildid);
/* The lineage_hash of a set, as text in the operation's arena. Result: NULL when out of memory. */
const char *dbki_lineage_hash(struct dbki_op *op, struct dbki_lineage_set *set);

/* How far a run has come: the builders before it are done, and of it what was completed before that time. */
struct dbki_lineage_place {
    int64_t builderid; /* DBK_NONE: all are done */
    int64_t looked_at; /* DBK_NONE: nothing was looked at */
};
#define DBKI_LINEAGE_BEGINNING ((struct dbki_lineage_place){0, DBK_NONE})

/*
 * lineage_gather.c: what another writer finished, of builders from a place on, a page of builds at a time, within the
 * caller's transaction. How far a builder was looked at in any run is kept as a mark, its watermark.
 * Result: 0 with *out_count brought in and the place moved on.
 */
int dbki_lineage_gather(struct dbki_op *op, struct dbki_conn *conn,
                        struct dbki_lineage_place *place, int64_t *out_count);
/* All builds of a store of our own, into a table that is new: within the caller's transaction. And into one that may have
 * come by some rows. */
int dbki_lineage_fill(struct dbki_op *op, struct dbki_conn *conn);
int dbki_lineage_refill(struct dbki_op *op, struct dbki_conn *conn);
/* Forgets how far each builder was looked at, of a table that is new. */
void dbki_lineage_bind_anew(struct dbki_binder *binder);
/* The watermark's mark. */
enum { DBKI_WATERMARK_SIZE = 48 };
void dbki_lineage_watermark(int64_t builderid, char name[DBKI_WATERMARK_SIZE]);
/* What is older than the watermark by more than this was looked at, whatever the clocks of other writers. */
enum { DBKI_LINEAGE_SLACK_S = 24 * 60 * 60 };
/* The same as housekeeping. */
extern const struct dbki_opkind dbki_gather;

#endif
