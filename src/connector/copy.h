/*
 * Copying a store: what the files of it share. copy.c and copy_begin.c are the operation, copy_source.c the database that is copied
 * from, copy_target.c what is kept in the one that is copied into, copy_rows.c moves the rows of one table.
 */
#ifndef DBKI_COPY_H
#define DBKI_COPY_H

#include "base/buf.h"
#include "engine/engine.h"
#include "schema/layout.h"
#include "store/op.h"

/* The database that is copied from, with a connection of its own. */
struct dbki_copy_source {
    struct dbki_url url;
    struct dbki_conn *conn;
    struct dbki_schema schema;
    char name[256]; /* what it is known by again: its place, and when it was made */
};

/* Opens what the URL names. Result: 0, and dbki_copy_source_close() is called; or a status. */
int dbki_copy_source_open(const char *url, struct dbki_copy_source *out, struct dbk_error *error);
void dbki_copy_source_close(struct dbki_copy_source *source);
/* The tables that are copied of it, and their columns: of a Buildbot database those of its own that we have, too; of a
 * store of an older version those that it has. */
int dbki_copy_source_layout(struct dbki_copy_source *source, struct dbki_layout *out_layout,
                            struct dbk_error *error);
/* Names each table that is left behind, with its rows, as a finding. *out_count: how many there were. */
int dbki_copy_source_left(struct dbki_op *op, struct dbki_copy_source *source,
                          const struct dbki_layout *layout, int *out_count);
/* What changes when somebody writes: the position of its newest event, or, of a Buildbot database, the sum of its last
 * ids, which says nothing of what was changed alone. Outside of any transaction. */
int dbki_copy_source_newest(struct dbki_op *op, struct dbki_copy_source *source,
                            const struct dbki_layout *layout, int64_t *out_newest);

/* Counts the rows that are copied. */
int dbki_copy_count(const struct dbki_layout *layout, struct dbki_conn *conn, int64_t *out_rows,
                    struct dbk_error *error);

/* How far a table has come. */
struct dbki_copy_state {
    int64_t at; /* the last key; DBK_NONE: none yet */
    int64_t copied;
    bool is_whole;
};

/* Turns a new store into one that is being copied into, in two transactions; refuses one that holds something. Args:
 * token: who follows the source; DBK_NONE: nobody. */
int dbki_copy_target_prepare(struct dbki_op *op, struct dbki_conn *conn,
                             const struct dbki_layout *layout);
int dbki_copy_target_begin(struct dbki_op *op, struct dbki_conn *conn,
                           const struct dbki_layout *layout, const struct dbki_copy_source *source,
                           int64_t newest, int64_t token);
/* Reads what was kept; refuses another source. *out_newest, *out_token: what begin was given; *out_is_begun: it was
 * begun at all. */
int dbki_copy_target_resume(struct dbki_op *op, struct dbki_conn *conn,
                            const struct dbki_layout *layout, const struct dbki_copy_source *source,
                            struct dbki_copy_state *out, int64_t *out_newest, int64_t *out_token,
                            bool *out_is_begun);
/* Keeps how far a table has come, within the transaction of its rows. */
int dbki_copy_target_keep(struct dbki_op *op, struct dbki_conn *conn, const char *table,
                          const struct dbki_copy_state *before,
                          const struct dbki_copy_state *after);
/* The last ids of all tables, and the last event's position, are those of the source. */
int dbki_copy_target_count_on(struct dbki_op *op, struct dbki_conn *conn,
                              const struct dbki_layout *layout, struct dbki_copy_source *source);

/* Runs one statement. */
int dbki_copy_run(struct dbki_conn *conn, const struct dbki_statement *statement,
                  const struct dbki_value *params, int param_count, void *owner,
                  int (*row)(void *, int, const struct dbki_value *, int), int64_t *out_changed,
                  struct dbk_error *error);
/* Asks for one number; DBK_NONE: no row, or NULL. */
int dbki_copy_ask(struct dbki_conn *conn, const char *sql, const struct dbki_value *param,
                  int64_t *out_number, struct dbk_error *error);

/* copy_dirt.c: rows of a Buildbot database that are not taken. */
struct dbki_copy_dirt {
    struct dbki_op *op;
    int64_t count;                  /* findings in this turn */
    const struct dbki_table *table; /* the last row's, and its key, */
    int64_t key;
    struct dbki_buf seen; /* and what other rows with that key are known by */
};

/* Looks at a row, and reports what is wrong with it. */
int dbki_copy_judge(struct dbki_copy_dirt *dirt, const struct dbki_table *table,
                    const struct dbki_value *cells, int64_t value_max, bool *out_is_dirty);
/* Reports the rows whose parents are not there, by the which-th kind of reference (from 0), and takes them out if they
 * are left out. */
int dbki_copy_orphans(struct dbki_copy_dirt *dirt, struct dbki_conn *conn,
                      const struct dbki_layout *layout, int which, bool is_left_out,
                      bool *out_is_over);
void dbki_copy_dirt_fini(struct dbki_copy_dirt *dirt);

/* One table on its way: its statements, and the row that is being moved. */
struct dbki_copy_rows {
    const struct dbki_table *table;
    struct dbki_buf columns, next_text, page_text, insert_text;
    struct dbki_buf target_columns; /* the same, and "position" if rows are given theirs here */
    bool gives_position;
    int64_t position; /* the last one that was given */
    struct dbki_statement next, page, insert;
    int64_t limit;               /* rows of the next batch, by the size of the last ones */
    struct dbki_copy_dirt *dirt; /* of a Buildbot database; NULL: every row is taken */
};

/* Makes the statements. Result: 0 or DBK_NO_MEMORY. */
int dbki_copy_rows_init(struct dbki_copy_rows *rows, const struct dbki_table *table,
                        struct dbki_copy_dirt *dirt, struct dbk_error *error);
void dbki_copy_rows_fini(struct dbki_copy_rows *rows);
/* Moves the next rows behind state->at, within a transaction of each side, and moves *state on. */
int dbki_copy_rows_move(struct dbki_copy_rows *rows, struct dbki_conn *from, struct dbki_conn *to,
                        struct dbki_copy_state *state, struct dbk_error *error);
/* Moves the rows that a query of the table's columns (rows->columns) gives, within a transaction of each side. */
int dbki_copy_rows_some(struct dbki_copy_rows *rows, struct dbki_conn *from, struct dbki_conn *to,
                        const struct dbki_statement *query, const struct dbki_value *params,
                        int param_count, struct dbk_error *error);
/* Adds the condition that rows of a table are taken by; none for most. */
const char *dbki_copy_condition(const struct dbki_table *table);

#endif
