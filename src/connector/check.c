/*
 * Checking a database: what in it is dirty, what of daybook's is missing, what is not safe. Nothing is changed.
 *
 * The first turn looks at the tables and the settings; then each takes the next rows of a table by id, so that no
 * snapshot is held for long, and tries the table's rules on them. Real databases are dirty: on SQLite nobody
 * enforces foreign keys, and old masters wrote what newer ones would refuse. Every call bears with it.
 */
#include "connector/check.h"

#include "base/json.h"
#include "connector/long_work.h"
#include "connector/step_urls.h"
#include "engine/ask.h"
#include "store/store.h"

#include <stdio.h>

enum { OPEN_S = 24 * 60 * 60 };

/* ------------------------------------------------------------------------------------ rules ---- */

#define NEXT(table, id)                                                                            \
    {                                                                                              \
        .sql = "SELECT max(" id ") FROM (SELECT DISTINCT " id " FROM " table " WHERE " id          \
               " > ? ORDER BY " id " LIMIT 2000) page",                                            \
        .is_one_row = true                                                                         \
    }
#define LAST(table, id)                                                                            \
    {                                                                                              \
        .sql = "SELECT max(" id ") FROM " table, .is_one_row = true                                \
    }
#define BETWEEN(id) " WHERE t." id " > ? AND t." id " <= ?"
#define MENDED_ORPHAN(table, id, noun, column, parents, mend_text)                                 \
    {                                                                                              \
        .problem = "orphan",                                                                       \
        .statement = {.sql =                                                                       \
                          "SELECT t." id ", 'its " noun " ' || t." column                          \
                          " || ' is not there' FROM " table                                        \
                          " t" BETWEEN(id) " AND t." column                                        \
                                           " IS NOT NULL AND NOT EXISTS (SELECT 1 FROM " parents   \
                                           " p WHERE p.id = t." column ")"},                       \
        .mend = mend_text, .mend_key = table "." id                                                \
    }
#define WITHOUT(table, column, parents)                                                            \
    " WHERE " table "." column " IS NOT NULL AND NOT EXISTS (SELECT 1 FROM " parents               \
    " p WHERE p.id = " table "." column ")"
/* It says something by itself, or much hangs on it: who looks after the database decides. */
#define ORPHAN(table, id, noun, column, parents)                                                   \
    MENDED_ORPHAN(table, id, noun, column, parents, NULL)
/* A row that says nothing without its parent. */
#define PART(table, id, noun, column, parents)                                                     \
    MENDED_ORPHAN(table, id, noun, column, parents,                                                \
                  "DELETE FROM " table WITHOUT(table, column, parents))

/* Whether a build that is open began lately: then somebody is at it. */
static bool is_recent(struct dbki_op *op, const struct dbki_value *value)
{
    return value->type != DBKI_INT ||
           value->number > op->store->clock(op->store->clock_user) - OPEN_S;
}

static bool is_json(struct dbki_op *op, const struct dbki_value *value)
{
    (void)op;
    return value->type == DBKI_TEXT && dbki_json_is_valid(value->text, value->len);
}

static bool is_url_list(struct dbki_op *op, const struct dbki_value *value)
{
    const struct dbk_url *const *urls;
    size_t count;
    struct dbki_arena_mark before = dbki_arena_mark(&op->arena);
    bool is_right = value->type == DBKI_TEXT &&
                    dbki_step_urls_read(op, value->text, &urls, &count) != DBK_DAMAGED;
    dbki_arena_rewind(&op->arena, before);
    return is_right;
}

#define BYTES                                                                                      \
    "CASE typeof(t.value) WHEN 'blob' THEN length(t.value) ELSE length(CAST(t.value AS BLOB)) END"

