/* A connection to SQLite, shared by the files of this engine. */
#ifndef DBKI_SQLITE_CONN_H
#define DBKI_SQLITE_CONN_H

#include "engine/engine.h"

#include <sqlite3.h>
#include <sys/types.h>

enum { OWN_MAX = 512, MADE_MAX = 64, CELLS_MAX = 64 };

/* A statement that was prepared. */
struct prepared {
    const struct dbki_statement *statement; /* the key of an own one */
    uint64_t hash;                          /* of the text of a made one; 0: free */
    uint64_t used_at;                       /* counts up with each use */
    sqlite3_stmt *stmt;
};

/* The right to write next, among our processes (turn.c). */
struct turn {
    int fd; /* the lock file's; -1: there is none, and SQLite's own lock must do */
    bool is_taken;
};

struct conn {
    struct dbki_conn head;
    sqlite3 *db;
    struct conn *checkpointer; /* a second connection, made when it is first needed */
    struct turn turn;
    bool is_writer;
    bool is_in_transaction;
    char *log_path;  /* of a writer's write-ahead log; NULL: none */
    int reserve_fd;  /* -1: there is none */
    bool is_full;    /* something found the disk full, and the transaction has yet to be undone */
    ino_t log_inode; /* 0: not known yet */
    int64_t placed_at_ns; /* when a read last found the file in its place */
    int wal_pages;        /* in the write-ahead log after our last commit */
    sqlite3_blob *part;   /* what daybook_range() read last in this transaction; NULL: nothing */
    int64_t part_id;
    uint64_t uses;
    bool (*is_stopped)(void *user);
    void *user;
    struct prepared own[OWN_MAX]; /* open addressing by the statement's address */
    struct prepared made[MADE_MAX];
};

/* error.c: fills *error from the connection's last error. Result: the status. */
int dbki_sqlite_error(sqlite3 *db, int code, struct dbk_error *error);
/* error.c: the status that a native code stands for. */
enum dbk_status dbki_sqlite_status(int code);

/* statements.c */
int dbki_sqlite_run(struct dbki_conn *conn, struct dbki_group *const *groups, int count,
                    int *out_failed);
void dbki_sqlite_forget_statements(struct conn *conn);

/* large.c: fills the value that was made as long as the statement's source. */
int dbki_sqlite_fill(struct conn *conn, const struct dbki_bound *bound, struct dbk_error *error);
/* large.c: adds the SQL function daybook_range(id, offset, length). */
int dbki_sqlite_add_range(struct conn *conn);
/* large.c: gives up what it keeps open within a transaction. */
void dbki_sqlite_end_range(struct conn *conn);

/* turn.c */
void dbki_turn_open(struct turn *turn, const char *database_path);
void dbki_turn_close(struct turn *turn);
/* Waits for the turn. Result: false when the wait gives up. */
bool dbki_turn_take(struct turn *turn, struct dbki_wait *wait);
void dbki_turn_leave(struct turn *turn);
/* One step of waiting for somebody else: sleeps, longer with each try. Result: false: give up. */
bool dbki_turn_pause(struct dbki_wait *wait, int *tries);

/* reserve.c */
void dbki_reserve_keep(struct dbki_conn *conn);
void dbki_reserve_close(struct conn *conn);
/* Before a write: whether the connection is short, and if there is room, no longer. */
void dbki_reserve_check(struct conn *conn);
/* Takes note of what a statement ended with. */
void dbki_reserve_note(struct conn *conn, enum dbk_status status);
/* After a transaction that found the disk full was undone. */
void dbki_reserve_release(struct conn *conn);
bool dbki_reserve_release_at(const struct dbki_url *url);

/* checkpoint.c */
/* What the log may keep of the disk once it begins anew. */
#define DBKI_LOG_LIMIT_SQL "PRAGMA journal_size_limit=16777216"
bool dbki_sqlite_tidy(struct dbki_conn *conn, bool is_last);
void dbki_checkpoint_watch(struct conn *conn);
/* Moves the log into the database now. Result: whether that was tried; wal_pages says what is left. */
bool dbki_checkpoint(struct conn *conn);

/* room.c: gives space back to a full disk. Result: whether there was any to give. */
bool dbki_sqlite_make_room(struct conn *conn);
/* room.c: begins a log of which all was moved anew, so that it is as long as one page in it. Result: whether
 * it is, and nothing of before is left in it. */
bool dbki_sqlite_cut_log(struct conn *conn);

/* scrub.c */
void dbki_sqlite_overwrite(struct dbki_conn *conn, bool is_on);
int dbki_sqlite_scrub(struct dbki_conn *conn, bool *out_is_over, struct dbk_error *error);
int dbki_sqlite_rewrite(struct dbki_conn *conn, struct dbk_error *error);
extern const char dbki_sqlite_unwritten[];
extern const char *const dbki_sqlite_remains[];

/* backup.c */
int dbki_sqlite_backup_open(struct dbki_conn *from, const char *path, struct dbki_backup **out,
                            struct dbk_error *error);
int dbki_sqlite_backup_pages(struct dbki_backup *backup, int64_t until_ns,
                             struct dbki_backup_state *out, struct dbk_error *error);
int dbki_sqlite_backup_check(struct dbki_backup *backup, struct dbki_wait *wait,
                             struct dbki_conn **out_copy, struct dbk_error *error);
void dbki_sqlite_backup_close(struct dbki_backup *backup);

/* sequence.c */
int dbki_sqlite_last_id(struct dbki_conn *conn, const char *table, int64_t *out_last,
                        struct dbk_error *error);
int dbki_sqlite_set_last_id(struct dbki_conn *conn, const char *table, int64_t last,
                            struct dbk_error *error);

/* log.c */
bool dbki_sqlite_has_log(struct dbki_conn *conn);
int dbki_sqlite_set_log(struct dbki_conn *conn, bool is_kept, struct dbk_error *error);

/* engine.c */
void dbki_sqlite_close(struct dbki_conn *conn);
/* engine.c: opens a plain connection with the settings that all of ours have. */
int dbki_sqlite_connect(const char *path, int flags, struct conn **out_conn,
                        struct dbk_error *error);
int dbki_sqlite_exec(struct conn *conn, const char *sql, struct dbk_error *error);

#endif
