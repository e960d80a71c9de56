/*
 * The connectors' SQL for tables that are not ours, whose texts the server compares by a language's rules: 'Key' and
 * 'key' are the same to it, and a text in another character set may be an error. Here each comparison of a column of
 * texts becomes one of bytes, which is by code point; an equality keeps the column's index beside it:
 *
 *     t.name = ?     (t.name = CONVERT(? USING utf8mb3) AND BINARY t.name = ?)
 *     t.name > ?     BINARY t.name > ?
 *
 * What asks whether the table's own unique index takes a name for taken stays the table's. This comes before the
 * words that differ (words.c).
 */
#include "engine/mariadb/conn.h"
#include "engine/words.h"

#include <ctype.h>
#include <string.h>

/* The columns of texts that calls compare, in whatever table. */
static const char *const TEXTS[] = {
    "name",
    "value",
    "source",
    "state_string",
    "branch",
    "revision",
    "repository",
    "codebase",
    "project",
    "author",
    "committer",
    "comments",
    "revlink",
    "category",
    "reason",
    "info",
    "urls_json",
    "description",
    "pause_reason",
    "external_idstring",
    "description_format",
    "description_html",
    "parent_relationship",
    NULL,
};

/* Whole forms: those that stay the table's own, and those of columns with one another. */
static const struct dbki_word FORMS[] = {
    {"SELECT 1 FROM steps WHERE buildid = ? AND name = ?",
     "SELECT 1 FROM steps WHERE buildid = ? AND name = CONVERT(? USING %)"},
    {"d.buildid = b.id AND d.name = ?", "d.buildid = b.id AND d.name = CONVERT(? USING %)"},
    {"t.name = k.b", "BINARY t.name = BINARY k.b"},
    {"w.repository = s.repository AND w.branch IS s.branch AND w.codebase = s.codebase",
     "w.repository = BINARY s.repository AND w.branch <=> BINARY s.branch"
     " AND w.codebase = BINARY s.codebase"},
    {"GROUP BY t.buildid, t.name", "GROUP BY t.buildid, BINARY t.name"},
    {"PARTITION BY buildid, name", "PARTITION BY buildid, BINARY name"},
    {"(SELECT p.value FROM build_properties", "(SELECT BINARY p.value FROM build_properties"},
    /* Of rows without ids those of a build come in the order in which they were added. */
    {"p.rowid DESC", "rownum() DESC"},
    {"rowid DESC", "rownum() DESC"},
    {NULL, NULL},
};

struct maker {
    const char *charset;
    struct dbki_buf *text;
    struct dbki_repeats *repeats;
    int count;       /* of parameters, in its text */
    bool is_setting; /* what stands there is what a column becomes */
    bool is_order;   /* within an ORDER BY */
};

static bool is_name_char(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static bool begins_with(const char *text, const char *words)
{
    return !strncmp(text, words, strlen(words));
}

static void add_param(struct maker *maker)
{
    maker->count++;
    dbki_buf_add(maker->text, "?");
}

/* The parameter before it once more. */
static void repeat_param(struct maker *maker)
{
    struct dbki_repeats *repeats = maker->repeats;
    if (repeats->count < DBKI_REPEATS_MAX)
        repeats->at[repeats->count] = maker->count;
    repeats->count++;
    add_param(maker);
}

/* Adds words with their parameters; a '%' stands for the character set. */
static void add_words(struct maker *maker, const char *words)
{
    for (; *words; words++)
        if (*words == '?')
            add_param(maker);
        else if (*words == '%')
            dbki_buf_add(maker->text, maker->charset);
        else
            dbki_buf_add_n(maker->text, words, 1);
}

/* How long the column of texts is that is named there, perhaps with its table's letter; 0: none is. */
static size_t column_at(const char *sql, char before)
{
    size_t len = 0, from = 0;
    if (is_name_char(before) || before == '.')
        return 0;
    while (is_name_char(sql[len]) || (sql[len] == '.' && !from)) {
        if (sql[len] == '.')
            from = len + 1;
        len++;
    }
    for (const char *const *text = TEXTS; *text; text++)
        if (strlen(*text) == len - from && begins_with(sql + from, *text))
            return len;
    return 0;
}

/* "t.name = ?". */
static void add_equality(struct maker *maker, const char *column, size_t len)
{
    dbki_buf_addf(maker->text, "(%.*s = CONVERT(", (int)len, column);
    add_param(maker);
    dbki_buf_addf(maker->text, " USING %s) AND BINARY %.*s = ", maker->charset, (int)len, column);
    repeat_param(maker);
    dbki_buf_add(maker->text, ")");
}

/* What follows a column that is compared in another way. */
static bool is_compared(const char *after)
{
    static const char *const signs[] = {" <> ?", " < ?",   " <= ?",      " > ?",
                                        " >= ?", " IN (?", " NOT IN (?", NULL};
    for (const char *const *sign = signs; *sign; sign++)
        if (begins_with(after, *sign))
            return true;
    return false;
}

/* Result: how much of `sql` was taken; 0: there is no column of texts, or nothing is done with it. */
static size_t add_column(struct maker *maker, const char *sql, char before)
{
    size_t len = column_at(sql, before);
    if (!len)
        return 0;
    if (!maker->is_setting && begins_with(sql + len, " = ?")) {
        add_equality(maker, sql, len);
        return len + strlen(" = ?");
    }
    bool is_searched = before == '(' && begins_with(sql + len, ", ?) > 0"); /* instr() */
    if (maker->is_order || is_searched || is_compared(sql + len))
        dbki_buf_add(maker->text, "BINARY ");
    dbki_buf_add_n(maker->text, sql, len);
    return len;
}

/* Where in a statement one is. */
static void see_clause(struct maker *maker, const char *sql, char before)
{
    if (is_name_char(before))
        return;
    if (begins_with(sql, "SET "))
        maker->is_setting = true;
    else if (begins_with(sql, "WHERE "))
        maker->is_setting = false;
    else if (begins_with(sql, "ORDER BY "))
        maker->is_order = true;
    else if (*sql == ')' || begins_with(sql, "LIMIT "))
        maker->is_order = false;
}

bool dbki_mariadb_foreign_words(const char *sql, const char *charset, struct dbki_buf *out_text,
                                struct dbki_repeats *out_repeats)
{
    struct maker maker = {.charset = charset, .text = out_text, .repeats = out_repeats};
    char before = ' ';
    out_repeats->count = 0;
    while (*sql) {
        const struct dbki_word *form = dbki_word_find(FORMS, sql, before);
        size_t len;
        see_clause(&maker, sql, before);
        if (form) {
            add_words(&maker, form->theirs);
            len = strlen(form->ours);
        } else if ((len = add_column(&maker, sql, before))) {
            ;
        } else if (*sql == '?') {
            add_param(&maker);
            len = 1;
        } else {
            len = dbki_word_skip(sql);
            dbki_buf_add_n(out_text, sql, len);
        }
        sql += len;
        before = sql[-1];
    }
    return out_repeats->count <= DBKI_REPEATS_MAX;
}
