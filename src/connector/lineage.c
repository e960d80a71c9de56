/*
 * The previous successful build of a lineage: of the same builder, with the same set of (repository,
 * branch, codebase) among its sourcestamps.
 */
#include "connector/lineage.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/hash.h"
#include "connector/record.h"
#include "connector/records.h"
#include "store/store.h"

#include <stdlib.h>

enum { CODEBASES_MAX = 1000 };
static const long long LONG_AGO = -INT64_MAX; /* before any time, but not NULL */

/* ------------------------------------------------------------------------------------ sets ---- */

/* NULL sorts first. */
static int compare_texts(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) : (a != NULL) - (b != NULL);
}

static int compare_codebases(const void *left, const void *right)
{
    const struct dbk_codebase *a = left, *b = right;
    int order = strcmp(a->repository, b->repository);
    order = order ? order : compare_texts(a->branch, b->branch);
    return order ? order : strcmp(a->codebase, b->codebase);
}

/* Sorts a set, and drops what is repeated. Result: how many are left. */
static size_t make_set(struct dbk_codebase *codebases, size_t count)
{
    size_t kept = 0;
    if (count)
        qsort(codebases, count, sizeof *codebases, compare_codebases);
    for (size_t i = 0; i < count; i++)
        if (!kept || compare_codebases(&codebases[kept - 1], &codebases[i]))
            codebases[kept++] = codebases[i];
    return kept;
}

/* The hash of a set that make_set() made, as text in the arena. Result: NULL when out of memory. */
static const char *hash_set(struct dbki_op *op, const struct dbk_codebase *codebases, size_t count)
{
    const char **fields = dbki_malloc((3 * count + 1) * sizeof *fields);
    char hex[DBKI_SHA1_HEX_SIZE];
    if (!fields)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        fields[3 * i] = codebases[i].repository;
        fields[3 * i + 1] = codebases[i].branch;
        fields[3 * i + 2] = codebases[i].codebase;
    }
    int failed = dbki_hash_columns(fields, 3 * count, hex);
    dbki_free(fields);
    return failed ? NULL : dbki_arena_copy(&op->arena, hex, sizeof hex - 1);
}

/* ----------------------------------------------------------------------- as builds finish ---- */

static const struct dbki_statement TAKE_OUT = {.sql =
                                                   "DELETE FROM daybook_lineage WHERE buildid = ?"};
static const struct dbki_statement GET_SET = {
    .sql = "SELECT s.repository, s.branch, s.codebase FROM builds b"
           " JOIN buildrequests q ON q.id = b.buildrequestid"
           " JOIN buildset_sourcestamps x ON x.buildsetid = q.buildsetid"
           " JOIN sourcestamps s ON s.id = x.sourcestampid WHERE b.id = ?"};
static const struct dbki_statement PUT_IN = {
    .sql = "INSERT INTO daybook_lineage (builderid, lineage_hash, complete_at, number, buildid)"
           " SELECT builderid, ?, complete_at, number, id FROM builds WHERE id = ?"
           " ON CONFLICT (builderid, lineage_hash, complete_at, number)"
           " DO UPDATE SET buildid = excluded.buildid"};

bool dbki_has_lineage(const struct dbki_op *op)
{
    return op->store->schema.has_lineage;
}

void dbki_lineage_bind_take_out(struct dbki_binder *binder, int64_t buildid)
{
    DBKI_BIND(binder, &TAKE_OUT, dbki_int(buildid));
}

void dbki_lineage_bind(struct dbki_op *op, struct dbki_binder *binder, int64_t buildid)
{
    if (!dbki_has_lineage(op))
        return;
    dbki_lineage_bind_take_out(binder, buildid);
    DBKI_BIND(binder, &GET_SET, dbki_int(buildid));
}

