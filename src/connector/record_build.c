/*
 * A whole build at once. All passes but the last only make parents, whose ids the next one needs:
 *
 *     0  builder, worker, master, sourcestamps (found or added); the buildset, which gives its id
 *     1  the buildset's sourcestamps; the request, which gives its id
 *     2  the build, which gives its id and number
 *     3  properties, steps, data; its lineage; its events
 */
#include "base/hash.h"
#include "connector/event.h"
#include "connector/lineage.h"
#include "connector/parents.h"
#include "connector/records.h"
#include "connector/step_names.h"
#include "store/store.h"

#include <jansson.h>
#include <stdlib.h>

enum { SOURCESTAMPS_MAX = 100, CHILDREN_MAX = 10000, URLS_MAX = 1000, AHEAD_MAX_S = 86400 };

struct new_sourcestamp {
    struct dbki_value args[DBKI_SOURCESTAMP_ARG_COUNT];
};
struct new_step {
    struct dbki_value name, state_string, started_at, locks_acquired_at, complete_at, results,
        hidden, urls_json;
};
struct new_item { /* a property or a value */
    struct dbki_value name, value, source;
};

struct record_op {
    struct dbki_op op; /* its result: the build's id and number */
    struct dbki_value builder, builder_hash, worker, master, master_hash, reason, state_string;
    struct dbki_value started_at, complete_at, results, locks_duration_s;
    struct new_sourcestamp *sourcestamps;
    struct new_item *properties, *data;
    struct new_step *steps;
    size_t sourcestamp_count, property_count, step_count, data_count;
    struct dbki_lineage_set set; /* the sourcestamps' */
    int64_t buildsetid, requestid;
    bool is_builder_added;
};

/* ---------------------------------------------------------------------------- the statements ---- */

static const struct dbki_statement ADD_BUILDER = {
    .sql = "INSERT INTO builders (name, name_hash) SELECT ?, ?"
           " WHERE NOT EXISTS (SELECT 1 FROM builders WHERE name_hash = ?) ON CONFLICT DO NOTHING"};
static const struct dbki_statement ADD_WORKER = {
    .sql = "INSERT INTO workers (name, info) SELECT ?, '{}'"
           " WHERE NOT EXISTS (SELECT 1 FROM workers WHERE name = ?) ON CONFLICT DO NOTHING"};
static const struct dbki_statement ADD_MASTER = {
    .sql = "INSERT INTO masters (name, name_hash, active, last_active) SELECT ?, ?, 0, ?"
           " WHERE NOT EXISTS (SELECT 1 FROM masters WHERE name_hash = ?) ON CONFLICT DO NOTHING"};
static const struct dbki_statement ADD_SOURCESTAMP = {
    .sql =
        "INSERT INTO sourcestamps (ss_hash, branch, revision, repository, codebase, project,"
        " patchid, created_at) SELECT ?, ?, ?, ?, ?, ?, ?, ?"
        " WHERE NOT EXISTS (SELECT 1 FROM sourcestamps WHERE ss_hash = ?) ON CONFLICT DO NOTHING"};
static const struct dbki_statement ADD_BUILDSET = {
    .sql = "INSERT INTO buildsets (reason, submitted_at, complete, complete_at, results)"
           " VALUES (?, ?, ?, ?, ?) RETURNING id"};
static const struct dbki_statement LINK_SOURCESTAMP = {
    .sql = "INSERT INTO buildset_sourcestamps (buildsetid, sourcestampid)"
           " SELECT ?, id FROM sourcestamps WHERE ss_hash = ? ON CONFLICT DO NOTHING"};
static const struct dbki_statement ADD_REQUEST = {
    .sql = "INSERT INTO buildrequests (buildsetid, builderid, priority, complete, results,"
           " submitted_at, complete_at, waited_for)"
           " SELECT ?, id, 0, ?, ?, ?, ?, 0 FROM builders WHERE name_hash = ? RETURNING id"};
static const struct dbki_statement ADD_BUILD = {
    .sql = "INSERT INTO builds (number, builderid, buildrequestid, workerid, masterid, started_at,"
           " complete_at, locks_duration_s, state_string, results)"
           " SELECT coalesce((SELECT max(number) FROM builds WHERE builderid = r.id), 0) + 1, r.id,"
           " ?, (SELECT id FROM workers WHERE name = ?), m.id, ?, ?, ?, ?, ?"
           " FROM builders r, masters m WHERE r.name_hash = ? AND m.name_hash = ?"
           " RETURNING id, number"};
