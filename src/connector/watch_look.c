/*
 * A look at the builds that others write: one snapshot of a few statements, each bounded, each on an index that
 * Buildbot has. What they mean is in watch.c.
 */
#include "connector/watch.h"

#include "base/hash.h"
#include "connector/list.h"
#include "connector/submit.h"
#include "store/store.h"

#define BUILD_COLUMNS "id, builderid, started_at, complete_at, state_string"
#define EIGHT(x) x x x x x x x x

static const struct dbki_statement NEWEST = {.sql = "SELECT coalesce(max(id), 0) FROM builds",
                                             .is_one_row = true};
static const struct dbki_statement OPEN = {
    .sql = "SELECT " BUILD_COLUMNS " FROM builds WHERE complete_at IS NULL"
           " AND id > (SELECT max(id) FROM builds) - ? ORDER BY id"};
static const struct dbki_statement LOG_NEWEST = {
    .sql = "SELECT coalesce(max(position), 0) FROM daybook_events", .is_one_row = true};

/* The newest one that was seen comes again: where it does not, the database is another one. */
static const struct dbki_statement FOUND = {
    .sql = "SELECT " BUILD_COLUMNS " FROM builds WHERE id >= ? ORDER BY id LIMIT ?"};
static const struct dbki_statement WATCHED = {.sql = "SELECT " BUILD_COLUMNS " FROM builds"
                                                     " WHERE id IN (" EIGHT("?, ") EIGHT("?, ")
                                                         EIGHT("?, ") "?, ?, ?, ?, ?, ?, ?, ?)"};

/* Each build has its own limit, so that one with many steps hides no other one's. */
#define STEPS_OF_ONE                                                                               \
    "SELECT * FROM (SELECT buildid, id, number, started_at, complete_at, state_string FROM steps"  \
    " WHERE buildid = ? AND number >= ? ORDER BY number LIMIT 200) a"
#define UNION_STEPS " UNION ALL " STEPS_OF_ONE
static const struct dbki_statement STEPS = {.sql = STEPS_OF_ONE UNION_STEPS UNION_STEPS UNION_STEPS
                                                UNION_STEPS UNION_STEPS UNION_STEPS UNION_STEPS};
_Static_assert(DBKI_WATCH_STEPS_MAX == 200 && DBKI_WATCH_STEP_PLACES == 8,
               "they stand in the statement");

#define EVENT_COLUMNS "position, kind, verb, builderid, buildid, stepid"
static const struct dbki_statement LOGGED = {
    .sql = "SELECT " EVENT_COLUMNS " FROM daybook_events WHERE position > ? ORDER BY position"
           " LIMIT ?"};
/* Of those that were committed and have no position yet (positions.c). They come again when they have one. */
static const struct dbki_statement LOGGED_UNPLACED = {
    .sql = "SELECT " EVENT_COLUMNS " FROM daybook_events WHERE position IS NULL ORDER BY id"
           " LIMIT ?"};

/* --------------------------------------------------------------------------------- what it asks ---- */

static void bind_first(const struct dbki_op *op, struct dbki_binder *binder)
{
    dbki_bind(binder, &NEWEST, NULL, 0);
    DBKI_BIND(binder, &OPEN, dbki_int(DBKI_WATCH_OPEN_MAX));
    if (op->store->schema.has_events)
        dbki_bind(binder, &LOG_NEWEST, NULL, 0);
}

/* The builds that are watched, as many as a look has time for. */
static int bind_watched(const struct dbk_watch *watch, struct dbki_binder *binder)
{
    struct dbki_value places[DBKI_WATCH_PLACES];
    size_t first = dbki_watch_find(watch, watch->next_id), count = watch->build_count;
    int statements = 0;
    if (count > DBKI_WATCH_LOOKED_AT_MAX)
        count = DBKI_WATCH_LOOKED_AT_MAX;
    for (size_t i = 0; i < count; i += DBKI_WATCH_PLACES, statements++) {
        for (size_t j = 0; j < DBKI_WATCH_PLACES; j++) {
            const struct dbki_watched *build = &watch->builds[(first + i + j) % watch->build_count];
            places[j] = dbki_int(i + j < count ? build->id : DBK_NONE);
        }
        dbki_bind(binder, &WATCHED, places, DBKI_WATCH_PLACES);
    }
    return statements;
}

