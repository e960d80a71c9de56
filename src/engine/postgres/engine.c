/*
 * The engine for PostgreSQL: opens and closes connections, begins and ends transactions. A connection stays in
 * libpq's pipeline mode. Statements are in statements.c.
 */
#include "base/alloc.h"
#include "base/error.h"
#include "base/hash.h"
#include "engine/postgres/conn.h"

#include <stdio.h>
#include <string.h>

enum { VERSION_WITH_CHECKS = 140000 }; /* client_connection_check_interval */

/* --------------------------------------------------------------------------------- opening ---- */

static void conn_close(struct dbki_conn *head)
{
    struct conn *conn = (struct conn *)head;
    if (!conn)
        return;
    dbki_postgres_forget_statements(conn);
    dbki_columns_forget(&conn->columns);
    dbki_buf_fini(&conn->load);
    PQfinish(conn->pg);
    dbki_free(conn->sent);
    dbki_free(conn);
}

/* What is known of the server, one row. */
static int take_facts(void *owner, int index, const struct dbki_value *cells, int cell_count)
{
    struct conn *conn = owner;
    struct dbki_conn *head = &conn->head;
    (void)index;
    (void)cell_count;
    snprintf(conn->version, sizeof conn->version, "%.*s", (int)strcspn(cells[0].text, " "),
             cells[0].text);
    head->is_read_only = cells[1].number != 0;
    const char *names[] = {"fsync", "full_page_writes", "synchronous_commit"};
    for (int i = 0; i < 3; i++)
        if (cells[2 + i].type == DBKI_TEXT && !strcmp(cells[2 + i].text, "off"))
            snprintf(head->warning, sizeof head->warning,
                     "the server has %s=off: what was acknowledged can be lost when it crashes",
                     names[i]);
    if (strcmp(cells[5].text, "UTF8") != 0)
        return DBK_UNSUPPORTED;
    return cells[6].type == DBKI_NULL ? DBK_SCHEMA : DBK_OK;
}

static int look_around(struct conn *conn, struct dbk_error *error)
{
    static const struct dbki_statement facts = {
        .sql = "SELECT current_setting('server_version'),"
               " pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on',"
               " current_setting('fsync'), current_setting('full_page_writes'),"
               " current_setting('synchronous_commit'), current_setting('server_encoding'),"
               " current_schema()",
        .is_one_row = true};
    int status = dbki_ask(&conn->head, &facts, NULL, conn, take_facts, error);
    if (status == DBK_UNSUPPORTED)
        dbki_error_set(error, DBK_UNSUPPORTED,
                       "the database's encoding is not UTF8: make one with `createdb -E UTF8 -T "
                       "template0`");
    else if (status == DBK_SCHEMA)
        dbki_error_set(error, DBK_SCHEMA,
                       "the search_path names no schema that is there and that the role may use");
    return status;
}

/* No setting goes into the connection's start-up message, which poolers refuse. */
static int make_settings(struct conn *conn, struct dbk_error *error)
{
    bool has_checks = PQserverVersion(conn->pg) >= VERSION_WITH_CHECKS;
    return dbki_postgres_command(
        conn,
        has_checks ? "SELECT set_config('client_min_messages', 'error', false),"
                     " set_config('jit', 'off', false),"
                     " set_config('client_connection_check_interval', '1s', false)"
                   : "SELECT set_config('client_min_messages', 'error', false),"
                     " set_config('jit', 'off', false)",
        NULL, NULL, error);
}

static int conn_open(const struct dbki_url *url, const struct dbki_conn_options *options,
                     struct dbki_conn **out_conn, struct dbk_error *error)
{
    PGconn *pg;
    int status = dbki_libpq_load(error);
    if (!status)
        status = dbki_postgres_connect(url, options, &pg, error);
    if (status)
        return status;
    struct conn *conn = dbki_calloc(1, sizeof *conn);
    if (!conn) {
        PQfinish(pg);
        return dbki_error_set(error, DBK_NO_MEMORY, "out of memory");
    }
    const char *prepare = dbki_postgres_option(url, "prepare");
    conn->head.engine = &dbki_postgres;
    conn->head.version = conn->version;
    conn->pg = pg;
    conn->is_unprepared = prepare && !strcmp(prepare, "no");
    if (PQsetnonblocking(pg, 1) || !PQenterPipelineMode(pg))
        status = dbki_postgres_error(conn, NULL, error);
    if (!status)
        status = make_settings(conn, error);
    if (!status)
        status = look_around(conn, error);
    if (status) {
        conn_close(&conn->head);
        return status;
    }
    conn->is_stopped = options->is_stopped;
    conn->user = options->user;
    *out_conn = &conn->head;
    return DBK_OK;
}

