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
enum { TICK_MS = 50 };

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

static void ignore_notice(void *user, const PGresult *result)
{
    (void)user;
    (void)result;
}

static const char *param_of(const struct params *params, const char *name)
{
    for (int i = 0; i < params->count; i++)
        if (!strcmp(params->names[i], name))
            return params->values[i];
    return "";
}

/*
 * Connects step by step, so that whoever waits may stop, and so that libpq can be told beforehand to give a
 * refusal's SQLSTATE, which it does in verbose messages alone. Result: NULL: *error says why.
 */
static PGconn *connect_in_steps(const struct params *params,
                                const struct dbki_conn_options *options, int64_t timeout_ns,
                                struct dbk_error *error)
{
    int64_t end_ns = timeout_ns > 0 ? dbki_clock_ns() + timeout_ns : INT64_MAX;
    PGconn *pg = PQconnectStartParams(params->names, params->values, 0);
    PostgresPollingStatusType state = PGRES_POLLING_WRITING;
    if (!pg) {
        dbki_error_set(error, DBK_NO_MEMORY, "out of memory");
        return NULL;
    }
    PQsetErrorVerbosity(pg, PQERRORS_VERBOSE);
    PQsetNoticeReceiver(pg, ignore_notice, NULL);
    while (PQstatus(pg) != CONNECTION_BAD && state != PGRES_POLLING_OK &&
           state != PGRES_POLLING_FAILED) {
        struct pollfd fd = {.fd = PQsocket(pg),
                            .events = state == PGRES_POLLING_READING ? POLLIN : POLLOUT};
        bool is_ready = poll(&fd, 1, TICK_MS) > 0;
        bool is_late = options && options->is_stopped && options->is_stopped(options->user);
        if (is_late || (!is_ready && dbki_clock_ns() > end_ns)) {
            dbki_error_set(error, is_late ? DBK_TIMEOUT : DBK_UNREACHABLE,
                           "the server did not answer in time");
            error->is_retryable = true;
            PQfinish(pg);
            return NULL;
        }
        if (is_ready)
            state = PQconnectPoll(pg);
    }
    if (PQstatus(pg) == CONNECTION_OK) {
        PQsetErrorVerbosity(pg, PQERRORS_DEFAULT);
        return pg;
    }
    dbki_postgres_connect_error(PQerrorMessage(pg), error);
    PQfinish(pg);
    return NULL;
}

/* -------------------------------------------------------------------------------- several hosts ---- */

/* A parameter that may be a list with commas, one part for each host. */
struct list {
    const char *name;
    char *parts; /* with zeros for the commas */
    int count;
};

enum { HOSTS, ADDRESSES, PORTS, LIST_COUNT };

static bool split(const struct params *params, struct list *list)
{
    const char *text = param_of(params, list->name);
    size_t size = strlen(text) + 1;
    list->parts = dbki_malloc(size);
    if (!list->parts)
        return false;
    memcpy(list->parts, text, size);
    list->count = *text != '\0';
    for (char *comma = list->parts; (comma = strchr(comma, ',')); list->count++)
        *comma++ = '\0';
    return true;
}

/* A list of one part has it for all hosts. */
static const char *part_of(const struct list *list, int index)
{
    const char *part = list->parts;
    for (index = list->count == 1 ? 0 : index; index; index--)
        part += strlen(part) + 1;
    return part;
}

static void set_param(struct params *params, const char *name, const char *value)
{
    for (int i = 0; i < params->count; i++)
        if (!strcmp(params->names[i], name)) {
            params->values[i] = value;
            return;
        }
    add_param(params, name, value);
}

static PGconn *connect_to_one(const struct params *params, const struct dbki_conn_options *options,
                              struct dbk_error *error)
{
    long long seconds = strtoll(param_of(params, "connect_timeout"), NULL, 10);
    return connect_in_steps(params, options, seconds > 0 ? seconds * 1000000000 : 0, error);
}

/* Whether a host has said something that holds for the others too: as libpq does, all but "I am starting". */
static bool is_final(const struct dbk_error *error)
{
    return error->status == DBK_TIMEOUT || error->status == DBK_NO_MEMORY ||
           (error->sqlstate[0] && strcmp(error->sqlstate, "57P03") != 0);
}

/* One after the other. Args: attrs: what a session must be like. */
static PGconn *connect_in_turn(const struct params *params, const struct list *lists,
                               const char *attrs, const struct dbki_conn_options *options,
                               struct dbk_error *error)
{
    int count = lists[HOSTS].count ? lists[HOSTS].count : lists[ADDRESSES].count;
    for (int i = 0; i < count; i++) {
        struct params one = *params;
        for (int j = 0; j < LIST_COUNT; j++)
            if (lists[j].count)
                set_param(&one, lists[j].name, part_of(&lists[j], i));
        if (*attrs)
            set_param(&one, "target_session_attrs", attrs);
        dbki_error_clear(error);
        PGconn *pg = connect_to_one(&one, options, error);
        if (pg || is_final(error))
            return pg;
    }
    return NULL;
}

/*
 * libpq would go on to the next host by itself, but only as long as nobody may stop it: each host is a connection of
 * its own here. Lists that do not match are left to libpq to be refused.
 */
static PGconn *connect_to_any(const struct params *params, const struct dbki_conn_options *options,
                              struct dbk_error *error)
{
    struct list lists[LIST_COUNT] = {{.name = "host"}, {.name = "hostaddr"}, {.name = "port"}};
    const char *attrs = param_of(params, "target_session_attrs");
    bool has_memory = true, is_matched = true;
    int most = 1;
    PGconn *pg = NULL;
    for (int i = 0; i < LIST_COUNT; i++) {
        has_memory &= split(params, &lists[i]);
        most = lists[i].count > most ? lists[i].count : most;
    }
    for (int i = 0; i < LIST_COUNT; i++)
        is_matched &=
            lists[i].count == most || !lists[i].count || (i == PORTS && lists[i].count == 1);
    if (!has_memory) {
        dbki_error_set(error, DBK_NO_MEMORY, "out of memory");
    } else if (most == 1 || !is_matched) {
        pg = connect_to_one(params, options, error);
    } else if (!strcmp(attrs, "prefer-standby")) {
        pg = connect_in_turn(params, lists, "standby", options, error);
        if (!pg && !is_final(error))
            pg = connect_in_turn(params, lists, "any", options, error);
    } else {
        pg = connect_in_turn(params, lists, attrs, options, error);
    }
    for (int i = 0; i < LIST_COUNT; i++)
        dbki_free(lists[i].parts);
    return pg;
}

int dbki_postgres_connect(const struct dbki_url *url, const struct dbki_conn_options *wanted,
                          PGconn **out_pg, struct dbk_error *error)
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
    PGconn *pg = connect_to_any(&params, wanted, &why);
    PQconninfoFree(options);
    if (pg)
        *out_pg = pg;
    else if (error)
        *error = why;
    return pg ? DBK_OK : (int)why.status;
}
