/*
 * Which part of a value a request wants (RFC 9110, sections 13 and 14): one range of bytes. A list of ranges, and
 * what is no range of bytes, is left aside, so that the whole value is given.
 */
#ifndef DAEMON_RANGE_H
#define DAEMON_RANGE_H

#include <stdbool.h>
#include <stdint.h>

enum range_kind { RANGE_WHOLE, RANGE_PART, RANGE_NOWHERE /* nothing of it is in the value */ };

struct range {
    enum range_kind kind;
    int64_t begin, end; /* of a part; end is behind its last byte */
};

/* Reads a Range header. Args: text: NULL: there is none; length: the value's. */
struct range range_read(const char *text, int64_t length);

/* Whether a list of tags, as If-None-Match has it, names this one. Weak tags name the same. */
bool range_list_has(const char *list, const char *tag);

#endif
