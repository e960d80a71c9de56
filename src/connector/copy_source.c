/* The database that is copied from; see copy.h. It is read through one connection that cannot write. */
#include "connector/copy.h"

#include "base/error.h"
#include "connector/submit.h"

#include <stdio.h>

int dbki_copy_take_number(void *owner, int index, const struct dbki_value *cells, int cell_count)
{
    (void)index;
    (void)cell_count;
    *(int64_t *)owner = dbki_value_int(&cells[0]);
    return DBK_OK;
}

int dbki_copy_run(struct dbki_conn *conn, const struct dbki_statement *statement,
                  const struct dbki_value *params, int param_count, void *owner,
                  int (*row)(void *, int, const struct dbki_value *, int), int64_t *out_changed,
                  struct dbk_error *error)
{
    struct dbki_bound bound = {
        .statement = statement, .params = params, .param_count = param_count};
    struct dbki_group group = {
        .bound = &bound, .bound_count = 1, .owner = owner, .row = row, .error = error};
    struct dbki_group *groups[] = {&group};
    int failed;
    int status = conn->engine->run(conn, groups, 1, &failed);
    if (out_changed)
        *out_changed = bound.changed;
    return status;
}

int dbki_copy_ask(struct dbki_conn *conn, const char *sql, const struct dbki_value *param,
                  int64_t *out_number, struct dbk_error *error)
{
    struct dbki_answer answer;
    int status = dbki_schema_ask(conn, sql, param, &answer, error);
    *out_number = answer.number;
    return status;
}

/* Its place, which may be spelt in several ways, and when it was made, which is there once. */
static int name_source(struct dbki_copy_source *source, struct dbk_error *error)
{
    int64_t created_at = DBK_NONE;
    int status = source->schema.is_own
                     ? dbki_copy_ask(source->conn, "SELECT created_at FROM daybook_schema", NULL,
                                     &created_at, error)
                     : DBK_OK;
    const char *place = source->conn->path ? source->conn->path : source->url.shown;
    if (created_at == DBK_NONE)
        snprintf(source->name, sizeof source->name, "%.200s", place);
    else
        snprintf(source->name, sizeof source->name, "%.200s of %lld", place, (long long)created_at);
    return status;
}

static int check_source(const struct dbki_copy_source *source, struct dbk_error *error)
{
    const struct dbki_schema *schema = &source->schema;
    if (!source->conn->engine->last_id)
        return dbki_error_set(error, DBK_UNSUPPORTED, "stores on %s are not copied yet",
                              source->conn->engine->name);
    if (schema->is_empty)
        return dbki_error_set(error, DBK_SCHEMA, "the source is an empty database");
    if (schema->is_copying)
        return dbki_error_set(error, DBK_SCHEMA,
                              "the source is itself being copied into, and not whole");
    if (schema->is_older)
        return dbki_error_set(error, DBK_SCHEMA,
                              "the source's tables are of an older version: `daybook upgrade` "
                              "brings them up");
    return DBK_OK;
}

int dbki_copy_source_open(const char *url, struct dbki_copy_source *out, struct dbk_error *error)
{
    struct dbki_copy_source source = {.conn = NULL};
    const struct dbki_conn_options options = {.is_writer = false};
    int status = dbki_url_parse(url, &source.url, error);
    if (status)
        return status;
    const struct dbki_engine *engine = dbki_engine_find(source.url.scheme, error);
    status = engine ? engine->open(&source.url, &options, &source.conn, error)
                    : (int)(error ? error->status : DBK_INVALID);
    if (!status)
        status = dbki_schema_inspect(source.conn, &source.schema, error);
    if (!status)
        status = check_source(&source, error);
    if (!status)
        status = name_source(&source, error);
    *out = source;
    if (status)
        dbki_copy_source_close(out);
    return status;
}

int dbki_copy_count(const struct dbki_layout *layout, struct dbki_conn *conn, int64_t *out_rows,
                    struct dbk_error *error)
{
    int64_t total = 0;
    int status = DBK_OK;
    for (int i = 0; i < layout->count && !status; i++) {
        const char *condition = dbki_copy_condition(&layout->tables[i]);
        char sql[160];
        int64_t rows = 0;
        snprintf(sql, sizeof sql, "SELECT count(*) FROM %s%s%s", layout->tables[i].name,
                 condition ? " WHERE " : "", condition ? condition : "");
        status = dbki_copy_ask(conn, sql, NULL, &rows, error);
        total += rows;
    }
    *out_rows = total;
    return status;
}

void dbki_copy_source_close(struct dbki_copy_source *source)
{
    if (source->conn)
        source->conn->engine->close(source->conn);
    dbki_url_fini(&source->url);
    *source = (struct dbki_copy_source){.conn = NULL};
}

int dbki_copy_source_newest(struct dbki_op *op, struct dbki_copy_source *source,
                            int64_t *out_position)
{
    *out_position = 0;
    if (!source->schema.is_own || !source->schema.has_events)
        return DBK_OK;
    /* Of a process that was killed, some may have no position yet. */
    int status = source->schema.is_server ? dbki_place_events.work(op, source->conn) : DBK_OK;
    return status ? status
                  : dbki_copy_ask(source->conn,
                                  "SELECT coalesce(max(position), 0) FROM daybook_events", NULL,
                                  out_position, &op->error);
}
