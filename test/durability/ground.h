/*
 * What the durability tests stand on: temporary folders, a store with parents in it, chance with a seed
 * that can be set, plain SQL beside the library, children that report through a pipe.
 *
 * The tests fork. A child never returns into cmocka: it ends with _exit(), and so does what it calls.
 */
#ifndef DURABILITY_GROUND_H
#define DURABILITY_GROUND_H

#include "daybook.h"

#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { GROUND_BUILDERS = 4, GROUND_PATH_SIZE = 160 };

/* A folder of one test, with the path of a database in it. */
struct ground {
    char folder[GROUND_PATH_SIZE - 32];
    char path[GROUND_PATH_SIZE];
};

/* Makes the folder; in_memory: on /dev/shm where there is one, for what shall not wait for a disk. */
void ground_make(struct ground *ground, bool in_memory);
void ground_remove(struct ground *ground);

/* Fails the test, or ends the child with status 99, unless the fact holds. */
#define GROUND_NEED(fact, ...)                                                                     \
    do {                                                                                           \
        if (!(fact))                                                                               \
            ground_fail(__FILE__, __LINE__, __VA_ARGS__);                                          \
    } while (0)
_Noreturn void ground_fail(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Says that this process is a child from here on. */
void ground_is_child(void);
/* Fails in CI and skips elsewhere, after saying what is missing. */
void ground_skip_or_fail(const char *what);

/* DAYBOOK_TEST_SCALE times the count, at least 1. */
int ground_scale(int count);
/* DAYBOOK_TEST_SEED, or one of its own; printed with the test's name. */
uint64_t ground_seed(const char *test);
/* The next number of a sequence; and one below a bound. */
uint64_t ground_random(uint64_t *state);
int ground_below(uint64_t *state, int bound);

int64_t ground_now_us(void);

/* Opens a store or fails. */
struct dbk_store *ground_open(const char *path, bool is_created);
/* Makes a store with GROUND_BUILDERS builders, a worker, a master, a buildset, a request: all from id 1. */
void ground_seed_store(const char *path);
/* Adds one build and waits for it. Result: its number, or minus the status. */
int64_t ground_add_build(struct dbk_store *store, int64_t builderid, int timeout_ms,
                         struct dbk_error *out_error);

/* Plain SQL. */
sqlite3 *ground_sql_open(const char *path);
void ground_sql(sqlite3 *db, const char *sql);
int64_t ground_sql_int(sqlite3 *db, const char *sql);
void ground_sql_file(const char *path, const char *sql);

/* Whole files. Result of read: yours, free(); *out_len is 0 and the result NULL when there is none. */
void *ground_file_read(const char *path, size_t *out_len);
void ground_file_write(const char *path, const void *bytes, size_t len);
/* A 64-bit sum over a file's bytes; 0 when there are none. */
uint64_t ground_file_sum(const char *path);

/* Reads or writes all of it. Result of read: false at an early end. */
bool ground_read_all(int fd, void *bytes, size_t len);
void ground_write_all(int fd, const void *bytes, size_t len);
/* Waits for a child. Result: its exit status, or 1000 + its signal. */
int ground_reap(pid_t pid);

#endif
