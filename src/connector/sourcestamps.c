/* Sourcestamps: finding or adding one by all that it is, getting, listing. */
#include "base/hash.h"
#include "base/text.h"
#include "connector/parents.h"

#include <inttypes.h>
#include <stdio.h>

#define COLUMNS                                                                                    \
    "t.id, t.branch, t.revision, t.patchid, t.repository, t.codebase, t.project, t.created_at"

static const struct dbki_field FIELDS[] = {
    DBKI_FIELD(dbk_sourcestamp, id, "t.id", DBKI_FIELD_INT, 0),
    DBKI_FIELD(dbk_sourcestamp, branch, "t.branch", DBKI_FIELD_TEXT, DBKI_FIELD_NULLABLE),
    DBKI_FIELD(dbk_sourcestamp, revision, "t.revision", DBKI_FIELD_TEXT, DBKI_FIELD_NULLABLE),
    DBKI_FIELD(dbk_sourcestamp, patchid, "t.patchid", DBKI_FIELD_INT, DBKI_FIELD_NULLABLE),
    DBKI_FIELD(dbk_sourcestamp, repository, "t.repository", DBKI_FIELD_TEXT, 0),
    DBKI_FIELD(dbk_sourcestamp, codebase, "t.codebase", DBKI_FIELD_TEXT, 0),
    DBKI_FIELD(dbk_sourcestamp, project, "t.project", DBKI_FIELD_TEXT, 0),
    DBKI_FIELD(dbk_sourcestamp, created_at, "t.created_at", DBKI_FIELD_INT, 0),
};

DBKI_PARENT(sourcestamp, FIELDS, COLUMNS, "sourcestamps t", "t.id = ?", true);

/* --------------------------------------------------------------------------------- finding ---- */

/* "'main'", or "none". */
static void show(const struct dbki_value *value, char *out_text, size_t size)
{
    enum { SHOWN_MAX = 48 };
    if (value->type == DBKI_NULL)
        snprintf(out_text, size, "none");
    else
        snprintf(out_text, size, "'%.*s'",
                 (int)dbki_text_prefix(value->text, value->len, SHOWN_MAX), value->text);
}

static void refuse_sourcestamp(struct dbki_op *op)
{
    struct dbki_find_op *find = (struct dbki_find_op *)op;
    char texts[DBKI_SOURCESTAMP_PROJECT + 1][200];
    for (int i = DBKI_SOURCESTAMP_BRANCH; i <= DBKI_SOURCESTAMP_PROJECT; i++)
        show(&find->args[i], texts[i], sizeof texts[i]);
    dbki_error_set(&op->error, DBK_NOT_FOUND,
                   "there is no sourcestamp of the repository %s, branch %s, revision %s, codebase "
                   "%s, project %s%s",
                   texts[DBKI_SOURCESTAMP_REPOSITORY], texts[DBKI_SOURCESTAMP_BRANCH],
                   texts[DBKI_SOURCESTAMP_REVISION], texts[DBKI_SOURCESTAMP_CODEBASE],
                   texts[DBKI_SOURCESTAMP_PROJECT],
                   find->args[DBKI_SOURCESTAMP_PATCHID].type == DBKI_NULL ? ""
                                                                          : ", with that patch");
}

static const struct dbki_find FIND = {
    DBKI_FIND_KINDS("sourcestamp"),
    .select = {.sql = "SELECT id FROM sourcestamps WHERE ss_hash = ?", .is_one_row = true},
    .insert = {.sql = "INSERT INTO sourcestamps (ss_hash, branch, revision, repository, codebase,"
                      " project, patchid, created_at) SELECT ?, ?, ?, ?, ?, ?, ?, ?"
                      " WHERE NOT EXISTS (SELECT 1 FROM sourcestamps WHERE ss_hash = ?)"
                      " ON CONFLICT DO NOTHING"},
    .is_dated = true,
    .refuse = refuse_sourcestamp,
};

/* The hash's order is Buildbot's, and not that of the columns. */
static int hash_key(const struct dbk_sourcestamp_key *key, char out_hex[DBKI_SHA1_HEX_SIZE])
{
    char patchid[24];
    snprintf(patchid, sizeof patchid, "%" PRId64, key->patchid);
    const char *const fields[] = {
        key->branch,  key->revision, key->repository,
        key->project, key->codebase, key->patchid == DBK_NONE ? NULL : patchid,
    };
    return dbki_hash_columns(fields, sizeof fields / sizeof fields[0], out_hex);
}

