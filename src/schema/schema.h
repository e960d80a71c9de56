/*
 * What tables a database has, and making those of a new store. The only layer with DDL.
 * Runs on the thread that opens the store.
 */
#ifndef DBKI_SCHEMA_H
#define DBKI_SCHEMA_H

#include "engine/engine.h"

/* The versions of the tables that this library makes and reads: of a store of our own, and of those beside Buildbot's.
 * 2: properties have positions. */
enum { DBKI_SCHEMA_VERSION = 2, DBKI_ADOPTED_VERSION = 1 };
/* In its place while records are being copied into the store: it is not whole, and its indexes are not there. */
enum { DBKI_SCHEMA_COPYING = -1 };
/* After a copy that cannot be gone on with. */
enum { DBKI_SCHEMA_SPOILT = -2 };

enum { DBKI_REVISION_SIZE = 33, DBKI_OBJECTS_MAX = 96 };

/* What a writer is told of a store that was moved, with its new URL. */
#define DBKI_MOVED_WORDS DBKI_MOVED_BEGIN "%s, and is read-only here: write there"

/* A table or an index of daybook's own. */
struct dbki_object {
    const char *name;
    const char *table;       /* that an index is on; NULL: it is a table itself */
    const char *own_sql;     /* in a store of our own; NULL: not there */
    const char *adopted_sql; /* in an adopted database */
    const char *server_sql;  /* in either on a server, where it differs */
    bool is_partial;         /* that one is an index on some of the rows */
    bool is_foreign_key;     /* it is an index on a foreign key of Buildbot's tables */
};

struct dbki_schema {
    bool is_empty;   /* no tables of anybody */
    bool is_own;     /* made by daybook */
    bool is_adopted; /* Buildbot's, with our tables */
    bool is_server;  /* several may write at once */
    bool has_partial_indexes;
    bool has_key_indexes;   /* each foreign key has one */
    bool is_older;          /* daybook's tables are of a version before ours */
    bool is_copying;        /* a copy into it was begun and has not ended */
    bool is_spoilt;         /* and it cannot be gone on with */
    char moved_to[200];     /* the URL of the store that this one was moved to; "": it was not */
    bool has_events;        /* writes leave events: the tables for it are there */
    bool has_keys;          /* the same for operation keys */
    bool has_batches;       /* and, on a server, for the names of batches */
    bool has_lineage;       /* and for lineages */
    bool is_revision_known; /* of Buildbot's */
    char needed_column[96]; /* "builds.x", which wants a value that nobody here knows; "" */
    char untransacted[64];  /* a table that is not kept in transactions; "" */
    char revision[DBKI_REVISION_SIZE]; /* Buildbot's; "" for our own */
};

/*
 * Looks at the database and checks that it has the columns that the calls use.
 * Result: 0 (also for an empty one), or DBK_SCHEMA and the like with *error saying what is missing.
 */
int dbki_schema_inspect(struct dbki_conn *conn, struct dbki_schema *out_schema,
                        struct dbk_error *error);

/* A Buildbot master that says of itself that it runs. */
struct dbki_master {
    bool is_found;
    char name[64];
};

/* Looks for one that gave a sign of life in the minutes before now. */
int dbki_schema_find_master(struct dbki_conn *conn, int64_t now, struct dbki_master *out_master,
                            struct dbk_error *error);
/* Whether commits of ours are in danger beside a running master. */
bool dbki_schema_is_unsafe(struct dbki_conn *conn);

/* change.c: daybook's own objects that are wanted and not there, and those that are there. Result: 0 and
 * *out_count objects in `out`, which has room for DBKI_OBJECTS_MAX. */
int dbki_schema_missing(struct dbki_conn *conn, const struct dbki_schema *schema,
                        const struct dbki_object **out, int *out_count, struct dbk_error *error);
int dbki_schema_present(struct dbki_conn *conn, const struct dbki_object **out, int *out_count,
                        struct dbk_error *error);
/* change.c: whether there is an object of that name, perhaps one that is not whole. */
int dbki_schema_has(struct dbki_conn *conn, const char *name, bool *out_has,
                    struct dbk_error *error);
