/*
 * `daybook build NAME`: all that is known of one build.
 */
#include "build_table.h"
#include "command.h"
#include "message.h"
#include "name.h"
#include "options.h"
#include "record_json.h"
#include "store_open.h"
#include "text.h"
#include "waiting.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is printed of a build, in text or (json not NULL) as JSON. Every part is read and printed in
 * turn. */
struct build_view {
    struct waiting waiting;
    struct archive *archive;
    const struct named_build *named;
    const struct dbk_build *build;
    struct json_writer *json;
    bool is_coloured;
    int64_t buildsetid; /* DBK_NONE: not known */
};

static void print_label(const char *label)
{
    printf("  %-11s ", label);
}

static void print_field(const char *label, const char *text)
{
    print_label(label);
    text_print(stdout, text);
    putchar('\n');
}

static void print_head(const struct build_view *view)
{
    char a[TEXT_SHORT_SIZE], b[TEXT_SHORT_SIZE];
    const struct dbk_build *build = view->build;
    int64_t now = text_now();
    const char *color = view->is_coloured ? text_results_color(build->results) : "";
    text_print(stdout, view->named->builder);
    printf("/%s  %s%s%s\n", text_number(build->number, b), color,
           text_results(build->results, build->started_at, build->complete_at, a),
           *color ? TEXT_COLOR_END : "");
    if (build->state_string && *build->state_string)
        print_field("state", build->state_string);
    print_label("id");
    printf("%" PRId64 "\n", build->id);
    print_label("started");
    printf("%s (%s)\n", text_time(build->started_at, a), text_when(build->started_at, now, b));
    if (build->complete_at != DBK_NONE) {
        print_label("ended");
        printf("%s (%s)\n", text_time(build->complete_at, a),
               text_when(build->complete_at, now, b));
    }
    print_field("took", text_span(build->started_at, build->complete_at, now, a));
    if (build->locks_duration_s > 0)
        print_field("locks", text_took(build->locks_duration_s, a));
}

static void show_worker(void *user, const struct dbk_error *error, const struct dbk_worker *worker)
{
    struct build_view *view = user;
    if (!error && view->json)
        json_member_text(view->json, "worker", worker ? worker->name : NULL);
    else if (!error && worker)
        print_field("worker", worker->name);
    waiting_note(&view->waiting, error);
}

static void take_request(void *user, const struct dbk_error *error,
                         const struct dbk_buildrequest *request)
{
    struct build_view *view = user;
    view->buildsetid = !error && request ? request->buildsetid : DBK_NONE;
    waiting_note(&view->waiting, error);
}

static void show_buildset(void *user, const struct dbk_error *error,
                          const struct dbk_buildset *buildset)
{
    struct build_view *view = user;
    const char *reason = !error && buildset ? buildset->reason : NULL;
    if (!error && view->json)
        json_member_text(view->json, "reason", reason);
    else if (reason && *reason)
        print_field("reason", reason);
    waiting_note(&view->waiting, error);
}

static void print_sourcestamp(const struct dbk_sourcestamp *stamp)
{
    const struct {
        const char *label;
        const char *text;
    } parts[] = {
        {"", stamp->repository},        {"branch ", stamp->branch},
        {"revision ", stamp->revision}, {"codebase ", stamp->codebase},
        {"project ", stamp->project},
    };
    bool is_first = true;
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        if (!parts[i].text || !*parts[i].text)
            continue;
        if (is_first)
            print_label("source");
        printf("%s%s", is_first ? "" : ", ", parts[i].label);
        text_print(stdout, parts[i].text);
        is_first = false;
    }
    if (!is_first)
        putchar('\n');
}

