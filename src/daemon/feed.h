/*
 * The newest events, kept ready for all streams: one follower of the log, one read of each record, however
 * many listen. While nobody listens none of it runs. Not for the streams themselves (stream.h).
 */
#ifndef DAEMON_FEED_H
#define DAEMON_FEED_H

#include "notice.h"

enum { FEED_RING_SIZE = 1024, FEED_BYTES_MAX = 8 << 20 };

struct feed {
    struct notice ring[FEED_RING_SIZE]; /* of the events after `base` up to `position` */
    size_t first, count;
    size_t size;            /* bytes of their messages */
    int64_t base, position; /* position is DBK_NONE until it has begun */
    struct batch *batch;    /* being read */
    struct dbk_op op;       /* the follower */
    bool is_following, is_beginning;
    bool has_more;                    /* the follower saw something that was not read for yet */
    int64_t begun_looks, ended_looks; /* reads, and the last one of them that came to the end */
};

/* Makes and ends it. Result: false when out of memory. */
bool feed_init(struct server *server);
void feed_fini(struct server *server);

/* Somebody listens: begins to follow, if it does not. Result: DBK_OK, or the status of *out_error. */
int feed_begin(struct server *server, struct dbk_error *out_error);

/* Nobody listens any more. */
void feed_end(struct server *server);

/* Whether an operation of it is under way. */
bool feed_is_busy(const struct server *server);

/* Begins again after an error, and reads on. Called each second while somebody listens. */
void feed_tend(struct server *server);

/* Looks for more. Result: what `ended_looks` comes to when a read that began from now on was at the end. */
int64_t feed_look(struct server *server);

/* The first notice after a position, which is not below `base`. Result: NULL: there is none yet. */
const struct notice *feed_after(const struct feed *feed, int64_t position);

#endif
