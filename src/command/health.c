/*
 * A look at a database: see health.h. What is here runs in the process that looks, but for
 * health_begin().
 */
#include "health.h"

#include "message.h"
#include "store_open.h"
#include "waiting.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* Whoever asks has 2 s in all. */
#define WRITE_WAIT_MS 400
#define READ_WAIT_MS 500
#define COUNT_WAIT_MS 300

/* With less on its disk a store can take no more builds worth the name. */
#define DISK_NEEDED (64 * 1024)

/* SQLite's format: where the header says how the file is written, and which bytes its locks are on. */
#define HEADER_SIZE 20
#define HEADER_WRITE_VERSION 18
#define LOCK_START 0x40000000
#define LOCK_SIZE 512

struct look {
    const struct arguments *arguments;
    int fd; /* to tell through */
    struct dbk_store *store;
    struct health health;
};

void health_init(struct health *health)
{
    *health = (struct health){.size = DBK_NONE,
                              .log_size = DBK_NONE,
                              .disk_free = DBK_NONE,
                              .reserve_size = DBK_NONE,
                              .locker_pid = DBK_NONE,
                              .open_buildid = DBK_NONE,
                              .open_builderid = DBK_NONE,
                              .open_number = DBK_NONE,
                              .open_since = DBK_NONE,
                              .build_count = DBK_NONE};
}

/* Begins a stage, and says what is known by now. */
static void tell(struct look *look, enum health_stage stage)
{
    look->health.stage = stage;
    if (write(look->fd, &look->health, sizeof(look->health)) != (ssize_t)sizeof(look->health))
        _exit(EXIT_FAILURE); /* nobody listens any more */
}

static void note_error(struct look *look, const struct dbk_error *error)
{
    if (look->health.error.status == DBK_OK)
        look->health.error = *error;
}

/* ----------------------------------------------------------------------------- the file ---- */

/* Who holds a lock that keeps readers out. The descriptor is closed before the store is opened:
 * afterwards that would take SQLite's own locks away. */
static void look_into(struct health *health, const char *path)
{
    unsigned char header[HEADER_SIZE];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return;
    if (read(fd, header, sizeof(header)) == (ssize_t)sizeof(header) &&
        !memcmp(header, "SQLite format 3", 16))
        snprintf(health->journal_mode, sizeof(health->journal_mode), "%s",
                 header[HEADER_WRITE_VERSION] == 2 ? "wal" : "rollback");
    struct flock lock = {
        .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = LOCK_START, .l_len = LOCK_SIZE};
    if (!fcntl(fd, F_GETLK, &lock) && lock.l_type != F_UNLCK && lock.l_pid > 0)
        health->locker_pid = lock.l_pid;
    close(fd);
}

/* The size of the file whose name ends so, or what stands for none. */
static int64_t size_beside(const char *path, const char *suffix, int64_t none)
{
    struct stat about;
    char *name = NULL;
    if (asprintf(&name, "%s%s", path, suffix) < 0)
        return none;
    int64_t size = stat(name, &about) ? none : (int64_t)about.st_size;
    free(name);
    return size;
}

static void look_at_file(struct look *look)
{
    struct health *health = &look->health;
    struct stat about;
    struct statvfs disk;
    char *path = store_path(store_url(look->arguments));
    char *real = path ? realpath(path, NULL) : NULL;
    if (real && !stat(real, &about) && S_ISREG(about.st_mode)) {
        snprintf(health->path, sizeof(health->path), "%s", real);
        health->size = about.st_size;
        health->log_size = size_beside(real, "-wal", 0);
        health->reserve_size = size_beside(real, "-daybook-reserve", DBK_NONE);
        if (!statvfs(real, &disk))
            health->disk_free = (int64_t)disk.f_bavail * (int64_t)disk.f_frsize;
        look_into(health, real);
    }
    free(real);
    free(path);
}

/* -------------------------------------------------------------------------- the database ---- */

/* The version of what the library reads databases with, also where the database does not open. */
static void note_engine_version(struct look *look)
{
    struct dbk_store *store;
    if (dbk_open("sqlite://", NULL, &store, NULL) != DBK_OK)
        return;
    const struct dbk_info *info = dbk_get_info(store);
    snprintf(look->health.engine, sizeof(look->health.engine), "%s", info->engine);
    snprintf(look->health.engine_version, sizeof(look->health.engine_version), "%s",
             info->engine_version);
    dbk_close_wait(store);
}

static void open_store(struct look *look)
{
    struct dbk_error error;
    struct health *health = &look->health;
    if (store_try_open(look->arguments, STORE_EXISTING, NULL, &look->store, NULL, &error)) {
        size_t len = strlen(error.message);
        if (error.status == DBK_NOT_FOUND)
            snprintf(error.message + len, sizeof(error.message) - len,
                     " (`daybook init` makes one)");
        note_error(look, &error);
        return;
    }
    const struct dbk_info *info = dbk_get_info(look->store);
    health->is_open = true;
    health->is_own = info->is_own;
    health->is_adopted = info->is_adopted;
    health->is_read_only = info->is_read_only;
    snprintf(health->buildbot_version, sizeof(health->buildbot_version), "%s",
             info->buildbot_version ? info->buildbot_version : "");
    snprintf(health->warning, sizeof(health->warning), "%s", info->warning ? info->warning : "");
}

