/*
 * Ranges and tags: see range.h.
 */
#include "range.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define UNIT "bytes="

/* Reads a run of digits. More than 18 are more than any value has. Result: false when there is none. */
static bool read_digits(const char **text, int64_t *out_number)
{
    size_t len = strspn(*text, "0123456789");
    *out_number = len > 18 ? INT64_MAX : strtoll(*text, NULL, 10);
    *text += len;
    return len;
}

struct range range_read(const char *text, int64_t length)
{
    static const struct range whole = {.kind = RANGE_WHOLE}, nowhere = {.kind = RANGE_NOWHERE};
    int64_t begin, last;
    if (!text || strncasecmp(text, UNIT, strlen(UNIT)) != 0)
        return whole;
    text += strlen(UNIT);
    bool has_begin = read_digits(&text, &begin);
    if (*text++ != '-')
        return whole;
    bool has_last = read_digits(&text, &last);
    if (*text || (!has_begin && !has_last) || (has_begin && has_last && begin > last))
        return whole;
    if (!has_begin) { /* so many from the end */
        begin = last < length ? length - last : 0;
        return last && length ? (struct range){RANGE_PART, begin, length} : nowhere;
    }
    if (begin >= length)
        return nowhere;
    return (struct range){RANGE_PART, begin, has_last && last < length ? last + 1 : length};
}

bool range_list_has(const char *list, const char *tag)
{
    size_t len = strlen(tag);
    list += strspn(list, " \t");
    if (!strcmp(list, "*"))
        return true;
    while (*list) {
        list += strspn(list, ", \t");
        if (!strncmp(list, "W/", 2))
            list += 2;
        size_t item = *list == '"' ? strcspn(list + 1, "\"") + 2 : strcspn(list, ",");
        if (item > strlen(list))
            return false;
        if (item == len && !memcmp(list, tag, len))
            return true;
        list += item;
    }
    return false;
}
