/* What may be written to a Buildbot database, and what dirty ones hold. */
#include "adoption.h"

/* ----------------------------------------------------------------------- what may be written ---- */

enum {
    ADD_BUILD,
    ADD_STEP,
    SET_STATE,
    ADD_LOCKS,
    FINISH_BUILD,
    SET_PROPERTY,
    START_STEP,
    SET_LOCKS,
    SET_STEP_STATE,
    FINISH_STEP,
    ADD_URL,
    SET_DATA,
    DELETE_DATA,
    DELETE_OLD,
    FIND_BUILDER,
    FIND_WORKER,
    FIND_MASTER,
    FIND_SOURCESTAMP,
    ADD_BUILDSET,
    ADD_REQUEST,
    ADD_CHANGE,
    RECORD_BUILD,
    WRITE_COUNT
};

/* Submits one of them, on records that are there, and waits. */
static int write_one(struct buildbot *b, int which, struct answer *a)
{
    struct dbk_sourcestamp_key key = DBK_SOURCESTAMP_KEY_INIT;
    struct dbk_new_buildset buildset = DBK_NEW_BUILDSET_INIT;
    struct dbk_new_change change = DBK_NEW_CHANGE_INIT;
    struct dbk_new_build build = DBK_NEW_BUILD_INIT;
    change.author = "a";
    change.sourcestampid = 1;
    build.builder = "new";
    switch (which) {
    case ADD_BUILD:
        return ASK(a, b->store, on_added_build, dbk_add_build, 1, 5, 1, 1, "x");
    case ADD_STEP:
        return ASK(a, b->store, on_added_step, dbk_add_step, 1, "new", "x");
    case SET_STATE:
        return ASK(a, b->store, on_done, dbk_set_build_state_string, 1, "changed");
    case ADD_LOCKS:
        return ASK(a, b->store, on_done, dbk_add_build_locks_duration, 1, 1);
    case FINISH_BUILD:
        return ASK(a, b->store, on_done, dbk_finish_build, 1, 0);
    case SET_PROPERTY:
        return ASK(a, b->store, on_done, dbk_set_build_property, 1, "buildername", "\"x\"", "s");
    case START_STEP:
        return ASK(a, b->store, on_done, dbk_start_step, 1, 5, true);
    case SET_LOCKS:
        return ASK(a, b->store, on_done, dbk_set_step_locks_acquired_at, 1, 5);
    case SET_STEP_STATE:
        return ASK(a, b->store, on_done, dbk_set_step_state_string, 1, "x");
    case FINISH_STEP:
        return ASK(a, b->store, on_done, dbk_finish_step, 1, 0, false);
    case ADD_URL:
        return ASK(a, b->store, on_done, dbk_add_url, 1, "n", "u");
    case SET_DATA:
        return ASK(a, b->store, on_done, dbk_set_build_data, 1, "size-report", "x", 1, "s");
    case DELETE_DATA:
        return ASK(a, b->store, on_done, dbk_delete_build_data, 1, "object-archive");
    case DELETE_OLD:
        return ASK(a, b->store, on_count, dbk_delete_old_build_data, 1);
    case FIND_BUILDER:
        return ASK(a, b->store, on_id, dbk_find_builder_id, "new", true);
    case FIND_WORKER:
        return ASK(a, b->store, on_id, dbk_find_worker_id, "new", true);
    case FIND_MASTER:
        return ASK(a, b->store, on_id, dbk_find_master_id, "new", true);
    case FIND_SOURCESTAMP:
        return ASK(a, b->store, on_id, dbk_find_sourcestamp_id, &key, true);
    case ADD_BUILDSET:
        return ASK(a, b->store, on_id, dbk_add_buildset, &buildset);
    case ADD_REQUEST:
        return ASK(a, b->store, on_id, dbk_add_buildrequest, 1, 1, 0, false);
    case ADD_CHANGE:
        return ASK(a, b->store, on_id, dbk_add_change, &change);
    default:
        return ASK(a, b->store, on_added_build, dbk_record_build, &build);
    }
}

