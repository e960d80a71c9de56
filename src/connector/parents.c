/* What the files of the parents have in common; see parents.h. */
#include "connector/parents.h"

#include "base/hash.h"
#include "base/text.h"

/* ------------------------------------------------------------------------ getting, listing ---- */

int dbki_parent_get(struct dbk_store *store, const struct dbki_get_kind *kind, int64_t id,
                    const struct dbk_call *call, dbki_callback *done, void *user)
{
    struct dbki_check check = {.call = call};
    dbki_check_that(&check, store && done, "store and done must not be NULL");
    if (check.status)
        return check.status;
    struct dbki_get_op *op = dbki_op_new(&kind->kind, sizeof *op, DBKI_GET_ROOM, done, user);
    if (!op)
        return dbki_refuse(call, DBK_NO_MEMORY, "out of memory");
    op->args[0] = dbki_int(id);
    op->arg_count = 1;
    return dbki_submit(store, &op->op, call);
}

int dbki_parent_list(struct dbk_store *store, const struct dbki_opkind *kind,
                     const struct dbki_record *record, const struct dbki_condition *conditions,
                     const struct dbk_spec *spec, const struct dbk_call *call, dbki_callback *done,
                     void *user)
{
    struct dbki_check check = {.call = call};
    dbki_check_that(&check, store && done, "store and done must not be NULL");
    if (check.status)
        return check.status;
    struct dbki_list_call list_call = {
        .kind = kind, .record = record, .conditions = conditions, .spec = spec};
    return dbki_list_submit(store, &list_call, call, done, user);
}

/* --------------------------------------------------------------------------------- finding ---- */

static bool may_add(const struct dbki_find_op *find)
{
    return find->op.kind == &find->how->add;
}

void dbki_find_bind(struct dbki_op *op, struct dbki_binder *binder)
{
    struct dbki_find_op *find = (struct dbki_find_op *)op;
    if (may_add(find)) {
        struct dbki_value params[DBKI_FIND_ARGS_MAX + 2];
        int count = find->arg_count;
        memcpy(params, find->args, sizeof find->args);
        if (find->how->is_dated)
            params[count++] = dbki_int(op->now);
        params[count++] = find->args[0];
        dbki_bind(binder, &find->how->insert, params, count);
    }
    dbki_bind(binder, &find->how->select, find->args, 1);
}

int dbki_find_row(struct dbki_op *op, int index, const struct dbki_value *cells, int cell_count)
{
    (void)index;
    (void)cell_count;
    op->result[0] = dbki_value_int(&cells[0]);
    return DBK_OK;
}

void dbki_find_read(struct dbki_op *op, const struct dbki_bound *bound, struct dbki_binder *more)
{
    struct dbki_find_op *find = (struct dbki_find_op *)op;
    if (op->pass > 0)
        return;
    if (op->result[0] == DBK_NONE)
        find->how->refuse(op);
    else if (may_add(find) && bound[0].changed > 0)
        dbki_event_bind(op, more,
                        (struct dbki_event){
                            .kind = find->how->noun,
                            .verb = "new",
                            .builderid = find->how->is_builder ? op->result[0] : DBK_NONE,
                            .buildid = DBK_NONE,
                            .stepid = DBK_NONE,
                        });
}

void dbki_find_deliver(struct dbki_op *op, const struct dbk_error *error)
{
    ((dbk_id_fn *)op->done)(op->user, error, error ? DBK_NONE : op->result[0]);
}

void dbki_find_refuse_name(struct dbki_op *op)
{
    enum { SHOWN_MAX = 80 };
    struct dbki_find_op *find = (struct dbki_find_op *)op;
    struct dbki_value name = find->args[find->arg_count - 1];
    dbki_error_set(&op->error, DBK_NOT_FOUND, "there is no %s named '%.*s'", find->how->noun,
                   (int)dbki_text_prefix(name.text, name.len, SHOWN_MAX), name.text);
}

int dbki_find_by_name(struct dbk_store *store, const struct dbki_find *how, const char *name,
                      bool is_added, const struct dbk_call *call, dbk_id_fn *done, void *user)
{
    struct dbki_check check = {.call = call};
    char name_hash[DBKI_SHA1_HEX_SIZE];
    dbki_check_that(&check, store && done, "store and done must not be NULL");
    dbki_check_text(&check, "name", name, is_added ? how->name_max : 0, false);
    dbki_check_that(&check, !is_added || check.status || name[0], "name must not be empty");
    if (check.status)
        return check.status;
    struct dbki_find_op *op =
        dbki_op_new(is_added ? &how->add : &how->find, sizeof *op,
                    strlen(name) + sizeof name_hash + 32, (dbki_callback *)done, user);
    if (!op || (how->is_hashed && dbki_hash_columns(&name, 1, name_hash))) {
        dbki_op_free(op ? &op->op : NULL);
        return dbki_refuse(call, DBK_NO_MEMORY, "out of memory");
    }
    op->how = how;
    if (how->is_hashed)
        op->args[op->arg_count++] = dbki_op_text(&op->op, name_hash);
    op->args[op->arg_count++] = dbki_op_text(&op->op, name);
    return dbki_submit(store, &op->op, call);
}

/* ---------------------------------------------------------------------------------- adding ---- */

/* Each gives a row when there is no such record. */
static const struct {
    const char *noun;
    struct dbki_statement missing;
} NEEDS[] = {
    [DBKI_NEEDS_BUILD] = {"build",
                          {.sql = "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM builds WHERE id = ?)"}},
    [DBKI_NEEDS_BUILDER] =
        {"builder", {.sql = "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM builders WHERE id = ?)"}},
    [DBKI_NEEDS_BUILDSET] =
        {"buildset", {.sql = "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM buildsets WHERE id = ?)"}},
    [DBKI_NEEDS_CHANGE] =
        {"change", {.sql = "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM changes WHERE changeid = ?)"}},
    [DBKI_NEEDS_SOURCESTAMP] =
        {"sourcestamp",
         {.sql = "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM sourcestamps WHERE id = ?)"}},
};

int dbki_add_row(struct dbki_op *op, int index, const struct dbki_value *cells, int cell_count)
{
    struct dbki_add_op *add = (struct dbki_add_op *)op;
    (void)cell_count;
    if (op->pass == 0)
        op->result[0] = dbki_value_int(&cells[0]);
    else if (add->missing < 0)
        add->missing = index;
    return DBK_OK;
}

void dbki_add_read(struct dbki_op *op, const struct dbki_bound *bound, struct dbki_binder *more)
{
    struct dbki_add_op *add = (struct dbki_add_op *)op;
    (void)bound;
    if (op->pass == 0 && op->result[0] != DBK_NONE) {
        dbki_event_bind(op, more, add->event);
    } else if (op->pass == 0) {
        for (int i = 0; i < add->need_count; i++)
            DBKI_BIND(more, &NEEDS[add->needs[i].what].missing, dbki_int(add->needs[i].id));
    } else if (op->result[0] == DBK_NONE && add->missing >= 0) {
        const struct dbki_need *need = &add->needs[add->missing];
        dbki_error_set(&op->error, DBK_NOT_FOUND, "there is no %s with the id %lld",
                       NEEDS[need->what].noun, (long long)need->id);
    } else if (op->result[0] == DBK_NONE) {
        dbki_error_set(&op->error, DBK_NOT_FOUND, "what the %s hangs on is not there",
                       add->event.kind);
    }
}

void dbki_add_deliver(struct dbki_op *op, const struct dbk_error *error)
{
    ((dbk_id_fn *)op->done)(op->user, error, error ? DBK_NONE : op->result[0]);
}
