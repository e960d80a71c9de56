/*
 * Comparing two stores, table by table and a range of keys in a turn; see compare.h. Nothing is written on either
 * side.
 */
#include "connector/compare.h"

#include "base/alloc.h"
#include "base/error.h"
#include "connector/long_work.h"
#include "store/store.h"

#include <stdio.h>

struct verify_op {
    struct dbki_long_op work; /* first */
    const char *from_url;
    struct dbki_copy_source source;
    struct dbki_layout *layout; /* NULL: not begun */
    int table;
    int64_t after; /* the last key of the table that was compared; DBK_NONE: none */
    int64_t done, total;
};

/* ---------------------------------------------------------------------------------- reports ---- */

static const char *const PROBLEMS[] = {"missing", "surplus", "different"};
static const char *const WORDS[] = {"it is in the source, and not here",
                                    "it is here, and not in the source", "not the same: "};

static int report(struct dbki_op *op, enum dbki_difference what, const char *subject, int64_t id,
                  const char *text)
{
    return dbki_long_report(op, &(struct dbk_report){.kind = DBK_REPORT_FINDING,
                                                     .subject = subject,
                                                     .problem = PROBLEMS[what],
                                                     .text = text,
                                                     .id = id,
                                                     .done = DBK_NONE,
                                                     .total = DBK_NONE,
                                                     .rows = DBK_NONE,
                                                     .bytes = DBK_NONE});
}

static int take_finding(void *owner, const struct dbki_finding *finding)
{
    char text[640];
    bool has_label = finding->label[0] != '\0';
    snprintf(text, sizeof text, "%s%s%s%s%s", has_label ? "'" : "", finding->label,
             has_label ? "': " : "", WORDS[finding->what],
             finding->columns ? finding->columns : "");
    return report(owner, finding->what, finding->table->name, finding->key, text);
}

/* ------------------------------------------------------------------------------------ turns ---- */

static int begin(struct verify_op *verify)
{
    struct dbki_op *op = &verify->work.op;
    struct dbki_layout *layout = dbki_malloc(sizeof *layout);
    int64_t newest, total = 0;
    if (!layout)
        return dbki_error_set(&op->error, DBK_NO_MEMORY, "out of memory");
    int status = dbki_copy_source_open(verify->from_url, &verify->source, &op->error);
    if (!status)
        status = dbki_copy_source_layout(&verify->source, layout, &op->error);
    if (!status && verify->source.schema.is_own)
        status = dbki_copy_source_newest(op, &verify->source, layout, &newest);
    if (!status)
        status = dbki_copy_count(layout, verify->source.conn, &total, &op->error);
    if (status) {
        dbki_copy_source_close(&verify->source);
        dbki_free(layout);
        return status;
    }
    verify->layout = layout;
    verify->total = total;
    verify->after = DBK_NONE;
    return DBK_OK;
}

static int get_last_id(struct dbki_conn *conn, const char *table, int64_t *out,
                       struct dbk_error *error)
{
    int status = conn->engine->last_id(conn, table, out, error);
    if (*out == DBK_NONE)
        *out = 0;
    return status;
}

static int get_highest_id(struct dbki_conn *conn, const struct dbki_table *table, int64_t *out,
                          struct dbk_error *error)
{
    char highest[160];
    snprintf(highest, sizeof highest, "SELECT max(%s) FROM %s", table->columns[table->key].name,
             table->name);
    int status = dbki_copy_ask(conn, highest, NULL, out, error);
    if (*out == DBK_NONE)
        *out = 0;
    return status;
}

/*
 * Which ids come next: two stores may have the same rows, and one of them had more. In a source
 * that was moved each write that is refused may use an id up, which nobody was given.
 */
static int compare_last_ids(struct verify_op *verify, struct dbki_conn *conn)
{
    struct dbki_op *op = &verify->work.op;
    struct dbki_conn *from = verify->source.conn;
    bool is_moved = verify->source.schema.moved_to[0];
    int status = DBK_OK;
    if (!verify->source.schema.is_own || !from->engine->last_id || !conn->engine->last_id)
        return DBK_OK;
    for (int i = 0; i < verify->layout->count && !status; i++) {
        const struct dbki_table *table = &verify->layout->tables[i];
        char text[128];
        int64_t here = 0, there = 0;
        if (!table->counts_up || table->is_ours)
            continue;
        status = get_last_id(from, table->name, &there, &op->error);
        if (!status)
            status = get_last_id(conn, table->name, &here, &op->error);
        if (!status && is_moved)
            status = get_highest_id(from, table, &there, &op->error);
        if (status || here == there || (is_moved && here > there))
            continue;
        snprintf(text, sizeof text,
                 "the last id that was given is %lld here, and %lld in the source", (long long)here,
                 (long long)there);
        status = report(op, DBKI_DIFFERENT, table->name, DBK_NONE, text);
    }
    return status;
}

static int compare_rows(struct verify_op *verify, struct dbki_conn *conn)
{
    struct dbki_op *op = &verify->work.op;
    struct dbki_conn *from = verify->source.conn;
    const struct dbki_table *table = &verify->layout->tables[verify->table];
    const struct dbki_compare compare = {.from = from,
                                         .to = conn,
                                         .table = table,
                                         .owner = op,
                                         .found = take_finding,
                                         .error = &op->error};
    int64_t after = verify->after, rows;
    bool is_over;
    int status = from->engine->begin(from, DBKI_READ, NULL, &op->error);
    if (status)
        return status;
    status = dbki_compare_next(&compare, &after, &rows, &is_over);
    from->engine->rollback(from);
    if (!status)
        status = dbki_long_progress(op, table->name, verify->done + rows,
                                    verify->done + rows > verify->total ? verify->done + rows
                                                                        : verify->total);
    if (status)
        return status;
    verify->done += rows;
    verify->after = is_over ? DBK_NONE : after;
    verify->table += is_over;
    return DBK_OK;
}

static int verify_work(struct dbki_op *op, struct dbki_conn *conn)
{
    struct verify_op *verify = (struct verify_op *)op;
    dbki_long_begin(op);
    op->is_turn_over = !verify->layout || verify->table < verify->layout->count;
    if (!verify->layout)
        return begin(verify);
    if (op->is_turn_over)
        return compare_rows(verify, conn);
    return compare_last_ids(verify, conn);
}

static void verify_fini(struct dbki_op *op)
{
    struct verify_op *verify = (struct verify_op *)op;
    dbki_copy_source_close(&verify->source);
    dbki_free(verify->layout);
}

static const struct dbki_opkind VERIFY = {
    .action = "comparing two stores",
    .is_follower = true,
    .is_long = true,
    .is_several = true,
    .access = DBKI_ACCESS_READ,
    .work = verify_work,
    .deliver = dbki_long_deliver,
    .fini = verify_fini,
};

int dbk_verify(struct dbk_store *store, const char *from_url, const struct dbk_call *call,
               dbk_report_fn *report_fn, dbk_done_fn *done, void *user)
{
    struct dbki_op *op;
    int status =
        dbki_long_new(store, &VERIFY, sizeof(struct verify_op), call, report_fn, done, user, &op);
    if (status)
        return status;
    if (!from_url || !store->schema.is_own) {
        dbki_op_free(op);
        return from_url ? dbki_refuse(call, DBK_UNSUPPORTED,
                                      "this is a Buildbot database: stores of daybook's own are "
                                      "compared")
                        : dbki_refuse(call, DBK_INVALID, "from_url must not be NULL");
    }
    ((struct verify_op *)op)->from_url = dbki_op_text(op, from_url).text;
    return dbki_submit(store, op, call);
}
