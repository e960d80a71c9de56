/* The URL of a database, taken apart. Which options an engine knows is the engine's business. */
#ifndef DBKI_URL_H
#define DBKI_URL_H

#include "daybook.h"

enum { DBKI_URL_OPTIONS_MAX = 16 };

/* What a Buildbot database may be written (header, "Buildbot databases"). */
enum dbki_writes { DBKI_WRITES_NONE, DBKI_WRITES_EXISTING, DBKI_WRITES_MASTER };

struct dbki_url {
    char *scheme;    /* "sqlite" */
    char *authority; /* what stands between "//" and the next "/", as it is; "" for none */
    char *path;      /* without the "/" that ends the authority, decoded; "" for none */
    struct {
        char *name, *value; /* decoded */
    } options[DBKI_URL_OPTIONS_MAX];
    int option_count;
    char *shown; /* for people: the URL without a password */

    /* Read out of the options, which they leave. */
    bool is_read_only; /* mode=ro */
    enum dbki_writes writes;
    bool is_master_stopped; /* master=stopped: the caller says that no Buildbot master runs */
};

/*
 * Takes a URL or a plain path apart. Result: 0 or a status with *out_error filled; on 0 the caller
 * calls dbki_url_fini().
 */
int dbki_url_parse(const char *text, struct dbki_url *out_url, struct dbk_error *out_error);
void dbki_url_fini(struct dbki_url *url);

/* Decodes %XX in place (and + to a space, if is_query). Result: false on a bad escape or a zero byte. */
bool dbki_url_decode(char *text, bool is_query);

#endif
