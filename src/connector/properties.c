/* Build properties. */
#include "base/clock.h"
#include "base/json.h"
#include "connector/event.h"
#include "connector/list.h"
#include "connector/records.h"
#include "connector/many.h"
#include "store/store.h"

#define COLUMNS "p.buildid, p.name, p.value, p.source"

/* The property is marked when a database of Buildbot's holds what is not JSON. */
static int finish_property(struct dbki_op *op, void *record)
{
    struct dbk_property *property = record;
    (void)op;
    property->is_json =
        property->value && dbki_json_is_valid(property->value, strlen(property->value));
    return DBK_OK;
}

#define COLUMN_FIELDS                                                                              \
    DBKI_FIELD(dbk_property, buildid, "p.buildid", DBKI_FIELD_INT, 0),                             \
        DBKI_FIELD(dbk_property, name, "p.name", DBKI_FIELD_TEXT, 0),                              \
        DBKI_FIELD(dbk_property, value, "p.value", DBKI_FIELD_TEXT, DBKI_FIELD_CHOSEN),            \
        DBKI_FIELD(dbk_property, source, "p.source", DBKI_FIELD_TEXT, 0)

/* `position` is when a property was added beside others. In our own table it is the clock's, 0 of those that were
 * added before there was one. */
static const struct dbki_field FIELDS[] = {
    COLUMN_FIELDS, {"position", "p.position", DBKI_FIELD_INT, DBKI_FIELD_VIRTUAL, 0}};
static const struct dbki_field BUILDBOT_FIELDS[] = {
    COLUMN_FIELDS, {"position", "p.rowid", DBKI_FIELD_INT, DBKI_FIELD_VIRTUAL, 0}};
static const struct dbki_field PLACED_FIELDS[] = {
    COLUMN_FIELDS, {"position", "p.place", DBKI_FIELD_INT, DBKI_FIELD_VIRTUAL, 0}};

/*
 * Where rows have no ids: the rows that count of the builds that are named between the two, each with its place among
 * those that the database gives of them.
 */
#define PLACED                                                                                     \
    "(SELECT buildid, name, value, source, place FROM (SELECT buildid, name, value, source, "      \
    "place,"                                                                                       \
    " lead(place) OVER (PARTITION BY buildid, name ORDER BY place) AS later FROM"                  \
    " (SELECT b.*, row_number() OVER () AS place FROM build_properties b WHERE b.buildid"
#define PLACED_END ") placed) followed WHERE later IS NULL) p"

/* The name is unique: all of a list are of one build. */
#define RECORD_OF(its_fields, its_from)                                                            \
    {                                                                                              \
        .noun = "properties", .from = its_from, .fields = its_fields,                              \
        .field_count = sizeof its_fields / sizeof its_fields[0], .column_count = 4,                \
        .columns = COLUMNS, .unique = 1, .order = "name", .size = sizeof(struct dbk_property),     \
        .finish = finish_property                                                                  \
    }

const struct dbki_record dbki_property_record = RECORD_OF(FIELDS, "build_properties p");
static const struct dbki_record BUILDBOT_RECORD = RECORD_OF(BUILDBOT_FIELDS, "build_properties p");
static const struct dbki_record PLACED_RECORD = RECORD_OF(PLACED_FIELDS, PLACED " = ?" PLACED_END);

bool dbk_is_json(const char *text)
{
    return text && dbki_json_is_valid(text, strlen(text));
}

/* ----------------------------------------------------------------------------------- lists ---- */

/*
 * Old databases may hold a property twice: the row that came last counts. An aggregate, because PostgreSQL makes a
 * join of NOT EXISTS, for which it reads the whole table.
 */
#define LATEST                                                                                     \
    "p.rowid = (SELECT max(l.rowid) FROM build_properties l"                                       \
    " WHERE l.buildid = p.buildid AND l.name = p.name)"

/* How a store's rows are told apart. */
static bool has_places(const struct dbk_store *store)
{
    return !store->schema.is_own && store->engine->lacks_row_ids;
}

