/* Listing and following events. Writing them is in event.c. */
#include "connector/list.h"
#include "connector/marks.h"
#include "store/store.h"

#define COLUMNS "t.position, t.at, t.kind, t.verb, t.builderid, t.buildid, t.stepid, t.name"

static const struct dbki_field FIELDS[] = {
    DBKI_FIELD(dbk_event, id, "t.position", DBKI_FIELD_INT, 0),
    DBKI_FIELD(dbk_event, at, "t.at", DBKI_FIELD_INT, 0),
    DBKI_FIELD(dbk_event, kind, "t.kind", DBKI_FIELD_TEXT, 0),
    DBKI_FIELD(dbk_event, verb, "t.verb", DBKI_FIELD_TEXT, 0),
    DBKI_FIELD(dbk_event, builderid, "t.builderid", DBKI_FIELD_INT, DBKI_FIELD_NULLABLE),
    DBKI_FIELD(dbk_event, buildid, "t.buildid", DBKI_FIELD_INT, DBKI_FIELD_NULLABLE),
    DBKI_FIELD(dbk_event, stepid, "t.stepid", DBKI_FIELD_INT, DBKI_FIELD_NULLABLE),
    DBKI_FIELD(dbk_event, name, "t.name", DBKI_FIELD_TEXT, DBKI_FIELD_NULLABLE),
};
enum { LOOK_MAX = 256 }; /* events that a follower takes at once */
enum { FIELD_COUNT = sizeof FIELDS / sizeof FIELDS[0] };

static const struct dbki_record RECORD = {
    .noun = "events",
    .from = "daybook_events t",
    .fields = FIELDS,
    .field_count = FIELD_COUNT,
    .column_count = FIELD_COUNT,
    .columns = COLUMNS,
    .order = "id",
    .size = sizeof(struct dbk_event),
};

static void deliver_events(struct dbki_op *op, const struct dbk_error *error)
{
    struct dbki_list_op *list = (struct dbki_list_op *)op;
    ((dbk_events_fn *)op->done)(op->user, error,
                                error ? NULL : (const struct dbk_event *const *)list->items,
                                error ? NULL : &list->page);
}

/*
 * Beside the list, in the same snapshot: how far the log was trimmed. Its statement is the last one; the
 * operation's result holds which that is, and the answer. The first parameter is the position, which
 * moves on in a follower.
 */
static const struct dbki_statement NEWEST = {
    .sql = "SELECT coalesce(max(position), ?) FROM daybook_events", .is_one_row = true};

static void events_bind(struct dbki_op *op, struct dbki_binder *binder)
{
    struct dbki_list_op *list = (struct dbki_list_op *)op;
    int before = binder->count;
    list->params[0][0] = dbki_int(op->progress[0]);
    dbki_list_bind(op, binder);
    op->result[0] = binder->count - before; /* which statement it is */
    dbki_mark_bind_get(binder, DBKI_MARK_EVENTS_TRIMMED);
    if (op->kind->is_follower)
        DBKI_BIND(binder, &NEWEST, dbki_int(op->progress[0]));
}

static int events_row(struct dbki_op *op, int index, const struct dbki_value *cells, int cell_count)
{
    if (index < op->result[0])
        return dbki_list_row(op, index, cells, cell_count);
    if (index == op->result[0])
        op->result[1] = dbki_value_int(&cells[0]);
    else
        op->progress[1] = dbki_value_int(&cells[0]);
    return DBK_OK;
}

static void events_read(struct dbki_op *op, const struct dbki_bound *bound,
                        struct dbki_binder *more)
{
    struct dbki_list_op *list = (struct dbki_list_op *)op;
    int64_t position = op->progress[0], trimmed = op->result[1];
    dbki_list_read(op, bound, more);
    op->found = !list->item_count                ? DBKI_FOUND_NOTHING
                : list->page.next_cursor != NULL ? DBKI_FOUND_MORE
                                                 : DBKI_FOUND_SOME;
    /* What the filters left out is not looked at again. */
    if (op->found == DBKI_FOUND_NOTHING)
        op->progress_committed[0] = op->progress[1];
    if (position > 0 && trimmed != DBK_NONE && position < trimmed)
        dbki_error_set(&op->error, DBK_GONE,
                       "the events after position %lld up to %lld are no longer kept: read the "
                       "records themselves, and go on from 0",
                       (long long)position, (long long)trimmed);
}

static const struct dbki_opkind LIST = {
    .action = "listing events",
    .before = &dbki_place_events,
    .access = DBKI_ACCESS_READ,
    .is_several = true,
    .bind = events_bind,
    .row = events_row,
    .read = events_read,
    .deliver = deliver_events,
};

