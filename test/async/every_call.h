/* A row for each operation of the header, so that a test can go through all of them. */
#ifndef EVERY_CALL_H
#define EVERY_CALL_H

#include "support.h"

struct every_call {
    const char *name;
    bool is_write;
    int (*submit)(struct dbk_store *store, const struct dbk_call *call, struct answer *answer);
};

extern const struct every_call EVERY_CALL[];
extern const size_t EVERY_CALL_COUNT;

/* Puts into a fixture's database what the calls ask for; all of them succeed then. */
void every_call_prepare(const char *path);
/* Frees what the calls are made with. */
void every_call_end(void);

/* Whether two answers are the same but for when they came. */
bool is_same_answer(const struct answer *a, const struct answer *b);

#endif
