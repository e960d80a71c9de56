/*
 * The same tables, indexes and rows as in the file, as a master makes them on MariaDB when its URL says
 * storage_engine=InnoDB: numbers of 31 bits, keys that count up, texts of at most 65,535 bytes that are compared without
 * regard to case, and foreign keys that are held. Its tables are utf8 (three bytes a character), whatever the database is.
 */
#include "buildbot_mariadb.h"

#include "mariadb.h"
#include "raw.h"

#include <stdlib.h>

static const char *text(sqlite3_stmt *row, int column)
{
    return (const char *)sqlite3_column_text(row, column);
}

/* name, type, notnull, dflt_value, whether it is the key, is the first column, refers to another table, the table */
static void add_column(FILE *out, sqlite3_stmt *row)
{
    const char *type = text(row, 1);
    bool is_bytes = !strcmp(type, "BLOB"), is_chunk = !strcmp(text(row, 7), "logchunks");
    bool counts_up =
        sqlite3_column_int(row, 4) && !sqlite3_column_int(row, 6) && !strcmp(type, "INTEGER");
    fprintf(out, "%s%s %s%s", sqlite3_column_int(row, 5) ? "" : ", ", text(row, 0),
            !is_bytes  ? type
            : is_chunk ? "MEDIUMBLOB"
                       : "LONGBLOB",
            sqlite3_column_int(row, 2) ? " NOT NULL" : "");
    if (text(row, 3))
        fprintf(out, " DEFAULT %s", text(row, 3));
    if (sqlite3_column_int(row, 4))
        fprintf(out, "%s PRIMARY KEY", counts_up ? " AUTO_INCREMENT" : "");
}

/* What stands in the table beside its columns, of which the first column of a row is the SQL. */
static void add_part(FILE *out, sqlite3_stmt *row)
{
    fprintf(out, ", %s", text(row, 0));
}

/* Puts a statement together, for each row of which another statement comes out: the rows of a table, as literals. */
static void add_literal(FILE *out, sqlite3_stmt *row)
{
    fprintf(out, " || ',' || quote(%s)", text(row, 0));
}

/* The first row of a table's begins the statement, the last one ends it. */
static void add_values(FILE *out, sqlite3_stmt *row)
{
    fprintf(out, "%s", text(row, 0));
}

static void add_rows_of(FILE *out, sqlite3 *db, const char *table)
{
    char *select = NULL;
    size_t size;
    FILE *file = open_memstream(&select, &size);
    assert_non_null(file);
    fprintf(
        file,
        "SELECT iif(row_number() OVER () = 1, 'INSERT INTO %s VALUES ', ',') || '(' || substr(''",
        table);
    raw_each(file, db, test_format("SELECT name FROM pragma_table_info('%s') ORDER BY cid", table),
             add_literal);
    fprintf(file,
            ", 2) || ')' || iif(row_number() OVER () = count(*) OVER (), ';', '')"
            " FROM %s ORDER BY rowid",
            table);
    fclose(file);
    raw_each(out, db, select, add_values);
    free(select);
}

static void add_table(FILE *out, sqlite3_stmt *row)
{
    sqlite3 *db = sqlite3_db_handle(row);
    const char *table = text(row, 0);
    fprintf(out, "CREATE TABLE %s (", table);
    raw_each(out, db,
             test_format("SELECT name, type, \"notnull\", dflt_value, pk, cid = 0, name IN (SELECT"
                         " \"from\" FROM pragma_foreign_key_list('%s')), '%s' FROM"
                         " pragma_table_info('%s') ORDER BY cid",
                         table, table, table),
             add_column);
    raw_each(out, db,
             test_format("SELECT iif(l.\"unique\", 'UNIQUE KEY ', 'KEY ') || l.name || ' (' ||"
                         " (SELECT group_concat(i.name || iif(c.type = 'TEXT', '(255)', '')) FROM"
                         " pragma_index_info(l.name) i JOIN pragma_table_info('%s') c USING (cid))"
                         " || ')'"
                         " FROM pragma_index_list('%s') l WHERE origin = 'c' ORDER BY seq DESC",
                         table, table),
             add_part);
    raw_each(
        out, db,
        test_format("SELECT 'FOREIGN KEY (' || \"from\" || ') REFERENCES ' || \"table\" || ' ('"
                    " || \"to\" || ') ON DELETE ' || on_delete FROM"
                    " pragma_foreign_key_list('%s') ORDER BY id DESC",
                    table),
        add_part);
    fprintf(out, ") ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;\n");
    add_rows_of(out, db, table);
}

static const char *script_of(const char *file)
{
    char *script = NULL;
    size_t size;
    sqlite3 *db;
    FILE *out = open_memstream(&script, &size);
    assert_non_null(out);
    assert_int_equal(sqlite3_open_v2(file, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    fprintf(out, "SET foreign_key_checks = 0;\n");
    raw_each(out, db, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY rowid",
             add_table);
    fclose(out);
    sqlite3_close(db);
    return script;
}

const char *buildbot_mariadb_place(const char *file)
{
    static const char *script;
    const char *url = mariadb_place();
    if (!url)
        return NULL;
    if (!script)
        script = script_of(file);
    mariadb_run(url, script);
    return url;
}
