/*
 * Access: see access.h.
 */
#include "access.h"

#include "sessions.h"

#include <string.h>
#include <strings.h>

#define SCHEME "Bearer "
#define SESSION_PATH EXCHANGE_PREFIX "session"

/* Who asks. */
struct caller {
    const struct token *token;     /* NULL: nobody that is known */
    const struct session *session; /* that said so; NULL: the token itself came along */
};

bool access_load(struct server *server, char out_message[TOKENS_MESSAGE_SIZE])
{
    struct tokens tokens;
    if (tokens_load(server->tokens_path, &tokens, out_message)) {
        tokens_fini(&tokens);
        return false;
    }
    tokens_fini(&server->tokens);
    server->tokens = tokens;
    return true;
}

bool access_is_guarded(const struct server *server)
{
    return server->tokens_path || server->options->is_public;
}

bool access_is_secure(const struct exchange *exchange)
{
    return exchange->server->tls;
}

static bool refuse(struct head_refusal *refusal, int http_status, const char *why)
{
    *refusal = (struct head_refusal){http_status, why, false};
    return false;
}

static const char *path_of(const struct exchange *exchange)
{
    return evhttp_uri_get_path(evhttp_request_get_evhttp_uri(exchange->request));
}

/* Who looks whether it runs need not be known: the answer says no more than that. */
static bool is_probe(const char *path)
{
    return !strcmp(path, "/healthz") || !strcmp(path, "/readyz");
}

bool access_is_for_all(const char *path)
{
    return is_probe(path) || !strcmp(path, SESSION_PATH);
}

/* Whether it comes from a page of ours. A browser says of each write from which page it comes, and sends the cookie
 * along; so another site's page could write with it. */
static bool is_from_here(const struct exchange *exchange)
{
    const struct evkeyvalq *headers = evhttp_request_get_input_headers(exchange->request);
    const char *origin = evhttp_find_header(headers, "Origin");
    const char *host = evhttp_find_header(headers, "Host");
    size_t scheme = !origin                           ? 0
                    : !strncmp(origin, "https://", 8) ? 8
                    : access_is_secure(exchange)      ? 0
                    : !strncmp(origin, "http://", 7)  ? 7
                                                      : 0;
    return scheme && !strcasecmp(origin + scheme, host);
}

/* Result: false and *out_refusal for a token that is none. */
static bool identify(struct exchange *exchange, struct caller *out, struct head_refusal *refusal)
{
    struct server *server = exchange->server;
    const char *text =
        evhttp_find_header(evhttp_request_get_input_headers(exchange->request), "Authorization");
    *out = (struct caller){NULL, NULL};
    if (!text || !server->tokens_path) {
        out->session = sessions_find(server, exchange->request, &out->token);
        return true;
    }
    if (strncasecmp(text, SCHEME, strlen(SCHEME)) != 0)
        return refuse(refusal, 401, "a token is needed: Authorization: Bearer TOKEN");
    text += strlen(SCHEME);
    out->token = tokens_find(&server->tokens, text + strspn(text, " "));
    return out->token || refuse(refusal, 401, "this token is not known");
}

const struct token *access_token(struct exchange *exchange)
{
    struct head_refusal refusal;
    struct caller caller;
    return identify(exchange, &caller, &refusal) ? caller.token : NULL;
}

/* Who asks who he is, signs in or out needs no right; but no other site's page may do it. */
static bool check_session(const struct exchange *exchange, struct head_refusal *refusal)
{
    bool is_by_page =
        evhttp_find_header(evhttp_request_get_input_headers(exchange->request), "Origin");
    return !is_by_page || is_from_here(exchange) ||
           refuse(refusal, 403, "pages of this Origin may not ask here");
}

static bool check_right(struct exchange *exchange, const struct caller *caller, bool is_read,
                        struct head_refusal *refusal)
{
    if (!caller->token)
        return (is_read && exchange->server->options->is_public) ||
               refuse(refusal, 401, "a token is needed: Authorization: Bearer TOKEN");
    if (caller->token->right < (is_read ? TOKEN_READ : TOKEN_WRITE))
        return refuse(refusal, 403, "this token may only read");
    return is_read || !caller->session || is_from_here(exchange) ||
           refuse(refusal, 403, "a write by cookie needs this address as its Origin");
}

bool access_check(struct exchange *exchange, struct head_refusal *out_refusal)
{
    enum evhttp_cmd_type method = evhttp_request_get_command(exchange->request);
    bool is_read = method == EVHTTP_REQ_GET || method == EVHTTP_REQ_HEAD;
    struct caller caller;
    strcpy(exchange->scope, "http");
    if (!access_is_guarded(exchange->server) || (is_read && is_probe(path_of(exchange))))
        return true;
    if (!strcmp(path_of(exchange), SESSION_PATH))
        return is_read || check_session(exchange, out_refusal);
    if (!identify(exchange, &caller, out_refusal) ||
        !check_right(exchange, &caller, is_read, out_refusal))
        return false;
    if (caller.token)
        strcpy(exchange->scope, caller.token->name);
    if (caller.token && caller.token->builders &&
        !(exchange->builders = strdup(caller.token->builders)))
        return refuse(out_refusal, 503, "out of memory");
    if (caller.session) {
        exchange->session_ends_ms = caller.session->ends_ms;
        memcpy(exchange->session_hash, caller.session->hash, sizeof(exchange->session_hash));
    }
    return true;
}
