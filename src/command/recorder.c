/*
 * The way of a record into a store: see recorder.h. Runs on the main thread alone.
 *
 * One operation is outstanding at a time, so all is stored in the order of `enum part`, and an error
 * stops what would follow it. The build is finished last: one that is finished has all of it. Whatever
 * a part does, doing it again changes nothing; so another process may go on where this one stopped.
 */
#include "recorder.h"

#include "clock.h"
#include "spooled.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An operation that was not begun by then is given up, and tried again. Less than what the
 * caller waits for at the end, so that it is the library that says what is wrong. */
#define OPERATION_TIMEOUT_MS 3000

/* What a running step printed is stored after 10 s, and from then on each time that it has run
 * for a tenth longer, at least every 5 minutes: a crash loses little, and a long chatty step
 * costs little. */
#define LOG_INTERVAL_MIN_MS 10000
#define LOG_INTERVAL_MAX_MS 300000

/* How often a run gives a sign of life: when a run was killed is known to so much. */
#define BEAT_MS 30000

/* Whose operation keys ours are. */
#define KEY_SCOPE "daybook run"

/* For how long a build can be found by its key; a day less than the library says. */
#define KEY_LIFE_S (6 * 86400)

#define RETRY_MIN_MS 100
#define RETRY_MAX_MS 2000

/* What may be to do, in the order in which it is done. */
enum part {
    PART_NONE,
    PART_BUILD,
    PART_CHECK,
    PART_STEPS,
    PART_STEP,
    PART_STEP_START,
    PART_STEP_LOG,
    PART_STEP_STATE,
    PART_STEP_FINISH,
    PART_BUILD_STATE,
    PART_BUILD_FINISH,
};

void recorder_init(struct recorder *recorder, struct record *record, struct spool_entry *entry)
{
    *recorder = (struct recorder){.record = record, .entry = entry, .number = DBK_NONE};
    recorder->call = (struct dbk_call)DBK_CALL_INIT;
    recorder->call.timeout_ms = OPERATION_TIMEOUT_MS;
    recorder->call.out_refusal = &recorder->refusal;
    recorder->beat_at_ms = clock_ms() + BEAT_MS;
}

int64_t recorder_clock(void *user)
{
    const struct recorder *recorder = user;
    return recorder->at ? recorder->at : clock_now();
}

void recorder_await(struct recorder *recorder, struct opening *opening)
{
    recorder->opening = opening;
    recorder->is_awaited = true;
}

void recorder_attach(struct recorder *recorder, struct archive *archive)
{
    recorder->archive = archive;
}

void recorder_resume(struct recorder *recorder)
{
    struct record *record = recorder->record;
    recorder->is_resumed = true;
    /* The key finds the build in the very database that made it; an id may be another's in another one. */
    if (record->started_at > clock_now() - KEY_LIFE_S)
        record->buildid = DBK_NONE;
}

void recorder_detach(struct recorder *recorder)
{
    recorder->archive = NULL;
}

void recorder_fail(struct recorder *recorder, const struct dbk_error *error)
{
    recorder->error = *error;
    recorder->is_failed = true;
}

