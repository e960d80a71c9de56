/* Comparing the rows of one table; see compare.h. */
#include "connector/compare.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/text.h"
#include "engine/ask.h"

#include <stdio.h>
#include <stdlib.h>

enum { RANGE_ROWS = 4096, SHARE_ROWS = 32768, LABEL_SIZE = 40, TEXT_SIZE = 512 };

struct row {
    int64_t key;
    uint64_t identity;
    uint64_t columns[DBKI_COLUMNS_MAX];
    char label[LABEL_SIZE];
};

struct side {
    const struct dbki_compare *compare;
    struct row *rows;
    size_t count, max;
    int64_t seen; /* of all shares */
    uint64_t share, share_count;
};

/* ------------------------------------------------------------------------------- gathering ---- */

/* The same value has the same hash, whichever database it is in: a number in a column of texts is its digits. */
static uint64_t hash_cell(const struct dbki_value *cell, enum dbki_column_kind kind)
{
    char digits[24];
    if (cell->type == DBKI_NULL)
        return 1;
    if (cell->type == DBKI_INT && kind == DBKI_COLUMN_NUMBER)
        return dbki_hash_number(2, (uint64_t)cell->number);
    if (cell->type == DBKI_INT) {
        int len = snprintf(digits, sizeof digits, "%lld", (long long)cell->number);
        return dbki_hash_number(dbki_hash_block(3, digits, (size_t)len), (uint64_t)len);
    }
    return dbki_hash_number(dbki_hash_block(3, cell->text, cell->len), cell->len);
}

static bool has_identity(const struct dbki_table *table)
{
    for (int i = 0; i < table->column_count; i++)
        if (table->columns[i].is_of_identity)
            return true;
    return false;
}

static void fill_row(const struct dbki_table *table, const struct dbki_value *cells,
                     struct row *row)
{
    bool is_known_by_some = has_identity(table);
    *row = (struct row){.key = table->key < 0 ? 0 : dbki_value_int(&cells[table->key])};
    for (int i = 0; i < table->column_count; i++) {
        const struct dbki_column *column = &table->columns[i];
        row->columns[i] = hash_cell(&cells[i], column->kind);
        if (is_known_by_some && !column->is_of_identity)
            continue;
        row->identity = dbki_hash_number(row->identity, row->columns[i]);
        if (cells[i].type == DBKI_TEXT && !row->label[0]) {
            snprintf(row->label, sizeof row->label, "%s", cells[i].text);
            dbki_text_repair(row->label);
        }
    }
}

static int take_row(void *owner, int index, const struct dbki_value *cells, int cell_count)
{
    struct side *side = owner;
    struct row row;
    (void)index;
    (void)cell_count;
    fill_row(side->compare->table, cells, &row);
    side->seen++;
    if (row.identity % side->share_count != side->share)
        return DBK_OK;
    if (side->count == side->max) {
        size_t max = side->max ? 2 * side->max : 256;
        struct row *grown = dbki_realloc(side->rows, max * sizeof *grown);
        if (!grown)
            return dbki_error_set(side->compare->error, DBK_NO_MEMORY, "out of memory");
        side->rows = grown;
        side->max = max;
    }
    side->rows[side->count++] = row;
    return DBK_OK;
}

