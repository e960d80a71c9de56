/*
 * Following the source of a copy while others write it; see copy_follow.c. For copy.c alone.
 */
#ifndef DBKI_COPY_FOLLOW_H
#define DBKI_COPY_FOLLOW_H

#include "connector/copy.h"

/* One that is followed. */
struct dbki_follow {
    struct dbki_op *op;
    const struct dbki_copy_source *source;
    const struct dbki_layout *layout;
    const char *target;       /* where it goes, for people */
    struct dbki_conn *writer; /* of the source; NULL: it is not followed */
    int64_t token;
    int armed; /* so many tables have their triggers */
    struct dbki_copy_rows rows;
};

/* Opens a connection that writes the source. The arguments stay until dbki_follow_fini(), which is called either way. */
int dbki_follow_init(struct dbki_follow *follow, struct dbki_op *op,
                     const struct dbki_copy_source *source, const struct dbki_layout *layout,
                     const char *target);
void dbki_follow_fini(struct dbki_follow *follow);
/* Puts the next trigger into the source, before any row is copied. Args: is_begun: rows were copied by now: then all
 * must be there. *out_is_over: they are. Refuses a source that somebody else follows. */
int dbki_follow_arm(struct dbki_follow *follow, bool is_begun, bool *out_is_over);
/* Brings the next changes over. *out_is_over: at the beginning of the round there were no more. */
int dbki_follow_round(struct dbki_follow *follow, struct dbki_conn *to, bool *out_is_over);
/* Brings the events behind the last one over. */
int dbki_follow_events(struct dbki_follow *follow, struct dbki_conn *to,
                       struct dbki_copy_state *state);
/* From here on nobody writes the source. */
int dbki_follow_close(struct dbki_follow *follow);
/* What is noted by no trigger, when nobody writes any more: marks, and events that were trimmed. */
int dbki_follow_rest(struct dbki_follow *follow, struct dbki_conn *to);

#endif
