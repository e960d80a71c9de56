/*
 * Pruning by a file of rules, again and again. Old records go in short turns of the store's, between which requests
 * have theirs. On the loop's thread.
 */
#ifndef DAEMON_PRUNER_H
#define DAEMON_PRUNER_H

#include "server.h"

struct pruner;

/* Reads the rules. Result: DBK_OK and *out_pruner, NULL when there is nothing to prune by; DBK_INVALID with a sentence,
 * DBK_NO_MEMORY. */
int pruner_new(struct server *server, struct pruner **out_pruner, char *out_message, size_t size);
/* None may be at work. NULL is fine, here and below. */
void pruner_free(struct pruner *pruner);

/* Once a second: begins when it is time. */
void pruner_tend(struct pruner *pruner);
/* Reads the rules again. Those from before stay when that fails, and stderr says so. */
void pruner_reload(struct pruner *pruner);
/* Ends what is under way, after its turn; and whether that is over yet. */
void pruner_stop(struct pruner *pruner);
bool pruner_is_busy(const struct pruner *pruner);

#endif
