/*
 * `--help`: made from the tables of command.h. Not the manual.
 */
#ifndef HELP_H
#define HELP_H

#include "command.h"

/* Prints a subcommand's help on stdout; of the overview: the list of all subcommands. */
void help_print(const struct subcommand *command);

#endif
