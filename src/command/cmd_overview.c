/*
 * `daybook` alone: the builders and how their builds went.
 */
#include "builder_list.h"
#include "message.h"
#include "options.h"
#include "store_open.h"

#include <inttypes.h>
#include <stdio.h>

#define OVERVIEW_LIMIT 100

/* Makes the selection of the overview: by name, and how many there are, so that none is hidden silently.
 */
static int make_selection(const struct arguments *arguments, struct selection **out_selection)
{
    int64_t limit;
    if (arguments_number(arguments, "limit", OVERVIEW_LIMIT, 1, INT64_MAX, &limit))
        return EXIT_USAGE;
    struct selection *selection = selection_new();
    selection_order(selection, "name");
    selection_limit(selection, limit);
    selection_total(selection);
    *out_selection = selection;
    return 0;
}

static void print_list(const struct arguments *arguments, const struct builder_list *list)
{
    if (arguments->is_json) {
        struct json_writer json;
        json_init(&json, stdout);
        json_begin_lines(&json);
        builder_list_write(list, &json);
        json_end_array(&json);
        json_finish(&json);
        return;
    }
    if (!list->page.count) {
        printf("nothing is recorded yet; record a first build with\n"
               "  daybook run --builder NAME -- COMMAND\n");
        return;
    }
    builder_list_print(list, false, arguments->is_coloured);
    if (list->page.total > (int64_t)list->page.count)
        printf("%zu of %" PRId64 " builders; all: daybook --limit %" PRId64 "\n", list->page.count,
               list->page.total, list->page.total);
}

static int cmd_overview(const struct arguments *arguments)
{
    struct selection *selection;
    struct archive archive;
    struct builder_list list;
    int exit_code = make_selection(arguments, &selection);
    if (exit_code)
        return exit_code;
    exit_code = store_open_for(arguments, STORE_EXISTING, &archive);
    if (!exit_code) {
        exit_code = builder_list_read(&archive, selection, &list);
        if (!exit_code)
            print_list(arguments, &list);
        builder_list_fini(&list);
        archive_close_wait(&archive);
    }
    selection_free(selection);
    return exit_code;
}

static const struct command_option options[] = {
    {"limit", 'n', OPTION_VALUE, "N", "at most so many builders (100)"},
    {NULL, 0, OPTION_FLAG, NULL, NULL},
};

static const char *const usage[] = {"", "SUBCOMMAND ...", NULL};

const struct subcommand subcommand_overview = {
    .name = "",
    .summary = "records of builds: what ran, how it ended, how long it took, what it printed",
    .usage = usage,
    .about =
        "Without a subcommand it shows each builder's last build and how the last ten went:\n"
        "+ success, x failure, w warnings, s skipped, ! exception, r retry, c cancelled,\n"
        ". running; the newest on the right.\n"
        "\n"
        "--db takes the address of a daemon too (see `daybook serve`), https://HOST or\n"
        "unix:/SOCKET, and asks it; the token for it comes from the file that DAYBOOK_TOKEN_FILE\n"
        "names, or from DAYBOOK_TOKEN.\n"
        "\n"
        "Builds are named BUILDER/NUMBER, BUILDER/last, BUILDER/last-failed, BUILDER (its last)\n"
        "or by their id, which digits alone always are: the last build of a builder that is "
        "called\n"
        "12 is 12/last. The exit code is 0; 1 when the answer is no; 2 for a wrong use; 3 when\n"
        "something is not there; more for what can go wrong with the database.",
    .options = options,
    .common = COMMON_DB | COMMON_JSON | COMMON_COLOR,
    .stops_at_operand = true,
    .operand_max = -1,
    .run = cmd_overview,
};
