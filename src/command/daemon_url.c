/*
 * URLs of daemons: see daemon_url.h.
 */
#include "daemon_url.h"

#include "message.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>

#define PLAIN "http://"
#define SECURE "https://"
#define SOCKET DAEMON_URL_SOCKET

/* Below a daemon's own address; `daybook serve` prints the one of its API first. */
#define API "/api/v2"

static bool begins_with(const char *text, const char *beginning)
{
    return !strncasecmp(text, beginning, strlen(beginning));
}

bool daemon_url_is(const char *url)
{
    return begins_with(url, PLAIN) || begins_with(url, SECURE) ||
           !strncmp(url, SOCKET, strlen(SOCKET));
}

/* Whether a host is this machine by its name or address alone, without asking anybody. */
static bool is_loopback(const char *host, size_t len)
{
    static const char *const names[] = {"localhost", "[::1]"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (len == strlen(names[i]) && !strncasecmp(host, names[i], len))
            return true;
    int dots = 0;
    for (size_t i = 0; i < len; i++)
        if (host[i] == '.')
            dots++;
        else if (!isdigit((unsigned char)host[i]))
            return false;
    return dots == 3 && !strncmp(host, "127.", 4);
}

static char *refuse(struct dbk_error *out_error, const char *why)
{
    *out_error = (struct dbk_error){.status = DBK_INVALID};
    snprintf(out_error->message, sizeof(out_error->message), "%s", why);
    return NULL;
}

/* The length of the host before a port. */
static size_t host_length(const char *authority, size_t len)
{
    const char *end = *authority == '[' ? memchr(authority, ']', len) : NULL;
    const char *colon = end ? end + 1 : memchr(authority, ':', len);
    return colon ? (size_t)(colon - authority) : len;
}

size_t daemon_url_socket_length(const char *url)
{
    const char *path = url + strlen(SOCKET);
    const char *below = strstr(path, ":/");
    return below ? (size_t)(below - path) : strlen(path);
}

static void trim_slashes(char *url)
{
    for (size_t end = strlen(url); end && url[end - 1] == '/';)
        url[--end] = '\0';
}

static void trim_api(char *url)
{
    trim_slashes(url);
    size_t len = strlen(url);
    if (len < strlen(API) || strcmp(url + len - strlen(API), API) != 0)
        return;
    url[len - strlen(API)] = '\0';
    trim_slashes(url);
}

void daemon_url_trim(char *url)
{
    bool is_socket = !strncmp(url, SOCKET, strlen(SOCKET));
    char *below = is_socket ? url + strlen(SOCKET) + daemon_url_socket_length(url) : url;
    if (!*below) /* a socket's own path is as it is */
        return;
    trim_api(below);
    if (is_socket && !below[1])
        *below = '\0';
}

/* "unix:/PATH", or "unix:/PATH:/BELOW" of a daemon that serves below a path. */
static char *read_socket(const char *url, struct dbk_error *out_error)
{
    size_t len = daemon_url_socket_length(url);
    if (url[strlen(SOCKET)] != '/')
        return refuse(out_error, "the URL of a daemon's socket is unix:/PATH, from the root on");
    if (len >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
        return refuse(out_error, "the path of a daemon's socket is too long to be one");
    if (strpbrk(url + strlen(SOCKET) + len, "?#"))
        return refuse(out_error, "the URL of a daemon has no options: unix:/PATH[:/PATH]");
    char *base = memory_need(strdup(url));
    daemon_url_trim(base);
    return base;
}

char *daemon_url_read(const char *url, struct dbk_error *out_error)
{
    for (const char *at = url; *at; at++)
        if ((unsigned char)*at <= ' ' || *at == '\x7f')
            return refuse(out_error, "the URL of a daemon has no spaces and control characters");
    if (!strncmp(url, SOCKET, strlen(SOCKET)))
        return read_socket(url, out_error);
    bool is_plain = begins_with(url, PLAIN);
    const char *authority = strstr(url, "://") + 3;
    size_t len = strcspn(authority, "/?#");
    if (memchr(authority, '@', len))
        return refuse(out_error, "the URL of a daemon has no user or password in it: a token comes "
                                 "from DAYBOOK_TOKEN_FILE or DAYBOOK_TOKEN");
    if (strpbrk(authority, "?#"))
        return refuse(out_error, "the URL of a daemon has no options: https://HOST[:PORT][/PATH]");
    size_t host_len = host_length(authority, len);
    if (!host_len)
        return refuse(out_error, "the URL of a daemon needs a host: https://HOST[:PORT][/PATH]");
    if (is_plain && !is_loopback(authority, host_len))
        return refuse(out_error, "http:// is for this machine alone (127.0.0.1, localhost), since "
                                 "others could read it on the way: use https://");
    char *base = memory_need(strdup(url));
    daemon_url_trim(base);
    return base;
}
