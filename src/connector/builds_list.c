/* Lists of builds. */
#include "connector/many.h"
#include "connector/records.h"

#include <stdlib.h>

static void deliver_builds(struct dbki_op *op, const struct dbk_error *error)
{
    struct dbki_list_op *list = (struct dbki_list_op *)op;
    ((dbk_builds_fn *)op->done)(op->user, error,
                                error ? NULL : (const struct dbk_build *const *)list->items,
                                error ? NULL : &list->page);
}

/* Orders pointers to builds by id, to find them by it. */
static int compare_builds(const void *a, const void *b)
{
    const struct dbk_build *x = *(const struct dbk_build *const *)a;
    const struct dbk_build *y = *(const struct dbk_build *const *)b;
    return (x->id > y->id) - (x->id < y->id);
}

/*
 * A row of the page's properties. They come ordered by build, so the builds are ordered the same way once,
 * and both are walked side by side.
 */
static int property_row(struct dbki_list_op *list, const struct dbki_value *cells, int cell_count)
{
    struct dbki_op *op = &list->op;
    size_t count = list->item_count;
    if (!list->extras) {
        list->extras = dbki_op_take(op, (count + 1) * sizeof *list->extras);
        if (!list->extras)
            return DBK_NO_MEMORY;
        memcpy(list->extras, list->items, count * sizeof *list->extras);
        qsort(list->extras, count, sizeof *list->extras, compare_builds);
    }
    int64_t buildid = dbki_value_int(&cells[0]);
    while (list->extra_index < count &&
           ((const struct dbk_build *)list->extras[list->extra_index])->id < buildid) {
        list->extra_index++;
        list->extra_max = 0;
    }
    if (list->extra_index == count)
        return DBK_OK;
    struct dbk_build *build = (struct dbk_build *)(uintptr_t)list->extras[list->extra_index];
    const void *property = dbki_record_new(op, &dbki_property_record, NULL, cells, cell_count);
    const void **properties = (const void **)(uintptr_t)build->properties;
    if (!property ||
        !dbki_list_push(op, &properties, &build->property_count, &list->extra_max, property))
        return DBK_NO_MEMORY;
    build->properties = (const struct dbk_property *const *)properties;
    return DBK_OK;
}

static const struct dbki_opkind GET_BUILDS = DBKI_LIST_KIND("listing builds", deliver_builds);
static const struct dbki_opkind GET_FOR_CHANGE =
    DBKI_LIST_KIND("listing a change's builds", deliver_builds);
static const struct dbki_opkind GET_TRIGGERED =
    DBKI_LIST_KIND("listing triggered builds", deliver_builds);

/* Within a builder each number is there once. */
static const char OF_BUILDER[] = "t.builderid = ?";

static int list_builds(struct dbk_store *store, const struct dbki_opkind *kind,
                       const struct dbki_condition *conditions, const struct dbk_spec *spec,
                       const struct dbk_call *call, dbk_builds_fn *done, void *user)
{
    struct dbki_check check = {.call = call};
    dbki_check_that(&check, store && done, "store and done must not be NULL");
    if (check.status)
        return check.status;
    struct dbki_list_call list_call = {
        .kind = kind,
        .record = &dbki_build_record,
        .conditions = conditions,
        .spec = spec,
        .unique_field = conditions[0].sql == OF_BUILDER ? "number" : NULL,
        .extra_before = dbki_properties_before(store),
        .extra_after = dbki_properties_after(store),
        .extra_row = property_row,
        .property = dbki_properties_filter(store),
    };
    return dbki_list_submit(store, &list_call, call, (dbki_callback *)done, user);
}

int dbk_get_builds(struct dbk_store *store, int64_t builderid, int64_t buildrequestid,
                   int64_t workerid, int64_t complete, const struct dbk_spec *spec,
                   const struct dbk_call *call, dbk_builds_fn *done, void *user)
{
    struct dbki_condition conditions[5];
    int count = 0;
    if (complete != DBK_NONE && complete != 0 && complete != 1)
        return dbki_refuse(call, DBK_INVALID, "complete must be 0, 1 or DBK_NONE");
    if (builderid != DBK_NONE)
        conditions[count++] = (struct dbki_condition){OF_BUILDER, dbki_int(builderid), true};
    if (buildrequestid != DBK_NONE)
        conditions[count++] =
            (struct dbki_condition){"t.buildrequestid = ?", dbki_int(buildrequestid), true};
    if (workerid != DBK_NONE)
        conditions[count++] = (struct dbki_condition){"t.workerid = ?", dbki_int(workerid), true};
    if (complete != DBK_NONE)
        conditions[count++] = (struct dbki_condition){
            complete ? "t.complete_at IS NOT NULL" : "t.complete_at IS NULL", dbki_int(0), false};
    conditions[count] = (struct dbki_condition){.sql = NULL};
    return list_builds(store, &GET_BUILDS, conditions, spec, call, done, user);
}

int dbk_get_builds_for_change(struct dbk_store *store, int64_t changeid,
                              const struct dbk_spec *spec, const struct dbk_call *call,
                              dbk_builds_fn *done, void *user)
{
    const struct dbki_condition conditions[] = {
        {"t.buildrequestid IN (SELECT q.id FROM changes c"
         " JOIN buildset_sourcestamps s ON s.sourcestampid = c.sourcestampid"
         " JOIN buildrequests q ON q.buildsetid = s.buildsetid WHERE c.changeid = ?)",
         dbki_int(changeid), true},
        {.sql = NULL}};
    return list_builds(store, &GET_FOR_CHANGE, conditions, spec, call, done, user);
}

int dbk_get_triggered_builds(struct dbk_store *store, int64_t buildid, const struct dbk_spec *spec,
                             const struct dbk_call *call, dbk_builds_fn *done, void *user)
{
    const struct dbki_condition conditions[] = {
        {"t.buildrequestid IN (SELECT q.id FROM buildsets s"
         " JOIN buildrequests q ON q.buildsetid = s.id WHERE s.parent_buildid = ?)",
         dbki_int(buildid), true},
        {.sql = NULL}};
    return list_builds(store, &GET_TRIGGERED, conditions, spec, call, done, user);
}
