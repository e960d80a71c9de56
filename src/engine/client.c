/*
 * Loading a client library. It is never let go of: it may have begun threads and left things to do at exit. One that
 * was not there is looked for again at the next connection, so that a daemon need not be begun anew.
 */
#include "engine/client.h"

#include "base/error.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

static int missing(const struct dbki_client *client, struct dbk_error *error)
{
    const char *why = dlerror();
    return dbki_error_set(
        error, DBK_UNSUPPORTED,
        "databases on %s need its client library, which is not installed: on Debian `apt install "
        "%s` (%.200s)",
        client->database, client->package, why ? why : client->file);
}

static int load(const struct dbki_client *client, struct dbk_error *error)
{
    void *library = dlopen(client->file, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return missing(client, error);
    for (int i = 0; i < client->call_count; i++) {
        void *call = dlsym(library, client->calls[i].name);
        if (!call)
            return missing(client, error);
        memcpy(client->calls[i].place, &call,
               sizeof call); /* C has no cast from one to the other */
    }
    *client->is_loaded = true;
    return DBK_OK;
}

int dbki_client_load(const struct dbki_client *client, struct dbk_error *error)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&lock);
    int status = *client->is_loaded ? DBK_OK : load(client, error);
    pthread_mutex_unlock(&lock);
    return status;
}
