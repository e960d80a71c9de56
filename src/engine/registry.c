/* The engines that were compiled in. A new one is one line here. */
#include "base/error.h"
#include "engine/engine.h"

#include <stdio.h>
#include <string.h>

extern const struct dbki_engine dbki_sqlite, dbki_postgres, dbki_mariadb;

static const struct dbki_engine *const ENGINES[] = {
    &dbki_sqlite,
    &dbki_postgres,
#ifdef DBKI_HAS_MARIADB
    &dbki_mariadb,
#endif
};
enum { ENGINE_COUNT = sizeof ENGINES / sizeof ENGINES[0] };

static bool is_whole(const struct dbki_engine *engine)
{
    return engine->name && engine->schemes && engine->pipeline_max >= 1 &&
           engine->writer_count >= 1 && engine->open && engine->close && engine->begin &&
           engine->run && engine->commit && engine->rollback && engine->look && engine->script &&
           engine->columns && engine->count_tables && engine->count_objects && engine->value_max;
}

const struct dbki_engine *dbki_engine_find(const char *scheme, struct dbk_error *error)
{
    char known[128] = "";
    for (int i = 0; i < ENGINE_COUNT; i++) {
        if (!is_whole(ENGINES[i])) {
            dbki_error_set(error, DBK_INTERNAL, "an engine lacks a slot");
            return NULL;
        }
        for (const char *const *name = ENGINES[i]->schemes; *name; name++) {
            if (!strcmp(*name, scheme))
                return ENGINES[i];
            size_t len = strlen(known);
            snprintf(known + len, sizeof known - len, "%s%s", len ? ", " : "", *name);
        }
    }
    dbki_error_set(error, DBK_INVALID,
                   "no engine for databases of the kind '%.40s' is built in; there is: %s", scheme,
                   known);
    return NULL;
}
