/*
 * Copying a store into a new one: table by table, a batch of rows in a turn, each batch in one transaction together
 * with how far the table has come; then the last ids, the indexes, and the word that the store is whole.
 *
 *     BEGINNING --> LISTING --> COUNTING --> ROWS --> INDEXES --> ORPHANS --> ENDING
 *                                            ^ a killed copy, done again, comes back here
 *
 * Of a Buildbot database only records are copied: what is left behind is listed first, and dirty rows are reported
 * and, if that is wanted, left out. Both end the copy where they were not asked for, a turn after they were told.
 *
 * The source is not held by one snapshot, which on some databases keeps others from writing, and everywhere their
 * garbage from being collected. Its newest event says whether somebody wrote meanwhile.
 */
#include "connector/copy.h"

#include "base/alloc.h"
#include "base/error.h"
#include "connector/lineage.h"
#include "connector/long_work.h"
#include "connector/object_change.h"

enum stage { BEGINNING, LISTING, COUNTING, ROWS, INDEXES, ORPHANS, ENDING };

struct copy_op {
    struct dbki_long_op work; /* first */
    const char *from_url;
    enum stage stage;
    struct dbki_copy_source source;
    struct dbki_layout *layout;
    struct dbki_copy_state states[DBKI_TABLES_MAX];
    struct dbki_copy_rows rows; /* of the table at work */
    struct dbki_copy_dirt dirt;
    bool is_records_only, skips_dirty;
    bool has_orphans;
    bool is_refused; /* for what was reported in the last turn */
    int table, index, reference;
    int64_t total;  /* rows of all tables, counted when the work began */
    int64_t newest; /* event of the source then */
};

static int64_t count_copied(const struct copy_op *copy)
{
    int64_t copied = 0;
    for (int i = 0; i < copy->layout->count; i++)
        copied += copy->states[i].copied;
    return copied;
}

/* ------------------------------------------------------------------------------- beginning ---- */

static int open_source(struct copy_op *copy)
{
    struct dbki_op *op = &copy->work.op;
    int status = dbki_copy_source_open(copy->from_url, &copy->source, &op->error);
    copy->layout = status ? NULL : dbki_malloc(sizeof *copy->layout);
    if (!status && !copy->layout)
        status = dbki_error_set(&op->error, DBK_NO_MEMORY, "out of memory");
    return status ? status : dbki_copy_source_layout(&copy->source, copy->layout, &op->error);
}

static int begin_anew(struct copy_op *copy, struct dbki_conn *conn, int64_t newest)
{
    struct dbki_op *op = &copy->work.op;
    struct dbki_patience patience;
    int status = dbki_change_begin(op, conn, &patience);
    if (status)
        return status;
    status = dbki_copy_target_prepare(op, conn, copy->layout);
    status = dbki_change_end(op, conn, &patience, status);
    if (status || (status = dbki_change_begin(op, conn, &patience)))
        return status;
    copy->newest = newest;
    for (int i = 0; i < copy->layout->count; i++)
        copy->states[i] = (struct dbki_copy_state){.at = DBK_NONE};
    status = dbki_copy_target_begin(op, conn, copy->layout, &copy->source, newest);
    return dbki_change_end(op, conn, &patience, status);
}

/* Also of a beginning that was cut off before all were dropped. */
static int drop_indexes(struct copy_op *copy, struct dbki_conn *conn)
{
    struct dbki_op *op = &copy->work.op;
    struct dbki_patience patience;
    int status = dbki_change_begin(op, conn, &patience);
    if (status)
        return status;
    status = dbki_copying_drop_indexes(conn, &op->store->schema, &op->error);
    return dbki_change_end(op, conn, &patience, status);
}

static int begin_target(struct copy_op *copy, struct dbki_conn *conn)
{
    struct dbki_op *op = &copy->work.op;
    struct dbki_schema schema;
    int64_t newest = 0;
    int status = dbki_copy_source_newest(op, &copy->source, copy->layout, &newest);
    if (!status)
        status = dbki_schema_inspect(conn, &schema, &op->error);
    if (!status)
        status = schema.is_copying ? dbki_copy_target_resume(op, conn, copy->layout, &copy->source,
                                                             copy->states, &copy->newest)
                                   : begin_anew(copy, conn, newest);
    if (!status && !count_copied(copy))
        status = drop_indexes(copy, conn);
    copy->stage = COUNTING;
    return status;
}

/* What is left behind of a Buildbot database is told before anything is done. */
static int begin(struct copy_op *copy)
{
    int count = 0;
    int status = open_source(copy);
    if (!status && !copy->source.schema.is_own) {
        status = dbki_copy_source_left(&copy->work.op, &copy->source, copy->layout, &count);
        copy->is_refused = !copy->is_records_only;
    }
    copy->stage = LISTING;
    return status;
}

