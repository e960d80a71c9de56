/*
 * Copying a store into a new one: table by table, a batch of rows in a turn, each batch in one transaction together
 * with how far the table has come; then the last ids, the indexes, and the word that the store is whole.
 *
 *     BEGINNING --> LISTING --> COUNTING --> ROWS --> INDEXES --> ORPHANS --> ENDING
 *                                            ^ a killed copy, done again, comes back here
 *
 * A source that is followed (copy_follow.c) notes what is changed in it from before the first row on:
 *
 *     LISTING --> ARMING --> COUNTING --> ROWS --> KEYS --> DRAINING --> INDEXES --> FOLLOWING --> SWITCHING
 *
 * The rows that come first are of no one moment. So the notes are brought over before there are indexes that
 * two rows of different moments could offend, but for the few by whose keys rows are replaced.
 *
 * Of a Buildbot database only records are copied: what is left behind is listed first, and dirty rows are reported
 * and, if that is wanted, left out. Both end the copy where they were not asked for, a turn after they were told.
 *
 * The source is not held by one snapshot, which on some databases keeps others from writing, and everywhere their
 * garbage from being collected. Its newest event says whether somebody wrote meanwhile.
 */
#include "connector/copy_op.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/clock.h"
#include "connector/lineage.h"
#include "connector/object_change.h"

#include <stdio.h>

/* A round of that length at most is the last one before the switch. */
static const int64_t NEAR_NS = 1000 * 1000 * 1000;

/* For what was told in the last turn. */
static int refuse(struct dbki_copy_op *copy)
{
    struct dbk_error *error = &copy->work.op.error;
    if (copy->stage == DBKI_COPY_LISTING)
        return dbki_error_set(error, DBK_UNSUPPORTED,
                              "the source is a Buildbot database: its builds, steps, properties, "
                              "data and what they refer to can be copied, and the rest is left "
                              "behind: --records-only says that this is meant");
    return dbki_error_set(
        error, DBK_CONFLICT,
        "the source holds dirty rows, which a store does not take: clean them, or "
        "leave them out with --skip-dirty; the copy goes on from here then");
}

/* ------------------------------------------------------------------------------------ rows ---- */

static int report(struct dbki_copy_op *copy, const char *subject)
{
    int64_t copied = dbki_copy_copied(copy);
    return dbki_long_progress(&copy->work.op, subject, copied,
                              copied > copy->total ? copied : copy->total);
}

/* A trigger in a turn. */
static int arm(struct dbki_copy_op *copy)
{
    bool is_over;
    int status = dbki_follow_arm(&copy->follow, dbki_copy_copied(copy) > 0, &is_over);
    if (!status && is_over)
        copy->stage = DBKI_COPY_COUNTING;
    return status ? status : dbki_long_progress(&copy->work.op, "triggers", 0, 0);
}

static int count(struct dbki_copy_op *copy)
{
    int status =
        dbki_copy_count(copy->layout, copy->source.conn, &copy->total, &copy->work.op.error);
    copy->stage = DBKI_COPY_ROWS;
    return status ? status : report(copy, "counted");
}

/* Nobody else looks after the log of a database that has one. */
static void tidy(struct dbki_conn *conn)
{
    if (conn->engine->tidy)
        conn->engine->tidy(conn, false);
}

static int move_rows(struct dbki_copy_op *copy, struct dbki_conn *conn)
{
    struct dbki_op *op = &copy->work.op;
    const struct dbki_table *table = &copy->layout->tables[copy->table];
    struct dbki_copy_state *state = &copy->states[copy->table], before = *state, after = *state;
    struct dbki_conn *from = copy->source.conn;
    struct dbki_patience patience;
    int status =
        copy->rows.table == table
            ? DBK_OK
            : dbki_copy_rows_init(&copy->rows, table,
                                  copy->source.schema.is_own ? NULL : &copy->dirt, &op->error);
    if (status || (status = from->engine->begin(from, DBKI_READ, NULL, &op->error)))
        return status;
    status = dbki_change_begin(op, conn, &patience);
    if (!status) {
        status = dbki_copy_rows_move(&copy->rows, from, conn, &after, &op->error);
        copy->is_refused = !status && copy->dirt.count && !copy->skips_dirty;
        if (copy->is_refused) {
            conn->engine->rollback(conn);
        } else {
            if (!status)
                status = dbki_copy_target_keep(op, conn, table->name, &before, &after);
            status = dbki_change_end(op, conn, &patience, status);
        }
    }
    from->engine->rollback(from);
    tidy(conn);
    if (!status && !copy->is_refused)
        *state = after;
    return status ? status : report(copy, table->name);
}

