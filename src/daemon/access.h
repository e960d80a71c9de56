/*
 * Who may ask what. Without tokens everybody on this machine may do everything, and nobody else can; with
 * them every request needs one with the right that it takes, by itself or by the cookie of whoever signed in.
 */
#ifndef DAEMON_ACCESS_H
#define DAEMON_ACCESS_H

#include "exchange.h"
#include "head.h"

/* Whether it is said who may ask. If not, only this machine may, and it listens nowhere else. */
bool access_is_guarded(const struct server *server);

/* Whether what stands at a path needs no right of those who ask. */
bool access_is_for_all(const char *path);

/* Checks whether the request may be made, and names the exchange's scope by whoever makes it. Result: false and
 * *out_refusal. */
bool access_check(struct exchange *exchange, struct head_refusal *out_refusal);

/* Who makes the request: *out_name is NULL for nobody. Result: whether that is somebody who signed in here. */
bool access_who(struct exchange *exchange, const char **out_name, enum token_right *out_right);

/* Reads the file of tokens, again too: then the ones before stay when that fails. Result: false with a
 * sentence in out_message. */
bool access_load(struct server *server, char out_message[TOKENS_MESSAGE_SIZE]);

#endif
