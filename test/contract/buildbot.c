/* A copy of a master's database, and rows as lines; see buildbot.h. */
#include "buildbot.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* ------------------------------------------------------------------------------- the copies ---- */

static const char *original;
static const struct engine *current;

const char *buildbot_url(const struct buildbot *b, const char *options)
{
    bool has_some = strchr(b->url, '?') && options[0] == '?';
    return test_format("%s%s%s", b->url, has_some ? "&" : "", options + has_some);
}

static int64_t read_clock(void *user)
{
    return ((const struct buildbot *)user)->now;
}

void buildbot_open(struct buildbot *b, const char *options)
{
    struct dbk_options store_options = DBK_OPTIONS_INIT;
    struct dbk_error error;
    store_options.clock = read_clock;
    store_options.clock_user = b;
    if (dbk_open(buildbot_url(b, options), &store_options, &b->store, &error))
        fail_msg("%s", error.message);
}

void buildbot_close(struct buildbot *b)
{
    assert_int_equal(dbk_close_wait(b->store), DBK_OK);
    b->store = NULL;
}

static int set_up(void **state)
{
    struct buildbot *b = calloc(1, sizeof *b);
    if (!b)
        return 1;
    b->now = 1900000000;
    b->engine = current;
    b->url = current->buildbot_place(original);
    b->path =
        (current->is_file ? b->url : ENGINES[0].buildbot_place(original)) + strlen("sqlite:///");
    b->folder = test_format("%.*s", (int)(strrchr(b->path, '/') - b->path), b->path);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct buildbot *b = *state;
    dbk_close_wait(b->store);
    buildbot_let_go(b);
    test_end();
    free(b);
    return 0;
}

void buildbot_renew(struct buildbot *b)
{
    if (b->engine->is_file)
        file_copy(original, b->path);
    else
        b->url = b->engine->buildbot_place(original);
}

/* DAYBOOK_TEST_ENGINE names one alone. */
static bool is_there(const struct engine *engine, const char *database)
{
    const char *wanted = getenv("DAYBOOK_TEST_ENGINE");
    if (wanted && strcmp(wanted, engine->name) != 0)
        return false;
    bool is = engine->buildbot_place && engine->buildbot_place(database) != NULL;
    test_end();
    if (!is && engine->buildbot_place)
        fprintf(stderr, "%s is not on this machine: skipped\n", engine->name);
    return is;
}

int buildbot_run(const char *name, const char *database, const struct CMUnitTest *tests,
                 size_t count)
{
    struct CMUnitTest *all = calloc(count, sizeof *all);
    if (!all || !database)
        return 2;
    memcpy(all, tests, count * sizeof *all);
    for (size_t i = 0; i < count; i++) {
        all[i].setup_func = set_up;
        all[i].teardown_func = tear_down;
    }
    original = database;
    int failed = 0;
    for (size_t i = 0; i < ENGINE_COUNT; i++) {
        char group[80];
        current = &ENGINES[i];
        snprintf(group, sizeof group, "%s on %s", name, current->name);
        if (is_there(current, database))
            failed += _cmocka_run_group_tests(group, all, count, NULL, NULL);
    }
    free(all);
    return failed;
}

/* -------------------------------------------------------------------------------- the lines ---- */

const char *line_of(const void *record, const struct line_field *fields, size_t count)
{
    char *line = NULL;
    size_t size;
    FILE *file = open_memstream(&line, &size);
    assert_non_null(file);
    for (size_t i = 0; i < count; i++) {
        const void *member = (const char *)record + fields[i].offset;
        int64_t number = fields[i].is_text ? 0 : *(const int64_t *)member;
        const char *text = fields[i].is_text ? *(const char *const *)member : NULL;
        if (fields[i].is_text ? !text : number == DBK_NONE)
            fputs("-|", file);
        else if (text)
            fprintf(file, "%s|", text);
        else
            fprintf(file, "%" PRId64 "|", number);
    }
    fclose(file);
    return test_keep(line, free);
}

