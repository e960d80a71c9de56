/*
 * Waking those who wait for events: NOTIFY, on a channel of the schema's that the tables are in, and LISTEN.
 *
 * A transaction that notifies commits one after the other with all others that do, in the whole cluster. So it
 * is done only while somebody listens: who does holds a lock, shared, and a writer tries for a moment whether it
 * could have it alone. That costs no round trip and keeps nobody waiting; two writers that try in the same moment
 * notify for nothing.
 */
#include "base/error.h"
#include "engine/postgres/conn.h"

#include <poll.h>
#include <stdio.h>

/* The schema's number makes both names: of the channel, and of the lock. */
#define PLACE "to_regnamespace(quote_ident(current_schema()))::oid::bigint"
#define LOCK_OF(place) "(1145848434::bigint << 32) + " place

const struct dbki_statement dbki_postgres_notify = {
    .sql = "SELECT pg_notify('daybook_' || s.place, '') FROM (SELECT " PLACE " AS place) s"
           " WHERE NOT CASE WHEN pg_try_advisory_lock(" LOCK_OF(
               "s.place") ")"
                          " THEN pg_advisory_unlock(" LOCK_OF("s.place") ") ELSE false END",
};

static int find_place(struct conn *conn, int64_t *out_place, struct dbk_error *error)
{
    static const struct dbki_statement place = {.sql = "SELECT " PLACE, .is_one_row = true};
    return dbki_ask(&conn->head, &place, NULL, out_place, dbki_take_int, error);
}

static int begin(struct conn *conn, struct dbk_error *error)
{
    int64_t place = DBK_NONE;
    char sql[96];
    if (conn->is_unprepared)
        return dbki_error_set(error, DBK_UNSUPPORTED,
                              "behind a pooler (prepare=no) no connection can listen");
    int status = find_place(conn, &place, error);
    if (status)
        return status;
    snprintf(sql, sizeof sql, "LISTEN daybook_%lld", (long long)place);
    status = dbki_postgres_command(conn, sql, NULL, NULL, error);
    if (status)
        return status;
    snprintf(sql, sizeof sql, "SELECT pg_advisory_lock_shared(" LOCK_OF("%lld") ")",
             (long long)place);
    status = dbki_postgres_command(conn, sql, NULL, NULL, error);
    conn->is_listening = !status;
    return status;
}

/* Result: whether there were any. */
static bool take_notices(struct conn *conn)
{
    bool are_some = false;
    for (PGnotify *notice; (notice = PQnotifies(conn->pg)); PQfreemem(notice))
        are_some = true;
    return are_some;
}

int dbki_postgres_listen(struct dbki_conn *head, int stop_fd, struct dbk_error *error)
{
    struct conn *conn = (struct conn *)head;
    if (!conn->is_listening)
        return begin(conn, error);
    while (!take_notices(conn)) {
        struct pollfd fds[] = {{.fd = PQsocket(conn->pg), .events = POLLIN},
                               {.fd = stop_fd, .events = POLLIN}};
        if (poll(fds, 2, -1) < 0)
            continue; /* a signal */
        if (fds[1].revents)
            return DBK_OK;
        if (!PQconsumeInput(conn->pg)) {
            conn->is_lost = true;
            return dbki_postgres_lost(conn, error);
        }
    }
    return DBK_OK;
}
