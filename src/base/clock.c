/* The two clocks; see clock.h. */
#include "base/clock.h"

#include <stdatomic.h>
#include <time.h>

int64_t dbki_clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t dbki_clock_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec;
}

int64_t dbki_clock_order(void)
{
    static _Atomic int64_t last;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t given, us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
    int64_t before = atomic_load(&last);
    do
        given = us > before ? us : before + 1;
    while (!atomic_compare_exchange_weak(&last, &before, given));
    return given;
}

void dbki_clock_sleep_ns(int64_t ns)
{
    struct timespec time = {ns / 1000000000, ns % 1000000000};
    nanosleep(&time, NULL);
}