static bool is_own_only(int which)
{
    return which >= FIND_BUILDER;
}

static bool adds_records(int which)
{
    return which == ADD_BUILD || which == ADD_STEP;
}

/* Refused, and the file is as it was. */
static void expect_refused(struct buildbot *b, int which, enum dbk_status expected)
{
    struct answer a;
    const struct picture before = take_picture(b);
    int status = write_one(b, which, &a);
    if (status != (int)expected || a.submitted != status)
        fail_msg("write %d: %s (%s)", which, dbk_status_name((enum dbk_status)status),
                 a.error.message);
    expect_picture(b, &before);
}

static void writes_none__refuses_every_write(void **state)
{
    struct buildbot *b = *state;
    for (int i = 0; i < 2; i++) {
        buildbot_open(b, i ? "?writes=none" : "");
        for (int which = 0; which < WRITE_COUNT; which++)
            expect_refused(b, which, is_own_only(which) ? DBK_UNSUPPORTED : DBK_READ_ONLY);
        expect_nothing_beside(b);
        buildbot_close(b);
    }
}

static void mode_ro__refuses_every_write_whatever_may_be_written(void **state)
{
    struct buildbot *b = *state;
    buildbot_open(b, "?mode=ro&writes=master");
    assert_true(dbk_get_info(b->store)->is_read_only);
    for (int which = 0; which < WRITE_COUNT; which++)
        expect_refused(b, which, DBK_READ_ONLY);
    expect_nothing_beside(b);
}

static void writes_existing__changes_what_is_there_and_adds_nothing(void **state)
{
    struct buildbot *b = *state;
    buildbot_open(b, "?writes=existing");
    assert_false(dbk_get_info(b->store)->is_read_only);
    for (int which = 0; which < WRITE_COUNT; which++) {
        struct answer a;
        if (is_own_only(which))
            expect_refused(b, which, DBK_UNSUPPORTED);
        else if (adds_records(which))
            expect_refused(b, which, DBK_READ_ONLY);
        else
            assert_int_equal(write_one(b, which, &a), DBK_OK);
    }
    assert_string_equal(buildbot_text(b, "SELECT state_string FROM builds WHERE id = 1"),
                        "changed");
    assert_int_equal(buildbot_int(b, "SELECT complete_at FROM builds WHERE id = 1"), b->now);
    assert_int_equal(buildbot_int(b, "SELECT started_at FROM steps WHERE id = 1"), 5);
    assert_int_equal(buildbot_int(b, "SELECT count(*) FROM build_data WHERE buildid = 1"), 1);
    expect_journal(b, "delete");
    expect_whole(b);
}

static void writes_master__adds_builds_and_steps_too(void **state)
{
    struct buildbot *b = *state;
    struct answer a;
    int64_t number = buildbot_int(b, "SELECT max(number) FROM builds WHERE builderid = 1");
    buildbot_open(b, "?writes=master");
    for (int which = 0; which < WRITE_COUNT; which++)
        if (is_own_only(which))
            expect_refused(b, which, DBK_UNSUPPORTED);
        else
            assert_int_equal(write_one(b, which, &a), DBK_OK);
    assert_int_equal(write_one(b, ADD_BUILD, &a), DBK_OK);
    assert_int_equal(a.number, number + 2);
    assert_int_equal(buildbot_int(b, "SELECT started_at FROM builds ORDER BY id DESC LIMIT 1"),
                     b->now);
    assert_int_equal(write_one(b, ADD_STEP, &a), DBK_OK);
    assert_string_equal(a.name, "new_1");
    ASK(&a, b->store, on_added_build, dbk_add_build, 1, 987654321, 1, 1, "x");
    assert_int_equal(a.error.status, DBK_NOT_FOUND);
    ASK(&a, b->store, on_added_step, dbk_add_step, 987654321, "x", "x");
    assert_int_equal(a.error.status, DBK_NOT_FOUND);
    expect_whole(b);
}

