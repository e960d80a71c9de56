/*
 * The pauses between attempts. Pure.
 */
#ifndef DAEMON_RETRY_H
#define DAEMON_RETRY_H

#include <stdint.h>

/*
 * How long to wait before something that failed is tried again: 1 s after the first failure, then twice as long
 * each time, at most 5 minutes. Args: failures: 1 or more.
 */
int64_t retry_pause_ms(int failures);

#endif
