/* Build data. */
#include "fixture.h"
#include "raw.h"

#include <stdio.h>
#include <unistd.h>

static void get(struct fixture *f, struct answer *a, int64_t buildid, const char *name)
{
    assert_int_equal(ASK(a, f->store, on_data, dbk_get_build_data, buildid, name), DBK_OK);
}

static void expect_bytes(struct fixture *f, int64_t buildid, const char *name, const void *value,
                         size_t value_len, const char *source)
{
    struct answer a;
    get(f, &a, buildid, name);
    assert_non_null(a.data);
    assert_int_equal(a.data->buildid, buildid);
    assert_string_equal(a.data->name, name);
    assert_string_equal(a.data->source, source);
    assert_int_equal(a.data->length, value_len);
    assert_int_equal(a.data->value_len, value_len);
    assert_non_null(a.data->value);
    assert_memory_equal(a.data->value, value, value_len);
}

static void expect_data_event(struct fixture *f, const char *verb, int64_t buildid,
                              const char *name)
{
    expect_event(f, (struct dbk_event){.kind = "data",
                                       .verb = verb,
                                       .builderid = f->seed.builderid,
                                       .buildid = buildid,
                                       .stepid = DBK_NONE,
                                       .name = name});
}

/* --------------------------------------------------------------------------------- setting ---- */

static void set_build_data__creates_and_replaces(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t buildid = add_build(f), other = add_build(f);
    skip_events(f);
    set_data(f, buildid, "log", "first", "here");
    expect_data_event(f, "updated", buildid, "log");
    expect_bytes(f, buildid, "log", "first", 5, "here");
    get(f, &a, buildid, "log");
    int64_t id = a.data->id;
    set_data(f, other, "log", "another build's", "here");
    set_data(f, buildid, "log 2", "another", "here");
    skip_events(f);
    set_data(f, buildid, "log", "second value", "there");
    expect_data_event(f, "updated", buildid, "log");
    expect_bytes(f, buildid, "log", "second value", 12, "there");
    expect_bytes(f, other, "log", "another build's", 15, "here");
    expect_bytes(f, buildid, "log 2", "another", 7, "here");
    get(f, &a, buildid, "log");
    assert_int_equal(a.data->id, id);
}

static void set_build_data__keeps_any_bytes(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    unsigned char bytes[512];
    int64_t buildid = add_build(f);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)i;
    for (size_t len = 0; len <= sizeof bytes; len += 64) {
        assert_int_equal(
            ASK(&a, f->store, on_done, dbk_set_build_data, buildid, "v", bytes, len, "s"), DBK_OK);
        expect_bytes(f, buildid, "v", bytes, len, "s");
    }
    assert_int_equal(ASK(&a, f->store, on_done, dbk_set_build_data, buildid, "v", NULL, 0, "s"),
                     DBK_OK);
    expect_bytes(f, buildid, "v", "", 0, "s");
}

static void set_build_data__keeps_megabytes(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    enum { LENGTH = 20 * 1000 * 1000 };
    unsigned char *bytes = test_take(LENGTH);
    uint32_t random = 1;
    for (size_t i = 0; i < LENGTH; i++)
        bytes[i] = (unsigned char)((random = random * 1664525 + 1013904223) >> 24);
    int64_t buildid = add_build(f);
    assert_int_equal(
        ASK(&a, f->store, on_done, dbk_set_build_data, buildid, "v", bytes, LENGTH, "s"), DBK_OK);
    expect_bytes(f, buildid, "v", bytes, LENGTH, "s");
}

static void set_build_data__value_is_copied_before_submitting_returns(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    char value[] = "as submitted", name[] = "name", source[] = "source";
    int64_t buildid = add_build(f);
    answer_begin(&a);
    assert_int_equal(dbk_set_build_data(f->store, buildid, name, value, strlen(value), source, NULL,
                                        on_done, &a),
                     DBK_OK);
    memset(value, 'x', sizeof value);
    memset(name, 'x', sizeof name - 1);
    memset(source, 'x', sizeof source - 1);
    answer_wait(&a, f->store);
    expect_bytes(f, buildid, "name", "as submitted", 12, "source");
}