static const struct dbki_statement ADD_PROPERTY = {
    .sql = "INSERT INTO build_properties (buildid, name, value, source, position)"
           " VALUES (?, ?, ?, ?, ?)"
           " ON CONFLICT (buildid, name) DO UPDATE SET value = excluded.value,"
           " source = excluded.source"};
static const struct dbki_statement ADD_STEP = {
    .sql = "INSERT INTO steps (number, name, buildid, started_at, locks_acquired_at, complete_at,"
           " state_string, results, urls_json, hidden) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"};
static const struct dbki_statement ADD_DATA = {
    .sql = "INSERT INTO build_data (buildid, name, length, source, value) VALUES (?, ?, ?, ?, ?)"
           " ON CONFLICT (buildid, name) DO UPDATE SET value = excluded.value,"
           " length = excluded.length, source = excluded.source"};

/* -------------------------------------------------------------------------------- the passes ---- */

static bool is_finished(const struct record_op *record)
{
    return record->results.type != DBKI_NULL;
}

/* A time that was given; none is now. */
static struct dbki_value or_now(const struct record_op *record, struct dbki_value time)
{
    return time.type == DBKI_NULL ? dbki_int(record->op.now) : time;
}

static struct dbki_value complete_at(const struct record_op *record)
{
    return is_finished(record) ? or_now(record, record->complete_at) : dbki_int(DBK_NONE);
}

/* Requests and buildsets without results hold -1, as in Buildbot. */
static struct dbki_value request_results(const struct record_op *record)
{
    return is_finished(record) ? record->results : dbki_int(-1);
}

static void record_bind(struct dbki_op *op, struct dbki_binder *binder)
{
    struct record_op *record = (struct record_op *)op;
    record->buildsetid = record->requestid = DBK_NONE;
    record->is_builder_added = false;
    DBKI_BIND(binder, &ADD_BUILDSET, record->reason, or_now(record, record->started_at),
              dbki_int(is_finished(record)), complete_at(record), request_results(record));
    DBKI_BIND(binder, &ADD_BUILDER, record->builder, record->builder_hash, record->builder_hash);
    if (record->worker.type == DBKI_TEXT)
        DBKI_BIND(binder, &ADD_WORKER, record->worker, record->worker);
    DBKI_BIND(binder, &ADD_MASTER, record->master, record->master_hash, dbki_int(op->now),
              record->master_hash);
    for (size_t i = 0; i < record->sourcestamp_count; i++) {
        struct dbki_value params[DBKI_SOURCESTAMP_ARG_COUNT + 2];
        memcpy(params, record->sourcestamps[i].args, sizeof record->sourcestamps[i].args);
        params[DBKI_SOURCESTAMP_ARG_COUNT] = dbki_int(op->now);
        params[DBKI_SOURCESTAMP_ARG_COUNT + 1] = params[DBKI_SOURCESTAMP_HASH];
        dbki_bind(binder, &ADD_SOURCESTAMP, params, DBKI_SOURCESTAMP_ARG_COUNT + 2);
    }
}

static void bind_request(struct record_op *record, struct dbki_binder *binder)
{
    for (size_t i = 0; i < record->sourcestamp_count; i++)
        DBKI_BIND(binder, &LINK_SOURCESTAMP, dbki_int(record->buildsetid),
                  record->sourcestamps[i].args[DBKI_SOURCESTAMP_HASH]);
    DBKI_BIND(binder, &ADD_REQUEST, dbki_int(record->buildsetid), dbki_int(is_finished(record)),
              request_results(record), or_now(record, record->started_at), complete_at(record),
              record->builder_hash);
}

/* The builder may be new: only now its row can be locked, which keeps its numbers. */
static void bind_build(struct record_op *record, struct dbki_binder *binder)
{
    if (record->op.store->engine->is_server)
        DBKI_BIND(binder, &dbki_lock_builder_name, record->builder_hash);
    DBKI_BIND(binder, &ADD_BUILD, dbki_int(record->requestid), record->worker,
              or_now(record, record->started_at), complete_at(record), record->locks_duration_s,
              record->state_string, record->results, record->builder_hash, record->master_hash);
}

static void bind_children(struct record_op *record, struct dbki_binder *binder)
{
    struct dbki_value buildid = dbki_int(record->op.result[0]);
    for (size_t i = 0; i < record->property_count; i++) {
        const struct new_item *item = &record->properties[i];
        DBKI_BIND(binder, &ADD_PROPERTY, buildid, item->name, item->value, item->source,
                  dbki_property_position(&record->op));
    }
    for (size_t i = 0; i < record->step_count; i++) {
        const struct new_step *step = &record->steps[i];
        DBKI_BIND(binder, &ADD_STEP, dbki_int((int64_t)i), step->name, buildid, step->started_at,
                  step->locks_acquired_at, step->complete_at, step->state_string, step->results,
                  step->urls_json, step->hidden);
    }
    for (size_t i = 0; i < record->data_count; i++) {
        const struct new_item *item = &record->data[i];
        DBKI_BIND(binder, &ADD_DATA, buildid, item->name, dbki_int((int64_t)item->value.len),
                  item->source, item->value);
    }
}

