/* Builds: reading one, adding, changing. Lists of them are in builds_list.c, lineages in lineage.c. */
#include "base/alloc.h"
#include "connector/event.h"
#include "connector/lineage.h"
#include "connector/records.h"

#define COLUMNS                                                                                    \
    "t.id, t.number, t.builderid, t.buildrequestid, t.workerid, t.masterid, t.started_at, "        \
    "t.complete_at, t.locks_duration_s, t.state_string, t.results"

static const struct dbki_field FIELDS[] = {
    DBKI_FIELD(dbk_build, id, "t.id", DBKI_FIELD_INT, 0),
    DBKI_FIELD(dbk_build, number, "t.number", DBKI_FIELD_INT, 0),
    DBKI_FIELD(dbk_build, builderid, "t.builderid", DBKI_FIELD_INT, 0),
    DBKI_FIELD(dbk_build, buildrequestid, "t.buildrequestid", DBKI_FIELD_INT, 0),
    DBKI_FIELD(dbk_build, workerid, "t.workerid", DBKI_FIELD_INT, DBKI_FIELD_NULLABLE),
    DBKI_FIELD(dbk_build, masterid, "t.masterid", DBKI_FIELD_INT, 0),
    DBKI_FIELD(dbk_build, started_at, "t.started_at", DBKI_FIELD_INT, 0),
    DBKI_FIELD(dbk_build, complete_at, "t.complete_at", DBKI_FIELD_INT, DBKI_FIELD_NULLABLE),
    DBKI_FIELD(dbk_build, locks_duration_s, "t.locks_duration_s", DBKI_FIELD_INT, 0),
    DBKI_FIELD(dbk_build, state_string, "t.state_string", DBKI_FIELD_TEXT, 0),
    DBKI_FIELD(dbk_build, results, "t.results", DBKI_FIELD_INT,
               DBKI_FIELD_NULLABLE | DBKI_FIELD_RESULTS),
    {"complete", "(CASE WHEN t.complete_at IS NULL THEN 0 ELSE 1 END)", DBKI_FIELD_INT,
     DBKI_FIELD_VIRTUAL | DBKI_FIELD_COMPLETE, 0},
    {"properties", "", DBKI_FIELD_TEXT, DBKI_FIELD_EXTRA, 0},
};

const struct dbki_record dbki_build_record = {
    .noun = "builds",
    .from = "builds t",
    .fields = FIELDS,
    .field_count = sizeof FIELDS / sizeof FIELDS[0],
    .column_count = 11,
    .columns = COLUMNS,
    .order = "id",
    .size = sizeof(struct dbk_build),
};

/* ----------------------------------------------------------------------------- reading one ---- */

static void deliver_build(struct dbki_op *op, const struct dbk_error *error)
{
    struct dbki_get_op *get = (struct dbki_get_op *)op;
    ((dbk_build_fn *)op->done)(op->user, error, error ? NULL : get->found);
}

#define GET_KIND(action_words, tail)                                                               \
    {                                                                                              \
        .kind = {.action = action_words,                                                           \
                 .access = DBKI_ACCESS_READ,                                                       \
                 .bind = dbki_get_bind,                                                            \
                 .row = dbki_get_row,                                                              \
                 .deliver = deliver_build},                                                        \
        .record = &dbki_build_record, .statement = {                                               \
            .sql = "SELECT " COLUMNS " FROM builds t WHERE " tail,                                 \
            .is_one_row = true                                                                     \
        }                                                                                          \
    }

/* Of these, many may be wanted at once. */
#define GET_JOINED_KIND(action_words, tail, names, places, condition)                              \
    {                                                                                              \
        .kind = {.action = action_words,                                                           \
                 .access = DBKI_ACCESS_READ,                                                       \
                 .bind = dbki_get_bind,                                                            \
                 .bind_joined = dbki_get_bind_joined,                                              \
                 .row = dbki_get_row,                                                              \
                 .deliver = deliver_build},                                                        \
        .record = &dbki_build_record,                                                              \
        .statement = {.sql = "SELECT " COLUMNS " FROM builds t WHERE " tail, .is_one_row = true},  \
        .joined = DBKI_JOINED(COLUMNS, "builds t", names, places, condition)                       \
    }

