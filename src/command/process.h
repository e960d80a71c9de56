/*
 * A command as a process: started with pipes or on a terminal of its own, told signals, watched
 * until it ends. Not for its output beyond the descriptors that it comes from (relay.h).
 *
 * On a terminal of its own the command is not our child but that of a monitor, which leads the
 * terminal's session. So the command may be stopped and continued (a session's leader cannot), and
 * what it leaves in the background is not hung up when it ends.
 */
#ifndef PROCESS_H
#define PROCESS_H

#include "terminal.h"

#include <stdbool.h>
#include <sys/types.h>

struct process_spec {
    char *const *argv; /* argv[0] is looked for in PATH unless it has a slash */
    char *const *environment;
    const struct terminal *terminal; /* ours, to make the command's alike; NULL: pipes */
    bool is_input_forwarded;         /* its stdin is its terminal; else stdin is inherited */
    bool is_error_separate; /* its stderr is a pipe of its own; else it goes where stdout goes */
    bool has_own_group;     /* with pipes: signals reach all that it started */
};

struct process {
    pid_t pid;         /* also its group's, if that is its own */
    pid_t monitor_pid; /* 0: none */
    int report_fd;     /* readable when the monitor has news; -1 without one */
    int output_fd;     /* what it prints, to be taken over; its terminal if it has one */
    int error_fd;      /* or -1 */
    int terminal_fd;   /* its terminal, ours to keep; -1: none */
    bool has_own_group;
    bool is_ended;
};

enum process_news { PROCESS_NO_NEWS, PROCESS_STOPPED, PROCESS_ENDED };

/* Starts a command. Result: 0; -1 and *out_errno when it could not be executed. */
int process_start(const struct process_spec *spec, struct process *process, int *out_errno);

/* Asks for news, without waiting; on SIGCHLD and when report_fd is readable. *out_status is as
 * waitpid() gives it. */
enum process_news process_check(struct process *process, int *out_status);

/* Sends a signal to the command's group; to the command alone if it has none of its own; to
 * nobody once it has ended. */
void process_signal(const struct process *process, int signo);

/* Whether somebody of the group of a command that ended is still there; signals them unless
 * signo is 0. */
bool process_signal_rest(const struct process *process, int signo);

/* Gives the command's terminal our terminal's size. */
void process_resize(const struct process *process, const struct terminal *terminal);

/* Forgets an ended process, and closes what is its. */
void process_fini(struct process *process);

#endif
