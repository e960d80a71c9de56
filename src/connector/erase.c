/*
 * Erasing what should never have been recorded: all that is in one build, or one value. It is pruning of a single
 * build (prune.h), whatever the rules, with more to do at its end:
 *
 *     single -> pending --+--> property ------------------+--> space ... -> scrub, scrub ... -> scrubbed
 *                         +--> sizes -> leaves -> ... ----+
 *
 * Where the engine keeps a log beside the database, what was there is in it until it begins anew, for which readers
 * can keep it waiting. So a mark says that an erasure is pending: whoever asks again then finishes it, although
 * there is nothing to be found any more. Runs on the worker.
 */
#include "base/clock.h"
#include "base/text.h"
#include "connector/event.h"
#include "connector/marks.h"
#include "connector/prune.h"
#include "store/store.h"

enum { SCRUBS_MAX = 100 };
static const int64_t SCRUB_PAUSE_NS = 20 * 1000 * 1000;

enum { ASKED_LOCK, ASKED_BUILD, ASKED_FOUND, ASKED_ABOVE, ASKED_PENDING };

struct erase {
    struct dbki_prune prune; /* first */
    bool has_build;
    int64_t found_count, found_size; /* properties or values of that name */
    bool is_pending;                 /* an erasure is */
    bool is_above;                   /* its buildset has such a property, too */
    int scrub_count;                 /* tries */
    bool is_rewritten;               /* the whole file is to be */
    bool was_rewritten;
};

bool dbki_prune_scrubs(const struct dbki_prune *prune)
{
    return prune->single != DBK_NONE && prune->work.op.store->engine->scrub;
}

static bool has_marks(const struct dbki_prune *prune)
{
    return prune->work.op.store->schema.has_events;
}

/* ---------------------------------------------------------------------------------- the build ---- */

static const struct dbki_statement FIND_BUILD = {.sql = "SELECT id FROM builds WHERE id = ?",
                                                 .is_one_row = true};
static const struct dbki_statement FIND_PROPERTY = {
    .sql = "SELECT count(*), coalesce(sum(length(value)), 0) FROM build_properties"
           " WHERE buildid = ? AND name = ?",
    .is_one_row = true};
static const struct dbki_statement FIND_DATA = {
    .sql = "SELECT count(*), coalesce(sum(length(value)), 0) FROM build_data"
           " WHERE buildid = ? AND name = ?",
    .is_one_row = true};
#define ABOVE                                                                                      \
    "SELECT 1 FROM builds b JOIN buildrequests q ON q.id = b.buildrequestid"                       \
    " JOIN buildset_properties p ON p.buildsetid = q.buildsetid WHERE b.id = ?"
static const struct dbki_statement FIND_ABOVE = {.sql = ABOVE, .is_one_row = true};
static const struct dbki_statement FIND_ONE_ABOVE = {.sql = ABOVE " AND p.property_name = ?",
                                                     .is_one_row = true};

#define ASK(what, statement, ...)                                                                  \
    DBKI_PRUNE_ASK(prune, binder, ((struct dbki_asked){NULL, what, 0}), statement, __VA_ARGS__)

static void single_bind(struct dbki_prune *prune, struct dbki_binder *binder)
{
    struct erase *erase = (struct erase *)prune;
    struct dbki_value id = dbki_int(prune->single), name = prune->single_name;
    bool is_property = prune->erased == DBK_ERASE_PROPERTY;
    erase->has_build = erase->is_pending = erase->is_above = false;
    erase->found_count = erase->found_size = 0;
    if (prune->work.op.store->engine->is_server)
        ASK(ASKED_LOCK, &dbki_lock_build, id);
    ASK(ASKED_BUILD, &FIND_BUILD, id);
    if (prune->erased != DBK_ERASE_CONTENTS)
        ASK(ASKED_FOUND, is_property ? &FIND_PROPERTY : &FIND_DATA, id, name);
    if (is_property)
        ASK(ASKED_ABOVE, &FIND_ONE_ABOVE, id, name);
    else if (prune->erased == DBK_ERASE_CONTENTS)
        ASK(ASKED_ABOVE, &FIND_ABOVE, id);
    if (!has_marks(prune) || !dbki_prune_scrubs(prune))
        return;
    dbki_mark_bind_get(binder, DBKI_MARK_ERASURE_PENDING);
    dbki_prune_note(prune, binder, (struct dbki_asked){.what = ASKED_PENDING});
}

static int single_row(struct dbki_prune *prune, const struct dbki_asked *asked,
                      const struct dbki_value *cells)
{
    struct erase *erase = (struct erase *)prune;
    switch (asked->what) {
    case ASKED_BUILD:
        erase->has_build = true;
        break;
    case ASKED_FOUND:
        erase->found_count = dbki_value_int(&cells[0]);
        erase->found_size = dbki_value_int(&cells[1]);
        break;
    case ASKED_ABOVE:
        erase->is_above = true;
        break;
    case ASKED_PENDING:
        erase->is_pending = dbki_value_int(&cells[0]) == 1;
        break;
    default:
        break;
    }
    return DBK_OK;
}