#define IN_ORDER " ORDER BY p.buildid, p.name"

/* IN, and not a join: SQLite looks the page's builds up in the order of their ids, so that nothing is sorted. */
#define OF_PAGE " IN (SELECT page.id FROM "

const char *dbki_properties_before(const struct dbk_store *store)
{
    return store->schema.is_own ? "SELECT " COLUMNS
                                  " FROM build_properties p WHERE p.buildid" OF_PAGE
           : has_places(store) ? "SELECT " COLUMNS " FROM " PLACED OF_PAGE
                               : "SELECT " COLUMNS " FROM build_properties p WHERE " LATEST
                                 " AND p.buildid" OF_PAGE;
}

const char *dbki_properties_after(const struct dbk_store *store)
{
    return has_places(store) ? " page)" PLACED_END IN_ORDER : " page)" IN_ORDER;
}

const struct dbki_property_filter *dbki_properties_filter(const struct dbk_store *store)
{
#define OF_BUILD " FROM build_properties p WHERE p.buildid = t.id AND p.name = ?"
    static const struct dbki_property_filter own = {
        "EXISTS (SELECT 1" OF_BUILD ")", "EXISTS (SELECT 1" OF_BUILD " AND p.value IN (", "))"};
    static const struct dbki_property_filter buildbots = {
        "EXISTS (SELECT 1" OF_BUILD ")",
        "(SELECT p.value" OF_BUILD " ORDER BY p.rowid DESC LIMIT 1) IN (", ")"};
#undef OF_BUILD
    return store->schema.is_own ? &own : &buildbots;
}

static void deliver_properties(struct dbki_op *op, const struct dbk_error *error)
{
    struct dbki_list_op *list = (struct dbki_list_op *)op;
    ((dbk_properties_fn *)op->done)(op->user, error,
                                    error ? NULL : (const struct dbk_property *const *)list->items,
                                    error ? NULL : &list->page);
}

static const struct dbki_opkind GET = DBKI_LIST_KIND("listing properties", deliver_properties);
static const struct dbki_opkind GET_OF =
    DBKI_LIST_KIND("listing the properties of builds", deliver_properties);

int dbk_get_build_properties(struct dbk_store *store, int64_t buildid, const struct dbk_spec *spec,
                             const struct dbk_call *call, dbk_properties_fn *done, void *user)
{
    struct dbki_check check = {.call = call};
    dbki_check_that(&check, store && done, "store and done must not be NULL");
    if (check.status)
        return check.status;
    const struct dbki_condition conditions[] = {
        {has_places(store) ? "" : "p.buildid = ?", dbki_int(buildid), true},
        {store->schema.is_own || has_places(store) ? NULL : LATEST, dbki_int(0), false},
        {.sql = NULL}};
    struct dbki_list_call list_call = {.kind = &GET,
                                       .record = store->schema.is_own ? &dbki_property_record
                                                 : has_places(store)  ? &PLACED_RECORD
                                                                      : &BUILDBOT_RECORD,
                                       .conditions = conditions,
                                       .spec = spec};
    return dbki_list_submit(store, &list_call, call, (dbki_callback *)done, user);
}

int dbk_get_properties_of(struct dbk_store *store, const int64_t *buildids, size_t count,
                          const struct dbk_call *call, dbk_properties_fn *done, void *user)
{
    struct dbki_check check = {.call = call};
    dbki_check_that(&check, store && done && buildids, "store, done and buildids must not be NULL");
    if (check.status)
        return check.status;
    struct dbki_many many = {.kind = &GET_OF,
                             .record = &dbki_property_record,
                             .from =
                                 has_places(store) ? PLACED : "build_properties p WHERE p.buildid",
                             .end = store->schema.is_own ? ""
                                    : has_places(store)  ? PLACED_END
                                                         : " AND " LATEST,
                             .order = "p.buildid, p.name"};
    return dbki_many_submit(store, &many, buildids, count, call, (dbki_callback *)done, user);
}

