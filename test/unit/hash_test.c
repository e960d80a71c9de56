/* Hashes: Buildbot's, as a real database of its has them, and the quick one. */
#include "base/hash.h"
#include "test.h"

static void assert_hash(const char *const *fields, size_t count, const char *expected)
{
    char hex[DBKI_SHA1_HEX_SIZE];
    assert_int_equal(dbki_hash_columns(fields, count, hex), 0);
    assert_string_equal(hex, expected);
}

static void hash_columns__one_field_is_its_sha1(void **state)
{
    (void)state;
    const char *const empty[] = {""}, *const abc[] = {"abc"};
    assert_hash(empty, 1, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    assert_hash(abc, 1, "a9993e364706816aba3e25717850c26c9cd0d89d");
}

static void hash_columns__builders_are_as_buildbot_hashed_them(void **state)
{
    (void)state;
    static const struct {
        const char *name, *hash;
    } rows[] = {
        {"c-ares-docs", "6b0f4a4e2f5b5b1202474a0e2e0297548bb895c3"},
        {"hiredis-lint", "a1b011e323a722eca8492d4780869177430a51f6"},
        {"hiredis-gcc", "be38c488db9e96e938d8e515e08f165e747aab07"},
        {"\xC3\xBCn\xC3\xAF"
         "code b\xC3\xBCilder",
         "90870f2885ddc7e5f8c3a61903daab1c2b418444"},
        {"fan-out", "b8df4de117d1bb9e3c75dc1bdf734a417b9a11e6"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_hash(&rows[i].name, 1, rows[i].hash);
}

static void hash_columns__none_is_the_byte_f5_and_a_zero_byte_joins(void **state)
{
    (void)state;
    /* A sourcestamp of that database: branch, revision, repository, project, codebase, patch. */
    const char *const fields[] = {"main", "rev1", "git://example/hiredis", "hiredis", "", NULL};
    assert_hash(fields, COUNT_OF(fields), "e2a913dca26e2248e48caf19b83feb85a6754220");
}

static void hash_columns__borders_of_fields_count(void **state)
{
    (void)state;
    const char *const fields[][2] = {
        {"ab", "c"}, {"a", "bc"}, {"abc", ""}, {"", "abc"}, {NULL, ""}};
    char hex[COUNT_OF(fields)][DBKI_SHA1_HEX_SIZE];
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        assert_int_equal(dbki_hash_columns(fields[i], 2, hex[i]), 0);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(hex[i], hex[j]);
    }
}

static void hash_bytes__is_fnv_1a(void **state)
{
    (void)state;
    assert_true(dbki_hash_bytes(0, "", 0) == 0xcbf29ce484222325u);
    assert_true(dbki_hash_bytes(0, "a", 1) == 0xaf63dc4c8601ec8cu);
    assert_true(dbki_hash_bytes(0, "foobar", 6) == 0x85944171f73967e8u);
}

static void hash_bytes__goes_on_from_a_hash(void **state)
{
    (void)state;
    assert_true(dbki_hash_bytes(dbki_hash_bytes(0, "foo", 3), "bar", 3) ==
                dbki_hash_bytes(0, "foobar", 6));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hash_columns__one_field_is_its_sha1),
        cmocka_unit_test(hash_columns__builders_are_as_buildbot_hashed_them),
        cmocka_unit_test(hash_columns__none_is_the_byte_f5_and_a_zero_byte_joins),
        cmocka_unit_test(hash_columns__borders_of_fields_count),
        cmocka_unit_test(hash_bytes__is_fnv_1a),
        cmocka_unit_test(hash_bytes__goes_on_from_a_hash),
    };
    return test_run("hash", tests, COUNT_OF(tests));
}
