/*
 * Following events: see follower.h.
 */
#include "follower.h"

#include "message.h"
#include "record_json.h"
#include "text.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct follower {
    const struct arguments *arguments;
    struct archive *archive;
    struct dbk_op op;
    int64_t left;     /* events to print; negative: no limit */
    bool is_over;     /* nothing more is to be printed */
    int output_error; /* errno's; 0: none */
    bool is_done;     /* the library has ended it */
    struct dbk_error error;
};

/* ------------------------------------------------------------------------------- signals ---- */

static const int ending[] = {SIGINT, SIGTERM, SIGHUP};
static volatile sig_atomic_t is_ended;
static int wake_fd = -1;

static void note_end(int signo)
{
    int saved = errno;
    (void)signo;
    is_ended = 1;
    if (eventfd_write(wake_fd, 1)) {
        /* It is full, and so it wakes all the same. */
    }
    errno = saved;
}

/* A signal ends the wait, and the write to a reader who does not read; where it came just between, a
 * second one ends the program. What the caller ignores (nohup) stays ignored. Result: 0 or an errno. */
static int watch_signals(void)
{
    struct sigaction note = {.sa_handler = note_end, .sa_flags = (int)SA_RESETHAND};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct sigaction before;
    wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake_fd < 0)
        return errno;
    for (size_t i = 0; i < sizeof(ending) / sizeof(*ending); i++) {
        sigaction(ending[i], NULL, &before);
        if (before.sa_handler != SIG_IGN)
            sigaction(ending[i], &note, NULL);
    }
    sigaction(SIGPIPE, &ignore, NULL);
    return 0;
}

/* ------------------------------------------------------------------------------ printing ---- */

/* Lines cannot wait for the widest cell: the columns are as wide as is mostly enough. */
static void print_line(const struct dbk_event *event)
{
    char at[TEXT_SHORT_SIZE], builder[TEXT_SHORT_SIZE], build[TEXT_SHORT_SIZE],
        step[TEXT_SHORT_SIZE];
    printf("%8" PRId64 "  %-19s  %-12s  %-8s  %7s  %7s  %7s  ", event->id, text_time(event->at, at),
           text_or_empty(event->kind), text_or_empty(event->verb),
           text_number(event->builderid, builder), text_number(event->buildid, build),
           text_number(event->stepid, step));
    text_print(stdout, event->name ? event->name : "-");
    putchar('\n');
}

static void print_json(const struct dbk_event *event)
{
    struct json_writer json;
    json_init(&json, stdout);
    record_json_event(&json, event);
    json_finish(&json);
}

static void print_title(const struct arguments *arguments)
{
    if (!arguments->is_json)
        printf("%8s  %-19s  %-12s  %-8s  %7s  %7s  %7s  %s\n", "EVENT", "AT", "KIND", "VERB",
               "BUILDER", "BUILD", "STEP", "NAME");
}

/* Each line is seen at once. Result: whether somebody takes them. */
static bool flush(struct follower *follower)
{
    errno = 0;
    if (!fflush(stdout) && !ferror(stdout))
        return true;
    follower->output_error = errno ? errno : EIO;
    return false;
}

/* ----------------------------------------------------------------------------- following ---- */

static void stop(struct follower *follower)
{
    if (!follower->is_over && !follower->is_done)
        archive_cancel(follower->archive, follower->op);
    follower->is_over = true;
}

static void take_event(void *user, const struct dbk_event *event)
{
    struct follower *follower = user;
    if (follower->is_over || is_ended)
        return;
    if (follower->arguments->is_json)
        print_json(event);
    else
        print_line(event);
    if (follower->left > 0)
        follower->left--;
    if (!flush(follower) || !follower->left)
        stop(follower);
}

static void take_end(void *user, const struct dbk_error *error)
{
    struct follower *follower = user;
    follower->is_done = true;
    if (error)
        follower->error = *error;
}

/* Waits for events, for a signal, and for the reader to go away. */
static void wait_for_more(struct follower *follower)
{
    struct pollfd fds[] = {
        {archive_fd(follower->archive), POLLIN, 0}, {wake_fd, POLLIN, 0}, {STDOUT_FILENO, 0, 0}};
    if (poll(fds, sizeof(fds) / sizeof(*fds), -1) < 0)
        return;
    if (fds[2].revents & (POLLERR | POLLHUP))
        stop(follower);
    if (fds[0].revents)
        archive_dispatch(follower->archive);
}

static int give_exit_code(struct follower *follower)
{
    int reason = follower->output_error;
    if (reason == EPIPE || (reason == EINTR && is_ended)) {
        output_failed(EPIPE); /* what nobody reads is not written once more at the end */
        return 0;
    }
    if (reason)
        return output_failed(reason);
    if (follower->is_over || follower->error.status == DBK_OK)
        return 0;
    return message_error(&follower->error);
}

int follower_run(const struct arguments *arguments, struct archive *archive, int64_t after,
                 const struct selection *filters, int64_t limit)
{
    struct follower follower = {.arguments = arguments, .archive = archive, .left = limit};
    struct dbk_call call = DBK_CALL_INIT;
    call.out_op = &follower.op;
    call.out_refusal = &follower.error;
    if (watch_signals()) {
        message_print("out of file descriptors");
        return dbk_status_exit_code(DBK_NO_MEMORY);
    }
    if (archive_follow_events(archive, after, filters, &call, take_event, take_end, &follower) !=
        DBK_OK)
        return message_error(&follower.error);
    print_title(arguments);
    if (!limit || !flush(&follower))
        stop(&follower);
    while (!follower.is_done && !follower.is_over) {
        wait_for_more(&follower);
        if (is_ended)
            stop(&follower);
    }
    while (!follower.is_done)
        archive_wait(archive, -1);
    close(wake_fd);
    wake_fd = -1;
    return give_exit_code(&follower);
}
