/*
 * The DDL of a store that is followed; see journal.h. Every write of a record also writes daybook_changed, so that one
 * more trigger there refuses all of them; and making that trigger waits for the transactions that have written it.
 */
#include "schema/journal.h"

#include "base/error.h"

#include <ctype.h>
#include <stdio.h>

static const char CHANGED[] = "CREATE TABLE daybook_changed (id INTEGER PRIMARY KEY AUTOINCREMENT,"
                              " name VARCHAR(64) NOT NULL, at INTEGER, word VARCHAR(256),"
                              " scope VARCHAR(256))";
static const char MOVE[] = "CREATE TABLE daybook_move (token INTEGER NOT NULL,"
                           " is_closed INTEGER NOT NULL, target TEXT NOT NULL)";
static const char *const VERBS[] = {"INSERT", "UPDATE", "DELETE"};
enum { VERB_COUNT = sizeof VERBS / sizeof VERBS[0], NAME_SIZE = 2 * DBKI_WORD_SIZE };
static const char GATE[] = "daybook_gate";

static int has(struct dbki_conn *conn, const char *question, const char *name, bool *out_has,
               struct dbk_error *error)
{
    struct dbki_value param = dbki_text(name);
    struct dbki_answer answer;
    int status = dbki_schema_ask(conn, question, &param, &answer, error);
    *out_has = !status && answer.number > 0;
    return status;
}

int dbki_journal_look(struct dbki_conn *conn, struct dbki_following *out, struct dbk_error *error)
{
    struct dbki_answer token, closed;
    *out = (struct dbki_following){.token = DBK_NONE};
    bool is_there;
    int status = has(conn, conn->engine->count_objects, "daybook_move", &is_there, error);
    if (status || !is_there)
        return status;
    status = dbki_schema_ask(conn, "SELECT token FROM daybook_move", NULL, &token, error);
    if (!status)
        status = dbki_schema_ask(conn, "SELECT is_closed FROM daybook_move", NULL, &closed, error);
    if (!status && token.has_row)
        *out = (struct dbki_following){
            .is_there = true, .token = token.number, .is_closed = closed.number == 1};
    return status;
}

int dbki_journal_make(struct dbki_conn *conn, struct dbk_error *error)
{
    bool is_there;
    int status = has(conn, conn->engine->count_objects, "daybook_changed", &is_there, error);
    if (!status && !is_there)
        status = conn->engine->script(conn, CHANGED, error);
    if (!status)
        status = has(conn, conn->engine->count_objects, "daybook_move", &is_there, error);
    return status || is_there ? status : conn->engine->script(conn, MOVE, error);
}

/* ---------------------------------------------------------------------------------- triggers ---- */

bool dbki_journal_notes(const struct dbki_table *table)
{
    return table->key >= 0 && strcmp(table->name, "daybook_events") != 0;
}

static void name_trigger(const struct dbki_table *table, const char *verb, char name[NAME_SIZE])
{
    snprintf(name, NAME_SIZE, "daybook_notes_%s_%c", table->name, tolower((unsigned char)verb[0]));
}

/* Of most tables the key is noted. Of operation keys, which have a week in common, all that they are known by. */
static void add_row(const struct dbki_table *table, const char *which, struct dbki_buf *out)
{
    bool has_words = !strcmp(table->name, "daybook_operations");
    dbki_buf_addf(out, "SELECT '%s', %s.%s, ", table->name, which, table->columns[table->key].name);
    if (has_words)
        dbki_buf_addf(out, "%s.key, %s.scope", which, which);
    else
        dbki_buf_add(out, "NULL, NULL");
}

static void add_note(const struct dbki_table *table, const char *verb, struct dbki_buf *out)
{
    dbki_buf_add(out, "INSERT INTO daybook_changed (name, at, word, scope) ");
    if (verb[0] != 'I')
        add_row(table, "OLD", out);
    if (verb[0] == 'U')
        dbki_buf_add(out, " UNION ");
    if (verb[0] != 'D')
        add_row(table, "NEW", out);
}

static int make_trigger(struct dbki_conn *conn, const char *name, const char *table,
                        const char *verb, const struct dbki_buf *body, struct dbk_error *error)
{
    struct dbki_buf sql = {0};
    if (body->text)
        conn->engine->spell_trigger(name, table, verb, body->text, &sql);
    int status = body->is_out_of_memory || sql.is_out_of_memory
                     ? dbki_error_set(error, DBK_NO_MEMORY, "out of memory")
                     : conn->engine->script(conn, sql.text, error);
    dbki_buf_fini(&sql);
    return status;
}

int dbki_journal_arm(struct dbki_conn *conn, const struct dbki_table *table, bool *out_is_armed,
                     struct dbk_error *error)
{
    *out_is_armed = true;
    for (int i = 0; i < VERB_COUNT && dbki_journal_notes(table); i++) {
        char name[NAME_SIZE];
        bool is_there;
        name_trigger(table, VERBS[i], name);
        int status = has(conn, conn->engine->count_triggers, name, &is_there, error);
        if (!status && is_there)
            continue;
        struct dbki_buf body = {0};
        add_note(table, VERBS[i], &body);
        if (!status)
            status = make_trigger(conn, name, table->name, VERBS[i], &body, error);
        dbki_buf_fini(&body);
        *out_is_armed = false;
        return status;
    }
    return DBK_OK;
}

/* The row says it to who opens the store from now on. */
int dbki_journal_close(struct dbki_conn *conn, const char *text, struct dbk_error *error)
{
    struct dbki_buf body = {0};
    bool is_there;
    int status = has(conn, conn->engine->count_triggers, GATE, &is_there, error);
    if (!status && !is_there) {
        conn->engine->spell_refusal(text, &body);
        status = make_trigger(conn, GATE, "daybook_changed", "INSERT", &body, error);
        dbki_buf_fini(&body);
    }
    return status ? status
                  : conn->engine->script(conn, "UPDATE daybook_move SET is_closed = 1", error);
}

/* -------------------------------------------------------------------------------------- end ---- */

static int drop_trigger(struct dbki_conn *conn, const char *name, struct dbk_error *error)
{
    struct dbki_buf sql = {0};
    bool is_there;
    int status = has(conn, conn->engine->count_triggers, name, &is_there, error);
    if (status || !is_there)
        return status;
    conn->engine->spell_trigger(name, NULL, NULL, NULL, &sql);
    status = sql.is_out_of_memory ? dbki_error_set(error, DBK_NO_MEMORY, "out of memory")
                                  : conn->engine->script(conn, sql.text, error);
    dbki_buf_fini(&sql);
    return status;
}

static int drop_table(struct dbki_conn *conn, const char *name, struct dbk_error *error)
{
    char sql[64];
    bool is_there;
    int status = has(conn, conn->engine->count_objects, name, &is_there, error);
    if (status || !is_there)
        return status;
    snprintf(sql, sizeof sql, "DROP TABLE %s", name);
    return conn->engine->script(conn, sql, error);
}

/* The triggers before what they write, and last the table that says that there are any. */
int dbki_journal_drop(struct dbki_conn *conn, const struct dbki_layout *layout,
                      struct dbk_error *error)
{
    int status = drop_trigger(conn, GATE, error);
    for (int i = 0; i < layout->count * VERB_COUNT && !status; i++) {
        char name[NAME_SIZE];
        name_trigger(&layout->tables[i / VERB_COUNT], VERBS[i % VERB_COUNT], name);
        status = drop_trigger(conn, name, error);
    }
    if (!status)
        status = drop_table(conn, "daybook_changed", error);
    return status ? status : drop_table(conn, "daybook_move", error);
}
