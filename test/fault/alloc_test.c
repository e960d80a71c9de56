/*
 * Memory that runs out: the n-th allocation of the library fails, for every n until an operation needs no
 * more. What then happens is either the right result or DBK_NO_MEMORY, at submit or in the callback; a
 * write that said so changed nothing; and the store goes on.
 *
 * usage: alloc_test HEADER (that the calls are compared with)
 */
#include "every_call.h"

#include "base/alloc.h"

#include <stdio.h>

static struct fixture fixture;

/* Early enough that the store does not yet look for what is old: no write is the store's own. */
static int64_t early_clock(void *user)
{
    (void)user;
    return 1000;
}

static const struct dbk_options OPTIONS = {
    .size = sizeof OPTIONS, .reader_count = 1, .clock = early_clock};

static int set_up(void **state)
{
    (void)state;
    fixture_open(&fixture, &OPTIONS);
    every_call_prepare(fixture.path);
    return 0;
}

static int tear_down(void **state)
{
    dbki_alloc_fail_after(-1, 0);
    fixture_close(&fixture);
    every_call_end();
    return test_end_of(state);
}

static void reopen(void)
{
    assert_int_equal(dbk_close_wait(fixture.store), DBK_OK);
    fixture.store = NULL;
    assert_int_equal(dbk_open(fixture.path, &OPTIONS, &fixture.store, NULL), DBK_OK);
}

/* ------------------------------------------------------------------------------------ every call ---- */

/* What one attempt came to. */
struct attempt {
    struct answer answer;
    struct dbk_error refusal;
    bool is_refused;
    bool has_all_memory; /* no allocation failed */
};

/* How the calls are made to fail. */
struct mode {
    bool is_lasting; /* from the n-th on, all allocations fail */
    bool has_key;    /* writes carry an operation key */
};

static struct attempt attempt(const struct every_call *call, int64_t fail_after, struct mode mode)
{
    struct attempt attempt = {.is_refused = false};
    struct dbk_call options = DBK_CALL_INIT;
    options.out_refusal = &attempt.refusal;
    options.timeout_ms = 60000; /* so that the timer's part is run too */
    options.scope = mode.has_key ? call->name : NULL;
    options.key = mode.has_key ? "key" : NULL;
    dbki_alloc_fail_after(fail_after, mode.is_lasting);
    attempt.is_refused = call->submit(fixture.store, &options, &attempt.answer) != DBK_OK;
    while (!attempt.is_refused && !attempt.answer.count)
        dispatch_wait(fixture.store, NO_LIMIT_MS);
    attempt.has_all_memory = dbki_alloc_fail_after(-1, 0) > 0;
    return attempt;
}

static bool is_failed(const struct every_call *call, const struct attempt *attempt, int64_t n)
{
    const struct dbk_error *error = attempt->is_refused        ? &attempt->refusal
                                    : attempt->answer.is_error ? &attempt->answer.error
                                                               : NULL;
    assert_int_equal(attempt->answer.count, attempt->is_refused ? 0 : 1);
    if (!error)
        return false;
    if (error->status != DBK_NO_MEMORY || error->outcome != DBK_NOT_DONE || !error->is_retryable)
        fail_msg("%s, allocation %lld: %s: %s", call->name, (long long)n,
                 dbk_status_name(error->status), error->message);
    return true;
}

static void check_usable(int64_t n)
{
    struct answer write = {0}, read = {0};
    char text[32];
    snprintf(text, sizeof text, "after %lld", (long long)n);
    set_state(fixture.store, 2, text, &write);
    await(fixture.store, &write, 1);
    get_state(fixture.store, 2, &read);
    await(fixture.store, &read, 1);
    assert_false(write.is_error);
    assert_string_equal(read.text, text);
}

/* Another program's view: a number that changes with every commit of somebody else's. */
static int64_t version(sqlite3 *db)
{
    return raw_int(db, "PRAGMA data_version");
}

static void fail_each_allocation(const struct every_call *call, struct mode mode)
{
    sqlite3 *db = raw_open(fixture.path);
    struct attempt expected = {.is_refused = false};
    if (!call->is_write)
        expected = attempt(call, -1, mode);
    for (int64_t n = 0;; n++) {
        reopen(); /* with nothing left over from before */
        int64_t before = version(db);
        struct attempt tried = attempt(call, n, mode);
        if (is_failed(call, &tried, n)) {
            if (version(db) != before)
                fail_msg("%s, allocation %lld: it failed and wrote", call->name, (long long)n);
            check_usable(n);
            continue;
        }
        if (call->is_write)
            assert_int_not_equal(version(db), before);
        else if (!is_same_answer(&tried.answer, &expected.answer))
            fail_msg("%s, allocation %lld: another result", call->name, (long long)n);
        check_usable(n);
        /* One that went well may have done without an allocation that failed: go on until none did. */
        if (tried.has_all_memory || call->is_write)
            break;
    }
    sqlite3_close(db);
}

