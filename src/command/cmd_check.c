/*
 * `daybook check`: what in a database is dirty, what of daybook's is missing, what is not safe.
 */
#include "findings.h"
#include "store_open.h"

static int cmd_check(const struct arguments *arguments)
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
