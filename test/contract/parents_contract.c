/* The contract of finding and adding parents. Getting and listing: parents_lists_contract.c. */
#include "parents_ask.h"

/* --------------------------------------------------------------------------- find, by name ---- */

/* The three nouns that are found by name. */
typedef int find_fn(struct dbk_store *, const char *, bool, const struct dbk_call *, dbk_id_fn *,
                    void *);
static const struct {
    const char *noun;
    find_fn *find;
} NAMED[] = {
    {"builder", dbk_find_builder_id},
    {"worker", dbk_find_worker_id},
    {"master", dbk_find_master_id},
};
enum { NAMED_COUNT = sizeof NAMED / sizeof NAMED[0] };

#define FIND(i, name, is_added) ASK(NAMED[i].find(store, name, is_added, &call, on_id, NULL))

static void find_by_name__missing_is_not_found_and_named(void **state)
{
    (void)state;
    for (int i = 0; i < NAMED_COUNT; i++) {
        FIND(i, "ünïcode büilder", false);
        assert_failed(DBK_NOT_FOUND, "named 'ünïcode büilder'");
        assert_non_null(strstr(answer.error.message, NAMED[i].noun));
        assert_non_null(strstr(answer.error.action, NAMED[i].noun));
        assert_int_equal(answer.error.outcome, DBK_NOT_DONE);
    }
    assert_int_equal(events_after(0), 0);
}

static void find_by_name__added_once_is_found_again(void **state)
{
    (void)state;
    for (int i = 0; i < NAMED_COUNT; i++) {
        FIND(i, "linux", true);
        assert_ok();
        int64_t id = answer.id;
        assert_true(id >= 1);
        FIND(i, "linux", true);
        assert_int_equal(answer.id, id);
        FIND(i, "linux", false);
        assert_int_equal(answer.id, id);
        FIND(i, "Linux", true); /* by code point: another one */
        assert_ok();
        assert_int_not_equal(answer.id, id);
    }
}

static void find_by_name__only_adding_leaves_an_event(void **state)
{
    (void)state;
    for (int i = 0; i < NAMED_COUNT; i++) {
        int64_t before = last_position();
        now++;
        FIND(i, "linux", true);
        int64_t id = answer.id;
        FIND(i, "linux", true);
        FIND(i, "linux", false);
        FIND(i, "other", false);
        assert_int_equal(events_after(before), 1);
        const struct dbk_event *event = &answer.events[0];
        assert_string_equal(event->kind, NAMED[i].noun);
        assert_string_equal(event->verb, "new");
        assert_int_equal(event->at, now);
        assert_int_equal(event->builderid, i == 0 ? id : DBK_NONE);
        assert_int_equal(event->buildid, DBK_NONE);
        assert_int_equal(event->stepid, DBK_NONE);
        assert_null(event->name);
    }
}

/* Puts an id where user points, 0 for an error. */
static void put_id(void *user, const struct dbk_error *error, int64_t id)
{
    *(int64_t *)user = error ? 0 : id;
}

/* Waits until put_id() has given all. */
static void wait_for_ids(const int64_t *ids, size_t count)
{
    for (size_t i = 0; i < count;)
        if (ids[i] != DBK_NONE)
            i++;
        else
            assert_true(dbk_wait(store, 20000) > 0);
}

static void find_by_name__submitted_together_get_one_id(void **state)
{
    (void)state;
    enum { COUNT = 50 };
    int64_t ids[COUNT];
    for (int i = 0; i < NAMED_COUNT; i++) {
        int64_t before = last_position();
        for (int j = 0; j < COUNT; j++) {
            ids[j] = DBK_NONE;
            assert_int_equal(NAMED[i].find(store, "linux", true, NULL, put_id, &ids[j]), DBK_OK);
        }
        wait_for_ids(ids, COUNT);
        for (int j = 0; j < COUNT; j++)
            assert_int_equal(ids[j], 1);
        assert_int_equal(events_after(before), 1);
    }
}

static void find_by_name__wrong_names_are_refused(void **state)
{
    (void)state;
    for (int i = 0; i < NAMED_COUNT; i++) {
        FIND(i, NULL, true);
        assert_refused(DBK_INVALID, "name must not be NULL");
        FIND(i, "caf\xE9", true);
        assert_refused(DBK_INVALID, "not valid UTF-8");
        ASK(NAMED[i].find(NULL, "linux", true, &call, on_id, NULL));
        assert_refused(DBK_INVALID, "NULL");
        ASK(NAMED[i].find(store, "linux", true, &call, NULL, NULL));
        assert_refused(DBK_INVALID, "NULL");
    }
    assert_int_equal(events_after(0), 0);
}

