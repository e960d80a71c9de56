/*
 * Dirt in a Buildbot database: rows that a store of daybook's own does not take. What a row itself says is looked at
 * on its way; that what it refers to is not there, in the target when all rows are, parents before their children, so
 * that what hangs on a row that was left out is left out too.
 */
#include "connector/copy.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/text.h"
#include "connector/long_work.h"

#include <stdio.h>

enum { REPORTED_MAX = 1000 };

/* ------------------------------------------------------------------------------- one by one ---- */

/* Result: what is wrong with a cell, in words; NULL: nothing. */
static const char *judge_cell(const struct dbki_column *column, const struct dbki_value *cell,
                              int64_t value_max)
{
    size_t chars;
    if (cell->type == DBKI_NULL)
        return column->is_needed ? "is empty, and must not be" : NULL;
    if (column->kind == DBKI_COLUMN_NUMBER)
        return cell->type == DBKI_INT ? NULL : "is no number";
    if (cell->type == DBKI_INT)
        return NULL;
    if (column->kind == DBKI_COLUMN_BYTES)
        return (int64_t)cell->len > value_max ? "is larger than this database takes" : NULL;
    if (!dbki_text_is_valid(cell->text, cell->len, &chars))
        return "is no text: not UTF-8, or with a zero byte";
    return column->chars_max && chars > (size_t)column->chars_max ? "is too long" : NULL;
}

/* Of rows that are known by more than their key: whether one like it came before. They come by key, the ones that
 * count first. */
static bool is_repeated(struct dbki_copy_dirt *dirt, const struct dbki_table *table,
                        const struct dbki_value *cells)
{
    uint64_t hash = 1;
    int64_t key = table->key < 0 ? 0 : dbki_value_int(&cells[table->key]);
    bool has_identity = false;
    if (table->is_key_unique)
        return false;
    for (int i = 0; i < table->column_count; i++)
        if (table->columns[i].is_of_identity && cells[i].type == DBKI_TEXT) {
            hash =
                dbki_hash_number(dbki_hash_block(hash, cells[i].text, cells[i].len), cells[i].len);
            has_identity = true;
        }
    if (!has_identity)
        return false;
    if (key != dirt->key || table != dirt->table)
        dirt->seen.len = 0;
    dirt->key = key;
    dirt->table = table;
    for (size_t at = 0; at < dirt->seen.len; at += sizeof hash)
        if (!memcmp(dirt->seen.text + at, &hash, sizeof hash))
            return true;
    dbki_buf_add_n(&dirt->seen, (const char *)&hash, sizeof hash);
    return false;
}

static int report(struct dbki_copy_dirt *dirt, const char *problem, const char *table, int64_t id,
                  const char *text)
{
    dirt->count++;
    return dbki_long_report(dirt->op, &(struct dbk_report){.kind = DBK_REPORT_FINDING,
                                                           .subject = table,
                                                           .problem = problem,
                                                           .text = text,
                                                           .id = id,
                                                           .done = DBK_NONE,
                                                           .total = DBK_NONE,
                                                           .rows = DBK_NONE,
                                                           .bytes = DBK_NONE});
}

int dbki_copy_judge(struct dbki_copy_dirt *dirt, const struct dbki_table *table,
                    const struct dbki_value *cells, int64_t value_max, bool *out_is_dirty)
{
    int64_t id = table->key < 0 ? DBK_NONE : dbki_value_int(&cells[table->key]);
    char text[160];
    *out_is_dirty = true;
    for (int i = 0; i < table->column_count; i++) {
        const char *wrong = judge_cell(&table->columns[i], &cells[i], value_max);
        if (wrong) {
            snprintf(text, sizeof text, "its %s %s", table->columns[i].name, wrong);
            return report(dirt, "value", table->name, id, text);
        }
    }
    if (is_repeated(dirt, table, cells))
        return report(dirt, "duplicate", table->name, id,
                      "a later row of the same name is there: that one counts");
    *out_is_dirty = false;
    return dirt->seen.is_out_of_memory
               ? dbki_error_set(&dirt->op->error, DBK_NO_MEMORY, "out of memory")
               : DBK_OK;
}

void dbki_copy_dirt_fini(struct dbki_copy_dirt *dirt)
{
    dbki_buf_fini(&dirt->seen);
}

/* --------------------------------------------------------------------------------- orphans ---- */