static void finish__takes_any_results_that_buildbots_column_holds(void **state)
{
    struct buildbot *b = *state;
    struct answer a;
    const int64_t wrong[] = {-1, (int64_t)INT32_MAX + 1, DBK_NONE};
    buildbot_open(b, "?writes=existing");
    ASK(&a, b->store, on_done, dbk_finish_build, 1, 7);
    ASK(&a, b->store, on_done, dbk_finish_step, 1, INT32_MAX, false);
    assert_int_equal(buildbot_int(b, "SELECT results FROM builds WHERE id = 1"), 7);
    assert_int_equal(buildbot_int(b, "SELECT results FROM steps WHERE id = 1"), INT32_MAX);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(ASK(&a, b->store, on_done, dbk_finish_build, 1, wrong[i]), DBK_INVALID);
        assert_int_equal(ASK(&a, b->store, on_done, dbk_finish_step, 1, wrong[i], false),
                         DBK_INVALID);
    }
}

static void writes__leave_no_tables_of_ours(void **state)
{
    struct buildbot *b = *state;
    struct answer a;
    const char *before = buildbot_schema(b, true);
    buildbot_open(b, "?writes=master");
    for (int which = 0; which < FIND_BUILDER; which++)
        assert_int_equal(write_one(b, which, &a), DBK_OK);
    buildbot_close(b);
    assert_string_equal(buildbot_schema(b, true), before);
}

static void adopted__every_write_keeps_the_file_whole_and_buildbots_schema(void **state)
{
    struct buildbot *b = *state;
    struct answer a;
    struct reports r = {.count = 0};
    const char *before = buildbot_schema(b, false), *whole = buildbot_schema(b, true);
    assert_int_equal(long_run_alone(b, &r, dbk_adopt), DBK_OK);
    buildbot_open(b, "?writes=master");
    for (int which = 0; which < FIND_BUILDER; which++)
        assert_int_equal(write_one(b, which, &a), DBK_OK);
    for (int which = FIND_BUILDER; which < WRITE_COUNT; which++)
        assert_int_equal(write_one(b, which, &a), DBK_UNSUPPORTED);
    buildbot_close(b);
    expect_whole(b);
    assert_string_equal(buildbot_schema(b, false), before);
    assert_true(buildbot_int(b, "SELECT count(*) FROM daybook_events") >= 10);
    assert_int_equal(long_run_alone(b, &r, dbk_release), DBK_OK);
    expect_whole(b);
    assert_string_equal(buildbot_schema(b, true), whole);
}

static void operation_key__needs_our_tables(void **state)
{
    struct buildbot *b = *state;
    struct answer a;
    struct dbk_error refusal;
    struct dbk_call call = DBK_CALL_INIT;
    call.key = "once";
    call.out_refusal = &refusal;
    buildbot_open(b, "?writes=master");
    answer_begin(&a);
    assert_int_equal(dbk_set_build_state_string(b->store, 1, "x", &call, on_done, &a),
                     DBK_UNSUPPORTED);
    assert_non_null(strstr(refusal.message, "key"));
}

/* ----------------------------------------------------------------------------------- dirty ---- */

static void dirty__of_a_property_that_is_there_twice_the_last_counts(void **state)
{
    struct buildbot *b = *state;
    struct answer a;
    buildbot_change(
        b, "DELETE FROM build_properties WHERE buildid = 1;"
           "INSERT INTO build_properties VALUES (1, 'a', '1', 's'), (1, 'b', '2', 's'),"
           " (1, 'a', '3', 't'), (1, 'a', '3', 't'), (1, 'a', '4', 'u'), (1, 'c', '5', 's')");
    buildbot_open(b, "?writes=existing");
    struct dbk_spec *spec, *page_spec;
    const int64_t one = 1;
    assert_int_equal(dbk_spec_parse("order=-name&limit=2&offset=1&total=exact", &spec, NULL),
                     DBK_OK);
    assert_int_equal(dbk_spec_parse("id=1&field=properties", &page_spec, NULL), DBK_OK);
    assert_int_equal(ASK(&a, b->store, on_properties, dbk_get_build_properties, 1, NULL), DBK_OK);
    assert_int_equal(a.page.count, 3);
    assert_string_equal(a.properties[0]->value, "4");
    assert_string_equal(a.properties[0]->source, "u");
    assert_int_equal(ASK(&a, b->store, on_properties, dbk_get_properties_of, &one, 1), DBK_OK);
    assert_int_equal(a.page.count, 3);
    assert_string_equal(a.properties[0]->value, "4");
    assert_int_equal(ASK(&a, b->store, on_properties, dbk_get_build_properties, 1, spec), DBK_OK);
    assert_int_equal(a.page.count, 2);
    assert_int_equal(a.page.total, 3);
    assert_string_equal(a.properties[0]->name, "b");
    assert_string_equal(a.properties[1]->value, "4");
    assert_int_equal(ASK(&a, b->store, on_builds, dbk_get_builds, DBK_NONE, DBK_NONE, DBK_NONE,
                         DBK_NONE, page_spec),
                     DBK_OK);
    assert_int_equal(a.builds[0]->property_count, 3);
    assert_string_equal(a.builds[0]->properties[0]->value, "4");
    dbk_spec_free(spec);
    dbk_spec_free(page_spec);
}

