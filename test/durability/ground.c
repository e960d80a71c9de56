/* See ground.h. */
#include "ground.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static bool is_child;

void ground_is_child(void)
{
    is_child = true;
}

void ground_fail(const char *file, int line, const char *format, ...)
{
    va_list args;
    char sentence[1024];
    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    fprintf(stderr, "%s:%d: %s%s\n", file, line, is_child ? "(child) " : "", sentence);
    fflush(stderr);
    if (is_child)
        _exit(99);
    fail();
    abort(); /* fail() does not return, but its declaration does not say so everywhere */
}

void ground_skip_or_fail(const char *what)
{
    const char *ci = getenv("CI");
    GROUND_NEED(!ci || !*ci, "in CI this has to be there: %s", what);
    print_message("skipped: %s\n", what);
    skip();
}

/* --------------------------------------------------------------------------------- folders ---- */

void ground_make(struct ground *ground, bool in_memory)
{
    const char *base = getenv("TMPDIR");
    if (in_memory && access("/dev/shm", W_OK) == 0)
        base = "/dev/shm";
    if (!base || strlen(base) > 64)
        base = "/tmp";
    snprintf(ground->folder, sizeof ground->folder, "%s/daybook-test-XXXXXX", base);
    GROUND_NEED(mkdtemp(ground->folder), "%s: %s", ground->folder, strerror(errno));
    snprintf(ground->path, sizeof ground->path, "%s/store.sqlite", ground->folder);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

void ground_remove(struct ground *ground)
{
    if (ground->folder[0])
        nftw(ground->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    ground->folder[0] = 0;
}

/* ---------------------------------------------------------------------------------- chance ---- */

int ground_scale(int count)
{
    const char *text = getenv("DAYBOOK_TEST_SCALE");
    double scale = text ? atof(text) : 1;
    double scaled = count * (scale > 0 ? scale : 1);
    return scaled < 1 ? 1 : scaled > 1e9 ? 1000000000 : (int)scaled;
}

uint64_t ground_seed(const char *test)
{
    const char *text = getenv("DAYBOOK_TEST_SEED");
    uint64_t seed = text ? strtoull(text, NULL, 0)
                         : (uint64_t)ground_now_us() * 2654435761u + (uint64_t)getpid();
    print_message("%s: DAYBOOK_TEST_SEED=%llu repeats it\n", test, (unsigned long long)seed);
    return seed;
}

/* splitmix64 */
uint64_t ground_random(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

int ground_below(uint64_t *state, int bound)
{
    return (int)(ground_random(state) % (uint64_t)bound);
}

int64_t ground_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* ---------------------------------------------------------------------------------- stores ---- */

struct dbk_store *ground_open(const char *path, bool is_created)
{
    struct dbk_options options = DBK_OPTIONS_INIT;
    struct dbk_store *store = NULL;
    struct dbk_error error = {0};
    options.is_created = is_created;
    int status = dbk_open(path, &options, &store, &error);
    GROUND_NEED(status == DBK_OK, "open %s: %s: %s", path, dbk_status_name(status), error.message);
    return store;
}

void ground_seed_store(const char *path)
{
    dbk_close_wait(ground_open(path, true));
    sqlite3 *db = ground_sql_open(path);
    ground_sql(db, "BEGIN IMMEDIATE");
    for (int i = 1; i <= GROUND_BUILDERS; i++) {
        char sql[160];
        snprintf(sql, sizeof sql, "INSERT INTO builders (name, name_hash) VALUES ('b%d', 'hash%d')",
                 i, i);
        ground_sql(db, sql);
    }
    ground_sql(db, "INSERT INTO workers (name, info) VALUES ('w1', '{}');"
                   "INSERT INTO masters (name, name_hash, active, last_active)"
                   " VALUES ('m1', 'hash', 1, 1);"
                   "INSERT INTO buildsets (reason, submitted_at, complete) VALUES ('test', 1, 0);"
                   "INSERT INTO buildrequests (buildsetid, builderid, priority, complete,"
                   " submitted_at, waited_for) VALUES (1, 1, 0, 0, 1, 0);"
                   "COMMIT");
    GROUND_NEED(sqlite3_close(db) == SQLITE_OK, "close");
}

struct added {
    bool is_done;
    int64_t number;
    struct dbk_error error;
};

static void added(void *user, const struct dbk_error *error, int64_t buildid, int64_t number)
{
    struct added *added = user;
    (void)buildid;
    added->is_done = true;
    added->number = number;
    if (error)
        added->error = *error;
}

int64_t ground_add_build(struct dbk_store *store, int64_t builderid, int timeout_ms,
                         struct dbk_error *out_error)
{
    struct dbk_call call = DBK_CALL_INIT;
    struct added result = {0};
    call.timeout_ms = timeout_ms;
    call.out_refusal = &result.error;
    int status = dbk_add_build(store, builderid, 1, 1, 1, "added", &call, added, &result);
    while (!status && !result.is_done)
        dbk_wait(store, -1);
    if (out_error)
        *out_error = result.error;
    if (!status)
        status = result.error.status;
    return status ? -status : result.number;
}

/* --------------------------------------------------------------------------------- plain SQL ---- */

sqlite3 *ground_sql_open(const char *path)
{
    sqlite3 *db;
    int code = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
    GROUND_NEED(code == SQLITE_OK, "sqlite3_open %s: %s", path, sqlite3_errmsg(db));
    sqlite3_busy_timeout(db, 20000);
    return db;
}

void ground_sql(sqlite3 *db, const char *sql)
{
    char *words = NULL;
    int code = sqlite3_exec(db, sql, NULL, NULL, &words);
    GROUND_NEED(code == SQLITE_OK, "%s: %s", sql, words ? words : sqlite3_errstr(code));
}

int64_t ground_sql_int(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt;
    GROUND_NEED(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK, "%s: %s", sql,
                sqlite3_errmsg(db));
    int code = sqlite3_step(stmt);
    GROUND_NEED(code == SQLITE_ROW, "%s: %s", sql, sqlite3_errmsg(db));
    int64_t number = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return number;
}

void ground_sql_file(const char *path, const char *sql)
{
    sqlite3 *db = ground_sql_open(path);
    ground_sql(db, sql);
    sqlite3_close(db);
}

/* ------------------------------------------------------------------------- files and children ---- */

void *ground_file_read(const char *path, size_t *out_len)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    *out_len = 0;
    if (fd < 0)
        return NULL;
    GROUND_NEED(fstat(fd, &status) == 0, "%s: %s", path, strerror(errno));
    void *bytes = malloc((size_t)status.st_size + 1);
    GROUND_NEED(bytes && ground_read_all(fd, bytes, (size_t)status.st_size), "reading %s", path);
    close(fd);
    *out_len = (size_t)status.st_size;
    return bytes;
}

void ground_file_write(const char *path, const void *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    GROUND_NEED(fd >= 0, "%s: %s", path, strerror(errno));
    ground_write_all(fd, bytes, len);
    close(fd);
}

uint64_t ground_file_sum(const char *path)
{
    size_t len;
    unsigned char *bytes = ground_file_read(path, &len);
    uint64_t sum = 0xCBF29CE484222325u;
    if (!len)
        sum = 0;
    for (size_t i = 0; i < len; i++)
        sum = (sum ^ bytes[i]) * 0x100000001B3u;
    free(bytes);
    return sum;
}

bool ground_read_all(int fd, void *bytes, size_t len)
{
    for (char *at = bytes; len;) {
        ssize_t got = read(fd, at, len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        at += got;
        len -= (size_t)got;
    }
    return true;
}

void ground_write_all(int fd, const void *bytes, size_t len)
{
    for (const char *at = bytes; len;) {
        ssize_t put = write(fd, at, len);
        if (put < 0 && errno == EINTR)
            continue;
        GROUND_NEED(put > 0, "write: %s", strerror(errno));
        at += put;
        len -= (size_t)put;
    }
}

int ground_reap(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        GROUND_NEED(errno == EINTR, "waitpid: %s", strerror(errno));
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}
