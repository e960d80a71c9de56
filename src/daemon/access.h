/*
 * Who may ask what. Without tokens everybody on this machine may do everything, and nobody else can; with
 * them every request needs one with the right that it takes.
 */
#ifndef DAEMON_ACCESS_H
#define DAEMON_ACCESS_H

#include "exchange.h"
#include "head.h"

/* Checks a request's token, and names the exchange's scope by it. Result: false and *out_refusal. */
bool access_check(struct exchange *exchange, struct head_refusal *out_refusal);

/* Reads the file of tokens, again too: then the ones before stay when that fails. Result: false with a
 * sentence in out_message. */
bool access_load(struct server *server, char out_message[TOKENS_MESSAGE_SIZE]);

#endif
