/*
 * What the command says on stderr, and how it ends when it cannot go on. Not for results: those go
 * to stdout.
 */
#ifndef MESSAGE_H
#define MESSAGE_H

#include <daybook.h>
#include <stddef.h>

/* Prints "daybook: " and the text as one line; control characters are shown, not sent. */
void message_print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * A text of somebody else's (an argument, a name) for a message: cut behind 80 characters. NULL is "".
 * Result: static, until the fourth call from this one on.
 */
const char *message_word(const char *text);

/* Prints a library's error. Result: the exit code that stands for its status. */
int message_error(const struct dbk_error *error);

/* Gives back what an allocation gave; ends the program with DBK_NO_MEMORY's exit code on NULL. For
 * commands that only read: nothing of theirs is lost. */
void *memory_need(void *memory);

/* Says why something could not be written to stdout; of a reader who has gone it says nothing.
 * Args: reason is errno's. Result: an exit code. */
int output_failed(int reason);

/* Flushes stdout. Result: 0, or an exit code after a message when something could not be written.
 */
int output_finish(void);

#endif
