/*
 * An arena: memory that is taken piece by piece and given back at once. It begins with a block that
 * its owner brings (the tail of an operation) and goes on in chunks of its own.
 * One thread at a time.
 */
#ifndef DBKI_ARENA_H
#define DBKI_ARENA_H

#include <stddef.h>

struct dbki_arena_chunk;

struct dbki_arena {
    char *next;                      /* the first byte that is free */
    char *end;                       /* of the block in use */
    struct dbki_arena_chunk *chunks; /* ours, the newest first */
};

/* A place to go back to. */
struct dbki_arena_mark {
    char *next;
    char *end;
    struct dbki_arena_chunk *chunks;
};

/* Begins with the caller's block; size may be 0. */
void dbki_arena_init(struct dbki_arena *arena, void *block, size_t size);
/* Frees the chunks. */
void dbki_arena_fini(struct dbki_arena *arena);

/* Gives all back, but keeps the oldest chunk for what comes next. Only for one without a caller's block. */
void dbki_arena_reset(struct dbki_arena *arena);

/* Takes size bytes, aligned for any type. Result: NULL when out of memory. */
void *dbki_arena_take(struct dbki_arena *arena, size_t size);
/* Takes a copy of len bytes with a zero byte behind them. */
char *dbki_arena_copy(struct dbki_arena *arena, const void *bytes, size_t len);

struct dbki_arena_mark dbki_arena_mark(const struct dbki_arena *arena);
/* Gives back all that was taken since the mark. */
void dbki_arena_rewind(struct dbki_arena *arena, struct dbki_arena_mark mark);

#endif
