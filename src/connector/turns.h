/*
 * What a long deletion leaves to others. A turn of it has as many rows as about fit into its time. Between two turns
 * others that write have many times as long for themselves; where nobody writes, the next turn comes at once.
 */
#ifndef DBKI_TURNS_H
#define DBKI_TURNS_H

#include "connector/submit.h"

struct dbki_turns {
    int64_t turn_ns;   /* how long one may take */
    int64_t row_limit; /* of a turn: as many rows as about fit into turn_ns */
    int row_min, row_max;
    int64_t begun_ns;       /* the turn */
    int64_t version;        /* SQLite's, which another process's commits change */
    int version_index;      /* of the statement that asks for it; -1: none does */
    int64_t own_turn;       /* the store's count of writes when the last turn was begun */
    bool is_beside_writers; /* they wrote since the last turn; or there is no telling */
};

/* Begins a turn. */
void dbki_turns_begin(struct dbki_turns *turns, const struct dbki_op *op);
/* Binds, behind the statements of the first pass, which began at binder->bound[first], what tells whether others wrote. */
void dbki_turns_ask(struct dbki_turns *turns, const struct dbki_op *op, struct dbki_binder *binder,
                    int first);
/* Result: whether the row was the answer to that. */
bool dbki_turns_take(struct dbki_turns *turns, int index, const struct dbki_value *cells);

int64_t dbki_turns_elapsed_ns(const struct dbki_turns *turns);
/* After its last pass: sets how many rows the next one has. was_full: it had as many as it might. */
void dbki_turns_adapt(struct dbki_turns *turns, const struct dbki_op *op, bool was_full);
/* Once it was committed: sets how long the next one waits, if there is one. */
void dbki_turns_rest(const struct dbki_turns *turns, struct dbki_op *op);

#endif
