/* A copy of a master's database, past the library: see buildbot.h. */
#include "buildbot.h"

#include <stdlib.h>

const char *in_words_of(struct buildbot *b, const char *sqlite, const char *postgres,
                        const char *mariadb)
{
    return b->engine->words == IN_SQLITE     ? sqlite
           : b->engine->words == IN_POSTGRES ? postgres
                                             : mariadb;
}

/* ------------------------------------------------------------------------------- statements ---- */

/* A master's old rows may break the foreign keys that the tables have now. */
static void *connect_to_server(struct buildbot *b)
{
    void *connection = b->engine->connect(b->url);
    b->engine->text_on(connection, in_words_of(b, "",
                                               "SET session_replication_role = replica;"
                                               " SET client_min_messages = error",
                                               "SET foreign_key_checks = 0"));
    return connection;
}

void buildbot_hold(struct buildbot *b)
{
    if (b->engine->is_file)
        assert_int_equal(sqlite3_open(b->path, (sqlite3 **)&b->held), SQLITE_OK);
    else
        b->held = connect_to_server(b);
    if (b->engine->is_file)
        sqlite3_busy_timeout(b->held, 10000);
}

void buildbot_let_go(struct buildbot *b)
{
    if (b->held && b->engine->is_file)
        sqlite3_close_v2(b->held);
    else if (b->held)
        b->engine->disconnect(b->held);
    b->held = NULL;
}

/* The first column of the first row; NULL: there is none. */
static const char *ask_server(struct buildbot *b, const char *sql)
{
    void *connection = b->held ? b->held : connect_to_server(b);
    const char *text = b->engine->text_on(connection, sql);
    if (!b->held)
        b->engine->disconnect(connection);
    return text;
}

void buildbot_change(struct buildbot *b, const char *sql)
{
    char *message = NULL;
    if (!b->engine->is_file)
        ask_server(b, sql);
    else if (!b->held)
        raw_run(b->path, sql);
    else if (sqlite3_exec(b->held, sql, NULL, NULL, &message))
        fail_msg("%s: %s", sql, message);
}

int64_t buildbot_int(struct buildbot *b, const char *sql)
{
    if (b->engine->is_file)
        return b->held ? raw_int_on(b->held, sql) : raw_int(b->path, sql);
    const char *text = ask_server(b, sql);
    return text ? strtoll(text, NULL, 10) : INT64_MIN;
}

const char *buildbot_text(struct buildbot *b, const char *sql)
{
    return b->engine->is_file ? raw_text(b->path, sql) : ask_server(b, sql);
}

const char *blob_literal(struct buildbot *b, const char *hex)
{
    const char *quote = in_words_of(b, "x'", "'\\x", "x'");
    return test_format("%s%s'", quote, hex);
}

const char *joined(struct buildbot *b, const char *text, const char *between, const char *order)
{
    switch (b->engine->words) {
    case IN_SQLITE:
        return test_format("group_concat(%s, '%s')", text, between);
    case IN_POSTGRES:
        return test_format("string_agg(%s, '%s' ORDER BY %s)", text, between, order);
    default:
        return test_format("group_concat(%s ORDER BY %s SEPARATOR '%s')", text, order, between);
    }
}

/* -------------------------------------------------------------------------------- its state ---- */

void expect_whole(struct buildbot *b)
{
    if (b->engine->is_file)
        assert_string_equal(raw_text(b->path, "PRAGMA integrity_check"), "ok");
    else
        assert_int_equal(
            buildbot_int(b, in_words_of(b, "", "SELECT count(*) FROM pg_index WHERE NOT indisvalid",
                                        "SELECT count(*) FROM information_schema.tables WHERE"
                                        " table_schema = database() AND engine IS NULL")),
            0);
}

void expect_journal(struct buildbot *b, const char *mode)
{
    if (b->engine->is_file)
        assert_string_equal(raw_text(b->path, "PRAGMA journal_mode"), mode);
}

void expect_nothing_beside(struct buildbot *b)
{
    if (b->engine->is_file)
        assert_int_equal(folder_count(b->folder), 1);
}

/* The version of every row. */
static const char *rows_of_postgres(struct buildbot *b)
{
    return ask_server(
        b, "SELECT string_agg(query_to_xml(format('SELECT count(*), sum(hashtext(ctid::text ||"
           " xmin::text)) FROM %I', relname), true, true, '')::text, '' ORDER BY relname)"
           " FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace");
}

