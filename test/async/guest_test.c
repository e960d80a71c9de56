/*
 * The library as a guest in a program that forks, handles signals and sleeps: descriptors do not leak into
 * children, signals are the program's, a child cannot use a store of its parent, and a store that has
 * nothing to do does nothing.
 *
 * usage: guest_test LIST_FDS (the program that children run)
 */
#include "every_call.h"

#include <errno.h>
#include <linux/close_range.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static struct fixture fixture;
static char *list_fds;
static int idle_ms; /* how long the store is watched while nothing happens */

static int set_up(void **state)
{
    (void)state;
    fixture_open(&fixture, NULL);
    return 0;
}

static int tear_down(void **state)
{
    fixture_close(&fixture);
    return test_end_of(state);
}

/* ---------------------------------------------------------------------------- a load of work ---- */

/* Operations that submit themselves anew until they are told to stop. */
struct load {
    bool is_over;
    int outstanding;
    int64_t done_count, error_count;
};
enum { LOAD = 64 };
static struct load load;

/* A child that is forked beside threads that allocate cannot itself allocate under this sanitizer. */
#ifdef __SANITIZE_ADDRESS__
enum { CAN_FORK_UNDER_LOAD = false };
#else
enum { CAN_FORK_UNDER_LOAD = true };
#endif

static void go_on_reading(void *user, const struct dbk_error *error, const struct dbk_build *build);

static void go_on_writing(void *user, const struct dbk_error *error)
{
    (void)user;
    load.outstanding--;
    load.done_count++;
    load.error_count += error != NULL;
    if (!load.is_over && !dbk_get_build(fixture.store, 1, NULL, go_on_reading, NULL))
        load.outstanding++;
}

static void go_on_reading(void *user, const struct dbk_error *error, const struct dbk_build *build)
{
    (void)user;
    load.outstanding--;
    load.done_count++;
    load.error_count += error || !build;
    if (!load.is_over &&
        !dbk_set_build_state_string(fixture.store, 1, "new", NULL, go_on_writing, NULL))
        load.outstanding++;
}

static void load_begin(void)
{
    load = (struct load){.outstanding = LOAD};
    for (int i = 0; i < LOAD; i++)
        assert_int_equal(dbk_set_build_state_string(fixture.store, 1 + i % SEEDED, "new", NULL,
                                                    go_on_writing, NULL),
                         DBK_OK);
}

static void load_end(void)
{
    load.is_over = true;
    while (load.outstanding)
        dbk_wait(fixture.store, NO_LIMIT_MS);
    assert_int_equal(load.error_count, 0);
}

/* ---------------------------------------------------------------------------------- children ---- */

static atomic_int child_signals, foreign_signals; /* foreign: on another thread than the main one */

static void on_child(int signal_number)
{
    (void)signal_number;
    atomic_fetch_add(&child_signals, 1);
    if (syscall(SYS_gettid) != getpid())
        atomic_fetch_add(&foreign_signals, 1);
}

static pid_t start_child(bool is_spawned)
{
    char *arguments[] = {list_fds, NULL}, *environment[] = {NULL};
    pid_t pid;
    if (is_spawned)
        return posix_spawn(&pid, list_fds, NULL, NULL, arguments, environment) ? -1 : pid;
    pid = fork();
    if (pid == 0) {
        execve(list_fds, arguments, environment);
        _exit(127);
    }
    return pid;
}

/* Result: how many ended; *out_bad: how many of them not with 0. */
static int reap(int *out_bad)
{
    int count = 0, status;
    while (waitpid(-1, &status, WNOHANG) > 0) {
        count++;
        *out_bad += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
    }
    return count;
}

/*
 * The main thread takes the signal only where it waits. So a thread of the library that did not block it
 * would be given it.
 */
