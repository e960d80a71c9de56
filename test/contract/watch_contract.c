/* Looking at what a master does to its database, which leaves no events. */
#include "adoption.h"

#include <stdio.h>

struct looked {
    struct answer answer; /* first: what wait.h fills */
    char text[8192];      /* "build 300 new\n", "step 300/5 started\n" */
    int count;
    bool is_wrong;
    struct dbk_look look;
};

static void on_look(void *user, const struct dbk_error *error,
                    const struct dbk_event *const *events, const struct dbk_look *look)
{
    struct looked *looked = user;
    size_t len = 0;
    looked->text[0] = '\0';
    looked->count = 0;
    looked->is_wrong = false;
    if (!error) {
        looked->look = *look;
        looked->count = (int)look->count;
    }
    for (size_t i = 0; !error && i < look->count; i++) {
        const struct dbk_event *event = events[i];
        looked->is_wrong |= event->id || event->at == DBK_NONE || event->builderid < 1;
        if (len > sizeof looked->text - 64)
            continue;
        len += (size_t)snprintf(looked->text + len, sizeof looked->text - len,
                                event->stepid == DBK_NONE ? "%s %lld %s\n" : "%s %lld %s %lld\n",
                                event->kind, (long long)event->buildid, event->verb,
                                (long long)event->stepid);
    }
    answer_take(&looked->answer, error, NULL);
}

static struct dbk_watch *watch_from(const char *position)
{
    struct dbk_watch *watch = NULL;
    assert_int_equal(dbk_watch_new(position, &watch), DBK_OK);
    return watch;
}

static void look(struct buildbot *b, struct dbk_watch *watch, struct looked *looked)
{
    assert_int_equal(ASK(&looked->answer, b->store, on_look, dbk_watch_look, watch), DBK_OK);
    assert_false(looked->is_wrong);
}

#define EXPECT_LOOK(b, watch, expected)                                                            \
    do {                                                                                           \
        struct looked looked_;                                                                     \
        look(b, watch, &looked_);                                                                  \
        assert_string_equal(looked_.text, expected);                                               \
        assert_false(looked_.look.is_lost);                                                        \
    } while (0)

/* What a master writes when a build begins, goes on, ends. */
#define BEGIN(id, number)                                                                          \
    "INSERT INTO builds (id, number, builderid, buildrequestid, workerid, masterid, started_at,"   \
    " locks_duration_s, state_string) VALUES (" #id ", " #number                                   \
    ", 1, 5, 1, 1, 1000, 0, 'starting')"
#define BEGIN_STEP(id, number, buildid)                                                            \
    "INSERT INTO steps (id, number, name, buildid, state_string, urls_json, hidden) VALUES (" #id  \
    ", " #number ", 'step " #number "', " #buildid ", 'pending', '[]', 0)"
#define FINISH(id) "UPDATE builds SET complete_at = 1010, results = 2 WHERE id = " #id

static struct dbk_watch *begin(struct buildbot *b)
{
    buildbot_open(b, "");
    buildbot_hold(b);
    struct dbk_watch *watch = watch_from(NULL);
    EXPECT_LOOK(b, watch, "");
    return watch;
}

static void look__tells_a_build_from_its_beginning_to_its_end(void **state)
{
    struct buildbot *b = *state;
    struct dbk_watch *watch = begin(b);
    buildbot_change(b, BEGIN(9001, 9001));
    EXPECT_LOOK(b, watch, "build 9001 new\n");
    EXPECT_LOOK(b, watch, "");
    buildbot_change(b, BEGIN_STEP(90001, 0, 9001));
    EXPECT_LOOK(b, watch, "step 9001 new 90001\n");
    buildbot_change(b, "UPDATE steps SET started_at = 1001 WHERE id = 90001");
    EXPECT_LOOK(b, watch, "step 9001 started 90001\n");
    buildbot_change(b, "UPDATE steps SET state_string = 'compiling' WHERE id = 90001");
    EXPECT_LOOK(b, watch, "step 9001 updated 90001\n");
    buildbot_change(b, "UPDATE steps SET complete_at = 1009, results = 2 WHERE id = 90001; "
                       "UPDATE builds SET state_string = 'compiled' WHERE id = 9001");
    EXPECT_LOOK(b, watch, "step 9001 finished 90001\nbuild 9001 updated\n");
    buildbot_change(b, BEGIN_STEP(90002, 1, 9001));
    buildbot_change(b, "UPDATE steps SET started_at = 1009 WHERE id = 90002");
    EXPECT_LOOK(b, watch, "step 9001 new 90002\nstep 9001 started 90002\n");
    buildbot_change(b, "UPDATE steps SET complete_at = 1010, results = 0 WHERE id = 90002");
    buildbot_change(b, FINISH(9001));
    EXPECT_LOOK(b, watch, "step 9001 finished 90002\nbuild 9001 finished\n");
    EXPECT_LOOK(b, watch, "");
    dbk_watch_free(watch);
}

