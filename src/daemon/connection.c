/*
 * Connections: see connection.h.
 *
 * evhttp offers no word for "a connection was accepted", only a maker of bufferevents, which runs before
 * its connection is made. So a timer of no length is set there: by then the connection is the argument
 * of the bufferevent's callbacks, and takes a callback for its end. Until the timer ran the bufferevent
 * is held by a reference, for the connection may have ended already; then it has no callbacks.
 */
#include "connection.h"

#include "exchange.h"
#include "notifier.h"
#include "proxy.h"
#include "rate.h"
#include "tls.h"

#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

/* A head and its body, so that they are read whole; nobody may send us more before we take it. */
#define READ_AHEAD_MAX (SERVER_HEAD_MAX + SERVER_BODY_MAX)
/* What has to come within SERVER_IDLE_MS for a body not to be given up. */
#define PROGRESS_MIN 65536

int64_t connection_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Looks at bytes of a head as they come: evhttp takes a line for a text, which a zero byte would end for it alone. */
static void look_at(struct connection *connection, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len && !connection->head.is_ended; i++) {
        if (bytes[i] == '\n') {
            connection->head.is_ended = connection->head.has_text && connection->head.is_empty;
            connection->head.is_empty = true;
        } else if (bytes[i] != '\r') {
            connection->head.has_zero = connection->head.has_zero || !bytes[i];
            connection->head.has_text = true;
            connection->head.is_empty = false;
        }
    }
}

/* The same for the last len bytes of what has come. */
static void look_at_last(struct connection *connection, struct evbuffer *input, size_t len)
{
    struct evbuffer_ptr at;
    struct evbuffer_iovec part;
    evbuffer_ptr_set(input, &at, evbuffer_get_length(input) - len, EVBUFFER_PTR_SET);
    while (len && !connection->head.is_ended && evbuffer_peek(input, 1, &at, &part, 1) > 0) {
        size_t count = part.iov_len < len ? part.iov_len : len;
        look_at(connection, part.iov_base, count);
        len -= count;
        evbuffer_ptr_set(input, &at, count, EVBUFFER_PTR_ADD);
    }
}

/* Bytes came. evhttp takes them out when it has a request whole; they count until that is answered. */
static void received(struct evbuffer *input, const struct evbuffer_cb_info *info, void *user)
{
    struct connection *connection = user;
    struct server *server = connection->server;
    if (info->n_added && !connection->head.is_ended)
        look_at_last(connection, input, info->n_added);
    connection->held_len += (int64_t)info->n_added;
    server->held_len += (int64_t)info->n_added;
    if (connection->held_len - connection->progress_len >= PROGRESS_MIN) {
        connection->progress_len = connection->held_len;
        connection->waits_since_ms = connection_now_ms();
    }
    /* It cannot be ended within its own callback. The sweep does. */
    if (info->n_added && server->held_len > SERVER_HELD_MAX) {
        connection->is_over = true;
        connection_sweep_soon(server);
    }
}

void connection_answered(struct connection *connection)
{
    struct evbuffer *input = bufferevent_get_input(connection->bufferevent);
    int64_t left = (int64_t)evbuffer_get_length(input);
    connection->server->held_len -= connection->held_len - left;
    connection->held_len = connection->progress_len = left;
    connection->exchange = NULL;
    connection->waits_since_ms = connection_now_ms();
    memset(&connection->head, 0, sizeof(connection->head));
    look_at_last(connection, bufferevent_get_input(connection->bufferevent), (size_t)left);
}

/* Whether its client has as many as one may have. */
static bool is_one_too_many(const struct connection *connection)
{
    const struct server *server = connection->server;
    const char *address = proxy_peer(connection->evcon);
    int count = 0;
    if (!rate_counts(server->options, address) || proxy_is_named(server->options, address))
        return false;
    for (const struct connection *at = server->connections; at; at = at->next)
        count += at->evcon && !strcmp(proxy_peer(at->evcon), address);
    return count > server->connections_max / SERVER_CONNECTIONS_SHARE;
}

static void forget(struct connection *connection)
{
    struct server *server = connection->server;
    struct connection **link = &server->connections;
    while (*link != connection)
        link = &(*link)->next;
    *link = connection->next;
    server->held_len -= connection->held_len;
    evbuffer_remove_cb(bufferevent_get_input(connection->bufferevent), received, connection);
    free(connection);
    server->connection_count--;
    if (server->is_full && server->bound) {
        server->is_full = false;
        evconnlistener_enable(evhttp_bound_socket_get_listener(server->bound));
    }
    if (server->is_stopping && !server->connection_count && !notifier_is_sending(server->notifier))
        event_base_loopexit(server->base, NULL);
}

