/*
 * A reserve on the disk: a file beside a store of our own, of blocks that are really taken.
 *
 *     whole --- "no space left" ---> released --- there is room for it again ---> whole
 *
 * On a full disk nothing can be deleted either: SQLite writes to its log first. So the first "full" gives the
 * reserve's blocks back. From then on the connection is short: only what frees space may be written, in any
 * process, or the next writers would take the room that deleting needs. The state is the file's size,
 * which all processes see; whoever is about to write and finds room fills it again.
 *
 * Buildbot's databases have none, nor have disks on which it would be much. Runs on the writer's thread.
 */
#include "engine/sqlite/conn.h"

#include "base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static const char SUFFIX[] = "-daybook-reserve";

static const int64_t SIZE = 16 * 1024 * 1024;
/* It is made where it is a small part of what is free, and filled again where something is left beside it. */
static const int64_t TIMES_FREE = 10;
static const int64_t LEFT_FREE = 4 * 1024 * 1024;
/* "Full" is said of other things, too, such as ids that have run out: with more than this it is not the disk. */
static const int64_t NOT_FULL = 4 * 16 * 1024 * 1024;

static char *reserve_path(const char *database_path)
{
    size_t len = strlen(database_path);
    char *path = dbki_malloc(len + sizeof SUFFIX);
    if (path) {
        memcpy(path, database_path, len);
        memcpy(path + len, SUFFIX, sizeof SUFFIX);
    }
    return path;
}

static int64_t free_space(int fd)
{
    struct statvfs disk;
    return fstatvfs(fd, &disk) ? 0 : (int64_t)disk.f_bavail * (int64_t)disk.f_frsize;
}

/* The folder's disk, where there is no file yet to ask about. */
static int64_t free_space_at(const char *path)
{
    struct statvfs disk;
    return statvfs(path, &disk) ? 0 : (int64_t)disk.f_bavail * (int64_t)disk.f_frsize;
}

/* Beyond a limit of the process, growing a file would send it a signal. */
static bool may_grow(void)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_FSIZE, &limit) == 0 &&
           (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= (rlim_t)SIZE);
}

/* Takes real blocks: a file that is only long reserves nothing. Result: 0 or an errno. */
static int fill(int fd)
{
    if (free_space(fd) < SIZE + LEFT_FREE)
        return ENOSPC;
    if (!may_grow())
        return EFBIG;
    int reason = posix_fallocate(fd, 0, SIZE);
    /* Somebody was faster, or a quota holds: what was taken so far is of no use here. */
    if (reason && ftruncate(fd, 0)) {
        /* It stays as it is, and too short. */
    }
    return reason;
}

static int make(const char *path, const char *database_path)
{
    struct stat database;
    if (stat(database_path, &database) || free_space_at(database_path) < TIMES_FREE * SIZE)
        return -1;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, database.st_mode & 0666);
    if (fd < 0)
        return -1;
    /* Whoever may write the database may need it, whatever the umask of the first one. */
    fchmod(fd, database.st_mode & 0666);
    if (fchown(fd, database.st_uid, database.st_gid)) {
        /* Only root can; others own what they made. */
    }
    if (fill(fd)) {
        unlink(path);
        close(fd);
        return -1;
    }
    return fd;
}

void dbki_reserve_keep(struct dbki_conn *head)
{
    struct conn *conn = (struct conn *)head;
    char *path = conn->head.path ? reserve_path(conn->head.path) : NULL;
    if (!path || conn->head.is_read_only) {
        dbki_free(path);
        return;
    }
    conn->reserve_fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (conn->reserve_fd < 0 && errno == ENOENT)
        conn->reserve_fd = make(path, conn->head.path);
    dbki_free(path);
}

void dbki_reserve_close(struct conn *conn)
{
    if (conn->reserve_fd >= 0)
        close(conn->reserve_fd);
    conn->reserve_fd = -1;
}

void dbki_reserve_check(struct conn *conn)
{
    struct stat status;
    conn->head.is_short = false;
    if (conn->reserve_fd < 0 || fstat(conn->reserve_fd, &status))
        return;
    if (!status.st_nlink) {
        dbki_reserve_close(conn); /* it was removed: nobody would see what its blocks take */
    } else if (status.st_size < SIZE) {
        /* What keeps only the reserve from being filled keeps nobody from writing. */
        int reason = fill(conn->reserve_fd);
        conn->head.is_short = reason == ENOSPC || reason == EDQUOT;
    }
}

void dbki_reserve_note(struct conn *conn, enum dbk_status status)
{
    if (status == DBK_FULL && conn->reserve_fd >= 0)
        conn->is_full = true;
}

void dbki_reserve_release(struct conn *conn)
{
    bool is_full = conn->is_full;
    conn->is_full = false;
    if (!is_full || conn->reserve_fd < 0)
        return;
    if (free_space(conn->reserve_fd) >= NOT_FULL && sqlite3_system_errno(conn->db) != EDQUOT)
        return;
    if (ftruncate(conn->reserve_fd, 0) == 0)
        conn->head.is_short = true;
}

bool dbki_reserve_release_at(const struct dbki_url *url)
{
    struct stat status;
    char *real = realpath(url->path, NULL);
    char *path = real ? reserve_path(real) : NULL;
    int fd = path ? open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW) : -1;
    bool is_released =
        fd >= 0 && fstat(fd, &status) == 0 && status.st_size > 0 && ftruncate(fd, 0) == 0;
    if (fd >= 0)
        close(fd);
    dbki_free(path);
    free(real);
    return is_released;
}
