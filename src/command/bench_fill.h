/*
 * Fills an empty store with a made-up history, for measuring.
 */
#ifndef BENCH_FILL_H
#define BENCH_FILL_H

#include "command.h"

/* `daybook bench fill URL`. Result: the exit code. */
int bench_fill(const struct arguments *arguments);

#endif
