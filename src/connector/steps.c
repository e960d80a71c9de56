/* Steps: reading, adding, changing. The list of URLs that each holds is step_urls.c's. */
#include "base/alloc.h"
#include "base/text.h"
#include "connector/event.h"
#include "connector/many.h"
#include "connector/records.h"
#include "connector/step_urls.h"

#include <stdio.h>

#define COLUMNS                                                                                    \
    "t.id, t.number, t.name, t.buildid, t.started_at, t.locks_acquired_at, t.complete_at, "        \
    "t.state_string, t.results, t.hidden, t.urls_json"

static const struct dbki_field FIELDS[] = {
    DBKI_FIELD(dbk_step, id, "t.id", DBKI_FIELD_INT, 0),
    DBKI_FIELD(dbk_step, number, "t.number", DBKI_FIELD_INT, 0),
    DBKI_FIELD(dbk_step, name, "t.name", DBKI_FIELD_TEXT, 0),
    DBKI_FIELD(dbk_step, buildid, "t.buildid", DBKI_FIELD_INT, 0),
    DBKI_FIELD(dbk_step, started_at, "t.started_at", DBKI_FIELD_INT, DBKI_FIELD_NULLABLE),
    DBKI_FIELD(dbk_step, locks_acquired_at, "t.locks_acquired_at", DBKI_FIELD_INT,
               DBKI_FIELD_NULLABLE),
    DBKI_FIELD(dbk_step, complete_at, "t.complete_at", DBKI_FIELD_INT, DBKI_FIELD_NULLABLE),
    DBKI_FIELD(dbk_step, state_string, "t.state_string", DBKI_FIELD_TEXT, 0),
    DBKI_FIELD(dbk_step, results, "t.results", DBKI_FIELD_INT,
               DBKI_FIELD_NULLABLE | DBKI_FIELD_RESULTS),
    DBKI_FIELD(dbk_step, hidden, "t.hidden", DBKI_FIELD_INT, 0),
    {"urls", "t.urls_json", DBKI_FIELD_TEXT, DBKI_FIELD_CHOSEN,
     offsetof(struct dbk_step, urls_text)},
    {"complete", "(CASE WHEN t.complete_at IS NULL THEN 0 ELSE 1 END)", DBKI_FIELD_INT,
     DBKI_FIELD_VIRTUAL | DBKI_FIELD_COMPLETE, 0},
};

/* The text of the URLs becomes the list; it stays where it is none. */
static int finish_step(struct dbki_op *op, void *record)
{
    struct dbk_step *step = record;
    if (!step->urls_text)
        return DBK_OK;
    int status = dbki_step_urls_read(op, step->urls_text, &step->urls, &step->url_count);
    if (!status)
        step->urls_text = NULL;
    return status == DBK_NO_MEMORY ? status : DBK_OK;
}

const struct dbki_record dbki_step_record = {
    .noun = "steps",
    .from = "steps t",
    .fields = FIELDS,
    .field_count = sizeof FIELDS / sizeof FIELDS[0],
    .column_count = 11,
    .columns = COLUMNS,
    .order = "number",
    .keeps_null = true,
    .size = sizeof(struct dbk_step),
    .finish = finish_step,
};

/* --------------------------------------------------------------------------------- reading ---- */

static void deliver_step(struct dbki_op *op, const struct dbk_error *error)
{
    struct dbki_get_op *get = (struct dbki_get_op *)op;
    ((dbk_step_fn *)op->done)(op->user, error, error ? NULL : get->found);
}

#define GET_KIND(action_words, condition, names, places, joined_condition)                         \
    {                                                                                              \
        .kind = {.action = action_words,                                                           \
                 .access = DBKI_ACCESS_READ,                                                       \
                 .bind = dbki_get_bind,                                                            \
                 .bind_joined = dbki_get_bind_joined,                                              \
                 .row = dbki_get_row,                                                              \
                 .deliver = deliver_step},                                                         \
        .record = &dbki_step_record,                                                               \
        .statement = {.sql = "SELECT " COLUMNS " FROM steps t WHERE " condition,                   \
                      .is_one_row = true},                                                         \
        .joined = DBKI_JOINED(COLUMNS, "steps t", names, places, joined_condition)                 \
    }

static const struct dbki_get_kind GET =
    GET_KIND("getting a step", "t.id = ?", "a", "?", "t.id = k.a");
