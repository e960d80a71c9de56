/*
 * Proxies: see proxy.h.
 */
#include "proxy.h"

#include <arpa/inet.h>
#include <event2/keyvalq_struct.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#define UNIX "unix"

bool proxy_is_address(const char *text)
{
    struct in6_addr address;
    return !strcmp(text, UNIX) || inet_pton(AF_INET, text, &address) == 1 ||
           inet_pton(AF_INET6, text, &address) == 1;
}

/* Whether two texts are one address; those of version 6 can be written in several ways. */
static bool is_same(const char *one, const char *other)
{
    struct in6_addr a, b;
    if (inet_pton(AF_INET6, one, &a) == 1 && inet_pton(AF_INET6, other, &b) == 1)
        return !memcmp(&a, &b, sizeof(a));
    return !strcmp(one, other);
}

bool proxy_is_named(const struct serve_options *options, const char *address)
{
    for (size_t i = 0; i < options->proxy_count; i++)
        if (is_same(*address ? address : UNIX, options->proxies[i]))
            return true;
    return false;
}

const char *proxy_peer(struct evhttp_connection *evcon)
{
    const struct sockaddr *name = evhttp_connection_get_addr(evcon);
    char *address = NULL;
    uint16_t port;
    if (!name || name->sa_family == AF_UNIX)
        return "";
    evhttp_connection_get_peer(evcon, &address, &port);
    return address ? address : "";
}

/* A header that may stand once: a client may have sent one too, and the proxy have added its own. */
static const char *find_one(struct evhttp_request *request, const char *name, int *out_count)
{
    const struct evkeyvalq *headers = evhttp_request_get_input_headers(request);
    const char *value = NULL;
    *out_count = 0;
    for (const struct evkeyval *at = headers->tqh_first; at; at = at->next.tqe_next)
        if (!strcasecmp(at->key, name)) {
            value = at->value;
            ++*out_count;
        }
    return value;
}

/* The last one in a list that is no proxy of ours: what stands before it anybody may have written. */
static void take_client(struct exchange *exchange, const char *list)
{
    size_t end = strlen(list);
    while (end) {
        size_t begin = end;
        while (begin && list[begin - 1] != ',')
            begin--;
        size_t first = begin + strspn(list + begin, " \t"), last = end;
        while (last > first && strchr(" \t", list[last - 1]))
            last--;
        if (first > last || last - first >= sizeof(exchange->client))
            return;
        memcpy(exchange->client, list + first, last - first);
        exchange->client[last - first] = '\0';
        exchange->peer = exchange->client;
        if (!proxy_is_named(exchange->server->options, exchange->client))
            return;
        end = begin ? begin - 1 : 0;
    }
}

static bool refuse(struct head_refusal *refusal, const char *why)
{
    *refusal = (struct head_refusal){400, why, true};
    return false;
}

bool proxy_look(struct exchange *exchange, struct head_refusal *out_refusal)
{
    const struct serve_options *options = exchange->server->options;
    int count;
    exchange->peer = proxy_peer(evhttp_request_get_connection(exchange->request));
    exchange->is_secure = exchange->server->tls;
    if (!proxy_is_named(options, exchange->peer))
        return true;
    const char *list = find_one(exchange->request, "X-Forwarded-For", &count);
    if (count > 1)
        return refuse(out_refusal, "X-Forwarded-For stands twice");
    if (list)
        take_client(exchange, list);
    const char *scheme = find_one(exchange->request, "X-Forwarded-Proto", &count);
    if (count > 1)
        return refuse(out_refusal, "X-Forwarded-Proto stands twice");
    exchange->is_secure = exchange->is_secure || (scheme && !strcasecmp(scheme, "https"));
    if (!options->user_header)
        return true;
    const char *user = find_one(exchange->request, options->user_header, &count);
    if (count > 1)
        return refuse(out_refusal, "the header of the user's name stands twice");
    if (user && strlen(user) > TOKENS_NAME_MAX)
        return refuse(out_refusal, "a user's name has up to 64 bytes");
    exchange->user = user && *user ? user : NULL;
    return true;
}
