/*
 * A daemon of the command's own: `daybook serve` on a database, on this machine alone and without writing, for as long
 * as the command runs. For what is asked over HTTP where no daemon runs.
 */
#ifndef OWN_DAEMON_H
#define OWN_DAEMON_H

#include <daybook.h>
#include <sys/types.h>

struct own_daemon {
    pid_t pid; /* 0: none */
};

/* Starts one, before there are threads. Result: 0 and *out_base, what stands before "/api/v2/" (yours, free()); or an
 * exit code after a message. own_daemon_end() in any case. */
int own_daemon_start(struct own_daemon *daemon, const char *url, char **out_base);

/* Ends it, and waits for that. */
void own_daemon_end(struct own_daemon *daemon);

#endif