/* Makes it the one build that is pruned. */
static bool doom(struct dbki_prune *prune)
{
    bool is_whole = prune->erased == DBK_ERASE_CONTENTS;
    prune->doomed = dbki_op_take(&prune->work.op, sizeof *prune->doomed);
    if (!prune->doomed)
        return false;
    *prune->doomed = (struct dbki_doomed){.id = prune->single,
                                          .requestid = DBK_NONE,
                                          .setid = DBK_NONE,
                                          .fate = is_whole ? DBKI_FATE_EMPTIED : DBKI_FATE_VALUES,
                                          .values = DBKI_VALUES_ALL};
    prune->doomed_count = prune->doomed_max = 1;
    return true;
}

/* There is nothing of that name: that is an end, unless it is there to finish what was begun. */
static int find_nothing(struct erase *erase)
{
    struct dbki_prune *prune = &erase->prune;
    bool is_finishing = erase->is_pending || (dbki_prune_scrubs(prune) && !has_marks(prune));
    if (!is_finishing)
        dbki_error_set(&prune->work.op.error, DBK_NOT_FOUND, "build %lld has no %s '%.80s'",
                       (long long)prune->single,
                       prune->erased == DBK_ERASE_PROPERTY ? "property" : "data",
                       prune->single_name.text);
    prune->next.stage = DBKI_STAGE_SPACE;
    return DBKI_PASS_END;
}

static int single_read(struct dbki_prune *prune, const struct dbki_bound *bound)
{
    struct erase *erase = (struct erase *)prune;
    (void)bound;
    if (!erase->has_build) {
        dbki_error_set(&prune->work.op.error, DBK_NOT_FOUND, "there is no build with the id %lld",
                       (long long)prune->single);
        return DBKI_PASS_END;
    }
    if (prune->erased != DBK_ERASE_CONTENTS && !erase->found_count)
        return find_nothing(erase);
    if (!doom(prune)) {
        dbki_error_set(&prune->work.op.error, DBK_NO_MEMORY, "out of memory");
        return DBKI_PASS_END;
    }
    return DBKI_PASS_PENDING;
}

const struct dbki_prune_pass dbki_prune_single = {single_bind, single_row, single_read};

/* ----------------------------------------------------------------------------------- the mark ---- */

static void bind_mark(struct dbki_prune *prune, struct dbki_binder *binder, int64_t value)
{
    if (!has_marks(prune) || !dbki_prune_scrubs(prune))
        return;
    dbki_mark_bind(binder, DBKI_MARK_ERASURE_PENDING, value);
    dbki_prune_note(prune, binder, (struct dbki_asked){.what = ASKED_LOCK});
}

static void pending_bind(struct dbki_prune *prune, struct dbki_binder *binder)
{
    bind_mark(prune, binder, 1);
}

static int pending_read(struct dbki_prune *prune, const struct dbki_bound *bound)
{
    (void)bound;
    return prune->erased == DBK_ERASE_PROPERTY ? DBKI_PASS_PROPERTY : DBKI_PASS_SIZES;
}

const struct dbki_prune_pass dbki_prune_pending = {pending_bind, NULL, pending_read};

static void scrubbed_bind(struct dbki_prune *prune, struct dbki_binder *binder)
{
    if (prune->next.stage == DBKI_STAGE_SCRUBBED)
        bind_mark(prune, binder, 0);
}

/* Of the stage before it, the work is what comes after the turn. */
static int scrubbed_read(struct dbki_prune *prune, const struct dbki_bound *bound)
{
    (void)bound;
    if (prune->next.stage == DBKI_STAGE_SCRUBBED)
        prune->next.stage = DBKI_STAGE_END;
    return DBKI_PASS_END;
}

const struct dbki_prune_pass dbki_prune_scrubbed = {scrubbed_bind, NULL, scrubbed_read};

/* ------------------------------------------------------------------------------- one property ---- */

static const struct dbki_statement DELETE_PROPERTY = {
    .sql = "DELETE FROM build_properties WHERE buildid = ? AND name = ?"};

static void property_bind(struct dbki_prune *prune, struct dbki_binder *binder)
{
    ASK(ASKED_FOUND, &DELETE_PROPERTY, dbki_int(prune->single), prune->single_name);
    dbki_event_bind_build(&prune->work.op, binder,
                          (struct dbki_event){.kind = "property",
                                              .verb = "deleted",
                                              .buildid = prune->single,
                                              .stepid = DBK_NONE,
                                              .name = prune->single_name});
}

static int property_read(struct dbki_prune *prune, const struct dbki_bound *bound)
{
    dbki_prune_add(prune, DBKI_SUM_PROPERTIES, bound[0].changed,
                   ((struct erase *)prune)->found_size);
    prune->next.stage = DBKI_STAGE_SPACE;
    return DBKI_PASS_END;
}

