/*
 * The engine for MariaDB: opens and closes connections, begins and ends transactions. Statements are in
 * statements.c.
 */
#include "base/alloc.h"
#include "base/error.h"
#include "engine/mariadb/conn.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* That locks rows without waiting for others' (SKIP LOCKED), which the sequence of events needs. */
enum { VERSION_MIN = 100600 };
enum { PACKET_SLACK = 64 * 1024 }; /* for what is sent together with a value */

/* --------------------------------------------------------------------------------- opening ---- */

/*
 * What the client library writes by TLS to a connection that is gone raises SIGPIPE. The store's threads take no
 * signals; a caller's is kept from this one while it opens or closes a connection.
 */
struct quiet {
    sigset_t before;
    bool was_pending;
};

static void be_quiet(struct quiet *out_quiet)
{
    sigset_t pipe_alone, pending;
    sigemptyset(&pipe_alone);
    sigaddset(&pipe_alone, SIGPIPE);
    sigpending(&pending);
    out_quiet->was_pending = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_alone, &out_quiet->before);
}

static void end_quiet(const struct quiet *quiet)
{
    static const struct timespec at_once;
    sigset_t pipe_alone;
    sigemptyset(&pipe_alone);
    sigaddset(&pipe_alone, SIGPIPE);
    while (!quiet->was_pending && sigtimedwait(&pipe_alone, NULL, &at_once) == SIGPIPE)
        continue;
    pthread_sigmask(SIG_SETMASK, &quiet->before, NULL);
}

static void disconnect(struct conn *conn)
{
    if (conn->mysql)
        mysql_close(conn->mysql);
    conn->mysql = NULL; /* with it the server has let go of the statements */
    dbki_mariadb_forget_statements(conn);
    conn->is_lost = false;
}

static void conn_close(struct dbki_conn *head)
{
    struct conn *conn = (struct conn *)head;
    struct quiet quiet;
    if (!conn)
        return;
    be_quiet(&quiet);
    disconnect(conn);
    dbki_columns_forget(&conn->columns);
    dbki_mariadb_login_fini(&conn->login);
    dbki_free(conn->params.memory);
    dbki_free(conn->numbers.memory);
    dbki_free(conn->texts.memory);
    dbki_free(conn);
    end_quiet(&quiet);
}

/* Nothing of the server's or the option files' settings may change what our statements mean. */
static int make_settings(struct conn *conn, struct dbk_error *error)
{
    return dbki_mariadb_command(
        conn,
        "SET NAMES utf8mb4 COLLATE utf8mb4_nopad_bin, sql_mode = 'STRICT_ALL_TABLES,"
        "PIPES_AS_CONCAT,ANSI_QUOTES,NO_BACKSLASH_ESCAPES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_"
        "SUBSTITUTION',"
        " autocommit = 1, tx_isolation = 'READ-COMMITTED', sql_safe_updates = 0,"
        " sql_select_limit = DEFAULT, foreign_key_checks = 1, unique_checks = 1,"
        " innodb_lock_wait_timeout = 10, lock_wait_timeout = 10",
        NULL, error);
}

/* What is known of the server, one row. */
static int take_facts(void *owner, int index, const struct dbki_value *cells, int cell_count)
{
    struct conn *conn = owner;
    struct dbki_conn *head = &conn->head;
    (void)index;
    (void)cell_count;
    snprintf(conn->version, sizeof conn->version, "%.*s", (int)strcspn(cells[0].text, "-"),
             cells[0].text);
    head->is_read_only = cells[1].number != 0;
    head->value_max = cells[2].number - PACKET_SLACK;
    if (cells[3].number != 1)
        snprintf(head->warning, sizeof head->warning,
                 "the server has innodb_flush_log_at_trx_commit=%lld: what was acknowledged can be "
                 "lost when it crashes",
                 (long long)cells[3].number);
    else if (cells[4].number != 1)
        snprintf(head->warning, sizeof head->warning,
                 "the server has innodb_doublewrite=0: its tables can be damaged when it crashes");
    conn->is_clustered = cells[5].number != 0;
    return DBK_OK;
}

/* Whether there are tables that we did not make, one row if so: their texts' character set, and how long those may be.
 * Ours have a collation that nobody else's have. */
static int take_foreign(void *owner, int index, const struct dbki_value *cells, int cell_count)
{
    struct conn *conn = owner;
    (void)index;
    (void)cell_count;
    snprintf(conn->charset, sizeof conn->charset, "%.*s",
             (int)strspn(cells[0].text, "abcdefghijklmnopqrstuvwxyz0123456789_"), cells[0].text);
    conn->head.text_max = cells[1].number;
    conn->head.has_narrow_texts = cells[2].number < 4;
    return DBK_OK;
}

