/*
 * The event loop of a run: one command at a time, with its output, keys and signals, and the store,
 * all at once. Not for what a run's steps are, nor how their ends are judged (runner.h).
 */
#ifndef LOOP_H
#define LOOP_H

#include "process.h"
#include "recorder.h"
#include "relay.h"
#include "terminal.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOOP_INPUT_SIZE 4096

enum loop_stream { LOOP_OUTPUT, LOOP_ERROR, LOOP_STREAM_COUNT };

struct loop {
    struct record *record;
    struct recorder *recorder;
    struct terminal *terminal; /* ours */
    int signal_fd;
    bool has_own_group;     /* commands get one also without a terminal */
    bool is_error_separate; /* stdout and stderr are two places */
    struct process process;
    bool is_running;
    int wait_status; /* once it runs no more */
    struct relay relays[LOOP_STREAM_COUNT];
    int64_t read_at_ms;          /* when output came last */
    char input[LOOP_INPUT_SIZE]; /* keys on their way to the command: [input_start, input_len) */
    size_t input_start, input_len;
    bool is_input_open;
    int signo;           /* of the signal that is to end the run; 0: none */
    size_t signal_count; /* how often one came */
    bool is_optional; /* the terminal sent it to the command as well, which may decide to live on */
    int64_t kill_at_ms; /* 0: not to be killed; INT64_MAX: it was */
    int64_t end_at_ms;  /* when the command is to be ended; INT64_MAX: never */
    bool is_timed_out;  /* it was */
};

struct loop_plan {
    struct recorder *recorder;
    struct terminal *terminal;       /* ours */
    const struct redactor *redactor; /* what is masked; NULL: nothing */
    int64_t timeout_s;               /* how long all commands may run together; 0: for ever */
    bool is_quiet;                   /* nothing is passed on */
};

/* Begins; the loop is zeroed. From here on signals are collected. Result: 0 or an errno. */
int loop_init(struct loop *loop, const struct loop_plan *plan);
void loop_fini(struct loop *loop);

/* Waits until something happens, at most timeout_ms (-1: without end), and does what is due. */
void loop_turn(struct loop *loop, int timeout_ms);

/* Starts a command. Result: 0; an errno when it cannot be executed. */
int loop_start(struct loop *loop, char *const *argv, char *const *environment);

/* Turns until the command has ended and its output was passed on; with a signal to end the run,
 * until all that it started has ended. Then loop->wait_status tells how. */
void loop_watch(struct loop *loop);

#endif
