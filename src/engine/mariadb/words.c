/*
 * The connectors' SQL in MariaDB's words: what differs is replaced by a table, or, where a whole form does, by a
 * function. What stands within quotes is left alone.
 */
#include "engine/mariadb/conn.h"
#include "engine/words.h"

#include <string.h>

#define LENGTH_OF_VALUE                                                                            \
    "CASE typeof(t.value) WHEN 'blob' THEN length(t.value) ELSE length(CAST(t.value AS BLOB)) END"
#define OF_BUILDSET                                                                                \
    " FROM buildset_sourcestamps x JOIN sourcestamps s ON s.id = x.sourcestampid"                  \
    " WHERE x.buildsetid = q.buildsetid"
#define UPSERT "ON DUPLICATE KEY UPDATE"

/* A longer one before its beginning. */
static const struct dbki_word WORDS[] = {
    {"daybook_range(t.id, ?, ?)",
     "substr(t.value, least(?, 2147483646) + 1, least(?, 2147483647))"},
    {"t.length IS NOT " LENGTH_OF_VALUE, "NOT t.length <=> length(t.value)"},
    {LENGTH_OF_VALUE, "length(t.value)"},
    {"IS ?", "<=> ?"},
    {"IS s.branch", "<=> s.branch"},
    {"max(coalesce((SELECT value", "greatest(coalesce((SELECT value"},
    {"AS TEXT)", "AS CHAR)"},
    {"FOR NO KEY UPDATE", "FOR UPDATE"},
    /* An insert that finds its row there. One that would leave it as it is counts as no change. */
    {"ON CONFLICT (buildid, name) DO UPDATE SET", UPSERT},
    {"ON CONFLICT (name) DO UPDATE SET", UPSERT},
    {"ON CONFLICT (builderid, lineage_hash, complete_at, number) DO UPDATE SET", UPSERT},
    {" WHERE build_properties.value <> excluded.value"
     " OR build_properties.source <> excluded.source",
     ""},
    {"excluded.value", "VALUES(value)"},
    {"excluded.length", "VALUES(length)"},
    {"excluded.source", "VALUES(source)"},
    {"excluded.buildid", "VALUES(buildid)"},
    /* A table that a query makes knows nothing of the one around it; and what is counted must not be NULL. */
    {"(SELECT count(*) FROM (SELECT DISTINCT s.repository, s.branch, s.codebase" OF_BUILDSET
     ") members)",
     "(SELECT count(DISTINCT BINARY s.repository, BINARY coalesce(concat('=', s.branch), ''),"
     " BINARY s.codebase)" OF_BUILDSET ")"},
    /* IN takes no subquery with a LIMIT. */
    {"(week, key, scope) IN (SELECT week, key, scope FROM daybook_operations WHERE week < ?"
     " ORDER BY week, key, scope LIMIT 500)",
     "week < ? ORDER BY week, `key`, scope LIMIT 500"},
    {"name IN (SELECT name FROM daybook_commits WHERE at < ? ORDER BY at LIMIT 5000)",
     "at < ? ORDER BY at LIMIT 5000"},
    {"DELETE FROM build_data AS d", "DELETE d FROM build_data AS d"},
    /* Rows that are being written by others are not there yet: they are not waited for. So the order of the tables is
     * given: a walk over all events would stop at the first such row. */
    {"UPDATE daybook_events SET position = m.value + n.place FROM daybook_marks m,"
     " (SELECT id, row_number() OVER (ORDER BY id) AS place FROM daybook_events"
     " WHERE position IS NULL ORDER BY id LIMIT 1000) n"
     " WHERE m.name = 'events given' AND n.id = daybook_events.id",
     "UPDATE daybook_marks m STRAIGHT_JOIN (SELECT id, row_number() OVER (ORDER BY id) AS place"
     " FROM (SELECT id FROM daybook_events WHERE position IS NULL ORDER BY id LIMIT 1000"
     " FOR UPDATE SKIP LOCKED) unplaced) n STRAIGHT_JOIN daybook_events e FORCE INDEX (PRIMARY)"
     " ON e.id = n.id SET e.position = m.value + n.place WHERE m.name = 'events given'"},
    /* Buildbot's rows in the order in which they were inserted, the last first: they have no number that can be asked
     * for, but an index has them in that order. */
    {"FROM build_properties WHERE buildid > ? AND buildid <= ? ORDER BY buildid, rowid DESC",
     "FROM build_properties FORCE INDEX (build_properties_buildid)"
     " WHERE buildid > ? AND buildid <= ? ORDER BY buildid DESC"},
    {"FROM buildset_properties WHERE buildsetid > ? AND buildsetid <= ?"
     " ORDER BY buildsetid, rowid DESC",
     "FROM buildset_properties FORCE INDEX (buildset_properties_buildsetid)"
     " WHERE buildsetid > ? AND buildsetid <= ? ORDER BY buildsetid DESC"},
    {", rowid DESC", ""}, /* of other tables all rows are taken */
    /* Reserved words that name columns. */
    {"key", "`key`"},
    {"before", "`before`"},
    {NULL, NULL},
};

