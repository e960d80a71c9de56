/* Buildrequests: adding one to a buildset, getting, listing. */
#include "connector/parents.h"

#define COLUMNS                                                                                    \
    "t.id, t.buildsetid, t.builderid, t.priority, t.complete, t.results, t.submitted_at, "         \
    "t.complete_at, t.waited_for, c.claimed_at, c.masterid"

static const struct dbki_field FIELDS[] = {
    DBKI_FIELD(dbk_buildrequest, id, "t.id", DBKI_FIELD_INT, 0),
    DBKI_FIELD(dbk_buildrequest, buildsetid, "t.buildsetid", DBKI_FIELD_INT, 0),
    DBKI_FIELD(dbk_buildrequest, builderid, "t.builderid", DBKI_FIELD_INT, 0),
    DBKI_FIELD(dbk_buildrequest, priority, "t.priority", DBKI_FIELD_INT, 0),
    DBKI_FIELD(dbk_buildrequest, complete, "t.complete", DBKI_FIELD_INT, DBKI_FIELD_NULLABLE),
    DBKI_FIELD(dbk_buildrequest, results, "t.results", DBKI_FIELD_INT,
               DBKI_FIELD_NULLABLE | DBKI_FIELD_RESULTS),
    DBKI_FIELD(dbk_buildrequest, submitted_at, "t.submitted_at", DBKI_FIELD_INT, 0),
    DBKI_FIELD(dbk_buildrequest, complete_at, "t.complete_at", DBKI_FIELD_INT, DBKI_FIELD_NULLABLE),
    DBKI_FIELD(dbk_buildrequest, waited_for, "t.waited_for", DBKI_FIELD_INT, DBKI_FIELD_NULLABLE),
    DBKI_FIELD(dbk_buildrequest, claimed_at, "c.claimed_at", DBKI_FIELD_INT, DBKI_FIELD_NULLABLE),
    DBKI_FIELD(dbk_buildrequest, claimed_by_masterid, "c.masterid", DBKI_FIELD_INT,
               DBKI_FIELD_NULLABLE),
};

DBKI_PARENT(buildrequest, FIELDS, COLUMNS,
            "buildrequests t LEFT JOIN buildrequest_claims c ON c.brid = t.id", "t.id = ?", false);

/* ---------------------------------------------------------------------------------- adding ---- */

struct add_buildrequest_op {
    struct dbki_add_op add;
    struct dbki_need needs[2]; /* buildset, builder */
    int64_t priority;
    bool waited_for;
};

/* Results are -1 until it is complete, as Buildbot has it. */
static const struct dbki_statement ADD = {
    .sql = "INSERT INTO buildrequests (buildsetid, builderid, priority, complete, results,"
           " submitted_at, waited_for)"
           " SELECT s.id, b.id, ?, 0, -1, ?, ? FROM buildsets s, builders b"
           " WHERE s.id = ? AND b.id = ? RETURNING id"};

static void add_buildrequest_bind(struct dbki_op *op, struct dbki_binder *binder)
{
    struct add_buildrequest_op *request = (struct add_buildrequest_op *)op;
    request->add.missing = -1;
    DBKI_BIND(binder, &ADD, dbki_int(request->priority), dbki_int(op->now),
              dbki_int(request->waited_for), dbki_int(request->needs[0].id),
              dbki_int(request->needs[1].id));
}

static const struct dbki_opkind ADD_KIND =
    DBKI_ADD_KIND("adding a buildrequest", add_buildrequest_bind, dbki_add_read);

int dbk_add_buildrequest(struct dbk_store *store, int64_t buildsetid, int64_t builderid,
                         int64_t priority, bool waited_for, const struct dbk_call *call,
                         dbk_id_fn *done, void *user)
{
    struct dbki_check check = {.call = call};
    dbki_check_that(&check, store && done, "store and done must not be NULL");
    dbki_check_that(&check, priority != DBK_NONE, "priority must be a number, not none");
    if (check.status)
        return check.status;
    struct add_buildrequest_op *op =
        dbki_op_new(&ADD_KIND, sizeof *op, 0, (dbki_callback *)done, user);
    if (!op)
        return dbki_refuse(call, DBK_NO_MEMORY, "out of memory");
    op->needs[0] = (struct dbki_need){DBKI_NEEDS_BUILDSET, buildsetid};
    op->needs[1] = (struct dbki_need){DBKI_NEEDS_BUILDER, builderid};
    op->add.needs = op->needs;
    op->add.need_count = 2;
    op->add.event = (struct dbki_event){.kind = "buildrequest",
                                        .verb = "new",
                                        .builderid = builderid,
                                        .buildid = DBK_NONE,
                                        .stepid = DBK_NONE};
    op->priority = priority;
    op->waited_for = waited_for;
    return dbki_submit(store, &op->add.op, call);
}

/* ------------------------------------------------------------------------ getting, listing ---- */

int dbk_get_buildrequest(struct dbk_store *store, int64_t buildrequestid,
                         const struct dbk_call *call, dbk_buildrequest_fn *done, void *user)
{
    return dbki_parent_get(store, &GET, buildrequestid, call, (dbki_callback *)done, user);
}

int dbk_get_buildrequests(struct dbk_store *store, const struct dbk_spec *spec,
                          const struct dbk_call *call, dbk_buildrequests_fn *done, void *user)
{
    return dbki_parent_list(store, &LIST, &RECORD, NULL, spec, call, (dbki_callback *)done, user);
}
