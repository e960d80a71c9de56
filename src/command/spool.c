/*
 * The files of the spool: see spool.h.
 *
 * A lock by flock() belongs to the open file, so it ends with the process, however that ends, and it
 * stays with KEY.run when that gets its name. What is written is written under another name first
 * (".new"), so that no half of it is ever found.
 */
#include "spool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FOLDER "daybook/spool"

void spool_key_make(char key[SPOOL_KEY_SIZE], int64_t started_at)
{
    uint64_t random = 0;
    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != (ssize_t)sizeof(random)) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        random = (uint64_t)getpid() << 32 | (uint32_t)now.tv_nsec;
    }
    snprintf(key, SPOOL_KEY_SIZE, "%010" PRId64 "-%016" PRIx64, started_at, random);
}

char *spool_folder(void)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    char *folder = NULL;
    int len;
    if (state && *state == '/') {
        len = asprintf(&folder, "%s/" FOLDER, state);
    } else {
        const struct passwd *account = home && *home == '/' ? NULL : getpwuid(geteuid());
        if (account)
            home = account->pw_dir;
        if (!home || *home != '/')
            return NULL;
        len = asprintf(&folder, "%s/.local/state/" FOLDER, home);
    }
    return len < 0 ? NULL : folder;
}

/* Makes the folder and those above it. Result: 0 or an errno. */
static int make_folder(char *folder)
{
    struct stat about;
    for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int failed = mkdir(folder, 0700) && errno != EEXIST && access(folder, X_OK);
        *slash = '/';
        if (failed)
            return errno;
    }
    if (mkdir(folder, 0700) && errno != EEXIST)
        return errno;
    if (stat(folder, &about))
        return errno;
    /* What is recorded from here must not be another user's. */
    if (!S_ISDIR(about.st_mode) || about.st_uid != geteuid() || about.st_mode & 022)
        return EPERM;
    return 0;
}

/* "FOLDER/KEY.ENDING". Result: yours, or NULL. */
static char *file_name(const struct spool_entry *entry, const char *ending)
{
    char *name;
    return asprintf(&name, "%s.%s", entry->path, ending) < 0 ? NULL : name;
}

static int write_all(int fd, const char *bytes, size_t len)
{
    while (len) {
        ssize_t count = write(fd, bytes, len);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return errno;
        bytes += count;
        len -= (size_t)count;
    }
    return 0;
}