static int next_rows(struct dbki_copy_op *copy, struct dbki_conn *conn)
{
    while (copy->table < copy->layout->count && copy->states[copy->table].is_whole) {
        copy->table++;
        dbki_copy_rows_fini(&copy->rows);
    }
    if (copy->table < copy->layout->count)
        return move_rows(copy, conn);
    copy->stage = copy->is_followed ? DBKI_COPY_KEYS : DBKI_COPY_INDEXES;
    return DBK_OK;
}

/* ---------------------------------------------------------------------------------- ending ---- */

/* Whether it is the one that finds a table's rows by their key. */
static bool is_of_key(const struct dbki_copy_op *copy, const char *sql)
{
    char name[DBKI_WORD_SIZE], begin[2 * DBKI_WORD_SIZE];
    dbki_layout_index_table(sql, name);
    const struct dbki_table *table = dbki_layout_find(copy->layout, name);
    if (!table || table->key < 0)
        return false;
    snprintf(begin, sizeof begin, " ON %s (%s", name, table->columns[table->key].name);
    const char *found = strstr(sql, begin);
    return found && strchr(",)", found[strlen(begin)]);
}

/* After all indexes, or those of the keys. */
static enum dbki_copy_stage after_indexes(const struct dbki_copy_op *copy)
{
    if (copy->stage == DBKI_COPY_KEYS)
        return DBKI_COPY_DRAINING;
    return copy->is_followed            ? DBKI_COPY_FOLLOWING
           : copy->source.schema.is_own ? DBKI_COPY_ENDING
                                        : DBKI_COPY_ORPHANS;
}

/* The next one that is not there yet. */
static int make_index(struct dbki_copy_op *copy, struct dbki_conn *conn)
{
    struct dbki_op *op = &copy->work.op;
    const char *indexes[DBKI_INDEXES_MAX];
    struct dbki_patience patience;
    int count = dbki_layout_indexes(&op->store->schema, indexes), status = DBK_OK;
    bool is_made = false;
    while (!status && !is_made && copy->index < count) {
        const char *sql = indexes[copy->index++];
        if (copy->stage == DBKI_COPY_KEYS && !is_of_key(copy, sql))
            continue;
        if ((status = dbki_change_begin(op, conn, &patience)))
            return status;
        status = dbki_copying_index(conn, sql, &is_made, &op->error);
        status = dbki_change_end(op, conn, &patience, status);
    }
    tidy(conn);
    if (!status && !is_made) {
        copy->stage = after_indexes(copy);
        copy->index = 0;
    }
    return status || !is_made ? status : report(copy, "indexes");
}

/* One kind of reference in a turn. Those that are not left out are all told before the copy ends. */
static int leave_orphans(struct dbki_copy_op *copy, struct dbki_conn *conn)
{
    struct dbki_op *op = &copy->work.op;
    struct dbki_patience patience;
    bool is_over = false;
    int status = dbki_change_begin(op, conn, &patience);
    if (status)
        return status;
    status = dbki_copy_orphans(&copy->dirt, conn, copy->layout, copy->reference++,
                               copy->skips_dirty, &is_over);
    status = dbki_change_end(op, conn, &patience, status);
    copy->has_orphans |= copy->dirt.count && !copy->skips_dirty;
    copy->is_refused = is_over && copy->has_orphans;
    if (is_over && !copy->is_refused)
        copy->stage = DBKI_COPY_ENDING;
    return status;
}

