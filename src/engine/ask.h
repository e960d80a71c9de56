/*
 * Statements by themselves, which belong to nobody's operation.
 */
#ifndef DBKI_ENGINE_ASK_H
#define DBKI_ENGINE_ASK_H

#include "engine/engine.h"

/* Runs statements in their order, and gives their rows to `row` (NULL: they have none that count). */
int dbki_ask_bound(struct dbki_conn *conn, struct dbki_bound *bound, int count, void *owner,
                   int (*row)(void *, int, const struct dbki_value *, int),
                   struct dbk_error *error);

/* A `row` whose owner is an int64_t: takes the first cell. */
int dbki_take_int(void *owner, int index, const struct dbki_value *cells, int cell_count);

/* The engine's lock_tables: tries until the one statement gives 1, or `wait` gives up; the other one gives who has the
 * lock, as a text, or nothing. */
int dbki_ask_for_tables(struct dbki_conn *conn, const struct dbki_statement *try,
                        const struct dbki_statement *holder, struct dbki_wait *wait,
                        struct dbk_error *error);

/* Runs one statement, with one parameter or none (NULL), and gives its rows to `row`. */
int dbki_ask(struct dbki_conn *conn, const struct dbki_statement *statement,
             const struct dbki_value *param, void *owner,
             int (*row)(void *, int, const struct dbki_value *, int), struct dbk_error *error);

#endif
