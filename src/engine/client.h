/*
 * A database's client library, which is loaded when the first connection wants it: who keeps records in a file alone
 * needs none of them installed. An engine compiles against the library's header, lists the calls that it makes, and
 * makes them by pointers of the header's types; a call that is not in the list does not link.
 */
#ifndef DBKI_CLIENT_H
#define DBKI_CLIENT_H

#include "daybook.h"

struct dbki_client_call {
    const char *name;
    void *place; /* of the pointer to that function */
};

struct dbki_client {
    const char *database; /* "PostgreSQL" */
    const char *file;     /* as the loader knows it, with the version of its interface */
    const char *package;  /* Debian's */
    const struct dbki_client_call *calls;
    int call_count;
    bool *is_loaded; /* it stays so; written under a lock */
};

/* Loads the library unless that was done. Result: 0; or DBK_UNSUPPORTED, with what to install. */
int dbki_client_load(const struct dbki_client *client, struct dbk_error *error);

#endif
