/*
 * Tables of builds, steps and build data: see build_table.h.
 */
#include "build_table.h"

#include "message.h"
#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct table *build_table_new(bool is_coloured)
{
    struct table *table = table_new(is_coloured);
    table_column(table, "BUILD", TABLE_NAME);
    table_column(table, "ID", TABLE_RIGHT);
    table_column(table, "RESULT", TABLE_LEFT);
    table_column(table, "WHEN", TABLE_LEFT);
    table_column(table, "TOOK", TABLE_RIGHT);
    table_column(table, "STATE", TABLE_CUT);
    return table;
}

void build_table_add(struct table *table, const struct dbk_build *build, const char *builder,
                     int64_t now)
{
    char text[TEXT_SHORT_SIZE];
    char *name = NULL;
    if (asprintf(&name, "%s/%s", builder, text_number(build->number, text)) < 0)
        memory_need(NULL);
    table_row(table);
    table_cell(table, name, NULL);
    free(name);
    table_cell_number(table, build->id);
    table_cell(table, text_results(build->results, build->started_at, build->complete_at, text),
               text_results_color(build->results));
    int64_t at = build->complete_at == DBK_NONE ? build->started_at : build->complete_at;
    table_cell(table, text_when(at, now, text), NULL);
    table_cell(table, text_span(build->started_at, build->complete_at, now, text), NULL);
    table_cell(table, build->state_string, NULL);
}

struct table *step_table_new(bool is_coloured)
{
    struct table *table = table_new(is_coloured);
    table_column(table, "#", TABLE_RIGHT);
    table_column(table, "STEP", TABLE_NAME);
    table_column(table, "RESULT", TABLE_LEFT);
    table_column(table, "TOOK", TABLE_RIGHT);
    table_column(table, "STATE", TABLE_CUT);
    return table;
}

void step_table_add(struct table *table, const struct dbk_step *step, int64_t now)
{
    char text[TEXT_SHORT_SIZE];
    table_row(table);
    table_cell_number(table, step->number);
    table_cell(table, step->name, NULL);
    const char *word = text_results(step->results, step->started_at, step->complete_at, text);
    table_cell(table, word, text_results_color(step->results));
    table_cell(table, text_span(step->started_at, step->complete_at, now, text), NULL);
    table_cell(table, step->state_string, NULL);
}

struct table *data_table_new(bool is_coloured)
{
    struct table *table = table_new(is_coloured);
    table_column(table, "DATA", TABLE_NAME);
    table_column(table, "SIZE", TABLE_RIGHT);
    table_column(table, "SOURCE", TABLE_CUT);
    return table;
}

void data_table_add(struct table *table, const struct dbk_build_data *data)
{
    char text[TEXT_SHORT_SIZE];
    table_row(table);
    table_cell(table, data->name, NULL);
    table_cell(table, text_size(data->length, text), NULL);
    table_cell(table, data->source, NULL);
}
