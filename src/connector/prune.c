/* Pruning: its turns, how much of them is done at once, and what is reported; see prune.h. */
#include "connector/prune.h"

#include "base/clock.h"
#include "store/store.h"

#include <stdio.h>

enum { ROWS_MIN = 24, ROWS_FIRST = 200, ROWS_MAX = 8000 };
enum { ROWS_OF_A_BUILD = 24, BUILDS_MAX = 200, ROWS_OF_ONE_MIN = 64 };
enum { BATCH_MS = 5, BATCH_MAX_MS = 10000 };
static const int64_t MS_NS = 1000 * 1000;

static const struct dbki_prune_pass *const PASSES[DBKI_PASSES] = {
    [DBKI_PASS_CHECK] = &dbki_prune_check,        [DBKI_PASS_BUILDER] = &dbki_prune_builder,
    [DBKI_PASS_LIMITS] = &dbki_prune_limits,      [DBKI_PASS_PAGE] = &dbki_prune_page,
    [DBKI_PASS_BUILDS] = &dbki_prune_find_builds, [DBKI_PASS_FACTS] = &dbki_prune_facts,
    [DBKI_PASS_COUNTS] = &dbki_prune_counts,      [DBKI_PASS_SIZES] = &dbki_prune_sizes,
    [DBKI_PASS_LEAVES] = &dbki_prune_leaves,      [DBKI_PASS_BRANCHES] = &dbki_prune_branches,
    [DBKI_PASS_ROOTS] = &dbki_prune_roots,        [DBKI_PASS_SETS] = &dbki_prune_sets,
    [DBKI_PASS_EVENTS] = &dbki_prune_events,      [DBKI_PASS_OLD_EVENTS] = &dbki_prune_old_events,
    [DBKI_PASS_KEYS] = &dbki_prune_keys,          [DBKI_PASS_SPACE] = &dbki_prune_space,
    [DBKI_PASS_SINGLE] = &dbki_prune_single,      [DBKI_PASS_PENDING] = &dbki_prune_pending,
    [DBKI_PASS_PROPERTY] = &dbki_prune_property,  [DBKI_PASS_SCRUBBED] = &dbki_prune_scrubbed,
};

static const char *const TABLES[DBKI_SUMS] = {
    [DBKI_SUM_BUILDS] = "builds",
    [DBKI_SUM_PROPERTIES] = "build_properties",
    [DBKI_SUM_STEPS] = "steps",
    [DBKI_SUM_VALUES] = "build_data",
    [DBKI_SUM_LOGS] = "logs",
    [DBKI_SUM_CHUNKS] = "logchunks",
    [DBKI_SUM_TEST_SETS] = "test_result_sets",
    [DBKI_SUM_TESTS] = "test_results",
    [DBKI_SUM_REQUESTS] = "buildrequests",
    [DBKI_SUM_SETS] = "buildsets",
    [DBKI_SUM_EVENTS] = "daybook_events",
    [DBKI_SUM_KEYS] = "daybook_operations",
};

/* -------------------------------------------------------------------------- what passes share ---- */

void dbki_prune_note(struct dbki_prune *prune, struct dbki_binder *binder, struct dbki_asked asked)
{
    if (prune->asked_count == prune->asked_max) {
        int max = prune->asked_max ? 2 * prune->asked_max : 64;
        struct dbki_asked *grown = dbki_op_take(&prune->work.op, (size_t)max * sizeof *grown);
        if (!grown) {
            binder->is_out_of_memory = true;
            return;
        }
        if (prune->asked_count)
            memcpy(grown, prune->asked, (size_t)prune->asked_count * sizeof *grown);
        prune->asked = grown;
        prune->asked_max = max;
    }
    prune->asked[prune->asked_count++] = asked;
}

void dbki_prune_ask(struct dbki_prune *prune, struct dbki_binder *binder, struct dbki_asked asked,
                    const struct dbki_statement *statement, const struct dbki_value *params,
                    int param_count)
{
    dbki_bind(binder, statement, params, param_count);
    dbki_prune_note(prune, binder, asked);
}

void dbki_prune_add(struct dbki_prune *prune, int sum, int64_t count, int64_t size)
{
    prune->next.sums[sum].count += count;
    prune->next.sums[sum].size += size;
}

bool dbki_prune_is_own(const struct dbki_prune *prune)
{
    return prune->work.op.store->schema.is_own;
}

int64_t dbki_prune_rows_of_one(const struct dbki_prune *prune)
{
    int64_t count = prune->turns.row_limit / 8;
    return count > ROWS_OF_ONE_MIN ? count : ROWS_OF_ONE_MIN;
}

int dbki_prune_builds_max(const struct dbki_prune *prune)
{
    int64_t count = prune->turns.row_limit / ROWS_OF_A_BUILD;
    return count < 1 ? 1 : count > BUILDS_MAX ? BUILDS_MAX : (int)count;
}

bool dbki_prune_has_time(const struct dbki_prune *prune)
{
    return dbki_turns_elapsed_ns(&prune->turns) < prune->turns.turn_ns / 2;
}