static const struct dbki_get_kind GET_BY_NUMBER =
    GET_KIND("getting a step by number", "t.buildid = ? AND t.number = ?", "a, b", "?,?",
             "t.buildid = k.a AND t.number = k.b");
static const struct dbki_get_kind GET_BY_NAME =
    GET_KIND("getting a step by name", "t.buildid = ? AND t.name = ?", "a, b", "?,?",
             "t.buildid = k.a AND t.name = k.b");

int dbk_get_step(struct dbk_store *store, int64_t stepid, int64_t buildid, int64_t number,
                 const char *name, const struct dbk_call *call, dbk_step_fn *done, void *user)
{
    struct dbki_check check = {.call = call};
    bool by_id = stepid != DBK_NONE, by_number = !by_id && number != DBK_NONE;
    dbki_check_that(&check, store && done, "store and done must not be NULL");
    dbki_check_that(&check, by_id || (buildid != DBK_NONE && (by_number || name)),
                    "a step is named by its id, or by its build and a number or a name");
    dbki_check_text(&check, "name", by_id || by_number ? NULL : name, 0, true);
    if (check.status)
        return check.status;
    const struct dbki_get_kind *kind = by_id ? &GET : by_number ? &GET_BY_NUMBER : &GET_BY_NAME;
    struct dbki_get_op *op =
        dbki_op_new(&kind->kind, sizeof *op, DBKI_GET_ROOM, (dbki_callback *)done, user);
    if (!op)
        return dbki_refuse(call, DBK_NO_MEMORY, "out of memory");
    op->args[0] = dbki_int(by_id ? stepid : buildid);
    op->args[1] = by_number ? dbki_int(number) : by_id ? dbki_int(0) : dbki_op_text(&op->op, name);
    op->arg_count = by_id ? 1 : 2;
    return dbki_submit(store, &op->op, call);
}

static void deliver_steps(struct dbki_op *op, const struct dbk_error *error)
{
    struct dbki_list_op *list = (struct dbki_list_op *)op;
    ((dbk_steps_fn *)op->done)(op->user, error,
                               error ? NULL : (const struct dbk_step *const *)list->items,
                               error ? NULL : &list->page);
}

static const struct dbki_opkind GET_STEPS = DBKI_LIST_KIND("listing steps", deliver_steps);
static const struct dbki_opkind GET_STEPS_OF =
    DBKI_LIST_KIND("listing the steps of builds", deliver_steps);

int dbk_get_steps(struct dbk_store *store, int64_t buildid, const struct dbk_spec *spec,
                  const struct dbk_call *call, dbk_steps_fn *done, void *user)
{
    struct dbki_check check = {.call = call};
    dbki_check_that(&check, store && done, "store and done must not be NULL");
    if (check.status)
        return check.status;
    const struct dbki_condition conditions[] = {{"t.buildid = ?", dbki_int(buildid), true},
                                                {.sql = NULL}};
    struct dbki_list_call list_call = {
        .kind = &GET_STEPS, .record = &dbki_step_record, .conditions = conditions, .spec = spec};
    return dbki_list_submit(store, &list_call, call, (dbki_callback *)done, user);
}

int dbk_get_steps_of(struct dbk_store *store, const int64_t *buildids, size_t count,
                     const struct dbk_call *call, dbk_steps_fn *done, void *user)
{
    struct dbki_check check = {.call = call};
    dbki_check_that(&check, store && done && buildids, "store, done and buildids must not be NULL");
    if (check.status)
        return check.status;
    struct dbki_many many = {.kind = &GET_STEPS_OF,
                             .record = &dbki_step_record,
                             .from = "steps t WHERE t.buildid",
                             .end = "",
                             .order = "t.buildid, t.number"};
    return dbki_many_submit(store, &many, buildids, count, call, (dbki_callback *)done, user);
}

/* ---------------------------------------------------------------------------------- adding ---- */

/* Its result: the id, the number, and the name with its suffix if one had to be found. */
struct add_step_op {
    struct dbki_op op;
    int64_t buildid;
    struct dbki_value name, state_string;
    bool has_build;
    int64_t suffix; /* the last one that was tried */
    bool is_taken;
};

