/* Memory that is given back at once; see arena.h. */
#include "base/arena.h"

#include "base/alloc.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { ALIGNMENT = 8, CHUNK_SIZE = 4096 - 64 };

struct dbki_arena_chunk {
    struct dbki_arena_chunk *older;
    size_t size; /* of the bytes that follow; makes them 16-aligned too */
};

void dbki_arena_init(struct dbki_arena *arena, void *block, size_t size)
{
    arena->next = block;
    arena->end = block ? (char *)block + size : NULL;
    arena->chunks = NULL;
}

static void free_chunks(struct dbki_arena *arena, const struct dbki_arena_chunk *until)
{
    while (arena->chunks != until) {
        struct dbki_arena_chunk *chunk = arena->chunks;
        arena->chunks = chunk->older;
        dbki_free(chunk);
    }
}

void dbki_arena_fini(struct dbki_arena *arena)
{
    free_chunks(arena, NULL);
    arena->next = arena->end = NULL;
}

void dbki_arena_reset(struct dbki_arena *arena)
{
    while (arena->chunks && arena->chunks->older) {
        struct dbki_arena_chunk *chunk = arena->chunks;
        arena->chunks = chunk->older;
        dbki_free(chunk);
    }
    if (arena->chunks) {
        arena->next = (char *)(arena->chunks + 1);
        arena->end = arena->next + arena->chunks->size;
    }
}

/* Makes room for size bytes in a new chunk; what is left of the old block is given up. */
static bool grow(struct dbki_arena *arena, size_t size)
{
    size_t chunk_size = size > CHUNK_SIZE ? size : CHUNK_SIZE;
    if (chunk_size > SIZE_MAX / 2)
        return false;
    struct dbki_arena_chunk *chunk = dbki_malloc(sizeof *chunk + chunk_size);
    if (!chunk)
        return false;
    chunk->older = arena->chunks;
    chunk->size = chunk_size;
    arena->chunks = chunk;
    arena->next = (char *)(chunk + 1);
    arena->end = arena->next + chunk_size;
    return true;
}

void *dbki_arena_take(struct dbki_arena *arena, size_t size)
{
    size =
        ((size ? size : 1) + (ALIGNMENT - 1)) & ~(size_t)(ALIGNMENT - 1); /* never NULL for none */
    if (size > (size_t)(arena->end - arena->next) && !grow(arena, size))
        return NULL;
    void *taken = arena->next;
    arena->next += size;
    return taken;
}

char *dbki_arena_copy(struct dbki_arena *arena, const void *bytes, size_t len)
{
    char *copy = dbki_arena_take(arena, len + 1);
    if (!copy)
        return NULL;
    if (len)
        memcpy(copy, bytes, len);
    copy[len] = '\0';
    return copy;
}

struct dbki_arena_mark dbki_arena_mark(const struct dbki_arena *arena)
{
    return (struct dbki_arena_mark){arena->next, arena->end, arena->chunks};
}

void dbki_arena_rewind(struct dbki_arena *arena, struct dbki_arena_mark mark)
{
    free_chunks(arena, mark.chunks);
    arena->next = mark.next;
    arena->end = mark.end;
}
