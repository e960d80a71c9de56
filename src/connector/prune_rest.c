/* What pruning does when all builders were gone through: old events and operation keys, and the space left. */
#include "connector/marks.h"
#include "connector/prune.h"
#include "connector/trim.h"
#include "store/store.h"

/* ------------------------------------------------------------------------------------- events ---- */

static const struct dbki_statement COUNT_EVENTS = {
    .sql = "SELECT count(*) FROM daybook_events WHERE at < ?", .is_one_row = true};

static struct dbki_value events_before(const struct dbki_prune *prune)
{
    return dbki_int(prune->now - prune->retention->events_s);
}

static void events_bind(struct dbki_prune *prune, struct dbki_binder *binder)
{
    const struct dbki_statement *statement =
        prune->work.is_dry_run ? &COUNT_EVENTS : &dbki_trim_find_events;
    prune->answer = DBK_NONE;
    prune->next.stage = DBKI_STAGE_KEYS;
    DBKI_PRUNE_ASK(prune, binder, ((struct dbki_asked){.what = 0}), statement,
                   events_before(prune));
}

static int events_row(struct dbki_prune *prune, const struct dbki_asked *asked,
                      const struct dbki_value *cells)
{
    (void)asked;
    prune->answer = dbki_value_int(&cells[0]);
    if (!prune->work.is_dry_run && dbki_value_int(&cells[1]) >= DBKI_TRIM_MAX)
        prune->next.stage = DBKI_STAGE_EVENTS;
    return DBK_OK;
}

static int events_read(struct dbki_prune *prune, const struct dbki_bound *bound)
{
    (void)bound;
    if (prune->work.is_dry_run)
        dbki_prune_add(prune, DBKI_SUM_EVENTS, prune->answer, 0);
    return prune->work.is_dry_run || prune->answer == DBK_NONE ? DBKI_PASS_END
                                                               : DBKI_PASS_OLD_EVENTS;
}

const struct dbki_prune_pass dbki_prune_events = {events_bind, events_row, events_read};

/* A reader that comes too late is told so by the mark. */
static void old_events_bind(struct dbki_prune *prune, struct dbki_binder *binder)
{
    DBKI_PRUNE_ASK(prune, binder, ((struct dbki_asked){.what = 0}), &dbki_trim_delete_events,
                   dbki_int(prune->answer));
    dbki_mark_bind(binder, DBKI_MARK_EVENTS_TRIMMED, prune->answer);
}

static int old_events_read(struct dbki_prune *prune, const struct dbki_bound *bound)
{
    dbki_prune_add(prune, DBKI_SUM_EVENTS, bound[0].changed, 0);
    return DBKI_PASS_END;
}

const struct dbki_prune_pass dbki_prune_old_events = {old_events_bind, NULL, old_events_read};

/* --------------------------------------------------------------------------------------- keys ---- */

static const struct dbki_statement COUNT_KEYS = {
    .sql = "SELECT count(*) FROM daybook_operations WHERE week < ?", .is_one_row = true};

static void keys_bind(struct dbki_prune *prune, struct dbki_binder *binder)
{
    int64_t week = dbki_key_week(prune->now - prune->retention->keys_s);
    DBKI_PRUNE_ASK(prune, binder, ((struct dbki_asked){.what = 0}),
                   prune->work.is_dry_run ? &COUNT_KEYS : &dbki_trim_delete_keys, dbki_int(week));
}

static int keys_row(struct dbki_prune *prune, const struct dbki_asked *asked,
                    const struct dbki_value *cells)
{
    (void)asked;
    dbki_prune_add(prune, DBKI_SUM_KEYS, dbki_value_int(&cells[0]), 0);
    return DBK_OK;
}

static int keys_read(struct dbki_prune *prune, const struct dbki_bound *bound)
{
    bool is_full = !prune->work.is_dry_run && bound[0].changed >= DBKI_TRIM_MAX;
    if (!prune->work.is_dry_run)
        dbki_prune_add(prune, DBKI_SUM_KEYS, bound[0].changed, 0);
    prune->next.stage = is_full ? DBKI_STAGE_KEYS : DBKI_STAGE_SPACE;
    return DBKI_PASS_END;
}

const struct dbki_prune_pass dbki_prune_keys = {keys_bind, keys_row, keys_read};

/* -------------------------------------------------------------------------------------- space ---- */

enum { UNUSED_BEFORE, STEP, UNUSED_AFTER };

static void space_bind(struct dbki_prune *prune, struct dbki_binder *binder)
{
    const struct dbki_engine *engine = prune->work.op.store->engine;
    prune->unused[0] = prune->unused[1] = 0;
    dbki_prune_ask(prune, binder, (struct dbki_asked){.what = UNUSED_BEFORE}, engine->count_unused,
                   NULL, 0);
    dbki_prune_ask(prune, binder, (struct dbki_asked){.what = STEP}, engine->give_back, NULL, 0);
    dbki_prune_ask(prune, binder, (struct dbki_asked){.what = UNUSED_AFTER}, engine->count_unused,
                   NULL, 0);
}

static int space_row(struct dbki_prune *prune, const struct dbki_asked *asked,
                     const struct dbki_value *cells)
{
    if (asked->what != STEP)
        prune->unused[asked->what == UNUSED_AFTER] = dbki_value_int(&cells[0]);
    return DBK_OK;
}

/* A database that was not made for it gives nothing back, and that is its end. */
static int space_read(struct dbki_prune *prune, const struct dbki_bound *bound)
{
    (void)bound;
    if (prune->unused[1] <= 0 || prune->unused[1] >= prune->unused[0])
        prune->next.stage = DBKI_STAGE_SCRUB;
    return DBKI_PASS_END;
}

const struct dbki_prune_pass dbki_prune_space = {space_bind, space_row, space_read};
