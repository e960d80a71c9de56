/*
 * The record of one run, in memory: what is known beforehand, and what happens as it happens. It
 * stays whole until the end, whatever becomes of the store. Not for bringing it there (recorder.h).
 */
#ifndef RECORD_H
#define RECORD_H

#include "capture.h"

#include <daybook.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where what this command writes says that it comes from. */
#define RECORD_SOURCE "daybook run"

/* Room for what a step or build says of its state. */
#define RECORD_STATE_SIZE 256

/* What is known before the first step. Texts are UTF-8; all live as long as the record. */
struct record_plan {
    const char *key; /* the run's own name: its operation key, its name in the spool */
    const char *builder;
    const char *worker;
    const char *master;
    const char *repository; /* NULL: none, as the next two */
    const char *branch;
    const char *revision;
    const struct dbk_new_property *properties;
    size_t property_count;
    size_t step_max;  /* steps at most */
    size_t log_max;   /* bytes kept of what a step prints */
    bool is_terminal; /* it is printed to a terminal (capture.h) */
};

struct record_step {
    char *name;
    int64_t started_at;  /* DBK_NONE: not started */
    int64_t complete_at; /* DBK_NONE: not finished, as the next one */
    int64_t results;
    char state[RECORD_STATE_SIZE];
    struct capture output;
    int64_t begun_ms;    /* when it started, by the steady clock */
    int64_t kept_offset; /* of a record from the spool: where in output_fd its output is, and how */
    int64_t kept_len;    /* long it is */
    /* What of this is in a store; kept by recorder.c. */
    struct {
        int64_t id;
        char *name;         /* as the store gave it */
        int64_t log_ms;     /* when the log was sent last */
        uint64_t log_total; /* how much output there was then */
        bool is_log;        /* all of the output */
        bool is_start;
        bool is_state;
        bool is_finish;
    } stored;
};

struct record {
    const struct record_plan *plan;
    int64_t started_at;
    int64_t complete_at; /* DBK_NONE: not finished, as the next one */
    int64_t results;
    char state[RECORD_STATE_SIZE];
    struct record_step *steps; /* they do not move; one runs at a time, the last */
    size_t step_count;
    bool is_cut;     /* memory was too short for the steps */
    int output_fd;   /* what the steps of a record from the spool printed; -1: it is in memory */
    bool is_lost;    /* nobody knows how it went on: its steps are those that the store has */
    int64_t buildid; /* in the store, DBK_NONE while it is not known; kept by recorder.c */
};

/* Begins the record of a run that starts now. */
void record_init(struct record *record, const struct record_plan *plan);
void record_fini(struct record *record);

/* Adds a step, starts the last one, adds to its output, finishes it: now. */
void record_add_step(struct record *record, const char *name);
void record_start_step(struct record *record);
void record_add_output(struct record *record, const char *bytes, size_t len);
void record_finish_step(struct record *record, int64_t results, const char *state);

/* Finishes the build, now. */
void record_finish(struct record *record, int64_t results, const char *state);

#endif
