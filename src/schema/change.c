/* What is missing of daybook's own tables and indexes, what making it costs, and the statements for it. */
#include "schema/schema.h"

#include "base/error.h"

#include <stdio.h>
#include <string.h>

/* Whether there is an object of that name, whatever it is: nobody else has names that begin with ours. Perhaps
 * only one that is whole. */
static int has_object(struct dbki_conn *conn, const char *name, bool is_usable, bool *out_has,
                      struct dbk_error *error)
{
    const struct dbki_engine *engine = conn->engine;
    struct dbki_value param = dbki_text(name);
    struct dbki_answer answer;
    const char *question =
        is_usable && engine->count_usable ? engine->count_usable : engine->count_objects;
    int status = dbki_schema_ask(conn, question, &param, &answer, error);
    *out_has = !status && answer.number > 0;
    return status;
}

int dbki_schema_has(struct dbki_conn *conn, const char *name, bool *out_has,
                    struct dbk_error *error)
{
    return has_object(conn, name, false, out_has, error);
}

int dbki_schema_find_unfilled(struct dbki_conn *conn, bool *out_is_unfilled,
                              struct dbk_error *error)
{
    struct dbki_value mark = dbki_text(DBKI_MARK_UNFILLED);
    struct dbki_answer answer;
    bool is_there;
    *out_is_unfilled = false;
    int status = has_object(conn, "daybook_marks", false, &is_there, error);
    if (status || !is_there)
        return status;
    status = dbki_schema_ask(conn, "SELECT value FROM daybook_marks WHERE name = ?", &mark, &answer,
                             error);
    *out_is_unfilled = !status && answer.has_row;
    return status;
}

/* Whether an object need not be made: it is there, whole, and filled. */
static int is_made(struct dbki_conn *conn, const struct dbki_object *object, bool *out_is_made,
                   struct dbk_error *error)
{
    bool is_unfilled = false;
    int status = has_object(conn, object->name, true, out_is_made, error);
    if (!status && *out_is_made && !strcmp(object->name, "daybook_lineage"))
        status = dbki_schema_find_unfilled(conn, &is_unfilled, error);
    *out_is_made &= !is_unfilled;
    return status;
}

static int collect(struct dbki_conn *conn, const struct dbki_schema *schema, bool are_present,
                   const struct dbki_object **out, int *out_count, struct dbk_error *error)
{
    int status = DBK_OK;
    *out_count = 0;
    for (int i = 0; i < dbki_object_count && !status; i++) {
        const struct dbki_object *object = &dbki_objects[i];
        bool is_there;
        if (schema ? !dbki_object_create(object, schema)
                   : !object->adopted_sql && !object->server_sql)
            continue;
        status = are_present ? has_object(conn, object->name, false, &is_there, error)
                             : is_made(conn, object, &is_there, error);
        if (!status && is_there == are_present)
            out[(*out_count)++] = object;
    }
    return status;
}

int dbki_schema_missing(struct dbki_conn *conn, const struct dbki_schema *schema,
                        const struct dbki_object **out, int *out_count, struct dbk_error *error)
{
    return collect(conn, schema, false, out, out_count, error);
}

int dbki_schema_present(struct dbki_conn *conn, const struct dbki_object **out, int *out_count,
                        struct dbk_error *error)
{
    return collect(conn, NULL, true, out, out_count, error);
}

const char *dbki_object_create(const struct dbki_object *object, const struct dbki_schema *schema)
{
    if (object->is_partial && !schema->has_partial_indexes)
        return NULL;
    if (object->is_foreign_key && !schema->is_own && schema->has_key_indexes)
        return NULL;
    if (schema->is_server && object->server_sql)
        return object->server_sql;
    return schema->is_own ? object->own_sql : object->adopted_sql;
}

bool dbki_object_is_online(const struct dbki_object *object, const struct dbki_schema *schema,
                           const struct dbki_engine *engine)
{
    bool is_on_others = object->table && strncmp(object->table, "daybook_", 8) != 0;
    return is_on_others && !schema->is_own && engine->index_online;
}

void dbki_object_online(const struct dbki_engine *engine, const char *sql,
                        struct dbki_buf *out_text)
{
    static const char WORD[] = "INDEX";
    const char *after = strstr(sql, WORD) + sizeof WORD - 1;
    dbki_buf_add_n(out_text, sql, (size_t)(after - sql));
    if (engine->online)
        dbki_buf_addf(out_text, " %s", engine->online);
    dbki_buf_add(out_text, after);
    if (engine->online_end && !strncmp(sql, "CREATE", 6))
        dbki_buf_add(out_text, engine->online_end);
}

const char *dbki_object_drop(const struct dbki_object *object, const struct dbki_engine *engine,
                             char *text, size_t size)
{
    bool names_table = object->table && engine->names_table_of_index;
    snprintf(text, size, "DROP %s %s%s%s", object->table ? "INDEX" : "TABLE", object->name,
             names_table ? " ON " : "", names_table ? object->table : "");
    return text;
}

int dbki_schema_cost(struct dbki_conn *conn, const char *table, int64_t *out_rows,
                     int64_t *out_bytes, struct dbk_error *error)
{
    struct dbki_value param = dbki_text(table);
    struct dbki_answer answer;
    struct dbk_error ignored;
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", table);
    int status = dbki_schema_ask(conn, sql, NULL, &answer, error);
    *out_rows = answer.number;
    *out_bytes = DBK_NONE;
    if (status)
        return status;
    dbki_error_clear(&ignored);
    if (conn->engine->table_size &&
        !dbki_schema_ask(conn, conn->engine->table_size, &param, &answer, &ignored))
        *out_bytes = answer.number;
    return DBK_OK;
}

static int see_column(void *user, const char *name, bool is_needed)
{
    const struct dbki_new_column **wanted = user;
    (void)is_needed;
    if (*wanted && !strcmp((*wanted)->name, name))
        *wanted = NULL;
    return DBK_OK;
}

int dbki_schema_outdated(struct dbki_conn *conn, const struct dbki_new_column **out_column,
                         struct dbk_error *error)
{
    int status = DBK_OK;
    *out_column = NULL;
    for (const struct dbki_new_column *added = dbki_new_columns;
         added->table && !status && !*out_column; added++) {
        *out_column = added;
        status = conn->engine->columns(conn, added->table, see_column, (void *)out_column, error);
    }
    return status;
}

int dbki_schema_set_version(struct dbki_conn *conn, int version, int64_t now,
                            struct dbk_error *error)
{
    char sql[240];
    snprintf(sql, sizeof sql,
             "UPDATE daybook_schema SET version = %d;"
             "INSERT INTO daybook_schema (version, created_at, created_by)"
             " SELECT %d, %lld, 'daybook %s' WHERE NOT EXISTS (SELECT 1 FROM daybook_schema)",
             version, version, (long long)now, DBK_VERSION);
    return conn->engine->script(conn, sql, error);
}
