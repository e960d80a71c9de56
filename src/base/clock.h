/* The two clocks: one to measure with, one to write into records. */
#ifndef DBKI_CLOCK_H
#define DBKI_CLOCK_H

#include <stdint.h>

/* Nanoseconds of the monotonic clock. */
int64_t dbki_clock_ns(void);
/* Seconds since 1970 UTC. */
int64_t dbki_clock_s(void);
/* Microseconds since 1970 UTC, and later than whatever this process was given before: to put things in order by. */
int64_t dbki_clock_order(void);
/* Sleeps. */
void dbki_clock_sleep_ns(int64_t ns);

#endif
