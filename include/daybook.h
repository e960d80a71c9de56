/*
 * daybook.h - the record of your builds: builds, steps, properties and build data, kept in a database.
 *
 * This header is the manual. It is written for C11 and C++; the library is libdaybook
 * (pkg-config name: daybook).
 *
 * WHAT IT IS
 *
 * A store is an open database. Every call that touches the database is an operation: it is submitted,
 * done by a thread of the store, and answered later through one callback, which runs inside
 * dbk_dispatch() on the thread of your choice. So a program with an event loop never blocks, and a
 * program without one calls dbk_wait().
 *
 *     #include <daybook.h>
 *     #include <stdio.h>
 *
 *     static void added(void *user, const struct dbk_error *error, int64_t buildid, int64_t number)
 *     {
 *         if (error)
 *             fprintf(stderr, "%s\n", error->message);
 *         else
 *             printf("build %lld has the number %lld\n", (long long)buildid, (long long)number);
 *         *(int *)user = 1;
 *     }
 *
 *     int main(void)
 *     {
 *         struct dbk_options options = DBK_OPTIONS_INIT;
 *         struct dbk_new_build build = DBK_NEW_BUILD_INIT;
 *         struct dbk_store *store;
 *         struct dbk_error error;
 *         int is_done = 0;
 *         options.is_created = true;
 *         build.builder = "nightly";
 *         build.results = DBK_SUCCESS;
 *         if (dbk_open("sqlite:///daybook.sqlite", &options, &store, &error))
 *             return fprintf(stderr, "%s\n", error.message), 1;
 *         if (dbk_record_build(store, &build, NULL, added, &is_done) == DBK_OK)
 *             while (!is_done)
 *                 dbk_wait(store, -1);
 *         return dbk_close_wait(store);
 *     }
 *
 * ONE CONTRACT FOR EVERY OPERATION
 *
 *  1. Submitting returns DBK_OK: `done` runs exactly once. It returns another status (DBK_INVALID,
 *     DBK_UNSUPPORTED, DBK_READ_ONLY, DBK_TOO_LARGE, DBK_BUSY, DBK_CLOSED, DBK_NO_MEMORY): `done`
 *     never runs and nothing happened. There is no third case. The sentence that says why goes
 *     where call->out_refusal points. NULL for the store, a callback, or a text of which it is not said
 *     that it may be, is DBK_INVALID; NULL for call, options and spec is fine.
 *  2. `done` never runs inside the submitting call. It runs inside dbk_dispatch() or dbk_wait(), with
 *     no lock held: it may submit, cancel and close.
 *  3. Arguments are copied before submitting returns. Results are lent: they are valid until `done`
 *     returns; the _dup() functions keep them.
 *  4. A cancelled or late operation that was not begun has no effect. One that was begun ends with
 *     its true result; on a server it ends at its deadline, whatever the server does. A read that was
 *     begun may end early. error->outcome says which it was.
 *  5. Writes that name the same build take effect in the order in which they were submitted, and so
 *     do writes that name the same step, and two dbk_add_build() on one builder get their numbers in
 *     that order. Between different ids, also between a build and its steps, there is no order: who
 *     needs one submits the second in the first one's callback.
 *  6. Reads are not ordered against outstanding writes. Each answers from one snapshot, and one that
 *     was submitted after a write's callback ran sees that write.
 *  7. When a write's callback runs without an error, the write is durable: it is on the disk.
 *  8. A read of something that is not there gives none (NULL, or an empty list) without an error.
 *     A write to something that is not there changes nothing and ends with DBK_NOT_FOUND; the error
 *     names what is missing.
 *
 * THREADS
 *
 * Any thread may submit and cancel. One thread at a time may be in dbk_dispatch(), dbk_wait() or
 * dbk_close_wait(), and none may be inside any call when the store is freed. The store's own threads
 * block all signals and never run code of yours (the clock runs on the submitting thread). Every
 * descriptor is close-on-exec. A store must not be used after a fork by the child: calls there return
 * DBK_CLOSED and touch nothing; the child just leaves it alone. While a store is open, the process must
 * not open and close the database's file by itself: that would give up SQLite's locks on it.
 *
 * ERRORS
 *
 * Branch on error->status alone; the message is for people. `error` is NULL on success. Besides the
 * errors that a call names, any operation may end with DBK_TIMEOUT, DBK_CANCELLED, DBK_CLOSED,
 * DBK_NO_MEMORY, DBK_UNREACHABLE, DBK_FULL, DBK_DAMAGED, DBK_DENIED or DBK_INTERNAL, any write with
 * DBK_READ_ONLY or DBK_UNSUPPORTED (see "Buildbot databases").
 *
 * A FULL DISK. Beside a store of our own on a disk with room (160 MiB) lies a file of 16 MiB, its name
 * ending in -daybook-reserve, whose blocks the first "full" gives back. From then on reads go on, what
 * frees space does (dbk_delete_build_data(), dbk_delete_old_build_data(), dbk_give_space_back()), and every
 * other write, in any process, ends with DBK_FULL, until 20 MiB are free; then the file is filled again and
 * writes go on, in stores that were open all the time too. Removing the file turns this off until the next open.
 *
 * UNITS
 *
 * Ids, numbers and counts are 64-bit. Ids are 1 or more, build numbers start with 1, step numbers with
 * 0. Times are whole seconds since 1970-01-01 UTC, and so are durations; where a name says _ms it is
 * milliseconds. DBK_NONE in an int64_t is SQL's NULL, "none"; a NULL pointer is that for text.
 *
 * TEXT
 *
 * Text is UTF-8, ends with a zero byte, and has none inside. What is not valid UTF-8 is DBK_INVALID.
 * Filters and orders compare by code point. A property's value is JSON text, checked (RFC 8259;
 * numbers of any size, at most 512 levels deep) and kept as it was given.
 *
 * LIMITS, in characters, checked before any SQL: step and worker names 50; names of builders and masters
 * (not empty), names and sources of properties and build data, reasons, external ids, branches,
 * revisions, codebases 256 (in changes 255, and so are author, committer and category); repositories and
 * projects 512; a change's revlink 256; every other text 16,000,000 bytes. A value of build data: 999,000,000 bytes on
 * SQLite, 268,435,456 on PostgreSQL, on MariaDB what its max_allowed_packet takes (16 MiB unless it was raised), less 65,536.
 * Passing one is DBK_INVALID or DBK_TOO_LARGE, and the message names the field, its length and the limit.
 *
 * BUILDBOT DATABASES
 *
 * daybook keeps Buildbot's tables. dbk_open() on a database that a Buildbot master (4.0 or newer) made
 * reads it without changing a byte of it. What may be written is said with ?writes= in the URL: `none`
 * (the default), `existing` (what is there is changed: states, results, URLs, properties and data of a
 * build; data is deleted), `master` (builds and steps are added too). What the URL does not allow ends with DBK_READ_ONLY.
 * Everything else (builders, requests, whole builds, ...) is DBK_UNSUPPORTED there: a live master would build our requests
 * and close our builds.
 *
 * Events, operation keys and quick lineages need daybook's own tables, which dbk_adopt() puts beside
 * Buildbot's and dbk_release() takes out again; until then what needs them is off and says so. Compatibility
 * is decided by the columns that are read, not by the revision: an unknown revision is a warning in
 * dbk_info. A column that must have a value and that this daybook does not know makes every write
 * DBK_UNSUPPORTED, with its name.
 *
 * With a write-ahead log and an SQLite before 3.51.3 a commit beside another program's checkpoint can damage
 * the file. So writes=existing is refused (DBK_UNSUPPORTED) beside a master whose row in `masters` said
 * within ten minutes that it runs; master=stopped in the URL says that it does not.
 *
 * SERVERS
 *
 * On a server a store has several connections, and others write at the same time. A transaction that the server
 * ends for the sake of another one, or that was on its way when a connection was lost, is run again, until the
 * operation's deadline; without one, until the store is closed. Nothing happens twice: the table
 * daybook_commits says what a lost COMMIT came to. Without that table (a Buildbot database that was not adopted)
 * such operations end with DBK_UNREACHABLE and the outcome DBK_UNKNOWN. Events get their positions some time
 * after they were committed, within a second, in one order for all who read them.
 *
 * COMPATIBILITY
 *
 * Structs that the library gives are made by the library alone and only ever grow at their end; lists
 * are arrays of pointers. Structs that you give begin with their size (the _INIT macros fill it), so
 * that a program built against an older header goes on working. The small ones that come in arrays
 * (dbk_codebase, dbk_url, dbk_new_property, dbk_new_data) and dbk_error never change.
 */
#ifndef DAYBOOK_H
#define DAYBOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define DBK_API __attribute__((visibility("default")))
#else
#define DBK_API
#endif

#define DBK_VERSION "0.1.0"

/* The version of the library that runs, "MAJOR.MINOR.PATCH". Result: static. */
DBK_API const char *dbk_version(void);

/* No value: SQL's NULL in an id, a time, a number. */
#define DBK_NONE INT64_MIN

/* ---------------------------------------------------------------------- statuses and errors ---- */

/*
 * The one list of statuses. X(name, value, exit code of the command, HTTP status of the daemon, name of
 * the Python exception, words). Exit code 1 is the command's own: the answer is no.
 */
#define DBK_STATUSES(X)                                                                            \
    X(DBK_OK, 0, 0, 200, "None", "done")                                                           \
    X(DBK_INVALID, 1, 2, 400, "InvalidError", "invalid argument")                                  \
    X(DBK_NOT_FOUND, 2, 3, 404, "NotFoundError", "not found")                                      \
    X(DBK_CONFLICT, 3, 4, 422, "ConflictError", "conflict with what is there")                     \
    X(DBK_UNSUPPORTED, 4, 5, 409, "UnsupportedError", "not possible on this database")             \
    X(DBK_READ_ONLY, 5, 6, 409, "ReadOnlyError", "the database is read-only")                      \
    X(DBK_TOO_LARGE, 6, 7, 413, "TooLargeError", "too large")                                      \
    X(DBK_BUSY, 7, 8, 503, "BusyError", "too many operations are waiting")                         \
    X(DBK_TIMEOUT, 8, 9, 504, "TimeoutError", "the deadline passed")                               \
    X(DBK_CANCELLED, 9, 10, 503, "CancelledError", "cancelled")                                    \
    X(DBK_CLOSED, 10, 11, 503, "ClosedError", "the store is closed")                               \
    X(DBK_NO_MEMORY, 11, 12, 503, "NoMemoryError", "out of memory")                                \
    X(DBK_UNREACHABLE, 12, 13, 503, "UnreachableError", "the database cannot be reached")          \
    X(DBK_FULL, 13, 14, 507, "FullError", "no space left")                                         \
    X(DBK_SCHEMA, 14, 15, 500, "SchemaError", "not a database that daybook knows")                 \
    X(DBK_DAMAGED, 15, 16, 500, "DamagedError", "the database is damaged")                         \
    X(DBK_DENIED, 16, 17, 500, "DeniedError", "permission denied by the database or its files")    \
    X(DBK_INTERNAL, 17, 18, 500, "InternalError", "an error that was not foreseen")                \
    X(DBK_GONE, 18, 19, 410, "GoneError", "no longer kept")

