/* Pruning in tests: builds so old, and what is said of those that went. */
#ifndef PRUNE_H
#define PRUNE_H

#include "fixture.h"

enum { DAY = 24 * 60 * 60 };

/* A build that ended (or, open, began) so many days before the fixture's clock. */
struct new_build {
    const char *builder, *branch; /* of a sourcestamp of git://here; NULL: none */
    int64_t results;              /* DBK_NONE: open */
    int64_t days;
    size_t step_count;
    bool has_output, has_other; /* "log/0", 5 bytes; "other", 4 bytes, and the property "one" */
    const char *keep;           /* the value of the property; NULL: none */
};
int64_t prune_record(struct fixture *f, const struct new_build *new_build);

/* What pruning said. */
struct sums {
    struct answer answer; /* first: what wait.h fills */
    const char *text;     /* "table rows bytes\n" each */
    int turns;            /* reports of progress */
    int cancel_after;     /* so many of them; 0: never */
    struct dbk_store *store;
};

/* Prunes by that text, which must succeed. What a dry run said before must be the same. */
struct sums prune(struct fixture *f, const char *rules);
/* Result: the status with which it was refused or ended. */
int prune_run(struct fixture *f, struct sums *sums, const char *rules,
              const struct dbk_prune_options *options);
int prune_with(struct fixture *f, struct sums *sums, const struct dbk_retention *retention,
               const struct dbk_prune_options *options);

/* prune_random.c */
void prune__drawn_rules_do_what_a_model_says(void **state);

#endif
