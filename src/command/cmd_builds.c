/*
 * `daybook builds [BUILDER]`: lists builds.
 */
#include "build_table.h"
#include "builder_names.h"
#include "listing.h"
#include "message.h"
#include "name.h"
#include "options.h"
#include "record_json.h"
#include "store_open.h"
#include "text.h"
#include "waiting.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RESULTS_MAX 32

/* Bytes that are shown of what is no result. */
#define WORD_SHOWN_MAX 80

/* Adds results of a list "failure,4". Result: 0, or EXIT_USAGE after a message. */
static int read_results(const struct arguments *arguments, const char *text, int64_t *results,
                        size_t *count)
{
    while (*text) {
        char word[16];
        size_t len = strcspn(text, ",");
        snprintf(word, sizeof(word), "%.*s", (int)len, text);
        int64_t value = len < sizeof(word) ? dbk_results_parse(word) : DBK_NONE;
        if (value == DBK_NONE)
            return usage_error(arguments,
                               "\"%.*s\" is no result: success, warnings, failure, skipped, "
                               "exception, retry, cancelled, or 0 to 6",
                               len < WORD_SHOWN_MAX ? (int)len : WORD_SHOWN_MAX, text);
        if (*count == RESULTS_MAX)
            return usage_error(arguments, "--results names too many");
        results[(*count)++] = value;
        text += len + (text[len] == ',');
    }
    return 0;
}

/* Adds the filter that --results and --failed ask for. */
static int add_results(const struct arguments *arguments, struct selection *selection)
{
    int64_t results[RESULTS_MAX + 2];
    size_t count = 0;
    for (const struct given_option *g = NULL; (g = arguments_next(arguments, "results", g));)
        if (read_results(arguments, g->value, results, &count))
            return EXIT_USAGE;
    if (arguments_has(arguments, "failed")) {
        results[count++] = DBK_FAILURE;
        results[count++] = DBK_EXCEPTION;
    }
    if (count)
        selection_any(selection, "results", results, count);
    return 0;
}

/* A page of builds, kept until the names of their builders are there. */
struct build_page {
    struct waiting waiting;
    struct dbk_build **builds;
    struct dbk_page page;
    char *next_cursor;
    struct builder_names names;
};

static void take_builds(void *user, const struct dbk_error *error,
                        const struct dbk_build *const *builds, const struct dbk_page *page)
{
    struct build_page *kept = user;
    if (!error) {
        kept->builds = memory_need(calloc(page->count + 1, sizeof(struct dbk_build *)));
        kept->page = *page;
        if (page->next_cursor)
            kept->next_cursor = memory_need(strdup(page->next_cursor));
        kept->page.next_cursor = kept->next_cursor;
        for (size_t i = 0; i < page->count; i++) {
            kept->builds[i] = memory_need(dbk_build_dup(builds[i]));
            builder_names_want(&kept->names, builds[i]->builderid);
        }
    }
    waiting_note(&kept->waiting, error);
}

static void build_page_fini(struct build_page *kept)
{
    for (size_t i = 0; kept->builds && i < kept->page.count; i++)
        dbk_build_free(kept->builds[i]);
    free(kept->builds);
    free(kept->next_cursor);
    builder_names_fini(&kept->names);
}

static void print_page(const struct arguments *arguments, const struct build_page *kept)
{
    struct json_writer json;
    struct table *table = NULL;
    int64_t now = text_now();
    if (arguments->is_json)
        listing_json_begin(arguments, "builds", &json);
    else
        table = build_table_new(arguments->is_coloured);
    for (size_t i = 0; i < kept->page.count; i++) {
        const struct dbk_build *build = kept->builds[i];
        char id[BUILDER_NAME_SIZE];
        const char *builder = builder_names_get(&kept->names, build->builderid, id);
        if (table)
            build_table_add(table, build, builder, now);
        else
            record_json_build(&json, build, builder);
    }
    if (!table) {
        listing_json_end(arguments, &kept->page, &json);
        return;
    }
    table_print(table);
    table_free(table);
    listing_footer(arguments, &kept->page, "builds");
}

/* Lists the builds of a builder, or of all (DBK_NONE). */
static int list_builds(const struct arguments *arguments, struct archive *archive,
                       int64_t builderid)
{
    struct build_page kept = {.builds = NULL};
    struct selection *selection;
    int exit_code =
        listing_spec(arguments, builderid == DBK_NONE ? "-id" : "-number", 20, &selection);
    if (exit_code)
        return exit_code;
    exit_code = add_results(arguments, selection);
    if (!exit_code) {
        int64_t complete = arguments_has(arguments, "running") ? 0 : DBK_NONE;
        waiting_init(&kept.waiting, archive);
        waiting_add(&kept.waiting, archive_get_builds(archive, builderid, complete, selection,
                                                      &kept.waiting.call, take_builds, &kept));
        exit_code = waiting_finish(&kept.waiting);
    }
    selection_free(selection);
    if (!exit_code)
        exit_code = builder_names_read(&kept.names, archive);
    if (!exit_code)
        print_page(arguments, &kept);
    build_page_fini(&kept);
    return exit_code;
}

static int cmd_builds(const struct arguments *arguments)
{
    struct archive archive;
    struct named_builder builder = {DBK_NONE, NULL};
    int exit_code = store_open_for(arguments, STORE_EXISTING, &archive);
    if (exit_code)
        return exit_code;
    if (arguments->operand_count)
        exit_code = name_find_builder(&archive, arguments->operands[0], &builder);
    if (!exit_code)
        exit_code = list_builds(arguments, &archive, builder.id);
    named_builder_fini(&builder);
    archive_close_wait(&archive);
    return exit_code;
}

static const struct command_option options[] = {
    {"results", 'r', OPTION_LIST, "RESULT[,...]", "only builds that ended so: a word or a number"},
    {"failed", 0, OPTION_FLAG, NULL, "the same as --results failure,exception"},
    {"running", 0, OPTION_FLAG, NULL, "only builds that are not finished"},
    LISTING_OPTIONS,
    {NULL, 0, OPTION_FLAG, NULL, NULL},
};

static const char *const usage[] = {"[BUILDER] [OPTION...]", NULL};

const struct subcommand subcommand_builds = {
    .name = "builds",
    .summary = "list builds, the newest first",
    .usage = usage,
    .about = "At most 20 without --limit.\n\n" LISTING_ABOUT,
    .options = options,
    .common = COMMON_DB | COMMON_JSON | COMMON_COLOR,
    .operand_max = 1,
    .run = cmd_builds,
};
