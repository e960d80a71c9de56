/*
 * What was seen of builds that others write without leaving events, and what a look at the database finds of them.
 * A watch is the dispatching thread's; a look's operation reads it while it is under way, and nobody changes it then.
 */
#ifndef DBKI_WATCH_H
#define DBKI_WATCH_H

#include "base/buf.h"
#include "store/op.h"

enum {
    DBKI_WATCH_ROWS_MAX = 1000, /* builds behind the newest one that a look takes */
    DBKI_WATCH_OPEN_MAX =
        10000, /* among so many of the newest builds the first look finds the open ones */
    DBKI_WATCH_BUILDS_MAX = 20000, /* builds that are watched; the oldest are let go */
    DBKI_WATCH_LOG_MAX = 5000,     /* events of the log that a look takes */
    DBKI_WATCH_PLACES = 32,        /* builds of one statement */
    DBKI_WATCH_STEP_PLACES = 8,    /* builds of one statement about steps */
    DBKI_WATCH_STEPS_MAX = 200,    /* steps of one build that a look takes */
    DBKI_WATCH_LOOKED_AT_MAX =
        1024, /* watched builds that a look looks at; the next one goes on behind them */
    DBKI_WATCH_STEPS_LOOKED_AT_MAX = 128,
};

enum dbki_stage { DBKI_STAGE_NEW = 1, DBKI_STAGE_STARTED, DBKI_STAGE_FINISHED };

struct dbki_watched_step {
    int64_t id;
    int64_t number; /* DBK_NONE: only the log named it */
    uint64_t text;  /* hash of its state_string; 0: not known */
    enum dbki_stage stage;
};

/* A build that is open, or that may yet become visible. */
struct dbki_watched {
    int64_t id, builderid;
    int looks_left;       /* of an id that was passed over, until it is given up */
    bool is_told;         /* that it is new */
    bool is_finish_told;  /* by the log; it goes when its row was seen */
    bool are_steps_known; /* else what they are now is not told */
    bool is_asked, is_found, are_steps_asked; /* of the look that is being taken */
    bool is_over;                             /* it is complete */
    int step_rows;                            /* of the same look */
    uint64_t text;                            /* hash of its state_string; 0: not known */
    int64_t step_from;                        /* all steps with lower numbers are finished */
    struct dbki_watched_step *steps;
    size_t step_count, step_max;
};

struct dbk_watch {
    int64_t newest; /* the highest id of a build that was seen; DBK_NONE: nothing was seen yet */
    int64_t log_position; /* of the last event in the log that was taken */
    bool is_lost;         /* what was seen is no longer known, and nobody was told so */
    bool is_looking;
    struct dbki_watched *builds; /* ordered by id */
    size_t build_count, build_max;
    int64_t next_id, next_step_id; /* where a look goes on among them */
    struct dbki_buf position;
};

/* A row of builds, of steps, of the log. */
struct dbki_seen_build {
    int64_t id, builderid, started_at, complete_at;
    uint64_t text;
};
struct dbki_seen_step {
    int64_t buildid, id, number, started_at, complete_at;
    uint64_t text;
};
struct dbki_seen_event {
    int64_t position; /* DBK_NONE: it has none yet */
    int64_t builderid, buildid, stepid;
    bool is_step;
    char verb[10];
};

struct dbki_seen {
    const void **items;
    size_t count, max;
};

/* One look; watch_look.c fills it, watch.c takes it. */
struct dbki_look {
    struct dbki_op op;
    struct dbk_watch *watch;
    bool is_first; /* it only finds out what there is */
    int64_t newest, log_newest;
    int build_statements, step_statements;
    bool is_log_full;
    struct dbki_seen found, watched, steps, logged;
    struct dbki_seen events; /* struct dbk_event: what is told of it */
};

/*
 * Takes what a look found: the watch has seen it then, and the look's events say what is new. out_look is for the
 * caller. Result: false when out of memory; the watch then knows nothing any more.
 */
bool dbki_watch_take(struct dbki_look *look, struct dbk_look *out_look);

/* The index of the first watched build whose id is not below. */
size_t dbki_watch_find(const struct dbk_watch *watch, int64_t id);

#endif