void dbki_sourcestamp_check(struct dbki_check *check, const struct dbk_sourcestamp_key *key)
{
    dbki_check_that(check, key && DBKI_IS_WHOLE(key, patchid),
                    "a sourcestamp must begin with its size: use DBK_SOURCESTAMP_KEY_INIT");
    if (check->status)
        return;
    dbki_check_text(check, "branch", key->branch, DBKI_NAME_MAX, true);
    dbki_check_text(check, "revision", key->revision, DBKI_NAME_MAX, true);
    dbki_check_text(check, "repository", key->repository, DBKI_REPOSITORY_MAX, true);
    dbki_check_text(check, "codebase", key->codebase, DBKI_NAME_MAX, true);
    dbki_check_text(check, "project", key->project, DBKI_REPOSITORY_MAX, true);
}

void dbki_sourcestamp_args(struct dbki_op *op, const struct dbk_sourcestamp_key *key,
                           struct dbki_value out_args[DBKI_SOURCESTAMP_ARG_COUNT])
{
    char ss_hash[DBKI_SHA1_HEX_SIZE] = "";
    struct dbk_sourcestamp_key full = *key;
    full.repository = key->repository ? key->repository : "";
    full.codebase = key->codebase ? key->codebase : "";
    full.project = key->project ? key->project : "";
    if (hash_key(&full, ss_hash))
        op->is_out_of_memory = true;
    out_args[DBKI_SOURCESTAMP_HASH] = dbki_op_text(op, ss_hash);
    out_args[DBKI_SOURCESTAMP_BRANCH] = dbki_op_text(op, full.branch);
    out_args[DBKI_SOURCESTAMP_REVISION] = dbki_op_text(op, full.revision);
    out_args[DBKI_SOURCESTAMP_REPOSITORY] = dbki_op_text(op, full.repository);
    out_args[DBKI_SOURCESTAMP_CODEBASE] = dbki_op_text(op, full.codebase);
    out_args[DBKI_SOURCESTAMP_PROJECT] = dbki_op_text(op, full.project);
    out_args[DBKI_SOURCESTAMP_PATCHID] = dbki_int(full.patchid);
}

int dbk_find_sourcestamp_id(struct dbk_store *store, const struct dbk_sourcestamp_key *key,
                            bool is_added, const struct dbk_call *call, dbk_id_fn *done, void *user)
{
    enum { ROOM = 512 };
    struct dbki_check check = {.call = call};
    dbki_check_that(&check, store && key && done, "store, key and done must not be NULL");
    if (!check.status)
        dbki_sourcestamp_check(&check, key);
    if (check.status)
        return check.status;
    struct dbki_find_op *op = dbki_op_new(is_added ? &FIND.add : &FIND.find, sizeof *op, ROOM,
                                          (dbki_callback *)done, user);
    if (!op)
        return dbki_refuse(call, DBK_NO_MEMORY, "out of memory");
    op->how = &FIND;
    op->arg_count = DBKI_SOURCESTAMP_ARG_COUNT;
    dbki_sourcestamp_args(&op->op, key, op->args);
    return dbki_submit(store, &op->op, call);
}

/* ------------------------------------------------------------------------ getting, listing ---- */

int dbk_get_sourcestamp(struct dbk_store *store, int64_t sourcestampid, const struct dbk_call *call,
                        dbk_sourcestamp_fn *done, void *user)
{
    return dbki_parent_get(store, &GET, sourcestampid, call, (dbki_callback *)done, user);
}

int dbk_get_sourcestamps(struct dbk_store *store, int64_t buildsetid, const struct dbk_spec *spec,
                         const struct dbk_call *call, dbk_sourcestamps_fn *done, void *user)
{
    const struct dbki_condition conditions[] = {
        {"t.id IN (SELECT sourcestampid FROM buildset_sourcestamps WHERE buildsetid = ?)",
         dbki_int(buildsetid), true},
        {.sql = NULL}};
    return dbki_parent_list(store, &LIST, &RECORD, buildsetid == DBK_NONE ? NULL : conditions, spec,
                            call, (dbki_callback *)done, user);
}
