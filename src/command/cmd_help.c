/*
 * `daybook help [SUBCOMMAND]`.
 */
#include "completion.h"
#include "help.h"
#include "manual.h"
#include "options.h"

static int cmd_help(const struct arguments *arguments)
{
    const struct subcommand *command = &subcommand_overview;
    if (arguments_has(arguments, "completion")) {
        completion_print();
        return 0;
    }
    if (arguments->operand_count)
        command = subcommand_find(arguments->operands[0]);
    if (!command)
        return subcommand_unknown(arguments->operands[0]);
    if (arguments_has(arguments, "man"))
        manual_print(command);
    else
        help_print(command);
    return 0;
}

static const struct command_option options[] = {
    {"man", 0, OPTION_FLAG, NULL, "as a man page: `daybook help --man serve | man -l -`"},
    {"completion", 0, OPTION_FLAG, NULL,
     "the completion for bash: `source <(daybook help --completion)`"},
    {NULL, 0, OPTION_FLAG, NULL, NULL},
};

static const char *const usage[] = {"[SUBCOMMAND]", NULL};

const struct subcommand subcommand_help = {
    .name = "help",
    .summary = "say how daybook or one of its subcommands is used",
    .usage = usage,
    .options = options,
    .operand_max = 1,
    .run = cmd_help,
};
