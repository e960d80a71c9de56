/*
 * How a person names builders and builds, and how they are found:
 *
 *     nightly/12   nightly/last   nightly/last-failed   nightly (its last)   17 or #17 (by id)
 *
 * "." is the build that the command runs in (DAYBOOK_BUILD, which `daybook run` sets).
 * A builder is named by its name, or by its id where no builder has that name. Names may hold "/".
 * Digits alone are a build's id, also where a builder is called so: its last build is 17/last.
 * All of it blocks, and says on stderr what is not there and what is near.
 */
#ifndef NAME_H
#define NAME_H

#include "archive.h"

#include <daybook.h>

struct named_builder {
    int64_t id;
    char *name;
};

struct named_build {
    struct dbk_build *build;
    char *builder; /* its builder's name */
    bool
        is_last; /* it was not named itself: a builder's last, or the last that failed, is another one later */
};

/* "BUILDER/NUMBER" for a message. Result: static, until the next call. */
const char *named_build_text(const struct named_build *build);

/* Which build a builder's bare name means. */
enum build_choice { BUILD_LAST, BUILD_LAST_FAILED };

/* Finds a builder. Result: 0 and *out_builder; else an exit code after a message. */
int name_find_builder(struct archive *archive, const char *text, struct named_builder *out_builder);
void named_builder_fini(struct named_builder *builder);

/* Finds a build. Result: 0 and *out_build; else an exit code after a message: EXIT_NO when a
 * builder has no failed build. */
int name_find_build(struct archive *archive, const char *text, struct named_build *out_build);

/* The same; a bare name means choice, and text may be NULL: among all builders. */
int name_find_chosen_build(struct archive *archive, const char *text, enum build_choice choice,
                           struct named_build *out_build);
void named_build_fini(struct named_build *build);

/* Whether results are a failure: failure or exception. */
bool results_are_failed(int64_t results);

#endif
