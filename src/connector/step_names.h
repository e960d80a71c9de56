/* The names of a new build's steps: one that comes again gets _N, as dbk_add_step() does it. */
#ifndef DBKI_STEP_NAMES_H
#define DBKI_STEP_NAMES_H

#include "store/op.h"

struct dbki_step_name;

/* The names so far, found by their hash, so that thousands of steps of one name cost no more than others. */
struct dbki_step_names {
    struct dbki_step_name *places;
    size_t place_count; /* a power of two */
};

/* Makes room for that many, in the operation's memory. When it is out, submitting will say so. */
void dbki_step_names_init(struct dbki_step_names *names, struct dbki_op *op, size_t count);
/* Takes the next step's name and gives the one that it gets, copied. */
struct dbki_value dbki_step_names_add(struct dbki_step_names *names, struct dbki_op *op,
                                      const char *name);

#endif
