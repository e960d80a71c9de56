/*
 * What pruning finds by the rules: builder by builder, their builds by number; and of those that a rule takes,
 * whether they are kept all the same. See prune.h.
 */
#include "base/text.h"
#include "connector/prune.h"
#include "store/store.h"

#include <stdio.h>

enum { PAGE_MIN = 16, PAGE_MAX = 500 };
enum { DAY_S = 24 * 60 * 60 };

/* ---------------------------------------------------------------------------------- the check ---- */

/* Without them each build would cost a walk over all rows of a table of Buildbot's. */
static const char *const INDEXES[] = {"daybook_buildsets_parent", "daybook_buildsets_rebuilt",
                                      "daybook_test_result_sets_build",
                                      "daybook_test_result_sets_step", "daybook_test_results_set"};
enum { INDEX_COUNT = sizeof INDEXES / sizeof INDEXES[0] };

static void check_bind(struct dbki_prune *prune, struct dbki_binder *binder)
{
    struct dbki_op *op = &prune->work.op;
    struct dbki_statement *statement = dbki_op_take(op, sizeof *statement);
    if (!statement) {
        binder->is_out_of_memory = true;
        return;
    }
    *statement = (struct dbki_statement){
        .sql = op->store->engine->count_objects, .is_made = true, .is_one_row = true};
    for (int i = 0; i < INDEX_COUNT; i++)
        DBKI_PRUNE_ASK(prune, binder, ((struct dbki_asked){.what = i}), statement,
                       dbki_text(INDEXES[i]));
}

static int check_row(struct dbki_prune *prune, const struct dbki_asked *asked,
                     const struct dbki_value *cells)
{
    if (dbki_value_int(&cells[0]) < 1 && prune->work.op.error.status == DBK_OK)
        dbki_error_set(&prune->work.op.error, DBK_UNSUPPORTED,
                       "the index %s is missing, without which every build that goes would cost a "
                       "walk over a whole table: `daybook adopt` makes it",
                       INDEXES[asked->what]);
    return DBK_OK;
}

static int check_read(struct dbki_prune *prune, const struct dbki_bound *bound)
{
    (void)bound;
    prune->is_checked = prune->work.op.error.status == DBK_OK;
    if (!prune->is_checked)
        return DBKI_PASS_END;
    return prune->single == DBK_NONE ? DBKI_PASS_BUILDER : DBKI_PASS_SINGLE;
}

const struct dbki_prune_pass dbki_prune_check = {check_bind, check_row, check_read};

/* ------------------------------------------------------------------------------- the builder ---- */

static const struct dbki_statement NEXT_BUILDER = {
    .sql = "SELECT id, name FROM builders WHERE id > ? ORDER BY id LIMIT 1", .is_one_row = true};

static void builder_bind(struct dbki_prune *prune, struct dbki_binder *binder)
{
    prune->next.has_builder = false;
    DBKI_PRUNE_ASK(prune, binder, ((struct dbki_asked){.what = 0}), &NEXT_BUILDER,
                   dbki_int(prune->next.builder.id));
}

static int builder_row(struct dbki_prune *prune, const struct dbki_asked *asked,
                       const struct dbki_value *cells)
{
    struct dbki_pruned_builder *builder = &prune->next.builder;
    const char *name = cells[1].type == DBKI_TEXT ? cells[1].text : "";
    (void)asked;
    *builder = (struct dbki_pruned_builder){.id = dbki_value_int(&cells[0]), .horizon = INT64_MIN};
    snprintf(builder->name, sizeof builder->name, "%s", name);
    dbki_text_repair(builder->name);
    for (int kind = 0; kind < DBKI_KEPT_KINDS; kind++) {
        builder->rules[kind] = dbki_retention_find(prune->retention, (enum dbki_kept)kind, name);
        if (!builder->rules[kind])
            continue;
        int64_t horizon = dbki_rule_horizon(builder->rules[kind], prune->now);
        builder->horizon = horizon > builder->horizon ? horizon : builder->horizon;
    }
    prune->next.number = INT64_MIN + 1;
    prune->next.has_builder = true;
    return DBK_OK;
}

static int builder_read(struct dbki_prune *prune, const struct dbki_bound *bound)
{
    (void)bound;
    if (!prune->next.has_builder) {
        prune->next.stage = DBKI_STAGE_EVENTS;
        return DBKI_PASS_END;
    }
    if (prune->next.builder.horizon == INT64_MIN) /* no rule is for it */
        return dbki_prune_has_time(prune) ? DBKI_PASS_BUILDER : DBKI_PASS_END;
    return DBKI_PASS_LIMITS;
}

const struct dbki_prune_pass dbki_prune_builder = {builder_bind, builder_row, builder_read};

