/*
 * Waiting for a server's answers. A connection whose owner will not wait any longer is dropped: to ask the
 * server to stop would take a second connection, to a server that perhaps nobody can reach. It notices within a
 * second that nobody listens (client_connection_check_interval).
 */
#include "engine/postgres/conn.h"

#include "base/clock.h"
#include "base/error.h"

#include <poll.h>
#include <stdio.h>

enum { TICK_MS = 50 }; /* between two looks at the clock */

static bool gives_up(const struct conn *conn, struct dbki_wait *wait)
{
    return (conn->is_stopped && conn->is_stopped(conn->user)) ||
           (wait && wait->gives_up && wait->gives_up(wait));
}

/* Sends what is still to be sent, and waits until something came. Result: false: the connection is lost. */
static bool wait_for_more(struct conn *conn, struct dbki_wait *wait)
{
    int left = PQflush(conn->pg);
    struct pollfd fd = {.fd = PQsocket(conn->pg), .events = left > 0 ? POLLIN | POLLOUT : POLLIN};
    if (left < 0 || fd.fd < 0)
        return false;
    int64_t before_ns = dbki_clock_ns();
    int ready = poll(&fd, 1, TICK_MS);
    if (wait)
        wait->waited_ns += dbki_clock_ns() - before_ns;
    if (ready > 0 && fd.revents & ~POLLOUT)
        return PQconsumeInput(conn->pg) == 1;
    conn->is_given_up = ready == 0 && gives_up(conn, wait);
    return !conn->is_given_up;
}

bool dbki_postgres_flush(struct conn *conn)
{
    while (!conn->is_lost && PQflush(conn->pg) > 0)
        if (!wait_for_more(conn, NULL))
            conn->is_lost = true;
    return !conn->is_lost;
}

PGresult *dbki_postgres_next(struct conn *conn, struct dbki_wait *wait)
{
    while (!conn->is_lost && PQisBusy(conn->pg))
        if (!wait_for_more(conn, wait))
            conn->is_lost = true;
    return conn->is_lost ? NULL : PQgetResult(conn->pg);
}

int dbki_postgres_lost(struct conn *conn, struct dbk_error *error)
{
    bool is_given_up = conn->is_given_up;
    conn->is_given_up = false; /* said once: from then on the connection is just lost */
    if (is_given_up)
        return dbki_error_set(error, DBK_TIMEOUT, "the deadline passed before the server answered");
    return dbki_postgres_error(conn, NULL, error);
}

int dbki_postgres_command(struct conn *conn, const char *sql, struct dbki_wait *wait,
                          char out_tag[TAG_SIZE], struct dbk_error *error)
{
    PGresult *result;
    int status = DBK_OK;
    bool is_over = false;
    if (conn->is_lost)
        return dbki_postgres_lost(conn, error);
    if (!PQsendQueryParams(conn->pg, sql, 0, NULL, NULL, NULL, NULL, 1) ||
        !PQpipelineSync(conn->pg))
        conn->is_lost = true;
    while (!is_over && !conn->is_lost) {
        result = dbki_postgres_next(conn, wait);
        switch (result ? PQresultStatus(result) : PGRES_EMPTY_QUERY) {
        case PGRES_PIPELINE_SYNC:
            is_over = true;
            break;
        case PGRES_FATAL_ERROR:
            status = dbki_postgres_error(conn, result, error);
            break;
        case PGRES_COMMAND_OK:
            if (out_tag)
                snprintf(out_tag, TAG_SIZE, "%s", PQcmdStatus(result));
            break;
        default:
            break;
        }
        PQclear(result);
    }
    return status || is_over ? status : dbki_postgres_lost(conn, error);
}
