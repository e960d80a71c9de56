/* Changes: adding one to a sourcestamp, getting, listing. */
#include "connector/parents.h"

#define COLUMNS                                                                                    \
    "t.changeid, t.author, t.committer, t.comments, t.branch, t.revision, t.revlink, "             \
    "t.when_timestamp, t.category, t.repository, t.codebase, t.project, t.sourcestampid, "         \
    "t.parent_changeids"

static const struct dbki_field FIELDS[] = {
    DBKI_FIELD(dbk_change, id, "t.changeid", DBKI_FIELD_INT, 0),
    DBKI_FIELD(dbk_change, author, "t.author", DBKI_FIELD_TEXT, 0),
    DBKI_FIELD(dbk_change, committer, "t.committer", DBKI_FIELD_TEXT, DBKI_FIELD_NULLABLE),
    DBKI_FIELD(dbk_change, comments, "t.comments", DBKI_FIELD_TEXT, 0),
    DBKI_FIELD(dbk_change, branch, "t.branch", DBKI_FIELD_TEXT, DBKI_FIELD_NULLABLE),
    DBKI_FIELD(dbk_change, revision, "t.revision", DBKI_FIELD_TEXT, DBKI_FIELD_NULLABLE),
    DBKI_FIELD(dbk_change, revlink, "t.revlink", DBKI_FIELD_TEXT, DBKI_FIELD_NULLABLE),
    DBKI_FIELD(dbk_change, when_timestamp, "t.when_timestamp", DBKI_FIELD_INT, 0),
    DBKI_FIELD(dbk_change, category, "t.category", DBKI_FIELD_TEXT, DBKI_FIELD_NULLABLE),
    DBKI_FIELD(dbk_change, repository, "t.repository", DBKI_FIELD_TEXT, 0),
    DBKI_FIELD(dbk_change, codebase, "t.codebase", DBKI_FIELD_TEXT, 0),
    DBKI_FIELD(dbk_change, project, "t.project", DBKI_FIELD_TEXT, 0),
    DBKI_FIELD(dbk_change, sourcestampid, "t.sourcestampid", DBKI_FIELD_INT, 0),
    DBKI_FIELD(dbk_change, parent_changeid, "t.parent_changeids", DBKI_FIELD_INT,
               DBKI_FIELD_NULLABLE),
};

DBKI_PARENT(change, FIELDS, COLUMNS, "changes t", "t.changeid = ?", false);

/* ---------------------------------------------------------------------------------- adding ---- */

/* A new change's texts, in the order of the insert: which member, its limit, and what NULL is. */
static const struct {
    const char *name;
    size_t offset;
    size_t max_chars;
    enum { NULL_IS_REFUSED, NULL_IS_EMPTY, NULL_IS_NONE } null;
} TEXTS[] = {
#define TEXT(member, max_chars, null)                                                              \
    {                                                                                              \
#member, offsetof(struct dbk_new_change, member), max_chars, null                          \
    }
    TEXT(author, DBKI_CHANGE_TEXT_MAX, NULL_IS_REFUSED),
    TEXT(committer, DBKI_CHANGE_TEXT_MAX, NULL_IS_NONE),
    TEXT(comments, 0, NULL_IS_EMPTY),
    TEXT(branch, DBKI_CHANGE_TEXT_MAX, NULL_IS_NONE),
    TEXT(revision, DBKI_CHANGE_TEXT_MAX, NULL_IS_NONE),
    TEXT(revlink, DBKI_NAME_MAX, NULL_IS_NONE),
    TEXT(category, DBKI_CHANGE_TEXT_MAX, NULL_IS_NONE),
    TEXT(repository, DBKI_REPOSITORY_MAX, NULL_IS_EMPTY),
    TEXT(codebase, DBKI_CHANGE_TEXT_MAX, NULL_IS_EMPTY),
    TEXT(project, DBKI_REPOSITORY_MAX, NULL_IS_EMPTY),
#undef TEXT
};
enum { TEXT_COUNT = sizeof TEXTS / sizeof TEXTS[0] };

static const char *text_of(const struct dbk_new_change *change, int index)
{
    return *(const char *const *)(const void *)((const char *)change + TEXTS[index].offset);
}

