/*
 * A store that is measured: open, with a daemon of its own beside it, and some of its builds to ask for.
 */
#ifndef BENCH_SUBJECT_H
#define BENCH_SUBJECT_H

#include "http.h"
#include "own_daemon.h"

#include <daybook.h>

enum { SUBJECT_SAMPLES = 20, SUBJECT_MANY = 50 };

/* A build that is asked for, and what hangs on it. */
struct sample {
    int64_t buildid, builderid, number, requestid, workerid, masterid, stepid;
    int64_t buildsetid, stampid;
    int64_t many[SUBJECT_MANY]; /* builds near it */
    char builder[256], worker[64], revision[256], branch[256], repository[512], project[512];
};

struct subject {
    const char *url;
    struct dbk_store *store;
    int64_t builds, last_buildid; /* their number, and the highest id: a server leaves gaps */
    int64_t newest_event;
    struct sample samples[SUBJECT_SAMPLES];
    struct own_daemon daemon;
    struct http *http;
};

/* Starts a daemon on the store. All of them come before the first store is opened. Result: 0, or an exit code after
 * a message. */
int subject_start_daemon(struct subject *subject);

/* Opens the store and chooses builds, the same places in a store of any size. Result: the same. */
int subject_open(struct subject *subject);

void subject_close(struct subject *subject);

#endif
