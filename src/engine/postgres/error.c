/* PostgreSQL's SQLSTATEs as our statuses: the only place that knows them. */
#include "engine/postgres/conn.h"

#include "base/error.h"

#include <ctype.h>
#include <string.h>

/* A class of two characters comes behind its members. */
static const struct {
    const char *sqlstate;
    enum dbk_status status;
    bool is_retryable;
    const char *hint; /* what to do; NULL: nothing better than the server's words */
} CODES[] = {
    {"08P01", DBK_INTERNAL, false, NULL},
    {"08", DBK_UNREACHABLE, true, NULL},
    {"22001", DBK_TOO_LARGE, false, NULL},
    {"22003", DBK_INVALID, false, "the table's column cannot hold a number of that size"},
    {"22021", DBK_INVALID, false, "the text cannot be kept in the database's encoding"},
    {"22P05", DBK_INVALID, false, "the text cannot be kept in the database's encoding"},
    {"22", DBK_INVALID, false, NULL},
    {"23", DBK_CONFLICT, false, NULL},
    {"25006", DBK_READ_ONLY, false,
     "the server is a standby, or its transactions are set to read only"},
    {"25P03", DBK_UNREACHABLE, true, NULL},
    {"26000", DBK_BUSY, true,
     "a pooler that hands each transaction another connection cannot keep prepared statements: say "
     "prepare=no in the URL"},
    {"28", DBK_DENIED, false, NULL},
    {"DAYBK", DBK_READ_ONLY, false, NULL}, /* a trigger of ours: the store was moved */
    {"3D000", DBK_NOT_FOUND, false, "`createdb` makes one"},
    {"3F000", DBK_SCHEMA, false, "the search_path names no schema that is there"},
    {"40001", DBK_BUSY, true, NULL},
    {"40P01", DBK_BUSY, true, NULL},
    {"40003", DBK_UNREACHABLE, true, NULL},
    {"42501", DBK_DENIED, false, "the role lacks a GRANT (docs/postgresql.md lists them)"},
    {"42P01", DBK_SCHEMA, false, NULL},
    {"42703", DBK_SCHEMA, false, NULL},
    {"42P05", DBK_BUSY, true, NULL},
    {"53100", DBK_FULL, true, "free some space on the server's disk"},
    {"53200", DBK_NO_MEMORY, true, NULL},
    {"53300", DBK_UNREACHABLE, true, "the server has as many connections as it takes"},
    {"54", DBK_TOO_LARGE, false, NULL},
    {"55P03", DBK_BUSY, true, NULL},
    {"57014", DBK_TIMEOUT, false, NULL},
    {"57P", DBK_UNREACHABLE, true, NULL},
    {"58", DBK_UNREACHABLE, true, NULL},
    {"0A000", DBK_UNSUPPORTED, false, NULL},
    {"XX001", DBK_DAMAGED, false, "go back to a backup"},
    {"XX002", DBK_DAMAGED, false, "an index is damaged: REINDEX makes it anew"},
};
enum { CODE_COUNT = sizeof CODES / sizeof CODES[0] };

static int find(const char *sqlstate)
{
    for (int i = 0; i < CODE_COUNT; i++)
        if (!strncmp(CODES[i].sqlstate, sqlstate, strlen(CODES[i].sqlstate)))
            return i;
    return -1;
}

enum dbk_status dbki_postgres_status(const char *sqlstate)
{
    int row = find(sqlstate);
    return row < 0 ? DBK_INTERNAL : CODES[row].status;
}

static int fill(const char *sqlstate, const char *words, const char *detail,
                struct dbk_error *error)
{
    int row = find(sqlstate);
    enum dbk_status status = row < 0 ? DBK_INTERNAL : CODES[row].status;
    const char *hint = row >= 0 ? CODES[row].hint : NULL;
    dbki_error_set(error, status, "%.200s%s%.100s%s%s%s", words, detail ? " (" : "",
                   detail ? detail : "", detail ? ")" : "", hint ? ": " : "", hint ? hint : "");
    if (error) {
        error->is_retryable = row >= 0 && CODES[row].is_retryable;
        memcpy(error->sqlstate, sqlstate, strnlen(sqlstate, 5));
    }
    return status;
}

/* libpq's own messages end in a newline, and may have several lines. */
static int fill_lost(const char *message, struct dbk_error *error)
{
    size_t len = strlen(message);
    while (len && isspace((unsigned char)message[len - 1]))
        len--;
    int status = dbki_error_set(error, DBK_UNREACHABLE, "%.*s", (int)len,
                                len ? message : "the connection to the server was lost");
    if (error) {
        error->is_retryable = true;
        for (char *c = error->message; *c; c++)
            if (*c == '\n' || *c == '\t')
                *c = ' ';
    }
    return status;
}

int dbki_postgres_error(struct conn *conn, const PGresult *result, struct dbk_error *error)
{
    const char *sqlstate = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    const char *words = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    const char *severity =
        result ? PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED) : NULL;
    if (!sqlstate) {
        conn->is_lost = true;
        return fill_lost(PQerrorMessage(conn->pg), error);
    }
    if (severity && (!strcmp(severity, "FATAL") || !strcmp(severity, "PANIC")))
        conn->is_lost = true;
    if (!strcmp(sqlstate, "26000") || !strcmp(sqlstate, "42P05") || !strcmp(sqlstate, "0A000"))
        conn->is_forgetting = true;
    /* A highest number, and one more: nothing that was given is to blame. */
    const char *function = PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);
    if (!strcmp(sqlstate, "22003") && function &&
        (!strcmp(function, "int8pl") || !strcmp(function, "int84pl")))
        return dbki_error_set(error, DBK_DAMAGED,
                              "the table holds the largest number that there is, past which none "
                              "can be given");
    return fill(sqlstate, words ? words : "", PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL),
                error);
}

/* "...FATAL:  3D000: database "x" does not exist\nLOCATION: ..." */
int dbki_postgres_connect_error(const char *message, struct dbk_error *error)
{
    const char *fatal = strstr(message, ":  ");
    size_t state_len = fatal ? strcspn(fatal + 3, ": ") : 0;
    if (state_len != 5 || fatal[8] != ':')
        return fill_lost(message, error);
    char sqlstate[6] = "", words[256] = "";
    memcpy(sqlstate, fatal + 3, 5);
    const char *begin = fatal + 9 + strspn(fatal + 9, " ");
    size_t len = strcspn(begin, "\n");
    memcpy(words, begin, len < sizeof words ? len : sizeof words - 1);
    return fill(sqlstate, words, NULL, error);
}
