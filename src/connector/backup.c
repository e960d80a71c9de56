/*
 * Backing up a database that is a file: pages into a file beside the place, a look at all of them, and then the file
 * appears. One part of it a turn.
 *
 *     BEGINNING --> COPYING --> CHECKING --> done
 *
 * It reads on a connection of its own, whose snapshot stays open over the turns where that is in nobody's way.
 */
#include "base/clock.h"
#include "connector/backup_file.h"
#include "connector/check.h"
#include "connector/long_work.h"
#include "store/store.h"

enum stage { BEGINNING, COPYING, CHECKING };

static const int64_t PART_NS = 100 * 1000 * 1000; /* between two reports */
/* The same where others wait for the end of it, who mostly give up after five seconds. */
static const int64_t PART_IN_THE_WAY_NS = 500 * 1000 * 1000;
static const int64_t PAUSE_NS = 1000 * 1000;
enum { ANEW_MAX = 20 };

struct backup_op {
    struct dbki_long_op work; /* first */
    const char *to_path;
    bool is_overwriting, is_file_open;
    enum stage stage;
    struct dbki_backup_file file;
    struct dbki_conn *from;
    bool is_in_transaction;
    bool has_room; /* that was looked at */
    struct dbki_backup *backup;
};

/* ----------------------------------------------------------------------------------- copying ---- */

static int begin(struct backup_op *backup)
{
    struct dbki_op *op = &backup->work.op;
    const struct dbk_store *store = op->store;
    const struct dbki_conn_options options = {.is_writer = false};
    struct dbki_url url = store->url;
    url.path = store->path; /* which holds also when the program has changed its folder */
    int status = dbki_backup_file_open(&backup->file, backup->to_path, backup->is_overwriting,
                                       store->path, &op->error);
    backup->is_file_open = true;
    if (!status)
        status = store->engine->open(&url, &options, &backup->from, &op->error);
    if (!status)
        status = store->engine->backup_open(backup->from, backup->file.part, &backup->backup,
                                            &op->error);
    backup->stage = COPYING;
    return status;
}

static void end_snapshot(struct backup_op *backup)
{
    if (backup->is_in_transaction)
        backup->from->engine->rollback(backup->from);
    backup->is_in_transaction = false;
}

/* Result: DBK_BUSY while somebody without a log commits. */
static int take_snapshot(struct backup_op *backup, bool *out_is_in_the_way)
{
    struct dbki_op *op = &backup->work.op;
    int64_t version;
    *out_is_in_the_way = false;
    if (backup->is_in_transaction)
        return DBK_OK;
    int status = backup->from->engine->begin(backup->from, DBKI_READ, NULL, &op->error);
    if (status)
        return status;
    backup->is_in_transaction = true;
    status = backup->from->engine->look(backup->from, &version, out_is_in_the_way, &op->error);
    if (status)
        end_snapshot(backup);
    return status;
}

static int check_progress(struct backup_op *backup, const struct dbki_backup_state *state)
{
    struct dbki_op *op = &backup->work.op;
    if (state->is_over) {
        end_snapshot(backup);
        backup->stage = CHECKING;
        return dbki_long_progress(op, "checking", state->total, state->total);
    }
    if (state->begun_anew >= ANEW_MAX)
        return dbki_error_set(&op->error, DBK_CONFLICT,
                              "the database has no write-ahead log, and was written to each time "
                              "before all of it was copied: stop its writers, or `daybook adopt` "
                              "it, which turns the log on");
    return dbki_long_progress(op, "copying", state->done, state->total);
}

/* The first pages say how much there is. */
static int copy_pages(struct backup_op *backup, int64_t part_ns, struct dbki_backup_state *out)
{
    struct dbki_op *op = &backup->work.op;
    const struct dbki_engine *engine = backup->from->engine;
    int status = DBK_OK;
    if (!backup->has_room) {
        status = engine->backup_pages(backup->backup, 0, out, &op->error);
        if (status || out->is_over)
            return status;
        status = dbki_backup_file_room(&backup->file, out->total - out->done, &op->error);
        backup->has_room = !status;
    }
    return status
               ? status
               : engine->backup_pages(backup->backup, dbki_clock_ns() + part_ns, out, &op->error);
}

