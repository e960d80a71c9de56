/*
 * What both sides of the bench share: the work, its parameters, what was measured.
 *
 * A piece of work names an operation and how many of it are done. Both sides draw the parameters from
 * the same row of random numbers, so that they do the same to two copies of one file; what they read is
 * summed up, and the sums are compared.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum bench_op {
    BENCH_ADD_BUILD,
    BENCH_SET_STATE_STRING,
    BENCH_RUN_STEP, /* add_step, start_step, finish_step: three operations */
    BENCH_SET_DATA, /* 1 KiB each */
    BENCH_GET_BUILD,
    BENCH_GET_BUILD_BY_NUMBER,
    BENCH_GET_STEP,
    BENCH_GET_BUILDS, /* of a builder, results 0, the newest 50 */
    BENCH_OP_COUNT,
};

enum {
    BENCH_BUILDERS = 16,
    BENCH_WORKERS = 16,
    BENCH_REQUESTS = 1000,
    BENCH_BUILDS = 20000, /* of the small file: it fits into a connection's cache */
    BENCH_STEPS_OF_A_BUILD = 2,
    BENCH_BUILDS_MANY = 1000000,
    BENCH_PAGE = 50,
    BENCH_VALUE_LEN = 1024,
    BENCH_NAME_SIZE = 40,
};

/* What is to be done. */
struct bench_work {
    enum bench_op op;
    int outstanding; /* operations at once; the bare program's in one transaction */
    int count;       /* operations in all; steps: chains of three */
    int first;       /* the number of the first one, for names that are new */
    bool is_waited;  /* one at a time: submit, wait, repeat */
    int64_t build_count;
    uint64_t seed;
};

/* What was measured of it. */
struct bench_sample {
    double seconds;
    double cpu_seconds; /* of all threads */
    int64_t operations;
    int64_t switches; /* of the threads' contexts */
    int64_t commits;
    uint64_t sum; /* over what was read */
};

/* The parameters of one operation. */
struct bench_draw {
    int64_t buildid, builderid, number, requestid, workerid, stepid;
    const char *text;
};

struct bench_random {
    uint64_t state;
};

void bench_random_init(struct bench_random *random, uint64_t seed);
struct bench_draw bench_draw(struct bench_random *random, const struct bench_work *work);
const char *bench_value(void);
const char *bench_op_name(enum bench_op op);
bool bench_op_writes(enum bench_op op);

/* The clock, the processor's time and the switches since `begin`. */
struct bench_meter {
    double seconds, cpu_seconds;
    int64_t switches;
};
void bench_meter_begin(struct bench_meter *meter);
void bench_meter_end(const struct bench_meter *meter, struct bench_sample *sample);
double bench_seconds(void);

/* Says what went wrong and ends the program with 2. */
void bench_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* A record's share of the sum. */
static inline uint64_t bench_sum(int64_t id, int64_t number, const char *text, size_t len)
{
    return (uint64_t)id * 31 + (uint64_t)number * 7 + len +
           (len ? (unsigned char)text[len - 1] : 0);
}

/* ----------------------------------------------------------------------------- the two sides ---- */

struct bare;
struct bare *bare_open(const char *path);
void bare_run(struct bare *bare, const struct bench_work *work, struct bench_sample *out_sample);
void bare_close(struct bare *bare);

struct ours;
struct ours *ours_open(const char *path);
void ours_run(struct ours *ours, const struct bench_work *work, struct bench_sample *out_sample);
void ours_close(struct ours *ours);

/* Where threads run: as the scheduler likes; all on one processor; the caller's on one, others on another. */
enum placement { PLACEMENT_FREE, PLACEMENT_TOGETHER, PLACEMENT_APART };

bool placement_is_possible(enum placement placement);
/* Threads that are made from now on run there. */
void placement_of_threads(enum placement placement);
/* From now on this thread runs there. */
void placement_of_caller(enum placement placement);

/* The way to a thread and back, nothing being done there. Result: seconds each. */
double handover_measure(int count, enum placement placement);

/* ---------------------------------------------------------------------------------- the files ---- */

/* Makes a store with parents and builds at path, in place of what is there. */
void seed_make(const char *path, int64_t build_count);
void seed_copy(const char *from, const char *to);
void seed_remove(const char *path);
/* Compares the numbers of rows of two files and fails when they differ. */
void seed_compare(const char *bare_path, const char *ours_path);

#endif
