/*
 * Lists: see listing.h.
 */
#include "listing.h"

#include "message.h"
#include "options.h"
#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Adds one item of a spec's text form. Result: 0, or an exit code after a message. */
static int add_item(struct selection *selection, const char *name, const char *value)
{
    struct dbk_error error;
    return selection_add(selection, name, value, &error) == DBK_OK ? 0 : message_error(&error);
}

/* Whether it says something else in a spec's text form than what is filtered. */
static bool is_spec_word(const char *name)
{
    static const char *const words[] = {"limit", "offset", "total", "order", "field", "cursor"};
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (!strcmp(name, words[i]))
            return true;
    return false;
}

static int add_filters(const struct arguments *arguments, struct selection *selection)
{
    for (const struct given_option *g = NULL; (g = arguments_next(arguments, "filter", g));) {
        size_t name_len = strcspn(g->value, "=");
        const char *value = g->value[name_len] ? g->value + name_len + 1 : NULL;
        char *name = memory_need(strndup(g->value, name_len));
        int exit_code = is_spec_word(name) ? usage_error(arguments, "%s is no field", name)
                                           : add_item(selection, name, value);
        free(name);
        if (exit_code)
            return exit_code;
    }
    return 0;
}

static int add_order(const struct arguments *arguments, const char *order,
                     struct selection *selection)
{
    if (!arguments_has(arguments, "order"))
        return order ? add_item(selection, "order", order) : 0;
    for (const struct given_option *g = NULL; (g = arguments_next(arguments, "order", g));) {
        int exit_code = add_item(selection, "order", g->value);
        if (exit_code)
            return exit_code;
    }
    return 0;
}

static int add_bounds(const struct arguments *arguments, int64_t limit, struct selection *selection)
{
    int64_t offset;
    const char *limit_text = arguments_value(arguments, "limit");
    const char *cursor = arguments_value(arguments, "cursor");
    if (limit_text && !strcmp(limit_text, "all"))
        limit = -1;
    else if (arguments_number(arguments, "limit", limit, 0, INT64_MAX, &limit))
        return EXIT_USAGE;
    if (arguments_number(arguments, "offset", 0, 0, INT64_MAX, &offset))
        return EXIT_USAGE;
    if (cursor && offset)
        return usage_error(arguments, "--cursor and --offset exclude each other");
    if (limit >= 0)
        selection_limit(selection, limit);
    if (offset)
        selection_offset(selection, offset);
    if (arguments_has(arguments, "total"))
        selection_total(selection);
    return cursor ? add_item(selection, "cursor", cursor) : 0;
}

/* Refuses what would be left aside silently. Result: 0, or EXIT_USAGE after a message. */
static int check_options(const struct arguments *arguments)
{
    bool is_page = arguments_has(arguments, "page");
    const char *cursor = arguments_value(arguments, "cursor");
    if (is_page && !arguments->is_json)
        return usage_error(arguments, "--page needs --json");
    if (arguments_has(arguments, "total") && arguments->is_json && !is_page)
        return usage_error(arguments, "--total needs --page where there is --json");
    /* A loop over pages whose cursor is missing would begin again for ever. */
    if (cursor && !*cursor)
        return usage_error(arguments, "--cursor is empty: leave it out for the first page");
    return 0;
}

int listing_spec(const struct arguments *arguments, const char *order, int64_t limit,
                 struct selection **out_selection)
{
    int exit_code = check_options(arguments);
    if (exit_code)
        return exit_code;
    struct selection *selection = selection_new();
    exit_code = add_filters(arguments, selection);
    if (!exit_code)
        exit_code = add_order(arguments, order, selection);
    if (!exit_code)
        exit_code = add_bounds(arguments, limit, selection);
    if (exit_code)
        selection_free(selection);
    else
        *out_selection = selection;
    return exit_code;
}

int listing_filters(const struct arguments *arguments, struct selection **out_selection)
{
    struct selection *selection = selection_new();
    int exit_code = add_filters(arguments, selection);
    if (exit_code)
        selection_free(selection);
    else
        *out_selection = selection;
    return exit_code;
}

void listing_json_begin(const struct arguments *arguments, const char *name,
                        struct json_writer *json)
{
    json_init(json, stdout);
    if (arguments_has(arguments, "page")) {
        json_begin_object(json);
        json_name(json, name);
    }
    json_begin_lines(json);
}

void listing_json_end(const struct arguments *arguments, const struct dbk_page *page,
                      struct json_writer *json)
{
    json_end_array(json);
    if (arguments_has(arguments, "page")) {
        json_member_number(json, "total", page->total);
        json_member_text(json, "next_cursor", page->next_cursor);
        json_end_object(json);
    }
    json_finish(json);
}

void listing_footer(const struct arguments *arguments, const struct dbk_page *page,
                    const char *noun)
{
    bool is_watched = isatty(STDOUT_FILENO);
    if (page->total == 0 || (!page->count && is_watched && page->total == DBK_NONE))
        printf("no %s\n", noun);
    else if (page->total != DBK_NONE)
        printf("%zu of %" PRId64 " %s\n", page->count, page->total, noun);
    if (page->next_cursor && is_watched)
        printf("%sthere may be more: --cursor %s%s\n", arguments->is_coloured ? TEXT_DIM : "",
               page->next_cursor, arguments->is_coloured ? TEXT_COLOR_END : "");
}
