/* A connection to MariaDB, shared by the files of this engine. */
#ifndef DBKI_MARIADB_CONN_H
#define DBKI_MARIADB_CONN_H

#include "base/buf.h"
#include "engine/ask.h"
#include "engine/columns.h"
#include "engine/engine.h"

#include "engine/mariadb/client.h"

enum { OWN_MAX = 512, MADE_MAX = 64, CELLS_MAX = 64, ADDRESSES_MAX = 16 };

/* Which of a statement's parameters, from 0, are once more the one before. */
enum { DBKI_REPEATS_MAX = 128 };
struct dbki_repeats {
    int count;
    int at[DBKI_REPEATS_MAX];
};

/* A statement that was prepared. */
struct prepared {
    const struct dbki_statement *statement; /* the key of an own one */
    char *text;                             /* the key of a made one; NULL: free */
    MYSQL_STMT *stmt;                       /* NULL: it is not prepared */
    struct dbki_repeats *repeats;           /* NULL: there are none */
    bool
        is_upsert; /* it inserts or updates without a condition: also a row that stays as it was counts */
    uint64_t used_at;
};

struct address {
    char *host; /* NULL: this machine */
    unsigned port;
};

/* What a URL says: how to get to the server, and as whom. */
struct login {
    struct address addresses[ADDRESSES_MAX]; /* one or more: the first that takes us is the one */
    int address_count;
    char *user, *password, *database, *socket, *option_file; /* NULL: not said */
    char *ca, *ca_path, *cert, *key, *crl;
    int timeout_s;
    bool is_encrypted, is_verified;
};

struct dbki_mariadb_load; /* rows on their way into a table (load.c) */

/* Memory that is kept between statements, and grows. */
struct room {
    void *memory;
    size_t size;
};

struct conn {
    struct dbki_conn head;
    MYSQL *mysql;
    struct login login;
    bool is_lost;                /* from then on everything is DBK_UNREACHABLE */
    bool is_given_up;            /* it is lost because whoever waited had waited for long enough */
    bool is_begun;               /* a transaction is open, or will be with what is sent next */
    const char *begin;           /* still to be sent; NULL: nothing */
    bool is_snapshot;            /* that transaction reads, and sees one state of all tables */
    bool is_repeatable;          /* the isolation that the server was told */
    bool is_clustered;           /* the server is a node of a Galera cluster */
    struct dbki_columns columns; /* kept within a snapshot */
    bool is_scripted; /* since it was begun, tables may have been locked against others' changes */
    bool is_forgetting; /* its prepared statements are of no more use */
    bool (*is_stopped)(void *user);
    void *user;
    char version[32];
    /* Of the texts in tables that are not ours, which are compared by a language's rules; "": there are none. */
    char charset[32];
    struct room params, numbers, texts; /* of the statement that runs */
    struct dbki_mariadb_load *load;     /* NULL: none was begun */
    uint64_t uses;
    struct prepared own[OWN_MAX]; /* open addressing by the statement's address */
    struct prepared made[MADE_MAX];
};

/* login.c: reads the URL. Result: 0 or a status; out_login is to be freed either way. */
int dbki_mariadb_login(const struct dbki_url *url, struct login *out_login,
                       struct dbk_error *error);
void dbki_mariadb_login_fini(struct login *login);

/* connect.c: connects conn->mysql to one of conn->login's addresses. Result: 0 or a status. */
int dbki_mariadb_connect(struct conn *conn, const struct address *address, struct dbk_error *error);
/* connect.c: tells the server, by a connection of its own, that nobody waits for this one any longer. */
void dbki_mariadb_kill(struct conn *conn);

/* error.c: fills *error from an error of the client library's. Result: the status. */
int dbki_mariadb_error(struct conn *conn, unsigned code, const char *sqlstate, const char *words,
                       struct dbk_error *error);
/* error.c: whether the last error, of a COMMIT, leaves open what became of the transaction. */
bool dbki_mariadb_is_unsure(const struct conn *conn);
/* error.c: the status that an error's number stands for. */
enum dbk_status dbki_mariadb_status(unsigned code);

