/*
 * The event loop around one command at a time: see loop.h.
 */
#include "loop.h"

#include "clock.h"
#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* From the signal that ends the run to SIGKILL. */
#define KILL_AFTER_MS 5000

/* What a command left in the background may hold its output open: it is read until it is silent
 * for so long, at most for the second. What was there at the command's end is read in any case. */
#define SILENCE_MS 200
#define DRAIN_MAX_MS 1000

/* How often the loop looks for what nobody tells: that we came to the foreground. */
#define LOOK_MS 250

/* A signal that ends programs came for us: it is meant for the command. */
static void take_end(struct loop *loop, int signo, bool is_from_terminal)
{
    loop->signal_count++;
    bool is_key = is_from_terminal && (signo == SIGINT || signo == SIGQUIT);
    bool has_command_got_it = is_key && loop->is_running && !loop->process.has_own_group;
    if (!loop->signo || loop->is_optional) {
        loop->signo = signo;
        loop->is_optional = has_command_got_it;
    }
    if (!loop->is_running || has_command_got_it)
        return;
    process_signal(&loop->process, signo);
    if (!loop->kill_at_ms)
        loop->kill_at_ms = clock_ms() + KILL_AFTER_MS;
}

/* We were continued: the command is to go on too, with the terminal as it is now. */
static void resume(struct loop *loop)
{
    if (loop->terminal->is_there && loop->is_running) {
        terminal_take(loop->terminal);
        terminal_measure(loop->terminal);
        process_resize(&loop->process, loop->terminal);
    }
    if (loop->is_running && loop->process.has_own_group)
        process_signal(&loop->process, SIGCONT);
}

/* The command was stopped by a key on its terminal: so are we, and whoever waits for us. */
static void stop_with_command(struct loop *loop)
{
    terminal_give_back(loop->terminal);
    signals_stop();
    resume(loop);
}

static void take_signals(struct loop *loop)
{
    bool is_from_kernel;
    int signo;
    while ((signo = signals_take(loop->signal_fd, &is_from_kernel))) {
        switch (signo) {
        case SIGCHLD:
            break; /* the loop asks anyway */
        case SIGWINCH:
            terminal_measure(loop->terminal);
            if (loop->is_running)
                process_resize(&loop->process, loop->terminal);
            break;
        case SIGCONT:
            resume(loop);
            break;
        case SIGTSTP:
            if (loop->is_running)
                process_signal(&loop->process, SIGTSTP);
            /* On a terminal the command's stop is reported, and then it is our turn. */
            if (!loop->is_running || !loop->process.monitor_pid)
                raise(SIGSTOP);
            break;
        default:
            take_end(loop, signo, is_from_kernel);
        }
    }
}

static void take_output(struct loop *loop, enum loop_stream stream,
                        size_t (*take)(struct relay *relay))
{
    struct relay *relay = &loop->relays[stream];
    size_t count = take(relay);
    if (!count)
        return;
    loop->read_at_ms = clock_ms();
    record_add_output(loop->record, relay->bytes, count);
}

static void take_input(struct loop *loop)
{
    ssize_t count = terminal_read(loop->terminal, loop->input, sizeof(loop->input));
    if (count <= 0) {
        loop->is_input_open = count < 0 && (errno == EINTR || errno == EAGAIN);
        return;
    }
    loop->input_start = 0;
    loop->input_len = (size_t)count;
}

static void give_input(struct loop *loop)
{
    ssize_t count = write(loop->process.terminal_fd, loop->input + loop->input_start,
                          loop->input_len - loop->input_start);
    if (count > 0)
        loop->input_start += (size_t)count;
    else if (errno != EAGAIN && errno != EINTR)
        loop->input_start = loop->input_len;
}

static void kill_when_due(struct loop *loop)
{
    if (!loop->kill_at_ms || clock_ms() < loop->kill_at_ms)
        return;
    if (loop->is_running)
        process_signal(&loop->process, SIGKILL);
    else
        process_signal_rest(&loop->process, SIGKILL);
    loop->kill_at_ms = INT64_MAX;
}

/* The time is over: the command and all that it started get SIGTERM, and SIGKILL later. */
static void end_when_due(struct loop *loop)
{
    if (!loop->is_running || loop->is_timed_out || clock_ms() < loop->end_at_ms)
        return;
    loop->is_timed_out = true;
    process_signal(&loop->process, SIGTERM);
    process_signal(&loop->process, SIGCONT); /* one that is stopped would not hear of it */
    if (!loop->kill_at_ms)
        loop->kill_at_ms = clock_ms() + KILL_AFTER_MS;
}

