/* Masters: finding or adding one by name, getting, listing. */
#include "connector/parents.h"

#define COLUMNS "t.id, t.name, t.active, t.last_active"

static const struct dbki_field FIELDS[] = {
    DBKI_FIELD(dbk_master, id, "t.id", DBKI_FIELD_INT, 0),
    DBKI_FIELD(dbk_master, name, "t.name", DBKI_FIELD_TEXT, 0),
    DBKI_FIELD(dbk_master, active, "t.active", DBKI_FIELD_INT, 0),
    DBKI_FIELD(dbk_master, last_active, "t.last_active", DBKI_FIELD_INT, 0),
};

DBKI_PARENT(master, FIELDS, COLUMNS, "masters t", "t.id = ?", true);

/* A new one is not active: Buildbot's masters say by themselves when they are. */
static const struct dbki_find FIND = {
    DBKI_FIND_KINDS("master"),
    .select = {.sql = "SELECT id FROM masters WHERE name_hash = ?", .is_one_row = true},
    .insert = {.sql = "INSERT INTO masters (name_hash, name, active, last_active) SELECT ?, ?, 0, ?"
                      " WHERE NOT EXISTS (SELECT 1 FROM masters WHERE name_hash = ?)"
                      " ON CONFLICT DO NOTHING"},
    .is_dated = true,
    .name_max = DBKI_NAME_MAX,
    .is_hashed = true,
    .refuse = dbki_find_refuse_name,
};

int dbk_find_master_id(struct dbk_store *store, const char *name, bool is_added,
                       const struct dbk_call *call, dbk_id_fn *done, void *user)
{
    return dbki_find_by_name(store, &FIND, name, is_added, call, done, user);
}

int dbk_get_master(struct dbk_store *store, int64_t masterid, const struct dbk_call *call,
                   dbk_master_fn *done, void *user)
{
    return dbki_parent_get(store, &GET, masterid, call, (dbki_callback *)done, user);
}

int dbk_get_masters(struct dbk_store *store, const struct dbk_spec *spec,
                    const struct dbk_call *call, dbk_masters_fn *done, void *user)
{
    return dbki_parent_list(store, &LIST, &RECORD, NULL, spec, call, (dbki_callback *)done, user);
}
