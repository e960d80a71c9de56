/*
 * Brings the record of a run into a store while it grows. Nothing here waits: a store that is slow
 * or fails costs the run nothing but its record. Not for what is recorded (record.h), nor for
 * opening the store.
 *
 * The record is what should be in the store; beside each part stands whether it is there. So what a
 * slow store could not take in time is passed over (a step that has ended is never "running"), an
 * operation that may be retried is tried again, and what was not delivered is at hand at the end.
 */
#ifndef RECORDER_H
#define RECORDER_H

#include "archive.h"
#include "opening.h"
#include "record.h"
#include "spool.h"

#include <daybook.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct recorder {
    struct record *record;
    struct opening *opening;   /* what brings the store; NULL: nothing */
    bool is_awaited;           /* it has not yet */
    struct spool_entry *entry; /* the run's note in the spool; NULL: none */
    int64_t beat_at_ms;        /* when that gets the next sign of life */
    struct archive *archive;   /* the store; NULL: there is none, or it is closed */
    struct dbk_call call;
    struct dbk_error refusal; /* where call.out_refusal points */
    struct dbk_error error;   /* the last one; status DBK_OK for none */
    bool is_failed;           /* it is final */
    bool is_closing;
    size_t pending_count;
    bool *pending_flag; /* what the outstanding operation makes true */
    int64_t retry_at_ms;
    int64_t retry_wait_ms; /* 0: the last operation went well */
    int64_t at;            /* the time that the store's clock shows; 0: the real one */
    int64_t number;        /* the build's; DBK_NONE while it is not known */
    bool is_own;     /* the store is one of daybook's own: what it refuses now it may take later */
    bool is_resumed; /* another process may have begun to deliver it */
    bool is_checked; /* then: whether the build is there as it was left */
    bool are_steps_known; /* then: which steps are */
    bool is_state_stored;
    bool is_finish_stored;
    bool is_part_stored; /* of a log that still grows: nobody asks */
};

/* Args: entry is the record's note in the spool, or NULL. */
void recorder_init(struct recorder *recorder, struct record *record, struct spool_entry *entry);

/* The clock to open the store with: what comes late into the store has the time when it happened.
 * user: the recorder. */
int64_t recorder_clock(void *user);

/* Begins to deliver once the store is open. */
void recorder_await(struct recorder *recorder, struct opening *opening);

/* Begins to deliver. The store is the recorder's until recorder_detach(). */
void recorder_attach(struct recorder *recorder, struct archive *archive);

/* Goes on with what another process began to deliver. Before recorder_attach(). */
void recorder_resume(struct recorder *recorder);

/* Leaves the store to the caller. No operation may be outstanding. */
void recorder_detach(struct recorder *recorder);

/* Says that there is no store to deliver to, and why. */
void recorder_fail(struct recorder *recorder, const struct dbk_error *error);

/* The descriptor that has news, to be polled for reading; -1 for none. */
int recorder_fd(const struct recorder *recorder);

/* Milliseconds until recorder_work() is wanted even if the descriptor is silent; -1: never. */
int recorder_timeout_ms(const struct recorder *recorder);

/* Takes the store's answers and delivers what is due. Call it after each turn of the loop. */
void recorder_work(struct recorder *recorder);

/* Whether all that is known so far is delivered, or never will be. */
bool recorder_is_settled(const struct recorder *recorder);

/* Whether all of a record that has ended is in the store. */
bool recorder_is_whole(const struct recorder *recorder);

/* Gives up what is not delivered: the reason is the last error, or that nobody answered. */
void recorder_give_up(struct recorder *recorder);

/* Begins to close the store; recorder->archive is NULL when that is done. */
void recorder_close(struct recorder *recorder);

#endif
