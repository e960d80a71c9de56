/*
 * Trouble with a database's file, and how the library takes it: tried in this process or, for what root
 * may do and others may not, in a child of an unprivileged user.
 */
#ifndef DURABILITY_TROUBLE_H
#define DURABILITY_TROUBLE_H

#include "ground.h"

/* What became of opening a store, reading from it and adding a build. */
struct outcome {
    int open_status, read_status, write_status; /* DBK_OK: it went well, or it was not tried */
    struct dbk_error open_error, read_error, write_error;
    int64_t build_count; /* as read */
    bool is_read_only;   /* as the store says of itself */
};

enum { TRY_OPEN = 0, TRY_READ = 1, TRY_WRITE = 2, TRY_CREATE = 4 };

/* Opens, and does what is asked for. Each operation has 2 seconds. */
struct outcome trouble_try(const char *url, int what);
/* The same in a child, as the user nobody if this is root's process. */
struct outcome trouble_try_as_nobody(const char *url, int what);

/* A child that has the store open, as this process's user, until it is let go. */
struct holder {
    pid_t pid;
    int fd;
};
struct holder trouble_hold(const char *path);
void trouble_let_go(struct holder holder);

/* The error has the status, an action, and a message with all these words (the last NULL). */
void trouble_expect(const struct dbk_error *error, enum dbk_status status,
                    const char *const *words);

#endif
