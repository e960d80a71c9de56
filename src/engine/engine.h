/*
 * The contract of an engine: a driver for one kind of database.
 *
 * LOCKING. A connection belongs to one thread at a time, which is a thread of the store: the slots may
 * block, and an engine has no threads and no records of its own. Only `interrupt` may be called from
 * another thread. Every wait asks struct dbki_wait whether to go on.
 *
 * AFTER AN ERROR a connection is usable again once `rollback` was called, or says DBK_UNREACHABLE from
 * then on. An engine fills the error's status, message, engine_code, sqlstate, is_retryable and
 * outcome; the action is the caller's.
 *
 * STATEMENTS are written once, for all engines, in SQLite's words with a `?` for each parameter in order. An
 * engine whose database has other words for something replaces them by a table of its own. It keeps what it
 * has prepared: by the statement's address if it is one of the connectors' own, else by its text.
 */
#ifndef DBKI_ENGINE_H
#define DBKI_ENGINE_H

#include "base/buf.h"
#include "daybook.h"
#include "engine/url.h"
#include "engine/value.h"

struct dbki_statement {
    const char *sql;
    bool is_made;    /* made at run time (lists): known by its text, and may be forgotten again */
    bool is_one_row; /* a query of which only the first row is wanted */
    bool
        is_streamed; /* a query with many or large rows: none is kept until the next one is taken */
    /* Of one that writes one row with a parameter of type DBKI_SOURCE: where the source's bytes go. An
     * engine that can fill a value in pieces needs to know. */
    const char *source_table, *source_column;
};

/* A statement with its parameters. */
struct dbki_bound {
    const struct dbki_statement *statement;
    const struct dbki_value *params;
    int param_count;
    int64_t changed; /* out: rows inserted, updated or deleted; meaningless for a query */
};

/* What one operation sends, and where its rows go. */
struct dbki_group {
    struct dbki_bound *bound;
    int bound_count;
    void *owner;
    /* Takes a row of bound[index]. Result: 0, or a status: the engine gives up and passes it on. */
    int (*row)(void *owner, int index, const struct dbki_value *cells, int cell_count);
    struct dbk_error *error; /* out, when run() says that this group failed */
};

enum dbki_mode { DBKI_READ, DBKI_WRITE };

/* A copy of the database on its way; the engine's own. */
struct dbki_backup;
struct dbki_backup_state {
    int64_t done, total; /* bytes */
    int begun_anew; /* how often somebody wrote in between, and it was all to be copied again */
    bool is_over;
};

/* Asked again and again while an engine waits for somebody else. */
struct dbki_wait {
    bool (*gives_up)(struct dbki_wait *wait); /* true: stop waiting, with DBK_TIMEOUT */
    int64_t waited_ns;                        /* out, added to */
};

/* What a connection is opened for. */
struct dbki_conn_options {
    bool is_writer;
    bool is_created; /* make the database if it is missing */
    bool is_slim;    /* little memory: for one value after another, not for records */
    /* Asked now and then within a long query: true ends it with DBK_TIMEOUT. May be NULL. */
    bool (*is_stopped)(void *user);
    void *user;
};

/* The head of each engine's connection. */
struct dbki_conn {
    const struct dbki_engine *engine;
    const char *version; /* of the database's software; static */
    char *path;          /* the file's absolute path, or NULL; freed by close */
    bool is_single;      /* no second connection can see this database: it lives in memory */
    /* Of a writer, from begin on: the disk is full, and only what frees space is to be written. */
    bool is_short;
    bool is_read_only; /* of a writer: the file, its folder or the file system lets nobody write */
    char warning[256]; /* a setting that is not safe; "" for none */
    int64_t
        value_max; /* where the server sets it: bytes of the largest value; 0: the engine's own */
    /* Another program's checkpoint beside our commit can damage the file. */
    bool has_checkpoint_fault;
    /* Of a database of others' where that is so: bytes of the longest text in a column that says nothing of its length
     * (0: any); and characters beyond U+FFFF cannot be kept. */
    int64_t text_max;
    bool has_narrow_texts;
};

/* How the text of a refusal begins (spell_refusal), which is not to be taken for one of another trigger. */
#define DBKI_MOVED_BEGIN "the store was moved to "

struct dbki_engine {
    const char *name;
    const char *const *schemes; /* of its URLs; NULL-ended */
    int pipeline_max; /* operations that are sent before the first one's results are read */
    int writer_count; /* connections that write at once; 1: whoever writes is alone */
    /* A connection can be lost (DBK_UNREACHABLE, or DBK_TIMEOUT when its owner stopped waiting) and be opened
     * anew: what it ran was undone, unless commit's outcome says unknown. Others write meanwhile: rows are
     * locked, and DBK_BUSY with is_retryable asks for the whole transaction once more. */
    bool is_server;
    bool lacks_partial_indexes; /* those with a WHERE are left out */
    bool names_table_of_index;  /* DROP INDEX wants its table: "ON builds" */
    bool
        lacks_row_ids; /* a row that has no key of its own is known by nothing: only its place is */
    bool
        indexes_foreign_keys; /* each has an index, which is gone when there is another one like it */
    bool commits_tables; /* what makes or drops a table ends the transaction, which commits it */
    /* In tables that others made, a unique index may take names for the same that differ. */
    bool merges_names;

