/*
 * `daybook check`: what in a database is dirty, what of daybook's is missing, what is not safe; with --repair,
 * what has one right end is mended.
 */
#include "findings.h"
#include "message.h"
#include "store_open.h"
#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A statement, and the rows that it mended or would mend. */
struct mended {
    char *subject, *text;
    int64_t rows;
};

struct repair {
    struct findings findings; /* first: its address is what waiting_done() takes */
    bool is_dry_run, is_own;
    struct mended *mended; /* in the order of the first of each */
    size_t mended_count;
    int64_t rows;
    int64_t left_count; /* findings that are not mended */
};

/* ------------------------------------------------------------------------------------- looking ---- */

static int look(const struct arguments *arguments)
{
    struct findings findings = {.arguments = arguments,
                                .prints_all = arguments_has(arguments, "all")};
    struct dbk_store *store;
    int exit_code = store_open_here(arguments, STORE_EXISTING, NULL, &store);
    if (exit_code)
        return exit_code;
    findings_begin(&findings, store);
    waiting_add(&findings.waiting,
                dbk_check(store, &findings.waiting.call, findings_take, waiting_done, &findings));
    exit_code = findings_finish(&findings);
    dbk_close_wait(store);
    return exit_code;
}

/* ------------------------------------------------------------------------------------- mending ---- */

/* It comes once for each range of ids. */
static void add_mended(struct repair *repair, const struct dbk_report *report)
{
    size_t i = 0;
    repair->rows += report->rows;
    while (i < repair->mended_count && strcmp(repair->mended[i].text, report->text) != 0)
        i++;
    if (i == repair->mended_count) {
        repair->mended = memory_need(realloc(repair->mended, (i + 1) * sizeof(*repair->mended)));
        repair->mended[repair->mended_count++] =
            (struct mended){.subject = memory_need(strdup(report->subject)),
                            .text = memory_need(strdup(report->text))};
    }
    repair->mended[i].rows += report->rows;
}

static void on_report(void *user, const struct dbk_report *report)
{
    struct repair *repair = user;
    if (report->kind == DBK_REPORT_STATEMENT) {
        add_mended(repair, report);
        return;
    }
    repair->left_count += report->kind == DBK_REPORT_FINDING && report->done != 1;
    findings_take(&repair->findings, report);
}

static void print_mended_json(struct repair *repair, const struct mended *mended)
{
    struct json_writer *json = &repair->findings.json;
    json_begin_object(json);
    json_member_text(json, "statement", mended->text);
    json_member_text(json, "subject", mended->subject);
    json_member_number(json, "rows", mended->rows);
    json_member_bool(json, "is_done", !repair->is_dry_run);
    json_end_object(json);
}

static void print_mended(const struct repair *repair, const struct mended *mended)
{
    const char *what = !repair->is_own      ? "-- would mend"
                       : repair->is_dry_run ? "would mend"
                                            : "mended";
    printf("%s %" PRId64 " in %s%s", what, mended->rows, mended->subject,
           repair->is_own ? ": " : ":\n");
    text_print(stdout, mended->text);
    puts(";");
}

static void print_end(struct repair *repair)
{
    for (size_t i = 0; i < repair->mended_count; i++) {
        if (repair->findings.arguments->is_json)
            print_mended_json(repair, &repair->mended[i]);
        else
            print_mended(repair, &repair->mended[i]);
        free(repair->mended[i].subject);
        free(repair->mended[i].text);
    }
    free(repair->mended);
    if (repair->findings.arguments->is_json)
        return;
    if (!repair->is_own && repair->mended_count)
        puts("nothing was changed: run these yourself, with the master stopped and a backup made");
    else if (repair->is_dry_run)
        puts("nothing was changed (--dry-run)");
    if (!repair->is_dry_run && repair->findings.count)
        printf("%" PRId64 " found, %" PRId64 " of them not mended\n", repair->findings.count,
               repair->left_count);
}