/* ---------------------------------------------------------------------------- transactions ---- */

/* It goes to the server together with the first statement. */
static int conn_begin(struct dbki_conn *head, enum dbki_mode mode, struct dbki_wait *wait,
                      struct dbk_error *error)
{
    struct conn *conn = (struct conn *)head;
    (void)wait;
    if (conn->is_lost)
        return dbki_postgres_lost(conn, error);
    /* Not READ WRITE, which would override what the role or the database was set to. */
    conn->begin = mode == DBKI_WRITE ? "BEGIN ISOLATION LEVEL READ COMMITTED"
                                     : "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
    conn->is_begun = true;
    conn->is_snapshot = mode == DBKI_READ;
    return DBK_OK;
}

static void forget_if_stale(struct conn *conn)
{
    if (!conn->is_forgetting || conn->is_lost)
        return;
    dbki_postgres_forget_statements(conn);
    dbki_postgres_command(conn, "DEALLOCATE ALL", NULL, NULL, NULL);
}

static void conn_rollback(struct dbki_conn *head)
{
    struct conn *conn = (struct conn *)head;
    bool is_sent = conn->is_begun && !conn->begin;
    conn->is_begun = conn->is_snapshot = false;
    dbki_columns_forget(&conn->columns);
    conn->begin = NULL;
    if (is_sent && !conn->is_lost)
        dbki_postgres_command(conn, "ROLLBACK", NULL, NULL, NULL);
    forget_if_stale(conn);
}

/* After a statement that failed, COMMIT succeeds and rolls back: its tag says which it was. */
static int conn_commit(struct dbki_conn *head, struct dbki_wait *wait, struct dbk_error *error)
{
    struct conn *conn = (struct conn *)head;
    char tag[TAG_SIZE] = "";
    bool is_sent = conn->is_begun && !conn->begin;
    conn->is_begun = conn->is_snapshot = false;
    dbki_columns_forget(&conn->columns);
    conn->begin = NULL;
    if (!is_sent)
        return conn->is_lost ? dbki_postgres_lost(conn, error) : DBK_OK;
    int status = dbki_postgres_command(conn, "COMMIT", wait, tag, error);
    if (!status && strcmp(tag, "COMMIT") != 0)
        status = dbki_error_set(error, DBK_INTERNAL, "the server rolled the transaction back");
    else if (status && conn->is_lost && error)
        error->outcome = DBK_UNKNOWN;
    return status;
}

static int take_version(void *owner, int index, const struct dbki_value *cells, int cell_count)
{
    (void)index;
    (void)cell_count;
    *(int64_t *)owner = (int64_t)dbki_hash_bytes(0, cells[0].text, cells[0].len);
    return DBK_OK;
}

/* A snapshot names the transactions that it does not see: as long as none ends, it stays the same. */
static int conn_look(struct dbki_conn *head, int64_t *out_version, bool *out_is_in_the_way,
                     struct dbk_error *error)
{
    static const struct dbki_statement snapshot = {.sql = "SELECT txid_current_snapshot()::text",
                                                   .is_one_row = true};
    *out_is_in_the_way = false;
    return dbki_ask(head, &snapshot, NULL, out_version, take_version, error);
}

/* ---------------------------------------------------------------------------------- tables ---- */

