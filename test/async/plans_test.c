/*
 * How SQLite goes about the statements of every call: it finds what they ask for, and does not look through a table
 * that grows with the builds. SQLite has no statistics of ours, so that its plan is the same whatever the tables hold.
 *
 * The texts are those that the store's connections ran, taken by SQLite's trace. (A daybook that makes a statement
 * that is not in any row of every_call.c is not seen here.)
 */
#include "ask_all.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { TEXTS_MAX = 600, TEXTS_MIN = 80 };

static struct {
    pthread_mutex_t lock;
    bool is_on;
    int count;
    char *texts[TEXTS_MAX];
} seen = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool is_known(const char *text)
{
    for (int i = 0; i < seen.count; i++)
        if (!strcmp(seen.texts[i], text))
            return true;
    return false;
}

static int on_statement(unsigned type, void *user, void *statement, void *unused)
{
    const char *text = sqlite3_sql(statement);
    (void)type;
    (void)user;
    (void)unused;
    pthread_mutex_lock(&seen.lock);
    if (seen.is_on && text && seen.count < TEXTS_MAX && !is_known(text))
        seen.texts[seen.count++] = strdup(text);
    pthread_mutex_unlock(&seen.lock);
    return 0;
}

static int on_open(sqlite3 *db, char **error, const void *routines)
{
    (void)error;
    (void)routines;
    return sqlite3_trace_v2(db, SQLITE_TRACE_STMT, on_statement, NULL);
}

static void watch(bool is_on)
{
    pthread_mutex_lock(&seen.lock);
    seen.is_on = is_on;
    pthread_mutex_unlock(&seen.lock);
}

/* ------------------------------------------------------------------------------- the plans ---- */

/* Statements that may look through a table. */
static const struct {
    const char *part; /* of their text */
    const char *reason;
} MAY_SCAN[] = {
    {"SELECT count(*) FROM ", "a total counts all that match, for whoever asks for one"},
    {"(t.number IN (?, ?, ?)) AND (t.state_string <> ?)",
     "builds by fields that no index has, of all builders: their page ends at its limit"},
    {"SELECT count(*), coalesce(sum(length(d.value)), 0) FROM build_data d",
     "tells what a deletion would delete: the header says that it reads all of the table"},
};

enum { LINES_MAX = 64, LINE_SIZE = 160 };

struct plan {
    char lines[LINES_MAX][LINE_SIZE];
    int count;
};

static void no_function(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)context;
    (void)count;
    (void)values;
}

static void explain(sqlite3 *db, const char *sql, struct plan *plan)
{
    sqlite3_stmt *stmt;
    char *text = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", sql);
    plan->count = 0;
    if (sqlite3_prepare_v2(db, text, -1, &stmt, NULL))
        fail_msg("%s: %s", sqlite3_errmsg(db), sql);
    while (sqlite3_step(stmt) == SQLITE_ROW && plan->count < LINES_MAX)
        snprintf(plan->lines[plan->count++], LINE_SIZE, "%s", sqlite3_column_text(stmt, 3));
    sqlite3_finalize(stmt);
    sqlite3_free(text);
}

static bool has_line(const struct plan *plan, const char *words, const char *name, size_t len)
{
    char line[LINE_SIZE];
    snprintf(line, sizeof line, "%s%.*s", words, (int)len, name);
    for (int i = 0; i < plan->count; i++)
        if (!strcmp(plan->lines[i], line))
            return true;
    return false;
}

/* Whether a line of a plan goes through a whole table of the database. */
static bool is_scan(const struct plan *plan, const char *line, const char *sql)
{
    if (strncmp(line, "SCAN ", 5) != 0 || strstr(line, "VIRTUAL TABLE"))
        return false;
    const char *name = line + 5;
    size_t len = strcspn(name, " ");
    /* Rows that the statement has made itself. */
    if (name[0] == '(' || strstr(name, "CONSTANT ROW") ||
        has_line(plan, "CO-ROUTINE ", name, len) || has_line(plan, "MATERIALIZE ", name, len))
        return false;
    /* A page in the order of an index ends at its limit, and nothing is left out on the way. */
    size_t sql_len = strlen(sql);
    bool is_page = sql_len > 8 && !strcmp(sql + sql_len - 8, " LIMIT ?") && !strstr(sql, " WHERE ");
    return !is_page || has_line(plan, "USE TEMP B-TREE FOR ORDER BY", "", 0);
}

