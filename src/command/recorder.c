/*
 * The way of a record into a store: see recorder.h. Runs on the main thread alone.
 *
 * One operation is outstanding at a time (but for the four parents that do not need each other), so
 * all is stored in the order of `enum part`, and an error stops what would follow it.
 */
#include "recorder.h"

#include "clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An operation that was not begun by then is given up, and tried again. Less than what the
 * caller waits for at the end, so that it is the library that says what is wrong. */
#define OPERATION_TIMEOUT_MS 4000

/* What a running step printed is stored after 10 s, and from then on each time that it has run
 * for a tenth longer, at least every 5 minutes: a crash loses little, and a long chatty step
 * costs little. */
#define LOG_INTERVAL_MIN_MS 10000
#define LOG_INTERVAL_MAX_MS 300000

#define RETRY_MIN_MS 100
#define RETRY_MAX_MS 2000

/* What may be to do, in the order in which it is done. */
enum part {
    PART_NONE,
    PART_PARENTS,
    PART_BUILDSET,
    PART_BUILDREQUEST,
    PART_BUILD,
    PART_PROPERTIES,
    PART_STEP,
    PART_STEP_START,
    PART_STEP_LOG,
    PART_STEP_STATE,
    PART_STEP_FINISH,
    PART_BUILD_STATE,
    PART_BUILD_FINISH,
};

void recorder_init(struct recorder *recorder, struct record *record)
{
    *recorder = (struct recorder){.record = record, .buildid = DBK_NONE, .number = DBK_NONE};
    recorder->call = (struct dbk_call)DBK_CALL_INIT;
    recorder->call.timeout_ms = OPERATION_TIMEOUT_MS;
    recorder->call.out_refusal = &recorder->refusal;
    for (size_t i = 0; i < RECORDER_ID_COUNT; i++)
        recorder->ids[i] = (struct recorder_slot){recorder, DBK_NONE};
    recorder->are_properties_stored = !record->plan->property_count;
}

int64_t recorder_clock(void *user)
{
    const struct recorder *recorder = user;
    return recorder->at ? recorder->at : clock_now();
}

void recorder_attach(struct recorder *recorder, struct dbk_store *store)
{
    recorder->store = store;
}

void recorder_fail(struct recorder *recorder, const struct dbk_error *error)
{
    recorder->error = *error;
    recorder->is_failed = true;
}

/* Whether anything may still be delivered. */
static bool is_open(const struct recorder *recorder)
{
    return recorder->store && !recorder->is_failed && !recorder->is_closing;
}

/* When the log of a running step is to be stored again; INT64_MAX: never, as it stands. */
static int64_t log_due_ms(const struct recorder *recorder, const struct record_step *step)
{
    if (!recorder->record->plan->log_max || step->started_at == DBK_NONE ||
        step->results != DBK_NONE || step->output.total == step->stored.log_total)
        return INT64_MAX;
    int64_t last = step->stored.log_ms ? step->stored.log_ms : step->begun_ms;
    int64_t interval = (last - step->begun_ms) / 10;
    if (interval < LOG_INTERVAL_MIN_MS)
        interval = LOG_INTERVAL_MIN_MS;
    if (interval > LOG_INTERVAL_MAX_MS)
        interval = LOG_INTERVAL_MAX_MS;
    return last + interval;
}

static enum part step_due(const struct recorder *recorder, const struct record_step *step)
{
    bool has_log = recorder->record->plan->log_max && step->started_at != DBK_NONE;
    if (step->stored.id == DBK_NONE)
        return PART_STEP;
    if (step->started_at != DBK_NONE && !step->stored.is_start)
        return PART_STEP_START;
    if (step->results == DBK_NONE)
        return clock_ms() >= log_due_ms(recorder, step) ? PART_STEP_LOG : PART_NONE;
    if (has_log && !step->stored.is_log)
        return PART_STEP_LOG;
    if (!step->stored.is_state)
        return PART_STEP_STATE;
    return step->stored.is_finish ? PART_NONE : PART_STEP_FINISH;
}