static int bind_steps(const struct dbk_watch *watch, struct dbki_binder *binder)
{
    struct dbki_value places[2 * DBKI_WATCH_STEP_PLACES];
    size_t first = dbki_watch_find(watch, watch->next_step_id), count = watch->build_count;
    int statements = 0;
    if (count > DBKI_WATCH_STEPS_LOOKED_AT_MAX)
        count = DBKI_WATCH_STEPS_LOOKED_AT_MAX;
    for (size_t i = 0; i < count; i += DBKI_WATCH_STEP_PLACES, statements++) {
        for (size_t j = 0; j < DBKI_WATCH_STEP_PLACES; j++) {
            const struct dbki_watched *build = &watch->builds[(first + i + j) % watch->build_count];
            places[2 * j] = dbki_int(i + j < count ? build->id : DBK_NONE);
            places[2 * j + 1] = dbki_int(build->step_from);
        }
        dbki_bind(binder, &STEPS, places, 2 * DBKI_WATCH_STEP_PLACES);
    }
    return statements;
}

static void look_bind(struct dbki_op *op, struct dbki_binder *binder)
{
    struct dbki_look *look = (struct dbki_look *)op;
    const struct dbk_watch *watch = look->watch;
    const struct dbki_seen none = {.items = NULL};
    look->found = look->watched = look->steps = look->logged = none;
    look->is_first = watch->newest == DBK_NONE;
    look->is_log_full = false;
    if (look->is_first) {
        bind_first(op, binder);
        return;
    }
    DBKI_BIND(binder, &FOUND, dbki_int(watch->newest), dbki_int(DBKI_WATCH_ROWS_MAX + 1));
    look->build_statements = bind_watched(watch, binder);
    look->step_statements = bind_steps(watch, binder);
    if (!op->store->schema.has_events)
        return;
    DBKI_BIND(binder, &LOGGED, dbki_int(watch->log_position), dbki_int(DBKI_WATCH_LOG_MAX));
    if (op->store->schema.is_server)
        DBKI_BIND(binder, &LOGGED_UNPLACED, dbki_int(DBKI_WATCH_LOG_MAX));
}

/* ------------------------------------------------------------------------------- what it is told ---- */

/* Never 0, which stands for one that is not known. */
static uint64_t hash_text(const struct dbki_value *cell)
{
    return cell->type == DBKI_TEXT ? dbki_hash_bytes(0, cell->text, cell->len) | 1 : 1;
}

static int push(struct dbki_op *op, struct dbki_seen *seen, const void *row)
{
    return row && dbki_list_push(op, &seen->items, &seen->count, &seen->max, row) ? DBK_OK
                                                                                  : DBK_NO_MEMORY;
}

static int take_build(struct dbki_op *op, struct dbki_seen *seen, const struct dbki_value *cells)
{
    struct dbki_seen_build *build = dbki_op_take(op, sizeof *build);
    if (build)
        *build = (struct dbki_seen_build){dbki_value_int(&cells[0]), dbki_value_int(&cells[1]),
                                          dbki_value_int(&cells[2]), dbki_value_int(&cells[3]),
                                          hash_text(&cells[4])};
    return push(op, seen, build);
}

static int take_step(struct dbki_op *op, struct dbki_seen *seen, const struct dbki_value *cells)
{
    struct dbki_seen_step *step = dbki_op_take(op, sizeof *step);
    if (step)
        *step = (struct dbki_seen_step){dbki_value_int(&cells[0]), dbki_value_int(&cells[1]),
                                        dbki_value_int(&cells[2]), dbki_value_int(&cells[3]),
                                        dbki_value_int(&cells[4]), hash_text(&cells[5])};
    return push(op, seen, step);
}

