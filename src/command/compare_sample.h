/*
 * What a master and a daemon are both asked: questions about builds that are drawn by lot among the master's, or those
 * of a file. Not for the answers (compare_answer.h).
 */
#ifndef COMPARE_SAMPLE_H
#define COMPARE_SAMPLE_H

#include "http.h"

enum { COMPARE_SAMPLE_MAX = 100000, COMPARE_DEADLINE_MS = 60000 };

struct compare_question {
    const char *kind; /* static */
    char *target;     /* path and query below "/api/v2/" */
};

struct compare_questions {
    struct compare_question *items;
    size_t count, room;
};
void compare_questions_fini(struct compare_questions *questions);

/* Adds `count` questions about builds of the master's; the same seed on the same builds gives the same ones.
 * Result: 0; or an exit code after a message, which calls it by that name. */
int compare_sample(struct http *master, const char *name, int64_t seed, int64_t count,
                   struct compare_questions *questions);

/* Adds those of a file, a path a line; "-" is stdin. Result: the same. */
int compare_questions_read(const char *path, struct compare_questions *questions);

/* Asks for a path. Result: DBK_OK, whatever the answer's status; else a status, and *out_error speaks of that name.
 * http_answer_fini() in any case. out_us may be NULL. */
int compare_get(struct http *http, const char *name, const char *target, struct http_answer *answer,
                int64_t *out_us, struct dbk_error *out_error);

#endif
