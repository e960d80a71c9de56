/* Questions about UTF-8 text. Pure functions. */
#ifndef DBKI_TEXT_H
#define DBKI_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Whether len bytes are valid UTF-8 (no surrogates, nothing overlong, nothing past U+10FFFF) without a
 * zero byte. out_chars, when not NULL, gets the number of characters. */
bool dbki_text_is_valid(const char *text, size_t len, size_t *out_chars);

/* How many bytes the first `chars` characters of valid text take; all of it when it has fewer. */
size_t dbki_text_prefix(const char *text, size_t len, size_t chars);

/* Ends text at max bytes or before, so that no character is cut in two. */
void dbki_text_cut(char *text, size_t max);

/* Puts `?` in place of each byte that is not part of a valid character: of one that was cut, say. */
void dbki_text_repair(char *text);

/* Reads a decimal number, with "-" in front if it likes. Result: false when it is none or too large. */
bool dbki_text_int(const char *text, long long *out_value);

#endif
