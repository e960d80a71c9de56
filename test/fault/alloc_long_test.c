/*
 * Memory that runs out in long work: the n-th allocation of the library fails, for every n until the work
 * needs no more. What then happens is either the right end or DBK_NO_MEMORY; and done again it comes to
 * what it would have come to.
 *
 * usage: alloc_long_test DATABASE (of a master)
 */
#include "adoption.h"

#include "base/alloc.h"

#include <unistd.h>

/* dbk_check() with the arguments of the other long work. */
static int check(struct dbk_store *store, bool is_dry_run, const struct dbk_call *call,
                 dbk_report_fn *report, dbk_done_fn *done, void *user)
{
    (void)is_dry_run;
    return dbk_check(store, call, report, done, user);
}

/* What one try came to. */
struct attempt {
    struct reports reports;
    int status;
    bool has_all_memory; /* no allocation failed */
};

static struct attempt attempt(struct buildbot *b, long_fn *function, int64_t fail_after)
{
    struct attempt tried = {.status = 0};
    buildbot_open_exclusive(b, "", false);
    dbki_alloc_fail_after(fail_after, 0);
    tried.status = long_run(&tried.reports, b->store, function, false);
    tried.has_all_memory = dbki_alloc_fail_after(-1, 0) > 0;
    buildbot_close(b);
    if (tried.status && tried.status != DBK_NO_MEMORY)
        fail_msg("allocation %lld: %s", (long long)fail_after, tried.reports.answer.error.message);
    return tried;
}

static const char *lineages(const struct buildbot *b)
{
    return raw_text(b->path, "SELECT group_concat(buildid || ' ' || lineage_hash) FROM"
                             " (SELECT * FROM daybook_lineage ORDER BY buildid)");
}

static void adopt__without_memory_ends_so_and_goes_on_when_it_is_done_again(void **state)
{
    struct buildbot *b = *state;
    FILES_ONLY(b); /* a server's driver takes its memory elsewhere */
    assert_int_equal(attempt(b, dbk_adopt, -1).status, DBK_OK);
    const char *schema = buildbot_schema(b, true), *expected = lineages(b);
    int failed = 0;
    for (int64_t n = 0;; n++) {
        assert_int_equal(attempt(b, dbk_release, -1).status, DBK_OK);
        struct attempt tried = attempt(b, dbk_adopt, n);
        failed += tried.status != DBK_OK;
        if (tried.status)
            assert_int_equal(attempt(b, dbk_adopt, -1).status, DBK_OK);
        assert_string_equal(buildbot_schema(b, true), schema);
        assert_string_equal(lineages(b), expected);
        if (tried.has_all_memory)
            break;
    }
    assert_true(failed > 0);
}

static void release__without_memory_ends_so_and_goes_on_when_it_is_done_again(void **state)
{
    struct buildbot *b = *state;
    FILES_ONLY(b); /* a server's driver takes its memory elsewhere */
    const char *schema = buildbot_schema(b, true);
    int failed = 0;
    for (int64_t n = 0;; n++) {
        assert_int_equal(attempt(b, dbk_adopt, -1).status, DBK_OK);
        struct attempt tried = attempt(b, dbk_release, n);
        failed += tried.status != DBK_OK;
        if (tried.status)
            assert_int_equal(attempt(b, dbk_release, -1).status, DBK_OK);
        assert_string_equal(buildbot_schema(b, true), schema);
        if (tried.has_all_memory)
            break;
    }
    assert_true(failed > 0);
}

static void upgrade__without_memory_ends_so_and_goes_on_when_it_is_done_again(void **state)
{
    struct buildbot *b = *state;
    FILES_ONLY(b); /* a server's driver takes its memory elsewhere */
    assert_int_equal(attempt(b, dbk_adopt, -1).status, DBK_OK);
    const char *schema = buildbot_schema(b, true);
    int failed = 0;
    for (int64_t n = 0;; n++) {
        raw_run(b->path, "DROP INDEX daybook_builds_complete");
        struct attempt tried = attempt(b, dbk_upgrade, n);
        failed += tried.status != DBK_OK;
        if (tried.status)
            assert_int_equal(attempt(b, dbk_upgrade, -1).status, DBK_OK);
        assert_string_equal(buildbot_schema(b, true), schema);
        if (tried.has_all_memory)
            break;
    }
    assert_true(failed > 0);
}

/* A check that went well has found all there is. */
static void check__without_memory_says_so_and_never_finds_less(void **state)
{
    struct buildbot *b = *state;
    FILES_ONLY(b); /* a server's driver takes its memory elsewhere */
    raw_run(b->path, "UPDATE steps SET urls_json = '{' WHERE id % 3 = 0;"
                     "UPDATE build_properties SET value = 'x' WHERE buildid = 2");
    const char *expected = attempt(b, check, -1).reports.findings;
    assert_true(strlen(expected) > 0);
    int failed = 0;
    for (int64_t n = 0;; n++) {
        struct attempt tried = attempt(b, check, n);
        failed += tried.status != DBK_OK;
        if (!tried.status)
            assert_string_equal(tried.reports.findings, expected);
        if (tried.has_all_memory)
            break;
    }
    assert_true(failed > 0);
}

