/*
 * How things are put for a person: times, durations, sizes, results, colours, and text that may
 * hold anything. Not for JSON (json_writer.h) nor for tables (table.h).
 */
#ifndef TEXT_H
#define TEXT_H

#include "../share/utf8.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Room for any of the short texts below. */
#define TEXT_SHORT_SIZE 48

/* What a program that prints coloured text sends to have its colours end. */
#define TEXT_COLOR_END "\033[0m"
#define TEXT_BOLD "\033[1m"
#define TEXT_DIM "\033[2m"

/* Whether stdout is a terminal that wants colours: none with NO_COLOR, nor on a dumb one. */
bool text_terminal_is_coloured(void);

/* Puts the locale's character set right: names beyond ASCII are shown also where LANG says nothing.
 */
void text_init(void);

/*
 * Copies text so that a terminal shows it and obeys nothing in it: control characters and bytes
 * that are no UTF-8 become \xHH, invisible marks that turn the direction of writing become
 * \u{HHHH}. Newlines and tabs are kept if are_lines_kept. NULL is "". Result: yours, free().
 */
char *text_escape(const char *text, bool are_lines_kept);

/* The text, or "" for none: a damaged database may lack what every record has. */
const char *text_or_empty(const char *text);

/* Prints text in that form on one line. NULL prints nothing. */
void text_print(FILE *file, const char *text);

/* Seconds since 1970 now. */
int64_t text_now(void);

/* "3 min ago", "yesterday", "2024-03-01"; "-" for none. Result: out. */
const char *text_when(int64_t at, int64_t now, char out[TEXT_SHORT_SIZE]);

/* "2024-03-01 04:05:06", local time; "-" for none. Result: out. */
const char *text_time(int64_t at, char out[TEXT_SHORT_SIZE]);

/* "0:07", "2:41", "1:02:03", "3d 01:02:03"; "-" for none. Result: out. */
const char *text_took(int64_t seconds, char out[TEXT_SHORT_SIZE]);

/* How long something ran that began and ended then, or still runs (ended_at is none). Result: out.
 */
const char *text_span(int64_t started_at, int64_t complete_at, int64_t now,
                      char out[TEXT_SHORT_SIZE]);

/* "812 B", "1.5 KiB", "20 MiB"; "-" for none. Result: out. */
const char *text_size(int64_t size, char out[TEXT_SHORT_SIZE]);

/* A number; "-" for none. Result: out. */
const char *text_number(int64_t number, char out[TEXT_SHORT_SIZE]);

/* A result code in a word, a number if it has none; of what has no result: "running" if it was
 * started and is not complete, else "-". Result: out. */
const char *text_results(int64_t results, int64_t started_at, int64_t complete_at,
                         char out[TEXT_SHORT_SIZE]);

/* The sign for a result in "the last ten", and its colour as an escape sequence. */
char text_results_sign(int64_t results);
const char *text_results_color(int64_t results);

#endif