int dbki_lineage_row(struct dbki_op *op, struct dbki_lineage_set *set,
                     const struct dbki_value *cells)
{
    const char *texts[3];
    for (int i = 0; i < 3; i++) {
        texts[i] = cells[i].type == DBKI_TEXT
                       ? dbki_arena_copy(&op->arena, cells[i].text, cells[i].len)
                       : NULL;
        if (cells[i].type == DBKI_TEXT && !texts[i])
            return DBK_NO_MEMORY;
    }
    if (set->count == set->max) {
        size_t max = set->max ? 2 * set->max : 4;
        struct dbk_codebase *grown = dbki_op_take(op, max * sizeof *grown);
        if (!grown)
            return DBK_NO_MEMORY;
        if (set->count)
            memcpy(grown, set->codebases, set->count * sizeof *grown);
        set->codebases = grown;
        set->max = max;
    }
    set->codebases[set->count++] =
        (struct dbk_codebase){texts[0] ? texts[0] : "", texts[1], texts[2] ? texts[2] : ""};
    return DBK_OK;
}

const char *dbki_lineage_hash(struct dbki_op *op, struct dbki_lineage_set *set)
{
    return hash_set(op, set->codebases, make_set(set->codebases, set->count));
}

void dbki_lineage_bind_insert(struct dbki_op *op, struct dbki_binder *binder,
                              struct dbki_lineage_set *set, int64_t buildid)
{
    if (!dbki_has_lineage(op))
        return;
    const char *hash = dbki_lineage_hash(op, set);
    if (!hash)
        binder->is_out_of_memory = true;
    DBKI_BIND(binder, &PUT_IN, dbki_text(hash), dbki_int(buildid));
}

/* ----------------------------------------------------------------------------- the question ---- */

struct prev_op {
    struct dbki_op op;
    struct dbki_statement statement;
    struct dbki_value *params;
    int param_count;
    void *found;
};

static void prev_bind(struct dbki_op *op, struct dbki_binder *binder)
{
    struct prev_op *prev = (struct prev_op *)op;
    prev->found = NULL;
    dbki_bind(binder, &prev->statement, prev->params, prev->param_count);
}

static int prev_row(struct dbki_op *op, int index, const struct dbki_value *cells, int cell_count)
{
    struct prev_op *prev = (struct prev_op *)op;
    (void)index;
    prev->found = dbki_record_new(op, &dbki_build_record, NULL, cells, cell_count);
    return prev->found ? DBK_OK : DBK_NO_MEMORY;
}

static void prev_deliver(struct dbki_op *op, const struct dbk_error *error)
{
    ((dbk_build_fn *)op->done)(op->user, error, error ? NULL : ((struct prev_op *)op)->found);
}

static const struct dbki_opkind PREV = {
    .action = "getting the previous successful build",
    .access = DBKI_ACCESS_READ,
    .bind = prev_bind,
    .row = prev_row,
    .deliver = prev_deliver,
};

/* With the table: one step in its index for each newer build of the lineage. A candidate is held against builds by
 * a count, > 0: of a join PostgreSQL expects hardly a row, and joins the whole lineage before it takes the first. */
#define INDEXED                                                                                    \
    "SELECT %s FROM builds t WHERE t.id = (SELECT l.buildid FROM daybook_lineage l"                \
    " WHERE l.builderid = ? AND l.lineage_hash = ? AND l.number < ?"                               \
    " AND (SELECT count(*) FROM builds b WHERE b.id = l.buildid AND b.results = 0"                 \
    " AND b.complete_at = l.complete_at) > 0"                                                      \
    " ORDER BY l.complete_at DESC, l.number DESC LIMIT 1)"

/*
 * The set that is asked for, as a table. Two sets are equal when they have as many members and no member of one is
 * missing in the other.
 */
static void add_wanted(struct dbki_buf *sql, size_t count)
{
    dbki_buf_add(sql, "WITH wanted (repository, branch, codebase) AS (");
    if (!count)
        dbki_buf_add(sql, "SELECT NULL, NULL, NULL WHERE 0");
    for (size_t i = 0; i < count; i++)
        dbki_buf_add(sql, i ? ", (?, ?, ?)" : "VALUES (?, ?, ?)");
    dbki_buf_add(sql, ")");
}

