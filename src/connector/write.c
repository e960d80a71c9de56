/* What writes to one build or one step have in common; see records.h. */
#include "connector/records.h"

int dbki_write_submit(struct dbk_store *store, const struct dbki_opkind *kind, int64_t id,
                      struct dbki_value arg, const struct dbk_call *call, dbk_done_fn *done,
                      void *user)
{
    bool is_text = arg.type == DBKI_TEXT;
    struct dbki_write_op *op =
        dbki_op_new(kind, sizeof *op, is_text ? arg.len + 16 : 0, (dbki_callback *)done, user);
    if (!op)
        return dbki_refuse(call, DBK_NO_MEMORY, "out of memory");
    op->op.order_id = op->id = id;
    op->args[0] = is_text ? dbki_op_text_n(&op->op, arg.text, arg.len) : arg;
    return dbki_submit(store, &op->op, call);
}

void dbki_write_deliver(struct dbki_op *op, const struct dbk_error *error)
{
    ((dbk_done_fn *)op->done)(op->user, error);
}

static void read_changed(struct dbki_op *op, const struct dbki_bound *bound, const char *noun)
{
    struct dbki_write_op *write = (struct dbki_write_op *)op;
    if (!bound[0].changed)
        dbki_error_set(&op->error, DBK_NOT_FOUND, "there is no %s with the id %lld", noun,
                       (long long)write->id);
}

void dbki_write_read_build(struct dbki_op *op, const struct dbki_bound *bound,
                           struct dbki_binder *more)
{
    (void)more;
    read_changed(op, bound, "build");
}

void dbki_write_read_step(struct dbki_op *op, const struct dbki_bound *bound,
                          struct dbki_binder *more)
{
    (void)more;
    read_changed(op, bound, "step");
}
