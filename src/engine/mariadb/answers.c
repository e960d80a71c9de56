/*
 * Waiting for a server's answers. A connection whose owner will not wait any longer is dropped, and the server is
 * asked by another one to stop what it does there: by itself it would notice only at the end, and keep its locks
 * until then.
 */
#include "engine/mariadb/conn.h"

#include "base/clock.h"
#include "base/error.h"

#include <errmsg.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

enum { TICK_MS = 50 }; /* between two looks at the clock */

static bool gives_up(const struct conn *conn, struct dbki_wait *wait)
{
    return (conn->is_stopped && conn->is_stopped(conn->user)) ||
           (wait && wait->gives_up && wait->gives_up(wait));
}

/* What became ready, in the client library's words. */
static int happened(int wanted, short events)
{
    int what = 0;
    if (events & (POLLIN | POLLHUP | POLLERR | POLLNVAL))
        what |= wanted & MYSQL_WAIT_READ;
    if (events & (POLLOUT | POLLHUP | POLLERR | POLLNVAL))
        what |= wanted & MYSQL_WAIT_WRITE;
    if (events & POLLPRI)
        what |= wanted & MYSQL_WAIT_EXCEPT;
    return what ? what : wanted & ~MYSQL_WAIT_TIMEOUT;
}

/* A call that was begun has to be brought to its end all the same: it finds its socket shut. */
static int give_up(struct conn *conn, int fd)
{
    if (!conn->is_lost && mysql_thread_id(conn->mysql))
        dbki_mariadb_kill(conn);
    conn->is_lost = conn->is_given_up = true;
    if (fd >= 0)
        shutdown(fd, SHUT_RDWR);
    return MYSQL_WAIT_TIMEOUT;
}

int dbki_mariadb_wait(struct conn *conn, int wanted, struct dbki_wait *wait)
{
    int fd = (int)mysql_get_socket(conn->mysql);
    short events = (short)((wanted & MYSQL_WAIT_READ ? POLLIN : 0) |
                           (wanted & MYSQL_WAIT_WRITE ? POLLOUT : 0) |
                           (wanted & MYSQL_WAIT_EXCEPT ? POLLPRI : 0));
    int64_t begin_ns = dbki_clock_ns();
    int64_t end_ns = wanted & MYSQL_WAIT_TIMEOUT
                         ? begin_ns + 1000000LL * mysql_get_timeout_value_ms(conn->mysql)
                         : INT64_MAX;
    if (conn->is_given_up)
        return MYSQL_WAIT_TIMEOUT;
    for (;;) {
        struct pollfd ready = {.fd = fd, .events = events};
        int count = poll(&ready, 1, TICK_MS);
        int64_t now_ns = dbki_clock_ns();
        if (wait)
            wait->waited_ns += now_ns - begin_ns;
        begin_ns = now_ns;
        if (count > 0)
            return happened(wanted, ready.revents);
        if (gives_up(conn, wait))
            return give_up(conn, fd);
        if (now_ns > end_ns)
            return MYSQL_WAIT_TIMEOUT;
    }
}

int dbki_mariadb_lost(struct conn *conn, struct dbk_error *error)
{
    bool is_given_up = conn->is_given_up;
    conn->is_lost = true;
    conn->is_given_up = false; /* said once: from then on the connection is just lost */
    if (is_given_up)
        return dbki_error_set(error, DBK_TIMEOUT, "the deadline passed before the server answered");
    return dbki_mariadb_error(conn, CR_SERVER_LOST, "HY000",
                              "the connection to the server was lost", error);
}

int dbki_mariadb_command(struct conn *conn, const char *sql, struct dbki_wait *wait,
                         struct dbk_error *error)
{
    MYSQL *mysql = conn->mysql;
    MYSQL_RES *rows = NULL;
    int failed;
    if (conn->is_lost)
        return dbki_mariadb_lost(conn, error);
    DBKI_MARIADB_CALL(conn, wait, failed, mysql_real_query, mysql, sql, strlen(sql));
    if (!failed && mysql_field_count(mysql)) {
        DBKI_MARIADB_CALL(conn, wait, rows, mysql_store_result, mysql);
        failed = !rows;
        mysql_free_result(rows);
    }
    if (conn->is_given_up)
        return dbki_mariadb_lost(conn, error);
    return failed ? dbki_mariadb_error(conn, mysql_errno(mysql), mysql_sqlstate(mysql),
                                       mysql_error(mysql), error)
                  : DBK_OK;
}
