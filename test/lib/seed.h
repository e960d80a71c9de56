/* What builds hang on, made through the public calls. */
#ifndef SEED_H
#define SEED_H

#include "wait.h"

enum { MISSING_ID = 987654321 }; /* of nothing that any test makes */

struct seed {
    int64_t masterid, workerid, builderid, other_builderid, sourcestampid, buildsetid,
        buildrequestid;
};

void seed_make(struct dbk_store *store, struct seed *out_seed);

/* A further builder, worker; a sourcestamp; a buildset of sourcestamps with one request. */
int64_t seed_builder(struct dbk_store *store, const char *name);
int64_t seed_worker(struct dbk_store *store, const char *name);
int64_t seed_sourcestamp(struct dbk_store *store, const char *repository, const char *branch,
                         const char *codebase);
int64_t seed_request(struct dbk_store *store, int64_t builderid, const int64_t *sourcestampids,
                     size_t count, int64_t parent_buildid);

#endif
