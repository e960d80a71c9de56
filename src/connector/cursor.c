/*
 * Cursors: "1.<shape>.<value>...", the order's values of the last row that was given. The shape is a hash
 * of the filters and the order, so that a cursor cannot be used with others. A value is `n` for NULL,
 * `i` and a decimal number, or `t` and the text's bytes in hexadecimal.
 */
#include "base/hash.h"
#include "base/text.h"
#include "connector/list.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const char DIGITS[] = "0123456789abcdef";

static uint64_t hash_value(uint64_t shape, const struct dbki_value *value)
{
    return value->type == DBKI_TEXT ? dbki_hash_bytes(shape, value->text, value->len + 1)
                                    : dbki_hash_bytes(shape, &value->number, sizeof(int64_t));
}

static uint64_t hash_text(uint64_t shape, const char *text)
{
    return dbki_hash_bytes(shape, text, strlen(text) + 1);
}

uint64_t dbki_cursor_shape(const struct dbki_list_op *list, const struct dbki_buf *where,
                           const struct dbki_value *params, int param_count,
                           const struct dbk_spec *spec)
{
    uint64_t shape = dbki_hash_bytes(0, list->record->noun, strlen(list->record->noun));
    shape = dbki_hash_bytes(shape, where->text, where->len);
    for (int i = 0; i < param_count; i++)
        shape = hash_value(shape, &params[i]);
    for (int i = 0; spec && i < spec->property_count; i++) {
        const struct dbki_filter *filter = &spec->properties[i];
        shape = hash_text(shape, filter->field);
        for (size_t j = 0; j < filter->count; j++)
            shape = hash_value(shape, &filter->values[j]);
    }
    for (int i = 0; i < list->key_count; i++) {
        shape = dbki_hash_bytes(shape, list->keys[i].is_reversed ? "-" : "+", 1);
        shape = hash_text(shape, list->keys[i].field->name);
    }
    return shape;
}

char *dbki_cursor_write(struct dbki_op *op, uint64_t shape, const struct dbki_value *values,
                        int count)
{
    size_t size = 32;
    for (int i = 0; i < count; i++)
        size += 24 + (values[i].type == DBKI_TEXT ? 2 * values[i].len : 0);
    char *cursor = dbki_op_take(op, size), *next = cursor;
    if (!cursor)
        return NULL;
    next += sprintf(next, "1.%016" PRIx64, shape);
    for (int i = 0; i < count; i++) {
        *next++ = '.';
        if (values[i].type == DBKI_INT) {
            next += sprintf(next, "i%" PRId64, values[i].number);
        } else if (values[i].type == DBKI_TEXT) {
            *next++ = 't';
            for (size_t j = 0; j < values[i].len; j++) {
                *next++ = DIGITS[(unsigned char)values[i].text[j] >> 4];
                *next++ = DIGITS[(unsigned char)values[i].text[j] & 15];
            }
        } else {
            *next++ = 'n';
        }
    }
    *next = '\0';
    return cursor;
}

static bool read_text(struct dbki_op *op, const char *hex, size_t len, struct dbki_value *out_value)
{
    char *text = len % 2 ? NULL : dbki_op_take(op, len / 2 + 1);
    if (!text)
        return false;
    for (size_t i = 0; i < len; i += 2) {
        const char *high = strchr(DIGITS, hex[i]), *low = strchr(DIGITS, hex[i + 1]);
        if (!high || !low)
            return false;
        text[i / 2] = (char)((high - DIGITS) << 4 | (low - DIGITS));
    }
    text[len / 2] = '\0';
    *out_value = dbki_text_n(text, len / 2);
    return dbki_text_is_valid(text, len / 2, NULL);
}

static bool read_value(struct dbki_op *op, const char *part, size_t len,
                       struct dbki_value *out_value)
{
    char digits[24];
    long long number;
    if (part[0] == 'n' && len == 1) {
        *out_value = dbki_int(DBK_NONE);
        return true;
    }
    if (part[0] == 't')
        return read_text(op, part + 1, len - 1, out_value);
    if (part[0] != 'i' || len > sizeof digits)
        return false;
    memcpy(digits, part + 1, len - 1);
    digits[len - 1] = '\0';
    if (!dbki_text_int(digits, &number))
        return false;
    *out_value = dbki_int(number);
    return true;
}

bool dbki_cursor_read(struct dbki_op *op, const char *cursor, uint64_t shape,
                      struct dbki_value *out_values, int count)
{
    char head[32];
    int head_len = snprintf(head, sizeof head, "1.%016" PRIx64, shape);
    if (strncmp(cursor, head, (size_t)head_len))
        return false;
    const char *next = cursor + head_len;
    for (int i = 0; i < count; i++) {
        if (*next++ != '.')
            return false;
        size_t len = strcspn(next, ".");
        if (!len || !read_value(op, next, len, &out_values[i]))
            return false;
        next += len;
    }
    return *next == '\0';
}
