/*
 * The steps of a run: see runner.h.
 */
#include "runner.h"

#include "clock.h"
#include "environment.h"
#include "loop.h"
#include "message.h"
#include "opening.h"
#include "redact.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

/* How long a step's start waits for the store, whose ids the command's environment names. */
#define START_PATIENCE_MS 500

/* How long the record may take after the last command ended. With what it then takes to keep it elsewhere,
 * nobody waits for more than five seconds. */
#define SETTLE_MAX_MS 4000

struct runner {
    const struct runner_plan *plan;
    struct record *record;
    struct recorder *recorder;
    struct runner_outcome *outcome;
    int patience_ms; /* that a step's start has with the store */
    struct loop loop;
};

/* Takes note of a step's end: in the record, and of the first failure in the outcome. */
static void finish_step(struct runner *runner, const char *name, int64_t results, int exit_code,
                        const char *state)
{
    struct runner_outcome *outcome = runner->outcome;
    record_finish_step(runner->record, results, state);
    if (results == DBK_SUCCESS)
        return;
    if (!outcome->exit_code) {
        outcome->exit_code = exit_code;
        snprintf(outcome->detail, sizeof(outcome->detail), "%s: %s", name, state);
    }
    if (outcome->results == DBK_SUCCESS || results == DBK_EXCEPTION)
        outcome->results = results;
}

