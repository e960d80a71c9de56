/*
 * How long a request takes, and by which name people find it: Server-Timing and X-Request-Id on each answer, and a
 * line on stderr for a slow one.
 */
#ifndef DAEMON_TIMING_H
#define DAEMON_TIMING_H

#include <stdbool.h>
#include <stdint.h>

struct exchange;

#define TIMING_ID_SIZE 65

struct timing {
    int64_t begun_us, answered_us; /* answered: the head of the answer was made; 0: not yet */
    int64_t asked_us;              /* the store; 0: nothing is outstanding */
    int64_t store_us;              /* that answers of the store took, together */
    char id[TIMING_ID_SIZE];
};

void timing_begin(struct exchange *exchange);

/* The store was asked; it answered. */
void timing_ask(struct exchange *exchange);
void timing_told(struct exchange *exchange);

/* Adds the headers. */
void timing_answer(struct exchange *exchange);

/* Args: http_status: 0: the client has gone. Result: seconds since it began. */
double timing_end(struct exchange *exchange, int http_status);

#endif
