/*
 * Help: see help.h.
 */
#include "help.h"

#include "options.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* Where the second column of a list begins. */
#define HELP_COLUMN 26

static void print_entry(const char *left, const char *right)
{
    if (strlen(left) + 4 <= HELP_COLUMN)
        printf("  %-*s%s\n", HELP_COLUMN - 2, left, right);
    else
        printf("  %s\n%*s%s\n", left, HELP_COLUMN, "", right);
}

static void print_option(const struct command_option *option)
{
    char left[80];
    size_t len = 0;
    if (option->letter)
        len = (size_t)snprintf(left, sizeof(left), "-%c, ", option->letter);
    snprintf(left + len, sizeof(left) - len, "--%s%s%s", option->name, option->argument ? " " : "",
             option->argument ? option->argument : "");
    print_entry(left, option->help);
}

static void print_options(const struct subcommand *command)
{
    printf("\nOptions:\n");
    for (const struct command_option *o = command->options; o && o->name; o++)
        print_option(o);
    for (const struct command_option *o = common_options; o->name; o++)
        if (common_option_is_taken(command, o))
            print_option(o);
}

void help_print(const struct subcommand *command)
{
    bool is_overview = command == &subcommand_overview;
    const char *space = *command->name ? " " : "";
    for (size_t i = 0; command->usage[i]; i++)
        printf("%s daybook%s%s%s%s\n", i ? "      " : "Usage:", space, command->name,
               *command->usage[i] ? " " : "", command->usage[i]);
    printf("\n%c%s.\n", toupper((unsigned char)command->summary[0]), command->summary + 1);
    if (command->about)
        printf("\n%s\n", command->about);
    if (is_overview) {
        printf("\nSubcommands (`daybook help NAME` says more of each):\n");
        for (size_t i = 0; subcommands[i]; i++)
            print_entry(subcommands[i]->name, subcommands[i]->summary);
    }
    print_options(command);
}
