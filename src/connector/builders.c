/* Builders: finding or adding one by name, getting, listing. */
#include "connector/parents.h"

#define COLUMNS "t.id, t.name, t.description, t.description_format, t.description_html, t.projectid"

static const struct dbki_field FIELDS[] = {
    DBKI_FIELD(dbk_builder, id, "t.id", DBKI_FIELD_INT, 0),
    DBKI_FIELD(dbk_builder, name, "t.name", DBKI_FIELD_TEXT, 0),
    DBKI_FIELD(dbk_builder, description, "t.description", DBKI_FIELD_TEXT, DBKI_FIELD_NULLABLE),
    DBKI_FIELD(dbk_builder, description_format, "t.description_format", DBKI_FIELD_TEXT,
               DBKI_FIELD_NULLABLE),
    DBKI_FIELD(dbk_builder, description_html, "t.description_html", DBKI_FIELD_TEXT,
               DBKI_FIELD_NULLABLE),
    DBKI_FIELD(dbk_builder, projectid, "t.projectid", DBKI_FIELD_INT, DBKI_FIELD_NULLABLE),
};

DBKI_PARENT(builder, FIELDS, COLUMNS, "builders t", "t.id = ?", true);

/* One that is there writes nothing, not even the sequence of ids: hence NOT EXISTS. */
static const struct dbki_find FIND = {
    DBKI_FIND_KINDS("builder"),
    .select = {.sql = "SELECT id FROM builders WHERE name_hash = ?", .is_one_row = true},
    .insert = {.sql = "INSERT INTO builders (name_hash, name) SELECT ?, ?"
                      " WHERE NOT EXISTS (SELECT 1 FROM builders WHERE name_hash = ?)"
                      " ON CONFLICT DO NOTHING"},
    .is_builder = true,
    .name_max = DBKI_NAME_MAX,
    .is_hashed = true,
    .refuse = dbki_find_refuse_name,
};

int dbk_find_builder_id(struct dbk_store *store, const char *name, bool is_added,
                        const struct dbk_call *call, dbk_id_fn *done, void *user)
{
    return dbki_find_by_name(store, &FIND, name, is_added, call, done, user);
}

int dbk_get_builder(struct dbk_store *store, int64_t builderid, const struct dbk_call *call,
                    dbk_builder_fn *done, void *user)
{
    return dbki_parent_get(store, &GET, builderid, call, (dbki_callback *)done, user);
}

int dbk_get_builders(struct dbk_store *store, const struct dbk_spec *spec,
                     const struct dbk_call *call, dbk_builders_fn *done, void *user)
{
    return dbki_parent_list(store, &LIST, &RECORD, NULL, spec, call, (dbki_callback *)done, user);
}