enum dbk_status {
#define DBK_STATUS_ENUM(name, value, exit_code, http, exception, words) name = value,
    DBK_STATUSES(DBK_STATUS_ENUM)
#undef DBK_STATUS_ENUM
};

/* Whether the operation that ended with an error took effect. */
enum dbk_outcome {
    DBK_NOT_DONE = 0, /* nothing was changed */
    DBK_DONE = 1,     /* it took effect all the same */
    DBK_UNKNOWN = 2,  /* the database was lost before it could say */
};

/* An error. A value of fixed size: nothing in it needs freeing, copy it to keep it. */
struct dbk_error {
    enum dbk_status status;
    enum dbk_outcome outcome;
    bool is_retryable;   /* the same operation may succeed later as it is */
    int32_t engine_code; /* the database's own code, 0 for none; SQLite: the extended result code */
    char sqlstate[6];    /* of servers, else empty */
    char action[42];     /* what was being done: "adding a build" */
    char message[384];   /* one sentence, with what to do next where that is known */
};

/* Names a status by its symbol, "DBK_NOT_FOUND". Result: static; "DBK_?" for a value that is none. */
DBK_API const char *dbk_status_name(enum dbk_status status);

/* Gives a status in words. Result: static. */
DBK_API const char *dbk_status_text(enum dbk_status status);

/* Gives the exit code and the HTTP status that stand for a status. */
DBK_API int dbk_status_exit_code(enum dbk_status status);
DBK_API int dbk_status_http(enum dbk_status status);

/* Result codes of builds and steps, as Buildbot counts them. */
enum dbk_results {
    DBK_SUCCESS = 0,
    DBK_WARNINGS = 1,
    DBK_FAILURE = 2,
    DBK_SKIPPED = 3,
    DBK_EXCEPTION = 4,
    DBK_RETRY = 5,
    DBK_RESULT_CANCELLED = 6,
};

/* Gives the word for a result code, "success" to "cancelled"; NULL for any other value. */
DBK_API const char *dbk_results_name(int64_t results);

/* Reads a result code from a word or a decimal number. Result: 0 to 6, DBK_NONE if it is neither. */
DBK_API int64_t dbk_results_parse(const char *text);

/* -------------------------------------------------------------------------------- the store ---- */

struct dbk_store;

/* Gives the time in seconds since 1970 UTC. Runs on the submitting thread. */
typedef int64_t dbk_clock_fn(void *user);

/* What a store may be told when it is opened. Begin with DBK_OPTIONS_INIT; zero is the default of each. */
struct dbk_options {
    size_t size;
    bool is_created;  /* create the database if it is missing (also its tables in an empty one) */
    int reader_count; /* threads that read, 1 to 16; 0 for 2 */
    int queue_max;    /* operations that may wait or run at once, 1 to 1,000,000; 0 for 10,000 */
    dbk_clock_fn *clock; /* NULL for the system's clock */
    void *clock_user;
    bool is_exclusive; /* one connection for everything, which may change tables: for dbk_adopt(),
                          dbk_release() and dbk_upgrade(), with nobody else at the database */
    bool is_forced;    /* write although a Buildbot master seems to run, as master=stopped */
    bool
        is_copied_into; /* a database that is created is for dbk_copy(): until a copy into it has ended nobody
                            opens it otherwise */
    bool takes_older; /* open tables of an older version, too: for dbk_backup() alone */
};
#define DBK_OPTIONS_INIT                                                                           \
    {                                                                                              \
        sizeof(struct dbk_options), false, 0, 0, NULL, NULL, false, false, false, false            \
    }

/*
 * Opens a store. Blocks until the database has answered.
 *
 * In a child that was forked while the parent had a store open on the same file, open it only after exec.
 * SQLite remembers the parent's locks on the file for the whole process, and the child inherits that
 * memory but not the locks: its store would work without them, and once the parent has ended, another
 * process may reset or delete the log under it. And the lock that daybook's processes queue on to write
 * (the file ending in -daybook) is shared with such a child: killed while it has its turn, a parent leaves it
 * taken, and others wait until the child has ended or called exec.
 *
 * Args: url is one of
 *     sqlite:///relative/path.sqlite   sqlite:////absolute/path.sqlite   a plain path (with no "://")
 *     sqlite://                        a database in memory, gone with the store
 *     postgresql://user@host:port,host2:port2/database   PostgreSQL 14 or newer, UTF8; what libpq's own URLs,
 *                                      environment and password file say counts (docs/postgresql.md)
 *     mariadb://user@host:port/database   MariaDB 10.6 or newer; also mysql:// (docs/mariadb.md)
 *   and may end in ?NAME=VALUE&...: mode=ro (nothing is written) or mode=rw (the default);
 *   writes=none|existing|master and master=stopped (of Buildbot databases). In a URL, % and two hexadecimal digits
 *   stand for a byte; a plain path is taken as it is and has no options. On PostgreSQL also libpq's options
 *   (sslmode, target_session_attrs, application_name, ...), and prepare=no for a pooler that cannot keep prepared
 *   statements; on MariaDB unix_socket, ssl_mode, ssl_ca, ssl_cert, ssl_key, connect_timeout and read_default_file.
 *   options may be NULL.
 * Result: DBK_OK and *out_store; else a status, and *out_error if that is not NULL.
 * Errors: DBK_INVALID (the URL), DBK_NOT_FOUND (no such file, no such database on the server), DBK_UNREACHABLE
 *   (no server answers), DBK_SCHEMA (not a database of ours or
 *   Buildbot's; of a newer version, or of an older one that dbk_upgrade() brings up, unless takes_older), DBK_DAMAGED, DBK_DENIED, DBK_UNSUPPORTED (a network file
 *   system; the server's client library, which is loaded here, is not installed), DBK_FULL, DBK_NO_MEMORY.
 */
DBK_API int dbk_open(const char *url, const struct dbk_options *options,
                     struct dbk_store **out_store, struct dbk_error *out_error);

/*
 * Gives the descriptor that is readable while there is something to dispatch. It stays the same as
 * long as the store is open. Wait for it with poll, epoll, or any event loop; do not read it.
 */
DBK_API int dbk_fd(struct dbk_store *store);

/*
 * Runs the callbacks of what is finished now; operations submitted by them wait for the next turn.
 * Result: how many ran.
 */
DBK_API int dbk_dispatch(struct dbk_store *store);

/*
 * Says that this thread will call dbk_dispatch() or dbk_wait() before it waits for anything else. Until then reads
 * that it submits are left to gather, as those are that a callback submits: 16 begin by themselves, fewer when it
 * dispatches. For event loops that find several requests at once: begun together they cost less. Any thread.
 */
DBK_API void dbk_gather(struct dbk_store *store);

/*
 * Waits until something is finished, at most timeout_ms (-1: without end), and dispatches it.
 * Result: how many callbacks ran; 0 when the time was over, or at once when nothing is outstanding.
 */
DBK_API int dbk_wait(struct dbk_store *store, int timeout_ms);

/* Answers an operation that has no result but that it was done. error is NULL on success. */
typedef void dbk_done_fn(void *user, const struct dbk_error *error);

/*
 * Closes the store: refuses new work, cancels what was not begun, finishes what was. Every callback
 * still comes through dispatch; `done` is the last one, and the store is freed when it returns. The
 * descriptor of dbk_fd() is valid until then: take it out of your loop in `done`. Other threads must
 * have stopped calling by then. May be called from a callback. Args: done may be NULL. Result: DBK_OK; DBK_CLOSED if it was
 * called before, or in a child that was forked; DBK_INVALID for NULL.
 */
DBK_API int dbk_close(struct dbk_store *store, dbk_done_fn *done, void *user);

/* Closes the store and dispatches until it is freed. Not for callbacks. NULL is fine. Result: DBK_OK, or
 * DBK_CLOSED in a child that was forked. */
DBK_API int dbk_close_wait(struct dbk_store *store);

/* What is known of the database behind a store. */
struct dbk_info {
    const char *engine;           /* "sqlite", "postgresql" or "mariadb" */
    const char *url;              /* without a password */
    const char *engine_version;   /* "3.40.1" */
    bool is_own;                  /* made by daybook, not by Buildbot */
    bool is_adopted;              /* Buildbot's, with daybook's tables beside it */
    bool is_read_only;            /* nothing at all may be written */
    bool has_events;              /* writes leave events */
    const char *buildbot_version; /* the revision of Buildbot's schema; NULL: our own */
    const char *warning;          /* what an operator should know; NULL: nothing */
    const char *path; /* the file's absolute path; NULL for a database in memory or a server */
};

/* Tells what is known of the database. Result: lent, valid until the store is freed. */
DBK_API const struct dbk_info *dbk_get_info(const struct dbk_store *store);

/* Counters of a store since it was opened; all ever rising but the first three. */
struct dbk_stats {
    int64_t waiting_count;    /* operations not begun */
    int64_t running_count;    /* operations begun */
    int64_t ready_count;      /* operations finished and not dispatched */
    int64_t read_count;       /* reads finished */
    int64_t write_count;      /* writes finished */
    int64_t failed_count;     /* operations that ended with an error other than DBK_NOT_FOUND */
    int64_t commit_count;     /* transactions that wrote */
    int64_t retry_count;      /* transactions that were begun again */
    int64_t checkpoint_count; /* SQLite: write-ahead logs moved into the database */
    int64_t lock_wait_ms;     /* time spent waiting for other writers */
};

/* Fills *out_stats with the counters as they are now. Any thread. stats_size: sizeof(*out_stats). */
DBK_API void dbk_get_stats(struct dbk_store *store, struct dbk_stats *out_stats, size_t stats_size);

/* ------------------------------------------------------------------------------- operations ---- */

/* Names an operation that was submitted, to cancel it by. Never given twice by a store. */
struct dbk_op {
    uint64_t id;
};

/*
 * What a call may carry beside its arguments; NULL for none. Begin with DBK_CALL_INIT.
 *
 * An operation key is the caller's name for one write, within a scope that he names too, so that a write
 * that is sent again (by a caller that never saw the answer) happens once: the same key with the same call
 * and arguments gives the first one's result, also while that is outstanding; with others it ends with
 * DBK_CONFLICT. A write that ended with an error leaves no key. Keys are kept for 7 days, and 14 at most. They need
 * daybook's tables: DBK_UNSUPPORTED in a Buildbot database that was not adopted.
 */
