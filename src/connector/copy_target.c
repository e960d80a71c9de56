/*
 * What a copy keeps in the database that it copies into; see copy.h. How far each table has come is committed
 * together with its rows, so that a copy that was killed goes on where it was.
 */
#include "connector/copy.h"

#include "connector/marks.h"
#include "store/store.h"

#include <stdio.h>

#define LAST_GIVEN "events given"
#define FOLLOWER "follower" /* in daybook_copy; no table's name */

static const struct dbki_statement ADD = {
    .sql = "INSERT INTO daybook_copy (name, at, copied, is_whole, source) VALUES (?, ?, 0, 0, ?)"};
static const struct dbki_statement FORGET = {.sql = "DELETE FROM daybook_copy"};
static const struct dbki_statement KEEP = {
    .sql = "UPDATE daybook_copy SET at = ?, copied = ?, is_whole = ?"
           " WHERE name = ? AND copied = ? AND is_whole = ?"};
static const struct dbki_statement GET = {
    .sql = "SELECT name, at, copied, is_whole, source FROM daybook_copy"};
static const struct dbki_statement SET_MARK = {
    .sql = "INSERT INTO daybook_marks (name, value) VALUES (?, ?)"
           " ON CONFLICT (name) DO UPDATE SET value = excluded.value"};

/* ------------------------------------------------------------------------------- beginning ---- */

/* Result: DBK_CONFLICT when a table holds something. */
static int check_empty(struct dbki_op *op, struct dbki_conn *conn, const struct dbki_layout *layout)
{
    int status = DBK_OK;
    for (int i = 0; i < layout->count && !status; i++) {
        char sql[128];
        int64_t found;
        snprintf(sql, sizeof sql, "SELECT 1 FROM %s LIMIT 1", layout->tables[i].name);
        status = dbki_copy_ask(conn, sql, NULL, &found, &op->error);
        if (!status && found != DBK_NONE)
            status = dbki_error_set(
                &op->error, DBK_CONFLICT,
                "the target holds records (in %s): a copy goes into an empty "
                "database, or on into one that it was begun in (a copy that has ended is "
                "complete: --verify compares it)",
                layout->tables[i].name);
    }
    return status;
}

static int add(struct dbki_op *op, struct dbki_conn *conn, const char *name, int64_t at,
               const char *source)
{
    const struct dbki_value values[] = {dbki_text(name), dbki_int(at), dbki_text(source)};
    return dbki_copy_run(conn, &ADD, values, 3, NULL, NULL, NULL, &op->error);
}

int dbki_copy_target_prepare(struct dbki_op *op, struct dbki_conn *conn,
                             const struct dbki_layout *layout)
{
    int status = check_empty(op, conn, layout);
    return status ? status : dbki_copying_prepare(conn, &op->error);
}

/* What is there of a beginning that was cut off begins anew; somebody may have written since then. */
int dbki_copy_target_begin(struct dbki_op *op, struct dbki_conn *conn,
                           const struct dbki_layout *layout, const struct dbki_copy_source *source,
                           int64_t newest, int64_t token)
{
    int status = check_empty(op, conn, layout);
    if (!status)
        status = dbki_copying_begin(conn, &op->error);
    if (!status)
        status = dbki_copy_run(conn, &FORGET, NULL, 0, NULL, NULL, NULL, &op->error);
    if (!status)
        status = add(op, conn, "", newest, source->name);
    if (!status && token != DBK_NONE)
        status = add(op, conn, FOLLOWER, token, NULL);
    for (int i = 0; i < layout->count && !status; i++)
        status = add(op, conn, layout->tables[i].name, DBK_NONE, NULL);
    return status;
}

/* -------------------------------------------------------------------------------- going on ---- */

struct resumed {
    const struct dbki_layout *layout;
    struct dbki_copy_state *states;
    int64_t newest, token;
    char source[256];
};

static int take_state(void *owner, int index, const struct dbki_value *cells, int cell_count)
{
    struct resumed *resumed = owner;
    (void)index;
    (void)cell_count;
    if (!cells[0].len) {
        resumed->newest = dbki_value_int(&cells[1]);
        if (cells[4].type == DBKI_TEXT)
            snprintf(resumed->source, sizeof resumed->source, "%s", cells[4].text);
        return DBK_OK;
    }
    if (!strcmp(cells[0].text, FOLLOWER))
        resumed->token = dbki_value_int(&cells[1]);
    const struct dbki_table *table = dbki_layout_find(resumed->layout, cells[0].text);
    if (table)
        resumed->states[table - resumed->layout->tables] =
            (struct dbki_copy_state){.at = dbki_value_int(&cells[1]),
                                     .copied = dbki_value_int(&cells[2]),
                                     .is_whole = dbki_value_int(&cells[3]) == 1};
    return DBK_OK;
}

