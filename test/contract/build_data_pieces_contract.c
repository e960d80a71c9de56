/* Build data read in pieces: one value or an error, whatever happens to it in between. */
#include "fixture.h"
#include "raw.h"

#include <stdio.h>

enum { LENGTH = 1000 * 1000 + 7 }; /* some four pieces */

/* A read, and what it gave. */
struct reading {
    struct answer answer; /* of the end */
    struct dbk_store *store;
    struct dbk_op op;
    char *bytes; /* room for LENGTH */
    int64_t start, len;
    int piece_count;
    int pause_after;   /* pieces; 0: never */
    int resumed_early; /* pieces that are resumed before they return */
    int cancel_at;     /* that piece cancels the read; 0: none does */
    int cancel_status;
};

static bool on_piece(void *user, const struct dbk_build_data *piece, int64_t offset)
{
    struct reading *r = user;
    assert_int_equal(r->answer.done_count, 0);
    assert_int_equal(offset, r->start + r->len);
    assert_true(piece->value_len > 0 && r->len + (int64_t)piece->value_len <= LENGTH);
    memcpy(r->bytes + r->len, piece->value, piece->value_len);
    r->len += (int64_t)piece->value_len;
    r->piece_count++;
    if (r->piece_count == r->cancel_at)
        r->cancel_status = dbk_cancel(r->store, r->op);
    if (r->piece_count <= r->resumed_early)
        assert_int_equal(dbk_resume(r->store, r->op), DBK_OK);
    return !r->pause_after || r->piece_count < r->pause_after;
}

static struct reading *reading_new(struct dbk_store *store)
{
    struct reading *r = test_take(sizeof *r);
    *r = (struct reading){.store = store, .bytes = test_take(LENGTH)};
    answer_begin(&r->answer);
    r->answer.call.out_op = &r->op;
    return r;
}

static void submit(struct reading *r, int64_t buildid, int64_t offset, int64_t length)
{
    r->start = offset;
    assert_int_equal(dbk_read_build_data(r->store, buildid, "v", offset, length, &r->answer.call,
                                         on_piece, on_data, r),
                     DBK_OK);
}

/* Begins to read the whole value and pauses after that many pieces. */
static struct reading *pause_after(struct fixture *f, int64_t buildid, int pieces)
{
    struct reading *r = reading_new(f->store);
    r->pause_after = pieces;
    submit(r, buildid, 0, INT64_MAX);
    while (r->piece_count < pieces)
        assert_true(dbk_wait(f->store, -1) > 0);
    return r;
}

/* Reads what is left. Result: the status. */
static int finish(struct reading *r)
{
    if (r->pause_after) {
        r->pause_after = 0;
        assert_int_equal(dbk_resume(r->store, r->op), DBK_OK);
    }
    answer_wait(&r->answer, r->store);
    assert_int_equal(dbk_resume(r->store, r->op), DBK_NOT_FOUND);
    assert_int_equal(dbk_cancel(r->store, r->op), DBK_NOT_FOUND);
    return r->answer.error.status;
}

static void expect_whole(struct reading *r, const char *value)
{
    assert_int_equal(finish(r), DBK_OK);
    assert_int_equal(r->len, LENGTH);
    assert_memory_equal(r->bytes, value, LENGTH);
    assert_non_null(r->answer.data);
    assert_int_equal(r->answer.data->length, LENGTH);
}

/* LENGTH bytes, different for each seed. */
static char *make_value(uint32_t seed)
{
    char *value = test_take(LENGTH);
    for (size_t i = 0; i < LENGTH; i++)
        value[i] = (char)((seed = seed * 1664525 + 1013904223) >> 24);
    return value;
}

static void put(struct fixture *f, int64_t buildid, const char *value, size_t len)
{
    struct answer a;
    assert_int_equal(ASK(&a, f->store, on_done, dbk_set_build_data, buildid, "v", value, len, "s"),
                     DBK_OK);
}

static void drop(struct fixture *f, int64_t buildid)
{
    struct answer a;
    assert_int_equal(ASK(&a, f->store, on_done, dbk_delete_build_data, buildid, "v"), DBK_OK);
}

/* ------------------------------------------------------------------------------ what it gives ---- */

static void read_build_data__gives_the_value_in_order_and_then_what_is_known(void **state)
{
    struct fixture *f = *state;
    int64_t buildid = add_build(f);
    char *value = make_value(1);
    put(f, buildid, value, LENGTH);
    struct reading *r = reading_new(f->store);
    submit(r, buildid, 0, INT64_MAX);
    expect_whole(r, value);
    assert_true(r->piece_count > 2);
    assert_int_equal(r->answer.data->buildid, buildid);
    assert_string_equal(r->answer.data->name, "v");
    assert_string_equal(r->answer.data->source, "s");
    assert_null(r->answer.data->value);
    assert_int_equal(r->answer.data->value_len, 0);
}