static void earlier(int *timeout_ms, int64_t other_ms)
{
    if (other_ms >= 0 && (*timeout_ms < 0 || other_ms < *timeout_ms))
        *timeout_ms = (int)other_ms;
}

static int turn_timeout(const struct loop *loop, int timeout_ms)
{
    earlier(&timeout_ms, recorder_timeout_ms(loop->recorder));
    if (loop->kill_at_ms && loop->kill_at_ms != INT64_MAX) {
        int64_t left = loop->kill_at_ms - clock_ms();
        earlier(&timeout_ms, left > 0 ? left : 0);
    }
    if (loop->is_running && !loop->is_timed_out && loop->end_at_ms != INT64_MAX) {
        int64_t left = loop->end_at_ms - clock_ms();
        earlier(&timeout_ms, left > INT_MAX ? INT_MAX : left > 0 ? left : 0);
    }
    if (loop->is_running && loop->terminal->is_there && !loop->terminal->is_taken)
        earlier(&timeout_ms, LOOK_MS);
    return timeout_ms;
}

void loop_turn(struct loop *loop, int timeout_ms)
{
    enum {
        SIGNALS,
        REPORT,
        STORE,
        KEYS,
        COMMAND_INPUT,
        READ,
        WRITE = READ + LOOP_STREAM_COUNT,
        FD_COUNT = WRITE + LOOP_STREAM_COUNT
    };
    struct pollfd fds[FD_COUNT];
    bool has_input = loop->input_start < loop->input_len;
    bool wants_keys = loop->is_input_open && loop->terminal->is_taken && !has_input;
    fds[SIGNALS] = (struct pollfd){loop->signal_fd, POLLIN, 0};
    fds[REPORT] = (struct pollfd){loop->is_running ? loop->process.report_fd : -1, POLLIN, 0};
    fds[STORE] = (struct pollfd){recorder_fd(loop->recorder), POLLIN, 0};
    fds[KEYS] = (struct pollfd){wants_keys ? STDIN_FILENO : -1, POLLIN, 0};
    fds[COMMAND_INPUT] = (struct pollfd){has_input ? loop->process.terminal_fd : -1, POLLOUT, 0};
    for (int i = 0; i < LOOP_STREAM_COUNT; i++) {
        fds[READ + i] = relay_poll_read(&loop->relays[i]);
        fds[WRITE + i] = relay_poll_write(&loop->relays[i]);
    }
    if (poll(fds, FD_COUNT, turn_timeout(loop, timeout_ms)) < 0)
        return;
    for (int i = 0; i < LOOP_STREAM_COUNT; i++) {
        if (fds[WRITE + i].revents)
            relay_write(&loop->relays[i]);
        if (fds[READ + i].revents)
            take_output(loop, (enum loop_stream)i, relay_read);
    }
    if (fds[KEYS].revents)
        take_input(loop);
    if (fds[COMMAND_INPUT].revents)
        give_input(loop);
    take_signals(loop);
    end_when_due(loop);
    kill_when_due(loop);
    if (loop->is_running && loop->terminal->is_there && !loop->terminal->is_taken)
        terminal_take(loop->terminal);
    if (loop->is_running) {
        enum process_news news = process_check(&loop->process, &loop->wait_status);
        if (news == PROCESS_STOPPED)
            stop_with_command(loop);
        loop->is_running = news != PROCESS_ENDED;
    }
    recorder_work(loop->recorder);
}

/* Reads what the command printed before it ended, and for a moment what others print. */
static void drain(struct loop *loop)
{
    uint64_t wanted[LOOP_STREAM_COUNT];
    int64_t end_ms = clock_ms() + DRAIN_MAX_MS;
    for (int i = 0; i < LOOP_STREAM_COUNT; i++) {
        int count = 0;
        if (loop->relays[i].from >= 0 && ioctl(loop->relays[i].from, FIONREAD, &count))
            count = 0;
        wanted[i] = loop->relays[i].read_total + (uint64_t)count;
    }
    loop->read_at_ms = clock_ms();
    for (;;) {
        bool is_flushed = true, is_ended = true, has_all = true;
        int64_t now = clock_ms();
        for (int i = 0; i < LOOP_STREAM_COUNT; i++) {
            const struct relay *relay = &loop->relays[i];
            is_flushed &= relay_is_flushed(relay) && !relay->held;
            is_ended &= relay->from < 0;
            has_all &= relay->from < 0 || relay->read_total >= wanted[i];
        }
        if (has_all && (now >= end_ms || now - loop->read_at_ms >= SILENCE_MS))
            is_ended = true;
        if (is_ended)
            for (int i = 0; i < LOOP_STREAM_COUNT; i++)
                take_output(loop, (enum loop_stream)i, relay_end);
        /* Whoever ends us does not want to wait for a reader that does not read. */
        if ((is_ended && is_flushed) || (loop->signo && now >= end_ms))
            break;
        loop_turn(loop, SILENCE_MS / 4);
    }
    for (int i = 0; i < LOOP_STREAM_COUNT; i++)
        relay_disconnect(&loop->relays[i]);
}

