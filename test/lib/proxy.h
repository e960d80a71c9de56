/*
 * Stands between a store and a server that has a socket in the file system, and cuts connections where a test wants it: while it passes
 * what holds a COMMIT, before the server got it or before the client gets the answer; or anywhere, by chance.
 */
#ifndef PROXY_H
#define PROXY_H

#include <stdbool.h>

enum proxy_cut {
    PROXY_CUT_NOTHING,
    PROXY_CUT_BEFORE_COMMIT, /* the server never gets it */
    PROXY_CUT_AFTER_COMMIT,  /* it does, and the answer is lost */
    PROXY_CUT_AFTER_REFUSAL, /* of a statement that keeps a batch's name for good, the answer is lost */
    PROXY_CUT_COMMIT_AND_REFUSAL, /* before a COMMIT, and then after a refusal */
    PROXY_CUT_EITHER_AT_TIMES     /* by chance, one COMMIT in four */
};

/* Starts it. Result: the folder of its socket, which has the same name as the server's; until the test program ends. */
const char *proxy_start(const char *server_socket);
/* From now on every second new connection goes to that server instead. */
void proxy_spread(const char *other_socket);
/* From now on. All but the last cut once. */
void proxy_set_cut(enum proxy_cut cut);
/* How often it has cut. */
int proxy_cut_count(void);
/* From now on what passes is delayed, comes in parts, or ends in the middle with its connection, by chance, in either
 * direction; or no more. */
void proxy_set_rough(bool is_rough);
/* How often it has ended a connection so. */
int proxy_broken_count(void);
/* How often something came from a client: at least as often as it had to wait for an answer. */
int proxy_message_count(void);
/* From now on nothing passes, in either direction, though connections stay open; or everything again. */
void proxy_set_silent(bool is_silent);

#endif
