/*
 * Prepares, keeps and runs statements, all of a batch in one pipeline: everything is sent, then all answers are
 * read. What fails ends the pipeline: what stands behind it is not run.
 *
 * Parameters go with the types of our values, whatever the column's: PostgreSQL casts them where they are
 * stored, and compares numbers of any size by index.
 */
#include "base/alloc.h"
#include "base/error.h"
#include "base/hash.h"
#include "engine/postgres/conn.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { OID_BYTEA = 17, OID_INT8 = 20, OID_TEXT = 25 };
enum { NAME_SIZE = 16 };

/* ------------------------------------------------------------------------ what is prepared ---- */

static struct prepared *own_place(struct conn *conn, const struct dbki_statement *statement)
{
    uintptr_t address = (uintptr_t)statement;
    for (size_t i = address / sizeof *statement;; i++) {
        struct prepared *place = &conn->own[i % OWN_MAX];
        if (place->statement == statement || !place->statement)
            return place;
    }
}

static void clear_place(struct prepared *place)
{
    dbki_free(place->text);
    dbki_free(place->words);
    *place = (struct prepared){0};
}

void dbki_postgres_forget_statements(struct conn *conn)
{
    for (int i = 0; i < OWN_MAX; i++)
        clear_place(&conn->own[i]);
    for (int i = 0; i < MADE_MAX; i++)
        clear_place(&conn->made[i]);
    conn->is_forgetting = false;
}

static void add_sent(struct conn *conn, int what, int group, int index)
{
    if (conn->sent_count == conn->sent_max) {
        int max = conn->sent_max ? 2 * conn->sent_max : 64;
        struct sent *grown = dbki_realloc(conn->sent, (size_t)max * sizeof *grown);
        if (!grown) {
            conn->is_lost = true; /* the answers could not be told apart any more */
            return;
        }
        conn->sent = grown;
        conn->sent_max = max;
    }
    conn->sent[conn->sent_count++] = (struct sent){.what = what, .group = group, .index = index};
}

static void send_plain(struct conn *conn, int what, const char *sql)
{
    add_sent(conn, what, -1, 0);
    if (!conn->is_lost && !PQsendQueryParams(conn->pg, sql, 0, NULL, NULL, NULL, NULL, 1))
        conn->is_lost = true;
}

static void send_deallocate(struct conn *conn, const struct prepared *place)
{
    char sql[32];
    if (!place->number)
        return;
    snprintf(sql, sizeof sql, "DEALLOCATE s%u", place->number);
    send_plain(conn, SENT_OTHER, sql);
}

/* The place of a made one: where its text is, or the one that was not used for longest. */
static struct prepared *made_place(struct conn *conn, const char *sql)
{
    struct prepared *oldest = &conn->made[0];
    for (int i = 0; i < MADE_MAX; i++) {
        struct prepared *place = &conn->made[i];
        if (place->text && !strcmp(place->text, sql))
            return place;
        if (place->used_at < oldest->used_at)
            oldest = place;
    }
    send_deallocate(conn, oldest);
    clear_place(oldest);
    size_t size = strlen(sql) + 1;
    oldest->text = dbki_malloc(size);
    if (oldest->text)
        memcpy(oldest->text, sql, size);
    return oldest->text ? oldest : NULL;
}

/* --------------------------------------------------------------------------------- sending ---- */

enum { FEW = 24 };

/* The parameters of one statement: the usual few need no memory. */
struct params {
    Oid *types;
    const char **values;
    int *lengths, *formats;
    uint64_t *numbers;
    void **read; /* what was read out of files, to be freed */
    int count;
    char *memory; /* of many */
    struct {
        Oid types[FEW];
        const char *values[FEW];
        int lengths[FEW], formats[FEW];
        uint64_t numbers[FEW];
        void *read[FEW];
    } few;
};

static void params_fini(struct params *params)
{
    for (int i = 0; params->read && i < params->count; i++)
        dbki_free(params->read[i]);
    dbki_free(params->memory);
}

static bool params_init(struct params *params, int count)
{
    size_t room = (size_t)count;
    params->count = count;
    params->memory = NULL;
    if (count <= FEW) {
        params->types = params->few.types;
        params->values = params->few.values;
        params->lengths = params->few.lengths;
        params->formats = params->few.formats;
        params->numbers = params->few.numbers;
        params->read = params->few.read;
    } else {
        size_t each = sizeof *params->values + sizeof *params->numbers + sizeof *params->read +
                      sizeof *params->types + sizeof *params->lengths + sizeof *params->formats;
        char *next = params->memory = dbki_malloc(room * each);
        params->read = NULL;
        if (!next)
            return false;
        /* The largest come first, so that all are aligned. */
        params->values = (const char **)(void *)next;
        params->numbers = (uint64_t *)(void *)(next += room * sizeof *params->values);
        params->read = (void **)(void *)(next += room * sizeof *params->numbers);
        params->types = (Oid *)(void *)(next += room * sizeof *params->read);
        params->lengths = (int *)(void *)(next += room * sizeof *params->types);
        params->formats = (int *)(void *)(next + room * sizeof *params->lengths);
    }
    for (int i = 0; i < count; i++) {
        params->values[i] = NULL;
        params->read[i] = NULL;
        params->lengths[i] = 0;
    }
    return true;
}

