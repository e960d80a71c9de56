/*
 * Further measurements, each with a form of its own; see README.md. A measurement has rounds in which both sides
 * have their turn, and its figure is the median of the rounds' ratios.
 */
#ifndef MORE_H
#define MORE_H

#include "bench.h"

#include <daybook.h>

enum { MORE_ROUNDS_MAX = 31 };

/* What is measured, and how its line reads. */
struct more_line {
    const char *name;
    const char *other_words, *ours_words; /* what the two columns are: "bare MiB/s" */
    double mark;                          /* 0: a figure without one */
    bool is_most; /* the ratio may not pass the mark; else it must reach it */
    int rounds;
    double other[MORE_ROUNDS_MAX], ours[MORE_ROUNDS_MAX], ratio[MORE_ROUNDS_MAX];
};

struct more_options {
    const char *folder;
    bool is_quick;
    int rounds;
};

/* Adds a round; the ratio is ours to the other one. */
void more_add(struct more_line *line, double other, double ours);
/* Prints the medians. A mark that is missed is counted. */
void more_print(const struct more_line *line);
/* Prints one figure that has a limit. */
void more_print_limit(const char *name, double value, double limit, const char *unit);

/* A store; one that is made is new. */
struct dbk_store *more_open(const char *path, bool is_made);
/* "FOLDER/NAME.sqlite". Result: static, until the next call but three. */
const char *more_path(const struct more_options *options, const char *name);
/* Waits until nothing is outstanding any more. */
void more_wait(struct dbk_store *store, const int *outstanding);

void lineage_measure(const struct more_options *options);
void large_measure(const struct more_options *options);
void keys_measure(const struct more_options *options);
void record_measure(const struct more_options *options);

/* record_bare.c: the bare program's side of record_measure(). */
enum { RECORD_STEPS = 10, RECORD_PROPERTIES = 30 };
struct record_bare;
struct record_bare *record_bare_open(const char *path);
/* Records builds [first, first + count), so many in a transaction. */
void record_bare_run(struct record_bare *bare, int first, int count, int in_transaction);
void record_bare_close(struct record_bare *bare);

#endif
