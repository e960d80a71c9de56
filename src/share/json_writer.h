/*
 * JSON, written as it comes. What is not whole may be held for a moment: it is in the file when its outermost array or
 * object is ended. Not for reading JSON.
 *
 * What goes out is valid UTF-8 and holds nothing that a terminal obeys: bytes that are no UTF-8
 * become U+FFFD, control characters are escaped, also within JSON that is passed on as it is.
 *
 * The file is not locked: while a writer prints, no other thread may.
 */
#ifndef JSON_WRITER_H
#define JSON_WRITER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define JSON_DEPTH_MAX 16
#define JSON_HELD_MAX 1024

struct json_writer {
    FILE *file;
    int depth;
    struct {
        bool is_object;
        bool is_lined;
        bool has_elements;
    } levels[JSON_DEPTH_MAX];
    bool is_named; /* a member's name was written, its value comes next */
    /* What is not in the file yet: to hand it every word by itself would cost more than the words. */
    size_t held_len;
    char held[JSON_HELD_MAX];
};

void json_init(struct json_writer *json, FILE *file);

/* Ends the line once all is closed. */
void json_finish(struct json_writer *json);

void json_begin_array(struct json_writer *json);
void json_begin_lines(struct json_writer *json); /* an array with a line for each element */
void json_end_array(struct json_writer *json);
void json_begin_object(struct json_writer *json);
void json_end_object(struct json_writer *json);

/* The name of the member whose value comes next. */
void json_name(struct json_writer *json, const char *name);

void json_text(struct json_writer *json, const char *text); /* NULL is null */
void json_number(struct json_writer *json, int64_t number); /* DBK_NONE is null */
void json_bool(struct json_writer *json, bool is_true);
void json_none(
    struct json_writer *json); /* null; jansson has a json_null(), which ours would replace */

/* A value that is JSON text already. The caller knows that it is valid. */
void json_value(struct json_writer *json, const char *text);

/* Members: a name and its value. */
void json_member_text(struct json_writer *json, const char *name, const char *text);
void json_member_number(struct json_writer *json, const char *name, int64_t number);
void json_member_bool(struct json_writer *json, const char *name, bool is_true);

#endif