static void children__inherit_nothing_and_their_signals_reach_the_main_thread(void **state)
{
    enum { CHILDREN = 1000, AT_ONCE = 8 };
    struct sigaction action = {.sa_handler = on_child}, before;
    sigset_t child, old, open;
    int started = 0, ended = 0, bad = 0, failed = 0, signals_seen = 0;
    (void)state;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigaction(SIGCHLD, &action, &before);
    pthread_sigmask(SIG_BLOCK, &child, &old);
    open = old;
    sigdelset(&open, SIGCHLD);
    load_begin();
    while (ended < CHILDREN && !failed) {
        for (; started < CHILDREN && started - ended < AT_ONCE && !failed; started++)
            failed = start_child(started % 2) < 0;
        struct pollfd fd = {.fd = dbk_fd(fixture.store), .events = POLLIN};
        ppoll(&fd, 1, NULL, &open);
        dbk_dispatch(fixture.store);
        if (atomic_load(&child_signals) > signals_seen) { /* only a signal makes us look */
            signals_seen = atomic_load(&child_signals);
            ended += reap(&bad);
        }
    }
    load_end();
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    sigaction(SIGCHLD, &before, NULL);
    assert_false(failed);
    assert_int_equal(ended, CHILDREN);
    assert_int_equal(bad, 0);
    assert_int_equal(atomic_load(&foreign_signals), 0);
    assert_true(load.done_count > CHILDREN / 10);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

/* ----------------------------------------------------------------------- a child with the store ---- */

static int called_back;

static void note_call(void *user, const struct dbk_error *error)
{
    (void)user;
    (void)error;
    called_back++;
}

/* What of the store the child could still use; 0 for nothing. */
static int use_as_child(void)
{
    struct dbk_store *store = fixture.store;
    struct answer answer = {0};
    struct dbk_error refusal;
    struct dbk_stats stats;
    struct dbk_call call = DBK_CALL_INIT;
    call.out_refusal = &refusal;
    for (size_t i = 0; i < EVERY_CALL_COUNT; i++) {
        refusal.status = DBK_OK;
        if (EVERY_CALL[i].submit(store, &call, &answer) != DBK_CLOSED ||
            refusal.status != DBK_CLOSED)
            return 100 + (int)i;
    }
    if (dbk_cancel(store, (struct dbk_op){1}) != DBK_CLOSED)
        return 2;
    if (dbk_dispatch(store) != 0 || dbk_wait(store, NO_LIMIT_MS) != 0)
        return 3;
    if (dbk_close(store, note_call, NULL) != DBK_CLOSED || dbk_close_wait(store) != DBK_CLOSED)
        return 4;
    if (dbk_fd(store) != -1)
        return 5;
    dbk_get_stats(store, &stats, sizeof stats);
    if (stats.write_count)
        return 6;
    return answer.count || called_back ? 7 : 0;
}

static void fork__child_is_refused_by_every_call_and_the_parent_goes_on(void **state)
{
    enum { CHILDREN = 40 };
    struct answer answer = {0};
    (void)state;
    load = (struct load){0};
    if (CAN_FORK_UNDER_LOAD)
        load_begin();
    for (int i = 0; i < CHILDREN; i++) {
        /* The workers are anywhere, with or without the lock. */
        dbk_wait(fixture.store, NO_LIMIT_MS);
        pid_t pid = fork();
        if (pid == 0)
            _exit(use_as_child());
        int status = -1;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
    load_end();
    add_build(fixture.store, 1, &answer);
    await(fixture.store, &answer, 1);
    assert_false(answer.is_error);
}

/* ------------------------------------------------------------------------ the library's threads ---- */

/* A number behind a label of a thread's status; -1: there is none. */
static long long read_status(const char *tid, const char *label, int base)
{
    char path[64], line[256];
    long long number = -1;
    snprintf(path, sizeof path, "/proc/self/task/%.20s/status", tid);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file))
        if (!strncmp(line, label, strlen(label)))
            number = (long long)strtoull(line + strlen(label), NULL, base);
    if (file)
        fclose(file);
    return number;
}

static void count_unblocked(const char *tid, void *user)
{
    unsigned long long blocked = (unsigned long long)read_status(tid, "SigBlk:", 16);
    for (int number = 1; number <= 64; number++) {
        bool is_ours =
            number != SIGKILL && number != SIGSTOP && (number < 32 || number >= SIGRTMIN);
        *(int *)user += is_ours && !(blocked >> (number - 1) & 1);
    }
}

static void threads__block_all_signals(void **state)
{
    int unblocked = 0;
    (void)state;
    assert_int_equal(for_each_thread(count_unblocked, &unblocked), 3); /* two readers, a writer */
    assert_int_equal(unblocked, 0);
    assert_int_equal(read_status("self", "SigBlk:", 16),
                     -1); /* and that is how a wrong name reads */
}