/* By themselves: where ids are set by a change of the table, that ends a transaction. */
static int count_on(struct dbki_copy_op *copy, struct dbki_conn *conn)
{
    struct dbki_op *op = &copy->work.op;
    struct dbki_patience patience;
    int status = dbki_change_begin(op, conn, &patience);
    if (status)
        return status;
    status = dbki_copy_target_count_on(op, conn, copy->layout, &copy->source);
    return dbki_change_end(op, conn, &patience, status);
}

static int end(struct dbki_copy_op *copy, struct dbki_conn *conn)
{
    struct dbki_op *op = &copy->work.op;
    struct dbki_patience patience;
    int status = dbki_copy_check_quiet(copy, conn);
    if (!status)
        status = count_on(copy, conn);
    if (status || (status = dbki_change_begin(op, conn, &patience)))
        return status;
    if (!copy->source.schema.is_own)
        status = dbki_lineage_fill(op, conn);
    if (!status)
        status = dbki_copying_end(conn, &op->error);
    status = dbki_change_end(op, conn, &patience, status);
    if (!status && conn->engine->after_load)
        status = conn->engine->script(conn, conn->engine->after_load, &op->error);
    return status ? status : report(copy, "all");
}

/* ------------------------------------------------------------------------------- following ---- */

static struct dbki_copy_state *events_of(struct dbki_copy_op *copy)
{
    return &copy->states[dbki_layout_find(copy->layout, "daybook_events") - copy->layout->tables];
}

/* What was noted up to now. */
static int drain(struct dbki_copy_op *copy, struct dbki_conn *conn)
{
    bool is_over;
    int status = dbki_follow_round(&copy->follow, conn, &is_over);
    if (!status && is_over)
        copy->stage = DBKI_COPY_INDEXES;
    tidy(conn);
    return status ? status : report(copy, "changes");
}

/* A round of changes and events; until one ends within a second of its beginning. */
static int follow(struct dbki_copy_op *copy, struct dbki_conn *conn)
{
    int64_t begun_ns = dbki_clock_ns();
    bool is_over;
    int status = dbki_follow_round(&copy->follow, conn, &is_over);
    if (!status)
        status = dbki_follow_events(&copy->follow, conn, events_of(copy));
    tidy(conn);
    tidy(copy->follow.writer);
    if (!status && is_over && dbki_clock_ns() - begun_ns < NEAR_NS)
        copy->stage = DBKI_COPY_SWITCHING;
    return status ? status : report(copy, "changes");
}

/* All that is left, when nobody writes the source any more. */
static int bring_rest(struct dbki_copy_op *copy, struct dbki_conn *conn)
{
    bool is_over = false;
    int status = DBK_OK;
    while (!status && !is_over)
        status = dbki_follow_round(&copy->follow, conn, &is_over);
    if (!status)
        status = dbki_follow_events(&copy->follow, conn, events_of(copy));
    if (!status)
        status = dbki_follow_rest(&copy->follow, conn);
    return status ? status : count_on(copy, conn);
}

static int switch_over(struct dbki_copy_op *copy, struct dbki_conn *conn)
{
    struct dbki_op *op = &copy->work.op;
    struct dbki_patience patience;
    int64_t begun_ns = dbki_clock_ns();
    int status = dbki_follow_close(&copy->follow);
    if (!status)
        status = bring_rest(copy, conn);
    if (status || (status = dbki_change_begin(op, conn, &patience)))
        return status;
    status = dbki_copying_end(conn, &op->error);
    status = dbki_change_end(op, conn, &patience, status);
    int64_t took_ms = (dbki_clock_ns() - begun_ns + 999999) / 1000000;
    if (!status)
        status = dbki_long_report(op, &(struct dbk_report){.kind = DBK_REPORT_SWITCH,
                                                           .subject = "the source",
                                                           .text = op->store->url.shown,
                                                           .id = DBK_NONE,
                                                           .done = took_ms,
                                                           .total = took_ms,
                                                           .rows = DBK_NONE,
                                                           .bytes = DBK_NONE});
    return status ? status : report(copy, "all");
}