static char *line_of_row(sqlite3_stmt *stmt)
{
    char *line = NULL;
    size_t size;
    FILE *file = open_memstream(&line, &size);
    assert_non_null(file);
    for (int i = 0; i < sqlite3_column_count(stmt); i++) {
        const unsigned char *text = sqlite3_column_text(stmt, i);
        fprintf(file, "%s|", text ? (const char *)text : "-");
    }
    fclose(file);
    return test_keep(line, free);
}

char **lines_of_query(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt;
    size_t count = 0, max = 16;
    char **lines = test_take((max + 1) * sizeof *lines);
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL))
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        if (count == max) {
            char **grown = test_take((2 * max + 1) * sizeof *grown);
            memcpy(grown, lines, count * sizeof *grown);
            lines = grown;
            max *= 2;
        }
        lines[count++] = line_of_row(stmt);
    }
    assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
    return lines;
}

void assert_same_lines(char *const *actual, char *const *expected, const char *what)
{
    for (size_t i = 0; actual[i] || expected[i]; i++)
        if (!actual[i] || !expected[i] || strcmp(actual[i], expected[i]))
            fail_msg("%s, line %zu: %s instead of %s", what, i, actual[i] ? actual[i] : "nothing",
                     expected[i] ? expected[i] : "nothing");
}

/* -------------------------------------------------------------------------------- the kinds ---- */

const char BUILD_COLUMNS[] =
    "id, number, builderid, buildrequestid, workerid, masterid, started_at,"
    " complete_at, locks_duration_s, state_string, results";
const char STEP_COLUMNS[] = "id, number, name, buildid, started_at, locks_acquired_at, complete_at,"
                            " state_string, results, hidden";