static void ended(struct evhttp_connection *evcon, void *user)
{
    struct connection *connection = user;
    (void)evcon;
    tls_say_end(connection->bufferevent);
    if (connection->exchange)
        exchange_lose(connection->exchange, connection->is_ended_here);
    forget(connection);
}

/*
 * An answer goes out in several writes. The end of one would wait until the client has acknowledged the beginning, which
 * clients put off for 40 ms. (Of a Unix socket it is refused, which is as well.)
 */
static void send_at_once(struct bufferevent *bufferevent)
{
    const int yes = 1;
    setsockopt(bufferevent_getfd(bufferevent), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
}

static void made(evutil_socket_t fd, short what, void *user)
{
    struct connection *connection = user;
    struct bufferevent *bufferevent = connection->bufferevent;
    bufferevent_event_cb event_cb;
    const struct timeval write_timeout = {SERVER_IDLE_MS / 1000, 0};
    void *evcon;
    (void)fd;
    (void)what;
    bufferevent_getcb(bufferevent, NULL, NULL, &event_cb, &evcon);
    if (event_cb && evcon) {
        connection->evcon = evcon;
        evhttp_connection_set_closecb(connection->evcon, ended, connection);
        /* Who reads a long answer or a stream says nothing meanwhile; connection_sweep() ends who waits. */
        bufferevent_set_timeouts(bufferevent, NULL, &write_timeout);
        send_at_once(bufferevent);
        if (is_one_too_many(connection))
            connection_end(connection);
    } else {
        forget(connection);
    }
    bufferevent_decref(bufferevent);
}

struct bufferevent *connection_new(struct event_base *base, void *user)
{
    struct server *server = user;
    struct connection *connection = calloc(1, sizeof(*connection));
    struct bufferevent *bufferevent =
        server->tls ? tls_bufferevent(server, base) : bufferevent_socket_new(base, -1, 0);
    struct timeval at_once = {0, 0};
    if (!connection || !bufferevent ||
        event_base_once(base, -1, EV_TIMEOUT, made, connection, &at_once)) {
        free(connection);
        return bufferevent; /* NULL: evhttp makes one; it is ended by its idle time alone */
    }
    bufferevent_setwatermark(bufferevent, EV_READ, 0, READ_AHEAD_MAX);
    evbuffer_add_cb(bufferevent_get_input(bufferevent), received, connection);
    bufferevent_incref(bufferevent);
    connection->server = server;
    connection->bufferevent = bufferevent;
    connection->waits_since_ms = connection_now_ms();
    connection->next = server->connections;
    server->connections = connection;
    if (++server->connection_count >= server->connections_max && !server->is_full) {
        server->is_full = true;
        evconnlistener_disable(evhttp_bound_socket_get_listener(server->bound));
    }
    return bufferevent;
}

struct connection *connection_find(struct server *server, struct evhttp_request *request)
{
    struct evhttp_connection *evcon = evhttp_request_get_connection(request);
    struct bufferevent *bufferevent = evhttp_connection_get_bufferevent(evcon);
    for (struct connection *at = server->connections; at; at = at->next)
        if (at->bufferevent == bufferevent)
            return at;
    return NULL;
}

bool connection_check_head(const struct connection *connection, struct head_refusal *out_refusal)
{
    if (!connection->head.has_zero)
        return true;
    *out_refusal = (struct head_refusal){400, "a zero byte in the head", true};
    return false;
}

void connection_end(struct connection *connection)
{
    connection->is_ended_here = true;
    evhttp_connection_free(connection->evcon);
}

static void sweep(evutil_socket_t fd, short what, void *user)
{
    (void)fd;
    (void)what;
    connection_sweep(user, false);
}

void connection_sweep_soon(struct server *server)
{
    struct timeval at_once = {0, 0};
    event_base_once(server->base, -1, EV_TIMEOUT, sweep, server, &at_once);
}

void connection_sweep(struct server *server, bool is_all)
{
    int64_t now_ms = connection_now_ms();
    struct connection *next;
    for (struct connection *at = server->connections; at; at = next) {
        next = at->next;
        bool is_late = now_ms - at->waits_since_ms > SERVER_IDLE_MS;
        if (at->evcon && !at->exchange && (is_all || at->is_over || is_late))
            connection_end(at);
    }
}

void connection_end_all(struct server *server)
{
    struct connection *next;
    for (struct connection *at = server->connections; at; at = next) {
        next = at->next;
        if (at->evcon)
            connection_end(at);
    }
}
