/*
 * Indexes that are made and dropped while others write: ALGORITHM=INPLACE, LOCK=NONE. One that is cut off leaves
 * nothing behind; whose client is gone is made to its end all the same, and whoever comes then waits for it.
 *
 * At its beginning and its end such a statement needs the table to be in no transaction that is open elsewhere. While
 * it waits for one, everybody else who wants the table waits behind it. So it waits for a short time only, and is
 * begun again a little later.
 *
 * A lock of the session's lets one process at a time do that.
 */
#include "base/clock.h"
#include "base/error.h"
#include "engine/mariadb/conn.h"

#include <stdio.h>

#define LOCK "concat('daybook indexes of ', database())"

enum { LOCK_TIMEOUT = 1205, NAME_SIZE = 65 };
static const int64_t PAUSE_NS = 20 * 1000 * 1000, RETRY_PAUSE_NS = 500 * 1000 * 1000;

static int pause_or_give_up(struct dbki_wait *wait, int64_t pause_ns, const char *sentence,
                            struct dbk_error *error)
{
    if (wait->gives_up(wait))
        return dbki_error_set(error, DBK_BUSY, "%s", sentence);
    dbki_clock_sleep_ns(pause_ns);
    wait->waited_ns += pause_ns;
    return DBK_OK;
}

static int lock(struct conn *conn, struct dbki_wait *wait, struct dbk_error *error)
{
    static const struct dbki_statement try = {.sql = "SELECT get_lock(" LOCK ", 0)",
                                              .is_one_row = true};
    for (;;) {
        int64_t is_mine = 0;
        int status = dbki_ask(&conn->head, &try, NULL, &is_mine, dbki_take_int, error);
        if (status || is_mine == 1)
            return status;
        status = pause_or_give_up(wait, PAUSE_NS,
                                  "another process makes or drops daybook's indexes", error);
        if (status)
            return status;
    }
}

static int take_name(void *owner, int index, const struct dbki_value *cells, int cell_count)
{
    (void)index;
    (void)cell_count;
    snprintf(owner, NAME_SIZE, "%s", cells[0].text);
    return DBK_OK;
}

/* The table that has an index of that name; "": there is none. */
static int find_table(struct conn *conn, const char *index, char out_table[NAME_SIZE],
                      struct dbk_error *error)
{
    static const struct dbki_statement find = {
        .sql = "SELECT table_name FROM information_schema.statistics"
               " WHERE table_schema = database() AND index_name = ?",
        .is_one_row = true};
    struct dbki_value name = dbki_text(index);
    out_table[0] = '\0';
    return dbki_ask(&conn->head, &find, &name, out_table, take_name, error);
}

/* Runs the statement until no transaction is in its way. */
static int run(struct conn *conn, const char *sql, struct dbki_wait *lock_wait,
               struct dbki_wait *wait, struct dbk_error *error)
{
    for (;;) {
        int64_t begin_ns = dbki_clock_ns();
        int status = dbki_mariadb_command(conn, sql, wait, error);
        if (status != DBK_BUSY || error->engine_code != LOCK_TIMEOUT)
            return status;
        lock_wait->waited_ns += dbki_clock_ns() - begin_ns;
        dbki_error_clear(error);
        status = pause_or_give_up(lock_wait, RETRY_PAUSE_NS,
                                  "a transaction that is open elsewhere (a backup, perhaps) keeps "
                                  "the table from being changed: try again when it has ended",
                                  error);
        if (status)
            return status;
    }
}

int dbki_mariadb_index_online(struct dbki_conn *head, const char *name, const char *create,
                              struct dbki_wait *lock_wait, struct dbki_wait *wait,
                              struct dbk_error *error)
{
    struct conn *conn = (struct conn *)head;
    char table[NAME_SIZE], drop[2 * NAME_SIZE + 64];
    int status = lock(conn, lock_wait, error);
    if (status)
        return status;
    status = find_table(conn, name, table, error);
    snprintf(drop, sizeof drop, "DROP INDEX %.64s ON %s", name, table);
    if (!status && !table[0] == (create != NULL)) {
        status = dbki_mariadb_command(conn, "SET lock_wait_timeout = 1", NULL, error);
        if (!status)
            status = run(conn, create ? create : drop, lock_wait, wait, error);
        if (!conn->is_lost)
            dbki_mariadb_command(conn, "SET lock_wait_timeout = 10", NULL, NULL);
    }
    if (!conn->is_lost)
        dbki_mariadb_command(conn, "DO release_lock(" LOCK ")", NULL, NULL);
    return status;
}
