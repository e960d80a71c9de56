/*
 * The thread that opens a store: see opening.h. It may hang there for good: then it ends with the
 * process, and so this is never freed.
 */
#include "opening.h"

#include "backlog.h"
#include "spool.h"
#include "store_open.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct opening {
    struct opening_plan plan;
    struct spool_entry entry; /* of our own: the run may forget its while the store hangs */
    int fd;                   /* counts the two steps below */
    atomic_bool is_open, is_over, is_stopped;
    bool is_taken;
    /* Written before is_open. */
    struct archive archive; /* with neither: it could not be opened */
    struct dbk_error error;
    bool is_created, is_own;
    char warning[384];
    /* Written before is_over. */
    struct opening_backlog backlog;
};

static void tell_step(struct opening *opening, atomic_bool *flag)
{
    static const uint64_t one = 1;
    atomic_store(flag, true);
    if (write(opening->fd, &one, sizeof(one)) < 0)
        return; /* a counter of two never blocks */
}

static void note_backlog(void *user, const struct backlog_event *event)
{
    struct opening_backlog *backlog = user;
    if (event->kind == BACKLOG_RECORDED) {
        backlog->recorded_count++;
        backlog->lost_count += event->is_lost;
    } else if (event->kind == BACKLOG_DAMAGED || event->kind == BACKLOG_REFUSED) {
        backlog->aside_count++;
        snprintf(backlog->aside_path, sizeof(backlog->aside_path), "%s", event->path);
    }
}

static void open_store(struct opening *opening)
{
    const struct opening_plan *plan = &opening->plan;
    struct dbk_options options = DBK_OPTIONS_INIT;
    options.reader_count = 1;
    options.clock = plan->clock;
    options.clock_user = plan->clock_user;
    if (store_try_open_archive(plan->db, STORE_CREATED, &options, &opening->archive,
                               &opening->is_created, &opening->error))
        return;
    const struct dbk_info *info = archive_info(&opening->archive);
    opening->is_own = info->is_own;
    if (info->warning)
        snprintf(opening->warning, sizeof(opening->warning), "%s", info->warning);
}

static void *opening_run(void *user)
{
    struct opening *opening = user;
    const struct opening_plan *plan = &opening->plan;
    open_store(opening);
    tell_step(opening, &opening->is_open);
    if (opening->entry.path)
        spool_sync(&opening->entry);
    spool_leave(&opening->entry);
    const struct backlog_plan backlog = {.db = plan->db,
                                         .is_stopped = &opening->is_stopped,
                                         .told = note_backlog,
                                         .user = &opening->backlog};
    if (opening->is_own)
        backlog_deliver(&backlog);
    tell_step(opening, &opening->is_over);
    return NULL;
}

struct opening *opening_begin(const struct opening_plan *plan)
{
    struct opening *opening = calloc(1, sizeof(*opening));
    pthread_t thread;
    sigset_t all, before;
    if (!opening)
        return NULL;
    opening->plan = *plan;
    opening->entry.path = plan->entry->path ? strdup(plan->entry->path) : NULL;
    opening->entry.fd = plan->entry->fd >= 0 ? fcntl(plan->entry->fd, F_DUPFD_CLOEXEC, 3) : -1;
    opening->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    /* Signals are for the main thread. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool is_begun = opening->fd >= 0 && !pthread_create(&thread, NULL, opening_run, opening);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (is_begun) {
        pthread_detach(thread);
        return opening;
    }
    if (opening->fd >= 0)
        close(opening->fd);
    spool_leave(&opening->entry);
    free(opening);
    return NULL;
}

int opening_fd(const struct opening *opening)
{
    return opening->fd;
}

bool opening_take(struct opening *opening, struct archive **out_archive,
                  struct dbk_error *out_error)
{
    uint64_t count;
    /* The flags say it all; what is read just makes the descriptor silent. */
    if (read(opening->fd, &count, sizeof(count)) < 0)
        count = 0;
    if (opening->is_taken || !atomic_load(&opening->is_open))
        return false;
    opening->is_taken = true;
    bool is_there = opening->archive.store || opening->archive.remote;
    *out_archive = is_there ? &opening->archive : NULL;
    *out_error = opening->error;
    if (is_there)
        out_error->status = DBK_OK;
    return true;
}

bool opening_has_created(const struct opening *opening)
{
    return opening->is_taken && opening->is_created;
}

const char *opening_warning(const struct opening *opening)
{
    return opening->is_taken && *opening->warning ? opening->warning : NULL;
}

void opening_stop(struct opening *opening)
{
    atomic_store(&opening->is_stopped, true);
}

bool opening_is_over(const struct opening *opening, struct opening_backlog *out_backlog)
{
    if (!atomic_load(&opening->is_over))
        return false;
    *out_backlog = opening->backlog;
    return true;
}
