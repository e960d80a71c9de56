/*
 * Whether a run of the same builder for the same database still runs on this host: the notes in the spool
 * tell. Runs of other users are not seen.
 */
#ifndef ONCE_H
#define ONCE_H

#include <stdbool.h>

/* The exit status of a run that was left out: "try again later" (EX_TEMPFAIL). */
#define EXIT_ONCE 75

/*
 * Looks, and keeps others from looking until once_end(), by when our own note is to be there.
 * Result: whether one runs, after a message unless is_quiet; *out_lock is for once_end() in any case.
 */
bool once_begin(const char *builder, const char *db, bool is_quiet, int *out_lock);
void once_end(int lock);

#endif