static void set_build_data__too_large_a_value_is_refused(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t buildid = add_build(f);
    skip_events(f);
    /* Refused by its length alone, before a byte of it is read. */
    ASK(&a, f->store, on_done, dbk_set_build_data, buildid, "v", "x",
        (size_t)f->engine->value_max + 1, "s");
    expect_error(&a, DBK_TOO_LARGE, test_format("%lld", (long long)f->engine->value_max + 1),
                 test_format("%lld", (long long)f->engine->value_max), NULL);
    assert_int_equal(a.submitted, DBK_TOO_LARGE);
    expect_no_event(f);
}

static void set_build_data__limits_are_in_characters(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t buildid = add_build(f);
    const char *longest = test_repeat("\xF0\x9F\x98\x80", 256),
               *longer = test_repeat("\xC3\xA4", 257);
    set_data(f, buildid, longest, "v", longest);
    expect_bytes(f, buildid, longest, "v", 1, longest);
    skip_events(f);
    const struct {
        const char *name, *source, *word;
    } rows[] = {{longer, "s", "257"},  {"n", longer, "257"},   {NULL, "s", "name"},
                {"n", NULL, "source"}, {"\xC3", "s", "UTF-8"}, {"n", "\xFF", "UTF-8"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        ASK(&a, f->store, on_done, dbk_set_build_data, buildid, rows[i].name, "v", 1,
            rows[i].source);
        expect_error(&a, DBK_INVALID, rows[i].word, NULL);
    }
    ASK(&a, f->store, on_done, dbk_set_build_data, buildid, "n", NULL, 1, "s");
    expect_error(&a, DBK_INVALID, "value", NULL);
    expect_no_event(f);
}

static void set_build_data__missing_build_is_named(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    ASK(&a, f->store, on_done, dbk_set_build_data, MISSING_ID, "n", "v", 1, "s");
    expect_error(&a, DBK_NOT_FOUND, "build", "987654321", NULL);
    expect_no_event(f);
    if (f->engine->is_seen_by_others)
        assert_int_equal(fixture_look_int(f, "SELECT count(*) FROM build_data"), 0);
}

/* A file of that text, opened. */
static int open_file(const char *text)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fflush(file), 0);
    int fd = dup(fileno(file));
    fclose(file);
    assert_true(fd >= 0);
    return fd;
}

static void set_build_data_from_fd__sets_a_part_of_a_file(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t buildid = add_build(f);
    int fd = open_file("0123456789");
    skip_events(f);
    assert_int_equal(
        ASK(&a, f->store, on_done, dbk_set_build_data_from_fd, buildid, "v", fd, 2, 5, "s"),
        DBK_OK);
    expect_bytes(f, buildid, "v", "23456", 5, "s");
    expect_data_event(f, "updated", buildid, "v");
    assert_int_equal(
        ASK(&a, f->store, on_done, dbk_set_build_data_from_fd, buildid, "v", fd, 0, 10, "t"),
        DBK_OK);
    expect_bytes(f, buildid, "v", "0123456789", 10, "t");
    assert_int_equal(
        ASK(&a, f->store, on_done, dbk_set_build_data_from_fd, buildid, "v", fd, 10, 0, "t"),
        DBK_OK);
    expect_bytes(f, buildid, "v", "", 0, "t");
    close(fd);
}

static void set_build_data_from_fd__duplicates_the_descriptor_and_leaves_its_position(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t buildid = add_build(f);
    int fd = open_file("0123456789"), kept = dup(fd);
    assert_int_equal(lseek(kept, 7, SEEK_SET), 7);
    answer_begin(&a);
    assert_int_equal(
        dbk_set_build_data_from_fd(f->store, buildid, "v", fd, 0, 10, "s", NULL, on_done, &a),
        DBK_OK);
    close(fd);
    answer_wait(&a, f->store);
    assert_int_equal(a.error.status, DBK_OK);
    expect_bytes(f, buildid, "v", "0123456789", 10, "s");
    assert_int_equal(lseek(kept, 0, SEEK_CUR), 7);
    close(kept);
}