static const struct dbki_get_kind GET =
    GET_JOINED_KIND("getting a build", "t.id = ?", "a", "?", "t.id = k.a");
static const struct dbki_get_kind GET_BY_NUMBER =
    GET_JOINED_KIND("getting a build by number", "t.builderid = ? AND t.number = ?", "a, b", "?,?",
                    "t.builderid = k.a AND t.number = k.b");
static const struct dbki_get_kind GET_PREV =
    GET_KIND("getting the previous build",
             "t.builderid = ? AND t.number < ? ORDER BY t.number DESC LIMIT 1");
static const struct dbki_get_kind GET_NEXT = GET_KIND(
    "getting the next build", "t.builderid = ? AND t.number > ? ORDER BY t.number LIMIT 1");

/* Submits a read of a build by one or two numbers. */
static int get(struct dbk_store *store, const struct dbki_get_kind *kind, int64_t a, int64_t b,
               const struct dbk_call *call, dbk_build_fn *done, void *user)
{
    struct dbki_check check = {.call = call};
    dbki_check_that(&check, store && done, "store and done must not be NULL");
    if (check.status)
        return check.status;
    struct dbki_get_op *op =
        dbki_op_new(&kind->kind, sizeof *op, DBKI_GET_ROOM, (dbki_callback *)done, user);
    if (!op)
        return dbki_refuse(call, DBK_NO_MEMORY, "out of memory");
    op->args[0] = dbki_int(a);
    op->args[1] = dbki_int(b);
    op->arg_count = kind == &GET ? 1 : 2;
    return dbki_submit(store, &op->op, call);
}

int dbk_get_build(struct dbk_store *store, int64_t buildid, const struct dbk_call *call,
                  dbk_build_fn *done, void *user)
{
    return get(store, &GET, buildid, 0, call, done, user);
}

int dbk_get_build_by_number(struct dbk_store *store, int64_t builderid, int64_t number,
                            const struct dbk_call *call, dbk_build_fn *done, void *user)
{
    return get(store, &GET_BY_NUMBER, builderid, number, call, done, user);
}

int dbk_get_prev_build(struct dbk_store *store, int64_t builderid, int64_t number,
                       const struct dbk_call *call, dbk_build_fn *done, void *user)
{
    return get(store, &GET_PREV, builderid, number, call, done, user);
}

int dbk_get_next_build(struct dbk_store *store, int64_t builderid, int64_t number,
                       const struct dbk_call *call, dbk_build_fn *done, void *user)
{
    return get(store, &GET_NEXT, builderid, number, call, done, user);
}

/* ---------------------------------------------------------------------------------- adding ---- */

/* Its result: the id and the number. */
struct add_build_op {
    struct dbki_op op;
    int64_t builderid, buildrequestid, workerid, masterid;
    struct dbki_value state_string;
    int64_t has[4]; /* second pass: which parents are there */
};

/* Nothing is inserted when a parent is missing; then a second pass finds out which. */
static const struct dbki_statement ADD_BUILD = {
    .sql = "INSERT INTO builds (number, builderid, buildrequestid, workerid, masterid, started_at,"
           " locks_duration_s, state_string)"
           " SELECT coalesce((SELECT max(number) FROM builds WHERE builderid = r.id), 0) + 1,"
           " r.id, ?, ?, ?, ?, 0, ? FROM builders r WHERE r.id = ?"
           " AND EXISTS (SELECT 1 FROM buildrequests WHERE id = ?)"
           " AND EXISTS (SELECT 1 FROM masters WHERE id = ?)"
           " AND (? IS NULL OR EXISTS (SELECT 1 FROM workers WHERE id = ?))"
           " RETURNING id, number"};

