/*
 * Characters of UTF-8 text, and which of them do more than show. What the command and the daemon share;
 * not for text that is made for people (the command's text.h).
 */
#ifndef UTF8_H
#define UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads the character at the beginning of a text. Result: its bytes, 0 if there is no valid UTF-8.
 */
size_t utf8_decode(const char *bytes, uint32_t *out_point);

/* Whether a terminal may obey a character rather than show it, newlines among them. */
bool utf8_is_control(uint32_t point);

/* Whether it turns the direction of writing, so that a text may read as what it is not. */
bool utf8_is_direction_mark(uint32_t point);

#endif
