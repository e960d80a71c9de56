/*
 * Comparing the rows of one table in two databases: what stands between two keys is gathered from both sides as
 * hashes, a column each, and matched by what a row is known by. Memory is bounded: where a single key has very many
 * rows they are gone through several times, each time a share of them.
 */
#ifndef DBKI_COMPARE_H
#define DBKI_COMPARE_H

#include "connector/copy.h"

enum dbki_difference { DBKI_MISSING, DBKI_SURPLUS, DBKI_DIFFERENT };

/* One that was found. The texts are lent. */
struct dbki_finding {
    enum dbki_difference what;
    const struct dbki_table *table;
    int64_t key;         /* DBK_NONE: the table has none */
    const char *label;   /* what of the key it is, a name; "" for none */
    const char *columns; /* of rows that are different: "state_string, results" */
};

struct dbki_compare {
    struct dbki_conn *from, *to;
    const struct dbki_table *table;
    void *owner;
    int (*found)(void *owner, const struct dbki_finding *finding);
    struct dbk_error *error;
};

/*
 * Compares the next rows behind the key *after (DBK_NONE: from the beginning), within a snapshot of each side.
 * Result: 0; *after is where to go on, and *out_is_over says that there are no more; *out_rows how many of the
 * source's rows were looked at.
 */
int dbki_compare_next(const struct dbki_compare *compare, int64_t *after, int64_t *out_rows,
                      bool *out_is_over);

#endif
