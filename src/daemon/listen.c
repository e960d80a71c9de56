/*
 * Listening: see listen.h.
 */
#include "listen.h"

#include "access.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/listener.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define DEFAULT_HOST "127.0.0.1"
#define DEFAULT_PORT 8011
#define PORTS_TRIED 100
#define UNIX "unix:"

struct place {
    char host[48];
    uint16_t port;
};

/* Reads "HOST:PORT", "[HOST]:PORT". Result: false when it is neither. */
static bool read_place(const char *text, struct place *out_place)
{
    const char *colon = strrchr(text, ':');
    if (!colon)
        return false;
    const char *digits = colon + 1;
    size_t count = strspn(digits, "0123456789");
    long port = count && count <= 5 && !digits[count] ? strtol(digits, NULL, 10) : -1;
    size_t len = (size_t)(colon - text);
    bool is_bracketed = len > 2 && text[0] == '[' && text[len - 1] == ']';
    if (is_bracketed) {
        text++;
        len -= 2;
    }
    if (port < 0 || port > 65535 || !len || len >= sizeof(out_place->host) ||
        (!is_bracketed && memchr(text, ':', len)))
        return false;
    memcpy(out_place->host, text, len);
    out_place->host[len] = '\0';
    out_place->port = (uint16_t)port;
    return true;
}

static bool is_loopback(struct place *place)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (!strcasecmp(place->host, "localhost"))
        strcpy(place->host, DEFAULT_HOST);
    if (inet_pton(AF_INET, place->host, &v4) == 1)
        return (ntohl(v4.s_addr) >> 24) == 127;
    return inet_pton(AF_INET6, place->host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

static bool bind_place(struct server *server, const struct place *place)
{
    server->bound = evhttp_bind_socket_with_handle(server->http, place->host, place->port);
    return server->bound;
}

static void put_text(struct server *server, const struct place *place, char *out_text)
{
    struct sockaddr_storage name;
    socklen_t len = sizeof(name);
    unsigned port = place->port;
    bool is_v6 = strchr(place->host, ':');
    if (!getsockname(evhttp_bound_socket_get_fd(server->bound), (struct sockaddr *)&name, &len))
        port = ntohs(is_v6 ? ((struct sockaddr_in6 *)&name)->sin6_port
                           : ((struct sockaddr_in *)&name)->sin_port);
    snprintf(out_text, LISTEN_TEXT_SIZE, is_v6 ? "%s://[%s]:%u" : "%s://%s:%u",
             server->tls ? "https" : "http", place->host, port);
}

static int listen_at_socket(struct server *server, const char *path, char *out_text,
                            char *out_message, size_t message_size)
{
    const unsigned flags = LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC;
    int fd = unix_socket_begin(path, server->options->socket_mode, &server->socket, out_message,
                               message_size);
    if (fd < 0)
        return DBK_UNREACHABLE;
    struct evconnlistener *listener = evconnlistener_new(server->base, NULL, NULL, flags, 0, fd);
    if (!listener)
        close(fd);
    server->bound = listener ? evhttp_bind_listener(server->http, listener) : NULL;
    if (!server->bound) {
        if (listener)
            evconnlistener_free(listener);
        snprintf(out_message, message_size, "out of memory");
        return DBK_NO_MEMORY;
    }
    snprintf(out_text, LISTEN_TEXT_SIZE, UNIX "%s", path);
    return DBK_OK;
}

int listen_begin(struct server *server, const char *address, char out_text[LISTEN_TEXT_SIZE],
                 char *out_message, size_t message_size)
{
    struct place place = {DEFAULT_HOST, DEFAULT_PORT};
    if (address && !strncmp(address, UNIX, strlen(UNIX)))
        return listen_at_socket(server, address + strlen(UNIX), out_text, out_message,
                                message_size);
    if (address && !read_place(address, &place)) {
        snprintf(out_message, message_size,
                 "the address to listen at is ADDRESS:PORT, as in 127.0.0.1:8011, or unix:/PATH");
        return DBK_INVALID;
    }
    if (!is_loopback(&place) && !access_is_guarded(server)) {
        snprintf(
            out_message, message_size,
            "without --tokens it listens on loopback only (127.0.0.1, [::1]): whoever reaches it "
            "may do everything");
        return DBK_INVALID;
    }
    bool is_bound = bind_place(server, &place);
    while (!is_bound && !address && errno == EADDRINUSE &&
           ++place.port < DEFAULT_PORT + PORTS_TRIED)
        is_bound = bind_place(server, &place);
    if (!is_bound) {
        snprintf(out_message, message_size, "cannot listen at %s:%u: %s", place.host,
                 (unsigned)place.port, strerror(errno));
        return DBK_UNREACHABLE;
    }
    put_text(server, &place, out_text);
    return DBK_OK;
}

void listen_end(struct server *server)
{
    if (server->bound)
        evhttp_del_accept_socket(server->http, server->bound);
    server->bound = NULL;
    unix_socket_end(&server->socket);
}
