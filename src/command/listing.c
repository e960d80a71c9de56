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
static int add_item(struct dbk_spec *spec, const char *name, const char *value)
{
    struct dbk_error error;
    return dbk_spec_add(spec, name, value, &error) == DBK_OK ? 0 : message_error(&error);
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

static int add_filters(const struct arguments *arguments, struct dbk_spec *spec)
{
    for (const struct given_option *g = NULL; (g = arguments_next(arguments, "filter", g));) {
        size_t name_len = strcspn(g->value, "=");
        const char *value = g->value[name_len] ? g->value + name_len + 1 : NULL;
        char *name = memory_need(strndup(g->value, name_len));
        int exit_code = is_spec_word(name) ? usage_error(arguments, "%s is no field", name)
                                           : add_item(spec, name, value);
        free(name);
        if (exit_code)
            return exit_code;
    }
    return 0;
}

static int add_order(const struct arguments *arguments, const char *order, struct dbk_spec *spec)
{
    if (!arguments_has(arguments, "order"))
        return order ? add_item(spec, "order", order) : 0;
    for (const struct given_option *g = NULL; (g = arguments_next(arguments, "order", g));) {
        int exit_code = add_item(spec, "order", g->value);
        if (exit_code)
            return exit_code;
    }
    return 0;
}

static int add_bounds(const struct arguments *arguments, int64_t limit, struct dbk_spec *spec)
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
    if ((limit >= 0 && dbk_spec_limit(spec, limit)) || (offset && dbk_spec_offset(spec, offset)))
        memory_need(NULL);
    if (arguments_has(arguments, "total") && dbk_spec_total(spec, DBK_TOTAL_EXACT, 0))
        memory_need(NULL);
    return cursor ? add_item(spec, "cursor", cursor) : 0;
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
                 struct dbk_spec **out_spec)
{
    int exit_code = check_options(arguments);
    if (exit_code)
        return exit_code;
    struct dbk_spec *spec = memory_need(dbk_spec_new());
    exit_code = add_filters(arguments, spec);
    if (!exit_code)
        exit_code = add_order(arguments, order, spec);
    if (!exit_code)
        exit_code = add_bounds(arguments, limit, spec);
    if (exit_code)
        dbk_spec_free(spec);
    else
        *out_spec = spec;
    return exit_code;
}

int listing_filters(const struct arguments *arguments, struct dbk_spec **out_spec)
{
    struct dbk_spec *spec = memory_need(dbk_spec_new());
    int exit_code = add_filters(arguments, spec);
    if (exit_code)
        dbk_spec_free(spec);
    else
        *out_spec = spec;
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
