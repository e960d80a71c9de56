/*
 * How a database does: what can be found out about it, stage by stage. Not for showing it, nor for ending
 * a look that hangs (cmd_status.c).
 *
 * A look may hang in the file system or wait for somebody's lock, so it is made in a process of its own,
 * which tells through a pipe what it knows after each stage. A thread would not do: one that hangs in the
 * kernel keeps its whole process from ending.
 */
#ifndef HEALTH_H
#define HEALTH_H

#include "command.h"

/* What is being done; all before it is known. */
enum health_stage {
    HEALTH_FILE,    /* asking the file system */
    HEALTH_OPENING, /* the database opens */
    HEALTH_WRITING, /* whether it takes a write; nothing is written */
    HEALTH_READING, /* open builds; from here on the database is known to be usable or not */
    HEALTH_COUNTING,
    HEALTH_KNOWN,
};

/* Of fixed size, without pointers: it goes through a pipe. DBK_NONE and "" are what is not known. */
struct health {
    enum health_stage stage;
    struct dbk_error error; /* why it is not usable; status DBK_OK: it is */
    bool is_open;
    bool is_own;
    bool is_adopted;
    bool is_read_only;
    char engine[16];
    char engine_version[32];
    char buildbot_version[64];
    char warning[256];
    char path[1024];
    int64_t size;
    int64_t log_size; /* of the write-ahead log; 0: there is none */
    int64_t disk_free;
    int64_t
        reserve_size; /* what is kept for a full disk; 0: it was given up; DBK_NONE: there is none */
    char journal_mode[16];
    int64_t locker_pid; /* who holds the database's lock, as far as the kernel tells */
    bool is_open_build_known;
    int64_t open_buildid; /* of the open build that began first; DBK_NONE: none is open */
    int64_t open_builderid;
    int64_t open_number;
    int64_t open_since;
    char open_builder[1056];
    int64_t build_count;
};

/*
 * Begins a look at the database that the arguments name. Call it before there is any thread.
 * Result: 0, the process and the pipe's end, from which whole struct health come; else an errno.
 */
int health_begin(const struct arguments *arguments, int *out_pid, int *out_fd);

/* Nothing known yet. */
void health_init(struct health *health);

#endif
