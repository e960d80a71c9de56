/*
 * What a finished build changes of how its builder stands. Pure: it knows no builders, no clock and no database.
 */
#ifndef DAEMON_TURN_H
#define DAEMON_TURN_H

#include <stdint.h>

/* What a builder's last build that counts says of it. */
enum verdict { VERDICT_UNKNOWN, VERDICT_GOOD, VERDICT_BAD };

/*
 * What a result says. Success and warnings are good, failure and exception are bad. A build that was skipped,
 * retried or cancelled says nothing of the builder, nor does a result that nobody knows: VERDICT_UNKNOWN.
 */
enum verdict verdict_of(int64_t results);

/* A verdict as a word, and back. Result: "unknown" and VERDICT_UNKNOWN for all others. */
const char *verdict_word(enum verdict verdict);
enum verdict verdict_parse(const char *word);

enum turn { TURN_NONE, TURN_FAILING, TURN_FIXED };

/*
 * Whether a build turns its builder. Args: before: of the builder's last build that counts, by when they ended;
 * results: of the one that ended now. A builder whose first build is bad turns failing; one whose first is good
 * was not broken.
 */
enum turn turn_of(enum verdict before, int64_t results);

#endif
