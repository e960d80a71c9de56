/*
 * Reading what the spool holds of a run: see spooled.h. What stands there is believed no more than any
 * other input: members that are missing or of another kind make it damaged.
 */
#include "spooled.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FORMAT 1
#define STEPS_MAX 10000
#define LOST_STATE "lost: daybook run was killed"
#define LOST_BOOT_STATE "lost: the machine was started again while it ran"

/* Reads lines of objects into one; a last one that is cut off does not count. NULL: there is none, and
 * errno says why. */
static json_t *load(int fd)
{
    json_error_t error;
    FILE *file = fdopen(fd, "r");
    if (!file) {
        close(fd);
        errno = ENOMEM;
        return NULL;
    }
    json_t *root = json_loadf(file, JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES, &error);
    for (json_t *more = root; more;) {
        more = json_loadf(file, JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES, &error);
        if (more)
            json_object_update(root, more);
        json_decref(more);
    }
    int reason = ferror(file) ? EIO : EBADMSG;
    fclose(file);
    if (root && !json_is_object(root)) {
        json_decref(root);
        root = NULL;
    }
    errno = reason;
    return root;
}

/* A text; NULL when it is missing. */
static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

/* A number; DBK_NONE when it is missing. */
static int64_t number_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return json_is_integer(value) ? json_integer_value(value) : DBK_NONE;
}

static void copy_text(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text ? text : "");
}

static bool read_properties(struct spooled *spooled)
{
    const json_t *list = json_object_get(spooled->root, "properties");
    size_t count = json_array_size(list);
    struct dbk_new_property *properties = calloc(count + 1, sizeof(*properties));
    spooled->plan.properties = properties;
    for (size_t i = 0; properties && i < count; i++) {
        const json_t *item = json_array_get(list, i);
        properties[i] =
            (struct dbk_new_property){text_of(item, "name"), text_of(item, "value"), RECORD_SOURCE};
        if (!properties[i].name || !properties[i].value)
            return false;
    }
    spooled->plan.property_count = properties ? count : 0;
    return json_is_array(list) && properties;
}

static bool read_identity(struct spooled *spooled)
{
    struct identity *identity = &spooled->identity;
    copy_text(identity->host, sizeof(identity->host), text_of(spooled->root, "host"));
    copy_text(identity->boot_id, sizeof(identity->boot_id), text_of(spooled->root, "boot_id"));
    identity->pid = number_of(spooled->root, "pid");
    identity->pid_started = number_of(spooled->root, "pid_started");
    return *identity->host && identity->pid > 0;
}

static bool read_start(struct spooled *spooled)
{
    const json_t *root = spooled->root;
    struct record_plan *plan = &spooled->plan;
    spooled->db = text_of(root, "db");
    spooled->record.buildid = number_of(root, "buildid");
    plan->key = text_of(root, "key");
    plan->builder = text_of(root, "builder");
    plan->worker = text_of(root, "worker");
    plan->master = text_of(root, "master");
    plan->repository = text_of(root, "repository");
    plan->branch = text_of(root, "branch");
    plan->revision = text_of(root, "revision");
    spooled->record.started_at = number_of(root, "started_at");
    return number_of(root, "format") == FORMAT && spooled->db && plan->key && plan->builder &&
           plan->worker && plan->master && spooled->record.started_at != DBK_NONE &&
           read_identity(spooled) && read_properties(spooled);
}

static bool is_result(int64_t results)
{
    return results >= DBK_SUCCESS && results <= DBK_RESULT_CANCELLED;
}

static bool read_step(struct record *record, const json_t *item)
{
    struct record_step *step = &record->steps[record->step_count++];
    const char *name = text_of(item, "name");
    *step = (struct record_step){.started_at = number_of(item, "started_at"),
                                 .complete_at = number_of(item, "complete_at"),
                                 .results = number_of(item, "results"),
                                 .kept_offset = number_of(item, "output_offset"),
                                 .kept_len = number_of(item, "output_length"),
                                 .stored.id = DBK_NONE};
    copy_text(step->state, sizeof(step->state), text_of(item, "state"));
    step->name = name ? strdup(name) : NULL;
    return step->name && is_result(step->results) && step->complete_at != DBK_NONE &&
           step->kept_offset >= 0 && step->kept_len >= 0;
}

