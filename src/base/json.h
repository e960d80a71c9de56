/*
 * Says whether text is JSON. It only recognizes: a property's value is kept as it was given, and its
 * numbers may be larger than any parser's types, which is why no parser is asked.
 */
#ifndef DBKI_JSON_H
#define DBKI_JSON_H

#include <stdbool.h>
#include <stddef.h>

/* How deep arrays and objects may nest. */
enum { DBKI_JSON_DEPTH_MAX = 512 };

/* Whether len bytes are one JSON value (RFC 8259) in valid UTF-8, with white space around it if any. */
bool dbki_json_is_valid(const char *text, size_t len);

#endif
