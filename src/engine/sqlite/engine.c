/*
 * The engine for SQLite: opens and closes connections, begins and ends transactions.
 * Statements are in statements.c, the log in checkpoint.c, the queue of our processes in turn.c.
 */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "engine/sqlite/conn.h"
#include "engine/words.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

enum { PROGRESS_STEPS = 20000 };      /* of SQLite's virtual machine: some 0.2 ms */
enum { FAULTLESS_VERSION = 3051003 }; /* checkpoint.c says of what */
enum { OPEN_WAIT_MS = 5000 };         /* for a lock that somebody else holds */
static const int64_t PLACE_NS = 1000 * 1000 * 1000LL;
enum { EMPTY_TRIES = 50, EMPTY_PAUSE_NS = 10 * 1000 * 1000 };

/* File systems whose locks or shared memory cannot be trusted. */
static const struct {
    unsigned long type;
    const char *name;
} NETWORK_FILE_SYSTEMS[] = {
    {0x6969, "NFS"},        {0xFF534D42, "CIFS"}, {0xFE534D42, "SMB"},   {0x517B, "SMB"},
    {0x5346414F, "AFS"},    {0x73757245, "Coda"}, {0x01021997, "9P"},    {0x00C36400, "Ceph"},
    {0x0BD00BD0, "Lustre"}, {0x01161970, "GFS2"}, {0x7461636F, "OCFS2"},
};

static int refuse_network(const char *path, struct dbk_error *error)
{
    struct statfs status;
    if (statfs(path, &status))
        return DBK_OK;
    for (size_t i = 0; i < sizeof NETWORK_FILE_SYSTEMS / sizeof NETWORK_FILE_SYSTEMS[0]; i++)
        if (((unsigned long)status.f_type & 0xFFFFFFFF) == NETWORK_FILE_SYSTEMS[i].type)
            return dbki_error_set(error, DBK_UNSUPPORTED,
                                  "%s lies on a network file system (%s), where SQLite can lose "
                                  "data: keep it on a local disk",
                                  path, NETWORK_FILE_SYSTEMS[i].name);
    return DBK_OK;
}

static bool is_memory(const struct dbki_url *url)
{
    return !url->path[0] || !strcmp(url->path, ":memory:");
}

static int fail_with_errno(const char *path, struct dbk_error *error)
{
    enum dbk_status status = errno == ENOENT || errno == ENOTDIR  ? DBK_NOT_FOUND
                             : errno == EACCES || errno == EPERM  ? DBK_DENIED
                             : errno == ENOSPC || errno == EDQUOT ? DBK_FULL
                             : errno == EROFS                     ? DBK_READ_ONLY
                                                                  : DBK_UNREACHABLE;
    return dbki_error_set(error, status, "%s: %s", path, strerror(errno));
}

/* Makes an empty file, so that what fails is said by errno and not by SQLite's "unable to open". */
static int create_file(const char *path, struct dbk_error *error)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    if (!folder)
        return dbki_error_set(error, DBK_NO_MEMORY, "out of memory");
    int status = refuse_network(folder, error);
    int fd = status ? -1 : open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (!status && fd < 0 && errno != EEXIST)
        status = fail_with_errno(path, error);
    int folder_fd = fd < 0 ? -1 : open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(folder);
    if (folder_fd >= 0) {
        fsync(folder_fd); /* the new name must outlive a power failure too */
        close(folder_fd);
    }
    if (fd >= 0)
        close(fd);
    return status;
}

/* Whether there is something in the database's log. */
static bool has_log(const char *path)
{
    struct stat status;
    char *real = realpath(path, NULL), *log = NULL;
    bool has = real && asprintf(&log, "%s-wal", real) >= 0 && stat(log, &status) == 0 &&
               status.st_size > 0;
    free(real);
    free(log);
    return has;
}

