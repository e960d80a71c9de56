/*
 * Command lines: reads argv by a subcommand's table, and gives what was found. Not for what the
 * values mean beyond numbers and sizes.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "command.h"

/* The options of COMMON_..., `--help` among them; ends with a NULL name. */
extern const struct command_option common_options[];

/* Whether a subcommand takes an option of common_options. */
bool common_option_is_taken(const struct subcommand *command, const struct command_option *option);

enum options_outcome {
    OPTIONS_OK,
    OPTIONS_HELP,    /* --help was given; nothing was printed yet */
    OPTIONS_VERSION, /* --version was; only the overview takes it */
    OPTIONS_WRONG,   /* a wrong use; a message went to stderr */
};

/*
 * Reads argv (argv[0] is the subcommand's name) into *arguments. What --db, --json and --color say
 * is added to what *arguments holds already, so that they may also stand before the subcommand. The
 * caller zeroes *arguments first, and calls arguments_fini() whatever the outcome.
 */
enum options_outcome options_parse(const struct subcommand *command, int argc, char **argv,
                                   struct arguments *arguments);
void arguments_fini(struct arguments *arguments);

/* Whether an option was given. */
bool arguments_has(const struct arguments *arguments, const char *name);

/* The value of an option, the last one if it was given several times. Result: NULL if it was not.
 */
const char *arguments_value(const struct arguments *arguments, const char *name);

/* Walks through an option's occurrences in order. previous: NULL for the first. Result: NULL at the
 * end. */
const struct given_option *arguments_next(const struct arguments *arguments, const char *name,
                                          const struct given_option *previous);

/*
 * Reads an option's value as a whole number between min and max; fallback if it was not given.
 * Result: 0, or EXIT_USAGE after a message.
 */
int arguments_number(const struct arguments *arguments, const char *name, int64_t fallback,
                     int64_t min, int64_t max, int64_t *out_number);

/* The same for bytes: the number may end in k, M or G (1024 and its powers, also KiB, MiB, GiB). */
int arguments_size(const struct arguments *arguments, const char *name, int64_t fallback,
                   int64_t min, int64_t max, int64_t *out_size);

/* The same for seconds: the number may end in s, m, h, d or w. */
int arguments_duration(const struct arguments *arguments, const char *name, int64_t fallback,
                       int64_t min, int64_t max, int64_t *out_seconds);

/* Reads such a duration from a text. Result: whether it is one, from 0 to max. */
bool option_duration(const char *text, int64_t max, int64_t *out_seconds);

/* Says on stderr what is wrong with the use of a subcommand, and how to see its help.
 * Result: EXIT_USAGE. */
int usage_error(const struct arguments *arguments, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