static int copy_part(struct backup_op *backup)
{
    struct dbki_op *op = &backup->work.op;
    struct dbki_backup_state state = {.done = 0};
    bool is_in_the_way;
    int status = take_snapshot(backup, &is_in_the_way);
    if (status == DBK_BUSY) { /* the next turn looks again */
        dbki_error_clear(&op->error);
        dbki_clock_sleep_ns(PAUSE_NS);
        return DBK_OK;
    }
    if (!status)
        status = copy_pages(backup, is_in_the_way ? PART_IN_THE_WAY_NS : PART_NS, &state);
    if (is_in_the_way)
        end_snapshot(backup);
    dbki_backup_file_write_out(&backup->file);
    return status ? status : check_progress(backup, &state);
}

/* ------------------------------------------------------------------------------------- ending ---- */

struct patience {
    struct dbki_wait wait; /* first */
    const struct dbki_op *op;
};

static bool gives_up(struct dbki_wait *wait)
{
    const struct dbki_op *op = ((struct patience *)wait)->op;
    return op->is_cancelled || (op->deadline_ns && dbki_clock_ns() > op->deadline_ns);
}

static int look_at_copy(struct backup_op *backup)
{
    struct dbki_op *op = &backup->work.op;
    struct patience patience = {.wait.gives_up = gives_up, .op = op};
    struct dbki_schema schema;
    struct dbki_conn *copy;
    int status = op->store->engine->backup_check(backup->backup, &patience.wait, &copy, &op->error);
    if (status && op->is_cancelled)
        return dbki_error_set(&op->error, DBK_CANCELLED, "the operation was cancelled");
    if (!status)
        status = dbki_schema_inspect(copy, &schema, &op->error);
    /* What an older version has not is its upgrade's to make. */
    return status || schema.is_older ? status : dbki_check_missing(op, copy, &schema);
}

/* The file must be nobody's but the reader's to come when it gets its name. */
static int finish(struct backup_op *backup)
{
    struct dbki_op *op = &backup->work.op;
    int status = look_at_copy(backup);
    op->store->engine->backup_close(backup->backup);
    backup->backup = NULL;
    return status ? status : dbki_backup_file_publish(&backup->file, op->store->path, &op->error);
}

static int backup_work(struct dbki_op *op, struct dbki_conn *conn)
{
    struct backup_op *backup = (struct backup_op *)op;
    (void)conn;
    dbki_long_begin(op);
    op->is_turn_over = backup->stage != CHECKING;
    if (backup->stage == BEGINNING)
        return begin(backup);
    return backup->stage == COPYING ? copy_part(backup) : finish(backup);
}

static void backup_fini(struct dbki_op *op)
{
    struct backup_op *backup = (struct backup_op *)op;
    if (backup->from) {
        backup->from->engine->backup_close(backup->backup);
        end_snapshot(backup);
        backup->from->engine->close(backup->from);
    }
    if (backup->is_file_open)
        dbki_backup_file_close(&backup->file);
}

static const struct dbki_opkind BACKUP = {
    .action = "backing the database up",
    .is_follower = true,
    .is_long = true,
    .access = DBKI_ACCESS_READ,
    .reads_older = true,
    .work = backup_work,
    .deliver = dbki_long_deliver,
    .fini = backup_fini,
};

static int refuse_store(const struct dbk_store *store, const struct dbk_call *call)
{
    if (!store->engine->backup_open)
        return dbki_refuse(call, DBK_UNSUPPORTED,
                           "a database on a server is backed up by the server's own tools: pg_dump "
                           "or pg_basebackup, mariadb-dump --single-transaction or mariabackup "
                           "(docs/backup.md has the commands)");
    return store->path ? DBK_OK
                       : dbki_refuse(call, DBK_UNSUPPORTED,
                                     "a database in memory has no file to be backed up");
}

int dbk_backup(struct dbk_store *store, const char *to_path,
               const struct dbk_backup_options *options, const struct dbk_call *call,
               dbk_report_fn *report, dbk_done_fn *done, void *user)
{
    struct dbki_op *op;
    if (!to_path || !*to_path || (options && options->size < sizeof *options))
        return dbki_refuse(call, DBK_INVALID, "to_path names no file, or options has no size");
    int status =
        dbki_long_new(store, &BACKUP, sizeof(struct backup_op), call, report, done, user, &op);
    if (!status && (status = refuse_store(store, call)))
        dbki_op_free(op);
    if (status)
        return status;
    struct backup_op *backup = (struct backup_op *)op;
    backup->to_path = dbki_op_text(op, to_path).text;
    backup->is_overwriting = options && options->is_overwriting;
    return dbki_submit(store, op, call);
}
