/*
 * `daybook steps BUILD`: lists a build's steps.
 */
#include "build_table.h"
#include "listing.h"
#include "message.h"
#include "name.h"
#include "options.h"
#include "record_json.h"
#include "store_open.h"
#include "text.h"
#include "waiting.h"

struct steps_listing {
    struct waiting waiting;
    const struct arguments *arguments;
};

static void print_steps(void *user, const struct dbk_error *error,
                        const struct dbk_step *const *steps, const struct dbk_page *page)
{
    struct steps_listing *listing = user;
    const struct arguments *arguments = listing->arguments;
    if (!error && arguments->is_json) {
        struct json_writer json;
        listing_json_begin(arguments, "steps", &json);
        for (size_t i = 0; i < page->count; i++)
            record_json_step(&json, steps[i]);
        listing_json_end(arguments, page, &json);
    } else if (!error) {
        struct table *table = step_table_new(arguments->is_coloured);
        for (size_t i = 0; i < page->count; i++)
            step_table_add(table, steps[i], text_now());
        table_print(table);
        table_free(table);
        listing_footer(arguments, page, "steps");
    }
    waiting_note(&listing->waiting, error);
}

static int list_steps(const struct arguments *arguments, struct dbk_store *store, int64_t buildid)
{
    struct steps_listing listing = {.arguments = arguments};
    struct dbk_spec *spec;
    int exit_code = listing_spec(arguments, NULL, -1, &spec);
    if (exit_code)
        return exit_code;
    const int64_t shown = 0;
    if (!arguments_has(arguments, "all") && dbk_spec_filter_int(spec, "hidden", DBK_EQ, &shown, 1))
        memory_need(NULL);
    waiting_init(&listing.waiting, store);
    waiting_add(&listing.waiting,
                dbk_get_steps(store, buildid, spec, &listing.waiting.call, print_steps, &listing));
    dbk_spec_free(spec);
    return waiting_finish(&listing.waiting);
}

static int cmd_steps(const struct arguments *arguments)
{
    struct dbk_store *store;
    struct named_build build = {0};
    int exit_code = store_open_for(arguments, STORE_EXISTING, &store);
    if (exit_code)
        return exit_code;
    exit_code = name_find_build(store, arguments->operands[0], &build);
    if (!exit_code)
        exit_code = list_steps(arguments, store, build.build->id);
    named_build_fini(&build);
    dbk_close_wait(store);
    return exit_code;
}

static const struct command_option options[] = {
    {"all", 'a', OPTION_FLAG, NULL, "also steps that are marked as hidden"},
    LISTING_OPTIONS,
    {NULL, 0, OPTION_FLAG, NULL, NULL},
};

static const char *const usage[] = {"BUILD [OPTION...]", NULL};

const struct subcommand subcommand_steps = {
    .name = "steps",
    .summary = "list the steps of a build, in their order",
    .usage = usage,
    .about = LISTING_ABOUT,
    .options = options,
    .common = COMMON_DB | COMMON_JSON | COMMON_COLOR,
    .operand_min = 1,
    .operand_max = 1,
    .run = cmd_steps,
};
