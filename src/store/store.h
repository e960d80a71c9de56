/*
 * The store: the only place with threads.
 *
 * One mutex guards the queues, the ready list and the states of operations. A writer thread takes from its
 * queue of `writes` (there are several on servers, and what has one ordering key goes to one), reader threads from `reads`, each with a connection of its own; what is finished goes to
 * `ready`, and the event descriptor becomes readable. A database that only one connection can see
 * (in memory) has one worker, which does both.
 */
#ifndef DBKI_STORE_H
#define DBKI_STORE_H

#include "base/list.h"
#include "engine/engine.h"
#include "schema/schema.h"
#include "store/op.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    DBKI_READERS_MAX = 16,
    DBKI_WRITERS_MAX = 4,
    DBKI_WORKERS_MAX = DBKI_READERS_MAX + DBKI_WRITERS_MAX
};

/* Operations that wait for a worker. */
struct dbki_queue {
    struct dbki_list waiting;
    int count;
    int sleeper_count; /* workers in pthread_cond_wait() */
    int seeker_count;  /* workers that will look at the queue before they sleep */
    pthread_cond_t wake;
};

/* A thread with a connection. */
struct dbki_worker {
    struct dbk_store *store;
    struct dbki_conn *conn;
    pthread_t thread;
    bool is_writer; /* takes from `writes`: */
    struct dbki_queue *queue;
    int64_t late_at_ns;      /* when what runs is to be given up, where the engine can; 0: never */
    bool is_reader;          /* takes from `reads` */
    int64_t now;             /* the store's clock in the last batch of writes */
    int64_t busy_since_ns;   /* writes have come without a pause since then; 0: there was one */
    bool is_seeker;          /* counted in reads.seeker_count */
    struct dbki_op *current; /* the read that runs, for its deadline */
    struct dbki_binder binders[2];
};

/* The thread that is told of commits (listen.c), where the engine can. */
struct dbki_listener {
    pthread_t thread;
    bool is_started;
    pthread_cond_t wake;
    int stop_fd; /* readable: it is to stop listening */
};

/* Names of batches (batch.c), each with a time. What is there already is refused as a conflict. */
struct dbki_batch_names {
    struct dbki_statement keep; /* a name, in the batch's transaction */
    struct dbki_statement
        refuse; /* a name for good, and a mark that it was not the batch who kept it */
    struct dbki_statement is_refused; /* a row if the mark is there */
};

struct dbk_store {
    pthread_mutex_t lock;
    struct dbki_queue reads, writes[DBKI_WRITERS_MAX];
    int writer_count;
    struct dbki_queue asleep;  /* followers between two looks */
    struct dbki_queue resting; /* long work that leaves others more than their turns */
    struct dbki_queue paused;  /* reads in pieces whose next one is not wanted yet */
    struct dbki_op *followers; /* all of them, and reads in pieces, wherever they are */
    struct dbki_list parked;   /* snapshots between two pieces, the longest unused first */
    struct dbki_list idle;     /* their connections when nobody needs them */
    int snapshot_count;        /* all of them, also those in use */
    uint64_t write_turns;      /* how often writes were completed */
    int64_t look_at_ns;        /* when those that are asleep look again; 0: none is */
    struct dbki_list ready;
    int ready_count;
    int64_t running_count;
    int64_t outstanding; /* submitted, and not taken from `ready` */
    uint64_t last_op_id;
    int64_t read_count, write_count, failed_count; /* finished */
    bool is_signalled; /* event_fd is or will be readable, and nobody dispatched since */
    uint64_t
        owed_signals;    /* promised to event_fd and not read from it; one may not be written yet */
    bool is_dispatching; /* callbacks run: more submits are likely to come at once */
    pthread_t dispatcher;
    bool
        is_dispatch_due; /* `gatherer` said that it will dispatch soon: reads of its are left to gather */
    pthread_t gatherer;
    bool is_gathering; /* the writer waits on `dispatched` for them to end */
    pthread_cond_t dispatched;
    bool is_closing;
    dbk_done_fn *close_done;
    void *close_user;
    int live_workers; /* threads that have not ended */
    bool
        is_finished; /* all of them have: the next dispatch that finds `ready` empty frees the store */
    int64_t timer_at_ns; /* when timer_fd goes off; 0: it does not */

    int event_fd, timer_fd, poll_fd; /* poll_fd joins the other two: what dbk_fd() gives */
    struct dbki_worker workers[DBKI_WORKERS_MAX];
    int worker_count;
    struct dbki_listener listener;

    _Atomic int waker_count; /* submitting threads that are about to wake a worker */
    int64_t queue_max;
    dbk_clock_fn *clock;
    void *clock_user;
    unsigned fork_generation;

    /* What the writer does by itself after a batch, at most once in HOUSEKEEPING_S; NULL: nothing. Set by
     * the layer above, which knows the tables. */
    const struct dbki_opkind *const *_Atomic housekeeping; /* NULL-ended, one after the other */
    struct dbki_worker *_Atomic housekeeper; /* who is at it; NULL: nobody. The rest is his: */
    int64_t kept_house_at;                   /* 0: not yet */
    int chore;                               /* which is next */
    /* By the same layer, on servers that have the table for it; NULL: batches have no names. */
    const struct dbki_batch_names *_Atomic batch_words;
    /* Of the same kind: what is done some time after writes, at the latest when the store is closed; when it is due (0:
     * nothing was written since), whether a reader is at it, and whether one could not reach the server, so that a writer
     * does it. Guarded by the lock. */
    const struct dbki_opkind *_Atomic after_writes;
    int64_t after_due_ns;
    bool is_after_running, is_after_writers;

