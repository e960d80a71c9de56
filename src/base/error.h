/* Fills errors. Every function that can fail takes an error to fill and returns its status. */
#ifndef DBKI_ERROR_H
#define DBKI_ERROR_H

#include "daybook.h"

/*
 * Makes *error an error of that status with a message in the manner of printf. The action stays.
 * Result: the status. error may be NULL.
 */
int dbki_error_set(struct dbk_error *error, enum dbk_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Makes *error "nothing went wrong". */
void dbki_error_clear(struct dbk_error *error);

/* Says what was being done. Keeps one that is there. */
void dbki_error_action(struct dbk_error *error, const char *action);

#endif
