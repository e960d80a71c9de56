/*
 * Prepares, keeps and runs statements, by the binary protocol. MariaDB takes one at a time: each is answered before
 * the next is sent.
 */
#include "engine/mariadb/conn.h"

#include "base/alloc.h"
#include "base/error.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { PIECE_SIZE = 1 << 20 }; /* of a value that is read out of a file */

void *dbki_mariadb_room(struct room *room, size_t size)
{
    if (size <= room->size && room->memory)
        return room->memory;
    size_t wanted = size < 1024 ? 1024 : size + size / 4;
    dbki_free(room->memory);
    room->memory = dbki_malloc(wanted);
    room->size = room->memory ? wanted : 0;
    return room->memory;
}

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

static void clear_place(struct conn *conn, struct prepared *place)
{
    my_bool failed = 0;
    if (place->stmt && conn->mysql)
        DBKI_MARIADB_CALL(conn, NULL, failed, mysql_stmt_close, place->stmt);
    else if (place->stmt)
        mysql_stmt_close(place->stmt);
    dbki_free(place->text);
    dbki_free(place->repeats);
    *place = (struct prepared){0};
}

void dbki_mariadb_forget_statements(struct conn *conn)
{
    for (int i = 0; i < OWN_MAX; i++)
        clear_place(conn, &conn->own[i]);
    for (int i = 0; i < MADE_MAX; i++)
        clear_place(conn, &conn->made[i]);
    conn->is_forgetting = false;
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
    clear_place(conn, oldest);
    size_t size = strlen(sql) + 1;
    oldest->text = dbki_malloc(size);
    if (oldest->text)
        memcpy(oldest->text, sql, size);
    return oldest->text ? oldest : NULL;
}

static int fail_stmt(struct conn *conn, MYSQL_STMT *stmt, struct dbk_error *error)
{
    if (conn->is_given_up)
        return dbki_mariadb_lost(conn, error);
    return dbki_mariadb_error(conn, mysql_stmt_errno(stmt), mysql_stmt_sqlstate(stmt),
                              mysql_stmt_error(stmt), error);
}

/* The statement in the words that this database needs. Result: 0 or a status. */
static int find_words(struct conn *conn, struct prepared *place, const char *sql,
                      struct dbki_buf *out_words, struct dbk_error *error)
{
    struct dbki_repeats repeats;
    struct dbki_buf foreign = {0};
    int status = DBK_OK;
    if (!conn->charset[0]) {
        dbki_mariadb_words(sql, out_words);
        return DBK_OK;
    }
    if (!dbki_mariadb_foreign_words(sql, conn->charset, &foreign, &repeats))
        status =
            dbki_error_set(error, DBK_INVALID, "more than %d texts are compared", DBKI_REPEATS_MAX);
    if (!status && repeats.count) {
        dbki_free(place->repeats);
        place->repeats = dbki_malloc(sizeof repeats);
        if (place->repeats)
            *place->repeats = repeats;
    }
    if (!status && (foreign.is_out_of_memory || (repeats.count && !place->repeats)))
        status = dbki_error_set(error, DBK_NO_MEMORY, "out of memory");
    if (!status)
        dbki_mariadb_words(foreign.text, out_words);
    dbki_buf_fini(&foreign);
    return status;
}

/* Prepares what is not prepared. Result: 0 or a status. */
static int prepare(struct conn *conn, struct prepared *place, const char *sql,
                   struct dbk_error *error)
{
    struct dbki_buf words = {0};
    my_bool wants_lengths = 1;
    int failed = 1, status = DBK_OK;
    if (place->stmt)
        return DBK_OK;
    status = find_words(conn, place, sql, &words, error);
    if (status) {
        dbki_buf_fini(&words);
        return status;
    }
    MYSQL_STMT *stmt = words.is_out_of_memory || !words.text ? NULL : mysql_stmt_init(conn->mysql);
    if (!stmt) {
        status = dbki_error_set(error, DBK_NO_MEMORY, "out of memory");
    } else {
        mysql_stmt_attr_set(stmt, STMT_ATTR_UPDATE_MAX_LENGTH, &wants_lengths);
        DBKI_MARIADB_CALL(conn, NULL, failed, mysql_stmt_prepare, stmt, words.text, words.len);
    }
    if (stmt && failed) {
        status = fail_stmt(conn, stmt, error);
        mysql_stmt_close(stmt);
    } else if (stmt) {
        place->stmt = stmt;
        place->is_upsert = strstr(sql, " DO UPDATE SET ") && !strstr(sql, "<> excluded.");
    }
    dbki_buf_fini(&words);
    return status;
}

