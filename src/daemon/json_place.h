/*
 * Where the values stand in a JSON text that a parser has taken: for those that are kept as they were written. Whoever
 * gives a text that is no JSON gets nonsense.
 */
#ifndef DAEMON_JSON_PLACE_H
#define DAEMON_JSON_PLACE_H

#include <jansson.h>
#include <stddef.h>

/* The first member of an object, or element of an array, that is not empty; then the next one. Of a member it is the value's
 * place. */
const char *json_place_first(const char *parent);
const char *json_place_next(const char *value);

/* The length of the value there. */
size_t json_place_len(const char *value);

/* The place of one of an object's members; `text` is the object's. Result: NULL: it is none of them. */
const char *json_place_of(const char *text, const json_t *object, const json_t *member);

#endif
