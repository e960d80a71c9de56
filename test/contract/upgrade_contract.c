/* Bringing a store up whose tables an older daybook made. */
#include "fixture.h"

/* What long work said. */
struct reports {
    struct answer answer; /* first: what wait.h fills */
    const char *statements;
    int count, cancel_after;
    struct dbk_store *store;
};

static void on_report(void *user, const struct dbk_report *report)
{
    struct reports *r = user;
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(upgrade__adds_what_is_new_and_keeps_what_is_there),
        cmocka_unit_test(upgrade__cut_off_after_any_statement_is_done_again),
        cmocka_unit_test(a_dry_run__names_an_index_that_is_not_there),
    };
    return fixture_run("upgrade", tests, COUNT_OF(tests));
}
