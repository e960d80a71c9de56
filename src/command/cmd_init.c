/*
 * `daybook init [URL]`: makes a new store.
 */
#include "message.h"
#include "options.h"
#include "store_open.h"
#include "text.h"

#include <stdio.h>

static int cmd_init(const struct arguments *arguments)
{
    struct arguments named = *arguments;
    struct dbk_store *store;
    struct dbk_error error;
    bool is_created;
    if (arguments->operand_count) {
        if (arguments->db)
            return usage_error(arguments, "the database is named twice");
        named.db = arguments->operands[0];
    }
    int status = store_try_open(&named, STORE_CREATED, NULL, &store, &is_created, &error);
    if (status != DBK_OK)
        return store_open_failed(&named, &error);
    const struct dbk_info *info = dbk_get_info(store);
    const char *place = info->path ? info->path : info->url;
    int exit_code = 0;
    if (is_created) {
        fputs("created ", stdout);
        text_print(stdout, place);
        putchar('\n');
    } else if (info->is_own) {
        text_print(stdout, place);
        puts(" is already a daybook store");
    } else {
        message_print("%s is a Buildbot database: it can be read as it is, and needs no init",
                      place);
        exit_code = dbk_status_exit_code(DBK_CONFLICT);
    }
    dbk_close_wait(store);
    return exit_code;
}

static const char *const usage[] = {"[URL-or-path]", NULL};

const struct subcommand subcommand_init = {
    .name = "init",
    .summary = "make a new store",
    .usage = usage,
    .about = "Without a URL or path the store is the one that --db, else DAYBOOK_DB names, else\n"
             "daybook.sqlite in this directory. One that is there already stays as it is.",
    .common = COMMON_DB,
    .operand_max = 1,
    .run = cmd_init,
};
