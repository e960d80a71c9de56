/*
 * Old build data goes in turns of some 5 ms, between any two of which other writers have theirs (turns.h): each looks at the
 * next rows by id, as many as were found to fit, and deletes those of builds that were complete before the time.
 * Nothing is counted first, and what was deleted before is not looked at again. A value is never divided: a very
 * large one makes a turn longer. progress: the last id that was looked at, and how many were deleted.
 */
#include "connector/event.h"
#include "connector/turns.h"
#include "store/store.h"

enum { ROWS_MIN = 4, ROWS_FIRST = 64, ROWS_MAX = 2000 };
enum { ROW_SIZE = 16000 }; /* bytes of values that a row of the limit stands for */
static const int64_t TURN_NS = 5 * 1000 * 1000;

struct delete_old_op {
    struct dbki_op op;
    int64_t older_than;
    int64_t last_id; /* of this turn's rows; DBK_NONE: there are none left */
    struct dbki_turns turns;
};

enum { LAST_ID, DELETED };

static const struct dbki_statement NEXT_ROWS = {
    .sql = "SELECT max(id) FROM (SELECT id, sum(length) OVER (ORDER BY id) - length AS before"
           " FROM (SELECT id, length FROM build_data WHERE id > ? ORDER BY id LIMIT ?) page)"
           " sized WHERE before < ?"};
#define OLD_ROWS                                                                                   \
    " WHERE d.id > ? AND d.id <= ?"                                                                \
    " AND EXISTS (SELECT 1 FROM builds b WHERE b.id = d.buildid AND b.complete_at < ?)"
static const struct dbki_statement OLD_EVENTS = {
    .sql = "INSERT INTO daybook_events (at, kind, verb, builderid, buildid, stepid, name)"
           " SELECT ?, 'data', 'deleted', (SELECT builderid FROM builds WHERE id = d.buildid),"
           " d.buildid, NULL, d.name FROM build_data d" OLD_ROWS};
static const struct dbki_statement DELETE_OLD = {.sql = "DELETE FROM build_data AS d" OLD_ROWS};

static void delete_old_bind(struct dbki_op *op, struct dbki_binder *binder)
{
    struct delete_old_op *old = (struct delete_old_op *)op;
    old->last_id = DBK_NONE;
    int before = binder->count;
    dbki_turns_begin(&old->turns, op);
    DBKI_BIND(binder, &NEXT_ROWS, dbki_int(op->progress[LAST_ID]), dbki_int(old->turns.row_limit),
              dbki_int(old->turns.row_limit * ROW_SIZE));
    dbki_turns_ask(&old->turns, op, binder, before);
}

static void delete_old_bind_arguments(struct dbki_op *op, struct dbki_binder *binder)
{
    DBKI_BIND(binder, &DELETE_OLD, dbki_int(((struct delete_old_op *)op)->older_than));
}

static int delete_old_row(struct dbki_op *op, int index, const struct dbki_value *cells,
                          int cell_count)
{
    struct delete_old_op *old = (struct delete_old_op *)op;
    (void)cell_count;
    if (!dbki_turns_take(&old->turns, index, cells))
        old->last_id = dbki_value_int(&cells[0]);
    return DBK_OK;
}

static void delete_old_read(struct dbki_op *op, const struct dbki_bound *bound,
                            struct dbki_binder *more)
{
    struct delete_old_op *old = (struct delete_old_op *)op;
    bool has_events = dbki_has_events(op);
    if (op->pass) {
        op->progress[DELETED] += bound[has_events ? 1 : 0].changed;
        op->progress[LAST_ID] = old->last_id;
        op->is_turn_over = true;
        dbki_turns_adapt(&old->turns, op, true);
        return;
    }
    op->result[0] = op->progress[DELETED];
    if (old->last_id == DBK_NONE)
        return;
    struct dbki_value after = dbki_int(op->progress[LAST_ID]), to = dbki_int(old->last_id),
                      than = dbki_int(old->older_than);
    if (has_events)
        DBKI_BIND(more, &OLD_EVENTS, dbki_int(op->now), after, to, than);
    DBKI_BIND(more, &DELETE_OLD, after, to, than);
}

static void delete_old_rest(struct dbki_op *op, struct dbki_conn *conn)
{
    (void)conn;
    dbki_turns_rest(&((struct delete_old_op *)op)->turns, op);
}

static void delete_old_deliver(struct dbki_op *op, const struct dbk_error *error)
{
    ((dbk_count_fn *)op->done)(op->user, error,
                               error ? op->progress_committed[DELETED] : op->result[0]);
}

static const struct dbki_opkind DELETE_OLD_KIND = {
    .action = "deleting old build data",
    .access = DBKI_ACCESS_EXISTING,
    .frees_space = true,
    .bind = delete_old_bind,
    .row = delete_old_row,
    .read = delete_old_read,
    .deliver = delete_old_deliver,
    .after = delete_old_rest,
    .bind_arguments = delete_old_bind_arguments,
};

int dbk_delete_old_build_data(struct dbk_store *store, int64_t older_than,
                              const struct dbk_call *call, dbk_count_fn *done, void *user)
{
    struct dbki_check check = {.call = call};
    dbki_check_that(&check, store && done, "store and done must not be NULL");
    dbki_check_that(&check, older_than != DBK_NONE, "older_than must be a time");
    if (check.status)
        return check.status;
    struct delete_old_op *op =
        dbki_op_new(&DELETE_OLD_KIND, sizeof *op, 0, (dbki_callback *)done, user);
    if (!op)
        return dbki_refuse(call, DBK_NO_MEMORY, "out of memory");
    op->older_than = older_than;
    op->turns = (struct dbki_turns){.turn_ns = TURN_NS,
                                    .row_limit = ROWS_FIRST,
                                    .row_min = ROWS_MIN,
                                    .row_max = ROWS_MAX,
                                    .version_index = -1};
    return dbki_submit(store, &op->op, call);
}
