/*
 * Commands that are told: see notify_command.h.
 *
 * A command has ended when its process has; what it left in its group is killed then, for nobody would look after it.
 */
#include "notify_command.h"

#include "notifier.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define GRACE_S 2         /* from SIGTERM to SIGKILL */
#define SAID_MAX 4096     /* bytes of what it prints that are kept */
#define SAID_LINES_MAX 20 /* of them go to stderr */
#define WORDS_MAX 32      /* of a command */
#define FACTS_MAX 16      /* variables of its environment that are ours */

struct command {
    struct notifier *notifier;
    struct delivery *delivery;
    pid_t pid;
    int fd; /* what it prints */
    struct event *output, *limit;
    bool is_over_time;
    char said[SAID_MAX + 1];
    size_t len;
    struct command *next;
};

/* ------------------------------------------------------------------------------ what it is told ---- */

struct facts {
    char *texts[FACTS_MAX];
    size_t count;
};

static void add_fact(struct facts *facts, const char *name, const json_t *value)
{
    char *text = NULL;
    if (facts->count == FACTS_MAX || !value || json_is_null(value))
        return;
    int len = json_is_string(value)
                  ? asprintf(&text, "%s=%s", name, json_string_value(value))
                  : asprintf(&text, "%s=%" JSON_INTEGER_FORMAT, name, json_integer_value(value));
    if (len >= 0)
        facts->texts[facts->count++] = text;
}

static void take_facts(struct facts *facts, const char *body)
{
    static const struct {
        const char *variable, *object, *member;
    } rows[] = {
        {"DAYBOOK_EVENT", NULL, "event"},
        {"DAYBOOK_DELIVERY", NULL, "delivery"},
        {"DAYBOOK_TEXT", NULL, "text"},
        {"DAYBOOK_URL", NULL, "url"},
        {"DAYBOOK_BUILDER", "builder", "name"},
        {"DAYBOOK_BUILDER_ID", "builder", "id"},
        {"DAYBOOK_BUILD_ID", "build", "id"},
        {"DAYBOOK_BUILD_NUMBER", "build", "number"},
        {"DAYBOOK_BUILD_RESULT", "build", "result"},
    };
    json_t *root = json_loads(body, 0, NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const json_t *object = rows[i].object ? json_object_get(root, rows[i].object) : root;
        add_fact(facts, rows[i].variable, json_object_get(object, rows[i].member));
    }
    json_decref(root);
}

/* Whether a variable of ours is to be taken out: no fact of another build may come along. */
static bool is_ours(const char *variable)
{
    static const char *const names[] = {
        "DAYBOOK_EVENT=", "DAYBOOK_DELIVERY=", "DAYBOOK_TEXT=", "DAYBOOK_URL=", "DAYBOOK_BUILD"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (!strncmp(variable, names[i], strlen(names[i])))
            return true;
    return false;
}

/* The daemon's own environment and the facts. Result: the list is yours, its texts are not; NULL: out of memory. */
static char **make_environment(const struct facts *facts)
{
    size_t count = 0, room = facts->count + 1;
    for (char **e = environ; *e; e++)
        room++;
    char **list = calloc(room, sizeof(*list));
    for (char **e = environ; list && *e; e++)
        if (!is_ours(*e))
            list[count++] = *e;
    for (size_t i = 0; list && i < facts->count; i++)
        list[count++] = facts->texts[i];
    return list;
}

/* ------------------------------------------------------------------------------------ the process ---- */

/* Cuts a text at blanks, in place. Result: whether there is a word, and not too many. */
static bool split(char *text, char *words[WORDS_MAX + 1])
{
    size_t count = 0;
    char *rest = NULL;
    for (char *word = strtok_r(text, " \t", &rest); word; word = strtok_r(NULL, " \t", &rest)) {
        if (count == WORDS_MAX)
            return false;
        words[count++] = word;
    }
    words[count] = NULL;
    return count;
}

static int prepare(posix_spawnattr_t *how, posix_spawn_file_actions_t *files, int input, int output)
{
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int error = posix_spawnattr_setflags(how, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF |
                                                  POSIX_SPAWN_SETSIGMASK);
    error = error ? error : posix_spawnattr_setsigdefault(how, &all);
    error = error ? error : posix_spawnattr_setsigmask(how, &none);
    error = error ? error : posix_spawn_file_actions_adddup2(files, input, STDIN_FILENO);
    error = error ? error : posix_spawn_file_actions_adddup2(files, output, STDOUT_FILENO);
    error = error ? error : posix_spawn_file_actions_adddup2(files, output, STDERR_FILENO);
    /* Nothing of the daemon's: neither its database nor its clients. */
    return error ? error : posix_spawn_file_actions_addclosefrom_np(files, 3);
}

/* Result: 0 and *out_pid, or an errno. */
static int spawn(const char *place, char *const *environment, int input, int output, pid_t *out_pid)
{
    posix_spawnattr_t how;
    posix_spawn_file_actions_t files;
    char *words[WORDS_MAX + 1], *text = strdup(place);
    int error = text ? 0 : ENOMEM;
    if (!error && !split(text, words))
        error = E2BIG;
    posix_spawnattr_init(&how);
    posix_spawn_file_actions_init(&files);
    error = error ? error : prepare(&how, &files, input, output);
    if (!error)
        error = posix_spawnp(out_pid, words[0], &files, &how, words, environment);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&how);
    free(text);
    return error;
}

