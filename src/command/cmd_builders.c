/*
 * `daybook builders`: the builders with their ids.
 */
#include "builder_list.h"
#include "listing.h"
#include "options.h"
#include "store_open.h"

static int cmd_builders(const struct arguments *arguments)
{
    struct selection *selection;
    struct archive archive;
    struct builder_list list;
    int exit_code = listing_spec(arguments, "name", 100, &selection);
    if (exit_code)
        return exit_code;
    exit_code = store_open_for(arguments, STORE_EXISTING, &archive);
    if (exit_code) {
        selection_free(selection);
        return exit_code;
    }
    exit_code = builder_list_read(&archive, selection, &list);
    selection_free(selection);
    if (!exit_code && arguments->is_json) {
        struct json_writer json;
        listing_json_begin(arguments, "builders", &json);
        builder_list_write(&list, &json);
        listing_json_end(arguments, &list.page, &json);
    } else if (!exit_code) {
        builder_list_print(&list, true, arguments->is_coloured);
        listing_footer(arguments, &list.page, "builders");
    }
    builder_list_fini(&list);
    archive_close_wait(&archive);
    return exit_code;
}

static const struct command_option options[] = {
    LISTING_OPTIONS,
    {NULL, 0, OPTION_FLAG, NULL, NULL},
};

static const char *const usage[] = {"[OPTION...]", NULL};

const struct subcommand subcommand_builders = {
    .name = "builders",
    .summary = "list the builders, by name",
    .usage = usage,
    .about = LISTING_ABOUT,
    .options = options,
    .common = COMMON_DB | COMMON_JSON | COMMON_COLOR,
    .run = cmd_builders,
};