struct dbk_call {
    size_t size;
    int64_t timeout_ms;            /* from now; 0: none. Then the operation ends with DBK_TIMEOUT */
    struct dbk_op *out_op;         /* filled when the operation was submitted; NULL: not wanted */
    struct dbk_error *out_refusal; /* filled when submitting is refused; NULL: not wanted */
    const char *scope;             /* of the operation key, at most 128 bytes; NULL is "" */
    const char *key;               /* the operation key of a write, 1 to 128 bytes; NULL: none */
};
#define DBK_CALL_INIT                                                                              \
    {                                                                                              \
        sizeof(struct dbk_call), 0, NULL, NULL, NULL, NULL                                         \
    }

/*
 * Cancels an operation. It still ends through its callback: with DBK_CANCELLED if it was not begun,
 * else with its true result. What goes on until it is cancelled (following, reading in pieces, long work) ends also when it
 * was begun. Any thread.
 * Result: DBK_OK when it ends so; DBK_NOT_FOUND when it was begun, is finished, or never was; DBK_CLOSED in a child that
 * was forked.
 */
DBK_API int dbk_cancel(struct dbk_store *store, struct dbk_op op);

typedef void dbk_id_fn(void *user, const struct dbk_error *error, int64_t id);
typedef void dbk_count_fn(void *user, const struct dbk_error *error, int64_t count);

/* ------------------------------------------------------------------------------------ specs ---- */

/*
 * A spec says what a list call filters, orders and pages by; all of it runs in the database.
 * NULL stands for an empty one. A spec is copied at submit, so that it may be used again or freed. One
 * that refused something is refused by every call, so that a filter that failed is never left out.
 *
 * Fields are the names of the record's members below (`results`, `builderid`, ...), and `complete`
 * where there is a complete_at. Several values mean any of them for EQ, IN and CONTAINS, none of
 * them for NE and NOTIN; LT, LE, GT and GE take one. None (DBK_NONE, NULL) is a value for EQ and NE.
 * A field that is none fails every other comparison; but on steps, build data, builders, workers and
 * sourcestamps NE and NOTIN keep it, as Buildbot does. None sorts below every value. CONTAINS is a literal, case-sensitive substring,
 * on a number of its decimal form. `urls`, `value` and `properties` can be chosen, not filtered or
 * ordered. A field that the record does not have is DBK_INVALID when the call is submitted, and so are more than 64
 * filters, 8 keys of the order or 64 chosen fields when they are added.
 */
struct dbk_spec;

enum dbk_compare {
    DBK_EQ,
    DBK_NE,
    DBK_LT,
    DBK_LE,
    DBK_GT,
    DBK_GE,
    DBK_CONTAINS,
    DBK_IN,
    DBK_NOTIN
};

/* Whether a list call counts all that match. */
enum dbk_total {
    DBK_TOTAL_NONE,  /* no: the default */
    DBK_TOTAL_EXACT, /* all that match, whatever the page */
    DBK_TOTAL_UP_TO, /* counted, but not beyond a bound */
};

/* Makes an empty spec. Result: yours, dbk_spec_free(); NULL when out of memory. */
DBK_API struct dbk_spec *dbk_spec_new(void);
DBK_API void dbk_spec_free(struct dbk_spec *spec);

/*
 * Adds a filter. All filters must hold. Args: values is an array of count, 1 to 1,000; truth values
 * are 0 and 1.
 * Result: DBK_OK; DBK_INVALID (no such comparison, count, text that is not UTF-8); DBK_NO_MEMORY.
 */
DBK_API int dbk_spec_filter_int(struct dbk_spec *spec, const char *field, enum dbk_compare compare,
                                const int64_t *values, size_t count);
DBK_API int dbk_spec_filter_text(struct dbk_spec *spec, const char *field, enum dbk_compare compare,
                                 const char *const *values, size_t count);

/*
 * Adds a filter by a property, for lists of builds: those that have the property with one of these values, as the
 * text that is kept. It is looked for in at most 10,000 builds of those that the other filters leave, in the list's
 * order: a page that is not full and has a next_cursor was stopped there, and is gone on with like any other. Args:
 * values is an array of count JSON texts, 1 to 1,000; 8 such filters at most. Not together with an offset or a total.
 * Result: DBK_OK; DBK_INVALID (no JSON, count, a ninth one); DBK_NO_MEMORY.
 */
DBK_API int dbk_spec_property(struct dbk_spec *spec, const char *name, const char *const *values,
                              size_t count);

/* Adds a key to the order; a leading "-" reverses it. The id is always the last key. */
DBK_API int dbk_spec_order(struct dbk_spec *spec, const char *field);

/* Says how many records the page has at most; 0 gives an empty page. Negative is DBK_INVALID. */
DBK_API int dbk_spec_limit(struct dbk_spec *spec, int64_t limit);

/* Says how many records to leave out first. Not together with a cursor. Negative is DBK_INVALID. */
DBK_API int dbk_spec_offset(struct dbk_spec *spec, int64_t offset);

/*
 * Goes on after the page that gave this cursor (page->next_cursor). A cursor belongs to the filters and
 * the order that it was made with; with any others it is DBK_INVALID when the call is submitted.
 */
DBK_API int dbk_spec_cursor(struct dbk_spec *spec, const char *cursor);

/*
 * Wants this field; without any, all are given but `properties` and `value`. Members that were not
 * wanted are none. The id is always given.
 */
DBK_API int dbk_spec_field(struct dbk_spec *spec, const char *field);

/* Wants a total. Args: up_to is the bound of DBK_TOTAL_UP_TO, 1 or more; otherwise it is ignored. */
DBK_API int dbk_spec_total(struct dbk_spec *spec, enum dbk_total total, int64_t up_to);

/*
 * Adds one item in text form:
 *     FIELD=VALUE  FIELD__OP=VALUE (OP: eq ne lt le gt ge contains in notin; a list for in and notin is
 *     separated by commas); a FIELD__OP without any value (value NULL) is none;
 *     order=[-]FIELD  limit=N  offset=N  cursor=TEXT  field=FIELD  total=none|exact|N
 * The same FIELD__OP given several times is one filter of several values. Truth values may be true,
 * false, 1, 0; `results` may be a word ("failure").
 * Result: DBK_OK or DBK_INVALID, with *out_error filled if that is not NULL; DBK_NO_MEMORY.
 */
DBK_API int dbk_spec_add(struct dbk_spec *spec, const char *name, const char *value,
                         struct dbk_error *out_error);

/* Makes a spec from items joined by "&", percent-encoded, as in a URL's query. */
DBK_API int dbk_spec_parse(const char *text, struct dbk_spec **out_spec,
                           struct dbk_error *out_error);

/* What a list call says of the page that it gives. */
struct dbk_page {
    size_t count;            /* records in this page */
    int64_t total;           /* all that match; DBK_NONE when it was not wanted */
    bool is_total_exact;     /* false: there are at least `total` */
    const char *next_cursor; /* goes on after this page; NULL: nothing comes after it */
};

/* ----------------------------------------------------------------------------------- builds ---- */

struct dbk_property;

struct dbk_build {
    int64_t id;
    int64_t number; /* within the builder */
    int64_t builderid;
    int64_t buildrequestid;
    int64_t workerid; /* DBK_NONE: none */
    int64_t masterid;
    int64_t started_at;
    int64_t complete_at;      /* DBK_NONE while it runs */
    int64_t locks_duration_s; /* seconds spent waiting for locks */
    const char *state_string;
    int64_t results;                              /* enum dbk_results; DBK_NONE while it runs */
    const struct dbk_property *const *properties; /* when the spec wanted `properties` */
    size_t property_count;
};

typedef void dbk_build_fn(void *user, const struct dbk_error *error, const struct dbk_build *build);
typedef void dbk_builds_fn(void *user, const struct dbk_error *error,
                           const struct dbk_build *const *builds, const struct dbk_page *page);

/* Gets a build, or none. Buildbot: getBuild. */
DBK_API int dbk_get_build(struct dbk_store *store, int64_t buildid, const struct dbk_call *call,
                          dbk_build_fn *done, void *user);

/* Gets a builder's build of that number, or none. Buildbot: getBuildByNumber. */
DBK_API int dbk_get_build_by_number(struct dbk_store *store, int64_t builderid, int64_t number,
                                    const struct dbk_call *call, dbk_build_fn *done, void *user);

/* Gets the builder's build with the next lower, the next higher number; or none. Buildbot has no call for it. */
DBK_API int dbk_get_prev_build(struct dbk_store *store, int64_t builderid, int64_t number,
                               const struct dbk_call *call, dbk_build_fn *done, void *user);
DBK_API int dbk_get_next_build(struct dbk_store *store, int64_t builderid, int64_t number,
                               const struct dbk_call *call, dbk_build_fn *done, void *user);

/* What of a sourcestamp makes a lineage. */
struct dbk_codebase {
    const char *repository; /* not NULL */
    const char *branch;     /* NULL equals only NULL */
    const char *codebase;   /* not NULL */
};

/*
 * Gets the previous successful build of the same lineage: among the builder's builds below `number`
 * with results 0, the one completed last whose set of (repository, branch, codebase) equals the given
 * one. In the same second the higher number wins; one without a complete_at comes last.
 * In an adopted database it finds what another writer finished, too, whether or not anybody of ours writes;
 * but not one whose complete_at lay more than a day before the builder's newest when daybook last looked.
 * Args: codebases is an array of count, 0 to 1,000; repeated ones count once; none equal none.
 * Buildbot: getPrevSuccessfulBuild.
 */
DBK_API int dbk_get_prev_successful_build(struct dbk_store *store, int64_t builderid,
                                          int64_t number, const struct dbk_codebase *codebases,
                                          size_t count, const struct dbk_call *call,
                                          dbk_build_fn *done, void *user);

/*
 * Lists the builds that match all that is given; DBK_NONE stands for any.
 * Args: complete is 1 for finished builds, 0 for running ones, DBK_NONE for both.
 * Buildbot: getBuilds.
 */
DBK_API int dbk_get_builds(struct dbk_store *store, int64_t builderid, int64_t buildrequestid,
                           int64_t workerid, int64_t complete, const struct dbk_spec *spec,
                           const struct dbk_call *call, dbk_builds_fn *done, void *user);

/* Lists the builds of a change's sourcestamp. Buildbot: getBuildsForChange. */
DBK_API int dbk_get_builds_for_change(struct dbk_store *store, int64_t changeid,
                                      const struct dbk_spec *spec, const struct dbk_call *call,
                                      dbk_builds_fn *done, void *user);

/* Lists the builds that a build triggered: those of the buildsets whose parent it is.
 * Buildbot: the data API's builds/ID/triggered_builds. */
DBK_API int dbk_get_triggered_builds(struct dbk_store *store, int64_t buildid,
                                     const struct dbk_spec *spec, const struct dbk_call *call,
                                     dbk_builds_fn *done, void *user);

