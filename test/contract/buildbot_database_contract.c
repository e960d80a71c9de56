/* A real Buildbot database: every read answers as plain SQL does, and changes not one byte. */
#include "buildbot.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* How many of each the database has; the tests go through all ids up to one that is missing. */
static int64_t count_of(sqlite3 *db, const char *table)
{
    return raw_int_on(db, test_format("SELECT count(*) FROM %s", table));
}

static void open__knows_it_for_buildbots(void **state)
{
    struct buildbot *b = *state;
    buildbot_open(b, "");
    const struct dbk_info *info = dbk_get_info(b->store);
    assert_string_equal(info->engine, in_words_of(b, "sqlite", "postgresql", "mariadb"));
    assert_false(info->is_own);
    assert_false(info->is_adopted);
    assert_true(info->is_read_only);
    assert_false(info->has_events);
    assert_string_equal(info->buildbot_version,
                        raw_text(b->path, "SELECT version_num FROM alembic_version"));
    assert_same_text(info->path, b->engine->is_file ? b->path : NULL);
}

static void get_build__all(void **state)
{
    struct buildbot *b = *state;
    struct lines lines;
    sqlite3 *db = raw_open(b->path);
    buildbot_open(b, "");
    char **expected =
        lines_of_query(db, test_format("SELECT %s FROM builds ORDER BY id", BUILD_COLUMNS));
    char **numbers = lines_of_query(db, "SELECT builderid, number FROM builds ORDER BY id");
    assert_int_equal(ASK_LINES(&lines, b->store, on_build_lines, dbk_get_builds, DBK_NONE, DBK_NONE,
                               DBK_NONE, DBK_NONE, NULL),
                     DBK_OK);
    assert_same_lines(lines.list, expected, "builds");
    assert_true(lines.answer.page.count > 200);
    for (size_t i = 0; expected[i]; i++) {
        long long id, builderid, number;
        assert_int_equal(sscanf(expected[i], "%lld", &id), 1);
        assert_int_equal(sscanf(numbers[i], "%lld|%lld", &builderid, &number), 2);
        assert_int_equal(ASK_LINES(&lines, b->store, on_build_line, dbk_get_build, id), DBK_OK);
        assert_string_equal(lines.line, expected[i]);
        assert_int_equal(
            ASK_LINES(&lines, b->store, on_build_line, dbk_get_build_by_number, builderid, number),
            DBK_OK);
        assert_string_equal(lines.line, expected[i]);
        for (int is_next = 0; is_next < 2; is_next++) {
            char **neighbour = lines_of_query(
                db, test_format("SELECT %s FROM builds WHERE builderid = %lld AND number %s %lld"
                                " ORDER BY number %s LIMIT 1",
                                BUILD_COLUMNS, builderid, is_next ? ">" : "<", number,
                                is_next ? "" : "DESC"));
            if (is_next)
                ASK_LINES(&lines, b->store, on_build_line, dbk_get_next_build, builderid, number);
            else
                ASK_LINES(&lines, b->store, on_build_line, dbk_get_prev_build, builderid, number);
            assert_same_text(lines.line, neighbour[0]);
        }
    }
}

static void get_builds__narrowed_by_every_value_there_is(void **state)
{
    struct buildbot *b = *state;
    struct lines lines;
    sqlite3 *db = raw_open(b->path);
    buildbot_open(b, "");
    static const char *const columns[] = {"builderid", "buildrequestid", "workerid"};
    for (size_t column = 0; column < COUNT_OF(columns); column++) {
        char **values = lines_of_query(db, test_format("SELECT DISTINCT %s FROM builds WHERE %s IS"
                                                       " NOT NULL",
                                                       columns[column], columns[column]));
        for (size_t i = 0; values[i]; i++)
            for (int64_t complete = 0; complete < 2; complete++) {
                long long value;
                assert_int_equal(sscanf(values[i], "%lld", &value), 1);
                assert_int_equal(ASK_LINES(&lines, b->store, on_build_lines, dbk_get_builds,
                                           column == 0 ? value : DBK_NONE,
                                           column == 1 ? value : DBK_NONE,
                                           column == 2 ? value : DBK_NONE, complete, NULL),
                                 DBK_OK);
                char **expected = lines_of_query(
                    db, test_format("SELECT %s FROM builds WHERE %s = %lld AND complete_at IS %s"
                                    " NULL ORDER BY id",
                                    BUILD_COLUMNS, columns[column], value, complete ? "NOT" : ""));
                assert_same_lines(lines.list, expected, columns[column]);
            }
    }
}