static const struct dbki_statement FIND_PARENTS = {
    .sql = "SELECT EXISTS (SELECT 1 FROM builders WHERE id = ?),"
           " EXISTS (SELECT 1 FROM buildrequests WHERE id = ?),"
           " EXISTS (SELECT 1 FROM workers WHERE id = ?),"
           " EXISTS (SELECT 1 FROM masters WHERE id = ?)"};

static void add_build_bind(struct dbki_op *op, struct dbki_binder *binder)
{
    struct add_build_op *add = (struct add_build_op *)op;
    DBKI_BIND(binder, &ADD_BUILD, dbki_int(add->buildrequestid), dbki_int(add->workerid),
              dbki_int(add->masterid), dbki_int(op->now), add->state_string,
              dbki_int(add->builderid), dbki_int(add->buildrequestid), dbki_int(add->masterid),
              dbki_int(add->workerid), dbki_int(add->workerid));
}

static int add_build_row(struct dbki_op *op, int index, const struct dbki_value *cells,
                         int cell_count)
{
    struct add_build_op *add = (struct add_build_op *)op;
    (void)index;
    if (op->pass == 0) {
        op->result[0] = dbki_value_int(&cells[0]);
        op->result[1] = dbki_value_int(&cells[1]);
        if (op->result[1] == INT64_MAX) /* or one more, which no number column can hold */
            return dbki_error_set(
                &op->error, DBK_DAMAGED,
                "the builder has a build with the number %lld, past which there is "
                "none",
                (long long)INT64_MAX);
    } else {
        for (int i = 0; i < cell_count && i < 4; i++)
            add->has[i] = dbki_value_int(&cells[i]);
    }
    return DBK_OK;
}

static void add_build_read(struct dbki_op *op, const struct dbki_bound *bound,
                           struct dbki_binder *more)
{
    struct add_build_op *add = (struct add_build_op *)op;
    static const char *const nouns[] = {"builder", "buildrequest", "worker", "master"};
    const int64_t ids[] = {add->builderid, add->buildrequestid, add->workerid, add->masterid};
    (void)bound;
    if (op->pass == 0 && op->result[0] != DBK_NONE) {
        dbki_event_bind(op, more,
                        (struct dbki_event){.kind = "build",
                                            .verb = "new",
                                            .builderid = add->builderid,
                                            .buildid = op->result[0],
                                            .stepid = DBK_NONE});
    } else if (op->pass == 0) {
        DBKI_BIND(more, &FIND_PARENTS, dbki_int(ids[0]), dbki_int(ids[1]), dbki_int(ids[2]),
                  dbki_int(ids[3]));
    } else if (op->result[0] == DBK_NONE) {
        for (int i = 0; i < 4; i++)
            if (!add->has[i] && ids[i] != DBK_NONE) {
                dbki_error_set(&op->error, DBK_NOT_FOUND, "there is no %s with the id %lld",
                               nouns[i], (long long)ids[i]);
                return;
            }
        dbki_error_set(&op->error, DBK_NOT_FOUND, "a parent of the build is not there");
    }
}

static void add_build_deliver(struct dbki_op *op, const struct dbk_error *error)
{
    ((dbk_added_build_fn *)op->done)(op->user, error, error ? DBK_NONE : op->result[0],
                                     error ? DBK_NONE : op->result[1]);
}

static const struct dbki_opkind ADD_KIND = {
    .action = "adding a build",
    .orders = DBKI_ORDERS_BUILDER,
    .together = DBKI_TWO_PASSES_MOSTLY,
    .lock = &dbki_lock_builder,
    .access = DBKI_ACCESS_MASTER,
    .bind = add_build_bind,
    .row = add_build_row,
    .read = add_build_read,
    .deliver = add_build_deliver,
};

