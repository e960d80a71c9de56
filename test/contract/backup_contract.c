/* Backing a store up: what is in the copy, what is refused, and that what does not end leaves nothing. */
#include "fixture.h"
#include "raw.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* What long work said. */
struct reports {
    struct answer answer; /* first: what wait.h fills */
    const char *findings; /* "problem subject\n" each */
    bool is_checked;
    int64_t done, total;
    int cancel_after; /* so many reports; 0: never */
    int count;
    struct dbk_store *store;
};

static void on_report(void *user, const struct dbk_report *report)
{
    struct reports *r = user;
    if (report->kind == DBK_REPORT_FINDING) {
        r->findings = test_format("%s%s %s\n", r->findings, report->problem, report->subject);
    } else {
        assert_true(report->done >= r->done && report->done <= report->total);
        r->done = report->done;
        r->total = report->total;
        r->is_checked |= !strcmp(report->subject, "checking");
    }
    if (++r->count == r->cancel_after)
        dbk_cancel(r->store, *r->answer.call.out_op);
}

static void begin(struct reports *r, struct dbk_store *store)
{
    int cancel_after = r->cancel_after;
    *r = (struct reports){.store = store, .findings = "", .cancel_after = cancel_after};
    answer_begin(&r->answer);
    r->answer.call.out_op = test_take(sizeof(struct dbk_op));
}

static int backup(struct reports *r, struct fixture *f, const char *to_path, bool is_overwriting)
{
    struct dbk_backup_options options = DBK_BACKUP_OPTIONS_INIT;
    options.is_overwriting = is_overwriting;
    begin(r, f->store);
    return answer_end(
        &r->answer, f->store,
        dbk_backup(f->store, to_path, &options, &r->answer.call, on_report, on_done, r));
}

static void must_backup(struct reports *r, struct fixture *f, const char *to_path)
{
    if (backup(r, f, to_path, false))
        fail_msg("%s", r->answer.error.message);
}

static void expect_refused(struct fixture *f, const char *to_path, bool is_overwriting,
                           enum dbk_status status, const char *words)
{
    struct reports r = {.count = 0};
    assert_int_equal(backup(&r, f, to_path, is_overwriting), status);
    expect_error(&r.answer, status, words, NULL);
}

#define BACKED_UP_ONLY(f)                                                                          \
    do {                                                                                           \
        if (!(f)->engine->is_file)                                                                 \
            skip();                                                                                \
    } while (0)

static void record(struct fixture *f)
{
    for (int i = 0; i < 5; i++) {
        int64_t buildid = add_build(f);
        set_property(f, buildid, "mood", "\"good\"", "test");
        set_data(f, buildid, "log", test_repeat("0123456789", 2000), "test");
        add_step(f, buildid, "compile");
        finish_build(f, buildid, 0);
    }
}

/* The rows of the fixture's store and of a file are the same, and so are their last ids. */
static void expect_same(struct fixture *f, const char *path)
{
    struct reports r = {.count = 0};
    struct dbk_error error;
    struct dbk_store *store;
    if (dbk_open(path, NULL, &store, &error))
        fail_msg("%s", error.message);
    begin(&r, store);
    assert_int_equal(answer_end(&r.answer, store,
                                dbk_verify(store, f->url, &r.answer.call, on_report, on_done, &r)),
                     DBK_OK);
    assert_string_equal(r.findings, "");
    assert_int_equal(dbk_close_wait(store), DBK_OK);
}

static const char *place(const char *name)
{
    return test_format("%s/%s", test_folder(), name);
}

static bool is_there(const char *path)
{
    struct stat about;
    return !lstat(path, &about);
}

static void backup__holds_all_that_was_written_and_needs_no_other_file(void **state)
{
    struct fixture *f = *state;
    struct reports r = {.count = 0};
    BACKED_UP_ONLY(f);
    record(f);
    const char *folder = test_folder(), *path = test_format("%s/a b%%?#c.sqlite", folder);
    must_backup(&r, f, path);
    assert_true(r.is_checked);
    assert_int_equal(r.done, r.total);
    assert_string_equal(r.findings, "");
    assert_int_equal(folder_count(folder), 1);
    struct stat about;
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_size, r.total);
    expect_same(f, path);
}

