/* Every call of every_call.h, and the lists that the web page and Buildbot's clients ask for, one after the other; then many
 * of each get that several share a statement of. */
#ifndef ASK_ALL_H
#define ASK_ALL_H

#include "every_call.h"

/* Waits for each. said: takes what each call came to; NULL: none may fail. */
void ask_all(struct dbk_store *store, void (*said)(const char *name, const struct answer *answer));

#endif