static void get_prev_successful_build__of_every_build(void **state)
{
    struct buildbot *b = *state;
    struct lines lines;
    sqlite3 *db = raw_open(b->path);
    size_t found = 0;
    buildbot_open(b, "");
    char **builds = lines_of_query(db, "SELECT b.builderid, b.number, q.buildsetid FROM builds b"
                                       " JOIN buildrequests q ON q.id = b.buildrequestid");
    assert_int_equal(
        sqlite3_exec(
            db,
            "CREATE TEMP VIEW lineage AS SELECT b.*, (SELECT group_concat(part) FROM"
            " (SELECT DISTINCT quote(s.repository)||quote(s.branch)||quote(s.codebase) part"
            " FROM buildset_sourcestamps x JOIN sourcestamps s ON s.id = x.sourcestampid"
            " WHERE x.buildsetid = q.buildsetid ORDER BY 1)) AS line"
            " FROM builds b JOIN buildrequests q ON q.id = b.buildrequestid",
            NULL, NULL, NULL),
        SQLITE_OK);
    for (size_t i = 0; builds[i]; i++) {
        long long builderid, number, buildsetid;
        assert_int_equal(sscanf(builds[i], "%lld|%lld|%lld", &builderid, &number, &buildsetid), 3);
        char **stamps = lines_of_query(
            db, test_format("SELECT s.id FROM buildset_sourcestamps x JOIN sourcestamps s"
                            " ON s.id = x.sourcestampid WHERE x.buildsetid = %lld",
                            buildsetid));
        struct dbk_codebase codebases[8];
        size_t count = 0;
        for (; stamps[count]; count++) {
            const char *where =
                test_format("FROM sourcestamps WHERE id = %lld", strtoll(stamps[count], NULL, 10));
            codebases[count] =
                (struct dbk_codebase){raw_text(b->path, test_format("SELECT repository %s", where)),
                                      raw_text(b->path, test_format("SELECT branch %s", where)),
                                      raw_text(b->path, test_format("SELECT codebase %s", where))};
        }
        assert_int_equal(ASK_LINES(&lines, b->store, on_build_line, dbk_get_prev_successful_build,
                                   builderid, number, codebases, count),
                         DBK_OK);
        char **expected = lines_of_query(
            db, test_format("SELECT %s FROM lineage WHERE builderid = %lld AND number < %lld AND"
                            " results = 0 AND line IS (SELECT line FROM lineage WHERE"
                            " builderid = %lld AND number = %lld) ORDER BY complete_at IS NULL,"
                            " complete_at DESC, number DESC LIMIT 1",
                            BUILD_COLUMNS, builderid, number, builderid, number));
        assert_same_text(lines.line, expected[0]);
        found += lines.line != NULL;
    }
    assert_true(found > 20);
}

static void get_builds_for_change_and_triggered__all(void **state)
{
    struct buildbot *b = *state;
    struct lines lines;
    sqlite3 *db = raw_open(b->path);
    size_t found = 0;
    buildbot_open(b, "");
    for (int64_t id = 1; id <= count_of(db, "changes") + 1; id++) {
        char **expected = lines_of_query(
            db, test_format("SELECT %s FROM builds WHERE buildrequestid IN (SELECT q.id FROM"
                            " buildrequests q, buildset_sourcestamps s, changes c WHERE"
                            " s.buildsetid = q.buildsetid AND s.sourcestampid = c.sourcestampid"
                            " AND c.changeid = %d) ORDER BY id",
                            BUILD_COLUMNS, (int)id));
        assert_int_equal(
            ASK_LINES(&lines, b->store, on_build_lines, dbk_get_builds_for_change, id, NULL),
            DBK_OK);
        assert_same_lines(lines.list, expected, "a change's builds");
        found += lines.answer.page.count;
    }
    assert_true(found > 0);
    found = 0;
    for (int64_t id = 1; id <= count_of(db, "builds") + 1; id++) {
        char **expected = lines_of_query(
            db, test_format("SELECT %s FROM builds WHERE buildrequestid IN (SELECT q.id FROM"
                            " buildrequests q, buildsets s WHERE q.buildsetid = s.id AND"
                            " s.parent_buildid = %d) ORDER BY id",
                            BUILD_COLUMNS, (int)id));
        assert_int_equal(
            ASK_LINES(&lines, b->store, on_build_lines, dbk_get_triggered_builds, id, NULL),
            DBK_OK);
        assert_same_lines(lines.list, expected, "triggered builds");
        found += lines.answer.page.count;
    }
    assert_true(found > 0);
}