static void backup__goes_on_where_the_store_was(void **state)
{
    struct fixture *f = *state;
    struct reports r = {.count = 0};
    BACKED_UP_ONLY(f);
    record(f);
    const char *path = place("copy.sqlite");
    must_backup(&r, f, path);
    int64_t buildid = add_build(f);
    struct fixture restored = *f;
    struct dbk_options options = DBK_OPTIONS_INIT;
    assert_int_equal(dbk_open(path, &options, &restored.store, NULL), DBK_OK);
    assert_int_equal(add_build(&restored), buildid);
    assert_int_equal(dbk_close_wait(restored.store), DBK_OK);
    assert_string_equal(raw_text(path, "PRAGMA journal_mode"), "wal");
}

static void backup__has_the_mode_of_the_database(void **state)
{
    struct fixture *f = *state;
    struct reports r = {.count = 0};
    struct stat about;
    BACKED_UP_ONLY(f);
    assert_int_equal(chmod(f->path, 0640), 0);
    const char *path = place("copy.sqlite");
    must_backup(&r, f, path);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0640);
}

static void backup__a_taken_place_is_a_conflict_unless_it_is_overwritten(void **state)
{
    struct fixture *f = *state;
    struct reports r = {.count = 0};
    BACKED_UP_ONLY(f);
    record(f);
    const char *path = place("copy.sqlite");
    size_t size;
    file_write(path, "mine", 4);
    expect_refused(f, path, false, DBK_CONFLICT, "there already");
    assert_memory_equal(file_read(path, &size), "mine", 4);
    assert_int_equal(backup(&r, f, path, true), DBK_OK);
    expect_same(f, path);
}

static void backup__beside_the_log_of_another_database_is_a_conflict(void **state)
{
    struct fixture *f = *state;
    BACKED_UP_ONLY(f);
    const char *path = place("copy.sqlite");
    file_write(test_format("%s-wal", path), "log", 3);
    expect_refused(f, path, false, DBK_CONFLICT, "-wal");
    expect_refused(f, path, true, DBK_CONFLICT, "-wal");
    assert_false(is_there(path));
}

static void backup__to_itself_a_folder_or_nowhere_is_refused(void **state)
{
    struct fixture *f = *state;
    BACKED_UP_ONLY(f);
    const char *other_name = place("link.sqlite");
    expect_refused(f, f->path, true, DBK_INVALID, "the database itself");
    assert_int_equal(link(f->path, other_name), 0);
    expect_refused(f, other_name, true, DBK_INVALID, "the database itself");
    expect_refused(f, test_folder(), true, DBK_INVALID, "a folder");
    expect_refused(f, "/dev/null", true, DBK_INVALID, "no plain file");
    expect_refused(f, place("none/copy.sqlite"), false, DBK_NOT_FOUND, "none/copy.sqlite");
    assert_true(add_build(f) > 0); /* it is as it was */
}

static void backup__of_a_damaged_database_makes_no_file(void **state)
{
    struct fixture *f = *state;
    BACKED_UP_ONLY(f);
    record(f);
    /* An index without the entries of its table's rows. */
    raw_run(f->path,
            "PRAGMA writable_schema = ON; UPDATE sqlite_master SET rootpage ="
            " (SELECT rootpage FROM sqlite_master WHERE name = 'steps')"
            " WHERE name = (SELECT min(name) FROM sqlite_master WHERE type = 'index'"
            " AND tbl_name = 'builds' AND sql IS NOT NULL); PRAGMA writable_schema = RESET");
    const char *folder = test_folder(), *path = test_format("%s/copy.sqlite", folder);
    expect_refused(f, path, false, DBK_DAMAGED, "the database");
    assert_int_equal(folder_count(folder), 0);
}

static void backup__cancelled_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    BACKED_UP_ONLY(f);
    record(f);
    struct reports r = {.cancel_after = 1};
    const char *folder = test_folder(), *path = test_format("%s/copy.sqlite", folder);
    assert_int_equal(backup(&r, f, path, false), DBK_CANCELLED);
    assert_int_equal(folder_count(folder), 0);
}

static void backup__closed_meanwhile_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    struct reports r = {.count = 0};
    struct dbk_store *store;
    BACKED_UP_ONLY(f);
    record(f);
    const char *folder = test_folder(), *path = test_format("%s/copy.sqlite", folder);
    assert_int_equal(dbk_open(f->url, NULL, &store, NULL), DBK_OK);
    begin(&r, store);
    assert_int_equal(dbk_backup(store, path, NULL, &r.answer.call, on_report, on_done, &r), DBK_OK);
    assert_int_equal(dbk_close_wait(store), DBK_OK);
    assert_int_equal(r.answer.done_count, 1);
    assert_int_equal(r.answer.error.status, DBK_CANCELLED);
    assert_int_equal(folder_count(folder), 0);
}

