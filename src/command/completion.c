/*
 * Completion for bash: see completion.h. The script is a table, made here, and a few functions that look into it, which
 * need nothing but bash 4. What a subcommand takes stands in its usage: words in small letters are its verbs, those in
 * capitals its operands, and what a name stands for is known by the name.
 */
#include "completion.h"

#include "options.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD_SIZE 64

/* How an argument or an operand of a name is completed; any other is not. */
static const struct {
    const char *name, *kind;
} KINDS[] = {
    {"FILE", "file"},
    {"TO-FILE", "file"},
    {"PATH", "file"},
    {"DB", "file"},
    {"FROM", "file"},
    {"TO", "file"},
    {"URL-or-path", "file"},
    {"DIRECTORY", "folder"},
    {"COMMAND", "program"},
    {"SUBCOMMAND", "subcommand"},
    {"WHEN", "auto,always,never"},
    {"RIGHT", "read,write,admin"},
    {"RESULT", "success,warnings,failure,skipped,exception,retry,cancelled"},
};

static const char *find_kind(const char *name)
{
    for (size_t i = 0; i < sizeof(KINDS) / sizeof(*KINDS); i++)
        if (!strcmp(KINDS[i].name, name))
            return KINDS[i].kind;
    return "-";
}

/* The name at the beginning of an option's argument: "RESULT" of "RESULT[,...]". */
static const char *kind_of_option(const struct command_option *option)
{
    char name[WORD_SIZE];
    snprintf(name, sizeof(name), "%.*s",
             (int)strspn(option->argument, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"), option->argument);
    return !strcmp(option->name, "db") ? "file" : find_kind(name);
}

/* ----------------------------------------------------------------------------------- options ---- */

typedef void each_fn(const struct command_option *option);

static void for_each_option(const struct subcommand *command, each_fn *each)
{
    for (const struct command_option *o = command->options; o && o->name; o++)
        each(o);
    for (const struct command_option *o = common_options; o->name; o++)
        if (common_option_is_taken(command, o))
            each(o);
}

static void print_name(const struct command_option *option)
{
    printf("--%s ", option->name);
    if (option->letter)
        printf("-%c ", option->letter);
}

static void print_kind(const struct command_option *option)
{
    if (option->kind == OPTION_FLAG)
        return;
    printf("--%s=%s ", option->name, kind_of_option(option));
    if (option->letter)
        printf("-%c=%s ", option->letter, kind_of_option(option));
}

/* ------------------------------------------------------------------------------------- forms ---- */

static const struct command_option *find_option(const struct subcommand *command, const char *name)
{
    for (const struct command_option *o = command->options; o && o->name; o++)
        if (!strcmp(o->name, name))
            return o;
    for (const struct command_option *o = common_options; o->name; o++)
        if (!strcmp(o->name, name))
            return o;
    return NULL;
}

/* Takes the next word of a usage, without its brackets, quotes and dots. Result: where the text goes on; NULL at the end. */
static const char *take_word(const char *text, char out[WORD_SIZE])
{
    size_t len = 0;
    text += strspn(text, " ");
    if (!*text)
        return NULL;
    for (; *text && *text != ' '; text++)
        if (!strchr("[]'.", *text) && len + 1 < WORD_SIZE)
            out[len++] = *text;
    out[len] = '\0';
    return text;
}

static bool is_verb(const char *word)
{
    return *word && word[strspn(word, "abcdefghijklmnopqrstuvwxyz")] == '\0';
}

/* One form of a usage: its verb, and how each operand is completed: "put:-,-,file". */
static void print_form(const struct subcommand *command, const char *usage)
{
    char word[WORD_SIZE];
    bool has_begun = false;
    int operands = 0;
    while ((usage = take_word(usage, word))) {
        const struct command_option *option =
            !strncmp(word, "--", 2) ? find_option(command, word + 2) : NULL;
        if (option && option->kind != OPTION_FLAG)
            usage = take_word(usage, word);
        if (option || !*word || *word == '-' || !strcmp(word, "OPTION"))
            continue;
        if (!has_begun && is_verb(word)) {
            printf("%s:", word);
        } else {
            printf("%s%s%s", has_begun ? "" : ":", operands ? "," : "", find_kind(word));
            operands++;
        }
        has_begun = true;
    }
    if (has_begun)
        putchar(' ');
}

static void print_facts(const struct subcommand *command)
{
    printf("    '%s')\n        options='", command->name);
    for_each_option(command, print_name);
    printf("'\n        arguments='");
    for_each_option(command, print_kind);
    printf("'\n        forms='");
    /* The overview's usage is that of the others. */
    for (size_t i = 0; command != &subcommand_overview && command->usage[i]; i++)
        print_form(command, command->usage[i]);
    printf("' ;;\n");
}

/* ------------------------------------------------------------------------------------- script ---- */

static const char SCRIPT[] =
    "# Completes one word of a kind.\n"
    "_daybook_complete() {\n"
    "    case $1 in\n"
    "    -) COMPREPLY=() ;;\n"
    "    file) mapfile -t COMPREPLY < <(compgen -f -- \"$2\"); compopt -o filenames 2>/dev/null "
    ";;\n"
    "    folder) mapfile -t COMPREPLY < <(compgen -d -- \"$2\"); compopt -o filenames 2>/dev/null "
    ";;\n"
    "    program) mapfile -t COMPREPLY < <(compgen -c -- \"$2\") ;;\n"
    "    subcommand) mapfile -t COMPREPLY < <(compgen -W \"$_daybook_subcommands\" -- \"$2\") ;;\n"
    "    *) mapfile -t COMPREPLY < <(compgen -W \"${1//,/ }\" -- \"$2\") ;;\n"
    "    esac\n"
    "}\n"
    "\n"
    "# Says how the argument of an option is completed; nothing if it takes none.\n"
    "_daybook_kind() {\n"
    "    local each\n"
    "    for each in $1; do\n"
    "        if [[ ${each%%=*} == \"$2\" ]]; then\n"
    "            echo \"${each#*=}\"\n"
    "            return\n"
    "        fi\n"
    "    done\n"
    "}\n"
    "\n"
    "# Says how the operand behind so many others is completed, of a verb or of none.\n"
    "_daybook_operand() {\n"
    "    local each kinds\n"
    "    for each in $1; do\n"
    "        if [[ ${each%%:*} == \"$2\" ]]; then\n"
    "            IFS=, read -r -a kinds <<<\"${each#*:}\"\n"
    "            echo \"${kinds[$3]:--}\"\n"
    "            return\n"
    "        fi\n"
    "    done\n"
    "    echo -\n"
    "}\n"
    "\n"
    "_daybook() {\n"
    "    local options arguments forms command='' verb='' verbs='' kind='' word each i count=0\n"
    "    local current=${COMP_WORDS[COMP_CWORD]}\n"
    "    COMPREPLY=()\n"
    "    _daybook_facts ''\n"
    "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
    "        word=${COMP_WORDS[i]}\n"
    "        if [[ $word == -?* ]]; then\n"
    "            kind=$(_daybook_kind \"$arguments\" \"$word\")\n"
    "            [[ -n $kind ]] || continue\n"
    "            [[ ${COMP_WORDS[i + 1]} == = ]] && i=$((i + 1))\n"
    "            if ((i + 1 >= COMP_CWORD)); then\n"
    "                [[ $current == = ]] && current=\n"
    "                _daybook_complete \"$kind\" \"$current\"\n"
    "                return\n"
    "            fi\n"
    "            i=$((i + 1))\n"
    "        elif [[ -z $command ]]; then\n"
    "            command=$word\n"
    "            _daybook_facts \"$command\" || return\n"
    "            for each in $forms; do\n"
    "                [[ $each == :* ]] || verbs+=\" ${each%%:*}\"\n"
    "            done\n"
    "        elif ((!count)) && [[ -z $verb && \" $verbs \" == *\" $word \"* ]]; then\n"
    "            verb=$word\n"
    "        else\n"
    "            count=$((count + 1))\n"
    "        fi\n"
    "    done\n"
    "    if ((count)) && [[ $forms == :program* ]]; then\n"
    "        _daybook_complete file \"$current\" # the options are the program's\n"
    "    elif [[ $current == -* ]]; then\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$current\")\n"
    "    elif [[ -z $command ]]; then\n"
    "        _daybook_complete subcommand \"$current\"\n"
    "    elif ((!count)) && [[ -z $verb && -n $verbs ]]; then\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"$verbs\" -- \"$current\")\n"
    "    else\n"
    "        _daybook_complete \"$(_daybook_operand \"$forms\" \"$verb\" \"$count\")\" "
    "\"$current\"\n"
    "    fi\n"
    "}\n"
    "\n"
    "complete -F _daybook daybook\n";

void completion_print(void)
{
    printf("# Completion of daybook for bash, made by `daybook help --completion`.\n\n"
           "_daybook_subcommands='");
    for (size_t i = 0; subcommands[i]; i++)
        printf("%s%s", i ? " " : "", subcommands[i]->name);
    printf("'\n\n"
           "# What a subcommand takes: its options, how their arguments are completed, and its "
           "operands by verb.\n"
           "_daybook_facts() {\n    case $1 in\n");
    print_facts(&subcommand_overview);
    for (size_t i = 0; subcommands[i]; i++)
        print_facts(subcommands[i]);
    printf("    *) return 1 ;;\n    esac\n}\n\n%s", SCRIPT);
}
