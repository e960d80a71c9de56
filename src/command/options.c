/*
 * Command lines: see options.h. getopt_long does the reading; the tables say what there is. Not the
 * help, which help.c makes from the same tables.
 */
#include "options.h"

#include "message.h"
#include "nearest.h"
#include "text.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* More than any subcommand has, its own and the common ones together. */
#define OPTION_MAX 40

/* getopt's value of the first option of a table: above all letters. */
#define OPTION_VALUE_BASE 256

/* Bytes that are shown of an option that there is not. */
#define SHOWN_MAX 80

const struct command_option common_options[] = {
    {"db", 0, OPTION_VALUE, "URL",
     "the database, or a daemon: a URL or path (else DAYBOOK_DB, else daybook.sqlite)"},
    {"json", 0, OPTION_FLAG, NULL, "print JSON; times are seconds since 1970"},
    {"color", 0, OPTION_VALUE, "WHEN", "auto (the default), always or never"},
    {"help", 'h', OPTION_FLAG, NULL, "this text"},
    {"version", 'V', OPTION_FLAG, NULL, "the version"},
    {NULL, 0, OPTION_FLAG, NULL, NULL},
};

bool common_option_is_taken(const struct subcommand *command, const struct command_option *option)
{
    if (!strcmp(option->name, "db"))
        return command->common & COMMON_DB;
    if (!strcmp(option->name, "json"))
        return command->common & COMMON_JSON;
    if (!strcmp(option->name, "color"))
        return command->common & COMMON_COLOR;
    if (!strcmp(option->name, "version"))
        return command == &subcommand_overview;
    return true;
}

/* The tables of one subcommand in the form that getopt wants. */
struct reader {
    const struct command_option *options[OPTION_MAX];
    struct option longs[OPTION_MAX + 1];
    char letters[2 * OPTION_MAX + 3];
    int count;
};

static void reader_add(struct reader *reader, const struct command_option *option)
{
    if (reader->count == OPTION_MAX)
        abort();
    bool takes_argument = option->kind != OPTION_FLAG;
    reader->options[reader->count] = option;
    reader->longs[reader->count] =
        (struct option){option->name, takes_argument ? required_argument : no_argument, NULL,
                        OPTION_VALUE_BASE + reader->count};
    reader->count++;
    if (option->letter) {
        size_t len = strlen(reader->letters);
        reader->letters[len] = option->letter;
        if (takes_argument)
            reader->letters[len + 1] = ':';
    }
}

static void reader_init(struct reader *reader, const struct subcommand *command)
{
    memset(reader, 0, sizeof(*reader));
    /* "+" ends the options at the first operand; ":" tells a missing argument from an unknown
     * option. */
    strcpy(reader->letters, command->stops_at_operand ? "+:" : ":");
    for (const struct command_option *o = command->options; o && o->name; o++)
        reader_add(reader, o);
    for (const struct command_option *o = common_options; o->name; o++)
        if (common_option_is_taken(command, o))
            reader_add(reader, o);
}

static const struct command_option *reader_find(const struct reader *reader, int value)
{
    if (value >= OPTION_VALUE_BASE)
        return reader->options[value - OPTION_VALUE_BASE];
    for (int i = 0; i < reader->count; i++)
        if (reader->options[i]->letter == value)
            return reader->options[i];
    return NULL;
}

int usage_error(const struct arguments *arguments, const char *format, ...)
{
    const char *name = arguments->command->name;
    char text[1024];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof(text), format, values);
    va_end(values);
    message_print("%s (see `daybook%s%s --help`)", text, *name ? " " : "", name);
    return EXIT_USAGE;
}

/* Says what is wrong with an option that getopt_long did not take. */
static void explain_option(const struct reader *reader, const struct arguments *arguments,
                           const char *given)
{
    if (optopt >= OPTION_VALUE_BASE) {
        usage_error(arguments, "--%s takes no value", reader_find(reader, optopt)->name);
        return;
    }
    if (optopt) {
        usage_error(arguments, "there is no option -%c", optopt);
        return;
    }
    size_t len = strcspn(given, "=");
    int shown_len = len < SHOWN_MAX ? (int)len : SHOWN_MAX;
    const char *near = NULL;
    int begun_count = 0;
    struct nearest nearest;
    nearest_init(&nearest, given + 2, len - 2);
    for (int i = 0; i < reader->count; i++) {
        const char *name = reader->options[i]->name;
        begun_count += !strncmp(name, given + 2, len - 2);
        nearest_add(&nearest, name);
    }
    near = nearest_get(&nearest, 0);
    if (begun_count > 1)
        usage_error(arguments, "%.*s is the beginning of several options", shown_len, given);
    else if (near)
        usage_error(arguments, "there is no option %.*s; did you mean --%s?", shown_len, given,
                    near);
    else
        usage_error(arguments, "there is no option %.*s", shown_len, given);
    nearest_fini(&nearest);
}

