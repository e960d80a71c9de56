/*
 * Asking git: see gitinfo.h.
 */
#include "gitinfo.h"

#include "clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <unistd.h>

/* The longest answer that is taken. */
#define ANSWER_SIZE 4096

extern char **environ;

/* Starts git with its answer going to *out_fd. Result: its pid, -1 when there is no git. */
static pid_t start(const char *const *argv, int *out_fd)
{
    int fds[2];
    pid_t pid = -1;
    posix_spawn_file_actions_t actions;
    if (pipe2(fds, O_CLOEXEC))
        return -1;
    if (!posix_spawn_file_actions_init(&actions)) {
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
        if (posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)argv, environ))
            pid = -1;
        posix_spawn_file_actions_destroy(&actions);
    }
    close(fds[1]);
    if (pid < 0)
        close(fds[0]);
    else
        *out_fd = fds[0];
    return pid;
}

/* Reads *out_len bytes to the end, or until the deadline. Result: whether the end was reached. */
static bool read_answer(int fd, int64_t deadline_ms, char *answer, size_t *out_len)
{
    size_t len = 0;
    for (;;) {
        struct pollfd readable = {fd, POLLIN, 0};
        int64_t left = deadline_ms - clock_ms();
        if (left <= 0 || poll(&readable, 1, (int)left) == 0)
            return false;
        ssize_t count = read(fd, answer + len, ANSWER_SIZE - len);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            break;
        len += (size_t)count;
        if (len == ANSWER_SIZE)
            return false;
    }
    *out_len = len;
    return true;
}

/* Asks git one question. Result: the first line of its answer, yours; NULL when it has none. */
static char *ask(const char *const *argv, int64_t deadline_ms)
{
    char answer[ANSWER_SIZE];
    size_t len = 0;
    int fd = -1, status;
    pid_t pid = start(argv, &fd);
    if (pid < 0)
        return NULL;
    bool is_whole = read_answer(fd, deadline_ms, answer, &len);
    close(fd);
    if (!is_whole)
        kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) { /* whoever started us ignores SIGCHLD: nothing is left to wait for */
            status = 0;
            break;
        }
    }
    const char *end = memchr(answer, '\n', len);
    if (!is_whole || !WIFEXITED(status) || WEXITSTATUS(status) || !end || end == answer)
        return NULL;
    return strndup(answer, (size_t)(end - answer));
}

/* Removes bytes [from, to) of a text. */
static void cut(char *from, const char *to)
{
    memmove(from, to, strlen(to) + 1);
}

void gitinfo_strip_credentials(char *url)
{
    char *host = strstr(url, "://");
    if (!host) {
        /* git@host:path stays; NAME:SECRET@host/path is nothing that git takes, but a secret. */
        char *at = strchr(url, '@');
        char *colon = strchr(url, ':');
        if (at && colon && colon < at && *url != '/')
            cut(url, at + 1);
        return;
    }
    bool is_ssh = host - url >= 3 && !strncasecmp(host - 3, "ssh", 3);
    host += 3;
    size_t len = strcspn(host, "/?#");
    char *at = memrchr(host, '@', len);
    char *colon = memchr(host, ':', len);
    /* A secret with a slash in it, ill-written: what stands where the port would is no number. */
    if (!at && colon && *host != '[' &&
        strspn(colon + 1, "0123456789") != len - (size_t)(colon + 1 - host))
        at = strrchr(host, '@');
    if (at && !is_ssh)
        cut(host, at + 1);
    else if (at && colon && colon < at)
        cut(colon, at);
    if (!is_ssh)
        host[strcspn(host, "?#")] = '\0';
}

void gitinfo_read(struct gitinfo *info, int timeout_ms)
{
    static const char *const tree[] = {"git", "rev-parse", "--show-toplevel", NULL};
    static const char *const branch[] = {"git", "symbolic-ref", "--quiet", "--short", "HEAD", NULL};
    static const char *const revision[] = {"git", "rev-parse", "--quiet", "--verify", "HEAD", NULL};
    static const char *const origin[] = {"git", "config", "--get", "remote.origin.url", NULL};
    static const char *const remotes[] = {"git", "config", "--get-regexp", "^remote\\..*\\.url$",
                                          NULL};
    int64_t deadline_ms = clock_ms() + timeout_ms;
    *info = (struct gitinfo){NULL, NULL, NULL};
    char *path = ask(tree, deadline_ms);
    if (!path)
        return;
    info->branch = ask(branch, deadline_ms);
    info->revision = ask(revision, deadline_ms);
    info->repository = ask(origin, deadline_ms);
    if (!info->repository) {
        /* Another remote's line: its key, a space, its URL. */
        info->repository = ask(remotes, deadline_ms);
        char *space = info->repository ? strchr(info->repository, ' ') : NULL;
        if (space)
            cut(info->repository, space + 1);
    }
    if (info->repository) {
        gitinfo_strip_credentials(info->repository);
        free(path);
    } else {
        info->repository = path;
    }
}

void gitinfo_fini(struct gitinfo *info)
{
    free(info->repository);
    free(info->branch);
    free(info->revision);
    *info = (struct gitinfo){NULL, NULL, NULL};
}
