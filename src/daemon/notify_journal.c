/*
 * The journal: see notify_journal.h.
 */
#include "notify_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME "deliveries.jsonl"
#define NAME_BEFORE "deliveries.1.jsonl"
#define NAME_NEW "deliveries.new"
#define GROWTH_MAX (1 << 20) /* bytes of lines that came since it was written anew */

/* ------------------------------------------------------------------------------- the directory ---- */

/* Result: yours; NULL: there is none, or out of memory. */
static char *default_folder(void)
{
    const char *given = getenv("STATE_DIRECTORY"), *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    char *folder = NULL;
    int len;
    if (given && *given == '/') {
        len = asprintf(&folder, "%.*s/notify", (int)strcspn(given, ":"), given);
    } else if (state && *state == '/') {
        len = asprintf(&folder, "%s/daybook/serve", state);
    } else {
        const struct passwd *account = home && *home == '/' ? NULL : getpwuid(geteuid());
        home = account ? account->pw_dir : home;
        if (!home || *home != '/')
            return NULL;
        len = asprintf(&folder, "%s/.local/state/daybook/serve", home);
    }
    return len < 0 ? NULL : folder;
}

/* Makes a folder and those above it. Result: 0 or an errno. */
static int make_folder(char *folder)
{
    for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int failed = mkdir(folder, 0700) && errno != EEXIST && access(folder, X_OK);
        *slash = '/';
        if (failed)
            return errno;
    }
    return mkdir(folder, 0700) && errno != EEXIST ? errno : 0;
}

static int open_file(const struct journal *journal, const char *name, int flags)
{
    return openat(journal->folder_fd, name, O_CREAT | O_NOFOLLOW | O_CLOEXEC | flags, 0600);
}

