/*
 * The tables of a store while records are copied into it. Its indexes are made when all rows are there, which takes a
 * fraction of the time; until then nobody else opens it, since daybook_schema does not have a version of a store.
 */
#include "schema/layout.h"

#include "base/error.h"

#include <stdio.h>

/* How far each table has come: its last key, and how many rows. The row '' is about the source. */
static const char TABLE[] = "CREATE TABLE daybook_copy (name VARCHAR(64) NOT NULL PRIMARY KEY,"
                            " at INTEGER, copied INTEGER NOT NULL, is_whole INTEGER NOT NULL,"
                            " source TEXT)";

static int set_version(struct dbki_conn *conn, int version, struct dbk_error *error)
{
    char sql[64];
    snprintf(sql, sizeof sql, "UPDATE daybook_schema SET version = %d", version);
    return conn->engine->script(conn, sql, error);
}

int dbki_copying_prepare(struct dbki_conn *conn, struct dbk_error *error)
{
    bool is_there;
    int status = dbki_schema_has(conn, "daybook_copy", &is_there, error);
    return status || is_there ? status : conn->engine->script(conn, TABLE, error);
}

int dbki_copying_is_begun(struct dbki_conn *conn, bool *out_is_begun, struct dbk_error *error)
{
    struct dbki_answer answer;
    int status = dbki_schema_has(conn, "daybook_copy", out_is_begun, error);
    if (status || !*out_is_begun)
        return status;
    status = dbki_schema_ask(conn, "SELECT count(*) FROM daybook_copy WHERE name = ''", NULL,
                             &answer, error);
    *out_is_begun = answer.number > 0;
    return status;
}

int dbki_copying_begin(struct dbki_conn *conn, struct dbk_error *error)
{
    struct dbki_answer version;
    bool is_begun = false;
    int status = dbki_schema_ask(conn, "SELECT version FROM daybook_schema", NULL, &version, error);
    if (!status && version.number == DBKI_SCHEMA_COPYING)
        status = dbki_copying_is_begun(conn, &is_begun, error);
    if (!status && is_begun)
        status = dbki_error_set(error, DBK_CONFLICT, "another process is copying into this store");
    return status ? status : set_version(conn, DBKI_SCHEMA_COPYING, error);
}

int dbki_copying_spoil(struct dbki_conn *conn, struct dbk_error *error)
{
    return set_version(conn, DBKI_SCHEMA_SPOILT, error);
}

int dbki_copying_drop_indexes(struct dbki_conn *conn, const struct dbki_schema *schema,
                              struct dbk_error *error)
{
    const char *indexes[DBKI_INDEXES_MAX];
    int count = dbki_layout_indexes(schema, indexes);
    int status = DBK_OK;
    for (int i = 0; i < count && !status; i++) {
        char name[DBKI_WORD_SIZE], table[DBKI_WORD_SIZE], sql[2 * DBKI_WORD_SIZE + 16];
        bool is_there;
        dbki_layout_index_name(indexes[i], name);
        dbki_layout_index_table(indexes[i], table);
        snprintf(sql, sizeof sql, "DROP INDEX %s%s%s", name,
                 conn->engine->names_table_of_index ? " ON " : "",
                 conn->engine->names_table_of_index ? table : "");
        status = dbki_schema_has(conn, name, &is_there, error);
        if (!status && is_there)
            status = conn->engine->script(conn, sql, error);
    }
    return status;
}

int dbki_copying_index(struct dbki_conn *conn, const char *sql, bool *out_is_made,
                       struct dbk_error *error)
{
    char name[DBKI_WORD_SIZE];
    bool is_there;
    dbki_layout_index_name(sql, name);
    int status = dbki_schema_has(conn, name, &is_there, error);
    *out_is_made = !status && !is_there;
    return *out_is_made ? conn->engine->script(conn, sql, error) : status;
}

/* Cut off between the two, the store is whole. */
int dbki_copying_end(struct dbki_conn *conn, struct dbk_error *error)
{
    int status = set_version(conn, DBKI_SCHEMA_VERSION, error);
    return status ? status : conn->engine->script(conn, "DROP TABLE daybook_copy", error);
}
