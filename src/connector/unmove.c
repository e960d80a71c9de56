/* Letting a store be written again that was followed, or moved, by a copy (copy_follow.c). */
#include "base/alloc.h"
#include "connector/long_work.h"
#include "connector/object_change.h"
#include "schema/journal.h"

enum { TRIES = 30 };

static int unmove_work(struct dbki_op *op, struct dbki_conn *conn)
{
    struct dbki_layout *layout = dbki_malloc(sizeof *layout);
    struct dbki_patience patience;
    int status = layout ? dbki_layout_read(layout, &op->error)
                        : dbki_error_set(&op->error, DBK_NO_MEMORY, "out of memory");
    dbki_long_begin(op);
    for (int tries = 0; !status; tries++) {
        if ((status = dbki_change_begin(op, conn, &patience)))
            break;
        status = dbki_journal_drop(conn, layout, &op->error);
        status = dbki_change_end(op, conn, &patience, status);
        if (status != DBK_BUSY || tries == TRIES || op->is_cancelled)
            break;
        dbki_error_clear(&op->error); /* others have the tables */
        status = DBK_OK;
    }
    dbki_free(layout);
    return status;
}

static const struct dbki_opkind UNMOVE = {
    .action = "letting a store be written again",
    .is_follower = true,
    .is_long = true,
    .access = DBKI_ACCESS_TABLES,
    .work = unmove_work,
    .deliver = dbki_long_deliver,
};

int dbk_unmove(struct dbk_store *store, const struct dbk_call *call, dbk_report_fn *report,
               dbk_done_fn *done, void *user)
{
    if (store && !store->schema.is_own)
        return dbki_refuse(call, DBK_UNSUPPORTED,
                           "this is a Buildbot database: none is followed by a copy");
    return dbki_long_submit(store, &UNMOVE, sizeof(struct dbki_long_op), false, call, report, done,
                            user);
}