/* Asks for the right to write, by a write to a build that there is not: it changes nothing. */
static void try_writing(struct look *look)
{
    struct waiting waiting;
    struct health *health = &look->health;
    waiting_init(&waiting, &(struct archive){.store = look->store});
    waiting.call.timeout_ms = WRITE_WAIT_MS;
    int submitted = dbk_set_build_state_string(look->store, INT64_MAX, "", &waiting.call,
                                               waiting_done, &waiting);
    if (submitted != DBK_OK)
        return; /* it was opened for reading, and that it does */
    waiting_add(&waiting, submitted);
    if (waiting_wait(&waiting) != DBK_NOT_FOUND && waiting.error.status != DBK_OK) {
        note_error(look, &waiting.error);
    } else if (health->is_own && health->disk_free != DBK_NONE && health->disk_free < DISK_NEEDED) {
        struct dbk_error error = {.status = DBK_FULL};
        snprintf(error.message, sizeof(error.message), "%s",
                 "there is no space left on the disk that holds the database");
        note_error(look, &error);
    }
}

struct reading {
    struct waiting waiting; /* first: callbacks note their end there */
    struct health *health;
};

static void take_open_build(void *user, const struct dbk_error *error,
                            const struct dbk_build *const *builds, const struct dbk_page *page)
{
    struct reading *reading = user;
    struct health *health = reading->health;
    health->is_open_build_known = !error;
    if (!error && page->count) {
        health->open_buildid = builds[0]->id;
        health->open_builderid = builds[0]->builderid;
        health->open_number = builds[0]->number;
        health->open_since = builds[0]->started_at;
    }
    waiting_note(&reading->waiting, error);
}

static void take_builder(void *user, const struct dbk_error *error,
                         const struct dbk_builder *builder)
{
    struct reading *reading = user;
    if (builder && builder->name)
        snprintf(reading->health->open_builder, sizeof(reading->health->open_builder), "%s",
                 builder->name);
    waiting_note(&reading->waiting, error);
}

static void take_count(void *user, const struct dbk_error *error,
                       const struct dbk_build *const *builds, const struct dbk_page *page)
{
    struct reading *reading = user;
    (void)builds;
    if (!error)
        reading->health->build_count = page->total;
    waiting_note(&reading->waiting, error);
}

/* Lists builds by a spec. What takes too long stays unknown; any other failure says how the database does. */
static void read_builds(struct look *look, int64_t complete, const char *text, dbk_builds_fn *take,
                        int64_t timeout_ms)
{
    struct reading reading = {.health = &look->health};
    struct dbk_spec *spec;
    if (dbk_spec_parse(text, &spec, NULL) != DBK_OK)
        return;
    waiting_init(&reading.waiting, &(struct archive){.store = look->store});
    reading.waiting.call.timeout_ms = timeout_ms;
    waiting_add(&reading.waiting,
                dbk_get_builds(look->store, DBK_NONE, DBK_NONE, DBK_NONE, complete, spec,
                               &reading.waiting.call, take, &reading));
    if (waiting_wait(&reading.waiting) != DBK_OK && reading.waiting.error.status != DBK_TIMEOUT)
        note_error(look, &reading.waiting.error);
    dbk_spec_free(spec);
}

static void read_builder(struct look *look)
{
    struct reading reading = {.health = &look->health};
    waiting_init(&reading.waiting, &(struct archive){.store = look->store});
    reading.waiting.call.timeout_ms = READ_WAIT_MS;
    waiting_add(&reading.waiting, dbk_get_builder(look->store, look->health.open_builderid,
                                                  &reading.waiting.call, take_builder, &reading));
    waiting_wait(&reading.waiting);
}

/* ------------------------------------------------------------------------------ the look ---- */

static void look_at_database(struct look *look)
{
    tell(look, HEALTH_FILE);
    look_at_file(look);
    note_engine_version(look);
    tell(look, HEALTH_OPENING);
    open_store(look);
    if (!look->store) {
        tell(look, HEALTH_KNOWN);
        return;
    }
    tell(look, HEALTH_WRITING);
    try_writing(look);
    tell(look, HEALTH_READING);
    read_builds(look, 0, "order=started_at&limit=1", take_open_build, READ_WAIT_MS);
    if (look->health.open_builderid != DBK_NONE)
        read_builder(look);
    tell(look, HEALTH_COUNTING);
    read_builds(look, DBK_NONE, "limit=0&total=exact", take_count, COUNT_WAIT_MS);
    tell(look, HEALTH_KNOWN);
    dbk_close_wait(look->store);
}

/* Whoever waits for the end of our output must not wait for a look that hangs. */
static void leave_output(void)
{
    int null = open("/dev/null", O_RDWR);
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (null < 0 || dup2(null, fd) < 0)
            close(fd);
    if (null > STDERR_FILENO)
        close(null);
}

int health_begin(const struct arguments *arguments, int *out_pid, int *out_fd)
{
    int fds[2];
    pid_t parent = getpid();
    if (pipe2(fds, O_CLOEXEC))
        return errno;
    pid_t pid = fork();
    if (pid < 0) {
        int reason = errno;
        close(fds[0]);
        close(fds[1]);
        return reason;
    }
    if (pid) {
        close(fds[1]);
        *out_pid = pid;
        *out_fd = fds[0];
        return 0;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(EXIT_FAILURE);
    close(fds[0]);
    leave_output();
    struct look look = {.arguments = arguments, .fd = fds[1]};
    health_init(&look.health);
    look_at_database(&look);
    _exit(EXIT_SUCCESS);
}