static void find_by_name__long_name_is_cut_in_the_message_between_characters(void **state)
{
    (void)state;
    FIND(0, text_of(256, "ü"), false);
    assert_failed(DBK_NOT_FOUND, "üü'");
}

static void find_by_name__builders_and_masters_have_1_to_256_characters(void **state)
{
    (void)state;
    for (int i = 0; i < NAMED_COUNT; i++) {
        if (!strcmp(NAMED[i].noun, "worker"))
            continue;
        FIND(i, text_of(257, "ü"), true);
        assert_refused(DBK_INVALID, "257");
        FIND(i, "", true);
        assert_refused(DBK_INVALID, "name");
        FIND(i, text_of(256, "ü"), true);
        assert_ok();
    }
}

static void find_builder_id__new_one_has_no_description(void **state)
{
    (void)state;
    int64_t id = builder("linux");
    ASK(dbk_get_builder(store, id, &call, on_builder, NULL));
    assert_int_equal(answer.builders[0].id, id);
    assert_string_equal(answer.builders[0].name, "linux");
    assert_null(answer.builders[0].description);
    assert_null(answer.builders[0].description_format);
    assert_null(answer.builders[0].description_html);
    assert_int_equal(answer.builders[0].projectid, DBK_NONE);
}

static void find_worker_id__name_has_1_to_50_characters(void **state)
{
    (void)state;
    FIND(1, "", true);
    assert_refused(DBK_INVALID, "name is empty");
    FIND(1, text_of(51, "ü"), true);
    assert_refused(DBK_INVALID, "name has 51 characters; the limit is 50");
    FIND(1, text_of(50, "ü"), true); /* 100 bytes */
    assert_ok();
    int64_t id = answer.id;
    ASK(dbk_get_worker(store, id, &call, on_worker, NULL));
    assert_string_equal(answer.workers[0].name, text_of(50, "ü"));
}

static void find_worker_id__new_one_is_not_paused_and_has_no_info(void **state)
{
    (void)state;
    FIND(1, "w1", true);
    int64_t id = answer.id;
    ASK(dbk_get_worker(store, id, &call, on_worker, NULL));
    assert_string_equal(answer.workers[0].info, "{}");
    assert_int_equal(answer.workers[0].paused, 0);
    assert_null(answer.workers[0].pause_reason);
    assert_int_equal(answer.workers[0].graceful, 0);
}

static void find_master_id__new_one_is_not_active_and_last_active_now(void **state)
{
    (void)state;
    FIND(2, "ci.example:/srv/master", true);
    int64_t id = answer.id, then = now;
    now += 100;
    FIND(2, "ci.example:/srv/master", true);
    ASK(dbk_get_master(store, id, &call, on_master, NULL));
    assert_string_equal(answer.masters[0].name, "ci.example:/srv/master");
    assert_int_equal(answer.masters[0].active, 0);
    assert_int_equal(answer.masters[0].last_active, then);
}

/* ----------------------------------------------------------------------- find, sourcestamp ---- */

static const struct dbk_sourcestamp_key FULL_KEY = {
    .size = sizeof(struct dbk_sourcestamp_key),
    .branch = "main",
    .revision = "rev1",
    .repository = "git://example/hiredis",
    .codebase = "lib",
    .project = "hiredis",
    .patchid = DBK_NONE,
};

static int64_t find_sourcestamp(const struct dbk_sourcestamp_key *key, bool is_added)
{
    ASK(dbk_find_sourcestamp_id(store, key, is_added, &call, on_id, NULL));
    return answer.id;
}

static void find_sourcestamp_id__missing_is_not_found_and_named(void **state)
{
    (void)state;
    struct dbk_sourcestamp_key key = FULL_KEY;
    find_sourcestamp(&key, false);
    assert_failed(DBK_NOT_FOUND, "repository 'git://example/hiredis', branch 'main', revision "
                                 "'rev1', codebase 'lib', project 'hiredis'");
    key.branch = NULL;
    find_sourcestamp(&key, false);
    assert_failed(DBK_NOT_FOUND, "branch none");
    assert_int_equal(events_after(0), 0);
}

