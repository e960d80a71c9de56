/*
 * Connecting, in the client library's non-blocking way, so that whoever waits may stop. No message holds a
 * password: the client library's do not.
 */
#include "engine/mariadb/conn.h"

#include "base/clock.h"
#include "base/error.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>

/* The calls run on a stack of their own, and finding a name or proving a certificate takes some. */
enum { STACK_SIZE = 256 * 1024 };
enum { KILL_TIMEOUT_S = 1 };
static const int64_t KILL_NS = 300 * 1000 * 1000;

/* The client library has the process ignore SIGPIPE, which is not for a guest to decide. */
static void start_library(void)
{
    struct sigaction before;
    sigaction(SIGPIPE, NULL, &before);
    mysql_library_init(0, NULL, NULL);
    sigaction(SIGPIPE, &before, NULL);
}

/* A connection that is not made yet; NULL: out of memory. */
static MYSQL *new_handle(const struct login *login, int timeout_s)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    unsigned timeout = (unsigned)timeout_s;
    my_bool is = 1;
    pthread_once(&once, start_library);
    MYSQL *mysql = mysql_init(NULL);
    if (!mysql)
        return NULL;
    size_t stack_size = STACK_SIZE;
    mysql_options(mysql, MYSQL_OPT_NONBLOCK, &stack_size);
    if (login->option_file)
        mysql_options(mysql, MYSQL_READ_DEFAULT_FILE, login->option_file);
    mysql_options(mysql, MYSQL_READ_DEFAULT_GROUP, "daybook");
    mysql_options(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &timeout);
    mysql_options(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    mysql_optionsv(mysql, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", "daybook");
    if (login->ca || login->ca_path || login->cert)
        mysql_ssl_set(mysql, login->key, login->cert, login->ca, login->ca_path, NULL);
    if (login->crl)
        mysql_options(mysql, MYSQL_OPT_SSL_CRL, login->crl);
    if (login->is_encrypted)
        mysql_options(mysql, MYSQL_OPT_SSL_ENFORCE, &is);
    if (login->is_verified)
        mysql_options(mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &is);
    return mysql;
}

/* The client library does not do that. */
static void close_on_exec(MYSQL *mysql)
{
    int fd = (int)mysql_get_socket(mysql);
    if (fd >= 0)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static bool connect_in_steps(struct conn *conn, const char *host, unsigned port, const char *socket,
                             const char *database, struct dbki_wait *wait)
{
    const struct login *login = &conn->login;
    MYSQL *connected = NULL;
    int wanted =
        mysql_real_connect_start(&connected, conn->mysql, host, login->user, login->password,
                                 database, port, socket, CLIENT_REMEMBER_OPTIONS);
    while (wanted) {
        close_on_exec(conn->mysql); /* of a host's several addresses each has a new one */
        wanted =
            mysql_real_connect_cont(&connected, conn->mysql, dbki_mariadb_wait(conn, wanted, wait));
    }
    if (connected)
        close_on_exec(conn->mysql);
    return connected;
}

int dbki_mariadb_connect(struct conn *conn, const struct address *address, struct dbk_error *error)
{
    const struct login *login = &conn->login;
    const char *host = address->host ? address->host : "localhost";
    conn->mysql = new_handle(login, login->timeout_s);
    if (!conn->mysql)
        return dbki_error_set(error, DBK_NO_MEMORY, "out of memory");
    if (connect_in_steps(conn, host, address->port, login->socket, login->database, NULL))
        return DBK_OK;
    if (conn->is_given_up)
        return dbki_mariadb_lost(conn, error);
    return dbki_mariadb_error(conn, mysql_errno(conn->mysql), mysql_sqlstate(conn->mysql),
                              mysql_error(conn->mysql), error);
}

/* A wait with an end of its own. */
struct brief_wait {
    struct dbki_wait wait;
    int64_t end_ns;
};

static bool is_over(struct dbki_wait *wait)
{
    return dbki_clock_ns() > ((struct brief_wait *)wait)->end_ns;
}

void dbki_mariadb_kill(struct conn *conn)
{
    struct brief_wait brief = {.wait.gives_up = is_over, .end_ns = dbki_clock_ns() + KILL_NS};
    struct conn killer = {.login = conn->login}; /* lent */
    char sql[48];
    if (!conn->mysql || !mysql_thread_id(conn->mysql) || !conn->mysql->host)
        return;
    killer.mysql = new_handle(&killer.login, KILL_TIMEOUT_S);
    if (!killer.mysql)
        return;
    snprintf(sql, sizeof sql, "KILL %lu", mysql_thread_id(conn->mysql));
    if (connect_in_steps(&killer, conn->mysql->host, conn->mysql->port, conn->mysql->unix_socket,
                         NULL, &brief.wait))
        dbki_mariadb_command(&killer, sql, &brief.wait, NULL);
    mysql_close(killer.mysql);
}