/* Runs it with the body on its stdin. Result: 0, *out_pid and *out_fd of what it prints; or an errno. */
static int start(const char *place, const char *body, pid_t *out_pid, int *out_fd)
{
    struct facts facts = {.count = 0};
    int input[2] = {-1, -1}, output[2] = {-1, -1}, error = 0;
    size_t len = strlen(body);
    take_facts(&facts, body);
    char **environment = make_environment(&facts);
    if (!environment || pipe2(input, O_CLOEXEC) || pipe2(output, O_CLOEXEC))
        error = environment ? errno : ENOMEM;
    /* A body is a few kilobytes at most: an empty pipe takes it whole, before anybody reads. */
    if (!error && (fcntl(input[1], F_SETFL, O_NONBLOCK) || fcntl(output[0], F_SETFL, O_NONBLOCK) ||
                   write(input[1], body, len) != (ssize_t)len))
        error = EIO;
    if (!error)
        error = spawn(place, environment, input[0], output[1], out_pid);
    *out_fd = error ? -1 : output[0];
    const int ends[] = {input[0], input[1], output[1], error ? output[0] : -1};
    for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
        if (ends[i] >= 0)
            close(ends[i]);
    for (size_t i = 0; i < facts.count; i++)
        free(facts.texts[i]);
    free(environment);
    return error;
}

/* --------------------------------------------------------------------------------------- its end ---- */

/* Takes what there is to read. Result: false: nothing will come any more. */
static bool read_output(struct command *command)
{
    char rest[4096];
    for (;;) {
        size_t room = SAID_MAX - command->len;
        ssize_t count = read(command->fd, room ? command->said + command->len : rest,
                             room ? room : sizeof(rest));
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return count < 0 && errno == EAGAIN;
        if (room)
            command->len += (size_t)count;
        else
            return true; /* the loop's other work comes in between */
    }
}

static void take_output(evutil_socket_t fd, short what, void *user)
{
    struct command *command = user;
    (void)fd;
    (void)what;
    if (!read_output(command))
        event_del(command->output);
}

static void say_output(struct command *command)
{
    char *rest = NULL;
    int count = 0;
    command->said[command->len] = '\0';
    for (char *line = strtok_r(command->said, "\r\n", &rest); line && count < SAID_LINES_MAX;
         line = strtok_r(NULL, "\r\n", &rest), count++)
        notifier_say("%s %s to %s: %s", command->delivery->event, command->delivery->id,
                     command->delivery->queue->name, line);
}

static void command_free(struct command *command)
{
    if (command->output)
        event_free(command->output);
    if (command->limit)
        event_free(command->limit);
    if (command->fd >= 0)
        close(command->fd);
    free(command);
}

