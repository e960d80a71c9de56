/*
 * How to get to a server, out of a URL of SQLAlchemy's form:
 * mariadb://user:password@host:port,host2:port2/database?option=value. What it does not say, but for the host,
 * the client library takes from its option files (~/.my.cnf) and MYSQL_PWD. Who connects to another machine
 * does it by TLS, and the server has to prove its name, unless ssl_mode says otherwise.
 */
#include "engine/mariadb/conn.h"

#include "base/alloc.h"
#include "base/error.h"

#include <stdlib.h>
#include <string.h>

enum { PORT = 3306, TIMEOUT_S = 10, TIMEOUT_MAX_S = 3600 };

static const char NAMES[] = "mode, writes, unix_socket, ssl_mode, ssl_ca, ssl_capath, ssl_cert, "
                            "ssl_key, ssl_crl, connect_timeout, read_default_file and charset";

static char *copy(const char *text, size_t len)
{
    char *copied = dbki_malloc(len + 1);
    if (copied) {
        memcpy(copied, text, len);
        copied[len] = '\0';
    }
    return copied;
}

/* A part of the authority, decoded. */
static int take_part(const char *text, size_t len, char **out_part, struct dbk_error *error)
{
    *out_part = copy(text, len);
    if (!*out_part)
        return dbki_error_set(error, DBK_NO_MEMORY, "out of memory");
    return dbki_url_decode(*out_part, false)
               ? DBK_OK
               : dbki_error_set(error, DBK_INVALID, "the database URL has a bad %%-escape");
}

/* "host", "host:port" or "[address]:port", `size` bytes. */
static int take_address(struct address *address, const char *text, size_t size,
                        struct dbk_error *error)
{
    const char *port = NULL, *text_end = text + size;
    size_t len = size;
    if (size && text[0] == '[') {
        const char *end = memchr(text, ']', size);
        if (!end || (end + 1 < text_end && end[1] != ':'))
            return dbki_error_set(error, DBK_INVALID, "the address in the database URL has no ']'");
        len = (size_t)(end - ++text);
        port = end + 1 < text_end ? end + 2 : NULL;
    } else if (memchr(text, ':', size)) {
        port = (const char *)memchr(text, ':', size) + 1;
        len = (size_t)(port - 1 - text);
    }
    address->port = PORT;
    if (port) {
        char *end;
        unsigned long number = strtoul(port, &end, 10);
        if (end != text_end || end == port || *port < '0' || *port > '9' || !number ||
            number > 65535)
            return dbki_error_set(error, DBK_INVALID,
                                  "the port '%.*s' in the database URL is no number from 1 to "
                                  "65535",
                                  text_end - port < 20 ? (int)(text_end - port) : 20, port);
        address->port = (unsigned)number;
    }
    return len ? take_part(text, len, &address->host, error) : DBK_OK;
}

/* One after the other, with commas between them. */
static int take_addresses(struct login *login, const char *text, struct dbk_error *error)
{
    int status = DBK_OK;
    for (bool is_last = false; !is_last && !status; text += strcspn(text, ",") + 1) {
        size_t len = strcspn(text, ",");
        is_last = !text[len];
        if (login->address_count == ADDRESSES_MAX)
            return dbki_error_set(error, DBK_INVALID, "the database URL names more than %d hosts",
                                  ADDRESSES_MAX);
        if (!len && (login->address_count || !is_last))
            return dbki_error_set(error, DBK_INVALID,
                                  "the database URL has a comma without a host beside it");
        status = take_address(&login->addresses[login->address_count++], text, len, error);
    }
    return status;
}

static int take_authority(struct login *login, const char *text, struct dbk_error *error)
{
    const char *at = strrchr(text, '@');
    int status = DBK_OK;
    if (at) {
        const char *colon = memchr(text, ':', (size_t)(at - text));
        const char *end = colon ? colon : at;
        if (end > text)
            status = take_part(text, (size_t)(end - text), &login->user, error);
        if (!status && colon)
            status = take_part(colon + 1, (size_t)(at - colon - 1), &login->password, error);
        text = at + 1;
    }
    return status ? status : take_addresses(login, text, error);
}

static const struct {
    const char *name;
    size_t offset;
} TEXTS[] = {
    {"unix_socket", offsetof(struct login, socket)},
    {"read_default_file", offsetof(struct login, option_file)},
    {"ssl_ca", offsetof(struct login, ca)},
    {"ssl_capath", offsetof(struct login, ca_path)},
    {"ssl_cert", offsetof(struct login, cert)},
    {"ssl_key", offsetof(struct login, key)},
    {"ssl_crl", offsetof(struct login, crl)},
};

