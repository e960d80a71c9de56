/*
 * Writing events: each write leaves a row in daybook_events, in its own transaction. Nothing is bound
 * where there is no event log (a Buildbot database that was not adopted).
 */
#ifndef DBKI_EVENT_H
#define DBKI_EVENT_H

#include "connector/submit.h"

/* What the event is about. `kind` and `verb` are words of struct dbk_event, lent. */
struct dbki_event {
    const char *kind, *verb;
    int64_t builderid, buildid, stepid; /* DBK_NONE: none */
    struct dbki_value name;             /* of a property or of data; zeroed (NULL) for others */
};

/* Whether the operation's store keeps events. */
bool dbki_has_events(const struct dbki_op *op);

/* The event of something whose ids are all known. */
void dbki_event_bind(struct dbki_op *op, struct dbki_binder *binder, struct dbki_event event);
/* The event of a build, or of something in it: the builder is looked up. None if there is no such build. */
void dbki_event_bind_build(struct dbki_op *op, struct dbki_binder *binder, struct dbki_event event);
/* That a build's builder is new: it was added with the build. */
void dbki_event_bind_builder_of(struct dbki_op *op, struct dbki_binder *binder, int64_t buildid);
/* The event of a step: build and builder are looked up. None if there is no such step. */
void dbki_event_bind_step(struct dbki_op *op, struct dbki_binder *binder, const char *verb,
                          int64_t stepid);

#endif