static void set_build_data_from_fd__file_that_ends_before_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t buildid = add_build(f);
    int fd = open_file("0123456789");
    set_data(f, buildid, "v", "before", "s");
    skip_events(f);
    ASK(&a, f->store, on_done, dbk_set_build_data_from_fd, buildid, "v", fd, 0, 11, "t");
    expect_error(&a, DBK_INVALID, NULL);
    ASK(&a, f->store, on_done, dbk_set_build_data_from_fd, buildid, "new", fd, 5, 1000000, "t");
    expect_error(&a, DBK_INVALID, NULL);
    expect_bytes(f, buildid, "v", "before", 6, "s");
    get(f, &a, buildid, "new");
    assert_null(a.data);
    expect_no_event(f);
    close(fd);
}

static void set_build_data_from_fd__arguments_are_checked(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int pipes[2];
    int64_t buildid = add_build(f);
    int fd = open_file("0123456789");
    assert_int_equal(pipe(pipes), 0);
    skip_events(f);
    ASK(&a, f->store, on_done, dbk_set_build_data_from_fd, MISSING_ID, "v", fd, 0, 1, "s");
    expect_error(&a, DBK_NOT_FOUND, "build", "987654321", NULL);
    ASK(&a, f->store, on_done, dbk_set_build_data_from_fd, buildid, "v", -1, 0, 1, "s");
    expect_error(&a, DBK_INVALID, NULL);
    ASK(&a, f->store, on_done, dbk_set_build_data_from_fd, buildid, "v", fd, -1, 1, "s");
    expect_error(&a, DBK_INVALID, "offset", NULL);
    ASK(&a, f->store, on_done, dbk_set_build_data_from_fd, buildid, "v", fd, 0, -1, "s");
    expect_error(&a, DBK_INVALID, "length", NULL);
    ASK(&a, f->store, on_done, dbk_set_build_data_from_fd, buildid, "v", fd, 0, 999000001, "s");
    expect_error(&a, DBK_TOO_LARGE, "999000001", NULL);
    ASK(&a, f->store, on_done, dbk_set_build_data_from_fd, buildid, "v", pipes[0], 0, 1, "s");
    expect_error(&a, DBK_INVALID, NULL);
    ASK(&a, f->store, on_done, dbk_set_build_data_from_fd, buildid, NULL, fd, 0, 1, "s");
    expect_error(&a, DBK_INVALID, "name", NULL);
    expect_no_event(f);
    close(pipes[0]);
    close(pipes[1]);
    close(fd);
}

/* --------------------------------------------------------------------------------- reading ---- */