static void each_call(struct mode mode)
{
    for (size_t i = 0; i < EVERY_CALL_COUNT; i++)
        if (EVERY_CALL[i].is_write || !mode.has_key)
            fail_each_allocation(&EVERY_CALL[i], mode);
}

static void alloc__one_that_fails_is_no_memory_and_changes_nothing(void **state)
{
    (void)state;
    each_call((struct mode){.is_lasting = false});
}

static void alloc__all_that_fail_from_then_on_are_no_memory_and_change_nothing(void **state)
{
    (void)state;
    each_call((struct mode){.is_lasting = true});
}

/* The same key all the time: one that failed has left none behind. */
static void alloc__one_that_fails_leaves_no_operation_key(void **state)
{
    (void)state;
    each_call((struct mode){.has_key = true});
}

/* Writes of one batch: those that did not fail are done, whatever befell the others. */
static void alloc__one_in_a_batch_fails_its_operation_alone(void **state)
{
    enum { OPS = 12 };
    (void)state;
    for (int64_t n = 0;; n++) {
        struct answer answers[OPS] = {{0}};
        int64_t before = file_int(fixture.path, "SELECT count(*) FROM steps");
        int errors = 0;
        write_gate_close(&fixture);
        for (int i = 0; i < OPS; i++)
            assert_int_equal(
                dbk_add_step(fixture.store, 1, test_format("n%lld step %d", (long long)n, i),
                             test_repeat("state ", 1000), NULL, on_added_step, &answers[i]),
                DBK_OK);
        dbki_alloc_fail_after(n, 0);
        write_gate_open();
        await(fixture.store, answers, OPS);
        bool has_all_memory = dbki_alloc_fail_after(-1, 0) > 0;
        for (int i = 0; i < OPS; i++) {
            errors += answers[i].is_error;
            if (answers[i].is_error)
                assert_int_equal(answers[i].error.status, DBK_NO_MEMORY);
            if (i && !answers[i].is_error && !answers[i - 1].is_error)
                assert_int_equal(answers[i].number, answers[i - 1].number + 1);
        }
        assert_int_equal(file_int(fixture.path, "SELECT count(*) FROM steps") - before,
                         OPS - errors);
        assert_true(errors <= 1);
        if (has_all_memory)
            break;
    }
}

/* ------------------------------------------------------------------------------ opening, specs, dup ---- */

static void alloc__that_fails_while_a_store_is_opened_leaves_nothing_open(void **state)
{
    struct dbk_options options = OPTIONS;
    const char *folder = test_folder();
    (void)state;
    options.is_created = true;
    for (int is_lasting = 0; is_lasting < 2; is_lasting++)
        for (int is_new = 0; is_new < 2; is_new++)
            for (int64_t n = 0;; n++) {
                struct dbk_store *store = NULL;
                struct dbk_error error;
                const char *path =
                    is_new ? test_format("%s/%d-%lld.sqlite", folder, is_lasting, (long long)n)
                           : fixture.path;
                dbki_alloc_fail_after(n, is_lasting);
                int status = dbk_open(path, &options, &store, &error);
                bool has_all_memory = dbki_alloc_fail_after(-1, 0) > 0;
                if (status == DBK_OK) { /* the lock file, for one, can be done without */
                    assert_int_equal(dbk_close_wait(store), DBK_OK);
                    if (has_all_memory)
                        break;
                    continue;
                }
                assert_int_equal(status, DBK_NO_MEMORY);
                assert_int_equal(error.status, DBK_NO_MEMORY);
                assert_string_equal(error.action, "opening the database");
                assert_null(store);
                assert_int_equal(dbk_open(path, &options, &store, &error), DBK_OK);
                assert_int_equal(dbk_close_wait(store), DBK_OK);
            }
}

