/*
 * The tables of a store as data: read out of the statements that make them, for whoever treats all of them alike
 * (copying, comparing). Nothing here touches a database.
 */
#ifndef DBKI_LAYOUT_H
#define DBKI_LAYOUT_H

#include "schema/schema.h"

enum { DBKI_COLUMNS_MAX = 16, DBKI_TABLES_MAX = 40, DBKI_WORD_SIZE = 48, DBKI_INDEXES_MAX = 64 };

enum dbki_column_kind { DBKI_COLUMN_NUMBER, DBKI_COLUMN_TEXT, DBKI_COLUMN_BYTES };

struct dbki_column {
    char name[DBKI_WORD_SIZE];
    enum dbki_column_kind kind;
    int chars_max;  /* of a text; 0: no limit of its own */
    bool is_needed; /* NOT NULL */
    bool
        is_of_identity; /* two rows of the table differ in one of these; in none: rows may be the same */
};

struct dbki_table {
    char name[DBKI_WORD_SIZE];
    struct dbki_column columns[DBKI_COLUMNS_MAX];
    int column_count;
    int key; /* the column of numbers by whose ranges rows are taken; -1: there is none */
    bool is_key_unique; /* one row has one of them */
    bool counts_up;     /* the database gives the key, and none twice */
    bool is_ours;       /* daybook's own, not Buildbot's */
};

/* In the order in which they are made: what others refer to comes first. Without the tables that are about the
 * one database that they are in. */
struct dbki_layout {
    struct dbki_table tables[DBKI_TABLES_MAX];
    int count;
};

/* Result: 0, or DBK_INTERNAL when a statement is not of the form that this file's reader knows. */
int dbki_layout_read(struct dbki_layout *out_layout, struct dbk_error *error);

/* The table of that name; NULL: there is none. */
const struct dbki_table *dbki_layout_find(const struct dbki_layout *layout, const char *name);

/* The statements that make the indexes of a store of our own. Result: how many stand in `out`. */
int dbki_layout_indexes(const struct dbki_schema *schema, const char *out[DBKI_INDEXES_MAX]);
/* The name of the index that such a statement makes, and of the table that it is on. */
void dbki_layout_index_name(const char *sql, char out_name[DBKI_WORD_SIZE]);
void dbki_layout_index_table(const char *sql, char out_table[DBKI_WORD_SIZE]);

#endif
