/*
 * "Did you mean": the names nearest to one that is not there. Not for searching.
 */
#ifndef NEAREST_H
#define NEAREST_H

#include <stddef.h>

#define NEAREST_MAX 3

struct nearest {
    char *target;
    struct {
        char *name;
        size_t distance;
    } found[NEAREST_MAX]; /* the nearest first; those behind the last one have no name */
};

/* Begins a search for names near the first len bytes of target. */
void nearest_init(struct nearest *nearest, const char *target, size_t len);
void nearest_fini(struct nearest *nearest);

/* Looks at a name, and keeps a copy of it if it is near. */
void nearest_add(struct nearest *nearest, const char *name);

/* Gives the nearest name (0), the second (1), ...; NULL behind the last. Lent. */
const char *nearest_get(const struct nearest *nearest, size_t index);

#endif
