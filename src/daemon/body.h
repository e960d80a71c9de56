/*
 * The JSON body of a write: parsed strictly, and read by tables of members into the structs of daybook.h.
 * What is not in the table is refused, so that a misspelt member is never left out in silence.
 */
#ifndef DAEMON_BODY_H
#define DAEMON_BODY_H

#include <event2/buffer.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define BODY_MESSAGE_SIZE 200

struct body_block;
struct form;

/* A body while it is read. What body_take() and body_dump() gave lives as long as it does. */
struct body {
    json_t *root;
    const char *text; /* as it came */
    struct body_block *blocks;
    int http_status; /* of the refusal */
    char message[BODY_MESSAGE_SIZE];
};

enum body_kind {
    BODY_TEXT,    /* const char * */
    BODY_NUMBER,  /* int64_t */
    BODY_TIME,    /* int64_t, seconds since 1970 UTC, at most a day ahead of the clock */
    BODY_RESULTS, /* int64_t, by number or word */
    BODY_BOOL,    /* bool */
    BODY_PART,    /* an object or array that the caller reads: const json_t * */
    BODY_VALUE,   /* any value, null among them: const json_t * */
};

/* A member. One that is missing, or null, leaves what *out has there. */
struct body_field {
    const char *name; /* NULL ends the table */
    enum body_kind kind;
    bool is_needed;
    size_t offset;            /* in *out */
    const struct form *parts; /* what a part is made of */
};

/* Parses bytes, which are one JSON object. Result: false when it is refused. body_fini() in any case. */
bool body_parse(struct body *body, struct evbuffer *bytes);
void body_fini(struct body *body);

/* Reads the members of an object. Result: false when it is refused. */
bool body_read(struct body *body, const json_t *object, const struct form *form, void *out);

/* Refuses the body. Result: false. */
bool body_refuse(struct body *body, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Takes zeroed memory for count things. Result: NULL when out of memory, which refuses the body. */
void *body_take(struct body *body, size_t count, size_t size);

/* The value at a place in body->text (json_place.h), as it was written. Result: as body_take(). */
const char *body_value(struct body *body, const char *place);

/* Decodes base64. Result: false when it is none or memory ran out, which refuses the body. */
bool body_decode(struct body *body, const char *text, const void **out_bytes, size_t *out_len);

#endif
