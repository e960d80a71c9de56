/*
 * Closing builds that a master or a recorder left open when it died: a walk over all builds by ranges of ids, of
 * which those are closed that the master has open and began long enough ago, with their steps.
 */
#include "base/hash.h"
#include "connector/event.h"
#include "connector/long_work.h"
#include "store/store.h"

#include <stdio.h>

enum { PAGE_BUILDS = 1000 };
enum { MASTER_ALIVE_S = 600 }; /* a master of Buildbot's says every minute that it runs */

struct abandon {
    struct dbki_long_op work; /* first */
    struct dbki_value master, master_hash;
    int64_t results, began_before, now;
    int64_t masterid; /* DBK_NONE: not found yet */
    bool is_alive;
    int64_t page_end;
    int64_t *ids; /* of the page: the open ones */
    int count, max;
};

enum pass { FIND_PAGE, FIND_OPEN, CLOSE };
enum { LAST_ID, CLOSED }; /* of op->progress */

static const struct dbki_statement FIND_MASTER = {
    .sql = "SELECT id, active, last_active FROM masters WHERE name_hash = ?", .is_one_row = true};
static const struct dbki_statement PAGE_END = {
    .sql = "SELECT max(id) FROM (SELECT id FROM builds WHERE id > ? ORDER BY id LIMIT ?) page",
    .is_one_row = true};
static const struct dbki_statement OPEN_BUILDS = {
    .sql = "SELECT b.id, b.number, r.name FROM builds b LEFT JOIN builders r ON r.id = b.builderid"
           " WHERE b.id > ? AND b.id <= ? AND b.masterid = ? AND b.complete_at IS NULL"
           " AND b.started_at < ? ORDER BY b.id"};
static const struct dbki_statement STEP_EVENTS = {
    .sql = "INSERT INTO daybook_events (at, kind, verb, builderid, buildid, stepid, name)"
           " SELECT ?, 'step', 'finished', b.builderid, b.id, s.id, NULL FROM steps s"
           " JOIN builds b ON b.id = s.buildid WHERE b.id = ? AND b.complete_at IS NULL"
           " AND s.complete_at IS NULL"};
static const struct dbki_statement CLOSE_STEPS = {
    .sql = "UPDATE steps SET complete_at = ?, results = ? WHERE buildid = ?"
           " AND complete_at IS NULL AND EXISTS (SELECT 1 FROM builds b WHERE b.id = ?"
           " AND b.complete_at IS NULL)"};
static const struct dbki_statement BUILD_EVENT = {
    .sql = "INSERT INTO daybook_events (at, kind, verb, builderid, buildid, stepid, name)"
           " SELECT ?, 'build', 'finished', builderid, id, NULL, NULL FROM builds"
           " WHERE id = ? AND complete_at IS NULL"};
static const struct dbki_statement CLOSE_BUILD = {
    .sql = "UPDATE builds SET complete_at = ?, results = ? WHERE id = ? AND complete_at IS NULL"};

/* -------------------------------------------------------------------------------------- turns ---- */

static void abandon_bind(struct dbki_op *op, struct dbki_binder *binder)
{
    struct abandon *abandon = (struct abandon *)op;
    dbki_long_begin(op);
    abandon->masterid = abandon->page_end = DBK_NONE;
    abandon->ids = NULL;
    abandon->count = abandon->max = 0;
    DBKI_BIND(binder, &FIND_MASTER, abandon->master_hash);
    DBKI_BIND(binder, &PAGE_END, dbki_int(op->progress[LAST_ID]), dbki_int(PAGE_BUILDS));
}

static bool add_id(struct abandon *abandon, int64_t id)
{
    if (abandon->count == abandon->max) {
        int max = abandon->max ? 2 * abandon->max : 16;
        int64_t *grown = dbki_op_take(&abandon->work.op, (size_t)max * sizeof *grown);
        if (!grown)
            return false;
        if (abandon->count)
            memcpy(grown, abandon->ids, (size_t)abandon->count * sizeof *grown);
        abandon->ids = grown;
        abandon->max = max;
    }
    abandon->ids[abandon->count++] = id;
    return true;
}

static int take_open(struct abandon *abandon, const struct dbki_value *cells)
{
    char text[200];
    int64_t id = dbki_value_int(&cells[0]);
    snprintf(text, sizeof text, "build %lld of %.100s was left open",
             (long long)dbki_value_int(&cells[1]),
             cells[2].type == DBKI_TEXT ? cells[2].text : "a builder that is not there");
    if (!add_id(abandon, id))
        return DBK_NO_MEMORY;
    return dbki_long_report(&abandon->work.op, &(struct dbk_report){.kind = DBK_REPORT_FINDING,
                                                                    .subject = "builds",
                                                                    .problem = "open",
                                                                    .text = text,
                                                                    .id = id,
                                                                    .done = DBK_NONE,
                                                                    .total = DBK_NONE,
                                                                    .rows = DBK_NONE,
                                                                    .bytes = DBK_NONE});
}