static void check_urls(sqlite3 *db, const struct dbk_step *step)
{
    char **expected = lines_of_query(
        db, test_format("SELECT json_extract(value, '$.name'), json_extract(value, '$.url')"
                        " FROM steps, json_each(urls_json) WHERE steps.id = %lld",
                        (long long)step->id));
    size_t i = 0;
    for (; i < step->url_count; i++)
        assert_same_text(test_format("%s|%s|", step->urls[i]->name, step->urls[i]->url),
                         expected[i]);
    assert_null(expected[i]);
    assert_null(step->urls_text);
}

static void get_steps__all(void **state)
{
    struct buildbot *b = *state;
    struct lines lines;
    struct answer a;
    sqlite3 *db = raw_open(b->path);
    size_t found = 0, urls = 0;
    buildbot_open(b, "");
    for (int64_t buildid = 1; buildid <= count_of(db, "builds") + 1; buildid++) {
        char **expected = lines_of_query(
            db, test_format("SELECT %s FROM steps WHERE buildid = %d ORDER BY number", STEP_COLUMNS,
                            (int)buildid));
        assert_int_equal(ASK_LINES(&lines, b->store, on_step_lines, dbk_get_steps, buildid, NULL),
                         DBK_OK);
        assert_same_lines(lines.list, expected, "steps");
        assert_int_equal(ASK(&a, b->store, on_steps, dbk_get_steps, buildid, NULL), DBK_OK);
        for (size_t i = 0; i < a.page.count; i++) {
            const struct dbk_step *step = a.steps[i];
            check_urls(db, step);
            urls += step->url_count;
            assert_int_equal(ASK_LINES(&lines, b->store, on_step_line, dbk_get_step, step->id,
                                       DBK_NONE, DBK_NONE, NULL),
                             DBK_OK);
            assert_string_equal(lines.line, expected[i]);
            assert_int_equal(ASK_LINES(&lines, b->store, on_step_line, dbk_get_step, DBK_NONE,
                                       buildid, step->number, NULL),
                             DBK_OK);
            assert_string_equal(lines.line, expected[i]);
            assert_int_equal(ASK_LINES(&lines, b->store, on_step_line, dbk_get_step, DBK_NONE,
                                       buildid, DBK_NONE, step->name),
                             DBK_OK);
            assert_string_equal(lines.line, expected[i]);
        }
        found += a.page.count;
    }
    assert_int_equal(found, count_of(db, "steps"));
    assert_true(urls > 100);
}

static void get_steps_of_and_properties_of__all_builds_at_once(void **state)
{
    struct buildbot *b = *state;
    struct lines lines;
    struct answer a;
    sqlite3 *db = raw_open(b->path);
    int64_t ids[1000];
    size_t count = (size_t)count_of(db, "builds");
    buildbot_open(b, "");
    for (size_t i = 0; i < count; i++)
        ids[i] = (int64_t)(count - i);
    char **expected = lines_of_query(
        db, test_format("SELECT %s FROM steps ORDER BY buildid, number", STEP_COLUMNS));
    assert_int_equal(ASK_LINES(&lines, b->store, on_step_lines, dbk_get_steps_of, ids, count),
                     DBK_OK);
    assert_same_lines(lines.list, expected, "steps of all builds");
    expected = lines_of_query(
        db, "SELECT buildid, name, value, source FROM build_properties ORDER BY buildid, name");
    assert_int_equal(ASK(&a, b->store, on_properties, dbk_get_properties_of, ids, count), DBK_OK);
    for (size_t i = 0; i < a.page.count; i++) {
        const struct dbk_property *p = a.properties[i];
        assert_same_text(
            test_format("%lld|%s|%s|%s|", (long long)p->buildid, p->name, p->value, p->source),
            expected[i]);
        assert_true(p->is_json);
    }
    assert_int_equal(a.page.count, count_of(db, "build_properties"));
}