const struct dbki_check_table dbki_check_tables[] = {
    {"builds",
     NEXT("builds", "id"),
     LAST("builds", "id"),
     {ORPHAN("builds", "id", "builder", "builderid", "builders"),
      ORPHAN("builds", "id", "buildrequest", "buildrequestid", "buildrequests"),
      ORPHAN("builds", "id", "master", "masterid", "masters"),
      MENDED_ORPHAN("builds", "id", "worker", "workerid", "workers",
                    "UPDATE builds SET workerid = NULL" WITHOUT("builds", "workerid", "workers")),
      {.problem = "open",
       .statement =
           {.sql = "SELECT t.id, 'it began more than a day ago and has not ended: `daybook abandon"
                   " --master ' || m.name || '` ends what that one left', t.started_at"
                   " FROM builds t JOIN masters m ON m.id = t.masterid" BETWEEN(
                       "id") " AND t.complete_at IS NULL"},
       .is_right = is_recent}}},
    {"build_properties",
     NEXT("build_properties", "buildid"),
     LAST("build_properties", "buildid"),
     {PART("build_properties", "buildid", "build", "buildid", "builds"),
      {.problem = "duplicate",
       .statement = {.sql =
                         "SELECT t.buildid, 'the property ''' || t.name || ''' is there ' ||"
                         " count(*) || ' times: the last one counts, and setting it makes them"
                         " one' FROM build_properties t" BETWEEN("buildid") " GROUP BY t.buildid,"
                                                                            " t.name HAVING"
                                                                            " count(*) > 1"},
       /* Not in a store of our own, whose table has a primary key and no rowid. */
       .mend = "DELETE FROM build_properties WHERE rowid < (SELECT max(l.rowid) FROM"
               " build_properties l WHERE l.buildid = build_properties.buildid"
               " AND l.name = build_properties.name)",
       .mend_key = "build_properties.buildid",
       /* The table is written anew in the order in which its rows were inserted: they get numbers by that. */
       .mend_numbered =
           "ALTER TABLE build_properties ADD COLUMN daybook_row BIGINT NOT NULL AUTO_INCREMENT"
           " PRIMARY KEY; DELETE p FROM build_properties p JOIN build_properties l"
           " ON l.buildid = p.buildid AND l.name = p.name AND BINARY l.name = BINARY p.name"
           " AND l.daybook_row > p.daybook_row;"
           " ALTER TABLE build_properties DROP COLUMN daybook_row"},
      {.problem = "json",
       .statement = {.sql = "SELECT t.buildid, 'the property ''' || t.name || ''' is no JSON: it is"
                            " given as text, and marked', t.value FROM build_properties t" BETWEEN(
                                "buildid")},
       .is_right = is_json}}},
    {"steps",
     NEXT("steps", "id"),
     LAST("steps", "id"),
     {PART("steps", "id", "build", "buildid", "builds"),
      {.problem = "urls",
       .statement = {.sql = "SELECT t.id, 'urls_json is no list of URLs: none can be added',"
                            " t.urls_json FROM steps t" BETWEEN("id")},
       .is_right = is_url_list}}},
    {"build_data",
     NEXT("build_data", "id"),
     LAST("build_data", "id"),
     {PART("build_data", "id", "build", "buildid", "builds"),
      {.problem = "length",
       .statement =
           {.sql = "SELECT t.id, 'length says ' || t.length || ', but the value has ' || " BYTES
                   " || ' bytes: setting it anew mends that' FROM build_data t" BETWEEN(
                       "id") " AND t.length IS NOT " BYTES},
       .mend = "UPDATE build_data AS t SET length = " BYTES " WHERE t.length IS NOT " BYTES,
       .mend_key = "t.id"}}},
    {"buildrequests",
     NEXT("buildrequests", "id"),
     LAST("buildrequests", "id"),
     {ORPHAN("buildrequests", "id", "buildset", "buildsetid", "buildsets"),
      ORPHAN("buildrequests", "id", "builder", "builderid", "builders")}},
    {"buildset_sourcestamps",
     NEXT("buildset_sourcestamps", "buildsetid"),
     LAST("buildset_sourcestamps", "buildsetid"),
     {PART("buildset_sourcestamps", "buildsetid", "buildset", "buildsetid", "buildsets"),
      PART("buildset_sourcestamps", "buildsetid", "sourcestamp", "sourcestampid", "sourcestamps")}},
    {"changes",
     NEXT("changes", "changeid"),
     LAST("changes", "changeid"),
     {ORPHAN("changes", "changeid", "sourcestamp", "sourcestampid", "sourcestamps")}},
};
const int dbki_check_table_count = sizeof dbki_check_tables / sizeof dbki_check_tables[0];