/* Parents before what hangs on them. */
static const struct {
    const char *table, *column, *parents, *key;
} REFERENCES[] = {
    {"builder_masters", "builderid", "builders", "id"},
    {"builder_masters", "masterid", "masters", "id"},
    {"builders_tags", "builderid", "builders", "id"},
    {"builders_tags", "tagid", "tags", "id"},
    {"configured_workers", "buildermasterid", "builder_masters", "id"},
    {"configured_workers", "workerid", "workers", "id"},
    {"connected_workers", "masterid", "masters", "id"},
    {"connected_workers", "workerid", "workers", "id"},
    {"changes", "sourcestampid", "sourcestamps", "id"},
    {"change_files", "changeid", "changes", "changeid"},
    {"change_properties", "changeid", "changes", "changeid"},
    {"change_users", "changeid", "changes", "changeid"},
    {"buildset_properties", "buildsetid", "buildsets", "id"},
    {"buildset_sourcestamps", "buildsetid", "buildsets", "id"},
    {"buildset_sourcestamps", "sourcestampid", "sourcestamps", "id"},
    {"buildrequests", "buildsetid", "buildsets", "id"},
    {"buildrequests", "builderid", "builders", "id"},
    {"buildrequest_claims", "brid", "buildrequests", "id"},
    {"buildrequest_claims", "masterid", "masters", "id"},
    {"builds", "builderid", "builders", "id"},
    {"builds", "buildrequestid", "buildrequests", "id"},
    {"builds", "masterid", "masters", "id"},
    {"builds", "workerid", "workers", "id"},
    {"build_properties", "buildid", "builds", "id"},
    {"build_data", "buildid", "builds", "id"},
    {"steps", "buildid", "builds", "id"},
};
enum { REFERENCE_COUNT = sizeof REFERENCES / sizeof REFERENCES[0] };

struct orphans {
    struct dbki_copy_dirt *dirt;
    const char *table, *column, *parents;
    int64_t count;
};

static int take_orphan(void *owner, int index, const struct dbki_value *cells, int cell_count)
{
    struct orphans *orphans = owner;
    char text[160];
    (void)index;
    (void)cell_count;
    orphans->count++;
    snprintf(text, sizeof text, "its %s %lld is not there in %s", orphans->column,
             (long long)dbki_value_int(&cells[1]), orphans->parents);
    return report(orphans->dirt, "orphan", orphans->table, dbki_value_int(&cells[0]), text);
}

static int delete_orphans(struct orphans *orphans, struct dbki_conn *conn, const char *where)
{
    struct dbk_error *error = &orphans->dirt->op->error;
    struct dbki_buf sql = {0};
    char text[80];
    int64_t changed = 0;
    dbki_buf_addf(&sql, "DELETE FROM %s%s", orphans->table, where);
    const struct dbki_statement statement = {.sql = sql.text, .is_made = true};
    int status = sql.is_out_of_memory
                     ? dbki_error_set(error, DBK_NO_MEMORY, "out of memory")
                     : dbki_copy_run(conn, &statement, NULL, 0, NULL, NULL, &changed, error);
    dbki_buf_fini(&sql);
    if (status || changed <= orphans->count)
        return status;
    snprintf(text, sizeof text, "%lld more, the same", (long long)(changed - orphans->count));
    return report(orphans->dirt, "orphan", orphans->table, DBK_NONE, text);
}

int dbki_copy_orphans(struct dbki_copy_dirt *dirt, struct dbki_conn *conn,
                      const struct dbki_layout *layout, int which, bool is_left_out,
                      bool *out_is_over)
{
    *out_is_over = which >= REFERENCE_COUNT;
    if (*out_is_over)
        return DBK_OK;
    struct orphans orphans = {.dirt = dirt,
                              .table = REFERENCES[which].table,
                              .column = REFERENCES[which].column,
                              .parents = REFERENCES[which].parents};
    const struct dbki_table *table = dbki_layout_find(layout, orphans.table);
    if (!table || !dbki_layout_find(layout, orphans.parents))
        return DBK_OK;
    char where[320];
    snprintf(where, sizeof where,
             " WHERE %s.%s IS NOT NULL AND NOT EXISTS (SELECT 1 FROM %s p WHERE p.%s = %s.%s)",
             orphans.table, orphans.column, orphans.parents, REFERENCES[which].key, orphans.table,
             orphans.column);
    struct dbki_buf sql = {0};
    dbki_buf_addf(&sql, "SELECT %s, %s FROM %s%s ORDER BY 1 LIMIT %d",
                  table->columns[table->key].name, orphans.column, orphans.table, where,
                  REPORTED_MAX);
    const struct dbki_statement statement = {.sql = sql.text, .is_made = true};
    struct dbk_error *error = &dirt->op->error;
    int status = sql.is_out_of_memory
                     ? dbki_error_set(error, DBK_NO_MEMORY, "out of memory")
                     : dbki_copy_run(conn, &statement, NULL, 0, &orphans, take_orphan, NULL, error);
    dbki_buf_fini(&sql);
    return status || !is_left_out || !orphans.count ? status
                                                    : delete_orphans(&orphans, conn, where);
}
