/*
 * The previous successful build of a lineage: of the same builder, with the same set of (repository,
 * branch, codebase) among its sourcestamps.
 */
#include "base/buf.h"
#include "connector/list.h"
#include "connector/records.h"

enum { CODEBASES_MAX = 1000 };

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

static bool is_equal(const struct dbk_codebase *a, const struct dbk_codebase *b)
{
    return !strcmp(a->repository, b->repository) && !strcmp(a->codebase, b->codebase) &&
           (a->branch && b->branch ? !strcmp(a->branch, b->branch) : !a->branch && !b->branch);
}

static bool is_repeated(const struct dbk_codebase *codebases, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (is_equal(&codebases[i], &codebases[index]))
            return true;
    return false;
}

/* Two sets are equal when they have as many members and no member of one is missing in the other. */
static void make_sql(struct dbki_buf *sql, size_t distinct)
{
    dbki_buf_addf(sql,
                  "SELECT %s FROM builds t LEFT JOIN buildrequests q ON q.id = t.buildrequestid"
                  " WHERE t.builderid = ? AND t.number < ? AND t.results = 0"
                  " AND (SELECT count(*) FROM (SELECT DISTINCT s.repository, s.branch, s.codebase"
                  " FROM buildset_sourcestamps x JOIN sourcestamps s ON s.id = x.sourcestampid"
                  " WHERE x.buildsetid = q.buildsetid) members) = ?",
                  dbki_build_record.columns);
    if (distinct)
        dbki_buf_add(sql, " AND NOT EXISTS (SELECT 1 FROM buildset_sourcestamps x"
                          " JOIN sourcestamps s ON s.id = x.sourcestampid"
                          " WHERE x.buildsetid = q.buildsetid AND NOT (");
    for (size_t i = 0; i < distinct; i++)
        dbki_buf_addf(sql, "%s(s.repository = ? AND s.branch IS ? AND s.codebase = ?)",
                      i ? " OR " : "");
    dbki_buf_addf(sql,
                  "%s ORDER BY t.complete_at IS NULL, t.complete_at DESC, t.number DESC LIMIT 1",
                  distinct ? "))" : "");
}

static void fill_params(struct prev_op *prev, int64_t builderid, int64_t number,
                        const struct dbk_codebase *codebases, size_t count, size_t distinct)
{
    prev->params[prev->param_count++] = dbki_int(builderid);
    prev->params[prev->param_count++] = dbki_int(number);
    prev->params[prev->param_count++] = dbki_int((int64_t)distinct);
    for (size_t i = 0; i < count; i++) {
        if (is_repeated(codebases, i))
            continue;
        prev->params[prev->param_count++] = dbki_op_text(&prev->op, codebases[i].repository);
        prev->params[prev->param_count++] = dbki_op_text(&prev->op, codebases[i].branch);
        prev->params[prev->param_count++] = dbki_op_text(&prev->op, codebases[i].codebase);
    }
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
    size_t distinct = 0;
    for (size_t i = 0; i < count; i++)
        distinct += !is_repeated(codebases, i);
    struct prev_op *op = dbki_op_new(&PREV, sizeof *op, 2048, (dbki_callback *)done, user);
    struct dbki_buf sql = {0};
    make_sql(&sql, distinct);
    if (op)
        op->params = dbki_op_take(&op->op, (3 + 3 * distinct) * sizeof *op->params);
    if (!op || !op->params || sql.is_out_of_memory) {
        dbki_op_free(op ? &op->op : NULL);
        dbki_buf_fini(&sql);
        return dbki_refuse(call, DBK_NO_MEMORY, "out of memory");
    }
    op->statement = (struct dbki_statement){
        .sql = dbki_op_copy(&op->op, sql.text, sql.len), .is_made = true, .is_one_row = true};
    dbki_buf_fini(&sql);
    fill_params(op, builderid, number, codebases, count, distinct);
    return dbki_submit(store, &op->op, call);
}