static const struct dbki_statement ADD_STEP = {
    .sql =
        "INSERT INTO steps (number, name, buildid, state_string, urls_json, hidden)"
        " SELECT coalesce((SELECT max(number) FROM steps WHERE buildid = b.id), -1) + 1, ?, b.id,"
        " ?, '[]', 0 FROM builds b WHERE b.id = ?"
        " AND NOT EXISTS (SELECT 1 FROM steps WHERE buildid = ? AND name = ?)"
        " RETURNING id, number"};
static const struct dbki_statement FIND_BUILD = {.sql = "SELECT 1 FROM builds WHERE id = ?",
                                                 .is_one_row = true};
static const struct dbki_statement FIND_NAME = {
    .sql = "SELECT 1 FROM steps WHERE buildid = ? AND name = ?", .is_one_row = true};

static void bind_add(struct add_step_op *add, struct dbki_binder *binder, struct dbki_value name)
{
    DBKI_BIND(binder, &ADD_STEP, name, add->state_string, dbki_int(add->buildid),
              dbki_int(add->buildid), name);
}

static void add_step_bind(struct dbki_op *op, struct dbki_binder *binder)
{
    struct add_step_op *add = (struct add_step_op *)op;
    add->has_build = add->is_taken = false;
    op->result_text = add->name;
    add->suffix = 0;
    bind_add(add, binder, add->name);
}

/* Passes: 0 adds under the name; 1 asks whether the build is there; then names are tried, one a pass, the
 * free one is added, and the event written. */
static int add_step_row(struct dbki_op *op, int index, const struct dbki_value *cells,
                        int cell_count)
{
    struct add_step_op *add = (struct add_step_op *)op;
    (void)index;
    if (cell_count == 2) {
        op->result[0] = dbki_value_int(&cells[0]);
        op->result[1] = dbki_value_int(&cells[1]);
        if (op->result[1] == INT64_MAX) /* or one more, which no number column can hold */
            return dbki_error_set(&op->error, DBK_DAMAGED,
                                  "the build has a step with the number %lld, past which there is "
                                  "none",
                                  (long long)INT64_MAX);
    } else if (op->pass == 1) {
        add->has_build = true;
    } else {
        add->is_taken = true;
    }
    return DBK_OK;
}

/* The name cut from the right so that it fits with the next suffix. */
static bool next_name(struct add_step_op *add)
{
    char suffix[24];
    int suffix_len = snprintf(suffix, sizeof suffix, "_%lld", (long long)++add->suffix);
    size_t kept =
        dbki_text_prefix(add->name.text, add->name.len, (size_t)(DBKI_STEP_NAME_MAX - suffix_len));
    char *name = dbki_op_take(&add->op, kept + (size_t)suffix_len + 1);
    if (!name)
        return false;
    memcpy(name, add->name.text, kept);
    memcpy(name + kept, suffix, (size_t)suffix_len + 1);
    add->op.result_text = dbki_text_n(name, kept + (size_t)suffix_len);
    return true;
}

static void add_step_read(struct dbki_op *op, const struct dbki_bound *bound,
                          struct dbki_binder *more)
{
    struct add_step_op *add = (struct add_step_op *)op;
    if (op->result[0] != DBK_NONE) {
        if (bound[0].statement == &ADD_STEP)
            dbki_event_bind_step(op, more, "new", op->result[0]);
    } else if (op->pass == 0) {
        DBKI_BIND(more, &FIND_BUILD, dbki_int(add->buildid));
    } else if (op->pass == 1 && !add->has_build) {
        dbki_error_set(&op->error, DBK_NOT_FOUND, "there is no build with the id %lld",
                       (long long)add->buildid);
    } else if (op->pass == 1 || (bound[0].statement == &FIND_NAME && add->is_taken)) {
        add->is_taken = false;
        if (!next_name(add))
            more->is_out_of_memory = true;
        else
            DBKI_BIND(more, &FIND_NAME, dbki_int(add->buildid), op->result_text);
    } else if (bound[0].statement == &FIND_NAME) {
        bind_add(add, more, op->result_text);
    }
}

static void add_step_deliver(struct dbki_op *op, const struct dbk_error *error)
{
    ((dbk_added_step_fn *)op->done)(op->user, error, error ? DBK_NONE : op->result[0],
                                    error ? DBK_NONE : op->result[1],
                                    error ? NULL : op->result_text.text);
}

