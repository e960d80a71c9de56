/*
 * Starting and watching a command: see process.h.
 *
 * Between fork and exec only what is safe in a signal handler is called: other threads may have
 * held any lock at the moment of the fork.
 */
#include "process.h"

#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a child may have to say, through pipes that close on exec. */
enum report_kind { REPORT_STARTED = 1, REPORT_STOPPED, REPORT_ENDED, REPORT_NOT_STARTED };

struct report {
    int kind;
    int value; /* the pid, the wait status, an errno */
};

/* The descriptors of one start; -1 for what is not there. */
struct ends {
    int output[2], error[2]; /* pipes: read, write */
    int report[2];           /* from the monitor */
    int exec[2];             /* an errno when exec fails; closes when it succeeds */
    int terminal[2];         /* the command's terminal: our side, its side */
};

static void ends_close(struct ends *ends)
{
    int *fds = (int *)ends;
    for (size_t i = 0; i < sizeof(*ends) / sizeof(int); i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

/* Takes a descriptor out of the ends, so that it stays open. */
static int ends_take(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}

static int open_terminal(const struct process_spec *spec, int fds[2])
{
    char name[64];
    fds[0] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (fds[0] < 0 || grantpt(fds[0]) || unlockpt(fds[0]) || ptsname_r(fds[0], name, sizeof(name)))
        return -1;
    fds[1] = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (fds[1] < 0)
        return -1;
    fcntl(fds[0], F_SETFL, O_NONBLOCK);
    tcsetattr(fds[1], TCSANOW, &spec->terminal->modes);
    ioctl(fds[0], TIOCSWINSZ, &spec->terminal->size);
    return 0;
}

static int ends_open(const struct process_spec *spec, struct ends *ends)
{
    memset(ends, -1, sizeof(*ends));
    if (pipe2(ends->exec, O_CLOEXEC))
        return -1;
    if (spec->terminal && (pipe2(ends->report, O_CLOEXEC) || open_terminal(spec, ends->terminal)))
        return -1;
    if (!spec->terminal && pipe2(ends->output, O_CLOEXEC))
        return -1;
    return spec->is_error_separate ? pipe2(ends->error, O_CLOEXEC) : 0;
}

static void report_send(int fd, int kind, int value)
{
    struct report report = {kind, value};
    while (write(fd, &report, sizeof(report)) < 0 && errno == EINTR)
        ;
}

/* Result: whether there was a report. */
static bool report_receive(int fd, struct report *out_report)
{
    ssize_t count;
    do
        count = read(fd, out_report, sizeof(*out_report));
    while (count < 0 && errno == EINTR);
    return count == (ssize_t)sizeof(*out_report);
}

/* Becomes the command. */
static _Noreturn void child_exec(const struct process_spec *spec, const struct ends *ends)
{
    int output = spec->terminal ? ends->terminal[1] : ends->output[1];
    bool is_ready = dup2(output, STDOUT_FILENO) >= 0 &&
                    dup2(ends->error[1] >= 0 ? ends->error[1] : output, STDERR_FILENO) >= 0 &&
                    (!spec->is_input_forwarded || dup2(output, STDIN_FILENO) >= 0);
    signals_restore();
    if (is_ready)
        execvpe(spec->argv[0], spec->argv, spec->environment);
    report_send(ends->exec[1], REPORT_NOT_STARTED, errno);
    _exit(127);
}

/* Leads the terminal's session, starts the command in its own group, tells what becomes of it. */
static _Noreturn void monitor_run(const struct process_spec *spec, const struct ends *ends)
{
    static const int stops[] = {SIGTSTP, SIGTTIN, SIGTTOU};
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before[3];
    sigset_t none;
    sigemptyset(&none);
    setsid();
    ioctl(ends->terminal[1], TIOCSCTTY, 0);
    for (size_t i = 0; i < 3; i++)
        sigaction(stops[i], &ignore, &before[i]);
    pid_t pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        tcsetpgrp(ends->terminal[1], getpid());
        for (size_t i = 0; i < 3; i++)
            sigaction(stops[i], &before[i], NULL);
        child_exec(spec, ends);
    }
    if (pid < 0) {
        report_send(ends->exec[1], REPORT_NOT_STARTED, errno);
        _exit(127);
    }
    /* Here too: nobody knows which of the two runs first. */
    setpgid(pid, pid);
    tcsetpgrp(ends->terminal[1], pid);
    /* Nothing of others' is kept open: neither the store, nor pipes that somebody reads. */
    dup2(ends->terminal[1], 0);
    dup2(ends->report[1], 1);
    close_range(2, ~0U, 0);
    sigprocmask(SIG_SETMASK, &none, NULL);
    report_send(1, REPORT_STARTED, pid);
    int status;
    while (waitpid(pid, &status, WUNTRACED) == pid) {
        if (WIFSTOPPED(status)) {
            report_send(1, REPORT_STOPPED, status);
            continue;
        }
        /* When a session's leader ends, its foreground group is hung up: let that be its own. */
        tcsetpgrp(0, getpgrp());
        report_send(1, REPORT_ENDED, status);
        _exit(0);
    }
    _exit(127);
}

/* Closes the ends that are the child's, waits until exec happened. Result: 0 or its errno. */
static int wait_for_exec(const struct process_spec *spec, struct ends *ends)
{
    struct report report;
    close(ends_take(&ends->exec[1]));
    if (spec->terminal)
        close(ends_take(&ends->report[1]));
    return report_receive(ends->exec[0], &report) ? report.value : 0;
}

static void reap(pid_t pid)
{
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

int process_start(const struct process_spec *wanted, struct process *process, int *out_errno)
{
    struct process_spec copy = *wanted, *spec = &copy;
    struct ends ends;
    struct report report = {0, 0};
    pid_t child = -1;
    bool is_open = !ends_open(spec, &ends);
    if (!is_open && spec->terminal) {
        /* No terminal to be had: pipes carry the output as well. */
        ends_close(&ends);
        spec->terminal = NULL;
        spec->is_input_forwarded = false;
        is_open = !ends_open(spec, &ends);
    }
    *process =
        (struct process){.report_fd = -1, .output_fd = -1, .error_fd = -1, .terminal_fd = -1};
    if (!is_open || (child = fork()) < 0) {
        *out_errno = errno;
        ends_close(&ends);
        return -1;
    }
    process->has_own_group = spec->terminal || spec->has_own_group;
    if (child == 0) {
        if (spec->terminal)
            monitor_run(spec, &ends);
        if (spec->has_own_group)
            setpgid(0, 0);
        child_exec(spec, &ends);
    }
    if (spec->has_own_group && !spec->terminal)
        setpgid(child, child);
    *out_errno = wait_for_exec(spec, &ends);
    bool is_started = !*out_errno;
    if (is_started && spec->terminal && !report_receive(ends.report[0], &report)) {
        *out_errno = EIO;
        is_started = false;
    }
    if (!is_started) {
        reap(child);
        ends_close(&ends);
        return -1;
    }
    process->pid = spec->terminal ? report.value : child;
    process->monitor_pid = spec->terminal ? child : 0;
    process->report_fd = ends_take(&ends.report[0]);
    process->error_fd = ends_take(&ends.error[0]);
    process->terminal_fd = ends_take(&ends.terminal[0]);
    process->output_fd = spec->terminal ? fcntl(process->terminal_fd, F_DUPFD_CLOEXEC, 3)
                                        : ends_take(&ends.output[0]);
    ends_close(&ends);
    return 0;
}

/* The monitor has something to say, or is gone. */
static enum process_news monitor_check(struct process *process, int *out_status)
{
    struct report report;
    if (report_receive(process->report_fd, &report)) {
        *out_status = report.value;
        if (report.kind == REPORT_STOPPED)
            return PROCESS_STOPPED;
        reap(process->monitor_pid);
        return PROCESS_ENDED;
    }
    /* Somebody killed it. With it went the session, and the command's status. */
    while (waitpid(process->monitor_pid, out_status, 0) < 0 && errno == EINTR)
        ;
    kill(-process->pid, SIGKILL);
    return PROCESS_ENDED;
}

enum process_news process_check(struct process *process, int *out_status)
{
    enum process_news news = PROCESS_NO_NEWS;
    if (process->monitor_pid) {
        struct pollfd readable = {process->report_fd, POLLIN, 0};
        if (poll(&readable, 1, 0) == 1)
            news = monitor_check(process, out_status);
    } else if (process->pid && waitpid(process->pid, out_status, WNOHANG) == process->pid) {
        news = PROCESS_ENDED;
    }
    if (news == PROCESS_ENDED)
        process->is_ended = true;
    return news;
}

void process_signal(const struct process *process, int signo)
{
    if (!process->is_ended)
        kill(process->has_own_group ? -process->pid : process->pid, signo);
}

bool process_signal_rest(const struct process *process, int signo)
{
    return process->has_own_group && !kill(-process->pid, signo);
}

void process_resize(const struct process *process, const struct terminal *terminal)
{
    if (process->terminal_fd >= 0)
        ioctl(process->terminal_fd, TIOCSWINSZ, &terminal->size);
}

void process_fini(struct process *process)
{
    if (process->report_fd >= 0)
        close(process->report_fd);
    if (process->terminal_fd >= 0)
        close(process->terminal_fd);
    process->report_fd = process->terminal_fd = -1;
}
