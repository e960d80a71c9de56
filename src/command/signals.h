/*
 * Signals while a command runs: blocked and read from a descriptor, and put back as they were in
 * the children. Not for sending them (process.h), nor for what they mean (runner.h).
 */
#ifndef SIGNALS_H
#define SIGNALS_H

#include <signal.h>
#include <stdbool.h>

/* Ignores SIGPIPE, that no reader's end is ours, and SIGTTOU. First of all. */
void signals_init(void);

/* Begins to collect signals. Those that the caller ignores (nohup, "&" in scripts) stay ignored.
 * Args: is_stop_wanted: SIGTSTP too. Result: the descriptor, -1 with errno. */
int signals_begin(bool is_stop_wanted);

/* Takes the next signal. Result: its number, 0 when there is none; *out_is_from_kernel is true
 * when a terminal sent it, and so to the whole foreground group. */
int signals_take(int fd, bool *out_is_from_kernel);

/* Puts mask and dispositions back as they were. Safe in the child of a fork. */
void signals_restore(void);

/* Stops this process and its group as ctrl-Z does; returns when it is continued, or at once
 * where nobody could continue it. */
void signals_stop(void);

/* Ends this process by a signal's default action; by exit code 128 + signo if it survives that. */
_Noreturn void signals_die(int signo);

#endif
