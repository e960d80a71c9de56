/*
 * Letting daybook into a Buildbot database and out of it again, and bringing its own tables up.
 *
 * Each turn runs one statement in a transaction of its own, so that a master waits for one index at most. What
 * is to be done is looked up anew in every turn: so all of it can be cut off anywhere and done again, and a dry
 * run, which is a read, reports the same list. daybook_schema comes last and goes first: a database counts as
 * adopted when all is there.
 */
#include "base/clock.h"
#include "connector/lineage.h"
#include "connector/long_work.h"
#include "connector/marks.h"
#include "connector/object_change.h"
#include "store/store.h"

#include <stdio.h>

static const int64_t PAUSE_MAX_NS = 250 * 1000 * 1000;

/* What the database had before it was adopted: 1: a write-ahead log. */
static const char MARK_LOG_BEFORE[] = "log before adoption";
static const char LOG_ON[] = "PRAGMA journal_mode=WAL", LOG_OFF[] = "PRAGMA journal_mode=DELETE";
static const char FILL[] =
    "INSERT INTO daybook_lineage ... SELECT ... FROM builds WHERE results = 0";

enum stage { BEGINNING, RUNNING, GATHERING };
enum { STAGE }; /* of op->progress */

struct change_op {
    struct dbki_long_op work; /* first */
    int64_t done, total;      /* statements; builds while gathering */
    struct dbki_lineage_place place;
};

struct list {
    const struct dbki_object *objects[DBKI_OBJECTS_MAX];
    int count;
};

/* ---------------------------------------------------------------------------------- reports ---- */

/* That an older version is brought up. */
static int report_version(struct dbki_op *op)
{
    return op->store->schema.is_older
               ? dbki_change_report(op, "daybook_schema", "UPDATE daybook_schema SET version = ...",
                                    1, 0)
               : DBK_OK;
}

static int report_column(struct dbki_op *op, const struct dbki_new_column *column)
{
    return dbki_change_report(op, column->table, column->sql, 0, 0);
}

/* -------------------------------------------------------------------------- what is there ---- */

static bool has_log(struct dbki_conn *conn)
{
    return conn->engine->has_log && conn->engine->has_log(conn);
}

/* Result: DBK_NONE where there is no mark, or no table for it. */
static int get_log_before(struct dbki_op *op, struct dbki_conn *conn, int64_t *out_had)
{
    struct dbki_value name = dbki_text("daybook_marks");
    struct dbki_answer answer;
    *out_had = DBK_NONE;
    int status = dbki_schema_ask(conn, conn->engine->count_objects, &name, &answer, &op->error);
    if (status || answer.number == 0)
        return status;
    name = dbki_text(MARK_LOG_BEFORE);
    status = dbki_schema_ask(conn, "SELECT value FROM daybook_marks WHERE name = ?", &name, &answer,
                             &op->error);
    *out_had = answer.number;
    return status;
}

static int find_missing(struct dbki_op *op, struct dbki_conn *conn, struct list *list)
{
    return dbki_schema_missing(conn, &op->store->schema, list->objects, &list->count, &op->error);
}

/* A column that the tables of a store of our own have since a version after its own; NULL: all are there. */
static int find_new_column(struct dbki_op *op, struct dbki_conn *conn,
                           const struct dbki_new_column **out)
{
    *out = NULL;
    return op->store->schema.is_own ? dbki_schema_outdated(conn, out, &op->error) : DBK_OK;
}

static bool is_schema_table(const struct dbki_object *object)
{
    return !strcmp(object->name, "daybook_schema");
}

static bool is_lineages(const struct dbki_object *object)
{
    return !strcmp(object->name, "daybook_lineage");
}

/* Whether the log has to be turned on, or off. */
static bool turns_log_on(const struct dbki_op *op, struct dbki_conn *conn)
{
    return !op->store->schema.is_own && conn->engine->set_log && !has_log(conn);
}