static void dirty__the_next_set_makes_them_one(void **state)
{
    struct buildbot *b = *state;
    struct answer a;
    const char *const values[] = {"4", "9"}; /* the one that counts already, and another */
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        buildbot_change(
            b, "DELETE FROM build_properties WHERE buildid IN (1, 2);"
               "INSERT INTO build_properties VALUES (1, 'a', '1', 's'), (1, 'a', '4', 's'),"
               " (2, 'a', '1', 's'), (2, 'a', '4', 's'), (1, 'b', '4', 's')");
        buildbot_open(b, "?writes=existing");
        assert_int_equal(ASK(&a, b->store, on_done, dbk_set_build_property, 1, "a", values[i], "s"),
                         DBK_OK);
        assert_string_equal(
            buildbot_text(b, test_format("SELECT %s FROM (SELECT * FROM build_properties"
                                         " WHERE buildid = 1 ORDER BY name) t",
                                         joined(b, "name || value", ",", "name"))),
            test_format("a%s,b4", values[i]));
        assert_int_equal(buildbot_int(b, "SELECT count(*) FROM build_properties WHERE buildid = 2"),
                         2);
        buildbot_close(b);
    }
}

static void dirty__property_that_is_not_json_is_given_and_marked(void **state)
{
    struct buildbot *b = *state;
    struct answer a;
    static const struct {
        const char *sql, *value;
        bool is_json, is_of_files;
    } rows[] = {{"'plain text'", "plain text", false, false},
                {"''", "", false, false},
                {"'[1, 2'", "[1, 2", false, false},
                {"'NaN'", "NaN", false, false},
                {"12", "12", true, false},
                {"'[1]'", "[1]", true, false},
                {"x'22FF22'", "\"\xFF\"", false, true},
                {"CAST(x'61FF' AS TEXT)", "a\xFF", false, true}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (rows[i].is_of_files && !b->engine->is_file)
            continue;
        buildbot_change(b, test_format("DELETE FROM build_properties WHERE buildid = 1;"
                                       "INSERT INTO build_properties VALUES (1, 'a', %s, 's')",
                                       rows[i].sql));
        buildbot_open(b, "");
        assert_int_equal(ASK(&a, b->store, on_properties, dbk_get_build_properties, 1, NULL),
                         DBK_OK);
        assert_int_equal(a.page.count, 1);
        assert_string_equal(a.properties[0]->value, rows[i].value);
        assert_int_equal(a.properties[0]->is_json, rows[i].is_json);
        buildbot_close(b);
    }
}

