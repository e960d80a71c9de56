/* What old build data take, and giving their space back. */
#include "fixture.h"
#include "raw.h"

enum { VALUE_SIZE = 400000, VALUES = 30 };

static void on_size(void *user, const struct dbk_error *error, int64_t count, int64_t size)
{
    struct answer *answer = user;
    answer_take(answer, error, NULL);
    answer->count = count;
    answer->number = size;
}

static void expect_old(struct fixture *f, int64_t older_than, int64_t count, int64_t size)
{
    struct answer a;
    assert_int_equal(ASK(&a, f->store, on_size, dbk_count_old_build_data, older_than), DBK_OK);
    assert_int_equal(a.count, count);
    assert_int_equal(a.number, size);
}

static int64_t delete_old(struct fixture *f, int64_t older_than)
{
    struct answer a;
    assert_int_equal(ASK(&a, f->store, on_count, dbk_delete_old_build_data, older_than), DBK_OK);
    return a.count;
}

/* dbk_give_space_back() has no arguments of its own. */
static int give_back(struct fixture *f, struct answer *answer)
{
    answer_begin(answer);
    return answer_end(answer, f->store,
                      dbk_give_space_back(f->store, &answer->call, on_count, answer));
}

/* A build with many large values; the last one that was made comes after them in the file. */
static int64_t add_large(struct fixture *f)
{
    char *value = test_take(VALUE_SIZE + 1);
    int64_t buildid = add_build(f);
    memset(value, 'x', VALUE_SIZE);
    value[VALUE_SIZE] = '\0';
    for (int i = 0; i < VALUES; i++)
        set_data(f, buildid, test_format("%d", i), value, "s");
    return buildid;
}

static void count_old_build_data__gives_what_deleting_would_delete(void **state)
{
    struct fixture *f = *state;
    int64_t ids[3];
    for (int i = 0; i < 3; i++) {
        ids[i] = add_build(f);
        set_data(f, ids[i], "a", "12345", "s");
        set_data(f, ids[i], "b", "", "s");
    }
    for (int i = 0; i < 2; i++) {
        f->now = 1000 * (i + 1);
        finish_build(f, ids[i], 0);
    }
    expect_old(f, 1000, 0, 0);
    expect_old(f, 1001, 2, 5);
    expect_old(f, INT64_MAX, 4, 10); /* the open build's are not old */
    assert_int_equal(delete_old(f, INT64_MAX), 4);
    expect_old(f, INT64_MAX, 0, 0);
}

static void count_old_build_data__none_is_invalid(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    ASK(&a, f->store, on_size, dbk_count_old_build_data, DBK_NONE);
    expect_error(&a, DBK_INVALID, "older_than", NULL);
}

static void give_space_back__shrinks_the_file_by_what_it_says(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    struct dbk_stats before, after;
    if (!f->engine->is_file)
        return;
    int64_t buildid = add_large(f), kept = add_large(f);
    finish_build(f, buildid, 0);
    fixture_reopen(f);
    int64_t pages = raw_int(f->path, "PRAGMA page_count");
    assert_int_equal(delete_old(f, INT64_MAX), VALUES);
    dbk_get_stats(f->store, &before, sizeof before);
    assert_int_equal(give_back(f, &a), DBK_OK);
    dbk_get_stats(f->store, &after, sizeof after);
    assert_true(a.count >= (int64_t)VALUES * VALUE_SIZE);
    assert_true(after.commit_count - before.commit_count > 5); /* in turns */
    fixture_reopen(f);
    size_t size;
    file_read(f->path, &size);
    int64_t page_size = raw_int(f->path, "PRAGMA page_size");
    assert_int_equal(raw_int(f->path, "PRAGMA freelist_count"), 0);
    assert_true((int64_t)size <= pages * page_size - a.count);
    assert_string_equal(raw_text(f->path, "PRAGMA integrity_check"), "ok");
    assert_int_equal(raw_int(f->path, test_format("SELECT count(*) FROM build_data WHERE buildid ="
                                                  " %lld AND length(value) = %d",
                                                  (long long)kept, VALUE_SIZE)),
                     VALUES);
}

static void give_space_back__without_any_gives_0_and_leaves_no_event(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    skip_events(f);
    assert_int_equal(give_back(f, &a), DBK_OK);
    assert_int_equal(a.count, 0);
    expect_no_event(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(count_old_build_data__gives_what_deleting_would_delete),
        cmocka_unit_test(count_old_build_data__none_is_invalid),
        cmocka_unit_test(give_space_back__shrinks_the_file_by_what_it_says),
        cmocka_unit_test(give_space_back__without_any_gives_0_and_leaves_no_event),
    };
    return fixture_run("space", tests, COUNT_OF(tests));
}
