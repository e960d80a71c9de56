/* The library's memory functions; see alloc.h. */
#include "base/alloc.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

/* Allocations that still succeed; negative: all do. */
static _Atomic int64_t countdown = -1;
static _Atomic int is_lasting_failure;

static bool fails_now(void)
{
    if (atomic_load_explicit(&countdown, memory_order_relaxed) < 0)
        return false;
    int64_t left = atomic_fetch_sub(&countdown, 1);
    if (left > 0)
        return false;
    atomic_store(&countdown, left == 0 && atomic_load(&is_lasting_failure) ? 0 : -1);
    return left == 0;
}

int64_t dbki_alloc_fail_after(int64_t count, int is_lasting)
{
    atomic_store(&is_lasting_failure, is_lasting);
    return atomic_exchange(&countdown, count);
}

void *dbki_malloc(size_t size)
{
    return fails_now() ? NULL : malloc(size);
}

void *dbki_calloc(size_t count, size_t size)
{
    return fails_now() ? NULL : calloc(count, size);
}

void *dbki_realloc(void *memory, size_t size)
{
    return fails_now() ? NULL : realloc(memory, size);
}

void dbki_free(void *memory)
{
    free(memory);
}