static void dirty__orphans_are_read_and_written_like_others(void **state)
{
    struct buildbot *b = *state;
    struct answer a;
    buildbot_change(
        b, "INSERT INTO builds VALUES (90001, 1, 90001, 90001, 90001, 90001, 5, 6, 0, 'x', 0);"
           "INSERT INTO steps VALUES (90001, 0, 'x', 90002, 1, 1, 1, 's', 0, '[]', 0);"
           "INSERT INTO build_properties VALUES (90002, 'a', '1', 's');"
           "INSERT INTO buildset_sourcestamps VALUES (90001, 90001, 90001)");
    buildbot_change(b, test_format("INSERT INTO build_data VALUES (90001, 90002, 'a', %s, 1, 's')",
                                   blob_literal(b, "00")));
    buildbot_open(b, "?writes=master");
    assert_int_equal(ASK(&a, b->store, on_build, dbk_get_build, 90001), DBK_OK);
    assert_int_equal(a.build->builderid, 90001);
    assert_int_equal(ASK(&a, b->store, on_build, dbk_get_prev_successful_build, 90001, 5, NULL, 0),
                     DBK_OK);
    assert_int_equal(ASK(&a, b->store, on_steps, dbk_get_steps, 90002, NULL), DBK_OK);
    assert_int_equal(a.page.count, 1);
    assert_int_equal(ASK(&a, b->store, on_properties, dbk_get_build_properties, 90002, NULL),
                     DBK_OK);
    assert_int_equal(a.page.count, 1);
    assert_int_equal(ASK(&a, b->store, on_data, dbk_get_build_data, 90002, "a"), DBK_OK);
    assert_int_equal(a.data->value_len, 1);
    assert_int_equal(ASK(&a, b->store, on_done, dbk_finish_build, 90001, 1), DBK_OK);
    assert_int_equal(ASK(&a, b->store, on_done, dbk_finish_step, 90001, 1, true), DBK_OK);
    assert_int_equal(ASK(&a, b->store, on_done, dbk_add_url, 90001, "n", "u"), DBK_OK);
    /* Nothing new for a build that is not there. */
    assert_int_equal(ASK(&a, b->store, on_added_step, dbk_add_step, 90002, "y", "s"),
                     DBK_NOT_FOUND);
    assert_int_equal(ASK(&a, b->store, on_done, dbk_set_build_property, 90002, "a", "2", "s"),
                     DBK_NOT_FOUND);
    assert_int_equal(ASK(&a, b->store, on_done, dbk_set_build_data, 90002, "a", "x", 1, "s"),
                     DBK_NOT_FOUND);
    /* Whose build is not there cannot be old. */
    assert_int_equal(ASK(&a, b->store, on_count, dbk_delete_old_build_data, INT64_MAX), DBK_OK);
    assert_int_equal(buildbot_int(b, "SELECT count(*) FROM build_data WHERE id = 90001"), 1);
}

static void dirty__prev_successful_build_without_complete_at_comes_last(void **state)
{
    struct buildbot *b = *state;
    struct answer a;
    buildbot_change(b,
                    "INSERT INTO builders (id, name, name_hash) VALUES (90090, 'n', 'n');"
                    "INSERT INTO buildsets (id, submitted_at, complete) VALUES (90090, 1, 0);"
                    "INSERT INTO buildrequests (id, buildsetid, builderid, priority, submitted_at)"
                    " VALUES (90090, 90090, 90090, 0, 1);"
                    "INSERT INTO builds VALUES (90091, 1, 90090, 90090, NULL, 1, 5, 6, 0, 'x', 0),"
                    " (90092, 2, 90090, 90090, NULL, 1, 5, NULL, 0, 'x', 0),"
                    " (90093, 3, 90090, 90090, NULL, 1, 5, NULL, 0, 'x', 0)");
    buildbot_open(b, "?writes=existing");
    const struct {
        int64_t number, expected;
    } rows[] = {{100, 90091}, {2, 90091}, {1, DBK_NONE}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_int_equal(ASK(&a, b->store, on_build, dbk_get_prev_successful_build, 90090,
                             rows[i].number, NULL, 0),
                         DBK_OK);
        assert_int_equal(a.build ? a.build->id : DBK_NONE, rows[i].expected);
    }
    assert_int_equal(ASK(&a, b->store, on_done, dbk_finish_build, 90091, 2), DBK_OK);
    assert_int_equal(
        ASK(&a, b->store, on_build, dbk_get_prev_successful_build, 90090, 100, NULL, 0), DBK_OK);
    assert_int_equal(a.build->id, 90093);
    assert_int_equal(ASK(&a, b->store, on_build, dbk_get_prev_successful_build, 90090, 3, NULL, 0),
                     DBK_OK);
    assert_int_equal(a.build->id, 90092);
}

