/*
 * `daybook log`: prints what the steps of a build printed. It is the build data log/STEP; not
 * Buildbot's own logs, which stand in tables of their own.
 */
#include "command.h"
#include "data_read.h"
#include "log_filter.h"
#include "message.h"
#include "name.h"
#include "nearest.h"
#include "options.h"
#include "store_open.h"
#include "text.h"
#include "waiting.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What build data that is a step's output is called, before the step's name. */
#define LOG_PREFIX "log/"

/* The steps whose output is printed, in their order. */
struct log_steps {
    struct waiting waiting;
    struct dbk_step **steps;
    size_t count;
    char **recorded; /* the names of data that begin with LOG_PREFIX, sorted */
    size_t recorded_count;
};

struct log_output {
    const struct arguments *arguments;
    const struct named_build *build;
    struct log_filter filter;
    bool is_raw;      /* byte for byte */
    bool has_headers; /* more than one step */
    char last_byte;   /* of what was printed of the step; '\n' when that is nothing */
};

static void take_steps(void *user, const struct dbk_error *error,
                       const struct dbk_step *const *steps, const struct dbk_page *page)
{
    struct log_steps *list = user;
    if (!error) {
        list->steps = memory_need(calloc(page->count + 1, sizeof(struct dbk_step *)));
        for (size_t i = 0; i < page->count; i++)
            list->steps[list->count++] = memory_need(dbk_step_dup(steps[i]));
    }
    waiting_note(&list->waiting, error);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_recorded(const struct log_steps *list, const char *name)
{
    return list->recorded_count &&
           bsearch(&name, list->recorded, list->recorded_count, sizeof(char *), compare_names);
}

static void take_recorded(void *user, const struct dbk_error *error,
                          const struct dbk_build_data *const *data, const struct dbk_page *page)
{
    struct log_steps *list = user;
    if (!error) {
        list->recorded = memory_need(calloc(page->count + 1, sizeof(char *)));
        for (size_t i = 0; i < page->count; i++) {
            const char *name = text_or_empty(data[i]->name);
            if (!strncmp(name, LOG_PREFIX, strlen(LOG_PREFIX)))
                list->recorded[list->recorded_count++] = memory_need(strdup(name));
        }
        if (list->recorded_count)
            qsort(list->recorded, list->recorded_count, sizeof(char *), compare_names);
    }
    waiting_note(&list->waiting, error);
}

static int read_steps(struct archive *archive, int64_t buildid, struct log_steps *list)
{
    const struct dbk_call *call = &list->waiting.call;
    waiting_init(&list->waiting, archive);
    waiting_add(&list->waiting, archive_get_steps(archive, buildid, NULL, call, take_steps, list));
    waiting_add(&list->waiting, archive_get_all_build_data_no_values(archive, buildid, NULL, call,
                                                                     take_recorded, list));
    return waiting_finish(&list->waiting);
}

static void log_steps_fini(struct log_steps *list)
{
    for (size_t i = 0; i < list->count; i++)
        dbk_step_free(list->steps[i]);
    free(list->steps);
    for (size_t i = 0; i < list->recorded_count; i++)
        free(list->recorded[i]);
    free(list->recorded);
}

/* Keeps the steps that is_kept holds for. */
static void keep_steps(struct log_steps *list,
                       bool (*is_kept)(const struct dbk_step *step, const char *name),
                       const char *name)
{
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++)
        if (is_kept(list->steps[i], name))
            list->steps[kept++] = list->steps[i];
        else
            dbk_step_free(list->steps[i]);
    list->count = kept;
}

static bool is_failed(const struct dbk_step *step, const char *name)
{
    (void)name;
    return results_are_failed(step->results);
}

static bool is_named(const struct dbk_step *step, const char *name)
{
    return !strcmp(text_or_empty(step->name), name);
}

static bool has_number(const struct dbk_step *step, const char *name)
{
    char text[TEXT_SHORT_SIZE];
    return !strcmp(text_number(step->number, text), name);
}

/* Leaves the step of that name, else of that number. Result: 0, or an exit code after a message. */
static int choose_step(struct log_steps *list, const struct named_build *build, const char *name)
{
    struct nearest nearest;
    bool is_there = false, is_number = false;
    nearest_init(&nearest, name, strlen(name));
    for (size_t i = 0; i < list->count; i++) {
        is_there |= is_named(list->steps[i], name);
        is_number |= has_number(list->steps[i], name);
        nearest_add(&nearest, list->steps[i]->name);
    }
    if (is_there) {
        keep_steps(list, is_named, name);
    } else if (is_number) {
        keep_steps(list, has_number, name);
    } else {
        const char *a = nearest_get(&nearest, 0), *b = nearest_get(&nearest, 1);
        message_print("%s has no step \"%s\"%s%s%s%s%s", named_build_text(build),
                      message_word(name), a ? "; near are: " : "", message_word(a), b ? ", " : "",
                      message_word(b), a ? "" : "; `daybook steps` lists them");
    }
    nearest_fini(&nearest);
    return is_there || is_number ? 0 : dbk_status_exit_code(DBK_NOT_FOUND);
}

static int write_piece(void *user, const char *bytes, size_t len, int64_t length)
{
    struct log_output *output = user;
    (void)length;
    if (!len)
        return 0;
    output->last_byte = bytes[len - 1];
    if (output->is_raw)
        fwrite(bytes, 1, len, stdout);
    else
        log_filter_write(&output->filter, bytes, len);
    return ferror(stdout) ? output_failed(errno) : 0;
}

