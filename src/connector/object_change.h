/* One change of daybook's own tables and indexes; see object_change.c. Each function gives 0 or a status. */
#ifndef DBKI_OBJECT_CHANGE_H
#define DBKI_OBJECT_CHANGE_H

#include "store/store.h"

enum { DBKI_DROP_SIZE = 96 };

struct dbki_patience {
    struct dbki_wait wait; /* first */
    const struct dbki_op *op;
    bool is_endless; /* but for cancelling and the deadline: it is our own work that takes long */
};

/* Begins a transaction that writes, one at a time of those that change tables. */
int dbki_change_begin(struct dbki_op *op, struct dbki_conn *conn, struct dbki_patience *patience);
/* Commits, or undoes what failed with that status. */
int dbki_change_end(struct dbki_op *op, struct dbki_conn *conn, struct dbki_patience *patience,
                    int status);

/* Reports a statement, in the engine's words; one about an object; and the one that makes it, with its cost. */
int dbki_change_report(struct dbki_op *op, const char *subject, const char *sql, int64_t rows,
                       int64_t bytes);
int dbki_change_report_object(struct dbki_op *op, const struct dbki_object *object, const char *sql,
                              int64_t rows, int64_t bytes);
int dbki_change_report_create(struct dbki_op *op, struct dbki_conn *conn,
                              const struct dbki_object *object);

/* Reports, and makes or drops, an index that others' writes go on beside. */
int dbki_change_online(struct dbki_op *op, struct dbki_conn *conn, const struct dbki_object *object,
                       bool is_wanted);

#endif
