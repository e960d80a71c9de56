/*
 * Tables, fitted to the terminal; elsewhere nothing is cut, and very long cells stick out. Not for records of many lines.
 *
 *     struct table *table = table_new(arguments->is_coloured);
 *     table_column(table, "BUILD", TABLE_LEFT);
 *     table_row(table);
 *     table_cell(table, "nightly/12", NULL);
 *     table_print(table);
 *     table_free(table);
 */
#ifndef TABLE_H
#define TABLE_H

#include <stdbool.h>

enum table_align {
    TABLE_LEFT,
    TABLE_RIGHT,
    TABLE_CUT,  /* to the left, and what the terminal has no room for is cut here first */
    TABLE_NAME, /* to the left, and cut only when it takes more than half of the terminal */
};

struct table;

struct table *table_new(bool is_coloured);
void table_free(struct table *table);

/* Adds a column. All columns come before the first row. */
void table_column(struct table *table, const char *title, enum table_align align);

/* Begins a row; its cells follow from left to right. */
void table_row(struct table *table);

/* Adds a cell. Args: color is an escape sequence, NULL for none. NULL as text is "-". */
void table_cell(struct table *table, const char *text, const char *color);

/* Adds a cell of a number, "-" for none. */
void table_cell_number(struct table *table, long long number);

/*
 * Adds a row's last cell, in which every character has its own look: painted is the same text with
 * escape sequences in it, and stands for text where there is room and colour.
 */
void table_cell_painted(struct table *table, const char *text, const char *painted);

/* Prints the table on stdout; one without rows prints nothing. */
void table_print(struct table *table);

#endif
