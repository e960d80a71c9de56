/* Lists; see list.h. What they send is made in list_text.c. */
#include "connector/list.h"

#include "store/store.h"

enum { ITEMS_MIN = 16 };

int dbki_list_submit(struct dbk_store *store, const struct dbki_list_call *list_call,
                     const struct dbk_call *call, dbki_callback *done, void *user)
{
    struct dbki_list_op *list =
        dbki_op_new(list_call->kind, sizeof *list, DBKI_GET_ROOM, done, user);
    if (!list)
        return dbki_refuse(call, DBK_NO_MEMORY, "out of memory");
    list->record = list_call->record;
    list->extra_row = list_call->extra_row;
    list->each = list_call->each;
    list->op.progress_committed[0] = list_call->position;
    int status = dbki_list_make(store, list, list_call, call);
    if (status) {
        dbki_op_free(&list->op);
        return status;
    }
    return dbki_submit(store, &list->op, call);
}

/* -------------------------------------------------------------------------------- the rows ---- */

void dbki_list_bind(struct dbki_op *op, struct dbki_binder *binder)
{
    struct dbki_list_op *list = (struct dbki_list_op *)op;
    int count = 0;
    list->items = list->extras = NULL;
    list->item_count = list->item_max = list->extra_count = list->extra_max = list->extra_index = 0;
    list->page = (struct dbk_page){.total = DBK_NONE};
    for (int which = 0; which < DBKI_LIST_STATEMENTS_MAX; which++) {
        if (!list->statements[which].sql)
            continue;
        list->bound_as[count++] = which;
        dbki_bind(binder, &list->statements[which], list->params[which], list->param_counts[which]);
    }
}

bool dbki_list_push(struct dbki_op *op, const void ***items, size_t *count, size_t *max,
                    const void *item)
{
    if (*count == *max) {
        size_t grown_max = *max ? 2 * *max : ITEMS_MIN;
        const void **grown = dbki_op_take(op, grown_max * sizeof *grown);
        if (!grown)
            return false;
        if (*count)
            memcpy(grown, *items, *count * sizeof *grown);
        *items = grown;
        *max = grown_max;
    }
    (*items)[(*count)++] = item;
    return true;
}

/* A page that was filtered by properties and is not full goes on behind the last record that was looked at. */
static int take_stop(struct dbki_list_op *list, const struct dbki_value *keys)
{
    if (!list->page.next_cursor)
        list->page.next_cursor = dbki_cursor_write(&list->op, list->shape, keys, list->key_count);
    return list->page.next_cursor ? DBK_OK : DBK_NO_MEMORY;
}

/* A full page ends with the cursor that goes on after it. */
static bool write_cursor(struct dbki_list_op *list, const struct dbki_value *cells)
{
    struct dbki_value values[DBKI_ORDER_MAX + 1];
    for (int i = 0; i < list->key_count; i++)
        values[i] = cells[list->keys[i].cell];
    list->page.next_cursor = dbki_cursor_write(&list->op, list->shape, values, list->key_count);
    return list->page.next_cursor;
}

int dbki_list_row(struct dbki_op *op, int index, const struct dbki_value *cells, int cell_count)
{
    struct dbki_list_op *list = (struct dbki_list_op *)op;
    switch (list->bound_as[index]) {
    case DBKI_LIST_TOTAL:
        list->page.total = dbki_value_int(&cells[0]);
        list->page.is_total_exact =
            list->total_up_to == DBK_NONE || list->page.total <= list->total_up_to;
        if (!list->page.is_total_exact)
            list->page.total = list->total_up_to;
        return DBK_OK;
    case DBKI_LIST_EXTRA:
        return list->extra_row(list, cells, cell_count);
    case DBKI_LIST_STOP:
        return take_stop(list, cells);
    default:
        break;
    }
    int columns = list->chosen ? list->chosen_count : list->record->column_count;
    void *item = dbki_record_new(op, list->record, list->chosen, cells, columns);
    if (!item || !dbki_list_push(op, &list->items, &list->item_count, &list->item_max, item))
        return DBK_NO_MEMORY;
    if ((int64_t)list->item_count == list->limit && !write_cursor(list, cells))
        return DBK_NO_MEMORY;
    return DBK_OK;
}

void dbki_list_read(struct dbki_op *op, const struct dbki_bound *bound, struct dbki_binder *more)
{
    struct dbki_list_op *list = (struct dbki_list_op *)op;
    (void)bound;
    (void)more;
    list->page.count = list->item_count;
}