/* A commit of ours beside a master's checkpoint can damage the file. */
static int refuse_beside_master(struct dbki_op *op, struct dbki_conn *conn)
{
    const struct dbk_store *store = op->store;
    struct dbki_master master;
    if (store->schema.is_own || store->is_forced || store->url.is_master_stopped ||
        !dbki_schema_is_unsafe(conn))
        return DBK_OK;
    int status = dbki_schema_find_master(conn, op->now, &master, &op->error);
    if (status || !master.is_found)
        return status;
    return dbki_error_set(&op->error, DBK_UNSUPPORTED,
                          "the Buildbot master %.60s seems to run, and beside it SQLite %s (before "
                          "3.51.3) can damage a file that has a write-ahead log: stop the master "
                          "first (--force goes on all the same)",
                          master.name, conn->version);
}

/* ------------------------------------------------------------------- adopting, upgrading ---- */

static int plan_adopt(struct dbki_op *op, struct dbki_conn *conn)
{
    struct list missing;
    const struct dbki_new_column *column;
    int64_t rows, bytes;
    dbki_long_begin(op);
    int status = find_missing(op, conn, &missing);
    const struct dbki_object *last = NULL;
    bool is_filled = true;
    for (int i = 0; i < missing.count && !status; i++) {
        bool is_there = false;
        if (is_lineages(missing.objects[i])) {
            is_filled = false;
            status = dbki_schema_has(conn, missing.objects[i]->name, &is_there, &op->error);
        }
        if (is_schema_table(missing.objects[i]))
            last = missing.objects[i];
        else if (!status && !is_there)
            status = dbki_change_report_create(op, conn, missing.objects[i]);
    }
    if (!status && turns_log_on(op, conn))
        status = dbki_change_report(op, "journal", LOG_ON, 0, 0);
    if (!status && !is_filled &&
        !(status = dbki_schema_cost(conn, "builds", &rows, &bytes, &op->error)))
        status = dbki_change_report(op, "daybook_lineage", FILL, rows, bytes);
    if (!status && last)
        status = dbki_change_report_create(op, conn, last);
    if (!status)
        status = find_new_column(op, conn, &column);
    if (!status && column)
        status = report_column(op, column);
    return status ? status : report_version(op);
}

static int run_bound(struct dbki_op *op, struct dbki_conn *conn, struct dbki_binder *binder)
{
    struct dbki_group group = {
        .bound = binder->bound, .bound_count = binder->count, .error = &op->error};
    struct dbki_group *groups[] = {&group};
    int failed;
    int status = binder->is_out_of_memory
                     ? dbki_error_set(&op->error, DBK_NO_MEMORY, "out of memory")
                     : conn->engine->run(conn, groups, 1, &failed);
    dbki_binder_fini(binder);
    return status;
}

/*
 * What has to be known before a new table of lineages is there, wherever its making is cut off. In a Buildbot database:
 * that nothing was looked at yet. In a store of our own, where all of it has to stand there since whoever finds the table
 * trusts it: that it is to be filled, which is a turn of its own.
 */
static int begin_lineages(struct dbki_op *op, struct dbki_conn *conn)
{
    struct dbki_binder binder;
    dbki_binder_init(&binder);
    if (op->store->schema.is_own)
        dbki_mark_bind(&binder, DBKI_MARK_UNFILLED, 1);
    else
        dbki_lineage_bind_anew(&binder);
    return run_bound(op, conn, &binder);
}

static int fill_lineages(struct dbki_op *op, struct dbki_conn *conn)
{
    struct dbki_binder binder;
    int status = dbki_change_report(op, "daybook_lineage", FILL, 0, 0);
    if (!status)
        status = dbki_lineage_refill(op, conn);
    if (status)
        return status;
    dbki_binder_init(&binder);
    dbki_mark_bind_clear(&binder, DBKI_MARK_UNFILLED);
    return run_bound(op, conn, &binder);
}

/* Makes an object that is missing; or goes on with lineages, of which the table is there. */
static int make_missing(struct dbki_op *op, struct dbki_conn *conn,
                        const struct dbki_object *object)
{
    bool is_there;
    int status = dbki_schema_has(conn, object->name, &is_there, &op->error);
    if (!status && is_lineages(object) && is_there)
        return fill_lineages(op, conn);
    if (!status)
        status = dbki_change_report_create(op, conn, object);
    if (!status && is_lineages(object))
        status = begin_lineages(op, conn);
    return status ? status
                  : conn->engine->script(conn, dbki_object_create(object, &op->store->schema),
                                         &op->error);
}