typedef void dbk_added_build_fn(void *user, const struct dbk_error *error, int64_t buildid,
                                int64_t number);

/*
 * Adds a build that starts now. Its number is the builder's highest plus one; the first is 1. No number
 * is given twice and none is left out, whatever number of processes add at once.
 * Args: workerid may be DBK_NONE.
 * Errors: DBK_NOT_FOUND names the builder, buildrequest, worker or master that is not there.
 * Buildbot: addBuild.
 */
DBK_API int dbk_add_build(struct dbk_store *store, int64_t builderid, int64_t buildrequestid,
                          int64_t workerid, int64_t masterid, const char *state_string,
                          const struct dbk_call *call, dbk_added_build_fn *done, void *user);

/* Sets a build's state string. Errors: DBK_NOT_FOUND. Buildbot: setBuildStateString. */
DBK_API int dbk_set_build_state_string(struct dbk_store *store, int64_t buildid,
                                       const char *state_string, const struct dbk_call *call,
                                       dbk_done_fn *done, void *user);

/* Adds seconds to a build's locks_duration_s, or takes them off: -2^52 to 2^52. Errors: DBK_NOT_FOUND.
 * Buildbot: add_build_locks_duration. */
DBK_API int dbk_add_build_locks_duration(struct dbk_store *store, int64_t buildid,
                                         int64_t duration_s, const struct dbk_call *call,
                                         dbk_done_fn *done, void *user);

/*
 * Finishes a build now, also one that is finished already.
 * Args: results is 0 to 6; in a Buildbot database any 32-bit number from 0 on.
 * Errors: DBK_NOT_FOUND. Buildbot: finishBuild.
 */
DBK_API int dbk_finish_build(struct dbk_store *store, int64_t buildid, int64_t results,
                             const struct dbk_call *call, dbk_done_fn *done, void *user);

/* Keeps a build past its callback. Result: yours, one dbk_build_free(); NULL when out of memory. */
DBK_API struct dbk_build *dbk_build_dup(const struct dbk_build *build);
DBK_API void dbk_build_free(struct dbk_build *build);

/* ------------------------------------------------------------------------------- properties ---- */

struct dbk_property {
    int64_t buildid;
    const char *name;
    const char *value; /* JSON text */
    const char *source;
    bool is_json; /* false: an old database holds here what is not JSON; value is that text */
};

typedef void dbk_properties_fn(void *user, const struct dbk_error *error,
                               const struct dbk_property *const *properties,
                               const struct dbk_page *page);

/*
 * Lists a build's properties, by name unless the spec says otherwise; none for a build that is not
 * there. Duplicates that old databases may hold are given once, the one set last. They can be ordered by
 * `position` too, which is no member: the order in which they were added. (By the clocks of those who added
 * them; the name decides among those of a store that a daybook before version 2 of its tables made.)
 * Buildbot: getBuildProperties.
 */
DBK_API int dbk_get_build_properties(struct dbk_store *store, int64_t buildid,
                                     const struct dbk_spec *spec, const struct dbk_call *call,
                                     dbk_properties_fn *done, void *user);

/* Lists the properties of many builds in one statement, by build and name. Args: count 1 to 10,000. */
DBK_API int dbk_get_properties_of(struct dbk_store *store, const int64_t *buildids, size_t count,
                                  const struct dbk_call *call, dbk_properties_fn *done, void *user);

/*
 * Sets a property. One that is unchanged writes nothing.
 * Args: value is JSON text. Errors: DBK_NOT_FOUND (the build). Buildbot: setBuildProperty.
 */
DBK_API int dbk_set_build_property(struct dbk_store *store, int64_t buildid, const char *name,
                                   const char *value, const char *source,
                                   const struct dbk_call *call, dbk_done_fn *done, void *user);

/* A property to be set. */
struct dbk_new_property {
    const char *name;
    const char *value; /* JSON text */
    const char *source;
};

/* Sets properties in one transaction: all or none. Args: count 0 to 10,000; of one name given twice the
 * last counts. Buildbot: the data API's setBuildProperties. */
DBK_API int dbk_set_build_properties(struct dbk_store *store, int64_t buildid,
                                     const struct dbk_new_property *properties, size_t count,
                                     const struct dbk_call *call, dbk_done_fn *done, void *user);

/* Says whether text is JSON as properties take it. Any thread. */
DBK_API bool dbk_is_json(const char *text);

/* ------------------------------------------------------------------------------------ steps ---- */

struct dbk_url {
    const char *name;
    const char *url;
};

struct dbk_step {
    int64_t id;
    int64_t number; /* within the build, from 0 */
    const char *name;
    int64_t buildid;
    int64_t started_at;        /* DBK_NONE: not started */
    int64_t locks_acquired_at; /* DBK_NONE: still waiting for locks */
    int64_t complete_at;       /* DBK_NONE: not finished */
    const char *state_string;
    int64_t results; /* enum dbk_results; DBK_NONE: not finished */
    int64_t hidden;  /* 1: not to be shown by default */
    const struct dbk_url *const *urls;
    size_t url_count;
    const char *urls_text; /* NULL; or what the database holds in place of a list of URLs */
};

typedef void dbk_step_fn(void *user, const struct dbk_error *error, const struct dbk_step *step);
typedef void dbk_steps_fn(void *user, const struct dbk_error *error,
                          const struct dbk_step *const *steps, const struct dbk_page *page);

/*
 * Gets a step, or none: by stepid; or, when that is DBK_NONE, by buildid and number; or, when number is
 * DBK_NONE, by buildid and name. Errors: DBK_INVALID at submit when nothing of that is given.
 * Buildbot: getStep.
 */
DBK_API int dbk_get_step(struct dbk_store *store, int64_t stepid, int64_t buildid, int64_t number,
                         const char *name, const struct dbk_call *call, dbk_step_fn *done,
                         void *user);

/* Lists a build's steps by number unless the spec says otherwise. Buildbot: getSteps. */
DBK_API int dbk_get_steps(struct dbk_store *store, int64_t buildid, const struct dbk_spec *spec,
                          const struct dbk_call *call, dbk_steps_fn *done, void *user);

/* Lists the steps of many builds in one statement, by build and number. Args: count 1 to 10,000. */
DBK_API int dbk_get_steps_of(struct dbk_store *store, const int64_t *buildids, size_t count,
                             const struct dbk_call *call, dbk_steps_fn *done, void *user);

typedef void dbk_added_step_fn(void *user, const struct dbk_error *error, int64_t stepid,
                               int64_t number, const char *name);

/*
 * Adds a step that is not started. Its number is the build's highest plus one, from 0. A name that is
 * taken in the build gets _N, N the first that is free from 1, and is cut so that the whole fits 50
 * characters. Errors: DBK_NOT_FOUND (the build). Buildbot: addStep.
 */
DBK_API int dbk_add_step(struct dbk_store *store, int64_t buildid, const char *name,
                         const char *state_string, const struct dbk_call *call,
                         dbk_added_step_fn *done, void *user);

/*
 * Starts a step. Args: started_at is kept as given, DBK_NONE is now; with locks_acquired,
 * locks_acquired_at is set to it too. Errors: DBK_NOT_FOUND. Buildbot: startStep.
 */
DBK_API int dbk_start_step(struct dbk_store *store, int64_t stepid, int64_t started_at,
                           bool locks_acquired, const struct dbk_call *call, dbk_done_fn *done,
                           void *user);

/* Says when a step got its locks; DBK_NONE is now. Errors: DBK_NOT_FOUND. Buildbot: set_step_locks_acquired_at. */
DBK_API int dbk_set_step_locks_acquired_at(struct dbk_store *store, int64_t stepid,
                                           int64_t locks_acquired_at, const struct dbk_call *call,
                                           dbk_done_fn *done, void *user);

/* Sets a step's state string. Errors: DBK_NOT_FOUND. Buildbot: setStepStateString. */
DBK_API int dbk_set_step_state_string(struct dbk_store *store, int64_t stepid,
                                      const char *state_string, const struct dbk_call *call,
                                      dbk_done_fn *done, void *user);

/* Finishes a step now, also one that is finished already. Args: results as in dbk_finish_build().
 * Errors: DBK_NOT_FOUND. Buildbot: finishStep. */
DBK_API int dbk_finish_step(struct dbk_store *store, int64_t stepid, int64_t results, bool hidden,
                            const struct dbk_call *call, dbk_done_fn *done, void *user);

/*
 * Appends a URL to a step's list; a pair that is there already is kept once.
 * Errors: DBK_NOT_FOUND; DBK_DAMAGED when what the database holds is not a list of URLs (it stays).
 * Buildbot: addURL.
 */
DBK_API int dbk_add_url(struct dbk_store *store, int64_t stepid, const char *name, const char *url,
                        const struct dbk_call *call, dbk_done_fn *done, void *user);

/* Keeps a step past its callback. Result: yours, one dbk_step_free(); NULL when out of memory. */
DBK_API struct dbk_step *dbk_step_dup(const struct dbk_step *step);
DBK_API void dbk_step_free(struct dbk_step *step);

/* ------------------------------------------------------------------------------- build data ---- */

struct dbk_build_data {
    int64_t id;
    int64_t buildid;
    const char *name;
    int64_t length; /* of the whole value, bytes */
    const char *source;
    const void *value; /* NULL when it was not asked for */
    size_t value_len;  /* bytes at value */
};

typedef void dbk_build_data_fn(void *user, const struct dbk_error *error,
                               const struct dbk_build_data *data);
typedef void dbk_build_data_list_fn(void *user, const struct dbk_error *error,
                                    const struct dbk_build_data *const *data,
                                    const struct dbk_page *page);

/*
 * Sets a value of a build, in place of one of that name. Other writers wait while it is written: a large
 * one takes seconds. Args: value may be NULL when value_len is 0. Errors: DBK_NOT_FOUND (the build), DBK_TOO_LARGE.
 * Buildbot: setBuildData.
 */
DBK_API int dbk_set_build_data(struct dbk_store *store, int64_t buildid, const char *name,
                               const void *value, size_t value_len, const char *source,
                               const struct dbk_call *call, dbk_done_fn *done, void *user);

/*
 * Sets a value of a build to length bytes of a file from offset on, in place of one of that name. They are
 * read when the operation runs, in pieces: no memory is needed for them (in a Buildbot database, whose
 * columns stand in another order, as much as the value is long).
 * Args: fd is duplicated at submit and its position is not used; it must be one that pread() takes. offset and length are
 *   0 or more.
 * Errors: DBK_NOT_FOUND (the build), DBK_TOO_LARGE, DBK_INVALID when the file ends before.
 */
DBK_API int dbk_set_build_data_from_fd(struct dbk_store *store, int64_t buildid, const char *name,
                                       int fd, int64_t offset, int64_t length, const char *source,
                                       const struct dbk_call *call, dbk_done_fn *done, void *user);

