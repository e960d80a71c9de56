/*
 * Indexes that are made and dropped while others write: CONCURRENTLY, which is no transaction. One that was cut
 * off leaves an index that is not valid, is kept up and never used: it is dropped and made again.
 *
 * A lock of the session's lets one process at a time do that. It is tried again and again rather than waited for:
 * a statement that waits has a snapshot, which the making of an index waits for in turn.
 */
#include "base/clock.h"
#include "base/error.h"
#include "engine/postgres/conn.h"

#include <stdio.h>

#define LOCK "1145848435"

static const int64_t PAUSE_NS = 20 * 1000 * 1000;

static int take_numbers(void *owner, int index, const struct dbki_value *cells, int cell_count)
{
    int64_t *numbers = owner;
    (void)index;
    for (int i = 0; i < cell_count && i < 2; i++)
        numbers[i] = dbki_value_int(&cells[i]);
    return DBK_OK;
}

static int lock(struct conn *conn, struct dbki_wait *wait, struct dbk_error *error)
{
    static const struct dbki_statement try = {.sql = "SELECT pg_try_advisory_lock(" LOCK ")",
                                              .is_one_row = true};
    for (;;) {
        int64_t is_mine[2] = {0};
        int status = dbki_ask(&conn->head, &try, NULL, is_mine, take_numbers, error);
        if (status || is_mine[0])
            return status;
        if (wait->gives_up(wait))
            return dbki_error_set(error, DBK_BUSY,
                                  "another process makes or drops daybook's indexes");
        dbki_clock_sleep_ns(PAUSE_NS);
        wait->waited_ns += PAUSE_NS;
    }
}

/* Takes the name out: of an index that is there, valid or not. */
static int drop(struct conn *conn, const char *name, struct dbki_wait *wait,
                struct dbk_error *error)
{
    char sql[128];
    snprintf(sql, sizeof sql, "DROP INDEX CONCURRENTLY %s", name);
    return dbki_postgres_command(conn, sql, wait, NULL, error);
}

int dbki_postgres_index_online(struct dbki_conn *head, const char *name, const char *create,
                               struct dbki_wait *lock_wait, struct dbki_wait *wait,
                               struct dbk_error *error)
{
    static const struct dbki_statement find = {
        .sql = "SELECT count(*), count(*) FILTER (WHERE indisvalid) FROM pg_index"
               " WHERE indexrelid = to_regclass(?)",
        .is_one_row = true};
    struct conn *conn = (struct conn *)head;
    struct dbki_value param = dbki_text(name);
    int64_t counts[2] = {0}; /* there, and valid */
    int status = lock(conn, lock_wait, error);
    if (status)
        return status;
    status = dbki_ask(&conn->head, &find, &param, counts, take_numbers, error);
    bool is_right = create ? counts[1] > 0 : counts[0] == 0;
    if (!status && !is_right && counts[0])
        status = drop(conn, name, wait, error);
    if (!status && !is_right && create)
        status = dbki_postgres_command(conn, create, wait, NULL, error);
    if (!conn->is_lost)
        dbki_postgres_command(conn, "SELECT pg_advisory_unlock(" LOCK ")", NULL, NULL, NULL);
    return status;
}
