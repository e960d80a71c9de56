/*
 * A disk that fails: the n-th read, write, sync, truncation or mapping, for every n until an operation
 * needs no more. Each operation ends once, with a clear error; of what it writes there is all or nothing,
 * and nothing where the error says that it was not done; the file stays sound, and the store is usable
 * again once the fault is gone.
 *
 * usage: io_test FAULT (a name of the table below)
 */
#include "every_call.h"
#include "failing_vfs.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* Early enough that the store does not yet look for what is old: no write is the store's own. */
static int64_t early_clock(void *user)
{
    (void)user;
    return 1000;
}

static const struct dbk_options OPTIONS = {
    .size = sizeof OPTIONS, .reader_count = 1, .clock = early_clock};

/* What fails, and how that is told. */
static const struct fault {
    const char *name;
    enum io_call call;
    int code;
    enum dbk_status status;
    bool is_lasting;
} FAULTS[] = {
    {"read", IO_READ, SQLITE_IOERR_READ, DBK_UNREACHABLE, false},
    {"write_full", IO_WRITE, SQLITE_FULL, DBK_FULL, false},
    {"writes_full", IO_WRITE, SQLITE_FULL, DBK_FULL, true},
    {"write", IO_WRITE, SQLITE_IOERR_WRITE, DBK_UNREACHABLE, false},
    {"sync", IO_SYNC, SQLITE_IOERR_FSYNC, DBK_UNREACHABLE, false},
    {"truncate", IO_TRUNCATE, SQLITE_IOERR_TRUNCATE, DBK_UNREACHABLE, false},
    {"map", IO_SHM_MAP, SQLITE_IOERR_SHMMAP, DBK_UNREACHABLE, false},
    {"maps", IO_SHM_MAP, SQLITE_IOERR_SHMMAP, DBK_UNREACHABLE, true},
    {"shared_lock", IO_SHM_LOCK, SQLITE_IOERR_SHMLOCK, DBK_UNREACHABLE, false},
};

static const char *folder, *template_path, *path;
static struct dbk_store *store;

/* The template is a closed store with all that the calls ask for. */
static int set_up(void **state)
{
    struct fixture fixture;
    (void)state;
    folder = test_folder();
    template_path = test_format("%s/template.sqlite", folder);
    path = test_format("%s/test.sqlite", folder);
    fixture_open(&fixture, &OPTIONS);
    every_call_prepare(fixture.path);
    assert_int_equal(dbk_close_wait(fixture.store), DBK_OK);
    fixture.store = NULL;
    file_exec(fixture.path, "PRAGMA wal_checkpoint(TRUNCATE)");
    assert_int_equal(rename(fixture.path, template_path), 0);
    return 0;
}

static int tear_down(void **state)
{
    io_fail_end();
    dbk_close_wait(store);
    store = NULL;
    every_call_end();
    return test_end_of(state);
}

static void copy_template(void)
{
    struct stat status;
    unlink(test_format("%s-wal", path));
    unlink(test_format("%s-shm", path));
    unlink(test_format("%s-daybook", path));
    int from = open(template_path, O_RDONLY | O_CLOEXEC);
    int to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    assert_true(from >= 0 && to >= 0);
    assert_int_equal(fstat(from, &status), 0);
    while (status.st_size > 0) {
        ssize_t copied = copy_file_range(from, NULL, to, NULL, (size_t)status.st_size, 0);
        assert_true(copied > 0);
        status.st_size -= copied;
    }
    close(from);
    close(to);
}

static void open_copy(void)
{
    struct dbk_error error;
    assert_int_equal(dbk_close_wait(store), DBK_OK);
    store = NULL;
    copy_template();
    if (dbk_open(path, &OPTIONS, &store, &error))
        fail_msg("%s", error.message);
}

/* ------------------------------------------------------------------- what is in the database ---- */

static uint64_t add_bytes(uint64_t hash, const void *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ ((const unsigned char *)bytes)[i]) * 1099511628211U;
    return hash;
}

static uint64_t add_rows(sqlite3 *db, const char *sql, uint64_t hash)
{
    sqlite3_stmt *stmt;
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    while (sqlite3_step(stmt) == SQLITE_ROW)
        for (int i = 0; i < sqlite3_column_count(stmt); i++) {
            int type = sqlite3_column_type(stmt, i);
            hash = add_bytes(hash, &type, sizeof type);
            const void *bytes = sqlite3_column_blob(stmt, i);
            hash = add_bytes(hash, bytes, (size_t)sqlite3_column_bytes(stmt, i));
        }
    sqlite3_finalize(stmt);
    return hash;
}

/* A number for all rows of all tables, but for the moment at which a property was added; also looks whether the file is
 * sound. */
