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

static int manual_section(const struct subcommand *command)
{
    return command == &subcommand_serve ? 8 : 1;
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

static void put_heading(const struct subcommand *command)
{
    const char *dash = *command->name ? "\\-" : "";
    printf(".TH \"DAYBOOK%s", dash);
    for (const char *at = command->name; *at; at++)
        putchar(toupper((unsigned char)*at));
    printf("\" \"%d\" \"\" \"daybook %s\" \"\"\n.SH NAME\ndaybook%s", manual_section(command),
           dbk_version(), dash);
    put(command->name);
    printf(" \\- ");
    put(command->summary);
}

static void put_usage(const struct subcommand *command)
{
    printf("\n.SH SYNOPSIS\n");
    for (size_t i = 0; command->usage[i]; i++) {
        printf("%s\\fBdaybook%s%s\\fR ", i ? ".br\n" : "", *command->name ? " " : "",
               command->name);
        put(command->usage[i]);
        putchar('\n');
    }
}

static void put_subcommands(void)
{
    printf(".SH SUBCOMMANDS\n");
    for (size_t i = 0; subcommands[i]; i++) {
        printf(".TP\n\\fBdaybook\\-%s\\fR(%d)\n%c", subcommands[i]->name,
               manual_section(subcommands[i]), toupper((unsigned char)subcommands[i]->summary[0]));
        put(subcommands[i]->summary + 1);
        printf(".\n");
    }
}

/* What the library's statuses come to. */
static const struct {
    int exit_code;
    const char *words;
} ENDS[] = {
#define END(name, value, exit_code, http, exception, words) {exit_code, words},
    DBK_STATUSES(END)
#undef END
};

static void put_exit_codes(void)
{
    printf(".SH EXIT STATUS\n.TP\n0\nAll is done.\n.TP\n%d\nThe answer is no.\n", EXIT_NO);
    for (size_t i = 0; i < sizeof(ENDS) / sizeof(*ENDS); i++) {
        if (!ENDS[i].exit_code)
            continue;
        printf(".TP\n%d\n%c", ENDS[i].exit_code, toupper((unsigned char)ENDS[i].words[0]));
        put(ENDS[i].words + 1);
        printf("%s.\n", ENDS[i].exit_code == EXIT_USAGE ? ", or a wrong use" : "");
    }
    printf(".PP\n\\fBdaybook run\\fR ends as its command did: see \\fBdaybook\\-run\\fR(1).\n");
}

void manual_print(const struct subcommand *command)
{
    put_heading(command);
    put_usage(command);
    if (command->about) {
        printf(".SH DESCRIPTION\n");
        put(command->about);
        putchar('\n');
    }
    if (command == &subcommand_overview)
        put_subcommands();
    printf(".SH OPTIONS\n");
    for (const struct command_option *o = command->options; o && o->name; o++)
        put_option(o);
    for (const struct command_option *o = common_options; o->name; o++)
        if (common_option_is_taken(command, o))
            put_option(o);
    if (command == &subcommand_overview)
        put_exit_codes();
    else
        printf(".SH SEE ALSO\n\\fBdaybook\\fR(1)\n");
}
