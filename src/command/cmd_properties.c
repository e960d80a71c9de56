/*
 * `daybook properties`: lists, gets and sets the properties of a build.
 */
#include "listing.h"
#include "message.h"
#include "name.h"
#include "nearest.h"
#include "options.h"
#include "record_json.h"
#include "table.h"
#include "text.h"
#include "verbs.h"
#include "waiting.h"

#include <stdio.h>
#include <string.h>

struct properties_listing {
    struct waiting waiting;
    const struct arguments *arguments;
};

static void print_properties(void *user, const struct dbk_error *error,
                             const struct dbk_property *const *properties,
                             const struct dbk_page *page)
{
    struct properties_listing *listing = user;
    const struct arguments *arguments = listing->arguments;
    if (!error && arguments->is_json) {
        struct json_writer json;
        listing_json_begin(arguments, "properties", &json);
        for (size_t i = 0; i < page->count; i++)
            record_json_property(&json, properties[i]);
        listing_json_end(arguments, page, &json);
    } else if (!error) {
        struct table *table = table_new(arguments->is_coloured);
        table_column(table, "PROPERTY", TABLE_NAME);
        table_column(table, "VALUE", TABLE_CUT);
        table_column(table, "SOURCE", TABLE_LEFT);
        for (size_t i = 0; i < page->count; i++) {
            table_row(table);
            table_cell(table, properties[i]->name, NULL);
            table_cell(table, properties[i]->value, NULL);
            table_cell(table, properties[i]->source, NULL);
        }
        table_print(table);
        table_free(table);
        listing_footer(arguments, page, "properties");
    }
    waiting_note(&listing->waiting, error);
}

static int list_properties(const struct arguments *arguments, struct archive *archive,
                           const struct named_build *build, char **operands)
{
    struct properties_listing listing = {.arguments = arguments};
    struct selection *selection;
    (void)operands;
    int exit_code = listing_spec(arguments, NULL, -1, &selection);
    if (exit_code)
        return exit_code;
    waiting_init(&listing.waiting, archive);
    waiting_add(&listing.waiting,
                archive_get_build_properties(archive, build->build->id, selection,
                                             &listing.waiting.call, print_properties, &listing));
    selection_free(selection);
    return waiting_finish(&listing.waiting);
}

/* A property that is looked for among a build's, and names near it. */
struct property_lookup {
    struct waiting waiting;
    const struct arguments *arguments;
    const char *name;
    struct nearest nearest;
    bool is_found;
};

static void print_property(void *user, const struct dbk_error *error,
                           const struct dbk_property *const *properties,
                           const struct dbk_page *page)
{
    struct property_lookup *lookup = user;
    for (size_t i = 0; !error && i < page->count && !lookup->is_found; i++) {
        nearest_add(&lookup->nearest, properties[i]->name);
        if (strcmp(text_or_empty(properties[i]->name), lookup->name) != 0)
            continue;
        struct json_writer json;
        lookup->is_found = true;
        json_init(&json, stdout);
        if (lookup->arguments->is_json)
            record_json_property(&json, properties[i]);
        else if (properties[i]->is_json && properties[i]->value)
            json_value(&json, properties[i]->value);
        else
            json_text(&json, properties[i]->value);
        json_finish(&json);
    }
    waiting_note(&lookup->waiting, error);
}

static int get_property(const struct arguments *arguments, struct archive *archive,
                        const struct named_build *build, char **operands)
{
    struct property_lookup lookup = {.arguments = arguments, .name = operands[0]};
    nearest_init(&lookup.nearest, lookup.name, strlen(lookup.name));
    waiting_init(&lookup.waiting, archive);
    waiting_add(&lookup.waiting,
                archive_get_build_properties(archive, build->build->id, NULL, &lookup.waiting.call,
                                             print_property, &lookup));
    int exit_code = waiting_finish(&lookup.waiting);
    if (!exit_code && !lookup.is_found) {
        const char *near = nearest_get(&lookup.nearest, 0);
        message_print("%s has no property \"%s\"%s%s", named_build_text(build),
                      message_word(lookup.name), near ? "; near is: " : "", message_word(near));
        exit_code = dbk_status_exit_code(DBK_NOT_FOUND);
    }
    nearest_fini(&lookup.nearest);
    return exit_code;
}

static int set_property(const struct arguments *arguments, struct archive *archive,
                        const struct named_build *build, char **operands)
{
    const char *source = arguments_value(arguments, "source");
    struct waiting waiting;
    if (!dbk_is_json(operands[1])) {
        return usage_error(arguments, "\"%s\" is not JSON; text stands in double quotes: '\"...\"'",
                           message_word(operands[1]));
    }
    waiting_init(&waiting, archive);
    waiting_add(&waiting, archive_set_build_property(archive, build->build->id, operands[0],
                                                     operands[1], source ? source : "daybook",
                                                     &waiting.call, waiting_done, &waiting));
    return waiting_finish(&waiting);
}

static const struct verb verbs[] = {
    {"list", "", 0, 0, true, NULL, list_properties, 0},
    {"get", "NAME", 1, 1, true, NULL, get_property, 1},
    {"set", "NAME JSON", 2, 2, false, "source", set_property, 2},
    {NULL, NULL, 0, 0, false, NULL, NULL, 0},
};

static int cmd_properties(const struct arguments *arguments)
{
    return verbs_run(arguments, verbs);
}

static const struct command_option options[] = {
    {"source", 0, OPTION_VALUE, "TEXT", "where the value to be set comes from (daybook)"},
    LISTING_OPTIONS,
    {NULL, 0, OPTION_FLAG, NULL, NULL},
};

static const char *const usage[] = {"[list] BUILD [OPTION...]", "get [BUILD] NAME",
                                    "set [BUILD] NAME JSON", NULL};

const struct subcommand subcommand_properties = {
    .name = "properties",
    .summary = "list, get or set the properties of a build",
    .usage = usage,
    .about =
        "get prints the value as JSON. set makes the property or replaces it; its value is JSON\n"
        "text. A command of `daybook run` may leave out BUILD, or write . for it: the build that "
        "it is "
        "of.\n\n" LISTING_ABOUT,
    .options = options,
    .common = COMMON_DB | COMMON_JSON | COMMON_COLOR,
    .operand_min = 1,
    .operand_max = 4,
    .run = cmd_properties,
};