static void unlink_command(struct command *command)
{
    struct command **link = &command->notifier->courier.commands.list;
    while (*link != command)
        link = &(*link)->next;
    *link = command->next;
}

static void end(struct command *command, int status)
{
    struct notifier *notifier = command->notifier;
    struct delivery *delivery = command->delivery;
    char why[80];
    read_output(command);
    say_output(command);
    if (command->is_over_time)
        snprintf(why, sizeof(why), "it took longer than %" PRId64 " s",
                 notifier->options->timeout_s);
    else if (WIFSIGNALED(status))
        snprintf(why, sizeof(why), "it was ended by signal %d", WTERMSIG(status));
    else
        snprintf(why, sizeof(why), "it ended with %d", WEXITSTATUS(status));
    bool is_done = !command->is_over_time && WIFEXITED(status) && !WEXITSTATUS(status);
    unlink_command(command);
    command_free(command);
    courier_ended(notifier, delivery, is_done ? NULL : why);
}

/* Children have ended: each is asked for by its own id, for others may have children in this process too. */
static void reap(evutil_socket_t signo, short what, void *user)
{
    struct notifier *notifier = user;
    (void)signo;
    (void)what;
    /* The end of one may begin another, which goes to the head of the list. */
    for (struct command *c = notifier->courier.commands.list, *next; c; c = next) {
        siginfo_t news = {.si_pid = 0};
        int status = 0;
        next = c->next;
        if (waitid(P_PID, (id_t)c->pid, &news, WEXITED | WNOHANG | WNOWAIT) || !news.si_pid)
            continue;
        /* As long as it is not reaped, its group is nobody else's. */
        kill(-c->pid, SIGKILL);
        waitpid(c->pid, &status, 0);
        end(c, status);
    }
}

static void over_time(evutil_socket_t fd, short what, void *user)
{
    struct command *command = user;
    const struct timeval grace = {GRACE_S, 0};
    (void)fd;
    (void)what;
    kill(-command->pid, command->is_over_time ? SIGKILL : SIGTERM);
    command->is_over_time = true;
    event_add(command->limit, &grace);
}

/* ----------------------------------------------------------------------------------- begin and end ---- */

const char *commands_begin(struct notifier *notifier, struct delivery *delivery)
{
    struct event_base *base = notifier->server->base;
    const struct timeval limit = {(time_t)notifier->options->timeout_s, 0};
    struct command *command = calloc(1, sizeof(*command));
    if (!command)
        return "out of memory";
    command->notifier = notifier;
    command->delivery = delivery;
    int error = start(delivery->queue->target->place, delivery->body, &command->pid, &command->fd);
    if (error) {
        free(command);
        return strerror(error);
    }
    command->next = notifier->courier.commands.list;
    notifier->courier.commands.list = command;
    command->output = event_new(base, command->fd, EV_READ | EV_PERSIST, take_output, command);
    command->limit = evtimer_new(base, over_time, command);
    /* Without memory for these it would run without a watch: it goes at once, and is reaped as others are. */
    if (!command->output || !command->limit || event_add(command->output, NULL) ||
        event_add(command->limit, &limit)) {
        command->is_over_time = true;
        kill(-command->pid, SIGKILL);
    }
    return NULL;
}

bool commands_init(struct notifier *notifier)
{
    struct commands *commands = &notifier->courier.commands;
    commands->ended = evsignal_new(notifier->server->base, SIGCHLD, reap, notifier);
    return commands->ended && !event_add(commands->ended, NULL);
}

void commands_fini(struct notifier *notifier)
{
    struct commands *commands = &notifier->courier.commands;
    while (commands->list) {
        struct command *command = commands->list;
        commands->list = command->next;
        kill(-command->pid, SIGKILL);
        while (waitpid(command->pid, NULL, 0) < 0 && errno == EINTR)
            ;
        command_free(command);
    }
    if (commands->ended)
        event_free(commands->ended);
    commands->ended = NULL;
}