/* A whole source: on a server our memory is bounded by the value. */
static int read_source(const struct dbki_value *value, void **out_bytes, struct dbk_error *error)
{
    const struct dbki_source *source = value->source;
    char *bytes = dbki_malloc(value->len + 1);
    if (!bytes)
        return dbki_error_set(error, DBK_NO_MEMORY, "out of memory");
    *out_bytes = bytes;
    for (size_t done = 0; done < value->len;) {
        ssize_t len =
            pread(source->fd, bytes + done, value->len - done, source->offset + (int64_t)done);
        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0)
            return dbki_error_set(error, DBK_INVALID, "the value's file cannot be read: %s",
                                  strerror(errno));
        if (len == 0)
            return dbki_error_set(error, DBK_INVALID,
                                  "the value's file ended after %zu bytes, before the length that "
                                  "was given",
                                  done);
        done += (size_t)len;
    }
    return DBK_OK;
}

static int add_param(struct params *params, int i, const struct dbki_value *value,
                     struct dbk_error *error)
{
    int status = DBK_OK;
    enum dbki_type type = dbki_value_type(value);
    params->formats[i] = 1;
    params->types[i] = type == DBKI_INT ? OID_INT8 : type == DBKI_TEXT ? OID_TEXT : OID_BYTEA;
    if (value->type == DBKI_NULL)
        return DBK_OK;
    params->lengths[i] = (int)value->len;
    if (type == DBKI_INT) {
        params->numbers[i] = htobe64((uint64_t)value->number);
        params->values[i] = (const char *)&params->numbers[i];
        params->lengths[i] = sizeof params->numbers[i];
    } else if (type == DBKI_SOURCE) {
        status = read_source(value, &params->read[i], error);
        params->values[i] = params->read[i];
    } else {
        params->values[i] = value->len ? value->text : ""; /* NULL would be SQL's */
    }
    return status;
}

/* Has the statement in PostgreSQL's words. Result: false when out of memory. */
static bool has_words(struct prepared *place, const char *sql)
{
    struct dbki_buf words = {0};
    if (place->words)
        return true;
    dbki_postgres_words(sql, &words);
    if (words.is_out_of_memory || !words.text) {
        dbki_buf_fini(&words);
        return false;
    }
    place->words = words.text;
    return true;
}

/* Sends the statement as it is prepared, preparing it if it is not. Result: whether it was sent. */
static bool send_prepared(struct conn *conn, struct prepared *place, const struct params *params,
                          int group, int index)
{
    char name[NAME_SIZE];
    uint64_t types =
        dbki_hash_bytes(1, params->types, (size_t)params->count * sizeof *params->types);
    if (conn->is_unprepared) {
        add_sent(conn, SENT_STATEMENT, group, index);
        return PQsendQueryParams(conn->pg, place->words, params->count, params->types,
                                 params->values, params->lengths, params->formats, 1) == 1;
    }
    if (place->number && place->types != types) {
        send_deallocate(conn, place);
        place->number = 0;
    }
    bool is_new = !place->number;
    if (is_new) {
        place->number = ++conn->last_number;
        place->types = types;
    }
    snprintf(name, sizeof name, "s%u", place->number);
    if (is_new) {
        add_sent(conn, SENT_PREPARE, group, index);
        if (!PQsendPrepare(conn->pg, name, place->words, params->count, params->types))
            return false;
    }
    add_sent(conn, SENT_STATEMENT, group, index);
    return PQsendQueryPrepared(conn->pg, name, params->count, params->values, params->lengths,
                               params->formats, 1) == 1;
}

static int send_bound(struct conn *conn, struct dbki_group *group, int group_index, int index)
{
    const struct dbki_bound *bound = &group->bound[index];
    const struct dbki_statement *statement = bound->statement;
    struct prepared *place =
        statement->is_made ? made_place(conn, statement->sql) : own_place(conn, statement);
    struct params params;
    int status = DBK_OK;
    if (!params_init(&params, bound->param_count) || !place || !has_words(place, statement->sql))
        status = dbki_error_set(group->error, DBK_NO_MEMORY, "out of memory");
    if (!status) {
        place->statement = statement;
        place->used_at = ++conn->uses;
    }
    for (int i = 0; i < bound->param_count && !status; i++)
        status = add_param(&params, i, &bound->params[i], group->error);
    if (!status && !conn->is_lost && !send_prepared(conn, place, &params, group_index, index))
        conn->is_lost = true;
    params_fini(&params);
    return status;
}

/* Sends everything, and the pipeline's end. Result: 0, or the status of the group that could not be bound,
 * whose index goes to *out_failed: nothing behind it was sent. */
