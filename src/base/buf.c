/* A text that grows; see buf.h. */
#include "base/buf.h"

#include "base/alloc.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { SIZE_MIN = 256 };

static bool make_room(struct dbki_buf *buf, size_t len)
{
    size_t needed = buf->len + len + 1;
    if (needed <= buf->size)
        return true;
    size_t size = buf->size ? buf->size : SIZE_MIN;
    while (size < needed)
        size *= 2;
    char *grown = dbki_realloc(buf->text, size);
    if (!grown) {
        buf->is_out_of_memory = true;
        return false;
    }
    buf->text = grown;
    buf->size = size;
    return true;
}

void dbki_buf_add_n(struct dbki_buf *buf, const char *bytes, size_t len)
{
    if (buf->is_out_of_memory || !make_room(buf, len))
        return;
    if (len) /* of no bytes there may be no place either */
        memcpy(buf->text + buf->len, bytes, len);
    buf->len += len;
    buf->text[buf->len] = '\0';
}

void dbki_buf_add(struct dbki_buf *buf, const char *text)
{
    dbki_buf_add_n(buf, text, strlen(text));
}

void dbki_buf_addf(struct dbki_buf *buf, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    if (len >= 0 && !buf->is_out_of_memory && make_room(buf, (size_t)len)) {
        vsnprintf(buf->text + buf->len, (size_t)len + 1, format, again);
        buf->len += (size_t)len;
    }
    va_end(again);
    va_end(args);
}

void dbki_buf_fini(struct dbki_buf *buf)
{
    dbki_free(buf->text);
    *buf = (struct dbki_buf){0};
}
