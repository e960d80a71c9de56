/*
 * The environment of a step's command: ours, and what names the running build for commands that a
 * script runs.
 */
#ifndef ENVIRONMENT_H
#define ENVIRONMENT_H

#include <stdint.h>

struct environment {
    char **variables; /* as execve() takes them; NULL when out of memory */
    char *db;
    char build[48];
    char step[48];
};

/*
 * Makes an environment with DAYBOOK_DB, DAYBOOK_BUILD and DAYBOOK_STEP. Those of a run around this
 * one are not passed on.
 * Args: db is NULL to leave DAYBOOK_DB as it is; ids are DBK_NONE where they are not known.
 */
void environment_init(struct environment *environment, const char *db, int64_t buildid,
                      int64_t stepid);
void environment_fini(struct environment *environment);

#endif
