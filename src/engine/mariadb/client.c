/* MariaDB's client library and its calls. */
#include "engine/mariadb/client.h"

struct dbki_libmariadb dbki_libmariadb;

static const struct dbki_client_call CALLS[] = {
#define DBKI_CALL(name) {#name, &dbki_libmariadb.call_##name},
    DBKI_MARIADB_CALLS(DBKI_CALL)
#undef DBKI_CALL
};
static bool is_loaded;
static const struct dbki_client CLIENT = {
    .database = "MariaDB",
    .file = "libmariadb.so.3",
    .package = "libmariadb3",
    .calls = CALLS,
    .call_count = sizeof CALLS / sizeof CALLS[0],
    .is_loaded = &is_loaded,
};

int dbki_libmariadb_load(struct dbk_error *error)
{
    return dbki_client_load(&CLIENT, error);
}
