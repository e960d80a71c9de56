/*
 * Passing output on: see relay.h.
 *
 * Our stdout is shared with others, so it must not be made non-blocking: that is a property of the
 * open file, not of the descriptor. A pipe or terminal is opened a second time instead. Where that
 * is not possible, a pipe that polls as writable takes PIPE_BUF bytes without blocking.
 */
#include "relay.h"

#include "redact.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

void relay_init(struct relay *relay, int to, const struct redactor *redactor)
{
    struct stat status;
    relay->from = relay->to = -1;
    relay->part_max = PIPE_BUF;
    relay->is_socket = relay->is_terminal = relay->is_line_begun = false;
    relay->failure = 0;
    relay->start = relay->len = relay->held = 0;
    relay->read_total = 0;
    relay->redactor = redactor && redactor->count ? redactor : NULL;
    if (to < 0 || fstat(to, &status))
        return;
    relay->is_terminal = isatty(to);
    if (S_ISFIFO(status.st_mode) || relay->is_terminal) {
        char path[32];
        snprintf(path, sizeof(path), "/proc/self/fd/%d", to);
        relay->to = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    }
    relay->is_socket = S_ISSOCK(status.st_mode);
    if (relay->to >= 0 || relay->is_socket || S_ISREG(status.st_mode))
        relay->part_max = RELAY_SIZE;
    if (relay->to < 0)
        relay->to = fcntl(to, F_DUPFD_CLOEXEC, 3);
}

void relay_fini(struct relay *relay)
{
    relay_disconnect(relay);
    if (relay->to >= 0)
        close(relay->to);
    relay->to = -1;
}

void relay_connect(struct relay *relay, int from)
{
    relay_disconnect(relay);
    relay->from = from;
}

void relay_disconnect(struct relay *relay)
{
    if (relay->from >= 0)
        close(relay->from);
    relay->from = -1;
}

bool relay_is_flushed(const struct relay *relay)
{
    return relay->start == relay->len;
}

struct pollfd relay_poll_read(const struct relay *relay)
{
    return (struct pollfd){relay_is_flushed(relay) ? relay->from : -1, POLLIN, 0};
}

struct pollfd relay_poll_write(const struct relay *relay)
{
    return (struct pollfd){relay_is_flushed(relay) ? -1 : relay->to, POLLOUT, 0};
}

/* Masks count bytes at the buffer's beginning, and begins to write them. Result: how many that are. */
static size_t relay_take(struct relay *relay, size_t count, bool is_end)
{
    relay->held = 0;
    if (relay->redactor)
        count = redactor_mask(relay->redactor, relay->bytes, count, is_end, &relay->held);
    relay->start = 0;
    relay->len = count;
    if (relay->to < 0 || relay->part_max == RELAY_SIZE)
        relay_write(relay); /* else poll has to say first that it would not block */
    return count;
}

size_t relay_read(struct relay *relay)
{
    size_t held = relay->held;
    memmove(relay->bytes, relay->bytes + relay->len, held);
    relay->start = relay->len = 0;
    ssize_t count = read(relay->from, relay->bytes + held, RELAY_SIZE - held);
    if (count < 0 && (errno == EINTR || errno == EAGAIN))
        return 0;
    if (count <= 0) { /* EIO is a terminal's way to say that nobody has it open any more */
        relay_disconnect(relay);
        return relay_end(relay);
    }
    relay->read_total += (size_t)count;
    return relay_take(relay, held + (size_t)count, false);
}

size_t relay_end(struct relay *relay)
{
    relay_disconnect(relay);
    if (!relay->held || !relay_is_flushed(relay))
        return 0;
    memmove(relay->bytes, relay->bytes + relay->len, relay->held);
    return relay_take(relay, relay->held, true);
}

/* The reader has gone, or the disk is full. */
static void relay_fail(struct relay *relay, int error)
{
    relay->start = relay->len;
    close(relay->to);
    relay->to = -1;
    relay->is_line_begun = false;
    if (error == EPIPE)
        /* The command gets what it would have got without us: SIGPIPE at its next write. */
        relay_disconnect(relay);
    else
        relay->failure = error;
}

void relay_write(struct relay *relay)
{
    if (relay->to < 0)
        relay->start = relay->len;
    while (relay->start < relay->len) {
        size_t part = relay->len - relay->start;
        if (part > relay->part_max)
            part = relay->part_max;
        const char *bytes = relay->bytes + relay->start;
        ssize_t count = relay->is_socket ? send(relay->to, bytes, part, MSG_DONTWAIT | MSG_NOSIGNAL)
                                         : write(relay->to, bytes, part);
        if (count < 0 && (errno == EINTR || errno == EAGAIN))
            return;
        if (count < 0) {
            relay_fail(relay, errno);
            return;
        }
        relay->start += (size_t)count;
        relay->is_line_begun = relay->is_terminal && relay->bytes[relay->start - 1] != '\n';
        if (relay->part_max < RELAY_SIZE)
            return; /* poll says whether more goes without blocking */
    }
}
