/*
 * A database server for tests that are not in C, PostgreSQL unless its argument is "mariadb", or "galera" for a cluster
 * of three: see postgres.h, mariadb.h and galera.h. It answers the lines that it reads, each with a line, and the server
 * is gone with it:
 *
 *   database   the URL of a new, empty database
 *   stop       stops the server, cutting off what runs, as for its upgrade; then "stopped"; no cluster
 *   start      starts it again; then "started"
 *
 * Where there is no such server on this machine it ends with 77.
 */
#include "mariadb.h"
#include "postgres.h"
#ifdef DAYBOOK_HAS_MARIADB
#include "galera.h"
#endif

#include <stdio.h>
#include <string.h>

struct kind {
    const char *name;
    const char *(*folder)(void);
    const char *(*database)(const char *options);
    void (*stop)(void);
    void (*start)(void);
};

static void stop_postgres(void)
{
    postgres_stop("fast");
}

#ifdef DAYBOOK_HAS_MARIADB
static void stop_mariadb(void)
{
    mariadb_stop(false);
}

static const char *start_galera(void)
{
    return galera_start(GALERA_NODES_MAX);
}

static const char *place_in_galera(const char *options)
{
    (void)options;
    return galera_place();
}
#endif

static const struct kind KINDS[] = {
    {"postgresql", postgres_folder, postgres_database, stop_postgres, postgres_start},
#ifdef DAYBOOK_HAS_MARIADB
    {"mariadb", mariadb_folder, mariadb_database, stop_mariadb, mariadb_start},
    {"galera", start_galera, place_in_galera, NULL, NULL},
#endif
};

static const struct kind *find(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(KINDS); i++)
        if (!strcmp(KINDS[i].name, name))
            return &KINDS[i];
    return NULL;
}

static const char *answer(const struct kind *kind, const char *line)
{
    if (!strcmp(line, "database"))
        return kind->database("");
    if (!strcmp(line, "stop") && kind->stop)
        return kind->stop(), "stopped";
    if (!strcmp(line, "start") && kind->start)
        return kind->start(), "started";
    return NULL;
}

int main(int argc, char **argv)
{
    const struct kind *kind = find(argc > 1 ? argv[1] : "postgresql");
    char line[32];
    if (!kind || !kind->folder())
        return 77;
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        const char *text = answer(kind, line);
        if (!text) {
            fprintf(stderr, "it knows no '%s'\n", line);
            return 2;
        }
        puts(text);
        fflush(stdout);
    }
    return 0;
}