static uint64_t digest(void)
{
    sqlite3 *db = raw_open(path);
    sqlite3_stmt *tables;
    uint64_t hash = 14695981039346656037U;
    assert_int_equal(raw_int(db, "SELECT count(*) = 1 AND max(integrity_check) = 'ok'"
                                 " FROM pragma_integrity_check"),
                     1);
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "SELECT name FROM sqlite_master WHERE type = 'table'"
                                        " ORDER BY name",
                                        -1, &tables, NULL),
                     SQLITE_OK);
    while (sqlite3_step(tables) == SQLITE_ROW) {
        const char *table = (const char *)sqlite3_column_text(tables, 0);
        bool is_timed = !strcmp(table, "build_properties");
        char *sql = sqlite3_mprintf("SELECT %s FROM \"%w\" ORDER BY 1, 2",
                                    is_timed ? "buildid, name, value, source" : "*", table);
        hash = add_rows(db, sql, hash);
        sqlite3_free(sql);
    }
    sqlite3_finalize(tables);
    sqlite3_close(db);
    return hash;
}

/* ------------------------------------------------------------------------------------ every call ---- */

static struct answer run(const struct every_call *call)
{
    struct answer answer = {0};
    assert_int_equal(call->submit(store, NULL, &answer), DBK_OK);
    await(store, &answer, 1);
    return answer;
}

static void check_usable(void)
{
    struct answer write = {0}, read = {0};
    set_state(store, 2, "usable", &write);
    await(store, &write, 1);
    if (write.is_error)
        fail_msg("afterwards: %s", write.error.message);
    get_state(store, 2, &read);
    await(store, &read, 1);
    if (read.is_error)
        fail_msg("afterwards: %s", read.error.message);
    assert_string_equal(read.text, "usable");
}

/* What a call gives and leaves when nothing fails. */
struct expected {
    struct answer answer;
    uint64_t before, after;
};

static void check_ended(const struct fault *fault, const struct every_call *call, int64_t n,
                        const struct answer *answer, const struct expected *expected)
{
    uint64_t found = digest();
    const char *what = NULL;
    if (answer->count != 1)
        what = "its callback did not run once";
    else if (!answer->is_error && !is_same_answer(answer, &expected->answer))
        what = "another result";
    else if (!answer->is_error && found != expected->after)
        what = "it was answered and not done";
    else if (answer->is_error && answer->error.status != fault->status)
        what = answer->error.message;
    else if (answer->is_error && (answer->error.engine_code & 0xFF) != (fault->code & 0xFF))
        what = "the database's code is not told";
    else if (answer->is_error && answer->error.outcome == DBK_DONE && found != expected->after)
        what =
            "it says that it was done, and it was not"; /* of work in turns, the last one failed */
    else if (answer->is_error && answer->error.outcome == DBK_NOT_DONE && found != expected->before)
        what = "it says that it was not done, and something was";
    else if (found != expected->before && found != expected->after)
        what = "half of it is there";
    if (what)
        fail_msg("%s, %s %lld: %s", call->name, fault->name, (long long)n, what);
}

/* Result: how often something failed. */
static int fail_each(const struct fault *fault, const struct every_call *call,
                     const struct expected *expected)
{
    for (int64_t n = 0;; n++) {
        open_copy();
        io_fail_after(fault->call, n, fault->code, fault->is_lasting);
        struct answer answer = run(call);
        bool has_failed = io_fail_end();
        check_ended(fault, call, n, &answer, expected);
        check_usable();
        if (!has_failed)
            return (int)n;
    }
}

static void fail_each_of_every_call(const struct fault *fault)
{
    int failed = 0;
    for (size_t i = 0; i < EVERY_CALL_COUNT; i++) {
        struct expected expected;
        open_copy();
        expected.before = digest();
        expected.answer = run(&EVERY_CALL[i]);
        assert_false(expected.answer.is_error);
        expected.after = digest();
        if (EVERY_CALL[i].is_write)
            assert_true(expected.before != expected.after);
        failed += fail_each(fault, &EVERY_CALL[i], &expected);
    }
    /* Truncating and mapping is nothing that these need once the store is open. */
    if (fault->call != IO_TRUNCATE && fault->call != IO_SHM_MAP)
        assert_true(failed > 0);
}

static void io__that_fails_ends_each_call_with_one_clear_error(void **state)
{
    fail_each_of_every_call(*state);
}

/* ---------------------------------------------------------------------------- many at once, opening ---- */

