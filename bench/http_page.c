/*
 * The yardstick of a page: a bare program that reads the newest 50 builds of a builder with all their properties
 * from SQLite and makes the daemon's JSON of them, without HTTP.
 *
 *     http-page FILE BUILDERID SECONDS      prints how many pages a second
 *     http-page FILE BUILDERID 0            prints one page
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PAGE = 50, ID = 0 };

static const char BUILDS[] =
    "SELECT id, number, builderid, buildrequestid, workerid, masterid, started_at, complete_at,"
    " locks_duration_s, state_string, results FROM builds WHERE builderid = ?"
    " ORDER BY number DESC LIMIT 50";
static const char PROPERTIES[] =
    "SELECT p.name, p.value, p.source FROM build_properties p WHERE p.buildid = ? ORDER BY p.name";

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt;
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL)) {
        fprintf(stderr, "http-page: %s\n", sqlite3_errmsg(db));
        exit(1);
    }
    return stmt;
}

static void put_text(FILE *file, const char *text)
{
    putc_unlocked('"', file);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            putc_unlocked('\\', file);
        putc_unlocked(*text, file);
    }
    putc_unlocked('"', file);
}

static void put_number(FILE *file, const char *name, sqlite3_stmt *stmt, int column)
{
    if (sqlite3_column_type(stmt, column) == SQLITE_NULL)
        fprintf(file, "\"%s\": null, ", name);
    else
        fprintf(file, "\"%s\": %lld, ", name, (long long)sqlite3_column_int64(stmt, column));
}

static const char *text_of(sqlite3_stmt *stmt, int column)
{
    return (const char *)sqlite3_column_text(stmt, column);
}

static void put_properties(FILE *file, sqlite3_stmt *properties, sqlite3_int64 buildid)
{
    fputs("\"properties\": {", file);
    sqlite3_bind_int64(properties, 1, buildid);
    for (int i = 0; sqlite3_step(properties) == SQLITE_ROW; i++) {
        fputs(i ? ", " : "", file);
        put_text(file, text_of(properties, 0));
        fprintf(file, ": [%s, ", text_of(properties, 1));
        put_text(file, text_of(properties, 2));
        putc_unlocked(']', file);
    }
    sqlite3_reset(properties);
    putc_unlocked('}', file);
}

static void put_page(FILE *file, sqlite3_stmt *builds, sqlite3_stmt *properties)
{
    static const char *const names[] = {"buildid",        "number",      "builderid",
                                        "buildrequestid", "workerid",    "masterid",
                                        "started_at",     "complete_at", "locks_duration_s"};
    fputs("{\"builds\": [", file);
    for (int i = 0; sqlite3_step(builds) == SQLITE_ROW; i++) {
        fputs(i ? ", {" : "{", file);
        for (int column = 0; column < 9; column++)
            put_number(file, names[column], builds, column);
        fprintf(file, "\"complete\": %s, \"state_string\": ",
                sqlite3_column_type(builds, 7) == SQLITE_NULL ? "false" : "true");
        put_text(file, text_of(builds, 9));
        fputs(", ", file);
        put_number(file, "results", builds, 10);
        put_properties(file, properties, sqlite3_column_int64(builds, ID));
        putc_unlocked('}', file);
    }
    sqlite3_reset(builds);
    fputs("], \"meta\": {}}\n", file);
    fflush(file);
}

static double now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    static char page[1 << 20];
    sqlite3 *db;
    if (argc != 4 || sqlite3_open_v2(argv[1], &db, SQLITE_OPEN_READONLY, NULL)) {
        fputs("usage: http-page FILE BUILDERID SECONDS\n", stderr);
        return 2;
    }
    sqlite3_stmt *builds = prepare(db, BUILDS), *properties = prepare(db, PROPERTIES);
    sqlite3_bind_int64(builds, 1, atoll(argv[2]));
    double seconds = atof(argv[3]), begun = now(), end = begun + seconds;
    long count = 0;
    for (; !count || now() < end; count++) {
        FILE *file = fmemopen(page, sizeof page, "w");
        sqlite3_exec(db, "BEGIN", NULL, NULL, NULL);
        put_page(file, builds, properties);
        sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
        fclose(file);
    }
    if (seconds > 0)
        printf("%.1f\n", (double)count / (now() - begun));
    else
        fputs(page, stdout);
    sqlite3_finalize(builds);
    sqlite3_finalize(properties);
    return sqlite3_close(db);
}
