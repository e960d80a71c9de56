/*
 * Makes what a program printed safe for a terminal: text and colours pass, whatever else a terminal
 * would obey (titles, clipboards, answers, the cursor) is left out. Works on pieces, whose borders
 * may lie anywhere. Not for output that goes elsewhere: that is passed on byte for byte.
 */
#ifndef LOG_FILTER_H
#define LOG_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Longer sequences are none that a colour needs. */
#define LOG_SEQUENCE_MAX 48

struct log_filter {
    FILE *file;
    bool is_coloured; /* colours pass */
    enum {
        LOG_TEXT,
        LOG_ESCAPE,     /* behind ESC */
        LOG_CSI,        /* behind ESC [ */
        LOG_STRING,     /* in a string that BEL or ESC \ ends */
        LOG_STRING_END, /* in one, behind ESC */
        LOG_CHARSET,    /* behind ESC and one that takes another character */
    } state;
    char held[LOG_SEQUENCE_MAX]; /* a sequence, or a character, that is not whole yet */
    size_t held_len;
    bool is_colour_open;
};

void log_filter_init(struct log_filter *filter, FILE *file, bool is_coloured);
void log_filter_write(struct log_filter *filter, const char *bytes, size_t len);

/* Ends colours that are still on. */
void log_filter_finish(struct log_filter *filter);

#endif