/* ------------------------------------------------------------------------------ parameters ---- */

static void bind_param(const struct dbki_value *value, int64_t *number, MYSQL_BIND *out_bind)
{
    static char nothing;
    *out_bind = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_NULL, .buffer = &nothing};
    switch (value->type) {
    case DBKI_NULL:
        return;
    case DBKI_INT:
        *number = value->number;
        out_bind->buffer_type = MYSQL_TYPE_LONGLONG;
        out_bind->buffer = number;
        return;
    case DBKI_TEXT:
        out_bind->buffer_type = MYSQL_TYPE_STRING;
        break;
    case DBKI_BLOB:
        out_bind->buffer_type = MYSQL_TYPE_LONG_BLOB;
        break;
    case DBKI_SOURCE: /* its bytes are sent by themselves */
        out_bind->buffer_type = MYSQL_TYPE_LONG_BLOB;
        return;
    }
    /* The client library takes a pointer of its own kind, and reads from it. */
    if (value->len)
        out_bind->buffer = (void *)(uintptr_t)value->text;
    out_bind->buffer_length = (unsigned long)value->len;
}

static int fail_source(size_t done, struct dbk_error *error)
{
    return dbki_error_set(error, DBK_INVALID,
                          "the value's file ended after %zu bytes, before the length that was "
                          "given",
                          done);
}

/* Sends a value out of a file, piece by piece. */
static int send_source(struct conn *conn, MYSQL_STMT *stmt, int index,
                       const struct dbki_value *value, struct dbk_error *error)
{
    const struct dbki_source *source = value->source;
    size_t done = 0;
    my_bool failed = 0;
    char *piece = dbki_mariadb_room(&conn->texts, PIECE_SIZE);
    if (!piece)
        return dbki_error_set(error, DBK_NO_MEMORY, "out of memory");
    do {
        size_t wanted = value->len - done < PIECE_SIZE ? value->len - done : PIECE_SIZE;
        ssize_t len = pread(source->fd, piece, wanted, source->offset + (int64_t)done);
        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0)
            return dbki_error_set(error, DBK_INVALID, "the value's file cannot be read: %s",
                                  strerror(errno));
        if (len == 0 && value->len)
            return fail_source(done, error);
        DBKI_MARIADB_CALL(conn, NULL, failed, mysql_stmt_send_long_data, stmt, (unsigned)index,
                          piece, (unsigned long)len);
        if (failed)
            return fail_stmt(conn, stmt, error);
        done += (size_t)len;
    } while (done < value->len);
    return DBK_OK;
}

/* Which of ours a parameter of the statement is: the next one, or once more the one before. */
static size_t next_param(const struct prepared *place, size_t i, size_t *repeated)
{
    const struct dbki_repeats *repeats = place->repeats;
    if (repeats && *repeated < (size_t)repeats->count && (size_t)repeats->at[*repeated] == i)
        ++*repeated;
    return i - *repeated;
}

