/*
 * `daybook events`: lists what was written, in its order, or follows it (follower.c).
 */
#include "follower.h"
#include "listing.h"
#include "options.h"
#include "record_json.h"
#include "store_open.h"
#include "table.h"
#include "text.h"
#include "waiting.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define EVENTS_LIMIT 100

struct events_listing {
    struct waiting waiting;
    const struct arguments *arguments;
};

static struct table *make_table(const struct arguments *arguments)
{
    struct table *table = table_new(arguments->is_coloured);
    table_column(table, "EVENT", TABLE_RIGHT);
    table_column(table, "AT", TABLE_LEFT);
    table_column(table, "KIND", TABLE_LEFT);
    table_column(table, "VERB", TABLE_LEFT);
    table_column(table, "BUILDER", TABLE_RIGHT);
    table_column(table, "BUILD", TABLE_RIGHT);
    table_column(table, "STEP", TABLE_RIGHT);
    table_column(table, "NAME", TABLE_CUT);
    return table;
}

static void print_table(const struct arguments *arguments, const struct dbk_event *const *events,
                        const struct dbk_page *page)
{
    struct table *table = make_table(arguments);
    for (size_t i = 0; i < page->count; i++) {
        char time[TEXT_SHORT_SIZE];
        table_row(table);
        table_cell_number(table, events[i]->id);
        table_cell(table, text_time(events[i]->at, time), NULL);
        table_cell(table, events[i]->kind, NULL);
        table_cell(table, events[i]->verb, NULL);
        table_cell_number(table, events[i]->builderid);
        table_cell_number(table, events[i]->buildid);
        table_cell_number(table, events[i]->stepid);
        table_cell(table, events[i]->name, NULL);
    }
    table_print(table);
    table_free(table);
    if (!isatty(STDOUT_FILENO))
        return;
    if (!page->count)
        printf("no events\n");
    else if (page->next_cursor)
        printf("there may be more: --after %" PRId64 "\n", events[page->count - 1]->id);
}

static void print_events(void *user, const struct dbk_error *error,
                         const struct dbk_event *const *events, const struct dbk_page *page)
{
    struct events_listing *listing = user;
    if (!error && listing->arguments->is_json) {
        struct json_writer json;
        json_init(&json, stdout);
        json_begin_lines(&json);
        for (size_t i = 0; i < page->count; i++)
            record_json_event(&json, events[i]);
        json_end_array(&json);
        json_finish(&json);
    } else if (!error) {
        print_table(listing->arguments, events, page);
    }
    waiting_note(&listing->waiting, error);
}

/* Result: an exit code. */
static int follow(const struct arguments *arguments, int64_t after)
{
    const char *limit_text = arguments_value(arguments, "limit");
    struct archive archive;
    struct selection *filters;
    int64_t limit = -1;
    if ((!limit_text || strcmp(limit_text, "all") != 0) &&
        arguments_number(arguments, "limit", -1, 0, INT64_MAX, &limit))
        return EXIT_USAGE;
    int exit_code = listing_filters(arguments, &filters);
    if (exit_code)
        return exit_code;
    exit_code = store_open_for(arguments, STORE_EXISTING, &archive);
    if (!exit_code) {
        exit_code = follower_run(arguments, &archive, after, filters, limit);
        archive_close_wait(&archive);
    }
    selection_free(filters);
    return exit_code;
}

static int cmd_events(const struct arguments *arguments)
{
    struct events_listing listing = {.arguments = arguments};
    struct archive archive;
    struct selection *selection;
    int64_t after;
    if (arguments_number(arguments, "after", 0, 0, INT64_MAX, &after))
        return EXIT_USAGE;
    if (arguments_has(arguments, "follow"))
        return follow(arguments, after);
    int exit_code = listing_spec(arguments, NULL, EVENTS_LIMIT, &selection);
    if (exit_code)
        return exit_code;
    exit_code = store_open_for(arguments, STORE_EXISTING, &archive);
    if (!exit_code) {
        waiting_init(&listing.waiting, &archive);
        waiting_add(&listing.waiting,
                    archive_get_events(&archive, after, selection, &listing.waiting.call,
                                       print_events, &listing));
        exit_code = waiting_finish(&listing.waiting);
        archive_close_wait(&archive);
    }
    selection_free(selection);
    return exit_code;
}

static const struct command_option options[] = {
    {"after", 0, OPTION_VALUE, "N", "only events behind that position (0: from the oldest kept)"},
    {"follow", 0, OPTION_FLAG, NULL, "then go on with those that come, each line at once"},
    {"limit", 'n', OPTION_VALUE, "N",
     "at most so many (100; with --follow no limit); all for no limit"},
    {"filter", 'f', OPTION_LIST, "FIELD__OP=VALUE", "only events with that"},
    {NULL, 0, OPTION_FLAG, NULL, NULL},
};

static const char *const usage[] = {"[OPTION...]", "--follow [OPTION...]", NULL};

const struct subcommand subcommand_events = {
    .name = "events",
    .summary = "list what was written, the oldest first",
    .usage = usage,
    .about =
        "An event says that a record was made, changed, finished or deleted; its number is its\n"
        "position, and --after goes on behind one. Fields are the names that --json prints.\n"
        "\n"
        "With --follow --json each line is an object. It ends at ctrl-C, when nobody reads it any\n"
        "more, and after --limit events. Events are kept for 7 days: where some after the "
        "position\n"
        "are gone, or a daemon has not come as far as it, it says so and ends with 19.",
    .options = options,
    .common = COMMON_DB | COMMON_JSON | COMMON_COLOR,
    .run = cmd_events,
};