static void find_sourcestamp_id__added_once_is_found_again(void **state)
{
    (void)state;
    int64_t id = find_sourcestamp(&FULL_KEY, true);
    assert_ok();
    assert_int_equal(find_sourcestamp(&FULL_KEY, true), id);
    assert_int_equal(find_sourcestamp(&FULL_KEY, false), id);
    assert_int_equal(events_after(0), 1);
    assert_string_equal(answer.events[0].kind, "sourcestamp");
    assert_string_equal(answer.events[0].verb, "new");
    ASK(dbk_get_sourcestamp(store, id, &call, on_sourcestamp, NULL));
    const struct dbk_sourcestamp *found = &answer.sourcestamps[0];
    assert_int_equal(found->id, id);
    assert_string_equal(found->branch, "main");
    assert_string_equal(found->revision, "rev1");
    assert_string_equal(found->repository, "git://example/hiredis");
    assert_string_equal(found->codebase, "lib");
    assert_string_equal(found->project, "hiredis");
    assert_int_equal(found->patchid, DBK_NONE);
    assert_int_equal(found->created_at, now);
}

static void find_sourcestamp_id__each_part_of_the_key_makes_another(void **state)
{
    (void)state;
    struct dbk_sourcestamp_key keys[8];
    int64_t ids[8];
    for (int i = 0; i < 8; i++)
        keys[i] = FULL_KEY;
    keys[1].branch = "other";
    keys[2].revision = "other";
    keys[3].repository = "other";
    keys[4].codebase = "other";
    keys[5].project = "other";
    keys[6].patchid = 7;
    keys[7].branch = NULL;
    for (int i = 0; i < 8; i++) {
        ids[i] = find_sourcestamp(&keys[i], true);
        assert_ok();
        for (int j = 0; j < i; j++)
            assert_int_not_equal(ids[i], ids[j]);
    }
    for (int i = 0; i < 8; i++)
        assert_int_equal(find_sourcestamp(&keys[i], false), ids[i]);
    ASK(dbk_get_sourcestamp(store, ids[6], &call, on_sourcestamp, NULL));
    assert_int_equal(answer.sourcestamps[0].patchid, 7);
}

static void find_sourcestamp_id__no_repository_is_empty_and_no_branch_is_not(void **state)
{
    (void)state;
    struct dbk_sourcestamp_key none = DBK_SOURCESTAMP_KEY_INIT, empty = DBK_SOURCESTAMP_KEY_INIT;
    empty.repository = empty.codebase = empty.project = "";
    int64_t id = find_sourcestamp(&none, true);
    assert_int_equal(find_sourcestamp(&empty, true), id);
    empty.branch = "";
    assert_int_not_equal(find_sourcestamp(&empty, true), id);
    ASK(dbk_get_sourcestamp(store, id, &call, on_sourcestamp, NULL));
    assert_null(answer.sourcestamps[0].branch);
    assert_null(answer.sourcestamps[0].revision);
    assert_string_equal(answer.sourcestamps[0].repository, "");
    assert_string_equal(answer.sourcestamps[0].codebase, "");
    assert_string_equal(answer.sourcestamps[0].project, "");
}

static void find_sourcestamp_id__limits_are_in_characters(void **state)
{
    (void)state;
    static const struct {
        size_t offset, max;
        const char *words;
    } limits[] = {
        {offsetof(struct dbk_sourcestamp_key, branch), 256, "branch has 257"},
        {offsetof(struct dbk_sourcestamp_key, revision), 256, "revision has 257"},
        {offsetof(struct dbk_sourcestamp_key, codebase), 256, "codebase has 257"},
        {offsetof(struct dbk_sourcestamp_key, repository), 512, "repository has 513"},
        {offsetof(struct dbk_sourcestamp_key, project), 512, "project has 513"},
    };
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        struct dbk_sourcestamp_key key = DBK_SOURCESTAMP_KEY_INIT;
        const char **text = (const char **)(void *)((char *)&key + limits[i].offset);
        *text = text_of(limits[i].max, "ü");
        find_sourcestamp(&key, true);
        assert_ok();
        *text = text_of(limits[i].max + 1, "ü");
        find_sourcestamp(&key, true);
        assert_refused(DBK_INVALID, limits[i].words);
    }
}

static void find_sourcestamp_id__wrong_keys_are_refused(void **state)
{
    (void)state;
    struct dbk_sourcestamp_key key = FULL_KEY;
    find_sourcestamp(NULL, true);
    assert_refused(DBK_INVALID, "NULL");
    key.size = 8;
    find_sourcestamp(&key, true);
    assert_refused(DBK_INVALID, "DBK_SOURCESTAMP_KEY_INIT");
    key = FULL_KEY;
    key.size += 100; /* of a newer header */
    find_sourcestamp(&key, true);
    assert_ok();
    key.project = "\xFF";
    find_sourcestamp(&key, true);
    assert_refused(DBK_INVALID, "project is not valid UTF-8");
}

/* --------------------------------------------------------------------------- add, buildset ---- */

static int64_t add_buildset(const struct dbk_new_buildset *new_one)
{
    ASK(dbk_add_buildset(store, new_one, &call, on_id, NULL));
    return answer.id;
}

