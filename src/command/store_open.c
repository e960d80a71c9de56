/*
 * Opening the database of a command: see store_open.h.
 */
#include "store_open.h"

#include "daemon_url.h"
#include "message.h"
#include "remote.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

const char *store_url(const struct arguments *arguments)
{
    const char *named = getenv("DAYBOOK_DB");
    if (arguments->db)
        return arguments->db;
    return named && *named ? named : "daybook.sqlite";
}

/* Where a URL's authority begins; NULL for a plain path. */
static const char *find_authority(const char *url)
{
    const char *mark = strstr(url, "://");
    return mark ? mark + 3 : NULL;
}

static const char option[] = "password=";

/* What stands between the first ":" and the last "@" of the authority is the password. It may hold a "/" that should have
 * been escaped. Result: where its ":" is, and *out_at; NULL: there is none. */
static char *find_password(char *authority, char **out_at)
{
    size_t len = strcspn(authority, "?");
    char *colon = memchr(authority, ':', len);
    *out_at = memrchr(authority, '@', len);
    return *out_at && colon && colon < *out_at ? colon : NULL;
}

/* The values of `password` options are passwords, too. */
char *store_hide_password(const char *url)
{
    char *shown = memory_need(strdup(url));
    char *start = (char *)find_authority(shown), *at;
    if (!start)
        return shown;
    char *colon = find_password(start, &at);
    if (colon)
        memmove(colon, at, strlen(at) + 1);
    for (char *found = strchr(start, '?'); found && (found = strcasestr(found, option));) {
        found += strlen(option);
        const char *end = found + strcspn(found, "&");
        memmove(found, end, strlen(end) + 1);
    }
    return shown;
}

void store_each_secret(const char *url, store_secret_fn *take, void *user)
{
    char *copy = memory_need(strdup(url)), *at, *end;
    char *start = strncmp(copy, "sqlite:", 7) != 0 ? (char *)find_authority(copy) : NULL;
    char *colon = start ? find_password(start, &at) : NULL;
    for (char *found = start ? strchr(start, '?') : NULL;
         found && (found = strcasestr(found, option)); found = end) {
        end = found + strcspn(found, "&");
        char last = *end;
        *end = '\0';
        if (end > found + strlen(option))
            take(user, found);
        *end = last;
    }
    if (colon && at > colon + 1) {
        *at = '\0';
        take(user, start);
    }
    free(copy);
}

/* Takes the password out of a sentence that may name the URL. */
static void hide_password_in(struct dbk_error *error, const char *url)
{
    char *shown = store_hide_password(url);
    if (strcmp(shown, url) != 0) {
        char *at;
        char rest[sizeof(error->message)];
        while ((at = strstr(error->message, url))) {
            snprintf(rest, sizeof(rest), "%s", at + strlen(url));
            snprintf(at, sizeof(error->message) - (size_t)(at - error->message), "%s%s", shown,
                     rest);
        }
        /* A part of it may be there still. */
        const char *authority = find_authority(url);
        char *user = memory_need(strndup(authority, strcspn(authority, ":@/?") + 1));
        if ((strlen(user) > 1 && strstr(error->message, user)) ||
            strcasestr(error->message, "password="))
            snprintf(error->message, sizeof(error->message), "%s", dbk_status_text(error->status));
        free(user);
    }
    free(shown);
}

