/*
 * The daemon's loop: see serve.h.
 */
#include "serve.h"

#include "access.h"
#include "connection.h"
#include "exchange.h"
#include "feed.h"
#include "listen.h"
#include "metrics.h"
#include "notifier.h"
#include "proxy.h"
#include "pruner.h"
#include "rate.h"
#include "reply.h"
#include "sessions.h"
#include "stream.h"
#include "tls.h"
#include "watch.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#define SWEEP_MS 1000

bool serve_is_proxy(const char *text)
{
    return proxy_is_address(text);
}

bool serve_is_base_path(const char *text)
{
    static const char letters[] =
        "/ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-";
    size_t len = strlen(text);
    return len > 1 && len <= SERVE_BASE_MAX && *text == '/' && text[len - 1] != '/' &&
           strspn(text, letters) == len && !strstr(text, "//");
}

static void dispatch(evutil_socket_t fd, short what, void *user)
{
    struct server *server = user;
    (void)fd;
    (void)what;
    dbk_dispatch(server->store);
}

static void sweep(evutil_socket_t fd, short what, void *user)
{
    (void)fd;
    (void)what;
    connection_sweep(user, false);
    stream_tend_all(user);
    notifier_tend(((struct server *)user)->notifier);
    pruner_tend(((struct server *)user)->pruner);
}

/* A signal: nobody new is let in, whoever waits for an answer gets it, the others are sent away. */
static void stop(evutil_socket_t signo, short what, void *user)
{
    struct server *server = user;
    struct timeval limit = {SERVER_STOP_MS / 1000, 0};
    (void)signo;
    (void)what;
    if (server->is_stopping) { /* asked twice */
        event_base_loopbreak(server->base);
        return;
    }
    server->is_stopping = true;
    listen_end(server);
    stream_end_all(server);
    connection_sweep(server, true);
    bool is_busy = server->connection_count || notifier_is_sending(server->notifier);
    event_base_loopexit(server->base, is_busy ? &limit : NULL);
}

/* The tokens, the certificate, the secret and the rules again. Those from before stay when that fails, and stderr says so. */
static void reload(evutil_socket_t signo, short what, void *user)
{
    struct server *server = user;
    char message[TOKENS_MESSAGE_SIZE];
    (void)signo;
    (void)what;
    if (server->tokens_path && !access_load(server, message))
        fprintf(stderr, "daybook: %s\n", message);
    else if (server->tokens_path)
        stream_end_all(server); /* who still may comes again, and goes on */
    if (server->tls && !tls_load(server, message))
        fprintf(stderr, "daybook: %s; the certificate from before stays\n", message);
    notifier_reload(server->notifier);
    pruner_reload(server->pruner);
}

struct events {
    struct event *terminated, *interrupted, *hung_up, *tick;
};

static bool events_begin(struct server *server, struct events *events)
{
    const struct timeval tick = {SWEEP_MS / 1000, 0};
    struct event_base *base = server->base;
    server->dispatching =
        event_new(base, dbk_fd(server->store), EV_READ | EV_PERSIST, dispatch, server);
    events->terminated = evsignal_new(base, SIGTERM, stop, server);
    events->interrupted = evsignal_new(base, SIGINT, stop, server);
    events->hung_up = evsignal_new(base, SIGHUP, reload, server);
    events->tick = event_new(base, -1, EV_PERSIST, sweep, server);
    return server->dispatching && events->terminated && events->interrupted && events->hung_up &&
           events->tick && !event_add(server->dispatching, NULL) &&
           !event_add(events->terminated, NULL) && !event_add(events->interrupted, NULL) &&
           !event_add(events->hung_up, NULL) && !event_add(events->tick, &tick);
}

static void events_end(struct server *server, struct events *events)
{
    struct event *all[] = {server->dispatching, events->terminated, events->interrupted,
                           events->hung_up, events->tick};
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        if (all[i])
            event_free(all[i]);
}

static void configure(struct server *server)
{
    struct evhttp *http = server->http;
    evhttp_set_max_headers_size(http, SERVER_HEAD_MAX);
    evhttp_set_max_body_size(http, SERVER_BODY_MAX);
    evhttp_set_timeout(http, SERVER_IDLE_MS / 1000);
    /* All methods come to us, to be refused in our words. */
    evhttp_set_allowed_methods(http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD |
                                         EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS |
                                         EVHTTP_REQ_TRACE | EVHTTP_REQ_CONNECT | EVHTTP_REQ_PATCH);
    evhttp_set_bevcb(http, connection_new, server);
    evhttp_set_gencb(http, exchange_begin, server);
}

static void greet(const struct server *server, const char *place)
{
    const struct dbk_info *info = dbk_get_info(server->store);
    const char *base = server->options->base_path;
    const char *read_only = server->is_read_only || info->is_read_only ? "read-only; " : "";
    if (server->socket.path)
        printf("daybook serves %s at %s (%sstop it with Ctrl-C)\n", info->url, place, read_only);
    else
        printf("daybook serves %s at %s%s" EXCHANGE_PREFIX
               " and a page at %s%s/ (%sstop it with Ctrl-C)\n",
               info->url, place, base, place, base, read_only);
    fflush(stdout);
}