static size_t count_buildsets(void)
{
    ASK(dbk_get_buildsets(store, NULL, &call, on_buildsets, NULL));
    assert_ok();
    return answer.count;
}

static void add_buildset__is_submitted_now_and_not_complete(void **state)
{
    (void)state;
    struct dbk_new_buildset new_one = DBK_NEW_BUILDSET_INIT;
    new_one.parent_buildid = new_one.rebuilt_buildid = build();
    new_one.parent_relationship = "triggered from";
    new_one.reason = "because";
    new_one.external_idstring = "ext 1";
    int64_t before = last_position();
    now += 5;
    int64_t id = add_buildset(&new_one);
    assert_ok();
    assert_int_equal(events_after(before), 1);
    assert_string_equal(answer.events[0].kind, "buildset");
    assert_string_equal(answer.events[0].verb, "new");
    assert_int_equal(answer.events[0].builderid, DBK_NONE);
    ASK(dbk_get_buildset(store, id, &call, on_buildset, NULL));
    const struct dbk_buildset *found = &answer.buildsets[0];
    assert_int_equal(found->id, id);
    assert_string_equal(found->external_idstring, "ext 1");
    assert_string_equal(found->reason, "because");
    assert_int_equal(found->submitted_at, now);
    assert_int_equal(found->complete, 0);
    assert_int_equal(found->complete_at, DBK_NONE);
    assert_int_equal(found->results, -1);
    assert_int_equal(found->parent_buildid, new_one.parent_buildid);
    assert_string_equal(found->parent_relationship, "triggered from");
    assert_int_equal(found->rebuilt_buildid, new_one.rebuilt_buildid);
}

static void add_buildset__what_is_not_given_is_none_and_the_reason_empty(void **state)
{
    (void)state;
    struct dbk_new_buildset new_one = DBK_NEW_BUILDSET_INIT;
    int64_t id = add_buildset(&new_one);
    ASK(dbk_get_buildset(store, id, &call, on_buildset, NULL));
    assert_string_equal(answer.buildsets[0].reason, "");
    assert_null(answer.buildsets[0].external_idstring);
    assert_null(answer.buildsets[0].parent_relationship);
    assert_int_equal(answer.buildsets[0].parent_buildid, DBK_NONE);
    assert_int_equal(answer.buildsets[0].rebuilt_buildid, DBK_NONE);
    ASK(dbk_get_sourcestamps(store, id, NULL, &call, on_sourcestamps, NULL));
    assert_int_equal(answer.count, 0);
}

static void add_buildset__repeated_sourcestamps_count_once(void **state)
{
    (void)state;
    int64_t a = sourcestamp("main", "1"), b = sourcestamp("main", "2"),
            c = sourcestamp("main", "3");
    int64_t id = buildset("why", (const int64_t[]){c, a, b, a, c}, 5);
    ASK(dbk_get_sourcestamps(store, id, NULL, &call, on_sourcestamps, NULL));
    assert_int_equal(answer.count, 3);
    assert_int_equal(answer.sourcestamps[0].id, a);
    assert_int_equal(answer.sourcestamps[1].id, b);
    assert_int_equal(answer.sourcestamps[2].id, c);
}

static void add_buildset__missing_parts_are_named_and_nothing_is_added(void **state)
{
    (void)state;
    int64_t buildid = build(), stampid = sourcestamp("main", "1");
    const int64_t stampids[] = {stampid, 4711};
    size_t before = count_buildsets();
    int64_t position = last_position();
    struct dbk_new_buildset new_one = DBK_NEW_BUILDSET_INIT;
    new_one.sourcestampids = stampids;
    new_one.sourcestamp_count = 2;
    add_buildset(&new_one);
    assert_failed(DBK_NOT_FOUND, "there is no sourcestamp with the id 4711");
    assert_string_equal(answer.error.action, "adding a buildset");
    new_one.sourcestamp_count = 1;
    new_one.parent_buildid = buildid;
    new_one.rebuilt_buildid = 815;
    add_buildset(&new_one);
    assert_failed(DBK_NOT_FOUND, "there is no build with the id 815");
    new_one.parent_buildid = 42;
    add_buildset(&new_one);
    assert_failed(DBK_NOT_FOUND, "there is no build with the id 42");
    assert_int_equal(events_after(position), 0);
    assert_int_equal(count_buildsets(), before);
}

