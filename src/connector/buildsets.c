/* Buildsets: adding one with its sourcestamps, getting, listing. */
#include "base/buf.h"
#include "connector/parents.h"

#include <stdlib.h>

#define COLUMNS                                                                                    \
    "t.id, t.external_idstring, t.reason, t.submitted_at, t.complete, t.complete_at, t.results, "  \
    "t.parent_buildid, t.parent_relationship, t.rebuilt_buildid"

static const struct dbki_field FIELDS[] = {
    DBKI_FIELD(dbk_buildset, id, "t.id", DBKI_FIELD_INT, 0),
    DBKI_FIELD(dbk_buildset, external_idstring, "t.external_idstring", DBKI_FIELD_TEXT,
               DBKI_FIELD_NULLABLE),
    DBKI_FIELD(dbk_buildset, reason, "t.reason", DBKI_FIELD_TEXT, DBKI_FIELD_NULLABLE),
    DBKI_FIELD(dbk_buildset, submitted_at, "t.submitted_at", DBKI_FIELD_INT, 0),
    DBKI_FIELD(dbk_buildset, complete, "t.complete", DBKI_FIELD_INT, 0),
    DBKI_FIELD(dbk_buildset, complete_at, "t.complete_at", DBKI_FIELD_INT, DBKI_FIELD_NULLABLE),
    DBKI_FIELD(dbk_buildset, results, "t.results", DBKI_FIELD_INT,
               DBKI_FIELD_NULLABLE | DBKI_FIELD_RESULTS),
    DBKI_FIELD(dbk_buildset, parent_buildid, "t.parent_buildid", DBKI_FIELD_INT,
               DBKI_FIELD_NULLABLE),
    DBKI_FIELD(dbk_buildset, parent_relationship, "t.parent_relationship", DBKI_FIELD_TEXT,
               DBKI_FIELD_NULLABLE),
    DBKI_FIELD(dbk_buildset, rebuilt_buildid, "t.rebuilt_buildid", DBKI_FIELD_INT,
               DBKI_FIELD_NULLABLE),
};

DBKI_PARENT(buildset, FIELDS, COLUMNS, "buildsets t", "t.id = ?", false);

/* ---------------------------------------------------------------------------------- adding ---- */

enum { SOURCESTAMPS_MAX = 1000 };

struct add_buildset_op {
    struct dbki_add_op add; /* its needs: the builds, then the sourcestamps */
    int build_count;        /* how many of the needs are builds */
    struct dbki_statement insert;
    struct dbki_value external_idstring, reason, parent_buildid, parent_relationship,
        rebuilt_buildid;
    struct dbki_value *params; /* room for those of the insert */
    size_t place_count;        /* sourcestamps in its text */
};

/* What stands before and behind the sourcestamps' places. Results are -1 until it is complete, as
 * Buildbot has it. */
#define INSERT_HEAD                                                                                \
    "INSERT INTO buildsets (external_idstring, reason, submitted_at, complete, results,"           \
    " parent_buildid, parent_relationship, rebuilt_buildid)"                                       \
    " SELECT ?, ?, ?, 0, -1, ?, ?, ?"                                                              \
    " WHERE (? IS NULL OR EXISTS (SELECT 1 FROM builds WHERE id = ?))"                             \
    " AND (? IS NULL OR EXISTS (SELECT 1 FROM builds WHERE id = ?))"                               \
    " AND (SELECT count(*) FROM sourcestamps WHERE id IN (?"
#define INSERT_TAIL ")) = ? RETURNING id"

static const struct dbki_statement ADD_SOURCESTAMP = {
    .sql = "INSERT INTO buildset_sourcestamps (buildsetid, sourcestampid) VALUES (?, ?)"};

enum { HEAD_PARAM_COUNT = 10 };

static void add_buildset_bind(struct dbki_op *op, struct dbki_binder *binder)
{
    struct add_buildset_op *set = (struct add_buildset_op *)op;
    struct dbki_add_op *add = &set->add;
    size_t count = (size_t)(add->need_count - set->build_count);
    const struct dbki_value head[HEAD_PARAM_COUNT] = {
        set->external_idstring,   set->reason,          dbki_int(op->now),   set->parent_buildid,
        set->parent_relationship, set->rebuilt_buildid, set->parent_buildid, set->parent_buildid,
        set->rebuilt_buildid,     set->rebuilt_buildid,
    };
    add->missing = -1;
    memcpy(set->params, head, sizeof head);
    for (size_t i = 0; i < set->place_count; i++) /* what is left over is NULL: it counts as none */
        set->params[HEAD_PARAM_COUNT + i] =
            dbki_int(i < count ? add->needs[(size_t)set->build_count + i].id : DBK_NONE);
    set->params[HEAD_PARAM_COUNT + set->place_count] = dbki_int((int64_t)count);
    dbki_bind(binder, &set->insert, set->params, (int)(HEAD_PARAM_COUNT + set->place_count + 1));
}

static void add_buildset_read(struct dbki_op *op, const struct dbki_bound *bound,
                              struct dbki_binder *more)
{
    struct add_buildset_op *set = (struct add_buildset_op *)op;
    struct dbki_add_op *add = &set->add;
    if (op->pass == 0 && op->result[0] != DBK_NONE)
        for (int i = set->build_count; i < add->need_count; i++)
            DBKI_BIND(more, &ADD_SOURCESTAMP, dbki_int(op->result[0]), dbki_int(add->needs[i].id));
    dbki_add_read(op, bound, more);
}

static const struct dbki_opkind ADD_KIND =
    DBKI_ADD_KIND("adding a buildset", add_buildset_bind, add_buildset_read);

