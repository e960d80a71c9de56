/*
 * What each call costs in numbers that are the same on every machine: the SQL statements that it has SQLite run,
 * the transaction's own among them, and the allocations of the library. Its bounds are lines of costs.txt: more than
 * that fails, and so does so much less that the line says nothing any more. And the wake-ups, of threads and of the
 * caller: the library's calls of the functions that wake come here first (the linker's --wrap).
 *
 * usage: async_costs COSTS
 *        async_costs CALL COUNT   does a call so often, for whoever counts instructions (test_instructions.py)
 */
#include "every_call.h"

#include "base/alloc.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <pthread.h>
#include <sys/eventfd.h>

enum { NAME_SIZE = 64, MANY = 1000000 };

/* A thread for the operation, and the caller for its result. What takes turns or gives pieces wakes once more for each. */
enum { WAKES_MAX = 2, WAKES_MORE = 4, WAKES_TIMES = 10 };
static const char *const TAKE_TURNS[] = {"dbk_give_space_back", "dbk_read_build_data"};

static const char *costs_path;
static struct fixture fixture;
static atomic_int statement_count;

static atomic_int wake_count;

int __real_eventfd_write(int fd, eventfd_t value);
int __wrap_eventfd_write(int fd, eventfd_t value);
int __real_pthread_cond_signal(pthread_cond_t *condition);
int __wrap_pthread_cond_signal(pthread_cond_t *condition);
int __real_pthread_cond_broadcast(pthread_cond_t *condition);
int __wrap_pthread_cond_broadcast(pthread_cond_t *condition);

int __wrap_eventfd_write(int fd, eventfd_t value)
{
    wake_count++;
    return __real_eventfd_write(fd, value);
}

int __wrap_pthread_cond_signal(pthread_cond_t *condition)
{
    wake_count++;
    return __real_pthread_cond_signal(condition);
}

int __wrap_pthread_cond_broadcast(pthread_cond_t *condition)
{
    wake_count++;
    return __real_pthread_cond_broadcast(condition);
}

static int on_statement(unsigned type, void *user, void *statement, void *unused)
{
    (void)type;
    (void)user;
    (void)statement;
    (void)unused;
    statement_count++;
    return 0;
}

static int on_open(sqlite3 *db, char **error, const void *routines)
{
    (void)error;
    (void)routines;
    return sqlite3_trace_v2(db, SQLITE_TRACE_STMT, on_statement, NULL);
}

/* Early enough that the store does not yet look for what is old: no write is the store's own. */
static int64_t early_clock(void *user)
{
    (void)user;
    return 1000;
}

static const struct dbk_options OPTIONS = {
    .size = sizeof OPTIONS, .reader_count = 1, .clock = early_clock};

struct cost {
    int64_t statements, allocations;
};

static void run(const struct every_call *call)
{
    struct answer answer = {.count = 0};
    assert_int_equal(call->submit(fixture.store, NULL, &answer), DBK_OK);
    while (!answer.count)
        dispatch_wait(fixture.store, NO_LIMIT_MS);
}

static struct cost measure(const struct every_call *call)
{
    struct cost cost;
    statement_count = 0;
    dbki_alloc_fail_after(MANY, 0);
    run(call);
    cost.allocations = MANY - dbki_alloc_fail_after(-1, 0);
    cost.statements = statement_count;
    return cost;
}

/* Reads a call's line. Result: whether there is one. */
static bool find_bound(const char *name, struct cost *out)
{
    char line[256], found[NAME_SIZE];
    long long statements, allocations;
    bool is_found = false;
    FILE *file = fopen(costs_path, "re");
    assert_non_null(file);
    while (!is_found && fgets(line, sizeof line, file))
        is_found = sscanf(line, "%63s %lld %lld", found, &statements, &allocations) == 3 &&
                   !strcmp(found, name);
    fclose(file);
    if (is_found)
        *out = (struct cost){statements, allocations};
    return is_found;
}