int dbk_add_build(struct dbk_store *store, int64_t builderid, int64_t buildrequestid,
                  int64_t workerid, int64_t masterid, const char *state_string,
                  const struct dbk_call *call, dbk_added_build_fn *done, void *user)
{
    struct dbki_check check = {.call = call};
    dbki_check_that(&check, store && done, "store and done must not be NULL");
    dbki_check_text(&check, "state_string", state_string, 0, false);
    dbki_check_kept_text(&check, store, "state_string", state_string);
    if (check.status)
        return check.status;
    struct add_build_op *op =
        dbki_op_new(&ADD_KIND, sizeof *op, strlen(state_string) + 16, (dbki_callback *)done, user);
    if (!op)
        return dbki_refuse(call, DBK_NO_MEMORY, "out of memory");
    op->op.order_id = op->builderid = builderid;
    op->buildrequestid = buildrequestid;
    op->workerid = workerid;
    op->masterid = masterid;
    op->state_string = dbki_op_text(&op->op, state_string);
    return dbki_submit(store, &op->op, call);
}

/* -------------------------------------------------------------------------------- changing ---- */

static const struct dbki_statement SET_STATE_STRING = {
    .sql = "UPDATE builds SET state_string = ? WHERE id = ?"};
static const struct dbki_statement ADD_LOCKS_DURATION = {
    .sql = "UPDATE builds SET locks_duration_s = locks_duration_s + ? WHERE id = ?"};
static const struct dbki_statement FINISH = {
    .sql = "UPDATE builds SET complete_at = ?, results = ? WHERE id = ?"};

static void bind_event(struct dbki_op *op, struct dbki_binder *binder, const char *verb)
{
    struct dbki_write_op *write = (struct dbki_write_op *)op;
    dbki_event_bind_build(
        op, binder,
        (struct dbki_event){
            .kind = "build", .verb = verb, .buildid = write->id, .stepid = DBK_NONE});
}

static void set_state_string_bind(struct dbki_op *op, struct dbki_binder *binder)
{
    struct dbki_write_op *write = (struct dbki_write_op *)op;
    DBKI_BIND(binder, &SET_STATE_STRING, write->args[0], dbki_int(write->id));
    bind_event(op, binder, "updated");
}

static void add_locks_duration_bind(struct dbki_op *op, struct dbki_binder *binder)
{
    struct dbki_write_op *write = (struct dbki_write_op *)op;
    DBKI_BIND(binder, &ADD_LOCKS_DURATION, write->args[0], dbki_int(write->id));
    bind_event(op, binder, "updated");
}

#define WRITE_KIND(action_words, bind_function)                                                    \
    {                                                                                              \
        .action = action_words, .orders = DBKI_ORDERS_BUILD, .together = DBKI_ONE_PASS,            \
        .access = DBKI_ACCESS_EXISTING, .bind = bind_function, .read = dbki_write_read_build,      \
        .deliver = dbki_write_deliver                                                              \
    }

static const struct dbki_opkind SET_STATE_STRING_KIND =
    WRITE_KIND("setting a build's state string", set_state_string_bind);
static const struct dbki_opkind ADD_LOCKS_DURATION_KIND =
    WRITE_KIND("adding to a build's locks duration", add_locks_duration_bind);

int dbk_set_build_state_string(struct dbk_store *store, int64_t buildid, const char *state_string,
                               const struct dbk_call *call, dbk_done_fn *done, void *user)
{
    struct dbki_check check = {.call = call};
    dbki_check_that(&check, store && done, "store and done must not be NULL");
    dbki_check_text(&check, "state_string", state_string, 0, false);
    dbki_check_kept_text(&check, store, "state_string", state_string);
    if (check.status)
        return check.status;
    return dbki_write_submit(store, &SET_STATE_STRING_KIND, buildid, dbki_text(state_string), call,
                             done, user);
}

int dbk_add_build_locks_duration(struct dbk_store *store, int64_t buildid, int64_t duration_s,
                                 const struct dbk_call *call, dbk_done_fn *done, void *user)
{
    struct dbki_check check = {.call = call};
    dbki_check_that(&check, store && done, "store and done must not be NULL");
    dbki_check_that(&check, duration_s > -(1LL << 52) && duration_s < 1LL << 52,
                    "duration_s must be a number of seconds below 2 to the power of 52");
    if (check.status)
        return check.status;
    return dbki_write_submit(store, &ADD_LOCKS_DURATION_KIND, buildid, dbki_int(duration_s), call,
                             done, user);
}