/* --------------------------------------------------------------------------------- setting ---- */

enum { PROPERTIES_MAX = 10000 };

/* A property to be set. */
struct setting {
    struct dbki_value name, value, source;
};

struct set_op {
    struct dbki_op op;
    int64_t buildid;
    struct setting *settings;
    size_t count;
    bool has_build;
};

static const struct dbki_statement FIND_BUILD = {.sql = "SELECT 1 FROM builds WHERE id = ?",
                                                 .is_one_row = true};
/* In our own stores: an unchanged one writes nothing, a missing build gets nothing; one that is there keeps its
 * position. */
static const struct dbki_statement UPSERT = {
    .sql = "INSERT INTO build_properties (buildid, name, value, source, position)"
           " SELECT id, ?, ?, ?, ? FROM builds WHERE id = ?"
           " ON CONFLICT (buildid, name) DO UPDATE SET value = excluded.value,"
           " source = excluded.source"
           " WHERE build_properties.value <> excluded.value"
           " OR build_properties.source <> excluded.source"};
/* In Buildbot's tables nothing makes a property unique: all rows of that name become one, unless it is
 * one already, with that very value. */
static const struct dbki_statement DELETE_OTHERS = {
    .sql = "DELETE FROM build_properties WHERE buildid = ? AND name = ?"
           " AND (value <> ? OR source <> ? OR rowid < (SELECT max(l.rowid) FROM build_properties l"
           " WHERE l.buildid = build_properties.buildid AND l.name = build_properties.name))"};
/* The same where rows have no ids: of rows that are alike, none can be left alone. */
static const struct dbki_statement DELETE_PLACED = {
    .sql = "DELETE FROM build_properties WHERE buildid = ? AND name = ?"
           " AND (value <> ? OR source <> ? OR (SELECT count(*) FROM build_properties l"
           " WHERE l.buildid = ? AND l.name = ?) > 1)"};
static const struct dbki_statement INSERT_MISSING = {
    .sql = "INSERT INTO build_properties (buildid, name, value, source)"
           " SELECT id, ?, ?, ? FROM builds WHERE id = ?"
           " AND NOT EXISTS (SELECT 1 FROM build_properties WHERE buildid = ? AND name = ?)"};

struct dbki_value dbki_property_position(const struct dbki_op *op)
{
    return dbki_int(op->now ? dbki_clock_order() : 0);
}

/* Statements of one setting. */
static int statements_each(const struct dbki_op *op)
{
    return op->store->schema.is_own ? 1 : 2;
}

static void set_bind(struct dbki_op *op, struct dbki_binder *binder)
{
    struct set_op *set = (struct set_op *)op;
    struct dbki_value buildid = dbki_int(set->buildid);
    set->has_build = false;
    DBKI_BIND(binder, &FIND_BUILD, buildid);
    for (size_t i = 0; i < set->count; i++) {
        const struct setting *setting = &set->settings[i];
        if (op->store->schema.is_own) {
            DBKI_BIND(binder, &UPSERT, setting->name, setting->value, setting->source,
                      dbki_property_position(op), buildid);
            continue;
        }
        if (has_places(op->store))
            DBKI_BIND(binder, &DELETE_PLACED, buildid, setting->name, setting->value,
                      setting->source, buildid, setting->name);
        else
            DBKI_BIND(binder, &DELETE_OTHERS, buildid, setting->name, setting->value,
                      setting->source);
        DBKI_BIND(binder, &INSERT_MISSING, setting->name, setting->value, setting->source, buildid,
                  buildid, setting->name);
    }
}

static int set_row(struct dbki_op *op, int index, const struct dbki_value *cells, int cell_count)
{
    (void)index;
    (void)cells;
    (void)cell_count;
    ((struct set_op *)op)->has_build = true;
    return DBK_OK;
}