static void dirty__length_is_the_columns_and_the_bytes_are_all(void **state)
{
    struct buildbot *b = *state;
    struct answer a;
    const char *three = blob_literal(b, "010203");
    bool is_file = b->engine->is_file; /* only there can a value be of another type than bytes */
    buildbot_change(
        b, test_format("DELETE FROM build_data WHERE buildid = 1;"
                       "INSERT INTO build_data VALUES (90001, 1, 'short', %s, 100, 's'),"
                       " (90002, 1, 'long', %s, 1, 's'), (90003, 1, 'negative', %s, -5, 's'),"
                       " (90004, 1, 'text', %s, 3, 's'), (90005, 1, 'number', %s, 2, 's')",
                       three, three, blob_literal(b, ""),
                       is_file ? "'\xC3\xA4"
                                 "b'"
                               : blob_literal(b, "C3A462"),
                       is_file ? "12" : blob_literal(b, "3132")));
    buildbot_open(b, "?writes=existing");
    static const struct {
        const char *name, *value;
        int64_t length;
        size_t len;
    } rows[] = {{"short", "\1\2\3", 100, 3},
                {"long", "\1\2\3", 1, 3},
                {"negative", "", -5, 0},
                {"text",
                 "\xC3\xA4"
                 "b",
                 3, 3}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_int_equal(ASK(&a, b->store, on_data, dbk_get_build_data, 1, rows[i].name), DBK_OK);
        assert_int_equal(a.data->length, rows[i].length);
        assert_int_equal(a.data->value_len, rows[i].len);
        assert_memory_equal(a.data->value, rows[i].value, rows[i].len);
        assert_int_equal(
            ASK(&a, b->store, on_data, dbk_get_build_data_range, 1, rows[i].name, 1, 50), DBK_OK);
        assert_int_equal(a.data->value_len, rows[i].len ? rows[i].len - 1 : 0);
        if (rows[i].len)
            assert_memory_equal(a.data->value, rows[i].value + 1, rows[i].len - 1);
    }
    assert_int_equal(ASK(&a, b->store, on_data, dbk_get_build_data, 1, "number"), DBK_OK);
    assert_non_null(a.data);
    assert_int_equal(
        ASK(&a, b->store, on_data_list, dbk_get_all_build_data_no_values, 1, NULL, NULL), DBK_OK);
    assert_int_equal(a.page.count, 5);
    buildbot_change(b, "UPDATE builds SET complete_at = 5 WHERE id = 1");
    assert_int_equal(ASK(&a, b->store, on_count, dbk_delete_old_build_data, 6), DBK_OK);
    assert_int_equal(a.count, 5);
}

static void dirty__urls_that_are_no_list_are_given_as_text(void **state)
{
    struct buildbot *b = *state;
    struct answer a;
    static const char *const texts[] = {
        "",        "null", "{}",     "[1]",
        "[\"a\"]", "[{}]", "broken", "[{\"name\": \"a\", \"url\": null}]",
        "[[[[[[[["};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        buildbot_change(b, test_format("UPDATE steps SET urls_json = '%s' WHERE id = 1", texts[i]));
        buildbot_open(b, "?writes=existing");
        assert_int_equal(ASK(&a, b->store, on_step, dbk_get_step, 1, DBK_NONE, DBK_NONE, NULL),
                         DBK_OK);
        assert_int_equal(a.step->url_count, 0);
        assert_string_equal(a.step->urls_text, texts[i]);
        assert_int_equal(ASK(&a, b->store, on_done, dbk_add_url, 1, "n", "u"), DBK_DAMAGED);
        assert_string_equal(buildbot_text(b, "SELECT urls_json FROM steps WHERE id = 1"), texts[i]);
        buildbot_close(b);
    }
    buildbot_change(b, "UPDATE steps SET urls_json = ' [ ] ' WHERE id = 1");
    buildbot_open(b, "?writes=existing");
    assert_int_equal(ASK(&a, b->store, on_done, dbk_add_url, 1, "n", "u"), DBK_OK);
    assert_int_equal(ASK(&a, b->store, on_step, dbk_get_step, 1, DBK_NONE, DBK_NONE, NULL), DBK_OK);
    assert_int_equal(a.step->url_count, 1);
    assert_null(a.step->urls_text);
}

