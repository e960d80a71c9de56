/*
 * The end of a run: what is not in the store is kept in the spool, and one line says how it went. Not for
 * the exit status (runner.h).
 */
#ifndef SUMMARY_H
#define SUMMARY_H

#include "command.h"
#include "opening.h"
#include "recorder.h"
#include "runner.h"
#include "spool.h"

struct summary {
    const struct arguments *arguments;
    const struct recorder *recorder;
    const struct runner_outcome *outcome;
    const struct opening *opening; /* or NULL */
    struct spool_entry *entry;
    int entry_error; /* errno of what made it; 0: none */
    const char *db;  /* absolute */
    bool
        is_quiet; /* of a run that went well and is recorded nothing is said; of one that failed all that was
                      * printed */
};

/* Keeps or forgets the run's note in the spool, and says what became of it. */
void summary_tell(const struct summary *summary);

#endif