/* The types of columns. */
static const struct dbki_word DDL_WORDS[] = {
    /* The id stands behind the columns of every index: so those that ended last come in its order. */
    {"ON builds (complete_at, builderid, number)", "ON builds (complete_at)"},
    {"INTEGER PRIMARY KEY AUTOINCREMENT", "BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY"},
    {"INTEGER", "BIGINT"},
    {"key TEXT NOT NULL, scope TEXT NOT NULL",
     "`key` VARCHAR(128) NOT NULL, scope VARCHAR(128) NOT NULL"}, /* what submit.c allows */
    {"PRIMARY KEY (week, key, scope)", "PRIMARY KEY (week, `key`, scope)"},
    {"TEXT", "LONGTEXT"},
    {"BLOB", "LONGBLOB"},
    {" WITHOUT ROWID", ""},
    /* Each is committed by itself: who is cut off between two goes on there. */
    {"CREATE TABLE", "CREATE TABLE IF NOT EXISTS"},
    {"CREATE INDEX", "CREATE INDEX IF NOT EXISTS"},
    {"CREATE UNIQUE INDEX", "CREATE UNIQUE INDEX IF NOT EXISTS"},
    {NULL, NULL},
};

/* Texts are compared byte by byte, to the last space; the comment is how ours are known (engine.c). */
#define TABLE_TAIL                                                                                 \
    " ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin"          \
    " COMMENT='daybook'"

static bool begins_with(const char *text, const char *words)
{
    return !strncmp(text, words, strlen(words));
}

/*
 * "ON CONFLICT DO NOTHING": the insert's first column stays what it is. IGNORE would also let values be cut that do not
 * fit. Result: how much of `sql`, which is `whole` from there on, it stands for; 0: it is something else.
 */
static size_t add_nothing(const char *whole, const char *sql, struct dbki_buf *out)
{
    static const char ours[] = "ON CONFLICT DO NOTHING", insert[] = "INSERT INTO ";
    if (!begins_with(sql, ours) || !begins_with(whole, insert))
        return 0;
    const char *table = whole + sizeof insert - 1;
    int table_len = (int)strcspn(table, " (");
    const char *column = strchr(table, '(');
    column = column ? column + 1 : table;
    int column_len = (int)strcspn(column, ",)");
    dbki_buf_addf(out, UPSERT " %.*s.%.*s = %.*s.%.*s", table_len, table, column_len, column,
                  table_len, table, column_len, column);
    return sizeof ours - 1;
}

/*
 * "AS (VALUES (?, ?), (?, ?)": a SELECT for each row. MariaDB takes the types of such a table from its first row when
 * it prepares the statement, when parameters have none, and every value comes out empty.
 */
static size_t add_rows(const char *sql, struct dbki_buf *out)
{
    static const char ours[] = "AS (VALUES (";
    if (!begins_with(sql, ours))
        return 0;
    const char *row = sql + sizeof ours - 1;
    dbki_buf_add(out, "AS (SELECT ");
    for (;;) {
        size_t len = strcspn(row, ")");
        dbki_buf_add_n(out, row, len);
        row += len + (row[len] == ')');
        size_t gap = strspn(row, ", ");
        if (!gap || row[gap] != '(')
            return (size_t)(row - sql);
        dbki_buf_add(out, " UNION ALL SELECT ");
        row += gap + 1;
    }
}

