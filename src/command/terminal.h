/*
 * The terminal that `daybook run` was started on, while the command has one of its own: in raw
 * mode, so that keys go to the command and what it prints comes out as it is. Not for the command's
 * terminal (process.h).
 */
#ifndef TERMINAL_H
#define TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/types.h>
#include <termios.h>

struct terminal {
    bool is_there;        /* stdout is a terminal */
    bool has_input;       /* stdin is one too: keys are forwarded */
    bool is_taken;        /* now in raw mode */
    bool are_modes_kept;  /* modes are to be put back: not to be read again until that is done */
    struct termios modes; /* as they are for everybody else */
    struct winsize size;
    int typed_ahead; /* bytes typed before it was taken, and not read yet */
};

/* Looks whether there is a terminal. Changes nothing. */
void terminal_init(struct terminal *terminal);

/* Takes it, unless others have it now (we run in the background). Whoever stopped and continued
 * us may have changed it, so take it again then. Given back at exit. */
void terminal_take(struct terminal *terminal);

/* Puts it back as it was. */
void terminal_give_back(struct terminal *terminal);

/* Reads keys. Result: as read(). */
ssize_t terminal_read(struct terminal *terminal, char *bytes, size_t size);

/* Reads its size again. */
void terminal_measure(struct terminal *terminal);

#endif
