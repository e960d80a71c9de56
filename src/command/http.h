/*
 * One connection to a daemon, and requests on it, one after the other. It blocks: remote.c has it on a thread
 * of its own. Not for what the requests mean.
 *
 * The certificate is verified; nobody is followed to another address; the token is in a header of each
 * request, and nowhere else.
 */
#ifndef HTTP_H
#define HTTP_H

#include <daybook.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http;

/* Args: base is what stands before "/api/v2/". Result: NULL and *out_error. */
struct http *http_new(const char *base, struct dbk_error *out_error);
/* The same for one that is no daemon of ours, and is told no token. */
struct http *http_new_stranger(const char *base);
void http_free(struct http *http);

/* Ends the request that is under way, and those that come, until http_go_on(). Any thread. */
void http_interrupt(struct http *http);
void http_go_on(struct http *http);

/* Takes bytes of an answer that is good, in order; length is the whole answer's, DBK_NONE where it is not
 * told. Result: whether there may come more. */
typedef bool http_take_fn(void *user, const char *bytes, size_t len, int64_t length);

struct http_request {
    const char *method;
    const char *target; /* path and query below "/api/v2/" */
    const char *body;   /* NULL: none, or from fd */
    size_t body_len;
    const char *content_type; /* of the body */
    int fd;                   /* what the body is read from, when body is NULL; -1: none */
    int64_t fd_offset;
    int64_t fd_len;
    const char *key;    /* the write's own name, so that it happens once; NULL: none */
    int64_t last_event; /* of a stream; DBK_NONE: none */
    http_take_fn *take; /* NULL: the answer is gathered */
    void *user;
    int64_t end_ms; /* on the clock of clock_ms(); 0: no deadline. A long body has longer */
};
#define HTTP_REQUEST_INIT                                                                          \
    {                                                                                              \
        .method = "GET", .fd = -1, .last_event = DBK_NONE                                          \
    }

struct http_answer {
    long http_status;
    char *body; /* of one that was gathered, or of an error; ends with a zero byte; NULL: empty */
    size_t len;
};

/*
 * Asks, and waits for the answer. Result: DBK_OK when one came, whatever its status; else *out_error: its
 * outcome is DBK_UNKNOWN when the request may have arrived. http_answer_fini() in any case.
 */
int http_perform(struct http *http, const struct http_request *request, struct http_answer *answer,
                 struct dbk_error *out_error);
void http_answer_fini(struct http_answer *answer);

#endif