static void get_build_properties__all(void **state)
{
    struct buildbot *b = *state;
    struct answer a, page;
    sqlite3 *db = raw_open(b->path);
    size_t found = 0;
    buildbot_open(b, "");
    struct dbk_spec *spec;
    assert_int_equal(dbk_spec_parse("field=properties", &spec, NULL), DBK_OK);
    assert_int_equal(ASK(&page, b->store, on_builds, dbk_get_builds, DBK_NONE, DBK_NONE, DBK_NONE,
                         DBK_NONE, spec),
                     DBK_OK);
    dbk_spec_free(spec);
    assert_int_equal(page.page.count, count_of(db, "builds"));
    for (size_t n = 0; n < page.page.count; n++) {
        const struct dbk_build *build = page.builds[n];
        char **expected = lines_of_query(
            db, test_format("SELECT name, value, source FROM build_properties WHERE buildid = %lld"
                            " ORDER BY name",
                            (long long)build->id));
        assert_int_equal(
            ASK(&a, b->store, on_properties, dbk_get_build_properties, build->id, NULL), DBK_OK);
        assert_int_equal(build->property_count, a.page.count);
        for (size_t i = 0; i < a.page.count; i++) {
            const struct dbk_property *both[] = {a.properties[i], build->properties[i]};
            for (int j = 0; j < 2; j++) {
                assert_same_text(
                    test_format("%s|%s|%s|", both[j]->name, both[j]->value, both[j]->source),
                    expected[i]);
                assert_int_equal(both[j]->buildid, build->id);
            }
        }
        found += a.page.count;
    }
    assert_int_equal(found, count_of(db, "build_properties"));
}

static void get_build_data__all(void **state)
{
    struct buildbot *b = *state;
    struct answer a;
    sqlite3 *db = raw_open(b->path);
    sqlite3_stmt *stmt;
    size_t found = 0;
    buildbot_open(b, "");
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "SELECT id, buildid, name, value, length, source"
                                        " FROM build_data ORDER BY id",
                                        -1, &stmt, NULL),
                     SQLITE_OK);
    for (; sqlite3_step(stmt) == SQLITE_ROW; found++) {
        int64_t buildid = sqlite3_column_int64(stmt, 1), size = sqlite3_column_bytes(stmt, 3);
        const char *name = (const char *)sqlite3_column_text(stmt, 2);
        assert_int_equal(ASK(&a, b->store, on_data, dbk_get_build_data, buildid, name), DBK_OK);
        assert_int_equal(a.data->id, sqlite3_column_int64(stmt, 0));
        assert_int_equal(a.data->buildid, buildid);
        assert_string_equal(a.data->name, name);
        assert_int_equal(a.data->length, sqlite3_column_int64(stmt, 4));
        assert_string_equal(a.data->source, (const char *)sqlite3_column_text(stmt, 5));
        assert_int_equal(a.data->value_len, size);
        assert_memory_equal(a.data->value, sqlite3_column_blob(stmt, 3), size);
        assert_int_equal(
            ASK(&a, b->store, on_data, dbk_get_build_data_range, buildid, name, size / 3, size / 2),
            DBK_OK);
        assert_int_equal(a.data->value_len, size / 2);
        assert_memory_equal(a.data->value, (const char *)sqlite3_column_blob(stmt, 3) + size / 3,
                            size / 2);
        assert_int_equal(ASK(&a, b->store, on_data, dbk_get_build_data_no_value, buildid, name),
                         DBK_OK);
        assert_int_equal(a.data->id, sqlite3_column_int64(stmt, 0));
        assert_null(a.data->value);
        assert_int_equal(
            ASK(&a, b->store, on_data_list, dbk_get_all_build_data_no_values, buildid, name, NULL),
            DBK_OK);
        assert_int_equal(a.page.count, 1);
        assert_int_equal(a.datas[0]->id, sqlite3_column_int64(stmt, 0));
    }
    sqlite3_finalize(stmt);
    assert_int_equal(found, count_of(db, "build_data"));
    assert_true(found > 400);
}

