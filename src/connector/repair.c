/*
 * Mending what a check finds, where there is one right end; see check.h for what that is. Each turn looks at the next rows
 * of a table without holding anybody up; only where it found something does it write, the same range, in a
 * transaction of its own. In a plan nothing is written: at a table's end it says what would mend all of it.
 */
#include "connector/check.h"

#include "base/clock.h"
#include "connector/long_work.h"
#include "connector/object_change.h"
#include "engine/ask.h"

#include <stdio.h>

enum { MEND_SIZE = 640, AGAIN_MAX = 20 };
static const int64_t PAUSE_NS = 10 * 1000 * 1000;

struct repair_op {
    struct dbki_long_op work; /* first */
    int table;
    int64_t after;                       /* the last id that was looked at */
    int64_t found[DBKI_CHECK_RULES_MAX]; /* in this table, by each rule */
    int again; /* how often in a row a transaction was ended for others' sake */
};

/* What mends a rule's rows; NULL: nothing does. */
static const char *mend_of(const struct repair_op *repair, const struct dbki_check_rule *rule)
{
    const struct dbk_store *store = repair->work.op.store;
    if (!rule->mend_numbered)
        return rule->mend;
    /* A store of our own cannot have duplicates, nor the rowid by which they are told apart. */
    return store->schema.is_own           ? NULL
           : store->engine->lacks_row_ids ? rule->mend_numbered
                                          : rule->mend;
}

/* ----------------------------------------------------------------------------------- mending ---- */

/* The statement in the database's own words. */
static int report_statement(struct dbki_op *op, const char *subject, const char *sql, int64_t rows)
{
    const struct dbki_engine *engine = op->store->engine;
    struct dbki_buf words = {0};
    if (engine->spell_change)
        engine->spell_change(sql, &words);
    int status =
        words.is_out_of_memory
            ? dbki_error_set(&op->error, DBK_NO_MEMORY, "out of memory")
            : dbki_long_report(op, &(struct dbk_report){.kind = DBK_REPORT_STATEMENT,
                                                        .subject = subject,
                                                        .text = words.text ? words.text : sql,
                                                        .id = DBK_NONE,
                                                        .done = DBK_NONE,
                                                        .total = DBK_NONE,
                                                        .rows = rows,
                                                        .bytes = DBK_NONE});
    dbki_buf_fini(&words);
    return status;
}

static int mend_once(struct dbki_op *op, struct dbki_conn *conn, struct dbki_bound *bound)
{
    struct dbki_patience patience;
    int status = dbki_change_begin(op, conn, &patience);
    if (status)
        return status;
    status = dbki_ask_bound(conn, bound, 1, NULL, NULL, &op->error);
    return dbki_change_end(op, conn, &patience, status);
}

/* A server may end a transaction for another one's sake. */
static int mend(struct dbki_op *op, struct dbki_conn *conn, const struct dbki_check_rule *rule,
                const struct dbki_value range[2], int64_t *out_changed)
{
    char sql[MEND_SIZE];
    const struct dbki_statement statement = {.sql = sql, .is_made = true};
    struct dbki_bound bound = {.statement = &statement, .params = range, .param_count = 2};
    int status, tries = 0;
    snprintf(sql, sizeof sql, "%s AND %s > ? AND %s <= ?", rule->mend, rule->mend_key,
             rule->mend_key);
    while ((status = mend_once(op, conn, &bound)) == DBK_BUSY && op->error.is_retryable &&
           tries++ < AGAIN_MAX) {
        dbki_error_clear(&op->error);
        dbki_clock_sleep_ns(PAUSE_NS);
    }
    *out_changed = bound.changed;
    return status;
}

/* ------------------------------------------------------------------------------------- turns ---- */

static int look(struct repair_op *repair, struct dbki_conn *conn, const struct dbki_value range[2],
                const struct dbki_check_rule *rule)
{
    struct dbki_op *op = &repair->work.op;
    const struct dbki_check_table *table = &dbki_check_tables[repair->table];
    bool has_end = mend_of(repair, rule) != NULL;
    int64_t count, changed;
    int status = dbki_check_rule_run(op, conn, table, rule, range, has_end, &count);
    repair->found[rule - table->rules] += count;
    if (status || !count || !has_end || repair->work.is_dry_run)
        return status;
    status = mend(op, conn, rule, range, &changed);
    return status || !changed ? status : report_statement(op, table->name, rule->mend, changed);
}

static int end_table(struct repair_op *repair)
{
    struct dbki_op *op = &repair->work.op;
    const struct dbki_check_table *table = &dbki_check_tables[repair->table];
    int status = DBK_OK;
    for (int i = 0; i < DBKI_CHECK_RULES_MAX && !status && repair->work.is_dry_run; i++) {
        const char *mend = mend_of(repair, &table->rules[i]);
        if (repair->found[i] && mend)
            status = report_statement(op, table->name, mend, repair->found[i]);
    }
    repair->table++;
    repair->after = -INT64_MAX;
    memset(repair->found, 0, sizeof repair->found);
    return status;
}

static int repair_rows(struct repair_op *repair, struct dbki_conn *conn)
{
    struct dbki_op *op = &repair->work.op;
    const struct dbki_check_table *table = &dbki_check_tables[repair->table];
    struct dbki_value range[2] = {dbki_int(repair->after)};
    int64_t to, last;
    int status = dbki_check_next(op, conn, table, repair->after, &to, &last);
    if (status)
        return status;
    if (to == DBK_NONE)
        return end_table(repair);
    range[1] = dbki_int(to);
    for (int i = 0; i < DBKI_CHECK_RULES_MAX && table->rules[i].problem && !status; i++)
        status = look(repair, conn, range, &table->rules[i]);
    if (status)
        return status;
    repair->after = to;
    return dbki_long_progress(op, table->name, to, last);
}

static int repair_work(struct dbki_op *op, struct dbki_conn *conn)
{
    struct repair_op *repair = (struct repair_op *)op;
    dbki_long_begin(op);
    int status = repair_rows(repair, conn);
    /* Nobody else looks after the log of a database that has one. */
    if (conn->engine->tidy && !repair->work.is_dry_run)
        conn->engine->tidy(conn, false);
    op->is_turn_over = repair->table < dbki_check_table_count;
    return status;
}

static const struct dbki_opkind REPAIR = {
    .action = "repairing the store",
    .is_follower = true,
    .is_long = true,
    .access = DBKI_ACCESS_TABLES,
    .work = repair_work,
    .deliver = dbki_long_deliver,
};
static const struct dbki_opkind REPAIR_PLAN = {
    .action = "planning a repair",
    .is_follower = true,
    .is_long = true,
    .is_several = true,
    .access = DBKI_ACCESS_READ,
    .work = repair_work,
    .deliver = dbki_long_deliver,
};

int dbk_repair(struct dbk_store *store, bool is_dry_run, const struct dbk_call *call,
               dbk_report_fn *report, dbk_done_fn *done, void *user)
{
    struct dbki_op *op;
    if (store && !store->schema.is_own && !is_dry_run)
        return dbki_refuse(call, DBK_UNSUPPORTED,
                           "this is a Buildbot database, whose master's records daybook does not "
                           "mend: a dry run gives the statements that do");
    int status = dbki_long_new(store, is_dry_run ? &REPAIR_PLAN : &REPAIR, sizeof(struct repair_op),
                               call, report, done, user, &op);
    if (status)
        return status;
    struct repair_op *repair = (struct repair_op *)op;
    repair->work.is_dry_run = is_dry_run;
    repair->after = -INT64_MAX;
    return dbki_submit(store, op, call);
}