/* What is to be done next; *out_step is the index of the step that it is about. */
static enum part due(const struct recorder *recorder, size_t *out_step)
{
    const struct record *record = recorder->record;
    for (int i = RECORDER_BUILDER; i <= RECORDER_SOURCESTAMP; i++)
        if (recorder->ids[i].id == DBK_NONE)
            return PART_PARENTS;
    if (recorder->ids[RECORDER_BUILDSET].id == DBK_NONE)
        return PART_BUILDSET;
    if (recorder->ids[RECORDER_BUILDREQUEST].id == DBK_NONE)
        return PART_BUILDREQUEST;
    if (recorder->buildid == DBK_NONE)
        return PART_BUILD;
    if (!recorder->are_properties_stored)
        return PART_PROPERTIES;
    for (size_t i = 0; i < record->step_count; i++) {
        enum part part = step_due(recorder, &record->steps[i]);
        *out_step = i;
        if (part != PART_NONE)
            return part;
    }
    if (record->results == DBK_NONE)
        return PART_NONE;
    if (!recorder->is_state_stored)
        return PART_BUILD_STATE;
    return recorder->is_finish_stored ? PART_NONE : PART_BUILD_FINISH;
}

/* Takes note of an error: what may be tried again will be. */
static void note_error(struct recorder *recorder, const struct dbk_error *error)
{
    recorder->error = *error;
    recorder->is_failed = !error->is_retryable || error->outcome != DBK_NOT_DONE;
    recorder->retry_wait_ms = recorder->retry_wait_ms ? 2 * recorder->retry_wait_ms : RETRY_MIN_MS;
    if (recorder->retry_wait_ms > RETRY_MAX_MS)
        recorder->retry_wait_ms = RETRY_MAX_MS;
    recorder->retry_at_ms = clock_ms() + recorder->retry_wait_ms;
}

/* Takes note of an operation's end. Result: whether it went well. */
static bool note_answer(struct recorder *recorder, const struct dbk_error *error)
{
    recorder->pending_count--;
    if (recorder->is_failed) /* the reason that there is already is the one to be told */
        return !error;
    if (error) {
        note_error(recorder, error);
        return false;
    }
    recorder->error.status = DBK_OK;
    recorder->retry_wait_ms = 0;
    return true;
}

static void note_submitted(struct recorder *recorder, int status)
{
    if (status == DBK_OK)
        recorder->pending_count++;
    else if (!recorder->is_failed)
        note_error(recorder, &recorder->refusal);
}

static void id_answered(void *user, const struct dbk_error *error, int64_t id)
{
    struct recorder_slot *slot = user;
    if (note_answer(slot->recorder, error))
        slot->id = id;
}

static void build_answered(void *user, const struct dbk_error *error, int64_t buildid,
                           int64_t number)
{
    struct recorder *recorder = user;
    if (!note_answer(recorder, error))
        return;
    recorder->buildid = buildid;
    recorder->number = number;
}

static void step_answered(void *user, const struct dbk_error *error, int64_t stepid, int64_t number,
                          const char *name)
{
    struct recorder *recorder = user;
    struct record_step *step = recorder->record->steps;
    (void)number;
    if (!note_answer(recorder, error))
        return;
    while (step->stored.id != DBK_NONE)
        step++;
    step->stored.id = stepid;
    step->stored.name = strdup(name);
}

static void done_answered(void *user, const struct dbk_error *error)
{
    struct recorder *recorder = user;
    if (note_answer(recorder, error))
        *recorder->pending_flag = true;
}