/* words.c: a statement of the connectors, or of the schema's, in MariaDB's words. */
void dbki_mariadb_words(const char *sql, struct dbki_buf *out_text);
void dbki_mariadb_ddl_words(const char *sql, struct dbki_buf *out_text);
void dbki_mariadb_spell_trigger(const char *name, const char *table, const char *verb,
                                const char *statement, struct dbki_buf *out_text);
void dbki_mariadb_spell_refusal(const char *text, struct dbki_buf *out_text);
/* foreign.c: the same statement of the connectors, for tables whose texts are in that character set and are compared by
 * a language's rules: it compares them by their bytes. Result: false, when it compares too many. */
bool dbki_mariadb_foreign_words(const char *sql, const char *charset, struct dbki_buf *out_text,
                                struct dbki_repeats *out_repeats);

/* online.c */
int dbki_mariadb_index_online(struct dbki_conn *head, const char *name, const char *create,
                              struct dbki_wait *lock_wait, struct dbki_wait *wait,
                              struct dbk_error *error);

/* answers.c: waits for what a call of the client library's wants, at most until `wait` gives up or the connection's
 * owner stops it. Result: what that call is to be told. */
int dbki_mariadb_wait(struct conn *conn, int wanted, struct dbki_wait *wait);
/* answers.c: says that the connection is lost, and why. Result: the status. */
int dbki_mariadb_lost(struct conn *conn, struct dbk_error *error);
/* answers.c: runs one command without parameters, whose rows, if any, are left aside. */
int dbki_mariadb_command(struct conn *conn, const char *sql, struct dbki_wait *wait,
                         struct dbk_error *error);

/* Calls one of the client library's functions by its two halves, that of the beginning and that of going on. What
 * follows its name is what it works on, and then its other arguments. */
#define DBKI_MARIADB_CALL(conn, wait, result, function, ...)                                       \
    do {                                                                                           \
        int wanted_ = function##_start(&(result), __VA_ARGS__);                                    \
        while (wanted_)                                                                            \
            wanted_ = function##_cont(&(result), DBKI_FIRST_OF(__VA_ARGS__, 0),                    \
                                      dbki_mariadb_wait((conn), wanted_, (wait)));                 \
    } while (0)
#define DBKI_FIRST_OF(first, ...) first

/* cells.c: gives the rows of a statement that was executed to `group`, if it has any. */
int dbki_mariadb_rows(struct conn *conn, struct prepared *place, struct dbki_group *group,
                      int index);

/* statements.c */
int dbki_mariadb_run(struct dbki_conn *conn, struct dbki_group *const *groups, int count,
                     int *out_failed);
void dbki_mariadb_forget_statements(struct conn *conn);
/* engine.c: sends what begins the transaction, if that was not sent yet. */
int dbki_mariadb_send_begin(struct conn *conn, struct dbk_error *error);
/* statements.c: at least `size` bytes. Result: NULL when out of memory. */
void *dbki_mariadb_room(struct room *room, size_t size);

/* columns.c */
int dbki_mariadb_columns(struct dbki_conn *conn, const char *table,
                         int (*column)(void *user, const char *name, bool is_needed), void *user,
                         struct dbk_error *error);

/* load.c */
int dbki_mariadb_load_begin(struct dbki_conn *conn, const char *table, const char *columns,
                            struct dbk_error *error);
int dbki_mariadb_load_row(struct dbki_conn *conn, const struct dbki_value *values, int count,
                          struct dbk_error *error);
int dbki_mariadb_load_end(struct dbki_conn *conn, bool is_kept, struct dbk_error *error);

/* sequence.c */
int dbki_mariadb_last_id(struct dbki_conn *conn, const char *table, int64_t *out_last,
                         struct dbk_error *error);
int dbki_mariadb_set_last_id(struct dbki_conn *conn, const char *table, int64_t last,
                             struct dbk_error *error);

extern const struct dbki_engine dbki_mariadb;

#endif