/* The first object that is missing, unless somebody else has made it since the turn began. */
static int make_object(struct dbki_op *op, struct dbki_conn *conn, const struct dbki_object *object)
{
    struct dbki_patience patience;
    struct list missing;
    if (dbki_object_is_online(object, &op->store->schema, conn->engine))
        return dbki_change_online(op, conn, object, true);
    int status = dbki_change_begin(op, conn, &patience);
    if (status)
        return status;
    status = find_missing(op, conn, &missing);
    if (!status && missing.count && missing.objects[0] == object)
        status = make_missing(op, conn, object);
    return dbki_change_end(op, conn, &patience, status);
}

/* What the journal was is written down before it is changed. */
static int keep_log_before(struct dbki_op *op, struct dbki_conn *conn)
{
    struct dbki_binder binder;
    struct dbki_patience patience;
    int64_t had;
    int status = get_log_before(op, conn, &had);
    if (status || had != DBK_NONE)
        return status;
    if ((status = dbki_change_begin(op, conn, &patience)))
        return status;
    dbki_binder_init(&binder);
    dbki_mark_bind(&binder, MARK_LOG_BEFORE, has_log(conn));
    return dbki_change_end(op, conn, &patience, run_bound(op, conn, &binder));
}

static int turn_log_on(struct dbki_op *op, struct dbki_conn *conn)
{
    int status = conn->engine->set_log ? keep_log_before(op, conn) : DBK_OK;
    if (status || !turns_log_on(op, conn))
        return status;
    status = dbki_change_report(op, "journal", LOG_ON, 0, 0);
    return status ? status : conn->engine->set_log(conn, true, &op->error);
}

static int begin_gathering(struct dbki_op *op, struct dbki_conn *conn)
{
    struct change_op *change = (struct change_op *)op;
    struct dbki_answer answer;
    int status = dbki_schema_ask(conn, "SELECT count(*) FROM builds WHERE results = 0", NULL,
                                 &answer, &op->error);
    change->done = 0;
    change->total = answer.number;
    op->progress[STAGE] = GATHERING;
    change->place = DBKI_LINEAGE_BEGINNING;
    return status;
}

static int add_columns(struct dbki_op *op, struct dbki_conn *conn)
{
    const struct dbki_new_column *column;
    int status = find_new_column(op, conn, &column);
    while (!status && column) {
        status = report_column(op, column);
        if (!status)
            status = conn->engine->script(conn, column->sql, &op->error);
        if (!status)
            status = find_new_column(op, conn, &column);
    }
    return status;
}

/* What is new in the tables; the table of the version, if it is not there, and its row. */
static int make_version(struct dbki_op *op, struct dbki_conn *conn, const struct list *missing)
{
    int status = add_columns(op, conn);
    if (!status && missing->count)
        status = dbki_change_report_create(op, conn, missing->objects[0]);
    if (!status)
        status = report_version(op);
    if (!status && missing->count)
        status = conn->engine->script(
            conn, dbki_object_create(missing->objects[0], &op->store->schema), &op->error);
    return status ? status
                  : dbki_schema_set_version(
                        conn, op->store->schema.is_own ? DBKI_SCHEMA_VERSION : DBKI_ADOPTED_VERSION,
                        op->now, &op->error);
}

/* The end, unless somebody else has taken out what was made. */
static int finish_adopting(struct dbki_op *op, struct dbki_conn *conn)
{
    struct list missing;
    struct dbki_patience patience;
    int status = dbki_change_begin(op, conn, &patience);
    if (status)
        return status;
    status = find_missing(op, conn, &missing);
    if (!status && missing.count && !is_schema_table(missing.objects[0])) {
        op->progress[STAGE] = RUNNING;
        op->is_turn_over = true;
        return dbki_change_end(op, conn, &patience, DBK_OK);
    }
    if (!status)
        status = make_version(op, conn, &missing);
    return dbki_change_end(op, conn, &patience, status);
}

/* As long as the page took, which is the longer the more a master asks of the server: so it has half of it at least. */
static void pause_after_page(int64_t begin_ns)
{
    int64_t took_ns = dbki_clock_ns() - begin_ns;
    dbki_clock_sleep_ns(took_ns < PAUSE_MAX_NS ? took_ns : PAUSE_MAX_NS);
}

