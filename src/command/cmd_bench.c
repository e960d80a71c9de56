/*
 * `daybook bench`: stores with made-up histories, and what each read costs in them.
 */
#include "bench_fill.h"
#include "bench_report.h"
#include "message.h"
#include "options.h"

#include <string.h>

static int cmd_bench(const struct arguments *arguments)
{
    const char *verb = arguments->operands[0];
    if (!strcmp(verb, "fill")) {
        if (arguments->operand_count != 2)
            return usage_error(arguments, "fill takes one URL");
        if (arguments->is_json)
            return usage_error(arguments, "`bench fill` has no --json");
        return bench_fill(arguments);
    }
    if (!strcmp(verb, "report"))
        return bench_report(arguments);
    return usage_error(arguments, "there is no `bench %s`, but fill and report",
                       message_word(verb));
}

static const struct command_option options[] = {
    {"builds", 'n', OPTION_VALUE, "N", "of fill: how many (10000)"},
    {"seed", 0, OPTION_VALUE, "N", "of fill: another number makes another history (1)"},
    {"until", 0, OPTION_VALUE, "SECONDS",
     "of fill: when the last build began, since 1970 (today at 0:00 UTC)"},
    {"rounds", 0, OPTION_VALUE, "N", "of report: how often all is asked (5)"},
    {"only", 0, OPTION_VALUE, "TEXT", "of report: only reads whose name holds this"},
    {NULL, 0, OPTION_FLAG, NULL, NULL},
};

static const char *const usage[] = {"fill URL [--builds N]", "report URL URL... [--json]", NULL};

const struct subcommand subcommand_bench = {
    .name = "bench",
    .summary = "fill a store with made-up builds, and time the reads",
    .usage = usage,
    .about =
        "fill makes a store (or takes an empty database on a server) and records builds in it\n"
        "as they are recorded otherwise: 40 builders, the first of which builds most, branches,\n"
        "runs of failure, 10 steps, 10 properties and 2 values each, one build every five\n"
        "minutes. The same seed and --until make the same builds. It says first what disk that\n"
        "takes, and writes nothing when it is not there.\n"
        "\n"
        "report asks every read of the library, and every request of the web page, of stores that\n"
        "were filled, the smallest first, and shows the median time in each and how it grows with\n"
        "a tenfold size. Stores of several engines are shown side by side: one engine's after\n"
        "another's, the smallest of each first. What gives one record or a page may take 1.5 times "
        "as long in the "
        "largest\n"
        "as in the smallest; when something takes more the exit status is 1. Lists are asked "
        "again\n"
        "with a total, which has a column of its own. Of the kind `free` are reads that cost\n"
        "what they pass over, as a search for a text does.",
    .options = options,
    .common = COMMON_JSON | COMMON_COLOR,
    .operand_min = 1,
    .operand_max = -1,
    .run = cmd_bench,
};
