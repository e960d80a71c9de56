/*
 * Rows into a table by COPY, in its binary form: what the server then does for a row is little more than to store
 * it. COPY cannot be part of a pipeline, so the connection leaves its own for as long as it takes.
 */
#include "engine/postgres/conn.h"

#include "base/error.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>

enum { CHUNK = 64 * 1024 };
enum type { TYPE_BYTEA = 17, TYPE_INT8 = 20, TYPE_INT2 = 21, TYPE_INT4 = 23 };

static const char SIGNATURE[] = "PGCOPY\n\377\r\n"; /* its zero byte is part of it */

static void add_int2(struct dbki_buf *buf, int number)
{
    uint16_t bytes = htobe16((uint16_t)number);
    dbki_buf_add_n(buf, (const char *)&bytes, sizeof bytes);
}

static void add_int4(struct dbki_buf *buf, int64_t number)
{
    uint32_t bytes = htobe32((uint32_t)number);
    dbki_buf_add_n(buf, (const char *)&bytes, sizeof bytes);
}

static void add_int8(struct dbki_buf *buf, int64_t number)
{
    uint64_t bytes = htobe64((uint64_t)number);
    dbki_buf_add_n(buf, (const char *)&bytes, sizeof bytes);
}

/* Waits for one command's answers. Result: 0 when the last one is of that kind. */
static int expect(struct conn *conn, ExecStatusType kind, struct dbk_error *error)
{
    int status = DBK_OK;
    for (PGresult *result; (result = dbki_postgres_next(conn, NULL)); PQclear(result)) {
        if (!status && PQresultStatus(result) != kind)
            status = dbki_postgres_error(conn, result, error);
        if (PQresultStatus(result) == PGRES_COPY_IN) {
            PQclear(result);
            return status;
        }
        if (PQresultStatus(result) == PGRES_TUPLES_OK) {
            conn->load_count = PQnfields(result) < CELLS_MAX ? PQnfields(result) : CELLS_MAX;
            for (int i = 0; i < conn->load_count; i++)
                conn->load_types[i] = PQftype(result, i);
        }
    }
    return conn->is_lost ? dbki_postgres_lost(conn, error) : status;
}

static int ask(struct conn *conn, const char *sql, ExecStatusType kind, struct dbk_error *error)
{
    if (!PQsendQuery(conn->pg, sql))
        conn->is_lost = true;
    return expect(conn, kind, error);
}

static int send_chunk(struct conn *conn, struct dbk_error *error)
{
    int sent = conn->load.len ? PQputCopyData(conn->pg, conn->load.text, (int)conn->load.len) : 1;
    conn->load.len = 0;
    if (sent != 1)
        conn->is_lost = true;
    return dbki_postgres_flush(conn) ? DBK_OK : dbki_postgres_lost(conn, error);
}

static void enter_pipeline(struct conn *conn)
{
    if (!conn->is_lost && !PQenterPipelineMode(conn->pg))
        conn->is_lost = true;
}

int dbki_postgres_load_begin(struct dbki_conn *head, const char *table, const char *columns,
                             struct dbk_error *error)
{
    struct conn *conn = (struct conn *)head;
    struct dbki_buf sql = {0};
    int status = DBK_OK;
    if (conn->begin) {
        const char *begin = conn->begin;
        conn->begin = NULL;
        status = dbki_postgres_command(conn, begin, NULL, NULL, error);
    }
    if (status)
        return status;
    if (conn->is_lost || !PQexitPipelineMode(conn->pg)) {
        conn->is_lost = true;
        return dbki_postgres_lost(conn, error);
    }
    dbki_buf_addf(&sql, "SELECT %s FROM %s LIMIT 0", columns, table);
    if (!sql.is_out_of_memory)
        status = ask(conn, sql.text, PGRES_TUPLES_OK, error);
    sql.len = 0;
    dbki_buf_addf(&sql, "COPY %s (%s) FROM STDIN (FORMAT binary)", table, columns);
    if (sql.is_out_of_memory)
        status = dbki_error_set(error, DBK_NO_MEMORY, "out of memory");
    if (!status)
        status = ask(conn, sql.text, PGRES_COPY_IN, error);
    dbki_buf_fini(&sql);
    if (status)
        enter_pipeline(conn);
    conn->load.len = 0;
    dbki_buf_add_n(&conn->load, SIGNATURE, sizeof SIGNATURE);
    add_int4(&conn->load, 0); /* flags */
    add_int4(&conn->load, 0); /* length of an extension */
    return status;
}

static int add_number(struct conn *conn, int column, int64_t number, struct dbk_error *error)
{
    Oid type = conn->load_types[column];
    struct dbki_buf *buf = &conn->load;
    char digits[24];
    if ((type == TYPE_INT2 && number != (int16_t)number) ||
        (type == TYPE_INT4 && number != (int32_t)number))
        return dbki_error_set(error, DBK_TOO_LARGE,
                              "the number %lld is larger than its column can hold",
                              (long long)number);
    switch (type) {
    case TYPE_INT2:
        add_int4(buf, sizeof(int16_t));
        add_int2(buf, (int)number);
        break;
    case TYPE_INT4:
        add_int4(buf, sizeof(int32_t));
        add_int4(buf, number);
        break;
    case TYPE_INT8:
        add_int4(buf, sizeof number);
        add_int8(buf, number);
        break;
    default: /* a number in a column of texts, which SQLite lets be */
        add_int4(buf, snprintf(digits, sizeof digits, "%lld", (long long)number));
        dbki_buf_add(buf, digits);
    }
    return DBK_OK;
}

int dbki_postgres_load_row(struct dbki_conn *head, const struct dbki_value *values, int count,
                           struct dbk_error *error)
{
    struct conn *conn = (struct conn *)head;
    struct dbki_buf *buf = &conn->load;
    int status = DBK_OK;
    add_int2(buf, count);
    for (int i = 0; i < count && !status; i++) {
        const struct dbki_value *value = &values[i];
        bool is_number = conn->load_types[i] == TYPE_INT2 || conn->load_types[i] == TYPE_INT4 ||
                         conn->load_types[i] == TYPE_INT8;
        if (value->type == DBKI_NULL) {
            add_int4(buf, -1);
        } else if (value->type == DBKI_INT) {
            status = add_number(conn, i, value->number, error);
        } else if (is_number) {
            status = dbki_error_set(error, DBK_INVALID, "a text stands where a number must be");
        } else {
            add_int4(buf, (int64_t)value->len);
            dbki_buf_add_n(buf, value->text, value->len);
        }
    }
    if (buf->is_out_of_memory)
        return dbki_error_set(error, DBK_NO_MEMORY, "out of memory");
    return status || buf->len < CHUNK ? status : send_chunk(conn, error);
}

int dbki_postgres_load_end(struct dbki_conn *head, bool is_kept, struct dbk_error *error)
{
    struct conn *conn = (struct conn *)head;
    struct dbk_error ignored;
    int status = DBK_OK;
    if (is_kept) {
        add_int2(&conn->load, -1);
        status = send_chunk(conn, error);
    }
    if (!conn->is_lost && PQputCopyEnd(conn->pg, is_kept ? NULL : "given up") != 1)
        conn->is_lost = true;
    int ended = expect(conn, PGRES_COMMAND_OK, is_kept && !status ? error : &ignored);
    enter_pipeline(conn);
    dbki_buf_fini(&conn->load);
    if (is_kept && !status)
        status = ended;
    return status || !conn->is_lost ? status : dbki_postgres_lost(conn, error);
}