static bool read_steps(struct spooled *spooled)
{
    struct record *record = &spooled->record;
    const json_t *list = json_object_get(spooled->root, "steps");
    size_t count = json_array_size(list);
    int64_t log_max = number_of(spooled->root, "log_max");
    if (!json_is_array(list) || count > STEPS_MAX || log_max < 0)
        return false;
    spooled->plan.log_max = (size_t)log_max;
    spooled->plan.step_max = count;
    record->steps = calloc(count + 1, sizeof(*record->steps));
    for (size_t i = 0; record->steps && i < count; i++)
        if (!read_step(record, json_array_get(list, i)))
            return false;
    return record->steps;
}

/* Reads how it ended; of a run that was killed, makes it up. Result: whether it is whole. */
static bool read_end(struct spooled *spooled, const struct spool_entry *entry)
{
    struct record *record = &spooled->record;
    record->results = number_of(spooled->root, "results");
    record->complete_at = number_of(spooled->root, "complete_at");
    copy_text(record->state, sizeof(record->state), text_of(spooled->root, "state"));
    if (record->results != DBK_NONE)
        return is_result(record->results) && record->complete_at != DBK_NONE;
    record->results = DBK_EXCEPTION;
    record->complete_at = spool_last_beat(entry);
    if (record->complete_at < record->started_at)
        record->complete_at = record->started_at;
    copy_text(record->state, sizeof(record->state),
              identity_is_of_earlier_boot(&spooled->identity) ? LOST_BOOT_STATE : LOST_STATE);
    return true;
}

/* Reads one of the two files. Result: 0 or an errno. */
static int read_file(const struct spool_entry *entry, const char *ending, struct spooled *spooled)
{
    bool is_whole = !strcmp(ending, "json");
    *spooled = (struct spooled){0};
    spooled->record = (struct record){
        .plan = &spooled->plan, .output_fd = -1, .buildid = DBK_NONE, .is_lost = !is_whole};
    int fd = spool_read(entry, ending);
    if (fd < 0)
        return errno;
    spooled->root = load(fd);
    if (!spooled->root)
        return errno;
    if (!read_start(spooled) || !read_end(spooled, entry) || (is_whole && !read_steps(spooled)))
        return EBADMSG;
    if (!is_whole)
        return 0;
    spooled->record.output_fd = spool_read(entry, "out");
    return spooled->record.output_fd < 0 ? EBADMSG : 0;
}

int spooled_read(const struct spool_entry *entry, struct spooled *out_spooled, bool *out_is_damaged)
{
    *out_is_damaged = false;
    int error = read_file(entry, "json", out_spooled);
    if (!error)
        return 0;
    spooled_fini(out_spooled);
    if (error == EBADMSG) {
        *out_is_damaged = true;
        spool_set_aside(entry, "json");
        spool_set_aside(entry, "out");
    } else if (error != ENOENT) {
        return error;
    }
    error = read_file(entry, "run", out_spooled);
    if (!error)
        return 0;
    spooled_fini(out_spooled);
    if (error == EBADMSG) {
        *out_is_damaged = true;
        spool_set_aside(entry, "run");
    }
    return error;
}

int spooled_peek(const char *key, struct spooled *out_spooled)
{
    struct spool_entry entry;
    *out_spooled = (struct spooled){.record.output_fd = -1};
    spool_name(&entry, key);
    int error = entry.path ? read_file(&entry, "run", out_spooled) : ENOMEM;
    spool_leave(&entry);
    return error;
}

void spooled_fini(struct spooled *spooled)
{
    record_fini(&spooled->record);
    if (spooled->record.output_fd >= 0)
        close(spooled->record.output_fd);
    free((void *)spooled->plan.properties);
    json_decref(spooled->root);
    *spooled = (struct spooled){.record.output_fd = -1};
}
