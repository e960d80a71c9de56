/*
 * Connecting: the URL goes to libpq as it is, without the options that are ours; so its hosts, sockets, TLS,
 * password file and environment are libpq's. No message holds a password: libpq's own about a URL, which might,
 * is not passed on.
 */
#include "engine/postgres/conn.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"

#include <ctype.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

/* Options of the URL that are read elsewhere. */
static const char *const OURS[] = {"mode", "writes", "master", "prepare", NULL};

/* Used where the URL and the environment say nothing: a server that is gone is noticed within a minute. */
static const struct {
    const char *name, *value, *environment;
} DEFAULTS[] = {
    {"connect_timeout", "10", "PGCONNECT_TIMEOUT"},
    {"keepalives_idle", "20", NULL},
    {"keepalives_interval", "10", NULL},
    {"keepalives_count", "3", NULL},
    {"tcp_user_timeout", "50000", NULL},
};
enum { DEFAULT_COUNT = sizeof DEFAULTS / sizeof DEFAULTS[0] };
enum { WHY_MS = 5000 };

static bool is_ours(const char *name)
{
    for (const char *const *ours = OURS; *ours; ours++)
        if (!strcmp(*ours, name))
            return true;
    return false;
}

const char *dbki_postgres_option(const struct dbki_url *url, const char *name)
{
    for (int i = 0; i < url->option_count; i++)
        if (!strcmp(url->options[i].name, name))
            return url->options[i].value;
    return NULL;
}

static bool is_known(const PQconninfoOption *known, const char *name)
{
    for (; known->keyword; known++)
        if (!strcmp(known->keyword, name))
            return true;
    return !strcmp(name, "ssl"); /* libpq takes ssl=true in URLs */
}

static int check_options(const struct dbki_url *url, struct dbk_error *error)
{
    const char *prepare = dbki_postgres_option(url, "prepare");
    PQconninfoOption *known = PQconndefaults();
    int status = known ? DBK_OK : dbki_error_set(error, DBK_NO_MEMORY, "out of memory");
    if (!status && prepare && strcmp(prepare, "yes") && strcmp(prepare, "no"))
        status = dbki_error_set(error, DBK_INVALID,
                                "prepare=%.40s in the database URL: it takes yes or no", prepare);
    for (int i = 0; i < url->option_count && !status; i++)
        if (!is_ours(url->options[i].name) && !is_known(known, url->options[i].name))
            status = dbki_error_set(error, DBK_INVALID,
                                    "PostgreSQL databases have no option '%.40s'; there is mode, "
                                    "writes, prepare, and what libpq knows",
                                    url->options[i].name);
    PQconninfoFree(known);
    return status;
}

static void add_escaped(struct dbki_buf *uri, const char *text)
{
    for (; *text; text++)
        if (isalnum((unsigned char)*text) || strchr("-._~", *text))
            dbki_buf_add_n(uri, text, 1);
        else
            dbki_buf_addf(uri, "%%%02X", (unsigned char)*text);
}

/* Result: to be freed by PQconninfoFree(); NULL and *error. */
static PQconninfoOption *parse(const struct dbki_url *url, struct dbk_error *error)
{
    struct dbki_buf uri = {0};
    dbki_buf_addf(&uri, "postgresql://%s/", url->authority);
    add_escaped(&uri, url->path);
    const char *separator = "?";
    for (int i = 0; i < url->option_count; i++) {
        if (is_ours(url->options[i].name))
            continue;
        dbki_buf_addf(&uri, "%s%s=", separator, url->options[i].name);
        add_escaped(&uri, url->options[i].value);
        separator = "&";
    }
    char *ignored = NULL;
    PQconninfoOption *options = uri.is_out_of_memory ? NULL : PQconninfoParse(uri.text, &ignored);
    PQfreemem(ignored);
    if (!options && uri.is_out_of_memory)
        dbki_error_set(error, DBK_NO_MEMORY, "out of memory");
    else if (!options)
        dbki_error_set(error, DBK_INVALID,
                       "%.200s is not a URL that libpq takes: "
                       "postgresql://user@host:port,host2:port2/database?option=value",
                       url->shown);
    dbki_buf_fini(&uri);
    return options;
}

enum { PARAMS_MAX = 96 };

struct params {
    const char *names[PARAMS_MAX + 1], *values[PARAMS_MAX + 1];
    int count;
};

static void add_param(struct params *params, const char *name, const char *value)
{
    if (params->count == PARAMS_MAX)
        return;
    params->names[params->count] = name;
    params->values[params->count++] = value;
}

static void collect(const PQconninfoOption *options, struct params *params)
{
    *params = (struct params){.count = 0};
    for (const PQconninfoOption *option = options; option->keyword; option++)
        if (option->val && strcmp(option->keyword, "client_encoding") != 0)
            add_param(params, option->keyword, option->val);
    for (int i = 0; i < DEFAULT_COUNT; i++) {
        bool is_given = DEFAULTS[i].environment && getenv(DEFAULTS[i].environment);
        for (int j = 0; j < params->count; j++)
            is_given |= !strcmp(params->names[j], DEFAULTS[i].name);
        if (!is_given)
            add_param(params, DEFAULTS[i].name, DEFAULTS[i].value);
    }
    add_param(params, "fallback_application_name", "daybook");
    add_param(params, "client_encoding", "UTF8");
}

/*
 * Why the server refused: libpq gives a refusal's SQLSTATE only in a verbose message, and takes the wish for
 * that only on a connection that is begun by hand. Result: false: it cannot be found out.
 */
static bool ask_why(const struct params *params, struct dbk_error *error)
{
    int64_t end_ns = dbki_clock_ns() + WHY_MS * 1000000LL;
    PGconn *pg = PQconnectStartParams(params->names, params->values, 0);
    PostgresPollingStatusType state = PGRES_POLLING_WRITING;
    if (!pg)
        return false;
    PQsetErrorVerbosity(pg, PQERRORS_VERBOSE);
    while (PQstatus(pg) != CONNECTION_BAD && state != PGRES_POLLING_OK &&
           state != PGRES_POLLING_FAILED && dbki_clock_ns() < end_ns) {
        struct pollfd fd = {.fd = PQsocket(pg),
                            .events = state == PGRES_POLLING_READING ? POLLIN : POLLOUT};
        poll(&fd, 1, WHY_MS);
        state = PQconnectPoll(pg);
    }
    bool is_refused = state == PGRES_POLLING_FAILED;
    if (is_refused)
        dbki_postgres_connect_error(PQerrorMessage(pg), error);
    PQfinish(pg);
    return is_refused && error && error->sqlstate[0];
}

int dbki_postgres_connect(const struct dbki_url *url, PGconn **out_pg, struct dbk_error *error)
{
    struct params params;
    struct dbk_error why;
    dbki_error_clear(&why);
    int status = check_options(url, &why);
    PQconninfoOption *options = status ? NULL : parse(url, &why);
    if (!options) {
        if (error)
            *error = why;
        return why.status;
    }
    collect(options, &params);
    PGconn *pg = PQconnectdbParams(params.names, params.values, 0);
    if (!pg) {
        status = dbki_error_set(&why, DBK_NO_MEMORY, "out of memory");
    } else if (PQstatus(pg) != CONNECTION_OK) {
        if (!strstr(PQerrorMessage(pg), ":  ") || !ask_why(&params, &why))
            dbki_postgres_connect_error(PQerrorMessage(pg), &why);
        status = why.status;
        PQfinish(pg);
    } else {
        *out_pg = pg;
    }
    PQconninfoFree(options);
    if (status && error)
        *error = why;
    return status;
}