/* -------------------------------------------------------------------------------------- turns ---- */

/* What a turn that was committed left behind is where the next one begins; one that was undone begins anew. */
static void begin_turn(struct dbki_prune *prune)
{
    struct dbki_op *op = &prune->work.op;
    dbki_long_begin(op);
    if (op->progress[0] == prune->next.turn)
        prune->base = prune->next;
    prune->next = prune->base;
    prune->next.turn++;
    dbki_turns_begin(&prune->turns, op);
    prune->asked = NULL;
    prune->doomed = NULL;
    prune->asked_count = prune->asked_max = prune->doomed_count = prune->doomed_max = 0;
}

static int first_pass(const struct dbki_prune *prune)
{
    static const int passes[] = {[DBKI_STAGE_EVENTS] = DBKI_PASS_EVENTS,
                                 [DBKI_STAGE_KEYS] = DBKI_PASS_KEYS,
                                 [DBKI_STAGE_SPACE] = DBKI_PASS_SPACE,
                                 [DBKI_STAGE_SCRUB] = DBKI_PASS_SCRUBBED,
                                 [DBKI_STAGE_SCRUBBED] = DBKI_PASS_SCRUBBED};
    if (prune->next.stage != DBKI_STAGE_BUILDS)
        return passes[prune->next.stage];
    if (prune->single != DBK_NONE && prune->erased != DBK_ERASE_CONTENTS)
        return DBKI_PASS_SINGLE;
    /* All that it asks for are indexes of foreign keys. */
    bool has_indexes = prune->is_checked || prune->work.op.store->schema.has_key_indexes;
    if (!dbki_prune_is_own(prune) && !has_indexes)
        return DBKI_PASS_CHECK;
    if (prune->single != DBK_NONE)
        return DBKI_PASS_SINGLE;
    return prune->next.has_builder ? DBKI_PASS_PAGE : DBKI_PASS_BUILDER;
}

void dbki_prune_op_bind(struct dbki_op *op, struct dbki_binder *binder)
{
    struct dbki_prune *prune = (struct dbki_prune *)op;
    begin_turn(prune);
    int before = binder->count;
    prune->pass = first_pass(prune);
    PASSES[prune->pass]->bind(prune, binder);
    if (!prune->work.is_dry_run)
        dbki_turns_ask(&prune->turns, op, binder, before);
}

int dbki_prune_op_row(struct dbki_op *op, int index, const struct dbki_value *cells, int cell_count)
{
    struct dbki_prune *prune = (struct dbki_prune *)op;
    const struct dbki_prune_pass *pass = PASSES[prune->pass];
    (void)cell_count;
    if (dbki_turns_take(&prune->turns, index, cells))
        return DBK_OK;
    return pass->row && index < prune->asked_count ? pass->row(prune, &prune->asked[index], cells)
                                                   : DBK_OK;
}

static bool is_needed(const struct dbki_prune *prune, int stage)
{
    const struct dbk_store *store = prune->work.op.store;
    const struct dbk_retention *retention = prune->retention;
    switch (stage) {
    case DBKI_STAGE_EVENTS:
        return retention && retention->events_s != DBK_NONE && store->schema.has_events;
    case DBKI_STAGE_KEYS:
        return retention && retention->keys_s != DBK_NONE && store->schema.has_keys;
    case DBKI_STAGE_SPACE:
        return !prune->work.is_dry_run && store->engine->give_back;
    case DBKI_STAGE_SCRUB:
    case DBKI_STAGE_SCRUBBED:
        return dbki_prune_scrubs(prune);
    default:
        return true;
    }
}

static int report_sums(struct dbki_prune *prune)
{
    int status = DBK_OK;
    for (int i = 0; i < DBKI_SUMS && !status; i++) {
        const struct dbki_amount *sum = &prune->next.sums[i];
        if (sum->count)
            status = dbki_long_report(&prune->work.op, &(struct dbk_report){.kind = DBK_REPORT_SUM,
                                                                            .subject = TABLES[i],
                                                                            .id = DBK_NONE,
                                                                            .done = DBK_NONE,
                                                                            .total = DBK_NONE,
                                                                            .rows = sum->count,
                                                                            .bytes = sum->size});
    }
    return status;
}

/* What a person sees of a turn: where it is, and how many rows went so far. */
static int report_progress(struct dbki_prune *prune)
{
    static const char *const subjects[] = {
        [DBKI_STAGE_EVENTS] = "events",           [DBKI_STAGE_KEYS] = "operation keys",
        [DBKI_STAGE_SPACE] = "giving space back", [DBKI_STAGE_SCRUB] = "overwriting",
        [DBKI_STAGE_SCRUBBED] = "overwriting",    [DBKI_STAGE_END] = "done"};
    int64_t count = 0;
    for (int i = 0; i < DBKI_SUMS; i++)
        count += prune->next.sums[i].count;
    return dbki_long_progress(&prune->work.op,
                              prune->next.stage == DBKI_STAGE_BUILDS ? prune->next.builder.name
                                                                     : subjects[prune->next.stage],
                              count, DBK_NONE);
}