static const struct line_field BUILD[] = {
    LINE_NUMBER(dbk_build, id),
    LINE_NUMBER(dbk_build, number),
    LINE_NUMBER(dbk_build, builderid),
    LINE_NUMBER(dbk_build, buildrequestid),
    LINE_NUMBER(dbk_build, workerid),
    LINE_NUMBER(dbk_build, masterid),
    LINE_NUMBER(dbk_build, started_at),
    LINE_NUMBER(dbk_build, complete_at),
    LINE_NUMBER(dbk_build, locks_duration_s),
    LINE_TEXT(dbk_build, state_string),
    LINE_NUMBER(dbk_build, results),
};
static const struct line_field STEP[] = {
    LINE_NUMBER(dbk_step, id),          LINE_NUMBER(dbk_step, number),
    LINE_TEXT(dbk_step, name),          LINE_NUMBER(dbk_step, buildid),
    LINE_NUMBER(dbk_step, started_at),  LINE_NUMBER(dbk_step, locks_acquired_at),
    LINE_NUMBER(dbk_step, complete_at), LINE_TEXT(dbk_step, state_string),
    LINE_NUMBER(dbk_step, results),     LINE_NUMBER(dbk_step, hidden),
};
static const struct line_field BUILDER[] = {
    LINE_NUMBER(dbk_builder, id),
    LINE_TEXT(dbk_builder, name),
    LINE_TEXT(dbk_builder, description),
    LINE_TEXT(dbk_builder, description_format),
    LINE_TEXT(dbk_builder, description_html),
    LINE_NUMBER(dbk_builder, projectid),
};
static const struct line_field WORKER[] = {
    LINE_NUMBER(dbk_worker, id),         LINE_TEXT(dbk_worker, name),
    LINE_TEXT(dbk_worker, info),         LINE_NUMBER(dbk_worker, paused),
    LINE_TEXT(dbk_worker, pause_reason), LINE_NUMBER(dbk_worker, graceful),
};
static const struct line_field MASTER[] = {
    LINE_NUMBER(dbk_master, id),
    LINE_TEXT(dbk_master, name),
    LINE_NUMBER(dbk_master, active),
    LINE_NUMBER(dbk_master, last_active),
};
static const struct line_field SOURCESTAMP[] = {
    LINE_NUMBER(dbk_sourcestamp, id),       LINE_TEXT(dbk_sourcestamp, branch),
    LINE_TEXT(dbk_sourcestamp, revision),   LINE_NUMBER(dbk_sourcestamp, patchid),
    LINE_TEXT(dbk_sourcestamp, repository), LINE_TEXT(dbk_sourcestamp, codebase),
    LINE_TEXT(dbk_sourcestamp, project),    LINE_NUMBER(dbk_sourcestamp, created_at),
};
static const struct line_field BUILDSET[] = {
    LINE_NUMBER(dbk_buildset, id),
    LINE_TEXT(dbk_buildset, external_idstring),
    LINE_TEXT(dbk_buildset, reason),
    LINE_NUMBER(dbk_buildset, submitted_at),
    LINE_NUMBER(dbk_buildset, complete),
    LINE_NUMBER(dbk_buildset, complete_at),
    LINE_NUMBER(dbk_buildset, results),
    LINE_NUMBER(dbk_buildset, parent_buildid),
    LINE_TEXT(dbk_buildset, parent_relationship),
    LINE_NUMBER(dbk_buildset, rebuilt_buildid),
};
static const struct line_field BUILDREQUEST[] = {
    LINE_NUMBER(dbk_buildrequest, id),
    LINE_NUMBER(dbk_buildrequest, buildsetid),
    LINE_NUMBER(dbk_buildrequest, builderid),
    LINE_NUMBER(dbk_buildrequest, priority),
    LINE_NUMBER(dbk_buildrequest, complete),
    LINE_NUMBER(dbk_buildrequest, results),
    LINE_NUMBER(dbk_buildrequest, submitted_at),
    LINE_NUMBER(dbk_buildrequest, complete_at),
    LINE_NUMBER(dbk_buildrequest, waited_for),
    LINE_NUMBER(dbk_buildrequest, claimed_at),
    LINE_NUMBER(dbk_buildrequest, claimed_by_masterid),
};
static const struct line_field CHANGE[] = {
    LINE_NUMBER(dbk_change, id),
    LINE_TEXT(dbk_change, author),
    LINE_TEXT(dbk_change, committer),
    LINE_TEXT(dbk_change, comments),
    LINE_TEXT(dbk_change, branch),
    LINE_TEXT(dbk_change, revision),
    LINE_TEXT(dbk_change, revlink),
    LINE_NUMBER(dbk_change, when_timestamp),
    LINE_TEXT(dbk_change, category),
    LINE_TEXT(dbk_change, repository),
    LINE_TEXT(dbk_change, codebase),
    LINE_TEXT(dbk_change, project),
    LINE_NUMBER(dbk_change, sourcestampid),
    LINE_NUMBER(dbk_change, parent_changeid),
};

#define DEFINE_LINES(kind, fields)                                                                 \
    void on_##kind##_line(void *user, const struct dbk_error *error, const struct dbk_##kind *one) \
    {                                                                                              \
        struct lines *lines = user;                                                                \
        answer_take(&lines->answer, error, NULL);                                                  \
        lines->line = one ? test_copy(line_of(one, fields, COUNT_OF(fields))) : NULL;              \
    }                                                                                              \
    void on_##kind##_lines(void *user, const struct dbk_error *error,                              \
                           const struct dbk_##kind *const *all, const struct dbk_page *page)       \
    {                                                                                              \
        struct lines *lines = user;                                                                \
        answer_take(&lines->answer, error, page);                                                  \
        lines->list = test_take((error ? 1 : page->count + 1) * sizeof *lines->list);              \
        for (size_t i = 0; !error && i < page->count; i++)                                         \
            lines->list[i] = test_copy(line_of(all[i], fields, COUNT_OF(fields)));                 \
    }
DEFINE_LINES(build, BUILD)
DEFINE_LINES(step, STEP)
DEFINE_LINES(builder, BUILDER)
DEFINE_LINES(worker, WORKER)
DEFINE_LINES(master, MASTER)
DEFINE_LINES(sourcestamp, SOURCESTAMP)
DEFINE_LINES(buildset, BUILDSET)
DEFINE_LINES(buildrequest, BUILDREQUEST)
DEFINE_LINES(change, CHANGE)
