/*
 * Access: see access.h.
 */
#include "access.h"

#include <string.h>
#include <strings.h>

#define SCHEME "Bearer "

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

static bool refuse(struct head_refusal *refusal, int http_status, const char *why)
{
    *refusal = (struct head_refusal){http_status, why, false};
    return false;
}

/* Who looks whether it runs need not be known: the answer says no more than that. */
static bool is_probe(struct evhttp_request *request)
{
    const char *path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(request));
    return !strcmp(path, "/healthz") || !strcmp(path, "/readyz");
}

bool access_check(struct exchange *exchange, struct head_refusal *out_refusal)
{
    struct server *server = exchange->server;
    enum evhttp_cmd_type method = evhttp_request_get_command(exchange->request);
    bool is_read = method == EVHTTP_REQ_GET || method == EVHTTP_REQ_HEAD;
    strcpy(exchange->scope, "http");
    if (!server->tokens_path || (is_read && is_probe(exchange->request)))
        return true;
    const char *text =
        evhttp_find_header(evhttp_request_get_input_headers(exchange->request), "Authorization");
    if (!text || strncasecmp(text, SCHEME, strlen(SCHEME)) != 0)
        return refuse(out_refusal, 401, "a token is needed: Authorization: Bearer TOKEN");
    text += strlen(SCHEME);
    const struct token *token = tokens_find(&server->tokens, text + strspn(text, " "));
    if (!token)
        return refuse(out_refusal, 401, "this token is not known");
    if (token->right < (is_read ? TOKEN_READ : TOKEN_WRITE))
        return refuse(out_refusal, 403, "this token may only read");
    strcpy(exchange->scope, token->name);
    return true;
}
