/*
 * Moves the rows of one table, a batch in one transaction: as the source gives a row, it goes to the target, so that
 * memory holds one row, and what the target's engine gathers. Rows are taken in the order of a key, from the last one
 * on; a batch ends between two keys. Where a key has several rows the end of the batch is looked up first.
 */
#include "connector/copy.h"

#include "base/error.h"
#include "engine/ask.h"

#include <stdio.h>

enum { ROWS_MIN = 64, ROWS_MAX = 16384, BYTES_MAX = 8 * 1024 * 1024 };

/* What is not copied as it is: servers note the last position there, others elsewhere (copy_target.c). */
const char *dbki_copy_condition(const struct dbki_table *table)
{
    return strcmp(table->name, "daybook_marks") ? NULL : "name <> 'events given'";
}

/* ------------------------------------------------------------------------------ statements ---- */

static void add_columns(struct dbki_buf *buf, const struct dbki_table *table)
{
    for (int i = 0; i < table->column_count; i++)
        dbki_buf_addf(buf, "%s%s", i ? ", " : "", table->columns[i].name);
}

/* Properties of Buildbot's are known by the order of their rows. */
static bool lacks_position(const struct dbki_table *table)
{
    if (strcmp(table->name, "build_properties") != 0)
        return false;
    for (int i = 0; i < table->column_count; i++)
        if (!strcmp(table->columns[i].name, "position"))
            return false;
    return true;
}

static void make_insert(struct dbki_copy_rows *rows)
{
    const char *columns = rows->columns.text ? rows->columns.text : "";
    int count = rows->table->column_count + rows->gives_position;
    dbki_buf_addf(&rows->target_columns, "%s%s", columns, rows->gives_position ? ", position" : "");
    dbki_buf_addf(&rows->insert_text, "INSERT INTO %s (%s) VALUES (", rows->table->name,
                  rows->target_columns.text ? rows->target_columns.text : "");
    for (int i = 0; i < count; i++)
        dbki_buf_add(&rows->insert_text, i ? ", ?" : "?");
    dbki_buf_add(&rows->insert_text, ")");
}

static void make_page(struct dbki_copy_rows *rows)
{
    const struct dbki_table *table = rows->table;
    struct dbki_buf *text = &rows->page_text;
    const char *condition = dbki_copy_condition(table);
    dbki_buf_addf(text, "SELECT %s FROM %s", rows->columns.text ? rows->columns.text : "",
                  table->name);
    if (table->key < 0) {
        if (condition)
            dbki_buf_addf(text, " WHERE %s", condition);
        return;
    }
    const char *key = table->columns[table->key].name;
    if (table->is_key_unique)
        dbki_buf_addf(text, " WHERE %s > ? ORDER BY %s LIMIT ?", key, key);
    else
        dbki_buf_addf(text, " WHERE %s > ? AND %s <= ? ORDER BY %s%s", key, key, key,
                      /* Of rows of the same name the last one counts: it comes first. */
                      rows->dirt ? ", rowid DESC" : "");
}

int dbki_copy_rows_init(struct dbki_copy_rows *rows, const struct dbki_table *table,
                        struct dbki_copy_dirt *dirt, struct dbk_error *error)
{
    *rows = (struct dbki_copy_rows){.table = table,
                                    .limit = ROWS_MIN,
                                    .dirt = dirt,
                                    .gives_position = dirt && lacks_position(table)};
    add_columns(&rows->columns, table);
    make_page(rows);
    if (table->key >= 0 && !table->is_key_unique) {
        const char *key = table->columns[table->key].name;
        dbki_buf_addf(&rows->next_text,
                      "SELECT max(%s) FROM (SELECT %s FROM %s WHERE %s > ? ORDER BY %s LIMIT ?)"
                      " page",
                      key, key, table->name, key, key);
    }
    make_insert(rows);
    if (rows->columns.is_out_of_memory || rows->target_columns.is_out_of_memory ||
        rows->page_text.is_out_of_memory || rows->next_text.is_out_of_memory ||
        rows->insert_text.is_out_of_memory) {
        dbki_copy_rows_fini(rows);
        return dbki_error_set(error, DBK_NO_MEMORY, "out of memory");
    }
    rows->next =
        (struct dbki_statement){.sql = rows->next_text.text, .is_made = true, .is_one_row = true};
    rows->page =
        (struct dbki_statement){.sql = rows->page_text.text, .is_made = true, .is_streamed = true};
    rows->insert = (struct dbki_statement){.sql = rows->insert_text.text, .is_made = true};
    return DBK_OK;
}

void dbki_copy_rows_fini(struct dbki_copy_rows *rows)
{
    dbki_buf_fini(&rows->columns);
    dbki_buf_fini(&rows->target_columns);
    dbki_buf_fini(&rows->next_text);
    dbki_buf_fini(&rows->page_text);
    dbki_buf_fini(&rows->insert_text);
    rows->table = NULL;
}

/* ---------------------------------------------------------------------------------- moving ---- */

struct batch {
    struct dbki_copy_rows *rows;
    struct dbki_conn *to;
    int64_t last_key, count, bytes;
    bool takes_all; /* however many bytes they are */
    bool is_full;   /* of bytes: the rest is for the next batch */
    struct dbk_error *error;
};

static int put(struct batch *batch, const struct dbki_value *values, int count)
{
    struct dbki_conn *to = batch->to;
    if (to->engine->load_row)
        return to->engine->load_row(to, values, count, batch->error);
    return dbki_copy_run(to, &batch->rows->insert, values, count, NULL, NULL, NULL, batch->error);
}