static void set_read(struct dbki_op *op, const struct dbki_bound *bound, struct dbki_binder *more)
{
    struct set_op *set = (struct set_op *)op;
    if (op->pass)
        return;
    if (!set->has_build) {
        dbki_error_set(&op->error, DBK_NOT_FOUND, "there is no build with the id %lld",
                       (long long)set->buildid);
        return;
    }
    int each = statements_each(op);
    for (size_t i = 0; i < set->count; i++) {
        int64_t changed = 0;
        for (int j = 0; j < each; j++)
            changed += bound[1 + (int)i * each + j].changed;
        if (changed)
            dbki_event_bind_build(op, more,
                                  (struct dbki_event){.kind = "property",
                                                      .verb = "updated",
                                                      .buildid = set->buildid,
                                                      .stepid = DBK_NONE,
                                                      .name = set->settings[i].name});
    }
}

static const struct dbki_opkind SET = {
    .action = "setting properties",
    .orders = DBKI_ORDERS_BUILD,
    .together = DBKI_TWO_PASSES,
    .lock = &dbki_lock_build,
    .access = DBKI_ACCESS_EXISTING,
    .bind = set_bind,
    .row = set_row,
    .read = set_read,
    .deliver = dbki_write_deliver,
};

void dbki_property_check(struct dbki_check *check, const struct dbk_new_property *property)
{
    dbki_check_text(check, "a property's name", property->name, DBKI_NAME_MAX, false);
    dbki_check_text(check, "a property's source", property->source, DBKI_NAME_MAX, false);
    dbki_check_text(check, "a property's value", property->value, 0, false);
    if (!check->status && !dbk_is_json(property->value))
        check->status =
            dbki_refuse(check->call, DBK_INVALID,
                        "the value of property '%.80s' is not JSON; a text needs quotes: \"...\"",
                        property->name);
}

int dbk_set_build_properties(struct dbk_store *store, int64_t buildid,
                             const struct dbk_new_property *properties, size_t count,
                             const struct dbk_call *call, dbk_done_fn *done, void *user)
{
    struct dbki_check check = {.call = call};
    dbki_check_that(&check, store && done && (properties || !count),
                    "store, done and properties must not be NULL");
    dbki_check_that(&check, count <= PROPERTIES_MAX,
                    "at most 10,000 properties can be set at once");
    size_t room = count * sizeof(struct setting) + 16;
    for (size_t i = 0; i < count && !check.status; i++) {
        dbki_property_check(&check, &properties[i]);
        dbki_check_kept_text(&check, store, "a property's name", properties[i].name);
        dbki_check_kept_text(&check, store, "a property's source", properties[i].source);
        dbki_check_kept_text(&check, store, "a property's value", properties[i].value);
        if (!check.status)
            room += strlen(properties[i].name) + strlen(properties[i].value) +
                    strlen(properties[i].source) + 32;
    }
    if (check.status)
        return check.status;
    struct set_op *op = dbki_op_new(&SET, sizeof *op, room, (dbki_callback *)done, user);
    struct setting *settings = op ? dbki_op_take(&op->op, count * sizeof(struct setting)) : NULL;
    if (!settings) {
        dbki_op_free(op ? &op->op : NULL);
        return dbki_refuse(call, DBK_NO_MEMORY, "out of memory");
    }
    op->op.order_id = op->buildid = buildid;
    op->settings = settings;
    op->count = count;
    for (size_t i = 0; i < count; i++)
        settings[i] = (struct setting){dbki_op_text(&op->op, properties[i].name),
                                       dbki_op_text(&op->op, properties[i].value),
                                       dbki_op_text(&op->op, properties[i].source)};
    return dbki_submit(store, &op->op, call);
}

int dbk_set_build_property(struct dbk_store *store, int64_t buildid, const char *name,
                           const char *value, const char *source, const struct dbk_call *call,
                           dbk_done_fn *done, void *user)
{
    const struct dbk_new_property property = {name, value, source};
    return dbk_set_build_properties(store, buildid, &property, 1, call, done, user);
}
