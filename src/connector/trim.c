/*
 * Housekeeping: events and operation keys that are older than KEPT_S go, a batch a turn. The writer runs it
 * now and then after a batch of writes (store.h, `housekeeping`); nobody waits for it. How far the events
 * were trimmed is kept as a mark, so that a reader that comes too late can be told so.
 */
#include "connector/trim.h"

#include "connector/marks.h"
#include "connector/submit.h"
#include "store/store.h"

enum { KEPT_S = 7 * 24 * 60 * 60, BATCH_NAMES_KEPT_S = 24 * 60 * 60 };

/* The last of the oldest events that is too old. The newest stays, so that its position is not given again where
 * SQLite does not see to that (objects.c). */
const struct dbki_statement dbki_trim_find_events = {
    .sql = "SELECT max(position), count(*) FROM (SELECT position, at FROM daybook_events"
           " WHERE position < (SELECT max(position) FROM daybook_events)"
           " ORDER BY position LIMIT 500) oldest WHERE at < ?"};
const struct dbki_statement dbki_trim_delete_events = {
    .sql = "DELETE FROM daybook_events WHERE position <= ?"};
const struct dbki_statement dbki_trim_delete_keys = {
    .sql = "DELETE FROM daybook_operations WHERE (week, key, scope) IN (SELECT week, key, scope"
           " FROM daybook_operations WHERE week < ? ORDER BY week, key, scope LIMIT 500)"};

/* Nobody asks for a batch's name but the store that gave it, right after. */
static const struct dbki_statement DELETE_BATCHES = {
    .sql = "DELETE FROM daybook_commits WHERE name IN (SELECT name FROM daybook_commits"
           " WHERE at < ? ORDER BY at LIMIT 5000)"};

static void trim_bind(struct dbki_op *op, struct dbki_binder *binder)
{
    DBKI_BIND(binder, &dbki_trim_delete_keys, dbki_int(dbki_key_week(op->now) - 1));
    DBKI_BIND(binder, &dbki_trim_find_events, dbki_int(op->now - KEPT_S));
    if (op->store->schema.has_batches)
        DBKI_BIND(binder, &DELETE_BATCHES, dbki_int(op->now - BATCH_NAMES_KEPT_S));
}

static int trim_row(struct dbki_op *op, int index, const struct dbki_value *cells, int cell_count)
{
    (void)index;
    (void)cell_count;
    op->result[0] = dbki_value_int(&cells[0]);
    op->result[1] = dbki_value_int(&cells[1]);
    return DBK_OK;
}

static void trim_read(struct dbki_op *op, const struct dbki_bound *bound, struct dbki_binder *more)
{
    if (op->pass)
        return;
    op->is_turn_over = bound[0].changed >= DBKI_TRIM_MAX || op->result[1] >= DBKI_TRIM_MAX ||
                       (op->store->schema.has_batches && bound[2].changed >= 5000);
    if (op->result[0] == DBK_NONE)
        return;
    DBKI_BIND(more, &dbki_trim_delete_events, dbki_int(op->result[0]));
    dbki_mark_bind(more, DBKI_MARK_EVENTS_TRIMMED, op->result[0]);
}

const struct dbki_opkind dbki_trim = {
    .action = "trimming events and operation keys",
    .access = DBKI_ACCESS_EXISTING,
    .frees_space = true,
    .bind = trim_bind,
    .row = trim_row,
    .read = trim_read,
};
