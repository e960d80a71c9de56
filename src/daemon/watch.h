/*
 * What a Buildbot master without daybook does in its database: it leaves no events, so its builds are looked at, twice a
 * second while somebody wants to know. Not for a store of daybook's own. Who tells it: feed.h.
 */
#ifndef DAEMON_WATCH_H
#define DAEMON_WATCH_H

#include "server.h"

struct watch;

bool watch_init(struct server *server);
void watch_fini(struct server *server);

/* Whether others than daybook write the database. */
bool watch_is_needed(const struct server *server);

/* The feed wants to hear of all that is found, from now on; it does no longer. */
void watch_begin(struct server *server);
void watch_end(struct server *server);

/* Whether a look is under way. */
bool watch_is_busy(const struct server *server);

/*
 * Takes builds that a look found finished, at least one, or none with is_lost: what was seen before is not known any
 * more, and builds that were finished meanwhile are not told. Lent until it returns.
 */
typedef void watch_finished_fn(void *user, const struct dbk_event *const *builds, size_t count,
                               bool is_lost);

/*
 * The entrance for one that wants to hear of finished builds whether anybody listens or not, until the server ends.
 * Args: position: what watch_position() gave, perhaps in an earlier life: it hears of those that were finished since.
 *   NULL: from now on. Call it before the loop begins.
 * Result: DBK_OK; DBK_INVALID: that is no position; DBK_NO_MEMORY.
 */
int watch_finished(struct server *server, const char *position, watch_finished_fn *take,
                   void *user);

/* Gives the position behind all that was told, to be kept once that was dealt with. It moves with each build that
 * begins, too. Result: lent, until the next call; "" before the first look; NULL when out of memory. */
const char *watch_position(struct server *server);

#endif
