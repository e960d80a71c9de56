/* The children of many builds; see many.h. */
#include "connector/many.h"

#include "base/buf.h"

enum { IDS_MAX = 10000 };

/* The number of placeholders: a power of two, so that few texts serve all counts. */
static size_t round_up(size_t count)
{
    size_t rounded = 1;
    while (rounded < count)
        rounded *= 2;
    return rounded;
}

int dbki_many_submit(struct dbk_store *store, const struct dbki_many *many, const int64_t *ids,
                     size_t count, const struct dbk_call *call, dbki_callback *done, void *user)
{
    if (!count || count > IDS_MAX)
        return dbki_refuse(call, DBK_INVALID, "1 to %d builds can be asked for at once", IDS_MAX);
    size_t places = round_up(count);
    struct dbki_list_op *list = dbki_op_new(many->kind, sizeof *list,
                                            places * sizeof(struct dbki_value) + 4096, done, user);
    struct dbki_value *params =
        list ? dbki_op_take(&list->op, places * sizeof(struct dbki_value)) : NULL;
    struct dbki_buf sql = {0};
    dbki_buf_addf(&sql, "SELECT %s FROM %s IN (?", many->record->columns, many->from);
    for (size_t i = 1; i < places; i++)
        dbki_buf_add(&sql, ", ?");
    dbki_buf_addf(&sql, ")%s ORDER BY %s", many->end, many->order);
    char *text =
        params && !sql.is_out_of_memory ? dbki_op_copy(&list->op, sql.text, sql.len) : NULL;
    dbki_buf_fini(&sql);
    if (!text) {
        dbki_op_free(list ? &list->op : NULL);
        return dbki_refuse(call, DBK_NO_MEMORY, "out of memory");
    }
    for (size_t i = 0; i < places; i++) /* what is left over repeats the last one */
        params[i] = dbki_int(ids[i < count ? i : count - 1]);
    list->record = many->record;
    list->limit = DBK_NONE;
    list->statements[0] = (struct dbki_statement){.sql = text, .is_made = true};
    list->params[0] = params;
    list->param_counts[0] = (int)places;
    return dbki_submit(store, &list->op, call);
}
