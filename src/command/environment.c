/*
 * A command's environment: see environment.h.
 */
#include "environment.h"

#include <daybook.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

static bool is_named(const char *variable, const char *name)
{
    size_t len = strlen(name);
    return !strncmp(variable, name, len) && variable[len] == '=';
}

void environment_init(struct environment *environment, const char *db, int64_t buildid,
                      int64_t stepid)
{
    size_t size = 0, count = 0;
    while (environ && environ[size])
        size++;
    environment->db = NULL;
    environment->variables = calloc(size + 4, sizeof(*environment->variables));
    if (!environment->variables)
        return;
    if (db && asprintf(&environment->db, "DAYBOOK_DB=%s", db) < 0)
        environment->db = NULL;
    for (size_t i = 0; i < size; i++)
        if (!is_named(environ[i], "DAYBOOK_BUILD") && !is_named(environ[i], "DAYBOOK_STEP") &&
            (!environment->db || !is_named(environ[i], "DAYBOOK_DB")))
            environment->variables[count++] = environ[i];
    if (environment->db)
        environment->variables[count++] = environment->db;
    snprintf(environment->build, sizeof(environment->build), "DAYBOOK_BUILD=%" PRId64, buildid);
    if (buildid != DBK_NONE)
        environment->variables[count++] = environment->build;
    snprintf(environment->step, sizeof(environment->step), "DAYBOOK_STEP=%" PRId64, stepid);
    if (stepid != DBK_NONE)
        environment->variables[count++] = environment->step;
}

void environment_fini(struct environment *environment)
{
    free(environment->variables);
    free(environment->db);
}