static void look__goes_on_behind_a_position_that_was_kept(void **state)
{
    struct buildbot *b = *state;
    struct dbk_watch *watch = begin(b);
    buildbot_change(b, BEGIN(9001, 9001) ";" BEGIN(9002, 9002));
    EXPECT_LOOK(b, watch, "build 9001 new\nbuild 9002 new\n");
    char *position = test_format("%s", dbk_watch_position(watch));
    dbk_watch_free(watch);
    buildbot_change(b, FINISH(9001) ";" BEGIN(9003, 9003) ";" FINISH(9003));
    watch = watch_from(position);
    EXPECT_LOOK(b, watch, "build 9001 finished\nbuild 9003 new\nbuild 9003 finished\n");
    /* It holds no more than what is open. */
    assert_non_null(strstr(dbk_watch_position(watch), " 9002"));
    assert_null(strstr(dbk_watch_position(watch), " 9001"));
    dbk_watch_free(watch);
}

static void look__at_the_first_one_knows_what_is_open_and_tells_its_end(void **state)
{
    struct buildbot *b = *state;
    buildbot_change(b, BEGIN(9001, 9001) ";" BEGIN_STEP(90001, 0, 9001));
    struct dbk_watch *watch = begin(b);
    /* What the steps were before is not told, what comes is. */
    EXPECT_LOOK(b, watch, "");
    buildbot_change(b, "UPDATE steps SET started_at = 1001 WHERE id = 90001");
    EXPECT_LOOK(b, watch, "step 9001 started 90001\n");
    buildbot_change(b, FINISH(9001));
    EXPECT_LOOK(b, watch, "build 9001 finished\n");
    dbk_watch_free(watch);
}

static void look__takes_ten_thousand_builds_in_pieces_each_once(void **state)
{
    enum { COUNT = 10000 };
    struct buildbot *b = *state;
    struct dbk_watch *watch = begin(b);
    struct looked looked;
    int told = 0, looks = 0;
    buildbot_change(
        b, "INSERT INTO builds (id, number, builderid, buildrequestid, masterid, started_at,"
           " complete_at, locks_duration_s, state_string, results)"
           " WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)"
           " SELECT 9000 + i, 9000 + i, 1, 5, 1, 1000, 1001, 0, 'x', 0 FROM n");
    do {
        look(b, watch, &looked);
        assert_true(looked.count <= 2002);
        told += looked.count;
        looks++;
    } while (looked.look.has_more);
    assert_int_equal(told, 2 * COUNT);
    assert_int_equal(looks, 11); /* the last one finds that there are no more */
    EXPECT_LOOK(b, watch, "");
    dbk_watch_free(watch);
}

static void look__finds_the_ends_of_more_open_builds_than_fit_into_one(void **state)
{
    enum { COUNT = 3000 };
    struct buildbot *b = *state;
    struct dbk_watch *watch = begin(b);
    struct looked looked;
    int told = 0;
    buildbot_change(
        b, "INSERT INTO builds (id, number, builderid, buildrequestid, masterid, started_at,"
           " locks_duration_s, state_string)"
           " WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)"
           " SELECT 9000 + i, 9000 + i, 1, 5, 1, 1000, 0, 'x' FROM n");
    for (int i = 0; i < 3; i++)
        look(b, watch, &looked);
    buildbot_change(b, "UPDATE builds SET complete_at = 1010, results = 0 WHERE id > 9000");
    for (int i = 0; i < 4; i++) {
        look(b, watch, &looked);
        assert_true(looked.count <= 1024);
        told += looked.count;
    }
    assert_int_equal(told, COUNT);
    dbk_watch_free(watch);
}

/* On a server ids are taken before their rows are visible. */
static void look__finds_a_build_that_becomes_visible_behind_a_later_one(void **state)
{
    struct buildbot *b = *state;
    if (b->engine->is_file) {
        skip();
        return;
    }
    struct dbk_watch *watch = begin(b);
    buildbot_change(b, BEGIN(9001, 9001) ";" BEGIN(9003, 9003));
    EXPECT_LOOK(b, watch, "build 9001 new\nbuild 9003 new\n");
    char *position = test_format("%s", dbk_watch_position(watch));
    assert_non_null(strstr(position, " ?9002"));
    dbk_watch_free(watch);
    watch = watch_from(position);
    EXPECT_LOOK(b, watch, "");
    buildbot_change(b, BEGIN(9002, 9002));
    EXPECT_LOOK(b, watch, "build 9002 new\n");
    buildbot_change(b, FINISH(9002));
    EXPECT_LOOK(b, watch, "build 9002 finished\n");
    dbk_watch_free(watch);
}

static void look__says_when_what_it_saw_is_not_this_database(void **state)
{
    struct buildbot *b = *state;
    struct dbk_watch *watch = begin(b);
    struct looked looked;
    buildbot_change(b, BEGIN(9001, 9001));
    EXPECT_LOOK(b, watch, "build 9001 new\n");
    buildbot_change(b, "DELETE FROM builds WHERE id = 9001");
    look(b, watch, &looked);
    assert_true(looked.look.is_lost);
    assert_int_equal(looked.count, 0);
    buildbot_change(b, BEGIN(9002, 9002));
    EXPECT_LOOK(b, watch, "build 9002 new\n");
    dbk_watch_free(watch);
}

