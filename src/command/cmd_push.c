/*
 * `daybook push`: records the runs that could not be recorded when they ended, and those that were
 * killed. Not for how that is done (backlog.h).
 */
#include "backlog.h"
#include "db_name.h"
#include "message.h"
#include "options.h"
#include "store_open.h"
#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct push {
    size_t told_count;
};

static const char *result_word(const struct backlog_event *event)
{
    const char *name = dbk_results_name(event->results);
    return name ? name : "?";
}

/* "nightly of 2026-11-21 03:00:00". */
static void print_run(const struct backlog_event *event)
{
    char started[TEXT_SHORT_SIZE];
    text_print(stdout, event->builder);
    printf(" of %s", text_time(event->started_at, started));
}

/* Without a password that is in it. */
static void print_store(const struct backlog_event *event)
{
    char *shown = store_hide_password(event->db);
    text_print(stdout, message_word(shown));
    free(shown);
}

static void tell_waiting(const struct backlog_event *event)
{
    char started[TEXT_SHORT_SIZE], *shown = store_hide_password(event->db);
    message_print("%s of %s is kept: %s: %s", message_word(event->builder),
                  text_time(event->started_at, started), message_word(shown),
                  event->error->message);
    free(shown);
}

static void print_recorded(const struct backlog_event *event)
{
    text_print(stdout, event->builder);
    printf(" #%" PRId64 "  %s  recorded in ", event->number, result_word(event));
    print_store(event);
    puts(event->is_lost ? " (it was killed)" : "");
}

static void print_pending(const struct backlog_event *event)
{
    print_run(event);
    printf("  %s  for ", result_word(event));
    print_store(event);
    puts(event->is_lost ? " (it was killed)" : "");
}

static void told(void *user, const struct backlog_event *event)
{
    struct push *push = user;
    char started[TEXT_SHORT_SIZE];
    push->told_count++;
    switch (event->kind) {
    case BACKLOG_RECORDED:
        print_recorded(event);
        break;
    case BACKLOG_PENDING:
        print_pending(event);
        break;
    case BACKLOG_WAITING:
        tell_waiting(event);
        break;
    case BACKLOG_ELSEWHERE:
        message_print("%s of %s is left alone: it is another machine's, where it may run on",
                      message_word(event->builder), text_time(event->started_at, started));
        break;
    case BACKLOG_DAMAGED:
        message_print("a record is damaged, and was put aside: %s.*.damaged", event->path);
        break;
    case BACKLOG_REFUSED:
        message_print("%s of %s was refused, and put aside as %s.*.damaged: %s",
                      message_word(event->builder), text_time(event->started_at, started),
                      event->path, event->error->message);
        break;
    case BACKLOG_UNREAD:
        message_print("%s %s", event->path ? event->path : "the folder of what is kept",
                      event->error->message);
        break;
    }
}

static int cmd_push(const struct arguments *arguments)
{
    struct push push = {0};
    char *db = arguments->db ? memory_need(db_name_absolute(arguments->db)) : NULL;
    const struct backlog_plan plan = {
        .db = db, .is_dry = arguments_has(arguments, "dry-run"), .told = told, .user = &push};
    int status = backlog_deliver(&plan);
    free(db);
    if (!push.told_count)
        puts("nothing is kept for later");
    return status == DBK_OK ? 0 : dbk_status_exit_code((enum dbk_status)status);
}

static const struct command_option options[] = {
    {"dry-run", 'n', OPTION_FLAG, NULL, "only say what would be recorded"},
    {NULL, 0, OPTION_FLAG, NULL, NULL},
};

static const char *const usage[] = {"[--dry-run] [--db URL]", NULL};

const struct subcommand subcommand_push = {
    .name = "push",
    .summary = "record the runs that could not be recorded when they ended",
    .usage = usage,
    .about =
        "`daybook run` keeps what a database does not take, and records it with the next run "
        "there.\n"
        "push does so now, for the databases of all runs, or for the one of --db: each once, with "
        "its\n"
        "own times. A run that was killed is recorded as an exception. What is damaged is put "
        "aside "
        "and\n"
        "named. All is kept below $XDG_STATE_HOME/daybook/spool, or ~/.local/state/daybook/spool.\n"
        "\n"
        "It ends with 0 when nothing is left that should have been recorded.",
    .options = options,
    .common = COMMON_DB,
    .run = cmd_push,
};
