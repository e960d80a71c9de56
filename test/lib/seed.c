/* What builds hang on; see seed.h. */
#include "seed.h"

int64_t seed_builder(struct dbk_store *store, const char *name)
{
    struct answer a;
    assert_int_equal(ASK(&a, store, on_id, dbk_find_builder_id, name, true), DBK_OK);
    return a.id;
}

int64_t seed_worker(struct dbk_store *store, const char *name)
{
    struct answer a;
    assert_int_equal(ASK(&a, store, on_id, dbk_find_worker_id, name, true), DBK_OK);
    return a.id;
}

int64_t seed_sourcestamp(struct dbk_store *store, const char *repository, const char *branch,
                         const char *codebase)
{
    struct dbk_sourcestamp_key key = DBK_SOURCESTAMP_KEY_INIT;
    struct answer a;
    key.repository = repository;
    key.branch = branch;
    key.codebase = codebase;
    assert_int_equal(ASK(&a, store, on_id, dbk_find_sourcestamp_id, &key, true), DBK_OK);
    return a.id;
}

int64_t seed_request(struct dbk_store *store, int64_t builderid, const int64_t *sourcestampids,
                     size_t count, int64_t parent_buildid)
{
    struct dbk_new_buildset buildset = DBK_NEW_BUILDSET_INIT;
    struct answer a;
    buildset.reason = "a test";
    buildset.sourcestampids = sourcestampids;
    buildset.sourcestamp_count = count;
    buildset.parent_buildid = parent_buildid;
    assert_int_equal(ASK(&a, store, on_id, dbk_add_buildset, &buildset), DBK_OK);
    int64_t buildsetid = a.id;
    assert_int_equal(ASK(&a, store, on_id, dbk_add_buildrequest, buildsetid, builderid, 0, false),
                     DBK_OK);
    return a.id;
}

void seed_make(struct dbk_store *store, struct seed *out_seed)
{
    struct dbk_new_buildset buildset = DBK_NEW_BUILDSET_INIT;
    struct answer a;
    assert_int_equal(ASK(&a, store, on_id, dbk_find_master_id, "master", true), DBK_OK);
    out_seed->masterid = a.id;
    out_seed->workerid = seed_worker(store, "worker");
    out_seed->builderid = seed_builder(store, "builder");
    out_seed->other_builderid = seed_builder(store, "other builder");
    out_seed->sourcestampid = seed_sourcestamp(store, "git://here", "main", "");
    buildset.reason = "a test";
    buildset.sourcestampids = &out_seed->sourcestampid;
    buildset.sourcestamp_count = 1;
    assert_int_equal(ASK(&a, store, on_id, dbk_add_buildset, &buildset), DBK_OK);
    out_seed->buildsetid = a.id;
    assert_int_equal(ASK(&a, store, on_id, dbk_add_buildrequest, out_seed->buildsetid,
                         out_seed->builderid, 0, false),
                     DBK_OK);
    out_seed->buildrequestid = a.id;
}
