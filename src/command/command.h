/*
 * What every file of the command shares: how a subcommand describes itself, and what it is given
 * when it runs. Not for anything that touches a database (store_open.h, waiting.h) or prints
 * (text.h, table.h, json_writer.h, message.h).
 *
 * A subcommand is one file, cmd_NAME.c, that defines one `const struct subcommand`; main.c lists
 * them all. The tables here also make `--help`, so that an option is written down once.
 */
#ifndef COMMAND_H
#define COMMAND_H

#include <daybook.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The exit codes that stand for no status: the answer is no, and how the command was called is
 * wrong. */
#define EXIT_NO 1
#define EXIT_USAGE 2

enum option_kind {
    OPTION_FLAG,  /* --failed */
    OPTION_VALUE, /* --limit N; the last one given counts */
    OPTION_LIST,  /* --filter F; all that are given count */
    OPTION_PAIR, /* --step NAME [COMMAND]; all count. The second argument is there when the next one
                     neither begins with "-" nor is missing. Needs stops_at_operand. */
};

struct command_option {
    const char *name; /* without the dashes; NULL ends a table */
    char letter;      /* 0: none */
    enum option_kind kind;
    const char *argument; /* its argument in the help: "NAME"; NULL for a flag */
    const char *help;     /* one line, without a full stop */
};

/* Options that a subcommand takes beside its own; --help is always there. */
enum {
    COMMON_DB = 1,    /* --db */
    COMMON_JSON = 2,  /* --json */
    COMMON_COLOR = 4, /* --color */
};

struct arguments;

struct subcommand {
    const char *name;
    const char *summary;                  /* one line for the list of subcommands */
    const char *const *usage;             /* what follows "daybook NAME", each a form; NULL-ended */
    const char *about;                    /* the help's paragraphs; NULL: the summary says it all */
    const struct command_option *options; /* NULL: none of its own */
    unsigned common;                      /* COMMON_... */
    bool stops_at_operand;                /* options end at the first operand, as for `run` */
    int operand_min;                      /* fewer operands are a wrong use */
    int operand_max;                      /* more are; -1: any number */
    int (*run)(const struct arguments *arguments); /* gives the exit code */
};

/* An option as it was given. */
struct given_option {
    const struct command_option *option;
    const char *value;  /* NULL for a flag */
    const char *second; /* of OPTION_PAIR, when there is one; else NULL */
};

/* A command line after options_parse(). Texts point into argv. */
struct arguments {
    const struct subcommand *command;
    const char *db;             /* --db; NULL: not given (store_open.h knows the rest) */
    bool is_json;               /* --json */
    bool is_coloured;           /* stdout takes colours */
    struct given_option *given; /* the subcommand's own options, in the order given */
    size_t given_count;
    char **operands; /* ends with NULL; what follows the options, or "--" */
    int operand_count;
};

extern const struct subcommand subcommand_overview; /* `daybook` alone */
extern const struct subcommand subcommand_abandon;  /* cmd_abandon.c */
extern const struct subcommand subcommand_adopt;    /* cmd_adopt.c, as release and upgrade */
extern const struct subcommand subcommand_release;
extern const struct subcommand subcommand_upgrade;
extern const struct subcommand subcommand_backup;
extern const struct subcommand subcommand_bench;
extern const struct subcommand subcommand_build;
extern const struct subcommand subcommand_builders;
extern const struct subcommand subcommand_builds;
extern const struct subcommand subcommand_check;
extern const struct subcommand subcommand_compare;
extern const struct subcommand subcommand_copy;
extern const struct subcommand subcommand_data;
extern const struct subcommand subcommand_events;
extern const struct subcommand subcommand_help;
extern const struct subcommand subcommand_init;
extern const struct subcommand subcommand_log;
extern const struct subcommand subcommand_properties;
extern const struct subcommand subcommand_prune;
extern const struct subcommand subcommand_erase;
extern const struct subcommand subcommand_push;
extern const struct subcommand subcommand_run; /* cmd_run.c */
extern const struct subcommand subcommand_serve;
extern const struct subcommand subcommand_status;
extern const struct subcommand subcommand_steps;
extern const struct subcommand subcommand_token;

/* All subcommands but the overview, in the order of the help; NULL-ended. */
extern const struct subcommand *const subcommands[];

/* Finds a subcommand by name. Result: NULL when there is none. */
const struct subcommand *subcommand_find(const char *name);

/* Says on stderr that there is none of that name, and which are near. Result: EXIT_USAGE. */
int subcommand_unknown(const char *name);

#endif