#define OF_BUILDSET                                                                                \
    " FROM buildset_sourcestamps x JOIN sourcestamps s ON s.id = x.sourcestampid"                  \
    " WHERE x.buildsetid = q.buildsetid"
#define JOIN_REQUEST " LEFT JOIN buildrequests q ON q.id = t.buildrequestid"
/* The set is the last that is looked at of a build: SQLite takes the subqueries of a WHERE in their order. */
#define HAS_SET                                                                                    \
    " AND t.results = 0 AND (SELECT count(*) FROM (SELECT DISTINCT s.repository, s.branch,"        \
    " s.codebase" OF_BUILDSET ") members) = (SELECT count(*) FROM wanted)"                         \
    " AND NOT EXISTS (SELECT 1" OF_BUILDSET " AND NOT EXISTS (SELECT 1 FROM wanted w"              \
    " WHERE w.repository = s.repository AND w.branch IS s.branch AND w.codebase = s.codebase))"
#define LAST_FIRST " ORDER BY t.complete_at IS NULL, t.complete_at DESC, t.number DESC LIMIT 1"

/* Without the table: all of the builder's successful builds. */
static void make_walk(struct dbki_buf *sql, size_t count)
{
    add_wanted(sql, count);
    dbki_buf_addf(sql,
                  " SELECT %s FROM builds t" JOIN_REQUEST
                  " WHERE t.builderid = ? AND t.number < ?" HAS_SET LAST_FIRST,
                  dbki_build_record.columns);
}

/*
 * In an adopted database: the best of the table, where each candidate is held against builds; of what another
 * writer may have finished since the watermark (lineage_gather.c), unless the table's best ended later; and of
 * what was finished without a time, which is never in the table. "+" keeps the number from being what the
 * builds are searched by. What is looked at for one row is counted, > 0 or = 0: of a join or (NOT) EXISTS PostgreSQL
 * makes a join of all rows, which has the sets of all candidates before it takes the first, or those of all the builds
 * since the watermark.
 */
static void make_shared(struct dbki_buf *sql, size_t count)
{
    add_wanted(sql, count);
    dbki_buf_addf(
        sql,
        ", best (id, at) AS (SELECT l.buildid, l.complete_at FROM daybook_lineage l"
        " WHERE l.builderid = ? AND l.lineage_hash = ? AND l.number < ?"
        " AND (SELECT count(*) FROM builds t" JOIN_REQUEST " WHERE t.id = l.buildid"
        " AND t.complete_at = l.complete_at AND t.builderid = l.builderid"
        " AND t.number = l.number" HAS_SET ") > 0"
        " ORDER BY l.complete_at DESC, l.number DESC LIMIT 1)"
        " SELECT %s FROM (SELECT id FROM best"
        " UNION ALL SELECT t.id FROM builds t" JOIN_REQUEST
        " WHERE t.builderid = ? AND +t.number < ? AND t.complete_at >="
        " max(coalesce((SELECT value - %d FROM daybook_marks WHERE name = ?), %lld),"
        " coalesce((SELECT at FROM best), %lld))"
        " AND (SELECT count(*) FROM daybook_lineage l WHERE l.buildid = t.id"
        " AND l.complete_at = t.complete_at AND l.builderid = t.builderid"
        " AND l.number = t.number) = 0" HAS_SET " UNION ALL SELECT t.id FROM builds t" JOIN_REQUEST
        " WHERE t.builderid = ? AND +t.number < ? AND t.complete_at IS NULL" HAS_SET ") found"
        " CROSS JOIN builds t ON t.id = found.id" LAST_FIRST,
        dbki_build_record.columns, DBKI_LINEAGE_SLACK_S, LONG_AGO, LONG_AGO);
}

static void add_param(struct prev_op *prev, struct dbki_value value)
{
    prev->params[prev->param_count++] = value;
}

