/*
 * A copy on its way, for the files of it: copy.c, whose turns these are, and copy_begin.c.
 */
#ifndef DBKI_COPY_OP_H
#define DBKI_COPY_OP_H

#include "connector/copy_follow.h"
#include "connector/long_work.h"

enum dbki_copy_stage {
    DBKI_COPY_BEGINNING,
    DBKI_COPY_LISTING,
    DBKI_COPY_ARMING,
    DBKI_COPY_COUNTING,
    DBKI_COPY_ROWS,
    DBKI_COPY_KEYS,
    DBKI_COPY_DRAINING,
    DBKI_COPY_INDEXES,
    DBKI_COPY_ORPHANS,
    DBKI_COPY_FOLLOWING,
    DBKI_COPY_ENDING,
    DBKI_COPY_SWITCHING
};

struct dbki_copy_op {
    struct dbki_long_op work; /* first */
    const char *from_url;
    enum dbki_copy_stage stage;
    struct dbki_copy_source source;
    struct dbki_layout *layout;
    struct dbki_copy_state states[DBKI_TABLES_MAX];
    struct dbki_copy_rows rows; /* of the table at work */
    struct dbki_copy_dirt dirt;
    struct dbki_follow follow;
    bool is_records_only, skips_dirty, is_followed;
    bool has_orphans;
    bool is_refused; /* for what was reported in the last turn */
    int table, index, reference;
    int64_t total;  /* rows of all tables, counted when the work began */
    int64_t newest; /* event of the source then */
};

/* The rows of all tables that were gone through. */
int64_t dbki_copy_copied(const struct dbki_copy_op *copy);

/* Its first turns: opens the source, and tells what would be left behind; begins in the target, or goes on there. */
int dbki_copy_begin(struct dbki_copy_op *copy);
int dbki_copy_begin_target(struct dbki_copy_op *copy, struct dbki_conn *conn);
/* Result: DBK_CONFLICT when the source was written to since the copy was begun, which then cannot be gone on with. */
int dbki_copy_check_quiet(struct dbki_copy_op *copy, struct dbki_conn *conn);

#endif
