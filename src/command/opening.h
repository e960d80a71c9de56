/*
 * Opens the store of a run on a thread of its own, so that the command need not wait for it, and then
 * brings there what earlier runs left in the spool. Not for the run's own record (recorder.h).
 */
#ifndef OPENING_H
#define OPENING_H

#include "archive.h"

#include <daybook.h>
#include <stdbool.h>
#include <stddef.h>

struct spool_entry;

struct opening_plan {
    const char *db;      /* the URL or path, absolute */
    dbk_clock_fn *clock; /* the store's */
    void *clock_user;
    const struct spool_entry
        *entry; /* to be made durable, when there is time; its path is NULL: none */
};

/* What earlier runs left, and what became of it. */
struct opening_backlog {
    size_t recorded_count; /* those that were recorded now */
    size_t lost_count;     /* of these, those that were killed */
    size_t aside_count;    /* those that are damaged or were refused */
    char aside_path[256];  /* of one of them */
};

struct opening;

/* Begins. All of the plan must live as long as the process. Result: NULL when there is no memory or thread. */
struct opening *opening_begin(const struct opening_plan *plan);

/* The descriptor that is readable when there is something to take; opening_take() makes it silent. */
int opening_fd(const struct opening *opening);

/* Takes the answer, once. Result: whether there is one; then *out_archive, which may be NULL, and *out_error. */
bool opening_take(struct opening *opening, struct archive **out_archive,
                  struct dbk_error *out_error);

/* Whether the database was made. Once the answer was taken. */
bool opening_has_created(const struct opening *opening);

/* What an operator should know of the database. Once the answer was taken. Result: NULL: nothing. */
const char *opening_warning(const struct opening *opening);

/* Asks the thread to begin with no further record. */
void opening_stop(struct opening *opening);

/* Whether the thread has done its work; then *out_backlog. Its end makes opening_fd() readable, too. */
bool opening_is_over(const struct opening *opening, struct opening_backlog *out_backlog);

#endif
