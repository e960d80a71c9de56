/* Memory that is given back at once. */
#include "base/alloc.h"
#include "base/arena.h"
#include "test.h"

static void arena__what_is_taken_is_aligned_and_apart(void **state)
{
    (void)state;
    struct dbki_arena arena;
    char *taken[200];
    dbki_arena_init(&arena, NULL, 0);
    for (size_t i = 0; i < COUNT_OF(taken); i++) {
        taken[i] = dbki_arena_take(&arena, i);
        assert_non_null(taken[i]);
        assert_int_equal((uintptr_t)taken[i] % 8, 0);
        memset(taken[i], (int)i, i);
    }
    for (size_t i = 0; i < COUNT_OF(taken); i++)
        for (size_t j = 0; j < i; j++)
            assert_int_equal((unsigned char)taken[i][j], i);
    dbki_arena_fini(&arena);
}

static void arena__begins_with_the_callers_block(void **state)
{
    (void)state;
    _Alignas(8) char block[64];
    struct dbki_arena arena;
    dbki_arena_init(&arena, block, sizeof block);
    assert_ptr_equal(dbki_arena_take(&arena, 40), block);
    assert_ptr_equal(dbki_arena_take(&arena, 24), block + 40);
    char *elsewhere = dbki_arena_take(&arena, 1);
    assert_true(elsewhere < block || elsewhere >= block + sizeof block);
    dbki_arena_fini(&arena);
}

static void arena__takes_more_than_a_chunk_at_once(void **state)
{
    (void)state;
    struct dbki_arena arena;
    dbki_arena_init(&arena, NULL, 0);
    char *large = dbki_arena_take(&arena, 1000000);
    assert_non_null(large);
    memset(large, 1, 1000000);
    dbki_arena_fini(&arena);
}

static void arena__copy_ends_with_a_zero_byte(void **state)
{
    (void)state;
    struct dbki_arena arena;
    dbki_arena_init(&arena, NULL, 0);
    char *filler = dbki_arena_take(&arena, 64);
    memset(filler, 'x', 64);
    assert_string_equal(dbki_arena_copy(&arena, "abcdef", 3), "abc");
    assert_string_equal(dbki_arena_copy(&arena, NULL, 0), "");
    dbki_arena_fini(&arena);
}

static void arena__rewind_gives_back_what_came_after_the_mark(void **state)
{
    (void)state;
    struct dbki_arena arena;
    _Alignas(8) char block[64];
    dbki_arena_init(&arena, block, sizeof block);
    char *before = dbki_arena_copy(&arena, "before", 6);
    struct dbki_arena_mark mark = dbki_arena_mark(&arena);
    char *first = dbki_arena_take(&arena, 8);
    for (int i = 0; i < 100; i++)
        assert_non_null(dbki_arena_take(&arena, 1000));
    dbki_arena_rewind(&arena, mark);
    assert_ptr_equal(dbki_arena_take(&arena, 8), first);
    assert_string_equal(before, "before");
    dbki_arena_fini(&arena);
}

static void arena__reset_keeps_its_oldest_chunk(void **state)
{
    (void)state;
    struct dbki_arena arena;
    dbki_arena_init(&arena, NULL, 0);
    char *first = dbki_arena_take(&arena, 8);
    for (int i = 0; i < 100; i++)
        assert_non_null(dbki_arena_take(&arena, 1000));
    dbki_arena_reset(&arena);
    assert_ptr_equal(dbki_arena_take(&arena, 8), first);
    dbki_arena_fini(&arena);
}

static void arena__out_of_memory_gives_null_and_stays_usable(void **state)
{
    (void)state;
    struct dbki_arena arena;
    dbki_arena_init(&arena, NULL, 0);
    dbki_alloc_fail_after(0, 0);
    assert_null(dbki_arena_copy(&arena, "abc", 3));
    assert_string_equal(dbki_arena_copy(&arena, "abc", 3), "abc");
    assert_null(dbki_arena_take(&arena, SIZE_MAX / 2 + 1));
    dbki_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena__what_is_taken_is_aligned_and_apart),
        cmocka_unit_test(arena__begins_with_the_callers_block),
        cmocka_unit_test(arena__takes_more_than_a_chunk_at_once),
        cmocka_unit_test(arena__copy_ends_with_a_zero_byte),
        cmocka_unit_test(arena__rewind_gives_back_what_came_after_the_mark),
        cmocka_unit_test(arena__reset_keeps_its_oldest_chunk),
        cmocka_unit_test(arena__out_of_memory_gives_null_and_stays_usable),
    };
    return test_run("arena", tests, COUNT_OF(tests));
}