int dbki_copy_target_resume(struct dbki_op *op, struct dbki_conn *conn,
                            const struct dbki_layout *layout, const struct dbki_copy_source *source,
                            struct dbki_copy_state *out, int64_t *out_newest, int64_t *out_token,
                            bool *out_is_begun)
{
    struct resumed resumed = {.layout = layout, .states = out, .token = DBK_NONE};
    int status = dbki_copying_is_begun(conn, out_is_begun, &op->error);
    if (status || !*out_is_begun)
        return status;
    status = dbki_copy_run(conn, &GET, NULL, 0, &resumed, take_state, NULL, &op->error);
    if (!status && strcmp(resumed.source, source->name) != 0)
        status = dbki_error_set(&op->error, DBK_CONFLICT,
                                "a copy into this store was begun from %.150s, and this is %.150s: "
                                "go on from there, or into an empty database",
                                resumed.source, source->name);
    *out_newest = resumed.newest;
    *out_token = resumed.token;
    return status;
}

int dbki_copy_target_keep(struct dbki_op *op, struct dbki_conn *conn, const char *table,
                          const struct dbki_copy_state *before, const struct dbki_copy_state *after)
{
    const struct dbki_value values[] = {dbki_int(after->at),       dbki_int(after->copied),
                                        dbki_int(after->is_whole), dbki_text(table),
                                        dbki_int(before->copied),  dbki_int(before->is_whole)};
    int64_t changed;
    int status = dbki_copy_run(conn, &KEEP, values, 6, NULL, NULL, &changed, &op->error);
    if (!status && changed != 1)
        status =
            dbki_error_set(&op->error, DBK_CONFLICT, "another process is copying into this store");
    return status;
}

/* ---------------------------------------------------------------------------------- ending ---- */

/* The last position that was given: a mark on servers, a sequence elsewhere. */
static int get_last_position(struct dbki_op *op, struct dbki_copy_source *source, int64_t *out)
{
    struct dbki_value name = dbki_text(LAST_GIVEN);
    if (source->schema.is_server)
        return dbki_copy_ask(source->conn, "SELECT value FROM daybook_marks WHERE name = ?", &name,
                             out, &op->error);
    return source->conn->engine->last_id(source->conn, "daybook_events", out, &op->error);
}

static int set_last_position(struct dbki_op *op, struct dbki_conn *conn, int64_t last)
{
    const struct dbki_value values[] = {dbki_text(LAST_GIVEN), dbki_int(last)};
    if (!conn->engine->is_server)
        return conn->engine->set_last_id(conn, "daybook_events", last, &op->error);
    return dbki_copy_run(conn, &SET_MARK, values, 2, NULL, NULL, NULL, &op->error);
}

/* Some databases take long to set it, and mostly it is right by the rows. */
static int set_last_id(struct dbki_op *op, struct dbki_conn *conn, const char *table, int64_t last)
{
    int64_t here;
    int status = conn->engine->last_id(conn, table, &here, &op->error);
    return status || here == last ? status
                                  : conn->engine->set_last_id(conn, table, last, &op->error);
}

int dbki_copy_target_count_on(struct dbki_op *op, struct dbki_conn *conn,
                              const struct dbki_layout *layout, struct dbki_copy_source *source)
{
    struct dbki_conn *from = source->conn;
    int64_t last = DBK_NONE;
    int status = DBK_OK;
    if (!from->engine->last_id || !conn->engine->set_last_id)
        return DBK_OK;
    for (int i = 0; i < layout->count && !status; i++) {
        const struct dbki_table *table = &layout->tables[i];
        char highest[160];
        if (!table->counts_up || table->is_ours)
            continue;
        snprintf(highest, sizeof highest, "SELECT max(%s) FROM %s", table->columns[table->key].name,
                 table->name);
        status = source->schema.is_own ? from->engine->last_id(from, table->name, &last, &op->error)
                                       : dbki_copy_ask(from, highest, NULL, &last, &op->error);
        if (!status && last != DBK_NONE)
            status = set_last_id(op, conn, table->name, last);
    }
    last = DBK_NONE;
    if (!status && source->schema.is_own)
        status = get_last_position(op, source, &last);
    return status || last == DBK_NONE ? status : set_last_position(op, conn, last);
}