static void get_build_data__missing_gives_none(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t buildid = add_build(f);
    set_data(f, buildid, "name", "v", "s");
    const struct {
        int64_t buildid;
        const char *name;
    } rows[] = {{buildid, "Name"}, {buildid, ""}, {buildid, "name "}, {MISSING_ID, "name"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        get(f, &a, rows[i].buildid, rows[i].name);
        assert_null(a.data);
        assert_int_equal(
            ASK(&a, f->store, on_data, dbk_get_build_data_no_value, rows[i].buildid, rows[i].name),
            DBK_OK);
        assert_null(a.data);
        assert_int_equal(ASK(&a, f->store, on_data, dbk_get_build_data_range, rows[i].buildid,
                             rows[i].name, 0, 10),
                         DBK_OK);
        assert_null(a.data);
    }
    ASK(&a, f->store, on_data, dbk_get_build_data, buildid, NULL);
    expect_error(&a, DBK_INVALID, "name", NULL);
    ASK(&a, f->store, on_data, dbk_get_build_data, buildid, "\xFF");
    expect_error(&a, DBK_INVALID, "UTF-8", NULL);
}

static void get_build_data_range__gives_that_part_and_the_whole_length(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    const char *value = "0123456789";
    int64_t buildid = add_build(f);
    set_data(f, buildid, "v", value, "s");
    const struct {
        int64_t offset, length, from, count;
    } rows[] = {{0, 10, 0, 10},
                {0, 3, 0, 3},
                {3, 4, 3, 4},
                {8, 10, 8, 2},
                {9, 1, 9, 1},
                {10, 1, 10, 0},
                {11, 5, 10, 0},
                {0, 0, 0, 0},
                {5, 0, 5, 0},
                {0, INT64_MAX, 0, 10},
                {5, INT64_MAX, 5, 5},
                {INT64_MAX, 1, 10, 0},
                {INT64_MAX, INT64_MAX, 10, 0}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_int_equal(ASK(&a, f->store, on_data, dbk_get_build_data_range, buildid, "v",
                             rows[i].offset, rows[i].length),
                         DBK_OK);
        assert_non_null(a.data);
        assert_int_equal(a.data->length, 10);
        assert_int_equal(a.data->value_len, rows[i].count);
        if (rows[i].count)
            assert_memory_equal(a.data->value, value + rows[i].from, rows[i].count);
    }
    ASK(&a, f->store, on_data, dbk_get_build_data_range, buildid, "v", -1, 1);
    expect_error(&a, DBK_INVALID, "offset", NULL);
    ASK(&a, f->store, on_data, dbk_get_build_data_range, buildid, "v", 0, -1);
    expect_error(&a, DBK_INVALID, "length", NULL);
    ASK(&a, f->store, on_data, dbk_get_build_data_range, buildid, "v", DBK_NONE, DBK_NONE);
    expect_error(&a, DBK_INVALID, "offset", NULL);
}

static void get_build_data_range__counts_bytes_not_characters(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t buildid = add_build(f);
    set_data(f, buildid, "v", "\xC3\xA4\xC3\xB6\xC3\xBC", "s");
    assert_int_equal(ASK(&a, f->store, on_data, dbk_get_build_data_range, buildid, "v", 1, 3),
                     DBK_OK);
    assert_int_equal(a.data->length, 6);
    assert_int_equal(a.data->value_len, 3);
    assert_memory_equal(a.data->value, "\xA4\xC3\xB6", 3);
}

static void get_build_data_no_value__gives_all_but_the_bytes(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t buildid = add_build(f);
    set_data(f, buildid, "v", "0123456789", "the source");
    get(f, &a, buildid, "v");
    int64_t id = a.data->id;
    assert_int_equal(ASK(&a, f->store, on_data, dbk_get_build_data_no_value, buildid, "v"), DBK_OK);
    assert_int_equal(a.data->id, id);
    assert_int_equal(a.data->buildid, buildid);
    assert_string_equal(a.data->name, "v");
    assert_string_equal(a.data->source, "the source");
    assert_int_equal(a.data->length, 10);
    assert_null(a.data->value);
    assert_int_equal(a.data->value_len, 0);
}

static void get_all_build_data_no_values__by_id_of_that_build_alone(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t one = add_build(f), two = add_build(f);
    for (int i = 0; i < 8; i++)
        set_data(f, i % 2 ? one : two, test_format("%d", 9 - i), test_repeat("x", (size_t)i), "s");
    assert_int_equal(
        ASK(&a, f->store, on_data_list, dbk_get_all_build_data_no_values, one, NULL, NULL), DBK_OK);
    assert_int_equal(a.page.count, 4);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(a.datas[i]->buildid, one);
        assert_string_equal(a.datas[i]->name, test_format("%d", 8 - 2 * i));
        assert_int_equal(a.datas[i]->length, 2 * i + 1);
        assert_null(a.datas[i]->value);
        assert_true(!i || a.datas[i]->id > a.datas[i - 1]->id);
    }
    assert_int_equal(
        ASK(&a, f->store, on_data_list, dbk_get_all_build_data_no_values, one, "6", NULL), DBK_OK);
    assert_int_equal(a.page.count, 1);
    assert_string_equal(a.datas[0]->name, "6");
    assert_int_equal(
        ASK(&a, f->store, on_data_list, dbk_get_all_build_data_no_values, two, "6", NULL), DBK_OK);
    assert_int_equal(a.page.count, 0);
    assert_int_equal(
        ASK(&a, f->store, on_data_list, dbk_get_all_build_data_no_values, MISSING_ID, NULL, NULL),
        DBK_OK);
    assert_int_equal(a.page.count, 0);
}