static int open_all(struct journal *journal)
{
    struct stat about;
    int error = make_folder(journal->folder);
    if (error)
        return error;
    journal->folder_fd = open(journal->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (journal->folder_fd < 0 || fstat(journal->folder_fd, &about))
        return errno;
    /* What is told from here must not be another user's invention. */
    if (about.st_uid != geteuid() || about.st_mode & 022)
        return EPERM;
    journal->lock_fd = open_file(journal, "lock", O_RDWR);
    if (journal->lock_fd < 0 || flock(journal->lock_fd, LOCK_EX | LOCK_NB))
        return errno;
    journal->fd = open_file(journal, NAME, O_RDWR | O_APPEND);
    if (journal->fd < 0 || fstat(journal->fd, &about))
        return errno;
    return S_ISREG(about.st_mode) ? 0 : EINVAL;
}

int journal_open(struct journal *journal, const char *folder,
                 char out_message[JOURNAL_MESSAGE_SIZE])
{
    *journal = (struct journal){.folder_fd = -1, .lock_fd = -1, .fd = -1};
    journal->folder = folder ? strdup(folder) : default_folder();
    if (!journal->folder) {
        snprintf(out_message, JOURNAL_MESSAGE_SIZE,
                 "there is no place for the state of notifications: give --state-directory");
        return ENOENT;
    }
    int error = open_all(journal);
    if (error == EWOULDBLOCK)
        snprintf(out_message, JOURNAL_MESSAGE_SIZE,
                 "%.150s: another daemon uses this state directory; give each its own "
                 "--state-directory",
                 journal->folder);
    else if (error == EPERM)
        snprintf(out_message, JOURNAL_MESSAGE_SIZE,
                 "%.150s: the state directory must be this user's own, and nobody else's to write",
                 journal->folder);
    else if (error)
        snprintf(out_message, JOURNAL_MESSAGE_SIZE, "the state directory %.150s: %s",
                 journal->folder, strerror(error));
    return error;
}

void journal_close(struct journal *journal)
{
    const int fds[] = {journal->fd, journal->lock_fd, journal->folder_fd};
    for (size_t i = 0; journal->folder && i < sizeof(fds) / sizeof(*fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    free(journal->folder);
    *journal = (struct journal){.folder_fd = -1, .lock_fd = -1, .fd = -1};
}

/* ----------------------------------------------------------------------------------- the lines ---- */

static int read_lines(struct journal *journal, FILE *file,
                      void (*take)(void *user, const json_t *line), void *user, int *out_bad_count)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t len;
    *out_bad_count = 0;
    while ((len = getline(&line, &room, file)) > 0 && line[len - 1] == '\n') {
        json_t *value = json_loadb(line, (size_t)len, JSON_REJECT_DUPLICATES, NULL);
        journal->size += len;
        if (json_is_object(value))
            take(user, value);
        else
            ++*out_bad_count;
        json_decref(value);
    }
    int error = ferror(file) ? EIO : 0;
    free(line);
    return error;
}

int journal_read(struct journal *journal, void (*take)(void *user, const json_t *line), void *user,
                 int *out_bad_count)
{
    int fd = fcntl(journal->fd, F_DUPFD_CLOEXEC, 3);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
    if (!file) {
        if (fd >= 0)
            close(fd);
        return ENOMEM;
    }
    journal->size = 0;
    int error = read_lines(journal, file, take, user, out_bad_count);
    fclose(file);
    if (!error && ftruncate(journal->fd, journal->size))
        error = errno;
    journal->base_size = 0; /* the last time was long ago */
    return error;
}

static int write_all(int fd, const char *bytes, size_t len)
{
    while (len) {
        ssize_t count = write(fd, bytes, len);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return count < 0 ? errno : EIO;
        bytes += count;
        len -= (size_t)count;
    }
    return 0;
}

/* Result: 0 or an errno; *size grows by the line. */
static int write_line(int fd, const json_t *line, int64_t *size)
{
    char *text = json_dumps(line, JSON_COMPACT);
    size_t len = text ? strlen(text) : 0;
    if (!text)
        return ENOMEM;
    text[len++] = '\n'; /* in place of its end: the length is known */
    int error = write_all(fd, text, len);
    free(text);
    if (!error)
        *size += (int64_t)len;
    return error;
}

/* Whether what is written now is what the next daemon reads: the folder and the file still have their names. */
static bool is_in_place(const struct journal *journal)
{
    struct stat named, opened, file;
    return !stat(journal->folder, &named) && !fstat(journal->folder_fd, &opened) &&
           named.st_dev == opened.st_dev && named.st_ino == opened.st_ino &&
           !fstat(journal->fd, &file) && file.st_nlink;
}

int journal_add(struct journal *journal, const json_t *line, bool is_synced)
{
    int64_t size = journal->size;
    if (!is_in_place(journal))
        return ENOENT;
    /* What stayed of a line that failed must go first, or this one would be read as its end. */
    if (journal->is_torn && ftruncate(journal->fd, journal->size))
        return errno;
    journal->is_torn = false;
    int error = write_line(journal->fd, line, &size);
    if (!error && is_synced && fdatasync(journal->fd))
        error = errno;
    if (error)
        journal->is_torn = ftruncate(journal->fd, journal->size);
    else
        journal->size = size;
    return error;
}

bool journal_is_grown(const struct journal *journal)
{
    return journal->size - journal->base_size > GROWTH_MAX + journal->base_size;
}

/* Gives the new file the name, and the one before the other name, with the name never without a file. */
static int take_place(const struct journal *journal)
{
    int folder = journal->folder_fd;
    if (unlinkat(folder, NAME_BEFORE, 0) && errno != ENOENT)
        return errno;
    if (linkat(folder, NAME, folder, NAME_BEFORE, 0) || renameat(folder, NAME_NEW, folder, NAME))
        return errno;
    fsync(
        folder); /* without it the one before may come back after a power failure: that holds too */
    return 0;
}

int journal_replace(struct journal *journal, const json_t *lines)
{
    int64_t size = 0;
    int error = 0;
    int fd = open_file(journal, NAME_NEW, O_RDWR | O_APPEND | O_TRUNC);
    if (fd < 0)
        return errno;
    for (size_t i = 0; !error && i < json_array_size(lines); i++)
        error = write_line(fd, json_array_get(lines, i), &size);
    if (!error && fsync(fd))
        error = errno;
    if (!error)
        error = take_place(journal);
    if (error) {
        close(fd);
        return error;
    }
    close(journal->fd);
    journal->fd = fd;
    journal->size = journal->base_size = size;
    return 0;
}
