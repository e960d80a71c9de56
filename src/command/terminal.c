/*
 * Our own terminal: see terminal.h.
 */
#include "terminal.h"

#include <stdlib.h>
#include <unistd.h>

/* What the exit handler gives back. */
static struct terminal *at_exit;

static void give_back_at_exit(void)
{
    if (at_exit)
        terminal_give_back(at_exit);
}

void terminal_init(struct terminal *terminal)
{
    *terminal = (struct terminal){0};
    terminal->is_there = isatty(STDOUT_FILENO) && !tcgetattr(STDOUT_FILENO, &terminal->modes);
    terminal->has_input = terminal->is_there && isatty(STDIN_FILENO);
    if (terminal->is_there)
        terminal_measure(terminal);
}

void terminal_measure(struct terminal *terminal)
{
    ioctl(STDOUT_FILENO, TIOCGWINSZ, &terminal->size);
}

void terminal_take(struct terminal *terminal)
{
    if (!terminal->is_there)
        return;
    /* -1: not our controlling terminal; then there is no background either. */
    pid_t group = tcgetpgrp(STDOUT_FILENO);
    terminal->is_taken = false;
    if (group != -1 && group != getpgrp())
        return;
    if (!terminal->are_modes_kept && tcgetattr(STDOUT_FILENO, &terminal->modes))
        return;
    terminal->are_modes_kept = true;
    struct termios raw = terminal->modes;
    if (terminal->has_input)
        cfmakeraw(&raw);
    else
        raw.c_oflag &=
            ~(tcflag_t)OPOST; /* what comes out was processed by the command's terminal */
    terminal->is_taken = !tcsetattr(STDOUT_FILENO, TCSANOW, &raw);
    if (terminal->has_input && ioctl(STDIN_FILENO, FIONREAD, &terminal->typed_ahead))
        terminal->typed_ahead = 0;
    if (!at_exit) {
        at_exit = terminal;
        atexit(give_back_at_exit);
    }
}

void terminal_give_back(struct terminal *terminal)
{
    if (terminal->is_taken)
        tcsetattr(STDOUT_FILENO, TCSANOW, &terminal->modes);
    terminal->is_taken = terminal->are_modes_kept = false;
}

ssize_t terminal_read(struct terminal *terminal, char *bytes, size_t size)
{
    ssize_t count = read(STDIN_FILENO, bytes, size);
    /* A ctrl-D that was typed while lines were edited has become a zero byte. */
    for (ssize_t i = 0; i < count && terminal->typed_ahead > 0; i++, terminal->typed_ahead--)
        if (!bytes[i])
            bytes[i] = (char)terminal->modes.c_cc[VEOF];
    return count;
}
