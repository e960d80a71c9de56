/* A connection to PostgreSQL, shared by the files of this engine. */
#ifndef DBKI_POSTGRES_CONN_H
#define DBKI_POSTGRES_CONN_H

#include "base/buf.h"
#include "engine/ask.h"
#include "engine/columns.h"
#include "engine/engine.h"

#include "engine/postgres/client.h"

enum { OWN_MAX = 512, MADE_MAX = 64, CELLS_MAX = 64, TAG_SIZE = 64 };

/* A statement that was prepared, or is being. */
struct prepared {
    const struct dbki_statement *statement; /* the key of an own one */
    char *text;                             /* the key of a made one; NULL: free */
    char *words;    /* the text in PostgreSQL's words, without prepared statements */
    uint64_t types; /* hash of the parameters' types that it was prepared with */
    uint64_t used_at;
    unsigned number; /* of its name, "s17"; 0: it is not prepared */
};

/* What was sent, and has to be answered in this order. */
struct sent {
    enum { SENT_BEGIN, SENT_PREPARE, SENT_STATEMENT, SENT_END, SENT_OTHER } what;
    int group, index;
};

struct conn {
    struct dbki_conn head;
    PGconn *pg;
    bool is_lost;       /* from then on everything is DBK_UNREACHABLE */
    bool is_given_up;   /* it is lost because whoever waited had waited for long enough */
    bool is_begun;      /* a transaction is open, or will be with what is sent next */
    const char *begin;  /* still to be sent; NULL: nothing */
    bool is_unprepared; /* prepare=no: for poolers that hand each transaction another connection */
    bool is_snapshot;   /* that transaction reads, and sees one state of all tables */
    struct dbki_columns columns; /* kept within a snapshot */
    bool is_listening;           /* notifications come on it */
    bool is_forgetting;          /* its prepared statements are of no more use */
    bool (*is_stopped)(void *user);
    void *user;
    char version[32];
    struct dbki_buf load;      /* rows of a COPY that are not sent yet (load.c) */
    Oid load_types[CELLS_MAX]; /* of its columns */
    int load_count;
    struct sent *sent;
    int sent_count, sent_max;
    unsigned last_number;
    uint64_t uses;
    struct prepared own[OWN_MAX]; /* open addressing by the statement's address */
    struct prepared made[MADE_MAX];
};

/* connect.c: connects as the URL says. Result: 0 and *out_pg, which is usable; or a status. */
int dbki_postgres_connect(const struct dbki_url *url, const struct dbki_conn_options *wanted,
                          PGconn **out_pg, struct dbk_error *error);
/* connect.c: the value of an option that is ours and not libpq's; NULL: it is not given. */
const char *dbki_postgres_option(const struct dbki_url *url, const char *name);

/* error.c: fills *error from a result, or, if that is NULL, from the connection. Result: the status. */
int dbki_postgres_error(struct conn *conn, const PGresult *result, struct dbk_error *error);
/* error.c: the same of a connection that could not be made, whose message may begin with a SQLSTATE. */
int dbki_postgres_connect_error(const char *message, struct dbk_error *error);
/* error.c: the status that a SQLSTATE stands for. */
enum dbk_status dbki_postgres_status(const char *sqlstate);

/* words.c: a statement of the connectors, or of the schema's, in PostgreSQL's words. */
void dbki_postgres_words(const char *sql, struct dbki_buf *out_text);
void dbki_postgres_ddl_words(const char *sql, struct dbki_buf *out_text);
void dbki_postgres_spell_trigger(const char *name, const char *table, const char *verb,
                                 const char *statement, struct dbki_buf *out_text);
void dbki_postgres_spell_refusal(const char *text, struct dbki_buf *out_text);

/* cells.c: a column as a value. Result: false: its type is not known. */
bool dbki_postgres_cell(const PGresult *result, int row, int column, struct dbki_value *out_value);

/* answers.c: waits for the next answer, at most until the wait gives up or the connection's owner stops it.
 * Result: NULL at the end of a statement's answers, and of all when the connection was lost. */
PGresult *dbki_postgres_next(struct conn *conn, struct dbki_wait *wait);
/* answers.c: says that the connection is lost, and why. Result: the status. */
int dbki_postgres_lost(struct conn *conn, struct dbk_error *error);
/* answers.c: runs one command without parameters in the pipeline; its tag goes to out_tag unless that is NULL.
 * Result: 0 or a status. */
int dbki_postgres_command(struct conn *conn, const char *sql, struct dbki_wait *wait,
                          char out_tag[TAG_SIZE], struct dbk_error *error);

/* answers.c: sends what is still to be sent. Result: false: the connection is lost. */
bool dbki_postgres_flush(struct conn *conn);

/* load.c */
int dbki_postgres_load_begin(struct dbki_conn *conn, const char *table, const char *columns,
                             struct dbk_error *error);
int dbki_postgres_load_row(struct dbki_conn *conn, const struct dbki_value *values, int count,
                           struct dbk_error *error);
int dbki_postgres_load_end(struct dbki_conn *conn, bool is_kept, struct dbk_error *error);

/* sequence.c */
int dbki_postgres_last_id(struct dbki_conn *conn, const char *table, int64_t *out_last,
                          struct dbk_error *error);
int dbki_postgres_set_last_id(struct dbki_conn *conn, const char *table, int64_t last,
                              struct dbk_error *error);

/* statements.c */
int dbki_postgres_run(struct dbki_conn *conn, struct dbki_group *const *groups, int count,
                      int *out_failed);
void dbki_postgres_forget_statements(struct conn *conn);

/* columns.c */
int dbki_postgres_columns(struct dbki_conn *conn, const char *table,
                          int (*column)(void *user, const char *name, bool is_needed), void *user,
                          struct dbk_error *error);

/* online.c */
int dbki_postgres_index_online(struct dbki_conn *conn, const char *name, const char *create,
                               struct dbki_wait *lock_wait, struct dbki_wait *wait,
                               struct dbk_error *error);

/* listen.c */
int dbki_postgres_listen(struct dbki_conn *conn, int stop_fd, struct dbk_error *error);
extern const struct dbki_statement dbki_postgres_notify;

extern const struct dbki_engine dbki_postgres;

#endif
