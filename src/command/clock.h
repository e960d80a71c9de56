/*
 * The two clocks: when something happened, and how long it took.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

/* Seconds since 1970. */
int64_t clock_now(void);

/* Milliseconds of a steady clock that begins anywhere. */
int64_t clock_ms(void);

#endif
