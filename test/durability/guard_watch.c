/* See guard_watch.h. */
#include "guard_watch.h"

#include "shim.h"

#include <stdio.h>
#include <string.h>

enum { SLOT_WRITE = 0, SLOT_CHECKPOINT = 1, FILES_MAX = 256 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct shim_file *files[FILES_MAX]; /* the database files that are open, one a connection */
static struct guard_counts counts;

static bool holds(const struct shim_file *file, int slot)
{
    return file->held & (1u << slot);
}

static void violate(const struct shim_file *file, const char *words)
{
    if (!counts.violations++)
        snprintf(counts.first, sizeof counts.first, "%s (%s)", words,
                 file->kind == SHIM_WAL ? "the log" : "the database");
}

/* The connection on the same file that holds a slot, other than `file` itself. */
static struct shim_file *find_holder(const struct shim_file *file, const char *path, int slot,
                                     bool is_of_this_thread)
{
    for (int i = 0; i < FILES_MAX; i++)
        if (files[i] && files[i] != file && holds(files[i], slot) &&
            !strcmp(files[i]->path, path) &&
            (!is_of_this_thread || pthread_equal(files[i]->holders[slot], pthread_self())))
            return files[i];
    return NULL;
}

static void watch_locked(struct shim_file *file, int slot, int count, bool is_exclusive)
{
    if (!is_exclusive)
        return;
    pthread_mutex_lock(&lock);
    for (int i = slot; i < slot + count; i++) {
        file->held |= 1u << i;
        file->holders[i] = pthread_self();
    }
    if (slot == SLOT_WRITE)
        counts.commits++;
    if (slot <= SLOT_CHECKPOINT && slot + count > SLOT_CHECKPOINT) {
        if (count > 1) {
            counts.recoveries++;
            if (!holds(file, SLOT_WRITE))
                violate(file, "a recovery without the right to write");
        } else {
            counts.checkpoints++;
            if (!find_holder(file, file->path, SLOT_WRITE, true))
                violate(file, "a checkpoint while others may commit");
        }
    }
    pthread_mutex_unlock(&lock);
}

static void watch_unlocking(struct shim_file *file, int slot, int count, bool is_exclusive)
{
    if (!is_exclusive)
        return;
    pthread_mutex_lock(&lock);
    if (slot == SLOT_WRITE && find_holder(file, file->path, SLOT_CHECKPOINT, true))
        violate(file, "the right to write was given back before the checkpoint ended");
    for (int i = slot; i < slot + count; i++)
        file->held &= ~(1u << i);
    pthread_mutex_unlock(&lock);
}

static void watch_writing(struct shim_file *file, const void *bytes, int len, int64_t offset)
{
    (void)bytes;
    (void)len;
    (void)offset;
    pthread_mutex_lock(&lock);
    if (file->kind == SHIM_DATABASE) {
        counts.moved_pages++;
        if (!holds(file, SLOT_CHECKPOINT))
            violate(file, "a write to the database outside of a checkpoint");
        else if (!find_holder(file, file->path, SLOT_WRITE, true))
            violate(file, "a page was moved while others may commit");
    } else if (file->kind == SHIM_WAL) {
        char path[GROUND_PATH_SIZE];
        snprintf(path, sizeof path, "%.*s", (int)(strlen(file->path) - strlen("-wal")), file->path);
        if (find_holder(NULL, path, SLOT_CHECKPOINT, false))
            violate(file, "a commit during a checkpoint");
    }
    pthread_mutex_unlock(&lock);
}

static void watch_truncating(struct shim_file *file, int64_t size)
{
    watch_writing(file, NULL, 0, size);
}

static void watch_opened(struct shim_file *file)
{
    if (file->kind != SHIM_DATABASE)
        return;
    pthread_mutex_lock(&lock);
    int i = 0;
    while (i < FILES_MAX && files[i])
        i++;
    if (i < FILES_MAX)
        files[i] = file;
    pthread_mutex_unlock(&lock);
    GROUND_NEED(i < FILES_MAX, "more files than the watch has room for");
}

static void watch_closing(struct shim_file *file)
{
    pthread_mutex_lock(&lock);
    for (int i = 0; i < FILES_MAX; i++)
        if (files[i] == file)
            files[i] = NULL;
    pthread_mutex_unlock(&lock);
}

void guard_watch_begin(void)
{
    static const struct shim_hooks hooks = {
        .locked = watch_locked,
        .unlocking = watch_unlocking,
        .opened = watch_opened,
        .closing = watch_closing,
        .writing = watch_writing,
        .truncating = watch_truncating,
    };
    memset(&counts, 0, sizeof counts);
    memset(files, 0, sizeof files);
    shim_install(&hooks);
}

struct guard_counts guard_watch_end(void)
{
    shim_remove();
    return counts;
}
