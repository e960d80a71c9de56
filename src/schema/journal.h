/*
 * The journal of a store that is followed: triggers on all its tables of records note which rows were changed, in the
 * transaction that changes them; and its end, from which on every write is refused. All of it goes again.
 */
#ifndef DBKI_JOURNAL_H
#define DBKI_JOURNAL_H

#include "schema/layout.h"

/* Who follows, kept in the store that is followed. */
struct dbki_following {
    bool is_there;
    bool is_closed; /* the store was moved: nobody writes it any more */
    int64_t token;  /* the follower's, drawn by chance */
};

/* Each within a transaction that writes, unless it says otherwise. Result: 0 or a status; DBK_BUSY with is_retryable:
 * others had the tables for too long. */

/* Reads who follows; within any transaction, or none. */
int dbki_journal_look(struct dbki_conn *conn, struct dbki_following *out, struct dbk_error *error);
/* Makes the journal's tables, and keeps who follows and where to. What is there is left. */
int dbki_journal_make(struct dbki_conn *conn, struct dbk_error *error);
/* Makes one table's next trigger that is not there yet. */
int dbki_journal_arm(struct dbki_conn *conn, const struct dbki_table *table, bool *out_is_armed,
                     struct dbk_error *error);
/* Whether the rows of that table are noted. The few others are told apart by nothing, or are in an order of their own. */
bool dbki_journal_notes(const struct dbki_table *table);
/* From the end of this transaction on, and for those that began before, every write of records ends with DBK_READ_ONLY
 * and that text. */
int dbki_journal_close(struct dbki_conn *conn, const char *text, struct dbk_error *error);
/* Takes all of it out: the store is as it was before it was followed. */
int dbki_journal_drop(struct dbki_conn *conn, const struct dbki_layout *layout,
                      struct dbk_error *error);

#endif
