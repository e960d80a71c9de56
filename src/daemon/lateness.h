/*
 * Builders that must end a build every so often. Pure: the clock is handed in.
 */
#ifndef DAEMON_LATENESS_H
#define DAEMON_LATENESS_H

#include <stdint.h>

enum lateness { LATENESS_SAME, LATENESS_LATE, LATENESS_ON_TIME };

/*
 * What is to be told of a builder now. Once per lateness: until a build has ended that makes it punctual again, it
 * stays late in silence. A clock that is set back makes nobody punctual.
 * Args: every_s: 1 or more; last_at: when a build last ended, or since when one is waited for; told_at: the last_at
 * for which it was told that it is late, DBK_NONE: it was not.
 */
enum lateness lateness_of(int64_t every_s, int64_t last_at, int64_t told_at, int64_t now);

#endif