static void threads__leave_the_openers_signal_mask_alone(void **state)
{
    sigset_t before, after;
    struct dbk_store *store;
    (void)state;
    sigemptyset(&before);
    sigaddset(&before, SIGUSR1);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    assert_int_equal(dbk_open("sqlite://", NULL, &store, NULL), DBK_OK);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    for (int number = 1; number < 32; number++)
        assert_int_equal(sigismember(&after, number), number == SIGUSR1);
    dbk_close_wait(store);
    sigemptyset(&before);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* A thread that wakes up and sleeps again has given its processor away by itself once more. */
static void add_sleeps(const char *tid, void *user)
{
    *(long long *)user += read_status(tid, "voluntary_ctxt_switches:", 10);
}

static void add_switches(const char *tid, void *user)
{
    add_sleeps(tid, user);
    *(long long *)user += read_status(tid, "nonvoluntary_ctxt_switches:", 10);
}

static long long count_switches(void (*add)(const char *tid, void *user))
{
    long long switches = 0;
    assert_int_equal(for_each_thread(add, &switches), 3);
    return switches;
}

/* Writes and reads once, and waits until what follows a write (looking at the log) has come to its end. */
static void use_and_settle(void)
{
    enum { SETTLE_MS = 100 };
    struct answer answers[2] = {{0}};
    add_build(fixture.store, 1, &answers[0]);
    get_state(fixture.store, 1, &answers[1]);
    await(fixture.store, answers, 2);
    long long before, after = count_switches(add_switches);
    do {
        before = after;
        poll(NULL, 0, SETTLE_MS);
        dispatch(fixture.store);
        after = count_switches(add_switches);
    } while (after != before);
}

static void idle__store_wakes_nobody(void **state)
{
    (void)state;
    use_and_settle();
    long long before = count_switches(add_switches);
    assert_false(await_readable(fixture.store, idle_ms));
    assert_int_equal(count_switches(add_switches), before);
}

static void ignore_event(void *user, const struct dbk_event *event)
{
    (void)user;
    (void)event;
}

static void idle__with_a_follower_store_wakes_at_most_twice_a_second(void **state)
{
    enum { PER_S = 2 };
    struct answer end = {0};
    struct dbk_call call = DBK_CALL_INIT;
    struct dbk_op op;
    (void)state;
    use_and_settle();
    call.out_op = &op;
    assert_int_equal(dbk_follow_events(fixture.store, 0, NULL, &call, ignore_event, on_done, &end),
                     DBK_OK);
    /* Until it has had what was there: from then on nothing comes. */
    for (int64_t start_ms = now_ms(); now_ms() < start_ms + 1000;)
        dispatch_wait(fixture.store, 100);
    long long before = count_switches(add_sleeps);
    int64_t start_ms = now_ms();
    while (now_ms() < start_ms + idle_ms)
        dispatch_wait(fixture.store, (int)(start_ms + idle_ms - now_ms()));
    long long wakes = count_switches(add_sleeps) - before;
    assert_true(wakes > 0);                                /* it does look */
    assert_in_range(wakes, 1, PER_S * idle_ms / 1000 + 1); /* one may lie on the border */
    assert_int_equal(dbk_cancel(fixture.store, op), DBK_OK);
    await(fixture.store, &end, 1);
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(children__inherit_nothing_and_their_signals_reach_the_main_thread),
        TEST(fork__child_is_refused_by_every_call_and_the_parent_goes_on),
        TEST(threads__block_all_signals),
        TEST(threads__leave_the_openers_signal_mask_alone),
        TEST(idle__store_wakes_nobody),
        TEST(idle__with_a_follower_store_wakes_at_most_twice_a_second),
    };
    if (argc != 3)
        return 2;
    list_fds = argv[1];
    idle_ms = atoi(argv[2]);
    /* What the test was started with is none of the library's. */
    assert_int_equal(close_range(3, ~0U, CLOSE_RANGE_CLOEXEC), 0);
    int failed = cmocka_run_group_tests_name("guest", tests, NULL, NULL);
    every_call_end();
    return failed;
}
