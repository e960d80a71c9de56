/*
 * A database server for tests that are not in C: see postgres.h. It answers the lines that it reads, each with
 * a line, and the server is gone with it:
 *
 *   database   the URL of a new, empty database
 *   stop       stops the server, cutting off what runs, as for its upgrade; then "stopped"
 *   start      starts it again; then "started"
 *
 * Where there is no such server on this machine it ends with 77.
 */
#include "postgres.h"

#include <stdio.h>
#include <string.h>

static const char *answer(const char *line)
{
    if (!strcmp(line, "database"))
        return postgres_database("");
    if (!strcmp(line, "stop"))
        return postgres_stop("fast"), "stopped";
    if (!strcmp(line, "start"))
        return postgres_start(), "started";
    return NULL;
}

int main(void)
{
    char line[32];
    if (!postgres_folder())
        return 77;
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        const char *text = answer(line);
        if (!text) {
            fprintf(stderr, "it knows no '%s'\n", line);
            return 2;
        }
        puts(text);
        fflush(stdout);
    }
    return 0;
}
