/* Builds added on a server, many at once: what the tests of trouble with a server do meanwhile, and what must be there
 * afterwards. */
#ifndef SERVER_LOAD_H
#define SERVER_LOAD_H

#include "engines.h"

#include <daybook.h>

enum { LOAD_BUILDERS = 4, LOAD_OUTSTANDING = 64 };

/* add_build on some builders in turns, LOAD_OUTSTANDING at once. */
struct server_load {
    struct dbk_store *store;
    int64_t builderids[LOAD_BUILDERS], requestid, masterid;
    int left, outstanding, done, failed;
    struct dbk_error error; /* the first one */
};

/* How many are done of the load that runs; for other threads. */
extern _Atomic int load_done_count;

/* A store with what builds hang on; the store is closed again. */
void load_make_ground(const char *url, struct server_load *out_load);
/* Opens the store there for the load; in a child process a failure is said and leaves NULL. */
struct dbk_store *load_open(const char *url, bool is_created);

/* Adds so many builds, and waits for all of them. */
void load_run(struct server_load *load, int count);
/* Submits the next one, if one is left. */
void load_submit_next(struct server_load *load);

/* The builds are there, numbered from 1 on without a gap, each with one event. */
void load_expect_builds(const struct engine *engine, const char *url, int64_t count);

/* So many processes add so many builds each; none fails. Prints how often transactions were begun again. */
void load_run_processes(const char *url, const struct server_load *load, int processes, int count);
/* The same, at several URLs of one place in turn. */
void load_run_processes_at(const char *const *urls, int url_count, const struct server_load *load,
                           int processes, int count);

/* DAYBOOK_TEST_SCALE, which multiplies counts; 1 unless it is set. */
int load_scale(void);
int64_t load_now_ms(void);

#endif
