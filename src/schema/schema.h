/*
 * What tables a database has, and making those of a new store. The only layer with DDL.
 * Runs on the thread that opens the store.
 */
#ifndef DBKI_SCHEMA_H
#define DBKI_SCHEMA_H

#include "engine/engine.h"

/* The version of daybook's own tables that this library makes and reads. */
enum { DBKI_SCHEMA_VERSION = 1 };

enum { DBKI_REVISION_SIZE = 33 };

struct dbki_schema {
    bool is_empty;                     /* no tables of anybody */
    bool is_own;                       /* made by daybook */
    bool is_adopted;                   /* Buildbot's, with our tables */
    bool has_events;                   /* daybook_events is there */
    char revision[DBKI_REVISION_SIZE]; /* Buildbot's; "" for our own */
};

/*
 * Looks at the database and checks that it has the columns that the calls use.
 * Result: 0 (also for an empty one), or DBK_SCHEMA and the like with *error saying what is missing.
 */
int dbki_schema_inspect(struct dbki_conn *conn, struct dbki_schema *out_schema,
                        struct dbk_error *error);

/* Makes the tables of a new store in an empty database; one that has them by now is fine. */
int dbki_schema_create(struct dbki_conn *conn, struct dbk_error *error);

/* tables.c: the DDL of a new store; the columns that must be there, "table.column", NULL-ended. */
extern const char dbki_tables_before[];
extern const char *const dbki_tables[]; /* a statement each, NULL-ended */
extern const char *const dbki_columns_used[];

#endif
