/*
 * Connections: how many there are, how long each may stay without a request, and what request each is
 * at. evhttp makes and frees them and tells nobody: see connection.c for how they are known here.
 */
#ifndef DAEMON_CONNECTION_H
#define DAEMON_CONNECTION_H

#include "head.h"
#include "server.h"

struct connection {
    struct connection *next;
    struct server *server;
    struct bufferevent *bufferevent; /* evhttp's; ours too until `evcon` is known */
    struct evhttp_connection *evcon; /* NULL until it is known */
    struct exchange *exchange;       /* the request that is being answered, or NULL */
    int64_t waits_since_ms;          /* for a request, or for more of its body */
    int64_t held_len;                /* bytes that came and are not answered */
    int64_t progress_len;            /* of these, when the wait began anew */
    bool is_ended_here;              /* we end it, not evhttp */
    bool is_over;                    /* its last answer is out: nothing more is read as a request */
    struct {
        bool is_ended, has_text; /* its empty line came; something before that did */
        bool is_empty;           /* the line so far */
        bool has_zero;
    } head; /* of the request that comes */
};

/* evhttp's maker of bufferevents: one a connection. user is the server. */
struct bufferevent *connection_new(struct event_base *base, void *user);

/* The connection of a request. Result: NULL when out of memory. */
struct connection *connection_find(struct server *server, struct evhttp_request *request);

/* Whether the bytes of its request's head are what was made of them. Result: false and *out_refusal. */
bool connection_check_head(const struct connection *connection, struct head_refusal *out_refusal);

/* Ends it, whatever it is at. */
void connection_end(struct connection *connection);

/* Ends those that are over or waited too long for a request; all that wait, if is_all. */
void connection_sweep(struct server *server, bool is_all);

/* The same as soon as the loop has its turn. */
void connection_sweep_soon(struct server *server);

/* Its request was answered; it waits for the next one. */
void connection_answered(struct connection *connection);

/* Ends all, whatever they are at. */
void connection_end_all(struct server *server);

/* Milliseconds of a clock that only goes forward. */
int64_t connection_now_ms(void);

#endif
