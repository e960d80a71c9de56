/* The records of a Buildbot database, copied into a store of daybook's own of any kind. */
#include "adoption.h"

static const char *source_url;
static struct dbk_copy_options wanted;

/* With the arguments of the other long work. */
static int copy_fn(struct dbk_store *store, bool is_dry_run, const struct dbk_call *call,
                   dbk_report_fn *report, dbk_done_fn *done, void *user)
{
    (void)is_dry_run;
    return dbk_copy(store, source_url, &wanted, call, report, done, user);
}

static int verify_fn(struct dbk_store *store, bool is_dry_run, const struct dbk_call *call,
                     dbk_report_fn *report, dbk_done_fn *done, void *user)
{
    (void)is_dry_run;
    return dbk_verify(store, source_url, call, report, done, user);
}

static int run_at(struct reports *r, const char *from_url, const char *url, long_fn *function,
                  bool is_exclusive)
{
    struct dbk_options options = DBK_OPTIONS_INIT;
    struct dbk_error error;
    struct dbk_store *store;
    options.is_exclusive = options.is_created = is_exclusive;
    if (dbk_open(url, &options, &store, &error))
        fail_msg("%s", error.message);
    source_url = from_url;
    int status = long_run(r, store, function, false);
    assert_int_equal(dbk_close_wait(store), DBK_OK);
    return status;
}

static int copy(struct reports *r, const char *from_url, const char *url, bool is_records_only,
                bool skips_dirty)
{
    wanted = (struct dbk_copy_options)DBK_COPY_OPTIONS_INIT;
    wanted.is_records_only = is_records_only;
    wanted.skips_dirty = skips_dirty;
    return run_at(r, from_url, url, copy_fn, true);
}

static void expect_equal(const char *from_url, const char *url)
{
    struct reports r = {.count = 0};
    if (run_at(&r, from_url, url, verify_fn, false))
        fail_msg("%s", r.answer.error.message);
    assert_string_equal(r.findings, "");
}

static const char *new_file(void)
{
    return test_format("sqlite:///%s/own.sqlite", test_folder());
}

static void copy__of_a_buildbot_database_lists_what_it_leaves_and_wants_to_be_told(void **state)
{
    struct buildbot *b = *state;
    struct reports r = {.count = 0};
    const struct picture before = take_picture(b);
    const char *url = new_file();
    assert_int_equal(copy(&r, b->url, url, false, false), DBK_UNSUPPORTED);
    assert_non_null(strstr(r.findings, "left schedulers "));
    assert_non_null(strstr(r.texts, "7 rows are left behind"));
    assert_null(strstr(r.findings, "builds"));
    assert_non_null(strstr(r.answer.error.message, "--records-only"));
    assert_int_equal(copy(&r, b->url, url, true, false), DBK_OK);
    assert_non_null(strstr(r.findings, "left schedulers "));
    expect_picture(b, &before);
}

static void copy__of_records_through_every_kind_ends_in_equal_contents(void **state)
{
    struct buildbot *b = *state;
    struct reports r = {.count = 0};
    const char *url = new_file();
    assert_int_equal(copy(&r, b->url, url, true, false), DBK_OK);
    expect_equal(b->url, url);
    const char *at = url;
    for (size_t i = 0; i < ENGINE_COUNT; i++) {
        const char *next = ENGINES[i].is_persistent && !ENGINES[i].is_file && !ENGINES[i].is_extra
                               ? ENGINES[i].place()
                               : NULL;
        if (!next)
            continue;
        assert_int_equal(copy(&r, at, next, false, false), DBK_OK);
        at = next;
    }
    const char *back = new_file();
    assert_int_equal(copy(&r, at, back, false, false), DBK_OK);
    expect_equal(url, back);
    expect_equal(b->url, back);
}

static void copy__of_an_adopted_database_is_the_same(void **state)
{
    struct buildbot *b = *state;
    struct reports r = {.count = 0};
    const char *url = new_file();
    assert_int_equal(long_run_alone(b, &r, dbk_adopt), DBK_OK);
    assert_int_equal(copy(&r, b->url, url, true, false), DBK_OK);
    expect_equal(b->url, url);
}

