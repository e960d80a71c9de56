/*
 * The command's own daemon: see own_daemon.h.
 */
#include "own_daemon.h"

#include "clock.h"
#include "message.h"
#include "store_open.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { START_MS = 60000, LINE_SIZE = 4096 };

/* The URL may hold a password, and everybody on the machine sees a command line. */
static _Noreturn void become_daemon(const char *url, int output)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    dup2(output, STDOUT_FILENO);
    if (!setenv("DAYBOOK_DB", url, 1))
        execl("/proc/self/exe", "daybook", "serve", "--listen", "127.0.0.1:0", "--read-only",
              (char *)NULL);
    _exit(127);
}

/* Reads the line in which it says where it listens. Result: whether it came. */
static bool read_line(int fd, char *line)
{
    size_t len = 0;
    int64_t until_ms = clock_ms() + START_MS;
    while (len + 1 < LINE_SIZE && !memchr(line, '\n', len)) {
        struct pollfd waited = {fd, POLLIN, 0};
        int64_t left_ms = until_ms - clock_ms();
        int ready = poll(&waited, 1, left_ms > 0 ? (int)left_ms : 0);
        if (ready < 0 && errno == EINTR)
            continue;
        ssize_t count = ready > 0 ? read(fd, line + len, LINE_SIZE - 1 - len) : 0;
        if (count <= 0)
            return false;
        len += (size_t)count;
    }
    line[len] = '\0';
    return true;
}

int own_daemon_start(struct own_daemon *daemon, const char *url, char **out_base)
{
    char line[LINE_SIZE] = "";
    int ends[2];
    if (pipe(ends)) {
        message_print("no pipe: %s", strerror(errno));
        return dbk_status_exit_code(DBK_INTERNAL);
    }
    daemon->pid = fork();
    if (daemon->pid == 0)
        become_daemon(url, ends[1]);
    close(ends[1]);
    char *at = NULL;
    if (daemon->pid > 0 && read_line(ends[0], line))
        at = strstr(line, " at http://");
    close(ends[0]);
    if (!at) {
        char *shown = store_hide_password(url);
        message_print("no daemon could be started on %s", message_word(shown));
        free(shown);
        return dbk_status_exit_code(DBK_UNREACHABLE);
    }
    char *base = at + strlen(" at ");
    char *end = strstr(base, "/api/v2/");
    if (end)
        *end = '\0';
    *out_base = memory_need(strdup(base));
    return 0;
}

void own_daemon_end(struct own_daemon *daemon)
{
    if (daemon->pid <= 0)
        return;
    kill(daemon->pid, SIGTERM);
    while (waitpid(daemon->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    daemon->pid = 0;
}
