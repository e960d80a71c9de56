/* A text that grows. */
#include "base/alloc.h"
#include "base/buf.h"
#include "test.h"

static void buf__zeroed_is_empty(void **state)
{
    (void)state;
    struct dbki_buf buf = {0};
    assert_null(buf.text);
    assert_int_equal(buf.len, 0);
    dbki_buf_fini(&buf);
}

static void buf__adds_text_bytes_and_formats(void **state)
{
    (void)state;
    struct dbki_buf buf = {0};
    dbki_buf_add(&buf, "one");
    dbki_buf_add_n(&buf, ", two!", 5);
    dbki_buf_addf(&buf, " and %d%%", 3);
    assert_string_equal(buf.text, "one, two and 3%");
    assert_int_equal(buf.len, strlen(buf.text));
    dbki_buf_fini(&buf);
    assert_null(buf.text);
}

static void buf__keeps_zero_bytes(void **state)
{
    (void)state;
    struct dbki_buf buf = {0};
    dbki_buf_add_n(&buf, "a\0b", 3);
    dbki_buf_add(&buf, "c");
    assert_int_equal(buf.len, 4);
    assert_memory_equal(buf.text, "a\0bc", 5);
    dbki_buf_fini(&buf);
}

static void buf__grows_past_any_size(void **state)
{
    (void)state;
    struct dbki_buf buf = {0};
    for (int i = 0; i < 20000; i++)
        dbki_buf_addf(&buf, "%05d", i);
    assert_int_equal(buf.len, 100000);
    assert_memory_equal(buf.text + 5 * 12345, "12345", 5);
    dbki_buf_addf(&buf, "%s", test_repeat("x", 300000));
    assert_int_equal(buf.len, 400000);
    assert_int_equal(strlen(buf.text), 400000);
    dbki_buf_fini(&buf);
}

static void buf__out_of_memory_is_remembered_and_the_text_stays(void **state)
{
    (void)state;
    struct dbki_buf buf = {0};
    dbki_buf_add(&buf, "kept");
    dbki_alloc_fail_after(0, 0);
    dbki_buf_add(&buf, test_repeat("x", 1000));
    assert_true(buf.is_out_of_memory);
    dbki_buf_add(&buf, "more");
    dbki_buf_addf(&buf, "%d", 1);
    assert_string_equal(buf.text, "kept");
    dbki_buf_fini(&buf);
    assert_false(buf.is_out_of_memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buf__zeroed_is_empty),
        cmocka_unit_test(buf__adds_text_bytes_and_formats),
        cmocka_unit_test(buf__keeps_zero_bytes),
        cmocka_unit_test(buf__grows_past_any_size),
        cmocka_unit_test(buf__out_of_memory_is_remembered_and_the_text_stays),
    };
    return test_run("buf", tests, COUNT_OF(tests));
}
