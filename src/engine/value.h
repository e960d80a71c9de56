/* What crosses the engine's contract: parameters and columns. */
#ifndef DBKI_VALUE_H
#define DBKI_VALUE_H

#include "daybook.h"

#include <stdint.h>
#include <string.h>

/* A source is a parameter alone: bytes that the engine reads out of a file when it needs them. */
enum dbki_type { DBKI_NULL, DBKI_INT, DBKI_TEXT, DBKI_BLOB, DBKI_SOURCE };

struct dbki_source {
    int fd;
    int64_t offset;
    int64_t
        row; /* the id of the row that the statement writes; DBK_NONE: the one that it inserts */
};

/* A value. Text and blobs are lent: a parameter lives as long as its operation, a column until the next
 * row. Text of a column ends with a zero byte. */
struct dbki_value {
    enum dbki_type type;
    size_t len; /* bytes of text, blob or source */
    union {
        int64_t number;
        const char *text;
        const void *blob;
        const struct dbki_source *source;
    };
};

/* DBK_NONE is NULL, one that remembers that it stands for a number. */
static inline struct dbki_value dbki_int(int64_t number)
{
    return (struct dbki_value){.type = number == DBK_NONE ? DBKI_NULL : DBKI_INT, .number = number};
}

static inline struct dbki_value dbki_text_n(const char *text, size_t len)
{
    return (struct dbki_value){.type = text ? DBKI_TEXT : DBKI_NULL, .len = len, .text = text};
}

/* NULL is NULL, one that stands for a text. */
static inline struct dbki_value dbki_text(const char *text)
{
    return dbki_text_n(text, text ? strlen(text) : 0);
}

static inline struct dbki_value dbki_blob(const void *blob, size_t len)
{
    return (struct dbki_value){.type = DBKI_BLOB, .len = len, .blob = blob};
}

static inline struct dbki_value dbki_source(const struct dbki_source *source, size_t len)
{
    return (struct dbki_value){.type = DBKI_SOURCE, .len = len, .source = source};
}

/* The type that a parameter has or, being NULL, would have: servers want it said. */
static inline enum dbki_type dbki_value_type(const struct dbki_value *value)
{
    if (value->type != DBKI_NULL)
        return value->type;
    return value->number == DBK_NONE ? DBKI_INT : DBKI_TEXT;
}

/* A column as a number; DBK_NONE for NULL and for what is no number. */
static inline int64_t dbki_value_int(const struct dbki_value *value)
{
    return value->type == DBKI_INT ? value->number : DBK_NONE;
}

#endif
