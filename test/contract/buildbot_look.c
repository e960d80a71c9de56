/* A copy of a master's database, past the library: see buildbot.h. */
#include "buildbot.h"
#include "postgres.h"

#include <libpq-fe.h>
#include <stdlib.h>

/* ------------------------------------------------------------------------------- statements ---- */

/* A master's old rows may break the foreign keys that the tables have now. */
static const char NO_KEYS[] = "SET session_replication_role = replica";

static PGconn *connect_pg(struct buildbot *b)
{
    PGconn *pg = PQconnectdb(b->url);
    if (PQstatus(pg) != CONNECTION_OK)
        fail_msg("%s: %s", b->url, PQerrorMessage(pg));
    PQclear(PQexec(pg, NO_KEYS));
    PQclear(PQexec(pg, "SET client_min_messages = error"));
    return pg;
}

void buildbot_hold(struct buildbot *b)
{
    if (b->engine->is_file)
        assert_int_equal(sqlite3_open(b->path, (sqlite3 **)&b->held), SQLITE_OK);
    else
        b->held = connect_pg(b);
    if (b->engine->is_file)
        sqlite3_busy_timeout(b->held, 10000);
}

void buildbot_let_go(struct buildbot *b)
{
    if (b->held && b->engine->is_file)
        sqlite3_close_v2(b->held);
    else if (b->held)
        PQfinish(b->held);
    b->held = NULL;
}

/* The first column of the first row; NULL: there is none. */
static const char *ask_pg(struct buildbot *b, const char *sql)
{
    PGconn *pg = b->held ? b->held : connect_pg(b);
    PGresult *result = PQexec(pg, sql);
    if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(pg));
    bool has_one = PQntuples(result) > 0 && !PQgetisnull(result, 0, 0);
    const char *text = has_one ? test_copy(PQgetvalue(result, 0, 0)) : NULL;
    PQclear(result);
    if (!b->held)
        PQfinish(pg);
    return text;
}

void buildbot_change(struct buildbot *b, const char *sql)
{
    char *message = NULL;
    if (!b->engine->is_file)
        ask_pg(b, sql);
    else if (!b->held)
        raw_run(b->path, sql);
    else if (sqlite3_exec(b->held, sql, NULL, NULL, &message))
        fail_msg("%s: %s", sql, message);
}

int64_t buildbot_int(struct buildbot *b, const char *sql)
{
    if (b->engine->is_file)
        return b->held ? raw_int_on(b->held, sql) : raw_int(b->path, sql);
    const char *text = ask_pg(b, sql);
    return text ? strtoll(text, NULL, 10) : INT64_MIN;
}

const char *buildbot_text(struct buildbot *b, const char *sql)
{
    return b->engine->is_file ? raw_text(b->path, sql) : ask_pg(b, sql);
}

const char *blob_literal(struct buildbot *b, const char *hex)
{
    return test_format(b->engine->is_file ? "x'%s'" : "'\\x%s'", hex);
}

const char *text_aggregate(struct buildbot *b)
{
    return b->engine->is_file ? "group_concat" : "string_agg";
}

/* -------------------------------------------------------------------------------- its state ---- */

void expect_whole(struct buildbot *b)
{
    if (b->engine->is_file)
        assert_string_equal(raw_text(b->path, "PRAGMA integrity_check"), "ok");
    else
        assert_int_equal(buildbot_int(b, "SELECT count(*) FROM pg_index WHERE NOT indisvalid"), 0);
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

struct picture take_picture(struct buildbot *b)
{
    struct picture picture;
    if (b->engine->is_file) {
        picture.bytes = file_read(b->path, &picture.size);
        return picture;
    }
    const char *rows = ask_pg(
        b, "SELECT string_agg(query_to_xml(format('SELECT count(*), sum(hashtext(ctid::text ||"
           " xmin::text)) FROM %I', relname), true, true, '')::text, '' ORDER BY relname)"
           " FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace");
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
    static const char OF_SERVER[] =
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
    return b->engine->is_file ? raw_text(b->path, test_format(OF_FILE, is_whole))
                              : ask_pg(b, test_format(OF_SERVER, is_whole ? "true" : "false"));
}