/* Gets a value of a build with its bytes, or none. Buildbot: getBuildData. */
DBK_API int dbk_get_build_data(struct dbk_store *store, int64_t buildid, const char *name,
                               const struct dbk_call *call, dbk_build_data_fn *done, void *user);

/*
 * Gets a part of a value: at most length bytes from offset on, both 0 or more; none at or past its end (value_len 0).
 * data->length is the whole value's.
 */
DBK_API int dbk_get_build_data_range(struct dbk_store *store, int64_t buildid, const char *name,
                                     int64_t offset, int64_t length, const struct dbk_call *call,
                                     dbk_build_data_fn *done, void *user);

/* Takes a piece of a value: piece->value has piece->value_len bytes, 1 or more, which are the value's from offset
 * on; it is lent until this returns. Result: true: the next piece may come; false: not before dbk_resume(). */
typedef bool dbk_piece_fn(void *user, const struct dbk_build_data *piece, int64_t offset);

/*
 * Reads a value, or a part of it, in pieces: `piece` runs for each of them in order, the next one being read
 * only when the last was taken; then `done` runs once, with what dbk_get_build_data_no_value() gives (NULL:
 * there is no such value). However long the value is, the memory needed is that of a piece or two.
 *
 * The pieces are those of one value: one that is replaced or deleted in between is still given to its end, or the read
 * ends with DBK_CONFLICT, and can be begun again. For that a snapshot of the database is kept open. As
 * long as it is, SQLite's log cannot begin anew; so a read that is not asked to go on for 5 s, or has a
 * snapshot for 60 s, gives it back, as do the oldest of more than 16. The next piece then costs reading again
 * what was given, to see that it is still the same. On a database without write-ahead log, where a
 * snapshot keeps writers waiting, none is kept: each commit in between costs that.
 *
 * Args: offset and length as in dbk_get_build_data_range(), INT64_MAX for all of it. With call->out_op it can be
 * paused, and cancelled at any time, from `piece` too: then no more pieces come. call->timeout_ms is for all of
 * it. Errors: DBK_CONFLICT; DBK_CANCELLED also when the store is closed in between.
 */
DBK_API int dbk_read_build_data(struct dbk_store *store, int64_t buildid, const char *name,
                                int64_t offset, int64_t length, const struct dbk_call *call,
                                dbk_piece_fn *piece, dbk_build_data_fn *done, void *user);

/*
 * Lets a read whose `piece` gave false go on. Any thread; it may come before that `piece` has returned.
 * Result: DBK_OK; DBK_NOT_FOUND when it has ended.
 */
DBK_API int dbk_resume(struct dbk_store *store, struct dbk_op op);

/* Gets what is known of a value without its bytes, or none. Buildbot: getBuildDataNoValue. */
DBK_API int dbk_get_build_data_no_value(struct dbk_store *store, int64_t buildid, const char *name,
                                        const struct dbk_call *call, dbk_build_data_fn *done,
                                        void *user);

/* Lists what is known of a build's values, by id unless the spec says otherwise.
 * Args: name may be NULL for all. Buildbot: getAllBuildDataNoValues. */
DBK_API int dbk_get_all_build_data_no_values(struct dbk_store *store, int64_t buildid,
                                             const char *name, const struct dbk_spec *spec,
                                             const struct dbk_call *call,
                                             dbk_build_data_list_fn *done, void *user);

/* Deletes a value. Errors: DBK_NOT_FOUND. */
DBK_API int dbk_delete_build_data(struct dbk_store *store, int64_t buildid, const char *name,
                                  const struct dbk_call *call, dbk_done_fn *done, void *user);

/*
 * Deletes the data of builds that were complete before older_than, in turns of some 5 ms between which other
 * writers have theirs. An open build's data stay. Gives how many values went. Cancelled or late
 * after some batches: the error's outcome is DBK_DONE, and what is gone is gone.
 * Buildbot: deleteOldBuildData.
 */
DBK_API int dbk_delete_old_build_data(struct dbk_store *store, int64_t older_than,
                                      const struct dbk_call *call, dbk_count_fn *done, void *user);

typedef void dbk_size_fn(void *user, const struct dbk_error *error, int64_t count, int64_t size);

/*
 * Counts what dbk_delete_old_build_data() would delete: values, and the bytes in them. It reads all of the
 * table but the values.
 */
DBK_API int dbk_count_old_build_data(struct dbk_store *store, int64_t older_than,
                                     const struct dbk_call *call, dbk_size_fn *done, void *user);

/*
 * Gives the space that deleted records left within the database back to the file system, in turns between
 * which other writers have theirs. Until then new records use it. Gives how many bytes; the file has
 * shrunk by them after the next checkpoint, at the latest when the store is closed. 0 where the database
 * was not made for that, as Buildbot's. Cancelled or late after some turns: the error's outcome is DBK_DONE.
 */
DBK_API int dbk_give_space_back(struct dbk_store *store, const struct dbk_call *call,
                                dbk_count_fn *done, void *user);

/* Keeps data past its callback. Result: yours, one dbk_build_data_free(); NULL when out of memory. */
DBK_API struct dbk_build_data *dbk_build_data_dup(const struct dbk_build_data *data);
DBK_API void dbk_build_data_free(struct dbk_build_data *data);

/* ---------------------------------------------------------------------------------- parents ---- */

/*
 * What builds hang on. The dbk_find_ calls find a record by what makes it unique, and with is_added add
 * it when it is missing; without, one that is missing is DBK_NOT_FOUND. Adding is only possible in a
 * store of daybook's own.
 */

struct dbk_builder {
    int64_t id;
    const char *name;
    const char *description; /* or NULL, as the next two */
    const char *description_format;
    const char *description_html;
    int64_t projectid; /* DBK_NONE: none */
};

struct dbk_worker {
    int64_t id;
    const char *name;
    const char *info; /* JSON text */
    int64_t paused;
    const char *pause_reason; /* or NULL */
    int64_t graceful;
};

struct dbk_master {
    int64_t id;
    const char *name;
    int64_t active;
    int64_t last_active;
};

struct dbk_sourcestamp {
    int64_t id;
    const char *branch;   /* or NULL */
    const char *revision; /* or NULL */
    int64_t patchid;      /* DBK_NONE: none */
    const char *repository;
    const char *codebase;
    const char *project;
    int64_t created_at;
};

struct dbk_buildset {
    int64_t id;
    const char *external_idstring; /* or NULL */
    const char *reason;
    int64_t submitted_at;
    int64_t complete; /* 0 or 1 */
    int64_t complete_at;
    int64_t results;
    int64_t parent_buildid;          /* DBK_NONE: none */
    const char *parent_relationship; /* or NULL */
    int64_t rebuilt_buildid;         /* DBK_NONE: none */
};

struct dbk_buildrequest {
    int64_t id;
    int64_t buildsetid;
    int64_t builderid;
    int64_t priority;
    int64_t complete; /* 0 or 1 */
    int64_t results;
    int64_t submitted_at;
    int64_t complete_at;
    int64_t waited_for; /* 0 or 1 */
    int64_t claimed_at; /* DBK_NONE: not claimed, as the next one */
    int64_t claimed_by_masterid;
};

struct dbk_change {
    int64_t id;
    const char *author;
    const char *committer; /* or NULL */
    const char *comments;
    const char *branch;   /* or NULL */
    const char *revision; /* or NULL */
    const char *revlink;  /* or NULL */
    int64_t when_timestamp;
    const char *category; /* or NULL */
    const char *repository;
    const char *codebase;
    const char *project;
    int64_t sourcestampid;
    int64_t parent_changeid; /* DBK_NONE: none */
};

typedef void dbk_builder_fn(void *user, const struct dbk_error *error,
                            const struct dbk_builder *builder);
typedef void dbk_builders_fn(void *user, const struct dbk_error *error,
                             const struct dbk_builder *const *builders,
                             const struct dbk_page *page);
typedef void dbk_worker_fn(void *user, const struct dbk_error *error,
                           const struct dbk_worker *worker);
typedef void dbk_workers_fn(void *user, const struct dbk_error *error,
                            const struct dbk_worker *const *workers, const struct dbk_page *page);
typedef void dbk_master_fn(void *user, const struct dbk_error *error,
                           const struct dbk_master *master);
typedef void dbk_masters_fn(void *user, const struct dbk_error *error,
                            const struct dbk_master *const *masters, const struct dbk_page *page);
typedef void dbk_sourcestamp_fn(void *user, const struct dbk_error *error,
                                const struct dbk_sourcestamp *sourcestamp);
typedef void dbk_sourcestamps_fn(void *user, const struct dbk_error *error,
                                 const struct dbk_sourcestamp *const *sourcestamps,
                                 const struct dbk_page *page);
typedef void dbk_buildset_fn(void *user, const struct dbk_error *error,
                             const struct dbk_buildset *buildset);
typedef void dbk_buildsets_fn(void *user, const struct dbk_error *error,
                              const struct dbk_buildset *const *buildsets,
                              const struct dbk_page *page);
typedef void dbk_buildrequest_fn(void *user, const struct dbk_error *error,
                                 const struct dbk_buildrequest *buildrequest);
typedef void dbk_buildrequests_fn(void *user, const struct dbk_error *error,
                                  const struct dbk_buildrequest *const *buildrequests,
                                  const struct dbk_page *page);
typedef void dbk_change_fn(void *user, const struct dbk_error *error,
                           const struct dbk_change *change);
typedef void dbk_changes_fn(void *user, const struct dbk_error *error,
                            const struct dbk_change *const *changes, const struct dbk_page *page);

/* Finds a builder by name. Buildbot: findBuilderId(name, autoCreate). */
DBK_API int dbk_find_builder_id(struct dbk_store *store, const char *name, bool is_added,
                                const struct dbk_call *call, dbk_id_fn *done, void *user);
/* Finds a worker by name (1 to 50 characters). Buildbot: findWorkerId. */
DBK_API int dbk_find_worker_id(struct dbk_store *store, const char *name, bool is_added,
                               const struct dbk_call *call, dbk_id_fn *done, void *user);
/* Finds a master by name. Buildbot: findMasterId. */
DBK_API int dbk_find_master_id(struct dbk_store *store, const char *name, bool is_added,
                               const struct dbk_call *call, dbk_id_fn *done, void *user);

/* What makes a sourcestamp unique. Begin with DBK_SOURCESTAMP_KEY_INIT. */
struct dbk_sourcestamp_key {
    size_t size;
    const char *branch;     /* or NULL */
    const char *revision;   /* or NULL */
    const char *repository; /* NULL is "", as the next two */
    const char *codebase;
    const char *project;
    int64_t patchid; /* DBK_NONE: none */
};
#define DBK_SOURCESTAMP_KEY_INIT                                                                   \
    {                                                                                              \
        sizeof(struct dbk_sourcestamp_key), NULL, NULL, NULL, NULL, NULL, DBK_NONE                 \
    }

