/*
 * Pauses: see retry.h.
 */
#include "retry.h"

#define PAUSE_MIN_MS 1000
#define PAUSE_MAX_MS 300000

int64_t retry_pause_ms(int failures)
{
    int64_t pause = PAUSE_MIN_MS;
    while (--failures > 0 && pause < PAUSE_MAX_MS)
        pause *= 2;
    return pause < PAUSE_MAX_MS ? pause : PAUSE_MAX_MS;
}
