/*
 * What was told lately, without its records: a stream that fell behind reads them again. For events that no log
 * keeps (feed.h); those of the log are read there.
 */
#ifndef DAEMON_PAST_H
#define DAEMON_PAST_H

#include "notice.h"

enum { PAST_MAX = 65536 };

struct past {
    struct notice *notices; /* from `first` on, around its end */
    size_t first, count, max;
    int64_t base; /* all that was kept since has a higher position */
};

/* Forgets everything; what is kept from now on has positions above base. */
void past_clear(struct past *past, int64_t base);

/* Keeps what an event says. The oldest goes when there are PAST_MAX, and everything when memory is short. */
void past_keep(struct past *past, const struct notice *notice);

/* Reads the records of the first events behind a position, which is from `base` to below that of the last one kept.
 * `done` takes the batch, and ends it with batch_free(). Result: NULL when it was refused or out of memory. */
struct batch *past_read(struct server *server, const struct past *past, int64_t position,
                        void (*done)(void *user, struct batch *batch), void *user);

#endif
