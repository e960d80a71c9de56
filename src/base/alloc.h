/*
 * The library's only memory functions, so that a test can make any one of them fail.
 * Any thread.
 */
#ifndef DBKI_ALLOC_H
#define DBKI_ALLOC_H

#include <stddef.h>
#include <stdint.h>

void *dbki_malloc(size_t size);
void *dbki_calloc(size_t count, size_t size);
void *dbki_realloc(void *memory, size_t size);
void dbki_free(void *memory);

/*
 * Tests: the allocation after `count` more ones fails, and all that follow if is_lasting; -1: none does.
 * Result: what was left of the count before: above 0 if no allocation has failed yet.
 */
int64_t dbki_alloc_fail_after(int64_t count, int is_lasting);

#endif