/* Finds a sourcestamp. Buildbot: findSourceStampId. */
DBK_API int dbk_find_sourcestamp_id(struct dbk_store *store, const struct dbk_sourcestamp_key *key,
                                    bool is_added, const struct dbk_call *call, dbk_id_fn *done,
                                    void *user);

/* A buildset to be added. Begin with DBK_NEW_BUILDSET_INIT. */
struct dbk_new_buildset {
    size_t size;
    const char *reason;            /* NULL is "" */
    const char *external_idstring; /* or NULL */
    const int64_t *sourcestampids;
    size_t sourcestamp_count;        /* 0 to 1,000 */
    int64_t parent_buildid;          /* DBK_NONE: none */
    const char *parent_relationship; /* or NULL */
    int64_t rebuilt_buildid;         /* DBK_NONE: none */
};
#define DBK_NEW_BUILDSET_INIT                                                                      \
    {                                                                                              \
        sizeof(struct dbk_new_buildset), NULL, NULL, NULL, 0, DBK_NONE, NULL, DBK_NONE             \
    }

/* Adds a buildset that is submitted now, without requests. Errors: DBK_NOT_FOUND names a sourcestamp or
 * build that is not there. Buildbot: addBuildset, with dbk_add_buildrequest. */
DBK_API int dbk_add_buildset(struct dbk_store *store, const struct dbk_new_buildset *buildset,
                             const struct dbk_call *call, dbk_id_fn *done, void *user);

/* Adds a request to a buildset. Args: priority is any number but DBK_NONE. Errors: DBK_NOT_FOUND names what is missing. */
DBK_API int dbk_add_buildrequest(struct dbk_store *store, int64_t buildsetid, int64_t builderid,
                                 int64_t priority, bool waited_for, const struct dbk_call *call,
                                 dbk_id_fn *done, void *user);

/* A change to be added. Begin with DBK_NEW_CHANGE_INIT. */
struct dbk_new_change {
    size_t size;
    const char *author;     /* not NULL */
    const char *committer;  /* or NULL */
    const char *comments;   /* NULL is "" */
    const char *branch;     /* or NULL */
    const char *revision;   /* or NULL */
    const char *revlink;    /* or NULL */
    const char *category;   /* or NULL */
    const char *repository; /* NULL is "", as the next two */
    const char *codebase;
    const char *project;
    int64_t when_timestamp; /* DBK_NONE: now */
    int64_t sourcestampid;
    int64_t parent_changeid; /* DBK_NONE: none */
};
#define DBK_NEW_CHANGE_INIT                                                                        \
    {                                                                                              \
        sizeof(struct dbk_new_change), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, \
            DBK_NONE, DBK_NONE, DBK_NONE                                                           \
    }

/* Adds a change to a sourcestamp that exists. Errors: DBK_NOT_FOUND. Buildbot: addChange. */
DBK_API int dbk_add_change(struct dbk_store *store, const struct dbk_new_change *change,
                           const struct dbk_call *call, dbk_id_fn *done, void *user);

/* Get one, or none. Buildbot: getBuilder, getWorker, getMaster, getSourceStamp, getBuildset, getBuildRequest, getChange. */
DBK_API int dbk_get_builder(struct dbk_store *store, int64_t builderid, const struct dbk_call *call,
                            dbk_builder_fn *done, void *user);
DBK_API int dbk_get_worker(struct dbk_store *store, int64_t workerid, const struct dbk_call *call,
                           dbk_worker_fn *done, void *user);
DBK_API int dbk_get_master(struct dbk_store *store, int64_t masterid, const struct dbk_call *call,
                           dbk_master_fn *done, void *user);
DBK_API int dbk_get_sourcestamp(struct dbk_store *store, int64_t sourcestampid,
                                const struct dbk_call *call, dbk_sourcestamp_fn *done, void *user);
DBK_API int dbk_get_buildset(struct dbk_store *store, int64_t buildsetid,
                             const struct dbk_call *call, dbk_buildset_fn *done, void *user);
DBK_API int dbk_get_buildrequest(struct dbk_store *store, int64_t buildrequestid,
                                 const struct dbk_call *call, dbk_buildrequest_fn *done,
                                 void *user);
DBK_API int dbk_get_change(struct dbk_store *store, int64_t changeid, const struct dbk_call *call,
                           dbk_change_fn *done, void *user);

/* List them, by id unless the spec says otherwise. */
DBK_API int dbk_get_builders(struct dbk_store *store, const struct dbk_spec *spec,
                             const struct dbk_call *call, dbk_builders_fn *done, void *user);
DBK_API int dbk_get_workers(struct dbk_store *store, const struct dbk_spec *spec,
                            const struct dbk_call *call, dbk_workers_fn *done, void *user);
DBK_API int dbk_get_masters(struct dbk_store *store, const struct dbk_spec *spec,
                            const struct dbk_call *call, dbk_masters_fn *done, void *user);
/* Args: buildsetid may be DBK_NONE for the sourcestamps of all. */
DBK_API int dbk_get_sourcestamps(struct dbk_store *store, int64_t buildsetid,
                                 const struct dbk_spec *spec, const struct dbk_call *call,
                                 dbk_sourcestamps_fn *done, void *user);
DBK_API int dbk_get_buildsets(struct dbk_store *store, const struct dbk_spec *spec,
                              const struct dbk_call *call, dbk_buildsets_fn *done, void *user);
DBK_API int dbk_get_buildrequests(struct dbk_store *store, const struct dbk_spec *spec,
                                  const struct dbk_call *call, dbk_buildrequests_fn *done,
                                  void *user);
DBK_API int dbk_get_changes(struct dbk_store *store, const struct dbk_spec *spec,
                            const struct dbk_call *call, dbk_changes_fn *done, void *user);

/* --------------------------------------------------------------------- a whole build at once ---- */

/* A step of a build to be recorded. Begin with DBK_NEW_STEP_INIT. Times are kept as given. */
struct dbk_new_step {
    size_t size;
    const char *name; /* 1 to 50 characters; one that comes again gets _N, as in dbk_add_step() */
    const char *state_string; /* NULL is "" */
    int64_t started_at;       /* as in the build; DBK_NONE: not started, as the next two */
    int64_t locks_acquired_at;
    int64_t complete_at;
    int64_t results; /* 0 to 6; DBK_NONE: not finished */
    bool hidden;
    const struct dbk_url *urls;
    size_t url_count; /* 0 to 1,000 */
};
#define DBK_NEW_STEP_INIT                                                                          \
    {                                                                                              \
        sizeof(struct dbk_new_step), NULL, NULL, DBK_NONE, DBK_NONE, DBK_NONE, DBK_NONE, false,    \
            NULL, 0                                                                                \
    }

/* A value of build data to be recorded. */
struct dbk_new_data {
    const char *name;
    const void *value;
    size_t value_len;
    const char *source;
};

/* A build to be recorded, with all that belongs to it. Begin with DBK_NEW_BUILD_INIT. */
struct dbk_new_build {
    size_t size;
    const char *builder; /* its name */
    const char *worker;  /* its name, or NULL for none */
    const char *master;  /* its name; NULL is "daybook" */
    const char *reason;  /* NULL is "" */
    const struct dbk_sourcestamp_key *const *sourcestamps;
    size_t sourcestamp_count; /* 0 to 100 */
    const char *state_string; /* NULL is "" */
    int64_t started_at;  /* at most a day ahead of the clock, as all times here; DBK_NONE: now */
    int64_t complete_at; /* DBK_NONE: now, when there are results; without them it must be that */
    int64_t results;     /* 0 to 6; DBK_NONE: the build stays open, to be gone on with */
    int64_t locks_duration_s; /* 0 or more */
    const struct dbk_new_property *properties;
    size_t property_count; /* 0 to 10,000 */
    const struct dbk_new_step *const *steps;
    size_t step_count; /* 0 to 10,000 */
    const struct dbk_new_data *data;
    size_t data_count; /* 0 to 10,000; of two with one name the later one stands */
};
#define DBK_NEW_BUILD_INIT                                                                         \
    {                                                                                              \
        sizeof(struct dbk_new_build), NULL, NULL, NULL, NULL, NULL, 0, NULL, DBK_NONE, DBK_NONE,   \
            DBK_NONE, 0, NULL, 0, NULL, 0, NULL, 0                                                 \
    }

/*
 * Records a build with its sourcestamps, properties, steps, URLs and data in one transaction: all of it or
 * nothing. Builder, worker, master and sourcestamps are found or added by name; the build gets a
 * buildset and a request of its own, and the builder's next number. Its events are the build's, "new"
 * and, with results, "finished", and before them the builder's, "new", when it was added; what else came along has none
 * of its own.
 * With an operation key it can be sent again. Errors: DBK_INVALID (also for times that are more than a day ahead),
 * DBK_TOO_LARGE.
 */
DBK_API int dbk_record_build(struct dbk_store *store, const struct dbk_new_build *build,
                             const struct dbk_call *call, dbk_added_build_fn *done, void *user);

/* ----------------------------------------------------------------------------------- events ---- */

/* Something that was written. The record itself is read with its own call. */
struct dbk_event {
    int64_t id;        /* the position: rises in the order in which events became visible */
    int64_t at;        /* when */
    const char *kind;  /* "build" "step" "property" "data" "builder" "worker" "master" "sourcestamp"
                         "buildset" "buildrequest" "change" */
    const char *verb;  /* "new" "started" "updated" "finished" "deleted" */
    int64_t builderid; /* DBK_NONE where it does not apply, as the next two */
    int64_t buildid;
    int64_t stepid;
    const char *name; /* of the property or the data; NULL for others */
};

typedef void dbk_events_fn(void *user, const struct dbk_error *error,
                           const struct dbk_event *const *events, const struct dbk_page *page);

/*
 * Lists the events after a position in their order. Filters and limit are the spec's; its order and
 * offset are not taken.
 * Args: position 0 begins at the oldest that is kept. Errors: DBK_UNSUPPORTED without an event log;
 * DBK_GONE when events after the position are no longer kept (they are for 7 days): reload, go on from 0.
 */
DBK_API int dbk_get_events(struct dbk_store *store, int64_t position, const struct dbk_spec *spec,
                           const struct dbk_call *call, dbk_events_fn *done, void *user);

/* Gives the position of the newest event: all that are written later come after it. 0: there is none.
 * Errors: DBK_UNSUPPORTED without an event log. */
DBK_API int dbk_get_newest_event(struct dbk_store *store, const struct dbk_call *call,
                                 dbk_id_fn *done, void *user);

typedef void dbk_event_fn(void *user, const struct dbk_event *event);