static void bind_events(struct record_op *record, struct dbki_binder *binder)
{
    struct dbki_event event = {
        .kind = "build", .verb = "new", .buildid = record->op.result[0], .stepid = DBK_NONE};
    if (record->is_builder_added)
        dbki_event_bind_builder_of(&record->op, binder, event.buildid);
    dbki_event_bind_build(&record->op, binder, event);
    event.verb = "finished";
    if (is_finished(record))
        dbki_event_bind_build(&record->op, binder, event);
}

static int record_row(struct dbki_op *op, int index, const struct dbki_value *cells, int cell_count)
{
    struct record_op *record = (struct record_op *)op;
    (void)index;
    if (op->pass == 0)
        record->buildsetid = dbki_value_int(&cells[0]);
    else if (op->pass == 1)
        record->requestid = dbki_value_int(&cells[0]);
    else if (op->pass == 2 && cell_count == 2) {
        op->result[0] = dbki_value_int(&cells[0]);
        op->result[1] = dbki_value_int(&cells[1]);
    }
    return DBK_OK;
}

static void record_read(struct dbki_op *op, const struct dbki_bound *bound,
                        struct dbki_binder *more)
{
    struct record_op *record = (struct record_op *)op;
    switch (op->pass) {
    case 0:
        record->is_builder_added = bound[1].changed > 0;
        bind_request(record, more);
        break;
    case 1:
        bind_build(record, more);
        break;
    case 2:
        bind_children(record, more);
        if (is_finished(record) && record->results.number == DBK_SUCCESS)
            dbki_lineage_bind_insert(op, more, &record->set, op->result[0]);
        bind_events(record, more);
        break;
    default:
        break;
    }
}

static void record_bind_arguments(struct dbki_op *op, struct dbki_binder *binder)
{
    struct record_op *record = (struct record_op *)op;
    record_bind(op, binder);
    bind_request(record, binder);
    bind_build(record, binder);
    bind_children(record, binder);
}

static void record_deliver(struct dbki_op *op, const struct dbk_error *error)
{
    ((dbk_added_build_fn *)op->done)(op->user, error, error ? DBK_NONE : op->result[0],
                                     error ? DBK_NONE : op->result[1]);
}

static const struct dbki_opkind RECORD_KIND = {
    .action = "recording a build",
    .orders = DBKI_ORDERS_BUILDER_NAME,
    .access = DBKI_ACCESS_OWN,
    .bind = record_bind,
    .row = record_row,
    .read = record_read,
    .bind_arguments = record_bind_arguments,
    .deliver = record_deliver,
};

/* ------------------------------------------------------------------------------- submitting ---- */

/* A time far ahead would be the newest for as long: for the builder's badge, for the lineage. One that ends before it
 * started is taken: clocks are set back. */
static void check_times(struct dbki_check *check, const char *what, int64_t started_at,
                        int64_t complete_at, int64_t now)
{
    int64_t latest = started_at > complete_at ? started_at : complete_at;
    if (check->status)
        return;
    if (latest > now + AHEAD_MAX_S)
        check->status = dbki_refuse(check->call, DBK_INVALID,
                                    "%s has a time of %lld, more than a day ahead of the clock,"
                                    " which says %lld",
                                    what, (long long)latest, (long long)now);
}

static void check_step(struct dbki_check *check, const struct dbk_new_step *step, int64_t now)
{
    dbki_check_that(check, step && DBKI_IS_WHOLE(step, url_count),
                    "a step must begin with its size: use DBK_NEW_STEP_INIT");
    if (check->status)
        return;
    dbki_check_text(check, "a step's name", step->name, DBKI_STEP_NAME_MAX, false);
    dbki_check_text(check, "a step's state_string", step->state_string, 0, true);
    if (step->results != DBK_NONE)
        dbki_check_results(check, step->results);
    check_times(check, "a step", step->started_at, step->complete_at, now);
    dbki_check_that(check, step->url_count <= URLS_MAX && (step->urls || !step->url_count),
                    "a step has at most 1,000 URLs");
    for (size_t i = 0; i < step->url_count && !check->status; i++) {
        dbki_check_text(check, "a URL's name", step->urls[i].name, 0, false);
        dbki_check_text(check, "url", step->urls[i].url, 0, false);
    }
}

