/* What came out: the table and the JSON. */
#ifndef REPORT_H
#define REPORT_H

#include "bench.h"

#include <jansson.h>

enum { ROUNDS_MAX = 99 };

/* A case, and what its rounds gave. */
struct bench_case {
    struct bench_work work;
    double mark;
    bool is_most; /* the mark is a time that may not be passed, not a rate to be reached */
    enum placement placement;

    int rounds;
    double foreign; /* what other programs took of the processors, of 1 */
    struct bench_sample bare[ROUNDS_MAX], ours[ROUNDS_MAX];
    double handover[ROUNDS_MAX]; /* seconds; one at a time only */
};

/* The part of a case's name behind the operation: "64", "1000", "1@1cpu", "1@2cpu". */
const char *report_outstanding(const struct bench_case *one);

void report_head(void);
void report_line(const struct bench_case *one);
/* Result: how many cases missed their mark. */
int report_sum(const struct bench_case *cases, int count);
void report_json(const struct bench_case *cases, int count, const char *folder, const char *path);

/* The seconds that all programs together used of all processors since the machine was started. */
double machine_busy_seconds(void);
int machine_cpu_count(void);
/* Describes the machine; folder is where the files are. Result: the caller's. */
json_t *machine_describe(const char *folder);

#endif
