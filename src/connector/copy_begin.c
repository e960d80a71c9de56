/*
 * How a copy begins, or goes on after it was cut off; see copy.c. The target is closed to others before anything else is
 * done to it.
 */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "connector/copy_op.h"
#include "connector/object_change.h"

#include <sys/random.h>

int64_t dbki_copy_copied(const struct dbki_copy_op *copy)
{
    int64_t copied = 0;
    for (int i = 0; i < copy->layout->count; i++)
        copied += copy->states[i].copied;
    return copied;
}

static int open_source(struct dbki_copy_op *copy)
{
    struct dbki_op *op = &copy->work.op;
    int status = dbki_copy_source_open(copy->from_url, &copy->source, &op->error);
    if (!status && copy->is_followed && copy->source.schema.is_older)
        status = dbki_error_set(&op->error, DBK_SCHEMA,
                                "the source's tables are of an older version, and are not "
                                "followed: `daybook upgrade` brings them up");
    copy->layout = status ? NULL : dbki_malloc(sizeof *copy->layout);
    if (!status && !copy->layout)
        status = dbki_error_set(&op->error, DBK_NO_MEMORY, "out of memory");
    return status ? status : dbki_copy_source_layout(&copy->source, copy->layout, &op->error);
}

static int begin_anew(struct dbki_copy_op *copy, struct dbki_conn *conn, int64_t newest)
{
    struct dbki_op *op = &copy->work.op;
    struct dbki_patience patience;
    int status = dbki_change_begin(op, conn, &patience);
    if (status)
        return status;
    status = dbki_copy_target_prepare(op, conn, copy->layout);
    status = dbki_change_end(op, conn, &patience, status);
    if (status || (status = dbki_change_begin(op, conn, &patience)))
        return status;
    copy->newest = newest;
    for (int i = 0; i < copy->layout->count; i++)
        copy->states[i] = (struct dbki_copy_state){.at = DBK_NONE};
    status = dbki_copy_target_begin(op, conn, copy->layout, &copy->source, newest,
                                    copy->is_followed ? copy->follow.token : DBK_NONE);
    return dbki_change_end(op, conn, &patience, status);
}

/* Also of a beginning that was cut off before all were dropped. */
static int drop_indexes(struct dbki_copy_op *copy, struct dbki_conn *conn)
{
    struct dbki_op *op = &copy->work.op;
    struct dbki_patience patience;
    int status = dbki_change_begin(op, conn, &patience);
    if (status)
        return status;
    status = dbki_copying_drop_indexes(conn, &op->store->schema, &op->error);
    return dbki_change_end(op, conn, &patience, status);
}

/* *out_is_begun: a copy into the target was begun, and this is how far it came. */
static int resume(struct dbki_copy_op *copy, struct dbki_conn *conn, bool *out_is_begun)
{
    struct dbki_op *op = &copy->work.op;
    int64_t token;
    int status = dbki_copy_target_resume(op, conn, copy->layout, &copy->source, copy->states,
                                         &copy->newest, &token, out_is_begun);
    if (status || !*out_is_begun)
        return status;
    if (copy->is_followed != (token != DBK_NONE))
        return dbki_error_set(&op->error, DBK_CONFLICT,
                              "this copy was begun %s --follow: go on with it so, or begin again, "
                              "into an empty database",
                              token == DBK_NONE ? "without" : "with");
    copy->follow.token = token;
    return DBK_OK;
}

/* By which the source and the target know each other. */
static int draw_token(struct dbki_copy_op *copy)
{
    int64_t token;
    if (getrandom(&token, sizeof token, 0) != (ssize_t)sizeof token)
        token = dbki_clock_ns();
    copy->follow.token = token & INT64_MAX;
    return DBK_OK;
}

/* Nobody is to take it for one that can be gone on with. */
static void spoil(struct dbki_copy_op *copy, struct dbki_conn *conn)
{
    struct dbki_op *op = &copy->work.op;
    struct dbk_error why = op->error;
    struct dbki_patience patience;
    dbki_error_clear(&op->error);
    int status = dbki_change_begin(op, conn, &patience);
    if (!status)
        dbki_change_end(op, conn, &patience, dbki_copying_spoil(conn, &op->error));
    op->error = why;
}

/* What was written to the source meanwhile is perhaps not here. */
int dbki_copy_check_quiet(struct dbki_copy_op *copy, struct dbki_conn *conn)
{
    struct dbki_op *op = &copy->work.op;
    int64_t newest;
    int status = dbki_copy_source_newest(op, &copy->source, copy->layout, &newest);
    if (status || newest == copy->newest)
        return status;
    status = dbki_error_set(&op->error, DBK_CONFLICT,
                            "the source was written to while it was copied (%lld events since "
                            "event %lld): stop what writes to it, and copy into an empty "
                            "database, or copy with --follow",
                            (long long)(newest - copy->newest), (long long)copy->newest);
    spoil(copy, conn);
    return status;
}

int dbki_copy_begin_target(struct dbki_copy_op *copy, struct dbki_conn *conn)
{
    struct dbki_op *op = &copy->work.op;
    struct dbki_schema schema;
    int64_t newest = 0;
    bool is_begun = false;
    int status = copy->is_followed
                     ? draw_token(copy)
                     : dbki_copy_source_newest(op, &copy->source, copy->layout, &newest);
    if (!status)
        status = dbki_schema_inspect(conn, &schema, &op->error);
    if (!status && schema.is_spoilt)
        status = dbki_error_set(&op->error, DBK_CONFLICT,
                                "a copy into this store was given up, since its source was written "
                                "to meanwhile: copy into an empty database");
    if (!status && schema.is_copying)
        status = resume(copy, conn, &is_begun);
    if (!status && !is_begun)
        status = begin_anew(copy, conn, newest);
    if (!status && is_begun && !copy->is_followed)
        status = dbki_copy_check_quiet(copy, conn);
    if (!status && !dbki_copy_copied(copy))
        status = drop_indexes(copy, conn);
    if (!status && copy->is_followed)
        status = dbki_follow_init(&copy->follow, op, &copy->source, copy->layout,
                                  conn->path ? conn->path : op->store->url.shown);
    copy->stage = copy->is_followed ? DBKI_COPY_ARMING : DBKI_COPY_COUNTING;
    return status;
}

static int refuse_to_follow(struct dbki_copy_op *copy)
{
    const struct dbki_schema *schema = &copy->source.schema;
    return schema->is_own && schema->has_events
               ? DBK_OK
               : dbki_error_set(
                     &copy->work.op.error, DBK_UNSUPPORTED,
                     schema->is_own
                         ? "the source's event log is missing: `daybook upgrade` makes it again"
                         : "a Buildbot database cannot be followed, since its master's writes do "
                           "not go through daybook: stop the master, copy, and use the copy then");
}

/* What is left behind of a Buildbot database is told before anything is done. */
int dbki_copy_begin(struct dbki_copy_op *copy)
{
    int count = 0;
    int status = open_source(copy);
    if (!status && copy->is_followed)
        status = refuse_to_follow(copy);
    if (!status && !copy->source.schema.is_own) {
        status = dbki_copy_source_left(&copy->work.op, &copy->source, copy->layout, &count);
        copy->is_refused = !copy->is_records_only;
    }
    copy->stage = DBKI_COPY_LISTING;
    return status;
}