static void check_data(struct dbki_check *check, const struct dbk_new_data *data, int64_t value_max)
{
    dbki_check_text(check, "the name of build data", data->name, DBKI_NAME_MAX, false);
    dbki_check_text(check, "the source of build data", data->source, DBKI_NAME_MAX, false);
    dbki_check_that(check, data->value || !data->value_len, "a value must not be NULL");
    if (!check->status && data->value_len > (size_t)value_max)
        check->status = dbki_refuse(check->call, DBK_TOO_LARGE,
                                    "the value of '%.80s' has %zu bytes; the limit is %lld",
                                    data->name, data->value_len, (long long)value_max);
}

static void check_build(struct dbki_check *check, const struct dbk_new_build *build,
                        const struct dbk_store *store)
{
    int64_t now = store->clock(store->clock_user);
    dbki_check_that(check, DBKI_IS_WHOLE(build, data_count),
                    "the build must begin with its size: use DBK_NEW_BUILD_INIT");
    if (check->status)
        return;
    dbki_check_text(check, "the builder's name", build->builder, DBKI_NAME_MAX, false);
    dbki_check_that(check, check->status || build->builder[0],
                    "the builder's name must not be empty");
    dbki_check_text(check, "the worker's name", build->worker, DBKI_WORKER_NAME_MAX, true);
    dbki_check_text(check, "the master's name", build->master, DBKI_NAME_MAX, true);
    dbki_check_text(check, "reason", build->reason, DBKI_NAME_MAX, true);
    dbki_check_text(check, "state_string", build->state_string, 0, true);
    if (build->results != DBK_NONE)
        dbki_check_results(check, build->results);
    dbki_check_that(check, build->locks_duration_s >= 0, "locks_duration_s must not be negative");
    dbki_check_that(check, build->results != DBK_NONE || build->complete_at == DBK_NONE,
                    "a build without results is open: it has no complete_at");
    check_times(check, "the build", build->started_at, build->complete_at, now);
    dbki_check_that(check, build->sourcestamp_count <= SOURCESTAMPS_MAX,
                    "a build has at most 100 sourcestamps");
    dbki_check_that(check,
                    build->property_count <= CHILDREN_MAX && build->step_count <= CHILDREN_MAX &&
                        build->data_count <= CHILDREN_MAX,
                    "a build has at most 10,000 properties, steps and values each");
    dbki_check_that(check,
                    (build->sourcestamps || !build->sourcestamp_count) &&
                        (build->properties || !build->property_count) &&
                        (build->steps || !build->step_count) && (build->data || !build->data_count),
                    "an array with a count must not be NULL");
    for (size_t i = 0; i < build->sourcestamp_count && !check->status; i++)
        dbki_sourcestamp_check(check, build->sourcestamps[i]);
    for (size_t i = 0; i < build->property_count && !check->status; i++)
        dbki_property_check(check, &build->properties[i]);
    for (size_t i = 0; i < build->step_count && !check->status; i++)
        check_step(check, build->steps[i], now);
    for (size_t i = 0; i < build->data_count && !check->status; i++)
        check_data(check, &build->data[i], store->value_max);
}

static void *take_array(struct dbki_op *op, size_t count, size_t size)
{
    void *array = dbki_op_take(op, (count + 1) * size);
    if (!array)
        op->is_out_of_memory = true;
    return array;
}

/* The list of URLs as Buildbot writes it. */
static struct dbki_value copy_urls(struct dbki_op *op, const struct dbk_new_step *step)
{
    if (!step->url_count)
        return dbki_text("[]");
    json_t *list = json_array();
    for (size_t i = 0; i < step->url_count && list; i++)
        json_array_append_new(
            list, json_pack("{s:s, s:s}", "name", step->urls[i].name, "url", step->urls[i].url));
    char *text = list && json_array_size(list) == step->url_count
                     ? json_dumps(list, JSON_ENSURE_ASCII)
                     : NULL;
    json_decref(list);
    if (!text)
        op->is_out_of_memory = true;
    struct dbki_value copy = dbki_op_text(op, text ? text : "");
    free(text);
    return copy;
}

