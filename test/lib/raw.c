/* A look into SQLite files past the library; see raw.h. */
#include "raw.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static void close_raw(void *db)
{
    sqlite3_close_v2(db);
}

static sqlite3 *open_raw(const char *path)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    sqlite3_busy_timeout(db, 10000);
    return db;
}

sqlite3 *raw_open(const char *path)
{
    return test_keep(open_raw(path), close_raw);
}

void raw_run(const char *path, const char *sql)
{
    sqlite3 *db = open_raw(path);
    char *message = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &message))
        fail_msg("%s: %s", sql, message);
    sqlite3_close(db);
}

static sqlite3_stmt *step_once(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt;
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL))
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    return stmt;
}

int64_t raw_int_on(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt = step_once(db, sql);
    int64_t number =
        sqlite3_column_type(stmt, 0) == SQLITE_NULL ? INT64_MIN : sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return number;
}

int64_t raw_int(const char *path, const char *sql)
{
    sqlite3 *db = open_raw(path);
    int64_t number = raw_int_on(db, sql);
    sqlite3_close(db);
    return number;
}

const char *raw_text(const char *path, const char *sql)
{
    sqlite3 *db = open_raw(path);
    sqlite3_stmt *stmt = step_once(db, sql);
    const char *text = (const char *)sqlite3_column_text(stmt, 0);
    const char *copy = text ? test_copy(text) : NULL;
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return copy;
}

void raw_each(FILE *out, sqlite3 *db, const char *sql, void (*add)(FILE *out, sqlite3_stmt *row))
{
    sqlite3_stmt *stmt;
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL))
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    while (sqlite3_step(stmt) == SQLITE_ROW)
        add(out, stmt);
    assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
}

/* By another process: where a store is open, to close the file here would give up SQLite's locks on it. */
void *file_read(const char *path, size_t *out_size)
{
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    FILE *file = popen(test_format("exec cat '%s'", path), "r");
    assert_non_null(file);
    *out_size = (size_t)status.st_size;
    void *bytes = test_take(*out_size);
    assert_int_equal(fread(bytes, 1, *out_size, file), *out_size);
    assert_int_equal(fgetc(file), EOF);
    assert_int_equal(pclose(file), 0);
    return bytes;
}

void file_write(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

void file_copy(const char *from, const char *to)
{
    size_t size;
    const void *bytes = file_read(from, &size);
    file_write(to, bytes, size);
}

size_t folder_count(const char *path)
{
    DIR *folder = opendir(path);
    size_t count = 0;
    assert_non_null(folder);
    for (const struct dirent *entry; (entry = readdir(folder));)
        count += strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
    closedir(folder);
    return count;
}
