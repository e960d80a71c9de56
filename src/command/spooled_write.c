/*
 * Writing a run down for the spool: see spooled.h. Nothing here ends the program: what is wrong is
 * told to the caller, whose run goes on.
 */
#include "spooled.h"

#include "../share/json_writer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT 1

/* A job whose database is gone for months must not fill the disk of the home directory. */
#define OUTPUT_MAX (256 << 20)
#define NOT_KEPT "[daybook kept no output: the runs that wait to be recorded have 256 MiB of it]\n"

/* What KEY.json is made from. */
struct writing {
    const struct record *record;
    const char *db;
    struct spooled_range {
        int64_t offset, len;
    } * outputs; /* of the steps, in KEY.out */
};

static void write_properties(struct json_writer *json, const struct record_plan *plan)
{
    json_name(json, "properties");
    json_begin_array(json);
    for (size_t i = 0; i < plan->property_count; i++) {
        json_begin_object(json);
        json_member_text(json, "name", plan->properties[i].name);
        json_member_text(json, "value", plan->properties[i].value);
        json_end_object(json);
    }
    json_end_array(json);
}

/* What is known when the run begins. */
static void write_start(struct json_writer *json, const struct record *record, const char *db)
{
    const struct record_plan *plan = record->plan;
    struct identity identity;
    identity_init(&identity);
    json_member_number(json, "format", FORMAT);
    json_member_text(json, "key", plan->key);
    json_member_text(json, "db", db);
    json_member_text(json, "host", identity.host);
    json_member_text(json, "boot_id", identity.boot_id);
    json_member_number(json, "pid", identity.pid);
    json_member_number(json, "pid_started", identity.pid_started);
    json_member_text(json, "builder", plan->builder);
    json_member_text(json, "worker", plan->worker);
    json_member_text(json, "master", plan->master);
    json_member_text(json, "repository", plan->repository);
    json_member_text(json, "branch", plan->branch);
    json_member_text(json, "revision", plan->revision);
    json_member_number(json, "started_at", record->started_at);
    write_properties(json, plan);
}

static void write_end(struct json_writer *json, const struct record *record)
{
    json_member_number(json, "complete_at", record->complete_at);
    json_member_number(json, "results", record->results);
    json_member_text(json, "state", record->state);
}

static void write_step(struct json_writer *json, const struct record_step *step,
                       const struct spooled_range *output)
{
    json_begin_object(json);
    json_member_text(json, "name", step->name);
    json_member_number(json, "started_at", step->started_at);
    json_member_number(json, "complete_at", step->complete_at);
    json_member_number(json, "results", step->results);
    json_member_text(json, "state", step->state);
    json_member_number(json, "output_offset", output->offset);
    json_member_number(json, "output_length", output->len);
    json_end_object(json);
}

static int write_record(void *user, FILE *file)
{
    const struct writing *writing = user;
    const struct record *record = writing->record;
    struct json_writer json;
    json_init(&json, file);
    json_begin_object(&json);
    write_start(&json, record, writing->db);
    if (record->buildid != DBK_NONE)
        json_member_number(&json, "buildid", record->buildid);
    write_end(&json, record);
    json_member_number(&json, "log_max", (int64_t)record->plan->log_max);
    json_name(&json, "steps");
    json_begin_lines(&json);
    for (size_t i = 0; i < record->step_count; i++)
        write_step(&json, &record->steps[i], &writing->outputs[i]);
    json_end_array(&json);
    json_end_object(&json);
    json_finish(&json);
    return 0;
}

/* Writes what the steps printed one after the other, and takes note of where. */
static int write_outputs(void *user, FILE *file)
{
    struct writing *writing = user;
    const struct record *record = writing->record;
    bool is_full = spool_output_size() >= OUTPUT_MAX;
    int64_t offset = 0;
    for (size_t i = 0; i < record->step_count; i++) {
        size_t len = 0;
        char *output = capture_copy(&record->steps[i].output, &len);
        if (!output)
            return ENOMEM;
        if (is_full)
            len = strlen(NOT_KEPT);
        bool is_written = fwrite(is_full ? NOT_KEPT : output, 1, len, file) == len;
        free(output);
        if (!is_written)
            return errno;
        writing->outputs[i] = (struct spooled_range){offset, (int64_t)len};
        offset += (int64_t)len;
    }
    return 0;
}

/* A line of members, made by `fill` within one object. Result: yours, free(); NULL: no memory. */
static char *make_line(void (*fill)(struct json_writer *json, const void *user), const void *user,
                       size_t *out_len)
{
    char *line = NULL;
    struct json_writer json;
    FILE *file = open_memstream(&line, out_len);
    if (!file)
        return NULL;
    json_init(&json, file);
    json_begin_object(&json);
    fill(&json, user);
    json_end_object(&json);
    json_finish(&json);
    if (!fclose(file))
        return line;
    free(line);
    return NULL;
}

static void fill_start(struct json_writer *json, const void *user)
{
    const struct writing *writing = user;
    write_start(json, writing->record, writing->db);
}

static void fill_build(struct json_writer *json, const void *user)
{
    json_member_number(json, "buildid", *(const int64_t *)user);
}

static void fill_end(struct json_writer *json, const void *user)
{
    write_end(json, user);
}

int spooled_begin(struct spool_entry *entry, const struct record *record, const char *db)
{
    const struct writing writing = {.record = record, .db = db};
    size_t len;
    char *line = make_line(fill_start, &writing, &len);
    if (!line)
        return ENOMEM;
    int error = spool_begin(entry, record->plan->key, line, len);
    free(line);
    return error;
}

void spooled_note_build(const struct spool_entry *entry, int64_t buildid)
{
    size_t len;
    char *line = make_line(fill_build, &buildid, &len);
    /* Without it the build is found by its operation key. */
    if (line)
        spool_note(entry, line, len);
    free(line);
}

int spooled_keep(const struct spool_entry *entry, const struct record *record, const char *db)
{
    size_t len;
    struct writing writing = {.record = record, .db = db};
    writing.outputs = calloc(record->step_count + 1, sizeof(*writing.outputs));
    if (!writing.outputs)
        return ENOMEM;
    int error = spool_write(entry, "out", write_outputs, &writing);
    if (!error)
        error = spool_write(entry, "json", write_record, &writing);
    free(writing.outputs);
    /* On a full disk there may be room for a line in the block that KEY.run has already. */
    char *line = error ? make_line(fill_end, record, &len) : NULL;
    if (line)
        spool_note(entry, line, len);
    free(line);
    return error;
}
