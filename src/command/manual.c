/*
 * Man pages: see manual.h.
 */
#include "manual.h"

#include "options.h"

#include <ctype.h>
#include <stdio.h>

/* Text as roff takes it: a hyphen that can be copied, nothing that is taken for a request; paragraphs. */
static void put(const char *text)
{
    bool begins_line = true;
    for (; *text; text++) {
        if (begins_line && (*text == '.' || *text == '\''))
            fputs("\\&", stdout);
        begins_line = *text == '\n';
        if (*text == '\n' && text[1] == '\n')
            fputs("\n.PP", stdout);
        else if (*text == '-')
            fputs("\\-", stdout);
        else if (*text == '\\')
            fputs("\\e", stdout);
        else
            putchar(*text);
    }
}

static void put_option(const struct command_option *option)
{
    printf(".TP\n");
    if (option->letter)
        printf("\\fB\\-%c\\fR, ", option->letter);
    printf("\\fB\\-\\-");
    put(option->name);
    printf("\\fR");
    if (option->argument) {
        printf(" \\fI");
        put(option->argument);
        printf("\\fR");
    }
    printf("\n%c", toupper((unsigned char)option->help[0]));
    put(option->help + 1);
    printf(".\n");
}

void manual_print(const struct subcommand *command)
{
    const char *dash = *command->name ? "\\-" : "";
    printf(".TH \"DAYBOOK%s", *command->name ? "\\-" : "");
    for (const char *at = command->name; *at; at++)
        putchar(toupper((unsigned char)*at));
    printf("\" \"%d\" \"\" \"daybook %s\" \"\"\n.SH NAME\ndaybook%s",
           command == &subcommand_serve ? 8 : 1, dbk_version(), dash);
    put(command->name);
    printf(" \\- ");
    put(command->summary);
    printf("\n.SH SYNOPSIS\n");
    for (size_t i = 0; command->usage[i]; i++) {
        printf("%s\\fBdaybook %s\\fR ", i ? ".br\n" : "", command->name);
        put(command->usage[i]);
        putchar('\n');
    }
    if (command->about) {
        printf(".SH DESCRIPTION\n");
        put(command->about);
        putchar('\n');
    }
    printf(".SH OPTIONS\n");
    for (const struct command_option *o = command->options; o && o->name; o++)
        put_option(o);
    for (const struct command_option *o = common_options; o->name; o++)
        if (common_option_is_taken(command, o))
            put_option(o);
}
