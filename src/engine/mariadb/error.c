/* MariaDB's error numbers as our statuses: the only place that knows them. */
#include "engine/mariadb/conn.h"

#include "base/error.h"

#include <ctype.h>
#include <string.h>

static const struct {
    unsigned first, last; /* numbers */
    enum dbk_status status;
    bool is_retryable;
    const char *hint; /* what to do; NULL: nothing better than the server's words */
} CODES[] = {
    {1020, 1020, DBK_BUSY, true, NULL}, /* a row was changed since it was read */
    {1021, 1021, DBK_FULL, true, "free some space on the server's disk"},
    {1034, 1035, DBK_DAMAGED, false, "REPAIR TABLE, or go back to a backup"},
    {1037, 1038, DBK_NO_MEMORY, true, NULL},
    {1040, 1040, DBK_UNREACHABLE, true, "the server has as many connections as it takes"},
    {1041, 1041, DBK_NO_MEMORY, true, NULL},
    {1044, 1045, DBK_DENIED, false, NULL},
    {1047, 1047, DBK_UNREACHABLE, true, "the node is not part of its Galera cluster now"},
    {1048, 1048, DBK_CONFLICT, false, NULL},
    {1049, 1049, DBK_NOT_FOUND, false, "CREATE DATABASE makes one"},
    {1053, 1053, DBK_UNREACHABLE, true, NULL},
    {1054, 1054, DBK_SCHEMA, false, NULL},
    {1062, 1062, DBK_CONFLICT, false, NULL},
    {1114, 1114, DBK_FULL, true, "free some space on the server's disk"},
    {1129, 1130, DBK_DENIED, false, NULL},
    {1142, 1143, DBK_DENIED, false, "the user lacks a GRANT"},
    {1146, 1146, DBK_SCHEMA, false, NULL},
    {1153, 1153, DBK_TOO_LARGE, false, "the server's max_allowed_packet is smaller"},
    {1158, 1161, DBK_UNREACHABLE, true, NULL},
    {1180, 1181, DBK_BUSY, true, NULL}, /* of a Galera cluster */
    {1194, 1195, DBK_DAMAGED, false, "REPAIR TABLE, or go back to a backup"},
    {1203, 1203, DBK_UNREACHABLE, true, "the user has as many connections as he may"},
    {1205, 1205, DBK_BUSY, true, NULL}, /* waited for a lock */
    {1213, 1213, DBK_BUSY, true, NULL}, /* a deadlock, or a conflict in a Galera cluster */
    {1227, 1227, DBK_DENIED, false, "the user lacks a GRANT"},
    {1243, 1243, DBK_BUSY, true, NULL}, /* a prepared statement that is gone */
    {1264, 1264, DBK_INVALID, false, "the table's column cannot hold a number of that size"},
    {1267, 1267, DBK_INVALID, false, NULL},
    {1290, 1290, DBK_READ_ONLY, false, "the server is a replica, or was set to read only"},
    {1317, 1317, DBK_TIMEOUT, false, NULL},
    {1366, 1366, DBK_INVALID, false, "the text cannot be kept in the table's character set"},
    {1406, 1406, DBK_TOO_LARGE, false, NULL},
    {1412, 1412, DBK_BUSY, true, NULL}, /* a table was changed since the snapshot was taken */
    {1451, 1452, DBK_CONFLICT, false, NULL},
    {1461, 1461, DBK_BUSY, true, "the server's max_prepared_stmt_count is reached"},
    {1615, 1615, DBK_BUSY, true, NULL},
    {1637, 1637, DBK_BUSY, true, NULL},
    {1665, 1665, DBK_UNSUPPORTED, false, "set the server's binlog_format to MIXED or ROW"},
    {1690, 1690, DBK_DAMAGED, false, NULL},
    {1698, 1698, DBK_DENIED, false, NULL},
    {1712, 1712, DBK_DAMAGED, false, "the table's index is damaged: go back to a backup"},
    {1792, 1792, DBK_READ_ONLY, false, NULL},
    {1836, 1836, DBK_READ_ONLY, false, NULL},
    {1927, 1927, DBK_UNREACHABLE, true, NULL},
    {1932, 1932, DBK_DAMAGED, false, NULL},
    {1969, 1969, DBK_TIMEOUT, false, NULL},
    {1226, 1226, DBK_UNREACHABLE, true, NULL},
    {2008, 2008, DBK_NO_MEMORY, true, NULL},
    {2020, 2020, DBK_TOO_LARGE, false, "the server's max_allowed_packet is smaller"},
    {2026, 2026, DBK_DENIED, false,
     "ssl_ca=FILE in the URL names who signs the server's certificate, ssl_mode=REQUIRED does "
     "without proof"},
    {2002, 2007, DBK_UNREACHABLE, true, NULL},
    {2012, 2013, DBK_UNREACHABLE, true, NULL},
    {2027, 2027, DBK_UNREACHABLE, true, NULL},
    {2055, 2055, DBK_UNREACHABLE, true, NULL},
    {31644, 31644, DBK_READ_ONLY, false, NULL}, /* a trigger of ours: the store was moved */
};
enum { CODE_COUNT = sizeof CODES / sizeof CODES[0], CLIENT_FIRST = 2000, CLIENT_LAST = 2999 };

