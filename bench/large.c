/*
 * A large value, written from a descriptor and read back in pieces, beside SQLite's blob calls with the same pieces.
 * Each turn is a process of its own, from opening an empty store to its close, so that the peak of its memory and
 * all that is left to do on the disk are in it.
 */
#include "more.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PIECE = 256 * 1024, LENGTH = 512 * 1024 * 1024, LENGTH_QUICK = 64 * 1024 * 1024 };

/* What a turn gave. */
struct turn {
    double seconds;
    double peak_mib;
};

struct large {
    struct dbk_store *store;
    int outstanding;
    int64_t id, len;
    unsigned sum; /* over the pieces' first bytes */
};

static void make_file(int fd, int64_t length)
{
    static unsigned char piece[PIECE];
    uint64_t state = 1;
    for (int64_t done = 0; done < length; done += PIECE) {
        for (int i = 0; i < PIECE; i++)
            piece[i] = (unsigned char)((state = state * 6364136223846793005 + 1) >> 56);
        if (write(fd, piece, PIECE) != PIECE)
            bench_fail("the file could not be written");
    }
}

static double peak_mib(void)
{
    char line[256];
    double kib = 0;
    FILE *file = fopen("/proc/self/status", "re");
    while (file && fgets(line, sizeof line, file))
        if (!strncmp(line, "VmHWM:", 6))
            kib = atof(line + 6);
    if (file)
        fclose(file);
    return kib / 1024;
}

/* --------------------------------------------------------------------------------- the library ---- */

static void note_done(void *user, const struct dbk_error *error)
{
    if (error)
        bench_fail("%s", error->message);
    --((struct large *)user)->outstanding;
}

static void note_build(void *user, const struct dbk_error *error, int64_t buildid, int64_t number)
{
    (void)number;
    ((struct large *)user)->id = buildid;
    note_done(user, error);
}

static bool take_piece(void *user, const struct dbk_build_data *piece, int64_t offset)
{
    struct large *large = user;
    (void)offset;
    large->len += (int64_t)piece->value_len;
    large->sum += *(const unsigned char *)piece->value;
    return true;
}

static void note_data(void *user, const struct dbk_error *error, const struct dbk_build_data *data)
{
    (void)data;
    note_done(user, error);
}

static unsigned run_ours(const char *path, int fd, int64_t length)
{
    struct large large = {.store = more_open(path, false), .outstanding = 1};
    struct dbk_new_build build = DBK_NEW_BUILD_INIT;
    build.builder = "large";
    if (dbk_record_build(large.store, &build, NULL, note_build, &large))
        bench_fail("a build was refused");
    more_wait(large.store, &large.outstanding);
    large.outstanding = 1;
    if (dbk_set_build_data_from_fd(large.store, large.id, "v", fd, 0, length, "bench", NULL,
                                   note_done, &large))
        bench_fail("a value was refused");
    more_wait(large.store, &large.outstanding);
    large.outstanding = 1;
    if (dbk_read_build_data(large.store, large.id, "v", 0, INT64_MAX, NULL, take_piece, note_data,
                            &large))
        bench_fail("reading was refused");
    more_wait(large.store, &large.outstanding);
    dbk_close_wait(large.store);
    if (large.len != length)
        bench_fail("the value came short");
    return large.sum;
}

/* ---------------------------------------------------------------------------- the bare program ---- */

static void need(sqlite3 *db, int code)
{
    if (code != SQLITE_OK)
        bench_fail("bare: %s", sqlite3_errmsg(db));
}

static unsigned run_bare(const char *path, int fd, int64_t length)
{
    static unsigned char piece[PIECE];
    sqlite3 *db;
    sqlite3_blob *blob;
    char sql[200];
    unsigned sum = 0;
    need(NULL, sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL));
    snprintf(sql, sizeof sql,
             "INSERT INTO build_data (buildid, name, length, source, value)"
             " VALUES (1, 'v', %lld, 'bench', zeroblob(%lld))",
             (long long)length, (long long)length);
    need(db, sqlite3_exec(db,
                          "PRAGMA synchronous=FULL; PRAGMA mmap_size=0; PRAGMA cache_size=-16384;"
                          "PRAGMA journal_size_limit=16777216; BEGIN IMMEDIATE",
                          NULL, NULL, NULL));
    need(db, sqlite3_exec(db, sql, NULL, NULL, NULL));
    int64_t row = sqlite3_last_insert_rowid(db);
    need(db, sqlite3_blob_open(db, "main", "build_data", "value", row, 1, &blob));
    for (int64_t done = 0; done < length; done += PIECE) {
        if (pread(fd, piece, PIECE, done) != PIECE)
            bench_fail("the file could not be read");
        need(db, sqlite3_blob_write(blob, piece, PIECE, (int)done));
    }
    need(db, sqlite3_blob_close(blob));
    need(db, sqlite3_exec(db, "COMMIT", NULL, NULL, NULL));
    need(db, sqlite3_blob_open(db, "main", "build_data", "value", row, 0, &blob));
    for (int64_t done = 0; done < length; done += PIECE) {
        need(db, sqlite3_blob_read(blob, piece, PIECE, (int)done));
        sum += piece[0];
    }
    need(db, sqlite3_blob_close(blob));
    sqlite3_close(db);
    return sum;
}

/* ----------------------------------------------------------------------------------- measuring ---- */

static struct turn take_turn(const struct more_options *options, bool is_bare, int fd,
                             int64_t length, unsigned *out_sum)
{
    const char *path = more_path(options, is_bare ? "bare" : "ours");
    struct {
        struct turn turn;
        unsigned sum;
    } result;
    int ends[2], status;
    if (access(path, F_OK))
        dbk_close_wait(more_open(path, true));
    if (pipe(ends))
        bench_fail("no pipe");
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        double start = bench_seconds();
        result.sum = is_bare ? run_bare(path, fd, length) : run_ours(path, fd, length);
        result.turn = (struct turn){bench_seconds() - start, peak_mib()};
        _exit(write(ends[1], &result, sizeof result) != sizeof result);
    }
    close(ends[1]);
    bool is_read = read(ends[0], &result, sizeof result) == sizeof result;
    close(ends[0]);
    if (waitpid(pid, &status, 0) != pid || status || !is_read)
        bench_fail("a turn failed");
    *out_sum = result.sum;
    seed_remove(path);
    sync(); /* what one turn left to the system must not be done in the other's */
    return result.turn;
}

void large_measure(const struct more_options *options)
{
    int64_t length = options->is_quick ? LENGTH_QUICK : LENGTH;
    double mib = (double)length / 1024 / 1024, peak = 0;
    char path[4200];
    snprintf(path, sizeof path, "%s/value", options->folder);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0 || unlink(path))
        bench_fail("%s cannot be made", path);
    make_file(fd, length);
    struct more_line line = {.name = "large value, written and read",
                             .other_words = "MiB/s bare",
                             .ours_words = "MiB/s",
                             .mark = 0.7};
    for (int round = 0; round < options->rounds; round++) {
        unsigned bare_sum, ours_sum;
        struct turn bare = take_turn(options, true, fd, length, &bare_sum);
        struct turn ours = take_turn(options, false, fd, length, &ours_sum);
        if (bare_sum != ours_sum)
            bench_fail("the two sides did not read the same");
        more_add(&line, 2 * mib / bare.seconds, 2 * mib / ours.seconds);
        peak = ours.peak_mib > peak ? ours.peak_mib : peak;
    }
    close(fd);
    more_print(&line);
    more_print_limit("large value, peak of memory", peak, 40, "MiB");
}
