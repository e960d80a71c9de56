/*
 * Runs the steps of a run one after the other, judges how they end and notes it in the record. Not
 * for what the user asked for (cmd_run.c), nor for what happens while a command runs (loop.h).
 */
#ifndef RUNNER_H
#define RUNNER_H

#include "recorder.h"
#include "terminal.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The exit status of a run whose time was over, that of timeout(1). */
#define RUNNER_EXIT_TIMEOUT 124

struct runner_step {
    char *name;
    char *const *argv;
};

struct runner_plan {
    const struct runner_step *steps;
    size_t step_count;
    bool keeps_going;                /* a failure does not end the run */
    bool is_quiet;                   /* what the commands print is not passed on */
    const struct redactor *redactor; /* what is masked in it; NULL: nothing */
    int64_t timeout_s;               /* all steps together may run so long; 0: for ever */
    const char *db;            /* for the commands' environment, until the store says its path */
    struct opening *opening;   /* what opens the store; NULL: nothing does */
    struct terminal *terminal; /* ours */
};

/* How a run ended. */
struct runner_outcome {
    int exit_code;                      /* the first failure's */
    int signo;                          /* of the signal that ended the run; 0: none */
    int64_t results;                    /* of the build */
    bool is_line_cut;                   /* the terminal's last line has no end yet */
    char detail[2 * RECORD_STATE_SIZE]; /* of the first failure: "test: exit status 2"; or empty */
};

/* Runs the steps, and finishes record and recorder; the store is closed, or left alone if it
 * does not answer. Result: 0, or an errno when nothing could be run. */
int runner_run(const struct runner_plan *plan, struct recorder *recorder,
               struct runner_outcome *out_outcome);

#endif