static int look_around(struct conn *conn, struct dbk_error *error)
{
    static const struct dbki_statement facts = {
        .sql = "SELECT version(), @@read_only, @@max_allowed_packet,"
               " @@innodb_flush_log_at_trx_commit, @@innodb_doublewrite,"
               " (SELECT count(*) FROM information_schema.global_variables" /* not all have it */
               " WHERE variable_name = 'WSREP_ON' AND variable_value = 'ON')",
        .is_one_row = true};
    if (!mariadb_connection(conn->mysql) || mysql_get_server_version(conn->mysql) < VERSION_MIN)
        return dbki_error_set(error, DBK_UNSUPPORTED,
                              "the server is %.60s: MariaDB 10.6 or newer is needed",
                              mysql_get_server_info(conn->mysql));
    static const struct dbki_statement foreign = {
        .sql = "SELECT c.character_set_name, c.character_octet_length, s.maxlen"
               " FROM information_schema.columns c JOIN information_schema.character_sets s"
               " ON s.character_set_name = c.character_set_name"
               " WHERE c.table_schema = database() AND c.table_name = 'steps'"
               " AND c.column_name = 'state_string' AND c.collation_name <> 'utf8mb4_nopad_bin'",
        .is_one_row = true};
    int status = dbki_ask(&conn->head, &facts, NULL, conn, take_facts, error);
    return status ? status : dbki_ask(&conn->head, &foreign, NULL, conn, take_foreign, error);
}

/*
 * A node of a Galera cluster may lag behind the one where something was acknowledged, and a store's connections may lead
 * to several nodes. So each transaction begins, and each statement outside of any runs, when the node has what was
 * committed before anywhere (1 reads and the beginnings, 2 updates, 4 inserts). A node that is cut off from the others
 * lets everybody log in, and says so only when it is asked for records.
 */
static int join_cluster(struct conn *conn, struct dbk_error *error)
{
    static const struct dbki_statement is_ready = {
        .sql = "SELECT count(*) FROM information_schema.global_status"
               " WHERE variable_name = 'WSREP_READY' AND variable_value = 'ON'",
        .is_one_row = true};
    int64_t ready_count = 0;
    if (!conn->is_clustered)
        return DBK_OK;
    int status = dbki_ask(&conn->head, &is_ready, NULL, &ready_count, dbki_take_int, error);
    if (!status && !ready_count)
        status = dbki_mariadb_error(conn, 1047, "08S01", "the server is not ready", error);
    return status ? status
                  : dbki_mariadb_command(conn, "SET SESSION wsrep_sync_wait = 7", NULL, error);
}

/* A host that is not there, or not part of its cluster now, is passed over. */
static int open_one_of(struct conn *conn, struct dbk_error *error)
{
    int status = DBK_UNREACHABLE;
    for (int i = 0; i < conn->login.address_count && status == DBK_UNREACHABLE; i++) {
        if (i) {
            disconnect(conn);
            dbki_error_clear(error);
        }
        status = dbki_mariadb_connect(conn, &conn->login.addresses[i], error);
        if (!status)
            status = make_settings(conn, error);
        if (!status)
            status = look_around(conn, error);
        if (!status)
            status = join_cluster(conn, error);
    }
    return status;
}

static int conn_open(const struct dbki_url *url, const struct dbki_conn_options *options,
                     struct dbki_conn **out_conn, struct dbk_error *error)
{
    struct quiet quiet;
    int status = dbki_libmariadb_load(error);
    if (status)
        return status;
    struct conn *conn = dbki_calloc(1, sizeof *conn);
    if (!conn)
        return dbki_error_set(error, DBK_NO_MEMORY, "out of memory");
    be_quiet(&quiet);
    conn->head.engine = &dbki_mariadb;
    conn->head.version = conn->version;
    conn->is_stopped = options->is_stopped;
    conn->user = options->user;
    status = dbki_mariadb_login(url, &conn->login, error);
    if (!status)
        status = open_one_of(conn, error);
    if (status)
        conn_close(&conn->head);
    else
        *out_conn = &conn->head;
    end_quiet(&quiet);
    return status;
}

/* ---------------------------------------------------------------------------- transactions ---- */