    const struct dbki_engine *engine;
    int64_t value_max;     /* bytes of the largest value of build data */
    int64_t text_max;      /* of a text in a Buildbot database; 0: any */
    bool has_narrow_texts; /* there; none beyond U+FFFF */
    struct dbki_schema schema;
    struct dbki_url url;
    struct dbk_info info;
    char warning[256];
    char no_writes[256]; /* why nothing may be written to a Buildbot database; "": it may */
    bool is_exclusive, is_forced, is_copied_into; /* as it was opened */
    char *path;
    char engine_version[32];
    uint64_t batch_names[2]; /* of this store, random; batch_count: of those given */
    _Atomic uint64_t batch_count;

    _Atomic int64_t commit_count, retry_count, checkpoint_count, lock_wait_ns;
};

/* worker.c: the body of a worker's thread. */
void *dbki_worker_run(void *worker);
/* worker.c: the last thing that a thread does. */
void dbki_thread_ends(struct dbk_store *store);

/* listen.c: starts the listener's thread. Result: pthread_create()'s. */
int dbki_listener_start_locked(struct dbk_store *store);
/* listen.c: followers have come or gone, or the store is being closed. The caller has the lock. */
void dbki_listener_wake_locked(struct dbk_store *store);

/* ready.c: makes the store's descriptor readable. The caller has the lock. */
void dbki_signal_locked(struct dbk_store *store);
/*
 * The same in two steps, for whoever wants to give up the lock in between, so that the thread that wakes
 * does not run into it. Result of the first: whether the second is needed. A descriptor that is readable
 * for nothing, which can come of it, does no harm.
 */
bool dbki_wants_signal_locked(struct dbk_store *store);
void dbki_signal(struct dbk_store *store);
/* Ends a waiting operation with an error. The caller has the lock. */
void dbki_end_waiting_locked(struct dbk_store *store, struct dbki_queue *queue, struct dbki_op *op,
                             enum dbk_status status, const char *sentence);
/* Ends a waiting operation whose deadline has passed. The caller has the lock. */
void dbki_end_late_locked(struct dbk_store *store, struct dbki_queue *queue, struct dbki_op *op);
/* Counts an operation that has its result, for dbk_get_stats(). */
void dbki_append_ready_locked(struct dbk_store *store, struct dbki_op *op);
/* Makes the timer go off at the latest then. The caller has the lock. */
void dbki_timer_at_most_locked(struct dbk_store *store, int64_t at_ns);
/* store.c: whether a queue holds more than those who will look at it by themselves can take, and somebody
 * sleeps. The caller has the lock. */
bool dbki_wants_worker_locked(const struct dbki_queue *queue);
/* store.c: the queue that reads wait in; the queue that an operation waits in. */
struct dbki_queue *dbki_read_queue(struct dbk_store *store);
struct dbki_queue *dbki_queue_of(struct dbk_store *store, const struct dbki_op *op);

/* follow.c; all but the last with the lock. A follower that was looked for or delivered goes on: to sleep,
 * to its next look, or to its end. Result: whether a reader has to be woken. */
bool dbki_follow_locked(struct dbk_store *store, struct dbki_op *op);
/* Lets all that sleep look. Result: the same. */
bool dbki_wake_followers_locked(struct dbk_store *store);
/* The same if it is time. */
bool dbki_look_locked(struct dbk_store *store, int64_t now_ns);
/* Of a write a turn was committed, and another one is to come: it waits for that, or its rest. Result: the same. */
bool dbki_wait_for_turn_locked(struct dbk_store *store, struct dbki_op *op);
/* Lets long work go on whose rest is over, and wakes who does it. Result: when the next one's is; 0: nobody rests. */
int64_t dbki_end_rests_locked(struct dbk_store *store, int64_t now_ns);
/* Ends the follower of that id, at once or where it is next looked at. */
bool dbki_cancel_follower_locked(struct dbk_store *store, uint64_t id);
/* Forgets a follower that ended, or a read in pieces. */
void dbki_forget_follower(struct dbk_store *store, struct dbki_op *op);

/* pieces.c: gives the snapshot that an operation keeps to a reader, to be ended. The caller has the lock. */
void dbki_let_snapshot_go_locked(struct dbk_store *store, struct dbki_op *op);
/* Runs the callback for a piece. Result: whether more follows; else it is to be ended. */
bool dbki_deliver_piece(struct dbk_store *store, struct dbki_op *op);
/* Closes the connections that are left; all threads have ended. */
void dbki_close_snapshots(struct dbk_store *store);

/* store.c: frees everything; all threads have ended. */
void dbki_store_free(struct dbk_store *store);
/* store.c: how often this process forked, as seen by the child. */
unsigned dbki_fork_generation(void);

#endif