/* Puts the bytes in place of %XX. */
static void decode(char *text)
{
    char *to = text;
    for (const char *from = text; *from; from++) {
        unsigned byte;
        if (*from == '%' && isxdigit((unsigned char)from[1]) && isxdigit((unsigned char)from[2])) {
            sscanf(from + 1, "%2x", &byte);
            *to++ = (char)byte;
            from += 2;
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
}

char *store_path(const char *url)
{
    const char *authority = find_authority(url);
    if (!authority)
        return memory_need(strdup(url));
    const char *begin = authority + strcspn(authority, "/?");
    begin += *begin == '/';
    size_t len = strcspn(begin, "?");
    if (!len || strncmp(url, "sqlite:", strlen("sqlite:")) != 0)
        return NULL;
    char *path = memory_need(strndup(begin, len));
    decode(path);
    return path;
}

/* Whether no file can have that name: to try again would not help. */
static bool is_no_path(const char *url)
{
    struct stat about;
    char *path = store_path(url);
    bool is_none = path && lstat(path, &about) && (errno == ENAMETOOLONG || errno == ENOTDIR);
    free(path);
    return is_none;
}

/* Refuses a database in memory: it would end with the command, and with it what was recorded. */
static int refuse_memory(struct dbk_store **store, struct dbk_error *out_error)
{
    const struct dbk_info *info = dbk_get_info(*store);
    if (info->path || strcmp(info->engine, "sqlite") != 0)
        return DBK_OK;
    dbk_close_wait(*store);
    *store = NULL;
    *out_error = (struct dbk_error){.status = DBK_INVALID, .outcome = DBK_NOT_DONE};
    snprintf(out_error->message, sizeof(out_error->message),
             "a database in memory would be gone with this command; name a file, as in "
             "sqlite:////var/lib/daybook.sqlite");
    return DBK_INVALID;
}

/* Refuses the URL of a daemon, to whoever wants the database. Result: whether it was one. */
static bool refuse_daemon(const char *url, struct dbk_error *out_error)
{
    if (!daemon_url_is(url))
        return false;
    *out_error = (struct dbk_error){
        .status = DBK_UNSUPPORTED,
        .message = "this is for a database itself, and not for a daemon: do it where the daemon "
                   "runs, with the URL or path that it serves"};
    return true;
}

int store_try_open_url(const char *url, enum store_use use, const struct dbk_options *wanted,
                       struct dbk_store **out_store, bool *out_is_created,
                       struct dbk_error *out_error)
{
    struct dbk_options options = DBK_OPTIONS_INIT;
    if (daemon_url_is(url)) {
        *out_error = (struct dbk_error){
            .status = DBK_UNSUPPORTED,
            .message =
                "this is for a database itself, and not for a daemon: do it where the daemon "
                "runs, with the URL or path that it serves"};
        return DBK_UNSUPPORTED;
    }
    if (wanted)
        options = *wanted;
    options.is_created = false;
    int status = dbk_open(url, &options, out_store, out_error);
    bool is_created = false;
    /* An empty file is no database yet: it is one kind of DBK_SCHEMA, and the only one that goes
     * away. One whose making was cut off can be read by none but who makes it anew. */
    if (use == STORE_CREATED &&
        (status == DBK_NOT_FOUND || status == DBK_SCHEMA || status == DBK_DENIED)) {
        options.is_created = true;
        status = dbk_open(url, &options, out_store, out_error);
        is_created = status == DBK_OK;
    }
    if (status == DBK_OK)
        status = refuse_memory(out_store, out_error);
    if ((status == DBK_UNREACHABLE || status == DBK_NOT_FOUND) && is_no_path(url)) {
        out_error->status = DBK_INVALID;
        out_error->is_retryable = false;
        status = DBK_INVALID;
    }
    if (status != DBK_OK)
        hide_password_in(out_error, url);
    if (out_is_created)
        *out_is_created = is_created;
    return status;
}

int store_try_open_archive(const char *url, enum store_use use, const struct dbk_options *options,
                           struct archive *out_archive, bool *out_is_created,
                           struct dbk_error *out_error)
{
    struct archive archive = {NULL, NULL};
    int status = DBK_OK;
    if (daemon_url_is(url)) {
        if (out_is_created)
            *out_is_created = false;
        status = remote_open(url, options, &archive.remote, out_error);
    } else {
        status = store_try_open_url(url, use, options, &archive.store, out_is_created, out_error);
    }
    if (status == DBK_OK)
        *out_archive = archive;
    return status;
}

char *store_shown_url(const struct arguments *arguments)
{
    return store_hide_password(store_url(arguments));
}

int store_try_open(const struct arguments *arguments, enum store_use use,
                   const struct dbk_options *options, struct dbk_store **out_store,
                   bool *out_is_created, struct dbk_error *out_error)
{
    return store_try_open_url(store_url(arguments), use, options, out_store, out_is_created,
                              out_error);
}

void store_tell_created(const struct arguments *arguments)
{
    char *url = store_hide_password(store_url(arguments));
    /* A name without a directory is one here. */
    bool is_bare = !strstr(url, "://") && !strchr(url, '/');
    message_print("created %s%s", is_bare ? "./" : "", message_word(url));
    free(url);
}

static void tell_missing(const struct arguments *arguments, const struct dbk_error *error)
{
    if (arguments->db || getenv("DAYBOOK_DB"))
        message_print("%s (`daybook init` makes one)", error->message);
    else
        message_print("there is no daybook.sqlite here; name a database with --db or DAYBOOK_DB, "
                      "or make one with `daybook init` or the first `daybook run`");
}

int store_open_failed(const struct arguments *arguments, const struct dbk_error *error)
{
    char *url = store_hide_password(store_url(arguments));
    if (strstr(error->message, url))
        message_error(error);
    else
        message_print("%s: %s", message_word(url), error->message);
    free(url);
    return dbk_status_exit_code(error->status);
}

static int open_for(const struct arguments *arguments, enum store_use use,
                    const struct dbk_options *options, struct archive *out_archive)
{
    struct dbk_error error;
    bool is_created;
    const char *url = store_url(arguments);
    int status = store_try_open_archive(url, use, options, out_archive, &is_created, &error);
    if (status == DBK_NOT_FOUND && use == STORE_EXISTING) {
        tell_missing(arguments, &error);
        return dbk_status_exit_code(DBK_NOT_FOUND);
    }
    if (status != DBK_OK)
        return store_open_failed(arguments, &error);
    if (is_created)
        store_tell_created(arguments);
    const char *warning = archive_info(out_archive)->warning;
    if (warning)
        message_print("warning: %s", warning);
    return 0;
}

int store_open_for(const struct arguments *arguments, enum store_use use,
                   struct archive *out_archive)
{
    return open_for(arguments, use, NULL, out_archive);
}

int store_open_here(const struct arguments *arguments, enum store_use use,
                    const struct dbk_options *options, struct dbk_store **out_store)
{
    struct archive archive;
    struct dbk_error error;
    if (refuse_daemon(store_url(arguments), &error))
        return store_open_failed(arguments, &error);
    int exit_code = open_for(arguments, use, options, &archive);
    if (!exit_code)
        *out_store = archive.store;
    return exit_code;
}
