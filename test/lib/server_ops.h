/*
 * Builds added on a server, 64 at once, each of them known by its state string: what its caller was told of it must be
 * what the database holds, whatever befell the server meanwhile.
 */
#ifndef SERVER_OPS_H
#define SERVER_OPS_H

#include "engines.h"
#include "seed.h"

enum { SERVER_OPS_OUTSTANDING = 64, SERVER_OPS_MAX = 100000 };

struct server_op;

struct server_ops {
    struct dbk_store *store;
    struct seed seed;
    struct server_op *all;
    int count, outstanding, acknowledged;
    int wanted; /* that are to be outstanding: others are submitted for those that end */
    int timeout_ms;
    int64_t overshoot_ms; /* of the one that ended last after its deadline */
};

/* Makes a store with what builds hang on, and closes it again; ops->store is the caller's to open and close. */
void server_ops_make(struct server_ops *out_ops, const char *url);

/* Goes on until so many were acknowledged in all; some stay outstanding. */
void server_ops_run_until(struct server_ops *ops, int acknowledged);
/* Submits what is wanted to be outstanding. */
void server_ops_fill(struct server_ops *ops);
/* All end, and none is submitted for them. */
void server_ops_run_out(struct server_ops *ops);

/* The last ones were acknowledged. */
void server_ops_expect_done(const struct server_ops *ops, int last_count);
/* What was acknowledged is there once, what was said to be not done is not, and numbers have no gaps. list_sql gives
 * "0=1 1=1 ...": each name's number and how many builds have it. */
void server_ops_expect_truth(const struct server_ops *ops, const struct engine *engine,
                             const char *url, const char *list_sql);

#endif
