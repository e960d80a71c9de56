/*
 * Delivering the spool: see backlog.h.
 *
 * Whoever holds the lock of a record delivers it; others pass it over. Who is killed there leaves a
 * record that is in its database in part: the recorder of the next one finds the build by its operation
 * key or its id, and goes on.
 */
#include "backlog.h"

#include "clock.h"
#include "db_name.h"
#include "recorder.h"
#include "spooled.h"
#include "store_open.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How long one record may take. */
#define RECORD_MAX_MS 60000

struct backlog {
    const struct backlog_plan *plan;
    char *wanted;             /* the file that plan->db names; NULL: all */
    struct recorder recorder; /* also the clock of the store */
    struct archive archive;   /* the last one that was opened */
    bool is_open;             /* it still is */
    char *file;               /* which it is, or the one that failed */
    struct dbk_error error;   /* then: why */
    enum dbk_status status;   /* the first that went wrong */
};

static void tell(struct backlog *backlog, enum backlog_kind kind, const struct spool_entry *entry,
                 const struct spooled *spooled, const struct dbk_error *error)
{
    struct backlog_event event = {.kind = kind,
                                  .path = entry->path,
                                  .number = DBK_NONE,
                                  .results = DBK_NONE,
                                  .started_at = DBK_NONE,
                                  .error = error};
    if (spooled && spooled->root) {
        event.db = spooled->db;
        event.builder = spooled->plan.builder;
        event.number = kind == BACKLOG_RECORDED ? backlog->recorder.number : DBK_NONE;
        event.results = spooled->record.results;
        event.started_at = spooled->record.started_at;
        event.is_lost = spooled->record.is_lost;
    }
    if (error && backlog->status == DBK_OK)
        backlog->status = error->status;
    backlog->plan->told(backlog->plan->user, &event);
}

static void tell_errno(struct backlog *backlog, const struct spool_entry *entry, int reason)
{
    struct dbk_error error = {.status = DBK_DENIED};
    snprintf(error.message, sizeof(error.message), "cannot be read: %s", strerror(reason));
    tell(backlog, BACKLOG_UNREAD, entry, NULL, &error);
}

static void close_store(struct backlog *backlog)
{
    recorder_detach(&backlog->recorder);
    if (backlog->is_open)
        archive_close_wait(&backlog->archive);
    free(backlog->file);
    backlog->is_open = false;
    backlog->file = NULL;
}

/* Opens the database that a record belongs to, unless it is open. Takes file over. Result: whether there is
 * one; else backlog->error. */
static bool open_store(struct backlog *backlog, const char *url, char *file)
{
    struct dbk_options options = DBK_OPTIONS_INIT;
    if (backlog->file && !strcmp(backlog->file, file)) {
        free(file);
        return backlog->is_open;
    }
    close_store(backlog);
    backlog->file = file;
    options.reader_count = 1;
    options.clock = recorder_clock;
    options.clock_user = &backlog->recorder;
    backlog->is_open = !store_try_open_archive(url, STORE_CREATED, &options, &backlog->archive,
                                               NULL, &backlog->error);
    if (backlog->is_open && !archive_info(&backlog->archive)->is_own) {
        backlog->error =
            (struct dbk_error){.status = DBK_UNSUPPORTED,
                               .message = "it is a Buildbot database, where nothing is added"};
        archive_close_wait(&backlog->archive);
        backlog->is_open = false;
    }
    return backlog->is_open;
}

/* Whether an error will come again, whatever becomes of the database. */
static bool is_final(const struct dbk_error *error)
{
    return error->status == DBK_INVALID || error->status == DBK_NOT_FOUND ||
           error->status == DBK_CONFLICT || error->status == DBK_TOO_LARGE;
}

