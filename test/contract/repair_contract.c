/* Mending a store of daybook's own: each way in which it can be damaged, what becomes of it, and what is left alone. */
#include "fixture.h"

/* What long work said. */
struct reports {
    struct answer answer;   /* first: what wait.h fills */
    const char *mended;     /* findings that are mended, "problem subject id\n" each */
    const char *left;       /* the others */
    const char *statements; /* "subject rows: text\n" each */
    int64_t rows;           /* that statements changed */
    int count, cancel_after;
    struct dbk_store *store;
};

static void on_report(void *user, const struct dbk_report *report)
{
    struct reports *r = user;
    if (report->kind == DBK_REPORT_FINDING) {
        const char **list = report->done == 1 ? &r->mended : &r->left;
        *list = test_format("%s%s %s %lld\n", *list, report->problem, report->subject,
                            (long long)report->id);
    } else if (report->kind == DBK_REPORT_STATEMENT) {
        r->rows += report->rows;
        r->statements = test_format("%s%s %lld: %s\n", r->statements, report->subject,
                                    (long long)report->rows, report->text);
    }
    if (++r->count == r->cancel_after)
        dbk_cancel(r->store, *r->answer.call.out_op);
}

static struct dbk_store *open_at(const char *url, bool is_exclusive)
{
    struct dbk_options options = DBK_OPTIONS_INIT;
    struct dbk_error error;
    struct dbk_store *store;
    options.is_exclusive = is_exclusive;
    if (dbk_open(url, &options, &store, &error))
        fail_msg("%s", error.message);
    return store;
}

static int repair(struct reports *r, struct fixture *f, bool is_dry_run)
{
    struct dbk_store *store = open_at(f->url, !is_dry_run);
    int cancel_after = r->cancel_after;
    *r = (struct reports){
        .store = store, .mended = "", .left = "", .statements = "", .cancel_after = cancel_after};
    answer_begin(&r->answer);
    r->answer.call.out_op = test_take(sizeof(struct dbk_op));
    int status = answer_end(&r->answer, store,
                            dbk_repair(store, is_dry_run, &r->answer.call, on_report, on_done, r));
    assert_int_equal(dbk_close_wait(store), DBK_OK);
    return status;
}

static void must_repair(struct reports *r, struct fixture *f, bool is_dry_run)
{
    if (repair(r, f, is_dry_run))
        fail_msg("%s", r->answer.error.message);
}

static const char *find(struct fixture *f)
{
    struct reports r = {.mended = "", .left = "", .statements = ""};
    answer_begin(&r.answer);
    assert_int_equal(answer_end(&r.answer, f->store,
                                dbk_check(f->store, &r.answer.call, on_report, on_done, &r)),
                     DBK_OK);
    return r.left;
}

/* A look past the store, and a second one open beside it. */
#define DAMAGED_ONLY(f)                                                                            \
    do {                                                                                           \
        if (!(f)->engine->is_seen_by_others || !(f)->engine->is_persistent)                        \
            skip();                                                                                \
    } while (0)

/* Build 1 with all that hangs on one. */
static void record(struct fixture *f)
{
    int64_t buildid = add_build(f);
    set_property(f, buildid, "mood", "\"good\"", "test");
    set_data(f, buildid, "log", "four", "test");
    add_step(f, buildid, "compile");
    finish_build(f, buildid, 0);
    assert_string_equal(find(f), "");
}

static int64_t count_all(struct fixture *f)
{
    return fixture_look_int(f, "SELECT (SELECT count(*) FROM builds) + (SELECT count(*) FROM steps)"
                               " + (SELECT count(*) FROM build_properties)"
                               " + (SELECT count(*) FROM build_data)"
                               " + (SELECT count(*) FROM buildset_sourcestamps)");
}