    /* Connects. Result: 0 and *out_conn, or a status. */
    int (*open)(const struct dbki_url *url, const struct dbki_conn_options *options,
                struct dbki_conn **out_conn, struct dbk_error *error);
    /* Frees the connection; a transaction that is open is rolled back. */
    void (*close)(struct dbki_conn *conn);

    /* Begins a transaction; for DBKI_WRITE it waits until nobody else writes. DBK_TIMEOUT: gave up. */
    int (*begin)(struct dbki_conn *conn, enum dbki_mode mode, struct dbki_wait *wait,
                 struct dbk_error *error);
    /*
     * Runs groups in their order, within the transaction or, for one query, without. Result: 0, or the
     * status of the group that failed, whose index goes to *out_failed; the rest did not run.
     */
    int (*run)(struct dbki_conn *conn, struct dbki_group *const *groups, int count,
               int *out_failed);
    /* Ends the transaction. When it fails nothing of it remains, or the outcome says unknown. */
    int (*commit)(struct dbki_conn *conn, struct dbki_wait *wait, struct dbk_error *error);
    /* Undoes the transaction, if there is one. */
    void (*rollback)(struct dbki_conn *conn);

    /*
     * Looks at the transaction, one that reads, so that its snapshot is fixed from here on.
     * *out_version: the same as in an earlier one of this connection if nobody committed in between.
     * *out_is_in_the_way: others cannot commit while it is open.
     */
    int (*look)(struct dbki_conn *conn, int64_t *out_version, bool *out_is_in_the_way,
                struct dbk_error *error);