/* -------------------------------------------------------------------------------- finishing ---- */

struct finish_op {
    struct dbki_op op;
    int64_t buildid, results;
    struct dbki_lineage_set set;
};

/* Which of the statements asks for the lineage's set: it stands behind the update and the deletion. */
enum { UPDATE_INDEX, TAKE_OUT_INDEX, SET_INDEX };

static void finish_bind(struct dbki_op *op, struct dbki_binder *binder)
{
    struct finish_op *finish = (struct finish_op *)op;
    finish->set = (struct dbki_lineage_set){0};
    DBKI_BIND(binder, &FINISH, dbki_int(op->now), dbki_int(finish->results),
              dbki_int(finish->buildid));
    dbki_lineage_bind(op, binder, finish->buildid);
    dbki_event_bind_build(
        op, binder,
        (struct dbki_event){
            .kind = "build", .verb = "finished", .buildid = finish->buildid, .stepid = DBK_NONE});
}

static int finish_row(struct dbki_op *op, int index, const struct dbki_value *cells, int cell_count)
{
    (void)cell_count;
    return index == SET_INDEX ? dbki_lineage_row(op, &((struct finish_op *)op)->set, cells)
                              : DBK_OK;
}

static void finish_read(struct dbki_op *op, const struct dbki_bound *bound,
                        struct dbki_binder *more)
{
    struct finish_op *finish = (struct finish_op *)op;
    if (op->pass)
        return;
    if (!bound[UPDATE_INDEX].changed)
        dbki_error_set(&op->error, DBK_NOT_FOUND, "there is no build with the id %lld",
                       (long long)finish->buildid);
    else if (finish->results == DBK_SUCCESS)
        dbki_lineage_bind_insert(op, more, &finish->set, finish->buildid);
}

static const struct dbki_opkind FINISH_KIND = {
    .action = "finishing a build",
    .orders = DBKI_ORDERS_BUILD,
    .access = DBKI_ACCESS_EXISTING,
    .bind = finish_bind,
    .row = finish_row,
    .read = finish_read,
    .deliver = dbki_write_deliver,
};

int dbk_finish_build(struct dbk_store *store, int64_t buildid, int64_t results,
                     const struct dbk_call *call, dbk_done_fn *done, void *user)
{
    struct dbki_check check = {.call = call};
    dbki_check_that(&check, store && done, "store and done must not be NULL");
    dbki_check_kept_results(&check, store, results);
    if (check.status)
        return check.status;
    struct finish_op *op = dbki_op_new(&FINISH_KIND, sizeof *op, 256, (dbki_callback *)done, user);
    if (!op)
        return dbki_refuse(call, DBK_NO_MEMORY, "out of memory");
    op->op.order_id = op->buildid = buildid;
    op->results = results;
    return dbki_submit(store, &op->op, call);
}

/* --------------------------------------------------------------------------------- keeping ---- */

/* The properties of a build that has them are copied too: each into a block of its own. */
struct dbk_build *dbk_build_dup(const struct dbk_build *build)
{
    void *rest;
    if (!build)
        return NULL;
    size_t count = build->property_count;
    struct dbk_build *copy =
        dbki_record_dup(&dbki_build_record, build, count * sizeof *build->properties, &rest);
    if (!copy)
        return NULL;
    const struct dbk_property **properties = rest;
    copy->properties = properties;
    copy->property_count = 0;
    for (size_t i = 0; i < count; i++) {
        properties[i] = dbki_record_dup(&dbki_property_record, build->properties[i], 0, NULL);
        if (!properties[i]) {
            dbk_build_free(copy);
            return NULL;
        }
        copy->property_count++;
    }
    return copy;
}

void dbk_build_free(struct dbk_build *build)
{
    if (!build)
        return;
    for (size_t i = 0; i < build->property_count; i++)
        dbki_free((void *)(uintptr_t)build->properties[i]);
    dbki_free(build);
}
