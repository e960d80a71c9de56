/*
 * Opening the database of a command: see store_open.h.
 */
#include "store_open.h"

#include "message.h"

#include <stdlib.h>
#include <string.h>

const char *store_url(const struct arguments *arguments)
{
    const char *named = getenv("DAYBOOK_DB");
    if (arguments->db)
        return arguments->db;
    return named && *named ? named : "daybook.sqlite";
}

int store_try_open(const struct arguments *arguments, enum store_use use,
                   const struct dbk_options *wanted, struct dbk_store **out_store,
                   bool *out_is_created, struct dbk_error *out_error)
{
    const char *url = store_url(arguments);
    struct dbk_options options = DBK_OPTIONS_INIT;
    if (wanted)
        options = *wanted;
    options.is_created = false;
    int status = dbk_open(url, &options, out_store, out_error);
    bool is_created = false;
    /* An empty file is no database yet: it is one kind of DBK_SCHEMA, and the only one that goes
     * away. */
    if (use == STORE_CREATED && (status == DBK_NOT_FOUND || status == DBK_SCHEMA)) {
        options.is_created = true;
        status = dbk_open(url, &options, out_store, out_error);
        is_created = status == DBK_OK;
    }
    if (out_is_created)
        *out_is_created = is_created;
    return status;
}

void store_tell_created(const struct arguments *arguments)
{
    const char *url = store_url(arguments);
    /* A name without a directory is one here. */
    bool is_bare = !strstr(url, "://") && !strchr(url, '/');
    message_print("created %s%s", is_bare ? "./" : "", url);
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
    const char *url = store_url(arguments);
    if (strstr(error->message, url))
        return message_error(error);
    message_print("%s: %s", url, error->message);
    return dbk_status_exit_code(error->status);
}

int store_open_for(const struct arguments *arguments, enum store_use use,
                   struct dbk_store **out_store)
{
    struct dbk_error error;
    bool is_created;
    int status = store_try_open(arguments, use, NULL, out_store, &is_created, &error);
    if (status == DBK_NOT_FOUND && use == STORE_EXISTING) {
        tell_missing(arguments, &error);
        return dbk_status_exit_code(DBK_NOT_FOUND);
    }
    if (status != DBK_OK)
        return store_open_failed(arguments, &error);
    if (is_created)
        store_tell_created(arguments);
    const char *warning = dbk_get_info(*out_store)->warning;
    if (warning)
        message_print("warning: %s", warning);
    return 0;
}
