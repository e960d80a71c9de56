/*
 * Events made ready to be told: each with its record as it is when read, as JSON, and the topics that it
 * stands under. A batch reads a page of the log and the records of it. Not for who hears of it (stream.h).
 */
#ifndef DAEMON_NOTICE_H
#define DAEMON_NOTICE_H

#include "server.h"

enum { NOTICE_BATCH_MAX = 100 };

/* Kinds of events that are told of; `none` are not, for the log does not say which record it was. */
enum notice_kind {
    NOTICE_NONE,
    NOTICE_BUILD,
    NOTICE_STEP,
    NOTICE_PROPERTY,
    NOTICE_DATA,
    NOTICE_BUILDER,
};

struct notice {
    int64_t position;
    enum notice_kind kind;
    int64_t builderid, buildid, stepid;
    char *name;    /* of a property, of data; else NULL */
    char verb[16]; /* as Buildbot's: new, started, updated (builds: update), finished, deleted */
    char *message; /* the record as JSON; "null" when it is gone */
};

void notice_fini(struct notice *notice);

/*
 * Whether an event stands under a topic, "builds/17/steps/@" with "*" for @: as many parts as its key has, or
 * one less, any verb being meant then. Then the key, a JSON list, is printed to file, if that is not NULL.
 */
bool notice_matches(const struct notice *notice, const char *topic, FILE *file);

struct batch {
    struct server *server;
    struct notice notices[NOTICE_BATCH_MAX];
    size_t count;
    int64_t position;                              /* of the last event that was looked at */
    bool is_full;                                  /* there may be more events behind it */
    int waiting_count;                             /* for records */
    struct dbk_error error;                        /* DBK_OK: none */
    void (*done)(void *user, struct batch *batch); /* NULL: nobody wants it any more */
    void *user;
};

/* Reads the events after a position. `done` takes the batch, and ends it with batch_free(). Result: NULL when it was
 * refused, out of memory or with *out_error. */
struct batch *batch_read(struct server *server, int64_t position,
                         void (*done)(void *user, struct batch *batch), void *user,
                         struct dbk_error *out_error);

/* What an event says, but for its name and its record. Result: false: nobody is told of such ones. */
bool notice_begin(struct notice *notice, const struct dbk_event *event);

/* Reads the records of 1 to NOTICE_BATCH_MAX events that were begun so. It takes their names, whatever comes of it.
 * Result: as batch_read(); NULL: all were refused. */
struct batch *batch_of(struct server *server, const struct notice *notices, size_t count,
                       void (*done)(void *user, struct batch *batch), void *user);

/* Nobody wants it any more: `done` does not run. NULL is fine. */
void batch_drop(struct batch *batch);
void batch_free(struct batch *batch);

#endif