static void end_turn(struct dbki_prune *prune)
{
    struct dbki_op *op = &prune->work.op;
    while (!is_needed(prune, prune->next.stage))
        prune->next.stage++;
    bool is_last = prune->next.stage == DBKI_STAGE_END;
    dbki_turns_adapt(&prune->turns, op, prune->doomed_count > 0);
    int status = report_progress(prune);
    if (!status && is_last)
        status = report_sums(prune);
    if (!status && is_last && prune->single != DBK_NONE)
        status = dbki_prune_report_remains(prune);
    op->is_partly_done |= status != DBK_OK; /* what this turn deleted is committed all the same */
    op->progress[0] = prune->next.turn;
    op->is_turn_over = !is_last;
}

void dbki_prune_op_read(struct dbki_op *op, const struct dbki_bound *bound,
                        struct dbki_binder *more)
{
    struct dbki_prune *prune = (struct dbki_prune *)op;
    int pass = PASSES[prune->pass]->read(prune, bound);
    while (pass != DBKI_PASS_END && op->error.status == DBK_OK) {
        prune->pass = pass;
        prune->asked_count = 0;
        PASSES[pass]->bind(prune, more);
        if (more->count || more->is_out_of_memory)
            return;
        pass = PASSES[pass]->read(prune, more->bound);
    }
    if (op->error.status == DBK_OK)
        end_turn(prune);
}

static void rest(struct dbki_op *op, struct dbki_conn *conn)
{
    (void)conn;
    dbki_turns_rest(&((struct dbki_prune *)op)->turns, op);
}

void dbki_prune_op_fini(struct dbki_op *op)
{
    dbk_retention_free(((struct dbki_prune *)op)->retention);
}

/* --------------------------------------------------------------------------------- submitting ---- */

static const struct dbki_opkind PRUNE = {
    .action = "pruning",
    .is_follower = true,
    .is_long = true,
    .access = DBKI_ACCESS_EXISTING,
    .frees_space = true,
    .bind = dbki_prune_op_bind,
    .row = dbki_prune_op_row,
    .read = dbki_prune_op_read,
    .deliver = dbki_long_deliver,
    .after = rest,
    .fini = dbki_prune_op_fini,
};
static const struct dbki_opkind PRUNE_PLAN = {
    .action = "counting what pruning would delete",
    .is_follower = true,
    .is_long = true,
    .is_several = true,
    .access = DBKI_ACCESS_READ,
    .bind = dbki_prune_op_bind,
    .row = dbki_prune_op_row,
    .read = dbki_prune_op_read,
    .deliver = dbki_long_deliver,
    .fini = dbki_prune_op_fini,
};

void dbki_prune_init(struct dbki_prune *prune, int64_t batch_ms)
{
    prune->turns = (struct dbki_turns){.turn_ns = (batch_ms ? batch_ms : BATCH_MS) * MS_NS,
                                       .row_limit = ROWS_FIRST,
                                       .row_min = ROWS_MIN,
                                       .row_max = ROWS_MAX,
                                       .version_index = -1};
}

static int check(struct dbk_store *store, const struct dbk_retention *retention,
                 const struct dbk_prune_options *options, const struct dbk_call *call)
{
    struct dbki_check check = {.call = call};
    dbki_check_that(&check, store && retention, "store and retention must not be NULL");
    dbki_check_that(&check, !options || options->size >= sizeof *options,
                    "the options do not begin with DBK_PRUNE_OPTIONS_INIT");
    dbki_check_that(&check,
                    check.status || !options ||
                        (options->batch_ms >= 0 && options->batch_ms <= BATCH_MAX_MS),
                    "batch_ms must be 0 to 10,000");
    dbki_check_that(&check, check.status || !retention->is_refused,
                    "a rule of the retention was refused: nothing is deleted by the others alone");
    if (!check.status && !store->schema.is_own && !store->schema.has_lineage)
        return dbki_refuse(call, DBK_UNSUPPORTED,
                           "pruning by rules needs daybook's tables, by which the newest of each "
                           "lineage is known: `daybook adopt` adds them");
    return check.status;
}

int dbk_prune(struct dbk_store *store, const struct dbk_retention *retention,
              const struct dbk_prune_options *options, const struct dbk_call *call,
              dbk_report_fn *report, dbk_done_fn *done, void *user)
{
    struct dbki_op *op;
    bool is_dry_run = options && options->is_dry_run;
    int status = check(store, retention, options, call);
    if (!status)
        status = dbki_long_new(store, is_dry_run ? &PRUNE_PLAN : &PRUNE, sizeof(struct dbki_prune),
                               call, report, done, user, &op);
    if (status)
        return status;
    struct dbki_prune *prune = (struct dbki_prune *)op;
    prune->work.is_dry_run = is_dry_run;
    prune->now = store->clock(store->clock_user);
    prune->retention = dbki_retention_dup(retention);
    prune->single = DBK_NONE;
    dbki_prune_init(prune, options ? options->batch_ms : 0);
    op->is_out_of_memory |= !prune->retention;
    return dbki_submit(store, op, call);
}
