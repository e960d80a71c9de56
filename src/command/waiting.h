/*
 * Blocking use of an archive: a `struct waiting` is a set of operations that were submitted, and
 * waits for all of them. Not for programs with an event loop.
 *
 *     struct waiting waiting;
 *     waiting_init(&waiting, archive);
 *     waiting_add(&waiting, archive_add_url(archive, id, name, url, &waiting.call, waiting_done, &waiting));
 *     exit_code = waiting_finish(&waiting);
 *
 * A callback of another type calls waiting_note() itself, as its last act.
 */
#ifndef WAITING_H
#define WAITING_H

#include "archive.h"

#include <daybook.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WAITING_DEADLINE_MS 60000

struct waiting {
    struct archive archive;
    struct dbk_call call;     /* give &waiting.call to every operation */
    struct dbk_error refusal; /* where call.out_refusal points */
    size_t pending_count;
    struct dbk_error error; /* the first one; status DBK_OK while there is none */
};

/* Begins with no operation and a deadline of WAITING_DEADLINE_MS for each
 * (waiting.call.timeout_ms). */
void waiting_init(struct waiting *waiting, const struct archive *archive);

/* Takes note of what submitting returned. */
void waiting_add(struct waiting *waiting, int submitted);

/* Takes note that one of the operations is done. error may be NULL. */
void waiting_note(struct waiting *waiting, const struct dbk_error *error);

/* Dispatches until nothing is pending. Result: the first error's status; waiting->error has it
 * whole. */
enum dbk_status waiting_wait(struct waiting *waiting);

/* The same, then prints the first error. Result: 0, or its exit code. */
int waiting_finish(struct waiting *waiting);

/* A dbk_done_fn whose user is a struct waiting. */
void waiting_done(void *user, const struct dbk_error *error);

/* A dbk_id_fn for a struct waiting_id. */
struct waiting_id {
    struct waiting *waiting;
    int64_t id;
};
void waiting_id_done(void *user, const struct dbk_error *error, int64_t id);

#endif