/* What was found goes to the caller one by one; the next look begins behind it. */
static void deliver_followed(struct dbki_op *op, const struct dbk_error *error)
{
    struct dbki_list_op *list = (struct dbki_list_op *)op;
    if (error) {
        ((dbk_done_fn *)op->done)(op->user, error);
        return;
    }
    for (size_t i = 0; i < list->item_count && !op->is_cancelled; i++) {
        const struct dbk_event *event = list->items[i];
        op->progress_committed[0] = event->id;
        ((dbk_event_fn *)list->each)(op->user, event);
    }
}

static const struct dbki_opkind FOLLOW = {
    .action = "following events",
    .before = &dbki_place_events,
    .access = DBKI_ACCESS_READ,
    .is_follower = true,
    .is_several = true,
    .bind = events_bind,
    .row = events_row,
    .read = events_read,
    .deliver = deliver_followed,
};

static int refuse_without_log(const struct dbk_store *store, const struct dbk_call *call)
{
    return dbki_refuse(
        call, DBK_UNSUPPORTED, "%s",
        store->schema.is_own
            ? "the store's event log is missing: `daybook upgrade` makes it again"
            : "the database has no event log: `daybook adopt` gives a Buildbot database one");
}

static int submit_events(struct dbk_store *store, const struct dbki_opkind *kind, int64_t position,
                         const struct dbk_spec *spec, const struct dbk_call *call,
                         dbki_callback *each, dbki_callback *done, void *user)
{
    struct dbki_check check = {.call = call};
    dbki_check_that(&check, store && done, "store and done must not be NULL");
    dbki_check_that(&check, position >= 0, "position must be 0 or more");
    dbki_check_that(&check, !spec || (!spec->order_count && !spec->offset),
                    "events come in their own order from a position: the spec's order and offset "
                    "are not taken");
    dbki_check_that(&check, kind != &FOLLOW || each, "event must not be NULL");
    if (check.status)
        return check.status;
    if (!store->schema.has_events)
        return refuse_without_log(store, call);
    const struct dbki_condition conditions[] = {{"t.position > ?", dbki_int(position), true},
                                                {.sql = NULL}};
    struct dbki_list_call list_call = {.kind = kind,
                                       .record = &RECORD,
                                       .conditions = conditions,
                                       .spec = spec,
                                       .each = each,
                                       .position = position};
    return dbki_list_submit(store, &list_call, call, done, user);
}

int dbk_get_events(struct dbk_store *store, int64_t position, const struct dbk_spec *spec,
                   const struct dbk_call *call, dbk_events_fn *done, void *user)
{
    return submit_events(store, &LIST, position, spec, call, NULL, (dbki_callback *)done, user);
}

static void newest_bind(struct dbki_op *op, struct dbki_binder *binder)
{
    (void)op;
    DBKI_BIND(binder, &NEWEST, dbki_int(0));
}

static int newest_row(struct dbki_op *op, int index, const struct dbki_value *cells, int cell_count)
{
    (void)index;
    (void)cell_count;
    op->result[0] = dbki_value_int(&cells[0]);
    return DBK_OK;
}

static void newest_deliver(struct dbki_op *op, const struct dbk_error *error)
{
    ((dbk_id_fn *)op->done)(op->user, error, error ? DBK_NONE : op->result[0]);
}

static const struct dbki_opkind GET_NEWEST = {
    .action = "looking for the newest event",
    .before = &dbki_place_events,
    .access = DBKI_ACCESS_READ,
    .bind = newest_bind,
    .row = newest_row,
    .deliver = newest_deliver,
};

int dbk_get_newest_event(struct dbk_store *store, const struct dbk_call *call, dbk_id_fn *done,
                         void *user)
{
    struct dbki_check check = {.call = call};
    dbki_check_that(&check, store && done, "store and done must not be NULL");
    if (check.status)
        return check.status;
    if (!store->schema.has_events)
        return refuse_without_log(store, call);
    struct dbki_op *op = dbki_op_new(&GET_NEWEST, sizeof *op, 0, (dbki_callback *)done, user);
    return op ? dbki_submit(store, op, call) : dbki_refuse(call, DBK_NO_MEMORY, "out of memory");
}

int dbk_follow_events(struct dbk_store *store, int64_t position, const struct dbk_spec *filters,
                      const struct dbk_call *call, dbk_event_fn *event, dbk_done_fn *done,
                      void *user)
{
    struct dbki_check check = {.call = call};
    dbki_check_that(&check,
                    !filters || (filters->limit == DBK_NONE && !filters->cursor &&
                                 filters->total == DBK_TOTAL_NONE && !filters->chosen_count),
                    "of a spec, a follower takes the filters alone");
    if (check.status)
        return check.status;
    /* A look takes a page; when it was full, the next look follows at once. */
    struct dbk_spec page = filters ? *filters : (struct dbk_spec){.limit = DBK_NONE};
    page.limit = LOOK_MAX;
    return submit_events(store, &FOLLOW, position, &page, call, (dbki_callback *)event,
                         (dbki_callback *)done, user);
}