static int copy_work(struct dbki_op *op, struct dbki_conn *conn)
{
    struct dbki_copy_op *copy = (struct dbki_copy_op *)op;
    dbki_long_begin(op);
    copy->dirt = (struct dbki_copy_dirt){.op = op, .seen = copy->dirt.seen};
    copy->dirt.seen.len = 0;
    op->is_turn_over =
        (copy->stage != DBKI_COPY_ENDING && copy->stage != DBKI_COPY_SWITCHING) || copy->is_refused;
    if (copy->is_refused)
        return refuse(copy);
    switch (copy->stage) {
    case DBKI_COPY_BEGINNING:
        return dbki_copy_begin(copy);
    case DBKI_COPY_LISTING:
        return dbki_copy_begin_target(copy, conn);
    case DBKI_COPY_ARMING:
        return arm(copy);
    case DBKI_COPY_COUNTING:
        return count(copy);
    case DBKI_COPY_ROWS:
        return next_rows(copy, conn);
    case DBKI_COPY_KEYS:
    case DBKI_COPY_INDEXES:
        return make_index(copy, conn);
    case DBKI_COPY_DRAINING:
        return drain(copy, conn);
    case DBKI_COPY_ORPHANS:
        return leave_orphans(copy, conn);
    case DBKI_COPY_FOLLOWING:
        return follow(copy, conn);
    case DBKI_COPY_SWITCHING:
        return switch_over(copy, conn);
    case DBKI_COPY_ENDING:
        break;
    }
    return end(copy, conn);
}

static void copy_fini(struct dbki_op *op)
{
    struct dbki_copy_op *copy = (struct dbki_copy_op *)op;
    dbki_copy_rows_fini(&copy->rows);
    dbki_copy_dirt_fini(&copy->dirt);
    dbki_follow_fini(&copy->follow);
    dbki_copy_source_close(&copy->source);
    dbki_free(copy->layout);
}

static const struct dbki_opkind COPY = {
    .action = "copying a store",
    .is_follower = true,
    .is_long = true,
    .access = DBKI_ACCESS_TABLES,
    .work = copy_work,
    .deliver = dbki_long_deliver,
    .fini = copy_fini,
};

int dbk_copy(struct dbk_store *store, const char *from_url, const struct dbk_copy_options *options,
             const struct dbk_call *call, dbk_report_fn *report_fn, dbk_done_fn *done, void *user)
{
    struct dbk_copy_options wanted = DBK_COPY_OPTIONS_INIT;
    struct dbki_op *op;
    if (options)
        memcpy(&wanted, options, options->size < sizeof wanted ? options->size : sizeof wanted);
    int status =
        dbki_long_new(store, &COPY, sizeof(struct dbki_copy_op), call, report_fn, done, user, &op);
    if (status)
        return status;
    if (!from_url) {
        dbki_op_free(op);
        return dbki_refuse(call, DBK_INVALID, "from_url must not be NULL");
    }
    if (!store->schema.is_own) {
        dbki_op_free(op);
        return dbki_refuse(call, DBK_UNSUPPORTED,
                           "the target is a Buildbot database: records are copied into a store of "
                           "daybook's own");
    }
    if (!store->engine->set_last_id) {
        dbki_op_free(op);
        return dbki_refuse(call, DBK_UNSUPPORTED, "nothing is copied into a store on %s yet",
                           store->engine->name);
    }
    struct dbki_copy_op *copy = (struct dbki_copy_op *)op;
    copy->from_url = dbki_op_text(op, from_url).text;
    copy->is_records_only = wanted.is_records_only;
    copy->skips_dirty = wanted.skips_dirty;
    copy->is_followed = wanted.is_followed;
    return dbki_submit(store, op, call);
}