/* --------------------------------------------------------------------------------- its limits ---- */

static const struct dbki_statement NEWEST = {
    .sql = "SELECT max(number) FROM builds WHERE builderid = ?", .is_one_row = true};
static const struct dbki_statement FIRST_KEPT = {
    .sql = "SELECT min(number) FROM (SELECT number FROM builds WHERE builderid = ?"
           " ORDER BY number DESC LIMIT ?) newest",
    .is_one_row = true};

static void limits_bind(struct dbki_prune *prune, struct dbki_binder *binder)
{
    struct dbki_pruned_builder *builder = &prune->next.builder;
    DBKI_PRUNE_ASK(prune, binder, ((struct dbki_asked){.what = DBKI_KEPT_KINDS}), &NEWEST,
                   dbki_int(builder->id));
    for (int kind = 0; kind < DBKI_KEPT_KINDS; kind++)
        if (builder->rules[kind] && builder->rules[kind]->keep_count != DBK_NONE)
            DBKI_PRUNE_ASK(prune, binder, ((struct dbki_asked){.what = kind}), &FIRST_KEPT,
                           dbki_int(builder->id), dbki_int(builder->rules[kind]->keep_count));
}

/* Builds that come meanwhile are newer: what was found stays on the safe side. */
static int limits_row(struct dbki_prune *prune, const struct dbki_asked *asked,
                      const struct dbki_value *cells)
{
    struct dbki_pruned_builder *builder = &prune->next.builder;
    int64_t *place =
        asked->what == DBKI_KEPT_KINDS ? &builder->newest : &builder->first_kept[asked->what];
    *place = dbki_value_int(&cells[0]);
    return DBK_OK;
}

static int limits_read(struct dbki_prune *prune, const struct dbki_bound *bound)
{
    (void)prune;
    (void)bound;
    return DBKI_PASS_PAGE;
}

const struct dbki_prune_pass dbki_prune_limits = {limits_bind, limits_row, limits_read};

/* ----------------------------------------------------------------------------------- the page ---- */

static const struct dbki_statement PAGE_END = {
    .sql = "SELECT max(number) FROM (SELECT number FROM builds WHERE builderid = ? AND number > ?"
           " ORDER BY number LIMIT ?) page",
    .is_one_row = true};

static void page_bind(struct dbki_prune *prune, struct dbki_binder *binder)
{
    if (!prune->page_builds)
        prune->page_builds = PAGE_MAX;
    DBKI_PRUNE_ASK(prune, binder, ((struct dbki_asked){.what = 0}), &PAGE_END,
                   dbki_int(prune->next.builder.id), dbki_int(prune->next.number),
                   dbki_int(prune->page_builds));
}

static int page_row(struct dbki_prune *prune, const struct dbki_asked *asked,
                    const struct dbki_value *cells)
{
    (void)asked;
    prune->page_end = dbki_value_int(&cells[0]);
    return DBK_OK;
}

static int page_read(struct dbki_prune *prune, const struct dbki_bound *bound)
{
    (void)bound;
    if (prune->page_end != DBK_NONE)
        return DBKI_PASS_BUILDS;
    prune->next.has_builder = false;
    return dbki_prune_has_time(prune) ? DBKI_PASS_BUILDER : DBKI_PASS_END;
}

const struct dbki_prune_pass dbki_prune_page = {page_bind, page_row, page_read};

/* --------------------------------------------------------------------------------- its builds ---- */

#define HAS(name, condition)                                                                       \
    "CASE WHEN EXISTS (SELECT 1 FROM build_data d WHERE d.buildid = b.id" condition                \
    ") THEN 1 ELSE 0 END"
static const struct dbki_statement OLD_BUILDS = {
    .sql = "SELECT b.id, b.number, b.complete_at, b.results, b.buildrequestid, " HAS(
        outputs,
        DBKI_OUTPUTS_ONLY("d.")) ", " HAS(others,
                                          DBKI_OTHERS_ONLY(
                                              "d.")) " FROM builds b WHERE b.builderid = ? AND "
                                                     "b.number > ? AND b.number <= ?"
                                                     " AND b.complete_at < ? ORDER BY b.number"};
enum { ID, NUMBER, COMPLETE_AT, RESULTS, REQUESTID, HAS_OUTPUTS, HAS_OTHERS };

static void builds_bind(struct dbki_prune *prune, struct dbki_binder *binder)
{
    const struct dbki_pruned_builder *builder = &prune->next.builder;
    prune->doomed_count = 0;
    prune->looked_at = prune->page_end;
    DBKI_PRUNE_ASK(prune, binder, ((struct dbki_asked){.what = 0}), &OLD_BUILDS,
                   dbki_int(builder->id), dbki_int(prune->next.number), dbki_int(prune->page_end),
                   dbki_int(builder->horizon));
}