/* Whether anything may still be delivered. */
static bool is_open(const struct recorder *recorder)
{
    return recorder->archive && !recorder->is_failed && !recorder->is_closing;
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
    if (record->buildid == DBK_NONE)
        return PART_BUILD;
    if (recorder->is_resumed && !recorder->is_checked)
        return PART_CHECK;
    if (recorder->is_resumed && !recorder->are_steps_known && !recorder->is_finish_stored)
        return PART_STEPS;
    for (size_t i = 0; i < record->step_count && !recorder->is_finish_stored; i++) {
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

static void build_answered(void *user, const struct dbk_error *error, int64_t buildid,
                           int64_t number)
{
    struct recorder *recorder = user;
    if (!note_answer(recorder, error))
        return;
    recorder->record->buildid = buildid;
    recorder->number = number;
    if (recorder->entry)
        spooled_note_build(recorder->entry, buildid);
}

/* The build that another process added, or one that has its id in another database by now. */
static void check_answered(void *user, const struct dbk_error *error, const struct dbk_build *build)
{
    struct recorder *recorder = user;
    struct record *record = recorder->record;
    if (!note_answer(recorder, error))
        return;
    if (build && build->started_at == record->started_at) {
        recorder->is_checked = true;
        recorder->number = build->number;
        /* The build is finished last of all. */
        if (build->results != DBK_NONE)
            recorder->is_state_stored = recorder->is_finish_stored = true;
    } else if (recorder->number == DBK_NONE) {
        record->buildid = DBK_NONE;
    } else {
        recorder->error = (struct dbk_error){
            .status = DBK_NOT_FOUND, .message = "the build was recorded, and deleted since"};
        recorder->is_failed = true;
    }
}

/* Takes note of a step that the store has. Of a run that nobody saw the end of, it is all that is
 * known: a step that is open there ended with the run. */
static void note_step(struct record *record, const struct dbk_step *stored)
{
    if (record->is_lost && stored->complete_at == DBK_NONE) {
        struct record_step *step = &record->steps[record->step_count++];
        *step = (struct record_step){.name = strdup(text_or_empty(stored->name)),
                                     .started_at = stored->started_at,
                                     .complete_at = record->complete_at,
                                     .results = DBK_EXCEPTION,
                                     .state = "lost",
                                     .stored = {.id = stored->id, .is_log = true}};
        step->stored.is_start = true;
    }
    if (!record->is_lost && stored->number >= 0 && stored->number < (int64_t)record->step_count) {
        struct record_step *step = &record->steps[stored->number];
        free(step->stored.name);
        step->stored.name = strdup(text_or_empty(stored->name));
        step->stored.id = stored->id;
    }
}

static void steps_answered(void *user, const struct dbk_error *error,
                           const struct dbk_step *const *steps, const struct dbk_page *page)
{
    struct recorder *recorder = user;
    struct record *record = recorder->record;
    if (!note_answer(recorder, error))
        return;
    if (record->is_lost)
        record->steps = calloc(page->count + 1, sizeof(*record->steps));
    for (size_t i = 0; record->steps && i < page->count; i++)
        note_step(record, steps[i]);
    recorder->are_steps_known = true;
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

/* Adds the build as it is at the start. The key makes one build of it, however often it is sent; so
 * nothing that changes while it runs may be in it. */
static int deliver_start(struct recorder *recorder)
{
    const struct record *record = recorder->record;
    const struct record_plan *plan = record->plan;
    struct dbk_call call = recorder->call;
    struct dbk_sourcestamp_key source = DBK_SOURCESTAMP_KEY_INIT;
    const struct dbk_sourcestamp_key *sources[] = {&source};
    struct dbk_new_build build = DBK_NEW_BUILD_INIT;
    source.repository = plan->repository;
    source.branch = plan->branch;
    source.revision = plan->revision;
    build.builder = plan->builder;
    build.worker = plan->worker;
    build.master = plan->master;
    build.reason = RECORD_SOURCE;
    build.sourcestamps = sources;
    build.sourcestamp_count = 1;
    build.state_string = "running";
    build.started_at = record->started_at;
    build.properties = plan->properties;
    build.property_count = plan->property_count;
    call.scope = KEY_SCOPE;
    call.key = plan->key;
    return archive_record_build(recorder->archive, &build, &call, build_answered, recorder);
}

/* Sends what a step printed until now. */
static int deliver_log(struct recorder *recorder, struct record_step *step)
{
    const struct record *record = recorder->record;
    char name[RECORD_STATE_SIZE];
    size_t len = 0;
    snprintf(name, sizeof(name), "log/%s", text_or_empty(step->stored.name));
    if (record->output_fd >= 0 && step->stored.name) {
        recorder->pending_flag = &step->stored.is_log;
        return archive_set_build_data_from_fd(
            recorder->archive, record->buildid, name, record->output_fd, step->kept_offset,
            step->kept_len, RECORD_SOURCE, &recorder->call, done_answered, recorder);
    }
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
    int status = archive_set_build_data(recorder->archive, record->buildid, name, log, len,
                                        RECORD_SOURCE, &recorder->call, done_answered, recorder);
    free(log);
    return status;
}

/* Submits what a step needs. What comes late has the time when it happened. */
static int deliver_step(struct recorder *recorder, enum part part, struct record_step *step)
{
    const struct archive *archive = recorder->archive;
    const struct dbk_call *call = &recorder->call;
    bool is_finished = step->results != DBK_NONE;
    recorder->at = is_finished ? step->complete_at : 0;
    switch (part) {
    case PART_STEP:
        step->stored.is_state = is_finished;
        return archive_add_step(archive, recorder->record->buildid, step->name, step->state, call,
                                step_answered, recorder);
    case PART_STEP_START:
        recorder->pending_flag = &step->stored.is_start;
        return archive_start_step(archive, step->stored.id, step->started_at, true, call,
                                  done_answered, recorder);
    case PART_STEP_LOG:
        return deliver_log(recorder, step);
    case PART_STEP_STATE:
        recorder->pending_flag = &step->stored.is_state;
        return archive_set_step_state_string(archive, step->stored.id, step->state, call,
                                             done_answered, recorder);
    default:
        recorder->pending_flag = &step->stored.is_finish;
        return archive_finish_step(archive, step->stored.id, step->results, false, call,
                                   done_answered, recorder);
    }
}

static int deliver_build(struct recorder *recorder, enum part part)
{
    const struct archive *archive = recorder->archive;
    const struct record *record = recorder->record;
    const struct dbk_call *call = &recorder->call;
    recorder->at = part >= PART_BUILD_STATE ? record->complete_at : record->started_at;
    switch (part) {
    case PART_BUILD:
        return deliver_start(recorder);
    case PART_CHECK:
        return archive_get_build(archive, record->buildid, call, check_answered, recorder);
    case PART_STEPS:
        return archive_get_steps(archive, record->buildid, NULL, call, steps_answered, recorder);
    case PART_BUILD_STATE:
        recorder->pending_flag = &recorder->is_state_stored;
        return archive_set_build_state_string(archive, record->buildid, record->state, call,
                                              done_answered, recorder);
    default:
        recorder->pending_flag = &recorder->is_finish_stored;
        return archive_finish_build(archive, record->buildid, record->results, call, done_answered,
                                    recorder);
    }
}

/* Takes the store over once it is open. */
static void take_store(struct recorder *recorder)
{
    struct dbk_error error;
    struct archive *archive;
    if (!recorder->opening || !opening_take(recorder->opening, &archive, &error))
        return;
    recorder->is_awaited = false;
    recorder->archive = archive;
    recorder->is_own = archive && archive_info(archive)->is_own;
    if (archive && !recorder->is_own) {
        error.status = DBK_UNSUPPORTED;
        snprintf(
            error.message, sizeof(error.message),
            "this is a Buildbot database, where nothing is added; make one of daybook's own with "
            "`daybook init FILE`, and name it with --db or DAYBOOK_DB");
    }
    if (error.status != DBK_OK && !recorder->is_failed)
        recorder_fail(recorder, &error);
}

static void give_sign_of_life(struct recorder *recorder)
{
    if (!recorder->entry || clock_ms() < recorder->beat_at_ms)
        return;
    spool_beat(recorder->entry);
    recorder->beat_at_ms = clock_ms() + BEAT_MS;
}

void recorder_work(struct recorder *recorder)
{
    size_t step = 0;
    take_store(recorder);
    give_sign_of_life(recorder);
    if (recorder->archive)
        archive_dispatch(recorder->archive);
    if (!is_open(recorder) || recorder->pending_count)
        return;
    if (recorder->retry_wait_ms && clock_ms() < recorder->retry_at_ms)
        return;
    enum part part = due(recorder, &step);
    if (part >= PART_STEP && part <= PART_STEP_FINISH)
        note_submitted(recorder, deliver_step(recorder, part, &recorder->record->steps[step]));
    else if (part != PART_NONE)
        note_submitted(recorder, deliver_build(recorder, part));
    recorder->at = 0;
}

int recorder_fd(const struct recorder *recorder)
{
    if (recorder->archive)
        return archive_fd(recorder->archive);
    return recorder->opening ? opening_fd(recorder->opening) : -1;
}

int recorder_timeout_ms(const struct recorder *recorder)
{
    const struct record *record = recorder->record;
    int64_t at = recorder->entry ? recorder->beat_at_ms : INT64_MAX, due_at = INT64_MAX;
    int64_t now = clock_ms();
    if (is_open(recorder) && !recorder->pending_count) {
        if (recorder->retry_wait_ms)
            due_at = recorder->retry_at_ms;
        else if (record->step_count)
            due_at = log_due_ms(recorder, &record->steps[record->step_count - 1]);
    }
    if (due_at < at)
        at = due_at;
    if (at == INT64_MAX)
        return -1;
    return at > now ? (int)(at - now) : 0;
}

bool recorder_is_settled(const struct recorder *recorder)
{
    size_t step;
    if (recorder->is_awaited && !recorder->is_failed)
        return false;
    if (!is_open(recorder))
        return true;
    return !recorder->pending_count && due(recorder, &step) == PART_NONE;
}

bool recorder_is_whole(const struct recorder *recorder)
{
    return recorder->record->results != DBK_NONE && recorder->is_finish_stored;
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
    recorder->archive = NULL;
}

void recorder_close(struct recorder *recorder)
{
    if (recorder->archive && !recorder->is_closing)
        archive_close(recorder->archive, closed, recorder);
    recorder->is_closing = true;
}