static void read_build_data__gives_any_part(void **state)
{
    struct fixture *f = *state;
    enum { PIECE = 256 * 1024 };
    int64_t buildid = add_build(f);
    char *value = make_value(2);
    put(f, buildid, value, LENGTH);
    const struct {
        int64_t offset, length, count;
    } rows[] = {{0, 0, 0},
                {5, 0, 0},
                {LENGTH, 1, 0},
                {LENGTH + 1, INT64_MAX, 0},
                {INT64_MAX, INT64_MAX, 0},
                {0, 1, 1},
                {LENGTH - 1, 5, 1},
                {3, PIECE, PIECE},
                {0, PIECE + 1, PIECE + 1},
                {1, 3 * PIECE, 3 * PIECE},
                {LENGTH - 2 * PIECE, 2 * PIECE, 2 * PIECE},
                {LENGTH - 2 * PIECE, INT64_MAX, 2 * PIECE},
                {7, INT64_MAX - 1, LENGTH - 7}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct reading *r = reading_new(f->store);
        submit(r, buildid, rows[i].offset, rows[i].length);
        assert_int_equal(finish(r), DBK_OK);
        assert_int_equal(r->len, rows[i].count);
        if (r->len > 0)
            assert_memory_equal(r->bytes, value + rows[i].offset, (size_t)r->len);
        assert_int_equal(r->answer.data->length, LENGTH);
    }
}

static void read_build_data__empty_and_missing_have_no_piece(void **state)
{
    struct fixture *f = *state;
    int64_t buildid = add_build(f);
    put(f, buildid, "", 0);
    struct reading *r = reading_new(f->store);
    submit(r, buildid, 0, INT64_MAX);
    assert_int_equal(finish(r), DBK_OK);
    assert_int_equal(r->piece_count, 0);
    assert_non_null(r->answer.data);
    assert_int_equal(r->answer.data->length, 0);
    drop(f, buildid);
    r = reading_new(f->store);
    submit(r, buildid, 0, INT64_MAX);
    assert_int_equal(finish(r), DBK_OK);
    assert_int_equal(r->piece_count, 0);
    assert_null(r->answer.data);
}

static void read_build_data__null_of_a_damaged_database_is_empty(void **state)
{
    struct fixture *f = *state;
    int64_t buildid = add_build(f);
    if (!f->engine->is_file)
        return;
    raw_run(f->path, "DROP TABLE build_data; CREATE TABLE build_data (id INTEGER PRIMARY KEY,"
                     " buildid INTEGER, name TEXT, length INTEGER, source TEXT, value BLOB)");
    raw_run(f->path, test_format("INSERT INTO build_data (buildid, name, length, source, value)"
                                 " VALUES (%lld, 'v', 900000, 's', NULL)",
                                 (long long)buildid));
    struct reading *r = reading_new(f->store);
    submit(r, buildid, 0, INT64_MAX);
    assert_int_equal(finish(r), DBK_OK);
    assert_int_equal(r->piece_count, 0);
    assert_int_equal(r->answer.data->length, 900000);
}