static void get_all_build_data_no_values__value_comes_when_wanted(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t buildid = add_build(f);
    set_data(f, buildid, "v", "0123456789", "s");
    assert_int_equal(ASK(&a, f->store, on_data_list, dbk_get_all_build_data_no_values, buildid,
                         NULL, parse_spec("field=value&field=name")),
                     DBK_OK);
    assert_int_equal(a.page.count, 1);
    assert_int_equal(a.datas[0]->value_len, 10);
    assert_memory_equal(a.datas[0]->value, "0123456789", 10);
    assert_null(a.datas[0]->source);
    assert_int_equal(a.datas[0]->length, DBK_NONE);
}

/* -------------------------------------------------------------------------------- deleting ---- */

static void delete_build_data__deletes_that_value_alone(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t one = add_build(f), two = add_build(f);
    set_data(f, one, "a", "1", "s");
    set_data(f, one, "b", "2", "s");
    set_data(f, two, "a", "3", "s");
    skip_events(f);
    assert_int_equal(ASK(&a, f->store, on_done, dbk_delete_build_data, one, "a"), DBK_OK);
    expect_data_event(f, "deleted", one, "a");
    get(f, &a, one, "a");
    assert_null(a.data);
    expect_bytes(f, one, "b", "2", 1, "s");
    expect_bytes(f, two, "a", "3", 1, "s");
    ASK(&a, f->store, on_done, dbk_delete_build_data, one, "a");
    expect_error(&a, DBK_NOT_FOUND, "'a'", NULL);
    ASK(&a, f->store, on_done, dbk_delete_build_data, MISSING_ID, "a");
    expect_error(&a, DBK_NOT_FOUND, "987654321", NULL);
    ASK(&a, f->store, on_done, dbk_delete_build_data, one, NULL);
    expect_error(&a, DBK_INVALID, "name", NULL);
    expect_no_event(f);
}

enum { OLD_VALUES = 1200 };

static int64_t delete_old(struct fixture *f, int64_t older_than)
{
    struct answer a;
    assert_int_equal(ASK(&a, f->store, on_count, dbk_delete_old_build_data, older_than), DBK_OK);
    return a.count;
}

static int64_t count_data(struct fixture *f, int64_t buildid)
{
    struct answer a;
    assert_int_equal(
        ASK(&a, f->store, on_data_list, dbk_get_all_build_data_no_values, buildid, NULL, NULL),
        DBK_OK);
    return (int64_t)a.page.count;
}