/* Makes a file anew. Result: a descriptor; -1 and errno. */
static int create(const char *name)
{
    return open(name, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
}

int spool_begin(struct spool_entry *entry, const char *key, const char *text, size_t len)
{
    char *folder = spool_folder();
    *entry = (struct spool_entry)SPOOL_ENTRY_INIT;
    snprintf(entry->key, sizeof(entry->key), "%s", key);
    if (!folder)
        return ENOENT;
    int error = make_folder(folder);
    if (asprintf(&entry->path, "%s/%s", folder, key) < 0)
        entry->path = NULL;
    free(folder);
    char *new_name = entry->path ? file_name(entry, "run.new") : NULL;
    char *name = new_name ? file_name(entry, "run") : NULL;
    if (!error && !name)
        error = ENOMEM;
    if (!error && (entry->fd = create(new_name)) < 0)
        error = errno;
    if (!error && flock(entry->fd, LOCK_EX | LOCK_NB))
        error = errno;
    if (!error)
        error = write_all(entry->fd, text, len);
    if (!error && rename(new_name, name))
        error = errno;
    if (error && entry->fd >= 0) {
        unlink(new_name);
        close(entry->fd);
        entry->fd = -1;
    }
    free(new_name);
    free(name);
    return error;
}

/* Makes sure that a new name in the folder outlives a power failure. Result: 0 or an errno. */
static int sync_folder(const struct spool_entry *entry)
{
    char *folder = strndup(entry->path, (size_t)(strrchr(entry->path, '/') - entry->path));
    int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int error = fd < 0 || fsync(fd) ? errno : 0;
    if (fd >= 0)
        close(fd);
    free(folder);
    return error;
}

void spool_sync(const struct spool_entry *entry)
{
    if (entry->fd >= 0 && !fsync(entry->fd))
        sync_folder(entry);
}

int spool_note(const struct spool_entry *entry, const char *line, size_t len)
{
    return entry->fd < 0 ? EBADF : write_all(entry->fd, line, len);
}

void spool_beat(const struct spool_entry *entry)
{
    if (entry->fd >= 0)
        futimens(entry->fd, NULL);
}

int64_t spool_last_beat(const struct spool_entry *entry)
{
    struct stat about;
    return fstat(entry->fd, &about) ? 0 : about.st_mtime;
}

int spool_write(const struct spool_entry *entry, const char *ending,
                int (*write)(void *user, FILE *file), void *user)
{
    char *name = file_name(entry, ending);
    char *new_name = NULL;
    if (!name || asprintf(&new_name, "%s.new", name) < 0)
        new_name = NULL;
    int fd = new_name ? create(new_name) : -1;
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    int error = file ? write(user, file) : errno;
    if (!error && (fflush(file) || ferror(file) || fsync(fd)))
        error = errno ? errno : EIO;
    if (!error && rename(new_name, name))
        error = errno;
    if (!error)
        error = sync_folder(entry);
    if (file)
        fclose(file);
    else if (fd >= 0)
        close(fd);
    if (error && new_name)
        unlink(new_name);
    free(name);
    free(new_name);
    return error;
}

int spool_read(const struct spool_entry *entry, const char *ending)
{
    char *name = file_name(entry, ending);
    int fd = name ? open(name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC) : -1;
    int error = errno;
    free(name);
    errno = error;
    return fd;
}

void spool_remove(struct spool_entry *entry)
{
    /* In this order: as long as there is KEY.run, somebody finds the rest. */
    static const char *const endings[] = {"json", "json.new", "out.new", "out", "run"};
    if (entry->path && entry->fd >= 0) {
        for (size_t i = 0; i < sizeof(endings) / sizeof(*endings); i++) {
            char *name = file_name(entry, endings[i]);
            if (name)
                unlink(name);
            free(name);
        }
    }
    spool_leave(entry);
}

void spool_set_aside(const struct spool_entry *entry, const char *ending)
{
    char *name = file_name(entry, ending);
    char *aside = NULL;
    if (name && asprintf(&aside, "%s.damaged", name) >= 0)
        rename(name, aside);
    free(name);
    free(aside);
}

void spool_leave(struct spool_entry *entry)
{
    if (entry->fd >= 0)
        close(entry->fd);
    free(entry->path);
    entry->fd = -1;
    entry->path = NULL;
}

void spool_name(struct spool_entry *entry, const char *key)
{
    char *folder = spool_folder();
    *entry = (struct spool_entry)SPOOL_ENTRY_INIT;
    snprintf(entry->key, sizeof(entry->key), "%s", key);
    if (!folder || asprintf(&entry->path, "%s/%s", folder, key) < 0)
        entry->path = NULL;
    free(folder);
}

int spool_claim(struct spool_entry *entry, const char *key)
{
    struct stat about;
    int error = 0;
    spool_name(entry, key);
    char *name = entry->path ? file_name(entry, "run") : NULL;
    if (!name)
        error = ENOMEM;
    else if ((entry->fd = open(name, O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC)) < 0)
        error = errno;
    else if (flock(entry->fd, LOCK_EX | LOCK_NB) || fstat(entry->fd, &about))
        error = errno;
    else if (!about.st_nlink)
        error = ENOENT; /* delivered since it was opened */
    free(name);
    if (error)
        spool_leave(entry);
    return error;
}

int spool_lock(void)
{
    char *folder = spool_folder();
    int error = folder ? make_folder(folder) : ENOENT;
    int fd = error ? -1 : open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (!error && fd < 0)
        error = errno;
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB)) {
        error = errno;
        close(fd);
        fd = -1;
    }
    free(folder);
    errno = error;
    return fd;
}
