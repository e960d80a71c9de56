/*
 * What old build data take, and how space comes back once they are gone. Deleting is in build_data_old.c.
 */
#include "connector/submit.h"
#include "store/store.h"

/* -------------------------------------------------------------------------------- counting ---- */

struct count_old_op {
    struct dbki_op op;
    int64_t older_than;
};

/* length(value) and not the column: that stands behind the value, and reading it would read the value. */
static const struct dbki_statement COUNT_OLD = {
    .sql = "SELECT count(*), coalesce(sum(length(d.value)), 0) FROM build_data d"
           " WHERE EXISTS (SELECT 1 FROM builds b WHERE b.id = d.buildid AND b.complete_at < ?)",
    .is_one_row = true};

static void count_old_bind(struct dbki_op *op, struct dbki_binder *binder)
{
    DBKI_BIND(binder, &COUNT_OLD, dbki_int(((struct count_old_op *)op)->older_than));
}

static int count_old_row(struct dbki_op *op, int index, const struct dbki_value *cells,
                         int cell_count)
{
    (void)index;
    (void)cell_count;
    op->result[0] = dbki_value_int(&cells[0]);
    op->result[1] = dbki_value_int(&cells[1]);
    return DBK_OK;
}

static void count_old_deliver(struct dbki_op *op, const struct dbk_error *error)
{
    ((dbk_size_fn *)op->done)(op->user, error, error ? 0 : op->result[0],
                              error ? 0 : op->result[1]);
}

static const struct dbki_opkind COUNT_OLD_KIND = {
    .action = "counting old build data",
    .access = DBKI_ACCESS_READ,
    .bind = count_old_bind,
    .row = count_old_row,
    .deliver = count_old_deliver,
};

int dbk_count_old_build_data(struct dbk_store *store, int64_t older_than,
                             const struct dbk_call *call, dbk_size_fn *done, void *user)
{
    struct dbki_check check = {.call = call};
    dbki_check_that(&check, store && done, "store and done must not be NULL");
    dbki_check_that(&check, older_than != DBK_NONE, "older_than must be a time");
    if (check.status)
        return check.status;
    struct count_old_op *op =
        dbki_op_new(&COUNT_OLD_KIND, sizeof *op, 0, (dbki_callback *)done, user);
    if (!op)
        return dbki_refuse(call, DBK_NO_MEMORY, "out of memory");
    op->older_than = older_than;
    return dbki_submit(store, &op->op, call);
}

/* ------------------------------------------------------------------------------ giving back ---- */

/* How much is unused before and after a turn's step; progress: how much was given back. */
struct give_back_op {
    struct dbki_op op;
    int64_t unused[2];
};

enum { GIVEN };
enum { UNUSED_BEFORE, STEP, UNUSED_AFTER };

static void give_back_bind(struct dbki_op *op, struct dbki_binder *binder)
{
    const struct dbki_engine *engine = op->store->engine;
    struct give_back_op *self = (struct give_back_op *)op;
    self->unused[0] = self->unused[1] = 0;
    op->result[0] = op->progress[GIVEN];
    if (!engine->give_back)
        return;
    dbki_bind(binder, engine->count_unused, NULL, 0);
    dbki_bind(binder, engine->give_back, NULL, 0);
    dbki_bind(binder, engine->count_unused, NULL, 0);
}

static int give_back_row(struct dbki_op *op, int index, const struct dbki_value *cells,
                         int cell_count)
{
    struct give_back_op *self = (struct give_back_op *)op;
    if (index != STEP && cell_count)
        self->unused[index == UNUSED_AFTER] = dbki_value_int(&cells[0]);
    return DBK_OK;
}

static void give_back_read(struct dbki_op *op, const struct dbki_bound *bound,
                           struct dbki_binder *more)
{
    struct give_back_op *self = (struct give_back_op *)op;
    (void)bound;
    (void)more;
    op->progress[GIVEN] += self->unused[0] - self->unused[1];
    op->result[0] = op->progress[GIVEN];
    /* A database that was not made for it gives nothing back, and that is its end. */
    op->is_turn_over = self->unused[1] > 0 && self->unused[1] < self->unused[0];
}

static void give_back_deliver(struct dbki_op *op, const struct dbk_error *error)
{
    ((dbk_count_fn *)op->done)(op->user, error,
                               error ? op->progress_committed[GIVEN] : op->result[0]);
}

static const struct dbki_opkind GIVE_BACK_KIND = {
    .action = "giving space back",
    .access = DBKI_ACCESS_EXISTING,
    .frees_space = true,
    .bind = give_back_bind,
    .row = give_back_row,
    .read = give_back_read,
    .deliver = give_back_deliver,
};

int dbk_give_space_back(struct dbk_store *store, const struct dbk_call *call, dbk_count_fn *done,
                        void *user)
{
    struct dbki_check check = {.call = call};
    dbki_check_that(&check, store && done, "store and done must not be NULL");
    if (check.status)
        return check.status;
    struct give_back_op *op =
        dbki_op_new(&GIVE_BACK_KIND, sizeof *op, 0, (dbki_callback *)done, user);
    if (!op)
        return dbki_refuse(call, DBK_NO_MEMORY, "out of memory");
    return dbki_submit(store, &op->op, call);
}
