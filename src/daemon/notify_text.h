/*
 * What is told, in words and as JSON. Not for whom and when.
 */
#ifndef DAEMON_NOTIFY_TEXT_H
#define DAEMON_NOTIFY_TEXT_H

#include "notify_builders.h"

#include <jansson.h>

/* A position in what finished, in words of whoever finds the builds; see notify_intake.h. */
#define SEEN_SIZE 128

/* A build that ended. */
struct finished {
    int64_t builderid, buildid, number, results, started_at, complete_at;
    char seen[SEEN_SIZE]; /* the position behind it; "": it stays */
    bool is_unordered;    /* it may come after one that ended later, and more than once */
};

enum tiding { TIDING_FAILING, TIDING_FIXED, TIDING_LATE, TIDING_ON_TIME };

/* "failing" "fixed" "late" "on-time" */
const char *tiding_word(enum tiding tiding);

/*
 * Makes the body that a target gets. Args: build: NULL where there is none; ward as it was when a build ended last;
 * public_url may be NULL. Result: NULL when out of memory.
 */
json_t *tiding_body(enum tiding tiding, enum notify_kind kind, const char *delivery,
                    const struct ward *ward, const struct finished *build, const char *public_url,
                    int64_t now);

#endif
