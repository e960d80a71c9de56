/* The pages of a backup, a few at a time, and somebody who writes in between. */
#include "engine/engine.h"
#include "raw.h"

#include <stdio.h>

struct ground {
    const char *from_path, *to_path;
    const struct dbki_engine *engine;
    struct dbki_conn *from;
    struct dbki_backup *backup;
};

/* Larger than what is copied at a time. */
static struct ground begin(const char *journal)
{
    struct ground g = {.from_path = test_format("%s/from.sqlite", test_folder())};
    const struct dbki_conn_options options = {.is_writer = false};
    struct dbki_url url;
    sqlite3 *db;
    assert_int_equal(sqlite3_open(g.from_path, &db), SQLITE_OK);
    sqlite3_close(db);
    raw_run(g.from_path,
            test_format("PRAGMA journal_mode=%s;"
                        "CREATE TABLE t (a INTEGER PRIMARY KEY, b);"
                        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
                        " WHERE i < 1000) INSERT INTO t SELECT i, zeroblob(3000) FROM n",
                        journal));
    g.to_path = test_format("%s/to.sqlite", test_folder());
    file_write(g.to_path, "", 0);
    assert_int_equal(dbki_url_parse(g.from_path, &url, NULL), DBK_OK);
    g.engine = dbki_engine_find(url.scheme, NULL);
    assert_int_equal(g.engine->open(&url, &options, &g.from, NULL), DBK_OK);
    dbki_url_fini(&url);
    assert_int_equal(g.engine->backup_open(g.from, g.to_path, &g.backup, NULL), DBK_OK);
    return g;
}

/* One part, in a transaction of its own or in one that is open already. */
static struct dbki_backup_state copy_part(struct ground *g)
{
    struct dbki_backup_state state;
    struct dbk_error error;
    if (g->engine->backup_pages(g->backup, 0, &state, &error))
        fail_msg("%s", error.message);
    return state;
}

static struct dbki_backup_state copy_rest(struct ground *g)
{
    struct dbki_backup_state state;
    do
        state = copy_part(g);
    while (!state.is_over);
    return state;
}

static void begin_reading(struct ground *g)
{
    int64_t version;
    bool is_in_the_way;
    assert_int_equal(g->engine->begin(g->from, DBKI_READ, NULL, NULL), DBK_OK);
    assert_int_equal(g->engine->look(g->from, &version, &is_in_the_way, NULL), DBK_OK);
}

static bool go_on(struct dbki_wait *wait)
{
    (void)wait;
    return false;
}

static bool stop(struct dbki_wait *wait)
{
    (void)wait;
    return true;
}

static int64_t finish(struct ground *g)
{
    struct dbki_wait wait = {.gives_up = go_on};
    struct dbki_conn *copy;
    assert_int_equal(g->engine->backup_check(g->backup, &wait, &copy, NULL), DBK_OK);
    g->engine->backup_close(g->backup);
    g->engine->close(g->from);
    return raw_int(g->to_path, "SELECT count(*) FROM t");
}

static void pages__with_a_log_are_of_one_moment_whatever_is_written(void **state)
{
    (void)state;
    struct ground g = begin("WAL");
    begin_reading(&g);
    assert_false(copy_part(&g).is_over);
    raw_run(g.from_path, "DELETE FROM t WHERE a > 500");
    struct dbki_backup_state end = copy_rest(&g);
    assert_int_equal(end.begun_anew, 0);
    assert_int_equal(end.done, end.total);
    g.engine->rollback(g.from);
    assert_int_equal(finish(&g), 1000);
}

static void pages__without_a_log_begin_anew_when_somebody_wrote(void **state)
{
    (void)state;
    struct ground g = begin("DELETE");
    int64_t first = copy_part(&g).done, second = copy_part(&g).done;
    assert_true(second > first);
    raw_run(g.from_path, "DELETE FROM t WHERE a > 500");
    struct dbki_backup_state anew = copy_part(&g);
    assert_int_equal(anew.begun_anew, 1);
    assert_true(anew.done < second);
    assert_int_equal(copy_rest(&g).begun_anew, 1);
    assert_int_equal(finish(&g), 500);
}

static void pages__without_a_log_go_on_when_nobody_wrote(void **state)
{
    (void)state;
    struct ground g = begin("DELETE");
    struct dbki_backup_state end;
    do {
        begin_reading(&g);
        end = copy_part(&g);
        g.engine->rollback(g.from);
    } while (!end.is_over);
    assert_int_equal(end.begun_anew, 0);
    assert_int_equal(finish(&g), 1000);
}

static void check__gives_up_when_it_is_told_to(void **state)
{
    (void)state;
    struct ground g = begin("WAL");
    struct dbki_wait wait = {.gives_up = stop};
    struct dbki_conn *copy;
    /* So much that SQLite asks meanwhile. */
    raw_run(g.from_path, "CREATE TABLE u (a, b); CREATE INDEX v ON u (a);"
                         "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
                         " WHERE i < 20000) INSERT INTO u SELECT i, i FROM n");
    copy_rest(&g);
    assert_int_equal(g.engine->backup_check(g.backup, &wait, &copy, NULL), DBK_TIMEOUT);
    g.engine->backup_close(g.backup);
    g.engine->close(g.from);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages__with_a_log_are_of_one_moment_whatever_is_written),
        cmocka_unit_test(pages__without_a_log_begin_anew_when_somebody_wrote),
        cmocka_unit_test(pages__without_a_log_go_on_when_nobody_wrote),
        cmocka_unit_test(check__gives_up_when_it_is_told_to),
    };
    return test_run("backup_pages", tests, sizeof tests / sizeof *tests);
}