/* change.c: whether the table of lineages is still to be filled, in a store of our own whose making of it was cut off.
 * Then it counts as missing. That is a mark, since some databases commit a table before there are rows in it. */
#define DBKI_MARK_UNFILLED "lineages to be filled"
int dbki_schema_find_unfilled(struct dbki_conn *conn, bool *out_is_unfilled,
                              struct dbk_error *error);
/* change.c: the statement that makes an object, or takes it out (in `text`, if it has to be put together). */
const char *dbki_object_create(const struct dbki_object *object, const struct dbki_schema *schema);
const char *dbki_object_drop(const struct dbki_object *object, const struct dbki_engine *engine,
                             char *text, size_t size);
/* change.c: whether the object is an index that is made and dropped while others write, by the engine's
 * index_online; and the statement in its words for that, added to out_text. */
bool dbki_object_is_online(const struct dbki_object *object, const struct dbki_schema *schema,
                           const struct dbki_engine *engine);
void dbki_object_online(const struct dbki_engine *engine, const char *sql,
                        struct dbki_buf *out_text);
/* change.c: what making an index reads. *out_bytes is DBK_NONE where the database cannot tell. */
int dbki_schema_cost(struct dbki_conn *conn, const char *table, int64_t *out_rows,
                     int64_t *out_bytes, struct dbk_error *error);
/* change.c: the row of daybook_schema, for the version of this library. */
int dbki_schema_set_version(struct dbki_conn *conn, int version, int64_t now,
                            struct dbk_error *error);

/*
 * copying.c: turns a new, empty store into one that is being copied into, in three steps, since some databases commit
 * what makes or drops tables at once: the table daybook_copy, for how far it has come; with its first rows, the version
 * that nobody else opens (DBK_CONFLICT: it has it already); and without indexes. Then an index that is not there yet;
 * and a whole store again. Each within a transaction that writes.
 */
int dbki_copying_prepare(struct dbki_conn *conn, struct dbk_error *error);
int dbki_copying_begin(struct dbki_conn *conn, struct dbk_error *error);
/* Whether the second step was done; and the end of a copy that cannot be gone on with. */
int dbki_copying_is_begun(struct dbki_conn *conn, bool *out_is_begun, struct dbk_error *error);
int dbki_copying_spoil(struct dbki_conn *conn, struct dbk_error *error);
int dbki_copying_drop_indexes(struct dbki_conn *conn, const struct dbki_schema *schema,
                              struct dbk_error *error);
int dbki_copying_index(struct dbki_conn *conn, const char *sql, bool *out_is_made,
                       struct dbk_error *error);
int dbki_copying_end(struct dbki_conn *conn, struct dbk_error *error);

/* The first column of a query's first row; of one with a parameter if `param` is not NULL. */
struct dbki_answer {
    bool has_row;
    int64_t number; /* DBK_NONE when it is no number */
    char text[64];
};
int dbki_schema_ask(struct dbki_conn *conn, const char *sql, const struct dbki_value *param,
                    struct dbki_answer *answer, struct dbk_error *error);

/* Makes the tables of a new store in an empty database, perhaps one that only a copy goes into; one that has them by
 * now is fine. */
int dbki_schema_create(struct dbki_conn *conn, bool is_copying, struct dbk_error *error);

/* tables.c: the DDL of a new store; the columns that must be there, "table.column", NULL-ended. */
extern const char *const dbki_tables[]; /* a statement each, NULL-ended */
extern const char *const dbki_columns_used[];
/* Those that a store of our own has beside these since some version, each with the statement that adds it. */
struct dbki_new_column {
    const char *table, *name, *sql;
};
extern const struct dbki_new_column dbki_new_columns[]; /* up to one without a table */
/* change.c: the first of them that is not there; NULL: none. */
int dbki_schema_outdated(struct dbki_conn *conn, const struct dbki_new_column **out_column,
                         struct dbk_error *error);

/* objects.c: in the order in which they are made. */
extern const struct dbki_object dbki_objects[];
extern const int dbki_object_count;

#endif