static const struct dbki_opkind ADD_KIND = {
    .action = "adding a step",
    .orders = DBKI_ORDERS_BUILD,
    .together = DBKI_TWO_PASSES_MOSTLY,
    .lock = &dbki_lock_build,
    .access = DBKI_ACCESS_MASTER,
    .bind = add_step_bind,
    .row = add_step_row,
    .read = add_step_read,
    .deliver = add_step_deliver,
};

int dbk_add_step(struct dbk_store *store, int64_t buildid, const char *name,
                 const char *state_string, const struct dbk_call *call, dbk_added_step_fn *done,
                 void *user)
{
    struct dbki_check check = {.call = call};
    dbki_check_that(&check, store && done, "store and done must not be NULL");
    dbki_check_text(&check, "a step's name", name, DBKI_STEP_NAME_MAX, false);
    dbki_check_kept_text(&check, store, "a step's name", name);
    dbki_check_text(&check, "state_string", state_string, 0, false);
    dbki_check_kept_text(&check, store, "state_string", state_string);
    if (check.status)
        return check.status;
    struct add_step_op *op =
        dbki_op_new(&ADD_KIND, sizeof *op, strlen(name) + strlen(state_string) + 32,
                    (dbki_callback *)done, user);
    if (!op)
        return dbki_refuse(call, DBK_NO_MEMORY, "out of memory");
    op->op.order_id = op->buildid = buildid;
    op->name = dbki_op_text(&op->op, name);
    op->state_string = dbki_op_text(&op->op, state_string);
    return dbki_submit(store, &op->op, call);
}

/* -------------------------------------------------------------------------------- changing ---- */

static const struct dbki_statement START = {.sql = "UPDATE steps SET started_at = ? WHERE id = ?"};
static const struct dbki_statement START_WITH_LOCKS = {
    .sql = "UPDATE steps SET started_at = ?, locks_acquired_at = ? WHERE id = ?"};
static const struct dbki_statement SET_LOCKS_ACQUIRED = {
    .sql = "UPDATE steps SET locks_acquired_at = ? WHERE id = ?"};
static const struct dbki_statement SET_STATE_STRING = {
    .sql = "UPDATE steps SET state_string = ? WHERE id = ?"};
static const struct dbki_statement FINISH = {
    .sql = "UPDATE steps SET complete_at = ?, results = ?, hidden = ? WHERE id = ?"};

/* A time that was given; none is now. */
static struct dbki_value time_or_now(const struct dbki_op *op, const struct dbki_value *time)
{
    return time->type == DBKI_NULL ? dbki_int(op->now) : *time;
}

static void bind_change(struct dbki_op *op, struct dbki_binder *binder,
                        const struct dbki_statement *statement, const char *verb)
{
    struct dbki_write_op *write = (struct dbki_write_op *)op;
    DBKI_BIND(binder, statement, time_or_now(op, &write->args[0]), dbki_int(write->id));
    dbki_event_bind_step(op, binder, verb, write->id);
}

static void start_bind(struct dbki_op *op, struct dbki_binder *binder)
{
    bind_change(op, binder, &START, "started");
}

static void start_with_locks_bind(struct dbki_op *op, struct dbki_binder *binder)
{
    struct dbki_write_op *write = (struct dbki_write_op *)op;
    struct dbki_value at = time_or_now(op, &write->args[0]);
    DBKI_BIND(binder, &START_WITH_LOCKS, at, at, dbki_int(write->id));
    dbki_event_bind_step(op, binder, "started", write->id);
}

static void set_locks_acquired_bind(struct dbki_op *op, struct dbki_binder *binder)
{
    bind_change(op, binder, &SET_LOCKS_ACQUIRED, "updated");
}

static void set_state_string_bind(struct dbki_op *op, struct dbki_binder *binder)
{
    bind_change(op, binder, &SET_STATE_STRING, "updated");
}

/* The argument carries both: results, and this for hidden. */
static const int64_t HIDDEN = INT64_C(1) << 32;

static void finish_bind(struct dbki_op *op, struct dbki_binder *binder)
{
    struct dbki_write_op *write = (struct dbki_write_op *)op;
    DBKI_BIND(binder, &FINISH, dbki_int(op->now), dbki_int(write->args[0].number & (HIDDEN - 1)),
              dbki_int(write->args[0].number >= HIDDEN), dbki_int(write->id));
    dbki_event_bind_step(op, binder, "finished", write->id);
}

