/*
 * What an erasure took out and what may still hold it, until it is answered with: writes_erase.c.
 */
#ifndef DAEMON_ERASURE_H
#define DAEMON_ERASURE_H

struct erasure;

/* Args: erasure may be NULL. */
void erasure_free(struct erasure *erasure);

#endif
