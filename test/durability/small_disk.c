/* See small_disk.h. */
#include "small_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { BLOCK = 4096, BALLAST_PATH_SIZE = GROUND_PATH_SIZE + 16 };

static bool write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool is_written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0)
        close(fd);
    return is_written;
}

/* Root mounts in a mount namespace of its own; anybody else is root in a user namespace of his own. */
static bool go_apart(void)
{
    char users[32], groups[32];
    if (unshare(CLONE_NEWNS) == 0)
        return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
    snprintf(users, sizeof users, "0 %u 1", (unsigned)geteuid());
    snprintf(groups, sizeof groups, "0 %u 1", (unsigned)getegid());
    return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
           write_file("/proc/self/setgroups", "deny") && write_file("/proc/self/uid_map", users) &&
           write_file("/proc/self/gid_map", groups);
}

void small_disk_mount(const struct ground *ground, const char *size)
{
    static bool is_apart;
    char options[32];
    is_apart = is_apart || go_apart();
    snprintf(options, sizeof options, "size=%s", size);
    if (!is_apart || mount("tmpfs", ground->folder, "tmpfs", MS_NOSUID | MS_NODEV, options))
        ground_skip_or_fail("the right to mount a tmpfs (root, or user namespaces)");
}

void small_disk_unmount(const struct ground *ground)
{
    GROUND_NEED(umount2(ground->folder, MNT_DETACH) == 0, "umount: %s", strerror(errno));
}

static void ballast_path(const struct ground *ground, char out[BALLAST_PATH_SIZE])
{
    snprintf(out, BALLAST_PATH_SIZE, "%s/ballast", ground->folder);
}

int64_t small_disk_blocks_free(const struct ground *ground)
{
    struct statvfs status;
    GROUND_NEED(statvfs(ground->folder, &status) == 0, "%s", strerror(errno));
    return (int64_t)status.f_bfree * (int64_t)status.f_frsize / BLOCK;
}

void small_disk_fill(const struct ground *ground, int64_t blocks_free)
{
    char path[BALLAST_PATH_SIZE];
    ballast_path(ground, path);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    GROUND_NEED(fd >= 0, "%s", strerror(errno));
    int64_t end = 0;
    for (int64_t more; (more = small_disk_blocks_free(ground) - blocks_free) > 0; end += more)
        GROUND_NEED(posix_fallocate(fd, end * BLOCK, more * BLOCK) == 0, "no room for ballast");
    close(fd);
}

void small_disk_free(const struct ground *ground)
{
    char path[BALLAST_PATH_SIZE];
    ballast_path(ground, path);
    GROUND_NEED(unlink(path) == 0, "%s", strerror(errno));
}
