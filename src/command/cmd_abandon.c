/*
 * `daybook abandon`: ends builds that a master, or runs on a machine, left open when they died.
 */
#include "clock.h"
#include "findings.h"
#include "message.h"
#include "store_open.h"

#define DAY_S 86400

/* Those that are to be ended are findings; the work's own end says whether all went well. */
static int end_builds(const struct arguments *arguments, const char *master, int64_t age,
                      int64_t results)
{
    struct findings findings = {.arguments = arguments, .prints_all = true};
    struct dbk_options options = DBK_OPTIONS_INIT;
    struct dbk_store *store;
    options.is_forced = arguments_has(arguments, "force");
    int exit_code = store_open_here(arguments, STORE_EXISTING, &options, &store);
    if (exit_code)
        return exit_code;
    findings_begin(&findings, store);
    waiting_add(&findings.waiting,
                dbk_abandon(store, master, clock_now() - age, results,
                            arguments_has(arguments, "dry-run"), &findings.waiting.call,
                            findings_take, waiting_done, &findings));
    exit_code = findings_finish(&findings);
    dbk_close_wait(store);
    return exit_code == EXIT_NO ? 0 : exit_code;
}

static int cmd_abandon(const struct arguments *arguments)
{
    const char *master = arguments_value(arguments, "master");
    const char *word = arguments_value(arguments, "results");
    int64_t results = word ? dbk_results_parse(word) : DBK_EXCEPTION, age;
    if (!master)
        return usage_error(arguments, "--master is needed: whose builds were left open");
    if (results == DBK_NONE || results == DBK_SUCCESS)
        return usage_error(arguments,
                           "--results is exception, retry, cancelled or the like, not \"%s\"",
                           message_word(word));
    if (arguments_duration(arguments, "older-than", DAY_S, 0, 36600LL * DAY_S, &age))
        return EXIT_USAGE;
    return end_builds(arguments, master, age, results);
}

static const struct command_option options[] = {
    {"master", 0, OPTION_VALUE, "NAME", "whose builds: a master, or the machine that ran them"},
    {"older-than", 0, OPTION_VALUE, "AGE", "only builds that began so long ago (1d)"},
    {"results", 0, OPTION_VALUE, "WORD", "what they ended with (exception)"},
    {"dry-run", 0, OPTION_FLAG, NULL, "only print which they are"},
    {"force", 0, OPTION_FLAG, NULL, "also of a Buildbot master that seems to run"},
    {NULL, 0, OPTION_FLAG, NULL, NULL},
};

static const char *const usage[] = {"--master NAME [OPTION...]", NULL};

const struct subcommand subcommand_abandon = {
    .name = "abandon",
    .summary = "end builds that were left open by what died",
    .usage = usage,
    .about =
        "`daybook check` finds builds that began more than a day ago and have not ended. When the\n"
        "master, or the machine on which `daybook run` ran, will not end them any more, this "
        "does:\n"
        "now, with their open steps. Runs that were killed and are started again on their machine\n"
        "end by themselves. A Buildbot database is only written with ?writes=existing.",
    .options = options,
    .common = COMMON_DB | COMMON_JSON,
    .run = cmd_abandon,
};
