/*
 * JSON, written as it comes: see json_writer.h.
 */
#include "json_writer.h"

#include "utf8.h"

#include <daybook.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void json_init(struct json_writer *json, FILE *file)
{
    json->file = file;
    json->depth = 0;
    json->is_named = false;
    json->held_len = 0;
}

static void put_held(struct json_writer *json)
{
    fwrite_unlocked(json->held, 1, json->held_len, json->file);
    json->held_len = 0;
}

static void put(struct json_writer *json, const char *bytes, size_t len)
{
    if (len > sizeof(json->held) - json->held_len) {
        put_held(json);
        if (len > sizeof(json->held)) {
            fwrite_unlocked(bytes, 1, len, json->file);
            return;
        }
    }
    memcpy(json->held + json->held_len, bytes, len);
    json->held_len += len;
}

static void put_word(struct json_writer *json, const char *word)
{
    put(json, word, strlen(word));
}

static void put_char(struct json_writer *json, char c)
{
    if (json->held_len == sizeof(json->held))
        put_held(json);
    json->held[json->held_len++] = c;
}

static void put_escape(struct json_writer *json, uint32_t point)
{
    char text[16];
    put(json, text, (size_t)snprintf(text, sizeof(text), "\\u%04" PRIx32, point));
}

void json_finish(struct json_writer *json)
{
    put_char(json, '\n');
    put_held(json);
}

/* Writes what stands between a value or a name and what came before it. */
static void begin_element(struct json_writer *json)
{
    if (json->is_named) {
        json->is_named = false;
        return;
    }
    if (!json->depth)
        return;
    bool is_first = !json->levels[json->depth - 1].has_elements;
    json->levels[json->depth - 1].has_elements = true;
    if (json->levels[json->depth - 1].is_lined)
        put_word(json, is_first ? "\n" : ",\n");
    else if (!is_first)
        put(json, ", ", 2);
}

/* What is whole is in the file. */
static void end_element(struct json_writer *json)
{
    if (!json->depth)
        put_held(json);
}

static void begin_level(struct json_writer *json, bool is_object)
{
    begin_element(json);
    if (json->depth == JSON_DEPTH_MAX)
        abort();
    json->levels[json->depth].is_object = is_object;
    json->levels[json->depth].is_lined = false;
    json->levels[json->depth].has_elements = false;
    json->depth++;
    put_char(json, is_object ? '{' : '[');
}

static void end_level(struct json_writer *json)
{
    json->depth--;
    if (json->levels[json->depth].is_lined && json->levels[json->depth].has_elements)
        put_char(json, '\n');
    put_char(json, json->levels[json->depth].is_object ? '}' : ']');
    end_element(json);
}

void json_begin_array(struct json_writer *json)
{
    begin_level(json, false);
}

void json_begin_lines(struct json_writer *json)
{
    begin_level(json, false);
    json->levels[json->depth - 1].is_lined = true;
}

void json_end_array(struct json_writer *json)
{
    end_level(json);
}

void json_begin_object(struct json_writer *json)
{
    begin_level(json, true);
}

void json_end_object(struct json_writer *json)
{
    end_level(json);
}

#define EACH(byte) (0x0101010101010101U * (byte))

/* Bits that are set when one of 8 bytes is the given one. */
static uint64_t bits_of(uint64_t bytes, uint64_t byte)
{
    uint64_t rest = bytes ^ EACH(byte);
    return (rest - EACH(1)) & ~rest;
}

/* Whether each of 8 bytes stands for itself: is neither a control character nor part of what is not ASCII. */
static bool are_plain(const char *text, bool is_quoted)
{
    uint64_t bytes;
    memcpy(&bytes, text, sizeof(bytes));
    uint64_t other = ((bytes - EACH(0x20)) & ~bytes) | bytes | bits_of(bytes, 0x7f);
    if (is_quoted)
        other |= bits_of(bytes, '"') | bits_of(bytes, '\\');
    return !(other & EACH(0x80));
}

/* How many bytes of a text stand for themselves: most texts are written by one call. */
static size_t plain_length(const char *text, size_t len, bool is_quoted)
{
    size_t at = 0;
    while (len - at >= sizeof(uint64_t) && are_plain(text + at, is_quoted))
        at += sizeof(uint64_t);
    while (at < len && text[at] >= 0x20 && text[at] < 0x7f &&
           !(is_quoted && (text[at] == '"' || text[at] == '\\')))
        at++;
    return at;
}

/* A character that does not stand for itself. */
static void put_special(struct json_writer *json, const char *bytes, size_t len, uint32_t point,
                        bool is_quoted)
{
    if (!is_quoted && point < 0x20)
        /* Valid JSON has control characters below U+0020 only as white space between its parts, and
         * the others only within its strings. */
        put_char(json, ' ');
    else if (point == '"' || point == '\\')
        put(json, (const char[]){'\\', (char)point}, 2);
    else if (point == '\n')
        put(json, "\\n", 2);
    else if (utf8_is_control(point) || utf8_is_direction_mark(point))
        put_escape(json, point);
    else
        put(json, bytes, len);
}

/* Args: is_quoted: it is what a string says, and not JSON. */
static void put_text(struct json_writer *json, const char *text, bool is_quoted)
{
    const char *at = text, *end = text + strlen(text);
    for (;;) {
        uint32_t point;
        size_t len = plain_length(at, (size_t)(end - at), is_quoted);
        put(json, at, len);
        at += len;
        if (at == end)
            return;
        len = utf8_decode(at, &point);
        if (len)
            put_special(json, at, len, point, is_quoted);
        else
            put_word(json, "\xef\xbf\xbd");
        at += len ? len : 1;
    }
}

static void put_string(struct json_writer *json, const char *text)
{
    put_char(json, '"');
    put_text(json, text, true);
    put_char(json, '"');
}

void json_name(struct json_writer *json, const char *name)
{
    begin_element(json);
    put_string(json, name);
    put(json, ": ", 2);
    json->is_named = true;
}

static void put_value(struct json_writer *json, const char *word)
{
    begin_element(json);
    put_word(json, word);
    end_element(json);
}

void json_none(struct json_writer *json)
{
    put_value(json, "null");
}

void json_text(struct json_writer *json, const char *text)
{
    if (!text) {
        json_none(json);
        return;
    }
    begin_element(json);
    put_string(json, text);
    end_element(json);
}

void json_number(struct json_writer *json, int64_t number)
{
    char digits[24], *first = digits + sizeof(digits);
    uint64_t left = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    if (number == DBK_NONE) {
        json_none(json);
        return;
    }
    *--first = '\0';
    do
        *--first = (char)('0' + left % 10);
    while (left /= 10);
    if (number < 0)
        *--first = '-';
    put_value(json, first);
}

void json_bool(struct json_writer *json, bool is_true)
{
    put_value(json, is_true ? "true" : "false");
}

void json_value(struct json_writer *json, const char *text)
{
    begin_element(json);
    put_text(json, text, false);
    end_element(json);
}

void json_member_text(struct json_writer *json, const char *name, const char *text)
{
    json_name(json, name);
    json_text(json, text);
}

void json_member_number(struct json_writer *json, const char *name, int64_t number)
{
    json_name(json, name);
    json_number(json, number);
}

void json_member_bool(struct json_writer *json, const char *name, bool is_true)
{
    json_name(json, name);
    json_bool(json, is_true);
}
