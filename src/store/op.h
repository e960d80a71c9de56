/*
 * An operation: one call of the library on its way from submit to its callback.
 *
 * An operation's kind is one block in its connector's file: bind() fills the parameters of statements
 * that are all known before anything is sent; row() takes each row; read() looks at what came, and may
 * ask for one more pass of statements; deliver() runs the callback. bind, row and read run on a worker
 * inside a transaction (for reads: a snapshot); deliver runs inside dispatch.
 *
 *     submit --> WAITING --> RUNNING --> READY --> delivered and freed
 *                   |                      ^
 *                   +-- cancelled, late ---+
 *
 * The state is guarded by the store's lock. While an operation is RUNNING all else in it is the
 * worker's; before and after it is the submitting and the dispatching thread's.
 *
 * A batch that failed is undone and run again: bind() may be called more than once, and begins anew each
 * time (the arena is rewound to what submit put there). An operation that read() refuses must not have
 * changed anything: its statements are written so that they do nothing in that case.
 */
#ifndef DBKI_OP_H
#define DBKI_OP_H

#include "base/arena.h"
#include "base/error.h"
#include "base/list.h"
#include "engine/engine.h"

struct dbki_op;
struct dbki_pieces;
struct dbki_conn;
struct dbki_record;

/* Collects the statements of one pass. */
struct dbki_binder {
    struct dbki_arena arena;
    struct dbki_bound *bound;
    int count, max;
    bool is_out_of_memory;
};

void dbki_binder_init(struct dbki_binder *binder);
void dbki_binder_fini(struct dbki_binder *binder);
void dbki_binder_clear(struct dbki_binder *binder);
/* Adds a statement with its parameters, which are copied (what they point to is not). */
void dbki_bind(struct dbki_binder *binder, const struct dbki_statement *statement,
               const struct dbki_value *params, int param_count);
/* The same with the parameters written out. */
#define DBKI_BIND(binder, statement, ...)                                                          \
    dbki_bind(binder, statement, (const struct dbki_value[]){__VA_ARGS__},                         \
              (int)(sizeof((const struct dbki_value[]){__VA_ARGS__}) / sizeof(struct dbki_value)))

/* What a write does, for what ?writes= allows on a Buildbot database. */
enum dbki_access {
    DBKI_ACCESS_READ,
    DBKI_ACCESS_EXISTING, /* changes what is there, properties and data of a build included; deletes */
    DBKI_ACCESS_MASTER, /* adds builds and steps below requests that are there */
    DBKI_ACCESS_OWN,    /* adds what builds hang on: only in our own stores */
    DBKI_ACCESS_TABLES, /* changes tables: only in a store that was opened exclusive */
};

/* What the writes of an id keep their order with: the ordering key's kind. In the order in which a batch takes
 * the locks of rows. */
enum dbki_orders {
    DBKI_ORDERS_NOTHING,
    DBKI_ORDERS_BUILDER_NAME, /* by a hash of the name */
    DBKI_ORDERS_BUILDER,
    DBKI_ORDERS_BUILD,
    DBKI_ORDERS_STEP,
};

/*
 * Where a batch is sent in a pipeline: which writes of one ordering key may be on their way together. One may begin
 * behind another whose event is bound, which is the last that it writes; so their events stay in their order.
 */
enum dbki_together {
    DBKI_ALONE,    /* those behind it wait until it is done */
    DBKI_ONE_PASS, /* all is in the first pass, the event too */
    DBKI_TWO_PASSES, /* the event follows in a second, and others of two passes need not wait for that */
    /* The same, but that the first may not do (a name is taken). Then the batch is run again, and those behind wait. */
    DBKI_TWO_PASSES_MOSTLY
};