/* ---------------------------------------------------------------------------------- reports ---- */

static int report_finding(struct dbki_op *op, const char *problem, const char *subject, int64_t id,
                          const char *text)
{
    return dbki_long_report(op, &(struct dbk_report){.kind = DBK_REPORT_FINDING,
                                                     .subject = subject,
                                                     .problem = problem,
                                                     .text = text,
                                                     .id = id,
                                                     .done = DBK_NONE,
                                                     .total = DBK_NONE,
                                                     .rows = DBK_NONE,
                                                     .bytes = DBK_NONE});
}

int dbki_check_missing(struct dbki_op *op, struct dbki_conn *conn, const struct dbki_schema *schema)
{
    const struct dbki_object *objects[DBKI_OBJECTS_MAX];
    int count, status;
    if (!schema->is_own) {
        status = dbki_schema_present(conn, objects, &count, &op->error);
        if (status || !count)
            return status;
    }
    status = dbki_schema_missing(conn, schema, objects, &count, &op->error);
    for (int i = 0; i < count && !status; i++) {
        char text[160];
        snprintf(text, sizeof text, "%s %s is missing: `daybook %s` makes it again",
                 objects[i]->table ? "the index" : "the table", objects[i]->name,
                 schema->is_own ? "upgrade" : "adopt");
        status = report_finding(op, "missing", objects[i]->name, DBK_NONE, text);
    }
    if (!status && schema->is_adopted && conn->engine->has_log && !conn->engine->has_log(conn))
        status = report_finding(op, "missing", "journal", DBK_NONE,
                                "the write-ahead log was turned off: `daybook adopt` turns it on");
    return status;
}

/* What must not stay so where somebody writes. */
static int report_unsafe(struct dbki_op *op, struct dbki_conn *conn)
{
    const struct dbk_store *store = op->store;
    struct dbki_master master = {.is_found = false};
    char text[256];
    int status = DBK_OK;
    if (!store->schema.is_own && dbki_schema_is_unsafe(conn))
        status =
            dbki_schema_find_master(conn, store->clock(store->clock_user), &master, &op->error);
    if (!status && master.is_found) {
        snprintf(
            text, sizeof text,
            "the Buildbot master %.60s runs, and SQLite %s (before 3.51.3) can damage the file "
            "when somebody else writes beside it: let nobody, or bring SQLite up",
            master.name, conn->version);
        status = report_finding(op, "unsafe", "masters", DBK_NONE, text);
    }
    if (!status && store->schema.needed_column[0]) {
        snprintf(text, sizeof text,
                 "%s must have a value that this daybook does not know: it writes nothing",
                 store->schema.needed_column);
        status = report_finding(op, "unsafe", store->schema.needed_column, DBK_NONE, text);
    }
    if (!status && store->schema.untransacted[0])
        status =
            report_finding(op, "unsafe", store->schema.untransacted, DBK_NONE, store->no_writes);
    if (!status && store->warning[0])
        status = report_finding(op, "unsafe", "database", DBK_NONE, store->warning);
    return status;
}

/* ------------------------------------------------------------------------------------ turns ---- */

enum { TABLE, LAST_ID }; /* of op->progress: 0 is the first turn, then the tables from 1 on */

static int run(struct dbki_op *op, struct dbki_conn *conn, const struct dbki_statement *statement,
               const struct dbki_value *params, int param_count, void *owner,
               int (*row)(void *, int, const struct dbki_value *, int))
{
    struct dbki_bound bound = {
        .statement = statement, .params = params, .param_count = param_count};
    return dbki_ask_bound(conn, &bound, 1, owner, row, &op->error);
}