static bool scans(sqlite3 *db, const char *sql)
{
    struct plan plan;
    explain(db, sql, &plan);
    for (int i = 0; i < plan.count; i++)
        if (is_scan(&plan, plan.lines[i], sql))
            return true;
    return false;
}

/* Its exception; -1: none. */
static int exception_of(const char *sql)
{
    for (size_t i = 0; i < COUNT_OF(MAY_SCAN); i++)
        if (strstr(sql, MAY_SCAN[i].part))
            return (int)i;
    return -1;
}

/* ------------------------------------------------------------------------------- the tests ---- */

static struct fixture fixture;

static int set_up(void **state)
{
    (void)state;
    assert_int_equal(sqlite3_auto_extension((void (*)(void))on_open), SQLITE_OK);
    fixture_open(&fixture, NULL);
    every_call_prepare(fixture.path);
    return 0;
}

static int tear_down(void **state)
{
    sqlite3_cancel_auto_extension((void (*)(void))on_open);
    fixture_close(&fixture);
    every_call_end();
    for (int i = 0; i < seen.count; i++)
        free(seen.texts[i]);
    seen.count = 0;
    return test_end_of(state);
}

/* Without the functions that the store gives its connections. */
static sqlite3 *open_for_plans(void)
{
    sqlite3 *db = raw_open(fixture.path);
    assert_int_equal(
        sqlite3_create_function(db, "daybook_range", 3, SQLITE_UTF8, NULL, no_function, NULL, NULL),
        SQLITE_OK);
    return db;
}

static void statements__of_all_calls_scan_no_large_table(void **state)
{
    int used[COUNT_OF(MAY_SCAN)] = {0}, bad = 0;
    (void)state;
    watch(true);
    ask_all(fixture.store, NULL);
    watch(false);
    assert_in_range(seen.count, TEXTS_MIN, TEXTS_MAX - 1);
    sqlite3 *db = open_for_plans();
    for (int i = 0; i < seen.count; i++) {
        if (!scans(db, seen.texts[i]))
            continue;
        int exception = exception_of(seen.texts[i]);
        if (exception >= 0) {
            used[exception]++;
            continue;
        }
        print_error("this scans a table: %s\n", seen.texts[i]);
        bad++;
    }
    sqlite3_close(db);
    assert_int_equal(bad, 0);
    for (size_t i = 0; i < COUNT_OF(MAY_SCAN); i++)
        if (!used[i])
            fail_msg("no statement needs the exception: %s", MAY_SCAN[i].reason);
}

/* That the test above could fail. */
static void scan__is_seen_where_there_is_one(void **state)
{
    sqlite3 *db = open_for_plans();
    (void)state;
    assert_true(scans(db, "SELECT id FROM builds t WHERE t.started_at = ?"));
    assert_true(scans(db, "SELECT id FROM builds t ORDER BY t.started_at LIMIT ?"));
    assert_true(scans(db, "SELECT id FROM builds t WHERE t.state_string = ? LIMIT ?"));
    assert_true(scans(db, "DELETE FROM steps WHERE name = ?"));
    assert_true(scans(db, "SELECT id FROM steps WHERE name = ? AND number = ?"));
    assert_false(scans(db, "SELECT id FROM builds t ORDER BY t.id DESC LIMIT ?"));
    assert_false(scans(db, "SELECT id FROM steps WHERE buildid = ? AND name = ?"));
    sqlite3_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(statements__of_all_calls_scan_no_large_table, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(scan__is_seen_where_there_is_one, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("plans", tests, NULL, NULL);
}