struct dbki_opkind {
    const char *action; /* "adding a build" */
    enum dbki_orders orders;
    enum dbki_together together;
    /* Optional, where others write at the same time: locks the row of the ordering key, its one parameter. */
    const struct dbki_statement *lock;
    /* Of a read, on a server: work that is done first, in transactions of its own, if the store may write. */
    const struct dbki_opkind *before;
    bool is_follower; /* of a read: it goes on looking until it is cancelled (follow.c) */
    /* A follower that ends by itself: each turn is delivered, and the last one has not set is_turn_over. */
    bool is_long;
    bool is_several; /* of a read: more than one statement, which need a snapshot of their own */
    const char
        *advice; /* of a read: how to ask for less, for one whose deadline passed; NULL: none */
    enum dbki_access access;
    bool reads_older; /* it knows nothing of columns: done where daybook's tables are older, too */
    bool frees_space; /* of a write: it is done on a full disk too */
    bool overwrites;  /* of a write: what it deletes is overwritten in the database, too */
    void (*bind)(struct dbki_op *op, struct dbki_binder *binder);
    /* Result: 0 or a status (DBK_NO_MEMORY). NULL when no statement gives rows. */
    int (*row)(struct dbki_op *op, int index, const struct dbki_value *cells, int cell_count);
    /* After all statements of a pass (op->pass, from 0). Refuses by dbki_error_set(&op->error, ...).
     * What it binds to `more` makes the next pass. NULL when nothing is to be looked at. */
    void (*read)(struct dbki_op *op, const struct dbki_bound *bound, struct dbki_binder *more);
    void (*deliver)(struct dbki_op *op, const struct dbk_error *error);
    /*
     * Optional, of a read with one pass: binds one statement that answers several of its kind, at most
     * DBKI_JOINED_MAX, which costs less than a statement each. Its rows begin with the index among them of
     * the read that they are of; row() gets the rest.
     */
    void (*bind_joined)(struct dbki_op *const *ops, int count, struct dbki_binder *binder);
    /* Optional, where bind() does not bind all of the call's arguments: binds them all, for the hash that an
     * operation key is kept with. */
    void (*bind_arguments)(struct dbki_op *op, struct dbki_binder *binder);
    void (*fini)(struct dbki_op *op); /* optional: gives back what is not memory, on any thread */
    /* Optional, of long work that writes: runs outside of any transaction, once a turn is committed. May set
     * is_turn_over, and op->error. */
    void (*after)(struct dbki_op *op, struct dbki_conn *conn);
    /*
     * In place of bind, row and read, where statements are not enough (DDL, the journal's mode): does one
     * turn on the connection. Of a read it runs in the batch's snapshot; of a write in no transaction, and
     * begins its own, which needs a store that is exclusive. Result: 0, or a status with op->error filled.
     */
    int (*work)(struct dbki_op *op, struct dbki_conn *conn);
};

enum { DBKI_JOINED_MAX = 32 };

enum dbki_op_state { DBKI_OP_NEW, DBKI_OP_WAITING, DBKI_OP_RUNNING, DBKI_OP_READY };

/* What a follower's look found. */
enum dbki_found { DBKI_FOUND_NOTHING, DBKI_FOUND_SOME, DBKI_FOUND_MORE };

typedef void dbki_callback(void);

