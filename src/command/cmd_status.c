/*
 * `daybook status`: how the database does. It answers in time whatever the database does: who looks is
 * another process (health.h), which is left behind where it hangs.
 */
#include "clock.h"
#include "health.h"
#include "message.h"
#include "options.h"
#include "record_json.h"
#include "store_open.h"
#include "text.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* It answers within 2 s; what is left is for printing, and for machines that are busy. */
#define DEADLINE_MS 1700
/* For the look to close the database, once all is known. */
#define CLOSING_MS 200

/* ------------------------------------------------------------------------------ waiting ---- */

static bool is_readable(int fd, int64_t until_ms)
{
    for (;;) {
        struct pollfd waited = {fd, POLLIN, 0};
        int64_t left_ms = until_ms - clock_ms();
        int ready = poll(&waited, 1, left_ms > 0 ? (int)left_ms : 0);
        if (ready > 0)
            return true;
        if (!ready || errno != EINTR)
            return false;
    }
}

/* Reads what the look tells, the last one whole. Result: whether it came to its end. */
static bool follow(int fd, int64_t until_ms, struct health *health)
{
    struct health told;
    size_t len = 0;
    while (is_readable(fd, until_ms)) {
        ssize_t count = read(fd, (char *)&told + len, sizeof(told) - len);
        if (count <= 0)
            return false;
        len += (size_t)count;
        if (len < sizeof(told))
            continue;
        *health = told;
        len = 0;
        if (health->stage == HEALTH_KNOWN)
            return true;
    }
    return false;
}

/* Says why there is no whole answer. What is known by then of a database that is open stays true. */
static void explain_silence(struct health *health, bool is_late)
{
    struct dbk_error *error = &health->error;
    if (health->stage > HEALTH_WRITING || error->status != DBK_OK)
        return;
    error->status = is_late ? DBK_TIMEOUT : DBK_INTERNAL;
    if (!is_late)
        snprintf(error->message, sizeof(error->message),
                 "the look at the database was cut off before it had an answer");
    else if (health->stage == HEALTH_FILE)
        snprintf(error->message, sizeof(error->message),
                 "the file system did not answer within %.1f s", DEADLINE_MS / 1000.0);
    else
        snprintf(error->message, sizeof(error->message),
                 "the database did not answer within %.1f s: %s", DEADLINE_MS / 1000.0,
                 health->locker_pid != DBK_NONE ? "another program keeps it locked"
                                                : "it is locked, or its file system hangs");
}

/* Result: 0, or an errno when there is no look at all. */
static int look(const struct arguments *arguments, struct health *health)
{
    int pid, fd;
    int64_t until_ms = clock_ms() + DEADLINE_MS;
    health_init(health);
    int reason = health_begin(arguments, &pid, &fd);
    if (reason)
        return reason;
    bool is_whole = follow(fd, until_ms, health);
    bool is_late = !is_whole && clock_ms() >= until_ms;
    if (!is_whole)
        explain_silence(health, is_late);
    /* Its end of the pipe is closed when it has closed the database. */
    if (is_whole)
        is_readable(fd, clock_ms() + CLOSING_MS);
    close(fd);
    /* One that hangs in the kernel ends when that lets go of it, and nobody has to wait for that. */
    kill(pid, SIGKILL);
    waitpid(pid, NULL, WNOHANG);
    return 0;
}

/* ----------------------------------------------------------------------------- printing ---- */

static const char *kind_word(const struct health *health)
{
    return !health->is_open     ? NULL
           : health->is_own     ? "own"
           : health->is_adopted ? "adopted"
                                : "buildbot";
}

static void write_open_build(struct json_writer *json, const struct health *health)
{
    json_name(json, "oldest_open_build");
    if (health->open_buildid == DBK_NONE) {
        json_none(json);
        return;
    }
    json_begin_object(json);
    json_member_number(json, "id", health->open_buildid);
    json_member_number(json, "builderid", health->open_builderid);
    json_member_text(json, "builder", *health->open_builder ? health->open_builder : NULL);
    json_member_number(json, "number", health->open_number);
    json_member_number(json, "started_at", health->open_since);
    json_end_object(json);
}

static void write_member(struct json_writer *json, const char *name, const char *text)
{
    json_member_text(json, name, text && *text ? text : NULL);
}