static bool is_taken(const struct dbki_prune *prune, enum dbki_kept kept,
                     const struct dbki_value *cells)
{
    const struct dbki_pruned_builder *builder = &prune->next.builder;
    return builder->rules[kept] &&
           dbki_rule_takes(builder->rules[kept], prune->now, builder->first_kept[kept],
                           dbki_value_int(&cells[NUMBER]), dbki_value_int(&cells[COMPLETE_AT]),
                           dbki_value_int(&cells[RESULTS]));
}

/* Which values of a build that stays go. */
static enum dbki_values values_taken(const struct dbki_prune *prune, const struct dbki_value *cells)
{
    bool outputs =
        dbki_value_int(&cells[HAS_OUTPUTS]) == 1 && is_taken(prune, DBKI_KEPT_OUTPUTS, cells);
    bool others = dbki_value_int(&cells[HAS_OTHERS]) == 1 && is_taken(prune, DBKI_KEPT_DATA, cells);
    return outputs && others ? DBKI_VALUES_ALL
           : outputs         ? DBKI_VALUES_OUTPUTS
           : others          ? DBKI_VALUES_OTHERS
                             : DBKI_VALUES_NONE;
}

static bool add_doomed(struct dbki_prune *prune, const struct dbki_doomed *doomed)
{
    if (prune->doomed_count == prune->doomed_max) {
        int max = prune->doomed_max ? 2 * prune->doomed_max : 16;
        struct dbki_doomed *grown = dbki_op_take(&prune->work.op, (size_t)max * sizeof *grown);
        if (!grown)
            return false;
        if (prune->doomed_count)
            memcpy(grown, prune->doomed, (size_t)prune->doomed_count * sizeof *grown);
        prune->doomed = grown;
        prune->doomed_max = max;
    }
    prune->doomed[prune->doomed_count++] = *doomed;
    return true;
}

/* As many as the turn takes; the others are for the next one. */
static int builds_row(struct dbki_prune *prune, const struct dbki_asked *asked,
                      const struct dbki_value *cells)
{
    struct dbki_doomed doomed = {.id = dbki_value_int(&cells[ID]),
                                 .number = dbki_value_int(&cells[NUMBER]),
                                 .results = dbki_value_int(&cells[RESULTS]),
                                 .requestid = dbki_value_int(&cells[REQUESTID]),
                                 .setid = DBK_NONE};
    (void)asked;
    if (prune->doomed_count >= dbki_prune_builds_max(prune)) {
        if (prune->looked_at >= doomed.number)
            prune->looked_at = prune->doomed[prune->doomed_count - 1].number;
        return DBK_OK;
    }
    doomed.values = doomed.values_alone = values_taken(prune, cells);
    if (is_taken(prune, DBKI_KEPT_BUILDS, cells)) {
        bool is_newest = doomed.number >= prune->next.builder.newest;
        doomed.fate = is_newest ? DBKI_FATE_EMPTIED : DBKI_FATE_DELETED;
        doomed.values = DBKI_VALUES_ALL;
    }
    return !doomed.values || add_doomed(prune, &doomed) ? DBK_OK : DBK_NO_MEMORY;
}

/* About as many builds as the turn takes, for those that it has no time for are read again by the next one; and more
 * and more of them where none is taken. */
static void adapt_page(struct dbki_prune *prune)
{
    int taken_max = dbki_prune_builds_max(prune);
    if (!prune->doomed_count)
        prune->page_builds *= 4;
    else if (prune->doomed_count >= taken_max)
        prune->page_builds = 2 * taken_max;
    prune->page_builds = prune->page_builds < PAGE_MIN   ? PAGE_MIN
                         : prune->page_builds > PAGE_MAX ? PAGE_MAX
                                                         : prune->page_builds;
}

static int builds_read(struct dbki_prune *prune, const struct dbki_bound *bound)
{
    (void)bound;
    adapt_page(prune);
    if (prune->doomed_count)
        return DBKI_PASS_FACTS;
    prune->next.number = prune->looked_at;
    return dbki_prune_has_time(prune) ? DBKI_PASS_PAGE : DBKI_PASS_END;
}

const struct dbki_prune_pass dbki_prune_find_builds = {builds_bind, builds_row, builds_read};

/* --------------------------------------------------------------- whether they are kept after all ---- */

static const struct dbki_statement IS_TO_BE_KEPT = {
    .sql = "SELECT 1 FROM build_properties p WHERE p.buildid = ? AND p.name = 'keep'"
           " AND p.value NOT IN ('false', 'null')",
    .is_one_row = true};
