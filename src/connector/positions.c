/*
 * Positions of events, where several commit at once: an event's id is taken when its row is written, and others with
 * higher ids may be visible before. So the row has no position at first; what is visible and has none gets the
 * next ones, in the order of the ids, by one process at a time, under the lock of one row. Positions become
 * visible in their order, and whoever reads on from the last one misses nothing.
 *
 * Whoever reads events does that first, if he may write; and a store that writes does it now and then for those who may
 * not, on a connection of its readers.
 */
#include "connector/marks.h"

#include "connector/submit.h"
#include "engine/ask.h"
#include "store/store.h"

enum { STEP_MAX = 1000 };

#define MARK "'events given'"

static const struct dbki_statement FIND = {
    .sql = "SELECT 1 FROM daybook_events WHERE position IS NULL LIMIT 1", .is_one_row = true};
static const struct dbki_statement MAKE_MARK = {
    .sql = "INSERT INTO daybook_marks (name, value) VALUES (" MARK ", 0) ON CONFLICT DO NOTHING"};
static const struct dbki_statement LOCK = {
    .sql = "SELECT value FROM daybook_marks WHERE name = " MARK " FOR UPDATE"};
static const struct dbki_statement GIVE = {
    .sql = "UPDATE daybook_events SET position = m.value + n.place FROM daybook_marks m,"
           " (SELECT id, row_number() OVER (ORDER BY id) AS place FROM daybook_events"
           " WHERE position IS NULL ORDER BY id LIMIT 1000) n"
           " WHERE m.name = " MARK " AND n.id = daybook_events.id"};
static const struct dbki_statement MOVE = {
    .sql = "UPDATE daybook_marks SET value = greatest(value,"
           " (SELECT coalesce(max(position), 0) FROM daybook_events)) WHERE name = " MARK};

static int take_one(void *owner, int index, const struct dbki_value *cells, int cell_count)
{
    (void)index;
    (void)cells;
    (void)cell_count;
    *(bool *)owner = true;
    return DBK_OK;
}

static int find(struct dbki_op *op, struct dbki_conn *conn, bool *out_is_some)
{
    *out_is_some = false;
    return dbki_ask(conn, &FIND, NULL, out_is_some, take_one, &op->error);
}

/* Gives positions to the next events. Result: 0 and how many. */
static int give(struct dbki_op *op, struct dbki_conn *conn, int64_t *out_count)
{
    struct dbki_bound bound[] = {{.statement = &MAKE_MARK},
                                 {.statement = &LOCK},
                                 {.statement = &GIVE},
                                 {.statement = &MOVE},
                                 {.statement = conn->engine->notify}};
    struct dbki_group group = {
        .bound = bound, .bound_count = conn->engine->notify ? 5 : 4, .error = &op->error};
    struct dbki_group *groups[] = {&group};
    int failed;
    int status = conn->engine->begin(conn, DBKI_WRITE, NULL, &op->error);
    if (!status)
        status = conn->engine->run(conn, groups, 1, &failed);
    if (!status)
        status = conn->engine->commit(conn, NULL, &op->error);
    if (status)
        conn->engine->rollback(conn);
    *out_count = bound[2].changed;
    return status;
}

static int place_work(struct dbki_op *op, struct dbki_conn *conn)
{
    int64_t count = STEP_MAX;
    bool is_some;
    int status = find(op, conn, &is_some);
    while (!status && is_some && count == STEP_MAX)
        status = give(op, conn, &count);
    return status;
}

const struct dbki_opkind dbki_place_events = {
    .action = "giving events their positions",
    .access = DBKI_ACCESS_EXISTING,
    .work = place_work,
};

const struct dbki_batch_names dbki_batch_names = {
    .keep = {.sql = "INSERT INTO daybook_commits (name, at) VALUES (?, ?)"},
    .refuse = {.sql = "INSERT INTO daybook_commits (name, at) VALUES (?, ?), (?, ?)"},
    .is_refused = {.sql = "SELECT 1 FROM daybook_commits WHERE name = ?", .is_one_row = true},
};