/* The words of MySQL's own clients. */
static const struct {
    const char *name;
    bool is_encrypted, is_verified;
} MODES[] = {
    {"DISABLED", false, false},
    {"REQUIRED", true, false},
    {"VERIFY_CA", true, true}, /* the client library checks the name too */
    {"VERIFY_IDENTITY", true, true},
};

static int take_mode(struct login *login, const char *value, struct dbk_error *error)
{
    for (size_t i = 0; i < sizeof MODES / sizeof MODES[0]; i++)
        if (!strcasecmp(MODES[i].name, value)) {
            login->is_encrypted = MODES[i].is_encrypted;
            login->is_verified = MODES[i].is_verified;
            return DBK_OK;
        }
    return dbki_error_set(error, DBK_INVALID,
                          "ssl_mode=%.40s in the database URL: it takes DISABLED, REQUIRED, "
                          "VERIFY_CA or VERIFY_IDENTITY",
                          value);
}

static int take_timeout(struct login *login, const char *value, struct dbk_error *error)
{
    char *end;
    long seconds = strtol(value, &end, 10);
    if (*end || end == value || seconds < 1 || seconds > TIMEOUT_MAX_S)
        return dbki_error_set(error, DBK_INVALID,
                              "connect_timeout=%.40s in the database URL: it takes seconds from 1 "
                              "to %d",
                              value, TIMEOUT_MAX_S);
    login->timeout_s = (int)seconds;
    return DBK_OK;
}

static int take_option(struct login *login, const char *name, const char *value,
                       struct dbk_error *error)
{
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++)
        if (!strcmp(TEXTS[i].name, name)) {
            char *copied = copy(value, strlen(value));
            *(char **)(void *)((char *)login + TEXTS[i].offset) = copied;
            return copied ? DBK_OK : dbki_error_set(error, DBK_NO_MEMORY, "out of memory");
        }
    if (!strcmp(name, "ssl_mode"))
        return take_mode(login, value, error);
    if (!strcmp(name, "connect_timeout"))
        return take_timeout(login, value, error);
    if (!strcmp(name, "charset")) /* of Buildbot's URLs; ours is always this */
        return !strncmp(value, "utf8", 4)
                   ? DBK_OK
                   : dbki_error_set(error, DBK_INVALID,
                                    "charset=%.40s in the database URL: it takes utf8mb4", value);
    /* The first three are read elsewhere, the others are Buildbot's own. */
    if (!strcmp(name, "mode") || !strcmp(name, "writes") || !strcmp(name, "master") ||
        !strcmp(name, "max_idle") || !strcmp(name, "storage_engine") ||
        !strcmp(name, "use_unicode"))
        return DBK_OK;
    return dbki_error_set(error, DBK_INVALID,
                          "MariaDB databases have no option '%.40s'; there is %s", name, NAMES);
}

static bool is_local(const struct login *login)
{
    for (int i = 0; i < login->address_count && !login->socket; i++) {
        const char *host = login->addresses[i].host;
        if (host && strcmp(host, "localhost") != 0 && strncmp(host, "127.", 4) != 0 &&
            strcmp(host, "::1") != 0)
            return false;
    }
    return true;
}

int dbki_mariadb_login(const struct dbki_url *url, struct login *out_login, struct dbk_error *error)
{
    *out_login = (struct login){.timeout_s = TIMEOUT_S};
    int status = take_authority(out_login, url->authority, error);
    for (int i = 0; i < url->option_count && !status; i++)
        if (!strcmp(url->options[i].name, "unix_socket"))
            status = take_option(out_login, "unix_socket", url->options[i].value, error);
    if (status)
        return status;
    out_login->is_encrypted = out_login->is_verified = !is_local(out_login);
    for (int i = 0; i < url->option_count && !status; i++)
        if (strcmp(url->options[i].name, "unix_socket") != 0)
            status = take_option(out_login, url->options[i].name, url->options[i].value, error);
    if (!status && !url->path[0])
        status =
            dbki_error_set(error, DBK_INVALID,
                           "%.200s names no database: mariadb://user@host/DATABASE", url->shown);
    if (!status && !(out_login->database = copy(url->path, strlen(url->path))))
        status = dbki_error_set(error, DBK_NO_MEMORY, "out of memory");
    return status;
}

void dbki_mariadb_login_fini(struct login *login)
{
    char *texts[] = {login->user, login->password, login->database, login->socket,
                     login->ca,   login->ca_path,  login->cert,     login->option_file,
                     login->key,  login->crl};
    for (int i = 0; i < login->address_count; i++)
        dbki_free(login->addresses[i].host);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        dbki_free(texts[i]);
    *login = (struct login){0};
}
