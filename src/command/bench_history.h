/*
 * Made-up histories of builds, as a company's of some years are: few builders that build all day and many that
 * seldom do, branches, runs of failure. Build after build comes out of a seed, the same ones for the same seed,
 * whatever the database. Not for writing them (bench_fill.h).
 */
#ifndef BENCH_HISTORY_H
#define BENCH_HISTORY_H

#include <daybook.h>

enum {
    HISTORY_BUILDERS = 40,
    HISTORY_STEPS = 10,
    HISTORY_PROPERTIES = 10,
    HISTORY_DATA = 2,
    HISTORY_GAP_S =
        300,          /* at most, from one build to the next: 1,000,000 are nine and a half years */
    HISTORY_OPEN = 5, /* the last builds still run */
    HISTORY_TEXT_SIZE = 80,
    HISTORY_LOG_SIZE = 1024,
};

/* A build with all that its members point to. It must not be moved. */
struct history_build {
    struct dbk_new_build build;
    struct dbk_sourcestamp_key stamp;
    const struct dbk_sourcestamp_key *stamps[1];
    struct dbk_new_step steps[HISTORY_STEPS];
    const struct dbk_new_step *step_pointers[HISTORY_STEPS];
    struct dbk_new_property properties[HISTORY_PROPERTIES];
    struct dbk_new_data data[HISTORY_DATA];
    struct dbk_url url;
    char builder[HISTORY_TEXT_SIZE], worker[HISTORY_TEXT_SIZE], branch[HISTORY_TEXT_SIZE],
        revision[HISTORY_TEXT_SIZE], repository[HISTORY_TEXT_SIZE], state[HISTORY_TEXT_SIZE],
        address[2 * HISTORY_TEXT_SIZE], numbers[HISTORY_TEXT_SIZE];
    char values[HISTORY_PROPERTIES][HISTORY_TEXT_SIZE];
    char log[HISTORY_LOG_SIZE];
};

struct history {
    uint64_t seed;
    int64_t count;                      /* builds in all */
    int64_t until;                      /* when the last one began */
    int64_t gap_s;                      /* from one build's start to the next one's */
    int64_t next;                       /* the next one's index, from 0 */
    uint64_t random;                    /* where the row of random numbers is */
    int failing_left[HISTORY_BUILDERS]; /* builds of a run of failure that are to come */
};

/* Begins. Args: count is 1 or more, until in seconds since 1970. */
void history_init(struct history *history, uint64_t seed, int64_t count, int64_t until);

/* Makes the next build. Result: false: there are no more. */
bool history_next(struct history *history, struct history_build *out_build);

#endif
