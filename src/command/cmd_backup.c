/*
 * `daybook backup DB TO-FILE`: a copy of an SQLite database as a file by itself, while others write.
 */
#include "clock.h"
#include "daemon_url.h"
#include "findings.h"
#include "message.h"
#include "options.h"
#include "signals.h"
#include "store_open.h"
#include "text.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SHOW_EVERY_MS 200

struct backup {
    struct findings findings; /* first: its address is what waiting_done() takes */
    struct dbk_store *store;
    struct dbk_op op;
    int signal_fd;
    int signo; /* that ended it; 0: none */
    bool is_shown;
    int64_t begun_at_ms, shown_at_ms;
    int64_t size; /* bytes */
};

/* ----------------------------------------------------------------------------------- progress ---- */

static void clear(struct backup *backup)
{
    if (backup->is_shown)
        fputs("\r\033[K", stderr);
    backup->is_shown = false;
}

static void show(struct backup *backup, const struct dbk_report *report)
{
    char done[TEXT_SHORT_SIZE], total[TEXT_SHORT_SIZE], rate[TEXT_SHORT_SIZE];
    int64_t now_ms = clock_ms(), took_ms = now_ms - backup->begun_at_ms + 1;
    bool is_copying = !strcmp(report->subject, "copying");
    if (!isatty(STDERR_FILENO) ||
        (is_copying && backup->is_shown && now_ms - backup->shown_at_ms < SHOW_EVERY_MS))
        return;
    fprintf(stderr, "\r\033[K%s: %s of %s", report->subject, text_size(report->done, done),
            text_size(report->total, total));
    if (is_copying)
        fprintf(stderr, ", %s a second", text_size(report->done * 1000 / took_ms, rate));
    fflush(stderr);
    backup->is_shown = true;
    backup->shown_at_ms = now_ms;
}

static void on_report(void *user, const struct dbk_report *report)
{
    struct backup *backup = user;
    if (report->kind == DBK_REPORT_PROGRESS) {
        backup->size = report->total;
        show(backup, report);
        return;
    }
    clear(backup);
    findings_take(&backup->findings, report);
}

/* ------------------------------------------------------------------------------------- waiting ---- */

/* A signal that ends programs ends the backup first, so that nothing of it stays. */
static void take_signal(struct backup *backup)
{
    bool is_from_kernel;
    int signo = signals_take(backup->signal_fd, &is_from_kernel);
    if (signo != SIGINT && signo != SIGTERM && signo != SIGHUP && signo != SIGQUIT)
        return;
    backup->signo = signo;
    dbk_cancel(backup->store, backup->op);
}

static void wait_for_end(struct backup *backup)
{
    struct pollfd polled[] = {{.fd = dbk_fd(backup->store), .events = POLLIN},
                              {.fd = backup->signal_fd, .events = POLLIN}};
    while (backup->findings.waiting.pending_count) {
        poll(polled, 2, -1);
        if (polled[1].revents)
            take_signal(backup);
        dbk_dispatch(backup->store);
    }
    clear(backup);
}

/* -------------------------------------------------------------------------------------- output ---- */

static void begin_output(struct backup *backup)
{
    struct json_writer *json = &backup->findings.json;
    json_init(json, stdout);
    if (!backup->findings.arguments->is_json)
        return;
    json_begin_object(json);
    json_name(json, "findings");
    json_begin_lines(json);
}

static void end_output(struct backup *backup, bool is_whole)
{
    struct json_writer *json = &backup->findings.json;
    char size[TEXT_SHORT_SIZE], took[TEXT_SHORT_SIZE];
    int64_t seconds = (clock_ms() - backup->begun_at_ms) / 1000;
    const char *path = backup->findings.arguments->operands[1];
    if (!backup->findings.arguments->is_json) {
        findings_end_kind(&backup->findings);
        if (is_whole) {
            text_print(stdout, path);
            printf(": %s, copied and checked in %s\n", text_size(backup->size, size),
                   text_took(seconds, took));
        }
        return;
    }
    json_end_array(json);
    json_member_bool(json, "is_whole", is_whole);
    json_member_text(json, "path", path);
    json_member_number(json, "size", backup->size);
    json_member_number(json, "seconds", seconds);
    json_end_object(json);
    json_finish(json);
}

/* Before anything is asked of a server that may be down. */
static int refuse_server(const char *url)
{
    if (!strstr(url, "://") || !strncmp(url, "sqlite:", strlen("sqlite:")) || daemon_url_is(url))
        return 0;
    message_print("a database on a server is backed up by the server's own tools: pg_dump or "
                  "pg_basebackup, mariadb-dump --single-transaction or mariabackup "
                  "(docs/backup.md has the commands)");
    return dbk_status_exit_code(DBK_UNSUPPORTED);
}

static int cmd_backup(const struct arguments *arguments)
{
    struct backup backup = {.findings = {.arguments = arguments}, .begun_at_ms = clock_ms()};
    struct dbk_backup_options options = DBK_BACKUP_OPTIONS_INIT;
    struct dbk_options opening = DBK_OPTIONS_INIT;
    struct waiting *waiting = &backup.findings.waiting;
    struct arguments source = *arguments;
    source.db = arguments->operands[0];
    opening.takes_older = true; /* the last chance before an upgrade */
    options.is_overwriting = arguments_has(arguments, "force");
    int exit_code = refuse_server(source.db);
    if (exit_code)
        return exit_code;
    backup.signal_fd = signals_begin(false);
    exit_code = store_open_here(&source, STORE_EXISTING, &opening, &backup.store);
    if (exit_code)
        return exit_code;
    long_work_init(waiting, backup.store);
    waiting->call.out_op = &backup.op;
    begin_output(&backup);
    waiting_add(waiting, dbk_backup(backup.store, arguments->operands[1], &options, &waiting->call,
                                    on_report, waiting_done, &backup));
    wait_for_end(&backup);
    end_output(&backup, waiting->error.status == DBK_OK);
    exit_code = waiting_finish(waiting);
    dbk_close_wait(backup.store);
    if (exit_code && backup.signo)
        signals_die(backup.signo);
    return exit_code;
}

static const struct command_option options[] = {
    {"force", 0, OPTION_FLAG, NULL, "replace TO-FILE if it is there"},
    {NULL, 0, OPTION_FLAG, NULL, NULL},
};

static const char *const usage[] = {"DB TO-FILE", NULL};

const struct subcommand subcommand_backup = {
    .name = "backup",
    .summary = "copy an SQLite database into a file, while others write",
    .usage = usage,
    .about =
        "DB is a path or URL as for --db, of a store or of a Buildbot database. TO-FILE holds all\n"
        "that was recorded before the start, needs no other file beside it, and is checked page "
        "by\n"
        "page before it appears; until then it grows as TO-FILE-daybook-part, of which nothing is\n"
        "left when this is interrupted. To restore, stop what uses the database, move it away "
        "with\n"
        "its -wal file, and put TO-FILE into its place.\n"
        "\n"
        "Databases on a server are backed up by the server's tools: pg_dump or pg_basebackup,\n"
        "mariadb-dump --single-transaction or mariabackup.",
    .options = options,
    .common = COMMON_JSON,
    .operand_min = 2,
    .operand_max = 2,
    .run = cmd_backup,
};
