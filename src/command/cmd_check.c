/*
 * `daybook check`: what in a database is dirty, what of daybook's is missing, what is not safe.
 */
#include "command.h"
#include "../share/json_writer.h"
#include "long_work.h"
#include "message.h"
#include "options.h"
#include "store_open.h"
#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Findings of one kind in a row that are printed; of the rest, their number. */
#define PRINTED_MAX 10

struct check {
    struct waiting waiting; /* first: its address is what waiting_done() takes */
    const struct arguments *arguments;
    struct json_writer json;
    int64_t count;
    bool prints_all;
    char kind[96];      /* of the last finding */
    int64_t kind_count; /* in a row */
};

static void print_json(struct json_writer *json, const struct dbk_report *report)
{
    json_begin_object(json);
    json_member_text(json, "problem", report->problem);
    json_member_text(json, "subject", report->subject);
    json_member_number(json, "id", report->id);
    json_member_text(json, "text", report->text);
    json_end_object(json);
}

static void print_rest(struct check *check)
{
    if (check->kind_count > PRINTED_MAX && !check->prints_all)
        printf("%s: %" PRId64 " more (--all prints them)\n", check->kind,
               check->kind_count - PRINTED_MAX);
    check->kind_count = 0;
}

static void print_finding(struct check *check, const struct dbk_report *report)
{
    char kind[sizeof check->kind];
    snprintf(kind, sizeof(kind), "%s %s", report->problem, report->subject);
    if (strcmp(kind, check->kind) != 0) {
        print_rest(check);
        memcpy(check->kind, kind, sizeof(kind));
    }
    if (++check->kind_count > PRINTED_MAX && !check->prints_all)
        return;
    text_print(stdout, kind);
    if (report->id != DBK_NONE)
        printf(" %" PRId64, report->id);
    fputs(": ", stdout);
    text_print(stdout, report->text);
    putchar('\n');
}

static void take_report(void *user, const struct dbk_report *report)
{
    struct check *check = user;
    if (report->kind == DBK_REPORT_PROGRESS) {
        progress_show(report);
        return;
    }
    progress_clear();
    check->count++;
    if (check->arguments->is_json)
        print_json(&check->json, report);
    else
        print_finding(check, report);
}

static int run_check(struct check *check, struct dbk_store *store)
{
    long_work_init(&check->waiting, store);
    json_init(&check->json, stdout);
    if (check->arguments->is_json)
        json_begin_lines(&check->json);
    waiting_add(&check->waiting,
                dbk_check(store, &check->waiting.call, take_report, waiting_done, check));
    int exit_code = long_work_finish(&check->waiting);
    if (check->arguments->is_json) {
        json_end_array(&check->json);
        json_finish(&check->json);
        return exit_code;
    }
    print_rest(check);
    if (!exit_code && !check->count)
        puts("nothing was found");
    else if (!exit_code)
        printf("%" PRId64 " found\n", check->count);
    return exit_code;
}

static int cmd_check(const struct arguments *arguments)
{
    struct check check = {.arguments = arguments, .prints_all = arguments_has(arguments, "all")};
    struct dbk_store *store;
    int exit_code = store_open_here(arguments, STORE_EXISTING, NULL, &store);
    if (exit_code)
        return exit_code;
    exit_code = run_check(&check, store);
    dbk_close_wait(store);
    return exit_code || !check.count ? exit_code : EXIT_NO;
}

static const struct command_option options[] = {
    {"all", 0, OPTION_FLAG, NULL, "print every finding, and not the first ten of a kind"},
    {NULL, 0, OPTION_FLAG, NULL, NULL},
};

static const char *const usage[] = {"[OPTION...]", NULL};

const struct subcommand subcommand_check = {
    .name = "check",
    .summary = "look for what is dirty, missing or unsafe in a database",
    .usage = usage,
    .about =
        "Dirty: rows whose build or other parent is gone, properties that are there twice or\n"
        "are no JSON, URL lists that do not parse, wrong lengths. Missing: daybook's tables and\n"
        "indexes that a migration dropped, with the command that makes them again. Unsafe: what\n"
        "can damage the file or keeps daybook from writing. Nothing is changed, and others may\n"
        "write meanwhile. The exit status is 1 when something was found.",
    .options = options,
    .common = COMMON_DB | COMMON_JSON,
    .run = cmd_check,
};