static int abandon_row(struct dbki_op *op, int index, const struct dbki_value *cells,
                       int cell_count)
{
    struct abandon *abandon = (struct abandon *)op;
    (void)cell_count;
    if (op->pass == FIND_OPEN)
        return take_open(abandon, cells);
    if (op->pass != FIND_PAGE)
        return DBK_OK;
    *(index ? &abandon->page_end : &abandon->masterid) = dbki_value_int(&cells[0]);
    if (!index)
        abandon->is_alive = dbki_value_int(&cells[1]) == 1 &&
                            dbki_value_int(&cells[2]) >= abandon->now - MASTER_ALIVE_S;
    return DBK_OK;
}

/* Each statement tells by itself whether the build is still open: another one may be closing it. */
static void bind_closing(struct abandon *abandon, struct dbki_binder *more)
{
    struct dbki_value now = dbki_int(abandon->now), results = dbki_int(abandon->results);
    for (int i = 0; i < abandon->count; i++) {
        struct dbki_value id = dbki_int(abandon->ids[i]);
        if (abandon->work.op.store->engine->is_server)
            DBKI_BIND(more, &dbki_lock_build, id);
        if (dbki_has_events(&abandon->work.op)) {
            DBKI_BIND(more, &STEP_EVENTS, now, id);
            DBKI_BIND(more, &BUILD_EVENT, now, id);
        }
        DBKI_BIND(more, &CLOSE_STEPS, now, results, id, id);
        DBKI_BIND(more, &CLOSE_BUILD, now, results, id);
    }
}

static void end_page(struct abandon *abandon)
{
    struct dbki_op *op = &abandon->work.op;
    op->progress[LAST_ID] = abandon->page_end;
    op->progress[CLOSED] += abandon->count;
    op->is_turn_over = true;
    dbki_long_progress(op, "builds", abandon->page_end, DBK_NONE);
}

static void abandon_read(struct dbki_op *op, const struct dbki_bound *bound,
                         struct dbki_binder *more)
{
    struct abandon *abandon = (struct abandon *)op;
    (void)bound;
    if (op->pass == FIND_PAGE && abandon->masterid == DBK_NONE) {
        dbki_error_set(&op->error, DBK_NOT_FOUND, "there is no master with the name '%.80s'",
                       abandon->master.text);
    } else if (op->pass == FIND_PAGE && abandon->is_alive && !op->store->is_forced) {
        dbki_error_set(&op->error, DBK_CONFLICT,
                       "the master %.80s said within ten minutes that it runs: its builds are its "
                       "own to end (--force closes them all the same)",
                       abandon->master.text);
    } else if (op->pass == FIND_PAGE && abandon->page_end != DBK_NONE) {
        DBKI_BIND(more, &OPEN_BUILDS, dbki_int(op->progress[LAST_ID]), dbki_int(abandon->page_end),
                  dbki_int(abandon->masterid), dbki_int(abandon->began_before));
    } else if (op->pass == FIND_OPEN) {
        if (!abandon->work.is_dry_run)
            bind_closing(abandon, more);
        end_page(abandon);
    }
}

/* --------------------------------------------------------------------------------- submitting ---- */

static const struct dbki_opkind ABANDON = {
    .action = "closing builds that were left open",
    .is_follower = true,
    .is_long = true,
    .access = DBKI_ACCESS_EXISTING,
    .bind = abandon_bind,
    .row = abandon_row,
    .read = abandon_read,
    .deliver = dbki_long_deliver,
};
static const struct dbki_opkind ABANDON_PLAN = {
    .action = "looking for builds that were left open",
    .is_follower = true,
    .is_long = true,
    .is_several = true,
    .access = DBKI_ACCESS_READ,
    .bind = abandon_bind,
    .row = abandon_row,
    .read = abandon_read,
    .deliver = dbki_long_deliver,
};

int dbk_abandon(struct dbk_store *store, const char *master, int64_t began_before, int64_t results,
                bool is_dry_run, const struct dbk_call *call, dbk_report_fn *report,
                dbk_done_fn *done, void *user)
{
    struct dbki_check check = {.call = call};
    struct dbki_op *op;
    char hash[DBKI_SHA1_HEX_SIZE];
    dbki_check_that(&check, store, "store must not be NULL");
    dbki_check_text(&check, "master", master, 0, false);
    dbki_check_results(&check, results);
    dbki_check_that(&check, results != DBK_SUCCESS, "a build that was left open is no success");
    dbki_check_that(&check, began_before != DBK_NONE, "began_before must be a time");
    if (check.status)
        return check.status;
    int status = dbki_long_new(store, is_dry_run ? &ABANDON_PLAN : &ABANDON, sizeof(struct abandon),
                               call, report, done, user, &op);
    if (status)
        return status;
    struct abandon *abandon = (struct abandon *)op;
    op->is_out_of_memory |= dbki_hash_columns(&master, 1, hash) != 0;
    abandon->work.is_dry_run = is_dry_run;
    abandon->master = dbki_op_text(op, master);
    abandon->master_hash = dbki_op_text_n(op, hash, sizeof hash - 1);
    abandon->began_before = began_before;
    abandon->results = results;
    abandon->now = store->clock(store->clock_user);
    return dbki_submit(store, op, call);
}