static void copy_steps(struct record_op *record, const struct dbk_new_build *build)
{
    struct dbki_op *op = &record->op;
    struct dbki_step_names names;
    record->steps = take_array(op, build->step_count, sizeof *record->steps);
    dbki_step_names_init(&names, op, build->step_count);
    for (size_t i = 0; i < build->step_count && !op->is_out_of_memory; i++) {
        const struct dbk_new_step *step = build->steps[i];
        record->steps[i] = (struct new_step){
            .name = dbki_step_names_add(&names, op, step->name),
            .state_string = dbki_op_text(op, step->state_string ? step->state_string : ""),
            .started_at = dbki_int(step->started_at),
            .locks_acquired_at = dbki_int(step->locks_acquired_at),
            .complete_at = dbki_int(step->complete_at),
            .results = dbki_int(step->results),
            .hidden = dbki_int(step->hidden),
            .urls_json = copy_urls(op, step),
        };
        record->step_count = i + 1;
    }
}

/* Also makes the set that is the build's lineage. */
static void copy_sourcestamps(struct record_op *record, const struct dbk_new_build *build)
{
    struct dbki_op *op = &record->op;
    size_t count = build->sourcestamp_count;
    record->sourcestamps = take_array(op, count, sizeof *record->sourcestamps);
    record->set.codebases = take_array(op, count, sizeof *record->set.codebases);
    for (size_t i = 0; i < count && !op->is_out_of_memory; i++) {
        struct dbki_value *args = record->sourcestamps[i].args;
        dbki_sourcestamp_args(op, build->sourcestamps[i], args);
        record->set.codebases[i] = (struct dbk_codebase){args[DBKI_SOURCESTAMP_REPOSITORY].text,
                                                         args[DBKI_SOURCESTAMP_BRANCH].text,
                                                         args[DBKI_SOURCESTAMP_CODEBASE].text};
        record->sourcestamp_count = record->set.count = i + 1;
    }
}

static void copy_items(struct record_op *record, const struct dbk_new_build *build)
{
    struct dbki_op *op = &record->op;
    record->properties = take_array(op, build->property_count, sizeof *record->properties);
    record->data = take_array(op, build->data_count, sizeof *record->data);
    for (size_t i = 0; i < build->property_count && !op->is_out_of_memory; i++) {
        const struct dbk_new_property *property = &build->properties[i];
        record->properties[i] =
            (struct new_item){dbki_op_text(op, property->name), dbki_op_text(op, property->value),
                              dbki_op_text(op, property->source)};
        record->property_count = i + 1;
    }
    for (size_t i = 0; i < build->data_count && !op->is_out_of_memory; i++) {
        const struct dbk_new_data *data = &build->data[i];
        record->data[i] = (struct new_item){dbki_op_text(op, data->name),
                                            dbki_op_blob(op, data->value, data->value_len),
                                            dbki_op_text(op, data->source)};
        record->data_count = i + 1;
    }
}

static struct dbki_value copy_hash(struct dbki_op *op, const char *name)
{
    char hex[DBKI_SHA1_HEX_SIZE] = "";
    if (dbki_hash_columns(&name, 1, hex))
        op->is_out_of_memory = true;
    return dbki_op_text(op, hex);
}

static void copy_build(struct record_op *record, const struct dbk_new_build *build)
{
    struct dbki_op *op = &record->op;
    const char *master = build->master ? build->master : "daybook";
    record->builder = dbki_op_text(op, build->builder);
    op->order_id = (int64_t)dbki_hash_bytes(0, build->builder, strlen(build->builder));
    record->builder_hash = copy_hash(op, build->builder);
    record->worker = dbki_op_text(op, build->worker);
    record->master = dbki_op_text(op, master);
    record->master_hash = copy_hash(op, master);
    record->reason = dbki_op_text(op, build->reason ? build->reason : "");
    record->state_string = dbki_op_text(op, build->state_string ? build->state_string : "");
    record->started_at = dbki_int(build->started_at);
    record->complete_at = dbki_int(build->complete_at);
    record->results = dbki_int(build->results);
    record->locks_duration_s = dbki_int(build->locks_duration_s);
    copy_sourcestamps(record, build);
    copy_items(record, build);
    copy_steps(record, build);
}

int dbk_record_build(struct dbk_store *store, const struct dbk_new_build *build,
                     const struct dbk_call *call, dbk_added_build_fn *done, void *user)
{
    enum { ROOM = 2048 };
    struct dbki_check check = {.call = call};
    dbki_check_that(&check, store && build && done, "store, build and done must not be NULL");
    if (!check.status)
        check_build(&check, build, store);
    if (check.status)
        return check.status;
    struct record_op *record =
        dbki_op_new(&RECORD_KIND, sizeof *record, ROOM, (dbki_callback *)done, user);
    if (!record)
        return dbki_refuse(call, DBK_NO_MEMORY, "out of memory");
    copy_build(record, build);
    return dbki_submit(store, &record->op, call);
}
