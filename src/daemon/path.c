/*
 * Paths: see path.h.
 */
#include "path.h"

#include "../share/utf8.h"

#include <stdlib.h>
#include <string.h>

static int hex(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    digit |= 0x20;
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

static bool is_utf8(const char *text)
{
    uint32_t point;
    for (size_t len; *text; text += len) {
        len = utf8_decode(text, &point);
        if (!len)
            return false;
    }
    return true;
}

bool path_decode(char *text, bool is_query)
{
    char *out = text;
    for (const char *in = text; *in; in++) {
        if (*in == '%') {
            int high = hex(in[1]);
            int low = high < 0 ? -1 : hex(in[2]);
            if (low < 0 || !(high | low))
                return false;
            *out++ = (char)(high << 4 | low);
            in += 2;
        } else {
            *out++ = *in == '+' && is_query ? ' ' : *in;
        }
    }
    *out = '\0';
    return is_utf8(text);
}

enum path_outcome path_split(const char *text, struct path *out_path)
{
    struct path *path = out_path;
    *path = (struct path){.text = strdup(text)};
    if (!path->text)
        return PATH_NO_MEMORY;
    char *rest = path->text;
    for (char *part; (part = strsep(&rest, "/"));) {
        if (!*part || path->count == PATH_PARTS_MAX)
            return PATH_NONE;
        path->parts[path->count++] = part;
    }
    for (size_t i = 0; i < path->count; i++)
        if (!path_decode(path->parts[i], false))
            return PATH_BAD;
    return PATH_OK;
}

void path_fini(struct path *path)
{
    free(path->text);
    path->text = NULL;
}

bool path_number(const char *text, bool is_signed, int64_t *out_number)
{
    bool is_negative = is_signed && *text == '-';
    if (is_signed && (*text == '-' || *text == '+'))
        text++;
    size_t len = strspn(text, "0123456789");
    if (!len || len > 18 || text[len])
        return false;
    int64_t number = strtoll(text, NULL, 10);
    *out_number = is_negative ? -number : number;
    return true;
}