/* Prints "== STEP (result)". */
static void print_header(struct log_output *output, const struct dbk_step *step)
{
    char result[TEXT_SHORT_SIZE];
    bool is_coloured = output->arguments->is_coloured;
    text_results(step->results, step->started_at, step->complete_at, result);
    if (is_coloured)
        fputs(TEXT_BOLD, stdout);
    fputs("== ", stdout);
    text_print(stdout, step->name);
    if (is_coloured)
        printf("%s (%s%s%s)\n", TEXT_COLOR_END, text_results_color(step->results), result,
               TEXT_COLOR_END);
    else
        printf(" (%s)\n", result);
}

/* Prints the output of one step. The database is asked only for what it is known to have: a build may
 * have very many steps. */
static int print_step(struct archive *archive, struct log_output *output,
                      const struct log_steps *list, const struct dbk_step *step, bool *out_is_found)
{
    char *name = NULL;
    int exit_code = 0;
    if (asprintf(&name, LOG_PREFIX "%s", text_or_empty(step->name)) < 0)
        memory_need(NULL);
    output->last_byte = '\n';
    if (output->has_headers)
        print_header(output, step);
    if (is_recorded(list, name)) {
        log_filter_init(&output->filter, stdout, output->arguments->is_coloured);
        exit_code =
            data_read(archive, output->build->build->id, name, write_piece, output, out_is_found);
        log_filter_finish(&output->filter);
    }
    if (output->has_headers && output->last_byte != '\n')
        putchar('\n');
    free(name);
    return exit_code;
}

/* Says that there is no output. Result: DBK_NOT_FOUND's exit code. */
static int tell_no_output(const struct archive *archive, const struct named_build *build,
                          const struct log_steps *list)
{
    bool is_one = list->count == 1;
    message_print("no output is recorded of %s%s%s%s", named_build_text(build),
                  is_one ? ", step " : "", is_one ? message_word(list->steps[0]->name) : "",
                  archive_info(archive)->is_own ? "" : " (Buildbot's own logs are not read)");
    return dbk_status_exit_code(DBK_NOT_FOUND);
}

/* Prints the output of the steps. */
static int print_steps(struct archive *archive, struct log_output *output,
                       const struct log_steps *list)
{
    bool is_any_found = false;
    output->has_headers = list->count > 1;
    for (size_t i = 0; list->recorded_count && i < list->count; i++) {
        bool is_found = false;
        int exit_code = print_step(archive, output, list, list->steps[i], &is_found);
        if (exit_code)
            return exit_code;
        is_any_found |= is_found;
    }
    return is_any_found ? 0 : tell_no_output(archive, output->build, list);
}

/* Says on stderr which build it is, to a person who left that to us. */
static void tell_build(const struct named_build *build)
{
    char result[TEXT_SHORT_SIZE], when[TEXT_SHORT_SIZE];
    const struct dbk_build *b = build->build;
    text_results(b->results, b->started_at, b->complete_at, result);
    text_when(b->complete_at == DBK_NONE ? b->started_at : b->complete_at, text_now(), when);
    message_print("%s, %s, %s", named_build_text(build), result, when);
}

static int print_build(const struct arguments *arguments, struct archive *archive,
                       const struct named_build *build)
{
    struct log_steps list = {.steps = NULL};
    struct log_output output = {.arguments = arguments, .build = build};
    output.is_raw = arguments_has(arguments, "raw") || !isatty(STDOUT_FILENO);
    int exit_code = read_steps(archive, build->build->id, &list);
    if (!exit_code && arguments->operand_count > 1)
        exit_code = choose_step(&list, build, arguments->operands[1]);
    if (!exit_code && arguments_has(arguments, "failed")) {
        keep_steps(&list, is_failed, NULL);
        if (!list.count) {
            message_print("no step of %s has failed", named_build_text(build));
            exit_code = EXIT_NO;
        }
    }
    if (!exit_code)
        exit_code = print_steps(archive, &output, &list);
    log_steps_fini(&list);
    return exit_code;
}

static int cmd_log(const struct arguments *arguments)
{
    struct archive archive;
    struct named_build build = {0};
    const char *name = arguments->operands[0];
    enum build_choice choice = arguments_has(arguments, "failed") ? BUILD_LAST_FAILED : BUILD_LAST;
    int exit_code = store_open_for(arguments, STORE_EXISTING, &archive);
    if (exit_code)
        return exit_code;
    exit_code = name_find_chosen_build(&archive, name, choice, &build);
    if (!exit_code && isatty(STDOUT_FILENO) && isatty(STDERR_FILENO))
        tell_build(&build);
    if (!exit_code)
        exit_code = print_build(arguments, &archive, &build);
    named_build_fini(&build);
    archive_close_wait(&archive);
    return exit_code;
}

static const struct command_option options[] = {
    {"failed", 0, OPTION_FLAG, NULL,
     "the failed steps; of the last failed build, if none is named"},
    {"raw", 0, OPTION_FLAG, NULL, "byte for byte, also on a terminal"},
    {NULL, 0, OPTION_FLAG, NULL, NULL},
};

static const char *const usage[] = {"[BUILD [STEP]] [OPTION...]", NULL};

const struct subcommand subcommand_log = {
    .name = "log",
    .summary = "print what the steps of a build printed",
    .usage = usage,
    .about =
        "Without a build it is the last one of all, with a builder's name the last one of that\n"
        "builder. Several steps have a line \"== STEP (result)\" each before their output.\n"
        "What goes to a file or a pipe is byte for byte what was recorded; a terminal gets text\n"
        "and colours, and nothing else that it would obey. The exit code is 1 when --failed finds\n"
        "nothing that failed.",
    .options = options,
    .common = COMMON_DB | COMMON_COLOR,
    .operand_max = 2,
    .run = cmd_log,
};