int dbki_check_next(struct dbki_op *op, struct dbki_conn *conn,
                    const struct dbki_check_table *table, int64_t after, int64_t *out_to,
                    int64_t *out_last)
{
    struct dbki_value from = dbki_int(after);
    *out_to = *out_last = DBK_NONE;
    int status = run(op, conn, &table->last, NULL, 0, out_last, dbki_take_int);
    return status ? status : run(op, conn, &table->next, &from, 1, out_to, dbki_take_int);
}

/* Where the rows of a rule go. */
struct rows {
    struct dbki_op *op;
    const struct dbki_check_table *table;
    const struct dbki_check_rule *rule;
    int64_t done; /* what the findings say of being mended */
    int64_t count;
};

static int take_finding(void *owner, int index, const struct dbki_value *cells, int cell_count)
{
    struct rows *rows = owner;
    (void)index;
    (void)cell_count;
    if (rows->rule->is_right && rows->rule->is_right(rows->op, &cells[2]))
        return DBK_OK;
    rows->count++;
    return dbki_long_report(rows->op,
                            &(struct dbk_report){.kind = DBK_REPORT_FINDING,
                                                 .subject = rows->table->name,
                                                 .problem = rows->rule->problem,
                                                 .text = cells[1].type == DBKI_TEXT
                                                             ? cells[1].text
                                                             : "a column is empty that must not be",
                                                 .id = dbki_value_int(&cells[0]),
                                                 .done = rows->done,
                                                 .total = DBK_NONE,
                                                 .rows = DBK_NONE,
                                                 .bytes = DBK_NONE});
}

int dbki_check_rule_run(struct dbki_op *op, struct dbki_conn *conn,
                        const struct dbki_check_table *table, const struct dbki_check_rule *rule,
                        const struct dbki_value range[2], int64_t done, int64_t *out_count)
{
    struct rows rows = {.op = op, .table = table, .rule = rule, .done = done};
    int status = run(op, conn, &rule->statement, range, 2, &rows, take_finding);
    *out_count = rows.count;
    return status;
}

/* The next rows of a table: all of its rules. */
static int check_rows(struct dbki_op *op, struct dbki_conn *conn,
                      const struct dbki_check_table *table)
{
    struct dbki_value range[2] = {dbki_int(op->progress[LAST_ID])};
    int64_t to, last, count;
    int status = dbki_check_next(op, conn, table, op->progress[LAST_ID], &to, &last);
    if (status)
        return status;
    if (to == DBK_NONE) { /* there are none left */
        op->progress[TABLE]++;
        op->progress[LAST_ID] = -INT64_MAX;
        return DBK_OK;
    }
    op->progress[LAST_ID] = to;
    range[1] = dbki_int(to);
    for (int i = 0; i < DBKI_CHECK_RULES_MAX && table->rules[i].problem && !status; i++)
        status = dbki_check_rule_run(op, conn, table, &table->rules[i], range, DBK_NONE, &count);
    return status ? status : dbki_long_progress(op, table->name, to, last);
}

static int check_work(struct dbki_op *op, struct dbki_conn *conn)
{
    int status;
    dbki_long_begin(op);
    if (op->progress[TABLE] == 0) {
        status = dbki_check_missing(op, conn, &op->store->schema);
        if (!status)
            status = report_unsafe(op, conn);
        op->progress[TABLE] = 1;
        op->progress[LAST_ID] = -INT64_MAX;
    } else {
        status = check_rows(op, conn, &dbki_check_tables[op->progress[TABLE] - 1]);
    }
    op->is_turn_over = op->progress[TABLE] <= dbki_check_table_count;
    return status;
}

static const struct dbki_opkind CHECK = {
    .action = "checking the database",
    .is_follower = true,
    .is_long = true,
    .is_several = true,
    .access = DBKI_ACCESS_READ,
    .work = check_work,
    .deliver = dbki_long_deliver,
};

int dbk_check(struct dbk_store *store, const struct dbk_call *call, dbk_report_fn *report,
              dbk_done_fn *done, void *user)
{
    return dbki_long_submit(store, &CHECK, sizeof(struct dbki_long_op), false, call, report, done,
                            user);
}