static int run_repair(struct repair *repair, struct dbk_store *store)
{
    struct findings *findings = &repair->findings;
    findings_begin(findings, store);
    waiting_add(&findings->waiting, dbk_repair(store, repair->is_dry_run, &findings->waiting.call,
                                               on_report, waiting_done, repair));
    waiting_wait(&findings->waiting);
    progress_clear();
    if (!findings->arguments->is_json)
        findings_end_kind(findings);
    print_end(repair);
    if (findings->arguments->is_json) {
        json_end_array(&findings->json);
        json_finish(&findings->json);
    } else if (!findings->count && findings->waiting.error.status == DBK_OK) {
        puts("nothing was found");
    }
    int exit_code = waiting_finish(&findings->waiting);
    int64_t left = repair->is_dry_run ? findings->count : repair->left_count;
    return exit_code || !left ? exit_code : EXIT_NO;
}

/* Nothing of a Buildbot database is mended, whatever was said: first it is looked whose it is. */
static int ask_whose(const struct arguments *arguments, bool *out_is_own)
{
    struct dbk_store *store;
    int exit_code = store_open_here(arguments, STORE_EXISTING, NULL, &store);
    if (exit_code)
        return exit_code;
    *out_is_own = dbk_get_info(store)->is_own;
    dbk_close_wait(store);
    return 0;
}

static int mend(const struct arguments *arguments)
{
    struct repair repair = {
        .findings = {.arguments = arguments, .prints_all = arguments_has(arguments, "all")}};
    struct dbk_options options = DBK_OPTIONS_INIT;
    struct dbk_store *store;
    int exit_code = ask_whose(arguments, &repair.is_own);
    if (exit_code)
        return exit_code;
    repair.is_dry_run = arguments_has(arguments, "dry-run") || !repair.is_own;
    options.is_exclusive = !repair.is_dry_run;
    exit_code = store_open_here(arguments, STORE_EXISTING, &options, &store);
    if (exit_code)
        return exit_code;
    exit_code = run_repair(&repair, store);
    dbk_close_wait(store);
    return exit_code;
}

static int cmd_check(const struct arguments *arguments)
{
    if (arguments_has(arguments, "repair"))
        return mend(arguments);
    if (arguments_has(arguments, "dry-run"))
        return usage_error(arguments, "--dry-run is for --repair");
    return look(arguments);
}

static const struct command_option options[] = {
    {"all", 0, OPTION_FLAG, NULL, "print every finding, and not the first ten of a kind"},
    {"repair", 0, OPTION_FLAG, NULL,
     "mend what has one right end; of a Buildbot database print the SQL that does"},
    {"dry-run", 0, OPTION_FLAG, NULL, "with --repair: only say what that would be"},
    {NULL, 0, OPTION_FLAG, NULL, NULL},
};

static const char *const usage[] = {"[OPTION...]", "--repair [--dry-run] [OPTION...]", NULL};

const struct subcommand subcommand_check = {
    .name = "check",
    .summary = "look for what is dirty, missing or unsafe in a database, and mend it",
    .usage = usage,
    .about =
        "Dirty: rows whose build or other parent is gone, properties that are there twice or\n"
        "are no JSON, URL lists that do not parse, wrong lengths. Missing: daybook's tables and\n"
        "indexes that a migration dropped, with the command that makes them again. Unsafe: what\n"
        "can damage the file or keeps daybook from writing. Nothing is changed, and others may\n"
        "write meanwhile. The exit status is 1 when something was found. It reads records, not\n"
        "the pages of the file: whether these and the indexes are whole `daybook backup` checks.\n"
        "\n"
        "With --repair lengths are set right, steps, properties and data without their build are\n"
        "deleted, and so are sourcestamps of a buildset that is gone; a worker that is not there\n"
        "becomes none. What else is found is left as it is, and the exit status is 1 then. The\n"
        "database of a Buildbot master is not changed: the SQL is printed. Make a backup first.",
    .options = options,
    .common = COMMON_DB | COMMON_JSON,
    .run = cmd_check,
};