static void backup__takes_the_place_of_what_a_kill_left(void **state)
{
    struct fixture *f = *state;
    struct reports r = {.count = 0};
    BACKED_UP_ONLY(f);
    record(f);
    const char *folder = test_folder(), *path = test_format("%s/copy.sqlite", folder);
    const char *part = test_format("%s-daybook-part", path);
    size_t size = 3000000;
    file_write(part, memset(test_take(size), 'x', size), size);
    must_backup(&r, f, path);
    assert_int_equal(folder_count(folder), 1);
    expect_same(f, path);
}

static void backup__beside_another_to_the_same_place_is_a_conflict(void **state)
{
    struct fixture *f = *state;
    BACKED_UP_ONLY(f);
    const char *path = place("copy.sqlite");
    int fd = open(test_format("%s-daybook-part", path), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    expect_refused(f, path, false, DBK_CONFLICT, "another backup");
    assert_true(is_there(test_format("%s-daybook-part", path)));
    close(fd);
}

static void backup__names_what_of_daybooks_is_missing_and_is_made_all_the_same(void **state)
{
    struct fixture *f = *state;
    struct reports r = {.count = 0};
    BACKED_UP_ONLY(f);
    raw_run(f->path, "DROP INDEX daybook_lineage_buildid");
    const char *path = place("copy.sqlite");
    must_backup(&r, f, path);
    assert_string_equal(r.findings, "missing daybook_lineage_buildid\n");
    assert_true(is_there(path));
}

static void backup__past_its_deadline_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    struct reports r = {.count = 0};
    BACKED_UP_ONLY(f);
    const char *folder = test_folder(), *path = test_format("%s/copy.sqlite", folder);
    begin(&r, f->store);
    r.answer.call.timeout_ms = 1;
    int status =
        answer_end(&r.answer, f->store,
                   dbk_backup(f->store, path, NULL, &r.answer.call, on_report, on_done, &r));
    /* A small store may be done by then. */
    if (status != DBK_OK)
        assert_int_equal(status, DBK_TIMEOUT);
    assert_int_equal(folder_count(folder), status == DBK_OK);
}

static void backup__of_a_server_or_of_memory_is_unsupported_and_says_what_to_do(void **state)
{
    struct fixture *f = *state;
    if (f->engine->is_file)
        skip();
    const char *folder = test_folder(), *path = test_format("%s/copy.sqlite", folder);
    expect_refused(f, path, false, DBK_UNSUPPORTED,
                   strncmp(f->url, "sqlite", 6) ? "pg_dump" : "in memory");
    assert_int_equal(folder_count(folder), 0);
}

static void backup__without_a_place_is_invalid(void **state)
{
    struct fixture *f = *state;
    expect_refused(f, NULL, false, DBK_INVALID, "to_path");
    expect_refused(f, "", false, DBK_INVALID, "to_path");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(backup__holds_all_that_was_written_and_needs_no_other_file),
        cmocka_unit_test(backup__goes_on_where_the_store_was),
        cmocka_unit_test(backup__has_the_mode_of_the_database),
        cmocka_unit_test(backup__a_taken_place_is_a_conflict_unless_it_is_overwritten),
        cmocka_unit_test(backup__beside_the_log_of_another_database_is_a_conflict),
        cmocka_unit_test(backup__to_itself_a_folder_or_nowhere_is_refused),
        cmocka_unit_test(backup__of_a_damaged_database_makes_no_file),
        cmocka_unit_test(backup__cancelled_leaves_nothing),
        cmocka_unit_test(backup__closed_meanwhile_leaves_nothing),
        cmocka_unit_test(backup__takes_the_place_of_what_a_kill_left),
        cmocka_unit_test(backup__beside_another_to_the_same_place_is_a_conflict),
        cmocka_unit_test(backup__names_what_of_daybooks_is_missing_and_is_made_all_the_same),
        cmocka_unit_test(backup__past_its_deadline_leaves_nothing),
        cmocka_unit_test(backup__of_a_server_or_of_memory_is_unsupported_and_says_what_to_do),
        cmocka_unit_test(backup__without_a_place_is_invalid),
    };
    return fixture_run("backup", tests, sizeof tests / sizeof *tests);
}
