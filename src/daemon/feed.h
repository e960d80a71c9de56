/*
 * The newest events, kept ready for all streams: one follower of the log, one read of each record, however
 * many listen. While nobody listens none of it runs. Not for the streams themselves (stream.h).
 *
 * Positions are those of the log, until something is told that the log has not: what a Buildbot master without daybook
 * wrote (watch.h). From then on events are counted here, from a number above all that the log and earlier daemons
 * gave. What such a position says is known to this daemon alone, and only as long as `past` has it.
 */
#ifndef DAEMON_FEED_H
#define DAEMON_FEED_H

#include "notice.h"
#include "past.h"

enum { FEED_RING_SIZE = 1024, FEED_BYTES_MAX = 8 << 20 };

struct feed {
    struct notice ring[FEED_RING_SIZE]; /* of the events after `base` up to `position` */
    size_t first, count;
    size_t size;            /* bytes of their messages */
    int64_t base, position; /* position is DBK_NONE until it has begun */
    int64_t log_position; /* up to which the log was read; the same as long as nothing is counted */
    int64_t count_position; /* the last that was counted */
    bool is_counted;        /* positions are */
    struct past past;       /* of events that were counted */
    bool is_awaiting;       /* a look at what there is, to begin with */
    struct notice *seen;    /* by the watch, to be read and told */
    size_t seen_count, seen_max;
    struct batch *batch; /* being read */
    struct dbk_op op;    /* the follower */
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

/* The watch found events, perhaps none. is_lost: it does not know what happened since it looked before. */
void feed_take(struct server *server, const struct dbk_event *const *events, size_t count,
               bool is_lost);

/* The first notice after a position, which is not below `base`. Result: NULL: there is none yet. */
const struct notice *feed_after(const struct feed *feed, int64_t position);

#endif
