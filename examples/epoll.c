/* One epoll loop for a signal, a timer, children and the store: runs two commands as the steps of a
 * build and records them. Only the loop waits, and whatever it waits for, it serves all of them.
 * usage: epoll [DATABASE] */
#include "reply.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const STEPS[][2] = {{"compile", "sleep 1.1"}, {"test", "echo all is well"}};
static struct dbk_store *store;
static struct dbk_op tick; /* the last change of the state string */
static struct reply reply; /* the answer that is waited for */
static int64_t build;
static int loop, signal_fd, timer_fd;

/* Serves until there is an answer: the store's to what was submitted, or how the child ended. */
static int64_t await(int submitted)
{
    struct dbk_call call = {.size = sizeof call, .out_op = &tick};
    check_submitted(submitted);
    for (reply.has_come = false; !reply.has_come;) {
        struct epoll_event event = {.data.fd = -1};
        struct signalfd_siginfo sent;
        uint64_t seconds;
        epoll_wait(loop, &event, 1, -1);
        if (event.data.fd == timer_fd && read(timer_fd, &seconds, sizeof seconds) > 0)
            dbk_set_build_state_string(store, build, "slow", &call, done_or_cancelled, NULL);
        else if (event.data.fd != signal_fd)
            dbk_dispatch(store);
        else if (read(signal_fd, &sent, sizeof sent) > 0 && waitpid(-1, NULL, WNOHANG) > 0)
            reply = (struct reply){true, sent.ssi_status ? DBK_FAILURE : DBK_SUCCESS};
    }
    return reply.id;
}

int main(int argc, char **argv)
{
    struct dbk_call soon = {.size = sizeof soon, .timeout_ms = 2000};
    struct dbk_new_buildset new_set = DBK_NEW_BUILDSET_INIT;
    int64_t result = DBK_SUCCESS;
    sigset_t sigchld;
    sigemptyset(&sigchld);
    sigaddset(&sigchld, SIGCHLD);
    sigprocmask(SIG_BLOCK, &sigchld, NULL);
    store = open_store(argc, argv);
    loop = epoll_create1(EPOLL_CLOEXEC);
    signal_fd = signalfd(-1, &sigchld, SFD_CLOEXEC);
    timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    for (int i = 0, fds[] = {dbk_fd(store), signal_fd, timer_fd}; i < 3; i++)
        if (epoll_ctl(loop, EPOLL_CTL_ADD, fds[i], &(struct epoll_event){EPOLLIN, {.fd = fds[i]}}))
            err(1, "epoll");
    int64_t builder = await(dbk_find_builder_id(store, "example", true, &soon, got_id, &reply));
    int64_t master = await(dbk_find_master_id(store, "here", true, NULL, got_id, &reply));
    int64_t set = await(dbk_add_buildset(store, &new_set, NULL, got_id, &reply));
    int64_t request =
        await(dbk_add_buildrequest(store, set, builder, 0, false, NULL, got_id, &reply));
    build = await(dbk_add_build(store, builder, request, DBK_NONE, master, "running", NULL,
                                added_build, &reply));
    timerfd_settime(timer_fd, 0, &(struct itimerspec){{1, 0}, {1, 0}}, NULL);

    for (int i = 0; i < 2 && result == DBK_SUCCESS; i++) {
        int64_t step = await(dbk_add_step(store, build, STEPS[i][0], "", NULL, added_step, &reply));
        await(dbk_start_step(store, step, time(NULL), true, NULL, done, &reply));
        pid_t child = fork();
        if (child == 0) {
            sigprocmask(SIG_UNBLOCK, &sigchld, NULL);
            _exit(execl("/bin/sh", "sh", "-c", STEPS[i][1], (char *)NULL));
        }
        result = child < 0 ? DBK_EXCEPTION : await(DBK_OK);
        dbk_cancel(store, tick); /* if it still waits, nobody needs it any more */
        await(dbk_finish_step(store, step, result, false, NULL, done, &reply));
    }
    await(dbk_finish_build(store, build, result, NULL, done, &reply));
    await(dbk_close(store, done, &reply));
    return (int)result;
}