/* Lists all of a kind and gets each: held against a query that has its id first. */
#define CHECK_PARENT(b, db, kind, ask, sql)                                                        \
    do {                                                                                           \
        struct lines all_, one_;                                                                   \
        char **expected_ = lines_of_query(db, sql);                                                \
        assert_int_equal(ask, DBK_OK);                                                             \
        assert_same_lines(all_.list, expected_, #kind "s");                                        \
        assert_non_null(expected_[0]);                                                             \
        for (size_t i_ = 0; expected_[i_]; i_++) {                                                 \
            assert_int_equal(ASK_LINES(&one_, (b)->store, on_##kind##_line, dbk_get_##kind,        \
                                       strtoll(expected_[i_], NULL, 10)),                          \
                             DBK_OK);                                                              \
            assert_same_text(one_.line, expected_[i_]);                                            \
        }                                                                                          \
        assert_int_equal(                                                                          \
            ASK_LINES(&one_, (b)->store, on_##kind##_line, dbk_get_##kind, 987654321), DBK_OK);    \
        assert_null(one_.line);                                                                    \
    } while (0)

static void parents__all(void **state)
{
    struct buildbot *b = *state;
    sqlite3 *db = raw_open(b->path);
    buildbot_open(b, "");
    CHECK_PARENT(b, db, builder,
                 ASK_LINES(&all_, b->store, on_builder_lines, dbk_get_builders, NULL),
                 "SELECT id, name, description, description_format, description_html, projectid"
                 " FROM builders ORDER BY id");
    CHECK_PARENT(b, db, worker, ASK_LINES(&all_, b->store, on_worker_lines, dbk_get_workers, NULL),
                 "SELECT id, name, info, paused, pause_reason, graceful FROM workers ORDER BY id");
    CHECK_PARENT(b, db, master, ASK_LINES(&all_, b->store, on_master_lines, dbk_get_masters, NULL),
                 "SELECT id, name, active, last_active FROM masters ORDER BY id");
    CHECK_PARENT(
        b, db, sourcestamp,
        ASK_LINES(&all_, b->store, on_sourcestamp_lines, dbk_get_sourcestamps, DBK_NONE, NULL),
        "SELECT id, branch, revision, patchid, repository, codebase, project, created_at"
        " FROM sourcestamps ORDER BY id");
    CHECK_PARENT(
        b, db, buildset, ASK_LINES(&all_, b->store, on_buildset_lines, dbk_get_buildsets, NULL),
        "SELECT id, external_idstring, reason, submitted_at, complete, complete_at, results,"
        " parent_buildid, parent_relationship, rebuilt_buildid FROM buildsets ORDER BY id");
    CHECK_PARENT(b, db, buildrequest,
                 ASK_LINES(&all_, b->store, on_buildrequest_lines, dbk_get_buildrequests, NULL),
                 "SELECT q.id, buildsetid, builderid, priority, complete, results, submitted_at,"
                 " complete_at, waited_for, claimed_at, masterid FROM buildrequests q LEFT JOIN"
                 " buildrequest_claims c ON c.brid = q.id ORDER BY q.id");
    CHECK_PARENT(b, db, change, ASK_LINES(&all_, b->store, on_change_lines, dbk_get_changes, NULL),
                 "SELECT changeid, author, committer, comments, branch, revision, revlink,"
                 " when_timestamp, category, repository, codebase, project, sourcestampid,"
                 " parent_changeids FROM changes ORDER BY changeid");
}

static void parents__are_found_by_what_makes_them_unique(void **state)
{
    struct buildbot *b = *state;
    struct answer a;
    sqlite3 *db = raw_open(b->path);
    buildbot_open(b, "");
    for (int64_t id = 1; id <= count_of(db, "builders"); id++) {
        const char *name =
            raw_text(b->path, test_format("SELECT name FROM builders WHERE id = %d", (int)id));
        assert_int_equal(ASK(&a, b->store, on_id, dbk_find_builder_id, name, false), DBK_OK);
        assert_int_equal(a.id, id);
    }
    for (int64_t id = 1; id <= count_of(db, "workers"); id++) {
        const char *name =
            raw_text(b->path, test_format("SELECT name FROM workers WHERE id = %d", (int)id));
        assert_int_equal(ASK(&a, b->store, on_id, dbk_find_worker_id, name, false), DBK_OK);
        assert_int_equal(a.id, id);
    }
    assert_int_equal(ASK(&a, b->store, on_id, dbk_find_builder_id, "nobody", false), DBK_NOT_FOUND);
    assert_int_equal(ASK(&a, b->store, on_id, dbk_find_worker_id, "nobody", false), DBK_NOT_FOUND);
}

static void get_events__there_are_none_to_read(void **state)
{
    struct buildbot *b = *state;
    struct answer a;
    buildbot_open(b, "");
    assert_int_equal(ASK(&a, b->store, on_events, dbk_get_events, 0, NULL), DBK_UNSUPPORTED);
}

/* Reads a bit of everything. */
static void read_everything(struct buildbot *b)
{
    struct answer a;
    int64_t ids[200];
    for (int i = 0; i < 200; i++) {
        ids[i] = i + 1;
        ASK(&a, b->store, on_build, dbk_get_build, i);
        ASK(&a, b->store, on_steps, dbk_get_steps, i, NULL);
        ASK(&a, b->store, on_properties, dbk_get_build_properties, i, NULL);
        ASK(&a, b->store, on_data, dbk_get_build_data, i, "size-report");
        ASK(&a, b->store, on_id, dbk_find_builder_id, "hiredis-gcc", false);
    }
    ASK(&a, b->store, on_builds, dbk_get_builds, DBK_NONE, DBK_NONE, DBK_NONE, DBK_NONE, NULL);
    assert_true(a.page.count > 200);
    ASK(&a, b->store, on_steps, dbk_get_steps_of, ids, 200);
    ASK(&a, b->store, on_properties, dbk_get_properties_of, ids, 200);
}

static void reading__changes_no_row_and_no_table(void **state)
{
    struct buildbot *b = *state;
    const struct picture before = take_picture(b);
    buildbot_open(b, "?writes=master");
    read_everything(b);
    buildbot_close(b);
    expect_picture(b, &before);
}

static void reading__changes_not_one_byte_and_leaves_nothing_beside(void **state)
{
    struct buildbot *b = *state;
    static const char *const options[] = {"", "?mode=ro", "?writes=none", "?writes=existing",
                                          "?writes=master"};
    size_t size_before, size;
    const void *before = file_read(b->path, &size_before);
    struct stat status_before, status;
    FILES_ONLY(b);
    assert_int_equal(stat(b->path, &status_before), 0);
    for (size_t i = 0; i < COUNT_OF(options); i++) {
        buildbot_open(b, options[i]);
        read_everything(b);
        /* Who may write has the file that our writers queue on; it stays. */
        size_t expected_count = i < 3 ? 1 : 2;
        assert_int_equal(folder_count(b->folder), expected_count);
        buildbot_close(b);
        const void *after = file_read(b->path, &size);
        assert_int_equal(size, size_before);
        assert_memory_equal(after, before, size);
        assert_int_equal(folder_count(b->folder), expected_count);
        assert_int_equal(stat(b->path, &status), 0);
        assert_memory_equal(&status.st_mtim, &status_before.st_mtim, sizeof status.st_mtim);
    }
    assert_string_equal(raw_text(b->path, "PRAGMA journal_mode"), "delete");
}

static void reading__a_file_that_may_not_be_written(void **state)
{
    struct buildbot *b = *state;
    FILES_ONLY(b);
    assert_int_equal(chmod(b->path, 0444), 0);
    assert_int_equal(chmod(b->folder, 0555), 0);
    buildbot_open(b, "");
    read_everything(b);
    buildbot_close(b);
    assert_int_equal(chmod(b->folder, 0755), 0);
    assert_int_equal(folder_count(b->folder), 1);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(open__knows_it_for_buildbots),
        cmocka_unit_test(get_build__all),
        cmocka_unit_test(get_builds__narrowed_by_every_value_there_is),
        cmocka_unit_test(get_prev_successful_build__of_every_build),
        cmocka_unit_test(get_builds_for_change_and_triggered__all),
        cmocka_unit_test(get_steps__all),
        cmocka_unit_test(get_steps_of_and_properties_of__all_builds_at_once),
        cmocka_unit_test(get_build_properties__all),
        cmocka_unit_test(get_build_data__all),
        cmocka_unit_test(parents__all),
        cmocka_unit_test(parents__are_found_by_what_makes_them_unique),
        cmocka_unit_test(get_events__there_are_none_to_read),
        cmocka_unit_test(reading__changes_no_row_and_no_table),
        cmocka_unit_test(reading__changes_not_one_byte_and_leaves_nothing_beside),
        cmocka_unit_test(reading__a_file_that_may_not_be_written),
    };
    return buildbot_run("a Buildbot database", argc > 1 ? argv[1] : NULL, tests, COUNT_OF(tests));
}
