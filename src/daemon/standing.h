/*
 * How builders stand: what each ended with last, when it last succeeded, whether it builds. For metrics, feeds and
 * badges; bounded in builders and in the builds that are looked at.
 */
#ifndef DAEMON_STANDING_H
#define DAEMON_STANDING_H

#include "exchange.h"

enum {
    STANDING_BUILDERS_MAX = 200, /* the others are left out */
    STANDING_NEWEST = 20, /* builds of a builder among which the last finished one is looked for */
    STANDING_SUCCESS = 1000, /* numbers of a builder among which its last success is looked for */
    STANDING_MS = 2000,      /* for all of it */
};

struct standing {
    int64_t builderid;
    char *name;
    bool is_building; /* its newest build runs */
    int64_t number;   /* of the build that ended last, as the next two; DBK_NONE: none */
    int64_t results;
    int64_t complete_at;
    int64_t success_at; /* when one last ended with success; DBK_NONE: none */
};

struct standings {
    struct standing *items;
    size_t count;           /* those that were read */
    int64_t total;          /* builders that there are */
    struct dbk_error error; /* why they are not all that were to be read; DBK_OK: they are */

    size_t index, max;
    int64_t deadline_ms;
    struct dbk_spec *newest;
    void (*done)(struct exchange *exchange);
};

/*
 * Reads how builders stand into exchange->standings, and runs done, also when it could not read all. Args:
 * builderid: of one; DBK_NONE for all. Of one that is not there none is read.
 */
void standings_read(struct exchange *exchange, int64_t builderid,
                    void (*done)(struct exchange *exchange));

/* Args: standings may be NULL. */
void standings_free(struct standings *standings);

#endif