static bool has_ended_by(int wait_status, int signo)
{
    return (WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == signo) ||
           (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 128 + signo);
}

/* Decides whether the run goes on after a command that ended with a signal about. */
static void judge_signal(struct loop *loop)
{
    int status = loop->wait_status;
    if (loop->is_optional && !has_ended_by(status, loop->signo))
        loop->signo = 0; /* it took ctrl-C for what it is to it, and lived on */
    loop->is_optional = false;
    /* Keys on the command's terminal do not come to us as signals. */
    if (!loop->signo && loop->terminal->has_input && loop->process.monitor_pid &&
        WIFSIGNALED(status) && (WTERMSIG(status) == SIGINT || WTERMSIG(status) == SIGQUIT))
        loop->signo = WTERMSIG(status);
}

void loop_watch(struct loop *loop)
{
    while (loop->is_running)
        loop_turn(loop, -1);
    while (loop->kill_at_ms && loop->kill_at_ms != INT64_MAX &&
           process_signal_rest(&loop->process, 0))
        loop_turn(loop, LOOK_MS / 5);
    loop->kill_at_ms = 0;
    judge_signal(loop);
    drain(loop);
    process_fini(&loop->process);
    loop->is_input_open = false;
    loop->input_start = loop->input_len = 0;
}

int loop_start(struct loop *loop, char *const *argv, char *const *environment)
{
    int error = 0;
    if (loop->terminal->is_there)
        terminal_take(loop->terminal);
    struct process_spec spec = {
        .argv = argv,
        .environment = environment,
        .terminal = loop->terminal->is_there ? loop->terminal : NULL,
        .is_input_forwarded = loop->terminal->has_input,
        .is_error_separate = loop->is_error_separate,
        .has_own_group = loop->has_own_group,
    };
    if (process_start(&spec, &loop->process, &error))
        return error ? error : EIO;
    loop->is_running = true;
    loop->is_input_open = loop->terminal->has_input && loop->process.terminal_fd >= 0;
    relay_connect(&loop->relays[LOOP_OUTPUT], loop->process.output_fd);
    if (loop->process.error_fd >= 0)
        relay_connect(&loop->relays[LOOP_ERROR], loop->process.error_fd);
    return 0;
}

/* Whether two descriptors lead to the same place, so that one pipe can keep the order of both. */
static bool is_same_place(int one, int other)
{
    struct stat a, b;
    return !fstat(one, &a) && !fstat(other, &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* Without a terminal to send ctrl-C and ctrl-Z to all of us, the command gets a group of its
 * own, that signals may reach all of it. With one it stays in ours, and shells manage it as they
 * manage us. */
static bool has_controlling_terminal(void)
{
    int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

int loop_init(struct loop *loop, const struct loop_plan *plan)
{
    struct terminal *terminal = plan->terminal;
    int64_t timeout_s = plan->timeout_s;
    loop->record = plan->recorder->record;
    loop->recorder = plan->recorder;
    loop->terminal = terminal;
    loop->end_at_ms = timeout_s ? clock_ms() + timeout_s * 1000 : INT64_MAX;
    /* To be ended with all that it started it needs one, unless it reads from the terminal, which only the
     * terminal's foreground may. */
    loop->has_own_group =
        terminal->is_there || !has_controlling_terminal() || (timeout_s && !isatty(STDIN_FILENO));
    loop->is_error_separate =
        !plan->is_quiet && (terminal->is_there ? !isatty(STDERR_FILENO)
                                               : !is_same_place(STDOUT_FILENO, STDERR_FILENO));
    loop->signal_fd = signals_begin(loop->has_own_group);
    if (loop->signal_fd < 0)
        return errno;
    relay_init(&loop->relays[LOOP_OUTPUT], plan->is_quiet ? -1 : STDOUT_FILENO, plan->redactor);
    relay_init(&loop->relays[LOOP_ERROR], plan->is_quiet ? -1 : STDERR_FILENO, plan->redactor);
    return 0;
}

void loop_fini(struct loop *loop)
{
    for (int i = 0; i < LOOP_STREAM_COUNT; i++)
        relay_fini(&loop->relays[i]);
    close(loop->signal_fd);
}
