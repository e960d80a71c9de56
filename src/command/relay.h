/*
 * One stream of the command's output on its way to ours: what was read and is not written yet. It
 * reads on only when all of that is written, so that a slow reader slows the command down as it
 * would without us, and it never blocks. Not for keeping the output (capture.h).
 */
#ifndef RELAY_H
#define RELAY_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct redactor;

#define RELAY_SIZE 65536

struct relay {
    int from;        /* the command's end; -1: ended */
    int to;          /* ours, not blocking where that can be had; -1: nobody listens */
    size_t part_max; /* bytes that may be written to it at once without blocking */
    bool is_socket;
    bool is_terminal;
    bool is_line_begun; /* a terminal's cursor stands behind the last byte that went out */
    int failure;        /* errno of the write that failed, 0 for none: the rest is not passed on */
    size_t start;       /* bytes[start..len) wait to be written */
    size_t len;
    const struct redactor *redactor; /* NULL: nothing is masked */
    size_t held;         /* bytes behind those, which may be the beginning of a secret */
    uint64_t read_total; /* what came, before anything was masked */
    char bytes[RELAY_SIZE];
};

/* Begins a relay to descriptor 1 or 2, -1: to nobody. The relay has a descriptor of its own for it. */
void relay_init(struct relay *relay, int to, const struct redactor *redactor);
void relay_fini(struct relay *relay);

/* Connects it to another stream; takes from over. */
void relay_connect(struct relay *relay, int from);
void relay_disconnect(struct relay *relay);

/*
 * Disconnects it, and begins to write what was held back, once all else is written. Result: as relay_read().
 */
size_t relay_end(struct relay *relay);

/* Whether nothing waits to be written; what is held back does not count. */
bool relay_is_flushed(const struct relay *relay);

/* Says what to poll for; fd is -1 for nothing. */
struct pollfd relay_poll_read(const struct relay *relay);
struct pollfd relay_poll_write(const struct relay *relay);

/*
 * Reads what is there into the empty buffer, and begins to write it.
 * Result: how many bytes at relay->bytes are new; 0 when there was nothing or the stream ended.
 */
size_t relay_read(struct relay *relay);

/* Writes as much as goes without blocking. */
void relay_write(struct relay *relay);

#endif
