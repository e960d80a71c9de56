/*
 * A writer that keeps many operations of all sorts outstanding, and the ledger of what was acknowledged
 * to it; and the check of a database against that ledger.
 *
 * Everything that is written tells what it has to be: the five properties of a build share one token,
 * a value is its token repeated, tokens rise. So the check can tell a loss from an earlier state.
 */
#ifndef DURABILITY_LOAD_H
#define DURABILITY_LOAD_H

#include "ground.h"

enum acked_kind { ACKED_BUILD, ACKED_FINISHED, ACKED_STEP, ACKED_PROPERTIES, ACKED_DATA };

/* One callback that ran without an error. */
struct acked {
    int32_t kind;
    int32_t token;    /* of properties and data; the result of a finished build; else the builder */
    int64_t id;       /* of the build, or the step */
    int64_t number;   /* of the build, or the step; else 0 */
    int64_t buildid;  /* of a step */
    int64_t position; /* where the one who keeps the ledger was when it came */
};

struct ledger {
    struct acked *entries;
    size_t count, size;
};
void ledger_add(struct ledger *ledger, const struct acked *acked);
void ledger_free(struct ledger *ledger);

struct load {
    struct dbk_store *store;
    int outstanding_max;
    int data_len_max;
    uint64_t random;
    void (*acknowledged)(void *user, const struct acked *acked); /* runs within dispatch */
    void *user;
    /* The load's own. */
    int outstanding;
    int32_t last_token;
    int64_t submitted;
    int64_t builds[256]; /* the latest that were acknowledged, a ring */
    int64_t build_count;
};

/* Submits until as many as wanted are outstanding. */
void load_submit(struct load *load);
/* Waits until nothing is outstanding. */
void load_drain(struct load *load);

/* What a check found. */
struct findings {
    int lost;    /* acknowledged, and not there */
    int half;    /* there in part */
    int damaged; /* the file itself */
    char first[256];
};

/* Checks the file against what was acknowledged up to a position. Opens it with plain SQLite. */
struct findings ledger_check(const struct ledger *ledger, int64_t position, const char *path);

#endif