/* The key of a row for a message. */
static int64_t key_of(const struct dbki_table *table, const struct dbki_value *cells)
{
    return table->key < 0 ? DBK_NONE : dbki_value_int(&cells[table->key]);
}

static int take_row(void *owner, int index, const struct dbki_value *cells, int cell_count)
{
    struct batch *batch = owner;
    const struct dbki_table *table = batch->rows->table;
    struct dbki_value values[DBKI_COLUMNS_MAX + 1];
    int count = table->column_count;
    (void)index;
    for (int i = 0; i < cell_count && i < table->column_count; i++) {
        values[i] = cells[i];
        if (values[i].type == DBKI_TEXT && table->columns[i].kind == DBKI_COLUMN_BYTES)
            values[i].type = DBKI_BLOB;
        if (values[i].type == DBKI_BLOB && table->columns[i].kind == DBKI_COLUMN_TEXT)
            values[i].type = DBKI_TEXT;
        if (values[i].type == DBKI_BLOB && !batch->rows->dirt &&
            (int64_t)values[i].len > dbki_value_max(batch->to))
            return dbki_error_set(batch->error, DBK_TOO_LARGE,
                                  "%s %lld: its value has %zu bytes, and this database takes %lld",
                                  table->name, (long long)key_of(table, cells), values[i].len,
                                  (long long)dbki_value_max(batch->to));
        if (values[i].type == DBKI_TEXT || values[i].type == DBKI_BLOB)
            batch->bytes += (int64_t)values[i].len;
    }
    bool is_dirty = false;
    int status = batch->rows->dirt ? dbki_copy_judge(batch->rows->dirt, table, values,
                                                     dbki_value_max(batch->to), &is_dirty)
                                   : DBK_OK;
    /* Of a build's rows the last one comes first; and all are before what is added in the copy. */
    if (batch->rows->gives_position)
        values[count++] = dbki_int(--batch->rows->position);
    if (!status && !is_dirty)
        status = put(batch, values, count);
    if (status)
        return status;
    batch->count++;
    batch->last_key = key_of(table, cells);
    batch->is_full = !batch->takes_all && table->is_key_unique && batch->bytes > BYTES_MAX;
    return batch->is_full ? DBK_TOO_LARGE : DBK_OK; /* which ends the query */
}

/* The next batch takes as many rows as had room in this one. */
static void set_limit(struct dbki_copy_rows *rows, const struct batch *batch)
{
    if (batch->is_full)
        rows->limit = batch->count;
    else if (batch->bytes < BYTES_MAX / 4)
        rows->limit = rows->limit * 4 < ROWS_MAX ? rows->limit * 4 : ROWS_MAX;
}

/* Moves what a query of the table's columns gives. */
static int run_query(struct batch *batch, struct dbki_conn *from,
                     const struct dbki_statement *query, const struct dbki_value *params,
                     int param_count)
{
    struct dbki_copy_rows *rows = batch->rows;
    struct dbki_conn *to = batch->to;
    struct dbk_error failed;
    dbki_error_clear(&failed);
    int status = DBK_OK;
    if (to->engine->load_begin)
        status =
            to->engine->load_begin(to, rows->table->name, rows->target_columns.text, batch->error);
    if (status)
        return status;
    status = dbki_copy_run(from, query, params, param_count, batch, take_row, NULL, &failed);
    if (batch->is_full)
        status = DBK_OK;
    if (status && batch->error->status == DBK_OK)
        *batch->error = failed;
    if (!to->engine->load_end)
        return status;
    int ended = to->engine->load_end(to, !status, batch->error);
    return status ? status : ended;
}

int dbki_copy_rows_some(struct dbki_copy_rows *rows, struct dbki_conn *from, struct dbki_conn *to,
                        const struct dbki_statement *query, const struct dbki_value *params,
                        int param_count, struct dbk_error *error)
{
    struct batch batch = {.rows = rows, .to = to, .takes_all = true, .error = error};
    return run_query(&batch, from, query, params, param_count);
}

int dbki_copy_rows_move(struct dbki_copy_rows *rows, struct dbki_conn *from, struct dbki_conn *to,
                        struct dbki_copy_state *state, struct dbk_error *error)
{
    const struct dbki_table *table = rows->table;
    struct batch batch = {.rows = rows, .to = to, .last_key = state->at, .error = error};
    int64_t limit = rows->limit, last = DBK_NONE;
    struct dbki_value params[2] = {dbki_int(state->at == DBK_NONE ? -INT64_MAX : state->at),
                                   dbki_int(limit)};
    int status = DBK_OK;
    if (table->key >= 0 && !table->is_key_unique) {
        status = dbki_copy_run(from, &rows->next, params, 2, &last, dbki_take_int, NULL, error);
        if (!status && last == DBK_NONE)
            state->is_whole = true;
        if (status || last == DBK_NONE)
            return status;
        params[1] = dbki_int(last);
    }
    status = run_query(&batch, from, &rows->page, params, table->key < 0 ? 0 : 2);
    if (status)
        return status;
    set_limit(rows, &batch);
    state->copied += batch.count;
    state->at = table->key >= 0 && !table->is_key_unique ? last : batch.last_key;
    state->is_whole =
        table->key < 0 || (table->is_key_unique && !batch.is_full && batch.count < limit);
    return DBK_OK;
}