static void copy__answers_as_the_database_that_it_was_made_of(void **state)
{
    struct buildbot *b = *state;
    struct reports r = {.count = 0};
    struct answer here, there;
    struct dbk_store *store;
    const char *url = new_file();
    assert_int_equal(copy(&r, b->url, url, true, false), DBK_OK);
    buildbot_open(b, "");
    assert_int_equal(dbk_open(url, NULL, &store, NULL), DBK_OK);
    const struct dbk_codebase codebase = {
        .repository = "https://git.example/c-ares.git", .branch = "HEAD", .codebase = ""};
    int found = 0;
    for (int64_t number = 1; number < 40; number++) {
        ASK(&here, b->store, on_build, dbk_get_build, number);
        ASK(&there, store, on_build, dbk_get_build, number);
        assert_non_null(here.build);
        assert_string_equal(here.build->state_string, there.build->state_string);
        /* The one is looked for by walking, the other in the table of lineages. */
        ASK(&here, b->store, on_build, dbk_get_prev_successful_build, 1, number, &codebase, 1);
        ASK(&there, store, on_build, dbk_get_prev_successful_build, 1, number, &codebase, 1);
        assert_int_equal(here.build ? here.build->id : 0, there.build ? there.build->id : 0);
        found += here.build != NULL;
    }
    assert_true(found > 0);
    assert_int_equal(dbk_close_wait(store), DBK_OK);
}

static void copy__beside_a_running_master_is_refused(void **state)
{
    struct buildbot *b = *state;
    struct reports r = {.count = 0};
    buildbot_change(b, "UPDATE masters SET active = 1, last_active = 2147483647");
    assert_int_equal(copy(&r, b->url, new_file(), true, false), DBK_UNSUPPORTED);
    assert_non_null(strstr(r.answer.error.message, "stop it, copy"));
    assert_int_equal(copy(&r, buildbot_url(b, "?master=stopped"), new_file(), true, false), DBK_OK);
}

static void copy__names_dirty_rows_and_leaves_them_out_if_told(void **state)
{
    struct buildbot *b = *state;
    struct reports r = {.count = 0};
    const char *url = new_file();
    buildbot_change(b,
                    "UPDATE builds SET builderid = 999 WHERE id = 3;"
                    "UPDATE builds SET workerid = 999 WHERE id = 4;"
                    "INSERT INTO build_properties VALUES (5, 'a', '1', 's'), (5, 'a', '2', 's')");
    if (b->engine->is_file) /* a server does not take these */
        buildbot_change(b, "UPDATE steps SET name = printf('%.60c', 'x') WHERE id = 20;"
                           "UPDATE builds SET state_string = CAST(x'ff00' AS TEXT) WHERE id = 9;"
                           "UPDATE builds SET started_at = 'soon' WHERE id = 10");
    assert_int_equal(copy(&r, b->url, url, true, false), DBK_CONFLICT);
    assert_non_null(strstr(r.answer.error.message, "--skip-dirty"));
    assert_int_equal(copy(&r, b->url, url, true, true), DBK_OK);
    assert_non_null(strstr(r.findings, "orphan builds 3\n"));
    assert_non_null(strstr(r.findings, "orphan builds 4\n"));
    assert_non_null(strstr(r.findings, "orphan build_properties 3\n"));
    assert_non_null(strstr(r.findings, "orphan steps "));
    assert_non_null(strstr(r.findings, "duplicate build_properties 5\n"));
    if (b->engine->is_file) {
        assert_non_null(strstr(r.findings, "value steps 20\n"));
        assert_non_null(strstr(r.findings, "value builds 9\n"));
        assert_non_null(strstr(r.findings, "value builds 10\n"));
    }
    const char *path = url + strlen("sqlite:///");
    assert_same_text(
        raw_text(path, "SELECT value FROM build_properties WHERE buildid = 5 AND name = 'a'"), "2");
    assert_int_equal(raw_int(path, "SELECT count(*) FROM builds WHERE id IN (3, 4)"), 0);
    assert_int_equal(raw_int(path, "SELECT count(*) FROM steps WHERE buildid IN (3, 4)"), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copy__of_a_buildbot_database_lists_what_it_leaves_and_wants_to_be_told),
        cmocka_unit_test(copy__of_records_through_every_kind_ends_in_equal_contents),
        cmocka_unit_test(copy__of_an_adopted_database_is_the_same),
        cmocka_unit_test(copy__answers_as_the_database_that_it_was_made_of),
        cmocka_unit_test(copy__beside_a_running_master_is_refused),
        cmocka_unit_test(copy__names_dirty_rows_and_leaves_them_out_if_told),
    };
    return buildbot_run("copy_buildbot", argc > 1 ? argv[1] : NULL, tests, COUNT_OF(tests));
}
