/*
 * Which process of which machine's which start this is, so that it can be told later whether it is
 * still there. Not for the lock that says the same where files can be locked (spool.h).
 */
#ifndef IDENTITY_H
#define IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

#define IDENTITY_HOST_SIZE 256
#define IDENTITY_BOOT_SIZE 40

struct identity {
    char host[IDENTITY_HOST_SIZE];
    char boot_id[IDENTITY_BOOT_SIZE]; /* the kernel's name for this start of the machine; or "" */
    int64_t pid;
    int64_t pid_started; /* in the kernel's ticks since that start; 0: not known */
};

/* This process. */
void identity_init(struct identity *identity);

/* Whether it is of this machine. */
bool identity_is_here(const struct identity *identity);

/* Whether this machine was started again since. */
bool identity_is_of_earlier_boot(const struct identity *identity);

/* Whether a process of this machine is still there. */
bool identity_is_alive(const struct identity *identity);

#endif
