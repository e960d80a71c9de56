/*
 * Looking at a database's tables and making them while somebody else does. What he does he does at a moment
 * that an engine around the real one says.
 */
#include "schema/schema.h"
#include "test.h"

#include "engine/url.h"
#include "raw.h"

static const struct dbki_engine *real;
static struct dbki_engine interrupted;
static const char *path;
static int questions_left; /* until the store is made */
static int tries_left;     /* until the other one lets go */
static sqlite3 *other;

static void make_store(void)
{
    struct dbk_options options = DBK_OPTIONS_INIT;
    struct dbk_store *store;
    struct dbk_error error;
    options.is_created = true;
    if (dbk_open(path, &options, &store, &error))
        fail_msg("%s", error.message);
    dbk_close_wait(store);
}

static int columns(struct dbki_conn *conn, const char *table,
                   int (*column)(void *user, const char *name, bool is_needed), void *user,
                   struct dbk_error *error)
{
    int status = real->columns(conn, table, column, user, error);
    if (questions_left > 0 && --questions_left == 0)
        make_store();
    return status;
}

static int script(struct dbki_conn *conn, const char *sql, struct dbk_error *error)
{
    int status = real->script(conn, sql, error);
    if (tries_left > 0 && --tries_left == 0)
        assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    return status;
}

static struct dbki_conn *open_interrupted(void)
{
    struct dbki_url url;
    struct dbk_error error;
    struct dbki_conn *conn;
    struct dbki_conn_options wanted = {.is_writer = true, .is_created = true};
    assert_int_equal(dbki_url_parse(path, &url, &error), DBK_OK);
    real = dbki_engine_find(url.scheme, &error);
    assert_int_equal(real->open(&url, &wanted, &conn, &error), DBK_OK);
    dbki_url_fini(&url);
    interrupted = *real;
    interrupted.columns = columns;
    interrupted.script = script;
    conn->engine = &interrupted;
    return conn;
}

/* Looks at an empty database that becomes a store after so many questions. Result: whether it did. */
static bool look(int questions, struct dbki_schema *out_schema)
{
    struct dbk_error error;
    path = test_format("%s/%d.sqlite", test_folder(), questions);
    file_write(path, "", 0);
    raw_run(path, "PRAGMA journal_mode=WAL"); /* so that whoever looks is not in his way */
    struct dbki_conn *conn = open_interrupted();
    questions_left = questions;
    if (dbki_schema_inspect(conn, out_schema, &error))
        fail_msg("after %d questions: %s", questions, error.message);
    real->close(conn);
    return !questions_left;
}

static void inspect__of_a_store_that_is_just_being_made_sees_all_or_nothing(void **state)
{
    (void)state;
    struct dbki_schema schema;
    int questions = 1;
    for (; look(questions, &schema); questions++)
        if (!schema.is_empty && !schema.is_own)
            fail_msg("after %d questions it is somebody else's", questions);
    assert_true(questions > 3);
}

static void create__waits_for_who_looks_and_makes_the_log(void **state)
{
    (void)state;
    struct dbk_error error;
    path = test_format("%s/a.sqlite", test_folder());
    struct dbki_conn *conn = open_interrupted();
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(other, "BEGIN; SELECT count(*) FROM sqlite_master", NULL, NULL, NULL),
        SQLITE_OK);
    questions_left = 0;
    tries_left = 3;
    if (dbki_schema_create(conn, false, &error))
        fail_msg("%s", error.message);
    assert_true(real->has_log(conn));
    real->close(conn);
    sqlite3_close(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inspect__of_a_store_that_is_just_being_made_sees_all_or_nothing),
        cmocka_unit_test(create__waits_for_who_looks_and_makes_the_log),
    };
    return test_run("schema", tests, COUNT_OF(tests));
}
