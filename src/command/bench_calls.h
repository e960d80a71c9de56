/*
 * The reads that are measured: each a row of a table, asked one at a time of a store that is open.
 */
#ifndef BENCH_CALLS_H
#define BENCH_CALLS_H

#include "bench_subject.h"

/* How a read is expected to grow with the store. */
enum call_kind {
    CALL_ONE,  /* gives one record: flat */
    CALL_PAGE, /* gives a page: flat */
    CALL_DEEP, /* gives a page after a cursor in the middle: flat */
    CALL_FREE, /* it grows with something else than the page: what it costs is shown */
};

/* A read under way, and what it gave. */
struct probe {
    struct dbk_error error;
    bool is_done;
    size_t count;     /* records */
    char *cursor;     /* of the next page, or NULL; yours, free() */
    int64_t ended_ns; /* when its callback ran */
};

typedef int call_submit_fn(const struct subject *subject, const struct sample *sample,
                           const struct dbk_spec *spec, struct probe *probe);

struct call_row {
    const char *name;
    enum call_kind kind;
    const char
        *spec; /* a list's; NULL: the call takes none. It can be counted too if counts is set */
    bool counts;
    call_submit_fn *submit; /* NULL: over HTTP */
    bool is_newest;         /* only the last of the samples is asked for */
    const char *target;     /* below /api/v2/, with {buildid} and others of a sample's members */
};

/* All rows; name NULL ends them. */
extern const struct call_row call_rows[];

/*
 * Asks once, and waits. Args: spec may be NULL; target is the row's with its places filled in.
 * Result: nanoseconds; -1 and probe->error when it failed.
 */
int64_t call_ask(const struct call_row *row, struct subject *subject, const struct sample *sample,
                 const struct dbk_spec *spec, const char *target, struct probe *probe);

/* Fills a target's places in. Result: yours, free(). */
char *call_target(const char *target, const struct sample *sample);

#endif
