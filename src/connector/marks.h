/* Marks: how far something has come, by name (daybook_marks). */
#ifndef DBKI_MARKS_H
#define DBKI_MARKS_H

#include "store/op.h"

/* All events up to this position were trimmed. */
#define DBKI_MARK_EVENTS_TRIMMED "events trimmed"

/* 1: something was erased, but the database's log may still hold it. */
#define DBKI_MARK_ERASURE_PENDING "erasure pending"

/* Sets a mark. */
void dbki_mark_bind(struct dbki_binder *binder, const char *name, int64_t value);
/* Asks for a mark: one row with its value, or none. */
void dbki_mark_bind_get(struct dbki_binder *binder, const char *name);
/* Takes a mark out. */
void dbki_mark_bind_clear(struct dbki_binder *binder, const char *name);

#endif