static int run(struct server *server, const char *address, char *out_message)
{
    struct events events = {.tick = NULL};
    char place[LISTEN_TEXT_SIZE];
    int status = listen_begin(server, address, place, out_message, SERVE_MESSAGE_SIZE);
    if (status)
        return status;
    if (!events_begin(server, &events)) {
        status = DBK_NO_MEMORY;
    } else {
        notifier_begin(server->notifier);
        greet(server, place);
        event_base_dispatch(server->base);
    }
    listen_end(server);
    events_end(server, &events);
    connection_end_all(server);
    /* Those who asked have gone; their operations were cancelled, and each still tells its exchange. */
    feed_end(server);
    notifier_stop(server->notifier);
    pruner_stop(server->pruner);
    while (server->exchange_count || server->batch_count || feed_is_busy(server) ||
           watch_is_busy(server) || notifier_is_asking(server->notifier) ||
           pruner_is_busy(server->pruner))
        dbk_wait(server->store, -1);
    return status;
}

/* Has as many connections as there are descriptors for: one that cannot be accepted would be tried without end. */
static bool bound_connections(struct server *server, char *out_message)
{
    struct rlimit limit;
    const rlim_t wanted = SERVER_CONNECTIONS_MAX + SERVER_OTHER_FDS;
    server->connections_max = SERVER_CONNECTIONS_MAX;
    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= wanted)
        return true;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < SERVER_OTHER_FDS + SERVER_CONNECTIONS_MIN) {
        snprintf(out_message, SERVE_MESSAGE_SIZE,
                 "this process may have %d open files, and needs %d (ulimit -n, LimitNOFILE)",
                 (int)limit.rlim_cur, SERVER_OTHER_FDS + SERVER_CONNECTIONS_MIN);
        return false;
    }
    server->connections_max = (int)limit.rlim_cur - SERVER_OTHER_FDS;
    return true;
}

/*
 * What an answer took is kept for the next one: given back to the kernel each time, it came back as pages that are
 * cleared first, at a seventh of a large answer's cost. What is larger than one answer goes back at once.
 */
static void keep_memory(void)
{
#ifdef __GLIBC__
    mallopt(M_TRIM_THRESHOLD, 8 << 20);
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
    mallopt(M_TOP_PAD, 1 << 20);
#endif
}

/* The kernel is told of what a turn of the loop changed once, and not of what it changed back: no descriptor here is a
 * copy of another one, for which that would not do. */
static struct event_base *new_base(void)
{
    struct event_config *config = event_config_new();
    struct event_base *base = NULL;
    if (config && !event_config_set_flag(config, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST))
        base = event_base_new_with_config(config);
    if (config)
        event_config_free(config);
    return base;
}

/* Reads the files that it needs. */
static bool read_files(struct server *server, char *out_message)
{
    return (!server->tokens_path || access_load(server, out_message)) &&
           (!server->options->tls_cert || tls_load(server, out_message));
}

int serve_run(struct dbk_store *store, const struct serve_options *options,
              char out_message[SERVE_MESSAGE_SIZE])
{
    struct server server = {.options = options,
                            .store = store,
                            .is_read_only = options->is_read_only,
                            .tokens_path = options->tokens};
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before, before_size;
    int status = DBK_NO_MEMORY;
    snprintf(out_message, SERVE_MESSAGE_SIZE, "out of memory");
    sigaction(SIGPIPE, &ignore, &before);
    sigaction(SIGXFSZ, &ignore, &before_size); /* a limit on files is an error of the write */
    keep_memory();
    server.base = new_base();
    server.http = server.base ? evhttp_new(server.base) : NULL;
    if (!bound_connections(&server, out_message) || !read_files(&server, out_message)) {
        status = DBK_DENIED;
    } else if (server.http && reply_init(&server) && feed_init(&server) && watch_init(&server) &&
               metrics_init(&server) && rate_init(&server)) {
        configure(&server);
        status = notifier_new(&server, out_message, SERVE_MESSAGE_SIZE);
        if (!status)
            status = pruner_new(&server, &server.pruner, out_message, SERVE_MESSAGE_SIZE);
        if (!status)
            status = run(&server, options->listen, out_message);
    }
    watch_fini(&server);
    notifier_free(server.notifier);
    pruner_free(server.pruner);
    if (server.http)
        evhttp_free(server.http);
    if (server.base)
        event_base_free(server.base);
    reply_fini(&server);
    feed_fini(&server);
    metrics_fini(&server);
    rate_fini(&server);
    tokens_fini(&server.tokens);
    tls_fini(&server);
    sessions_fini(&server.sessions);
    sigaction(SIGXFSZ, &before_size, NULL);
    sigaction(SIGPIPE, &before, NULL);
    return status;
}