/* It goes to the server before the first statement: many that are begun have none. */
static int conn_begin(struct dbki_conn *head, enum dbki_mode mode, struct dbki_wait *wait,
                      struct dbk_error *error)
{
    struct conn *conn = (struct conn *)head;
    (void)wait;
    if (conn->is_lost)
        return dbki_mariadb_lost(conn, error);
    conn->begin = mode == DBKI_WRITE ? "START TRANSACTION"
                                     : "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY";
    conn->is_begun = true;
    conn->is_snapshot = mode == DBKI_READ;
    return DBK_OK;
}

int dbki_mariadb_send_begin(struct conn *conn, struct dbk_error *error)
{
    const char *begin = conn->begin;
    int status = DBK_OK;
    if (!begin)
        return conn->is_lost ? dbki_mariadb_lost(conn, error) : DBK_OK;
    conn->begin = NULL;
    if (conn->is_repeatable != conn->is_snapshot)
        status = dbki_mariadb_command(conn,
                                      conn->is_snapshot ? "SET tx_isolation = 'REPEATABLE-READ'"
                                                        : "SET tx_isolation = 'READ-COMMITTED'",
                                      NULL, error);
    if (!status)
        conn->is_repeatable = conn->is_snapshot;
    return status ? status : dbki_mariadb_command(conn, begin, NULL, error);
}

/* Whether the transaction that ends is one that the server knows of. */
static bool take_end(struct conn *conn)
{
    bool is_sent = conn->is_begun && !conn->begin;
    conn->is_begun = conn->is_snapshot = false;
    conn->begin = NULL;
    dbki_columns_forget(&conn->columns);
    return is_sent;
}

/* The lock is the session's, not the transaction's: it goes when that ends. */
static int conn_lock_tables(struct dbki_conn *head, struct dbki_wait *wait, struct dbk_error *error)
{
#define LOCK "concat('daybook tables of ', database())"
    static const struct dbki_statement try = {.sql = "SELECT get_lock(" LOCK ", 0)",
                                              .is_one_row = true};
    /* Who may not see others' connections learns the number alone. */
    static const struct dbki_statement holder = {
        .sql =
            "SELECT concat('connection ', l.id, coalesce(concat(' of ', p.user, ' from ', p.host),"
            " '')) FROM (SELECT is_used_lock(" LOCK ") AS id) l"
            " LEFT JOIN information_schema.processlist p ON p.id = l.id",
        .is_one_row = true};
    struct conn *conn = (struct conn *)head;
    conn->is_scripted = conn->is_begun;
    return dbki_ask_for_tables(head, &try, &holder, wait, error);
#undef LOCK
}

static void release_tables(struct conn *conn)
{
    if (conn->is_scripted && !conn->is_lost)
        dbki_mariadb_command(conn, "DO release_all_locks()", NULL, NULL);
    conn->is_scripted = false;
}

static void conn_rollback(struct dbki_conn *head)
{
    struct conn *conn = (struct conn *)head;
    if (take_end(conn) && !conn->is_lost)
        dbki_mariadb_command(conn, "ROLLBACK", NULL, NULL);
    release_tables(conn);
    if (conn->is_forgetting && !conn->is_lost)
        dbki_mariadb_forget_statements(conn);
}

static int conn_commit(struct dbki_conn *head, struct dbki_wait *wait, struct dbk_error *error)
{
    struct conn *conn = (struct conn *)head;
    if (!take_end(conn))
        return conn->is_lost ? dbki_mariadb_lost(conn, error) : DBK_OK;
    int status = dbki_mariadb_command(conn, "COMMIT", wait, error);
    if (status && !conn->is_lost && dbki_mariadb_is_unsure(conn)) {
        conn->is_lost = true; /* whoever asks what became of it asks on another connection */
        status = DBK_UNREACHABLE;
        if (error) {
            error->status = DBK_UNREACHABLE;
            error->is_retryable = true;
        }
    }
    if (status && conn->is_lost && error)
        error->outcome = DBK_UNKNOWN;
    release_tables(conn);
    return status;
}

/* Nothing that the server says of a snapshot tells whether somebody committed since an earlier one. */
static int conn_look(struct dbki_conn *head, int64_t *out_version, bool *out_is_in_the_way,
                     struct dbk_error *error)
{
    struct conn *conn = (struct conn *)head;
    *out_is_in_the_way = false;
    *out_version = (int64_t)++conn->uses;
    return dbki_mariadb_send_begin(conn, error);
}

/* ---------------------------------------------------------------------------------- tables ---- */

/* The end of the statement that begins there: a semicolon outside of quotes, or the text's end. */
static const char *statement_end(const char *sql)
{
    char quote = '\0';
    for (; *sql && (quote || *sql != ';'); sql++)
        if (quote ? *sql == quote : *sql == '\'' || *sql == '`')
            quote = quote ? '\0' : *sql;
    return sql;
}

