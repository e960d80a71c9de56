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
    const struct token *token;     /* NULL: nobody that is known by one */
    const struct session *session; /* that said so; NULL: the token itself came along */
    const char *name;              /* NULL: nobody that is known */
    enum token_right right;
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
    return server->tokens_path || server->options->is_public || server->options->user_header;
}

static bool refuse(struct head_refusal *refusal, int http_status, const char *why)
{
    *refusal = (struct head_refusal){http_status, why, false};
    return false;
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
                    : exchange->is_secure             ? 0
                    : !strncmp(origin, "http://", 7)  ? 7
                                                      : 0;
    return scheme && !strcasecmp(origin + scheme, host);
}

/* Whom a proxy or a cookie knows. */
static void identify_by_browser(struct exchange *exchange, struct caller *out)
{
    out->session = sessions_find(exchange->server, exchange->request, &out->token);
    if (!out->token && exchange->user) {
        out->name = exchange->user;
        out->right = exchange->server->options->may_users_write ? TOKEN_WRITE : TOKEN_READ;
    }
}

/* Result: false and *out_refusal for a token that is none. */
static bool identify(struct exchange *exchange, struct caller *out, struct head_refusal *refusal)
{
    struct server *server = exchange->server;
    const char *text =
        evhttp_find_header(evhttp_request_get_input_headers(exchange->request), "Authorization");
    bool is_bearer = text && !strncasecmp(text, SCHEME, strlen(SCHEME));
    *out = (struct caller){.token = NULL};
    /* A proxy that asks for passwords passes on what it was told. */
    if (!text || !server->tokens_path || (!is_bearer && exchange->user)) {
        identify_by_browser(exchange, out);
    } else if (!is_bearer) {
        return refuse(refusal, 401, "a token is needed: Authorization: Bearer TOKEN");
    } else {
        text += strlen(SCHEME);
        out->token = tokens_find(&server->tokens, text + strspn(text, " "));
        if (!out->token)
            return refuse(refusal, 401, "this token is not known");
    }
    if (out->token) {
        out->name = out->token->name;
        out->right = out->token->right;
    }
    return true;
}

bool access_who(struct exchange *exchange, const char **out_name, enum token_right *out_right)
{
    struct head_refusal refusal;
    struct caller caller;
    bool is_known = identify(exchange, &caller, &refusal) && caller.name;
    *out_name = is_known ? caller.name : NULL;
    *out_right = is_known ? caller.right : TOKEN_READ;
    return is_known && caller.session;
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
    bool is_by_browser = caller->session || !caller->token;
    if (!caller->name)
        return (is_read && exchange->server->options->is_public) ||
               refuse(refusal, 401, "a token is needed: Authorization: Bearer TOKEN");
    if (caller->right < (is_read ? TOKEN_READ : TOKEN_WRITE))
        return refuse(refusal, 403,
                      caller->token ? "this token may only read" : "users may only read");
    return is_read || !is_by_browser || is_from_here(exchange) ||
           refuse(refusal, 403, "a browser's write needs this address as its Origin");
}

bool access_check(struct exchange *exchange, struct head_refusal *out_refusal)
{
    enum evhttp_cmd_type method = evhttp_request_get_command(exchange->request);
    bool is_read = method == EVHTTP_REQ_GET || method == EVHTTP_REQ_HEAD;
    struct caller caller;
    strcpy(exchange->scope, "http");
    if (!access_is_guarded(exchange->server) || (is_read && is_probe(exchange->target)))
        return true;
    if (!strcmp(exchange->target, SESSION_PATH))
        return is_read || check_session(exchange, out_refusal);
    if (!identify(exchange, &caller, out_refusal) ||
        !check_right(exchange, &caller, is_read, out_refusal))
        return false;
    /* A token's name has no colon, so that nobody has another one's keys. */
    if (caller.name)
        snprintf(exchange->scope, sizeof(exchange->scope), "%s%s",
                 caller.token ? "" : "user:", caller.name);
    if (caller.token && caller.token->builders &&
        !(exchange->builders = strdup(caller.token->builders)))
        return refuse(out_refusal, 503, "out of memory");
    if (caller.session) {
        exchange->session_ends_ms = caller.session->ends_ms;
        memcpy(exchange->session_hash, caller.session->hash, sizeof(exchange->session_hash));
    }
    return true;
}