/* An empty file beside a log: SQLite would delete the log, and with it what was not yet moved. */
static int refuse_lost_file(const char *path, struct dbk_error *error)
{
    struct stat status;
    for (int tries = 0; tries < EMPTY_TRIES; tries++) {
        if (stat(path, &status))
            return fail_with_errno(path, error);
        if (status.st_size > 1 || !has_log(path)) /* SQLite takes one byte for none */
            return DBK_OK;
        /* Perhaps somebody makes a store in place of one that was deleted without its log. */
        dbki_clock_sleep_ns(EMPTY_PAUSE_NS);
    }
    return dbki_error_set(
        error, DBK_DAMAGED,
        "%s is empty, but its log (-wal) is not: put the database back from a backup, "
        "or move the log away if nothing in it is wanted",
        path);
}

static int check_file(const char *path, const struct dbki_conn_options *options, bool is_read_only,
                      struct dbk_error *error)
{
    struct stat status;
    bool is_missing = stat(path, &status) != 0;
    if (is_missing) {
        if (errno != ENOENT)
            return fail_with_errno(path, error);
        if (!options->is_created || is_read_only)
            return dbki_error_set(error, DBK_NOT_FOUND, "there is no database at %s", path);
        int created = create_file(path, error);
        if (created || stat(path, &status))
            return created ? created : fail_with_errno(path, error);
    }
    if (!S_ISREG(status.st_mode))
        return dbki_error_set(error, DBK_INVALID, "%s is %s, not a database file", path,
                              S_ISDIR(status.st_mode) ? "a folder" : "no plain file");
    /* Asked, not tried: closing a descriptor of the file would take away the locks that this process's
     * other connections hold on it (so POSIX has it), and others would delete the log under them. */
    if (faccessat(AT_FDCWD, path, R_OK, AT_EACCESS))
        return fail_with_errno(path, error);
    int refused = is_missing || status.st_size > 1 ? DBK_OK : refuse_lost_file(path, error);
    return refused ? refused : refuse_network(path, error);
}

