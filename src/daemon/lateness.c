/*
 * Who is late: see lateness.h.
 */
#include "lateness.h"

#include <daybook.h>

enum lateness lateness_of(int64_t every_s, int64_t last_at, int64_t told_at, int64_t now)
{
    /* By subtraction: last_at + every_s may pass the end of the numbers. */
    int is_overdue = now > last_at && now - last_at > every_s;
    if (told_at == DBK_NONE)
        return is_overdue ? LATENESS_LATE : LATENESS_SAME;
    return last_at > told_at && !is_overdue ? LATENESS_ON_TIME : LATENESS_SAME;
}
