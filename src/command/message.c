/*
 * Messages and ends: see message.h.
 */
#include "message.h"

#include "text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>

#define WORD_MAX 80
#define WORDS_HELD 4

const char *message_word(const char *text)
{
    /* Four bytes for a character, and the end. */
    static char words[WORDS_HELD][WORD_MAX * 4 + sizeof("...")];
    static unsigned next;
    const char *end = text_or_empty(text);
    for (size_t count = 0; *end; count++) {
        uint32_t point;
        size_t len = utf8_decode(end, &point);
        if (count == WORD_MAX) {
            char *word = words[next++ % WORDS_HELD];
            snprintf(word, sizeof(words[0]), "%.*s...", (int)(end - text), text);
            return word;
        }
        end += len ? len : 1;
    }
    return text_or_empty(text);
}

void message_print(const char *format, ...)
{
    char text[2048];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof(text), format, values);
    va_end(values);
    char *escaped = text_escape(text, false);
    /* One call for the whole line: other writers on the same stderr do not cut it. */
    fprintf(stderr, "daybook: %s\n", escaped);
    free(escaped);
}

int message_error(const struct dbk_error *error)
{
    message_print("%s", *error->message ? error->message : dbk_status_text(error->status));
    return dbk_status_exit_code(error->status);
}

void *memory_need(void *memory)
{
    if (!memory) {
        fputs("daybook: out of memory\n", stderr);
        exit(dbk_status_exit_code(DBK_NO_MEMORY));
    }
    return memory;
}

int output_failed(int reason)
{
    /* Whatever is said, it is said once: the buffer is given up. */
    __fpurge(stdout);
    clearerr(stdout);
    if (reason == EPIPE)
        return EXIT_FAILURE;
    message_print("the output cannot be written: %s", reason ? strerror(reason) : "write error");
    return dbk_status_exit_code(reason == ENOSPC || reason == EDQUOT ? DBK_FULL : DBK_INTERNAL);
}

int output_finish(void)
{
    errno = 0;
    bool is_failed = ferror(stdout) != 0;
    is_failed |= fflush(stdout) != 0;
    return is_failed ? output_failed(errno) : 0;
}
