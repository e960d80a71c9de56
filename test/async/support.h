/*
 * What the tests of the store have in common: a store on a file of its own, answers that callbacks fill,
 * and two gates, so that a test decides when a worker goes on and nothing depends on time:
 *
 *   - the write gate is SQLite's write lock, held by a connection of the test: nothing is begun;
 *   - the inner gate is an SQL function, test_gate(x), that a trigger or view of the test calls: an
 *     operation stands still in the middle of its statement.
 *
 * Callbacks only record; the tests look at the record afterwards.
 */
#ifndef DAYBOOK_TEST_SUPPORT_H
#define DAYBOOK_TEST_SUPPORT_H

#include "daybook.h"
#include "test.h"

#include <sqlite3.h>

enum { NO_LIMIT_MS = -1 };

/* A store on a file of its own with builders, requests and builds 1 to 8, a worker and a master 1. */
struct fixture {
    const char *path; /* goes with the folder that it is in when the test ends */
    struct dbk_store *store;
};
enum { SEEDED = 8 };

/* Makes the folder, the store and the records. options may be NULL. */
void fixture_open(struct fixture *fixture, const struct dbk_options *options);
/* Closes the store if it is open, and checks that the database is sound. */
void fixture_close(struct fixture *fixture);

/* A connection of the test's own. */
sqlite3 *raw_open(const char *path);
void raw_exec(sqlite3 *db, const char *sql);
int64_t raw_int(sqlite3 *db, const char *sql);
/* The same on a connection that is opened for it. */
void file_exec(const char *path, const char *sql);
int64_t file_int(const char *path, const char *sql);

/* Takes and leaves SQLite's write lock. */
void write_gate_close(const struct fixture *fixture);
void write_gate_open(void);

/* Makes test_gate() known to connections that are opened from now on; it lets everything pass. */
void inner_gate_install(void);
/* From now on test_gate(x) stands still. */
void inner_gate_close(void);
/* Waits until something stands in it. */
void inner_gate_await(void);
void inner_gate_open(void);
/* Makes the builds a view whose every read passes the gate. */
void gate_builds(const struct fixture *fixture);

/* What a callback was given. */
struct answer {
    int count; /* how often it ran */
    int turn;  /* the answers_turn at which it ran last */
    bool
        is_outside; /* it ran though nobody dispatched through the functions below on this thread */
    bool is_error;
    struct dbk_error error;
    int64_t id, number, size; /* size: of a list, or a value */
    char text[128];
};
extern int answers_turn; /* counts callbacks */

dbk_done_fn on_done;
dbk_id_fn on_id;
dbk_count_fn on_count;
dbk_size_fn on_size;
dbk_added_build_fn on_added_build;
dbk_added_step_fn on_added_step;
dbk_build_fn on_build;
dbk_builds_fn on_builds;
dbk_properties_fn on_properties;
dbk_build_data_fn on_data;
/* Notes that a callback runs. Result: the answer. For callbacks of a test's own. */
struct answer *on_any(void *user, const struct dbk_error *error);

/* As dbk_dispatch and dbk_wait; answers know of them. */
int dispatch(struct dbk_store *store);
int dispatch_wait(struct dbk_store *store, int timeout_ms);
/* Dispatches until all of them ran. */
void await(struct dbk_store *store, const struct answer *answers, size_t count);
/* Waits until the store's descriptor is readable, without dispatching. Result: whether it came to that. */
bool await_readable(struct dbk_store *store, int timeout_ms);

/* Short forms of submits that must be accepted. */
void add_build(struct dbk_store *store, int64_t builderid, struct answer *answer);
void set_state(struct dbk_store *store, int64_t buildid, const char *state, struct answer *answer);
/* The build's state string, read through the store. */
void get_state(struct dbk_store *store, int64_t buildid, struct answer *answer);

int64_t now_ms(void);

/* Calls visit, if it is not NULL, for each thread of the library. Result: how many there are. */
int for_each_thread(void (*visit)(const char *tid, void *user), void *user);

#endif
