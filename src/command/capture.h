/*
 * What a step printed, kept in bounded memory: the first and the last bytes, with a line between
 * them that says how many are missing. Not for passing output on (relay.h) nor for writing it down
 * (recorder.h).
 */
#ifndef CAPTURE_H
#define CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The least that a capture may be limited to; 0, nothing at all, is possible too. */
#define CAPTURE_MIN 1024

struct capture {
    char *bytes;        /* the first head_max bytes as they came, behind them a ring of the last */
    size_t size;        /* allocated: grows to max */
    size_t max;         /* what a copy has at most, the line about the gap included */
    size_t head_max;    /* half of it */
    uint64_t total;     /* bytes that came in */
    bool is_terminal;   /* the bytes come from a terminal, which makes \r\n of each \n */
    bool is_cr_pending; /* a \r came last and is not counted yet: \n may follow */
};

/* Begins empty. Args: max is 0 or CAPTURE_MIN or more; with is_terminal, \r\n is kept as \n. */
void capture_init(struct capture *capture, size_t max, bool is_terminal);
void capture_fini(struct capture *capture);

void capture_add(struct capture *capture, const char *bytes, size_t len);

/* Copies what is kept. Result: yours, free(), and *out_len; NULL when out of memory. */
char *capture_copy(const struct capture *capture, size_t *out_len);

#endif
