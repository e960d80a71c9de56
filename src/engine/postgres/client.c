/* PostgreSQL's client library and its calls. */
#include "engine/postgres/client.h"

struct dbki_libpq dbki_libpq;

static const struct dbki_client_call CALLS[] = {
#define DBKI_CALL(name) {#name, &dbki_libpq.call_##name},
    DBKI_POSTGRES_CALLS(DBKI_CALL)
#undef DBKI_CALL
};
static bool is_loaded;
static const struct dbki_client CLIENT = {
    .database = "PostgreSQL",
    .file = "libpq.so.5",
    .package = "libpq5",
    .calls = CALLS,
    .call_count = sizeof CALLS / sizeof CALLS[0],
    .is_loaded = &is_loaded,
};

int dbki_libpq_load(struct dbk_error *error)
{
    return dbki_client_load(&CLIENT, error);
}
