/*
 * A path in its parts: split at "/" before it is decoded, so that a name may hold one (%2F).
 */
#ifndef DAEMON_PATH_H
#define DAEMON_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PATH_PARTS_MAX 12

struct path {
    char *text; /* what the parts lie in */
    char *parts[PATH_PARTS_MAX];
    size_t count;
};

enum path_outcome { PATH_OK, PATH_BAD, PATH_NONE, PATH_NO_MEMORY };

/* Splits what follows the prefix. Result: PATH_BAD for an escape that is none and for what is no text,
 * PATH_NONE for a path that no route can have. *out_path is to be ended with path_fini() in any case. */
enum path_outcome path_split(const char *text, struct path *out_path);
void path_fini(struct path *path);

/* Decodes percent escapes in place; in a query "+" is a space. Result: false when that does not give
 * UTF-8 without a zero byte. */
bool path_decode(char *text, bool is_query);

/* Reads an id or a number as paths and queries hold it: decimal digits, in a query also with a sign.
 * Result: false for anything else, also for a number past 18 digits. */
bool path_number(const char *text, bool is_signed, int64_t *out_number);

#endif
