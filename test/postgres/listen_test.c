/* Followers are woken by what others commit, and nobody is told who does not follow. */
#include "postgres.h"
#include "seed.h"

#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { LOOK_MS = 500, ROUNDS = 8 };

/* Two stores at one place, as two processes have: one writes, one follows. */
struct ground {
    const char *url;
    struct dbk_store *writer, *reader;
    struct seed seed;
    struct dbk_call call;
    struct dbk_op follower;
    int64_t position;
    int seen, ended;
};

static int set_up(void **state)
{
    struct ground *g = calloc(1, sizeof *g);
    struct answer a;
    if (!g)
        return 1;
    g->url = postgres_place();
    g->writer = postgres_open(g->url, true);
    seed_make(g->writer, &g->seed);
    answer_begin(&a);
    assert_int_equal(answer_end(&a, g->writer, dbk_get_newest_event(g->writer, &a.call, on_id, &a)),
                     DBK_OK);
    g->position = a.id;
    g->reader = postgres_open(g->url, false);
    *state = g;
    return 0;
}

static int tear_down(void **state)
{
    struct ground *g = *state;
    dbk_close_wait(g->reader);
    dbk_close_wait(g->writer);
    test_end();
    free(g);
    return 0;
}

static void on_event(void *user, const struct dbk_event *event)
{
    (void)event;
    ((struct ground *)user)->seen++;
}

static void on_end(void *user, const struct dbk_error *error)
{
    (void)error;
    ((struct ground *)user)->ended++;
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void write_one(struct ground *g)
{
    struct answer a;
    assert_int_equal(ASK(&a, g->writer, on_added_build, dbk_add_build, g->seed.builderid,
                         g->seed.buildrequestid, DBK_NONE, g->seed.masterid, "x"),
                     DBK_OK);
}

/* Until so many events were seen. */
static void wait_for(struct ground *g, int count)
{
    for (int tries = 0; g->seen < count && tries < 200; tries++)
        dbk_wait(g->reader, 100);
    assert_int_equal(g->seen, count);
}

static int64_t listeners(struct ground *g)
{
    return postgres_int(g->url, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
                                " AND objsubid = 1 AND mode = 'ShareLock' AND granted"
                                " AND objid = to_regnamespace(current_schema()::text)::oid");
}

static void wait_for_listeners(struct ground *g, int64_t count)
{
    for (int tries = 0; listeners(g) != count && tries < 200; tries++)
        dbk_wait(g->reader, 50);
    assert_int_equal(listeners(g), count);
}

static void follow(struct ground *g)
{
    g->call = (struct dbk_call)DBK_CALL_INIT;
    g->call.out_op = &g->follower;
    assert_int_equal(dbk_follow_events(g->reader, g->position, NULL, &g->call, on_event, on_end, g),
                     DBK_OK);
    wait_for_listeners(g, 1);
}

/* Each event is written when the one before was seen, so looks alone need almost LOOK_MS for each. */
static int64_t time_rounds(struct ground *g)
{
    write_one(g);
    wait_for(g, 1);
    int64_t begin_ms = now_ms();
    for (int i = 2; i < ROUNDS + 2; i++) {
        write_one(g);
        wait_for(g, i);
    }
    return now_ms() - begin_ms;
}

static void follow_events__is_woken_by_another_stores_commit(void **state)
{
    struct ground *g = *state;
    follow(g);
    int64_t took_ms = time_rounds(g);
    print_message("%d wake-ups in %lld ms\n", ROUNDS, (long long)took_ms);
    assert_true(took_ms < ROUNDS * LOOK_MS / 2);
}

static void follow_events__of_one_who_may_not_write_is_woken_too(void **state)
{
    struct ground *g = *state;
    dbk_close_wait(g->reader);
    g->reader = postgres_open(test_format("%s&mode=ro", g->url), false);
    follow(g);
    int64_t took_ms = time_rounds(g);
    print_message("%d wake-ups in %lld ms\n", ROUNDS, (long long)took_ms);
    assert_true(took_ms < ROUNDS * LOOK_MS * 4 / 5);
}

static void follow_events__without_notifications_finds_all_by_looking(void **state)
{
    struct ground *g = *state;
    dbk_close_wait(g->reader);
    g->reader = postgres_open(test_format("%s&prepare=no", g->url), false);
    g->call = (struct dbk_call)DBK_CALL_INIT;
    g->call.out_op = &g->follower;
    assert_int_equal(dbk_follow_events(g->reader, g->position, NULL, &g->call, on_event, on_end, g),
                     DBK_OK);
    int64_t took_ms = time_rounds(g);
    assert_int_equal(listeners(g), 0);
    assert_true(took_ms > ROUNDS * LOOK_MS / 2); /* what the other tests are measured by */
}

static void follow_events__goes_on_listening_when_its_connection_was_cut(void **state)
{
    struct ground *g = *state;
    follow(g);
    assert_int_equal(postgres_int(g->url, "SELECT count(pg_terminate_backend(pid)) FROM pg_locks"
                                          " WHERE locktype = 'advisory' AND mode = 'ShareLock'"
                                          " AND objid = to_regnamespace(current_schema()::text)"),
                     1);
    write_one(g);
    wait_for(g, 1);
    wait_for_listeners(g, 1);
}

static void follow_events__nobody_is_told_once_it_ended(void **state)
{
    struct ground *g = *state;
    follow(g);
    assert_int_equal(dbk_cancel(g->reader, g->follower), DBK_OK);
    wait_for_listeners(g, 0);
    assert_int_equal(g->ended, 1);
}

/* Past the library: what comes on the channel. */
static int count_notices(PGconn *pg, int wait_ms)
{
    int count = 0;
    struct pollfd fd = {.fd = PQsocket(pg), .events = POLLIN};
    while (poll(&fd, 1, wait_ms) > 0 && PQconsumeInput(pg))
        for (PGnotify *notice; (notice = PQnotifies(pg)); PQfreemem(notice))
            count++;
    return count;
}

static void close_pg(void *pg)
{
    PQfinish(pg);
}

static void writes__notify_only_while_somebody_follows(void **state)
{
    struct ground *g = *state;
    PGconn *pg = test_keep(PQconnectdb(g->url), close_pg);
    int64_t place = postgres_int(g->url, "SELECT to_regnamespace(current_schema()::text)::oid");
    PQclear(PQexec(pg, test_format("LISTEN daybook_%lld", (long long)place)));
    for (int i = 0; i < ROUNDS; i++)
        write_one(g);
    /* The positions are given some time after the writes: that is waited for, too. */
    for (int tries = 0; tries < 200 && postgres_int(g->url, "SELECT count(*) FROM daybook_events"
                                                            " WHERE position IS NULL");
         tries++)
        dbk_wait(g->reader, 50);
    assert_int_equal(count_notices(pg, 200), 0);
    follow(g);
    write_one(g);
    assert_true(count_notices(pg, 1000) >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(follow_events__is_woken_by_another_stores_commit, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(follow_events__of_one_who_may_not_write_is_woken_too,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(follow_events__without_notifications_finds_all_by_looking,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            follow_events__goes_on_listening_when_its_connection_was_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(follow_events__nobody_is_told_once_it_ended, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(writes__notify_only_while_somebody_follows, set_up,
                                        tear_down),
    };
    if (!postgres_folder())
        return 77;
    return cmocka_run_group_tests_name("postgres_listen", tests, NULL, NULL);
}