/* A plan of a repair is a look, too. */
static void repair__without_memory_says_so_and_never_finds_less(void **state)
{
    struct buildbot *b = *state;
    FILES_ONLY(b); /* a server's driver takes its memory elsewhere */
    raw_run(b->path, "UPDATE steps SET buildid = 99999 + id WHERE id % 3 = 0;"
                     "UPDATE build_data SET length = length + 1");
    int failed = 0;
    const char *expected = NULL;
    for (int64_t n = -1;; n++) {
        struct attempt tried = {.status = 0};
        buildbot_open(b, "");
        dbki_alloc_fail_after(n, 0);
        tried.status = long_run(&tried.reports, b->store, dbk_repair, true);
        tried.has_all_memory = dbki_alloc_fail_after(-1, 0) > 0;
        buildbot_close(b);
        failed += tried.status != DBK_OK;
        assert_true(!tried.status || tried.status == DBK_NO_MEMORY);
        if (!expected)
            expected = tried.reports.statements;
        if (!tried.status)
            assert_string_equal(tried.reports.statements, expected);
        if (n >= 0 && tried.has_all_memory)
            break;
    }
    assert_true(failed > 0);
    assert_non_null(strstr(expected, "DELETE FROM steps"));
}

/* dbk_prune() of all but a few builds. */
static int prune(struct dbk_store *store, bool is_dry_run, const struct dbk_call *call,
                 dbk_report_fn *report, dbk_done_fn *done, void *user)
{
    struct dbk_retention *retention = NULL;
    int status = dbk_retention_parse("builds = * keep 2", &retention, call->out_refusal);
    (void)is_dry_run;
    if (!status)
        status = dbk_prune(store, retention, NULL, call, report, done, user);
    dbk_retention_free(retention);
    return status;
}

static void prune__without_memory_ends_so_and_goes_on_when_it_is_done_again(void **state)
{
    struct buildbot *b = *state;
    FILES_ONLY(b); /* a server's driver takes its memory elsewhere */
    int failed = 0;
    assert_int_equal(attempt(b, dbk_adopt, -1).status, DBK_OK);
    int64_t builds = buildbot_int(b, "SELECT count(*) FROM builds");
    for (int64_t n = 0;; n++) {
        struct reports reports = {.count = 0};
        buildbot_open(b, "?writes=existing");
        dbki_alloc_fail_after(n, 0);
        int status = long_run(&reports, b->store, prune, false);
        bool has_all_memory = dbki_alloc_fail_after(-1, 0) > 0;
        buildbot_close(b);
        if (status && status != DBK_NO_MEMORY)
            fail_msg("allocation %lld: %s", (long long)n, reports.answer.error.message);
        assert_int_equal(buildbot_int(b, "SELECT count(*) FROM steps WHERE buildid NOT IN"
                                         " (SELECT id FROM builds)"),
                         0);
        failed += status != DBK_OK;
        if (has_all_memory)
            break;
    }
    assert_true(failed > 0);
    assert_true(buildbot_int(b, "SELECT count(*) FROM builds") < builds / 2);
}

static int64_t erased_build;

static int erase(struct dbk_store *store, bool is_dry_run, const struct dbk_call *call,
                 dbk_report_fn *report, dbk_done_fn *done, void *user)
{
    (void)is_dry_run;
    return dbk_erase(store, erased_build, DBK_ERASE_CONTENTS, NULL, false, call, report, done,
                     user);
}

static void erase__without_memory_ends_so_and_goes_on_when_it_is_done_again(void **state)
{
    struct buildbot *b = *state;
    FILES_ONLY(b);
    int failed = 0;
    assert_int_equal(attempt(b, dbk_adopt, -1).status, DBK_OK);
    erased_build = buildbot_int(b, "SELECT max(buildid) FROM steps");
    for (int64_t n = 0;; n++) {
        struct reports reports = {.count = 0};
        buildbot_open(b, "?writes=existing");
        dbki_alloc_fail_after(n, 0);
        int status = long_run(&reports, b->store, erase, false);
        bool has_all_memory = dbki_alloc_fail_after(-1, 0) > 0;
        buildbot_close(b);
        if (status && status != DBK_NO_MEMORY)
            fail_msg("allocation %lld: %s", (long long)n, reports.answer.error.message);
        failed += status != DBK_OK;
        if (has_all_memory)
            break;
    }
    assert_true(failed > 0);
    assert_int_equal(buildbot_int(b, test_format("SELECT count(*) FROM steps WHERE buildid = %lld",
                                                 (long long)erased_build)),
                     0);
    expect_whole(b);
}

