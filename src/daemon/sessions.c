/*
 * Sessions: see sessions.h. What the cookie holds is kept as a hash, so that looking it up takes a time that tells
 * nothing of it.
 */
#include "sessions.h"

#include "access.h"
#include "connection.h"
#include "reply.h"
#include "stream.h"
#include "writing.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#define COOKIE "daybook_session"

void sessions_fini(struct sessions *sessions)
{
    free(sessions->list);
    *sessions = (struct sessions){NULL, 0};
}

/* What a request's cookie holds, in text. Result: false when it has none of ours. */
static bool read_cookie(struct evhttp_request *request, char text[TOKENS_DRAWN_SIZE])
{
    const char *at = evhttp_find_header(evhttp_request_get_input_headers(request), "Cookie");
    while (at && *at) {
        at += strspn(at, " ;");
        size_t len = strcspn(at, ";");
        if (len == strlen(COOKIE "=") + TOKENS_DRAWN_SIZE - 1 &&
            !strncmp(at, COOKIE "=", strlen(COOKIE "="))) {
            memcpy(text, at + strlen(COOKIE "="), TOKENS_DRAWN_SIZE - 1);
            text[TOKENS_DRAWN_SIZE - 1] = '\0';
            return true;
        }
        at += len;
    }
    return false;
}

static void drop(struct sessions *sessions, struct session *session)
{
    *session = sessions->list[--sessions->count];
}

static void drop_ended(struct sessions *sessions, int64_t now_ms)
{
    for (size_t i = sessions->count; i-- > 0;)
        if (sessions->list[i].ends_ms <= now_ms)
            drop(sessions, &sessions->list[i]);
}

static struct session *find(struct server *server, struct evhttp_request *request)
{
    char text[TOKENS_DRAWN_SIZE];
    unsigned char hash[TOKENS_HASH_SIZE];
    struct session *found = NULL;
    if (!read_cookie(request, text) || !tokens_hash(text, hash))
        return NULL;
    for (size_t i = 0; i < server->sessions.count; i++)
        if (!CRYPTO_memcmp(server->sessions.list[i].hash, hash, sizeof(hash)))
            found = &server->sessions.list[i];
    return found && found->ends_ms > connection_now_ms() ? found : NULL;
}

const struct session *sessions_find(struct server *server, struct evhttp_request *request,
                                    const struct token **out_token)
{
    const struct session *session = find(server, request);
    *out_token = session ? tokens_find_hash(&server->tokens, session->token_hash) : NULL;
    return *out_token ? session : NULL;
}

static struct session *make_room(struct sessions *sessions)
{
    drop_ended(sessions, connection_now_ms());
    if (sessions->count == SESSIONS_MAX) {
        struct session *first = sessions->list;
        for (size_t i = 1; i < sessions->count; i++)
            if (sessions->list[i].ends_ms < first->ends_ms)
                first = &sessions->list[i];
        drop(sessions, first);
    }
    struct session *list = realloc(sessions->list, (sessions->count + 1) * sizeof(*list));
    if (!list)
        return NULL;
    sessions->list = list;
    return &list[sessions->count];
}

static bool add(struct server *server, const struct token *token, char out_text[TOKENS_DRAWN_SIZE])
{
    struct session *session = make_room(&server->sessions);
    if (!session || !tokens_draw(out_text) || !tokens_hash(out_text, session->hash))
        return false;
    memcpy(session->token_hash, token->hash, sizeof(token->hash));
    session->ends_ms = connection_now_ms() + server->options->session_s * 1000;
    server->sessions.count++;
    return true;
}

static void set_cookie(struct exchange *exchange, const char *text, int64_t seconds)
{
    char line[256 + SERVE_BASE_MAX];
    snprintf(line, sizeof(line),
             COOKIE "=%s; Path=%s/; Max-Age=%" PRId64 "; HttpOnly; SameSite=Strict%s", text,
             exchange->server->options->base_path, seconds, exchange->is_secure ? "; Secure" : "");
    evhttp_add_header(evhttp_request_get_output_headers(exchange->request), "Set-Cookie", line);
}

static void give(struct exchange *exchange, const char *name, enum token_right right,
                 bool is_session)
{
    struct json_writer json;
    reply_begin(exchange, &json);
    json_begin_object(&json);
    json_member_text(&json, "name", name);
    json_member_text(&json, "right", name ? tokens_right_word(right) : NULL);
    json_member_bool(&json, "is_session", is_session);
    json_member_bool(&json, "takes_tokens", exchange->server->tokens_path);
    json_member_bool(&json, "is_public", exchange->server->options->is_public);
    exchange_finish(exchange, 200, &json);
}

void session_show(struct exchange *exchange)
{
    const char *name;
    enum token_right right;
    bool is_session = access_who(exchange, &name, &right);
    give(exchange, name, right, is_session);
}

void session_begin(struct exchange *exchange)
{
    struct server *server = exchange->server;
    const char *asked = NULL;
    struct body body;
    char text[TOKENS_DRAWN_SIZE];
    if (!server->tokens_path) {
        exchange_fail(exchange, 409, "nobody signs in here: it was started without --tokens");
        return;
    }
    if (writing_read(exchange, &body, &form_token, &asked)) {
        const struct token *token = tokens_find(&server->tokens, asked);
        if (!token) {
            exchange_fail(exchange, 401, "this token is not known");
        } else if (!add(server, token, text)) {
            exchange_fail(exchange, 503, "out of memory");
        } else {
            set_cookie(exchange, text, server->options->session_s);
            give(exchange, token->name, token->right, true);
        }
    }
    body_fini(&body);
}

void session_end(struct exchange *exchange)
{
    struct server *server = exchange->server;
    struct session *session = find(server, exchange->request);
    if (session) {
        stream_end_session(server, session->hash);
        drop(&server->sessions, session);
    }
    set_cookie(exchange, "", 0);
    writing_give(exchange, NULL, 0, NULL, NULL);
}