static void show_sourcestamps(void *user, const struct dbk_error *error,
                              const struct dbk_sourcestamp *const *sourcestamps,
                              const struct dbk_page *page)
{
    struct build_view *view = user;
    if (!error && view->json) {
        json_name(view->json, "sourcestamps");
        json_begin_array(view->json);
    }
    for (size_t i = 0; !error && i < page->count; i++)
        if (view->json)
            record_json_sourcestamp(view->json, sourcestamps[i]);
        else
            print_sourcestamp(sourcestamps[i]);
    if (!error && view->json)
        json_end_array(view->json);
    waiting_note(&view->waiting, error);
}

static void show_properties(void *user, const struct dbk_error *error,
                            const struct dbk_property *const *properties,
                            const struct dbk_page *page)
{
    struct build_view *view = user;
    if (!error && view->json) {
        json_name(view->json, "properties");
        json_begin_lines(view->json);
        for (size_t i = 0; i < page->count; i++)
            record_json_property(view->json, properties[i]);
        json_end_array(view->json);
    } else if (!error && page->count) {
        print_label("properties");
        printf("%zu\n", page->count);
    }
    waiting_note(&view->waiting, error);
}

static void print_links(const struct dbk_step *const *steps, size_t count)
{
    struct table *table = table_new(false);
    table_column(table, "STEP", TABLE_LEFT);
    table_column(table, "LINK", TABLE_LEFT);
    table_column(table, "URL", TABLE_LEFT);
    size_t link_count = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < steps[i]->url_count; j++, link_count++) {
            table_row(table);
            table_cell(table, steps[i]->name, NULL);
            table_cell(table, steps[i]->urls[j]->name, NULL);
            table_cell(table, steps[i]->urls[j]->url, NULL);
        }
    if (link_count)
        putchar('\n');
    table_print(table);
    table_free(table);
}

static void print_steps(const struct build_view *view, const struct dbk_step *const *steps,
                        size_t count)
{
    struct table *table = step_table_new(view->is_coloured);
    size_t hidden_count = 0;
    for (size_t i = 0; i < count; i++)
        if (steps[i]->hidden > 0)
            hidden_count++;
        else
            step_table_add(table, steps[i], text_now());
    if (hidden_count < count)
        putchar('\n');
    table_print(table);
    table_free(table);
    if (hidden_count)
        printf("%s%zu hidden: daybook steps %" PRId64 " --all\n", hidden_count < count ? "" : "\n",
               hidden_count, view->build->id);
    print_links(steps, count);
}

static void show_steps(void *user, const struct dbk_error *error,
                       const struct dbk_step *const *steps, const struct dbk_page *page)
{
    struct build_view *view = user;
    if (!error && view->json) {
        json_name(view->json, "steps");
        json_begin_lines(view->json);
        for (size_t i = 0; i < page->count; i++)
            record_json_step(view->json, steps[i]);
        json_end_array(view->json);
    } else if (!error) {
        print_steps(view, steps, page->count);
    }
    waiting_note(&view->waiting, error);
}

static void show_data(void *user, const struct dbk_error *error,
                      const struct dbk_build_data *const *data, const struct dbk_page *page)
{
    struct build_view *view = user;
    if (!error && view->json) {
        json_name(view->json, "data");
        json_begin_lines(view->json);
        for (size_t i = 0; i < page->count; i++)
            record_json_build_data(view->json, data[i]);
        json_end_array(view->json);
    } else if (!error && page->count) {
        struct table *table = data_table_new(view->is_coloured);
        for (size_t i = 0; i < page->count; i++)
            data_table_add(table, data[i]);
        putchar('\n');
        table_print(table);
        table_free(table);
    }
    waiting_note(&view->waiting, error);
}

/* Finds the buildset by way of the request. */
static int find_buildset(struct build_view *view)
{
    struct waiting *waiting = &view->waiting;
    if (view->build->buildrequestid == DBK_NONE)
        return 0;
    waiting_add(waiting, archive_get_buildrequest(view->archive, view->build->buildrequestid,
                                                  &waiting->call, take_request, view));
    return waiting_finish(waiting);
}

