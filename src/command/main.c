/*
 * The command `daybook`: finds the subcommand, reads its options, runs it. What a subcommand does
 * stands in its own file.
 */
#include "command.h"
#include "help.h"
#include "message.h"
#include "nearest.h"
#include "options.h"
#include "text.h"

#include <stdio.h>
#include <string.h>

/* One a line. */
/* clang-format off */
const struct subcommand *const subcommands[] = {
    &subcommand_run,
    &subcommand_log,
    &subcommand_builders,
    &subcommand_builds,
    &subcommand_build,
    &subcommand_steps,
    &subcommand_properties,
    &subcommand_data,
    &subcommand_events,
    &subcommand_serve,
    &subcommand_token,
    &subcommand_init,
    &subcommand_check,
    &subcommand_backup,
    &subcommand_copy,
    &subcommand_abandon,
    &subcommand_adopt,
    &subcommand_release,
    &subcommand_upgrade,
    &subcommand_status,
    &subcommand_prune,
    &subcommand_erase,
    &subcommand_compare,
    &subcommand_bench,
    &subcommand_push,
    &subcommand_help,
    NULL,
};
/* clang-format on */

const struct subcommand *subcommand_find(const char *name)
{
    for (size_t i = 0; subcommands[i]; i++)
        if (!strcmp(subcommands[i]->name, name))
            return subcommands[i];
    return NULL;
}

int subcommand_unknown(const char *name)
{
    struct nearest nearest;
    nearest_init(&nearest, name, strlen(name));
    for (size_t i = 0; subcommands[i]; i++)
        nearest_add(&nearest, subcommands[i]->name);
    const char *near = nearest_get(&nearest, 0);
    if (near)
        message_print("there is no subcommand %s; did you mean %s?", message_word(name), near);
    else
        message_print("there is no subcommand %s (see `daybook --help`)", message_word(name));
    nearest_fini(&nearest);
    return EXIT_USAGE;
}

/* Reads the options of a subcommand and runs it. Options common to all may have been read before.
 */
static int run(const struct subcommand *command, int argc, char **argv, struct arguments *arguments)
{
    switch (options_parse(command, argc, argv, arguments)) {
    case OPTIONS_HELP:
        help_print(command);
        return 0;
    case OPTIONS_VERSION:
        printf("daybook %s\n", dbk_version());
        return 0;
    case OPTIONS_WRONG:
        return EXIT_USAGE;
    case OPTIONS_OK:
        break;
    }
    /* They may have stood before a subcommand that does not take them. */
    if (arguments->is_json && !(command->common & COMMON_JSON))
        return usage_error(arguments, "`%s` has no --json", command->name);
    if (arguments->db && !(command->common & COMMON_DB))
        return usage_error(arguments, "`%s` has no --db", command->name);
    if (command != &subcommand_overview || !arguments->operand_count)
        return command->run(arguments);
    const struct subcommand *chosen = subcommand_find(arguments->operands[0]);
    if (!chosen)
        return subcommand_unknown(arguments->operands[0]);
    if (arguments->given_count)
        return usage_error(arguments, "--%s stands behind the subcommand",
                           arguments->given[0].option->name);
    return run(chosen, arguments->operand_count, arguments->operands, arguments);
}

int main(int argc, char **argv)
{
    struct arguments arguments = {0};
    text_init();
    int exit_code = run(&subcommand_overview, argc, argv, &arguments);
    arguments_fini(&arguments);
    int output = output_finish();
    return exit_code ? exit_code : output;
}
