/*
 * A Unix socket to listen at: who may connect is what the file's mode says.
 */
#ifndef DAEMON_UNIX_SOCKET_H
#define DAEMON_UNIX_SOCKET_H

#include <stddef.h>
#include <sys/types.h>

struct unix_socket {
    char *path; /* as it was given; NULL: there is none */
    dev_t device;
    ino_t inode;
};

/*
 * Makes the socket's file with a mode and listens there. What a dead daemon left is replaced; where one listens, or
 * where another kind of file is, that is refused. Result: the descriptor, which is the caller's; -1 with a sentence
 * in out_message. unix_socket_end() in any case.
 */
int unix_socket_begin(const char *path, mode_t mode, struct unix_socket *out_socket,
                      char *out_message, size_t message_size);

/* Removes the file, if it is still the one that was made. */
void unix_socket_end(struct unix_socket *socket);

#endif
