/*
 * Collected signals: see signals.h. Blocking is for the main thread; the store's threads block all
 * signals by themselves.
 */
#include "signals.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* The signals that end a run, and those that are needed to run it. */
static const int collected[] = {SIGINT,  SIGTERM, SIGHUP,   SIGQUIT,
                                SIGCHLD, SIGCONT, SIGWINCH, SIGTSTP};

/* Signals that are ignored here. Writing to what nobody reads, or past the limit of a file's size, gives
 * an error instead; a terminal may be put in order from the background. Children get them back. */
static const int ignored[] = {SIGPIPE, SIGTTOU, SIGXFSZ};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static struct {
    bool is_begun;
    sigset_t mask;
    struct sigaction ignored[COUNT(ignored)];
    struct sigaction child;
} before;

void signals_init(void)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    for (size_t i = 0; i < COUNT(ignored); i++)
        sigaction(ignored[i], &ignore, &before.ignored[i]);
}

int signals_begin(bool is_stop_wanted)
{
    sigset_t mask;
    sigemptyset(&mask);
    for (size_t i = 0; i < COUNT(collected); i++) {
        struct sigaction action;
        int signo = collected[i];
        sigaction(signo, NULL, &action);
        if (signo == SIGCHLD ||
            (action.sa_handler != SIG_IGN && (signo != SIGTSTP || is_stop_wanted)))
            sigaddset(&mask, signo);
    }
    int fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return -1;
    /* Where SIGCHLD is ignored, children leave no status to wait for. */
    struct sigaction standard = {.sa_handler = SIG_DFL};
    sigaction(SIGCHLD, &standard, &before.child);
    sigprocmask(SIG_BLOCK, &mask, &before.mask);
    before.is_begun = true;
    return fd;
}

int signals_take(int fd, bool *out_is_from_kernel)
{
    struct signalfd_siginfo info;
    if (read(fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return 0;
    *out_is_from_kernel = info.ssi_code == SI_KERNEL;
    return (int)info.ssi_signo;
}

void signals_restore(void)
{
    if (!before.is_begun)
        return;
    for (size_t i = 0; i < COUNT(ignored); i++)
        sigaction(ignored[i], &before.ignored[i], NULL);
    sigaction(SIGCHLD, &before.child, NULL);
    sigprocmask(SIG_SETMASK, &before.mask, NULL);
}

void signals_stop(void)
{
    sigset_t mask, collecting;
    sigemptyset(&mask);
    sigaddset(&mask, SIGTSTP);
    sigprocmask(SIG_UNBLOCK, &mask, &collecting);
    kill(0, SIGTSTP);
    sigprocmask(SIG_SETMASK, &collecting, NULL);
}

void signals_die(int signo)
{
    /* A core file of ours would take the place of the command's. */
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    struct sigaction standard = {.sa_handler = SIG_DFL};
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, signo);
    sigaction(signo, &standard, NULL);
    sigprocmask(SIG_UNBLOCK, &mask, NULL);
    raise(signo);
    _exit(128 + signo);
}