    /* Runs statements without parameters that give no rows (DDL), as they are. */
    int (*script)(struct dbki_conn *conn, const char *sql, struct dbk_error *error);
    /* Names each column of a table; none when the table is missing. */
    int (*columns)(struct dbki_conn *conn, const char *table,
                   int (*column)(void *user, const char *name, bool is_needed), void *user,
                   struct dbk_error *error);
    /* Questions about the tables that are there, whoever made them: how many; whether there is a table or an
     * index of a name; and, optional, how many bytes a table takes. One row with one number each. */
    const char *count_tables, *count_objects, *table_size;
    /* Optional. How many of a name are there and whole, where an index can be there and of no use. */
    const char *count_usable;
    /* Optional. DDL in this engine's own words, for people to read; and any other statement. */
    void (*spell)(const char *sql, struct dbki_buf *out_text);
    void (*spell_change)(const char *sql, struct dbki_buf *out_text);
    /*
     * Optional, where making an index keeps others from writing unless it is done in a way of its own. Outside of
     * any transaction: makes the index of that name by the statement (with the word `online` behind INDEX, and
     * `online_end` at its end, where there are such), or drops it if that is NULL; one that is there and right is left. lock_wait is asked while another process is
     * at it, `wait` while it runs.
     */
    int (*index_online)(struct dbki_conn *conn, const char *name, const char *create,
                        struct dbki_wait *lock_wait, struct dbki_wait *wait,
                        struct dbk_error *error);
    const char *online, *online_end;
    /* Optional. A table that is not kept in transactions, of those that others made: a row for each with its name. */
    const char *untransacted;
    /* Optional. Statements for an empty database, outside of any transaction. */
    const char *before_tables;
    /* Optional, where beginning to write does not keep others from making or dropping daybook's tables: keeps them from it
     * until the transaction ends. Waits for who is at it; DBK_TIMEOUT: gave up, and the message says who that is. */
    int (*lock_tables)(struct dbki_conn *conn, struct dbki_wait *wait, struct dbk_error *error);
    /* Optional. Rows go into a table within a transaction that writes, quicker than by an insert each: begun for some
     * of its columns ("a, b"), then each row with a value for each of them. What began must end; without is_kept, after
     * an error of the caller's, nothing of it is there. After an error of any of them the transaction is undone. */
    int (*load_begin)(struct dbki_conn *conn, const char *table, const char *columns,
                      struct dbk_error *error);
    int (*load_row)(struct dbki_conn *conn, const struct dbki_value *values, int count,
                    struct dbk_error *error);
    int (*load_end)(struct dbki_conn *conn, bool is_kept, struct dbk_error *error);
    /*
     * Adds the statement that makes a trigger, which runs `statement` after each row of a table that is inserted,
     * updated or deleted (`verb`), and in its transaction; with `table` NULL the one that drops it. Where others can
     * be in the way, it fails with DBK_BUSY after a second or two. And adds a statement for one that refuses the row:
     * whoever writes it gets DBK_READ_ONLY and that text. And how many triggers of a name there are.
     */
    void (*spell_trigger)(const char *name, const char *table, const char *verb,
                          const char *statement, struct dbki_buf *out_text);
    void (*spell_refusal)(const char *text, struct dbki_buf *out_text);
    const char *count_triggers;
    /* Optional. The last id that a table whose ids count up has given, and will not give again (DBK_NONE: none, or
     * that is not known); and makes it that one, within a transaction that writes. */
    int (*last_id)(struct dbki_conn *conn, const char *table, int64_t *out_last,
                   struct dbk_error *error);
    int (*set_last_id)(struct dbki_conn *conn, const char *table, int64_t last,
                       struct dbk_error *error);
    /* Optional. A statement after very many rows were written, outside of any transaction. */
    const char *after_load;
    /* The names of all tables that are there, one a row. */
    const char *list_tables;
    int64_t value_max; /* bytes of the largest value of build data, unless a connection says less */
    bool sorts_null_high; /* unless it is told otherwise, by NULLS FIRST and NULLS LAST */
    /* Optional. Wakes others who wait for events, when the transaction is committed: those who listen. */
    const struct dbki_statement *notify;
    /* With it. Begins to listen on a connection that does nothing else, at its first call; from then on waits for
     * what notifies, or until there is something to read from stop_fd. Result: 0, perhaps for nothing; or a
     * status: the connection is to be closed. */
    int (*listen)(struct dbki_conn *conn, int stop_fd, struct dbk_error *error);
    /* Optional. Gives a bounded part of the unused space within the database back to the file system, in a
     * transaction that writes; and how many bytes are unused, one row with one number. */
    const struct dbki_statement *give_back, *count_unused;
    /* Optional. Keeps a reserve beside a store of our own, for a writer. */
    void (*keep_reserve)(struct dbki_conn *conn);
    /* Optional. Gives a reserve back to a disk on which the store cannot even be opened. Result: whether
     * there was one. */
    bool (*release_reserve)(const struct dbki_url *url);
    /* Optional. Whether commits go to a log beside the database, so that readers never wait for them. */
    bool (*has_log)(struct dbki_conn *conn);
    /* Optional, outside of any transaction: makes it so, or no more. Fails with DBK_BUSY when it needs the
     * database alone and somebody else has it open. */
    int (*set_log)(struct dbki_conn *conn, bool is_kept, struct dbk_error *error);
    /*
     * Optional, together. Copies the database into a file of its own, an empty one that nobody else opens: the pages
     * in one transaction of `from` that reads, or in several. Pages are copied until then, or until it is over; when
     * it is, the transaction may end, and check looks at every page of the copy (DBK_TIMEOUT: the wait gave up) and
     * gives a connection that reads it and goes with the backup. Close frees it, before `from` is closed.
     */
    int (*backup_open)(struct dbki_conn *from, const char *path, struct dbki_backup **out_backup,
                       struct dbk_error *error);
    int (*backup_pages)(struct dbki_backup *backup, int64_t until_ns, struct dbki_backup_state *out,
                        struct dbk_error *error);
    int (*backup_check)(struct dbki_backup *backup, struct dbki_wait *wait,
                        struct dbki_conn **out_copy, struct dbk_error *error);
    void (*backup_close)(struct dbki_backup *backup);
    /* Optional, together. From now on, until told otherwise, all that statements delete is overwritten within the
     * database. And, outside of any transaction, after that was committed: one try at taking what files beside the
     * database hold of it out of them. Result: 0, and whether nothing is left there; or a status. */
    void (*overwrite)(struct dbki_conn *conn, bool is_on);
    int (*scrub)(struct dbki_conn *conn, bool *out_is_over, struct dbk_error *error);
    /* With them. Writes the whole database anew, outside of any transaction; and what may hold what was deleted
     * where it was not. */
    int (*rewrite)(struct dbki_conn *conn, struct dbk_error *error);
    const char *unwritten;
    /* What else may hold what was deleted, for people: each in a sentence with what helps; NULL-ended. */
    const char *const *remains;
    /* Optional. Housekeeping after a commit, with nobody waiting for it. Result: whether it did any. */
    bool (*tidy)(struct dbki_conn *conn, bool is_last);
};

/* The bytes of the largest value of build data that the connection's database takes. */
static inline int64_t dbki_value_max(const struct dbki_conn *conn)
{
    return conn->value_max ? conn->value_max : conn->engine->value_max;
}

/* Finds the engine of a URL's scheme. Result: NULL and *error (DBK_INVALID, naming those there are). */
const struct dbki_engine *dbki_engine_find(const char *scheme, struct dbk_error *error);

#endif