static void add_given(struct arguments *arguments, const struct command_option *option,
                      const char *value, const char *second)
{
    struct given_option *given =
        realloc(arguments->given, (arguments->given_count + 1) * sizeof(*arguments->given));
    arguments->given = memory_need(given);
    arguments->given[arguments->given_count++] = (struct given_option){option, value, second};
}

static bool set_color(struct arguments *arguments, const char *when)
{
    if (!strcmp(when, "always"))
        arguments->is_coloured = true;
    else if (!strcmp(when, "never"))
        arguments->is_coloured = false;
    else if (!strcmp(when, "auto"))
        arguments->is_coloured = text_terminal_is_coloured();
    else
        return usage_error(arguments, "--color is auto, always or never, not %s",
                           message_word(when)),
               false;
    return true;
}

/* Takes one option. Result: OPTIONS_OK to go on. */
static enum options_outcome take_option(const struct command_option *option, int argc, char **argv,
                                        struct arguments *arguments)
{
    bool is_common = option >= common_options &&
                     option < common_options + sizeof(common_options) / sizeof(*common_options);
    if (is_common && !strcmp(option->name, "help"))
        return OPTIONS_HELP;
    if (is_common && !strcmp(option->name, "version"))
        return OPTIONS_VERSION;
    if (is_common && !strcmp(option->name, "json")) {
        arguments->is_json = true;
    } else if (is_common && !strcmp(option->name, "db")) {
        arguments->db = optarg;
    } else if (is_common) {
        return set_color(arguments, optarg) ? OPTIONS_OK : OPTIONS_WRONG;
    } else {
        const char *second = NULL;
        if (option->kind == OPTION_PAIR && optind < argc && argv[optind][0] != '-')
            second = argv[optind++];
        add_given(arguments, option, option->kind == OPTION_FLAG ? NULL : optarg, second);
    }
    return OPTIONS_OK;
}

static enum options_outcome check_operands(const struct arguments *arguments)
{
    const struct subcommand *command = arguments->command;
    if (arguments->operand_count < command->operand_min) {
        usage_error(arguments, "something is missing: daybook %s %s", command->name,
                    command->usage[0]);
        return OPTIONS_WRONG;
    }
    if (command->operand_max >= 0 && arguments->operand_count > command->operand_max) {
        usage_error(arguments, "unexpected: \"%s\"",
                    message_word(arguments->operands[command->operand_max]));
        return OPTIONS_WRONG;
    }
    return OPTIONS_OK;
}

enum options_outcome options_parse(const struct subcommand *command, int argc, char **argv,
                                   struct arguments *arguments)
{
    struct reader reader;
    reader_init(&reader, command);
    if (!arguments->command)
        arguments->is_coloured = text_terminal_is_coloured();
    arguments->command = command;
    opterr = 0;
    optind = 0; /* glibc: begin anew */
    for (;;) {
        int value = getopt_long(argc, argv, reader.letters, reader.longs, NULL);
        if (value == -1)
            break;
        if (value == '?') {
            explain_option(&reader, arguments, argv[optind - 1]);
            return OPTIONS_WRONG;
        }
        if (value == ':') {
            const struct command_option *option = reader_find(&reader, optopt);
            usage_error(arguments, "--%s needs %s", option->name, option->argument);
            return OPTIONS_WRONG;
        }
        enum options_outcome outcome =
            take_option(reader_find(&reader, value), argc, argv, arguments);
        if (outcome != OPTIONS_OK)
            return outcome;
    }
    arguments->operands = argv + optind;
    arguments->operand_count = argc - optind;
    return check_operands(arguments);
}

