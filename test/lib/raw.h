/* A look into SQLite files past the library. Every statement has a connection of its own. */
#ifndef RAW_H
#define RAW_H

#include "test.h"

#include <sqlite3.h>
#include <stdio.h>

/* Opens the file; it is closed when the test ends. */
sqlite3 *raw_open(const char *path);
/* Runs statements. */
void raw_run(const char *path, const char *sql);
/* The first column of the first row. NULL is DBK_NONE, and NULL. */
int64_t raw_int(const char *path, const char *sql);
const char *raw_text(const char *path, const char *sql);
/* On an open connection. */
int64_t raw_int_on(sqlite3 *db, const char *sql);

/* Adds to `out` what comes of each row of an answer. */
void raw_each(FILE *out, sqlite3 *db, const char *sql, void (*add)(FILE *out, sqlite3_stmt *row));

/* Reads a whole file; copies one. */
void *file_read(const char *path, size_t *out_size);
void file_write(const char *path, const void *bytes, size_t size);
void file_copy(const char *from, const char *to);
/* How many entries a folder has. */
size_t folder_count(const char *path);

#endif
