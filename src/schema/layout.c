/*
 * Reads the statements of tables.c and objects.c; see layout.h. They are ours and all of one form, so that little
 * of SQL is understood here; a unit test reads them all.
 */
#include "schema/layout.h"

#include "base/error.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

static const char TABLE[] = "CREATE TABLE ", INDEX[] = "CREATE INDEX ",
                  UNIQUE[] = "CREATE UNIQUE INDEX ", KEY[] = "PRIMARY KEY (";

/* They are about the database that they are in: its version, its batches. */
static const char *const NOT_RECORDS[] = {"daybook_schema", "daybook_commits", NULL};

static bool begins(const char *text, const char *beginning)
{
    return !strncmp(text, beginning, strlen(beginning));
}

static bool is_index(const char *sql)
{
    return begins(sql, INDEX) || begins(sql, UNIQUE);
}

/* The word at `at`, cut at what is no part of a name. Result: what follows. */
static const char *take_word(const char *at, char out[DBKI_WORD_SIZE])
{
    size_t len = 0;
    while (isalnum((unsigned char)at[len]) || at[len] == '_')
        len++;
    snprintf(out, DBKI_WORD_SIZE, "%.*s", (int)len, at);
    return at + len;
}

/* The end of what stands up to the next comma or closing parenthesis outside of any other. */
static const char *end_of_part(const char *at)
{
    for (int depth = 0; *at; at++) {
        if (!depth && (*at == ',' || *at == ')'))
            return at;
        depth += (*at == '(') - (*at == ')');
    }
    return at;
}

static bool has_word(const char *part, const char *end, const char *word)
{
    const char *found = strstr(part, word);
    return found && found < end;
}

static struct dbki_column *find_column(struct dbki_table *table, const char *name)
{
    for (int i = 0; i < table->column_count; i++)
        if (!strcmp(table->columns[i].name, name))
            return &table->columns[i];
    return NULL;
}

static bool has_identity(const struct dbki_table *table)
{
    for (int i = 0; i < table->column_count; i++)
        if (table->columns[i].is_of_identity)
            return true;
    return false;
}

/* Makes the columns of a list, "(a, b)", the table's identity, unless it has one. A single number among them is a key
 * to take ranges by, if there is none that is unique. */
static void set_identity(struct dbki_table *table, const char *list)
{
    bool is_first = !has_identity(table);
    struct dbki_column *only = NULL;
    int count = 0;
    while (*list == '(' || *list == ',') {
        char name[DBKI_WORD_SIZE];
        list = take_word(list + 1 + (list[1] == ' '), name);
        only = find_column(table, name);
        if (only && is_first)
            only->is_of_identity = true;
        count++;
    }
    if (count == 1 && only && only->kind == DBKI_COLUMN_NUMBER && !table->is_key_unique) {
        table->key = (int)(only - table->columns);
        table->is_key_unique = true;
    }
}

static void read_column(struct dbki_table *table, const char *part, const char *end)
{
    struct dbki_column *column = &table->columns[table->column_count++];
    const char *type = take_word(part, column->name);
    type += *type == ' ';
    if (begins(type, "VARCHAR("))
        column->chars_max = atoi(type + strlen("VARCHAR("));
    column->kind = begins(type, "TEXT") || begins(type, "VARCHAR") ? DBKI_COLUMN_TEXT
                   : begins(type, "BLOB")                          ? DBKI_COLUMN_BYTES
                                                                   : DBKI_COLUMN_NUMBER;
    column->is_needed = has_word(part, end, "NOT NULL") || has_word(part, end, "PRIMARY KEY");
    if (has_word(part, end, "PRIMARY KEY")) {
        column->is_of_identity = true;
        if (column->kind == DBKI_COLUMN_NUMBER) {
            table->key = table->column_count - 1;
            table->is_key_unique = true;
            table->counts_up = has_word(part, end, "AUTOINCREMENT");
        }
    }
}

static bool read_table(struct dbki_table *table, const char *sql)
{
    *table = (struct dbki_table){.key = -1};
    const char *at = take_word(sql + strlen(TABLE), table->name);
    table->is_ours = begins(table->name, "daybook_");
    if (!begins(at, " ("))
        return false;
    for (at += 2; *at && *at != ')';) {
        const char *end = end_of_part(at);
        if (begins(at, KEY))
            set_identity(table, at + strlen(KEY) - 1);
        else if (table->column_count == DBKI_COLUMNS_MAX)
            return false;
        else
            read_column(table, at, end);
        at = *end == ',' ? end + 2 : end;
    }
    if (table->key < 0 && table->columns[0].kind == DBKI_COLUMN_NUMBER)
        table->key = 0;
    return table->column_count > 0;
}

static bool is_record(const char *name)
{
    for (const char *const *not = NOT_RECORDS; *not ; not ++)
        if (!strcmp(*not, name))
            return false;
    return true;
}

/* A statement that makes a table adds it; one that makes a unique index may say what a row is known by. */
static bool read_statement(struct dbki_layout *layout, const char *sql)
{
    if (begins(sql, TABLE)) {
        if (layout->count == DBKI_TABLES_MAX)
            return false;
        struct dbki_table *table = &layout->tables[layout->count];
        if (!read_table(table, sql))
            return false;
        layout->count += is_record(table->name);
        return true;
    }
    const char *on = strstr(sql, " ON ");
    if (!is_index(sql) || !on)
        return false;
    char name[DBKI_WORD_SIZE];
    const char *list = take_word(on + strlen(" ON "), name);
    struct dbki_table *table = (struct dbki_table *)(uintptr_t)dbki_layout_find(layout, name);
    if (begins(sql, UNIQUE) && table)
        set_identity(table, list + 1);
    return true;
}

int dbki_layout_read(struct dbki_layout *out_layout, struct dbk_error *error)
{
    out_layout->count = 0;
    bool is_known = true;
    for (const char *const *sql = dbki_tables; *sql && is_known; sql++)
        is_known = read_statement(out_layout, *sql);
    for (int i = 0; i < dbki_object_count && is_known; i++)
        if (dbki_objects[i].own_sql)
            is_known = read_statement(out_layout, dbki_objects[i].own_sql);
    return is_known ? DBK_OK
                    : dbki_error_set(error, DBK_INTERNAL, "a statement of the schema is not read");
}

const struct dbki_table *dbki_layout_find(const struct dbki_layout *layout, const char *name)
{
    for (int i = 0; i < layout->count; i++)
        if (!strcmp(layout->tables[i].name, name))
            return &layout->tables[i];
    return NULL;
}

int dbki_layout_indexes(const struct dbki_schema *schema, const char *out[DBKI_INDEXES_MAX])
{
    int count = 0;
    for (const char *const *sql = dbki_tables; *sql && count < DBKI_INDEXES_MAX; sql++)
        if (is_index(*sql))
            out[count++] = *sql;
    for (int i = 0; i < dbki_object_count && count < DBKI_INDEXES_MAX; i++) {
        const char *sql = dbki_object_create(&dbki_objects[i], schema);
        if (sql && is_index(sql))
            out[count++] = sql;
    }
    return count;
}

void dbki_layout_index_name(const char *sql, char out_name[DBKI_WORD_SIZE])
{
    take_word(sql + strlen(begins(sql, UNIQUE) ? UNIQUE : INDEX), out_name);
}

void dbki_layout_index_table(const char *sql, char out_table[DBKI_WORD_SIZE])
{
    const char *on = strstr(sql, " ON ");
    take_word(on ? on + strlen(" ON ") : "", out_table);
}