/*
 * Follows the events after a position: `event` runs for each, in their order, those of this store as soon as
 * they are committed, those of other processes within half a second (on PostgreSQL at once: it says so);
 * none is left out and none comes twice. It goes on until it is cancelled (call->out_op), its deadline passes, or the store is closed;
 * then `done` runs once, with DBK_CANCELLED or DBK_TIMEOUT.
 * Args: of filters (may be NULL) only filters are taken. Errors: as dbk_get_events(); with DBK_GONE it ends.
 */
DBK_API int dbk_follow_events(struct dbk_store *store, int64_t position,
                              const struct dbk_spec *filters, const struct dbk_call *call,
                              dbk_event_fn *event, dbk_done_fn *done, void *user);

/* ------------------------------------------------------------------------- builds of others ---- */

/*
 * What was seen of builds that a Buildbot master writes, who leaves no events. It belongs to one thread at a time
 * and is good for any store of that database.
 */
struct dbk_watch;

/*
 * Makes a watch. Args: position, as dbk_watch_position() gave it: the first look finds what has changed since; NULL or
 * "": it only finds out what there is, and what changes from then on is told.
 * Result: DBK_OK and *out_watch; DBK_INVALID when that is no position; DBK_NO_MEMORY.
 */
DBK_API int dbk_watch_new(const char *position, struct dbk_watch **out_watch);

/* Frees it; no look of it may be under way. NULL is fine. */
DBK_API void dbk_watch_free(struct dbk_watch *watch);

/* Gives what was seen up to now as one line of text, to be kept and handed back: the newest build and those that are
 * open. Result: lent, valid until the next call with the watch; "" before the first look; NULL when out of memory. */
DBK_API const char *dbk_watch_position(struct dbk_watch *watch);

/* How a look went. */
struct dbk_look {
    size_t count; /* events */
    bool
        is_lost; /* what was seen before does not fit this database, or was lost: read the records again */
    bool has_more; /* it was full: the next look goes on from there */
};

/* The events have no position: their id is 0. They are lent until the callback returns. */
typedef void dbk_look_fn(void *user, const struct dbk_error *error,
                         const struct dbk_event *const *events, const struct dbk_look *look);

/*
 * Looks once at what has changed since the last look: builds "new", "updated" (the state string) and "finished";
 * steps of open builds "new", "started", "updated" and "finished". Writes nothing. What the event log has is left
 * out: in an adopted database this is what others than daybook wrote. It reads one snapshot, of bounded size: at
 * most 1,000 new builds, 1,024 of those that are open (at the first look found among the 10,000 newest builds; at
 * most 20,000 are watched), and 200 unfinished steps each of 128 of them; what does not fit comes with the next looks.
 * A build that was both begun and finished between two looks is told as new and finished, without its steps; changes
 * of a build that was complete when it was seen are not found. Look every half second, not more often.
 * Errors: DBK_INVALID while a look of the watch is under way. After any error the next look goes on from before, but
 * after DBK_NO_MEMORY it may say is_lost.
 */
DBK_API int dbk_watch_look(struct dbk_store *store, struct dbk_watch *watch,
                           const struct dbk_call *call, dbk_look_fn *done, void *user);

/* -------------------------------------------------------------------------------- long work ---- */

/*
 * Long work is done in turns, between which others have theirs. After each, `report` runs for what there is to
 * say; at the end `done` runs once. It goes on until it is done, dbk_cancel() is called with call->out_op (then
 * it ends with DBK_CANCELLED before its next turn), its deadline passes, or the store is closed. What
 * earlier turns did stays done, and error->outcome is DBK_DONE then; doing it again goes on from there.
 */
enum dbk_report_kind {
    DBK_REPORT_PROGRESS,  /* how far it has come */
    DBK_REPORT_STATEMENT, /* an SQL statement that was run, or that would be */
    DBK_REPORT_FINDING,   /* something that a check or a comparison found */
    DBK_REPORT_SWITCH, /* a source that was followed is read-only now: `text` is the new URL, and `done` for how
                             many milliseconds nobody could write */
    DBK_REPORT_SUM, /* how much of a table it was in all */
};

struct dbk_report {
    enum dbk_report_kind kind;
    const char *subject; /* what it is about: a table or an index, or in words */
    const char
        *problem; /* of a finding: "orphan" "duplicate" "length" "json" "urls" "missing" "unsafe"
                  "surplus" "different" "left" "value" "open" */
    const char *text; /* the statement; or the finding in a sentence, with what to do */
    int64_t id; /* of the row that was found: its id, of properties the build's; or DBK_NONE */
    int64_t done, total; /* of progress: rows or ids; total is DBK_NONE where it is not known. Of a
                            finding of dbk_repair(), done is 1 if it is mended, 0 if it is left */
    int64_t rows,
        bytes; /* of a statement: what it has to read, or rows that it mends; DBK_NONE where
                            it is not known. Of a sum */
};

typedef void dbk_report_fn(void *user, const struct dbk_report *report);

/*
 * Puts daybook's tables and indexes beside those of a Buildbot database, all of them named daybook_..., fills
 * the lineages, and turns the write-ahead log on. Buildbot's tables stay as they are: no unique index, no
 * trigger, no foreign key is added. Repeatable: what a migration dropped is made again. Stores that are open
 * see it when they are opened the next time.
 * Args: is_dry_run reports each statement with its cost, and changes nothing (any store may be asked).
 * Errors: DBK_UNSUPPORTED (a store of daybook's own; a store that is not is_exclusive; beside a running
 * master, see "Buildbot databases"); DBK_BUSY (turning the log on or off needs the database alone, and another program has
 *   it open).
 */
DBK_API int dbk_adopt(struct dbk_store *store, bool is_dry_run, const struct dbk_call *call,
                      dbk_report_fn *report, dbk_done_fn *done, void *user);

/*
 * Takes all of that out again, so that the database's schema is what it was, and turns the write-ahead log off
 * if dbk_adopt() turned it on. Events, keys and lineages are lost; records stay.
 * Args and errors: as dbk_adopt().
 */
DBK_API int dbk_release(struct dbk_store *store, bool is_dry_run, const struct dbk_call *call,
                        dbk_report_fn *report, dbk_done_fn *done, void *user);

/* Brings daybook's tables of an older version up to this one's, and makes again what is missing of them.
 * Args and errors: as dbk_adopt(), but for stores of daybook's own and for adopted databases. */
DBK_API int dbk_upgrade(struct dbk_store *store, bool is_dry_run, const struct dbk_call *call,
                        dbk_report_fn *report, dbk_done_fn *done, void *user);

/* How records are copied. Begin with DBK_COPY_OPTIONS_INIT. */
struct dbk_copy_options {
    size_t size;
    bool is_records_only; /* of a Buildbot database: what is left behind is left on purpose */
    bool skips_dirty;     /* and dirty rows are left out, not refused */
    bool
        is_followed; /* others write the source meanwhile, which is followed and then made read-only */
};
#define DBK_COPY_OPTIONS_INIT                                                                      \
    {                                                                                              \
        sizeof(struct dbk_copy_options), false, false, false                                       \
    }

/*
 * Copies all records of another store into this one, also between databases of different kinds: every table of a store
 * as it is, with keys, event positions and operation keys, and no id is given again that the source ever gave.
 * Rows go in batches, each with how far it has come in one transaction; the indexes are made at the end.
 * Memory is bounded by a batch and the largest value. Until it ends nobody else can open the store (DBK_SCHEMA).
 * Whatever ended it, also a kill: the same copy done again goes on from there.
 * Of a Buildbot database, adopted or not, it copies the builds, steps, properties, data and all that they refer to; a
 * finding "left" names each other table with its rows, and without is_records_only that is the end (DBK_UNSUPPORTED).
 * Rows that a store does not take are findings: "value" (empty, too long, no text, no number), "duplicate" (of the
 * properties of one name the last one counts), "orphan" (what it refers to is not there, or was left out). Without
 * skips_dirty they end the copy (DBK_CONFLICT), and with it they are left out, also by a call that goes on with it.
 * With is_followed the source, a store of daybook's own, is written by others meanwhile. It gets triggers, which note
 * what is changed; when the copy has come to within a second of it, all of its writers, in every process, are refused
 * (DBK_READ_ONLY, DBK_NOT_DONE, and a sentence with this store's URL), what is left is brought over, and this store is
 * whole: a DBK_REPORT_SWITCH says how long that took. What was acknowledged there is here, and an event reader goes on
 * from the position that it had. Cut off before, the source goes on being written, and noted; dbk_unmove() ends that.
 * A source of an older version comes as a store of this one, and is not followed (DBK_SCHEMA).
 * Args: the store is_exclusive, and new (is_created makes it) or one that a copy of the same source was begun in;
 *   from_url as for dbk_open(), of a database that nobody writes to. It is not written to. options may be NULL.
 * Result: reports of progress: a table or an index, and the rows of all tables that were gone through, those of
 *   earlier calls and those that were left out too.
 * Errors: those of dbk_open() for the source; DBK_CONFLICT (the store holds something else; another process copies
 *   into it; the source was written to meanwhile), DBK_UNSUPPORTED (this is a Buildbot database; a master runs there; the store is not is_exclusive),
 *   DBK_TOO_LARGE (a value that this database cannot hold).
 */
DBK_API int dbk_copy(struct dbk_store *store, const char *from_url,
                     const struct dbk_copy_options *options, const struct dbk_call *call,
                     dbk_report_fn *report, dbk_done_fn *done, void *user);

/*
 * Lets a store be written again that dbk_copy() with is_followed has moved, or was following: takes out what that put
 * there, its triggers and the tables daybook_changed and daybook_move. What was written in the new store is there alone.
 * A store that has none of it is left as it is. A copy that still follows it ends with an error.
 * Args: the store is_exclusive, and is the source. Errors: DBK_UNSUPPORTED (a Buildbot database; the store is not
 *   is_exclusive); DBK_BUSY, when others keep using its tables.
 */
DBK_API int dbk_unmove(struct dbk_store *store, const struct dbk_call *call, dbk_report_fn *report,
                       dbk_done_fn *done, void *user);

/*
 * Compares the rows of two stores, and their last ids, by ranges of keys, in bounded memory; of a Buildbot database
 * the tables that are copied of it. Nothing is changed on
 * either side, and nobody should write to either meanwhile. Rows are compared by hashes of 64 bits, one a column.
 * Args: from_url as for dbk_copy(). Result: a finding for each row that is "missing" in this store, "surplus" (it is
 *   not in the source) or "different", with the columns; and progress in rows.
 * Errors: those of dbk_open() for the source; DBK_UNSUPPORTED (a Buildbot database).
 */
DBK_API int dbk_verify(struct dbk_store *store, const char *from_url, const struct dbk_call *call,
                       dbk_report_fn *report, dbk_done_fn *done, void *user);

