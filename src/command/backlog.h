/*
 * Brings the records in the spool to where they belong: each once, the oldest first. It blocks: `push`
 * waits for it, `run` has it on a thread of its own. Not for what stands in the spool (spooled.h), nor for
 * what is said of it.
 */
#ifndef BACKLOG_H
#define BACKLOG_H

#include <daybook.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum backlog_kind {
    BACKLOG_RECORDED,  /* it is in its database, and no longer in the spool */
    BACKLOG_PENDING,   /* it would be delivered: told of a dry run alone */
    BACKLOG_WAITING,   /* it could not be delivered now; error says why */
    BACKLOG_ELSEWHERE, /* a run of another host, which may run on there */
    BACKLOG_DAMAGED,   /* a part of it was set aside as PATH.*.damaged */
    BACKLOG_REFUSED,   /* the same: the database refused it for good; error says why */
    BACKLOG_UNREAD,    /* the spool or a file of it cannot be read; error says why */
};

struct backlog_event {
    enum backlog_kind kind;
    const char *path;    /* of its files in the spool, without their endings */
    const char *db;      /* where it belongs; NULL: not known, as the next one */
    const char *builder; /* its name */
    int64_t number;      /* DBK_NONE: not known, as the next two */
    int64_t results;
    int64_t started_at;
    bool is_lost; /* the run was killed */
    const struct dbk_error *error;
};

typedef void backlog_told_fn(void *user, const struct backlog_event *event);

struct backlog_plan {
    const char *db;                /* only what belongs there, to be opened so; NULL: all */
    const atomic_bool *is_stopped; /* looked at between two records; NULL: never */
    bool is_dry;                   /* only look */
    backlog_told_fn *told;
    void *user;
};

/* Delivers what nobody else delivers now. Result: DBK_OK, or the status of the first that was not. */
int backlog_deliver(const struct backlog_plan *plan);

#endif