/*
 * Rows of one record in the order of the column behind it in an index, from some place on: "a = ? AND b < ? ... ORDER BY
 * b". MariaDB looks up the equality alone where it has many rows, and goes through all that stand before the place. In
 * "a IN (?, -1)", where -1 is nobody's id, it uses the bound too, and "ORDER BY a, b" is the order of the index.
 */
static const struct bounded {
    const char *equal, *column, *next;
} BOUNDED[] = {
    {"t.builderid = ?", "t.builderid", "t.number"},
    {"builderid = ?", "builderid", "number"},
    {"t.workerid = ?", "t.workerid", "t.id"},
};

/* Whether a text has both, one right behind the other. */
static bool has_pair(const char *text, const char *first, const char *second)
{
    size_t len = strlen(first);
    for (const char *at = text; (at = strstr(at, first)); at += len)
        if (begins_with(at + len, second))
            return true;
    return false;
}

static const struct bounded *find_bounded(const char *sql)
{
    for (size_t i = 0; i < sizeof BOUNDED / sizeof BOUNDED[0]; i++) {
        const struct bounded *bounded = &BOUNDED[i];
        if (strstr(sql, bounded->equal) && has_pair(sql, "ORDER BY ", bounded->next) &&
            (has_pair(sql, bounded->next, " <") || has_pair(sql, bounded->next, " >")))
            return bounded;
    }
    return NULL;
}

/* Result: as add_nothing(). */
static size_t add_bounded(const struct bounded *bounded, const char *sql, char before,
                          struct dbki_buf *out)
{
    static const char order[] = "ORDER BY ";
    size_t order_len = sizeof order - 1, next_len = bounded ? strlen(bounded->next) : 0;
    if (!bounded || (before != ' ' && before != '('))
        return 0;
    if (begins_with(sql, bounded->equal)) {
        dbki_buf_addf(out, "%s IN (?, -1)", bounded->column);
        return strlen(bounded->equal);
    }
    if (!begins_with(sql, order) || !begins_with(sql + order_len, bounded->next))
        return 0;
    bool is_reversed = begins_with(sql + order_len + next_len, " DESC");
    dbki_buf_addf(out, "%s%s%s, %s", order, bounded->column, is_reversed ? " DESC" : "",
                  bounded->next);
    return order_len + next_len;
}

static void translate(const struct dbki_word *words, const char *sql, struct dbki_buf *out)
{
    const char *whole = sql;
    const struct bounded *bounded = words == WORDS ? find_bounded(sql) : NULL;
    char before = ' ';
    while (*sql) {
        const struct dbki_word *word = dbki_word_find(words, sql, before);
        size_t len;
        if (word) {
            dbki_buf_add(out, word->theirs);
            len = strlen(word->ours);
        } else if (!(len = add_nothing(whole, sql, out)) && !(len = add_rows(sql, out)) &&
                   !(len = add_bounded(bounded, sql, before, out))) {
            len = dbki_word_skip(sql);
            dbki_buf_add_n(out, sql, len);
        }
        sql += len;
        before = sql[-1];
    }
}

void dbki_mariadb_words(const char *sql, struct dbki_buf *out_text)
{
    translate(WORDS, sql, out_text);
}

void dbki_mariadb_ddl_words(const char *sql, struct dbki_buf *out_text)
{
    translate(DDL_WORDS, sql, out_text);
    if (begins_with(sql, "CREATE TABLE"))
        dbki_buf_add(out_text, TABLE_TAIL);
}

void dbki_mariadb_spell_trigger(const char *name, const char *table, const char *verb,
                                const char *statement, struct dbki_buf *out_text)
{
    dbki_buf_add(out_text, "SET STATEMENT lock_wait_timeout = 2 FOR ");
    if (table)
        dbki_buf_addf(out_text, "CREATE TRIGGER %s AFTER %s ON %s FOR EACH ROW %s", name, verb,
                      table, statement);
    else
        dbki_buf_addf(out_text, "DROP TRIGGER %s", name);
}

void dbki_mariadb_spell_refusal(const char *text, struct dbki_buf *out_text)
{
    dbki_buf_add(out_text, "SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 31644, MESSAGE_TEXT = ");
    dbki_word_quote(text, out_text);
}