static void alloc__that_fails_in_a_spec_is_told_and_that_spec_refused(void **state)
{
    const char *text = "name__in=a,b,c&number=1&number=2&order=-name&order=id&field=name&cursor=x"
                       "&limit=2&offset=1&total=5";
    struct dbk_spec *spec;
    int status = DBK_NO_MEMORY;
    (void)state;
    for (int64_t n = 0; status; n++) {
        struct dbk_error error = {.status = DBK_OK};
        spec = NULL;
        dbki_alloc_fail_after(n, 0);
        status = dbk_spec_parse(text, &spec, &error);
        dbki_alloc_fail_after(-1, 0);
        if (status) {
            assert_int_equal(status, DBK_NO_MEMORY);
            assert_int_equal(error.status, DBK_NO_MEMORY);
            assert_null(spec);
        }
    }
    dbk_spec_free(spec);

    /* A list must not be given without a filter that there was no memory for. */
    const char *const names[] = {"one", "two", "three"};
    struct answer answer = {0};
    spec = dbk_spec_new();
    dbki_alloc_fail_after(3, 0);
    status = dbk_spec_filter_text(spec, "state_string", DBK_IN, names, COUNT_OF(names));
    dbki_alloc_fail_after(-1, 0);
    assert_int_equal(status, DBK_NO_MEMORY);
    assert_int_equal(dbk_get_builds(fixture.store, DBK_NONE, DBK_NONE, DBK_NONE, DBK_NONE, spec,
                                    NULL, on_builds, &answer),
                     DBK_INVALID);
    assert_int_equal(answer.count, 0);
    dbk_spec_free(spec);
}

static int dups_failed;

/* Each copy either is whole or is none. */
static void dup_builds(void *user, const struct dbk_error *error,
                       const struct dbk_build *const *builds, const struct dbk_page *page)
{
    on_any(user, error);
    for (size_t i = 0; !error && i < page->count; i++)
        for (int64_t n = 0;; n++) {
            dbki_alloc_fail_after(n, 0);
            struct dbk_build *copy = dbk_build_dup(builds[i]);
            dbki_alloc_fail_after(-1, 0);
            dbk_build_free(copy);
            if (copy)
                break;
            dups_failed++;
        }
}

static void alloc__that_fails_in_a_copy_gives_null(void **state)
{
    struct answer answer = {0};
    struct dbk_spec *spec;
    (void)state;
    assert_int_equal(dbk_spec_parse("field=properties", &spec, NULL), DBK_OK);
    assert_int_equal(dbk_get_builds(fixture.store, DBK_NONE, DBK_NONE, DBK_NONE, DBK_NONE, spec,
                                    NULL, dup_builds, &answer),
                     DBK_OK);
    await(fixture.store, &answer, 1);
    dbk_spec_free(spec);
    assert_true(dups_failed >= SEEDED);
}

/* ------------------------------------------------------------------------------------- the table ---- */

static const char *header;

static void every_call__has_a_row_for_each_operation_of_the_header(void **state)
{
    static char text[200000];
    size_t operations = 0;
    (void)state;
    FILE *file = fopen(header, "r");
    assert_non_null(file);
    size_t size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    assert_true(size < sizeof text - 1);
    for (char *next = text; (next = strstr(next, "DBK_API int dbk_"));) {
        char *name = next + strlen("DBK_API int "), *end = strchr(name, ';'),
             *open = strchr(name, '(');
        *end = *open = '\0';
        next = end + 1;
        /* Following has no one result, and long work many: they have tests of their own. */
        if (!strstr(open + 1, "const struct dbk_call *call") || strstr(open + 1, "dbk_report_fn") ||
            !strcmp(name, "dbk_follow_events"))
            continue;
        size_t i = 0;
        while (i < EVERY_CALL_COUNT && strcmp(EVERY_CALL[i].name, name))
            i++;
        if (i == EVERY_CALL_COUNT)
            fail_msg("every_call.c has no row for %s", name);
        operations++;
    }
    assert_int_equal(operations, EVERY_CALL_COUNT);
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(every_call__has_a_row_for_each_operation_of_the_header),
        TEST(alloc__one_that_fails_is_no_memory_and_changes_nothing),
        TEST(alloc__all_that_fail_from_then_on_are_no_memory_and_change_nothing),
        TEST(alloc__one_that_fails_leaves_no_operation_key),
        TEST(alloc__one_in_a_batch_fails_its_operation_alone),
        TEST(alloc__that_fails_while_a_store_is_opened_leaves_nothing_open),
        TEST(alloc__that_fails_in_a_spec_is_told_and_that_spec_refused),
        TEST(alloc__that_fails_in_a_copy_gives_null),
    };
    if (argc != 2)
        return 2;
    header = argv[1];
    return cmocka_run_group_tests_name("alloc", tests, NULL, NULL);
}
