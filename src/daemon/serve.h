/*
 * `daybook serve`, from outside: the one file of the daemon that others see. Everything runs on the
 * calling thread, in one event loop that also dispatches the store.
 */
#ifndef DAEMON_SERVE_H
#define DAEMON_SERVE_H

#include <daybook.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct serve_options {
    const char
        *listen; /* "ADDRESS:PORT", "unix:PATH"; NULL: 127.0.0.1:8011 or the next free port */
    mode_t socket_mode; /* of the file at PATH */
    const char
        *tokens; /* the file of tokens; NULL: none are needed, and it listens on loopback only */
    const char
        *tls_cert; /* the file of its certificate and those above it, PEM; NULL: in clear text */
    const char *tls_key;     /* the file of its key; NULL: in the same file */
    int64_t session_s;       /* how long somebody who signed in need not do so again */
    int rate;                /* requests a second that one client may make; 0: any number */
    bool is_rate_for_others; /* not for clients on this machine */
    const char *const
        *proxies; /* addresses, or "unix", of those that are believed what they say of a client */
    size_t proxy_count;
    const char *user_header; /* in which a proxy names the user; NULL: none does */
    bool may_users_write;    /* whom a proxy names */
    const char *base_path;   /* "" or "/PATH": what the path of every address begins with */
    bool is_public;          /* everybody may read; tokens are for writes */
    bool is_read_only;       /* it takes no writes */
};

#define SERVE_BASE_MAX 128 /* bytes */

/* Whether a text is an address of a proxy, and a base path. */
bool serve_is_proxy(const char *text);
bool serve_is_base_path(const char *text);

/* Room for a sentence that says why there is no service. */
#define SERVE_MESSAGE_SIZE 256

/* The clock to open that store with: what a request says of when something ended goes by it. user: NULL. */
int64_t serve_clock(void *user);

/*
 * Serves a store's records over HTTP until SIGTERM or SIGINT, and says on stdout where. SIGHUP reads the
 * tokens and the certificate again. Signals and
 * SIGPIPE are its own meanwhile. The store is the caller's, who closes it afterwards.
 * Result: DBK_OK after a signal; DBK_INVALID (the address), DBK_DENIED (the file of tokens, the certificate),
 * DBK_UNREACHABLE (the address is taken), DBK_NO_MEMORY, with a sentence in out_message.
 */
int serve_run(struct dbk_store *store, const struct serve_options *options,
              char out_message[SERVE_MESSAGE_SIZE]);

#endif