/* The contents of every row, by a statement that a statement puts together. */
static const char *rows_of_mariadb(struct buildbot *b)
{
    const char *sql = ask_server(
        b, "SELECT group_concat(one SEPARATOR ' UNION ALL ') FROM (SELECT 'SELECT ''' || table_name"
           " || ' '' || count(*) || '' '' || coalesce(sum(crc32(concat_ws(''|'', ' ||"
           " group_concat('coalesce(' || column_name || ', ''-'')' ORDER BY ordinal_position) ||"
           " '))), 0) AS line FROM ' || table_name AS one FROM information_schema.columns"
           " WHERE table_schema = database() GROUP BY table_name) ones");
    return ask_server(b, test_format("SELECT group_concat(line ORDER BY line) FROM (%s) x", sql));
}

struct picture take_picture(struct buildbot *b)
{
    struct picture picture;
    if (b->engine->is_file) {
        picture.bytes = file_read(b->path, &picture.size);
        return picture;
    }
    const char *rows = b->engine->words == IN_POSTGRES ? rows_of_postgres(b) : rows_of_mariadb(b);
    const char *text = test_format("%s\n%s", rows, buildbot_schema(b, true));
    return (struct picture){text, strlen(text)};
}

void expect_picture(struct buildbot *b, const struct picture *before)
{
    struct picture now = take_picture(b);
    assert_int_equal(now.size, before->size);
    assert_memory_equal(now.bytes, before->bytes, now.size);
}

const char *buildbot_schema(struct buildbot *b, bool is_whole)
{
    static const char OF_FILE[] =
        "SELECT group_concat(type || ' ' || name || ' ' || coalesce(sql, '-'), char(10)) FROM"
        " (SELECT * FROM sqlite_master WHERE %d OR (name NOT LIKE 'daybook%%'"
        " AND name NOT LIKE 'sqlite_autoindex_daybook%%') ORDER BY type, name)";
    static const char OF_POSTGRES[] =
        "SELECT string_agg(line, E'\\n' ORDER BY line) FROM ("
        "SELECT format('%%s %%s', relkind, relname) AS line FROM pg_class"
        " WHERE relnamespace = current_schema()::regnamespace UNION ALL "
        "SELECT format('column %%s.%%s %%s %%s %%s', c.relname, attname,"
        " format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid))"
        " FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid LEFT JOIN pg_attrdef d"
        " ON d.adrelid = c.oid AND d.adnum = a.attnum WHERE c.relkind = 'r' AND a.attnum > 0"
        " AND NOT attisdropped AND relnamespace = current_schema()::regnamespace UNION ALL "
        "SELECT format('%%s %%s %%s', pg_get_indexdef(indexrelid), indisvalid, indrelid::regclass)"
        " FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
        " WHERE relnamespace = current_schema()::regnamespace UNION ALL "
        "SELECT format('%%s %%s %%s', conrelid::regclass, conname, pg_get_constraintdef(oid))"
        " FROM pg_constraint WHERE connamespace = current_schema()::regnamespace UNION ALL "
        "SELECT format('trigger %%s %%s', tgrelid::regclass, tgname) FROM pg_trigger"
        " WHERE NOT tgisinternal UNION ALL "
        "SELECT format('function %%s', proname) FROM pg_proc"
        " WHERE pronamespace = current_schema()::regnamespace"
        ") lines WHERE %s OR line NOT LIKE '%%daybook%%'";
    static const char OF_MARIADB[] =
        "SELECT group_concat(line ORDER BY line SEPARATOR '\n') FROM ("
        "SELECT concat_ws(' ', 'table', table_name, engine, table_collation, table_comment) AS line"
        " FROM information_schema.tables WHERE table_schema = database() UNION ALL "
        "SELECT concat_ws(' ', 'column', table_name, ordinal_position, column_name, column_type,"
        " is_nullable, coalesce(column_default, '-'), extra, coalesce(collation_name, '-'))"
        " FROM information_schema.columns WHERE table_schema = database() UNION ALL "
        "SELECT concat_ws(' ', 'index', table_name, index_name, non_unique, seq_in_index,"
        " column_name, index_type) FROM information_schema.statistics"
        " WHERE table_schema = database() UNION ALL "
        "SELECT concat_ws(' ', 'key', table_name, constraint_name, referenced_table_name,"
        " delete_rule) FROM information_schema.referential_constraints"
        " WHERE constraint_schema = database() UNION ALL "
        "SELECT concat_ws(' ', 'trigger', trigger_name) FROM information_schema.triggers"
        " WHERE trigger_schema = database() UNION ALL "
        "SELECT concat_ws(' ', 'routine', routine_name) FROM information_schema.routines"
        " WHERE routine_schema = database()"
        ") all_lines WHERE %s OR line NOT LIKE '%%daybook%%'";
    const char *whole = is_whole ? "true" : "false";
    if (b->engine->is_file)
        return raw_text(b->path, test_format(OF_FILE, is_whole));
    return ask_server(b, b->engine->words == IN_POSTGRES ? test_format(OF_POSTGRES, whole)
                                                         : test_format(OF_MARIADB, whole));
}
