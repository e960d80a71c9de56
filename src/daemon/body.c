/*
 * Bodies: see body.h.
 */
#include "body.h"

#include "forms.h"
#include "json_place.h"
#include "server.h"

#include <daybook.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { AHEAD_MAX_S = 86400 };

struct body_block {
    struct body_block *next;
    max_align_t bytes[];
};

bool body_refuse(struct body *body, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    vsnprintf(body->message, sizeof(body->message), format, values);
    va_end(values);
    body->http_status = 400;
    return false;
}

static bool refuse_for_memory(struct body *body)
{
    body_refuse(body, "out of memory");
    body->http_status = 503;
    return false;
}

bool body_parse(struct body *body, struct evbuffer *bytes)
{
    size_t len = evbuffer_get_length(bytes);
    json_error_t error;
    *body = (struct body){.root = NULL};
    if (len > SERVER_JSON_MAX) {
        body_refuse(body,
                    "JSON longer than %d bytes: send large data by itself, to data/NAME/value",
                    SERVER_JSON_MAX);
        body->http_status = 413;
        return false;
    }
    const char *text = len ? (const char *)evbuffer_pullup(bytes, -1) : "";
    if (!text)
        return refuse_for_memory(body);
    body->root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
    char *copy = body->root ? body_take(body, len + 1, 1) : NULL;
    if (copy)
        memcpy(copy, text, len);
    body->text = copy;
    evbuffer_drain(bytes, len);
    if (body->root && !copy)
        return false;
    if (!body->root)
        return body_refuse(body, "line %d, column %d of the body: %s", error.line, error.column,
                           error.text);
    if (!json_is_object(body->root))
        return body_refuse(body, "the body must be a JSON object");
    return true;
}

void body_fini(struct body *body)
{
    for (struct body_block *next; body->blocks; body->blocks = next) {
        next = body->blocks->next;
        free(body->blocks);
    }
    json_decref(body->root);
    body->root = NULL;
}

static const struct body_field *find_field(const struct body_field *fields, const char *name)
{
    while (fields->name && strcmp(fields->name, name) != 0)
        fields++;
    return fields->name ? fields : NULL;
}

static bool read_results(const json_t *value, int64_t *out)
{
    int64_t results = json_is_string(value)    ? dbk_results_parse(json_string_value(value))
                      : json_is_integer(value) ? json_integer_value(value)
                                               : -1;
    *out = results;
    return results >= DBK_SUCCESS && results <= DBK_RESULT_CANCELLED;
}

/* One that is far ahead would be the newest for as long. */
static bool read_time(struct body *body, const char *name, const json_t *value, int64_t *out)
{
    *out = json_integer_value(value);
    if (!json_is_integer(value))
        return body_refuse(body, "%s must be a whole number of seconds since 1970", name);
    return *out <= (int64_t)time(NULL) + AHEAD_MAX_S ||
           body_refuse(body, "%s is more than a day ahead of the daemon's clock", name);
}

static bool read_member(struct body *body, const struct body_field *field, json_t *value, void *out)
{
    void *member = (char *)out + field->offset;
    if (json_is_null(value) && field->kind != BODY_VALUE)
        return !field->is_needed || body_refuse(body, "%s must not be null", field->name);
    switch (field->kind) {
    case BODY_TEXT:
        *(const char **)member = json_string_value(value);
        return json_is_string(value) || body_refuse(body, "%s must be a text", field->name);
    case BODY_NUMBER:
        *(int64_t *)member = json_integer_value(value);
        return json_is_integer(value) ||
               body_refuse(body, "%s must be a whole number", field->name);
    case BODY_TIME:
        return read_time(body, field->name, value, member);
    case BODY_RESULTS:
        return read_results(value, member) ||
               body_refuse(body,
                           "%s must be a result: 0 to 6, or success, warnings, failure, "
                           "skipped, exception, retry, cancelled",
                           field->name);
    case BODY_BOOL:
        *(bool *)member = json_is_true(value);
        return json_is_boolean(value) || body_refuse(body, "%s must be true or false", field->name);
    case BODY_PART:
        *(const json_t **)member = value;
        return json_is_object(value) || json_is_array(value) ||
               body_refuse(body, "%s must be an object or a list", field->name);
    case BODY_VALUE:
        *(const json_t **)member = value;
        return true;
    }
    return false;
}

bool body_read(struct body *body, const json_t *object, const struct form *form, void *out)
{
    const struct body_field *fields = form->fields;
    const char *name;
    json_t *value;
    if (!json_is_object(object))
        return body_refuse(body, "an object was expected");
    json_object_foreach((json_t *)object, name, value)
    {
        const struct body_field *field = find_field(fields, name);
        if (!field)
            return body_refuse(body, "no member is called %.80s", name);
        if (!read_member(body, field, value, out))
            return false;
    }
    for (; fields->name; fields++)
        if (fields->is_needed && !json_object_get(object, fields->name))
            return body_refuse(body, "%s is missing", fields->name);
    return true;
}

void *body_take(struct body *body, size_t count, size_t size)
{
    struct body_block *block = size && count > (SIZE_MAX - sizeof(*block)) / size
                                   ? NULL
                                   : calloc(1, sizeof(*block) + count * size);
    if (!block) {
        refuse_for_memory(body);
        return NULL;
    }
    block->next = body->blocks;
    body->blocks = block;
    return block->bytes;
}

const char *body_value(struct body *body, const char *place)
{
    size_t len = json_place_len(place);
    char *text = body_take(body, len + 1, 1);
    if (text)
        memcpy(text, place, len);
    return text;
}

static int digit_of(char letter)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = letter ? strchr(digits, letter) : NULL;
    return at ? (int)(at - digits) : -1;
}

bool body_decode(struct body *body, const char *text, const void **out_bytes, size_t *out_len)
{
    size_t len = strlen(text), padding = 0, count = 0;
    uint32_t bits = 0;
    unsigned char *bytes = body_take(body, len / 4 * 3 + 1, 1);
    if (!bytes)
        return false;
    while (padding < 2 && len > padding && text[len - 1 - padding] == '=')
        padding++;
    for (size_t i = 0; i < len - padding; i++) {
        int digit = digit_of(text[i]);
        if (digit < 0)
            return body_refuse(body, "base64 must be base64 (RFC 4648, on one line)");
        bits = bits << 6 | (uint32_t)digit;
        if (i % 4)
            bytes[count++] = (unsigned char)(bits >> (6 - 2 * (i % 4)));
    }
    if (len % 4)
        return body_refuse(body, "base64 must be base64 (RFC 4648, on one line)");
    *out_bytes = bytes;
    *out_len = count;
    return true;
}