/* The newest of the build's lineage, held against builds: in an adopted database others write them. By a count, since
 * PostgreSQL would join the whole lineage (lineage.c). */
static const struct dbki_statement NEWEST_OF_LINEAGE = {
    .sql =
        "SELECT l.buildid FROM daybook_lineage l"
        " WHERE l.builderid = ? AND l.lineage_hash = (SELECT m.lineage_hash FROM daybook_lineage m"
        " WHERE m.buildid = ?) AND (SELECT count(*) FROM builds b WHERE b.id = l.buildid"
        " AND b.results = 0 AND b.complete_at = l.complete_at) > 0"
        " ORDER BY l.complete_at DESC, l.number DESC LIMIT 1",
    .is_one_row = true};
static const struct dbki_statement REQUEST = {
    .sql = "SELECT q.buildsetid, q.complete, coalesce(q.complete_at, q.submitted_at), s.complete,"
           " coalesce(s.complete_at, s.submitted_at) FROM buildrequests q"
           " LEFT JOIN buildsets s ON s.id = q.buildsetid WHERE q.id = ?",
    .is_one_row = true};
enum { ASKED_LOCK, ASKED_KEEP, ASKED_LINEAGE, ASKED_REQUEST };

static void facts_bind(struct dbki_prune *prune, struct dbki_binder *binder)
{
    const struct dbk_store *store = prune->work.op.store;
    for (int i = 0; i < prune->doomed_count; i++) {
        struct dbki_doomed *doomed = &prune->doomed[i];
        struct dbki_value id = dbki_int(doomed->id);
        if (store->engine->is_server && !prune->work.is_dry_run)
            DBKI_PRUNE_ASK(prune, binder, ((struct dbki_asked){doomed, ASKED_LOCK, 0}),
                           &dbki_lock_build, id);
        DBKI_PRUNE_ASK(prune, binder, ((struct dbki_asked){doomed, ASKED_KEEP, 0}), &IS_TO_BE_KEPT,
                       id);
        if (doomed->results == DBK_SUCCESS)
            DBKI_PRUNE_ASK(prune, binder, ((struct dbki_asked){doomed, ASKED_LINEAGE, 0}),
                           &NEWEST_OF_LINEAGE, dbki_int(prune->next.builder.id), id);
        if (doomed->fate == DBKI_FATE_DELETED)
            DBKI_PRUNE_ASK(prune, binder, ((struct dbki_asked){doomed, ASKED_REQUEST, 0}), &REQUEST,
                           dbki_int(doomed->requestid));
    }
}

/* A request or a buildset that will go with its last build, but not yet: then the build waits, since nobody looks
 * for one without any. */
static bool is_young(const struct dbki_prune *prune, const struct dbki_value *complete,
                     const struct dbki_value *at)
{
    bool goes = dbki_prune_is_own(prune) || dbki_value_int(complete) == 1;
    return goes && at->type == DBKI_INT && at->number >= prune->now - DAY_S;
}

static int facts_row(struct dbki_prune *prune, const struct dbki_asked *asked,
                     const struct dbki_value *cells)
{
    struct dbki_doomed *doomed = asked->doomed;
    switch (asked->what) {
    case ASKED_KEEP:
        doomed->is_kept = true;
        break;
    case ASKED_LINEAGE:
        doomed->is_in_lineage = true;
        doomed->is_kept |= dbki_value_int(&cells[0]) == doomed->id;
        break;
    case ASKED_REQUEST:
        doomed->setid = dbki_value_int(&cells[0]);
        doomed->is_postponed =
            is_young(prune, &cells[1], &cells[2]) || is_young(prune, &cells[3], &cells[4]);
        break;
    default:
        break;
    }
    return DBK_OK;
}

/* What goes of a build that is not deleted yet: what goes of builds that stay. */
static void postpone(struct dbki_doomed *doomed)
{
    doomed->fate = DBKI_FATE_VALUES;
    doomed->values = doomed->values_alone;
    doomed->is_kept |= !doomed->values;
}

/* One that was not brought into its lineage yet (another writer finished it) may be the newest of it. */
static int facts_read(struct dbki_prune *prune, const struct dbki_bound *bound)
{
    (void)bound;
    for (int i = 0; i < prune->doomed_count; i++) {
        struct dbki_doomed *doomed = &prune->doomed[i];
        doomed->is_kept |= doomed->results == DBK_SUCCESS && !doomed->is_in_lineage;
        if (doomed->is_postponed)
            postpone(doomed);
    }
    return prune->work.is_dry_run ? DBKI_PASS_COUNTS : DBKI_PASS_SIZES;
}

const struct dbki_prune_pass dbki_prune_facts = {facts_bind, facts_row, facts_read};
