/*
 * Selections: see selection.h.
 */
#include "selection.h"

#include "message.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct selection *selection_new(void)
{
    struct selection *selection = memory_need(calloc(1, sizeof(*selection)));
    selection->spec = memory_need(dbk_spec_new());
    selection->limit = DBK_NONE;
    return selection;
}

void selection_free(struct selection *selection)
{
    if (!selection)
        return;
    for (size_t i = 0; i < selection->count; i++) {
        free(selection->items[i].name);
        free(selection->items[i].value);
    }
    free(selection->items);
    free(selection->cursor);
    dbk_spec_free(selection->spec);
    free(selection);
}

static void push(struct selection *selection, const char *name, const char *value, int group)
{
    size_t size = (selection->count + 1) * sizeof(*selection->items);
    selection->items = memory_need(realloc(selection->items, size));
    selection->items[selection->count++] = (struct selection_item){
        memory_need(strdup(name)), value ? memory_need(strdup(value)) : NULL, group};
}

int selection_add(struct selection *selection, const char *name, const char *value,
                  struct dbk_error *out_error)
{
    int status = dbk_spec_add(selection->spec, name, value, out_error);
    if (status)
        return status;
    if (!strcmp(name, "cursor")) {
        free(selection->cursor);
        selection->cursor = memory_need(strdup(value));
    } else {
        push(selection, name, value, 0);
    }
    return DBK_OK;
}

void selection_any(struct selection *selection, const char *field, const int64_t *values,
                   size_t count)
{
    char *name = NULL;
    int group = ++selection->group_count;
    if (dbk_spec_filter_int(selection->spec, field, DBK_IN, values, count) ||
        asprintf(&name, "%s__in", field) < 0)
        memory_need(NULL);
    for (size_t i = 0; i < count; i++) {
        char value[24];
        snprintf(value, sizeof(value), "%" PRId64, values[i]);
        push(selection, name, value, group);
    }
    free(name);
}

void selection_order(struct selection *selection, const char *field)
{
    if (dbk_spec_order(selection->spec, field))
        memory_need(NULL);
    push(selection, "order", field, 0);
}

void selection_limit(struct selection *selection, int64_t limit)
{
    if (dbk_spec_limit(selection->spec, limit))
        memory_need(NULL);
    selection->limit = limit;
}

void selection_offset(struct selection *selection, int64_t offset)
{
    if (dbk_spec_offset(selection->spec, offset))
        memory_need(NULL);
    selection->offset = offset;
}

void selection_total(struct selection *selection)
{
    if (dbk_spec_total(selection->spec, DBK_TOTAL_EXACT, 0))
        memory_need(NULL);
    selection->has_total = true;
}

const struct dbk_spec *selection_spec(const struct selection *selection)
{
    return selection ? selection->spec : NULL;
}
