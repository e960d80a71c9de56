/*
 * Long work in the command (adopt, release, upgrade, check): waits for it, with a line of progress on a
 * terminal's stderr. Not for what it reports beside that: each subcommand prints its own.
 */
#ifndef LONG_WORK_H
#define LONG_WORK_H

#include "waiting.h"

/* Shows how far it has come, in place of what was shown before; a few times a second at most. */
void progress_show(const struct dbk_report *report);
/* Takes the line away, before anything else is printed. */
void progress_clear(void);

/* Begins waiting for long work: as long as it takes. */
void long_work_init(struct waiting *waiting, struct dbk_store *store);
/* Waits. Result: 0, or an exit code after a message. */
int long_work_finish(struct waiting *waiting);

#endif