static void add_buildset__takes_1000_sourcestamps_and_not_1001(void **state)
{
    (void)state;
    enum { MAX = 1000 };
    static int64_t ids[MAX + 1];
    for (int i = 0; i < MAX; i++) {
        struct dbk_sourcestamp_key key = FULL_KEY;
        char revision[16];
        snprintf(revision, sizeof revision, "%d", i);
        key.revision = revision;
        ids[i] = DBK_NONE;
        assert_int_equal(dbk_find_sourcestamp_id(store, &key, true, NULL, put_id, &ids[i]), DBK_OK);
    }
    wait_for_ids(ids, MAX);
    ids[MAX] = ids[0];
    int64_t id = buildset("all", ids, MAX);
    ASK_SPEC("limit=0&total=exact",
             dbk_get_sourcestamps(store, id, spec, &call, on_sourcestamps, NULL));
    assert_int_equal(answer.page.total, MAX);
    struct dbk_new_buildset new_one = DBK_NEW_BUILDSET_INIT;
    new_one.sourcestampids = ids;
    new_one.sourcestamp_count = MAX + 1;
    add_buildset(&new_one);
    assert_refused(DBK_INVALID, "1000");
    ids[500] = 4711;
    new_one.sourcestamp_count = MAX;
    add_buildset(&new_one);
    assert_failed(DBK_NOT_FOUND, "sourcestamp with the id 4711");
}

static void add_buildset__wrong_arguments_are_refused(void **state)
{
    (void)state;
    struct dbk_new_buildset new_one = DBK_NEW_BUILDSET_INIT;
    add_buildset(NULL);
    assert_refused(DBK_INVALID, "NULL");
    new_one.sourcestamp_count = 1;
    add_buildset(&new_one);
    assert_refused(DBK_INVALID, "sourcestampids");
    new_one = (struct dbk_new_buildset)DBK_NEW_BUILDSET_INIT;
    new_one.size = 0;
    add_buildset(&new_one);
    assert_refused(DBK_INVALID, "DBK_NEW_BUILDSET_INIT");
    new_one = (struct dbk_new_buildset)DBK_NEW_BUILDSET_INIT;
    new_one.reason = text_of(257, "ü");
    add_buildset(&new_one);
    assert_refused(DBK_INVALID, "reason has 257 characters; the limit is 256");
    new_one.reason = NULL;
    new_one.external_idstring = text_of(257, "ü");
    add_buildset(&new_one);
    assert_refused(DBK_INVALID, "external_idstring has 257");
    new_one.external_idstring = text_of(256, "ü");
    add_buildset(&new_one);
    assert_ok();
}

/* ----------------------------------------------------------------------- add, buildrequest ---- */

static void add_buildrequest__is_submitted_now_and_not_claimed(void **state)
{
    (void)state;
    int64_t builderid = builder("linux"), setid = buildset("why", NULL, 0);
    int64_t before = last_position();
    now += 5;
    ASK(dbk_add_buildrequest(store, setid, builderid, -3, true, &call, on_id, NULL));
    assert_ok();
    int64_t id = answer.id;
    assert_int_equal(events_after(before), 1);
    assert_string_equal(answer.events[0].kind, "buildrequest");
    assert_string_equal(answer.events[0].verb, "new");
    assert_int_equal(answer.events[0].builderid, builderid);
    ASK(dbk_get_buildrequest(store, id, &call, on_buildrequest, NULL));
    const struct dbk_buildrequest *found = &answer.buildrequests[0];
    assert_int_equal(found->id, id);
    assert_int_equal(found->buildsetid, setid);
    assert_int_equal(found->builderid, builderid);
    assert_int_equal(found->priority, -3);
    assert_int_equal(found->complete, 0);
    assert_int_equal(found->results, -1);
    assert_int_equal(found->submitted_at, now);
    assert_int_equal(found->complete_at, DBK_NONE);
    assert_int_equal(found->waited_for, 1);
    assert_int_equal(found->claimed_at, DBK_NONE);
    assert_int_equal(found->claimed_by_masterid, DBK_NONE);
}

static void add_buildrequest__missing_parents_are_named_and_nothing_is_added(void **state)
{
    (void)state;
    int64_t builderid = builder("linux"), setid = buildset("why", NULL, 0);
    int64_t before = last_position();
    ASK(dbk_add_buildrequest(store, 815, builderid, 0, false, &call, on_id, NULL));
    assert_failed(DBK_NOT_FOUND, "there is no buildset with the id 815");
    ASK(dbk_add_buildrequest(store, setid, 4711, 0, false, &call, on_id, NULL));
    assert_failed(DBK_NOT_FOUND, "there is no builder with the id 4711");
    assert_int_equal(events_after(before), 0);
    ASK(dbk_get_buildrequests(store, NULL, &call, on_buildrequests, NULL));
    assert_int_equal(answer.count, 0);
}

