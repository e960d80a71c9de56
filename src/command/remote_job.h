/*
 * What is asked of a daemon, on its way through remote.c: made by a call (remote_reads.c, ...), worked on by the
 * remote's thread, delivered on the caller's. Not for subcommands.
 */
#ifndef REMOTE_JOB_H
#define REMOTE_JOB_H

#include "http.h"
#include "remote_records.h"

#include <jansson.h>
#include <stdatomic.h>

struct remote;

/* A part of an answer that is given before its end. */
struct job_piece {
    struct job_piece *next;
    struct job *job;
    int64_t offset;
    int64_t length; /* of the whole, DBK_NONE: not told */
    size_t len;
    char bytes[];
};

struct job {
    struct job *next;
    struct remote *remote;
    uint64_t id;
    atomic_bool is_cancelled;
    /* Asks, on the remote's thread; leaves what came, or job->error. */
    void (*work)(struct job *job, struct http *http);
    /* Runs the callback, on the caller's thread. */
    void (*deliver)(struct job *job);
    /* Gives a piece to the callback, on the caller's thread; NULL: there are none. */
    void (*take_piece)(struct job *job, const struct job_piece *piece);
    struct http_request request; /* its texts are the next ones */
    char *target;
    char *body;
    char *key;
    bool is_repeatable; /* to ask once more changes nothing */
    /* Of lists: the target has no limit and no cursor yet. */
    const struct remote_kind *kind;
    int64_t limit;   /* DBK_NONE: none */
    char *cursor;    /* where it begins; NULL: at the beginning */
    int64_t skipped; /* how many records are left out first */
    /* The answer. */
    struct dbk_error error; /* status DBK_OK: none */
    bool is_missing;        /* 404: it is not there */
    bool is_hidden;         /* 403: not for who asks */
    json_t *root;           /* the JSON; of a list the array of its records */
    struct dbk_page page;
    char *next_cursor;
    /* What deliver needs. */
    int64_t buildid;
    char *name;
    int64_t offset; /* of the next piece */
    int64_t length; /* of the value */
    void (*callback)(void);
    void (*piece_callback)(void);
    void *user;
};

/* Begins a job that asks with GET. Takes target over. Never NULL. */
struct job *job_new(struct remote *remote, char *target, const struct dbk_call *call);

/* Gives the job to the thread. Result: DBK_OK; else a status and *call->out_refusal, and the job is gone. */
int job_submit(struct job *job, const struct dbk_call *call);

/* Refuses a call. Takes the job, which may be NULL. Result: the status. */
int job_refuse(struct job *job, const struct dbk_call *call, const struct dbk_error *error);

/* Gives a piece to the caller's thread, and waits while too many are not taken. On the remote's thread. Result:
 * false when nobody wants more. */
bool job_give_piece(struct job *job, const char *bytes, size_t len, int64_t length);

/* Waits, on the remote's thread, unless it is to end. Result: false when the job is to end. */
bool job_sleep(struct job *job, int ms);

/* The usual work: asks once, and leaves the JSON of the answer. */
void job_ask(struct job *job, struct http *http);

/* The work of lists: asks for page after page. */
void job_ask_list(struct job *job, struct http *http);

/* Takes note of an answer that is an error, or no JSON. Result: whether it is a good one; its JSON is *out_root
 * (may be NULL: not wanted). */
bool job_judge(struct job *job, const struct http_answer *answer, json_t **out_root);

/* "FORMAT" with what stands for %s escaped for a path or a query. Takes %s and PRId64 alone. Never NULL. */
char *job_target(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A text escaped for a path or a query. Result: yours, free(). */
char *job_escape(const char *text);

/* The daemon's clock for what ends now: the caller's, when he gave one; DBK_NONE: he gave none. */
int64_t remote_clock(const struct remote *remote);

#endif
