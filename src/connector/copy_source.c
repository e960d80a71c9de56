/* The database that is copied from; see copy.h. It is read through one connection that cannot write. */
#include "connector/copy.h"

#include "base/error.h"
#include "connector/long_work.h"
#include "engine/ask.h"

#include <stdio.h>

int dbki_copy_run(struct dbki_conn *conn, const struct dbki_statement *statement,
                  const struct dbki_value *params, int param_count, void *owner,
                  int (*row)(void *, int, const struct dbki_value *, int), int64_t *out_changed,
                  struct dbk_error *error)
{
    struct dbki_bound bound = {
        .statement = statement, .params = params, .param_count = param_count};
    int status = dbki_ask_bound(conn, &bound, 1, owner, row, error);
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

/* ------------------------------------------------------------------------- what is copied ---- */

struct columns {
    struct dbki_table *table;
    bool has[DBKI_COLUMNS_MAX];
    int count;
};

static int see_column(void *user, const char *name, bool is_needed)
{
    struct columns *columns = user;
    (void)is_needed;
    columns->count++;
    for (int i = 0; i < columns->table->column_count; i++)
        columns->has[i] |= !strcmp(columns->table->columns[i].name, name);
    return DBK_OK;
}

/* Takes out of the table what the source has not. */
static void keep_columns(struct dbki_table *table, const bool *has)
{
    int kept = 0, key = table->key;
    for (int i = 0; i < table->column_count; i++) {
        if (i == key)
            table->key = has[i] ? kept : -1;
        if (has[i])
            table->columns[kept++] = table->columns[i];
    }
    table->column_count = kept;
}

int dbki_copy_source_layout(struct dbki_copy_source *source, struct dbki_layout *out_layout,
                            struct dbk_error *error)
{
    int status = dbki_layout_read(out_layout, error);
    int count = out_layout->count;
    if (status || (source->schema.is_own && !source->schema.is_older))
        return status;
    out_layout->count = 0;
    for (int i = 0; i < count && !status; i++) {
        struct dbki_table *table = &out_layout->tables[out_layout->count];
        *table = out_layout->tables[i];
        struct columns columns = {.table = table};
        if (table->is_ours && !source->schema.is_own)
            continue;
        status =
            source->conn->engine->columns(source->conn, table->name, see_column, &columns, error);
        if (!columns.count)
            continue;
        keep_columns(table, columns.has);
        out_layout->count++;
    }
    return status;
}

struct left {
    struct dbki_op *op;
    const struct dbki_layout *layout;
    struct dbki_buf names; /* each with its zero byte */
};

static int take_table(void *owner, int index, const struct dbki_value *cells, int cell_count)
{
    struct left *left = owner;
    (void)index;
    (void)cell_count;
    if (cells[0].type == DBKI_TEXT && !dbki_layout_find(left->layout, cells[0].text) &&
        strcmp(cells[0].text, "alembic_version") != 0)
        dbki_buf_add_n(&left->names, cells[0].text, cells[0].len + 1);
    return left->names.is_out_of_memory
               ? dbki_error_set(&left->op->error, DBK_NO_MEMORY, "out of memory")
               : DBK_OK;
}

static int report_left(struct dbki_op *op, struct dbki_copy_source *source, const char *table,
                       int *count)
{
    char sql[160], text[96];
    int64_t rows = 0;
    snprintf(sql, sizeof sql, "SELECT count(*) FROM \"%.100s\"", table);
    int status = dbki_copy_ask(source->conn, sql, NULL, &rows, &op->error);
    if (status || !rows)
        return status;
    ++*count;
    snprintf(text, sizeof text, "%lld rows are left behind", (long long)rows);
    return dbki_long_report(op, &(struct dbk_report){.kind = DBK_REPORT_FINDING,
                                                     .subject = table,
                                                     .problem = "left",
                                                     .text = text,
                                                     .id = DBK_NONE,
                                                     .done = DBK_NONE,
                                                     .total = DBK_NONE,
                                                     .rows = rows,
                                                     .bytes = DBK_NONE});
}

int dbki_copy_source_left(struct dbki_op *op, struct dbki_copy_source *source,
                          const struct dbki_layout *layout, int *out_count)
{
    struct left left = {.op = op, .layout = layout};
    const struct dbki_statement list = {.sql = source->conn->engine->list_tables, .is_made = true};
    *out_count = 0;
    if (!list.sql)
        return dbki_error_set(&op->error, DBK_UNSUPPORTED,
                              "what else is in a database of this kind is not known");
    int status = dbki_copy_run(source->conn, &list, NULL, 0, &left, take_table, NULL, &op->error);
    for (size_t at = 0; at < left.names.len && !status; at += strlen(left.names.text + at) + 1)
        status = report_left(op, source, left.names.text + at, out_count);
    dbki_buf_fini(&left.names);
    return status;
}

/* ------------------------------------------------------------------------- who else writes ---- */

static int add_last_ids(struct dbki_op *op, struct dbki_copy_source *source,
                        const struct dbki_layout *layout, int64_t *sum)
{
    int status = DBK_OK;
    for (int i = 0; i < layout->count && !status; i++) {
        const struct dbki_table *table = &layout->tables[i];
        char sql[160];
        int64_t last = DBK_NONE;
        if (!table->counts_up)
            continue;
        snprintf(sql, sizeof sql, "SELECT max(%s) FROM %s", table->columns[table->key].name,
                 table->name);
        status = dbki_copy_ask(source->conn, sql, NULL, &last, &op->error);
        *sum += last == DBK_NONE ? 0 : last;
    }
    return status;
}

/* A master writes what daybook has no word of. */
static int refuse_beside_master(struct dbki_op *op, struct dbki_copy_source *source)
{
    struct dbki_master master;
    if (source->url.is_master_stopped)
        return DBK_OK;
    int status = dbki_schema_find_master(source->conn, op->now, &master, &op->error);
    if (status || !master.is_found)
        return status;
    return dbki_error_set(&op->error, DBK_UNSUPPORTED,
                          "the Buildbot master %.60s seems to run: stop it, copy, and use the copy "
                          "then (master=stopped in the source's URL says that it has stopped)",
                          master.name);
}

int dbki_copy_source_newest(struct dbki_op *op, struct dbki_copy_source *source,
                            const struct dbki_layout *layout, int64_t *out_newest)
{
    *out_newest = 0;
    if (!source->schema.is_own) {
        int status = refuse_beside_master(op, source);
        return status ? status : add_last_ids(op, source, layout, out_newest);
    }
    if (!source->schema.has_events)
        return DBK_OK;
    /* Of a process that was killed, some may have no position yet. */
    int status = source->schema.is_server ? dbki_place_events.work(op, source->conn) : DBK_OK;
    return status ? status
                  : dbki_copy_ask(source->conn,
                                  "SELECT coalesce(max(position), 0) FROM daybook_events", NULL,
                                  out_newest, &op->error);
}
