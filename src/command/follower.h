/*
 * `daybook events --follow`: events printed as they come, until somebody ends it. Not for lists
 * (cmd_events.c).
 */
#ifndef FOLLOWER_H
#define FOLLOWER_H

#include "archive.h"
#include "command.h"

/*
 * Prints the events after a position, each line at once: those that are kept, then those that come. Ends at a
 * signal (SIGINT, SIGTERM, SIGHUP), when nobody reads the output any more, or after `limit` events (-1: no limit).
 * Result: 0 in all these cases, else an exit code after a message.
 */
int follower_run(const struct arguments *arguments, struct archive *archive, int64_t after,
                 const struct selection *filters, int64_t limit);

#endif
