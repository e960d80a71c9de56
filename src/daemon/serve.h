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

/* Whom to tell, and how. */
enum notify_kind {
    NOTIFY_COMMAND, /* a program and its arguments, apart by blanks; no shell sees them */
    NOTIFY_WEBHOOK, /* a URL that takes a signed JSON object */
    NOTIFY_CHAT,    /* a URL that takes {"text": TEXT}, as chat systems do */
};

struct notify_target {
    enum notify_kind kind;
    const char *place;
};

/* Builders that must end a build every so often. */
struct notify_expected {
    char *pattern; /* * ? [...] as in a shell */
    int64_t every_s;
};

#define NOTIFY_TARGETS_MAX 8
#define NOTIFY_PATTERNS_MAX 64

/* Who is told when a builder turns failing or fixed, or is late. */
struct notify_options {
    struct notify_target targets[NOTIFY_TARGETS_MAX];
    size_t target_count;                       /* 0: nobody */
    const char *builders[NOTIFY_PATTERNS_MAX]; /* of whose turns is told */
    size_t builder_count;                      /* 0: of all */
    struct notify_expected
        expected[NOTIFY_PATTERNS_MAX]; /* of a builder the first that fits counts */
    size_t expected_count;
    const char *secret;  /* the file of the key that bodies are signed with; NULL: not signed */
    const char *ca_file; /* certificates to trust, in place of the system's; NULL */
    const char *state_directory; /* NULL: the default one */
    const char *public_url; /* what the page's address begins with; NULL: no addresses are told */
    int64_t timeout_s;      /* for one attempt */
    int64_t give_up_s;      /* after so long a delivery is not tried again */
};

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
    const struct notify_options *notify;
    const char *retention; /* the file of rules that old records go by; NULL: none go */
    int64_t prune_every_s;
};

#define SERVE_BASE_MAX 128 /* bytes */

/* Whether a text is an address of a proxy, and a base path. */
bool serve_is_proxy(const char *text);
bool serve_is_base_path(const char *text);

/* Whether a text is a URL that may be told something: https, or http on this machine. */
bool serve_is_hook(const char *text);

/* Whether a text may stand before "/#/builders" in an address. */
bool serve_is_public_url(const char *text);

/* Room for a sentence that says why there is no service. */
#define SERVE_MESSAGE_SIZE 256

/* The clock to open that store with: what a request says of when something ended goes by it. user: NULL. */
int64_t serve_clock(void *user);

/*
 * Serves a store's records over HTTP until SIGTERM or SIGINT, and says on stdout where. SIGHUP reads the
 * tokens, the certificate and the rules again. Signals,
 * SIGPIPE and SIGXFSZ are its own meanwhile. The store is the caller's, who closes it afterwards.
 * Result: DBK_OK after a signal; DBK_INVALID (the address, the rules), DBK_DENIED (the file of tokens, the certificate),
 * DBK_UNREACHABLE (the address is taken), DBK_NO_MEMORY, with a sentence in out_message.
 */
int serve_run(struct dbk_store *store, const struct serve_options *options,
              char out_message[SERVE_MESSAGE_SIZE]);

#endif
