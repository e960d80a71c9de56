/* Making and dropping one of daybook's own tables or indexes, for adopt.c: its transaction, its report, and what is
 * done beside others' writes. Runs on the worker of a store that is exclusive. */
#include "connector/object_change.h"

#include "base/clock.h"
#include "connector/long_work.h"

static const int64_t PATIENCE_NS = 30LL * 1000 * 1000 * 1000; /* with whoever else writes */

static bool gives_up(struct dbki_wait *wait)
{
    const struct dbki_patience *patience = (struct dbki_patience *)wait;
    const struct dbki_op *op = patience->op;
    return op->is_cancelled || (!patience->is_endless && wait->waited_ns > PATIENCE_NS) ||
           (op->deadline_ns && dbki_clock_ns() > op->deadline_ns);
}

int dbki_change_begin(struct dbki_op *op, struct dbki_conn *conn, struct dbki_patience *patience)
{
    *patience = (struct dbki_patience){.wait.gives_up = gives_up, .op = op};
    int status = conn->engine->begin(conn, DBKI_WRITE, &patience->wait, &op->error);
    if (status || !conn->engine->lock_tables)
        return status;
    status = conn->engine->lock_tables(conn, &patience->wait, &op->error);
    if (status)
        conn->engine->rollback(conn);
    return status;
}

/* Commits, or undoes what failed. */
int dbki_change_end(struct dbki_op *op, struct dbki_conn *conn, struct dbki_patience *patience,
                    int status)
{
    if (!status)
        return conn->engine->commit(conn, &patience->wait, &op->error);
    conn->engine->rollback(conn);
    return status;
}

/* ---------------------------------------------------------------------------------- reports ---- */

int dbki_change_report(struct dbki_op *op, const char *subject, const char *sql, int64_t rows,
                       int64_t bytes)
{
    const struct dbki_engine *engine = op->store->engine;
    struct dbki_buf words = {0};
    if (engine->spell)
        engine->spell(sql, &words);
    if (words.text)
        sql = words.text;
    int status = words.is_out_of_memory
                     ? dbki_error_set(&op->error, DBK_NO_MEMORY, "out of memory")
                     : dbki_long_report(op, &(struct dbk_report){.kind = DBK_REPORT_STATEMENT,
                                                                 .subject = subject,
                                                                 .text = sql,
                                                                 .id = DBK_NONE,
                                                                 .done = DBK_NONE,
                                                                 .total = DBK_NONE,
                                                                 .rows = rows,
                                                                 .bytes = bytes});
    dbki_buf_fini(&words);
    return status;
}

/* What makes or drops an object: where others write meanwhile in other words. */
int dbki_change_report_object(struct dbki_op *op, const struct dbki_object *object, const char *sql,
                              int64_t rows, int64_t bytes)
{
    const struct dbki_engine *engine = op->store->engine;
    struct dbki_buf words = {0};
    if (!dbki_object_is_online(object, &op->store->schema, engine))
        return dbki_change_report(op, object->name, sql, rows, bytes);
    dbki_object_online(engine, sql, &words);
    int status = words.is_out_of_memory
                     ? dbki_error_set(&op->error, DBK_NO_MEMORY, "out of memory")
                     : dbki_change_report(op, object->name, words.text, rows, bytes);
    dbki_buf_fini(&words);
    return status;
}

/* Of an index on a table of Buildbot's all of that is read; daybook's own tables are new. */
int dbki_change_report_create(struct dbki_op *op, struct dbki_conn *conn,
                              const struct dbki_object *object)
{
    int64_t rows = 0, bytes = 0;
    int status = DBK_OK;
    if (object->table && strncmp(object->table, "daybook_", 8))
        status = dbki_schema_cost(conn, object->table, &rows, &bytes, &op->error);
    return status ? status
                  : dbki_change_report_object(
                        op, object, dbki_object_create(object, &op->store->schema), rows, bytes);
}

/* ----------------------------------------------------------------------------------- online ---- */

/* Makes an index that others' writes go on beside; or drops it. In no transaction, so that it can be cut off at
 * any time: then the next adoption, or release, goes on there. */
int dbki_change_online(struct dbki_op *op, struct dbki_conn *conn, const struct dbki_object *object,
                       bool is_wanted)
{
    struct dbki_patience patience = {.wait.gives_up = gives_up, .op = op};
    struct dbki_patience endless = {.wait.gives_up = gives_up, .op = op, .is_endless = true};
    struct dbki_buf sql = {0};
    char drop[DBKI_DROP_SIZE];
    int status = is_wanted ? dbki_change_report_create(op, conn, object)
                           : dbki_change_report_object(
                                 op, object,
                                 dbki_object_drop(object, conn->engine, drop, sizeof drop), 0, 0);
    if (!status && is_wanted) {
        dbki_object_online(conn->engine, dbki_object_create(object, &op->store->schema), &sql);
        if (sql.is_out_of_memory)
            status = dbki_error_set(&op->error, DBK_NO_MEMORY, "out of memory");
    }
    if (!status)
        status = conn->engine->index_online(conn, object->name, sql.text, &patience.wait,
                                            &endless.wait, &op->error);
    dbki_buf_fini(&sql);
    return status && op->is_cancelled
               ? dbki_error_set(&op->error, DBK_CANCELLED, "the operation was cancelled")
               : status;
}
