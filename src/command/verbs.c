/*
 * Subcommands of two words: see verbs.h.
 */
#include "verbs.h"

#include "message.h"
#include "options.h"
#include "store_open.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct verb *find_verb(const struct verb *verbs, const char *name)
{
    for (; verbs->name; verbs++)
        if (!strcmp(verbs->name, name))
            return verbs;
    return NULL;
}

/* Says that a word names no action. Result: EXIT_USAGE. */
static int tell_no_verb(const struct arguments *arguments, const struct verb *verbs)
{
    char list[128] = "";
    for (size_t i = 0; verbs[i].name; i++)
        snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s",
                 !i                  ? ""
                 : verbs[i + 1].name ? ", "
                                     : " or ",
                 verbs[i].name);
    return usage_error(arguments, "there is no `%s %s`, but %s", arguments->command->name,
                       message_word(arguments->operands[0]), list);
}

/* Checks how many operands follow the build. Result: 0, or EXIT_USAGE after a message. */
static int check_operands(const struct arguments *arguments, const struct verb *verb,
                          char **operands, int count)
{
    if (count > verb->operand_max)
        return usage_error(arguments, "unexpected: \"%s\"",
                           message_word(operands[verb->operand_max]));
    if (count < verb->operand_min)
        return usage_error(arguments, "something is missing: daybook %s %s BUILD %s",
                           arguments->command->name, verb->name, verb->usage);
    return 0;
}

/* Checks that none of the options is for another verb. Result: 0, or EXIT_USAGE after a message. */
static int check_options(const struct arguments *arguments, const struct verb *verbs,
                         const struct verb *verb)
{
    for (size_t i = 0; i < arguments->given_count; i++) {
        const char *name = arguments->given[i].option->name;
        const struct verb *owner = verbs;
        while (owner->name && (!owner->option || strcmp(owner->option, name) != 0))
            owner++;
        if (!owner->name)
            owner = verbs;
        if (owner != verb)
            return usage_error(arguments, "--%s is for `%s %s`, not for `%s %s`", name,
                               arguments->command->name, owner->name, arguments->command->name,
                               verb->name);
    }
    if (arguments->is_json && !verb->has_json)
        return usage_error(arguments, "`%s %s` has no --json", arguments->command->name,
                           verb->name);
    return 0;
}

int verbs_run(const struct arguments *arguments, const struct verb *verbs)
{
    char **operands = arguments->operands;
    int count = arguments->operand_count;
    const struct verb *verb = verbs;
    /* A single word is a build, whatever it is called. */
    if (count > 1) {
        verb = find_verb(verbs, *operands++);
        count--;
    }
    if (!verb)
        return tell_no_verb(arguments, verbs);
    const char *build_name = operands[0];
    /* Within a run the build may be left out. */
    if (verb->current_count && count == verb->current_count && getenv("DAYBOOK_BUILD"))
        build_name = ".";
    else
        operands++, count--;
    int exit_code = check_operands(arguments, verb, operands, count);
    if (!exit_code)
        exit_code = check_options(arguments, verbs, verb);
    if (exit_code)
        return exit_code;
    struct archive archive;
    struct named_build build = {0};
    exit_code = store_open_for(arguments, STORE_EXISTING, &archive);
    if (exit_code)
        return exit_code;
    exit_code = name_find_build(&archive, build_name, &build);
    if (!exit_code)
        exit_code = verb->run(arguments, &archive, &build, operands);
    named_build_fini(&build);
    archive_close_wait(&archive);
    return exit_code;
}
