/* The folder of a server; see server_folder.h. */
#include "server_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { FDS_MAX = 256 };

static int guard_fd = -1; /* its end tells the guard that this program ended */

static const struct passwd *nobody(void)
{
    return getuid() == 0 ? getpwnam("nobody") : NULL;
}

void server_become_nobody(void)
{
    const struct passwd *user = nobody();
    if (user && (setgroups(0, NULL) || setgid(user->pw_gid) || setuid(user->pw_uid)))
        _exit(126);
}

void server_leave_all_but(const char *log)
{
    int out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    int null = open("/dev/null", O_RDONLY);
    dup2(null, 0);
    dup2(out, 1);
    dup2(out, 2);
    for (int fd = 3; fd < FDS_MAX; fd++)
        close(fd);
}

void server_folder_make(char folder[SERVER_FOLDER_SIZE], const char *kind)
{
    const struct passwd *user = nobody();
    const char *wanted = getenv("DAYBOOK_TEST_SERVERS");
    bool has_memory = access("/dev/shm", W_OK) == 0;
    snprintf(folder, SERVER_FOLDER_SIZE, "%s/daybook-%s-XXXXXX",
             wanted       ? wanted
             : has_memory ? "/dev/shm"
                          : "/tmp",
             kind);
    assert_non_null(mkdtemp(folder));
    if (user)
        assert_return_code(chown(folder, user->pw_uid, user->pw_gid), errno);
}

int server_cache_mb(void)
{
    enum { USUAL_MB = 48, MIN_MB = 32, MAX_MB = 1000000 };
    const char *wanted = getenv("DAYBOOK_TEST_SERVERS_MB");
    long mb = wanted ? strtol(wanted, NULL, 10) : USUAL_MB;
    assert_in_range(mb, MIN_MB, MAX_MB);
    return (int)mb;
}

static void remove_folder(const char *folder)
{
    char command[SERVER_FOLDER_SIZE + 16];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (system(command) != 0)
        fprintf(stderr, "%s could not be removed\n", folder);
}

void server_guard_start(const char *folder, void (*stop)(void))
{
    int ends[2];
    char byte;
    assert_return_code(pipe2(ends, O_CLOEXEC), errno);
    pid_t pid = fork();
    if (pid != 0) {
        close(ends[0]);
        guard_fd = ends[1];
        return;
    }
    close(ends[1]);
    setsid();
    for (int signal_number = 1; signal_number < 32; signal_number++)
        signal(signal_number, signal_number == SIGCHLD ? SIG_DFL : SIG_IGN);
    int null = open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3; fd++)
        dup2(null, fd);
    for (int fd = 3; fd < FDS_MAX; fd++)
        if (fd != ends[0])
            close(fd);
    while (read(ends[0], &byte, 1) < 0 && errno == EINTR)
        continue;
    stop();
    remove_folder(folder);
    _exit(0);
}

void server_fail_start(const char *folder, const char *name)
{
    char command[SERVER_FOLDER_SIZE + 32];
    fprintf(stderr, "%s did not start\n", name);
    snprintf(command, sizeof command, "tail -5 %s/log >&2", folder);
    if (system(command))
        fprintf(stderr, "it has no log\n");
    exit(1);
}
