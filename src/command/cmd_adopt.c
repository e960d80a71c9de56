/*
 * `daybook adopt`, `daybook release`, `daybook upgrade`: daybook's tables in a Buildbot database, out of it
 * again, and brought up.
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

typedef int change_fn(struct dbk_store *store, bool is_dry_run, const struct dbk_call *call,
                      dbk_report_fn *report, dbk_done_fn *done, void *user);

struct change {
    struct waiting waiting; /* first: its address is what waiting_done() takes */
    const struct arguments *arguments;
    bool is_dry_run;
    struct json_writer json;
    int statement_count;
};

/* "1,234 rows, 20 KiB"; nothing of what reads nothing. */
static void print_cost(const struct dbk_report *report)
{
    char size[TEXT_SHORT_SIZE];
    if (report->rows == DBK_NONE || (!report->rows && !report->bytes))
        return;
    printf("  -- reads %" PRId64 " rows", report->rows);
    if (report->bytes != DBK_NONE)
        printf(", %s", text_size(report->bytes, size));
}

static void print_json(struct json_writer *json, const struct dbk_report *report)
{
    json_begin_object(json);
    json_member_text(json, "subject", report->subject);
    json_member_text(json, "statement", report->text);
    json_member_number(json, "rows", report->rows);
    json_member_number(json, "bytes", report->bytes);
    json_end_object(json);
}

static void print_report(void *user, const struct dbk_report *report)
{
    struct change *change = user;
    if (report->kind == DBK_REPORT_PROGRESS) {
        progress_show(report);
        return;
    }
    progress_clear();
    change->statement_count++;
    if (change->arguments->is_json) {
        print_json(&change->json, report);
        return;
    }
    text_print(stdout, report->text);
    putchar(';');
    print_cost(report);
    putchar('\n');
}

static void print_end(const struct change *change, const char *what)
{
    if (change->arguments->is_json)
        return;
    if (!change->statement_count)
        puts("nothing is to be done");
    else if (change->is_dry_run)
        puts("nothing was changed (--dry-run)");
    else
        puts(what);
}

static int run_change(const struct arguments *arguments, change_fn *function, const char *what)
{
    struct change change = {.arguments = arguments,
                            .is_dry_run = arguments_has(arguments, "dry-run")};
    struct dbk_options options = DBK_OPTIONS_INIT;
    struct dbk_store *store;
    struct dbk_error error;
    options.is_exclusive = !change.is_dry_run;
    options.is_forced = arguments_has(arguments, "force");
    if (store_try_open(arguments, STORE_EXISTING, &options, &store, NULL, &error))
        return store_open_failed(arguments, &error);
    long_work_init(&change.waiting, store);
    json_init(&change.json, stdout);
    if (arguments->is_json)
        json_begin_lines(&change.json);
    waiting_add(&change.waiting, function(store, change.is_dry_run, &change.waiting.call,
                                          print_report, waiting_done, &change));
    int exit_code = long_work_finish(&change.waiting);
    if (arguments->is_json) {
        json_end_array(&change.json);
        json_finish(&change.json);
    }
    dbk_close_wait(store);
    if (!exit_code)
        print_end(&change, what);
    return exit_code;
}

static int cmd_adopt(const struct arguments *arguments)
{
    return run_change(arguments, dbk_adopt, "adopted");
}

static int cmd_release(const struct arguments *arguments)
{
    return run_change(arguments, dbk_release, "released");
}

static int cmd_upgrade(const struct arguments *arguments)
{
    return run_change(arguments, dbk_upgrade, "upgraded");
}

static const struct command_option options[] = {
    {"dry-run", 0, OPTION_FLAG, NULL,
     "print every statement and what it has to read; change nothing"},
    {"force", 0, OPTION_FLAG, NULL, "also beside a Buildbot master that seems to run"},
    {NULL, 0, OPTION_FLAG, NULL, NULL},
};

static const struct command_option upgrade_options[] = {
    {"dry-run", 0, OPTION_FLAG, NULL,
     "print every statement and what it has to read; change nothing"},
    {NULL, 0, OPTION_FLAG, NULL, NULL},
};

static const char *const usage[] = {"[OPTION...]", NULL};

const struct subcommand subcommand_adopt = {
    .name = "adopt",
    .summary = "put daybook's tables and indexes beside those of a Buildbot database",
    .usage = usage,
    .about =
        "All of them are named daybook_...; Buildbot's own tables stay as they are, and the\n"
        "write-ahead log is turned on. With them writes leave events, operation keys work and\n"
        "lineages are kept. It can be done again: what a migration of Buildbot's dropped is\n"
        "made anew. Do it with no other daybook at the database; `daybook release` undoes it.",
    .options = options,
    .common = COMMON_DB | COMMON_JSON,
    .run = cmd_adopt,
};

const struct subcommand subcommand_release = {
    .name = "release",
    .summary = "take daybook's tables and indexes out of a Buildbot database",
    .usage = usage,
    .about =
        "The schema is then what it was before `daybook adopt`, and so is the journal. What\n"
        "was written to Buildbot's tables stays; events, operation keys and lineages are lost.\n"
        "Do it with no other program at the database.",
    .options = options,
    .common = COMMON_DB | COMMON_JSON,
    .run = cmd_release,
};

const struct subcommand subcommand_upgrade = {
    .name = "upgrade",
    .summary = "bring daybook's tables of an older version up to this one's",
    .usage = usage,
    .about = "For stores of daybook's own and for adopted databases. What is missing of daybook's\n"
             "tables and indexes is made again.",
    .options = upgrade_options,
    .common = COMMON_DB | COMMON_JSON,
    .run = cmd_upgrade,
};