/* Brings a record into the open store. Result: whether it is there. */
static bool deliver_record(struct backlog *backlog, struct spool_entry *entry,
                           struct spooled *spooled)
{
    struct recorder *recorder = &backlog->recorder;
    int64_t end_ms = clock_ms() + RECORD_MAX_MS;
    recorder_init(recorder, &spooled->record, entry);
    recorder_resume(recorder);
    recorder_attach(recorder, &backlog->archive);
    for (recorder_work(recorder); !recorder_is_settled(recorder); recorder_work(recorder)) {
        struct pollfd news = {recorder_fd(recorder), POLLIN, 0};
        int64_t left = end_ms - clock_ms();
        int wait_ms = recorder_timeout_ms(recorder);
        if (left <= 0)
            recorder_give_up(recorder);
        else
            poll(&news, 1, wait_ms < 0 || wait_ms > left ? (int)left : wait_ms);
    }
    if (!recorder->is_failed)
        return true;
    /* What is outstanding still knows the record. The database that did not do now will not in a moment. */
    struct dbk_error error = recorder->error;
    char *file = is_final(&error) ? NULL : strdup(backlog->file);
    archive_close_wait(&backlog->archive);
    backlog->is_open = false;
    free(backlog->file);
    backlog->file = file;
    backlog->error = error;
    return false;
}

static void refuse(struct backlog *backlog, const struct spool_entry *entry,
                   const struct spooled *spooled)
{
    static const char *const endings[] = {"json", "out", "run"};
    for (size_t i = 0; i < sizeof(endings) / sizeof(*endings); i++)
        spool_set_aside(entry, endings[i]);
    tell(backlog, BACKLOG_REFUSED, entry, spooled, &backlog->error);
}

/* Delivers a record that was read. Result: whether its files may go. */
static bool deliver(struct backlog *backlog, struct spool_entry *entry, struct spooled *spooled)
{
    const struct backlog_plan *plan = backlog->plan;
    char *file = db_name_file(spooled->db);
    if (!file || (backlog->wanted && strcmp(file, backlog->wanted) != 0)) {
        free(file);
        return false;
    }
    bool is_elsewhere = spooled->record.is_lost && !identity_is_here(&spooled->identity);
    if (is_elsewhere || (spooled->record.is_lost && identity_is_alive(&spooled->identity)) ||
        plan->is_dry) {
        free(file);
        if (is_elsewhere)
            tell(backlog, BACKLOG_ELSEWHERE, entry, spooled, NULL);
        else if (plan->is_dry)
            tell(backlog, BACKLOG_PENDING, entry, spooled, NULL);
        return false;
    }
    if (!open_store(backlog, plan->db ? plan->db : spooled->db, file)) {
        tell(backlog, BACKLOG_WAITING, entry, spooled, &backlog->error);
        return false;
    }
    if (deliver_record(backlog, entry, spooled)) {
        tell(backlog, BACKLOG_RECORDED, entry, spooled, NULL);
        return true;
    }
    if (is_final(&backlog->error))
        refuse(backlog, entry, spooled);
    else
        tell(backlog, BACKLOG_WAITING, entry, spooled, &backlog->error);
    return false;
}

static void deliver_key(struct backlog *backlog, const char *key)
{
    struct spool_entry entry;
    struct spooled spooled;
    bool is_damaged, is_delivered = false;
    int error = spool_claim(&entry, key);
    if (error) { /* it runs, or somebody else was faster */
        if (error != EWOULDBLOCK && error != ENOENT)
            tell_errno(backlog, &entry, error);
        return;
    }
    error = spooled_read(&entry, &spooled, &is_damaged);
    if (is_damaged) {
        struct dbk_error damage = {.status = DBK_DAMAGED, .message = "is damaged"};
        tell(backlog, BACKLOG_DAMAGED, &entry, error ? NULL : &spooled, &damage);
    } else if (error) {
        tell_errno(backlog, &entry, error);
    }
    if (!error)
        is_delivered = deliver(backlog, &entry, &spooled);
    if (is_delivered)
        spool_remove(&entry);
    else
        spool_leave(&entry);
    if (!error)
        spooled_fini(&spooled);
}

int backlog_deliver(const struct backlog_plan *plan)
{
    struct backlog backlog = {.plan = plan};
    char(*keys)[SPOOL_KEY_SIZE] = NULL;
    size_t count = 0;
    const struct spool_entry none = SPOOL_ENTRY_INIT;
    int error = spool_list(&keys, &count);
    if (error)
        tell_errno(&backlog, &none, error);
    if (plan->db && !(backlog.wanted = db_name_file(plan->db)))
        count = 0;
    for (size_t i = 0; i < count && !(plan->is_stopped && *plan->is_stopped); i++)
        deliver_key(&backlog, keys[i]);
    close_store(&backlog);
    free(backlog.wanted);
    free(keys);
    return (int)backlog.status;
}
