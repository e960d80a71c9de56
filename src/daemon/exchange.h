/*
 * One request and its answer: from the request line to the last byte. It waits for at most one operation
 * of the store at a time, and outlives its client while it does.
 */
#ifndef DAEMON_EXCHANGE_H
#define DAEMON_EXCHANGE_H

#include "ask.h"
#include "path.h"
#include "query.h"
#include "server.h"
#include "timing.h"

struct bounds;
struct erasure;
struct included;
struct route;
struct standings;
struct value;

/* What all paths begin with. */
#define EXCHANGE_PREFIX "/api/v2/"

/* Which of a builder's builds a path names. */
enum exchange_choice { EXCHANGE_BY_NUMBER, EXCHANGE_LAST, EXCHANGE_LAST_FAILED };

struct exchange {
    struct server *server;
    struct connection *connection;
    struct evhttp_request *request; /* NULL: the client has gone */
    bool is_head;                   /* HEAD */
    bool is_closing;                /* the connection ends with this answer */
    bool is_waiting;                /* for the store */
    bool is_sent;                   /* the answer is evhttp's now */
    struct dbk_call call;
    struct dbk_op op;
    struct dbk_error refusal;

    char scope[TOKENS_NAME_MAX + 8]; /* of its operation key: who asks */
    const char *key;                 /* of a write; NULL: none */
    unsigned methods;                /* that the path takes, of a request with another one */

    struct timing timing;
    const char *target; /* the path below the base path */
    const char *peer;   /* the client's address in text; "": over a Unix socket */
    char client[64];    /* the same, as a proxy says it */
    const char *user;   /* whom a proxy knows the client as; NULL: nobody */
    bool is_secure;     /* nobody listens to the client's connection */

    char *builders;        /* patterns of those that the token is limited to; NULL: all */
    bool is_within;        /* it stays within them */
    struct bounds *bounds; /* of a list or a stream of such a token */

    int64_t session_ends_ms; /* of whoever has signed in; 0: by something else than a session */
    unsigned char session_hash[TOKENS_HASH_SIZE];

    struct path path;
    struct query query;
    struct ask ask;
    const struct route *route;
    /* What the path names: DBK_NONE or NULL where it does not. */
    const char *owner; /* the name of a builder, worker or master that is yet to be found */
    const char *step;  /* a step's name */
    const char *name;  /* of build data, of a property */
    int64_t ownerid;   /* of the builder, worker or master */
    int64_t number;    /* a build's within its builder, a step's within its build */
    int64_t step_number;
    int64_t buildid;
    int64_t id; /* of anything else */
    enum exchange_choice choice;

    struct stream *stream;       /* of events; NULL: it is none */
    struct dbk_build *build;     /* while its properties are read */
    struct included *included;   /* builds while their steps are read */
    struct standings *standings; /* how builders stand, once that was asked for */
    struct value *value;         /* of build data; NULL: no value is given */
    struct erasure *erasure;     /* NULL: nothing is erased */
};

/* evhttp's handler: begins an exchange. user is the server. */
void exchange_begin(struct evhttp_request *request, void *user);

/* The connection ends before the answer did. is_request_freed: evhttp frees the request with it. */
void exchange_lose(struct exchange *exchange, bool is_request_freed);

/* What a call is to carry. */
const struct dbk_call *exchange_call(struct exchange *exchange);

/* Takes what submitting gave; answers when it was refused. */
void exchange_submitted(struct exchange *exchange, int status);

/*
 * For the head of every callback: true when there is nothing left to do, for the client has gone or got
 * the error.
 */
bool exchange_is_over(struct exchange *exchange, const struct dbk_error *error);
/* The same where one record was asked for: also when there is none, which is said by its noun. */
bool exchange_is_without(struct exchange *exchange, const struct dbk_error *error,
                         const void *record, const char *noun);

/* Answers with an error: the status and a sentence. */
void exchange_fail(struct exchange *exchange, int http_status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Answers with a record, or with 404 when it is NULL. */
void exchange_give_record(struct exchange *exchange, const void *record);

/* Answers with a list. */
void exchange_give_list(struct exchange *exchange, const void *const *records,
                        const struct dbk_page *page);

struct json_writer;

/* Ends the object that was printed, and sends it: 413 when it is too long. */
void exchange_finish(struct exchange *exchange, int http_status, struct json_writer *json);

/* Reads the head: the path, the query, and what a write needs. Result: false when it answered already. */
bool exchange_understand(struct exchange *exchange);

/* Finds what the path names, then begins the route's operation. */
void exchange_find(struct exchange *exchange);

/* Begins the route's operation, its builder being known. */
void exchange_run(struct exchange *exchange);

#endif
