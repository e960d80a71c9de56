/* The databases under test; see engines.h. */
#include "engines.h"

#include "buildbot_mariadb.h"
#include "buildbot_postgres.h"
#include "mariadb.h"
#include "postgres.h"
#include "raw.h"

static const char *place_file(void)
{
    return test_format("sqlite:///%s/store.sqlite", test_folder());
}

static const char *place_memory(void)
{
    return "sqlite://";
}

static const char *place_buildbot_file(const char *file)
{
    const char *path = test_format("%s/state.sqlite", test_folder());
    file_copy(file, path);
    return test_format("sqlite:///%s", path);
}

static const char *look_into_file(const char *url, const char *sql)
{
    return raw_text(url + strlen("sqlite:///"), sql);
}

static void change_file(const char *url, const char *sql)
{
    raw_run(url + strlen("sqlite:///"), sql);
}

const struct engine ENGINES[] = {
    {.name = "sqlite file",
     .is_persistent = true,
     .has_code_point_order = true,
     .is_file = true,
     .is_seen_by_others = true,
     .value_max = 999000000,
     .place = place_file,
     .buildbot_place = place_buildbot_file,
     .look = look_into_file,
     .change = change_file},
    {.name = "sqlite memory",
     .has_code_point_order = true,
     .value_max = 999000000,
     .place = place_memory},
    {.name = "postgresql",
     .is_persistent = true,
     .has_code_point_order = true,
     .is_seen_by_others = true,
     .value_max = 268435456,
     .place = postgres_place,
     .buildbot_place = buildbot_postgres_place,
     .words = IN_POSTGRES,
     .connect = postgres_connect,
     .text_on = postgres_text_on,
     .disconnect = postgres_disconnect,
     .look = postgres_text,
     .change = postgres_run},
    /* Whose own order of texts is a language's. */
    {.name = "postgresql icu",
     .is_persistent = true,
     .has_code_point_order = true,
     .is_seen_by_others = true,
     .is_extra = true,
     .value_max = 268435456,
     .place = postgres_icu_place,
     .words = IN_POSTGRES,
     .connect = postgres_connect,
     .text_on = postgres_text_on,
     .disconnect = postgres_disconnect,
     .look = postgres_text,
     .change = postgres_run},
#ifdef DAYBOOK_HAS_MARIADB
    {.name = "mariadb",
     .is_persistent = true,
     .has_code_point_order = true,
     .is_seen_by_others = true,
     .value_max = MARIADB_PACKET_MAX - 65536,
     .place = mariadb_place,
     .buildbot_place = buildbot_mariadb_place,
     .words = IN_MARIADB,
     .connect = mariadb_log_in,
     .text_on = mariadb_text_on,
     .disconnect = mariadb_log_out,
     .look = mariadb_text,
     .change = mariadb_run},
    /* Whose own texts have three bytes a character, and no case. */
    {.name = "mariadb utf8mb3",
     .is_persistent = true,
     .has_code_point_order = true,
     .is_seen_by_others = true,
     .is_extra = true,
     .value_max = MARIADB_PACKET_MAX - 65536,
     .place = mariadb_utf8mb3_place,
     .words = IN_MARIADB,
     .connect = mariadb_log_in,
     .text_on = mariadb_text_on,
     .disconnect = mariadb_log_out,
     .look = mariadb_text,
     .change = mariadb_run},
#endif
};
const size_t ENGINE_COUNT = COUNT_OF(ENGINES);