static const struct damage {
    const char *sql, *found;
    const char *expected; /* a look that gives 1 when it is mended */
    int gone;             /* rows */
} DAMAGES[] = {
    {"UPDATE build_data SET length = 99 WHERE id = 1", "length build_data 1\n",
     "SELECT count(*) FROM build_data WHERE id = 1 AND length = 4", 0},
    {"UPDATE build_data SET buildid = 999999 WHERE id = 1", "orphan build_data 1\n",
     "SELECT 1 - count(*) FROM build_data WHERE id = 1", 1},
    {"UPDATE steps SET buildid = 999999 WHERE id = 1", "orphan steps 1\n",
     "SELECT 1 - count(*) FROM steps WHERE id = 1", 1},
    {"UPDATE build_properties SET buildid = 999999 WHERE buildid = 1",
     "orphan build_properties 999999\n",
     "SELECT 1 - count(*) FROM build_properties WHERE buildid = 999999", 1},
    {"UPDATE builds SET workerid = 999999 WHERE id = 1", "orphan builds 1\n",
     "SELECT count(*) FROM builds WHERE id = 1 AND workerid IS NULL", 0},
    {"UPDATE buildset_sourcestamps SET sourcestampid = 999999 WHERE buildsetid = 1",
     "orphan buildset_sourcestamps 1\n",
     "SELECT 1 - count(*) FROM buildset_sourcestamps WHERE sourcestampid = 999999", 1},
};

static void repair__mends_each_kind_of_damage_and_nothing_else(void **state)
{
    struct fixture *f = *state;
    DAMAGED_ONLY(f);
    for (size_t i = 0; i < COUNT_OF(DAMAGES); i++) {
        const struct damage *damage = &DAMAGES[i];
        struct reports r = {.count = 0};
        if (!i)
            record(f);
        int64_t before = count_all(f);
        fixture_change(f, damage->sql);
        assert_string_equal(find(f), damage->found);
        must_repair(&r, f, false);
        assert_string_equal(r.mended, damage->found);
        assert_string_equal(r.left, "");
        assert_int_equal(r.rows, 1);
        assert_int_equal(fixture_look_int(f, damage->expected), 1);
        assert_int_equal(count_all(f), before - damage->gone);
        assert_string_equal(find(f), "");
        if (!damage->gone)
            continue;
        /* Put back for the next one. */
        fixture_change(f, "DELETE FROM build_data; DELETE FROM steps; DELETE FROM build_properties;"
                          " DELETE FROM buildset_sourcestamps");
        fixture_change(f, "INSERT INTO build_data (id, buildid, name, value, length, source)"
                          " SELECT 1, id, 'log', 'four', 4, 'test' FROM builds WHERE id = 1");
        fixture_change(
            f, "INSERT INTO steps (id, number, name, buildid, state_string, urls_json, hidden)"
               " SELECT 1, 0, 'compile', id, 'x', '[]', 0 FROM builds WHERE id = 1");
        fixture_change(f, "INSERT INTO build_properties (buildid, name, value, source)"
                          " SELECT id, 'mood', '1', 'test' FROM builds WHERE id = 1");
        fixture_change(f, "INSERT INTO buildset_sourcestamps (buildsetid, sourcestampid)"
                          " SELECT b.id, s.id FROM buildsets b, sourcestamps s"
                          " WHERE b.id = 1 AND s.id = 1");
    }
}

static void repair__of_a_clean_store_says_nothing(void **state)
{
    struct fixture *f = *state;
    struct reports r = {.count = 0};
    DAMAGED_ONLY(f);
    record(f);
    int64_t before = count_all(f);
    must_repair(&r, f, false);
    assert_string_equal(r.mended, "");
    assert_string_equal(r.left, "");
    assert_string_equal(r.statements, "");
    assert_int_equal(count_all(f), before);
}

static void repair__leaves_what_has_no_one_right_end_and_says_so(void **state)
{
    static const struct {
        const char *sql, *found;
    } damages[] = {
        {"UPDATE builds SET builderid = 999999 WHERE id = 1", "orphan builds 1\n"},
        {"UPDATE steps SET urls_json = 'oops' WHERE id = 1", "urls steps 1\n"},
        {"UPDATE build_properties SET value = 'None' WHERE buildid = 1",
         "json build_properties 1\n"},
    };
    struct fixture *f = *state;
    DAMAGED_ONLY(f);
    record(f);
    const char *all = "";
    for (size_t i = 0; i < COUNT_OF(damages); i++)
        fixture_change(f, damages[i].sql);
    all = find(f);
    for (size_t i = 0; i < COUNT_OF(damages); i++)
        assert_non_null(strstr(all, damages[i].found));
    struct reports r = {.count = 0};
    must_repair(&r, f, false);
    assert_string_equal(r.mended, "");
    assert_string_equal(r.left, all);
    assert_string_equal(r.statements, "");
    assert_string_equal(find(f), all);
}