static int find(unsigned code)
{
    for (int i = 0; i < CODE_COUNT; i++)
        if (CODES[i].first <= code && code <= CODES[i].last)
            return i;
    return -1;
}

enum dbk_status dbki_mariadb_status(unsigned code)
{
    int row = find(code);
    return row < 0 ? DBK_INTERNAL : CODES[row].status;
}

/* A node of a cluster that is cut off in the middle of a COMMIT cannot say whether the others have got it, nor can a
 * server whose COMMIT was interrupted. A conflict (1213), in turn, is decided alike on all nodes. */
bool dbki_mariadb_is_unsure(const struct conn *conn)
{
    unsigned code = mysql_errno(conn->mysql);
    return code == 1105 || code == 1180 || code == 1181 || code == 1317;
}

/* In a cluster no lock keeps other nodes from writing, nor does one keep a master from it whose tables have no foreign keys
 * (they were made in MyISAM), by which it would wait for the builder's row. What somebody else committed since a
 * transaction looked comes in between its statements, and takes the number or the name that was free then: it has to look
 * again. */
static bool is_taken_elsewhere(const struct conn *conn, unsigned code)
{
    bool is_beside_others = conn->is_clustered || conn->charset[0];
    return code == 1062 && is_beside_others && conn->is_begun;
}

int dbki_mariadb_error(struct conn *conn, unsigned code, const char *sqlstate, const char *words,
                       struct dbk_error *error)
{
    int row = find(code);
    enum dbk_status status = row < 0 ? DBK_INTERNAL : CODES[row].status;
    const char *hint = row >= 0 ? CODES[row].hint : NULL;
    size_t len = strlen(words);
    while (len && isspace((unsigned char)words[len - 1]))
        len--;
    /* What is wrong between the client library and the server is not known to either. */
    if (status == DBK_UNREACHABLE || (CLIENT_FIRST <= code && code <= CLIENT_LAST))
        conn->is_lost = true;
    if (code == 1243 || code == 1615)
        conn->is_forgetting = true;
    if (code == 1690)
        words = "the table holds the largest number that there is, past which none can be given",
        len = strlen(words);
    dbki_error_set(error, status, "%.*s%s%s", len < 300 ? (int)len : 300,
                   len ? words : "the connection to the server was lost", hint ? ": " : "",
                   hint ? hint : "");
    if (error) {
        error->is_retryable =
            (row >= 0 && CODES[row].is_retryable) || is_taken_elsewhere(conn, code);
        error->engine_code = (int)code;
        memcpy(error->sqlstate, sqlstate, strnlen(sqlstate, 5));
        for (char *c = error->message; *c; c++)
            if (*c == '\n' || *c == '\t')
                *c = ' ';
    }
    return status;
}