int dbki_sqlite_exec(struct conn *conn, const char *sql, struct dbk_error *error)
{
    int code = sqlite3_exec(conn->db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? DBK_OK : dbki_sqlite_error(conn->db, code, error);
}

static int progress(void *user)
{
    struct conn *conn = user;
    return conn->is_stopped && conn->is_stopped(conn->user);
}

void dbki_sqlite_close(struct dbki_conn *head)
{
    struct conn *conn = (struct conn *)head;
    if (!conn)
        return;
    if (conn->checkpointer)
        dbki_sqlite_close(&conn->checkpointer->head);
    dbki_sqlite_end_range(conn);
    dbki_sqlite_forget_statements(conn);
    sqlite3_close(conn->db);
    dbki_turn_close(&conn->turn);
    dbki_reserve_close(conn);
    dbki_free(conn->log_path);
    dbki_free(conn->head.path);
    dbki_free(conn);
}

extern const struct dbki_engine dbki_sqlite;

static int say_locked(const struct conn *conn, struct dbk_error *error)
{
    return dbki_error_set(error, DBK_TIMEOUT, "another program kept %.200s locked: try again",
                          sqlite3_db_filename(conn->db, "main"));
}

int dbki_sqlite_connect(const char *path, int flags, struct conn **out_conn,
                        struct dbk_error *error)
{
    struct conn *conn = dbki_calloc(1, sizeof *conn);
    if (!conn)
        return dbki_error_set(error, DBK_NO_MEMORY, "out of memory");
    conn->head.engine = &dbki_sqlite;
    conn->head.version = sqlite3_libversion();
    conn->head.has_checkpoint_fault = sqlite3_libversion_number() < FAULTLESS_VERSION;
    conn->turn.fd = -1;
    conn->reserve_fd = -1;
    int status = DBK_OK;
    int code =
        sqlite3_open_v2(path, &conn->db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    if (code != SQLITE_OK) {
        status = dbki_sqlite_error(conn->db, code, error);
    } else {
        sqlite3_db_config(conn->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        sqlite3_db_config(conn->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        sqlite3_db_config(conn->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
        dbki_sqlite_add_range(conn);
        sqlite3_wal_autocheckpoint(conn->db, 0);
        /* None of these writes, but some read the tables' names, which a commit keeps waiting. */
        sqlite3_busy_timeout(conn->db, OPEN_WAIT_MS);
        status = dbki_sqlite_exec(conn,
                                  "PRAGMA synchronous=FULL; PRAGMA mmap_size=0;"
                                  "PRAGMA cache_size=-16384; PRAGMA temp_store=MEMORY;"
                                  "PRAGMA secure_delete=FAST; " DBKI_LOG_LIMIT_SQL "; "
                                  "PRAGMA foreign_keys=OFF",
                                  error);
        sqlite3_busy_timeout(conn->db, 0);
        if (status == DBK_BUSY)
            status = say_locked(conn, error);
    }
    if (status) {
        dbki_sqlite_close(&conn->head);
        return status;
    }
    *out_conn = conn;
    return DBK_OK;
}

static int check_options(const struct dbki_url *url, struct dbk_error *error)
{
    if (url->authority[0])
        return dbki_error_set(error, DBK_INVALID,
                              "a database file has no host: sqlite:///relative or "
                              "sqlite:////absolute");
    for (int i = 0; i < url->option_count; i++)
        if (strcmp(url->options[i].name, "mode") && strcmp(url->options[i].name, "writes") &&
            strcmp(url->options[i].name, "master"))
            return dbki_error_set(
                error, DBK_INVALID,
                "SQLite databases have no option '%.40s'; there is mode, writes and master",
                url->options[i].name);
    return DBK_OK;
}

static char *add_suffix(const char *path, const char *suffix)
{
    size_t len = strlen(path), suffix_size = strlen(suffix) + 1;
    char *joined = dbki_malloc(len + suffix_size);
    if (joined) {
        memcpy(joined, path, len);
        memcpy(joined + len, suffix, suffix_size);
    }
    return joined;
}

static int conn_open(const struct dbki_url *url, const struct dbki_conn_options *options,
                     struct dbki_conn **out_conn, struct dbk_error *error)
{
    int status = check_options(url, error);
    bool in_memory = is_memory(url);
    if (!status && !in_memory)
        status = check_file(url->path, options, url->is_read_only, error);
    if (status)
        return status;
    bool is_writer = options->is_writer && !url->is_read_only;
    struct conn *conn;
    status = dbki_sqlite_connect(in_memory ? ":memory:" : url->path,
                                 is_writer || in_memory ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                                                        : SQLITE_OPEN_READONLY,
                                 &conn, error);
    if (status)
        return status;
    conn->is_writer = is_writer || in_memory;
    conn->head.is_read_only = is_writer && sqlite3_db_readonly(conn->db, "main") == 1;
    conn->head.is_single = in_memory;
    conn->is_stopped = options->is_stopped;
    conn->user = options->user;
    if (options->is_slim)
        sqlite3_exec(conn->db, "PRAGMA cache_size=-512", NULL, NULL, NULL);
    if (options->is_stopped)
        sqlite3_progress_handler(conn->db, PROGRESS_STEPS, progress, conn);
    if (!in_memory) {
        char *path = realpath(url->path, NULL);
        conn->head.path = path;
        if (!path) {
            status = fail_with_errno(url->path, error);
            dbki_sqlite_close(&conn->head);
            return status;
        }
        if (is_writer) {
            dbki_turn_open(&conn->turn, path);
            dbki_checkpoint_watch(conn);
            conn->log_path = add_suffix(path, "-wal");
            if (!conn->log_path) {
                dbki_sqlite_close(&conn->head);
                return dbki_error_set(error, DBK_NO_MEMORY, "out of memory");
            }
        }
    }
    *out_conn = &conn->head;
    return DBK_OK;
}

/*
 * Whether the file that is open is still the one at its path, and its log the one beside it. A file that was
 * removed or replaced would take every write and keep none; with another log, two processes would write
 * over each other.
 */
static bool is_in_place(struct conn *conn)
{
    int has_moved = 0;
    struct statx log;
    if (!conn->head.path)
        return true;
    if (sqlite3_file_control(conn->db, "main", SQLITE_FCNTL_HAS_MOVED, &has_moved) == SQLITE_OK &&
        has_moved)
        return false;
    /* Only the inode is asked for: to have asked for the times would cost the next commit a fresh time,
     * and with it a write of the inode. */
    return !conn->log_inode || (statx(AT_FDCWD, conn->log_path, 0, STATX_INO, &log) == 0 &&
                                conn->log_inode == log.stx_ino);
}

/* After a commit: which file the log is. */
static void note_log(struct conn *conn)
{
    struct stat log;
    if (conn->log_path && !conn->log_inode && conn->wal_pages && stat(conn->log_path, &log) == 0)
        conn->log_inode = log.st_ino;
}

/* A read looks once a second: what a replaced file held would be given as if it were there. */
static int check_place(struct conn *conn, struct dbk_error *error)
{
    int64_t now_ns = dbki_clock_ns();
    if (now_ns - conn->placed_at_ns < PLACE_NS)
        return DBK_OK;
    if (!is_in_place(conn))
        return dbki_error_set(error, DBK_UNREACHABLE,
                              "%s was removed or replaced while it was open; open it anew",
                              conn->head.path);
    conn->placed_at_ns = now_ns;
    return DBK_OK;
}

/* Outside of a transaction a statement is a read by itself. */
static int conn_run(struct dbki_conn *head, struct dbki_group *const *groups, int count,
                    int *out_failed)
{
    struct conn *conn = (struct conn *)head;
    int status = conn->is_in_transaction ? DBK_OK : check_place(conn, groups[0]->error);
    *out_failed = 0;
    return status ? status : dbki_sqlite_run(head, groups, count, out_failed);
}

static int conn_begin(struct dbki_conn *head, enum dbki_mode mode, struct dbki_wait *wait,
                      struct dbk_error *error)
{
    struct conn *conn = (struct conn *)head;
    static const struct dbki_statement read = {.sql = "BEGIN"}, write = {.sql = "BEGIN IMMEDIATE"};
    struct dbki_bound bound = {.statement = mode == DBKI_WRITE ? &write : &read};
    struct dbki_group group = {.bound = &bound, .bound_count = 1, .error = error};
    struct dbki_group *groups[] = {&group};
    int failed, tries = 0;
    int place = mode == DBKI_READ ? check_place(conn, error) : DBK_OK;
    if (place)
        return place;
    if (mode == DBKI_WRITE && !is_in_place(conn))
        return dbki_error_set(error, DBK_UNREACHABLE,
                              "%s or its -wal file was removed or replaced while it was open: what "
                              "is written now would be lost; open it anew",
                              conn->head.path);
    if (mode == DBKI_WRITE && !dbki_turn_take(&conn->turn, wait))
        return dbki_error_set(error, DBK_TIMEOUT, "other processes kept writing to the database");
    for (;;) {
        int status = dbki_sqlite_run(head, groups, 1, &failed);
        if (!status) {
            conn->is_in_transaction = true;
            if (tries) /* what the tries before it said */
                dbki_error_clear(error);
            if (mode == DBKI_WRITE)
                dbki_reserve_check(conn);
            return DBK_OK;
        }
        if (status == DBK_BUSY && dbki_turn_pause(wait, &tries))
            continue;
        dbki_reserve_release(conn);
        dbki_turn_leave(&conn->turn);
        if (status == DBK_BUSY)
            dbki_error_set(error, DBK_TIMEOUT, "another program kept the database locked");
        return status == DBK_BUSY ? DBK_TIMEOUT : status;
    }
}

static void conn_rollback(struct dbki_conn *head)
{
    struct conn *conn = (struct conn *)head;
    dbki_sqlite_end_range(conn);
    /* A failed statement may have rolled back by itself: SQLite says by its autocommit flag. */
    if (!sqlite3_get_autocommit(conn->db))
        sqlite3_exec(conn->db, "ROLLBACK", NULL, NULL, NULL);
    conn->is_in_transaction = false;
    dbki_reserve_release(conn);
    dbki_turn_leave(&conn->turn);
}

static int conn_commit(struct dbki_conn *head, struct dbki_wait *wait, struct dbk_error *error)
{
    struct conn *conn = (struct conn *)head;
    static const struct dbki_statement commit = {.sql = "COMMIT"};
    struct dbki_bound bound = {.statement = &commit};
    struct dbki_group group = {.bound = &bound, .bound_count = 1, .error = error};
    struct dbki_group *groups[] = {&group};
    int failed, tries = 0, status;
    dbki_sqlite_end_range(conn);
    if (sqlite3_get_autocommit(conn->db)) {
        conn_rollback(head);
        return dbki_error_set(error, DBK_UNREACHABLE,
                              "SQLite rolled the transaction back by itself");
    }
    while ((status = dbki_sqlite_run(head, groups, 1, &failed)) == DBK_BUSY)
        /* Without a write-ahead log, readers keep a commit waiting; the transaction stays open. */
        if (!dbki_turn_pause(wait, &tries))
            break;
    if (status) {
        bool is_unknown = error && (error->engine_code & 0xFF) == SQLITE_IOERR;
        conn_rollback(head);
        if (is_unknown) /* what was written may or may not be found by the next one who opens it */
            error->outcome = DBK_UNKNOWN;
        return status;
    }
    if (tries)
        dbki_error_clear(error);
    note_log(conn);
    conn->is_in_transaction = false;
    dbki_turn_leave(&conn->turn);
    return DBK_OK;
}

static int take_journal_mode(void *user, int count, char **values, char **names)
{
    (void)count;
    (void)names;
    *(bool *)user = values[0] && strcmp(values[0], "wal") != 0;
    return 0;
}

static int conn_look(struct dbki_conn *head, int64_t *out_version, bool *out_is_in_the_way,
                     struct dbk_error *error)
{
    struct conn *conn = (struct conn *)head;
    unsigned version = 0;
    /* The first of them reads the file, and with that the snapshot begins. */
    int code = sqlite3_exec(conn->db, "PRAGMA data_version", NULL, NULL, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_exec(conn->db, "PRAGMA journal_mode", take_journal_mode, out_is_in_the_way,
                            NULL);
    if (code != SQLITE_OK)
        return dbki_sqlite_error(conn->db, code, error);
    /* The pragma's own number leaves out what this connection commits. */
    sqlite3_file_control(conn->db, "main", SQLITE_FCNTL_DATA_VERSION, &version);
    *out_version = version;
    return DBK_OK;
}

static int conn_script(struct dbki_conn *head, const char *sql, struct dbk_error *error)
{
    return dbki_sqlite_exec((struct conn *)head, sql, error);
}

static void spell_trigger(const char *name, const char *table, const char *verb,
                          const char *statement, struct dbki_buf *out_text)
{
    if (table)
        dbki_buf_addf(out_text, "CREATE TRIGGER %s AFTER %s ON %s BEGIN %s; END", name, verb, table,
                      statement);
    else
        dbki_buf_addf(out_text, "DROP TRIGGER %s", name);
}

static void spell_refusal(const char *text, struct dbki_buf *out_text)
{
    dbki_buf_add(out_text, "SELECT RAISE(ABORT, ");
    dbki_word_quote(text, out_text);
    dbki_buf_add(out_text, ")");
}

static int conn_columns(struct dbki_conn *head, const char *table,
                        int (*column)(void *user, const char *name, bool is_needed), void *user,
                        struct dbk_error *error)
{
    struct conn *conn = (struct conn *)head;
    sqlite3_stmt *stmt = NULL;
    int status = DBK_OK;
    sqlite3_busy_timeout(conn->db, OPEN_WAIT_MS);
    int code = sqlite3_prepare_v2(
        conn->db,
        "SELECT name, \"notnull\" AND dflt_value IS NULL AND NOT pk FROM pragma_table_info(?)", -1,
        &stmt, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_bind_text(stmt, 1, table, -1, SQLITE_STATIC);
    while (!status && code == SQLITE_OK && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
        status =
            column(user, (const char *)sqlite3_column_text(stmt, 0), sqlite3_column_int(stmt, 1));
        code = SQLITE_OK;
    }
    if (!status && code != SQLITE_DONE)
        status = dbki_sqlite_error(conn->db, code, error);
    if (status == DBK_BUSY)
        status = say_locked(conn, error);
    sqlite3_finalize(stmt);
    sqlite3_busy_timeout(conn->db, 0);
    return status;
}

/* 256 pages: with what has to be moved for them, a step writes a few MiB at most. */
static const struct dbki_statement GIVE_BACK = {.sql = "PRAGMA incremental_vacuum(256)"};
static const struct dbki_statement COUNT_UNUSED = {
    .sql = "SELECT freelist_count * page_size FROM pragma_freelist_count, pragma_page_size",
    .is_one_row = true};

static const char *const SCHEMES[] = {"sqlite", NULL};

const struct dbki_engine dbki_sqlite = {
    .name = "sqlite",
    .schemes = SCHEMES,
    .pipeline_max = 1, /* nothing is sent anywhere: each operation is run and read on the spot */
    .writer_count = 1,
    .open = conn_open,
    .close = dbki_sqlite_close,
    .begin = conn_begin,
    .run = conn_run,
    .commit = conn_commit,
    .rollback = conn_rollback,
    .look = conn_look,
    .script = conn_script,
    .columns = conn_columns,
    .count_tables = "SELECT count(*) FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'",
    .count_objects =
        "SELECT count(*) FROM sqlite_master WHERE type IN ('table', 'index') AND name = ?",
    .spell_trigger = spell_trigger,
    .spell_refusal = spell_refusal,
    .count_triggers = "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND name = ?",
    .table_size = "SELECT sum(pgsize) FROM dbstat WHERE name = ?", /* not in every build */
    .last_id = dbki_sqlite_last_id,
    .set_last_id = dbki_sqlite_set_last_id,
    .list_tables = "SELECT name FROM sqlite_master WHERE type = 'table'"
                   " AND name NOT LIKE 'sqlite_%' ORDER BY name",
    /* The largest row is 1,000,000,000 bytes; its other columns need some of them. */
    .value_max = 999000000,
    .before_tables = "PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL;",
    .give_back = &GIVE_BACK,
    .count_unused = &COUNT_UNUSED,
    .keep_reserve = dbki_reserve_keep,
    .release_reserve = dbki_reserve_release_at,
    .has_log = dbki_sqlite_has_log,
    .set_log = dbki_sqlite_set_log,
    .backup_open = dbki_sqlite_backup_open,
    .backup_pages = dbki_sqlite_backup_pages,
    .backup_check = dbki_sqlite_backup_check,
    .backup_close = dbki_sqlite_backup_close,
    .overwrite = dbki_sqlite_overwrite,
    .scrub = dbki_sqlite_scrub,
    .rewrite = dbki_sqlite_rewrite,
    .unwritten = dbki_sqlite_unwritten,
    .remains = dbki_sqlite_remains,
    .tidy = dbki_sqlite_tidy,
};