const struct dbki_prune_pass dbki_prune_property = {property_bind, NULL, property_read};

/* ---------------------------------------------------------------------------------- scrubbing ---- */

static void say_held(struct dbki_op *op)
{
    dbki_error_set(&op->error, DBK_BUSY,
                   "it is deleted, but what was there is still in the database's write-ahead log, "
                   "which somebody who reads keeps from beginning anew (a long query, a backup, an "
                   "open transaction): end that, and do this again");
    op->error.outcome = DBK_DONE;
    op->error.is_retryable = true;
}

/* One try after each turn, until it is over. */
static void erase_after(struct dbki_op *op, struct dbki_conn *conn)
{
    struct erase *erase = (struct erase *)op;
    struct dbki_prune *prune = &erase->prune;
    bool is_over;
    if (prune->next.stage != DBKI_STAGE_SCRUB)
        return;
    if (erase->is_rewritten && !erase->was_rewritten) {
        if (conn->engine->rewrite(conn, &op->error)) {
            op->error.outcome = DBK_DONE;
            return;
        }
        erase->was_rewritten = true;
    }
    if (conn->engine->scrub(conn, &is_over, &op->error)) {
        op->error.outcome = DBK_DONE;
    } else if (is_over) {
        prune->next.stage = DBKI_STAGE_SCRUBBED;
    } else if (++erase->scrub_count < SCRUBS_MAX) {
        op->rest_until_ns = dbki_clock_ns() + SCRUB_PAUSE_NS;
    } else {
        say_held(op);
    }
}

/* ------------------------------------------------------------------------------ what may be left ---- */

static int report_one(struct dbki_prune *prune, const char *subject, const char *text)
{
    return dbki_long_report(&prune->work.op, &(struct dbk_report){.kind = DBK_REPORT_FINDING,
                                                                  .subject = subject,
                                                                  .problem = "left",
                                                                  .text = text,
                                                                  .id = DBK_NONE,
                                                                  .done = DBK_NONE,
                                                                  .total = DBK_NONE,
                                                                  .rows = DBK_NONE,
                                                                  .bytes = DBK_NONE});
}

int dbki_prune_report_remains(struct dbki_prune *prune)
{
    const struct dbki_engine *engine = prune->work.op.store->engine;
    int status = DBK_OK;
    if (((struct erase *)prune)->is_above)
        status = report_one(prune, "buildset_properties",
                            "the build's buildset has properties of its own, from which a master "
                            "copies those of the build: they stay");
    if (!status && prune->work.op.store->schema.has_keys)
        status = report_one(prune, "daybook_operations",
                            "operation keys hold a hash of their call for up to 14 days, by which "
                            "a short secret can be guessed");
    if (!status && engine->rewrite && !((struct erase *)prune)->was_rewritten)
        status = report_one(prune, engine->name, engine->unwritten);
    for (const char *const *text = engine->remains; !status && *text; text++)
        status = report_one(prune, engine->name, *text);
    return status;
}

/* --------------------------------------------------------------------------------- submitting ---- */

static const struct dbki_opkind ERASE = {
    .action = "erasing",
    .is_follower = true,
    .is_long = true,
    .access = DBKI_ACCESS_EXISTING,
    .frees_space = true,
    .overwrites = true,
    .bind = dbki_prune_op_bind,
    .row = dbki_prune_op_row,
    .read = dbki_prune_op_read,
    .deliver = dbki_long_deliver,
    .after = erase_after,
    .fini = dbki_prune_op_fini,
};

int dbk_erase(struct dbk_store *store, int64_t buildid, enum dbk_erased erased, const char *name,
              bool is_rewritten, const struct dbk_call *call, dbk_report_fn *report,
              dbk_done_fn *done, void *user)
{
    struct dbki_check check = {.call = call};
    struct dbki_op *op;
    bool is_whole = erased == DBK_ERASE_CONTENTS;
    dbki_check_that(&check, store && report && done, "store, report and done must not be NULL");
    dbki_check_that(&check, is_whole || erased == DBK_ERASE_PROPERTY || erased == DBK_ERASE_DATA,
                    "what is erased is DBK_ERASE_CONTENTS, _PROPERTY or _DATA");
    dbki_check_that(&check, is_whole == !name, "name is of the property or the data, else NULL");
    dbki_check_text(&check, "name", name, 0, true);
    int status = check.status ? check.status
                              : dbki_long_new(store, &ERASE, sizeof(struct erase), call, report,
                                              done, user, &op);
    if (status)
        return status;
    struct dbki_prune *prune = (struct dbki_prune *)op;
    prune->now = store->clock(store->clock_user);
    prune->single = buildid;
    prune->erased = erased;
    ((struct erase *)prune)->is_rewritten = is_rewritten;
    if (name)
        prune->single_name = dbki_op_text(op, name);
    dbki_prune_init(prune, 0);
    return dbki_submit(store, op, call);
}