static void delete_old_build_data__goes_by_complete_at_and_spares_open_builds(void **state)
{
    struct fixture *f = *state;
    int64_t ids[4];
    for (int i = 0; i < 4; i++) {
        ids[i] = add_build(f);
        set_data(f, ids[i], "a", "1", "s");
        set_data(f, ids[i], "b", "2", "s");
    }
    for (int i = 0; i < 3; i++) {
        f->now = 1000 * (i + 1);
        finish_build(f, ids[i], 0);
    }
    skip_events(f);
    assert_int_equal(delete_old(f, 1000), 0); /* below, not at */
    expect_no_event(f);
    int64_t position = f->position;
    assert_int_equal(delete_old(f, 2001), 4);
    assert_int_equal(count_data(f, ids[0]) + count_data(f, ids[1]), 0);
    assert_int_equal(count_data(f, ids[2]), 2);
    assert_int_equal(count_data(f, ids[3]), 2);
    struct answer a;
    assert_int_equal(ASK(&a, f->store, on_events, dbk_get_events, position, NULL), DBK_OK);
    assert_int_equal(a.page.count, 4);
    for (int i = 0; i < 4; i++) {
        assert_string_equal(a.events[i]->kind, "data");
        assert_string_equal(a.events[i]->verb, "deleted");
        assert_int_equal(a.events[i]->buildid, ids[i / 2]);
        assert_int_equal(a.events[i]->builderid, f->seed.builderid);
        assert_string_equal(a.events[i]->name, i % 2 ? "b" : "a");
    }
    assert_int_equal(delete_old(f, INT64_MAX), 2);
    assert_int_equal(count_data(f, ids[3]), 2);
    assert_int_equal(delete_old(f, INT64_MAX), 0);
    assert_int_equal(get_build(f, ids[0])->results, 0); /* the builds stay */
}

static void delete_old_build_data__takes_more_than_one_batch(void **state)
{
    struct fixture *f = *state;
    enum { DATA = 700 };
    struct dbk_stats before, after;
    int64_t old = add_build(f), open = add_build(f);
    struct answer *answers = test_take(DATA * sizeof *answers);
    for (int i = 0; i < DATA; i++) {
        answer_begin(&answers[i]);
        assert_int_equal(dbk_set_build_data(f->store, i % 7 ? old : open, test_format("%d", i), "v",
                                            1, "s", NULL, on_done, &answers[i]),
                         DBK_OK);
    }
    for (int i = 0; i < DATA; i++)
        answer_wait(&answers[i], f->store);
    finish_build(f, old, 0);
    dbk_get_stats(f->store, &before, sizeof before);
    assert_int_equal(delete_old(f, f->now + 1), DATA - DATA / 7);
    dbk_get_stats(f->store, &after, sizeof after);
    assert_true(after.commit_count - before.commit_count > 1);
    assert_int_equal(count_data(f, old), 0);
    assert_int_equal(count_data(f, open), DATA / 7);
}

/* Notes which of two came first. */
struct race {
    struct answer answer; /* first: what wait.h fills */
    int *next;
    int place;
};

static void on_written(void *user, const struct dbk_error *error)
{
    struct race *race = user;
    race->place = ++*race->next;
    on_done(user, error);
}

static void on_deleted(void *user, const struct dbk_error *error, int64_t count)
{
    struct race *race = user;
    race->place = ++*race->next;
    on_count(user, error, count);
}

/* OLD_VALUES of builds that are complete. */
static void make_old_data(struct fixture *f)
{
    enum { EACH = OLD_VALUES / 6 };
    struct dbk_new_data *data = test_take(EACH * sizeof *data);
    for (int i = 0; i < EACH; i++)
        data[i] = (struct dbk_new_data){test_format("%d", i), "v", 1, "s"};
    for (int i = 0; i < OLD_VALUES / EACH; i++) {
        struct dbk_new_build build = DBK_NEW_BUILD_INIT;
        struct answer a;
        build.builder = "old";
        build.results = DBK_SUCCESS;
        build.data = data;
        build.data_count = EACH;
        assert_int_equal(ASK(&a, f->store, on_added_build, dbk_record_build, &build), DBK_OK);
    }
}

static void delete_old_build_data__lets_writers_in_between_its_turns(void **state)
{
    struct fixture *f = *state;
    int next = 0;
    struct race deleting = {.next = &next}, writing = {.next = &next};
    int64_t open = add_build(f);
    make_old_data(f);
    answer_begin(&deleting.answer);
    answer_begin(&writing.answer);
    assert_int_equal(dbk_delete_old_build_data(f->store, f->now + 1, NULL, on_deleted, &deleting),
                     DBK_OK);
    assert_int_equal(
        dbk_set_build_property(f->store, open, "a", "1", "s", NULL, on_written, &writing), DBK_OK);
    answer_wait(&deleting.answer, f->store);
    answer_wait(&writing.answer, f->store);
    assert_int_equal(deleting.answer.count, OLD_VALUES);
    assert_int_equal(writing.place, 1);
    assert_int_equal(deleting.place, 2);
}

