/* See disk.h. */
#include "disk.h"

#include "shim.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILES_MAX = 8, SECTOR = 512, NAME_SIZE = 64 };

enum action { WRITE, TRUNCATE, SYNC, DELETE };

struct record {
    enum action action;
    int file;
    bool is_safe; /* of DELETE: the folder was synced */
    int len;
    int64_t offset; /* of TRUNCATE: the size */
    unsigned char *bytes;
};

/* The bytes of a file at some moment. */
struct image {
    unsigned char *bytes;
    int64_t len, size;
    bool is_there;
};

struct disk_file {
    char name[NAME_SIZE];
    struct image synced; /* as of `replayed` */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char folder[GROUND_PATH_SIZE];
static struct disk_file files[FILES_MAX];
static int file_count;
static struct record *records;
static int64_t record_count, record_size;
static int64_t replayed; /* records before this are in the images, or pending */
static int64_t *pending; /* indexes of records that were not synced by then, in order */
static int64_t pending_count;

/* ---------------------------------------------------------------------------------- images ---- */

static void image_reserve(struct image *image, int64_t len)
{
    if (len > image->size) {
        image->size = 2 * len;
        image->bytes = realloc(image->bytes, (size_t)image->size);
        GROUND_NEED(image->bytes, "realloc");
    }
    if (len > image->len) {
        memset(image->bytes + image->len, 0, (size_t)(len - image->len));
        image->len = len;
    }
}

static void image_write(struct image *image, const unsigned char *bytes, int64_t offset,
                        int64_t len)
{
    if (len <= 0)
        return;
    image->is_there = true;
    image_reserve(image, offset + len);
    memcpy(image->bytes + offset, bytes, (size_t)len);
}

static void image_apply(struct image *image, const struct record *record)
{
    if (record->action == WRITE) {
        image_write(image, record->bytes, record->offset, record->len);
    } else if (record->action == TRUNCATE) {
        image_reserve(image, record->offset);
        image->len = record->offset;
    } else if (record->action == DELETE) {
        image->is_there = false;
        image->len = 0;
    }
}

static struct image image_copy(const struct image *from)
{
    struct image to = {.is_there = from->is_there};
    image_reserve(&to, from->len);
    if (from->len)
        memcpy(to.bytes, from->bytes, (size_t)from->len);
    return to;
}

/* ------------------------------------------------------------------------------- recording ---- */

/* The number of a file; -1: none that a crash could keep. The caller has the lock. */
static int find_file(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    if (strncmp(path, folder, strlen(folder)) || strlen(name) >= NAME_SIZE ||
        strstr(name, "-shm") || strstr(name, "-daybook"))
        return -1;
    for (int i = 0; i < file_count; i++)
        if (!strcmp(files[i].name, name))
            return i;
    GROUND_NEED(file_count < FILES_MAX, "too many files: %s", path);
    files[file_count] = (struct disk_file){0};
    snprintf(files[file_count].name, NAME_SIZE, "%s", name);
    return file_count++;
}

static void record(const char *path, struct record one, const void *bytes)
{
    pthread_mutex_lock(&lock);
    one.file = find_file(path);
    if (one.file >= 0) {
        if (bytes) {
            one.bytes = malloc((size_t)one.len);
            GROUND_NEED(one.bytes, "malloc");
            memcpy(one.bytes, bytes, (size_t)one.len);
        }
        if (record_count == record_size) {
            record_size = record_size ? 2 * record_size : 4096;
            records = realloc(records, (size_t)record_size * sizeof *records);
            GROUND_NEED(records, "realloc");
        }
        records[record_count++] = one;
    }
    pthread_mutex_unlock(&lock);
}

static void record_write(struct shim_file *file, const void *bytes, int len, int64_t offset)
{
    record(file->path, (struct record){.action = WRITE, .len = len, .offset = offset}, bytes);
}

static void record_truncate(struct shim_file *file, int64_t size)
{
    record(file->path, (struct record){.action = TRUNCATE, .offset = size}, NULL);
}

static void record_sync(struct shim_file *file)
{
    record(file->path, (struct record){.action = SYNC}, NULL);
}

static void record_delete(const char *path, bool is_folder_synced)
{
    record(path, (struct record){.action = DELETE, .is_safe = is_folder_synced}, NULL);
}

void disk_record_begin(const char *of_folder)
{
    static const struct shim_hooks hooks = {
        .writing = record_write,
        .truncating = record_truncate,
        .synced = record_sync,
        .deleting = record_delete,
    };
    disk_forget();
    snprintf(folder, sizeof folder, "%s", of_folder);
    DIR *dir = opendir(folder);
    GROUND_NEED(dir, "%s", folder);
    for (struct dirent *entry; (entry = readdir(dir));) {
        char path[2 * GROUND_PATH_SIZE + NAME_SIZE];
        snprintf(path, sizeof path, "%s/%.60s", folder, entry->d_name);
        int i = entry->d_name[0] == '.' ? -1 : find_file(path);
        if (i < 0)
            continue;
        size_t len;
        unsigned char *bytes = ground_file_read(path, &len);
        files[i].synced = (struct image){bytes, (int64_t)len, (int64_t)len, true};
    }
    closedir(dir);
    shim_install(&hooks);
}

void disk_record_end(void)
{
    shim_remove();
}

int64_t disk_position(void)
{
    pthread_mutex_lock(&lock);
    int64_t count = record_count;
    pthread_mutex_unlock(&lock);
    return count;
}

int64_t disk_sync_count(int64_t position)
{
    int64_t count = 0;
    for (int64_t i = 0; i < position; i++)
        count += records[i].action == SYNC;
    return count;
}

void disk_forget(void)
{
    for (int64_t i = 0; i < record_count; i++)
        free(records[i].bytes);
    for (int i = 0; i < file_count; i++)
        free(files[i].synced.bytes);
    free(records);
    free(pending);
    records = NULL;
    pending = NULL;
    record_count = record_size = replayed = pending_count = file_count = 0;
}

/* -------------------------------------------------------------------------------- crashing ---- */

/* What is pending of a file goes into its image: it is synced. */
static void settle(int file)
{
    int64_t kept = 0;
    for (int64_t i = 0; i < pending_count; i++)
        if (records[pending[i]].file == file)
            image_apply(&files[file].synced, &records[pending[i]]);
        else
            pending[kept++] = pending[i];
    pending_count = kept;
    files[file].synced.is_there = true;
}

static void replay_to(int64_t position, bool is_honest)
{
    GROUND_NEED(position >= replayed && position <= record_count, "position %lld",
                (long long)position);
    if (!pending)
        pending = malloc((size_t)(record_count + 1) * sizeof *pending);
    GROUND_NEED(pending, "malloc");
    for (; replayed < position; replayed++) {
        const struct record *one = &records[replayed];
        if (one->action == SYNC && is_honest) {
            settle(one->file);
        } else if (one->action == DELETE && one->is_safe && is_honest) {
            settle(one->file);
            image_apply(&files[one->file].synced, one);
        } else if (one->action != SYNC) {
            pending[pending_count++] = replayed;
        }
    }
}

static void keep_sectors(struct image *image, const struct record *one, uint64_t *random)
{
    for (int64_t at = one->offset; at < one->offset + one->len;) {
        int64_t end = (at / SECTOR + 1) * SECTOR;
        if (end > one->offset + one->len)
            end = one->offset + one->len;
        if (ground_below(random, 2))
            image_write(image, one->bytes + (at - one->offset), at, end - at);
        at = end;
    }
}

static void keep_head(struct image *image, const struct record *one, uint64_t *random)
{
    int64_t end = (one->offset / SECTOR + ground_below(random, one->len / SECTOR + 2)) * SECTOR;
    if (end > one->offset + one->len)
        end = one->offset + one->len;
    image_write(image, one->bytes, one->offset, end - one->offset);
}

static void keep_unsynced(struct image *images, enum disk_loss loss, uint64_t *random)
{
    int64_t prefix = ground_below(random, (int)pending_count + 1);
    for (int64_t i = 0; i < pending_count && loss != DISK_LOSE_ALL; i++) {
        const struct record *one = &records[pending[i]];
        struct image *image = &images[one->file];
        if (loss == DISK_KEEP_PREFIX && i < prefix)
            image_apply(image, one);
        else if (loss == DISK_KEEP_PREFIX && i == prefix && one->action == WRITE)
            keep_head(image, one, random);
        else if (loss == DISK_KEEP_PIECES && one->action == WRITE)
            keep_sectors(image, one, random);
        else if (loss != DISK_KEEP_PREFIX && ground_below(random, 2))
            image_apply(image, one);
    }
}

void disk_crash(int64_t position, enum disk_loss loss, bool is_honest, uint64_t *random,
                const char *to_folder)
{
    struct image images[FILES_MAX];
    char path[2 * GROUND_PATH_SIZE + NAME_SIZE];
    replay_to(position, is_honest);
    for (int i = 0; i < file_count; i++)
        images[i] = image_copy(&files[i].synced);
    keep_unsynced(images, loss, random);
    for (int i = 0; i < file_count; i++) {
        snprintf(path, sizeof path, "%s/%.60s", to_folder, files[i].name);
        if (images[i].is_there)
            ground_file_write(path, images[i].bytes, (size_t)images[i].len);
        else
            unlink(path);
        free(images[i].bytes);
        /* What is left of shared memory is of no worth to anybody. */
        snprintf(path, sizeof path, "%s/%.60s-shm", to_folder, files[i].name);
        unlink(path);
        if (ground_below(random, 4) == 0 && !strchr(files[i].name, '-')) {
            unsigned char rubbish[32768];
            for (size_t j = 0; j < sizeof rubbish; j++)
                rubbish[j] = (unsigned char)ground_random(random);
            ground_file_write(path, rubbish, sizeof rubbish);
        }
    }
}