static int gather(struct dbki_op *op, struct dbki_conn *conn)
{
    struct change_op *change = (struct change_op *)op;
    struct dbki_patience patience;
    struct dbki_lineage_place place = change->place;
    int64_t count = 0, begin_ns = dbki_clock_ns();
    int status = dbki_change_begin(op, conn, &patience);
    if (status)
        return status;
    status = dbki_change_end(op, conn, &patience, dbki_lineage_gather(op, conn, &place, &count));
    if (!status)
        change->place = place;
    if (!status && count)
        pause_after_page(begin_ns);
    change->done += count;
    if (status || place.builderid != DBK_NONE)
        op->is_turn_over = true;
    else
        status = finish_adopting(op, conn);
    return status ? status
                  : dbki_long_progress(op, "lineages", change->done,
                                       change->total > change->done ? change->total : change->done);
}

static int adopt_work(struct dbki_op *op, struct dbki_conn *conn)
{
    struct list missing;
    int status = DBK_OK;
    dbki_long_begin(op);
    if (op->progress[STAGE] == GATHERING)
        return gather(op, conn);
    if (op->progress[STAGE] == BEGINNING)
        status = refuse_beside_master(op, conn);
    op->progress[STAGE] = RUNNING;
    if (!status)
        status = find_missing(op, conn, &missing);
    if (status)
        return status;
    op->is_turn_over = true;
    if (missing.count && !is_schema_table(missing.objects[0]))
        return make_object(op, conn, missing.objects[0]);
    if (op->store->schema.is_own) {
        op->is_turn_over = false;
        return finish_adopting(op, conn);
    }
    status = turn_log_on(op, conn);
    return status ? status : begin_gathering(op, conn);
}

/* -------------------------------------------------------------------------------- releasing ---- */

/* The objects that go, the last one made first; indexes of daybook's own tables go with these. */
static int find_leaving(struct dbki_op *op, struct dbki_conn *conn, struct list *list)
{
    struct list present;
    int status = dbki_schema_present(conn, present.objects, &present.count, &op->error);
    list->count = 0;
    for (int i = present.count - 1; i >= 0 && !status; i--)
        if (!present.objects[i]->table || strncmp(present.objects[i]->table, "daybook_", 8))
            list->objects[list->count++] = present.objects[i];
    return status;
}

static int turns_log_off(struct dbki_op *op, struct dbki_conn *conn, bool *out_turns)
{
    int64_t had;
    int status = get_log_before(op, conn, &had);
    *out_turns = !status && had == 0 && has_log(conn);
    return status;
}

static int plan_release(struct dbki_op *op, struct dbki_conn *conn)
{
    struct list leaving;
    char sql[DBKI_DROP_SIZE];
    bool turns_off;
    dbki_long_begin(op);
    int status = turns_log_off(op, conn, &turns_off);
    if (!status && turns_off)
        status = dbki_change_report(op, "journal", LOG_OFF, 0, 0);
    if (!status)
        status = find_leaving(op, conn, &leaving);
    for (int i = 0; i < 2 * leaving.count && !status; i++) {
        const struct dbki_object *object = leaving.objects[i % leaving.count];
        bool is_last = i >= leaving.count; /* in the order in which they will go */
        int64_t rows = 0, bytes = 0;
        if (dbki_object_is_online(object, &op->store->schema, conn->engine) != is_last)
            continue;
        if (!object->table)
            status = dbki_schema_cost(conn, object->name, &rows, &bytes, &op->error);
        if (!status)
            status = dbki_change_report_object(
                op, object, dbki_object_drop(object, conn->engine, sql, sizeof sql), rows, bytes);
    }
    return status;
}

/* What is dropped while others write: last, when nothing of ours uses it any more. */
static int release_online(struct dbki_op *op, struct dbki_conn *conn, const struct list *leaving)
{
    int status = DBK_OK;
    for (int i = 0; i < leaving->count && !status; i++)
        if (dbki_object_is_online(leaving->objects[i], &op->store->schema, conn->engine))
            status = dbki_change_online(op, conn, leaving->objects[i], false);
    return status;
}

/* All of it in one transaction: it is quick, and half of it would be of no use. The log goes first, since that is
 * what somebody else can prevent. */