/* Result: how many of the two are wrong. */
static int compare(const char *name, const char *what, int64_t cost, int64_t bound)
{
    if (cost > bound)
        print_error("%s: %lld %s, and %lld are allowed\n", name, (long long)cost, what,
                    (long long)bound);
    else if (bound > 2 * cost + 4)
        print_error("%s: %lld %s, and the bound of %lld says nothing: lower it\n", name,
                    (long long)cost, what, (long long)bound);
    else
        return 0;
    return 1;
}

/* The first time prepares statements and finds memory to keep: what comes after that counts. Writes that can be
 * done once, as a deletion, find nothing the second time, which costs less and is the bound of that. */
static void calls__cost_no_more_than_their_bounds(void **state)
{
    int bad = 0;
    (void)state;
    for (size_t i = 0; i < EVERY_CALL_COUNT; i++) {
        const struct every_call *call = &EVERY_CALL[i];
        struct cost bound;
        run(call);
        struct cost cost = measure(call);
        if (!find_bound(call->name, &bound)) {
            print_error("%s has no line: %s %lld %lld\n", call->name, call->name,
                        (long long)cost.statements, (long long)cost.allocations);
            bad++;
            continue;
        }
        bad += compare(call->name, "statements", cost.statements, bound.statements);
        bad += compare(call->name, "allocations", cost.allocations, bound.allocations);
    }
    assert_int_equal(bad, 0);
}

static int wakes_max(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(TAKE_TURNS); i++)
        if (!strcmp(TAKE_TURNS[i], name))
            return WAKES_MORE;
    return WAKES_MAX;
}

/* A result may be taken before the thread has come to wake who takes it: that wake-up is the next call's, by this count,
 * or none's. */
static void calls__wake_one_thread_and_the_caller(void **state)
{
    int bad = 0;
    (void)state;
    for (size_t i = 0; i < EVERY_CALL_COUNT; i++) {
        const struct every_call *call = &EVERY_CALL[i];
        int max = wakes_max(call->name) * WAKES_TIMES + 1;
        run(call);
        wake_count = 0;
        for (int j = 0; j < WAKES_TIMES; j++)
            run(call);
        int wakes = wake_count;
        if (wakes >= WAKES_TIMES && wakes <= max)
            continue;
        print_error("%s: %d wake-ups of %d calls, and %d to %d are allowed\n", call->name, wakes,
                    WAKES_TIMES, WAKES_TIMES, max);
        bad++;
    }
    assert_int_equal(bad, 0);
}

static int set_up(void **state)
{
    (void)state;
    assert_int_equal(sqlite3_auto_extension((void (*)(void))on_open), SQLITE_OK);
    fixture_open(&fixture, &OPTIONS);
    every_call_prepare(fixture.path);
    return 0;
}

static int tear_down(void **state)
{
    sqlite3_cancel_auto_extension((void (*)(void))on_open);
    fixture_close(&fixture);
    every_call_end();
    return test_end_of(state);
}

/* Does one call so often. Result: main()'s. */
static int repeat(const char *name, int count)
{
    size_t i = 0;
    while (i < EVERY_CALL_COUNT && strcmp(EVERY_CALL[i].name, name))
        i++;
    if (i == EVERY_CALL_COUNT)
        return fprintf(stderr, "there is no call %s\n", name), 2;
    fixture_open(&fixture, &OPTIONS);
    every_call_prepare(fixture.path);
    for (int j = 0; j < count; j++)
        run(&EVERY_CALL[i]);
    fixture_close(&fixture);
    every_call_end();
    return test_end_of(NULL);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(calls__cost_no_more_than_their_bounds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(calls__wake_one_thread_and_the_caller, set_up, tear_down),
    };
    if (argc == 3)
        return repeat(argv[1], atoi(argv[2]));
    if (argc != 2)
        return fprintf(stderr, "usage: async_costs COSTS | CALL COUNT\n"), 2;
    costs_path = argv[1];
    return cmocka_run_group_tests_name("costs", tests, NULL, NULL);
}
