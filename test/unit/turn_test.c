/* How builders turn and who is late, with every clock handed in. */
#include "daemon/lateness.h"
#include "daemon/retry.h"
#include "daemon/turn.h"
#include "test.h"

#include <daybook.h>

static void turn_of__bad_after_anything_but_bad_turns_failing(void **state)
{
    (void)state;
    const int64_t bad[] = {DBK_FAILURE, DBK_EXCEPTION};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(turn_of(VERDICT_GOOD, bad[i]), TURN_FAILING);
        assert_int_equal(turn_of(VERDICT_UNKNOWN, bad[i]), TURN_FAILING);
        assert_int_equal(turn_of(VERDICT_BAD, bad[i]), TURN_NONE);
    }
}

static void turn_of__good_after_bad_alone_turns_fixed(void **state)
{
    (void)state;
    const int64_t good[] = {DBK_SUCCESS, DBK_WARNINGS};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(turn_of(VERDICT_BAD, good[i]), TURN_FIXED);
        assert_int_equal(turn_of(VERDICT_UNKNOWN, good[i]), TURN_NONE);
        assert_int_equal(turn_of(VERDICT_GOOD, good[i]), TURN_NONE);
    }
}

static void turn_of__skipped_retried_cancelled_and_unknown_turn_nothing(void **state)
{
    (void)state;
    const int64_t neither[] = {DBK_SKIPPED, DBK_RETRY, DBK_RESULT_CANCELLED, DBK_NONE, 7,
                               -1,          INT64_MAX};
    for (size_t i = 0; i < sizeof(neither) / sizeof(*neither); i++) {
        assert_int_equal(verdict_of(neither[i]), VERDICT_UNKNOWN);
        for (enum verdict before = VERDICT_UNKNOWN; before <= VERDICT_BAD; before++)
            assert_int_equal(turn_of(before, neither[i]), TURN_NONE);
    }
}

static void verdict_parse__takes_back_each_word(void **state)
{
    (void)state;
    for (enum verdict verdict = VERDICT_UNKNOWN; verdict <= VERDICT_BAD; verdict++)
        assert_int_equal(verdict_parse(verdict_word(verdict)), verdict);
    assert_int_equal(verdict_parse("better"), VERDICT_UNKNOWN);
    assert_int_equal(verdict_parse(NULL), VERDICT_UNKNOWN);
}

static void lateness_of__late_is_told_once_when_the_period_is_over(void **state)
{
    (void)state;
    assert_int_equal(lateness_of(60, 1000, DBK_NONE, 1060), LATENESS_SAME);
    assert_int_equal(lateness_of(60, 1000, DBK_NONE, 1061), LATENESS_LATE);
    assert_int_equal(lateness_of(60, 1000, 1000, 1062), LATENESS_SAME);
    assert_int_equal(lateness_of(60, 1000, 1000, 1000000), LATENESS_SAME);
}

static void lateness_of__a_build_that_ends_in_time_is_on_time_again(void **state)
{
    (void)state;
    assert_int_equal(lateness_of(60, 1100, 1000, 1100), LATENESS_ON_TIME);
    assert_int_equal(lateness_of(60, 1100, 1000, 1160), LATENESS_ON_TIME);
    /* It ended after all, but so long ago that the next one is overdue. */
    assert_int_equal(lateness_of(60, 1100, 1000, 1161), LATENESS_SAME);
    assert_int_equal(lateness_of(60, 1100, DBK_NONE, 1161), LATENESS_LATE);
}

static void lateness_of__a_clock_set_back_tells_nothing(void **state)
{
    (void)state;
    assert_int_equal(lateness_of(60, 1000, 1000, 500), LATENESS_SAME);
    assert_int_equal(lateness_of(60, 1000, DBK_NONE, 500), LATENESS_SAME);
    assert_int_equal(lateness_of(INT64_MAX, 1000, DBK_NONE, INT64_MAX), LATENESS_SAME);
}

static void retry_pause_ms__grows_to_five_minutes(void **state)
{
    (void)state;
    assert_int_equal(retry_pause_ms(1), 1000);
    for (int failures = 2; failures < 100; failures++) {
        int64_t before = retry_pause_ms(failures - 1), now = retry_pause_ms(failures);
        assert_true(now == before * 2 || now == 300000);
    }
    assert_int_equal(retry_pause_ms(INT32_MAX), 300000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(turn_of__bad_after_anything_but_bad_turns_failing),
        cmocka_unit_test(turn_of__good_after_bad_alone_turns_fixed),
        cmocka_unit_test(turn_of__skipped_retried_cancelled_and_unknown_turn_nothing),
        cmocka_unit_test(verdict_parse__takes_back_each_word),
        cmocka_unit_test(lateness_of__late_is_told_once_when_the_period_is_over),
        cmocka_unit_test(lateness_of__a_build_that_ends_in_time_is_on_time_again),
        cmocka_unit_test(lateness_of__a_clock_set_back_tells_nothing),
        cmocka_unit_test(retry_pause_ms__grows_to_five_minutes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