/* Tells in words how a command ended. */
static void judge_step(struct runner *runner, const char *name)
{
    char state[RECORD_STATE_SIZE];
    int status = runner->loop.wait_status, signo = runner->loop.signo;
    if (runner->loop.is_timed_out && !signo) {
        snprintf(state, sizeof(state), "timed out: ended when the run had lasted %" PRId64 " s",
                 runner->plan->timeout_s);
        finish_step(runner, name, DBK_EXCEPTION, RUNNER_EXIT_TIMEOUT, state);
        runner->outcome->exit_code = RUNNER_EXIT_TIMEOUT;
    } else if (WIFSIGNALED(status)) {
        snprintf(state, sizeof(state), "ended by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
        finish_step(runner, name, DBK_EXCEPTION, 128 + WTERMSIG(status), state);
    } else if (signo) {
        snprintf(state, sizeof(state), "ended by signal %d (%s), exit status %d", signo,
                 strsignal(signo), WEXITSTATUS(status));
        finish_step(runner, name, DBK_EXCEPTION, 128 + signo, state);
    } else if (WEXITSTATUS(status)) {
        snprintf(state, sizeof(state), "exit status %d", WEXITSTATUS(status));
        finish_step(runner, name, DBK_FAILURE, WEXITSTATUS(status), state);
    } else {
        finish_step(runner, name, DBK_SUCCESS, 0, "finished");
    }
}

/* A command that cannot be executed: said where its output would be, and kept there. */
static void tell_not_started(struct runner *runner, const struct runner_step *step, int error)
{
    char text[RECORD_STATE_SIZE];
    snprintf(text, sizeof(text), "cannot run %.100s: %s", step->argv[0], strerror(error));
    if (runner->plan->redactor)
        redactor_mask_text(runner->plan->redactor, text);
    terminal_give_back(runner->plan->terminal);
    if (!runner->plan->is_quiet)
        message_print("%s", text);
    record_add_output(runner->record, "daybook: ", 9);
    record_add_output(runner->record, text, strlen(text));
    record_add_output(runner->record, "\n", 1);
    snprintf(text, sizeof(text), "cannot be run: %s", strerror(error));
    finish_step(runner, step->name, DBK_FAILURE, error == ENOENT ? 127 : 126, text);
}

/* Waits until the store knows the step, but not for long: the command comes first. */
static void wait_for_ids(struct runner *runner)
{
    int64_t end_ms = clock_ms() + runner->patience_ms;
    recorder_work(runner->recorder);
    while (!recorder_is_settled(runner->recorder) && !runner->loop.signo) {
        int64_t left = end_ms - clock_ms();
        if (left <= 0) {
            runner->patience_ms = 0; /* once is enough */
            break;
        }
        loop_turn(&runner->loop, (int)left);
    }
}

/* Starts a step's command. Result: 0 or an errno. */
static int start(struct runner *runner, const struct runner_step *step)
{
    const struct record *record = runner->record;
    int64_t stepid =
        record->step_count ? record->steps[record->step_count - 1].stored.id : DBK_NONE;
    const struct archive *archive = runner->recorder->archive;
    const char *path = archive ? archive_info(archive)->path : NULL;
    struct environment environment;
    environment_init(&environment, path ? path : runner->plan->db, record->buildid, stepid);
    int error = environment.variables ? loop_start(&runner->loop, step->argv, environment.variables)
                                      : ENOMEM;
    environment_fini(&environment);
    return error;
}

static void run_step(struct runner *runner, const struct runner_step *step)
{
    record_add_step(runner->record, step->name);
    wait_for_ids(runner);
    if (runner->loop.signo) {
        record_finish_step(runner->record, DBK_SKIPPED, "skipped");
        return;
    }
    record_start_step(runner->record);
    int error = start(runner, step);
    if (error) {
        tell_not_started(runner, step, error);
        return;
    }
    loop_watch(&runner->loop);
    judge_step(runner, step->name);
}

/* Ends the build in the record. */
static void finish_build(struct runner *runner)
{
    struct runner_outcome *outcome = runner->outcome;
    char state[RECORD_STATE_SIZE];
    if (runner->loop.signo) {
        snprintf(state, sizeof(state), "cancelled by signal %d (%s)", runner->loop.signo,
                 strsignal(runner->loop.signo));
        outcome->results = DBK_RESULT_CANCELLED;
        outcome->exit_code = 128 + runner->loop.signo;
        if (!*outcome->detail)
            snprintf(outcome->detail, sizeof(outcome->detail), "%s", state);
    } else {
        snprintf(state, sizeof(state), "%.255s", *outcome->detail ? outcome->detail : "finished");
    }
    record_finish(runner->record, outcome->results, state);
}

/* Gives the store the time that it may take, and closes it; then the thread that opened it what is left, to
 * record what earlier runs left. */
static void settle(struct runner *runner)
{
    struct recorder *recorder = runner->recorder;
    struct opening *opening = runner->plan->opening;
    struct opening_backlog backlog;
    int64_t end_ms = clock_ms() + SETTLE_MAX_MS;
    size_t signal_count = runner->loop.signal_count;
    recorder_work(recorder);
    for (;;) {
        int64_t left = end_ms - clock_ms();
        /* Whoever sends a signal now does not want to wait. */
        bool is_urgent = left <= 0 || runner->loop.signal_count != signal_count;
        if (is_urgent)
            recorder_give_up(recorder);
        bool is_here = recorder_is_settled(recorder) && !recorder->archive;
        if (left <= 0 || (is_here && (is_urgent || !opening || opening_is_over(opening, &backlog))))
            break;
        if (recorder_is_settled(recorder))
            recorder_close(recorder);
        loop_turn(&runner->loop, (int)left);
    }
    if (opening)
        opening_stop(opening);
    runner->outcome->signo = runner->loop.signo;
}

int runner_run(const struct runner_plan *plan, struct recorder *recorder,
               struct runner_outcome *out_outcome)
{
    static struct runner runner;
    const struct loop_plan loop_plan = {.recorder = recorder,
                                        .terminal = plan->terminal,
                                        .redactor = plan->redactor,
                                        .timeout_s = plan->timeout_s,
                                        .is_quiet = plan->is_quiet};
    int error = loop_init(&runner.loop, &loop_plan);
    if (error)
        return error;
    *out_outcome = (struct runner_outcome){.results = DBK_SUCCESS};
    runner.plan = plan;
    runner.record = recorder->record;
    runner.recorder = recorder;
    runner.outcome = out_outcome;
    runner.patience_ms = START_PATIENCE_MS;
    bool is_over = false;
    for (size_t i = 0; i < plan->step_count; i++) {
        if (is_over || runner.loop.signo) {
            record_add_step(runner.record, plan->steps[i].name);
            record_finish_step(runner.record, DBK_SKIPPED, "skipped");
            continue;
        }
        run_step(&runner, &plan->steps[i]);
        is_over = (out_outcome->exit_code && !plan->keeps_going) || runner.loop.is_timed_out;
    }
    terminal_give_back(plan->terminal);
    finish_build(&runner);
    for (int i = 0; i < LOOP_STREAM_COUNT; i++) {
        const struct relay *relay = &runner.loop.relays[i];
        out_outcome->is_line_cut |= relay->is_line_begun;
        if (relay->failure)
            message_print("the output could not be passed on: %s", strerror(relay->failure));
    }
    settle(&runner);
    loop_fini(&runner.loop);
    return 0;
}