/* ---------------------------------------------------------------------------------- copying ---- */

static const char *source_url;

static int copy(struct dbk_store *store, bool is_dry_run, const struct dbk_call *call,
                dbk_report_fn *report, dbk_done_fn *done, void *user)
{
    struct dbk_copy_options options = DBK_COPY_OPTIONS_INIT;
    (void)is_dry_run;
    options.is_records_only = true;
    return dbk_copy(store, source_url, &options, call, report, done, user);
}

static int verify(struct dbk_store *store, bool is_dry_run, const struct dbk_call *call,
                  dbk_report_fn *report, dbk_done_fn *done, void *user)
{
    (void)is_dry_run;
    return dbk_verify(store, source_url, call, report, done, user);
}

static struct attempt attempt_at(const char *url, long_fn *function, int64_t fail_after)
{
    struct attempt tried = {.status = 0};
    struct dbk_options options = DBK_OPTIONS_INIT;
    struct dbk_error error;
    struct dbk_store *store;
    options.is_exclusive = options.is_created = true;
    if (dbk_open(url, &options, &store, &error))
        fail_msg("%s", error.message);
    dbki_alloc_fail_after(fail_after, 0);
    tried.status = long_run(&tried.reports, store, function, false);
    tried.has_all_memory = dbki_alloc_fail_after(-1, 0) > 0;
    assert_int_equal(dbk_close_wait(store), DBK_OK);
    if (tried.status && tried.status != DBK_NO_MEMORY)
        fail_msg("allocation %lld: %s", (long long)fail_after, tried.reports.answer.error.message);
    return tried;
}

/* Not every allocation, which would take minutes: ever fewer of the later ones, which are much the same. */
static void copy__without_memory_ends_so_and_goes_on_to_equal_contents(void **state)
{
    struct buildbot *b = *state;
    FILES_ONLY(b); /* a server's driver takes its memory elsewhere */
    source_url = b->url;
    int failed = 0;
    for (int64_t n = 0;; n += 1 + n / 6) {
        const char *url = test_format("sqlite:///%s/copy-%lld.sqlite", b->folder, (long long)n);
        struct attempt tried = attempt_at(url, copy, n);
        failed += tried.status != DBK_OK;
        if (tried.status)
            assert_int_equal(attempt_at(url, copy, -1).status, DBK_OK);
        const struct attempt compared = attempt_at(url, verify, -1);
        assert_int_equal(compared.status, DBK_OK);
        assert_string_equal(compared.reports.findings, "");
        attempt_at(url, verify, n);
        if (tried.has_all_memory)
            break;
    }
    assert_true(failed > 10);
}

/* --------------------------------------------------------------------------------- backing up ---- */

static const char *backup_path;

static int backup(struct dbk_store *store, bool is_dry_run, const struct dbk_call *call,
                  dbk_report_fn *report, dbk_done_fn *done, void *user)
{
    (void)is_dry_run;
    return dbk_backup(store, backup_path, NULL, call, report, done, user);
}

static void backup__without_memory_ends_so_and_leaves_nothing(void **state)
{
    struct buildbot *b = *state;
    FILES_ONLY(b); /* a server's driver takes its memory elsewhere */
    const char *folder = test_folder();
    backup_path = test_format("%s/copy.sqlite", folder);
    int failed = 0;
    for (int64_t n = 0;; n++) {
        struct attempt tried = attempt(b, backup, n);
        failed += tried.status != DBK_OK;
        assert_int_equal(folder_count(folder), tried.status == DBK_OK);
        if (!tried.status) {
            assert_string_equal(raw_text(backup_path, "PRAGMA integrity_check"), "ok");
            unlink(backup_path);
        }
        if (tried.has_all_memory)
            break;
    }
    assert_true(failed > 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adopt__without_memory_ends_so_and_goes_on_when_it_is_done_again),
        cmocka_unit_test(release__without_memory_ends_so_and_goes_on_when_it_is_done_again),
        cmocka_unit_test(upgrade__without_memory_ends_so_and_goes_on_when_it_is_done_again),
        cmocka_unit_test(check__without_memory_says_so_and_never_finds_less),
        cmocka_unit_test(repair__without_memory_says_so_and_never_finds_less),
        cmocka_unit_test(backup__without_memory_ends_so_and_leaves_nothing),
        cmocka_unit_test(prune__without_memory_ends_so_and_goes_on_when_it_is_done_again),
        cmocka_unit_test(erase__without_memory_ends_so_and_goes_on_when_it_is_done_again),
        cmocka_unit_test(copy__without_memory_ends_so_and_goes_on_to_equal_contents),
    };
    return buildbot_run("alloc_long", argc > 1 ? argv[1] : NULL, tests,
                        sizeof tests / sizeof *tests);
}
