/*
 * What include= adds to builds: their steps, read for all builds of an answer at once. Properties need nothing of
 * it: the store gives them with the builds.
 */
#ifndef DAEMON_INCLUDED_H
#define DAEMON_INCLUDED_H

#include "exchange.h"

/* Answers with builds and their steps. Args: page: NULL for one build, which may be NULL itself. */
void included_give(struct exchange *exchange, const struct dbk_build *const *builds,
                   const struct dbk_page *page);

/* Writes the members that were asked for. record is a build. */
void included_write(struct json_writer *json, const void *record, const struct ask *ask);

/* Args: included may be NULL. */
struct included;
void included_free(struct included *included);

#endif