static void add_buildrequest__wrong_arguments_are_refused(void **state)
{
    (void)state;
    ASK(dbk_add_buildrequest(store, 1, 1, DBK_NONE, false, &call, on_id, NULL));
    assert_refused(DBK_INVALID, "priority");
    ASK(dbk_add_buildrequest(NULL, 1, 1, 0, false, &call, on_id, NULL));
    assert_refused(DBK_INVALID, "NULL");
    ASK(dbk_add_buildrequest(store, 1, 1, 0, false, &call, NULL, NULL));
    assert_refused(DBK_INVALID, "NULL");
}

/* ----------------------------------------------------------------------------- add, change ---- */

static int64_t add_change(const struct dbk_new_change *new_one)
{
    ASK(dbk_add_change(store, new_one, &call, on_id, NULL));
    return answer.id;
}

static void add_change__keeps_what_is_given(void **state)
{
    (void)state;
    struct dbk_new_change new_one = DBK_NEW_CHANGE_INIT;
    new_one.sourcestampid = sourcestamp("main", "1");
    new_one.author = "dev1@example.org";
    int64_t parentid = add_change(&new_one);
    new_one.parent_changeid = parentid;
    new_one.committer = "dev2@example.org";
    new_one.comments = "two\nlines";
    new_one.branch = "main";
    new_one.revision = "rev1";
    new_one.revlink = "https://git.example/rev1";
    new_one.category = "c";
    new_one.repository = "git://example/hiredis";
    new_one.codebase = "lib";
    new_one.project = "hiredis";
    new_one.when_timestamp = 12345;
    int64_t before = last_position(), id = add_change(&new_one);
    assert_ok();
    assert_int_equal(events_after(before), 1);
    assert_string_equal(answer.events[0].kind, "change");
    assert_string_equal(answer.events[0].verb, "new");
    ASK(dbk_get_change(store, id, &call, on_change, NULL));
    const struct dbk_change *found = &answer.changes[0];
    assert_int_equal(found->id, id);
    assert_string_equal(found->author, "dev1@example.org");
    assert_string_equal(found->committer, "dev2@example.org");
    assert_string_equal(found->comments, "two\nlines");
    assert_string_equal(found->branch, "main");
    assert_string_equal(found->revision, "rev1");
    assert_string_equal(found->revlink, "https://git.example/rev1");
    assert_int_equal(found->when_timestamp, 12345);
    assert_string_equal(found->category, "c");
    assert_string_equal(found->repository, "git://example/hiredis");
    assert_string_equal(found->codebase, "lib");
    assert_string_equal(found->project, "hiredis");
    assert_int_equal(found->sourcestampid, new_one.sourcestampid);
    assert_int_equal(found->parent_changeid, parentid);
}

static void add_change__happened_now_unless_told_otherwise(void **state)
{
    (void)state;
    struct dbk_new_change new_one = DBK_NEW_CHANGE_INIT;
    new_one.sourcestampid = sourcestamp("main", "1");
    new_one.author = "";
    now += 5;
    int64_t id = add_change(&new_one);
    assert_ok();
    ASK(dbk_get_change(store, id, &call, on_change, NULL));
    const struct dbk_change *found = &answer.changes[0];
    assert_int_equal(found->when_timestamp, now);
    assert_string_equal(found->author, "");
    assert_string_equal(found->comments, "");
    assert_string_equal(found->repository, "");
    assert_string_equal(found->codebase, "");
    assert_string_equal(found->project, "");
    assert_null(found->committer);
    assert_null(found->branch);
    assert_null(found->revision);
    assert_null(found->revlink);
    assert_null(found->category);
    assert_int_equal(found->parent_changeid, DBK_NONE);
}

static void add_change__missing_parents_are_named_and_nothing_is_added(void **state)
{
    (void)state;
    struct dbk_new_change new_one = DBK_NEW_CHANGE_INIT;
    new_one.author = "dev1";
    new_one.sourcestampid = 4711;
    add_change(&new_one);
    assert_failed(DBK_NOT_FOUND, "there is no sourcestamp with the id 4711");
    new_one.sourcestampid = sourcestamp("main", "1");
    new_one.parent_changeid = 815;
    int64_t before = last_position();
    add_change(&new_one);
    assert_failed(DBK_NOT_FOUND, "there is no change with the id 815");
    assert_int_equal(events_after(before), 0);
    ASK(dbk_get_changes(store, NULL, &call, on_changes, NULL));
    assert_int_equal(answer.count, 0);
}