void arguments_fini(struct arguments *arguments)
{
    free(arguments->given);
    arguments->given = NULL;
    arguments->given_count = 0;
}

const struct given_option *arguments_next(const struct arguments *arguments, const char *name,
                                          const struct given_option *previous)
{
    const struct given_option *end = arguments->given + arguments->given_count;
    for (const struct given_option *g = previous ? previous + 1 : arguments->given; g < end; g++)
        if (!strcmp(g->option->name, name))
            return g;
    return NULL;
}

bool arguments_has(const struct arguments *arguments, const char *name)
{
    return arguments_next(arguments, name, NULL) != NULL;
}

const char *arguments_value(const struct arguments *arguments, const char *name)
{
    const char *value = NULL;
    for (const struct given_option *g = NULL; (g = arguments_next(arguments, name, g));)
        value = g->value;
    return value;
}

/* Reads a whole number; *out_end is what follows it. Result: whether there is one that fits. */
static bool read_number(const char *text, int64_t *out_number, const char **out_end)
{
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (end == text || errno || !strchr("-0123456789", *text))
        return false;
    *out_number = number;
    *out_end = end;
    return true;
}

int arguments_number(const struct arguments *arguments, const char *name, int64_t fallback,
                     int64_t min, int64_t max, int64_t *out_number)
{
    const char *value = arguments_value(arguments, name);
    const char *end = NULL;
    int64_t number = fallback;
    if (value && (!read_number(value, &number, &end) || *end || number < min || number > max)) {
        if (max == INT64_MAX)
            return usage_error(arguments, "--%s is a whole number from %lld on, not \"%s\"", name,
                               (long long)min, message_word(value));
        return usage_error(arguments, "--%s is a whole number from %lld to %lld, not \"%s\"", name,
                           (long long)min, (long long)max, message_word(value));
    }
    *out_number = number;
    return 0;
}

/* The factor that a size's unit stands for; 0 if it is none. */
static int64_t unit_factor(const char *unit)
{
    static const struct {
        const char *name;
        int64_t factor;
    } units[] = {
        {"", 1},          {"k", 1 << 10}, {"KiB", 1 << 10}, {"M", 1 << 20},
        {"MiB", 1 << 20}, {"G", 1 << 30}, {"GiB", 1 << 30},
    };
    for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
        if (!strcasecmp(unit, units[i].name))
            return units[i].factor;
    return 0;
}

int arguments_size(const struct arguments *arguments, const char *name, int64_t fallback,
                   int64_t min, int64_t max, int64_t *out_size)
{
    const char *value = arguments_value(arguments, name);
    const char *end = NULL;
    int64_t size = fallback;
    if (value) {
        int64_t factor = read_number(value, &size, &end) ? unit_factor(end) : 0;
        if (!factor || size < 0 || size > INT64_MAX / factor || size * factor < min ||
            size * factor > max)
            return usage_error(arguments,
                               "--%s is a number of bytes from %lld to %lld (k, M, G at its end), "
                               "not \"%s\"",
                               name, (long long)min, (long long)max, message_word(value));
        size *= factor;
    }
    *out_size = size;
    return 0;
}

bool option_duration(const char *text, int64_t max, int64_t *out_seconds)
{
    static const struct {
        const char *name;
        int64_t factor;
    } units[] = {{"", 1},     {"s", 1},     {"m", 60},       {"min", 60},
                 {"h", 3600}, {"d", 86400}, {"w", 7 * 86400}};
    const char *end = NULL;
    int64_t seconds, factor = 0;
    if (read_number(text, &seconds, &end))
        for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
            if (!strcmp(end, units[i].name))
                factor = units[i].factor;
    if (!factor || seconds < 0 || seconds > max / factor)
        return false;
    *out_seconds = seconds * factor;
    return true;
}

int arguments_duration(const struct arguments *arguments, const char *name, int64_t fallback,
                       int64_t min, int64_t max, int64_t *out_seconds)
{
    const char *value = arguments_value(arguments, name);
    int64_t seconds = fallback;
    if (value && (!option_duration(value, max, &seconds) || seconds < min))
        return usage_error(
            arguments,
            "--%s is a whole number of seconds from %lld on, or with s, m, h, d or w "
            "at its end, not \"%s\"",
            name, (long long)min, message_word(value));
    *out_seconds = seconds;
    return 0;
}
