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
    memset(json, 0, sizeof(*json));
    json->file = file;
}

void json_finish(struct json_writer *json)
{
    putc_unlocked('\n', json->file);
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
        fputs_unlocked(is_first ? "\n" : ",\n", json->file);
    else if (!is_first)
        fputs_unlocked(", ", json->file);
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
    putc_unlocked(is_object ? '{' : '[', json->file);
}

static void end_level(struct json_writer *json)
{
    json->depth--;
    if (json->levels[json->depth].is_lined && json->levels[json->depth].has_elements)
        putc_unlocked('\n', json->file);
    putc_unlocked(json->levels[json->depth].is_object ? '}' : ']', json->file);
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

/* How many bytes of a text stand for themselves: most texts are written by one call. */
static size_t plain_length(const char *text, bool is_quoted)
{
    const char *at = text;
    while (*at >= 0x20 && *at < 0x7f && !(is_quoted && (*at == '"' || *at == '\\')))
        at++;
    return (size_t)(at - text);
}

static void put_string(struct json_writer *json, const char *text)
{
    const char *at = text;
    putc_unlocked('"', json->file);
    for (;;) {
        uint32_t point;
        size_t len = plain_length(at, true);
        fwrite_unlocked(at, 1, len, json->file);
        at += len;
        if (!*at)
            break;
        len = utf8_decode(at, &point);
        if (!len) {
            fputs_unlocked("\xef\xbf\xbd", json->file);
            at++;
            continue;
        }
        if (point == '"' || point == '\\')
            fprintf(json->file, "\\%c", (int)point);
        else if (point == '\n')
            fputs_unlocked("\\n", json->file);
        else if (utf8_is_control(point) || utf8_is_direction_mark(point))
            fprintf(json->file, "\\u%04" PRIx32, point);
        else
            fwrite_unlocked(at, 1, len, json->file);
        at += len;
    }
    putc_unlocked('"', json->file);
}

void json_name(struct json_writer *json, const char *name)
{
    begin_element(json);
    put_string(json, name);
    fputs_unlocked(": ", json->file);
    json->is_named = true;
}

void json_none(struct json_writer *json)
{
    begin_element(json);
    fputs_unlocked("null", json->file);
}

void json_text(struct json_writer *json, const char *text)
{
    if (!text) {
        json_none(json);
        return;
    }
    begin_element(json);
    put_string(json, text);
}

void json_number(struct json_writer *json, int64_t number)
{
    if (number == DBK_NONE) {
        json_none(json);
        return;
    }
    begin_element(json);
    fprintf(json->file, "%" PRId64, number);
}

void json_bool(struct json_writer *json, bool is_true)
{
    begin_element(json);
    fputs_unlocked(is_true ? "true" : "false", json->file);
}

void json_value(struct json_writer *json, const char *text)
{
    begin_element(json);
    for (const char *at = text;;) {
        uint32_t point;
        size_t len = plain_length(at, false);
        fwrite_unlocked(at, 1, len, json->file);
        at += len;
        if (!*at)
            break;
        len = utf8_decode(at, &point);
        if (!len) {
            fputs_unlocked("\xef\xbf\xbd", json->file);
            at++;
            continue;
        }
        /* Valid JSON has control characters below U+0020 only as white space between its parts, and
         * the others only within its strings. */
        if (point < 0x20)
            putc_unlocked(' ', json->file);
        else if (utf8_is_control(point) || utf8_is_direction_mark(point))
            fprintf(json->file, "\\u%04" PRIx32, point);
        else
            fwrite_unlocked(at, 1, len, json->file);
        at += len;
    }
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
