/*
 * Runs every call on a store that is there, and says what came of each: for tests that look at what a server did.
 *
 * usage: ask_all_of URL
 */
#include "ask_all.h"

#include <stdio.h>

static void say(const char *name, const struct answer *answer)
{
    printf("%s: %s\n", name, answer->is_error ? answer->error.message : "ok");
}

int main(int argc, char **argv)
{
    struct dbk_store *store;
    struct dbk_error error;
    if (argc != 2)
        return fprintf(stderr, "usage: ask_all_of URL\n"), 2;
    if (dbk_open(argv[1], NULL, &store, &error))
        return fprintf(stderr, "%s: %s\n", argv[1], error.message), 1;
    ask_all(store, say);
    dbk_close_wait(store);
    every_call_end();
    return 0;
}
