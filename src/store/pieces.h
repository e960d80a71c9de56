/*
 * Reads whose value goes out in pieces: the next one is read only when the last was taken.
 *
 *     submit --> waiting --> running --> ready --> delivered --+--> ended
 *                   ^                                          |
 *                   +---------- paused <---- not yet ----------+
 *                   +------------------------ go on -----------+
 *
 * The first piece is read as any other read is. If there is more, the next ones come out of a snapshot of their
 * own: a connection with a transaction that stays open between two pieces, "parked". A snapshot holds up the
 * log's end, so it is kept for a bounded time only, and there are only so many. A read whose snapshot was
 * taken away gets a new one, and is told so: it makes sure by itself that its value is the same.
 */
#ifndef DBKI_PIECES_H
#define DBKI_PIECES_H

#include "store/op.h"

struct dbki_snapshot;

/* What an operation in pieces has beside its head; dbki_op.pieces points to it. */
struct dbki_pieces {
    struct dbki_snapshot *snapshot; /* parked for it; NULL: none. Guarded by the store's lock */
    const struct dbki_conn *conn;   /* that the version is of */
    int64_t version;
    bool is_begun;   /* the first piece was read for */
    bool is_other;   /* for bind(): what it reads may not be what the piece before came from */
    bool is_last;    /* set by read(): nothing comes behind this piece */
    bool is_paused;  /* set by deliver(): the caller has yet to ask for the next */
    bool is_resumed; /* the caller did so, perhaps before deliver() ended. Guarded by the lock */
    bool is_asleep;  /* it is in the queue of those that are paused. The same */
    bool is_over;    /* for deliver(): the pieces were, now the end is to be told */
};

/* Whether it is to end now; then its error says so. For a read() that has many passes, between two. */
bool dbki_pieces_end_early(struct dbki_op *op);

#endif