static int send_all(struct conn *conn, struct dbki_group *const *groups, int count, int *out_failed)
{
    int status = DBK_OK;
    conn->sent_count = 0;
    if (conn->begin)
        send_plain(conn, SENT_BEGIN, conn->begin);
    conn->begin = NULL;
    for (int i = 0; i < count && !status; i++)
        for (int j = 0; j < groups[i]->bound_count && !status; j++) {
            status = send_bound(conn, groups[i], i, j);
            *out_failed = i;
        }
    add_sent(conn, SENT_END, -1, 0);
    if (!conn->is_lost && !PQpipelineSync(conn->pg))
        conn->is_lost = true;
    return status;
}

/* --------------------------------------------------------------------------------- reading ---- */

static int take_row(struct dbki_group *group, int index, const PGresult *result, int row)
{
    struct dbki_value cells[CELLS_MAX];
    int count = PQnfields(result);
    for (int i = 0; i < count && i < CELLS_MAX; i++)
        if (!dbki_postgres_cell(result, row, i, &cells[i]))
            return dbki_error_set(group->error, DBK_SCHEMA,
                                  "the column %.60s is of a type that is not known (%u)",
                                  PQfname(result, i), PQftype(result, i));
    int status = group->row(group->owner, index, cells, count);
    if (status && group->error && group->error->status == DBK_OK)
        dbki_error_set(group->error, (enum dbk_status)status, "%s",
                       dbk_status_text((enum dbk_status)status));
    return status;
}

static int take_result(struct conn *conn, struct dbki_group *group, int index,
                       const PGresult *result)
{
    struct dbki_bound *bound = &group->bound[index];
    int status = DBK_OK;
    switch (PQresultStatus(result)) {
    case PGRES_TUPLES_OK: {
        int count = PQntuples(result);
        if (bound->statement->is_one_row && count > 1)
            count = 1;
        for (int i = 0; i < count && !status && group->row; i++)
            status = take_row(group, index, result, i);
        break;
    }
    case PGRES_SINGLE_TUPLE:
        return group->row ? take_row(group, index, result, 0) : DBK_OK;
    case PGRES_COMMAND_OK:
        break;
    default:
        return dbki_postgres_error(conn, result, group->error);
    }
    long long changed = 0;
    for (const char *c = PQcmdTuples((PGresult *)(uintptr_t)result); *c; c++)
        changed = 10 * changed + (*c - '0');
    bound->changed = changed;
    return status;
}

/* A statement that was to be prepared in a pipeline that broke off before: it was not. */
static void unprepare(struct conn *conn, struct dbki_group *group, int index)
{
    const struct dbki_statement *statement = group->bound[index].statement;
    struct prepared *place =
        statement->is_made ? made_place(conn, statement->sql) : own_place(conn, statement);
    if (place)
        place->number = 0;
}

/* Before the first answer of a statement is read: of one that is streamed each row will be an answer. */
static void stream_if_wanted(struct conn *conn, const struct sent *sent,
                             const struct dbki_group *group)
{
    if (sent->what == SENT_STATEMENT && group->bound[sent->index].statement->is_streamed)
        PQsetSingleRowMode(conn->pg);
}

/* Reads the answers to everything that was sent. Result: as run(). */
static int take_all(struct conn *conn, struct dbki_group *const *groups, int *out_failed)
{
    struct dbk_error *error = groups[0]->error;
    int status = DBK_OK, next = 0, begun = -1;
    while (next < conn->sent_count && !conn->is_lost) {
        struct sent *sent = &conn->sent[next];
        struct dbki_group *group = sent->group >= 0 ? groups[sent->group] : NULL;
        if (begun != next)
            stream_if_wanted(conn, sent, group);
        begun = next;
        PGresult *result = dbki_postgres_next(conn, NULL);
        if (!result) { /* the end of this one's answers */
            next++;
            continue;
        }
        ExecStatusType kind = PQresultStatus(result);
        bool is_bad = kind == PGRES_FATAL_ERROR || kind == PGRES_PIPELINE_ABORTED;
        if (is_bad && sent->what == SENT_PREPARE)
            unprepare(conn, group, sent->index);
        if (kind == PGRES_PIPELINE_SYNC) {
            next = conn->sent_count;
        } else if (!status && sent->what == SENT_STATEMENT) {
            status = take_result(conn, group, sent->index, result);
            *out_failed = sent->group;
        } else if (!status && kind == PGRES_FATAL_ERROR) {
            *out_failed = group ? sent->group : 0;
            status = dbki_postgres_error(conn, result, group ? group->error : error);
        }
        PQclear(result);
    }
    if (!status && conn->is_lost) {
        *out_failed = 0;
        status = dbki_postgres_lost(conn, error);
    }
    return status;
}

int dbki_postgres_run(struct dbki_conn *head, struct dbki_group *const *groups, int count,
                      int *out_failed)
{
    struct conn *conn = (struct conn *)head;
    int first_failed = 0;
    if (!count)
        return DBK_OK;
    if (conn->is_lost) {
        *out_failed = 0;
        return dbki_postgres_lost(conn, groups[0]->error);
    }
    int bind_status = send_all(conn, groups, count, &first_failed);
    int status = take_all(conn, groups, out_failed);
    if (!status && bind_status) {
        *out_failed = first_failed;
        status = bind_status;
    }
    return status;
}
