/*
 * A Unix socket: see unix_socket.h. Two that begin at once would each take the other's for a dead one's; so whoever
 * looks and replaces holds a lock on the folder.
 */
#include "unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 128

static int lock_folder(const char *path)
{
    char *copy = strdup(path);
    int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int error = errno;
    free(copy);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB)) {
        error = errno;
        close(fd);
        fd = -1;
    }
    errno = error;
    return fd;
}

/* Removes what a dead daemon left. Result: 0; EADDRINUSE when somebody listens, EEXIST when it is no socket. */
static int clear_place(int fd, const struct sockaddr_un *address)
{
    struct stat status;
    if (lstat(address->sun_path, &status))
        return errno == ENOENT ? 0 : errno;
    if (!S_ISSOCK(status.st_mode))
        return EEXIST;
    int error = connect(fd, (const struct sockaddr *)address, sizeof(*address)) ? errno : 0;
    if (error != ECONNREFUSED)
        return error == EACCES ? EACCES : EADDRINUSE;
    return unlink(address->sun_path) ? errno : 0;
}

/* The mode is set before anybody can connect. */
static int bind_place(int fd, const struct sockaddr_un *address, mode_t mode)
{
    if (bind(fd, (const struct sockaddr *)address, sizeof(*address)))
        return errno;
    if (!chmod(address->sun_path, mode) && !listen(fd, BACKLOG))
        return 0;
    int error = errno;
    unlink(address->sun_path);
    return error;
}

static int make(const struct sockaddr_un *address, mode_t mode, int *out_fd)
{
    int lock = lock_folder(address->sun_path);
    if (lock < 0)
        return errno;
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int error = probe < 0 || fd < 0 ? errno : clear_place(probe, address);
    if (!error)
        error = bind_place(fd, address, mode);
    if (probe >= 0)
        close(probe);
    if (error && fd >= 0)
        close(fd);
    close(lock);
    *out_fd = error ? -1 : fd;
    return error;
}

int unix_socket_begin(const char *path, mode_t mode, struct unix_socket *out_socket,
                      char *out_message, size_t message_size)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat status;
    int fd = -1;
    *out_socket = (struct unix_socket){.path = NULL};
    if (!*path || strlen(path) >= sizeof(address.sun_path)) {
        snprintf(out_message, message_size, "the path of a socket has 1 to %zu bytes",
                 sizeof(address.sun_path) - 1);
        return -1;
    }
    strcpy(address.sun_path, path);
    int error = make(&address, mode, &fd);
    if (error) {
        snprintf(out_message, message_size, "cannot listen at %s: %s", path,
                 error == EEXIST        ? "there is a file that is no socket"
                 : error == EADDRINUSE  ? "another program listens there"
                 : error == EWOULDBLOCK ? "another program begins in that folder just now"
                                        : strerror(error));
        return -1;
    }
    out_socket->path = strdup(path);
    if (!stat(path, &status)) {
        out_socket->device = status.st_dev;
        out_socket->inode = status.st_ino;
    }
    return fd;
}

void unix_socket_end(struct unix_socket *socket)
{
    struct stat status;
    if (socket->path && !stat(socket->path, &status) && status.st_dev == socket->device &&
        status.st_ino == socket->inode)
        unlink(socket->path);
    free(socket->path);
    socket->path = NULL;
}