static void deliver_parents(struct recorder *recorder)
{
    static const enum recorder_id named[] = {RECORDER_BUILDER, RECORDER_WORKER, RECORDER_MASTER};
    typedef int find_fn(struct dbk_store *, const char *, bool, const struct dbk_call *,
                        dbk_id_fn *, void *);
    static find_fn *const find[] = {dbk_find_builder_id, dbk_find_worker_id, dbk_find_master_id};
    const struct record_plan *plan = recorder->record->plan;
    const char *const names[] = {plan->builder, plan->worker, plan->master};
    struct recorder_slot *slot;
    for (size_t i = 0; i < 3; i++) {
        slot = &recorder->ids[named[i]];
        if (slot->id == DBK_NONE)
            note_submitted(recorder, find[i](recorder->store, names[i], true, &recorder->call,
                                             id_answered, slot));
    }
    struct dbk_sourcestamp_key key = DBK_SOURCESTAMP_KEY_INIT;
    key.repository = plan->repository;
    key.branch = plan->branch;
    key.revision = plan->revision;
    slot = &recorder->ids[RECORDER_SOURCESTAMP];
    if (slot->id == DBK_NONE)
        note_submitted(recorder, dbk_find_sourcestamp_id(recorder->store, &key, true,
                                                         &recorder->call, id_answered, slot));
}

static int deliver_buildset(struct recorder *recorder)
{
    struct dbk_new_buildset buildset = DBK_NEW_BUILDSET_INIT;
    buildset.reason = RECORD_SOURCE;
    buildset.sourcestampids = &recorder->ids[RECORDER_SOURCESTAMP].id;
    buildset.sourcestamp_count = 1;
    return dbk_add_buildset(recorder->store, &buildset, &recorder->call, id_answered,
                            &recorder->ids[RECORDER_BUILDSET]);
}

/* Sends what a step printed until now. */
static int deliver_log(struct recorder *recorder, struct record_step *step)
{
    char name[RECORD_STATE_SIZE];
    size_t len = 0;
    char *log = step->stored.name ? capture_copy(&step->output, &len) : NULL;
    if (!log) {
        recorder->refusal = (struct dbk_error){.status = DBK_NO_MEMORY,
                                               .message = "out of memory for what a step printed"};
        return DBK_NO_MEMORY;
    }
    bool is_whole = step->results != DBK_NONE;
    recorder->pending_flag = is_whole ? &step->stored.is_log : &recorder->is_part_stored;
    step->stored.log_total = step->output.total;
    step->stored.log_ms = clock_ms();
    snprintf(name, sizeof(name), "log/%s", step->stored.name);
    int status = dbk_set_build_data(recorder->store, recorder->buildid, name, log, len,
                                    RECORD_SOURCE, &recorder->call, done_answered, recorder);
    free(log);
    return status;
}

/* Submits what a step needs. What comes late has the time when it happened. */
static int deliver_step(struct recorder *recorder, enum part part, struct record_step *step)
{
    struct dbk_store *store = recorder->store;
    const struct dbk_call *call = &recorder->call;
    bool is_finished = step->results != DBK_NONE;
    recorder->at = is_finished ? step->complete_at : 0;
    switch (part) {
    case PART_STEP:
        step->stored.is_state = is_finished;
        return dbk_add_step(store, recorder->buildid, step->name, step->state, call, step_answered,
                            recorder);
    case PART_STEP_START:
        recorder->pending_flag = &step->stored.is_start;
        return dbk_start_step(store, step->stored.id, step->started_at, true, call, done_answered,
                              recorder);
    case PART_STEP_LOG:
        return deliver_log(recorder, step);
    case PART_STEP_STATE:
        capture_fini(&step->output); /* it is in the store */
        recorder->pending_flag = &step->stored.is_state;
        return dbk_set_step_state_string(store, step->stored.id, step->state, call, done_answered,
                                         recorder);
    default:
        recorder->pending_flag = &step->stored.is_finish;
        return dbk_finish_step(store, step->stored.id, step->results, false, call, done_answered,
                               recorder);
    }
}

