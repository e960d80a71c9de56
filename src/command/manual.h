/*
 * Man pages, made from the tables that make the help.
 */
#ifndef MANUAL_H
#define MANUAL_H

#include "command.h"

/* Prints a subcommand's man page, or the overview's, to stdout, in the man macros of roff. */
void manual_print(const struct subcommand *command);

#endif