static void add_change__wrong_arguments_are_refused(void **state)
{
    (void)state;
    struct dbk_new_change new_one = DBK_NEW_CHANGE_INIT;
    add_change(NULL);
    assert_refused(DBK_INVALID, "NULL");
    add_change(&new_one);
    assert_refused(DBK_INVALID, "author must not be NULL");
    new_one.author = "dev1";
    add_change(&new_one);
    assert_refused(DBK_INVALID, "sourcestampid");
    new_one.size = 16;
    add_change(&new_one);
    assert_refused(DBK_INVALID, "DBK_NEW_CHANGE_INIT");
}

static void add_change__limits_are_in_characters(void **state)
{
    (void)state;
    static const struct {
        size_t offset, max;
        const char *words;
    } limits[] = {
        {offsetof(struct dbk_new_change, author), 255, "author has 256"},
        {offsetof(struct dbk_new_change, committer), 255, "committer has 256"},
        {offsetof(struct dbk_new_change, branch), 255, "branch has 256"},
        {offsetof(struct dbk_new_change, revision), 255, "revision has 256"},
        {offsetof(struct dbk_new_change, revlink), 256, "revlink has 257"},
        {offsetof(struct dbk_new_change, category), 255, "category has 256"},
        {offsetof(struct dbk_new_change, repository), 512, "repository has 513"},
        {offsetof(struct dbk_new_change, codebase), 255, "codebase has 256"},
        {offsetof(struct dbk_new_change, project), 512, "project has 513"},
    };
    int64_t stampid = sourcestamp("main", "1");
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        struct dbk_new_change new_one = DBK_NEW_CHANGE_INIT;
        new_one.author = "dev1";
        new_one.sourcestampid = stampid;
        const char **text = (const char **)(void *)((char *)&new_one + limits[i].offset);
        *text = text_of(limits[i].max, "ü");
        add_change(&new_one);
        assert_ok();
        *text = text_of(limits[i].max + 1, "ü");
        add_change(&new_one);
        assert_refused(DBK_INVALID, limits[i].words);
    }
}

/* -------------------------------------------------------------------------- beside others ---- */

/* A number that a query on the test's file gives; of a text the digits that it begins with. */
static int64_t query(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt;
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    int64_t number = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return number;
}

static void find__keeps_the_hashes_that_buildbot_keeps(void **state)
{
    (void)state;
    sqlite3 *db;
    struct dbk_sourcestamp_key key = DBK_SOURCESTAMP_KEY_INIT;
    builder("hiredis-gcc");
    builder("ünïcode büilder");
    FIND(2, "ci.example:/srv/master", true);
    key.branch = "main";
    key.revision = "rev1";
    key.repository = "git://example/hiredis";
    key.project = "hiredis";
    find_sourcestamp(&key, true);
    key.branch = key.revision = NULL;
    key.patchid = 7;
    find_sourcestamp(&key, true);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(query(db, "SELECT count(*) FROM builders WHERE name_hash IN"
                               " ('be38c488db9e96e938d8e515e08f165e747aab07',"
                               " '90870f2885ddc7e5f8c3a61903daab1c2b418444')"),
                     2);
    assert_int_equal(query(db, "SELECT count(*) FROM masters WHERE name_hash ="
                               " '63046058bcb6722d48d162e07b211b5f3b4dd5f3'"),
                     1);
    assert_int_equal(query(db, "SELECT count(*) FROM sourcestamps WHERE ss_hash IN"
                               " ('e2a913dca26e2248e48caf19b83feb85a6754220',"
                               " 'ecd50eb8caaddaacefedf23bb8461f81a22e98b0')"),
                     2);
    sqlite3_close(db);
}

static void find__one_that_is_there_writes_nothing(void **state)
{
    (void)state;
    sqlite3 *db;
    builder("linux");
    FIND(1, "w1", true);
    FIND(2, "ci", true);
    find_sourcestamp(&FULL_KEY, true);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    int64_t version = query(db, "PRAGMA data_version");
    builder("linux");
    FIND(1, "w1", true);
    FIND(2, "ci", true);
    find_sourcestamp(&FULL_KEY, true);
    assert_int_equal(query(db, "PRAGMA data_version"), version);
    builder("other");
    assert_int_not_equal(query(db, "PRAGMA data_version"), version);
    sqlite3_close(db);
}

static void find__two_stores_get_one_id(void **state)
{
    (void)state;
    enum { COUNT = 40 };
    struct dbk_store *mine = store, *other = open_store(path);
    int64_t ids[COUNT];
    for (int i = 0; i < COUNT; i++) {
        char name[16];
        snprintf(name, sizeof name, "b%d", i / 2);
        store = i % 4 < 2 ? mine : other;
        ids[i] = builder(name);
        store = i % 4 < 2 ? other : mine;
        assert_int_equal(builder(name), ids[i]);
        assert_int_equal(ids[i], i / 2 + 1); /* no id is left out either */
    }
    store = mine;
    assert_int_equal(events_after(0), COUNT / 2);
    dbk_close_wait(other);
}

