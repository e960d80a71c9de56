/* Questions about UTF-8 text; see text.h. */
#include "base/text.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The bytes that the character at s takes, 1 to 4; 0 when it is not valid or cut off by end. */
static size_t character(const unsigned char *s, const unsigned char *end)
{
    size_t left = (size_t)(end - s);
    if (s[0] < 0x80)
        return s[0] ? 1 : 0;
    if (s[0] < 0xC2 || s[0] > 0xF4)
        return 0;
    size_t need = s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : 4;
    if (left < need)
        return 0;
    for (size_t i = 1; i < need; i++)
        if ((s[i] & 0xC0) != 0x80)
            return 0;
    if ((s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xED && s[1] > 0x9F) ||
        (s[0] == 0xF0 && s[1] < 0x90) || (s[0] == 0xF4 && s[1] > 0x8F))
        return 0;
    return need;
}

/* How many bytes from the front are ASCII and not zero, counted by eights: most texts are nothing else. */
static size_t plain_length(const unsigned char *s, size_t len)
{
    const uint64_t ones = 0x0101010101010101, highs = 0x8080808080808080;
    size_t plain = 0;
    for (uint64_t bytes; len - plain >= sizeof bytes; plain += sizeof bytes) {
        memcpy(&bytes, s + plain, sizeof bytes);
        if ((bytes | (bytes - ones)) & highs)
            break;
    }
    return plain;
}

bool dbki_text_is_valid(const char *text, size_t len, size_t *out_chars)
{
    const unsigned char *s = (const unsigned char *)text, *end = s + len;
    size_t chars = plain_length(s, len);
    s += chars;
    while (s < end) {
        size_t size = character(s, end);
        if (!size)
            return false;
        s += size;
        chars++;
        if (size > 1) {
            size_t plain = plain_length(s, (size_t)(end - s));
            s += plain;
            chars += plain;
        }
    }
    if (out_chars)
        *out_chars = chars;
    return true;
}

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

size_t dbki_text_prefix(const char *text, size_t len, size_t chars)
{
    size_t i = 0;
    while (i < len && chars--) {
        i++;
        while (i < len && is_continuation(text[i]))
            i++;
    }
    return i;
}

void dbki_text_cut(char *text, size_t max)
{
    size_t len = strnlen(text, max + 1);
    if (len <= max && len < max)
        return;
    size_t i = len < max ? len : max;
    /* Back to the start of the last character, and keep it only if it is whole. */
    size_t start = i;
    while (start > 0 && is_continuation(text[start - 1]))
        start--;
    if (start > 0)
        start--;
    if (!dbki_text_is_valid(text + start, i - start, NULL))
        i = start;
    text[i] = '\0';
}

void dbki_text_repair(char *text)
{
    unsigned char *s = (unsigned char *)text, *end = s + strlen(text);
    while (s < end) {
        size_t size = character(s, end);
        if (!size)
            *s = '?';
        s += size ? size : 1;
    }
}

bool dbki_text_int(const char *text, long long *out_value)
{
    const char *digits = text + (text[0] == '-');
    if (!*digits || strspn(digits, "0123456789") != strlen(digits))
        return false;
    errno = 0;
    long long value = strtoll(text, NULL, 10);
    if (errno)
        return false;
    *out_value = value;
    return true;
}
