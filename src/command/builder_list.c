/*
 * Builders with their last builds: see builder_list.h. One list of builders, and one bounded list
 * of builds for each: their number is bounded by the list's limit, and none waits for another.
 */
#include "builder_list.h"

#include "message.h"
#include "record_json.h"
#include "table.h"
#include "text.h"
#include "waiting.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Lists of builds that are outstanding at once: well below the store's queue. */
#define OUTSTANDING_MAX 1000

static char *copy_text(const char *text)
{
    return text ? memory_need(strdup(text)) : NULL;
}

static void take_builders(void *user, const struct dbk_error *error,
                          const struct dbk_builder *const *builders, const struct dbk_page *page)
{
    struct builder_list *list = user;
    if (!error) {
        list->entries = memory_need(calloc(page->count + 1, sizeof(*list->entries)));
        list->page = *page;
        list->page.next_cursor = list->next_cursor = copy_text(page->next_cursor);
        for (size_t i = 0; i < page->count; i++) {
            list->entries[i].list = list;
            list->entries[i].builder = (struct dbk_builder){
                .id = builders[i]->id,
                .name = copy_text(builders[i]->name),
                .description = copy_text(builders[i]->description),
                .description_format = copy_text(builders[i]->description_format),
                .description_html = copy_text(builders[i]->description_html),
                .projectid = builders[i]->projectid,
            };
        }
    }
    waiting_note(list->waiting, error);
}

static void take_builds(void *user, const struct dbk_error *error,
                        const struct dbk_build *const *builds, const struct dbk_page *page)
{
    struct builder_entry *entry = user;
    for (size_t i = 0; !error && i < page->count && i < LAST_BUILDS_MAX; i++)
        entry->builds[entry->build_count++] = memory_need(dbk_build_dup(builds[i]));
    waiting_note(entry->list->waiting, error);
}

static int read_builds(struct archive *archive, struct builder_list *list, struct waiting *waiting)
{
    struct selection *selection = selection_new();
    selection_order(selection, "-number");
    selection_limit(selection, LAST_BUILDS_MAX);
    for (size_t i = 0; i < list->page.count; i++) {
        struct builder_entry *entry = &list->entries[i];
        waiting_add(waiting, archive_get_builds(archive, entry->builder.id, DBK_NONE, selection,
                                                &waiting->call, take_builds, entry));
        if (waiting->pending_count >= OUTSTANDING_MAX && waiting_wait(waiting) != DBK_OK)
            break;
    }
    selection_free(selection);
    return waiting_finish(waiting);
}

int builder_list_read(struct archive *archive, const struct selection *selection,
                      struct builder_list *out_list)
{
    struct waiting waiting;
    waiting_init(&waiting, archive);
    *out_list = (struct builder_list){.waiting = &waiting};
    waiting_add(&waiting,
                archive_get_builders(archive, selection, &waiting.call, take_builders, out_list));
    int exit_code = waiting_finish(&waiting);
    if (!exit_code)
        exit_code = read_builds(archive, out_list, &waiting);
    out_list->waiting = NULL;
    return exit_code;
}

void builder_list_fini(struct builder_list *list)
{
    for (size_t i = 0; list->entries && i < list->page.count; i++) {
        struct builder_entry *entry = &list->entries[i];
        free((char *)entry->builder.name);
        free((char *)entry->builder.description);
        free((char *)entry->builder.description_format);
        free((char *)entry->builder.description_html);
        for (size_t j = 0; j < entry->build_count; j++)
            dbk_build_free(entry->builds[j]);
    }
    free(list->entries);
    free(list->next_cursor);
    *list = (struct builder_list){0};
}

/* Adds the signs of the last ten, the oldest first. */
static void add_signs(struct table *table, const struct builder_entry *entry)
{
    char signs[2 * LAST_BUILDS_MAX + 1] = "";
    char painted[(2 + 16) * LAST_BUILDS_MAX + 1] = "";
    char *sign = signs, *paint = painted;
    for (size_t i = entry->build_count; i-- > 0;) {
        int64_t results = entry->builds[i]->results;
        const char *space = i ? " " : "";
        sign += sprintf(sign, "%c%s", text_results_sign(results), space);
        paint += sprintf(paint, "%s%c%s%s", text_results_color(results), text_results_sign(results),
                         TEXT_COLOR_END, space);
    }
    table_cell_painted(table, signs, painted);
}

static void add_entry(struct table *table, const struct builder_entry *entry, bool has_ids)
{
    char text[TEXT_SHORT_SIZE];
    int64_t now = text_now();
    table_row(table);
    if (has_ids)
        table_cell_number(table, entry->builder.id);
    table_cell(table, entry->builder.name, NULL);
    if (!entry->build_count) {
        for (int i = 0; i < 5; i++)
            table_cell(table, NULL, NULL);
        return;
    }
    const struct dbk_build *last = entry->builds[0];
    char number[TEXT_SHORT_SIZE];
    snprintf(text, sizeof(text), "#%.40s", text_number(last->number, number));
    table_cell(table, text, NULL);
    table_cell(table, text_results(last->results, last->started_at, last->complete_at, text),
               text_results_color(last->results));
    int64_t at = last->complete_at == DBK_NONE ? last->started_at : last->complete_at;
    table_cell(table, text_when(at, now, text), NULL);
    table_cell(table, text_span(last->started_at, last->complete_at, now, text), NULL);
    add_signs(table, entry);
}

void builder_list_print(const struct builder_list *list, bool has_ids, bool is_coloured)
{
    struct table *table = table_new(is_coloured);
    if (has_ids)
        table_column(table, "ID", TABLE_RIGHT);
    table_column(table, "BUILDER", TABLE_NAME);
    table_column(table, "LAST", TABLE_LEFT);
    table_column(table, "RESULT", TABLE_LEFT);
    table_column(table, "WHEN", TABLE_LEFT);
    table_column(table, "TOOK", TABLE_LEFT);
    table_column(table, "THE LAST TEN", TABLE_LEFT);
    for (size_t i = 0; i < list->page.count; i++)
        add_entry(table, &list->entries[i], has_ids);
    table_print(table);
    table_free(table);
}

void builder_list_write(const struct builder_list *list, struct json_writer *json)
{
    for (size_t i = 0; i < list->page.count; i++) {
        const struct builder_entry *entry = &list->entries[i];
        json_begin_object(json);
        record_json_builder_members(json, &entry->builder);
        json_name(json, "last_builds");
        json_begin_array(json);
        for (size_t j = 0; j < entry->build_count; j++)
            record_json_build(json, entry->builds[j], NULL);
        json_end_array(json);
        json_end_object(json);
    }
}