/* For what was told in the last turn. */
static int refuse(struct copy_op *copy)
{
    struct dbk_error *error = &copy->work.op.error;
    if (copy->stage == LISTING)
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

static int report(struct copy_op *copy, const char *subject)
{
    int64_t copied = count_copied(copy);
    return dbki_long_progress(&copy->work.op, subject, copied,
                              copied > copy->total ? copied : copy->total);
}

static int count(struct copy_op *copy)
{
    int status =
        dbki_copy_count(copy->layout, copy->source.conn, &copy->total, &copy->work.op.error);
    copy->stage = ROWS;
    return status ? status : report(copy, "counted");
}

/* Nobody else looks after the log of a database that has one. */
static void tidy(struct dbki_conn *conn)
{
    if (conn->engine->tidy)
        conn->engine->tidy(conn, false);
}

static int move_rows(struct copy_op *copy, struct dbki_conn *conn)
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

static int next_rows(struct copy_op *copy, struct dbki_conn *conn)
{
    while (copy->table < copy->layout->count && copy->states[copy->table].is_whole) {
        copy->table++;
        dbki_copy_rows_fini(&copy->rows);
    }
    if (copy->table < copy->layout->count)
        return move_rows(copy, conn);
    copy->stage = INDEXES;
    return DBK_OK;
}

/* ---------------------------------------------------------------------------------- ending ---- */

/* The next one that is not there yet. */
static int make_index(struct copy_op *copy, struct dbki_conn *conn)
{
    struct dbki_op *op = &copy->work.op;
    const char *indexes[DBKI_INDEXES_MAX];
    struct dbki_patience patience;
    int count = dbki_layout_indexes(&op->store->schema, indexes), status = DBK_OK;
    bool is_made = false;
    while (!status && !is_made && copy->index < count) {
        if ((status = dbki_change_begin(op, conn, &patience)))
            return status;
        status = dbki_copying_index(conn, indexes[copy->index++], &is_made, &op->error);
        status = dbki_change_end(op, conn, &patience, status);
    }
    tidy(conn);
    if (!status && !is_made)
        copy->stage = copy->source.schema.is_own ? ENDING : ORPHANS;
    return status || !is_made ? status : report(copy, "indexes");
}

/* One kind of reference in a turn. Those that are not left out are all told before the copy ends. */
static int leave_orphans(struct copy_op *copy, struct dbki_conn *conn)
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
        copy->stage = ENDING;
    return status;
}

/* What was written to the source meanwhile is perhaps not here. */
static int check_quiet(struct copy_op *copy)
{
    struct dbki_op *op = &copy->work.op;
    int64_t newest;
    int status = dbki_copy_source_newest(op, &copy->source, copy->layout, &newest);
    if (!status && newest != copy->newest)
        status = dbki_error_set(&op->error, DBK_CONFLICT,
                                "the source was written to while it was copied (%lld events since "
                                "event %lld): stop what writes to it, and copy into an empty "
                                "database",
                                (long long)(newest - copy->newest), (long long)copy->newest);
    return status;
}

/* By themselves: where ids are set by a change of the table, that ends a transaction. */
static int count_on(struct copy_op *copy, struct dbki_conn *conn)
{
    struct dbki_op *op = &copy->work.op;
    struct dbki_patience patience;
    int status = dbki_change_begin(op, conn, &patience);
    if (status)
        return status;
    status = dbki_copy_target_count_on(op, conn, copy->layout, &copy->source);
    return dbki_change_end(op, conn, &patience, status);
}

static int end(struct copy_op *copy, struct dbki_conn *conn)
{
    struct dbki_op *op = &copy->work.op;
    struct dbki_patience patience;
    int status = check_quiet(copy);
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

static int copy_work(struct dbki_op *op, struct dbki_conn *conn)
{
    struct copy_op *copy = (struct copy_op *)op;
    dbki_long_begin(op);
    copy->dirt = (struct dbki_copy_dirt){.op = op, .seen = copy->dirt.seen};
    copy->dirt.seen.len = 0;
    op->is_turn_over = copy->stage != ENDING || copy->is_refused;
    if (copy->is_refused)
        return refuse(copy);
    switch (copy->stage) {
    case BEGINNING:
        return begin(copy);
    case LISTING:
        return begin_target(copy, conn);
    case COUNTING:
        return count(copy);
    case ROWS:
        return next_rows(copy, conn);
    case INDEXES:
        return make_index(copy, conn);
    case ORPHANS:
        return leave_orphans(copy, conn);
    case ENDING:
        break;
    }
    return end(copy, conn);
}

static void copy_fini(struct dbki_op *op)
{
    struct copy_op *copy = (struct copy_op *)op;
    dbki_copy_rows_fini(&copy->rows);
    dbki_copy_dirt_fini(&copy->dirt);
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
        dbki_long_new(store, &COPY, sizeof(struct copy_op), call, report_fn, done, user, &op);
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
    struct copy_op *copy = (struct copy_op *)op;
    copy->from_url = dbki_op_text(op, from_url).text;
    copy->is_records_only = wanted.is_records_only;
    copy->skips_dirty = wanted.skips_dirty;
    return dbki_submit(store, op, call);
}
