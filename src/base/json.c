/*
 * Recognizes JSON; see json.h. No recursion: a stack of bits says of each open bracket whether it is an
 * object's.
 */
#include "base/json.h"

#include "base/text.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct scanner {
    const char *next, *end;
    uint8_t is_object[DBKI_JSON_DEPTH_MAX / 8]; /* one bit a level */
    int depth;
};

static void skip_space(struct scanner *scanner)
{
    while (scanner->next < scanner->end && strchr(" \t\n\r", *scanner->next) && *scanner->next)
        scanner->next++;
}

static bool take(struct scanner *scanner, char c)
{
    if (scanner->next == scanner->end || *scanner->next != c)
        return false;
    scanner->next++;
    return true;
}

static bool take_word(struct scanner *scanner, const char *word)
{
    size_t len = strlen(word);
    if ((size_t)(scanner->end - scanner->next) < len || memcmp(scanner->next, word, len))
        return false;
    scanner->next += len;
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool take_digits(struct scanner *scanner)
{
    const char *start = scanner->next;
    while (scanner->next < scanner->end && is_digit(*scanner->next))
        scanner->next++;
    return scanner->next > start;
}

static bool take_number(struct scanner *scanner)
{
    take(scanner, '-');
    if (!take(scanner, '0') && !take_digits(scanner))
        return false;
    if (take(scanner, '.') && !take_digits(scanner))
        return false;
    if (take(scanner, 'e') || take(scanner, 'E')) {
        if (!take(scanner, '+'))
            take(scanner, '-');
        return take_digits(scanner);
    }
    return true;
}

static bool take_hex4(struct scanner *scanner)
{
    for (int i = 0; i < 4; i++, scanner->next++)
        if (scanner->next == scanner->end || !*scanner->next ||
            !strchr("0123456789abcdefABCDEF", *scanner->next))
            return false;
    return true;
}

/* Passes what ends nothing within a string, by eights. Looking closer at a few bytes too many does no harm. */
static void skip_plain(struct scanner *scanner)
{
    const uint64_t ones = 0x0101010101010101, highs = 0x8080808080808080;
    for (uint64_t bytes; scanner->end - scanner->next >= (ptrdiff_t)sizeof bytes;
         scanner->next += sizeof bytes) {
        memcpy(&bytes, scanner->next, sizeof bytes);
        uint64_t quotes = bytes ^ ones * '"', backslashes = bytes ^ ones * '\\';
        uint64_t found = ((bytes - ones * 0x20) & ~bytes) | ((quotes - ones) & ~quotes) |
                         ((backslashes - ones) & ~backslashes);
        if (found & highs)
            break;
    }
}

static bool take_string(struct scanner *scanner)
{
    if (!take(scanner, '"'))
        return false;
    skip_plain(scanner);
    while (scanner->next < scanner->end) {
        unsigned char c = (unsigned char)*scanner->next++;
        if (c == '"')
            return true;
        if (c < 0x20)
            return false;
        if (c != '\\')
            continue;
        if (scanner->next == scanner->end)
            return false;
        char escape = *scanner->next++;
        if (escape == 'u' ? !take_hex4(scanner) : !escape || !strchr("\"\\/bfnrt", escape))
            return false;
    }
    return false;
}

static bool in_object(const struct scanner *scanner)
{
    int level = scanner->depth - 1;
    return scanner->is_object[level / 8] >> (level % 8) & 1;
}

static bool open_bracket(struct scanner *scanner, bool is_object)
{
    if (scanner->depth == DBKI_JSON_DEPTH_MAX)
        return false;
    int level = scanner->depth++;
    uint8_t bit = (uint8_t)(1u << (level % 8));
    if (is_object)
        scanner->is_object[level / 8] |= bit;
    else
        scanner->is_object[level / 8] &= (uint8_t)~bit;
    scanner->next++;
    return true;
}

/* A member's name and colon, when we are in an object. */
static bool take_name(struct scanner *scanner)
{
    if (!in_object(scanner))
        return true;
    skip_space(scanner);
    if (!take_string(scanner))
        return false;
    skip_space(scanner);
    return take(scanner, ':');
}

static bool take_scalar(struct scanner *scanner)
{
    char c = scanner->next < scanner->end ? *scanner->next : '\0';
    if (c == '"')
        return take_string(scanner);
    if (c == '-' || is_digit(c))
        return take_number(scanner);
    return take_word(scanner, "true") || take_word(scanner, "false") || take_word(scanner, "null");
}

/* Takes closing brackets and, where one level goes on, its comma. Result: 1: another value must follow,
 * 0: the outermost value is whole, -1: not JSON. */
static int after_value(struct scanner *scanner)
{
    while (scanner->depth) {
        skip_space(scanner);
        if (take(scanner, ','))
            return take_name(scanner) ? 1 : -1;
        if (!take(scanner, in_object(scanner) ? '}' : ']'))
            return -1;
        scanner->depth--;
    }
    return 0;
}

bool dbki_json_is_valid(const char *text, size_t len)
{
    if (!dbki_text_is_valid(text, len, NULL))
        return false;
    struct scanner scanner = {.next = text, .end = text + len};
    for (;;) {
        skip_space(&scanner);
        char c = scanner.next < scanner.end ? *scanner.next : '\0';
        if (c == '[' || c == '{') {
            if (!open_bracket(&scanner, c == '{'))
                return false;
            skip_space(&scanner);
            if (take(&scanner, c == '{' ? '}' : ']'))
                scanner.depth--;
            else if (take_name(&scanner))
                continue;
            else
                return false;
        } else if (!take_scalar(&scanner)) {
            return false;
        }
        int more = after_value(&scanner);
        if (more < 0)
            return false;
        if (!more)
            break;
    }
    skip_space(&scanner);
    return scanner.next == scanner.end;
}
