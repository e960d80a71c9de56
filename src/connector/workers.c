/* Workers: finding or adding one by name, getting, listing. */
#include "connector/parents.h"

#define COLUMNS "t.id, t.name, t.info, t.paused, t.pause_reason, t.graceful"

static const struct dbki_field FIELDS[] = {
    DBKI_FIELD(dbk_worker, id, "t.id", DBKI_FIELD_INT, 0),
    DBKI_FIELD(dbk_worker, name, "t.name", DBKI_FIELD_TEXT, 0),
    DBKI_FIELD(dbk_worker, info, "t.info", DBKI_FIELD_TEXT, 0),
    DBKI_FIELD(dbk_worker, paused, "t.paused", DBKI_FIELD_INT, 0),
    DBKI_FIELD(dbk_worker, pause_reason, "t.pause_reason", DBKI_FIELD_TEXT, DBKI_FIELD_NULLABLE),
    DBKI_FIELD(dbk_worker, graceful, "t.graceful", DBKI_FIELD_INT, 0),
};

DBKI_PARENT(worker, FIELDS, COLUMNS, "workers t", "t.id = ?", true);

/* A worker's name is unique by itself. */
static const struct dbki_find FIND = {
    DBKI_FIND_KINDS("worker"),
    .select = {.sql = "SELECT id FROM workers WHERE name = ?", .is_one_row = true},
    .insert = {.sql = "INSERT INTO workers (name, info) SELECT ?, '{}'"
                      " WHERE NOT EXISTS (SELECT 1 FROM workers WHERE name = ?)"
                      " ON CONFLICT DO NOTHING"},
    .name_max = DBKI_WORKER_NAME_MAX,
    .refuse = dbki_find_refuse_name,
};

int dbk_find_worker_id(struct dbk_store *store, const char *name, bool is_added,
                       const struct dbk_call *call, dbk_id_fn *done, void *user)
{
    if (name && !name[0])
        return dbki_refuse(call, DBK_INVALID, "name is empty; a worker's has 1 to %d characters",
                           DBKI_WORKER_NAME_MAX);
    return dbki_find_by_name(store, &FIND, name, is_added, call, done, user);
}

int dbk_get_worker(struct dbk_store *store, int64_t workerid, const struct dbk_call *call,
                   dbk_worker_fn *done, void *user)
{
    return dbki_parent_get(store, &GET, workerid, call, (dbki_callback *)done, user);
}

int dbk_get_workers(struct dbk_store *store, const struct dbk_spec *spec,
                    const struct dbk_call *call, dbk_workers_fn *done, void *user)
{
    return dbki_parent_list(store, &LIST, &RECORD, NULL, spec, call, (dbki_callback *)done, user);
}