/* Shows who built, why and from what. What is not known is null in JSON, and left out for a person.
 */
static int show_parents(struct build_view *view)
{
    struct waiting *waiting = &view->waiting;
    if (view->build->workerid != DBK_NONE)
        waiting_add(waiting, archive_get_worker(view->archive, view->build->workerid,
                                                &waiting->call, show_worker, view));
    else if (view->json)
        json_member_text(view->json, "worker", NULL);
    int exit_code = waiting_finish(waiting);
    if (!exit_code)
        exit_code = find_buildset(view);
    if (exit_code)
        return exit_code;
    if (view->buildsetid == DBK_NONE) {
        if (view->json) {
            json_member_text(view->json, "reason", NULL);
            json_name(view->json, "sourcestamps");
            json_begin_array(view->json);
            json_end_array(view->json);
        }
        return 0;
    }
    waiting_add(waiting, archive_get_buildset(view->archive, view->buildsetid, &waiting->call,
                                              show_buildset, view));
    exit_code = waiting_finish(waiting);
    if (exit_code)
        return exit_code;
    waiting_add(waiting, archive_get_sourcestamps(view->archive, view->buildsetid, &waiting->call,
                                                  show_sourcestamps, view));
    return waiting_finish(waiting);
}

static int show_parts(struct build_view *view)
{
    struct waiting *waiting = &view->waiting;
    int64_t id = view->build->id;
    struct archive *archive = view->archive;
    waiting_add(waiting, archive_get_build_properties(archive, id, NULL, &waiting->call,
                                                      show_properties, view));
    int exit_code = waiting_finish(waiting);
    if (exit_code)
        return exit_code;
    waiting_add(waiting, archive_get_steps(archive, id, NULL, &waiting->call, show_steps, view));
    exit_code = waiting_finish(waiting);
    if (exit_code)
        return exit_code;
    waiting_add(waiting, archive_get_all_build_data_no_values(archive, id, NULL, &waiting->call,
                                                              show_data, view));
    return waiting_finish(waiting);
}

static int show_build(const struct arguments *arguments, struct archive *archive,
                      const struct named_build *named)
{
    struct json_writer json;
    struct build_view view = {.archive = archive,
                              .named = named,
                              .build = named->build,
                              .json = arguments->is_json ? &json : NULL,
                              .is_coloured = arguments->is_coloured,
                              .buildsetid = DBK_NONE};
    waiting_init(&view.waiting, archive);
    if (view.json) {
        json_init(&json, stdout);
        json_begin_object(&json);
        record_json_build_members(&json, view.build, named->builder);
    } else {
        print_head(&view);
    }
    int exit_code = show_parents(&view);
    if (!exit_code)
        exit_code = show_parts(&view);
    if (!exit_code && view.json) {
        json_end_object(&json);
        json_finish(&json);
    }
    return exit_code;
}

static int cmd_build(const struct arguments *arguments)
{
    struct archive archive;
    struct named_build build = {0};
    int exit_code = store_open_for(arguments, STORE_EXISTING, &archive);
    if (exit_code)
        return exit_code;
    exit_code = name_find_build(&archive, arguments->operands[0], &build);
    if (!exit_code)
        exit_code = show_build(arguments, &archive, &build);
    named_build_fini(&build);
    archive_close_wait(&archive);
    return exit_code;
}

static const char *const usage[] = {"BUILD", NULL};

const struct subcommand subcommand_build = {
    .name = "build",
    .summary = "show one build with its steps and data",
    .usage = usage,
    .about =
        "BUILD is BUILDER/NUMBER, BUILDER/last, BUILDER/last-failed, BUILDER (its last), or a\n"
        "build's id. Digits alone are always an id: the last build of a builder that is called 12\n"
        "is 12/last.",
    .common = COMMON_DB | COMMON_JSON | COMMON_COLOR,
    .operand_min = 1,
    .operand_max = 1,
    .run = cmd_build,
};
