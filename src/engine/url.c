/*
 * Takes URLs of databases apart; see url.h. The grammar is SQLAlchemy's, so that a Buildbot operator's
 * URL works as it is: sqlite:///relative, sqlite:////absolute, scheme://user:password@host:port/name.
 */
#include "engine/url.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"

#include <ctype.h>
#include <string.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool dbki_url_decode(char *text, bool is_query)
{
    char *out = text;
    for (const char *in = text; *in; in++) {
        if (*in == '+' && is_query) {
            *out++ = ' ';
        } else if (*in != '%') {
            *out++ = *in;
        } else {
            int high = hex_digit(in[1]), low = high < 0 ? -1 : hex_digit(in[2]);
            if (low < 0 || (high | low) == 0)
                return false;
            *out++ = (char)(high << 4 | low);
            in += 2;
        }
    }
    *out = '\0';
    return true;
}

static char *copy(const char *text, size_t len)
{
    char *copied = dbki_malloc(len + 1);
    if (copied) {
        memcpy(copied, text, len);
        copied[len] = '\0';
    }
    return copied;
}

/* The URL for people: what stands between the first ":" and the last "@" of the authority is left out, and so
 * is the value of a `password` option. */
static char *show(const char *text)
{
    char *shown = copy(text, strlen(text));
    char *start = shown ? strstr(shown, "://") : NULL;
    if (!start)
        return shown;
    start += 3;
    size_t len = strcspn(start, "?");
    char *at = memrchr(start, '@', len);
    char *colon = memchr(start, ':', len);
    if (at && colon && colon < at)
        memmove(colon, at, strlen(at) + 1);
    static const char secret[] = "password=";
    for (char *found = strchr(start, '?'); found && (found = strcasestr(found, secret));) {
        found += sizeof secret - 1;
        memmove(found, found + strcspn(found, "&"), strlen(found + strcspn(found, "&")) + 1);
    }
    return shown;
}

static bool has_option(const struct dbki_url *url, const char *name)
{
    for (int i = 0; i < url->option_count; i++)
        if (!strcmp(url->options[i].name, name))
            return true;
    return false;
}

static int parse_options(char *query, struct dbki_url *url, struct dbk_error *out_error)
{
    char *saved = NULL;
    for (char *item = strtok_r(query, "&", &saved); item; item = strtok_r(NULL, "&", &saved)) {
        if (url->option_count == DBKI_URL_OPTIONS_MAX)
            return dbki_error_set(out_error, DBK_INVALID,
                                  "the database URL has more than %d options",
                                  DBKI_URL_OPTIONS_MAX);
        char *value = strchr(item, '=');
        if (!value)
            return dbki_error_set(out_error, DBK_INVALID,
                                  "the option '%.60s' of the database URL has no value", item);
        *value++ = '\0';
        if (!dbki_url_decode(item, true) || !dbki_url_decode(value, true))
            return dbki_error_set(out_error, DBK_INVALID,
                                  "an option of the database URL has a bad %%-escape");
        if (has_option(url, item))
            return dbki_error_set(out_error, DBK_INVALID,
                                  "the database URL has the option '%.60s' twice", item);
        int index = url->option_count++;
        url->options[index].name = copy(item, strlen(item));
        url->options[index].value = copy(value, strlen(value));
        if (!url->options[index].name || !url->options[index].value)
            return dbki_error_set(out_error, DBK_NO_MEMORY, "out of memory");
    }
    return DBK_OK;
}

/* Reads the options that every engine has. */
static int read_options(struct dbki_url *url, struct dbk_error *out_error)
{
    static const char *const writes[] = {"none", "existing", "master"};
    for (int i = 0; i < url->option_count; i++) {
        const char *name = url->options[i].name, *value = url->options[i].value;
        if (!strcmp(name, "mode")) {
            url->is_read_only = !strcmp(value, "ro");
            if (!url->is_read_only && strcmp(value, "rw"))
                return dbki_error_set(out_error, DBK_INVALID,
                                      "mode=%.40s in the database URL: it takes ro or rw", value);
        } else if (!strcmp(name, "writes")) {
            int which = 0;
            while (which < 3 && strcmp(value, writes[which]))
                which++;
            if (which == 3)
                return dbki_error_set(
                    out_error, DBK_INVALID,
                    "writes=%.40s in the database URL: it takes none, existing or master", value);
            url->writes = (enum dbki_writes)which;
        } else if (!strcmp(name, "master")) {
            if (strcmp(value, "stopped"))
                return dbki_error_set(out_error, DBK_INVALID,
                                      "master=%.40s in the database URL: it takes stopped", value);
            url->is_master_stopped = true;
        }
    }
    return DBK_OK;
}

static int parse(const char *text, struct dbki_url *url, struct dbk_error *out_error)
{
    const char *colon = strstr(text, "://");
    size_t scheme_len = colon ? (size_t)(colon - text) : 0;
    for (size_t i = 0; i < scheme_len; i++)
        if (!isalnum((unsigned char)text[i]) && !strchr("+-.", text[i]))
            colon = NULL, scheme_len = 0;
    url->shown = show(text);
    if (url->shown)
        dbki_text_repair(url->shown); /* a plain path may hold any bytes */
    url->scheme = colon ? copy(text, scheme_len) : copy("sqlite", 6);
    const char *rest = colon ? colon + 3 : text;
    size_t authority_len = colon ? strcspn(rest, "/?") : 0;
    url->authority = copy(rest, authority_len);
    rest += authority_len;
    rest += colon && *rest == '/';
    size_t path_len = colon ? strcspn(rest, "?") : strlen(rest);
    url->path = copy(rest, path_len);
    if (!url->shown || !url->scheme || !url->authority || !url->path)
        return dbki_error_set(out_error, DBK_NO_MEMORY, "out of memory");
    if (!colon)
        return DBK_OK;
    for (char *c = url->scheme; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    if (!dbki_url_decode(url->path, false))
        return dbki_error_set(out_error, DBK_INVALID, "the database URL has a bad %%-escape");
    if (rest[path_len] != '?')
        return DBK_OK;
    char *query = copy(rest + path_len + 1, strlen(rest + path_len + 1));
    if (!query)
        return dbki_error_set(out_error, DBK_NO_MEMORY, "out of memory");
    int status = parse_options(query, url, out_error);
    dbki_free(query);
    return status ? status : read_options(url, out_error);
}

int dbki_url_parse(const char *text, struct dbki_url *out_url, struct dbk_error *out_error)
{
    struct dbki_url url = {0};
    int status;
    if (!text || !*text)
        status = dbki_error_set(out_error, DBK_INVALID,
                                "no database was named: give a path or a URL such as "
                                "sqlite:///daybook.sqlite");
    else if (strstr(text, "://") && !dbki_text_is_valid(text, strlen(text), NULL))
        status = dbki_error_set(out_error, DBK_INVALID, "the database URL is not valid UTF-8");
    else
        status = parse(text, &url, out_error);
    if (status)
        dbki_url_fini(&url);
    else
        *out_url = url;
    return status;
}

void dbki_url_fini(struct dbki_url *url)
{
    for (int i = 0; i < url->option_count; i++) {
        dbki_free(url->options[i].name);
        dbki_free(url->options[i].value);
    }
    dbki_free(url->scheme);
    dbki_free(url->authority);
    dbki_free(url->path);
    dbki_free(url->shown);
    *url = (struct dbki_url){0};
}