static int deliver_build(struct recorder *recorder, enum part part)
{
    struct dbk_store *store = recorder->store;
    const struct record *record = recorder->record;
    const struct dbk_call *call = &recorder->call;
    struct recorder_slot *ids = recorder->ids;
    recorder->at = part >= PART_BUILD_STATE ? record->complete_at : record->started_at;
    switch (part) {
    case PART_BUILDSET:
        return deliver_buildset(recorder);
    case PART_BUILDREQUEST:
        return dbk_add_buildrequest(store, ids[RECORDER_BUILDSET].id, ids[RECORDER_BUILDER].id, 0,
                                    false, call, id_answered, &ids[RECORDER_BUILDREQUEST]);
    case PART_BUILD:
        return dbk_add_build(store, ids[RECORDER_BUILDER].id, ids[RECORDER_BUILDREQUEST].id,
                             ids[RECORDER_WORKER].id, ids[RECORDER_MASTER].id, "running", call,
                             build_answered, recorder);
    case PART_PROPERTIES:
        recorder->pending_flag = &recorder->are_properties_stored;
        return dbk_set_build_properties(store, recorder->buildid, record->plan->properties,
                                        record->plan->property_count, call, done_answered,
                                        recorder);
    case PART_BUILD_STATE:
        recorder->pending_flag = &recorder->is_state_stored;
        return dbk_set_build_state_string(store, recorder->buildid, record->state, call,
                                          done_answered, recorder);
    default:
        recorder->pending_flag = &recorder->is_finish_stored;
        return dbk_finish_build(store, recorder->buildid, record->results, call, done_answered,
                                recorder);
    }
}

void recorder_work(struct recorder *recorder)
{
    size_t step = 0;
    if (recorder->store)
        dbk_dispatch(recorder->store);
    if (!is_open(recorder) || recorder->pending_count)
        return;
    if (recorder->retry_wait_ms && clock_ms() < recorder->retry_at_ms)
        return;
    enum part part = due(recorder, &step);
    if (part == PART_PARENTS) {
        recorder->at = recorder->record->started_at;
        deliver_parents(recorder);
    } else if (part >= PART_STEP && part <= PART_STEP_FINISH) {
        note_submitted(recorder, deliver_step(recorder, part, &recorder->record->steps[step]));
    } else if (part != PART_NONE) {
        note_submitted(recorder, deliver_build(recorder, part));
    }
    recorder->at = 0;
}

int recorder_fd(const struct recorder *recorder)
{
    return recorder->store ? dbk_fd(recorder->store) : -1;
}

int recorder_timeout_ms(const struct recorder *recorder)
{
    const struct record *record = recorder->record;
    int64_t at = INT64_MAX, now = clock_ms();
    if (!is_open(recorder) || recorder->pending_count)
        return -1;
    if (recorder->retry_wait_ms)
        at = recorder->retry_at_ms;
    else if (record->step_count)
        at = log_due_ms(recorder, &record->steps[record->step_count - 1]);
    if (at == INT64_MAX)
        return -1;
    return at > now ? (int)(at - now) : 0;
}

bool recorder_is_settled(const struct recorder *recorder)
{
    size_t step;
    if (!is_open(recorder))
        return true;
    return !recorder->pending_count && due(recorder, &step) == PART_NONE;
}

void recorder_give_up(struct recorder *recorder)
{
    if (recorder_is_settled(recorder))
        return;
    if (recorder->error.status == DBK_OK)
        recorder->error = (struct dbk_error){.status = DBK_TIMEOUT,
                                             .message = "the database did not answer in time"};
    recorder->is_failed = true;
}

static void closed(void *user, const struct dbk_error *error)
{
    struct recorder *recorder = user;
    (void)error;
    recorder->store = NULL;
}

void recorder_close(struct recorder *recorder)
{
    if (recorder->store && !recorder->is_closing)
        dbk_close(recorder->store, closed, recorder);
    recorder->is_closing = true;
}