static void print_json(const char *url, const struct health *health)
{
    struct json_writer json;
    bool is_usable = health->error.status == DBK_OK;
    json_init(&json, stdout);
    json_begin_object(&json);
    json_member_text(&json, "url", url);
    json_member_bool(&json, "usable", is_usable);
    json_member_bool(&json, "reachable", health->is_open);
    json_member_text(&json, "status", dbk_status_name(health->error.status));
    write_member(&json, "error", is_usable ? NULL : health->error.message);
    write_member(&json, "kind", kind_word(health));
    write_member(&json, "buildbot_version", health->buildbot_version);
    json_name(&json, "read_only");
    if (health->is_open)
        json_bool(&json, health->is_read_only);
    else
        json_none(&json);
    json_member_text(&json, "version", dbk_version());
    write_member(&json, "engine", health->engine);
    write_member(&json, "engine_version", health->engine_version);
    write_member(&json, "path", health->path);
    json_member_number(&json, "size", health->size);
    json_member_number(&json, "log_size", health->log_size);
    json_member_number(&json, "disk_free", health->disk_free);
    json_member_number(&json, "reserve_size", health->reserve_size);
    write_member(&json, "journal_mode", health->journal_mode);
    json_member_number(&json, "locker_pid", health->locker_pid);
    json_member_number(&json, "build_count", health->build_count);
    json_name(&json, "open_builds_known");
    json_bool(&json, health->is_open_build_known);
    write_open_build(&json, health);
    write_member(&json, "warning", health->warning);
    json_end_object(&json);
    json_finish(&json);
}

/* Prints a line of the list; the text may hold anything. */
static void print_line(const char *name, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void print_line(const char *name, const char *format, ...)
{
    char text[2048];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof(text), format, values);
    va_end(values);
    printf("%-13s", name);
    text_print(stdout, text);
    putchar('\n');
}

static void print_sizes(const struct health *health)
{
    char size[TEXT_SHORT_SIZE], log_size[TEXT_SHORT_SIZE], disk_free[TEXT_SHORT_SIZE],
        reserve[TEXT_SHORT_SIZE];
    if (health->size != DBK_NONE)
        print_line("size", "%s, and %s in the log", text_size(health->size, size),
                   text_size(health->log_size, log_size));
    if (health->disk_free != DBK_NONE)
        print_line("free disk", "%s%s%s", text_size(health->disk_free, disk_free),
                   health->reserve_size > 0 ? ", and a reserve of " : "",
                   health->reserve_size > 0 ? text_size(health->reserve_size, reserve)
                   : !health->reserve_size  ? ", the reserve is given up"
                                            : "");
    if (*health->journal_mode)
        print_line("journal mode", "%s", health->journal_mode);
}

static void print_builds(const struct health *health)
{
    char took[TEXT_SHORT_SIZE], since[TEXT_SHORT_SIZE];
    if (health->build_count != DBK_NONE)
        print_line("builds", "%" PRId64, health->build_count);
    if (!health->is_open_build_known)
        print_line("oldest open", "not known: looking for it took too long");
    else if (health->open_buildid == DBK_NONE)
        print_line("oldest open", "no build is open");
    else
        print_line("oldest open", "%s/%" PRId64 " (id %" PRId64 "), for %s, since %s",
                   *health->open_builder ? health->open_builder : "?", health->open_number,
                   health->open_buildid, text_span(health->open_since, DBK_NONE, text_now(), took),
                   text_time(health->open_since, since));
}

static void print_lines(const char *url, const struct health *health)
{
    print_line("database", "%s", url);
    if (health->error.status == DBK_OK)
        print_line("usable", "yes%s", health->is_read_only ? ", for reading" : "");
    else
        print_line("usable", "no: %s",
                   *health->error.message ? health->error.message
                                          : dbk_status_text(health->error.status));
    if (health->locker_pid != DBK_NONE)
        print_line("locked by", "process %" PRId64, health->locker_pid);
    if (health->is_own)
        print_line("kind", "a store of daybook's own");
    else if (health->is_open)
        print_line("kind", "a Buildbot database, revision %s%s", health->buildbot_version,
                   health->is_adopted ? ", adopted" : "");
    if (*health->engine_version)
        print_line("version", "daybook %s, %s %s", dbk_version(), health->engine,
                   health->engine_version);
    else
        print_line("version", "daybook %s", dbk_version());
    print_sizes(health);
    if (health->is_open)
        print_builds(health);
    if (*health->warning)
        print_line("warning", "%s", health->warning);
}

static int cmd_status(const struct arguments *arguments)
{
    struct health health;
    int reason = look(arguments, &health);
    if (reason) {
        message_print("a process to look at the database cannot be started: %s", strerror(reason));
        return dbk_status_exit_code(DBK_INTERNAL);
    }
    char *url = store_shown_url(arguments);
    if (arguments->is_json)
        print_json(url, &health);
    else
        print_lines(url, &health);
    free(url);
    return dbk_status_exit_code(health.error.status);
}

static const char *const usage[] = {"[--json]", NULL};

const struct subcommand subcommand_status = {
    .name = "status",
    .summary = "how the database does, in 2 seconds at most",
    .usage = usage,
    .about = "Says whether the database can be used, and if not, why; what it is, its size, and "
             "which\n"
             "build has been open for longest. It answers in time also where the database is\n"
             "locked, missing or damaged, or its file system hangs; what is not known by then is\n"
             "left out (null in JSON). Nothing is written. The exit code is 0 only when the\n"
             "database is usable, else that of the error.",
    .common = COMMON_DB | COMMON_JSON,
    .run = cmd_status,
};
