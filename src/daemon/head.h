/*
 * What a request's head must be before anything else is looked at: well framed, from this machine. Not for paths and queries.
 */
#ifndef DAEMON_HEAD_H
#define DAEMON_HEAD_H

#include <event2/http.h>
#include <stdbool.h>

struct head_refusal {
    int http_status;
    const char *why;
    bool is_closing; /* what follows on the connection cannot be told from a body: it ends */
};

/* Whether the request says that its body is of a type; parameters behind it do not count. */
bool head_has_type(struct evhttp_request *request, const char *type);

/* Checks it. Args: is_local: it must come from a program on this machine, which keeps foreign pages out where no
 * token does. Result: true, or false and *out_refusal. */
bool head_check(struct evhttp_request *request, bool is_local, struct head_refusal *out_refusal);

#endif
