/* Build data in pieces out of a Buildbot database, which has no write-ahead log: a reader that kept a snapshot
 * would keep the master waiting. */
#include "buildbot.h"

enum { LENGTH = 1000 * 1000 };

/* A read, and what it gave. */
struct reading {
    struct answer answer;
    struct dbk_op op;
    char *bytes;
    size_t len;
    int piece_count;
    bool pauses;
};

static bool on_piece(void *user, const struct dbk_build_data *piece, int64_t offset)
{
    struct reading *r = user;
    assert_int_equal(offset, r->len);
    assert_true(r->len + piece->value_len <= LENGTH);
    memcpy(r->bytes + r->len, piece->value, piece->value_len);
    r->len += piece->value_len;
    r->piece_count++;
    return !r->pauses;
}

static struct reading *begin(struct buildbot *b, int64_t buildid, const char *name, bool pauses)
{
    struct reading *r = test_take(sizeof *r);
    *r = (struct reading){.bytes = test_take(LENGTH), .pauses = pauses};
    answer_begin(&r->answer);
    r->answer.call.out_op = &r->op;
    assert_int_equal(dbk_read_build_data(b->store, buildid, name, 0, INT64_MAX, &r->answer.call,
                                         on_piece, on_data, r),
                     DBK_OK);
    return r;
}

/* Lets it go on by one piece. */
static void step(struct buildbot *b, struct reading *r)
{
    int before = r->piece_count;
    if (before)
        assert_int_equal(dbk_resume(b->store, r->op), DBK_OK);
    while (r->piece_count == before)
        assert_true(dbk_wait(b->store, -1) > 0);
}

static int finish(struct buildbot *b, struct reading *r)
{
    if (r->pauses)
        assert_int_equal(dbk_resume(b->store, r->op), DBK_OK);
    r->pauses = false;
    answer_wait(&r->answer, b->store);
    return r->answer.error.status;
}

static void read_build_data__all(void **state)
{
    struct buildbot *b = *state;
    sqlite3 *db = raw_open(b->path);
    sqlite3_stmt *stmt;
    int found = 0;
    size_t size_before, size_after;
    void *before = file_read(b->path, &size_before);
    buildbot_open(b, "");
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "SELECT id, buildid, name, value, length FROM build_data",
                                        -1, &stmt, NULL),
                     SQLITE_OK);
    for (; sqlite3_step(stmt) == SQLITE_ROW; found++) {
        struct reading *r = begin(b, sqlite3_column_int64(stmt, 1),
                                  (const char *)sqlite3_column_text(stmt, 2), false);
        assert_int_equal(finish(b, r), DBK_OK);
        assert_int_equal(r->answer.data->id, sqlite3_column_int64(stmt, 0));
        assert_int_equal(r->answer.data->length, sqlite3_column_int64(stmt, 4));
        assert_int_equal(r->len, sqlite3_column_bytes(stmt, 3));
        assert_memory_equal(r->bytes, sqlite3_column_blob(stmt, 3), r->len);
    }
    sqlite3_finalize(stmt);
    assert_true(found > 0);
    buildbot_close(b);
    void *after = file_read(b->path, &size_after);
    assert_int_equal(size_before, size_after);
    assert_memory_equal(before, after, size_before);
}

/* A value of LENGTH bytes, and what it should read as. */
static void *put_large(struct buildbot *b)
{
    raw_run(b->path, test_format("INSERT INTO build_data (id, buildid, name, value, length, source)"
                                 " VALUES (90001, 1, 'large', randomblob(%d), %d, 's')",
                                 LENGTH, LENGTH));
    sqlite3 *db = raw_open(b->path);
    sqlite3_stmt *stmt;
    void *value = test_take(LENGTH);
    assert_int_equal(
        sqlite3_prepare_v2(db, "SELECT value FROM build_data WHERE id = 90001", -1, &stmt, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    memcpy(value, sqlite3_column_blob(stmt, 0), LENGTH);
    sqlite3_finalize(stmt);
    return value;
}

/* A master's commit; it does not wait for anybody. */
static void commit(struct buildbot *b, const char *sql)
{
    raw_run(b->path, test_format("BEGIN EXCLUSIVE; %s; COMMIT", sql));
}

static void read_build_data__keeps_no_writer_waiting_between_pieces(void **state)
{
    struct buildbot *b = *state;
    char *value = put_large(b);
    FILES_ONLY(b);
    buildbot_open(b, "");
    struct reading *r = begin(b, 1, "large", true);
    for (int i = 0; i < 3; i++) {
        step(b, r);
        commit(b, "UPDATE builds SET state_string = state_string || '.' WHERE id = 1");
    }
    assert_int_equal(finish(b, r), DBK_OK);
    assert_int_equal(r->len, LENGTH);
    assert_memory_equal(r->bytes, value, LENGTH);
}

static void read_build_data__changed_by_the_master_is_a_conflict(void **state)
{
    struct buildbot *b = *state;
    static const char *const changes[] = {
        "UPDATE build_data SET value = randomblob(1000000) WHERE id = 90001",
        "UPDATE build_data SET value = x'00', length = 1 WHERE id = 90001",
        "UPDATE build_data SET value = NULL WHERE id = 90001",
        "DELETE FROM build_data WHERE id = 90001"};
    FILES_ONLY(b);
    for (size_t i = 0; i < COUNT_OF(changes); i++) {
        if (i == 2) /* its column takes no NULL unless the database is a damaged one */
            raw_run(b->path,
                    "DROP TABLE build_data; CREATE TABLE build_data (id INTEGER PRIMARY KEY,"
                    " buildid INTEGER, name TEXT, value BLOB, length INTEGER, source TEXT)");
        raw_run(b->path, "DELETE FROM build_data WHERE id = 90001");
        put_large(b);
        buildbot_open(b, "");
        struct reading *r = begin(b, 1, "large", true);
        step(b, r);
        step(b, r);
        commit(b, changes[i]);
        assert_int_equal(finish(b, r), DBK_CONFLICT);
        assert_int_equal(r->piece_count, 2);
        buildbot_close(b);
    }
}

static void dirty__the_pieces_are_all_the_bytes_whatever_the_length_says(void **state)
{
    struct buildbot *b = *state;
    FILES_ONLY(b);
    raw_run(b->path, "DELETE FROM build_data WHERE buildid = 1;"
                     "INSERT INTO build_data VALUES (90001, 1, 'short', zeroblob(600000), 9, 's'),"
                     " (90002, 1, 'long', zeroblob(600000), 700000, 's'),"
                     " (90003, 1, 'negative', zeroblob(600000), -5, 's'),"
                     " (90004, 1, 'text', printf('%.600000c', 'x'), 3, 's')");
    buildbot_open(b, "");
    static const char *const names[] = {"short", "long", "negative", "text"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct reading *r = begin(b, 1, names[i], false);
        assert_int_equal(finish(b, r), DBK_OK);
        assert_int_equal(r->len, 600000);
        assert_int_equal(r->bytes[599999], i == 3 ? 'x' : 0);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_build_data__all),
        cmocka_unit_test(read_build_data__keeps_no_writer_waiting_between_pieces),
        cmocka_unit_test(read_build_data__changed_by_the_master_is_a_conflict),
        cmocka_unit_test(dirty__the_pieces_are_all_the_bytes_whatever_the_length_says),
    };
    return buildbot_run("build data in pieces from a Buildbot database", argc > 1 ? argv[1] : NULL,
                        tests, COUNT_OF(tests));
}