/* One statement after the other. What makes or drops a table ends the transaction, and begins none. */
static int conn_script(struct dbki_conn *head, const char *sql, struct dbk_error *error)
{
    struct conn *conn = (struct conn *)head;
    int status = dbki_mariadb_send_begin(conn, error);
    conn->is_scripted = conn->is_begun;
    while (*sql && !status) {
        const char *end = statement_end(sql);
        struct dbki_buf one = {0}, words = {0};
        dbki_buf_add_n(&one, sql, (size_t)(end - sql));
        if (one.text)
            dbki_mariadb_ddl_words(one.text, &words);
        if (one.is_out_of_memory || words.is_out_of_memory)
            status = dbki_error_set(error, DBK_NO_MEMORY, "out of memory");
        else if (words.text)
            status = dbki_mariadb_command(conn, words.text, NULL, error);
        dbki_buf_fini(&one);
        dbki_buf_fini(&words);
        sql = end + (*end == ';');
    }
    return status;
}

static const char *const SCHEMES[] = {"mariadb", "mysql", "mysql+mysqldb", "mysql+pymysql", NULL};

/* Of tables that were made by us, but without the one that is made last, somebody was cut off: there are none yet. */
#define COUNT_TABLES                                                                               \
    "SELECT count(*) FROM information_schema.tables WHERE table_schema = database()"               \
    " AND table_comment <> 'daybook'"

static const char *const REMAINS[] = {
    "the row as it was lies in the table's file until InnoDB has purged it and later rows take its "
    "place: "
    "OPTIMIZE TABLE build_data, build_properties, steps writes them anew",
    "the redo and undo logs hold it until they are gone round; the binary log until it expires "
    "(PURGE BINARY "
    "LOGS)",
    "replicas hold it as this server does; backups and dumps until they are deleted",
    "the server's general and slow query logs, if they are on, may hold it", NULL};

const struct dbki_engine dbki_mariadb = {
    .name = "mariadb",
    .schemes = SCHEMES,
    .pipeline_max = 1,
    .writer_count = 2,
    .is_server = true,
    .lacks_partial_indexes = true,
    .lacks_row_ids = true,
    .indexes_foreign_keys = true,
    .commits_tables = true,
    .merges_names = true,
    .open = conn_open,
    .close = conn_close,
    .begin = conn_begin,
    .run = dbki_mariadb_run,
    .commit = conn_commit,
    .rollback = conn_rollback,
    .look = conn_look,
    .script = conn_script,
    .columns = dbki_mariadb_columns,
    .count_tables = COUNT_TABLES,
    .count_objects = "SELECT (SELECT count(*) FROM information_schema.tables t"
                     " WHERE t.table_schema = database() AND t.table_name = n.name)"
                     " + (SELECT count(*) FROM information_schema.statistics s"
                     " WHERE s.table_schema = database() AND s.index_name = n.name)"
                     " FROM (SELECT ? AS name) n",
    .table_size = "SELECT data_length FROM information_schema.tables"
                  " WHERE table_schema = database() AND table_name = ?",
    .names_table_of_index = true,
    .lock_tables = conn_lock_tables,
    .spell = dbki_mariadb_ddl_words,
    .spell_trigger = dbki_mariadb_spell_trigger,
    .spell_refusal = dbki_mariadb_spell_refusal,
    .count_triggers = "SELECT count(*) FROM information_schema.triggers"
                      " WHERE trigger_schema = database() AND trigger_name = ?",
    .load_begin = dbki_mariadb_load_begin,
    .load_row = dbki_mariadb_load_row,
    .load_end = dbki_mariadb_load_end,
    .last_id = dbki_mariadb_last_id,
    .set_last_id = dbki_mariadb_set_last_id,
    .spell_change = dbki_mariadb_words,
    .untransacted = "SELECT table_name FROM information_schema.tables WHERE table_schema ="
                    " database() AND table_type = 'BASE TABLE' AND engine <> 'InnoDB'"
                    " AND left(table_name, 8) <> 'daybook_' ORDER BY table_name <> 'builds',"
                    " table_name",
    .index_online = dbki_mariadb_index_online,
    .online_end = " ALGORITHM=INPLACE LOCK=NONE",
    .list_tables = "SELECT table_name FROM information_schema.tables WHERE table_schema ="
                   " database() AND table_type = 'BASE TABLE' ORDER BY table_name",
    .remains = REMAINS,
    .value_max = 1024 * 1024 * 1024 - PACKET_SLACK, /* of the largest packet that there is */
};