struct add_change_op {
    struct dbki_add_op add;
    struct dbki_need needs[2]; /* sourcestamp, parent change */
    struct dbki_value texts[TEXT_COUNT];
    int64_t when_timestamp, sourcestampid, parent_changeid;
};

static const struct dbki_statement ADD = {
    .sql = "INSERT INTO changes (author, committer, comments, branch, revision, revlink, category,"
           " repository, codebase, project, when_timestamp, sourcestampid, parent_changeids)"
           " SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, s.id, ? FROM sourcestamps s WHERE s.id = ?"
           " AND (? IS NULL OR EXISTS (SELECT 1 FROM changes WHERE changeid = ?))"
           " RETURNING changeid"};

static void add_change_bind(struct dbki_op *op, struct dbki_binder *binder)
{
    struct add_change_op *change = (struct add_change_op *)op;
    struct dbki_value params[TEXT_COUNT + 5];
    int count = TEXT_COUNT;
    int64_t when = change->when_timestamp == DBK_NONE ? op->now : change->when_timestamp;
    change->add.missing = -1;
    memcpy(params, change->texts, sizeof change->texts);
    params[count++] = dbki_int(when);
    params[count++] = dbki_int(change->parent_changeid);
    params[count++] = dbki_int(change->sourcestampid);
    params[count++] = dbki_int(change->parent_changeid);
    params[count++] = dbki_int(change->parent_changeid);
    dbki_bind(binder, &ADD, params, count);
}

static const struct dbki_opkind ADD_KIND =
    DBKI_ADD_KIND("adding a change", add_change_bind, dbki_add_read);

int dbk_add_change(struct dbk_store *store, const struct dbk_new_change *change,
                   const struct dbk_call *call, dbk_id_fn *done, void *user)
{
    enum { ROOM = 1024 };
    struct dbki_check check = {.call = call};
    dbki_check_that(&check, store && change && done, "store, change and done must not be NULL");
    dbki_check_that(&check, change && DBKI_IS_WHOLE(change, parent_changeid),
                    "the change must begin with its size: use DBK_NEW_CHANGE_INIT");
    for (int i = 0; i < TEXT_COUNT && !check.status; i++)
        dbki_check_text(&check, TEXTS[i].name, text_of(change, i), TEXTS[i].max_chars,
                        TEXTS[i].null != NULL_IS_REFUSED);
    dbki_check_that(&check, check.status || change->sourcestampid != DBK_NONE,
                    "a change needs a sourcestampid");
    if (check.status)
        return check.status;
    struct add_change_op *op =
        dbki_op_new(&ADD_KIND, sizeof *op, ROOM, (dbki_callback *)done, user);
    if (!op)
        return dbki_refuse(call, DBK_NO_MEMORY, "out of memory");
    for (int i = 0; i < TEXT_COUNT; i++) {
        const char *text = text_of(change, i);
        op->texts[i] = dbki_op_text(&op->add.op, text || TEXTS[i].null == NULL_IS_NONE ? text : "");
    }
    op->needs[0] = (struct dbki_need){DBKI_NEEDS_SOURCESTAMP, change->sourcestampid};
    op->needs[1] = (struct dbki_need){DBKI_NEEDS_CHANGE, change->parent_changeid};
    op->add.needs = op->needs;
    op->add.need_count = change->parent_changeid == DBK_NONE ? 1 : 2;
    op->add.event = (struct dbki_event){.kind = "change",
                                        .verb = "new",
                                        .builderid = DBK_NONE,
                                        .buildid = DBK_NONE,
                                        .stepid = DBK_NONE};
    op->when_timestamp = change->when_timestamp;
    op->sourcestampid = change->sourcestampid;
    op->parent_changeid = change->parent_changeid;
    return dbki_submit(store, &op->add.op, call);
}

/* ------------------------------------------------------------------------ getting, listing ---- */

int dbk_get_change(struct dbk_store *store, int64_t changeid, const struct dbk_call *call,
                   dbk_change_fn *done, void *user)
{
    return dbki_parent_get(store, &GET, changeid, call, (dbki_callback *)done, user);
}

int dbk_get_changes(struct dbk_store *store, const struct dbk_spec *spec,
                    const struct dbk_call *call, dbk_changes_fn *done, void *user)
{
    return dbki_parent_list(store, &LIST, &RECORD, NULL, spec, call, (dbki_callback *)done, user);
}