static int compare_numbers(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

/* By what rows are known by, and then by all that is in them. */
static int compare_rows(const void *left, const void *right)
{
    const struct row *a = left, *b = right;
    int order = (a->key > b->key) - (a->key < b->key);
    if (!order)
        order = compare_numbers(a->identity, b->identity);
    for (int i = 0; i < DBKI_COLUMNS_MAX && !order; i++)
        order = compare_numbers(a->columns[i], b->columns[i]);
    return order;
}

/* -------------------------------------------------------------------------------- matching ---- */

static int report(const struct dbki_compare *compare, enum dbki_difference what,
                  const struct row *row, const char *columns)
{
    const struct dbki_finding finding = {.what = what,
                                         .table = compare->table,
                                         .key = compare->table->key < 0 ? DBK_NONE : row->key,
                                         .label = row->label,
                                         .columns = columns};
    return compare->found(compare->owner, &finding);
}

static int compare_columns(const struct dbki_compare *compare, const struct row *from,
                           const struct row *to)
{
    char columns[TEXT_SIZE] = "";
    size_t len = 0;
    for (int i = 0; i < compare->table->column_count; i++)
        if (from->columns[i] != to->columns[i] && len < sizeof columns)
            len += (size_t)snprintf(columns + len, sizeof columns - len, "%s%s", len ? ", " : "",
                                    compare->table->columns[i].name);
    return len ? report(compare, DBKI_DIFFERENT, from, columns) : DBK_OK;
}

static int match(const struct dbki_compare *compare, struct side *from, struct side *to)
{
    size_t i = 0, j = 0;
    int status = DBK_OK;
    if (from->count)
        qsort(from->rows, from->count, sizeof *from->rows, compare_rows);
    if (to->count)
        qsort(to->rows, to->count, sizeof *to->rows, compare_rows);
    while (!status && (i < from->count || j < to->count)) {
        const struct row *a = i < from->count ? &from->rows[i] : NULL;
        const struct row *b = j < to->count ? &to->rows[j] : NULL;
        int order = !a ? 1 : !b ? -1 : (a->key > b->key) - (a->key < b->key);
        if (!order)
            order = compare_numbers(a->identity, b->identity);
        if (order < 0)
            status = report(compare, DBKI_MISSING, a, NULL);
        else if (order > 0)
            status = report(compare, DBKI_SURPLUS, b, NULL);
        else
            status = compare_columns(compare, a, b);
        i += order <= 0;
        j += order >= 0;
    }
    return status;
}

/* ---------------------------------------------------------------------------------- ranges ---- */

/* The end of the next range: the nearer one of what the two sides say. */
static int find_end(const struct dbki_compare *compare, int64_t after, int64_t *out_last)
{
    const char *key = compare->table->columns[compare->table->key].name;
    struct dbki_value param = dbki_int(after);
    char sql[400];
    int64_t from, to;
    snprintf(sql, sizeof sql,
             "SELECT max(%s) FROM (SELECT %s FROM %s WHERE %s > ? ORDER BY %s LIMIT %d) page", key,
             key, compare->table->name, key, key, RANGE_ROWS);
    int status = dbki_copy_ask(compare->from, sql, &param, &from, compare->error);
    if (!status)
        status = dbki_copy_ask(compare->to, sql, &param, &to, compare->error);
    *out_last = status             ? DBK_NONE
                : from == DBK_NONE ? to
                : to == DBK_NONE   ? from
                : from < to        ? from
                                   : to;
    return status;
}

static void add_where(const struct dbki_table *table, struct dbki_buf *sql)
{
    const char *condition = dbki_copy_condition(table);
    if (table->key >= 0)
        dbki_buf_addf(sql, " WHERE %s > ? AND %s <= ?", table->columns[table->key].name,
                      table->columns[table->key].name);
    else if (condition)
        dbki_buf_addf(sql, " WHERE %s", condition);
}

static int gather(struct side *side, struct dbki_conn *conn, const char *sql,
                  const struct dbki_value params[2])
{
    const struct dbki_statement statement = {.sql = sql, .is_made = true, .is_streamed = true};
    side->count = 0;
    side->seen = 0;
    return dbki_copy_run(conn, &statement, params, side->compare->table->key < 0 ? 0 : 2, side,
                         take_row, NULL, side->compare->error);
}

/* How many shares the rows of a range are taken in. */
static int count_shares(const struct dbki_compare *compare, const struct dbki_value params[2],
                        uint64_t *out_count)
{
    struct dbki_buf sql = {0};
    int64_t count = 0;
    int status = DBK_OK;
    *out_count = 1;
    if (compare->table->is_key_unique || compare->table->key < 0)
        return DBK_OK;
    dbki_buf_addf(&sql, "SELECT count(*) FROM %s", compare->table->name);
    add_where(compare->table, &sql);
    const struct dbki_statement statement = {.sql = sql.text, .is_made = true};
    status = sql.is_out_of_memory ? dbki_error_set(compare->error, DBK_NO_MEMORY, "out of memory")
                                  : dbki_copy_run(compare->from, &statement, params, 2, &count,
                                                  dbki_take_int, NULL, compare->error);
    dbki_buf_fini(&sql);
    *out_count = (uint64_t)count / SHARE_ROWS + 1;
    return status;
}

static int compare_range(const struct dbki_compare *compare, const struct dbki_value params[2],
                         int64_t *out_rows)
{
    struct side from = {.compare = compare}, to = {.compare = compare};
    struct dbki_buf sql = {0};
    uint64_t shares;
    int status = count_shares(compare, params, &shares);
    dbki_buf_add(&sql, "SELECT ");
    for (int i = 0; i < compare->table->column_count; i++)
        dbki_buf_addf(&sql, "%s%s", i ? ", " : "", compare->table->columns[i].name);
    dbki_buf_addf(&sql, " FROM %s", compare->table->name);
    add_where(compare->table, &sql);
    if (!status && sql.is_out_of_memory)
        status = dbki_error_set(compare->error, DBK_NO_MEMORY, "out of memory");
    from.share_count = to.share_count = shares;
    for (uint64_t share = 0; share < shares && !status; share++) {
        from.share = to.share = share;
        status = gather(&from, compare->from, sql.text, params);
        if (!status)
            status = gather(&to, compare->to, sql.text, params);
        if (!status)
            status = match(compare, &from, &to);
    }
    *out_rows = from.seen;
    dbki_free(from.rows);
    dbki_free(to.rows);
    dbki_buf_fini(&sql);
    return status;
}

int dbki_compare_next(const struct dbki_compare *compare, int64_t *after, int64_t *out_rows,
                      bool *out_is_over)
{
    int64_t first = *after == DBK_NONE ? -INT64_MAX : *after, last = DBK_NONE;
    int status = compare->table->key < 0 ? DBK_OK : find_end(compare, first, &last);
    *out_rows = 0;
    *out_is_over = compare->table->key < 0 || last == DBK_NONE;
    if (status || (*out_is_over && compare->table->key >= 0))
        return status;
    const struct dbki_value params[2] = {dbki_int(first), dbki_int(last)};
    status = compare_range(compare, params, out_rows);
    if (!status)
        *after = last;
    return status;
}
