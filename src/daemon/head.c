/*
 * The head of a request: see head.h.
 *
 * evhttp is lenient: it takes the first of two lengths, and a body where none can be for a request of its
 * own. So whatever could mean two things to two readers is refused here, and its connection ended, that
 * nothing is ever read as a second request. What evhttp settles before us, in ways that RFC 9112 allows:
 * lines that end in a bare LF, and folded headers (joined by a space).
 */
#include "head.h"

#include <event2/keyvalq_struct.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct counts {
    int length, host, encoding, type, key, authorization;
};

static bool is_token(const char *text)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    const char *at = text;
    while (*at && (isalnum((unsigned char)*at) || strchr(others, *at)))
        at++;
    return at > text && !*at;
}

static bool is_value(const char *text)
{
    while ((unsigned char)*text >= ' ' ? *text != 0x7f : *text == '\t')
        text++;
    return !*text;
}

/* Whether a host, as URLs hold it, is this machine. */
static bool is_loopback(const char *host, size_t len)
{
    if (len == 9 && !strncasecmp(host, "localhost", 9))
        return true;
    if (len == 5 && !memcmp(host, "[::1]", 5))
        return true;
    return len >= 7 && len <= 15 && !memcmp(host, "127.", 4) && strspn(host, "0123456789.") >= len;
}

/* The same with a port behind it. */
static bool is_loopback_authority(const char *text)
{
    size_t len = *text == '[' ? strcspn(text, "]") + 1 : strcspn(text, ":");
    if (len > strlen(text) || !is_loopback(text, len))
        return false;
    const char *port = text + len;
    return !*port || (*port == ':' && strspn(port + 1, "0123456789") == strlen(port + 1));
}

static bool is_loopback_origin(const char *origin)
{
    size_t scheme = !strncasecmp(origin, "http://", 7)    ? 7
                    : !strncasecmp(origin, "https://", 8) ? 8
                                                          : 0;
    return scheme && is_loopback_authority(origin + scheme);
}

static bool refuse(struct head_refusal *refusal, int http_status, const char *why, bool is_closing)
{
    *refusal = (struct head_refusal){http_status, why, is_closing};
    return false;
}

/* What comes through somebody else's hands. */
static bool is_forwarding(const char *name)
{
    return !strcasecmp(name, "Forwarded") || !strcasecmp(name, "Via") ||
           !strcasecmp(name, "X-Real-IP") || !strncasecmp(name, "X-Forwarded-", 12);
}

static bool check_header(const struct evkeyval *header, struct counts *counts,
                         struct head_refusal *refusal)
{
    if (!is_token(header->key) || !is_value(header->value))
        return refuse(refusal, 400, "a header that is none", true);
    if (!strcasecmp(header->key, "Content-Length")) {
        size_t len = strlen(header->value);
        if (++counts->length > 1 || !len || strspn(header->value, "0123456789") != len)
            return refuse(refusal, 400, "a bad Content-Length", true);
    }
    counts->host += !strcasecmp(header->key, "Host");
    counts->type += !strcasecmp(header->key, "Content-Type");
    counts->key += !strcasecmp(header->key, "Idempotency-Key");
    counts->authorization += !strcasecmp(header->key, "Authorization");
    counts->encoding += !strcasecmp(header->key, "Transfer-Encoding");
    return true;
}

/* Whether the request's end is where all readers see it. */
static bool check_framing(struct evhttp_request *request, struct counts *counts,
                          struct head_refusal *refusal)
{
    const struct evkeyvalq *headers = evhttp_request_get_input_headers(request);
    for (const struct evkeyval *at = headers->tqh_first; at; at = at->next.tqe_next)
        if (!check_header(at, counts, refusal))
            return false;
    if (counts->encoding)
        return refuse(refusal, 411, "a request with a Transfer-Encoding is not taken", true);
    if (counts->host != 1)
        return refuse(refusal, 400, "a request names its Host once", true);
    if (counts->type > 1 || counts->key > 1 || counts->authorization > 1)
        return refuse(refusal, 400, "a header that may stand once stands twice", true);
    return true;
}

/* Whether it comes from a program on this machine: a page elsewhere may make a browser ask us. */
static bool check_origin(struct evhttp_request *request, struct head_refusal *refusal)
{
    const struct evkeyvalq *headers = evhttp_request_get_input_headers(request);
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
    const char *host = evhttp_find_header(headers, "Host");
    const char *origin = evhttp_find_header(headers, "Origin");
    const char *named = evhttp_uri_get_host(uri);
    if (!is_loopback_authority(host) || (named && !is_loopback(named, strlen(named))))
        return refuse(refusal, 403, "this Host is not served: only loopback is", true);
    if (origin && !is_loopback_origin(origin))
        return refuse(refusal, 403, "pages of this Origin may not ask here", true);
    for (const struct evkeyval *at = headers->tqh_first; at; at = at->next.tqe_next)
        if (is_forwarding(at->key))
            return refuse(refusal, 403, "a forwarded request is not taken", true);
    return true;
}

/* Whether it is a path, or a whole URL; evhttp also takes what has spaces in it. */
static bool is_target(struct evhttp_request *request)
{
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
    const char *text = evhttp_request_get_uri(request);
    if (!uri || evhttp_uri_get_fragment(uri) || (*text != '/' && !evhttp_uri_get_scheme(uri)))
        return false;
    while ((unsigned char)*text > ' ' && *text != 0x7f)
        text++;
    return !*text;
}

bool head_check(struct evhttp_request *request, bool is_local, struct head_refusal *out_refusal)
{
    struct counts counts = {.length = 0};
    enum evhttp_cmd_type method = evhttp_request_get_command(request);
    if (!is_target(request))
        return refuse(out_refusal, 400, "a bad request target", true);
    if (!check_framing(request, &counts, out_refusal) ||
        (is_local && !check_origin(request, out_refusal)))
        return false;
    /* evhttp would take the body of any other method for the next request. */
    bool may_have_body =
        method == EVHTTP_REQ_POST || method == EVHTTP_REQ_PUT || method == EVHTTP_REQ_PATCH;
    const char *length =
        evhttp_find_header(evhttp_request_get_input_headers(request), "Content-Length");
    if (!may_have_body && length && strspn(length, "0") != strlen(length))
        return refuse(out_refusal, 400, "this method has no body", true);
    return true;
}

bool head_has_type(struct evhttp_request *request, const char *type)
{
    const char *text =
        evhttp_find_header(evhttp_request_get_input_headers(request), "Content-Type");
    size_t len = strlen(type);
    return text && !strncasecmp(text, type, len) && (!text[len] || strchr("; \t", text[len]));
}
