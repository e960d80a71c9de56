/* Inserts as a master makes them, on a clock, by several connections; see adopt.c. */
#ifndef ADOPT_LOAD_H
#define ADOPT_LOAD_H

#include "daybook.h"

#include <stdbool.h>

#define LOAD_CONNECTIONS_TEXT "8" /* each with a builder of its own, from 1001 on */
enum { LOAD_CONNECTIONS = 8 };

struct load_dialect {
    void *(*connect)(const char *url);
    /* Runs a statement. Result: the first column of its first row; DBK_NONE, also when the server ended the transaction
     * for another one's sake, which *out_is_ended says. */
    int64_t (*run)(void *connection, const char *sql, bool *out_is_ended);
    void (*close)(void *connection);
    const char *last_build, *last_buildset; /* the id of the one that was inserted last */
};

void *load_postgres_connect(const char *url);
int64_t load_postgres_run(void *connection, const char *sql, bool *out_is_ended);
void load_postgres_close(void *connection);
void *load_mariadb_connect(const char *url);
int64_t load_mariadb_run(void *connection, const char *sql, bool *out_is_ended);
void load_mariadb_close(void *connection);

/* Of the inserts that were due in that time. Where the server ended one, it was begun again at once. */
struct load_times {
    int64_t count, ended_count;
    double median_ms, p99_ms, longest_ms, longest_due_s;
};

/* Begins: that many a second; 0: as many as can. Ends: what came of those that were due from a time on, in seconds. */
void load_begin(const struct load_dialect *dialect, const char *url, double rate);
void load_end(struct load_times *out_times, double from_s);
void load_wait(int seconds);

double load_now(void); /* seconds of a steady clock */
_Noreturn void load_die(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
