/* A PostgreSQL server of the test's own; see postgres.h. */
#include "postgres.h"

#include "daybook.h"
#include "server_folder.h"

#include <errno.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATH_SIZE = 256 };

static const char *const BINARIES[] = {"/usr/lib/postgresql/15/bin", "/usr/lib/postgresql/16/bin",
                                       "/usr/lib/postgresql/17/bin", "/usr/local/pgsql/bin"};

static char folder[SERVER_FOLDER_SIZE], bin[PATH_SIZE];
static bool is_looked_for;

/* ---------------------------------------------------------------------------- the programs ---- */

/* Runs one of PostgreSQL's programs in the folder. Result: its exit code. */
static int run_program(const char *name, const char *const *args)
{
    char path[PATH_SIZE + 64];
    const char *argv[24] = {path};
    int count = 1, status;
    snprintf(path, sizeof path, "%s/%s", bin, name);
    while (args[count - 1] && count < 23) {
        argv[count] = args[count - 1];
        count++;
    }
    pid_t pid = fork();
    if (pid == 0) {
        server_become_nobody();
        if (chdir(folder))
            _exit(126);
        server_leave_all_but("log");
        unsetenv("LC_ALL");
        execv(path, (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static void stop_at(const char *name, const char *mode)
{
    char data[PATH_SIZE];
    snprintf(data, sizeof data, "%s/%s", folder, name);
    if (access(data, F_OK) == 0)
        run_program("pg_ctl", (const char *[]){"stop", "-D", data, "-m", mode, "-w", NULL});
}

static void stop(const char *mode)
{
    stop_at("data", mode);
}

/* The server whose data are in that folder, with its socket in this one, below the test's own. */
static int start_at(const char *name, const char *socket)
{
    char data[PATH_SIZE], options[2 * PATH_SIZE];
    int cache_mb = server_cache_mb();
    snprintf(data, sizeof data, "%s/%s", folder, name);
    snprintf(options, sizeof options,
             "-c listen_addresses='' -c unix_socket_directories='%s%s' -c max_connections=100"
             " -c shared_buffers=%dMB -c max_wal_size=%dMB -c dynamic_shared_memory_type=mmap",
             folder, socket, cache_mb, cache_mb < 256 ? 256 : cache_mb);
    return run_program("pg_ctl", (const char *[]){"start", "-D", data, "-w", "-o", options, NULL});
}

static int start(void)
{
    return start_at("data", "");
}

/* ------------------------------------------------------------------------- its coming, going ---- */

static void stop_all(void)
{
    stop_at("standby", "immediate");
    stop("immediate");
}

static bool find_binaries(void)
{
    char path[PATH_SIZE + 16];
    for (size_t i = 0; i < COUNT_OF(BINARIES); i++) {
        snprintf(path, sizeof path, "%s/initdb", BINARIES[i]);
        if (access(path, X_OK) == 0) {
            snprintf(bin, sizeof bin, "%s", BINARIES[i]);
            return true;
        }
    }
    return false;
}

const char *postgres_folder(void)
{
    char data[PATH_SIZE];
    if (is_looked_for)
        return folder[0] ? folder : NULL;
    is_looked_for = true;
    if (!find_binaries()) {
        fprintf(stderr, "PostgreSQL's server is not installed (tools/setup test does it)\n");
        if (getenv("CI"))
            exit(1);
        return NULL;
    }
    server_folder_make(folder, "pg");
    server_guard_start(folder, stop_all);
    snprintf(data, sizeof data, "%s/data", folder);
    const char *const args[] = {"-D",   data,         "-N", "-A",       "trust", "-E",
                                "UTF8", "--locale=C", "-U", "postgres", NULL};
    if (run_program("initdb", args) || start())
        server_fail_start(folder, "PostgreSQL's server");
    return folder;
}

/* -------------------------------------------------------------------------------- its places ---- */

static char *url_of(const char *database, const char *more)
{
    return test_format("postgresql://postgres@/%s?host=%s%s", database, folder, more);
}

const char *postgres_socket(void)
{
    return test_format("%s/.s.PGSQL.5432", postgres_folder());
}

const char *postgres_place(void)
{
    static int count;
    if (!postgres_folder())
        return NULL;
    char *schema = test_format("CREATE SCHEMA place%d", ++count);
    postgres_run(url_of("postgres", ""), schema);
    return url_of("postgres", test_format("&options=-csearch_path%%3Dplace%d", count));
}

const char *postgres_icu_place(void)
{
    static int count;
    if (!postgres_folder())
        return NULL;
    if (!count)
        postgres_run(url_of("postgres", ""),
                     "CREATE DATABASE icu LOCALE_PROVIDER icu ICU_LOCALE 'de-DE' LOCALE 'C'"
                     " TEMPLATE template0");
    postgres_run(url_of("icu", ""), test_format("CREATE SCHEMA place%d", ++count));
    return url_of("icu", test_format("&options=-csearch_path%%3Dplace%d", count));
}

const char *postgres_database(const char *options)
{
    static int count;
    if (!postgres_folder())
        return NULL;
    return postgres_database_named(test_format("base%d", ++count), options);
}

const char *postgres_database_named(const char *name, const char *options)
{
    postgres_run(url_of("postgres", ""), test_format("CREATE DATABASE %s %s", name, options));
    return url_of(name, "");
}

void postgres_stop(const char *mode)
{
    stop(mode);
}

void postgres_start(void)
{
    assert_int_equal(start(), 0);
}

const char *postgres_as(const char *url, const char *role)
{
    const char *rest = strchr(url, '@');
    return test_format("postgresql://%s%s", role, rest);
}

const char *postgres_at_standby(const char *url)
{
    static bool is_made;
    char data[PATH_SIZE], *host = strstr(url, folder);
    snprintf(data, sizeof data, "%s/standby", folder);
    assert_non_null(host);
    if (!is_made) {
        const char *const args[] = {"-h", folder, "-U",   "postgres", "-D",     data,
                                    "-R", "-c",   "fast", "-X",       "stream", NULL};
        assert_int_equal(run_program("pg_basebackup", args), 0);
        assert_int_equal(start_at("standby", "/standby"), 0);
    }
    is_made = true;
    host += strlen(folder);
    return test_format("%.*s/standby%s", (int)(host - url), url, host);
}

void postgres_promote_standby(void)
{
    char data[PATH_SIZE];
    snprintf(data, sizeof data, "%s/standby", folder);
    const char *const args[] = {"promote", "-D", data, "-w", NULL};
    assert_int_equal(run_program("pg_ctl", args), 0);
}

/* Its other processes end when they see that the first one is gone. */
void postgres_kill(void)
{
    char path[PATH_SIZE];
    int pid;
    snprintf(path, sizeof path, "%s/data/postmaster.pid", folder);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%d", &pid), 1);
    fclose(file);
    assert_return_code(kill(pid, SIGKILL), errno);
}

/* ----------------------------------------------------------------------------- past the library ---- */

static PGresult *ask(const char *url, const char *sql, PGconn **out_pg)
{
    PGconn *pg = PQconnectdb(url);
    if (PQstatus(pg) != CONNECTION_OK)
        fail_msg("%s: %s", url, PQerrorMessage(pg));
    PQclear(PQexec(pg, "SET client_min_messages = error"));
    PGresult *result = PQexec(pg, sql);
    if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(pg));
    *out_pg = pg;
    return result;
}

void postgres_run(const char *url, const char *sql)
{
    PGconn *pg;
    PQclear(ask(url, sql, &pg));
    PQfinish(pg);
}

const char *postgres_text(const char *url, const char *sql)
{
    PGconn *pg;
    PGresult *result = ask(url, sql, &pg);
    bool has_one = PQntuples(result) > 0 && !PQgetisnull(result, 0, 0);
    char *text = has_one ? test_copy(PQgetvalue(result, 0, 0)) : NULL;
    PQclear(result);
    PQfinish(pg);
    return text;
}

int64_t postgres_int(const char *url, const char *sql)
{
    const char *text = postgres_text(url, sql);
    return text ? strtoll(text, NULL, 10) : DBK_NONE;
}

void postgres_settle_counts(const char *url)
{
    enum { TRIES = 3000, TRY_US = 20 * 1000 };
    for (int i = 0; postgres_int(url, "SELECT count(*) FROM pg_stat_activity WHERE datname ="
                                      " current_database() AND backend_type = 'client backend'"
                                      " AND pid <> pg_backend_pid()");
         i++) {
        assert_true(i < TRIES);
        usleep(TRY_US);
    }
}

void postgres_forget_counts(const char *url)
{
    postgres_settle_counts(url);
    postgres_run(url, "SELECT pg_stat_reset()");
}

int64_t postgres_rows_read(const char *url, const char *table)
{
    postgres_settle_counts(url);
    return postgres_int(url, test_format("SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) FROM"
                                         " pg_stat_user_tables WHERE relname = '%s'"
                                         " AND schemaname = current_schema()",
                                         table));
}

void *postgres_connect(const char *url)
{
    PGconn *pg = PQconnectdb(url);
    if (PQstatus(pg) != CONNECTION_OK)
        fail_msg("%s: %s", url, PQerrorMessage(pg));
    return pg;
}

const char *postgres_text_on(void *connection, const char *sql)
{
    PGresult *result = PQexec(connection, sql);
    if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(connection));
    bool has_one = PQntuples(result) > 0 && !PQgetisnull(result, 0, 0);
    char *text = has_one ? test_copy(PQgetvalue(result, 0, 0)) : NULL;
    PQclear(result);
    return text;
}

void postgres_disconnect(void *connection)
{
    PQfinish(connection);
}

struct dbk_store *postgres_open(const char *url, bool is_created)
{
    struct dbk_options options = DBK_OPTIONS_INIT;
    struct dbk_store *store;
    struct dbk_error error;
    options.is_created = is_created;
    if (dbk_open(url, &options, &store, &error))
        fail_msg("%s: %s", url, error.message);
    return store;
}
