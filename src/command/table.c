/*
 * Tables: see table.h. libsmartcols knows widths and fits columns; cells are made harmless before
 * it sees them, so that all of the command shows strange characters in the same way.
 */
#include "table.h"

#include "message.h"
#include "text.h"

#include <libsmartcols/libsmartcols.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

/* Elsewhere than on a terminal a cell that is wider than this sticks out of its column, rather than fill
 * all other rows with spaces. */
#define COLUMN_WIDTH_MAX 80

#define SEPARATOR "  "

struct painted_cell {
    char *text;
    char *painted;
};

struct table {
    struct libscols_table *scols;
    struct libscols_line *line;
    size_t cell_index;
    size_t row_count;
    bool is_coloured;
    struct painted_cell *painted; /* by row; rows without one have NULLs */
    size_t painted_count;
};

struct table *table_new(bool is_coloured)
{
    struct table *table = memory_need(calloc(1, sizeof(*table)));
    table->scols = memory_need(scols_new_table());
    table->is_coloured = is_coloured;
    scols_table_enable_noencoding(table->scols, 1);
    scols_table_enable_colors(table->scols, is_coloured);
    scols_table_set_column_separator(table->scols, SEPARATOR);
    scols_table_set_termforce(table->scols, SCOLS_TERMFORCE_ALWAYS);
    return table;
}

void table_free(struct table *table)
{
    if (!table)
        return;
    scols_unref_table(table->scols);
    for (size_t i = 0; i < table->painted_count; i++) {
        free(table->painted[i].text);
        free(table->painted[i].painted);
    }
    free(table->painted);
    free(table);
}

void table_column(struct table *table, const char *title, enum table_align align)
{
    int flags = align == TABLE_RIGHT ? SCOLS_FL_RIGHT : align == TABLE_LEFT ? 0 : SCOLS_FL_TRUNC;
    /* The hint is the width, as a part of the terminal's, that a column is not cut below. */
    double hint = align == TABLE_NAME ? 0.5 : align == TABLE_CUT ? 0.1 : 0;
    memory_need(scols_table_new_column(table->scols, title, hint, flags));
}

void table_row(struct table *table)
{
    table->line = memory_need(scols_table_new_line(table->scols, NULL));
    table->cell_index = 0;
    table->row_count++;
}

void table_cell(struct table *table, const char *text, const char *color)
{
    size_t index = table->cell_index++;
    char *escaped = text_escape(text && *text ? text : "-", false);
    if (scols_line_refer_data(table->line, index, escaped))
        memory_need(NULL);
    if (color && *color && table->is_coloured)
        scols_cell_set_color(scols_line_get_cell(table->line, index), color);
}

void table_cell_number(struct table *table, long long number)
{
    char text[TEXT_SHORT_SIZE];
    table_cell(table, text_number(number, text), NULL);
}

void table_cell_painted(struct table *table, const char *text, const char *painted)
{
    table_cell(table, text, NULL);
    struct painted_cell *cells =
        memory_need(realloc(table->painted, table->row_count * sizeof(*cells)));
    memset(cells + table->painted_count, 0,
           (table->row_count - table->painted_count) * sizeof(*cells));
    table->painted = cells;
    table->painted_count = table->row_count;
    cells[table->row_count - 1].text = memory_need(strdup(text));
    cells[table->row_count - 1].painted = memory_need(strdup(painted));
}

/* The columns that a text takes on a terminal. */
static size_t text_width(const char *text)
{
    size_t width = 0;
    mbstate_t state = {0};
    for (const char *end = text + strlen(text); text < end;) {
        wchar_t character;
        size_t len = mbrtowc(&character, text, (size_t)(end - text), &state);
        if (len == 0 || len > (size_t)(end - text))
            return width + (size_t)(end - text);
        int columns = wcwidth(character);
        width += columns < 0 ? 1 : (size_t)columns;
        text += len;
    }
    return width;
}

static const char *cell_text(struct libscols_cell *cell)
{
    return text_or_empty(scols_cell_get_data(cell));
}

static void write_cell(FILE *file, struct libscols_cell *cell, bool is_right, size_t width)
{
    const char *text = cell_text(cell);
    const char *color = scols_cell_get_color(cell);
    size_t own = text_width(text);
    int pad = own < width ? (int)(width - own) : 0;
    fprintf(file, "%*s%s%s%s%*s", is_right ? pad : 0, "", text_or_empty(color), text,
            color ? TEXT_COLOR_END : "", is_right ? 0 : pad, "");
}

/* Writes a row (NULL: the titles), a line. */
static void write_row(FILE *file, const struct table *table, struct libscols_line *line,
                      const size_t *widths)
{
    for (size_t i = 0; i < scols_table_get_ncols(table->scols); i++) {
        struct libscols_column *column = scols_table_get_column(table->scols, i);
        if (i)
            fputs(SEPARATOR, file);
        write_cell(file, line ? scols_line_get_cell(line, i) : scols_column_get_header(column),
                   scols_column_is_right(column), widths[i]);
    }
    putc('\n', file);
}

/* The table for a file or a pipe, of any width. Result: yours, free(). */
static char *write_unfitted(const struct table *table)
{
    size_t column_count = scols_table_get_ncols(table->scols), len;
    size_t *widths = memory_need(calloc(column_count, sizeof(*widths)));
    char *text = NULL;
    FILE *file = memory_need(open_memstream(&text, &len));
    for (size_t i = 0; i < column_count; i++) {
        struct libscols_column *column = scols_table_get_column(table->scols, i);
        widths[i] = text_width(cell_text(scols_column_get_header(column)));
        for (size_t j = 0; j < table->row_count; j++) {
            struct libscols_line *line = scols_table_get_line(table->scols, j);
            size_t width = text_width(cell_text(scols_line_get_cell(line, i)));
            if (width > widths[i] && width <= COLUMN_WIDTH_MAX)
                widths[i] = width;
        }
    }
    write_row(file, table, NULL, widths);
    for (size_t j = 0; j < table->row_count; j++)
        write_row(file, table, scols_table_get_line(table->scols, j), widths);
    fclose(file);
    free(widths);
    return memory_need(text);
}

/* Prints a line of the table, its last cell painted if it is whole. */
static void print_line(const struct table *table, const char *line, size_t len, size_t row)
{
    while (len && line[len - 1] == ' ')
        len--;
    if (row < table->painted_count && table->painted[row].text) {
        const struct painted_cell *cell = &table->painted[row];
        size_t cell_len = strlen(cell->text);
        if (len >= cell_len && !memcmp(line + len - cell_len, cell->text, cell_len)) {
            fwrite(line, 1, len - cell_len, stdout);
            fputs(cell->painted, stdout);
            putchar('\n');
            return;
        }
    }
    fwrite(line, 1, len, stdout);
    putchar('\n');
}

void table_print(struct table *table)
{
    char *text = NULL;
    if (!table->row_count)
        return;
    if (!isatty(STDOUT_FILENO))
        text = write_unfitted(table);
    else if (scols_print_table_to_string(table->scols, &text) || !text)
        memory_need(NULL);
    size_t row = 0;
    bool is_title = true;
    for (const char *line = text; *line;) {
        size_t len = strcspn(line, "\n");
        if (is_title || !table->is_coloured)
            print_line(table, line, len, SIZE_MAX);
        else
            print_line(table, line, len, row++);
        is_title = false;
        line += len + (line[len] == '\n');
    }
    free(text);
}