static int bind_params(struct conn *conn, const struct prepared *place,
                       const struct dbki_bound *bound, struct dbk_error *error)
{
    MYSQL_STMT *stmt = place->stmt;
    size_t repeats = place->repeats ? (size_t)place->repeats->count : 0, repeated = 0;
    size_t count = (size_t)bound->param_count + repeats;
    if (mysql_stmt_param_count(stmt) != count)
        return dbki_error_set(error, DBK_INTERNAL,
                              "a statement has %lu parameters, not %zu: %.100s",
                              mysql_stmt_param_count(stmt), count, bound->statement->sql);
    if (!count)
        return DBK_OK;
    MYSQL_BIND *binds = dbki_mariadb_room(&conn->params, count * sizeof *binds);
    int64_t *numbers = dbki_mariadb_room(&conn->numbers, count * sizeof *numbers);
    int status = DBK_OK;
    if (!binds || !numbers)
        return dbki_error_set(error, DBK_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < count; i++)
        bind_param(&bound->params[next_param(place, i, &repeated)], &numbers[i], &binds[i]);
    if (mysql_stmt_bind_param(stmt, binds))
        return fail_stmt(conn, stmt, error);
    repeated = 0;
    for (size_t i = 0; i < count && !status; i++) {
        const struct dbki_value *value = &bound->params[next_param(place, i, &repeated)];
        if (value->type == DBKI_SOURCE)
            status = send_source(conn, stmt, (int)i, value, error);
    }
    return status;
}

/* --------------------------------------------------------------------------------- running ---- */

/* The number behind these words in what the server says of a statement; DBK_NONE: it does not say it. */
static int64_t said(struct conn *conn, const char *words)
{
    const char *info = mysql_info(conn->mysql);
    int64_t count = 0;
    if (!info || strncmp(info, words, strlen(words)) != 0)
        return DBK_NONE;
    for (const char *c = info + strlen(words); '0' <= *c && *c <= '9'; c++)
        count = 10 * count + (*c - '0');
    return count;
}

/* A row that is found as it should be is no change to the server; to an update or an upsert it is one. */
static int64_t count_changed(struct conn *conn, const struct prepared *place)
{
    int64_t changed = (int64_t)mysql_stmt_affected_rows(place->stmt);
    int64_t matched = said(conn, "Rows matched: ");
    if (matched != DBK_NONE)
        return matched;
    if (!place->is_upsert || changed)
        return changed;
    int64_t records = said(conn, "Records: ");
    return records == DBK_NONE ? 1 : records;
}

static int run_bound(struct conn *conn, struct dbki_group *group, int index)
{
    struct dbki_bound *bound = &group->bound[index];
    const struct dbki_statement *statement = bound->statement;
    if (conn->is_lost)
        return dbki_mariadb_lost(conn, group->error);
    struct prepared *place =
        statement->is_made ? made_place(conn, statement->sql) : own_place(conn, statement);
    if (!place)
        return dbki_error_set(group->error, DBK_NO_MEMORY, "out of memory");
    int failed = 0, status = prepare(conn, place, statement->sql, group->error);
    if (status)
        return status;
    MYSQL_STMT *stmt = place->stmt;
    place->statement = statement->is_made ? NULL : statement;
    place->used_at = ++conn->uses;
    status = bind_params(conn, place, bound, group->error);
    if (status) { /* what was sent of a value is of no use */
        my_bool ignored = 0;
        if (!conn->is_lost)
            DBKI_MARIADB_CALL(conn, NULL, ignored, mysql_stmt_reset, stmt);
        return status;
    }
    DBKI_MARIADB_CALL(conn, NULL, failed, mysql_stmt_execute, stmt);
    if (failed)
        return fail_stmt(conn, stmt, group->error);
    if (mysql_stmt_field_count(stmt))
        return dbki_mariadb_rows(conn, place, group, index);
    bound->changed = count_changed(conn, place);
    return DBK_OK;
}

int dbki_mariadb_run(struct dbki_conn *head, struct dbki_group *const *groups, int count,
                     int *out_failed)
{
    struct conn *conn = (struct conn *)head;
    for (int i = 0; i < count; i++) {
        int status = i ? DBK_OK : dbki_mariadb_send_begin(conn, groups[i]->error);
        for (int j = 0; j < groups[i]->bound_count && !status; j++)
            status = run_bound(conn, groups[i], j);
        if (status) {
            *out_failed = i;
            return status;
        }
    }
    return DBK_OK;
}