#define WRITE_KIND(action_words, bind_function)                                                    \
    {                                                                                              \
        .action = action_words, .orders = DBKI_ORDERS_STEP, .together = DBKI_ONE_PASS,             \
        .access = DBKI_ACCESS_EXISTING, .bind = bind_function, .read = dbki_write_read_step,       \
        .deliver = dbki_write_deliver                                                              \
    }

static const struct dbki_opkind START_KIND = WRITE_KIND("starting a step", start_bind);
static const struct dbki_opkind START_WITH_LOCKS_KIND =
    WRITE_KIND("starting a step", start_with_locks_bind);
static const struct dbki_opkind SET_LOCKS_ACQUIRED_KIND =
    WRITE_KIND("setting when a step got its locks", set_locks_acquired_bind);
static const struct dbki_opkind SET_STATE_STRING_KIND =
    WRITE_KIND("setting a step's state string", set_state_string_bind);
static const struct dbki_opkind FINISH_KIND = WRITE_KIND("finishing a step", finish_bind);

int dbk_start_step(struct dbk_store *store, int64_t stepid, int64_t started_at, bool locks_acquired,
                   const struct dbk_call *call, dbk_done_fn *done, void *user)
{
    struct dbki_check check = {.call = call};
    dbki_check_that(&check, store && done, "store and done must not be NULL");
    if (check.status)
        return check.status;
    return dbki_write_submit(store, locks_acquired ? &START_WITH_LOCKS_KIND : &START_KIND, stepid,
                             dbki_int(started_at), call, done, user);
}

int dbk_set_step_locks_acquired_at(struct dbk_store *store, int64_t stepid,
                                   int64_t locks_acquired_at, const struct dbk_call *call,
                                   dbk_done_fn *done, void *user)
{
    struct dbki_check check = {.call = call};
    dbki_check_that(&check, store && done, "store and done must not be NULL");
    if (check.status)
        return check.status;
    return dbki_write_submit(store, &SET_LOCKS_ACQUIRED_KIND, stepid, dbki_int(locks_acquired_at),
                             call, done, user);
}

int dbk_set_step_state_string(struct dbk_store *store, int64_t stepid, const char *state_string,
                              const struct dbk_call *call, dbk_done_fn *done, void *user)
{
    struct dbki_check check = {.call = call};
    dbki_check_that(&check, store && done, "store and done must not be NULL");
    dbki_check_text(&check, "state_string", state_string, 0, false);
    dbki_check_kept_text(&check, store, "state_string", state_string);
    if (check.status)
        return check.status;
    return dbki_write_submit(store, &SET_STATE_STRING_KIND, stepid, dbki_text(state_string), call,
                             done, user);
}

int dbk_finish_step(struct dbk_store *store, int64_t stepid, int64_t results, bool hidden,
                    const struct dbk_call *call, dbk_done_fn *done, void *user)
{
    struct dbki_check check = {.call = call};
    dbki_check_that(&check, store && done, "store and done must not be NULL");
    dbki_check_kept_results(&check, store, results);
    if (check.status)
        return check.status;
    return dbki_write_submit(store, &FINISH_KIND, stepid, dbki_int(results + (hidden ? HIDDEN : 0)),
                             call, done, user);
}

/* --------------------------------------------------------------------------------- keeping ---- */

struct dbk_step *dbk_step_dup(const struct dbk_step *step)
{
    void *rest;
    if (!step)
        return NULL;
    size_t count = step->url_count, text_size = 0;
    for (size_t i = 0; i < count; i++)
        text_size += strlen(step->urls[i]->name) + strlen(step->urls[i]->url) + 2;
    struct dbk_step *copy = dbki_record_dup(
        &dbki_step_record, step,
        count * (sizeof(struct dbk_url *) + sizeof(struct dbk_url)) + text_size, &rest);
    if (!copy)
        return NULL;
    const struct dbk_url **urls = rest;
    struct dbk_url *all = (struct dbk_url *)(urls + count);
    char *next = (char *)(all + count);
    for (size_t i = 0; i < count; i++) {
        all[i].name = next;
        next = stpcpy(next, step->urls[i]->name) + 1;
        all[i].url = next;
        next = stpcpy(next, step->urls[i]->url) + 1;
        urls[i] = &all[i];
    }
    copy->urls = urls;
    return copy;
}

void dbk_step_free(struct dbk_step *step)
{
    dbki_free(step);
}
