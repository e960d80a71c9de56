/* The file that a backup goes to; see backup_file.h. */
#include "connector/backup_file.h"

#include "base/alloc.h"
#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static const char SUFFIX[] = "-daybook-part";
static const char *const LOGS[] = {"-wal", "-journal"};

static int fail_with_errno(const char *path, struct dbk_error *error)
{
    enum dbk_status status = errno == ENOENT || errno == ENOTDIR        ? DBK_NOT_FOUND
                             : errno == EACCES || errno == EPERM        ? DBK_DENIED
                             : errno == ENOSPC || errno == EDQUOT       ? DBK_FULL
                             : errno == EROFS                           ? DBK_READ_ONLY
                             : errno == ENAMETOOLONG || errno == EISDIR ? DBK_INVALID
                             : errno == ELOOP /* a symbolic link */     ? DBK_CONFLICT
                                                                        : DBK_UNREACHABLE;
    return dbki_error_set(error, status, "%.200s: %s", path, strerror(errno));
}

static char *join(const char *path, const char *suffix)
{
    size_t len = strlen(path), suffix_size = strlen(suffix) + 1;
    char *joined = dbki_malloc(len + suffix_size);
    if (joined) {
        memcpy(joined, path, len);
        memcpy(joined + len, suffix, suffix_size);
    }
    return joined;
}

/* A log beside the place is of the file that was there: SQLite would write it into ours. */
static int refuse_log(const struct dbki_backup_file *file, struct dbk_error *error)
{
    for (size_t i = 0; i < sizeof LOGS / sizeof LOGS[0]; i++) {
        struct stat about;
        char *log = join(file->to, LOGS[i]);
        if (!log)
            return dbki_error_set(error, DBK_NO_MEMORY, "out of memory");
        bool is_there = lstat(log, &about) == 0 && about.st_size > 0;
        dbki_free(log);
        if (is_there)
            return dbki_error_set(
                error, DBK_CONFLICT,
                "beside %.200s lies its %s file: it belongs to a database that was "
                "or is there: move both away",
                file->to, LOGS[i]);
    }
    return DBK_OK;
}

static int refuse_place(const struct dbki_backup_file *file, const char *source,
                        struct dbk_error *error)
{
    struct stat there, from;
    if (lstat(file->to, &there))
        return errno == ENOENT ? refuse_log(file, error) : fail_with_errno(file->to, error);
    if (!S_ISREG(there.st_mode))
        return dbki_error_set(error, DBK_INVALID, "%.200s is %s", file->to,
                              S_ISDIR(there.st_mode) ? "a folder: name a file in it"
                                                     : "no plain file");
    if (stat(source, &from) == 0 && from.st_dev == there.st_dev && from.st_ino == there.st_ino)
        return dbki_error_set(error, DBK_INVALID, "%.200s is the database itself", file->to);
    if (!file->is_overwriting)
        return dbki_error_set(error, DBK_CONFLICT,
                              "%.200s is there already: name another file (--force replaces it)",
                              file->to);
    return refuse_log(file, error);
}

/* Whether the part that is locked is still the one of that name: who had it before may have moved it. */
static bool is_in_place(const struct dbki_backup_file *file)
{
    struct stat opened, named;
    return fstat(file->fd, &opened) == 0 && lstat(file->part, &named) == 0 &&
           opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

/* One that a kill left behind has no lock, and is begun anew. */
static int take_part(struct dbki_backup_file *file, struct dbk_error *error)
{
    for (;;) {
        file->fd = open(file->part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (file->fd < 0)
            return fail_with_errno(file->part, error);
        if (flock(file->fd, LOCK_EX | LOCK_NB)) {
            close(file->fd);
            file->fd = -1;
            return dbki_error_set(error, DBK_CONFLICT, "another backup to %.200s is under way",
                                  file->to);
        }
        if (is_in_place(file))
            break;
        close(file->fd);
        file->fd = -1;
    }
    if (ftruncate(file->fd, 0) || fchmod(file->fd, 0600))
        return fail_with_errno(file->part, error);
    return DBK_OK;
}

int dbki_backup_file_open(struct dbki_backup_file *file, const char *to, bool is_overwriting,
                          const char *source, struct dbk_error *error)
{
    *file = (struct dbki_backup_file){
        .to = to, .part = join(to, SUFFIX), .fd = -1, .is_overwriting = is_overwriting};
    if (!file->part)
        return dbki_error_set(error, DBK_NO_MEMORY, "out of memory");
    int status = refuse_place(file, source, error);
    return status ? status : take_part(file, error);
}

int dbki_backup_file_room(const struct dbki_backup_file *file, int64_t size,
                          struct dbk_error *error)
{
    struct statvfs disk;
    if (fstatvfs(file->fd, &disk))
        return DBK_OK;
    int64_t room = (int64_t)disk.f_bavail * (int64_t)disk.f_frsize;
    if (room >= size)
        return DBK_OK;
    return dbki_error_set(error, DBK_FULL, "%.200s needs %lld bytes, and the disk has %lld left",
                          file->to, (long long)size, (long long)room);
}

void dbki_backup_file_write_out(const struct dbki_backup_file *file)
{
    sync_file_range(file->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}

/* The new name must outlive a power failure too. */
static int sync_folder(const char *path, struct dbk_error *error)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int status = DBK_OK;
    /* Some file systems cannot sync a folder. */
    if (fd < 0 || (fsync(fd) && errno != EINVAL))
        status = fail_with_errno(folder ? folder : path, error);
    if (fd >= 0)
        close(fd);
    free(folder);
    return status;
}

/* Whoever came first to the place keeps it, unless it is to be taken from him. */
static int move(const struct dbki_backup_file *file)
{
    if (!file->is_overwriting) {
        if (!renameat2(AT_FDCWD, file->part, AT_FDCWD, file->to, RENAME_NOREPLACE))
            return 0;
        if (errno != EINVAL && errno != ENOSYS) /* not on every file system */
            return -1;
    }
    return rename(file->part, file->to);
}

int dbki_backup_file_publish(struct dbki_backup_file *file, const char *source,
                             struct dbk_error *error)
{
    struct stat from;
    int status = refuse_place(file, source, error);
    if (status)
        return status;
    if (stat(source, &from))
        return fail_with_errno(source, error);
    if (fchown(file->fd, from.st_uid, from.st_gid)) {
        /* Only root can; others own what they made. */
    }
    if (fchmod(file->fd, from.st_mode & 0777) || fsync(file->fd))
        return fail_with_errno(file->part, error);
    if (move(file))
        return errno == EEXIST
                   ? dbki_error_set(error, DBK_CONFLICT,
                                    "%.200s was made by somebody else meanwhile", file->to)
                   : fail_with_errno(file->to, error);
    dbki_free(file->part);
    file->part = NULL;
    return sync_folder(file->to, error);
}

/* The lock goes last: without it another backup would take the part for one that a kill left. */
void dbki_backup_file_close(struct dbki_backup_file *file)
{
    if (file->fd >= 0) {
        if (file->part)
            unlink(file->part);
        close(file->fd);
    }
    dbki_free(file->part);
    *file = (struct dbki_backup_file){.fd = -1};
}