static int conn_lock_tables(struct dbki_conn *head, struct dbki_wait *wait, struct dbk_error *error)
{
#define LOCK "1145848434"
    static const struct dbki_statement try = {.sql = "SELECT pg_try_advisory_xact_lock(" LOCK ")",
                                              .is_one_row = true};
    static const struct dbki_statement holder = {
        .sql = "SELECT 'process ' || l.pid || coalesce(' of ' || a.usename, '')"
               " || coalesce(' from ' || host(a.client_addr), '') FROM pg_locks l"
               " LEFT JOIN pg_stat_activity a ON a.pid = l.pid WHERE l.locktype = 'advisory'"
               " AND l.granted AND l.classid = 0 AND l.objid = " LOCK " AND l.objsubid = 1"
               " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        .is_one_row = true};
    return dbki_ask_for_tables(head, &try, &holder, wait, error);
#undef LOCK
}

/* Several statements in one text go without a pipeline alone. */
static int conn_script(struct dbki_conn *head, const char *sql, struct dbk_error *error)
{
    struct conn *conn = (struct conn *)head;
    struct dbki_buf words = {0};
    int status = DBK_OK;
    if (conn->begin) {
        const char *begin = conn->begin;
        conn->begin = NULL;
        status = dbki_postgres_command(conn, begin, NULL, NULL, error);
    }
    dbki_postgres_ddl_words(sql, &words);
    if (!status && words.is_out_of_memory)
        status = dbki_error_set(error, DBK_NO_MEMORY, "out of memory");
    if (!status &&
        (!PQexitPipelineMode(conn->pg) || !PQsendQuery(conn->pg, words.text ? words.text : "")))
        conn->is_lost = true;
    dbki_buf_fini(&words);
    if (status)
        return status;
    for (PGresult *result; (result = dbki_postgres_next(conn, NULL)); PQclear(result))
        if (!status && PQresultStatus(result) == PGRES_FATAL_ERROR)
            status = dbki_postgres_error(conn, result, error);
    if (!conn->is_lost && !PQenterPipelineMode(conn->pg))
        conn->is_lost = true;
    return status || !conn->is_lost ? status : dbki_postgres_lost(conn, error);
}

static const char *const SCHEMES[] = {"postgresql", "postgres", "postgresql+psycopg2", NULL};

static const char *const REMAINS[] = {
    "the row as it was lies in the table's file until a vacuum and later rows take its place: "
    "VACUUM FULL "
    "of build_data, build_properties and steps writes them anew, and locks them meanwhile",
    "the server's log (pg_wal) and archives of it hold it until they are recycled or deleted",
    "standbys hold it as this server does; backups and dumps until they are deleted",
    "the server's own log of statements, if it notes parameters (log_statement, "
    "log_min_duration_statement), may hold it",
    NULL};

/* What stands where our tables go, without what came with an extension (pg_stat_statements, PostGIS). */
#define RELATIONS                                                                                  \
    "pg_class c WHERE relnamespace = to_regnamespace(quote_ident(current_schema()))"               \
    " AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass"            \
    " AND d.objid = c.oid AND d.deptype = 'e')"

const struct dbki_engine dbki_postgres = {
    .name = "postgresql",
    .schemes = SCHEMES,
    .pipeline_max = 256,
    .writer_count = 2,
    .is_server = true,
    .open = conn_open,
    .close = conn_close,
    .begin = conn_begin,
    .run = dbki_postgres_run,
    .commit = conn_commit,
    .rollback = conn_rollback,
    .look = conn_look,
    .script = conn_script,
    .columns = dbki_postgres_columns,
    .count_tables = "SELECT count(*) FROM " RELATIONS " AND relkind IN ('r', 'p', 'v', 'm')",
    .count_objects = "SELECT count(*) FROM pg_class WHERE oid = to_regclass(?)",
    .count_usable = "SELECT count(*) FROM pg_class c WHERE c.oid = to_regclass(?) AND NOT EXISTS"
                    " (SELECT 1 FROM pg_index i WHERE i.indexrelid = c.oid AND NOT i.indisvalid)",
    .table_size = "SELECT pg_relation_size(to_regclass(?))",
    .lock_tables = conn_lock_tables,
    .spell = dbki_postgres_ddl_words,
    .spell_change = dbki_postgres_words,
    .index_online = dbki_postgres_index_online,
    .online = "CONCURRENTLY",
    .notify = &dbki_postgres_notify,
    .listen = dbki_postgres_listen,
    .spell_trigger = dbki_postgres_spell_trigger,
    .spell_refusal = dbki_postgres_spell_refusal,
    .count_triggers = "SELECT count(*) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
                      " WHERE c.relnamespace = to_regnamespace(quote_ident(current_schema()))"
                      " AND t.tgname = ?",
    .load_begin = dbki_postgres_load_begin,
    .load_row = dbki_postgres_load_row,
    .load_end = dbki_postgres_load_end,
    .last_id = dbki_postgres_last_id,
    .set_last_id = dbki_postgres_set_last_id,
    .after_load = "ANALYZE",
    .list_tables = "SELECT relname FROM " RELATIONS " AND relkind IN ('r', 'p') ORDER BY relname",
    .remains = REMAINS,
    .value_max = 256 * 1024 * 1024, /* of which both sides hold copies */
    .sorts_null_high = true,
};