static void read_build_data__arguments_are_checked(void **state)
{
    struct fixture *f = *state;
    struct reading *r = reading_new(f->store);
    const struct {
        const char *name;
        int64_t offset, length;
        dbk_piece_fn *piece;
        const char *word;
    } rows[] = {{NULL, 0, 1, on_piece, "name"},
                {"\xFF", 0, 1, on_piece, "UTF-8"},
                {"v", -1, 1, on_piece, "offset"},
                {"v", 0, -1, on_piece, "length"},
                {"v", 0, 1, NULL, "piece"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        answer_end(&r->answer, f->store,
                   dbk_read_build_data(f->store, 1, rows[i].name, rows[i].offset, rows[i].length,
                                       &r->answer.call, rows[i].piece, on_data, r));
        expect_error(&r->answer, DBK_INVALID, rows[i].word, NULL);
    }
}

/* ----------------------------------------------------------------------------------- pausing ---- */

static void read_build_data__next_piece_only_when_it_is_asked_for(void **state)
{
    struct fixture *f = *state;
    int64_t buildid = add_build(f);
    char *value = make_value(3);
    put(f, buildid, value, LENGTH);
    struct reading *r = pause_after(f, buildid, 1);
    for (int pieces = 1; pieces < 3; pieces++) {
        set_property(f, buildid, "other", "1", "s"); /* time enough for a piece too many */
        assert_int_equal(r->piece_count, pieces);
        assert_int_equal(dbk_resume(f->store, r->op), DBK_OK);
        while (r->piece_count == pieces)
            assert_true(dbk_wait(f->store, -1) > 0);
    }
    expect_whole(r, value);
}

static void read_build_data__may_be_resumed_before_its_piece_returned(void **state)
{
    struct fixture *f = *state;
    int64_t buildid = add_build(f);
    char *value = make_value(4);
    put(f, buildid, value, LENGTH);
    struct reading *r = reading_new(f->store);
    r->pause_after = 1; /* every piece gives false */
    r->resumed_early = 1000;
    submit(r, buildid, 0, INT64_MAX);
    answer_wait(&r->answer, f->store);
    r->pause_after = 0;
    expect_whole(r, value);
}

static void read_build_data__many_at_once_each_give_their_own(void **state)
{
    struct fixture *f = *state;
    enum { COUNT = 24 }; /* more than there are snapshots */
    struct reading *readings[COUNT];
    char *values[COUNT];
    for (int i = 0; i < COUNT; i++) {
        int64_t buildid = add_build(f);
        values[i] = make_value(100 + (uint32_t)i);
        put(f, buildid, values[i], LENGTH);
        readings[i] = pause_after(f, buildid, 2);
    }
    for (int i = 0; i < COUNT; i++)
        expect_whole(readings[i], values[i]);
}

/* --------------------------------------------------------------------------- changed meanwhile ---- */

static void read_build_data__replaced_between_pieces_gives_the_old_value_or_an_error(void **state)
{
    struct fixture *f = *state;
    int64_t buildid = add_build(f);
    char *old = make_value(5), *new = make_value(6);
    put(f, buildid, old, LENGTH);
    struct reading *r = pause_after(f, buildid, 2);
    put(f, buildid, new, LENGTH);
    if (f->engine->is_seen_by_others) {
        expect_whole(r, old);
    } else { /* one connection sees but the newest */
        assert_int_equal(finish(r), DBK_CONFLICT);
        expect_error(&r->answer, DBK_CONFLICT, "'v'", "changed", NULL);
        assert_true(r->answer.error.is_retryable);
    }
    r = reading_new(f->store);
    submit(r, buildid, 0, INT64_MAX);
    expect_whole(r, new);
}

static void read_build_data__deleted_between_pieces_gives_the_old_value_or_an_error(void **state)
{
    struct fixture *f = *state;
    int64_t buildid = add_build(f);
    char *old = make_value(7);
    put(f, buildid, old, LENGTH);
    struct reading *r = pause_after(f, buildid, 2);
    drop(f, buildid);
    if (f->engine->is_seen_by_others)
        expect_whole(r, old);
    else
        assert_int_equal(finish(r), DBK_CONFLICT);
}

static void read_build_data__other_writes_between_pieces_do_not_matter(void **state)
{
    struct fixture *f = *state;
    int64_t buildid = add_build(f), other = add_build(f);
    char *value = make_value(8);
    put(f, buildid, value, LENGTH);
    struct reading *r = pause_after(f, buildid, 2);
    put(f, other, make_value(9), LENGTH);
    finish_build(f, buildid, 0);
    expect_whole(r, value);
}

/* Pauses so many other reads that the snapshot of this one is taken away. */
static void take_snapshots(struct fixture *f, int64_t buildid)
{
    for (int i = 0; i < 20; i++)
        pause_after(f, buildid, 2);
}

/* Without the snapshot, what was given is compared with what is there. */
static void read_build_data__goes_on_without_its_snapshot_if_the_value_is_the_same(void **state)
{
    struct fixture *f = *state;
    int64_t buildid = add_build(f), other = add_build(f);
    char *value = make_value(10);
    put(f, buildid, value, LENGTH);
    put(f, other, value, LENGTH);
    struct reading *r = pause_after(f, buildid, 2);
    take_snapshots(f, other);
    expect_whole(r, value);
}

static void read_build_data__without_its_snapshot_tells_of_every_change(void **state)
{
    struct fixture *f = *state;
    int64_t buildid = add_build(f), other = add_build(f);
    char *value = make_value(11), *first = make_value(11), *last = make_value(11);
    first[300000] ^= 1; /* within what was given */
    last[LENGTH - 1] ^= 1;
    put(f, other, value, LENGTH);
    const struct {
        const char *value; /* NULL: deleted */
        size_t len;
    } changes[] = {{first, LENGTH}, {value, LENGTH - 1}, {value, 300000}, {"", 0}, {NULL, 0}};
    for (size_t i = 0; i < COUNT_OF(changes); i++) {
        put(f, buildid, value, LENGTH);
        struct reading *r = pause_after(f, buildid, 2);
        take_snapshots(f, other);
        if (changes[i].value)
            put(f, buildid, changes[i].value, changes[i].len);
        else
            drop(f, buildid);
        assert_int_equal(finish(r), DBK_CONFLICT);
    }
    /* Behind what was given: then all of it is the new value. */
    put(f, buildid, value, LENGTH);
    struct reading *r = pause_after(f, buildid, 2);
    take_snapshots(f, other);
    put(f, buildid, last, LENGTH);
    expect_whole(r, last);
}

/* -------------------------------------------------------------------------------- ending early ---- */

static void expect_end(struct reading *r, enum dbk_status status, int pieces)
{
    answer_wait(&r->answer, r->store);
    assert_int_equal(r->answer.error.status, status);
    assert_int_equal(r->answer.error.outcome, DBK_NOT_DONE);
    assert_null(r->answer.data);
    assert_int_equal(r->piece_count, pieces);
}

static void read_build_data__cancelled_in_a_pause(void **state)
{
    struct fixture *f = *state;
    int64_t buildid = add_build(f);
    put(f, buildid, make_value(12), LENGTH);
    for (int pieces = 1; pieces < 4; pieces++) {
        struct reading *r = pause_after(f, buildid, pieces);
        assert_int_equal(dbk_cancel(f->store, r->op), DBK_OK);
        assert_int_equal(dbk_resume(f->store, r->op), DBK_NOT_FOUND);
        assert_int_equal(dbk_cancel(f->store, r->op), DBK_NOT_FOUND);
        expect_end(r, DBK_CANCELLED, pieces);
    }
}

static void read_build_data__cancelled_by_its_own_callback(void **state)
{
    struct fixture *f = *state;
    int64_t buildid = add_build(f);
    put(f, buildid, make_value(13), LENGTH);
    for (int piece = 1; piece <= 4; piece++) { /* the last one too */
        struct reading *r = reading_new(f->store);
        r->cancel_at = piece;
        submit(r, buildid, 0, INT64_MAX);
        expect_end(r, DBK_CANCELLED, piece);
        assert_int_equal(r->cancel_status, DBK_OK);
    }
}

static void read_build_data__ends_at_its_deadline_in_a_pause(void **state)
{
    struct fixture *f = *state;
    int64_t buildid = add_build(f);
    put(f, buildid, make_value(14), LENGTH);
    struct reading *r = reading_new(f->store);
    r->pause_after = 1;
    r->answer.call.timeout_ms = 300;
    submit(r, buildid, 0, INT64_MAX);
    answer_wait(&r->answer, f->store);
    assert_int_equal(r->answer.error.status, DBK_TIMEOUT);
    assert_true(r->piece_count <= 1);
}

static void read_build_data__ends_when_the_store_is_closed(void **state)
{
    struct fixture *f = *state;
    int64_t buildid = add_build(f);
    put(f, buildid, make_value(15), LENGTH);
    struct reading *paused = pause_after(f, buildid, 2), *begun = reading_new(f->store);
    submit(begun, buildid, 0, INT64_MAX);
    while (!begun->piece_count)
        assert_true(dbk_wait(f->store, -1) > 0);
    assert_int_equal(dbk_close_wait(f->store), DBK_OK);
    f->store = NULL;
    assert_int_equal(paused->answer.done_count, 1);
    assert_int_equal(paused->answer.error.status, DBK_CANCELLED);
    assert_int_equal(paused->piece_count, 2);
    assert_int_equal(begun->answer.done_count, 1);
    assert_int_equal(begun->answer.error.status, DBK_CANCELLED);
    assert_true(begun->piece_count < 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_build_data__gives_the_value_in_order_and_then_what_is_known),
        cmocka_unit_test(read_build_data__gives_any_part),
        cmocka_unit_test(read_build_data__empty_and_missing_have_no_piece),
        cmocka_unit_test(read_build_data__null_of_a_damaged_database_is_empty),
        cmocka_unit_test(read_build_data__arguments_are_checked),
        cmocka_unit_test(read_build_data__next_piece_only_when_it_is_asked_for),
        cmocka_unit_test(read_build_data__may_be_resumed_before_its_piece_returned),
        cmocka_unit_test(read_build_data__many_at_once_each_give_their_own),
        cmocka_unit_test(read_build_data__replaced_between_pieces_gives_the_old_value_or_an_error),
        cmocka_unit_test(read_build_data__deleted_between_pieces_gives_the_old_value_or_an_error),
        cmocka_unit_test(read_build_data__other_writes_between_pieces_do_not_matter),
        cmocka_unit_test(read_build_data__goes_on_without_its_snapshot_if_the_value_is_the_same),
        cmocka_unit_test(read_build_data__without_its_snapshot_tells_of_every_change),
        cmocka_unit_test(read_build_data__cancelled_in_a_pause),
        cmocka_unit_test(read_build_data__cancelled_by_its_own_callback),
        cmocka_unit_test(read_build_data__ends_at_its_deadline_in_a_pause),
        cmocka_unit_test(read_build_data__ends_when_the_store_is_closed),
    };
    return fixture_run("build data in pieces", tests, COUNT_OF(tests));
}
