/*
 * The record of one run: see record.h.
 */
#include "record.h"

#include "clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void record_init(struct record *record, const struct record_plan *plan)
{
    *record = (struct record){.plan = plan,
                              .started_at = clock_now(),
                              .complete_at = DBK_NONE,
                              .results = DBK_NONE,
                              .output_fd = -1,
                              .buildid = DBK_NONE};
    record->steps = calloc(plan->step_max, sizeof(*record->steps));
    record->is_cut = !record->steps;
}

void record_fini(struct record *record)
{
    for (size_t i = 0; i < record->step_count; i++) {
        free(record->steps[i].name);
        free(record->steps[i].stored.name);
        capture_fini(&record->steps[i].output);
    }
    free(record->steps);
    record->steps = NULL;
    record->step_count = 0;
}

/* The step that runs; NULL when memory was too short to add it. */
static struct record_step *last_step(struct record *record)
{
    if (record->is_cut || !record->step_count)
        return NULL;
    return &record->steps[record->step_count - 1];
}

void record_add_step(struct record *record, const char *name)
{
    if (record->is_cut || record->step_count == record->plan->step_max)
        return;
    char *copy = strdup(name);
    if (!copy) {
        record->is_cut = true;
        return;
    }
    struct record_step *step = &record->steps[record->step_count++];
    *step = (struct record_step){.name = copy,
                                 .started_at = DBK_NONE,
                                 .complete_at = DBK_NONE,
                                 .results = DBK_NONE,
                                 .state = "running",
                                 .stored.id = DBK_NONE};
    capture_init(&step->output, record->plan->log_max, record->plan->is_terminal);
}

void record_start_step(struct record *record)
{
    struct record_step *step = last_step(record);
    if (!step)
        return;
    step->started_at = clock_now();
    step->begun_ms = clock_ms();
}

void record_add_output(struct record *record, const char *bytes, size_t len)
{
    struct record_step *step = last_step(record);
    if (step)
        capture_add(&step->output, bytes, len);
}

void record_finish_step(struct record *record, int64_t results, const char *state)
{
    struct record_step *step = last_step(record);
    if (!step)
        return;
    step->complete_at = clock_now();
    step->results = results;
    snprintf(step->state, sizeof(step->state), "%s", state);
}

void record_finish(struct record *record, int64_t results, const char *state)
{
    record->complete_at = clock_now();
    record->results = results;
    snprintf(record->state, sizeof(record->state), "%s", state);
}