/* What every worker touches comes first: each line of it has to come from another processor's cache. */
struct dbki_op {
    struct dbki_link link; /* in the queue or the ready list; first */
    const struct dbki_opkind *kind;
    const struct dbki_opkind *wrapper; /* runs in place of `kind` and calls it; NULL: none */
    struct dbk_store *store;
    uint64_t id;
    enum dbki_op_state state;
    int pass;
    bool is_out_of_memory; /* while its arguments were copied */
    bool is_settled;       /* its event is bound */
    bool is_turn_over;   /* set by read(): commit, let other writers have their turn, bind again */
    bool is_partly_done; /* something of it was committed in an earlier turn */
    _Atomic bool is_cancelled; /* of a follower: it ends where it is next looked at */
    enum dbki_found found;     /* of a follower, for read() to set */
    struct dbki_arena arena;
    struct dbki_arena_mark arguments_end;
    int64_t deadline_ns;     /* 0: none */
    int64_t rest_until_ns;   /* of long work: when its next turn may begin; 0: at once */
    uint64_t looked_at_turn; /* of a follower: the store's write_turns when its look began */
    struct dbk_error error;  /* only its head is touched while all goes well */
    dbki_callback *done;
    void *user;
    struct dbki_op *next_follower;
    struct dbki_pieces *pieces; /* of a read whose value goes out in pieces (pieces.c), else NULL */
    int64_t now;                /* the store's clock at submit */
    int64_t order_id;           /* of a write, the ordering key: an id of kind->orders */
    struct dbki_key *key;       /* the wrapper's: an operation key */
    int64_t result[2];          /* of a write: what its callback gives beside the error */
    struct dbki_value result_text; /* the same; NULL for most */
    int64_t
        progress[2]; /* of one that takes several turns; bind() begins with what was committed */
    int64_t progress_committed[2];
};

/*
 * Makes an operation of `size` bytes (a struct that begins with a struct dbki_op; zeroed) with room for
 * that many bytes of texts and results. Result: NULL when out of memory.
 */
void *dbki_op_new(const struct dbki_opkind *kind, size_t size, size_t room, dbki_callback *done,
                  void *user);
void dbki_op_free(struct dbki_op *op);

/* Copy arguments. When memory is out, submitting the operation will say so. */
struct dbki_value dbki_op_text(struct dbki_op *op, const char *text);
struct dbki_value dbki_op_text_n(struct dbki_op *op, const char *text, size_t len);
struct dbki_value dbki_op_blob(struct dbki_op *op, const void *bytes, size_t len);
void *dbki_op_copy(struct dbki_op *op, const void *bytes, size_t len);

/* Takes memory for results. */
static inline void *dbki_op_take(struct dbki_op *op, size_t size)
{
    return dbki_arena_take(&op->arena, size);
}

/* Undoes what an attempt left in the operation, before it is bound (again). */
void dbki_op_begin_anew(struct dbki_op *op);

/*
 * Puts the operation into its queue, or frees it and says why not, also where call->out_refusal points.
 */
int dbki_enqueue(struct dbk_store *store, struct dbki_op *op, const struct dbk_call *call);

/* Refuses a call before there is an operation. Result: the status. */
int dbki_refuse(const struct dbk_call *call, enum dbk_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The checks of a call's arguments: each is skipped when one failed before. */
struct dbki_check {
    const struct dbk_call *call;
    int status;
};
void dbki_check_that(struct dbki_check *check, bool is_right, const char *sentence);
void dbki_check_id(struct dbki_check *check, const char *field, int64_t id);
/* NULL is only taken with may_be_null. max_chars 0: no limit but that of the largest text. */
void dbki_check_text(struct dbki_check *check, const char *field, const char *text,
                     size_t max_chars, bool may_be_null);
/* Of a text that is checked otherwise: whether the store's tables hold it, where they are Buildbot's and hold less. */
void dbki_check_kept_text(struct dbki_check *check, const struct dbk_store *store,
                          const char *field, const char *text);
void dbki_check_results(struct dbki_check *check, int64_t results);
/* Buildbot takes any number that its column holds. */
void dbki_check_kept_results(struct dbki_check *check, const struct dbk_store *store,
                             int64_t results);

/* Limits of texts, in characters (header, LIMITS). */
enum {
    DBKI_NAME_MAX = 256,
    DBKI_STEP_NAME_MAX = 50,
    DBKI_WORKER_NAME_MAX = 50,
    DBKI_REPOSITORY_MAX = 512,
    DBKI_CHANGE_TEXT_MAX = 255,
    DBKI_TEXT_BYTES_MAX = 16000000,
};

#endif