static void io__that_fails_in_a_batch_leaves_each_whole_or_not_at_all(void **state)
{
    enum { OPS = 40 };
    const struct fault *fault = *state;
    bool has_failed = true;
    for (int64_t n = 0; has_failed; n++) {
        struct answer answers[OPS] = {{0}};
        int64_t done = 0, unknown = 0;
        open_copy();
        io_fail_after(fault->call, n, fault->code, fault->is_lasting);
        for (int i = 0; i < OPS; i++)
            assert_int_equal(dbk_add_step(store, 1 + i % 4, "step", test_repeat("state ", 500),
                                          NULL, on_added_step, &answers[i]),
                             DBK_OK);
        await(store, answers, OPS);
        has_failed = io_fail_end();
        for (int i = 0; i < OPS; i++) {
            assert_int_equal(answers[i].count, 1);
            done += !answers[i].is_error;
            unknown += answers[i].is_error && answers[i].error.outcome == DBK_UNKNOWN;
            if (answers[i].is_error)
                assert_int_equal(answers[i].error.status, fault->status);
        }
        int64_t steps = file_int(path, "SELECT count(*) FROM steps WHERE buildid < 5");
        assert_in_range(steps, done, done + unknown);
        assert_int_equal(file_int(path, "SELECT count(*) FROM daybook_events WHERE kind = 'step'"),
                         steps);
        assert_int_equal(file_int(path,
                                  "SELECT count(*) FROM (SELECT max(number) + 1 - count(*) AS gaps"
                                  " FROM steps GROUP BY buildid) WHERE gaps"),
                         0);
        check_usable();
    }
}

/* Nothing is lost: what was written is in the log, and the next one who opens it finds it. */
static void io__that_fails_while_the_store_is_closed_loses_nothing(void **state)
{
    const struct fault *fault = *state;
    bool has_failed = true;
    for (int64_t n = 0; has_failed; n++) {
        open_copy();
        check_usable();
        uint64_t before = digest();
        io_fail_after(fault->call, n, fault->code, fault->is_lasting);
        assert_int_equal(dbk_close_wait(store), DBK_OK);
        has_failed = io_fail_end();
        store = NULL;
        assert_true(digest() == before);
        assert_int_equal(dbk_open(path, &OPTIONS, &store, NULL), DBK_OK);
        check_usable();
    }
}

static void open_under_fault(const struct fault *fault, bool is_new)
{
    struct dbk_options options = OPTIONS;
    bool has_failed = true;
    options.is_created = is_new;
    for (int64_t n = 0; has_failed; n++) {
        struct dbk_error error = {.status = DBK_OK};
        assert_int_equal(dbk_close_wait(store), DBK_OK);
        store = NULL;
        copy_template();
        if (is_new)
            unlink(path);
        io_fail_after(fault->call, n, fault->code, fault->is_lasting);
        int status = dbk_open(path, &options, &store, &error);
        has_failed = io_fail_end();
        if (status) {
            if (status != (int)fault->status || error.status != fault->status)
                fail_msg("%s %lld: %s", fault->name, (long long)n, error.message);
            assert_string_equal(error.action, "opening the database");
            assert_null(store);
            if (dbk_open(path, &options, &store, &error))
                fail_msg("%s %lld, afterwards: %s", fault->name, (long long)n, error.message);
        }
        if (!is_new)
            check_usable();
    }
}

static void io__that_fails_while_a_store_is_opened_is_told_and_the_next_open_works(void **state)
{
    open_under_fault(*state, false);
}

static void io__that_fails_while_a_store_is_made_is_told_and_the_next_open_works(void **state)
{
    open_under_fault(*state, true);
}

/* A full disk: what is answered is there; what is not can be sent again once there is room. */
static void io__that_is_full_until_space_is_freed_stops_writes_alone(void **state)
{
    struct answer write = {0}, read = {0}, again = {0};
    (void)state;
    open_copy();
    io_fail_after(IO_WRITE, 0, SQLITE_FULL, true);
    set_state(store, 1, "does not fit", &write);
    await(store, &write, 1);
    get_state(store, 1, &read);
    await(store, &read, 1);
    assert_int_equal(write.error.status, DBK_FULL);
    assert_true(write.error.is_retryable);
    assert_int_equal(write.error.engine_code, SQLITE_FULL);
    assert_string_equal(write.error.action, "setting a build's state string");
    assert_false(read.is_error);
    assert_string_equal(read.text, "seeded");
    assert_true(io_fail_end());
    set_state(store, 1, "fits", &again);
    await(store, &again, 1);
    assert_false(again.is_error);
}

int main(int argc, char **argv)
{
    struct fault *fault = NULL;
    for (size_t i = 0; i < COUNT_OF(FAULTS) && argc == 2; i++)
        if (!strcmp(FAULTS[i].name, argv[1]))
            fault = (struct fault *)(uintptr_t)&FAULTS[i];
#define TEST(name) cmocka_unit_test_prestate_setup_teardown(name, set_up, tear_down, fault)
    const struct CMUnitTest tests[] = {
        TEST(io__that_fails_ends_each_call_with_one_clear_error),
        TEST(io__that_fails_in_a_batch_leaves_each_whole_or_not_at_all),
        TEST(io__that_fails_while_the_store_is_closed_loses_nothing),
        TEST(io__that_fails_while_a_store_is_opened_is_told_and_the_next_open_works),
        TEST(io__that_fails_while_a_store_is_made_is_told_and_the_next_open_works),
        TEST(io__that_is_full_until_space_is_freed_stops_writes_alone),
    };
    if (!fault)
        return 2;
    failing_vfs_install();
    return cmocka_run_group_tests_name(fault->name, tests, NULL, NULL);
}