static bool is_text(const struct dbki_value *cell, const char *text)
{
    return cell->type == DBKI_TEXT && !strcmp(cell->text, text);
}

/* Events of what a look does not look at are only counted. */
static int take_event(struct dbki_op *op, struct dbki_seen *seen, const struct dbki_value *cells)
{
    struct dbki_seen_event *event = dbki_op_take(op, sizeof *event);
    if (event) {
        bool is_step = is_text(&cells[1], "step"), is_build = is_text(&cells[1], "build");
        *event = (struct dbki_seen_event){.position = dbki_value_int(&cells[0]),
                                          .builderid = dbki_value_int(&cells[3]),
                                          .buildid = dbki_value_int(&cells[4]),
                                          .stepid = dbki_value_int(&cells[5]),
                                          .is_step = is_step};
        if ((is_step || is_build) && cells[2].type == DBKI_TEXT)
            strncpy(event->verb, cells[2].text, sizeof event->verb - 1);
    }
    return push(op, seen, event);
}

static int first_row(struct dbki_look *look, int index, const struct dbki_value *cells)
{
    if (index == 1)
        return take_build(&look->op, &look->watched, cells);
    *(index ? &look->log_newest : &look->newest) = dbki_value_int(&cells[0]);
    return DBK_OK;
}

static int look_row(struct dbki_op *op, int index, const struct dbki_value *cells, int cell_count)
{
    struct dbki_look *look = (struct dbki_look *)op;
    (void)cell_count;
    if (look->is_first)
        return first_row(look, index, cells);
    if (index == 0)
        return take_build(op, &look->found, cells);
    if (index <= look->build_statements)
        return take_build(op, &look->watched, cells);
    if (index <= look->build_statements + look->step_statements)
        return take_step(op, &look->steps, cells);
    return take_event(op, &look->logged, cells);
}

static void look_read(struct dbki_op *op, const struct dbki_bound *bound, struct dbki_binder *more)
{
    struct dbki_look *look = (struct dbki_look *)op;
    (void)bound;
    look->is_log_full = look->logged.count >= DBKI_WATCH_LOG_MAX;
    /* Where there are no builds at all, one may be the first. Else this one went, and with it what we know. */
    if (op->pass || look->is_first || look->found.count || !look->watch->newest)
        return;
    look->is_first = true;
    look->watched.count = 0;
    bind_first(op, more);
}

static void look_deliver(struct dbki_op *op, const struct dbk_error *error)
{
    struct dbki_look *look = (struct dbki_look *)op;
    struct dbk_look result = {.count = 0};
    look->watch->is_looking = false;
    if (!error && !dbki_watch_take(look, &result)) {
        dbki_error_set(&op->error, DBK_NO_MEMORY, "out of memory");
        error = &op->error;
    }
    ((dbk_look_fn *)op->done)(op->user, error,
                              error ? NULL : (const struct dbk_event *const *)look->events.items,
                              error ? NULL : &result);
}

static const struct dbki_opkind LOOK = {
    .action = "looking at builds",
    .access = DBKI_ACCESS_READ,
    .is_several = true,
    .bind = look_bind,
    .row = look_row,
    .read = look_read,
    .deliver = look_deliver,
};

int dbk_watch_look(struct dbk_store *store, struct dbk_watch *watch, const struct dbk_call *call,
                   dbk_look_fn *done, void *user)
{
    struct dbki_check check = {.call = call};
    dbki_check_that(&check, store && watch && done, "store, watch and done must not be NULL");
    dbki_check_that(&check, !watch || !watch->is_looking, "the watch has a look under way");
    if (check.status)
        return check.status;
    struct dbki_look *look = dbki_op_new(&LOOK, sizeof *look, 4096, (dbki_callback *)done, user);
    if (!look)
        return dbki_refuse(call, DBK_NO_MEMORY, "out of memory");
    look->watch = watch;
    watch->is_looking = true;
    int status = dbki_submit(store, &look->op, call);
    if (status)
        watch->is_looking = false;
    return status;
}