/* How a backup is made. Begin with DBK_BACKUP_OPTIONS_INIT. */
struct dbk_backup_options {
    size_t size;
    bool is_overwriting; /* take the place of a file that is there */
};
#define DBK_BACKUP_OPTIONS_INIT                                                                    \
    {                                                                                              \
        sizeof(struct dbk_backup_options), false                                                   \
    }

/*
 * Copies an SQLite database, a store or a Buildbot database, into a file that is a database by itself (no -wal
 * beside it), while others write: all that was committed before the call is in it, and nothing of a transaction that
 * was not. Every page of the copy is then checked (PRAGMA integrity_check), and only when that went well does the file
 * appear, synced and with the mode of the database. Until then it grows beside it, its name ending in -daybook-part;
 * what a kill leaves of that, the next backup to the same place replaces.
 * With a write-ahead log nobody waits for it, but the log grows by what is written meanwhile. Without one (a Buildbot database that
 * was not adopted) others wait up to half a second at a time, and the copy begins anew when somebody wrote: DBK_CONFLICT
 * when that happened 20 times. Memory is bounded; one of the store's readers is busy for as long as the check takes.
 * Of a store of an older version, opened with takes_older, the copy is of that version, for the daybook that made it.
 * Args: to_path is the file's. options may be NULL.
 * Result: reports of progress: "copying" in bytes, then "checking"; and a finding "missing" for each of daybook's tables and
 *   indexes that are not there, as dbk_check() has them, which keeps no file from appearing.
 * Errors: DBK_UNSUPPORTED (a server, which has its own tools: docs/backup.md; a database in memory), DBK_CONFLICT (a file is
 *   there, or the -wal or -journal file of one; another backup to this place is under way), DBK_INVALID (to_path is the
 *   database itself, or no plain file), DBK_FULL (also where the disk has not the room for all of it), DBK_DAMAGED (the
 *   database is), DBK_NOT_FOUND (the folder), DBK_DENIED.
 */
DBK_API int dbk_backup(struct dbk_store *store, const char *to_path,
                       const struct dbk_backup_options *options, const struct dbk_call *call,
                       dbk_report_fn *report, dbk_done_fn *done, void *user);

/*
 * Rules of what is kept, for dbk_prune(). Of a builder the first rule of a kind whose pattern fits its name counts.
 */
struct dbk_retention;

/* Makes one without rules, by which nothing goes. Result: yours, dbk_retention_free(); NULL when out of memory. */
DBK_API struct dbk_retention *dbk_retention_new(void);
DBK_API void dbk_retention_free(struct dbk_retention *retention);

/*
 * Adds a rule. Args: what is
 *     "builds"    builds with all that is in them
 *     "outputs"   build data whose name begins with "log/": the steps' outputs
 *     "data"      all other build data
 *   and rule "PATTERN older AGE keep N failures AGE", of which older or keep is needed: they go when they ended
 *   longer ago than AGE (failures and exceptions: than the last AGE), but never those of the builder's newest N
 *   builds, 1 to 100,000. PATTERN is of builders' names, with * ? and [...]. An AGE is a number with its unit: 90m, 12h,
 *   30d, 8w, 2y, at least a minute. Or what is
 *     "events"    the rule is an AGE from 1h to 7d (after which the library deletes them by itself)
 *     "keys"      operation keys, the same from 1d; those given in one week go together, when it is that long over
 * A rule is UTF-8 of at most 1,000 bytes, and there are at most 100 of a kind.
 * Result: DBK_OK; DBK_INVALID, with *out_error filled if that is not NULL, and a retention that dbk_prune() refuses;
 *   DBK_NO_MEMORY.
 */
DBK_API int dbk_retention_add(struct dbk_retention *retention, const char *what, const char *rule,
                              struct dbk_error *out_error);

/*
 * Adds the rules of another one, which stays as it is, behind its own: those before count first, and ages of events and
 * keys only where none were given. Result: as above; also DBK_INVALID for more than 100 rules of a kind.
 */
DBK_API int dbk_retention_add_all(struct dbk_retention *retention, const struct dbk_retention *more,
                                  struct dbk_error *out_error);

/* Makes one from lines "WHAT = RULE". Blank lines and those that begin with # say nothing. Result: as above; the
 * error names the line. */
DBK_API int dbk_retention_parse(const char *text, struct dbk_retention **out_retention,
                                struct dbk_error *out_error);

/* Says whether there is no rule in it, or it is NULL. */
DBK_API bool dbk_retention_is_empty(const struct dbk_retention *retention);

/* How it is pruned. Begin with DBK_PRUNE_OPTIONS_INIT. */
struct dbk_prune_options {
    size_t size;
    bool is_dry_run;  /* nothing is deleted, and the sums say what would be */
    int64_t batch_ms; /* how long a turn should take, 1 to 10,000; 0 for 5 */
};
#define DBK_PRUNE_OPTIONS_INIT                                                                     \
    {                                                                                              \
        sizeof(struct dbk_prune_options), false, 0                                                 \
    }

/*
 * Deletes what goes by the rules, in turns of batch_ms, and gives the space back where the database was made for
 * that. Kept always are builds that have not ended, those with a property `keep` (unless it is false or null), and the
 * newest successful one of each lineage, all of them whole; and each builder's newest build, which loses what is in it
 * but not its number. A build goes when its request and buildset have been complete for a day, and takes them along
 * if they have no other; in a store of our own, where nobody waits for them, it is when they were made that
 * counts. In a Buildbot database all goes that hangs on it: logs, test results. Sourcestamps and changes stay.
 * Each build that goes leaves an event "deleted", each that is emptied "updated", each value of one that stays
 * "deleted". A build with more in it than a turn takes goes in several: last of all its row. One value is never
 * divided: a very large one makes a turn longer. Done again it goes on with what is left, whatever ended it.
 * Args: retention is copied. options may be NULL.
 * Result: reports of progress (the builder, and rows so far), and at the end a sum for each table of which something
 *   went: rows, and the bytes of values and logs among them.
 *   A dry run counts what is there, which takes long where much would go; of requests and buildsets that several builds
 *   share, it says how many at most.
 * Errors: DBK_UNSUPPORTED (a Buildbot database that was not adopted, or lacks an index of ours).
 */
DBK_API int dbk_prune(struct dbk_store *store, const struct dbk_retention *retention,
                      const struct dbk_prune_options *options, const struct dbk_call *call,
                      dbk_report_fn *report, dbk_done_fn *done, void *user);

/* What dbk_erase() erases of a build. */
enum dbk_erased {
    DBK_ERASE_CONTENTS, /* all that is in it, and its state string; the build and its number stay */
    DBK_ERASE_PROPERTY, /* one property */
    DBK_ERASE_DATA      /* one value of build data; a step's output is "log/STEP" */
};

/*
 * Deletes now what should never have been recorded, as a password, whatever rules and `keep` say, and takes it out of
 * the database's files: on SQLite it is overwritten, the unused space of a store of daybook's own is given back, and
 * the write-ahead log is moved into the database and cut. Copies of it elsewhere it cannot know, and names them.
 * An open build's contents go too: writes to its steps then end with DBK_NOT_FOUND. In a Buildbot database logs and test results
 * are contents. Its buildset, changes and sourcestamps stay. Events, without the value: "deleted" of a property
 * or a value, "updated" of the build. Cut off, or ended with DBK_BUSY, it is finished by the same call.
 * SQLite leaves copies of a row in unused parts of pages when it moves rows among them, which can only be got rid of
 * by writing the whole file anew (VACUUM): others cannot write meanwhile, some 10 s for each GB, and the disk needs
 * room for the file twice over.
 * Args: name is of the property or the value; NULL for contents. is_rewritten: on SQLite, write the file anew.
 * Result: reports of progress, a sum for each table as of dbk_prune(), and a finding "left" for each place that may still
 *   hold it.
 * Errors: DBK_NOT_FOUND (the build, or it has nothing of that name, and no erasure is there to be finished); DBK_BUSY with
 *   the outcome DBK_DONE: it is deleted, but a reader has kept the write-ahead log from being cut for 2 s; DBK_UNSUPPORTED
 *   (contents, in a Buildbot database that lacks an index of ours: dbk_adopt()).
 */
DBK_API int dbk_erase(struct dbk_store *store, int64_t buildid, enum dbk_erased erased,
                      const char *name, bool is_rewritten, const struct dbk_call *call,
                      dbk_report_fn *report, dbk_done_fn *done, void *user);

/*
 * Ends builds that a master, or a recorder under its name, left open when it died: now, with their open steps. Each
 * build and each step leaves its event "finished".
 * Args: master is its name; began_before: only builds that began before that time; results is 1 to 6 (Buildbot
 *   gives them DBK_RETRY when another master takes over; where nobody will try again, DBK_EXCEPTION says more);
 *   is_dry_run only reports. Result: a finding "open" for each, and progress in ids.
 * Errors: DBK_NOT_FOUND (no such master); DBK_CONFLICT (a master of Buildbot's that said within ten minutes that it
 *   runs, unless the store is_forced).
 */
DBK_API int dbk_abandon(struct dbk_store *store, const char *master, int64_t began_before,
                        int64_t results, bool is_dry_run, const struct dbk_call *call,
                        dbk_report_fn *report, dbk_done_fn *done, void *user);

/*
 * Looks for what is dirty (orphans, duplicate properties, wrong lengths, properties that are no JSON, URL lists
 * that do not parse), missing (daybook's tables and indexes, with the command that makes them again) or unsafe,
 * the rows of each table by ranges of ids. Changes nothing; each range is a snapshot of its own, and others may
 * write meanwhile. Result: a report for each finding, and progress by table in ids.
 */
DBK_API int dbk_check(struct dbk_store *store, const struct dbk_call *call, dbk_report_fn *report,
                      dbk_done_fn *done, void *user);

/*
 * Looks for what is dirty, as dbk_check(), and mends in a store of daybook's own what has one right end: a length of build
 * data becomes that of the value; steps, properties, data and sourcestamps of a buildset that hang on nothing are
 * deleted; a build's worker that is not there becomes none. All else is left to who looks after the database. The rows of each
 * table by ranges of ids, each range in one short transaction; others may write meanwhile. It leaves no events.
 * Args: is_dry_run changes nothing (any store may be asked, a Buildbot database too, of whose duplicate
 *   properties the last one counts). Result: a report for each finding, its `done` saying whether it is mended; for each
 *   range of ids in which something was, the statement without its range, and the rows that it changed; with is_dry_run the
 *   statements that would mend a whole table, in the database's own words, with the findings as rows, at the table's end.
 * Errors: DBK_UNSUPPORTED (a Buildbot database, unless is_dry_run; a store that is not is_exclusive).
 */
DBK_API int dbk_repair(struct dbk_store *store, bool is_dry_run, const struct dbk_call *call,
                       dbk_report_fn *report, dbk_done_fn *done, void *user);

#ifdef __cplusplus
}
#endif

#endif
