/* Writing events; see event.h. Reading them is in events.c. */
#include "connector/event.h"

#include "store/store.h"

static const struct dbki_statement INSERT = {
    .sql = "INSERT INTO daybook_events (at, kind, verb, builderid, buildid, stepid, name)"
           " VALUES (?, ?, ?, ?, ?, ?, ?)"};
static const struct dbki_statement INSERT_OF_BUILD = {
    .sql = "INSERT INTO daybook_events (at, kind, verb, builderid, buildid, stepid, name)"
           " SELECT ?, ?, ?, builderid, id, ?, ? FROM builds WHERE id = ?"};
static const struct dbki_statement INSERT_OF_BUILDER = {
    .sql = "INSERT INTO daybook_events (at, kind, verb, builderid)"
           " SELECT ?, 'builder', 'new', builderid FROM builds WHERE id = ?"};
static const struct dbki_statement INSERT_OF_STEP = {
    .sql = "INSERT INTO daybook_events (at, kind, verb, builderid, buildid, stepid, name)"
           " SELECT ?, 'step', ?, b.builderid, s.buildid, s.id, NULL"
           " FROM steps s LEFT JOIN builds b ON b.id = s.buildid WHERE s.id = ?"};

bool dbki_has_events(const struct dbki_op *op)
{
    return op->store->schema.has_events;
}

/* Result: whether an event is to be bound. */
static bool settle(struct dbki_op *op)
{
    op->is_settled = true;
    return dbki_has_events(op);
}

void dbki_event_bind(struct dbki_op *op, struct dbki_binder *binder, struct dbki_event event)
{
    if (!settle(op))
        return;
    DBKI_BIND(binder, &INSERT, dbki_int(op->now), dbki_text(event.kind), dbki_text(event.verb),
              dbki_int(event.builderid), dbki_int(event.buildid), dbki_int(event.stepid),
              event.name);
}

void dbki_event_bind_build(struct dbki_op *op, struct dbki_binder *binder, struct dbki_event event)
{
    if (!settle(op))
        return;
    DBKI_BIND(binder, &INSERT_OF_BUILD, dbki_int(op->now), dbki_text(event.kind),
              dbki_text(event.verb), dbki_int(event.stepid), event.name, dbki_int(event.buildid));
}

void dbki_event_bind_builder_of(struct dbki_op *op, struct dbki_binder *binder, int64_t buildid)
{
    if (settle(op))
        DBKI_BIND(binder, &INSERT_OF_BUILDER, dbki_int(op->now), dbki_int(buildid));
}

void dbki_event_bind_step(struct dbki_op *op, struct dbki_binder *binder, const char *verb,
                          int64_t stepid)
{
    if (!settle(op))
        return;
    DBKI_BIND(binder, &INSERT_OF_STEP, dbki_int(op->now), dbki_text(verb), dbki_int(stepid));
}
