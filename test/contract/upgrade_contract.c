/* Bringing a store up whose tables an older daybook made. */
#include "fixture.h"

/* What long work said. */
struct reports {
    struct answer answer; /* first: what wait.h fills */
    const char *statements;
    int count, finding_count, cancel_after;
    struct dbk_store *store;
};

static void on_report(void *user, const struct dbk_report *report)
{
    struct reports *r = user;
    r->finding_count += report->kind == DBK_REPORT_FINDING;
    if (report->kind != DBK_REPORT_STATEMENT)
        return;
    r->statements = test_format("%s%s\n", r->statements, report->text);
    if (++r->count == r->cancel_after)
        dbk_cancel(r->store, *r->answer.call.out_op);
}

static int upgrade(struct reports *r, struct fixture *f, bool is_dry_run, int cancel_after)
{
    struct dbk_options options = DBK_OPTIONS_INIT;
    struct dbk_error error;
    *r = (struct reports){.statements = "", .cancel_after = cancel_after};
    options.is_exclusive = !is_dry_run;
    if (dbk_open(f->url, &options, &r->store, &error))
        return error.status;
    answer_begin(&r->answer);
    r->answer.call.out_op = test_take(sizeof(struct dbk_op));
    int status =
        answer_end(&r->answer, r->store,
                   dbk_upgrade(r->store, is_dry_run, &r->answer.call, on_report, on_done, r));
    assert_int_equal(dbk_close_wait(r->store), DBK_OK);
    return status;
}

static const char *drop_index(struct fixture *f, const char *name)
{
    return test_format("DROP INDEX %s%s", name, f->engine->words == IN_MARIADB ? " ON builds" : "");
}

/* The tables of the first version, some of whose indexes are not there either. */
static void make_old(struct fixture *f)
{
    fixture_change(f, "ALTER TABLE build_properties DROP COLUMN position");
    fixture_change(f, drop_index(f, "builds_results"));
    fixture_change(f, drop_index(f, "builds_complete"));
    fixture_change(f, "UPDATE daybook_schema SET version = 1");
}

/* A look past the store, which is open meanwhile. */
#define OLD_ONLY(f)                                                                                \
    do {                                                                                           \
        if (!(f)->engine->is_seen_by_others || !(f)->engine->is_persistent)                        \
            skip();                                                                                \
    } while (0)

static void expect_brought_up(struct fixture *f)
{
    struct reports r;
    fixture_reopen(f);
    assert_int_equal(fixture_look_int(f, "SELECT version FROM daybook_schema"), 2);
    assert_int_equal(upgrade(&r, f, false, 0), DBK_OK);
    assert_string_equal(r.statements, "");
    set_property(f, 1, "a", "3", "s");
    assert_string_equal(names_by_position(f, 1), "b z a ");
}

static void upgrade__adds_what_is_new_and_keeps_what_is_there(void **state)
{
    struct fixture *f = *state;
    struct reports r;
    OLD_ONLY(f);
    int64_t buildid = add_build(f);
    assert_int_equal(buildid, 1);
    set_property(f, buildid, "z", "1", "s");
    set_property(f, buildid, "b", "2", "s");
    make_old(f);
    assert_int_equal(upgrade(&r, f, true, 0), DBK_SCHEMA); /* it is not opened */
    assert_int_equal(upgrade(&r, f, false, 0), DBK_OK);
    assert_non_null(strstr(r.statements, "ADD COLUMN position"));
    assert_non_null(strstr(r.statements, " builds_results ON"));
    assert_non_null(strstr(r.statements, " builds_complete ON"));
    expect_brought_up(f);
}

static void upgrade__cut_off_after_any_statement_is_done_again(void **state)
{
    struct fixture *f = *state;
    struct reports r;
    OLD_ONLY(f);
    set_property(f, add_build(f), "z", "1", "s");
    set_property(f, 1, "b", "2", "s");
    for (int n = 1; n <= 3; n += 2) { /* an index, and the column */
        make_old(f);
        upgrade(&r, f, false, n);
        assert_true(r.count >= n);
        assert_int_equal(upgrade(&r, f, false, 0), DBK_OK);
        expect_brought_up(f);
        fixture_change(f, "DELETE FROM build_properties WHERE name = 'a'");
    }
}

static void a_dry_run__names_an_index_that_is_not_there(void **state)
{
    struct fixture *f = *state;
    OLD_ONLY(f);
    struct reports r = {.statements = ""};
    fixture_change(f, drop_index(f, "builds_results"));
    assert_int_equal(upgrade(&r, f, true, 0), DBK_OK);
    assert_non_null(strstr(r.statements, " builds_results ON"));
    assert_int_equal(upgrade(&r, f, false, 0), DBK_OK);
    assert_int_equal(upgrade(&r, f, true, 0), DBK_OK);
    assert_string_equal(r.statements, "");
}

/* ------------------------------------------------------------------- read before its upgrade ---- */

static void record_and_make_old(struct fixture *f)
{
    int64_t buildid = add_build(f);
    set_property(f, buildid, "z", "1", "s");
    set_property(f, buildid, "b", "2", "s");
    set_data(f, buildid, "log", "what was built", "s");
    make_old(f);
}

