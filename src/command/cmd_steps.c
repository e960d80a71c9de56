/*
 * `daybook steps`: lists a build's steps; gives a step a URL.
 */
#include "build_table.h"
#include "listing.h"
#include "message.h"
#include "name.h"
#include "options.h"
#include "record_json.h"
#include "text.h"
#include "verbs.h"
#include "waiting.h"

#include <stdlib.h>
#include <string.h>

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

static int list_steps(const struct arguments *arguments, struct archive *archive,
                      const struct named_build *build, char **operands)
{
    (void)operands;
    struct steps_listing listing = {.arguments = arguments};
    struct selection *selection;
    int exit_code = listing_spec(arguments, NULL, -1, &selection);
    if (exit_code)
        return exit_code;
    const int64_t shown = 0;
    if (!arguments_has(arguments, "all"))
        selection_any(selection, "hidden", &shown, 1);
    waiting_init(&listing.waiting, archive);
    waiting_add(&listing.waiting, archive_get_steps(archive, build->build->id, selection,
                                                    &listing.waiting.call, print_steps, &listing));
    selection_free(selection);
    return waiting_finish(&listing.waiting);
}

/* A step that was looked for. */
struct step_lookup {
    struct waiting waiting;
    int64_t buildid;
    int64_t stepid; /* DBK_NONE: it is not there */
};

static void take_step(void *user, const struct dbk_error *error, const struct dbk_step *step)
{
    struct step_lookup *lookup = user;
    if (!error && step && step->buildid == lookup->buildid)
        lookup->stepid = step->id;
    waiting_note(&lookup->waiting, error);
}

/* Reads the id of the step that runs. Result: DBK_NONE: none does. */
static int64_t running_step(void)
{
    const char *text = getenv("DAYBOOK_STEP");
    char *end;
    long long id = text ? strtoll(text, &end, 10) : 0;
    return text && end != text && !*end && id > 0 ? id : DBK_NONE;
}

/* Finds a step of a build by its name, its number, or as the one that runs ("."). Result: 0, or an exit code
 * after a message. */
static int find_step(struct archive *archive, const struct named_build *build, const char *text,
                     int64_t *out_stepid)
{
    struct step_lookup lookup = {.buildid = build->build->id, .stepid = DBK_NONE};
    bool is_running = !strcmp(text, ".");
    bool is_number = *text && !text[strspn(text, "0123456789")];
    int64_t id = is_running ? running_step() : DBK_NONE;
    if (is_running && id == DBK_NONE) {
        message_print("no step runs here that . could name: DAYBOOK_STEP is not set");
        return dbk_status_exit_code(DBK_NOT_FOUND);
    }
    waiting_init(&lookup.waiting, archive);
    waiting_add(&lookup.waiting, archive_get_step(archive, id, build->build->id,
                                                  is_number ? strtoll(text, NULL, 10) : DBK_NONE,
                                                  is_running || is_number ? NULL : text,
                                                  &lookup.waiting.call, take_step, &lookup));
    int exit_code = waiting_finish(&lookup.waiting);
    if (!exit_code && lookup.stepid == DBK_NONE) {
        message_print("%s has no step %s", named_build_text(build), message_word(text));
        exit_code = dbk_status_exit_code(DBK_NOT_FOUND);
    }
    *out_stepid = lookup.stepid;
    return exit_code;
}

/* Operands: [STEP] NAME URL. */
static int add_url(const struct arguments *arguments, struct archive *archive,
                   const struct named_build *build, char **operands)
{
    bool is_named = operands[2];
    int64_t stepid = DBK_NONE;
    struct waiting waiting;
    (void)arguments;
    int exit_code = find_step(archive, build, is_named ? operands[0] : ".", &stepid);
    if (exit_code)
        return exit_code;
    operands += is_named;
    waiting_init(&waiting, archive);
    waiting_add(&waiting, archive_add_url(archive, stepid, operands[0], operands[1], &waiting.call,
                                          waiting_done, &waiting));
    return waiting_finish(&waiting);
}

static const struct verb verbs[] = {
    {"list", "", 0, 0, true, NULL, list_steps, 0},
    {"url", "STEP NAME URL", 2, 3, false, NULL, add_url, 2},
    {NULL, NULL, 0, 0, false, NULL, NULL, 0},
};

static int cmd_steps(const struct arguments *arguments)
{
    return verbs_run(arguments, verbs);
}

static const struct command_option options[] = {
    {"all", 'a', OPTION_FLAG, NULL, "also steps that are marked as hidden"},
    LISTING_OPTIONS,
    {NULL, 0, OPTION_FLAG, NULL, NULL},
};

static const char *const usage[] = {"[list] BUILD [OPTION...]", "url [BUILD STEP] NAME URL", NULL};

const struct subcommand subcommand_steps = {
    .name = "steps",
    .summary = "list the steps of a build, in their order, or give one a URL",
    .usage = usage,
    .about =
        "url adds a named URL to a step, which is given by its name or its number. A command of\n"
        "`daybook run` may leave out BUILD and STEP, or write . for each: those that it is "
        "of.\n\n" LISTING_ABOUT,
    .options = options,
    .common = COMMON_DB | COMMON_JSON | COMMON_COLOR,
    .operand_min = 1,
    .operand_max = 5,
    .run = cmd_steps,
};
