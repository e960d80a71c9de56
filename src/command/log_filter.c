/*
 * Output for a terminal: see log_filter.h. The states are those of a terminal's own reader, as far
 * as is needed to find where a sequence ends.
 */
#include "log_filter.h"

#include "text.h"

#include <string.h>

#define ESC 0x1b
#define BEL 0x07

void log_filter_init(struct log_filter *filter, FILE *file, bool is_coloured)
{
    memset(filter, 0, sizeof(*filter));
    filter->file = file;
    filter->is_coloured = is_coloured;
}

static void hold(struct log_filter *filter, char byte)
{
    /* One byte is kept free for the end of utf8_decode()'s input. */
    if (filter->held_len < LOG_SEQUENCE_MAX - 1)
        filter->held[filter->held_len++] = byte;
}

/* Takes a sequence that is whole: colours pass, and so does erasing the rest of a line (progress
 * bars do that). */
static void end_csi(struct log_filter *filter)
{
    filter->held[filter->held_len] = '\0';
    size_t len = filter->held_len;
    bool is_plain = strspn(filter->held + 2, "0123456789;:") == len - 3;
    bool is_colour = filter->held[len - 1] == 'm';
    if (is_plain && ((is_colour && filter->is_coloured) || filter->held[len - 1] == 'K'))
        fwrite(filter->held, 1, len, filter->file);
    filter->is_colour_open |= is_plain && is_colour && filter->is_coloured;
    filter->held_len = 0;
    filter->state = LOG_TEXT;
}

/* Writes the held bytes of a character if they are one now; what can be none becomes U+FFFD. */
static void flush_character(struct log_filter *filter, bool is_broken)
{
    uint32_t point;
    filter->held[filter->held_len] = '\0';
    size_t len = utf8_decode(filter->held, &point);
    if (len == filter->held_len && !is_broken) {
        if (!utf8_is_control(point))
            fwrite(filter->held, 1, len, filter->file);
        filter->held_len = 0;
    } else if (is_broken || filter->held_len == 4) {
        fputs("\xef\xbf\xbd", filter->file);
        filter->held_len = 0;
    }
}

static void take_text(struct log_filter *filter, unsigned char byte)
{
    bool is_continued = (byte & 0xc0) == 0x80;
    if (filter->held_len && !is_continued)
        flush_character(filter, true);
    if (byte >= 0x80) {
        bool is_alone = is_continued && !filter->held_len;
        hold(filter, (char)byte);
        flush_character(filter, is_alone);
    } else if (byte == ESC) {
        hold(filter, (char)byte);
        filter->state = LOG_ESCAPE;
    } else if (byte == '\n' || byte == '\t' || byte == '\r' || byte == '\b' || byte >= 0x20) {
        if (byte != 0x7f)
            putc(byte, filter->file);
    }
}

static void take_escape(struct log_filter *filter, unsigned char byte)
{
    if (byte == '[') {
        hold(filter, (char)byte);
        filter->state = LOG_CSI;
        return;
    }
    filter->held_len = 0;
    if (byte == ']' || byte == 'P' || byte == 'X' || byte == '^' || byte == '_')
        filter->state = LOG_STRING;
    else if (byte >= 0x20 && byte < 0x30)
        filter->state = LOG_CHARSET;
    else if (byte == ESC)
        hold(filter, (char)byte);
    else
        filter->state = LOG_TEXT;
}

static void take_csi(struct log_filter *filter, unsigned char byte)
{
    hold(filter, (char)byte);
    if (byte >= 0x40 && byte < 0x7f) {
        end_csi(filter);
    } else if (byte == ESC) {
        filter->held_len = 0;
        hold(filter, (char)byte);
        filter->state = LOG_ESCAPE;
    } else if (byte < 0x20 || byte >= 0x7f) {
        /* No such sequence: its beginning is dropped, and the byte is text. */
        filter->held_len = 0;
        filter->state = LOG_TEXT;
        take_text(filter, byte);
    }
}

static void take_string(struct log_filter *filter, unsigned char byte)
{
    if (byte == ESC)
        filter->state = LOG_STRING_END;
    else if (byte == BEL ||
             byte == '\n') /* a line's end: what follows is not lost to a broken one */
        filter->state = LOG_TEXT;
    if (byte == '\n')
        putc(byte, filter->file);
}

void log_filter_write(struct log_filter *filter, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        switch (filter->state) {
        case LOG_TEXT:
            take_text(filter, byte);
            break;
        case LOG_ESCAPE:
            take_escape(filter, byte);
            break;
        case LOG_CSI:
            take_csi(filter, byte);
            break;
        case LOG_STRING:
            take_string(filter, byte);
            break;
        case LOG_STRING_END:
            filter->state = LOG_TEXT;
            if (byte != '\\') {
                hold(filter, ESC);
                filter->state = LOG_ESCAPE;
                take_escape(filter, byte);
            }
            break;
        case LOG_CHARSET:
            if (byte < 0x20 || byte >= 0x30)
                filter->state = LOG_TEXT;
            break;
        }
    }
}

void log_filter_finish(struct log_filter *filter)
{
    if (filter->state == LOG_TEXT && filter->held_len)
        flush_character(filter, true);
    if (filter->is_colour_open)
        fputs(TEXT_COLOR_END, filter->file);
    log_filter_init(filter, filter->file, filter->is_coloured);
}