static void look__changes_nothing_in_the_database(void **state)
{
    struct buildbot *b = *state;
    buildbot_change(b, BEGIN(9001, 9001));
    struct picture before = take_picture(b);
    buildbot_open(b, "");
    struct dbk_watch *watch = watch_from(NULL);
    for (int i = 0; i < 3; i++)
        EXPECT_LOOK(b, watch, "");
    buildbot_close(b);
    expect_picture(b, &before);
    expect_nothing_beside(b);
    dbk_watch_free(watch);
}

static void look__in_an_adopted_database_tells_only_what_the_log_has_not(void **state)
{
    struct buildbot *b = *state;
    struct reports reports = {.count = 0};
    struct answer a;
    assert_int_equal(long_run_alone(b, &reports, dbk_adopt), DBK_OK);
    buildbot_open(b, "?writes=master&master=stopped");
    struct dbk_watch *watch = watch_from(NULL);
    EXPECT_LOOK(b, watch, "");
    assert_int_equal(ASK(&a, b->store, on_added_build, dbk_add_build, 1, 5, 1, 1, "ours"), DBK_OK);
    int64_t ours = a.id;
    assert_int_equal(ASK(&a, b->store, on_added_step, dbk_add_step, ours, "step", "x"), DBK_OK);
    int64_t step = a.id;
    EXPECT_LOOK(b, watch, "");
    assert_int_equal(ASK(&a, b->store, on_done, dbk_start_step, step, 1005, false), DBK_OK);
    buildbot_change(b, BEGIN(9001, 9001));
    EXPECT_LOOK(b, watch, "build 9001 new\n");
    assert_int_equal(ASK(&a, b->store, on_done, dbk_finish_step, step, 0, false), DBK_OK);
    assert_int_equal(ASK(&a, b->store, on_done, dbk_finish_build, ours, 0), DBK_OK);
    buildbot_change(b, FINISH(9001));
    EXPECT_LOOK(b, watch, "build 9001 finished\n");
    EXPECT_LOOK(b, watch, "");
    dbk_watch_free(watch);
}

static void watch_new__refuses_what_is_no_position(void **state)
{
    const char *const wrong[] = {"x",
                                 "2 5 0",
                                 "1",
                                 "1 5",
                                 "1 5 ",
                                 "1 5 0 ",
                                 "1 5 0 6",
                                 "1 5 0 3 3",
                                 "1 5 0 -3",
                                 "1 5 0 3x",
                                 "1 99999999999999999999 0"};
    struct dbk_watch *watch = NULL;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        if (dbk_watch_new(wrong[i], &watch) != DBK_INVALID)
            fail_msg("'%s' was taken", wrong[i]);
    assert_null(watch);
    watch = watch_from("");
    assert_string_equal(dbk_watch_position(watch), "");
    dbk_watch_free(watch);
    watch = watch_from("1 50 7 3 ?40");
    assert_string_equal(dbk_watch_position(watch), "1 50 7 3 ?40");
    dbk_watch_free(watch);
    dbk_watch_free(NULL);
}

static void look__is_one_at_a_time(void **state)
{
    struct buildbot *b = *state;
    buildbot_open(b, "");
    struct dbk_watch *watch = watch_from(NULL);
    struct looked looked;
    answer_begin(&looked.answer);
    assert_int_equal(dbk_watch_look(b->store, watch, NULL, on_look, &looked), DBK_OK);
    assert_int_equal(dbk_watch_look(b->store, watch, NULL, on_look, &looked), DBK_INVALID);
    while (!looked.answer.done_count)
        dbk_wait(b->store, 1000);
    EXPECT_LOOK(b, watch, "");
    dbk_watch_free(watch);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(look__tells_a_build_from_its_beginning_to_its_end),
        cmocka_unit_test(look__goes_on_behind_a_position_that_was_kept),
        cmocka_unit_test(look__at_the_first_one_knows_what_is_open_and_tells_its_end),
        cmocka_unit_test(look__takes_ten_thousand_builds_in_pieces_each_once),
        cmocka_unit_test(look__finds_the_ends_of_more_open_builds_than_fit_into_one),
        cmocka_unit_test(look__finds_a_build_that_becomes_visible_behind_a_later_one),
        cmocka_unit_test(look__says_when_what_it_saw_is_not_this_database),
        cmocka_unit_test(look__changes_nothing_in_the_database),
        cmocka_unit_test(look__in_an_adopted_database_tells_only_what_the_log_has_not),
        cmocka_unit_test(watch_new__refuses_what_is_no_position),
        cmocka_unit_test(look__is_one_at_a_time),
    };
    return argc == 2 ? buildbot_run("watch", argv[1], tests, COUNT_OF(tests)) : 2;
}
