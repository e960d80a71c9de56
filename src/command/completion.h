/*
 * Completion for bash, made from the tables that make the help.
 */
#ifndef COMPLETION_H
#define COMPLETION_H

/* Prints the script to stdout. */
void completion_print(void);

#endif
