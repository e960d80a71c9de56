/* A step's list of URLs, as Buildbot keeps it: JSON, [{"name": "...", "url": "..."}, ...]. */
#ifndef DBKI_STEP_URLS_H
#define DBKI_STEP_URLS_H

#include "store/op.h"

/*
 * Reads a list into the operation's arena. Result: 0 and the outputs; DBK_DAMAGED when the text is no such
 * list; DBK_NO_MEMORY.
 */
int dbki_step_urls_read(struct dbki_op *op, const char *json,
                        const struct dbk_url *const **out_urls, size_t *out_count);

#endif