static int release_work(struct dbki_op *op, struct dbki_conn *conn)
{
    struct list leaving;
    struct dbki_patience patience;
    char sql[DBKI_DROP_SIZE];
    bool turns_off;
    dbki_long_begin(op);
    int status = refuse_beside_master(op, conn);
    if (!status)
        status = turns_log_off(op, conn, &turns_off);
    if (!status && turns_off && !(status = dbki_change_report(op, "journal", LOG_OFF, 0, 0)))
        status = conn->engine->set_log(conn, false, &op->error);
    if (!status)
        status = find_leaving(op, conn, &leaving);
    if (status || (status = dbki_change_begin(op, conn, &patience)))
        return status;
    for (int i = 0; i < leaving.count && !status; i++) {
        if (dbki_object_is_online(leaving.objects[i], &op->store->schema, conn->engine))
            continue;
        dbki_object_drop(leaving.objects[i], conn->engine, sql, sizeof sql);
        status = dbki_change_report(op, leaving.objects[i]->name, sql, 0, 0);
        if (!status)
            status = conn->engine->script(conn, sql, &op->error);
    }
    status = dbki_change_end(op, conn, &patience, status);
    if (!status)
        op->is_partly_done = true;
    return status ? status : release_online(op, conn, &leaving);
}

/* ------------------------------------------------------------------------------- submitting ---- */

#define PLAN_KIND(action_words, work_function)                                                     \
    {                                                                                              \
        .action = action_words, .is_follower = true, .is_long = true, .is_several = true,          \
        .access = DBKI_ACCESS_READ, .work = work_function, .deliver = dbki_long_deliver            \
    }
#define CHANGE_KIND(action_words, work_function)                                                   \
    {                                                                                              \
        .action = action_words, .is_follower = true, .is_long = true,                              \
        .access = DBKI_ACCESS_TABLES, .work = work_function, .deliver = dbki_long_deliver          \
    }

static const struct dbki_opkind ADOPT = CHANGE_KIND("adopting the database", adopt_work);
static const struct dbki_opkind ADOPT_PLAN = PLAN_KIND("planning an adoption", plan_adopt);
static const struct dbki_opkind RELEASE = CHANGE_KIND("releasing the database", release_work);
static const struct dbki_opkind RELEASE_PLAN = PLAN_KIND("planning a release", plan_release);
static const struct dbki_opkind UPGRADE = CHANGE_KIND("upgrading the tables", adopt_work);
static const struct dbki_opkind UPGRADE_PLAN = PLAN_KIND("planning an upgrade", plan_adopt);

int dbk_adopt(struct dbk_store *store, bool is_dry_run, const struct dbk_call *call,
              dbk_report_fn *report, dbk_done_fn *done, void *user)
{
    if (store && store->schema.is_own)
        return dbki_refuse(call, DBK_UNSUPPORTED,
                           "the store is daybook's own: a Buildbot database can be adopted");
    return dbki_long_submit(store, is_dry_run ? &ADOPT_PLAN : &ADOPT, sizeof(struct change_op),
                            is_dry_run, call, report, done, user);
}

int dbk_release(struct dbk_store *store, bool is_dry_run, const struct dbk_call *call,
                dbk_report_fn *report, dbk_done_fn *done, void *user)
{
    if (store && store->schema.is_own)
        return dbki_refuse(call, DBK_UNSUPPORTED,
                           "the store is daybook's own: a Buildbot database can be released");
    return dbki_long_submit(store, is_dry_run ? &RELEASE_PLAN : &RELEASE, sizeof(struct change_op),
                            is_dry_run, call, report, done, user);
}

int dbk_upgrade(struct dbk_store *store, bool is_dry_run, const struct dbk_call *call,
                dbk_report_fn *report, dbk_done_fn *done, void *user)
{
    if (store && !store->schema.is_own && !store->schema.is_adopted)
        return dbki_refuse(
            call, DBK_UNSUPPORTED,
            "this Buildbot database has no tables of daybook's: `daybook adopt` adds "
            "them");
    if (store && store->schema.is_copying)
        return dbki_refuse(call, DBK_UNSUPPORTED,
                           "records are being copied into this store: `daybook copy` from the same "
                           "source goes on with it");
    return dbki_long_submit(store, is_dry_run ? &UPGRADE_PLAN : &UPGRADE, sizeof(struct change_op),
                            is_dry_run, call, report, done, user);
}