static int compare_ids(const void *a, const void *b)
{
    const struct dbki_need *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

/* The builds and sourcestamps that must be there, each sourcestamp once. */
static void set_needs(struct add_buildset_op *set, const struct dbk_new_buildset *buildset)
{
    struct dbki_add_op *add = &set->add;
    struct dbki_need *needs = add->needs;
    int count = 0;
    if (buildset->parent_buildid != DBK_NONE)
        needs[count++] = (struct dbki_need){DBKI_NEEDS_BUILD, buildset->parent_buildid};
    if (buildset->rebuilt_buildid != DBK_NONE)
        needs[count++] = (struct dbki_need){DBKI_NEEDS_BUILD, buildset->rebuilt_buildid};
    set->build_count = count;
    struct dbki_need *first = &needs[count];
    for (size_t i = 0; i < buildset->sourcestamp_count; i++)
        first[i] = (struct dbki_need){DBKI_NEEDS_SOURCESTAMP, buildset->sourcestampids[i]};
    qsort(first, buildset->sourcestamp_count, sizeof *first, compare_ids);
    for (size_t i = 0; i < buildset->sourcestamp_count; i++)
        if (!i || first[i].id != needs[count - 1].id)
            needs[count++] = first[i];
    add->need_count = count;
}

/* Makes the insert's text. Its places are a power of two, so that few texts serve all counts. */
static void make_insert(struct add_buildset_op *set)
{
    struct dbki_op *op = &set->add.op;
    struct dbki_buf sql = {0};
    size_t count = (size_t)(set->add.need_count - set->build_count);
    set->place_count = 1;
    while (set->place_count < count)
        set->place_count *= 2;
    dbki_buf_add(&sql, INSERT_HEAD);
    for (size_t i = 1; i < set->place_count; i++)
        dbki_buf_add(&sql, ", ?");
    dbki_buf_add(&sql, INSERT_TAIL);
    if (sql.is_out_of_memory)
        op->is_out_of_memory = true;
    else
        set->insert =
            (struct dbki_statement){.sql = dbki_op_copy(op, sql.text, sql.len), .is_made = true};
    dbki_buf_fini(&sql);
    set->params = dbki_op_take(op, (HEAD_PARAM_COUNT + set->place_count + 1) * sizeof *set->params);
    if (!set->params)
        op->is_out_of_memory = true;
}

static void check_buildset(struct dbki_check *check, const struct dbk_new_buildset *buildset)
{
    dbki_check_text(check, "reason", buildset->reason, DBKI_NAME_MAX, true);
    dbki_check_text(check, "external_idstring", buildset->external_idstring, DBKI_NAME_MAX, true);
    dbki_check_text(check, "parent_relationship", buildset->parent_relationship, 0, true);
    dbki_check_that(check, buildset->sourcestamp_count <= SOURCESTAMPS_MAX,
                    "a buildset has at most 1000 sourcestamps");
    dbki_check_that(check, buildset->sourcestampids || !buildset->sourcestamp_count,
                    "sourcestampids must not be NULL when there is a sourcestamp_count");
}

int dbk_add_buildset(struct dbk_store *store, const struct dbk_new_buildset *buildset,
                     const struct dbk_call *call, dbk_id_fn *done, void *user)
{
    enum { ROOM = 2048 };
    struct dbki_check check = {.call = call};
    dbki_check_that(&check, store && buildset && done, "store, buildset and done must not be NULL");
    dbki_check_that(&check, buildset && DBKI_IS_WHOLE(buildset, rebuilt_buildid),
                    "the buildset must begin with its size: use DBK_NEW_BUILDSET_INIT");
    if (!check.status)
        check_buildset(&check, buildset);
    if (check.status)
        return check.status;
    struct add_buildset_op *set =
        dbki_op_new(&ADD_KIND, sizeof *set, ROOM, (dbki_callback *)done, user);
    if (!set)
        return dbki_refuse(call, DBK_NO_MEMORY, "out of memory");
    struct dbki_op *op = &set->add.op;
    set->add.needs = dbki_op_take(op, (2 + buildset->sourcestamp_count) * sizeof *set->add.needs);
    if (!set->add.needs) {
        dbki_op_free(op);
        return dbki_refuse(call, DBK_NO_MEMORY, "out of memory");
    }
    set->add.event = (struct dbki_event){.kind = "buildset",
                                         .verb = "new",
                                         .builderid = DBK_NONE,
                                         .buildid = DBK_NONE,
                                         .stepid = DBK_NONE};
    set_needs(set, buildset);
    make_insert(set);
    set->reason = dbki_op_text(op, buildset->reason ? buildset->reason : "");
    set->external_idstring = dbki_op_text(op, buildset->external_idstring);
    set->parent_buildid = dbki_int(buildset->parent_buildid);
    set->parent_relationship = dbki_op_text(op, buildset->parent_relationship);
    set->rebuilt_buildid = dbki_int(buildset->rebuilt_buildid);
    return dbki_submit(store, op, call);
}

/* ------------------------------------------------------------------------ getting, listing ---- */

int dbk_get_buildset(struct dbk_store *store, int64_t buildsetid, const struct dbk_call *call,
                     dbk_buildset_fn *done, void *user)
{
    return dbki_parent_get(store, &GET, buildsetid, call, (dbki_callback *)done, user);
}

int dbk_get_buildsets(struct dbk_store *store, const struct dbk_spec *spec,
                      const struct dbk_call *call, dbk_buildsets_fn *done, void *user)
{
    return dbki_parent_list(store, &LIST, &RECORD, NULL, spec, call, (dbki_callback *)done, user);
}
