/* What is deleted of events and operation keys, for whoever does: the library by itself (trim.c), and pruning. */
#ifndef DBKI_TRIM_H
#define DBKI_TRIM_H

#include "engine/engine.h"

enum { DBKI_TRIM_MAX = 500 }; /* events, and keys, at a time */

/* The last position of the oldest events that are before a time, and how many these are; deletes up to it. How far
 * they were trimmed is kept as a mark. */
extern const struct dbki_statement dbki_trim_find_events, dbki_trim_delete_events;
/* Deletes keys of weeks before one. */
extern const struct dbki_statement dbki_trim_delete_keys;

#endif
