/*
 * What the daemon's files share while it runs. One thread; nothing here is locked.
 */
#ifndef DAEMON_SERVER_H
#define DAEMON_SERVER_H

#include "serve.h"
#include "unix_socket.h"

#include "../share/tokens.h"

#include <daybook.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum {
    SERVER_CONNECTIONS_MAX =
        1536, /* or fewer, where the process may not have as many descriptors */
    SERVER_CONNECTIONS_MIN = 16,
    SERVER_CONNECTIONS_SHARE = 4, /* one client may have the fourth part of them */
    SERVER_OTHER_FDS = 128, /* for the database, notifications and what is the process's own */
    SERVER_STREAMS_MAX = 1024,
    SERVER_IDLE_MS = 30000, /* without a whole request, from the first byte or the last answer on */
    SERVER_OPERATION_MS = 30000, /* for one operation of the store */
    SERVER_VALUE_MS = 600000,    /* for a value of build data, the client's taking it included */
    SERVER_STOP_MS = 5000,       /* for the answers under way once a signal came */
    SERVER_HEAD_MAX = 65536,     /* bytes: the request line and the headers */
    SERVER_BODY_MAX = 64 << 20,  /* bytes: a value of build data */
    SERVER_JSON_MAX = 8 << 20,   /* bytes: a body that is JSON */
    SERVER_HELD_MAX = 256 << 20, /* bytes that came and are not answered, of all connections */
    SERVER_ROWS_MAX = 10000,     /* records of one answer */
    SERVER_INCLUDE_MAX = 200,    /* builds of one answer with their steps */
    SERVER_TAG_MAX = 16 << 20,   /* bytes: a value that is read and hashed before it is given */
    SERVER_BYTES_MAX = 32 << 20, /* of one answer that is JSON */
};

struct connection;
struct exchange;
struct feed;
struct meter;
struct notifier;
struct pruner;
struct rate;
struct stream;
struct watch;

struct session;
struct ssl_ctx_st;

/* Who has signed in (sessions.h). */
struct sessions {
    struct session *list;
    size_t count;
};

struct server {
    const struct serve_options *options;
    struct dbk_store *store;
    struct event_base *base;
    struct event *dispatching; /* runs what the store has finished */
    struct evhttp *http;
    struct evhttp_bound_socket *bound; /* NULL once it stops */
    struct unix_socket socket;
    struct connection *connections; /* a list; the newest first */
    int connection_count, connections_max;
    struct stream *streams; /* a list */
    int stream_count;
    int batch_count; /* of events that are being read */
    struct feed *feed;
    struct watch *watch;
    uint64_t *error_counts;  /* of answers, by status from METRICS_ERROR_MIN on */
    struct meter *meters;    /* of the routes, and one for what matched none */
    int exchange_count;      /* requests whose answer is not gone yet */
    int64_t request_count;   /* of all that ever came */
    int64_t held_len;        /* bytes that came on them and are not answered */
    bool is_read_only;       /* it takes no writes */
    const char *tokens_path; /* NULL: no tokens, but loopback alone */
    struct tokens tokens;
    struct sessions sessions;
    struct rate *rate;
    struct notifier *notifier; /* NULL: nobody is told */
    struct pruner *pruner;     /* NULL: nothing goes */
    struct ssl_ctx_st *tls;    /* NULL: in clear text */
    struct {
        int64_t second; /* of the clock that only goes forward */
        int count;      /* slow requests within it */
    } slow;
    bool is_stopping;
    bool is_full; /* new connections wait until one ends */
    struct {
        FILE *file;              /* what answers are printed to; it ends in `bytes` */
        struct evbuffer *bytes;  /* empty between two answers */
        bool is_over, is_failed; /* past SERVER_BYTES_MAX; without memory */
    } reply;
};

#endif