static void delete_old_build_data__rests_between_its_turns_while_others_write(void **state)
{
    struct fixture *f = *state;
    enum { WRITES_MIN = 30 }; /* two or so beside each of some 20 turns would be no rest */
    struct busy_writer writer;
    int64_t buildid = add_build(f);
    make_old_data(f);
    busy_writer_begin(&writer, f, buildid);
    assert_int_equal(delete_old(f, f->now + 1), OLD_VALUES);
    busy_writer_end(&writer);
    if (writer.writes < WRITES_MIN)
        fail_msg("%d writes", writer.writes);
}

static void delete_old_build_data__none_is_invalid(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    ASK(&a, f->store, on_count, dbk_delete_old_build_data, DBK_NONE);
    expect_error(&a, DBK_INVALID, "older_than", NULL);
}

static void build_data_dup__keeps_everything_and_free_takes_null(void **state)
{
    struct fixture *f = *state;
    struct answer a;
    int64_t buildid = add_build(f);
    set_data(f, buildid, "v", "value", "s");
    get(f, &a, buildid, "v");
    struct dbk_build_data *copy = dbk_build_data_dup(a.data);
    assert_non_null(copy);
    assert_string_equal(copy->name, "v");
    assert_ptr_not_equal(copy->value, a.data->value);
    assert_memory_equal(copy->value, "value", 5);
    dbk_build_data_free(copy);
    dbk_build_data_free(NULL);
    assert_null(dbk_build_data_dup(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_build_data__creates_and_replaces),
        cmocka_unit_test(set_build_data__keeps_any_bytes),
        cmocka_unit_test(set_build_data__keeps_megabytes),
        cmocka_unit_test(set_build_data__value_is_copied_before_submitting_returns),
        cmocka_unit_test(set_build_data__too_large_a_value_is_refused),
        cmocka_unit_test(set_build_data__limits_are_in_characters),
        cmocka_unit_test(set_build_data__missing_build_is_named),
        cmocka_unit_test(set_build_data_from_fd__sets_a_part_of_a_file),
        cmocka_unit_test(set_build_data_from_fd__duplicates_the_descriptor_and_leaves_its_position),
        cmocka_unit_test(set_build_data_from_fd__file_that_ends_before_changes_nothing),
        cmocka_unit_test(set_build_data_from_fd__arguments_are_checked),
        cmocka_unit_test(get_build_data__missing_gives_none),
        cmocka_unit_test(get_build_data_range__gives_that_part_and_the_whole_length),
        cmocka_unit_test(get_build_data_range__counts_bytes_not_characters),
        cmocka_unit_test(get_build_data_no_value__gives_all_but_the_bytes),
        cmocka_unit_test(get_all_build_data_no_values__by_id_of_that_build_alone),
        cmocka_unit_test(get_all_build_data_no_values__value_comes_when_wanted),
        cmocka_unit_test(delete_build_data__deletes_that_value_alone),
        cmocka_unit_test(delete_old_build_data__goes_by_complete_at_and_spares_open_builds),
        cmocka_unit_test(delete_old_build_data__takes_more_than_one_batch),
        cmocka_unit_test(delete_old_build_data__lets_writers_in_between_its_turns),
        cmocka_unit_test(delete_old_build_data__rests_between_its_turns_while_others_write),
        cmocka_unit_test(delete_old_build_data__none_is_invalid),
        cmocka_unit_test(build_data_dup__keeps_everything_and_free_takes_null),
    };
    return fixture_run("build data", tests, COUNT_OF(tests));
}