static void dirty__values_of_another_type_are_none_or_text(void **state)
{
    struct buildbot *b = *state;
    struct answer a;
    FILES_ONLY(b);
    buildbot_change(
        b, "UPDATE builds SET started_at = 'soon', results = 'good', state_string = x'61FF',"
           " complete_at = 1.5, locks_duration_s = x'00' WHERE id = 1;"
           "UPDATE builds SET state_string = 12 WHERE id = 2;"
           "UPDATE builds SET state_string = CAST(x'6100620A' AS TEXT) WHERE id = 3");
    buildbot_open(b, "");
    assert_int_equal(ASK(&a, b->store, on_build, dbk_get_build, 1), DBK_OK);
    assert_int_equal(a.build->started_at, DBK_NONE);
    assert_int_equal(a.build->results, DBK_NONE);
    assert_int_equal(a.build->locks_duration_s, DBK_NONE);
    assert_string_equal(a.build->state_string, "a\xFF");
    assert_int_equal(ASK(&a, b->store, on_build, dbk_get_build, 2), DBK_OK);
    assert_string_equal(a.build->state_string, "12");
    assert_int_equal(ASK(&a, b->store, on_build, dbk_get_build, 3), DBK_OK);
    assert_string_equal(a.build->state_string, "a");
    /* Pages over them end. */
    const char *cursor = NULL;
    size_t found = 0;
    for (int page = 0; page < 300; page++) {
        struct dbk_spec *spec;
        assert_int_equal(
            dbk_spec_parse("order=state_string&order=-started_at&limit=10", &spec, NULL), DBK_OK);
        if (cursor)
            assert_int_equal(dbk_spec_cursor(spec, cursor), DBK_OK);
        int status = ASK(&a, b->store, on_builds, dbk_get_builds, DBK_NONE, DBK_NONE, DBK_NONE,
                         DBK_NONE, spec);
        dbk_spec_free(spec);
        if (status) /* a cursor made of text that is not UTF-8 may be refused, never run wild */
            break;
        found += a.page.count;
        cursor = a.page.next_cursor;
        if (!cursor)
            break;
    }
    assert_true(found > 0 && found < 600);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_none__refuses_every_write),
        cmocka_unit_test(mode_ro__refuses_every_write_whatever_may_be_written),
        cmocka_unit_test(writes_existing__changes_what_is_there_and_adds_nothing),
        cmocka_unit_test(writes_master__adds_builds_and_steps_too),
        cmocka_unit_test(finish__takes_any_results_that_buildbots_column_holds),
        cmocka_unit_test(writes__leave_no_tables_of_ours),
        cmocka_unit_test(adopted__every_write_keeps_the_file_whole_and_buildbots_schema),
        cmocka_unit_test(operation_key__needs_our_tables),
        cmocka_unit_test(dirty__of_a_property_that_is_there_twice_the_last_counts),
        cmocka_unit_test(dirty__the_next_set_makes_them_one),
        cmocka_unit_test(dirty__property_that_is_not_json_is_given_and_marked),
        cmocka_unit_test(dirty__orphans_are_read_and_written_like_others),
        cmocka_unit_test(dirty__prev_successful_build_without_complete_at_comes_last),
        cmocka_unit_test(dirty__length_is_the_columns_and_the_bytes_are_all),
        cmocka_unit_test(dirty__urls_that_are_no_list_are_given_as_text),
        cmocka_unit_test(dirty__values_of_another_type_are_none_or_text),
    };
    return buildbot_run("writes to a Buildbot database", argc > 1 ? argv[1] : NULL, tests,
                        COUNT_OF(tests));
}