static void find__cannot_add_to_a_buildbot_database_but_finds_there(void **state)
{
    (void)state;
    int64_t id = builder("linux");
    struct dbk_new_buildset new_set = DBK_NEW_BUILDSET_INIT;
    struct dbk_new_change new_change = DBK_NEW_CHANGE_INIT;
    new_change.author = "dev1";
    new_change.sourcestampid = find_sourcestamp(&FULL_KEY, true);
    reopen(AS_BUILDBOT, "?writes=master");
    FIND(0, "linux", false);
    assert_int_equal(answer.id, id);
    for (int i = 0; i < NAMED_COUNT; i++) {
        FIND(i, "linux", true);
        assert_refused(DBK_UNSUPPORTED, NAMED[i].noun);
    }
    find_sourcestamp(&FULL_KEY, false);
    assert_ok();
    find_sourcestamp(&FULL_KEY, true);
    assert_refused(DBK_UNSUPPORTED, "sourcestamp");
    add_buildset(&new_set);
    assert_refused(DBK_UNSUPPORTED, "adding a buildset");
    ASK(dbk_add_buildrequest(store, 1, 1, 0, false, &call, on_id, NULL));
    assert_refused(DBK_UNSUPPORTED, "adding a buildrequest");
    add_change(&new_change);
    assert_refused(DBK_UNSUPPORTED, "adding a change");
}

static void find__cannot_add_to_what_is_read_only_but_finds_there(void **state)
{
    (void)state;
    int64_t id = builder("linux");
    reopen("", "?mode=ro");
    FIND(0, "linux", false);
    assert_int_equal(answer.id, id);
    FIND(0, "linux", true);
    assert_refused(DBK_READ_ONLY, "mode=ro");
}

static const struct CMUnitTest BOTH[] = {
    TEST(find_by_name__missing_is_not_found_and_named),
    TEST(find_by_name__added_once_is_found_again),
    TEST(find_by_name__only_adding_leaves_an_event),
    TEST(find_by_name__submitted_together_get_one_id),
    TEST(find_by_name__wrong_names_are_refused),
    TEST(find_by_name__builders_and_masters_have_1_to_256_characters),
    TEST(find_by_name__long_name_is_cut_in_the_message_between_characters),
    TEST(find_builder_id__new_one_has_no_description),
    TEST(find_worker_id__name_has_1_to_50_characters),
    TEST(find_worker_id__new_one_is_not_paused_and_has_no_info),
    TEST(find_master_id__new_one_is_not_active_and_last_active_now),
    TEST(find_sourcestamp_id__missing_is_not_found_and_named),
    TEST(find_sourcestamp_id__added_once_is_found_again),
    TEST(find_sourcestamp_id__each_part_of_the_key_makes_another),
    TEST(find_sourcestamp_id__no_repository_is_empty_and_no_branch_is_not),
    TEST(find_sourcestamp_id__limits_are_in_characters),
    TEST(find_sourcestamp_id__wrong_keys_are_refused),
    TEST(add_buildset__is_submitted_now_and_not_complete),
    TEST(add_buildset__what_is_not_given_is_none_and_the_reason_empty),
    TEST(add_buildset__repeated_sourcestamps_count_once),
    TEST(add_buildset__missing_parts_are_named_and_nothing_is_added),
    TEST(add_buildset__takes_1000_sourcestamps_and_not_1001),
    TEST(add_buildset__wrong_arguments_are_refused),
    TEST(add_buildrequest__is_submitted_now_and_not_claimed),
    TEST(add_buildrequest__missing_parents_are_named_and_nothing_is_added),
    TEST(add_buildrequest__wrong_arguments_are_refused),
    TEST(add_change__keeps_what_is_given),
    TEST(add_change__happened_now_unless_told_otherwise),
    TEST(add_change__missing_parents_are_named_and_nothing_is_added),
    TEST(add_change__wrong_arguments_are_refused),
    TEST(add_change__limits_are_in_characters),
};

static const struct CMUnitTest ON_FILE[] = {
    TEST(find__keeps_the_hashes_that_buildbot_keeps),
    TEST(find__one_that_is_there_writes_nothing),
    TEST(find__two_stores_get_one_id),
    TEST(find__cannot_add_to_a_buildbot_database_but_finds_there),
    TEST(find__cannot_add_to_what_is_read_only_but_finds_there),
};

RUN_TESTS("finding and adding parents", BOTH, ON_FILE)
