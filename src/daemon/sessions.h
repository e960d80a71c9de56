/*
 * Who has signed in on the page: a session stands for a token, in a cookie that scripts cannot read. It is kept in
 * memory alone, ends after a while, and is worth nothing once its token is not there any more.
 */
#ifndef DAEMON_SESSIONS_H
#define DAEMON_SESSIONS_H

#include "exchange.h"

#define SESSIONS_MAX 10000 /* the one that would end first makes room */

struct session {
    unsigned char hash[TOKENS_HASH_SIZE];       /* of what the cookie holds */
    unsigned char token_hash[TOKENS_HASH_SIZE]; /* of the token that it stands for */
    int64_t ends_ms;                            /* of connection_now_ms() */
};

void sessions_fini(struct sessions *sessions);

/* The session of a request's cookie. Result: NULL when there is none that still holds; *out_token is its token,
 * lent until the tokens are read again. */
const struct session *sessions_find(struct server *server, struct evhttp_request *request,
                                    const struct token **out_token);

/* The routes: who am I, sign in, sign out. */
void session_show(struct exchange *exchange);
void session_begin(struct exchange *exchange);
void session_end(struct exchange *exchange);

#endif
