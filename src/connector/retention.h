/*
 * Rules of what is kept: their grammar, and what they say of a build. Nothing here touches a database.
 */
#ifndef DBKI_RETENTION_H
#define DBKI_RETENTION_H

#include "daybook.h"

/* What a rule is about. */
enum dbki_kept { DBKI_KEPT_BUILDS, DBKI_KEPT_OUTPUTS, DBKI_KEPT_DATA, DBKI_KEPT_KINDS };

/* "BUILDERS older AGE keep N failures AGE"; DBK_NONE: that is not said. */
struct dbki_rule {
    char *builders; /* a pattern of names */
    int64_t older_s, keep_count, failures_s;
};

struct dbki_rules {
    struct dbki_rule *all;
    int count;
};

struct dbk_retention {
    struct dbki_rules rules[DBKI_KEPT_KINDS];
    int64_t events_s, keys_s; /* DBK_NONE: not said */
    bool is_refused;          /* something was: it must not be used */
};

/* A copy that is independent of it. Result: NULL when out of memory. */
struct dbk_retention *dbki_retention_dup(const struct dbk_retention *retention);

/* The rule for a builder: the first whose pattern fits. NULL: there is none. */
const struct dbki_rule *dbki_retention_find(const struct dbk_retention *retention,
                                            enum dbki_kept kept, const char *builder);

/* Builds that were complete before that may be taken by the rule, others are not. */
int64_t dbki_rule_horizon(const struct dbki_rule *rule, int64_t now);

/* Whether the rule takes a finished build; first_kept is the number of the oldest of the newest keep_count. */
bool dbki_rule_takes(const struct dbki_rule *rule, int64_t now, int64_t first_kept, int64_t number,
                     int64_t complete_at, int64_t results);

#endif