static void repair__dry_says_the_statements_and_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct reports r = {.count = 0};
    DAMAGED_ONLY(f);
    record(f);
    fixture_change(f, "UPDATE build_data SET length = 99 WHERE id = 1");
    fixture_change(f, "UPDATE steps SET buildid = 999999 WHERE id = 1");
    const char *dirty = find(f);
    must_repair(&r, f, true);
    assert_string_equal(r.mended, dirty);
    assert_int_equal(r.rows, 2);
    assert_string_equal(find(f), dirty);
    /* They are the database's own: run as they stand they mend it. */
    for (const char *line = r.statements; *line; line = strchr(line, '\n') + 1) {
        const char *sql = strstr(line, ": ") + 2;
        fixture_change(f, test_format("%.*s", (int)strcspn(sql, "\n"), sql));
    }
    assert_string_equal(find(f), "");
}

static void damage_many(struct fixture *f)
{
    record(f);
    fixture_change(f,
                   "INSERT INTO steps (id, number, name, buildid, state_string, urls_json, hidden)"
                   " VALUES (1001, 0, 'lost', 4000001, 'x', '[]', 0)");
    for (int i = 0; i < 13; i++)
        fixture_change(f, test_format("INSERT INTO steps (id, number, name, buildid, state_string,"
                                      " urls_json, hidden) SELECT id + %d, number, name,"
                                      " buildid + %d, 'x', '[]', 0 FROM steps WHERE id > 1000",
                                      1 << i, 1 << i));
}

static void repair__goes_through_all_rows_by_ranges(void **state)
{
    struct fixture *f = *state;
    struct reports r = {.count = 0};
    DAMAGED_ONLY(f);
    damage_many(f);
    int64_t orphans = fixture_look_int(f, "SELECT count(*) FROM steps WHERE buildid >= 4000000");
    assert_int_equal(orphans, 8192);
    must_repair(&r, f, false);
    assert_int_equal(r.rows, orphans);
    /* More than one range: each is told. */
    assert_non_null(strchr(strchr(r.statements, '\n') + 1, '\n'));
    assert_int_equal(fixture_look_int(f, "SELECT count(*) FROM steps"), 1);
}

static void repair__cancelled_keeps_what_it_did_and_goes_on_when_it_is_done_again(void **state)
{
    struct fixture *f = *state;
    struct reports r = {.cancel_after = 2100};
    DAMAGED_ONLY(f);
    damage_many(f);
    assert_int_equal(repair(&r, f, false), DBK_CANCELLED);
    int64_t left = fixture_look_int(f, "SELECT count(*) FROM steps WHERE buildid >= 4000000");
    r.cancel_after = 0;
    must_repair(&r, f, false);
    assert_int_equal(r.rows, left);
    assert_string_equal(find(f), "");
}

static void repair__needs_a_store_that_is_exclusive(void **state)
{
    struct fixture *f = *state;
    struct reports r = {.mended = "", .left = "", .statements = ""};
    answer_begin(&r.answer);
    assert_int_equal(
        answer_end(&r.answer, f->store,
                   dbk_repair(f->store, false, &r.answer.call, on_report, on_done, &r)),
        DBK_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(repair__mends_each_kind_of_damage_and_nothing_else),
        cmocka_unit_test(repair__of_a_clean_store_says_nothing),
        cmocka_unit_test(repair__leaves_what_has_no_one_right_end_and_says_so),
        cmocka_unit_test(repair__dry_says_the_statements_and_changes_nothing),
        cmocka_unit_test(repair__goes_through_all_rows_by_ranges),
        cmocka_unit_test(repair__cancelled_keeps_what_it_did_and_goes_on_when_it_is_done_again),
        cmocka_unit_test(repair__needs_a_store_that_is_exclusive),
    };
    return fixture_run("repair", tests, sizeof tests / sizeof *tests);
}