static void add_set(struct prev_op *prev, const struct dbk_codebase *codebases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        add_param(prev, dbki_op_text(&prev->op, codebases[i].repository));
        add_param(prev, dbki_op_text(&prev->op, codebases[i].branch));
        add_param(prev, dbki_op_text(&prev->op, codebases[i].codebase));
    }
}

static void add_builder(struct prev_op *prev, int64_t builderid, int64_t number)
{
    add_param(prev, dbki_int(builderid));
    add_param(prev, dbki_int(number));
}

/* What a store has for the question. */
enum means { MEANS_WALK, MEANS_TABLE, MEANS_SHARED };

static enum means means_of(const struct dbk_store *store)
{
    return !store->schema.has_lineage ? MEANS_WALK
           : store->schema.is_own     ? MEANS_TABLE
                                      : MEANS_SHARED;
}

/* Fills the statement and its parameters; codebases is a set. Result: false when out of memory. */
static bool make_question(struct prev_op *prev, enum means means, int64_t builderid, int64_t number,
                          const struct dbk_codebase *codebases, size_t count)
{
    struct dbki_buf sql = {0};
    char watermark[DBKI_WATERMARK_SIZE];
    const char *hash = means == MEANS_WALK ? "" : hash_set(&prev->op, codebases, count);
    prev->params = dbki_op_take(&prev->op, (8 + 3 * count) * sizeof *prev->params);
    if (!prev->params || !hash)
        return false;
    if (means != MEANS_TABLE)
        add_set(prev, codebases, count);
    if (means != MEANS_WALK) {
        add_param(prev, dbki_int(builderid));
        add_param(prev, dbki_text(hash));
        add_param(prev, dbki_int(number));
    }
    switch (means) {
    case MEANS_WALK:
        add_builder(prev, builderid, number);
        make_walk(&sql, count);
        break;
    case MEANS_TABLE:
        dbki_buf_addf(&sql, INDEXED, dbki_build_record.columns);
        break;
    case MEANS_SHARED:
        dbki_lineage_watermark(builderid, watermark);
        add_builder(prev, builderid, number);
        add_param(prev, dbki_op_text(&prev->op, watermark));
        add_builder(prev, builderid, number);
        make_shared(&sql, count);
        break;
    }
    prev->statement = (struct dbki_statement){
        .sql = sql.is_out_of_memory ? NULL : dbki_op_copy(&prev->op, sql.text, sql.len),
        .is_made = true,
        .is_one_row = true};
    dbki_buf_fini(&sql);
    return prev->statement.sql;
}

int dbk_get_prev_successful_build(struct dbk_store *store, int64_t builderid, int64_t number,
                                  const struct dbk_codebase *codebases, size_t count,
                                  const struct dbk_call *call, dbk_build_fn *done, void *user)
{
    struct dbki_check check = {.call = call};
    dbki_check_that(&check, store && done && (codebases || !count),
                    "store, done and codebases must not be NULL");
    dbki_check_that(&check, count <= CODEBASES_MAX, "at most 1,000 codebases make a lineage");
    for (size_t i = 0; i < count && !check.status; i++) {
        dbki_check_text(&check, "repository", codebases[i].repository, 0, false);
        dbki_check_text(&check, "branch", codebases[i].branch, 0, true);
        dbki_check_text(&check, "codebase", codebases[i].codebase, 0, false);
    }
    if (check.status)
        return check.status;
    struct prev_op *op = dbki_op_new(&PREV, sizeof *op, 2048, (dbki_callback *)done, user);
    struct dbk_codebase *set = op ? dbki_op_copy(&op->op, codebases, count * sizeof *set) : NULL;
    bool is_made =
        set && make_question(op, means_of(store), builderid, number, set, make_set(set, count));
    if (!is_made) {
        dbki_op_free(op ? &op->op : NULL);
        return dbki_refuse(call, DBK_NO_MEMORY, "out of memory");
    }
    return dbki_submit(store, &op->op, call);
}