static struct dbk_store *open_older(struct fixture *f)
{
    struct dbk_options options = DBK_OPTIONS_INIT;
    struct dbk_error error;
    struct dbk_store *store;
    options.takes_older = true;
    if (dbk_open(f->url, &options, &store, &error))
        fail_msg("%s", error.message);
    assert_true(dbk_get_info(store)->is_read_only);
    return store;
}

static void begin(struct reports *r, struct dbk_store *store)
{
    *r = (struct reports){.statements = "", .store = store};
    answer_begin(&r->answer);
}

static void an_older_store__is_backed_up_as_it_is(void **state)
{
    struct fixture *f = *state;
    struct reports r;
    if (!f->engine->is_file)
        skip();
    record_and_make_old(f);
    struct fixture copy = *f;
    copy.url = f->engine->place();
    const char *path = copy.path = copy.url + strlen("sqlite:///");
    begin(&r, open_older(f));
    if (answer_end(&r.answer, r.store,
                   dbk_backup(r.store, path, NULL, &r.answer.call, on_report, on_done, &r)))
        fail_msg("%s", r.answer.error.message);
    assert_int_equal(r.finding_count, 0);
    assert_int_equal(dbk_close_wait(r.store), DBK_OK);
    assert_int_equal(fixture_look_int(&copy, "SELECT version FROM daybook_schema"), 1);
    assert_int_equal(dbk_open(path, NULL, &r.store, NULL), DBK_SCHEMA);
    assert_int_equal(upgrade(&r, &copy, false, 0), DBK_OK);
    copy.store = f->store;
    fixture_reopen(&copy); /* the copy, in place of the store */
    f->store = copy.store;
    set_property(&copy, 1, "a", "3", "s");
    assert_string_equal(names_by_position(&copy, 1), "b z a ");
}

static void an_older_store__takes_no_other_call_before_its_upgrade(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    struct reports r;
    OLD_ONLY(f);
    record_and_make_old(f);
    struct dbk_store *store = open_older(f);
    ASK(&a, store, on_build, dbk_get_build, 1);
    expect_error(&a, DBK_UNSUPPORTED, "older version", "daybook upgrade", NULL);
    ASK(&a, store, on_done, dbk_set_build_property, 1, "a", "3", "s");
    expect_error(&a, DBK_UNSUPPORTED, "older version", "daybook upgrade", NULL);
    begin(&r, store);
    assert_int_equal(
        answer_end(&r.answer, store, dbk_check(store, &r.answer.call, on_report, on_done, &r)),
        DBK_UNSUPPORTED);
    assert_int_equal(dbk_close_wait(store), DBK_OK);
    assert_int_equal(fixture_look_int(f, "SELECT version FROM daybook_schema"), 1);
}

static int copy_to(struct reports *r, struct fixture *f, const char *to_url, bool is_followed)
{
    struct dbk_options options = DBK_OPTIONS_INIT;
    struct dbk_copy_options how = DBK_COPY_OPTIONS_INIT;
    struct dbk_store *store;
    how.is_followed = is_followed;
    options.is_exclusive = options.is_created = options.is_copied_into = true;
    assert_int_equal(dbk_open(to_url, &options, &store, NULL), DBK_OK);
    begin(r, store);
    int status = answer_end(&r->answer, store,
                            dbk_copy(store, f->url, &how, &r->answer.call, on_report, on_done, r));
    assert_int_equal(dbk_close_wait(store), DBK_OK);
    return status;
}

static void an_older_store__is_copied_into_one_of_this_version(void **state)
{
    struct fixture *f = *state;
    struct reports r;
    OLD_ONLY(f);
    record_and_make_old(f);
    const char *there = f->engine->place();
    if (copy_to(&r, f, there, false))
        fail_msg("%s", r.answer.error.message);
    assert_int_equal(fixture_look_int(f, "SELECT version FROM daybook_schema"), 1);
    assert_int_equal(dbk_open(there, NULL, &r.store, NULL), DBK_OK);
    begin(&r, r.store);
    assert_int_equal(
        answer_end(&r.answer, r.store,
                   dbk_verify(r.store, f->url, &r.answer.call, on_report, on_done, &r)),
        DBK_OK);
    assert_int_equal(r.finding_count, 0);
    struct fixture copy = *f;
    copy.store = r.store;
    set_property(&copy, 1, "a", "3", "s");
    assert_string_equal(names_by_position(&copy, 1), "b z a ");
    assert_int_equal(dbk_close_wait(r.store), DBK_OK);
}

static void an_older_store__is_not_followed(void **state)
{
    struct fixture *f = *state;
    struct reports r;
    OLD_ONLY(f);
    record_and_make_old(f);
    assert_int_equal(copy_to(&r, f, f->engine->place(), true), DBK_SCHEMA);
    expect_error(&r.answer, DBK_SCHEMA, "older version", "daybook upgrade", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(upgrade__adds_what_is_new_and_keeps_what_is_there),
        cmocka_unit_test(upgrade__cut_off_after_any_statement_is_done_again),
        cmocka_unit_test(a_dry_run__names_an_index_that_is_not_there),
        cmocka_unit_test(an_older_store__is_backed_up_as_it_is),
        cmocka_unit_test(an_older_store__takes_no_other_call_before_its_upgrade),
        cmocka_unit_test(an_older_store__is_copied_into_one_of_this_version),
        cmocka_unit_test(an_older_store__is_not_followed),
    };
    return fixture_run("upgrade", tests, COUNT_OF(tests));
}
