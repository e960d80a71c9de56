/*
 * The same tables, indexes and rows as in the file: what a master gives its database on PostgreSQL differs in the
 * types of some columns alone (a key is SERIAL, bytes are BYTEA), and in that foreign keys are held.
 */
#include "buildbot_postgres.h"

#include "postgres.h"
#include "raw.h"

#include <stdio.h>
#include <stdlib.h>

static const char *text(sqlite3_stmt *row, int column)
{
    return (const char *)sqlite3_column_text(row, column);
}

/* name, type, notnull, dflt_value, whether it is the key, is the first column, refers to another table */
static void add_column(FILE *out, sqlite3_stmt *row)
{
    const char *type = text(row, 1);
    bool is_key =
        sqlite3_column_int(row, 4) && !sqlite3_column_int(row, 6) && !strcmp(type, "INTEGER");
    fprintf(out, "%s%s %s%s", sqlite3_column_int(row, 5) ? "" : ", ", text(row, 0),
            is_key                  ? "SERIAL"
            : !strcmp(type, "BLOB") ? "BYTEA"
                                    : type,
            sqlite3_column_int(row, 2) || is_key ? " NOT NULL" : "");
    if (text(row, 3))
        fprintf(out, " DEFAULT %s", text(row, 3));
    if (sqlite3_column_int(row, 4))
        fprintf(out, " PRIMARY KEY");
}

static void add_line(FILE *out, sqlite3_stmt *row)
{
    fprintf(out, "%s;\n", text(row, 0));
}

/* Puts a statement together, for each row of which another statement comes out: the rows of a table, as literals. */
static void add_literal(FILE *out, sqlite3_stmt *row)
{
    const char *name = text(row, 0);
    if (!strcmp(text(row, 1), "BLOB"))
        fprintf(out, " || ',' || coalesce('''\\x' || hex(%s) || '''', 'NULL')", name);
    else
        fprintf(out, " || ',' || quote(%s)", name);
}

static void add_table(FILE *out, sqlite3 *db, const char *table)
{
    char *select = NULL;
    size_t size;
    fprintf(out, "CREATE TABLE %s (", table);
    raw_each(out, db,
             test_format("SELECT name, type, \"notnull\", dflt_value, pk, cid = 0, name IN (SELECT"
                         " \"from\" FROM pragma_foreign_key_list('%s')) FROM"
                         " pragma_table_info('%s') ORDER BY cid",
                         table, table),
             add_column);
    fprintf(out, ");\n");
    FILE *file = open_memstream(&select, &size);
    assert_non_null(file);
    fprintf(file, "SELECT 'INSERT INTO %s VALUES (' || substr(''", table);
    raw_each(file, db,
             test_format("SELECT name, type FROM pragma_table_info('%s') ORDER BY cid", table),
             add_literal);
    fprintf(file, ", 2) || ')' FROM %s ORDER BY rowid", table);
    fclose(file);
    raw_each(out, db, select, add_line);
    free(select);
    raw_each(out, db,
             test_format("SELECT 'SELECT setval(pg_get_serial_sequence(''%s'', ''' || name ||"
                         " '''), max(' || name || ')) FROM %s' FROM pragma_table_info('%s') WHERE"
                         " pk AND type = 'INTEGER' AND name IN ('id', 'changeid', 'uid')",
                         table, table, table),
             add_line);
}

static void add_table_of_row(FILE *out, sqlite3_stmt *row)
{
    add_table(out, sqlite3_db_handle(row), text(row, 0));
}

static const char *script_of(const char *file)
{
    char *script = NULL;
    size_t size;
    sqlite3 *db;
    FILE *out = open_memstream(&script, &size);
    assert_non_null(out);
    assert_int_equal(sqlite3_open_v2(file, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    fprintf(out, "BEGIN;\n");
    raw_each(out, db, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY rowid",
             add_table_of_row);
    raw_each(out, db, "SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
             add_line);
    raw_each(out, db,
             "SELECT 'ALTER TABLE ' || m.name || ' ADD FOREIGN KEY (' || f.\"from\" ||"
             " ') REFERENCES ' || f.\"table\" || ' (' || f.\"to\" || ') ON DELETE ' || f.on_delete"
             " FROM sqlite_master m, pragma_foreign_key_list(m.name) f WHERE m.type = 'table'",
             add_line);
    fprintf(out, "COMMIT;\n");
    fclose(out);
    sqlite3_close(db);
    return test_keep(script, free);
}

const char *buildbot_postgres_place(const char *file)
{
    static bool is_made;
    if (!postgres_folder())
        return NULL;
    if (!is_made)
        postgres_run(postgres_database_named("master", ""), script_of(file));
    is_made = true;
    return postgres_database("TEMPLATE master");
}
